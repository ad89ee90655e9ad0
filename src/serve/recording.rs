//! The side of a server that passes requests on, and what becomes of the new tape.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http::request::Parts;

use super::journal::{Delivery, Entry, Outcome};
use super::playing::{Delivering, Outgoing, Passing};
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

#[derive(Debug)]
struct Swap {
    tape: PathBuf,
    attempt: PathBuf,
}

/// What a mode makes of the tapes given: what is replayed, and what records.
pub(super) fn prepare(
    mode: Mode,
    tapes: Tapes,
    routes: Routes,
    options: record::Options,
) -> Result<(Tapes, Option<Recording>), Error> {
    match mode {
        Mode::Replay => Ok((tapes, None)),
        Mode::Auto if tapes.only_path(mode)?.exists() => Ok((tapes, None)),
        Mode::Auto | Mode::Record => {
            let path = tapes.only_path(mode)?;
            let recording = Recording::anew(mode, path, routes, options)?;
            Ok((Tapes::new(), Some(recording)))
        }
        Mode::Append => {
            let path = tapes.only_path(mode)?;
            make_folder(path)?;
            let exists = path.exists();
            let recorder = Recorder::to_file(path, Existing::Append, options)?;
            let recording = Recording {
                mode,
                recorder,
                routes,
                swap: None,
            };
            Ok((if exists { tapes } else { Tapes::new() }, Some(recording)))
        }
        Mode::Live => {
            let recording = Recording {
                mode,
                recorder: Recorder::to_writer(std::io::sink(), options)?,
                routes,
                swap: None,
            };
            Ok((Tapes::new(), Some(recording)))
        }
    }
}

impl Recording {
    fn anew(
        mode: Mode,
        tape: &Path,
        routes: Routes,
        mut options: record::Options,
    ) -> Result<Recording, Error> {
        make_folder(tape)?;
        if tape.exists() && options.rules.is_none() {
            // A tape that cannot be read has no rules to keep.
            let old = Cassette::open(tape).ok();
            options.rules = old.and_then(|old| old.header().rules.clone());
        }
        let stem = tape.file_stem().unwrap_or_default().to_string_lossy();
        // Not called a tape yet, so nobody finds it in the folder.
        let name = format!("{stem}.{}.recording", std::process::id());
        let attempt = tape.with_file_name(name);
        let recorder = Recorder::to_file(&attempt, Existing::Replace, options)?;
        Ok(Recording {
            mode,
            recorder,
            routes,
            swap: Some(Swap {
                tape: tape.to_owned(),
                attempt,
            }),
        })
    }

    /// Whether what is on the tape is played.
    pub(super) fn replays(&self) -> bool {
        self.mode == Mode::Append
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
        entry.outcome(match self.mode {
            Mode::Live => Outcome::Passed,
            _ => Outcome::Recorded,
        });
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
        let moved = if report.interactions() == 0 {
            // An empty tape in place of a full one helps nobody.
            std::fs::remove_file(&attempt).map(|()| None)
        } else if success && !was_rejected && report.is_complete() {
            std::fs::rename(&attempt, &swap.tape).map(|()| Some(swap.tape.clone()))
        } else {
            let rejected = record::reject(&attempt, &swap.tape);
            rejected.map(|to| {
                if let Some(tape) = report.tapes.first_mut().filter(|_| was_rejected) {
                    tape.rejected = Some(to);
                }
                None
            })
        };
        let saved = moved.unwrap_or_else(|error| {
            let (from, to) = (swap.attempt.display(), swap.tape.display());
            report.unfinished = Some(format!("the new tape {from} cannot become {to}: {error}"));
            None
        });
        if let Some(tape) = report.tapes.first_mut() {
            tape.path = Some(swap.tape.clone());
        }
        (report, saved)
    }
}

fn make_folder(tape: &Path) -> Result<(), Error> {
    let Some(folder) = tape
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    else {
        return Ok(());
    };
    std::fs::create_dir_all(folder).map_err(|source| {
        Error::Record(record::Error::Directory {
            path: folder.to_owned(),
            source,
        })
    })
}
