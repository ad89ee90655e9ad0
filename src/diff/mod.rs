//! What changed in meaning between two recordings.
//!
//! Two recordings of one conversation never have the same bytes: ids, times and chunk borders are
//! new each time. What is compared here is what was asked and what was said: the request, the parts
//! of the answer, tool calls by JSON path, usage, finish, ending and violations. Times stand beside
//! it and never make a difference by themselves.
//!
//! Ids that providers make up are *aligned*: one that stands in every place where the other
//! recording has another counts as the same, and one that does not is a difference, because it links
//! to something else. [`Options::ids`] compares their letters too.
//!
//! ```
//! use rigtape::cassette::Cassette;
//! use rigtape::diff::{self, Heard, Options};
//!
//! # let root = concat!(env!("CARGO_MANIFEST_DIR"), "/cassettes/openai-chat/");
//! let hear = |name: &str| -> Result<Vec<Heard>, rigtape::cassette::Error> {
//!     let tape = Cassette::open(format!("{root}{name}"))?;
//!     tape.interactions().map(|one| Ok(Heard::of(&one?))).collect()
//! };
//! let diff = diff::tapes(&hear("a.jsonl")?, &hear("b.jsonl")?, &Options::default());
//! let paths = diff.differences().filter_map(|difference| difference.path.as_deref());
//! assert_eq!(paths.collect::<Vec<_>>(), ["$.days"]);
//! # Ok::<(), rigtape::cassette::Error>(())
//! ```

mod align;
mod heard;
mod ids;
mod meaning;
mod value;
mod words;

use serde::Serialize;

use crate::json::Json;
use ids::Ids;

pub use heard::{Heard, Listener, Timing};
pub use words::{Op, Word};

/// How two recordings are compared.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Options {
    /// Compare the letters of ids that providers make up, instead of what they link.
    pub ids: bool,
}

impl Options {
    /// The same options, with ids compared by their letters when `ids` says so.
    pub fn ids(mut self, ids: bool) -> Options {
        self.ids = ids;
        self
    }
}

/// Compares two tapes. Interactions are paired by number where both tapes have the same numbers,
/// else by what they ask, in order.
pub fn tapes(a: &[Heard], b: &[Heard], options: &Options) -> TapeDiff {
    let mut ids = Ids::new(options.ids);
    let mut diff = TapeDiff::default();
    let (mut next_a, mut next_b) = (0, 0);
    let ends = [(a.len(), b.len())];
    for (of_a, of_b) in align::pairs(a, b).into_iter().chain(ends) {
        diff.only_a.extend(a[next_a..of_a].iter().map(Lone::of));
        diff.only_b.extend(b[next_b..of_b].iter().map(Lone::of));
        if let (Some(of_a), Some(of_b)) = (a.get(of_a), b.get(of_b)) {
            let pair = meaning::compare(of_a, of_b, &mut ids);
            diff.interactions.push(pair);
        }
        (next_a, next_b) = (of_a + 1, of_b + 1);
    }
    diff.ids_aligned = ids.aligned();
    diff
}

/// What changed from tape `a` to tape `b`.
#[derive(Debug, Clone, Default, Serialize)]
#[non_exhaustive]
pub struct TapeDiff {
    /// The interactions that were compared, in the order of `a`.
    pub interactions: Vec<Pair>,
    /// Interactions of `a` that `b` has no counterpart for.
    pub only_a: Vec<Lone>,
    /// Interactions of `b` that `a` has no counterpart for.
    pub only_b: Vec<Lone>,
    /// How many ids differ in their letters and link the same.
    pub ids_aligned: usize,
}

impl TapeDiff {
    /// Whether both say the same.
    pub fn is_same(&self) -> bool {
        self.only_a.is_empty() && self.only_b.is_empty() && self.differences().next().is_none()
    }

    /// All differences between paired interactions.
    pub fn differences(&self) -> impl Iterator<Item = &Difference> {
        self.interactions.iter().flat_map(|pair| &pair.differences)
    }

    /// How many differences there are, interactions without counterpart included.
    pub fn count(&self) -> usize {
        self.differences().count() + self.only_a.len() + self.only_b.len()
    }
}

/// An interaction that only one tape has.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Lone {
    /// Its number.
    pub interaction: u64,
    /// Method of its request; empty for a bare body.
    pub method: String,
    /// Target of its request; empty for a bare body.
    pub target: String,
}

impl Lone {
    fn of(heard: &Heard) -> Lone {
        let request = heard.request.as_ref();
        Lone {
            interaction: heard.interaction,
            method: request.map_or_else(String::new, |request| request.method.clone()),
            target: request.map_or_else(String::new, |request| request.target.clone()),
        }
    }
}

/// Two interactions that were compared.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Pair {
    /// Number of the one on tape `a`.
    pub a: u64,
    /// Number of the one on tape `b`.
    pub b: u64,
    /// Method of the request on tape `a`; empty for a bare body.
    pub method: String,
    /// Target of the request on tape `a`; empty for a bare body.
    pub target: String,
    /// What changed in meaning.
    pub differences: Vec<Difference>,
    /// Times on tape `a`.
    pub timing_a: Timing,
    /// Times on tape `b`.
    pub timing_b: Timing,
}

/// One thing that changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Difference {
    /// What kind of thing.
    pub aspect: Aspect,
    /// Where, in words: `choice 0, part 1 (text)`, `header accept`.
    #[serde(rename = "where")]
    pub place: String,
    /// Path in the JSON that stands there, `$.days`. Behind a bar begins the JSON inside a string:
    /// `$.arguments|$.city`.
    pub path: Option<String>,
    /// What `a` has; `None` when it has nothing there.
    pub a: Option<Json>,
    /// What `b` has; `None` when it has nothing there.
    pub b: Option<Json>,
    /// For texts: the words of both, in order.
    pub words: Option<Vec<Word>>,
}

/// The kinds of [`Difference`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Aspect {
    /// What was asked.
    Request,
    /// Status, dialect, model, or whether there is an answer at all.
    Response,
    /// A body that is no model's answer.
    Body,
    /// Text, reasoning, a refusal, or a part of another kind.
    Part,
    /// A tool call: its name or its arguments.
    ToolCall,
    /// Why a choice ended.
    Finish,
    /// Token counts.
    Usage,
    /// Whether the turn, the stream and the body came to their end.
    Ending,
    /// The error on the wire.
    Error,
    /// What the wire did that its protocol forbids.
    Violations,
}

impl Aspect {
    /// The word for it, in snake case.
    pub fn as_str(self) -> &'static str {
        match self {
            Aspect::Request => "request",
            Aspect::Response => "response",
            Aspect::Body => "body",
            Aspect::Part => "part",
            Aspect::ToolCall => "tool_call",
            Aspect::Finish => "finish",
            Aspect::Usage => "usage",
            Aspect::Ending => "ending",
            Aspect::Error => "error",
            Aspect::Violations => "violations",
        }
    }
}
