//! Policies: how a tape is played, as pure adapters over an iterator of timed chunks.
//!
//! [`Rechunk`] says in what pieces a body comes, [`Timing`] when each piece does. Neither sleeps
//! nor looks at a clock: a policy maps recorded offsets to offsets, and whoever plays the result
//! (the `replay` module, on tokio's clock) waits for them.
//!
//! ```
//! use rigtape::Offset;
//! use rigtape::policy::{Policy, Rechunk, TimedChunk, Timing};
//!
//! let tape = [
//!     TimedChunk::new(Offset::from_micros(400), "data: 1\n\nda"),
//!     TimedChunk::new(Offset::from_micros(900), "ta: 2\n\n"),
//! ];
//! let policy = Policy::new().timing("2x".parse()?).rechunk(Rechunk::Frame);
//! let played: Vec<TimedChunk> = policy.apply(tape).collect();
//! assert_eq!(
//!     played,
//!     [
//!         TimedChunk::new(Offset::from_micros(200), "data: 1\n\n"),
//!         TimedChunk::new(Offset::from_micros(450), "data: 2\n\n"),
//!     ]
//! );
//! # Ok::<(), rigtape::policy::ParsePolicyError>(())
//! ```

use std::convert::Infallible;
use std::fmt;

use bytes::Bytes;

use crate::Offset;
use crate::cassette::{Chunk, Headers, Interaction};
use fault::{Ending, Fault, NotApplicable, Performance};
use timing::Clock;

pub mod fault;
mod rechunk;
mod rng;
mod timing;

pub use rechunk::Rechunk;
pub use timing::{Speed, Timing};

use rechunk::Cutter;

/// How a tape is played: in what pieces, when, and what goes wrong.
///
/// The body is cut first and timed second, so a fixed gap or a ceiling on gaps holds between the
/// pieces that the client sees; a recording without chunk borders can be played one frame every
/// 20 ms. The default plays the recorded chunks at once.
///
/// Without faults a policy changes neither the bytes nor their order: the pieces, joined, are the
/// recorded body, and they are played in bounded memory. Faults come last, one after the other, and
/// need the interaction whole in memory: see [`Policy::perform`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Policy {
    /// When the pieces come.
    pub timing: Timing,
    /// In what pieces the body comes.
    pub rechunk: Rechunk,
    /// What goes wrong, in this order.
    pub faults: Vec<Fault>,
}

impl Policy {
    /// The default policy: recorded chunks, at once.
    pub fn new() -> Policy {
        Policy::default()
    }

    /// This policy with another timing.
    #[must_use]
    pub fn timing(mut self, timing: Timing) -> Policy {
        self.timing = timing;
        self
    }

    /// This policy with other pieces.
    #[must_use]
    pub fn rechunk(mut self, rechunk: Rechunk) -> Policy {
        self.rechunk = rechunk;
        self
    }

    /// This policy with one fault more, behind those it has.
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Policy {
        self.faults.push(fault);
        self
    }

    /// What a client meets when `interaction` is played, faults included.
    ///
    /// # Errors
    ///
    /// [`NotApplicable`] when a fault means nothing on this tape.
    pub fn perform(&self, interaction: &Interaction) -> Result<Performance, NotApplicable> {
        fault::apply(interaction, self.stage(interaction), &self.faults)
    }

    /// What is played before anything goes wrong.
    fn stage(&self, interaction: &Interaction) -> Performance {
        let recorded = interaction.response.as_ref();
        let at = recorded.map_or(Offset::ZERO, |head| head.at);
        let chunks = interaction.chunks.iter().map(TimedChunk::from);
        let mut play = self.play(at, chunks.map(Ok::<_, Infallible>));
        let at = play.head();
        let chunks: Vec<TimedChunk> = play.by_ref().map(|Ok(piece)| piece).collect();
        let last = chunks.last().map_or(at, |last| last.at);
        let end = interaction.end.as_ref();
        Performance {
            head: recorded.map(|head| {
                let mut head = head.clone();
                head.at = at;
                head.headers = of_this_transfer(&head.headers);
                head
            }),
            end_at: end.map_or(last, |end| play.end(end.at)),
            chunks,
            ending: Ending::Recorded,
            recorded: end.cloned(),
            sets_retry_after: false,
        }
    }

    /// The pieces of a body alone and when they are played; its faults are left aside.
    ///
    /// Lazy, and in bounded memory: what is held back is at most one piece (so with
    /// [`Rechunk::Whole`] the body).
    pub fn apply<I>(&self, chunks: I) -> impl Iterator<Item = TimedChunk> + use<I>
    where
        I: IntoIterator,
        I::Item: Into<TimedChunk>,
    {
        let chunks = chunks
            .into_iter()
            .map(|chunk| Ok::<_, Infallible>(chunk.into()));
        self.playing(chunks).map(|Ok(piece)| piece)
    }

