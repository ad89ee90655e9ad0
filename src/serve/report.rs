use std::fmt;
use std::path::PathBuf;

use crate::matching::Miss;
use crate::record;

/// What a mock server's run came to, as data. [`Display`](fmt::Display) says it in words, the same
/// words with which a dropped server panics.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Report {
    /// Requests that were looked at; refused ones and those of the control API are not.
    pub requests: u64,
    /// Requests that got a recorded interaction.
    pub played: u64,
    /// Requests that were passed on to an upstream.
    pub passed: u64,
    /// Requests that nothing recorded fits and that were not allowed to miss; the first 20.
    pub missed: Vec<Missed>,
    /// How many of them there were.
    pub missed_total: u64,
    /// Interactions that nobody asked for, on tapes of which others were; nothing where that is
    /// allowed.
    pub unused: Vec<Unused>,
    /// Requests that the server refused itself, with the reason; the first 20.
    pub refused: Vec<String>,
    /// How many requests the server refused itself.
    pub refused_total: u64,
    /// Tapes that cannot be served, or not whole, in words.
    pub problems: Vec<String>,
    /// What was recorded, in a mode that records.
    pub recorded: Option<record::Report>,
    /// Where the new tape stands, in a mode that records.
    pub saved: Option<PathBuf>,
}

/// A request that nothing recorded fits.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Missed {
    /// Its scope.
    pub scope: Option<String>,
    /// Its method.
    pub method: String,
    /// Path and query, without the scope.
    pub target: String,
    /// What the client was told.
    pub message: String,
    /// The same as data.
    pub miss: Box<Miss>,
}

/// An interaction that nobody asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unused {
    /// The scope in which nobody did.
    pub scope: Option<String>,
    /// Its tape.
    pub tape: PathBuf,
    /// Its number on the tape.
    pub interaction: u64,
    /// Line of its request.
    pub line: u64,
    /// Method of its request.
    pub method: String,
    /// Path and query of its request.
    pub target: String,
    /// What was asked: the last words of its user, shortened.
    pub summary: Option<String>,
}

impl Report {
    /// Whether nothing went wrong.
    pub fn is_ok(&self) -> bool {
        self.failures().is_empty()
    }

    /// Everything that went wrong, one entry each; empty when nothing did.
    pub fn failures(&self) -> Vec<String> {
        let mut failures: Vec<String> = self.missed.iter().map(Missed::to_string).collect();
        let kept = self.missed.len() as u64;
        if self.missed_total > kept {
            failures.push(format!("and {} more misses", self.missed_total - kept));
        }
        failures.extend(self.failures_but_misses());
        failures
    }

    /// What was done, in one line.
    pub fn summary(&self) -> String {
        let s = if self.requests == 1 { "" } else { "s" };
        let mut line = format!("{} request{s}, {} played", self.requests, self.played);
        let counts = [
            (self.passed, "passed on"),
            (self.missed_total, "missed"),
            (self.unused.len() as u64, "unused"),
            (self.refused_total, "refused"),
        ];
        for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
            line.push_str(&format!(", {count} {what}"));
        }
        if let Some(path) = &self.saved {
            line.push_str(&format!(", recorded to {}", path.display()));
        }
        line
    }

    /// What went wrong beside misses, which were told when they happened.
    pub(crate) fn failures_but_misses(&self) -> Vec<String> {
        let mut failures = Vec::new();
        failures.extend(self.unused.iter().map(Unused::to_string));
        failures.extend(self.problems.iter().cloned());
        if let Some(recorded) = &self.recorded {
            failures.extend(recorded.failures());
        }
        failures
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failures = self.failures();
        if !failures.is_empty() {
            return f.write_str(&failures.join("\n"));
        }
        f.write_str(&self.summary())
    }
}

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(scope) = &self.scope {
            write!(f, "scope {scope}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl fmt::Display for Unused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(scope) = &self.scope {
            write!(f, "scope {scope}: ")?;
        }
        write!(
            f,
            "{}:{}: interaction {} was not asked for: {} {}",
            self.tape.display(),
            self.line,
            self.interaction,
            self.method,
            self.target
        )?;
        match &self.summary {
            Some(summary) => write!(f, " ({summary})"),
            None => Ok(()),
        }
    }
}
