//! What happens below hyper: endings that do not outrun the bytes before them.
//!
//! hyper drops what it has buffered for a client when a response's body fails, and closes with FIN
//! where a reset was meant. So whoever wants an ending says so to the [`Wire`] and goes on being
//! pending; once everything before it has left for the socket, the connection is taken from hyper
//! and ended here.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// How a connection ends in the middle of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
// A recording proxy passes on what it is given, and gives none of its own.
#[cfg_attr(not(feature = "serve"), allow(dead_code))]
pub(crate) enum Ending {
    /// The connection is closed; the body lacks its last chunk.
    Close,
    /// Our side is closed the same way, and the client's is read until it closes its own.
    HalfClose,
    /// The connection is reset, after the client's system has taken all bytes before.
    Reset,
}

/// What a connection's socket and its responses tell each other.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    /// How often everything buffered for the connection has been handed to its socket.
    flushes: AtomicU64,
    flushed: AtomicWaker,
    /// Bytes of the current response's body handed to hyper.
    handed: AtomicU64,
    state: Mutex<State>,
    ending: AtomicWaker,
}

#[derive(Debug, Default)]
struct State {
    wanted: Option<(Ending, u64)>,
    /// The socket, once hyper has let go of it and an ending was wanted.
    returned: Option<TcpStream>,
    /// How many of them the client has taken, by what is known so far.
    taken: Option<Arc<AtomicU64>>,
    /// The body has been handed over whole.
    whole: bool,
    /// Bytes of the body that were written at the last flush, and bytes of any kind since.
    flushed: u64,
    unflushed: u64,
}

impl Wire {
    /// A body begins; the bytes of it that the client takes are counted in `taken`.
    #[cfg(feature = "serve")]
    pub(crate) fn begin_body(&self, taken: Arc<AtomicU64>) {
        self.handed.store(0, Ordering::Relaxed);
        let mut state = self.state();
        state.taken = Some(taken);
        state.whole = false;
        state.flushed = 0;
    }

    /// The body is on its way to its last byte: once flushed, the system sees to it.
    #[cfg(feature = "serve")]
    pub(crate) fn hand_whole(&self) {
        self.state().whole = true;
    }

    /// So many bytes of the body are on their way.
    #[cfg(feature = "serve")]
    pub(crate) fn hand(&self, bytes: usize) {
        self.handed.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// How often the connection has been flushed.
    pub(crate) fn flushes(&self) -> u64 {
        self.flushes.load(Ordering::Acquire)
    }

    /// Wakes this task at the next flush.
    pub(crate) fn wake_at_flush(&self, cx: &Context<'_>) {
        self.flushed.register(cx.waker());
    }

    /// Ends the connection once it has been flushed. Whoever asks stays pending from here on, and
    /// is dropped.
    #[cfg(feature = "serve")]
    pub(crate) fn end(&self, ending: Ending) {
        let seen = self.flushes();
        self.state().wanted.get_or_insert((ending, seen));
    }

    /// Waits until an ending is wanted and due.
    pub(super) async fn ending(&self) -> Ending {
        std::future::poll_fn(|cx| {
            self.ending.register(cx.waker());
            match self.state().wanted {
                Some((ending, seen)) if self.flushes() > seen => Poll::Ready(ending),
                _ => Poll::Pending,
            }
        })
        .await
    }

    /// Ends a connection that hyper has let go of.
    pub(super) async fn end_with(&self, ending: Ending) {
        let Some(mut stream) = self.state().returned.take() else {
            return;
        };
        // Bytes left unread would make the system answer with a reset.
        let mut rest = [0; 4096];
        while matches!(stream.try_read(&mut rest), Ok(1..)) {}
        match ending {
            Ending::Close | Ending::HalfClose => {
                let _ = std::future::poll_fn(|cx| Pin::new(&mut stream).poll_shutdown(cx)).await;
                if ending == Ending::HalfClose {
                    read_out(&stream).await;
                }
            }
            Ending::Reset => {
                #[cfg(feature = "serve")]
                super::linger::acknowledged(&stream).await;
                self.state().count_back(&stream);
                let _ = stream.set_zero_linger();
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A write begins. What it may bring the client counts already: the client must not have
    /// bytes that nobody has counted.
    fn writes(&self) {
        if let Some(taken) = &self.state().taken {
            taken.store(self.handed.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }

    fn wrote(&self, bytes: usize) {
        self.state().unflushed += bytes as u64;
    }

    fn flush(&self) {
        self.flushes.fetch_add(1, Ordering::Release);
        self.flushed.wake();
        let mut state = self.state();
        state.unflushed = 0;
        state.flushed = self.handed.load(Ordering::Relaxed);
        if state.whole {
            state.taken = None;
        }
        if state.wanted.is_some() {
            drop(state);
            self.ending.wake();
        }
    }

    /// hyper has let go of the connection.
    fn close(&self, stream: TcpStream) {
        let mut state = self.state();
        if let Some(taken) = &state.taken {
            let written = state.flushed + state.unflushed;
            let handed = self.handed.load(Ordering::Relaxed);
            taken.store(written.min(handed), Ordering::Relaxed);
        }
        if state.wanted.is_some() {
            state.returned = Some(stream);
        } else {
            state.count_back(&stream);
        }
    }
}

impl State {
    /// Takes back what the client's system never acknowledged.
    fn count_back(&mut self, stream: &TcpStream) {
        if let Some(taken) = self.taken.take() {
            let reached = taken.load(Ordering::Relaxed);
            taken.store(
                reached.saturating_sub(unacknowledged(stream)),
                Ordering::Relaxed,
            );
        }
    }
}

/// Reads until the client has closed its side.
async fn read_out(stream: &TcpStream) {
    let mut rest = [0; 4096];
    loop {
        let _ = stream.readable().await;
        match stream.try_read(&mut rest) {
            Ok(1..) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Ok(0) | Err(_) => return,
        }
    }
}

#[cfg(feature = "serve")]
fn unacknowledged(stream: &TcpStream) -> u64 {
    super::linger::unacknowledged(stream).unwrap_or(0)
}

#[cfg(not(feature = "serve"))]
fn unacknowledged(_: &TcpStream) -> u64 {
    0
}

/// A client's socket that tells when hyper has flushed it: hyper flushes the socket itself only
/// when its own buffer is empty.
#[derive(Debug)]
pub(super) struct Socket {
    /// Gone only while it is being dropped.
    stream: Option<TcpStream>,
    wire: Arc<Wire>,
}

impl Socket {
    pub(super) fn new(stream: TcpStream) -> (Socket, Arc<Wire>) {
        let wire = Arc::new(Wire::default());
        let socket = Socket {
            stream: Some(stream),
            wire: wire.clone(),
        };
        (socket, wire)
    }

    fn stream(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        Ok(Pin::new(stream))
    }

    fn wrote(&self, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = &polled {
            self.wire.wrote(*bytes);
        }
        polled
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Some(stream) = self.stream.take() {
            self.wire.close(stream);
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream()?.poll_read(cx, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.wire.writes();
        let polled = self.stream()?.poll_write(cx, bytes);
        self.wrote(polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.wire.writes();
        let polled = self.stream()?.poll_write_vectored(cx, slices);
        self.wrote(polled)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire.flush();
        self.stream()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_shutdown(cx)
    }
}
