use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;

use super::route::Routes;
use super::service::Service;
use super::{Error, Recorder, Report};
use crate::listen::{Guard, Listening, Settings};

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
    listening: Listening,
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
            guard: Guard {
                addr,
                allowed_hosts: config.allowed_hosts,
                what: "a recording reverse proxy",
                websocket: "WebSockets cannot be recorded: a tape holds HTTP requests and their \
                            bodies",
            },
            max_request_body: config.max_request_body,
            refused: Mutex::default(),
        });
        let listening = Listening::start(listener, service.clone(), Settings::default());
        Ok(Proxy {
            addr,
            recorder,
            service,
            listening,
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
        self.listening.stop_gently();
        let patience = async {
            self.listening.ended().await;
            // Streams that their clients left may still be draining.
            self.recorder.settled().await;
        };
        if tokio::time::timeout(grace, patience).await.is_err() {
            self.listening.stop_now();
            self.listening.ended().await;
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
