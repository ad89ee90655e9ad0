//! Whether a tape can be trusted: the laws of reading, held at every cut, and what the decoder
//! inside most Rust clients makes of it.
//!
//! The laws are those of `docs/architecture.md`: the same bytes say the same however they are cut,
//! nothing that was said is lost, an error is no success, and nothing panics. They hold for every
//! body; a breach is a fault of rigtape, and the tape that shows it is worth a report. The counts in
//! a tape's `end` are held against the tape itself.
//!
//! ```
//! use rigtape::cassette::Cassette;
//! use rigtape::verify::{self, Options};
//!
//! # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/cassettes/openai-chat/utf8_split.jsonl");
//! let tape = Cassette::open(path)?;
//! for interaction in tape.interactions() {
//!     let checked = verify::interaction(&interaction?, &Options::default());
//!     assert!(checked.breaches.is_empty());
//!     assert!(checked.cuts > 0);
//! }
//! # Ok::<(), rigtape::cassette::Error>(())
//! ```

#[cfg(feature = "verify")]
mod clients;
mod cuts;
mod laws;

use crate::cassette::Interaction;
use crate::dialect::{Answer, AnswerReader};

#[cfg(feature = "verify")]
pub use clients::{Client, ClientBreak, Trouble, clients};

/// How thoroughly a body is cut.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Options {
    /// Where the sample of cuts begins; the same seed gives the same cuts everywhere.
    pub seed: u64,
    /// Cut at every byte whatever the size; time grows with the square of it.
    pub exhaustive: bool,
}

impl Options {
    /// The same options, with another sample of cuts.
    pub fn seed(mut self, seed: u64) -> Options {
        self.seed = seed;
        self
    }

    /// The same options; with `exhaustive`, every body is cut at every byte.
    pub fn exhaustive(mut self, exhaustive: bool) -> Options {
        self.exhaustive = exhaustive;
        self
    }
}

/// What the check of one interaction came to.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Checked {
    /// What its response said; `None` when none arrived.
    pub answer: Option<Answer>,
    /// How many different cuts its body was read in.
    pub cuts: u64,
    /// Whether every byte was among them.
    pub every_byte: bool,
    /// The laws it breaks.
    pub breaches: Vec<Breach>,
}

/// A law that a tape breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Breach {
    /// Another cut of the same bytes says something else.
    #[error("read {how}, the body says something else: please report this tape")]
    Cut {
        /// The cut, in words.
        how: String,
    },
    /// The steps and the transcript disagree.
    #[error(
        "choice {choice}: the steps and the transcript disagree about {what}: please report this tape"
    )]
    Conservation {
        /// Index of the choice.
        choice: u64,
        /// About what.
        what: &'static str,
    },
    /// An error on the wire, and yet no errored ending.
    #[error("the wire sent an error, and the answer counts as {ending}: please report this tape")]
    Ending {
        /// The ending.
        ending: &'static str,
    },
    /// Reading panicked.
    #[error("reading it panicked: please report this tape")]
    Panic,
    /// The tape's own count is another one.
    #[error("its end says {said} {what}, the tape holds {held}: lines were lost or edited")]
    Count {
        /// Of what.
        what: &'static str,
        /// What the end says.
        said: u64,
        /// What the tape holds.
        held: u64,
    },
}

/// Holds one interaction against the laws.
pub fn interaction(interaction: &Interaction, options: &Options) -> Checked {
    let mut checked = Checked {
        answer: None,
        cuts: 0,
        every_byte: true,
        breaches: counts(interaction),
    };
    let Some(head) = &interaction.response else {
        return checked;
    };
    let reader = AnswerReader::new(&interaction.request, head);
    let read = std::panic::AssertUnwindSafe(|| laws::hold(interaction, &reader, options));
    match std::panic::catch_unwind(read) {
        Ok(held) => {
            checked.answer = Some(held.answer);
            (checked.cuts, checked.every_byte) = (held.cuts, held.every_byte);
            checked.breaches.extend(held.breaches);
        }
        Err(_) => checked.breaches.push(Breach::Panic),
    }
    checked
}

fn counts(of: &Interaction) -> Vec<Breach> {
    let Some(end) = &of.end else {
        return Vec::new();
    };
    let bytes = of.chunks.iter().map(|chunk| chunk.bytes.len() as u64).sum();
    let held = [
        ("chunks", end.chunks, of.chunks.len() as u64),
        ("bytes", end.bytes, bytes),
    ];
    held.into_iter()
        .filter_map(|(what, said, held)| {
            let said = said.filter(|said| *said != held)?;
            Some(Breach::Count { what, said, held })
        })
        .collect()
}
