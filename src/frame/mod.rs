//! Framing: bytes in, frames out, sans-IO.
//!
//! A [`Framer`] is handed the bytes of a body in whatever cut they arrive and gives back [`Frame`]s. It reads no socket,
//! spawns nothing and never looks at what a message means. Three things hold for every framing:
//!
//! - The same bytes give the same frames, with the same numbers and spans, however they are cut.
//! - A byte is scanned once: time is linear in the body, memory bounded by the ceiling on one frame.
//! - Whatever the bytes are, nothing panics, and invalid UTF-8 becomes U+FFFD as the Encoding Standard says.

mod array;
mod encode;
mod lines;
mod ndjson;
mod sse;
mod whole;

use std::ops::Range;

use array::Array;
use ndjson::NdJson;
use sse::Sse;
use whole::Whole;

/// Ceiling on the size of one frame unless [`Framer::with_limit`] says otherwise: 16 MiB.
pub const DEFAULT_LIMIT: usize = 16 << 20;

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// How a wire delimits its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Framing {
    /// Server-sent events (WHATWG HTML, section 9.2).
    Sse,
    /// One JSON value a line.
    NdJson,
    /// One JSON array whose elements are the messages.
    JsonArray,
    /// The whole body is one message.
    Whole,
}

/// Finds the frames of one body in bytes that come in any cut.
///
/// ```
/// use rigtape::frame::{FrameKind, Framer, Framing, Last};
///
/// let mut framer = Framer::new(Framing::Sse);
/// let mut said = Vec::new();
/// for chunk in [&b"data: one\n\nda"[..], b"ta: two\r", b"\n\r\ndata: thr"] {
///     let mut input = chunk;
///     while let Some(frame) = framer.next(&mut input)? {
///         if let FrameKind::Event(event) = frame.kind {
///             said.push((frame.number, event.data.unwrap_or_default().to_owned()));
///         }
///     }
/// }
/// assert_eq!(said, [(1, "one".to_owned()), (2, "two".to_owned())]);
///
/// // The third event never ended: the standard dispatches nothing, but it can be looked at.
/// let Some(Last::Torn(frame)) = framer.finish() else { panic!("a torn block") };
/// assert!(frame.holds_data());
/// # Ok::<(), rigtape::frame::FrameError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Framer {
    machine: Machine,
    failed: Option<FrameError>,
}

impl Framer {
    /// A framer with the default ceiling, [`DEFAULT_LIMIT`].
    pub fn new(framing: Framing) -> Self {
        Self::with_limit(framing, DEFAULT_LIMIT)
    }

    /// A framer that holds at most about `limit` bytes of one frame.
    ///
    /// Counted are the bytes of the frame's lines or text; an SSE field that the standard does not know counts 64 bytes
    /// more, for what it costs to keep.
    pub fn with_limit(framing: Framing, limit: usize) -> Self {
        let machine = match framing {
            Framing::Sse => Machine::Sse(Sse::new(limit)),
            Framing::NdJson => Machine::NdJson(NdJson::new(limit)),
            Framing::JsonArray => Machine::Array(Array::new(limit)),
            Framing::Whole => Machine::Whole(Whole::new(limit)),
        };
        Self {
            machine,
            failed: None,
        }
    }

    /// Takes bytes from the front of `input` until a frame is complete; `None` when the input is used up first.
    ///
    /// The frame borrows from `input` where it lies in it whole, else from the framer.
    ///
    /// # Errors
    ///
    /// [`FrameError::TooLong`] when a frame passes the ceiling. The framer stays failed: each later call gives the same
    /// error and leaves `input` alone.
    pub fn next<'s, 'i: 's>(
        &'s mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<Frame<'s>>, FrameError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let next = match &mut self.machine {
            Machine::Sse(machine) => machine.next(input),
            Machine::NdJson(machine) => machine.next(input),
            Machine::Array(machine) => machine.next(input),
            Machine::Whole(machine) => machine.next(input),
        };
        next.inspect_err(|error| self.failed = Some(*error))
    }

    /// What the end of the input leaves; call it until it gives `None`.
    ///
    /// Feeding bytes afterwards is harmless, but what comes of it means nothing.
    pub fn finish(&mut self) -> Option<Last<'_>> {
        if self.failed.is_some() {
            return None;
        }
        match &mut self.machine {
            Machine::Sse(machine) => machine.finish(),
            Machine::NdJson(machine) => machine.finish(),
            Machine::Array(machine) => machine.finish(),
            Machine::Whole(machine) => machine.finish(),
        }
    }

    /// The last event id of an SSE stream as the last complete block left it; empty for every other framing.
    pub fn last_event_id(&self) -> &str {
        match &self.machine {
            Machine::Sse(machine) => machine.last_event_id(),
            _ => "",
        }
    }

    /// The reconnection time in milliseconds that an SSE stream last set.
    pub fn reconnection_time(&self) -> Option<u64> {
        match &self.machine {
            Machine::Sse(machine) => machine.reconnection_time(),
            _ => None,
        }
    }
}

