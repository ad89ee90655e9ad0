use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use crate::redact::{Finding, InteractionRedactor, Kind};

/// What a recording came to, as data: tapes, counts, and everything that went wrong.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Report {
    /// One entry a tape, in the order in which they were opened.
    pub tapes: Vec<TapeReport>,
    /// Requests that a proxy answered itself, with the reason; the first 20.
    pub refused: Vec<String>,
    /// How many requests a proxy answered itself.
    pub refused_total: u64,
    /// What the writer did not get to the disk in time, in words.
    pub unfinished: Option<String>,
}

impl Report {
    /// Interactions on all tapes.
    pub fn interactions(&self) -> u64 {
        self.tapes.iter().map(|tape| tape.interactions).sum()
    }

    /// Whether everything that passed is on the tapes, and no secret was found on them.
    pub fn is_complete(&self) -> bool {
        self.unfinished.is_none() && self.tapes.iter().all(TapeReport::is_complete)
    }

    /// Everything that went wrong, one sentence each; empty for a complete recording.
    pub fn failures(&self) -> Vec<String> {
        let mut failures: Vec<String> = Vec::new();
        for tape in &self.tapes {
            failures.extend(tape.failure());
            failures.extend(tape.audited());
        }
        failures.extend(self.unfinished.clone());
        failures
    }
}

/// What one tape came to.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct TapeReport {
    /// The file; absent when the tape went to a writer of the caller's.
    pub path: Option<PathBuf>,
    /// Interactions begun in this run.
    pub interactions: u64,
    /// Interactions of this run that have an `end` other than `lost` on the tape.
    pub ended: u64,
    /// Chunk lines written.
    pub chunks: u64,
    /// Body bytes on those lines.
    pub bytes: u64,
    /// Interactions that are not, or not whole, on the tape.
    pub lost: Vec<Lost>,
    /// What the disk said when it failed.
    pub error: Option<String>,
    /// Secrets in what the interactions of this run say once their pieces are joined.
    pub findings: Vec<Finding>,
    /// Where the tape stands now, when findings moved it: `NAME.rejected.jsonl`.
    pub rejected: Option<PathBuf>,
    /// Why the tape could not be audited, or not be moved.
    pub audit_error: Option<String>,
    pub(super) redactors: BTreeMap<u64, InteractionRedactor>,
}

impl TapeReport {
    /// Secrets in `text`, which was assembled from an interaction of this run: a key that came in
    /// two deltas is whole only there. The request's own credentials are looked for too.
    pub fn audit(&self, interaction: u64, text: &str) -> Vec<Finding> {
        let redactor = self.redactors.get(&interaction);
        redactor
            .map(|redactor| redactor.audit_text(text))
            .unwrap_or_default()
    }

    fn is_complete(&self) -> bool {
        self.lost.is_empty()
            && self.error.is_none()
            && self.findings.is_empty()
            && self.audit_error.is_none()
    }

    fn name(&self) -> String {
        self.path
            .as_ref()
            .map_or("the tape".into(), |path| path.display().to_string())
    }

    /// What the audit found and where the tape went, without a word of the secret.
    fn audited(&self) -> Option<String> {
        let name = self.name();
        let Some(first) = self.findings.first() else {
            let error = self.audit_error.as_ref()?;
            return Some(format!("{name} could not be audited for secrets: {error}"));
        };
        let more = match self.findings.len() - 1 {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        let (stands, tape) = match (&self.rejected, &self.audit_error) {
            (Some(to), _) => (
                format!("it was moved to {}", to.display()),
                to.display().to_string(),
            ),
            (None, Some(error)) => (format!("IT IS STILL THERE: {error}"), name.clone()),
            (None, None) => ("it is still there".to_owned(), name.clone()),
        };
        let unknown = self.findings.iter().any(|f| f.kind == Kind::Credential);
        let variable = if unknown {
            " --env VARIABLE, with the credential in that variable,"
        } else {
            ""
        };
        Some(format!(
            "{name} holds a secret, spelled over several pieces of the stream; {stands}\n  \
             {first}{more}\n  `rigtape redact {tape}`{variable} masks it; then move the tape to its \
             name, or record it again"
        ))
    }

    fn failure(&self) -> Option<String> {
        let name = self.name();
        let lost = match self.lost.as_slice() {
            [] => None,
            [one] => Some(format!(
                "interaction {} is not whole: {}",
                one.interaction, one.detail
            )),
            [first, ..] => Some(format!(
                "{} of {} interactions are not whole (the first is {}: {})",
                self.lost.len(),
                self.interactions,
                first.interaction,
                first.detail
            )),
        };
        match (&self.error, lost) {
            (None, None) => None,
            (Some(error), None) => Some(format!("{name}: {error}")),
            (None, Some(lost)) => Some(format!("{name}: {lost}")),
            (Some(error), Some(_)) => Some(format!(
                "{name}: {error}; {} of {} interactions are not whole",
                self.lost.len(),
                self.interactions
            )),
        }
    }
}

/// An interaction that the recorder could not keep whole.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lost {
    /// Its number on the tape.
    pub interaction: u64,
    /// Why, in words.
    pub detail: String,
}

/// Counters of a recording that is under way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Interactions begun.
    pub interactions: u64,
    /// Interactions whose body still runs.
    pub open: u64,
    /// Chunks that arrived.
    pub chunks: u64,
    /// Body bytes that arrived.
    pub bytes: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failures = self.failures();
        if failures.is_empty() {
            return write!(f, "{} interactions recorded", self.interactions());
        }
        f.write_str(&failures.join("\n"))
    }
}
