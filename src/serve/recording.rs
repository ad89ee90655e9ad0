//! The side of a server that passes requests on, and what becomes of the new tape.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http::request::Parts;

use super::journal::{Delivery, Entry, Outcome};
use super::playing::{Delivering, Outgoing, Passing};
use super::swap::Swap;
use super::{Error, Mode, Tapes, answer};
use crate::cassette::Cassette;
use crate::listen::{Refusal, Wire};
use crate::record::{self, Existing, Recorder, Routes};

#[derive(Debug)]
pub(super) struct Recording {
    mode: Mode,
    recorder: Recorder,
    routes: Routes,
    /// The tape, and where it is recorded until the run has succeeded.
    swap: Option<Swap>,
}

/// What a mode makes of the tapes given: what is replayed, and what records; `by` is the test that
/// does, where several may share a tape.
pub(super) fn prepare(
    mode: Mode,
    tapes: Tapes,
    routes: Routes,
    options: record::Options,
    by: Option<String>,
) -> Result<(Tapes, Option<Recording>), Error> {
    let recording = |recorder, swap| Recording {
        mode,
        recorder,
        routes,
        swap,
    };
    match mode {
        Mode::Replay => Ok((tapes, None)),
        Mode::Auto if tapes.only_path(mode)?.exists() => Ok((tapes, None)),
        Mode::Auto | Mode::Record => {
            let tape = tapes.only_path(mode)?;
            let swap = Swap::anew(tape, by)?;
            let options = with_rules_of(tape, options);
            let recorder = Recorder::to_file(&swap.attempt, Existing::Replace, options)?;
            Ok((Tapes::new(), Some(recording(recorder, Some(swap)))))
        }
        Mode::Append => {
            let tape = tapes.only_path(mode)?;
            let exists = tape.exists();
            let swap = Swap::appending(tape, by)?;
            let recorder = Recorder::to_file(&swap.attempt, Existing::Append, options)?;
            let tapes = if exists { tapes } else { Tapes::new() };
            Ok((tapes, Some(recording(recorder, Some(swap)))))
        }
        Mode::Live => {
            let recorder = Recorder::to_writer(std::io::sink(), options)?;
            Ok((Tapes::new(), Some(recording(recorder, None))))
        }
    }
}

/// A tape that is recorded anew keeps its matching rules.
fn with_rules_of(tape: &Path, mut options: record::Options) -> record::Options {
    if tape.exists() && options.rules.is_none() {
        // A tape that cannot be read has no rules to keep.
        let old = Cassette::open(tape).ok();
        options.rules = old.and_then(|old| old.header().rules.clone());
    }
    options
}

impl Recording {
    /// Whether what is on the tape is played.
    pub(super) fn replays(&self) -> bool {
        self.mode == Mode::Append
    }

    /// Interactions begun so far.
    #[cfg(feature = "vcr")]
    pub(super) fn interactions(&self) -> u64 {
        self.recorder.progress().interactions
    }

    /// Sends a request to where it says and records what comes.
    #[cfg(feature = "vcr")]
    pub(super) async fn send(
        &self,
        request: reqwest::Request,
        entry: &Entry,
    ) -> Result<reqwest::Response, record::Error> {
        entry.outcome(self.outcome());
        self.recorder.send(request).await
    }

    fn outcome(&self) -> Outcome {
        match self.mode {
            Mode::Live => Outcome::Passed,
            _ => Outcome::Recorded,
        }
    }

    /// Passes a request on and records what comes.
    pub(super) async fn pass(
        &self,
        head: &Parts,
        target: &str,
        body: Bytes,
        entry: &Entry,
        delivering: Delivering,
        wire: Arc<Wire>,
    ) -> Result<Response<Outgoing>, Refusal> {
        entry.outcome(self.outcome());
        let route = self.routes.route(target, &head.headers)?;
        let mut head = head.clone();
        let own: Vec<_> = head.headers.keys().cloned().collect();
        for name in own
            .iter()
            .filter(|name| name.as_str().starts_with("x-rigtape-"))
        {
            head.headers.remove(name);
        }
        match record::forward(&self.recorder, head, route, body).await {
            Ok(response) => {
                entry.head(response.status().as_u16());
                let response = record::outgoing(response, wire.clone());
                let pass = |body| Outgoing::Passing(Passing::new(body, wire, delivering));
                Ok(response.map(pass))
            }
            Err(stopped) => {
                let response = stopped.answer();
                entry.head(response.status().as_u16());
                delivering.end(Delivery::Complete);
                Ok(answer::own(response))
            }
        }
    }

    /// Finishes the tape; a new one takes the old one's place when the run was a `success`. The
    /// path is that of the tape that now stands.
    pub(super) async fn finish(&self, success: bool) -> (record::Report, Option<PathBuf>) {
        let mut report = self.recorder.close().await;
        let Some(swap) = &self.swap else {
            let path = report.tapes.first().and_then(|tape| tape.path.clone());
            return (report, path);
        };
        let attempt = report.tapes.first().and_then(|tape| tape.rejected.clone());
        let was_rejected = attempt.is_some();
        let attempt = attempt.unwrap_or_else(|| swap.attempt.clone());
        let reject = || record::reject(&attempt, &swap.tape);
        let mut rejected = Ok(None);
        let mut saved = None;
        if report.interactions() == 0 {
            // An empty tape in place of a full one helps nobody.
            rejected = std::fs::remove_file(&attempt).map(|()| None);
        } else if !success || was_rejected || !report.is_complete() {
            rejected = reject().map(Some);
        } else if let Err(why) = swap.take_place() {
            rejected = reject().map(Some);
            report.unfinished = Some(why);
        } else {
            saved = Some(swap.tape.clone());
        }
        match rejected {
            Ok(to) => {
                if let (Some(tape), true) = (report.tapes.first_mut(), to.is_some()) {
                    tape.rejected = to;
                }
            }
            Err(error) => {
                let from = attempt.display();
                report.unfinished = Some(format!("the new tape {from} cannot be moved: {error}"));
            }
        }
        if let Some(tape) = report.tapes.first_mut() {
            tape.path = Some(swap.tape.clone());
        }
        (report, saved)
    }
}