#[derive(Debug, Clone)]
enum Machine {
    Sse(Sse),
    NdJson(NdJson),
    Array(Array),
    Whole(Whole),
}

/// One framed message, borrowed from the framer or its input until the next call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Frame<'a> {
    /// Number of the frame in its stream; the first is 1. Comments count.
    pub number: u64,
    /// Where it stands in the body, in bytes.
    ///
    /// An SSE event reaches from its first field line to the end of its blank line, an SSE comment or NDJSON line to the
    /// end of its line, an array element from its first byte to its last. A comment inside a block lies inside the
    /// event's span. The LF of an SSE line end CR LF belongs to it, unless the line end before was not CR LF: such a
    /// line ends at its CR, because the frame is not kept waiting for an LF that may never come.
    pub span: Range<u64>,
    /// Whether its text held bytes that are not UTF-8; U+FFFD stands in their place.
    pub lossy: bool,
    /// What it is.
    pub kind: FrameKind<'a>,
}

impl Frame<'_> {
    /// Whether it carries any message data: an event's data or a JSON text that is not empty.
    pub fn holds_data(&self) -> bool {
        match &self.kind {
            FrameKind::Event(event) => event.data.is_some_and(|data| !data.is_empty()),
            FrameKind::Comment(_) => false,
            FrameKind::Json(text) => !text.is_empty(),
        }
    }
}

/// What a frame is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameKind<'a> {
    /// One block of an SSE stream.
    Event(Event<'a>),
    /// A comment line of an SSE stream, without its colon; handed on when its line ends, before the block it stands in.
    Comment(&'a str),
    /// One JSON text: an NDJSON line, an array element or a whole body. Whether it is valid is for the reader to see.
    Json(&'a str),
}

/// One block of an SSE stream.
///
/// A block of blank lines and comments alone is no event; any other is, even without data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event<'a> {
    /// Value of the last `event` field; empty when there was none.
    pub name: &'a str,
    /// The data, lines joined by LF. `None` when the block had no `data` field: the standard then
    /// dispatches nothing.
    pub data: Option<&'a str>,
    /// Value of the last valid `id` field of this block.
    pub id: Option<&'a str>,
    /// The stream's last event id as it stands at this event.
    pub last_event_id: &'a str,
    /// Reconnection time in milliseconds that this block set.
    pub retry: Option<u64>,
    /// Fields the standard does not know, in order.
    pub unknown: &'a [Field],
}

/// A field of an SSE block that the standard does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// What stands before the first colon, or the whole line.
    pub name: String,
    /// What stands after it, less one leading space.
    pub value: String,
}

/// What the end of the input left in the framer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Last<'a> {
    /// A frame that only the end could complete.
    Frame(Frame<'a>),
    /// The incomplete rest, read as far as it goes, with the number it would have had. It is not a frame of the
    /// stream: its id and its reconnection time were not taken over.
    Torn(Frame<'a>),
}

/// Why a body cannot be framed any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A frame passed the ceiling.
    #[error(
        "frame {frame} is longer than the ceiling of {limit} bytes (passed at byte {at} of the body)"
    )]
    TooLong {
        /// Number of the frame.
        frame: u64,
        /// First byte of the body that was too much.
        at: u64,
        /// The ceiling in bytes.
        limit: usize,
    },
}

/// The text of `bytes`, and whether they were not UTF-8; it is built in `scratch` then.
fn text<'t>(bytes: &'t [u8], scratch: &'t mut String) -> (&'t str, bool) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (text, false),
        Err(_) => {
            scratch.clear();
            push_lossy(scratch, bytes);
            (scratch, true)
        }
    }
}

fn push_lossy(out: &mut String, bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return out.push_str(text);
    }
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            out.push(char::REPLACEMENT_CHARACTER);
        }
    }
}
