//! Requests to end.

use std::io;

/// How this process was asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(unix), expect(dead_code, reason = "there is only Ctrl-C"))]
pub(super) enum Asked {
    /// By Ctrl-C.
    Interrupt,
    Terminate,
}

/// Listens from the moment it is made, so that nothing that was begun after it is cut off.
pub(super) struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    pub(super) fn listen() -> io::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for Ctrl-C or a polite request to end.
    pub(super) async fn asked(&mut self) -> io::Result<Asked> {
        tokio::select! {
            _ = self.interrupt.recv() => Ok(Asked::Interrupt),
            _ = self.terminate.recv() => Ok(Asked::Terminate),
        }
    }
}

#[cfg(not(unix))]
impl Signals {
    pub(super) fn listen() -> io::Result<Signals> {
        Ok(Signals {})
    }

    /// Waits for Ctrl-C.
    pub(super) async fn asked(&mut self) -> io::Result<Asked> {
        tokio::signal::ctrl_c().await.map(|()| Asked::Interrupt)
    }
}
