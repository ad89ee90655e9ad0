//! In what pieces a tape's body is played.

use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

use bytes::{Bytes, BytesMut};

use super::rng::Rng;
use super::{ParsePolicyError, TimedChunk};
use crate::frame::{DEFAULT_LIMIT, Framer, Framing};

/// In what pieces a body is played.
///
/// Only borders move: the pieces, joined, are the recorded body. A piece comes when the recorded
/// chunk that carried its last byte came, so no byte is ever early.
///
/// The command line's spelling is what [`FromStr`] reads and [`Display`](fmt::Display) writes:
///
/// ```
/// use rigtape::policy::Rechunk;
///
/// assert_eq!("seed=7".parse(), Ok(Rechunk::Seed(7)));
/// assert_eq!(Rechunk::Whole.to_string(), "whole");
/// assert!("size=0".parse::<Rechunk>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Rechunk {
    /// `recorded`: the chunks of the tape.
    #[default]
    Recorded,
    /// `frame`: one frame each, its delimiter included; what stands between two frames goes with
    /// the second, what stands after the last is a piece of its own. The body's first byte that is
    /// not white space tells what its frames are: `[` a JSON array's elements, `{` lines of JSON,
    /// anything else server-sent events. Where more than 16 MiB hold no end of a frame, they and
    /// all that follows are played in the chunks of the tape.
    Frame,
    /// `byte`: one byte each.
    Byte,
    /// `seed=7`: sizes drawn from a seed, between 1 and 255 bytes, a single byte as likely as a
    /// size from 128 up. The cuts of a seed are the same on every machine and in every version.
    Seed(u64),
    /// `size=100`: this many bytes each; the last may be shorter.
    Size(NonZeroUsize),
    /// `whole`: the body as one piece, when its last chunk came. It is the one rechunking that
    /// holds the whole body in memory.
    Whole,
}

impl Rechunk {
    /// The spellings that [`FromStr`] reads, one example each.
    pub const WORDS: [&'static str; 6] =
        ["recorded", "frame", "byte", "seed=7", "size=100", "whole"];
}

impl FromStr for Rechunk {
    type Err = ParsePolicyError;

    fn from_str(text: &str) -> Result<Rechunk, ParsePolicyError> {
        if let Some(value) = text.strip_prefix("seed=") {
            return parse_number(
                "seed",
                value,
                "a whole number from 0 to 18446744073709551615",
            )
            .map(Rechunk::Seed);
        }
        if let Some(value) = text.strip_prefix("size=") {
            return parse_number("size", value, "a whole number of bytes, at least 1")
                .map(Rechunk::Size);
        }
        match text {
            "recorded" => Ok(Rechunk::Recorded),
            "frame" => Ok(Rechunk::Frame),
            "byte" => Ok(Rechunk::Byte),
            "whole" => Ok(Rechunk::Whole),
            _ => Err(ParsePolicyError::Rechunk {
                found: text.to_owned(),
            }),
        }
    }
}

fn parse_number<N: FromStr>(
    word: &'static str,
    value: &str,
    expected: &'static str,
) -> Result<N, ParsePolicyError> {
    value.parse().map_err(|_| ParsePolicyError::Number {
        word,
        found: value.to_owned(),
        expected,
    })
}

impl fmt::Display for Rechunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rechunk::Recorded => f.write_str("recorded"),
            Rechunk::Frame => f.write_str("frame"),
            Rechunk::Byte => f.write_str("byte"),
            Rechunk::Seed(seed) => write!(f, "seed={seed}"),
            Rechunk::Size(size) => write!(f, "size={size}"),
            Rechunk::Whole => f.write_str("whole"),
        }
    }
}

/// Moves the borders of a body: chunks in, pieces out.
#[derive(Debug)]
pub(super) struct Cutter {
    cuts: Cuts,
    /// Chunks that came and whose bytes are not all given out yet.
    held: VecDeque<TimedChunk>,
    /// Bytes given out so far: the position in the body of the first byte of `held`.
    given: u64,
    /// Bytes that came so far: the position after the last byte of `held`.
    came: u64,
    finished: bool,
}

impl Cutter {
    pub(super) fn new(rechunk: Rechunk) -> Cutter {
        Cutter {
            cuts: Cuts::new(rechunk),
            held: VecDeque::new(),
            given: 0,
            came: 0,
            finished: false,
        }
    }

    pub(super) fn push(&mut self, chunk: TimedChunk) {
        if chunk.bytes.is_empty() {
            return;
        }
        self.came += chunk.bytes.len() as u64;
        self.cuts.feed(&chunk.bytes);
        self.held.push_back(chunk);
    }

    /// No more chunks: what is left is the last piece.
    pub(super) fn finish(&mut self) {
        self.finished = true;
    }

    /// The next piece; `None` when it needs more chunks.
    pub(super) fn next_piece(&mut self) -> Option<TimedChunk> {
        let front = self.held.front()?.bytes.len() as u64;
        match self.cuts.after(self.given, front) {
            Some(cut) if cut <= self.came => {
                self.cuts.pass();
                self.take(cut)
            }
            _ if self.finished => self.take(self.came),
            _ => None,
        }
    }

