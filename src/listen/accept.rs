use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::socket::{Socket, Wire};

/// Request heads beyond this are answered with 431.
const MAX_HEAD: usize = 64 << 10;

/// A pause after `accept` has failed: out of file descriptors, most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// What answers the requests of a listener.
pub(crate) trait Respond: Send + Sync + 'static {
    type Body: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static;

    fn respond(
        self: Arc<Self>,
        request: Request<Incoming>,
        wire: Arc<Wire>,
    ) -> impl Future<Output = Response<Self::Body>> + Send;
}

/// How connections are held.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// A client that has connected has so long to send a request's head.
    pub(crate) head_timeout: Option<Duration>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            head_timeout: Some(Duration::from_secs(60)),
        }
    }
}

/// A listener that is taking connections. Dropping it cuts them all.
#[derive(Debug)]
pub(crate) struct Listening {
    stop: watch::Sender<Stop>,
    accepting: JoinHandle<()>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stop {
    No,
    /// Finish what runs, take nothing new.
    Gently,
    Now,
}

impl Listening {
    /// Takes connections from now on, on tasks of the current runtime.
    pub(crate) fn start<S: Respond>(
        listener: TcpListener,
        service: Arc<S>,
        settings: Settings,
    ) -> Listening {
        let (stop, stopped) = watch::channel(Stop::No);
        let accepting = tokio::spawn(accept(listener, service, settings, stopped));
        Listening { stop, accepting }
    }

    /// Takes no new connection and lets requests that run end.
    pub(crate) fn stop_gently(&self) {
        self.ask(Stop::Gently);
    }

    /// Cuts what still runs.
    pub(crate) fn stop_now(&self) {
        self.ask(Stop::Now);
    }

    /// Waits until no connection is left, which takes a stop.
    pub(crate) async fn ended(&mut self) {
        if !self.accepting.is_finished() {
            let _ = (&mut self.accepting).await;
        }
    }

    fn ask(&self, for_: Stop) {
        self.stop.send_modify(|stop| *stop = for_.max(*stop));
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.stop_now();
    }
}

async fn accept<S: Respond>(
    listener: TcpListener,
    service: Arc<S>,
    settings: Settings,
    mut stop: watch::Receiver<Stop>,
) {
    let mut connections = JoinSet::new();
    let told = stop.clone();
    loop {
        tokio::select! {
            () = asked(&mut stop, Stop::Gently) => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, service.clone(), settings, told.clone()));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
        }
    }
    drop(listener);
    tokio::select! {
        () = asked(&mut stop, Stop::Now) => {}
        () = async { while connections.join_next().await.is_some() {} } => {}
    }
    // Aborted connections drop their bodies, and those write their ends.
    connections.shutdown().await;
}

async fn serve<S: Respond>(
    stream: TcpStream,
    service: Arc<S>,
    settings: Settings,
    mut stop: watch::Receiver<Stop>,
) {
    // A chunk must not wait for the acknowledgement of the one before.
    let _ = stream.set_nodelay(true);
    let (socket, wire) = Socket::new(stream);
    let ending = {
        let respond = service_fn(|request| {
            let response = service.clone().respond(request, wire.clone());
            async move { Ok::<_, Infallible>(response.await) }
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(settings.head_timeout)
            .max_header_size(MAX_HEAD);
        let connection = http.serve_connection(TokioIo::new(socket), respond);
        let mut connection = std::pin::pin!(connection);
        let mut gently = false;
        loop {
            // How a connection ended is known already to whom it matters.
            tokio::select! {
                _ = &mut connection => break None,
                ending = wire.ending() => break Some(ending),
                () = asked(&mut stop, Stop::Gently), if !gently => {
                    connection.as_mut().graceful_shutdown();
                    gently = true;
                }
            }
        }
    };
    if let Some(ending) = ending {
        wire.end_with(ending).await;
    }
}

/// Waits until somebody wants a stop of at least this kind; a listener that is gone wants one.
async fn asked(stop: &mut watch::Receiver<Stop>, least: Stop) {
    let _ = stop.wait_for(|stop| *stop >= least).await;
}
