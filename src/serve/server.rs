use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::builder::{MockServerBuilder, Setup};
#[cfg(feature = "vcr")]
use super::inside::Inside;
use super::journal::Received;
use super::report::Report;
use super::service::Service;
use super::{Error, Tapes};
use crate::listen::{Listening, Settings};
use crate::provider::Provider;

/// Connections that wait to be taken: thousands of clients may come at once.
#[cfg(unix)]
const BACKLOG: i32 = 4096;

/// How much longer than its grace a stop is waited for: recorders write their last lines then.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server that plays tapes to any client over HTTP/1.1, on a port of its own.
///
/// Each request gets the recorded interaction that fits it, chunk by chunk, and the recorded
/// ending: a stream that was reset is reset. A request that nothing fits gets a 404 that says why.
///
/// The server runs on a thread of its own, so it serves synchronous and asynchronous tests alike
/// and no runtime can starve it. [`MockServerBuilder::on_current_runtime`] puts it on the test's
/// own runtime, which is what a paused clock needs.
///
/// Dropping it stops it, and panics when requests have missed or interactions stayed unused on a
/// tape of which others were played (never while the thread panics already).
/// [`finish`](MockServer::finish) hands out the same as data instead.
///
/// ```
/// use rigtape::serve::MockServer;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let tape = concat!(env!("CARGO_MANIFEST_DIR"), "/cassettes/openai-chat/error_400.jsonl");
/// let server = MockServer::start(tape).await?;
/// let client = reqwest::Client::new();
/// let answer = client
///     .post(format!("{}/chat/completions", server.base_url("openai")))
/// #   .body(rigtape::cassette::Cassette::open(tape)?.interaction(1)?.unwrap().request.body.as_bytes().to_vec())
///     // .json(&the_request)
///     .send()
///     .await?;
/// assert_eq!(answer.status(), 400);
/// assert_eq!(server.received().len(), 1);
/// assert!(server.finish().is_ok());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct MockServer {
    addr: SocketAddr,
    service: Arc<Service>,
    /// `None` once it has been stopped.
    running: Option<Running>,
}

#[derive(Debug)]
enum Running {
    Thread {
        stop: oneshot::Sender<bool>,
        stopped: mpsc::Receiver<Report>,
        patience: Duration,
    },
    Shared(Listening),
}

impl MockServer {
    /// Starts a server of `tapes`, a path for one, on a free port of the loopback address.
    ///
    /// # Errors
    ///
    /// When there is no tape or none can be read, or no server can be started.
    pub async fn start(tapes: impl Into<Tapes>) -> Result<MockServer, Error> {
        MockServer::builder().tapes(tapes).start().await
    }

    /// [`start`](MockServer::start) for tests that are not `async`.
    ///
    /// # Errors
    ///
    /// As [`start`](MockServer::start).
    pub fn start_blocking(tapes: impl Into<Tapes>) -> Result<MockServer, Error> {
        MockServer::builder().tapes(tapes).start_blocking()
    }