    /// Everything up to `cut`, as one piece.
    fn take(&mut self, cut: u64) -> Option<TimedChunk> {
        let mut parts: Vec<Bytes> = Vec::new();
        while let Some(front) = self.held.front_mut() {
            let wanted = usize::try_from(cut.saturating_sub(self.given)).unwrap_or(usize::MAX);
            let at = front.at;
            let last = if front.bytes.len() > wanted {
                front.bytes.split_to(wanted)
            } else {
                self.held.pop_front()?.bytes
            };
            self.given += last.len() as u64;
            if self.given < cut {
                parts.push(last);
                continue;
            }
            return Some(TimedChunk::new(at, joined(parts, last)));
        }
        None
    }
}

fn joined(parts: Vec<Bytes>, last: Bytes) -> Bytes {
    if parts.is_empty() {
        return last;
    }
    let mut whole =
        BytesMut::with_capacity(parts.iter().map(Bytes::len).sum::<usize>() + last.len());
    for part in parts.iter().chain([&last]) {
        whole.extend_from_slice(part);
    }
    whole.freeze()
}

/// Where a body is to be cut.
#[derive(Debug)]
enum Cuts {
    Recorded,
    Frames(Frames),
    Sizes { next: u64, sizes: Sizes },
    Never,
}

impl Cuts {
    fn new(rechunk: Rechunk) -> Cuts {
        let mut sizes = match rechunk {
            Rechunk::Recorded => return Cuts::Recorded,
            Rechunk::Frame => return Cuts::Frames(Frames::new()),
            Rechunk::Whole => return Cuts::Never,
            Rechunk::Byte => Sizes::Same(1),
            Rechunk::Size(size) => Sizes::Same(size.get() as u64),
            Rechunk::Seed(seed) => Sizes::Drawn(Rng::new(seed)),
        };
        let next = sizes.next();
        Cuts::Sizes { next, sizes }
    }

    /// Looks at a body's next bytes before they are cut.
    fn feed(&mut self, bytes: &Bytes) {
        if let Cuts::Frames(frames) = self {
            frames.feed(bytes);
        }
    }

    /// Position of the next cut, when `given` bytes are given out and the chunk that holds the
    /// next byte has `front` left.
    fn after(&self, given: u64, front: u64) -> Option<u64> {
        match self {
            Cuts::Recorded => Some(given + front),
            Cuts::Frames(frames) => frames.after(given, front),
            Cuts::Sizes { next, .. } => Some(*next),
            Cuts::Never => None,
        }
    }

    /// The next cut was made.
    fn pass(&mut self) {
        match self {
            Cuts::Frames(frames) => {
                frames.ends.pop_front();
            }
            Cuts::Sizes { next, sizes } => *next = next.saturating_add(sizes.next()),
            Cuts::Recorded | Cuts::Never => {}
        }
    }
}

#[derive(Debug)]
enum Sizes {
    Same(u64),
    Drawn(Rng),
}

impl Sizes {
    fn next(&mut self) -> u64 {
        match self {
            Sizes::Same(size) => *size,
            // Three bits choose one of eight powers of two, the low bits a size from there to the
            // next: small sizes are as frequent as large ones, which is what finds parser bugs.
            Sizes::Drawn(rng) => {
                let drawn = rng.next_u64();
                let power = 1 << (drawn >> 61);
                power + drawn % power
            }
        }
    }
}

/// Where the frames of a body end.
#[derive(Debug)]
struct Frames {
    reading: Reading,
    /// Positions in the body at which the next pieces end, rising.
    ends: VecDeque<u64>,
    last: u64,
    came: u64,
}

#[derive(Debug)]
enum Reading {
    /// Nothing but white space so far: this.
    Blank(Vec<Bytes>),
    Framed(Box<Framer>),
    /// No frame ended within the ceiling: the rest is played in the chunks of the tape.
    Unframed,
}

impl Frames {
    fn new() -> Frames {
        Frames {
            reading: Reading::Blank(Vec::new()),
            ends: VecDeque::new(),
            last: 0,
            came: 0,
        }
    }

    fn feed(&mut self, bytes: &Bytes) {
        self.came += bytes.len() as u64;
        match &mut self.reading {
            Reading::Blank(blank) => {
                let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
                if let Some(first) = first {
                    let blank = std::mem::take(blank);
                    self.reading = Reading::Framed(Box::new(Framer::new(framing(*first))));
                    for bytes in blank.iter().chain([bytes]) {
                        self.frame(bytes);
                    }
                } else {
                    blank.push(bytes.clone());
                }
            }
            Reading::Framed(_) => self.frame(bytes),
            Reading::Unframed => {}
        }
        // Blank lines without end are no frame, so the framer bears them for ever.
        if self.came - self.last > DEFAULT_LIMIT as u64 {
            self.reading = Reading::Unframed;
        }
    }

    fn frame(&mut self, mut bytes: &[u8]) {
        while let Reading::Framed(framer) = &mut self.reading {
            match framer.next(&mut bytes) {
                // A comment inside an SSE block ends before the block: ends rise all the same.
                Ok(Some(frame)) if frame.span.end > self.last => {
                    self.last = frame.span.end;
                    self.ends.push_back(self.last);
                }
                Ok(Some(_)) => {}
                Ok(None) => return,
                Err(_) => self.reading = Reading::Unframed,
            }
        }
    }

    /// Position of the next cut; arguments as for [`Cuts::after`].
    fn after(&self, given: u64, front: u64) -> Option<u64> {
        match (self.ends.front(), &self.reading) {
            (Some(end), _) => Some(*end),
            (None, Reading::Unframed) => Some(given + front),
            (None, _) => None,
        }
    }
}

fn framing(first: u8) -> Framing {
    match first {
        b'[' => Framing::JsonArray,
        b'{' => Framing::NdJson,
        _ => Framing::Sse,
    }
}
