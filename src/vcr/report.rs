use std::fmt;
use std::path::{Path, PathBuf};

use crate::serve;

/// What the run of a [`Vcr`](super::Vcr) came to, as data. [`Display`](fmt::Display) says it in
/// words, the same words with which a dropped `Vcr` panics.
#[derive(Debug, Clone)]
pub struct Report {
    serve: serve::Report,
    outcome: Outcome,
}

/// What became of the tape.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// Nothing was recorded.
    Untouched,
    /// What was recorded stands on the tape.
    Recorded {
        /// The tape.
        tape: PathBuf,
    },
    /// What was recorded does not, and the tape is as it was.
    Rejected {
        /// The tape.
        tape: PathBuf,
        /// Where the recording is.
        kept: Option<PathBuf>,
        /// Why.
        reason: String,
    },
}

impl Report {
    pub(super) fn look_at_tape(&mut self, tape: &Path) {
        if let Some(saved) = &self.serve.saved {
            self.outcome = Outcome::Recorded {
                tape: saved.clone(),
            };
            return;
        }
        let Some(recorded) = &self.serve.recorded else {
            return;
        };
        let kept = recorded.tapes.iter().find_map(|tape| tape.rejected.clone());
        if kept.is_some() || recorded.unfinished.is_some() {
            self.outcome = Outcome::Rejected {
                tape: tape.to_owned(),
                kept,
                reason: recorded.failures().join("\n"),
            };
        }
    }

    pub(super) fn reject(&mut self, why: String) {
        if let Outcome::Rejected { reason, .. } = &mut self.outcome {
            *reason = why;
        }
    }

    /// Misses, what stayed unused, what was refused and what was recorded.
    pub fn serve(&self) -> &serve::Report {
        &self.serve
    }

    /// What became of the tape.
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// Whether nothing went wrong.
    pub fn is_ok(&self) -> bool {
        self.serve.is_ok() && !matches!(self.outcome, Outcome::Rejected { .. })
    }

    /// Everything that went wrong, one entry each; empty when nothing did.
    pub fn failures(&self) -> Vec<String> {
        let mut failures = self.serve.failures();
        if let Outcome::Rejected { tape, kept, reason } = &self.outcome {
            failures.retain(|failure| !reason.contains(failure));
            let kept = kept.as_ref().map_or_else(String::new, |kept| {
                format!("; what was recorded is {}", kept.display())
            });
            failures.push(format!(
                "{} stays as it was: {reason}{kept}",
                tape.display()
            ));
        }
        failures
    }

    /// Fails the test on what went wrong.
    ///
    /// # Panics
    ///
    /// When something did, with the same words as the report.
    #[track_caller]
    pub fn unwrap(self) -> Report {
        assert!(self.is_ok(), "{self}");
        self
    }
}

impl From<serve::Report> for Report {
    fn from(serve: serve::Report) -> Report {
        Report {
            serve,
            outcome: Outcome::Untouched,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_ok() {
            return self.serve.fmt(f);
        }
        f.write_str(&self.failures().join("\n"))
    }
}
