//! What a client made of a run.

use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde::Serialize;

/// What a client did in one run, beside the undisturbed one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Outcome {
    /// It succeeded and said the same.
    Same,
    /// It succeeded and said something else.
    Other,
    /// It reported a failure.
    Failed,
    /// It was killed by a signal, or panicked.
    Crashed,
    /// It did not end in time.
    Hung,
}

impl Outcome {
    /// All of them, in the order of a report's columns.
    pub const ALL: [Outcome; 5] = [
        Outcome::Same,
        Outcome::Other,
        Outcome::Failed,
        Outcome::Crashed,
        Outcome::Hung,
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Same => "same",
            Outcome::Other => "other",
            Outcome::Failed => "failed",
            Outcome::Crashed => "crashed",
            Outcome::Hung => "hung",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a run says about its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Verdict {
    /// It did right.
    Passed,
    /// It did wrong.
    Convicted,
    /// Nobody can say what is right.
    Reported,
    /// It never asked for the answer that was to go wrong.
    NotStruck,
}

impl Verdict {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Passed => "passed",
            Verdict::Convicted => "convicted",
            Verdict::Reported => "reported",
            Verdict::NotStruck => "not-struck",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What one run of a client came to.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) output: Output,
    pub(crate) ended: Ended,
}

/// How a client ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    Success,
    /// With a failure of its own, in words.
    Failure(String),
    /// By force, in words.
    Crash(String),
    Hung,
}

impl Ended {
    /// In words, for people.
    pub(crate) fn words(&self) -> String {
        match self {
            Ended::Success => "it succeeded".to_owned(),
            Ended::Failure(what) | Ended::Crash(what) => what.clone(),
            Ended::Hung => "it did not end in time".to_owned(),
        }
    }
}

/// What a client said: as much as is shown, and a digest of all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Output {
    shown: Vec<u8>,
    bytes: u64,
    digest: u64,
}

/// Writes down an output in bounded memory.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    shown: Vec<u8>,
    bytes: u64,
    hasher: DefaultHasher,
}

/// Bytes of an output that are kept for people.
const MAX_SHOWN: usize = 64 << 10;

impl Heard {
    pub(crate) fn hear(&mut self, bytes: &[u8]) {
        let room = MAX_SHOWN - self.shown.len();
        self.shown
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.bytes += bytes.len() as u64;
        // Byte by byte, so that it does not matter in which pieces they came.
        for byte in bytes {
            byte.hash(&mut self.hasher);
        }
    }

    pub(crate) fn output(self) -> Output {
        Output {
            shown: self.shown,
            bytes: self.bytes,
            digest: self.hasher.finish(),
        }
    }
}

impl Output {
    pub(crate) fn of(text: &str) -> Output {
        let mut heard = Heard::default();
        heard.hear(text.as_bytes());
        heard.output()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.shown).into_owned()
    }

    /// Where this output and another part, in words.
    pub(super) fn difference(&self, other: &Output) -> String {
        let (one, two) = (self.text(), other.text());
        let pairs = one.chars().zip(two.chars());
        let same = pairs.take_while(|(one, two)| one == two).count();
        if same == one.chars().count() && same == two.chars().count() {
            let (one, two) = (self.bytes, other.bytes);
            return format!("{one} bytes became {two}, and differ behind the first {MAX_SHOWN}");
        }
        let around = |text: &str| -> String {
            let from = same.saturating_sub(20);
            let cut: String = text.chars().skip(from).take(60).collect();
            let dots = |wanted: bool| if wanted { "…" } else { "" };
            let (front, back) = (dots(from > 0), dots(text.chars().count() > from + 60));
            format!("`{front}{cut}{back}`")
        };
        format!("{} became {}", around(&one), around(&two))
    }
}
