//! Cassettes: the file format, version 1, and its in-memory model.

use bytes::Bytes;
use serde_json::value::RawValue;

use crate::Offset;

/// One line of a cassette.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Record {
    Header(Header),
    Request(Request),
    Response(Response),
    Chunk(Chunk),
    End(End),
    /// A line of a kind this version does not know (a remark, for one), kept as written.
    Other(Box<RawValue>),
}

/// Keys this version does not know, in the order in which they stood, values as written.
pub type Extra = Vec<(String, Box<RawValue>)>;

/// First line of a cassette.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Header {
    /// When recording began, RFC 3339.
    pub created: Option<String>,
    /// Program and version that wrote the tape, `rigtape/0.1.0`.
    pub creator: Option<String>,
    pub title: Option<String>,
    /// Written by hand, never seen on a wire.
    pub synthetic: bool,
    /// Chunk borders and times are not the wire's (an import): `"timing":"unknown"`.
    pub timing_unknown: bool,
    /// Matching rules, as written.
    pub rules: Option<Box<RawValue>>,
    pub extra: Extra,
}

/// The request of an interaction.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Request {
    pub interaction: u64,
    /// When it was sent, counted from the cassette's start within one recording run.
    pub at: Offset,
    /// Wall time, RFC 3339.
    pub started: Option<String>,
    pub method: String,
    /// What the client asked for: path and query.
    pub target: String,
    /// Where it went; absent in imports that do not know.
    pub url: Option<String>,
    pub headers: Headers,
    /// Names of headers that were left out.
    pub dropped: Vec<String>,
    pub body: Body,
    pub extra: Extra,
}

/// The response head of an interaction.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Response {
    pub interaction: u64,
    pub at: Offset,
    pub status: u16,
    /// `HTTP/1.1`, `HTTP/2`.
    pub version: Option<String>,
    pub framing: Option<Framing>,
    pub headers: Headers,
    pub dropped: Vec<String>,
    /// Content codings that were undone before the body was stored.
    pub decoded: Vec<String>,
    pub extra: Extra,
}

/// How the body was delimited on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Framing {
    Chunked,
    Length,
    Close,
}

/// One non-empty piece of a body, as it arrived.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Chunk {
    pub interaction: u64,
    pub at: Offset,
    pub bytes: Bytes,
    /// Ranges that hold placeholders instead of what was on the wire.
    pub redacted: Vec<Redacted>,
    /// Notes of the line's fourth and later elements that this version does not know.
    pub extra: Vec<Box<RawValue>>,
}

/// Bytes of a chunk that were masked by a placeholder of the same length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redacted {
    pub offset: usize,
    pub length: usize,
    pub placeholder: u64,
}

/// How an interaction ended.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct End {
    pub interaction: u64,
    pub at: Offset,
    pub how: How,
    pub chunks: Option<u64>,
    pub bytes: Option<u64>,
    /// What went wrong, in words; never with a secret.
    pub detail: Option<String>,
    pub trailers: Headers,
    pub extra: Extra,
}

/// The word for how a body ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum How {
    Complete,
    Eof,
    Reset,
    Timeout,
    Cancelled,
    Failed,
    Error,
    Lost,
    /// A word this version does not know; read as failed.
    Other(String),
}

/// Header fields: lower-case names, order and duplicates kept, values as bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, Bytes)>);

/// Body of a request.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Body {
    #[default]
    Absent,
    /// One JSON value, embedded verbatim.
    Json(Box<RawValue>),
    /// Any other bytes (written as a string when valid UTF-8, else base64).
    Bytes(Bytes),
}

/// One interaction with all its lines.
#[derive(Debug, Clone)]
pub struct Interaction {
    pub request: Request,
    pub response: Option<Response>,
    pub chunks: Vec<Chunk>,
    pub end: Option<End>,
}
