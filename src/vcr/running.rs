use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};

use super::report::{Outcome, Report};
use super::{Handle, Mode, SendError, Service, VcrBuilder};
use crate::provider::{NO_KEY, Provider};
use crate::serve::{Inside, MockServer, Received};

/// A tape of one test: played, or recorded, as `RIGTAPE_MODE` says. Made by [`vcr!`](crate::vcr!).
///
/// Its main form is a server on a free port of the loopback address, because most clients take a
/// base URL. [`send`](Vcr::send) and what is built on it answer inside the process, from the same
/// tape.
///
/// Dropping it ends the run, and panics when requests have missed, interactions stayed unused, or a
/// recording was rejected; never while the thread panics already. [`finish`](Vcr::finish) hands out
/// the same as data.
pub struct Vcr {
    /// `None` once it has finished.
    door: Option<Door>,
    inside: Inside,
    tape: PathBuf,
    mode: Mode,
    /// Interactions that the tape had before it was recorded anew.
    stood: u64,
    /// No upstream takes all that has no name, so a provider's name in the path says where to.
    by_name: bool,
}

#[derive(Debug)]
pub(super) enum Door {
    Server(MockServer),
    Inside(Inside),
}

/// Whether the test has passed, as far as this can be known.
#[derive(Clone, Copy, PartialEq)]
enum Verdict {
    /// The test says so.
    Passed,
    /// It went out of scope without a panic.
    Gone,
    Panicked,
}

impl Vcr {
    /// A builder for the tape at `path`, which is `cassettes/PATH.jsonl` in the current folder;
    /// [`vcr!`](crate::vcr!) names it after the test.
    pub fn builder(path: impl AsRef<Path>) -> VcrBuilder {
        let here = std::env::current_dir().unwrap_or_default();
        let tape = super::builder::without_ending(path.as_ref());
        VcrBuilder::new(here, tape, super::test_name())
    }

    pub(super) fn new(door: Door, tape: PathBuf, mode: Mode, stood: u64, by_name: bool) -> Vcr {
        let inside = match &door {
            Door::Server(server) => server.inside(),
            Door::Inside(inside) => inside.clone(),
        };
        Vcr {
            door: Some(door),
            inside,
            tape,
            mode,
            stood,
            by_name,
        }
    }

    /// The server's root, `http://127.0.0.1:PORT`, without a slash at the end.
    ///
    /// # Panics
    ///
    /// When it was started [`in_process`](VcrBuilder::in_process): there is no server.
    pub fn url(&self) -> String {
        self.server().url()
    }

    /// The base URL that clients of `provider` take: the root, with `/v1` behind it where they
    /// expect that.
    ///
    /// # Panics
    ///
    /// As [`url`](Vcr::url).
    pub fn base_url(&self, provider: &str) -> String {
        // Many providers share one wire. A request that is passed on with this provider's key must
        // not be taken for another's by its path.
        match Provider::by_name(provider) {
            Some(of) if of.variables.is_empty() && self.by_name => self.url() + &of.suffix(),
            _ => self.server().base_url(provider),
        }
    }

    /// The key that clients of `provider` are given: the user's own from its variable
    /// (`OPENAI_API_KEY`, …) while requests may reach the provider, else words that no provider
    /// takes for one. It never stands on a tape.
    pub fn api_key(&self, provider: &str) -> String {
        let names = Provider::by_name(provider).map_or(&[][..], |provider| provider.keys);
        let own = names
            .iter()
            .find_map(|name| std::env::var(name).ok())
            .filter(|key| !key.is_empty() && self.may_pass());
        own.unwrap_or_else(|| NO_KEY.to_owned())
    }

    /// Answers `request` from the tape; records, sends it to its own URL and gives the live answer.
    ///
    /// Both ways the body streams. A request that nothing recorded fits gets the 404 that a server
    /// would give. On a paused tokio clock and with [`timing`](VcrBuilder::timing) the pieces come
    /// at exactly their recorded offsets.
    ///
    /// # Errors
    ///
    /// When the recorded request got no response head, or the live one gets none.
    pub async fn send(&self, request: reqwest::Request) -> Result<reqwest::Response, SendError> {
        self.inside.send(request).await
    }

