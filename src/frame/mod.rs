//! Framing: bytes in, frames out, sans-IO.

use std::ops::Range;

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

/// One framed message, borrowed from the decoder until the next call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Frame<'a> {
    /// Number of the frame in its stream; the first is 1. Comments count.
    pub number: u64,
    /// Where it stands in the body, in bytes, its delimiter included.
    pub span: Range<u64>,
    pub kind: FrameKind<'a>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameKind<'a> {
    Event(Event<'a>),
    /// A comment line of an SSE stream, without its colon.
    Comment(&'a str),
    /// One JSON text: an NDJSON line, an array element or a whole body.
    Json(&'a str),
}

/// One block of an SSE stream.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    pub name: String,
    pub value: String,
}