    /// Plays an interaction without its policy's faults: its head, recorded at `head`, then its chunks, then its end.
    ///
    /// An error of `chunks` comes after all bytes that were read before it, and is the last item.
    pub fn play<I, E>(&self, head: Offset, chunks: I) -> Play<I::IntoIter, E>
    where
        I: IntoIterator<Item = Result<TimedChunk, E>>,
    {
        let mut play = self.playing(chunks);
        play.head = play.clock.place(head);
        play
    }

    fn playing<I, E>(&self, chunks: I) -> Play<I::IntoIter, E>
    where
        I: IntoIterator<Item = Result<TimedChunk, E>>,
    {
        Play {
            head: Offset::ZERO,
            clock: Clock::new(self.timing),
            borders_stay: self.rechunk == Rechunk::Recorded,
            cutter: Cutter::new(self.rechunk),
            chunks: Some(chunks.into_iter()),
            failure: None,
        }
    }
}

/// The headers without those that describe a transfer which is over.
fn of_this_transfer(headers: &Headers) -> Headers {
    const OVER: [&str; 3] = ["content-length", "transfer-encoding", "content-encoding"];
    let kept = headers.iter().filter(|(name, _)| !OVER.contains(name));
    kept.map(|(name, value)| (name, value.clone())).collect()
}

/// Bytes of a body and when they come, in microseconds since the request was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimedChunk {
    /// When the bytes come.
    pub at: Offset,
    /// The bytes.
    pub bytes: Bytes,
}

impl TimedChunk {
    /// `bytes` that come at `at`.
    pub fn new(at: Offset, bytes: impl Into<Bytes>) -> TimedChunk {
        TimedChunk {
            at,
            bytes: bytes.into(),
        }
    }
}

impl From<Chunk> for TimedChunk {
    fn from(chunk: Chunk) -> TimedChunk {
        TimedChunk::new(chunk.at, chunk.bytes)
    }
}

impl From<&Chunk> for TimedChunk {
    /// Shares the bytes, copies none.
    fn from(chunk: &Chunk) -> TimedChunk {
        TimedChunk::new(chunk.at, chunk.bytes.clone())
    }
}

/// The pieces of one interaction under a policy; made by [`Policy::play`].
#[derive(Debug)]
pub struct Play<I, E> {
    head: Offset,
    clock: Clock,
    borders_stay: bool,
    cutter: Cutter,
    /// Taken away at its end or first error, so that this iterator is fused.
    chunks: Option<I>,
    /// What ended `chunks`, until the bytes before it are played.
    failure: Option<E>,
}

impl<I, E> Play<I, E> {
    /// When the response head is played.
    pub fn head(&self) -> Offset {
        self.head
    }

    /// When an end recorded at `at` is played; to be asked once, after the last piece.
    pub fn end(&mut self, at: Offset) -> Offset {
        self.clock.place(at)
    }
}

impl<I, E> Iterator for Play<I, E>
where
    I: Iterator<Item = Result<TimedChunk, E>>,
{
    type Item = Result<TimedChunk, E>;

    fn next(&mut self) -> Option<Result<TimedChunk, E>> {
        loop {
            if !self.borders_stay
                && let Some(piece) = self.cutter.next_piece()
            {
                let at = self.clock.place(piece.at);
                return Some(Ok(TimedChunk { at, ..piece }));
            }
            let Some(chunks) = &mut self.chunks else {
                return self.failure.take().map(Err);
            };
            match chunks.next() {
                // A recorded border is no cut: nothing is held back, nothing joined.
                Some(Ok(chunk)) if self.borders_stay => {
                    if !chunk.bytes.is_empty() {
                        let at = self.clock.place(chunk.at);
                        return Some(Ok(TimedChunk { at, ..chunk }));
                    }
                }
                Some(Ok(chunk)) => self.cutter.push(chunk),
                ended => {
                    self.failure = ended.and_then(Result::err);
                    self.chunks = None;
                    self.cutter.finish();
                }
            }
        }
    }
}

/// A policy's spelling that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParsePolicyError {
    /// No timing of this name.
    #[error("unknown timing `{found}`: expected one of {}", Listed(&Timing::WORDS))]
    Timing {
        /// What was given.
        found: String,
    },
    /// A factor that is no number or out of range.
    #[error("speed `{found}`: expected a factor from 0.000001x to 1000000x, such as `2x`")]
    Speed {
        /// What was given.
        found: String,
    },
    /// A gap that is no duration.
    #[error("`{word}={found}`: expected whole microseconds with their unit, such as `{word}=20ms`")]
    Gap {
        /// The timing's name.
        word: &'static str,
        /// What was given.
        found: String,
    },
    /// No rechunking of this name.
    #[error("unknown rechunk `{found}`: expected one of {}", Listed(&Rechunk::WORDS))]
    Rechunk {
        /// What was given.
        found: String,
    },
    /// A seed or size that is no number of its range.
    #[error("`{word}={found}`: expected {expected}")]
    Number {
        /// The rechunking's name.
        word: &'static str,
        /// What was given.
        found: String,
        /// The range, in words.
        expected: &'static str,
    },
}

/// A closed list of words for people: `` `a`, `b` ``.
struct Listed<'a>(&'a [&'a str]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, word) in self.0.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}`{word}`")?;
        }
        Ok(())
    }
}
