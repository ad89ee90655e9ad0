use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::lately::Lately;
use super::server::{self, MockServer};
use super::service::Service;
use super::state::{Allowed, OnMiss, State};
use super::{Aim, Error, Mode, Tapes, recording};
use crate::cassette::Request;
use crate::listen::Guard;
use crate::matching::{self, Library, Rules};
use crate::policy::{Policy, Timing};
use crate::record::{self, Routes};
use crate::redact::Redactor;
use crate::replay::Player;

/// How a [`MockServer`] is to be; made by [`MockServer::builder`].
#[must_use]
pub struct MockServerBuilder {
    tapes: Tapes,
    matching: matching::Options,
    policy: Policy,
    aim: Option<Aim>,
    library: Option<Arc<Library>>,
    keep_retry_after: bool,
    listen: SocketAddr,
    allow_remote: bool,
    allowed_hosts: Vec<String>,
    allowed: Allowed,
    redactor: Redactor,
    max_request_body: usize,
    journal: usize,
    grace: Duration,
    workers: usize,
    shared: bool,
    on_miss: Option<OnMiss>,
    mode: Mode,
    routes: Option<Routes>,
    record: record::Options,
    hint: Option<String>,
    recorded_by: Option<String>,
}

/// What a server is started with, its service apart.
pub(super) struct Setup {
    pub(super) grace: Duration,
    pub(super) workers: usize,
    pub(super) shared: bool,
}

impl Default for MockServerBuilder {
    fn default() -> MockServerBuilder {
        MockServerBuilder {
            tapes: Tapes::new(),
            matching: matching::Options::new(),
            policy: Policy::new(),
            aim: None,
            library: None,
            keep_retry_after: false,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            allow_remote: false,
            allowed_hosts: Vec::new(),
            allowed: Allowed::default(),
            redactor: Redactor::new(),
            max_request_body: 64 << 20,
            journal: 1_000,
            grace: Duration::from_millis(250),
            workers: 1,
            shared: false,
            on_miss: None,
            mode: Mode::Replay,
            routes: None,
            record: record::Options::default(),
            hint: None,
            recorded_by: None,
        }
    }
}

impl MockServerBuilder {
    /// Serves these tapes, too.
    pub fn tapes(mut self, tapes: impl Into<Tapes>) -> Self {
        self.tapes = self.tapes.and(tapes);
        self
    }

    /// Rules for what of a request does not count; they go before those of the tapes.
    pub fn rules(mut self, rules: Rules) -> Self {
        self.matching = self.matching.rules(rules);
        self
    }

    /// Asks `matcher` too, with the recorded request and the one that came, where everything else
    /// matches: an error is why they do not.
    pub fn matcher(
        mut self,
        matcher: impl Fn(&Request, &Request) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.matching = self.matching.matcher(matcher);
        self
    }

    /// How requests are matched: rules of every home, and limits. Replaces what was said before.
    pub fn matching(mut self, options: matching::Options) -> Self {
        self.matching = options;
        self
    }

    /// How tapes are played; the recorded chunks at once by default.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// The one interaction that the policy's faults strike, each time it is played; the others are
    /// played without them. By default every interaction is struck.
    pub fn faults_at(mut self, aim: Aim) -> Self {
        self.aim = Some(aim);
        self
    }

    /// Serves tapes that are open already, instead of its own.
    pub(crate) fn library(mut self, library: Arc<Library>) -> Self {
        self.library = Some(library);
        self
    }

    /// When the pieces of a body come; at once by default.
    pub fn timing(mut self, timing: Timing) -> Self {
        self.policy.timing = timing;
        self
    }

    /// Whether recorded `retry-after*` headers are sent as they are under
    /// [`Timing::Instant`]; there they say `0` by default.
    pub fn keep_retry_after(mut self, keep: bool) -> Self {
        self.keep_retry_after = keep;
        self
    }

    /// Where to listen; `127.0.0.1:0`, that is a free port, by default.
    pub fn listen(mut self, addr: SocketAddr) -> Self {
        self.listen = addr;
        self
    }

    /// Whether the address may be one that other machines reach.
    pub fn allow_remote(mut self, allow: bool) -> Self {
        self.allow_remote = allow;
        self
    }

    /// A host name that clients may call the server by, beside `localhost` and its addresses:
    /// `host.docker.internal`, for one. Others are answered with 421.
    pub fn allow_host(mut self, name: impl Into<String>) -> Self {
        self.allowed_hosts.push(name.into().to_ascii_lowercase());
        self
    }

    /// Whether interactions may stay unused; off by default.
    pub fn allow_unused(mut self, allow: bool) -> Self {
        self.allowed.unused = allow;
        self
    }

    /// Whether requests may miss without failing the run; off by default. They are answered with
    /// 404 all the same.
    pub fn allow_misses(mut self, allow: bool) -> Self {
        self.allowed.misses = allow;
        self
    }

    /// What masks incoming requests before they are compared with recorded ones, and what is
    /// recorded: the rules with which the tapes were recorded.
    pub fn redactor(mut self, redactor: Redactor) -> Self {
        self.redactor = redactor;
        self
    }