    /// What [`send`](Vcr::send) does, for a `reqwest_middleware::ClientBuilder`. It belongs behind
    /// all others: it answers, and asks no further.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let vcr = rigtape::vcr!().in_process().await?;
    /// let client = reqwest_middleware::ClientBuilder::new(reqwest::Client::new())
    ///     .with(vcr.middleware())
    ///     .build();
    /// # Ok(())
    /// # }
    /// ```
    pub fn middleware(&self) -> Handle {
        self.handle()
    }

    /// What [`send`](Vcr::send) does, as a `tower::Service`; `build` makes a request of what the
    /// service is called with.
    ///
    /// async-openai (feature `middleware`) takes it so:
    ///
    /// ```text
    /// let service = vcr.service(|factory: HttpRequestFactory| async move { factory.build().await });
    /// let client = Client::with_config(config).with_http_service(service);
    /// ```
    pub fn service<R, F, B, E>(&self, build: F) -> Service<F>
    where
        F: Fn(R) -> B,
        B: Future<Output = Result<reqwest::Request, E>> + Send + 'static,
    {
        Service {
            handle: self.handle(),
            build,
        }
    }

    /// The door inside the process, to keep.
    pub fn handle(&self) -> Handle {
        Handle(self.inside.clone())
    }

    /// The tape.
    pub fn tape(&self) -> &Path {
        &self.tape
    }

    /// The mode that it runs in.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The last requests, oldest first.
    pub fn received(&self) -> Vec<Received> {
        self.inside.received()
    }

    /// How it went so far.
    pub fn report(&self) -> crate::serve::Report {
        self.inside.report()
    }

    /// Ends the run and says how it went: the test has passed so far. A recording takes the tape's
    /// place. Nothing panics any more, unless the report is unwrapped.
    #[must_use = "call unwrap() to fail the test on it"]
    pub fn finish(mut self) -> Report {
        self.end(Verdict::Passed)
    }

    fn server(&self) -> &MockServer {
        match &self.door {
            Some(Door::Server(server)) => server,
            _ => panic!("this Vcr was started in process, so it has no URL: use `send`"),
        }
    }

    /// Whether a request may reach a provider.
    fn may_pass(&self) -> bool {
        self.inside.records()
    }

    fn end(&mut self, verdict: Verdict) -> Report {
        let recorded = self.inside.recorded();
        let fewer = verdict == Verdict::Gone && recorded > 0 && recorded < self.stood;
        let passed = verdict != Verdict::Panicked && !fewer;
        let mut report = Report::from(match self.door.take() {
            Some(Door::Server(server)) => server.finish_as(passed),
            Some(Door::Inside(inside)) => inside.finish_as(passed),
            None => self.inside.report(),
        });
        report.look_at_tape(&self.tape);
        if fewer {
            report.reject(format!(
                "{recorded} of {} interactions were recorded when the test ended; if that is all, \
                 call finish() at its end",
                self.stood
            ));
        } else if verdict == Verdict::Panicked && recorded > 0 {
            report.reject("the test failed".to_owned());
        }
        report
    }
}

impl Drop for Vcr {
    fn drop(&mut self) {
        if self.door.is_none() {
            return;
        }
        let panicking = std::thread::panicking();
        let report = self.end(if panicking {
            Verdict::Panicked
        } else {
            Verdict::Gone
        });
        match (panicking, report.is_ok()) {
            (false, false) => panic!("{report}"),
            // The test has its own panic; what became of the recording is only told.
            (true, _) if matches!(report.outcome(), Outcome::Rejected { .. }) => {
                eprintln!("rigtape: {report}");
            }
            _ => {}
        }
    }
}

impl fmt::Debug for Vcr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vcr")
            .field("tape", &self.tape)
            .field("mode", &self.mode)
            .field("door", &self.door)
            .finish_non_exhaustive()
    }
}
