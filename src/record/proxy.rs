use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::route::Routes;
use super::service::Service;
use super::socket::Socket;
use super::{Error, Recorder, Report};

/// Request heads beyond this are answered with 431.
const MAX_HEAD: usize = 64 << 10;

/// A client that has connected has so long to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);

/// A pause after `accept` has failed: out of file descriptors, most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// What a recording proxy listens on and where it passes requests to.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ProxyConfig {
    /// Where to listen; `127.0.0.1:0`, that is a free port, by default.
    pub listen: SocketAddr,
    /// Listen on an address that other machines may reach, too. Real keys pass through.
    pub allow_remote: bool,
    /// Host names, in lower case, that clients may call the proxy by, beside `localhost` and its
    /// addresses: `host.docker.internal`, for one.
    pub allowed_hosts: Vec<String>,
    /// Where requests go.
    pub routes: Routes,
    /// Request bodies beyond this many bytes are answered with 413; 64 MiB.
    pub max_request_body: usize,
}

impl ProxyConfig {
    /// Listens on a free port of the loopback address.
    pub fn new(routes: Routes) -> ProxyConfig {
        ProxyConfig {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            allow_remote: false,
            allowed_hosts: Vec::new(),
            routes,
            max_request_body: 64 << 20,
        }
    }
}

/// A recording reverse proxy that is running.
///
/// Clients are pointed at [`url`](Proxy::url) as their base URL. Dropping the proxy stops it;
/// [`shutdown`](Proxy::shutdown) does so in order and says what was recorded.
///
/// ```no_run
/// use std::time::Duration;
/// use rigtape::record::{Existing, Options, Proxy, ProxyConfig, Recorder, Routes, Upstream};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let recorder = Recorder::to_file("t.jsonl", Existing::Refuse, Options::default())?;
/// let routes = Routes::new([Upstream::parse("http://127.0.0.1:8080")?])?;
/// let proxy = Proxy::start(recorder, ProxyConfig::new(routes)).await?;
/// println!("listening on {}", proxy.url());
/// tokio::signal::ctrl_c().await?;
/// let report = proxy.shutdown(Duration::from_secs(5)).await;
/// assert!(report.is_complete(), "{report}");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Proxy {
    addr: SocketAddr,
    recorder: Recorder,
    service: Arc<Service>,
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

impl Proxy {
    /// Starts listening.
    ///
    /// # Errors
    ///
    /// When the address is taken, or not a loopback address and
    /// [`allow_remote`](ProxyConfig::allow_remote) is not set.
    pub async fn start(recorder: Recorder, config: ProxyConfig) -> Result<Proxy, Error> {
        if !config.listen.ip().is_loopback() && !config.allow_remote {
            return Err(Error::NotLoopback(config.listen));
        }
        // Trust anchors are read here once, and not while a first client waits.
        recorder.client()?;
        let cannot = |source| Error::Listen {
            addr: config.listen,
            source,
        };
        let listener = TcpListener::bind(config.listen).await.map_err(cannot)?;
        let addr = listener.local_addr().map_err(cannot)?;
        let service = Arc::new(Service {
            recorder: recorder.clone(),
            routes: config.routes,
            addr,
            allowed_hosts: config.allowed_hosts,
            max_request_body: config.max_request_body,
            refused: Mutex::default(),
        });
        let (stop, stopped) = watch::channel(Stop::No);
        let accepting = tokio::spawn(accept(listener, service.clone(), stopped));
        Ok(Proxy {
            addr,
            recorder,
            service,
            stop,
            accepting,
        })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The root of all routes, `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The recorder behind it.
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Stops taking connections, gives running streams `grace` to end, cuts the rest, and finishes
    /// the tapes.
    pub async fn shutdown(mut self, grace: Duration) -> Report {
        let _ = self.stop.send(Stop::Gently);
        let patience = async {
            let _ = (&mut self.accepting).await;
            // Streams that their clients left may still be draining.
            self.recorder.settled().await;
        };
        if tokio::time::timeout(grace, patience).await.is_err() {
            let _ = self.stop.send(Stop::Now);
            if !self.accepting.is_finished() {
                let _ = (&mut self.accepting).await;
            }
        }
        let mut report = self.recorder.close().await;
        let refused = self
            .service
            .refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        (report.refused, report.refused_total) = refused.clone();
        drop(refused);
        report
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.stop.send(Stop::Now);
    }
}

async fn accept(listener: TcpListener, service: Arc<Service>, mut stop: watch::Receiver<Stop>) {
    let mut connections = JoinSet::new();
    let told = stop.clone();
    loop {
        tokio::select! {
            () = asked(&mut stop, Stop::Gently) => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, service.clone(), told.clone()));
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

async fn serve(stream: TcpStream, service: Arc<Service>, mut stop: watch::Receiver<Stop>) {
    // A chunk must not wait for the acknowledgement of the one before.
    let _ = stream.set_nodelay(true);
    let (socket, flushes) = Socket::new(stream);
    let respond = service_fn(move |request| service.clone().respond(request, flushes.clone()));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_header_size(MAX_HEAD)
        .serve_connection(TokioIo::new(socket), respond);
    let mut connection = std::pin::pin!(connection);
    // How a connection ended is on the tape already, where it matters.
    tokio::select! {
        _ = &mut connection => return,
        () = asked(&mut stop, Stop::Gently) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// Waits until somebody wants a stop of at least this kind; a proxy that is gone wants one.
async fn asked(stop: &mut watch::Receiver<Stop>, least: Stop) {
    let _ = stop.wait_for(|stop| *stop >= least).await;
}