    /// Request bodies beyond this many bytes are answered with 413; 64 MiB by default.
    pub fn max_request_body(mut self, bytes: usize) -> Self {
        self.max_request_body = bytes;
        self
    }

    /// How many requests [`MockServer::received`] remembers; the last 1,000 by default.
    pub fn journal(mut self, requests: usize) -> Self {
        self.journal = requests;
        self
    }

    /// How long answers that still run when the server is stopped may go on; 250 ms by default.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Threads that serve; one by default, which is plenty for a test.
    pub fn workers(mut self, threads: usize) -> Self {
        self.workers = threads.max(1);
        self
    }

    /// Runs the server on tasks of the tokio runtime that starts it, not on a thread of its own:
    /// under `tokio::time::pause` server and client then share one clock, and a tape of 40 seconds
    /// is served in no time at its exact gaps. Stopping such a server cuts what still runs.
    pub fn on_current_runtime(mut self) -> Self {
        self.shared = true;
        self
    }

    /// Is told the message of each miss, as the client is.
    pub fn on_miss(mut self, tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.on_miss = Some(Arc::new(tell));
        self
    }

    /// Whether requests may go to an upstream, and what of that is recorded; [`Mode::Replay`] by
    /// default. The modes that record take one path that ends in `.jsonl`.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Where requests are passed on to, in a mode that does; the public endpoints by default.
    pub fn routes(mut self, routes: Routes) -> Self {
        self.routes = Some(routes);
        self
    }

    /// How is recorded, in a mode that does. Its redactor is this builder's.
    pub fn record_options(mut self, options: record::Options) -> Self {
        self.record = options;
        self
    }

    /// What stands below the message of each miss: how to record anew, for one.
    #[cfg(feature = "vcr")]
    pub(crate) fn hint(mut self, hint: String) -> Self {
        self.hint = Some(hint);
        self
    }

    /// The test that records. Tests of one run that record to one tape then add to it, where each
    /// would replace what the others have recorded.
    #[cfg(feature = "vcr")]
    pub(crate) fn recorded_by(mut self, test: String) -> Self {
        self.recorded_by = Some(test);
        self
    }

    /// No server: only the door inside the process.
    #[cfg(feature = "vcr")]
    pub(crate) fn inside(self) -> Result<super::inside::Inside, Error> {
        let nowhere = self.listen;
        let service = Arc::new(self.service(nowhere)?);
        Ok(super::inside::Inside { service })
    }

    /// Starts the server; it answers from now on.
    ///
    /// Opening the tapes and the socket does not wait for the network, and is done before the
    /// first poll returns.
    ///
    /// # Errors
    ///
    /// When there is no tape, none can be read, the address is taken, or an upstream is needed and
    /// cannot be.
    pub async fn start(self) -> Result<MockServer, Error> {
        self.start_blocking()
    }

    /// [`start`](MockServerBuilder::start) for tests that are not `async`.
    ///
    /// # Errors
    ///
    /// As [`start`](MockServerBuilder::start).
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime when [`on_current_runtime`](MockServerBuilder::on_current_runtime)
    /// was asked for.
    pub fn start_blocking(self) -> Result<MockServer, Error> {
        if !self.listen.ip().is_loopback() && !self.allow_remote {
            return Err(Error::NotLoopback(self.listen));
        }
        let setup = Setup {
            grace: self.grace,
            workers: self.workers,
            shared: self.shared,
        };
        let listen = self.listen;
        let listener = server::bind(listen)?;
        let addr = listener.local_addr().map_err(|source| Error::Listen {
            addr: listen,
            source,
        })?;
        let service = self.service(addr)?;
        MockServer::run(Arc::new(service), listener, addr, &setup)
    }

    /// What answers, at `addr`.
    fn service(self, addr: SocketAddr) -> Result<Service, Error> {
        let mut options = self.record;
        options.redactor = self.redactor.for_cassette();
        let routes = match (self.routes, self.mode) {
            (Some(routes), _) => routes,
            // Without upstreams of one's own there is nothing that could be there twice.
            (None, _) => Routes::public(),
        };
        let (tapes, recording) =
            recording::prepare(self.mode, self.tapes, routes, options, self.recorded_by)?;
        let library = match self.library {
            Some(library) => library,
            None => Arc::new(tapes.open(self.matching)?),
        };
        let healthy = Policy {
            faults: Vec::new(),
            ..self.policy.clone()
        };
        Ok(Service {
            state: State::new(library, self.allowed, self.journal, self.on_miss, self.aim),
            guard: Guard {
                addr,
                allowed_hosts: self.allowed_hosts,
                what: "a mock server",
                websocket: "WebSockets cannot be played: a tape holds HTTP requests and their \
                            bodies",
            },
            player: Player::new(self.policy).keep_retry_after(self.keep_retry_after),
            healthy: Player::new(healthy).keep_retry_after(self.keep_retry_after),
            redactor: self.redactor,
            lately: Lately::default(),
            max_request_body: self.max_request_body,
            hint: self.hint,
            recording,
        })
    }
}

impl fmt::Debug for MockServerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockServerBuilder")
            .field("tapes", &self.tapes)
            .field("policy", &self.policy)
            .field("listen", &self.listen)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}
