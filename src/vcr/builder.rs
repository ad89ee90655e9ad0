use std::future::{IntoFuture, Ready, ready};
use std::path::{Path, PathBuf};

use super::project::Settings;
use super::running::{Door, Vcr};
use super::{Error, Mode};
use crate::cassette::Request;
use crate::matching::{self, Rules};
use crate::policy::{Policy, Timing};
use crate::provider::PROVIDERS;
use crate::record::{self, Routes, Upstream};
use crate::redact::Redactor;
use crate::serve::{MockServer, MockServerBuilder};

/// How a [`Vcr`] is to be; made by [`vcr!`](crate::vcr!) or [`Vcr::builder`], started by `.await`
/// or [`start_blocking`](VcrBuilder::start_blocking).
#[derive(Debug)]
#[must_use = "it starts when it is awaited"]
pub struct VcrBuilder {
    /// The package of the test.
    package: PathBuf,
    folder: PathBuf,
    /// Below the folder, without the ending.
    tape: PathBuf,
    test: Option<String>,
    mode: Option<Mode>,
    default_mode: Mode,
    upstreams: Vec<String>,
    ignored: Vec<String>,
    matching: matching::Options,
    redactor: Option<Redactor>,
    in_process: bool,
    server: MockServerBuilder,
}

impl VcrBuilder {
    pub(super) fn new(package: PathBuf, tape: PathBuf, test: Option<String>) -> VcrBuilder {
        VcrBuilder {
            package,
            folder: PathBuf::from("cassettes"),
            tape,
            test,
            mode: None,
            default_mode: Mode::Replay,
            upstreams: Vec::new(),
            ignored: Vec::new(),
            matching: matching::Options::new(),
            redactor: None,
            in_process: false,
            server: MockServer::builder(),
        }
    }

    /// A name behind that of the test: for a second tape of one test.
    pub fn part(mut self, part: impl AsRef<str>) -> Self {
        let mut name = self.tape.file_name().unwrap_or_default().to_owned();
        name.push("-");
        name.push(part.as_ref().replace(['/', '\\'], "_"));
        self.tape.set_file_name(name);
        self
    }

    /// A tape of another name, below the folder of the tapes and without `.jsonl`: one that
    /// several tests share, for one.
    pub fn tape(mut self, name: impl AsRef<Path>) -> Self {
        self.tape = without_ending(name.as_ref());
        self
    }