    /// A server with other settings than the default ones.
    pub fn builder() -> MockServerBuilder {
        MockServerBuilder::default()
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The root of all routes, `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The base URL that clients of `provider` take: the root, with `/v1` behind it where they
    /// expect that. A provider that is not in [`PROVIDERS`](crate::provider::PROVIDERS) has the
    /// root.
    pub fn base_url(&self, provider: &str) -> String {
        self.url() + suffix(provider)
    }

    /// As [`base_url`](MockServer::base_url), for the requests of one scope. Each scope has its
    /// own copy of what is used up, so tests that run at once do not eat each other's
    /// interactions.
    pub fn scoped_url(&self, scope: &str, provider: &str) -> String {
        format!("{}/@{scope}{}", self.url(), suffix(provider))
    }

    /// The last requests, oldest first: see [`MockServerBuilder::journal`].
    pub fn received(&self) -> Vec<Received> {
        self.service.state.journal.received()
    }

    /// The door to the same tapes inside the process.
    #[cfg(feature = "vcr")]
    pub(crate) fn inside(&self) -> Inside {
        Inside {
            service: self.service.clone(),
        }
    }

    /// How it went so far.
    pub fn report(&self) -> Report {
        self.service.state.report()
    }

    /// Looks at the tapes again: changed and new ones are read, and served from the next request
    /// on; unchanged ones keep what is used of them. [`report`](MockServer::report) has what
    /// cannot be read.
    pub fn reload(&self) {
        self.service.state.reload();
    }

    /// Makes every scope as new: nothing used, nothing missed, nothing received.
    pub fn reset(&self) {
        self.service.state.reset(None);
    }

    /// Stops the server and says how it went. Nothing panics any more.
    ///
    /// Running answers may go on for [`grace`](MockServerBuilder::grace); the call blocks that
    /// long at most, and may be made from `async` code. In a mode that records the run counts as
    /// a success.
    pub fn finish(self) -> Report {
        self.finish_as(true)
    }

    /// [`finish`](MockServer::finish), and whether the run was a success: a tape that was recorded
    /// anew takes the old one's place only then, and stays as `NAME.rejected.jsonl` otherwise.
    pub fn finish_as(mut self, success: bool) -> Report {
        self.stop(success)
    }

    pub(super) fn run(
        service: Arc<Service>,
        listener: std::net::TcpListener,
        addr: SocketAddr,
        setup: &Setup,
    ) -> Result<MockServer, Error> {
        let running = if setup.shared {
            let listener =
                TcpListener::from_std(listener).map_err(|source| Error::Listen { addr, source })?;
            // The clock may be paused: with nothing else to wait for, it would run to this limit.
            let settings = Settings { head_timeout: None };
            Running::Shared(Listening::start(listener, service.clone(), settings))
        } else {
            start_thread(service.clone(), listener, setup)?
        };
        Ok(MockServer {
            addr,
            service,
            running: Some(running),
        })
    }

    fn stop(&mut self, success: bool) -> Report {
        match self.running.take() {
            Some(Running::Thread {
                stop,
                stopped,
                patience,
            }) => {
                let _ = stop.send(success);
                let report = stopped.recv_timeout(patience);
                report.unwrap_or_else(|_| self.report())
            }
            Some(Running::Shared(listening)) => {
                self.service.state.stopping.store(true, Ordering::Relaxed);
                listening.stop_now();
                drop(listening);
                close_elsewhere(&self.service, success)
            }
            None => self.report(),
        }
    }
}

impl Drop for MockServer {
    fn drop(&mut self) {
        if self.running.is_none() {
            return;
        }
        let panicking = std::thread::panicking();
        let report = self.stop(!panicking);
        if !panicking && !report.is_ok() {
            panic!("{report}");
        }
    }
}

/// What stands behind the root in the base URLs of a provider's clients.
fn suffix(provider: &str) -> &'static str {
    Provider::by_name(provider).map_or("", |provider| match provider.variables {
        [first, ..] => first.suffix,
        [] => provider.version.unwrap_or(""),
    })
}

/// A socket that listens, with room for many who wait.
pub(super) fn bind(addr: SocketAddr) -> Result<std::net::TcpListener, Error> {
    let bound = || {
        let listener = std::net::TcpListener::bind(addr)?;
        listener.set_nonblocking(true)?;
        // The standard library lets 128 wait; asking again is how that is changed.
        #[cfg(unix)]
        rustix::net::listen(&listener, BACKLOG)?;
        Ok(listener)
    };
    bound().map_err(|source| Error::Listen { addr, source })
}

fn start_thread(
    service: Arc<Service>,
    listener: std::net::TcpListener,
    setup: &Setup,
) -> Result<Running, Error> {
    let runtime = if setup.workers > 1 {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(setup.workers).enable_all().build()
    } else {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build()
    };
    let runtime = runtime.map_err(|source| Error::Start {
        what: "runtime",
        source,
    })?;
    let (stop, asked) = oneshot::channel();
    let (stopped, wait) = mpsc::channel();
    let grace = setup.grace;
    let serve = move || {
        let report = runtime.block_on(async {
            let listener = TcpListener::from_std(listener).ok()?;
            let mut listening = Listening::start(listener, service.clone(), Settings::default());
            let success = asked.await.unwrap_or(false);
            listening.stop_gently();
            if tokio::time::timeout(grace, listening.ended())
                .await
                .is_err()
            {
                service.state.stopping.store(true, Ordering::Relaxed);
                listening.stop_now();
                listening.ended().await;
            }
            Some(close(&service, success).await)
        });
        runtime.shutdown_background();
        if let Some(report) = report {
            let _ = stopped.send(report);
        }
    };
    let thread = std::thread::Builder::new().name("rigtape-serve".to_owned());
    thread.spawn(serve).map_err(|source| Error::Start {
        what: "thread",
        source,
    })?;
    Ok(Running::Thread {
        stop,
        stopped: wait,
        patience: grace + PATIENCE,
    })
}

/// As [`close`], from a runtime that must not be waited for.
pub(super) fn close_elsewhere(service: &Arc<Service>, success: bool) -> Report {
    if service.recording.is_none() {
        return service.state.report();
    }
    let own = service.clone();
    let closing = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.map(|runtime| runtime.block_on(close(&own, success)))
    });
    let closed = closing.join().ok().and_then(Result::ok);
    closed.unwrap_or_else(|| service.state.report())
}

/// The report of a server that has stopped, its new tape finished.
async fn close(service: &Service, success: bool) -> Report {
    let recorded = match &service.recording {
        Some(recording) => Some(recording.finish(success).await),
        None => None,
    };
    let mut report = service.state.report();
    if let Some((recorded, saved)) = recorded {
        report.recorded = Some(recorded);
        report.saved = saved;
    }
    report
}