    /// The folder of the tapes, from that of the package on; `cassettes` by default.
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = folder.into();
        self
    }

    /// The mode, whatever `RIGTAPE_MODE` says.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = Some(mode);
        self
    }

    /// The mode where `RIGTAPE_MODE` is not set; [`Mode::Replay`] by default. With `CI` set it only
    /// replays.
    pub fn default_mode(mut self, mode: Mode) -> Self {
        self.default_mode = mode;
        self
    }

    /// Where recorded requests go: `URL` for all of them, or `PROVIDER=URL`. By default it is where
    /// the provider's own variable points (`OPENAI_BASE_URL`, …), else its public endpoint.
    pub fn upstream(mut self, upstream: impl Into<String>) -> Self {
        self.upstreams.push(upstream.into());
        self
    }

    /// A part of request bodies that does not count, as a JSON pointer: `/metadata/run_id`,
    /// `/messages/*[role=tool]/content/#json/now`.
    pub fn ignore(mut self, pointer: impl AsRef<str>) -> Self {
        self.ignored.push(format!("ignore={}", pointer.as_ref()));
        self
    }

    /// Matching rules; they go before those of the tape and of `rigtape.toml`.
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

    /// How tapes are played; the recorded chunks at once by default.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.server = self.server.policy(policy);
        self
    }

    /// When the pieces of a body come; at once by default.
    pub fn timing(mut self, timing: Timing) -> Self {
        self.server = self.server.timing(timing);
        self
    }

    /// Whether recorded `retry-after*` headers are played as they are; they say `0` by default.
    pub fn keep_retry_after(mut self, keep: bool) -> Self {
        self.server = self.server.keep_retry_after(keep);
        self
    }

    /// Whether interactions may stay unused; off by default.
    pub fn allow_unused(mut self, allow: bool) -> Self {
        self.server = self.server.allow_unused(allow);
        self
    }

    /// Whether requests may miss without failing the test; off by default.
    pub fn allow_misses(mut self, allow: bool) -> Self {
        self.server = self.server.allow_misses(allow);
        self
    }

    /// What masks secrets, in place of the rules of `rigtape.toml`.
    pub fn redactor(mut self, redactor: Redactor) -> Self {
        self.redactor = Some(redactor);
        self
    }

    /// How is recorded.
    pub fn record_options(mut self, options: record::Options) -> Self {
        self.server = self.server.record_options(options);
        self
    }

    /// Runs the server on the runtime that starts it: with `tokio::time::pause` its clients then
    /// see recorded gaps in no time.
    pub fn on_current_runtime(mut self) -> Self {
        self.server = self.server.on_current_runtime();
        self
    }

    /// Opens no socket: there is only the door inside the process, and no URL.
    pub fn in_process(mut self) -> Self {
        self.in_process = true;
        self
    }

    /// Starts it, for tests that are not `async`.
    ///
    /// # Errors
    ///
    /// [`Error::NoTape`] when there is nothing to play yet; when the tape cannot be read,
    /// `RIGTAPE_MODE` holds no mode, or an upstream, a rule or `rigtape.toml` makes no sense.
    pub fn start_blocking(self) -> Result<Vcr, Error> {
        let mode = match self.mode {
            Some(mode) => mode,
            None => Mode::from_env_or(self.default_mode)?,
        };
        let mut tape = self.package.join(&self.folder).join(&self.tape);
        tape.as_mut_os_string().push(".jsonl");
        let command = command(self.test.as_deref());
        if mode == Mode::Replay && !tape.exists() {
            let ci = self.mode.is_none() && crate::serve::is_ci();
            return Err(Error::NoTape { tape, command, ci });
        }
        let (settings, redactor) = Settings::above(&self.package)?;
        let mut matching = self.matching.project(settings.matching);
        for rule in &self.ignored {
            matching = matching.rules(rule.parse()?);
        }
        let redactor = self.redactor.unwrap_or(redactor);
        let mut server = self
            .server
            .tapes(&tape)
            .mode(mode)
            .matching(matching)
            .redactor(redactor);
        if mode != Mode::Replay {
            server = server.routes(routes(&self.upstreams)?);
        }
        server = server.hint(format!("to record the tape anew: {command}"));
        if let Some(test) = self.test {
            server = server.recorded_by(test);
        }
        let by_name = self
            .upstreams
            .iter()
            .all(|text| Upstream::parse(text).is_ok_and(|upstream| upstream.name().is_some()));
        let records_anew = mode == Mode::Record;
        let stood = records_anew
            .then(|| crate::cassette::Cassette::open(&tape).ok())
            .flatten();
        let stood = stood.map_or(0, |tape| tape.len() as u64);
        let door = if self.in_process {
            Door::Inside(server.inside()?)
        } else {
            Door::Server(server.start_blocking()?)
        };
        Ok(Vcr::new(door, tape, mode, stood, by_name))
    }
}

impl IntoFuture for VcrBuilder {
    type Output = Result<Vcr, Error>;
    type IntoFuture = Ready<Result<Vcr, Error>>;

    /// Starts it, as [`start_blocking`](VcrBuilder::start_blocking) does: nothing of it waits for a
    /// network.
    fn into_future(self) -> Self::IntoFuture {
        ready(self.start_blocking())
    }
}

/// The path of a tape without `.jsonl`.
pub(super) fn without_ending(path: &Path) -> PathBuf {
    match path.extension() {
        Some(ending) if ending == "jsonl" => path.with_extension(""),
        _ => path.to_owned(),
    }
}

/// The command that records the tape of a test anew.
fn command(test: Option<&str>) -> String {
    match test {
        Some(test) => format!("RIGTAPE_MODE=record cargo test {test} -- --exact"),
        None => "RIGTAPE_MODE=record cargo test".to_owned(),
    }
}

/// The upstreams that code names, then those that the user's variables name, then the public ones.
fn routes(given: &[String]) -> Result<Routes, Error> {
    let wrong = |variable| move |error| Error::Upstream { variable, error };
    let parsed = given.iter().map(|upstream| Upstream::parse(upstream));
    let mut upstreams: Vec<Upstream> = parsed.collect::<Result<_, _>>().map_err(wrong(None))?;
    if upstreams.iter().all(|upstream| upstream.name().is_some()) {
        for provider in PROVIDERS {
            if upstreams.iter().any(|u| u.name() == Some(provider.name)) {
                continue;
            }
            let set = provider.variables.iter().find_map(|variable| {
                let value = std::env::var(variable.name).ok()?;
                (!value.is_empty()).then_some((variable, value))
            });
            if let Some((variable, value)) = set {
                let upstream = Upstream::from_variable(provider, variable, &value);
                upstreams.push(upstream.map_err(wrong(Some(variable.name)))?);
            }
        }
    }
    Routes::new(upstreams).map_err(wrong(None))
}
