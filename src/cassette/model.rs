use std::fmt;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::Headers;
use crate::Offset;

/// One line of a cassette.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Record {
    /// The first line.
    Header(Header),
    /// A request: opens an interaction.
    Request(Request),
    /// The head of a response.
    Response(Response),
    /// A piece of a response body.
    Chunk(Chunk),
    /// How an interaction ended: closes it.
    End(End),
    /// A line of a kind this version does not know (a remark, for one), kept as written.
    Other(Box<RawValue>),
}

impl Record {
    /// Number of the interaction that the line belongs to; none for a header or an unknown kind.
    pub fn interaction(&self) -> Option<u64> {
        match self {
            Record::Request(request) => Some(request.interaction),
            Record::Response(response) => Some(response.interaction),
            Record::Chunk(chunk) => Some(chunk.interaction),
            Record::End(end) => Some(end.interaction),
            Record::Header(_) | Record::Other(_) => None,
        }
    }

    /// A remark, `{"comment":"…"}`: the format has no other comment syntax.
    pub fn comment(text: &str) -> Record {
        let mut line = b"{\"comment\":".to_vec();
        super::payload::write_str(&mut line, text);
        line.push(b'}');
        // Escaping leaves valid JSON in UTF-8; should it ever not, an empty remark harms nobody.
        let raw = String::from_utf8(line)
            .ok()
            .and_then(|line| RawValue::from_string(line).ok());
        Record::Other(raw.unwrap_or_default())
    }
}

impl From<Header> for Record {
    fn from(header: Header) -> Record {
        Record::Header(header)
    }
}

impl From<Request> for Record {
    fn from(request: Request) -> Record {
        Record::Request(request)
    }
}

impl From<Response> for Record {
    fn from(response: Response) -> Record {
        Record::Response(response)
    }
}

impl From<Chunk> for Record {
    fn from(chunk: Chunk) -> Record {
        Record::Chunk(chunk)
    }
}

impl From<End> for Record {
    fn from(end: End) -> Record {
        Record::End(end)
    }
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
    /// What the tape shows, for people.
    pub title: Option<String>,
    /// Written by hand, never seen on a wire.
    pub synthetic: bool,
    /// Chunk borders and times are not the wire's (an import): `"timing":"unknown"`.
    pub timing_unknown: bool,
    /// Matching rules (key `match`), as written.
    pub rules: Option<Box<RawValue>>,
    /// Keys this version does not know.
    pub extra: Extra,
}

impl Header {
    /// A header that names this crate as the creator and says nothing else.
    pub fn new() -> Header {
        Header {
            creator: Some(concat!("rigtape/", env!("CARGO_PKG_VERSION")).to_owned()),
            ..Header::default()
        }
    }
}

/// The request of an interaction.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Request {
    /// Number of the interaction, unique within the tape.
    pub interaction: u64,
    /// When it was sent, counted from the cassette's start within one recording run.
    pub at: Offset,
    /// Wall time, RFC 3339.
    pub started: Option<String>,
    /// The method as sent, `POST`.
    pub method: String,
    /// What the client asked for: path and query.
    pub target: String,
    /// Where it went; absent in imports that do not know.
    pub url: Option<String>,
    /// The header fields that were recorded.
    pub headers: Headers,
    /// Names of headers that were left out.
    pub dropped: Vec<String>,
    /// The whole body.
    pub body: Body,
    /// Keys this version does not know.
    pub extra: Extra,
}

impl Request {
    /// A request without headers and body, sent at the cassette's start.
    pub fn new(interaction: u64, method: impl Into<String>, target: impl Into<String>) -> Request {
        Request {
            interaction,
            at: Offset::ZERO,
            started: None,
            method: method.into(),
            target: target.into(),
            url: None,
            headers: Headers::new(),
            dropped: Vec::new(),
            body: Body::Absent,
            extra: Extra::new(),
        }
    }
}

/// The response head of an interaction.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Response {
    /// Number of the interaction.
    pub interaction: u64,
    /// When the head arrived.
    pub at: Offset,
    /// Status code, 100 to 999.
    pub status: u16,
    /// `HTTP/1.1`, `HTTP/2`.
    pub version: Option<String>,
    /// How the body was delimited on the wire.
    pub framing: Option<Framing>,
    /// The header fields that were recorded.
    pub headers: Headers,
    /// Names of headers that were left out.
    pub dropped: Vec<String>,
    /// Content codings that were undone before the body was stored, in the wire's order.
    pub decoded: Vec<String>,
    /// Keys this version does not know.
    pub extra: Extra,
}

impl Response {
    /// A response head without headers.
    pub fn new(interaction: u64, at: Offset, status: u16) -> Response {
        Response {
            interaction,
            at,
            status,
            version: None,
            framing: None,
            headers: Headers::new(),
            dropped: Vec::new(),
            decoded: Vec::new(),
            extra: Extra::new(),
        }
    }
}

/// How the body was delimited on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Framing {
    /// `transfer-encoding: chunked`, or an HTTP/2 stream without a content length.
    Chunked,
    /// `content-length`.
    Length,
    /// The connection's close.
    Close,
}

impl Framing {
    /// The word on the tape.
    pub const fn as_str(self) -> &'static str {
        match self {
            Framing::Chunked => "chunked",
            Framing::Length => "length",
            Framing::Close => "close",
        }
    }

    pub(super) fn from_word(word: &str) -> Option<Framing> {
        [Framing::Chunked, Framing::Length, Framing::Close]
            .into_iter()
            .find(|framing| framing.as_str() == word)
    }
}

/// One non-empty piece of a body, as it arrived.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Chunk {
    /// Number of the interaction.
    pub interaction: u64,
    /// When it arrived.
    pub at: Offset,
    /// The bytes, after transfer decoding; at least one.
    pub bytes: Bytes,
    /// Ranges that hold placeholders instead of what was on the wire.
    pub redacted: Vec<Redacted>,
    /// Notes of the line's fourth and later elements that this version does not know.
    pub extra: Vec<Box<RawValue>>,
}

impl Chunk {
    /// A chunk without notes.
    pub fn new(interaction: u64, at: Offset, bytes: impl Into<Bytes>) -> Chunk {
        Chunk {
            interaction,
            at,
            bytes: bytes.into(),
            redacted: Vec::new(),
            extra: Vec::new(),
        }
    }
}

/// Bytes of a chunk that were masked by a placeholder of the same length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redacted {
    /// First masked byte of the chunk.
    pub offset: usize,
    /// How many bytes are masked.
    pub length: usize,
    /// Number of the placeholder; one secret has one number within a cassette.
    pub placeholder: u64,
}

/// How an interaction ended.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct End {
    /// Number of the interaction.
    pub interaction: u64,
    /// When it ended.
    pub at: Offset,
    /// The word for how.
    pub how: How,
    /// How many chunks the tape holds of it.
    pub chunks: Option<u64>,
    /// How many body bytes the tape holds of it.
    pub bytes: Option<u64>,
    /// What went wrong, in words; never with a secret.
    pub detail: Option<String>,
    /// Trailer fields.
    pub trailers: Headers,
    /// Keys this version does not know.
    pub extra: Extra,
}

impl End {
    /// An end without counts, detail and trailers.
    pub fn new(interaction: u64, at: Offset, how: How) -> End {
        End {
            interaction,
            at,
            how,
            chunks: None,
            bytes: None,
            detail: None,
            trailers: Headers::new(),
            extra: Extra::new(),
        }
    }
}

/// The word for how a body ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum How {
    /// The body came to its own end.
    Complete,
    /// The connection closed early.
    Eof,
    /// The connection was reset.
    Reset,
    /// A time limit passed.
    Timeout,
    /// The client left.
    Cancelled,
    /// No response head came.
    Failed,
    /// Any other error of the wire.
    Error,
    /// The recorder gave up, or died; the stream may have gone on.
    Lost,
    /// A word this version does not know; read as failed.
    Other(String),
}

impl How {
    const WORDS: [(&'static str, How); 8] = [
        ("complete", How::Complete),
        ("eof", How::Eof),
        ("reset", How::Reset),
        ("timeout", How::Timeout),
        ("cancelled", How::Cancelled),
        ("failed", How::Failed),
        ("error", How::Error),
        ("lost", How::Lost),
    ];

    /// The word on the tape.
    pub fn as_str(&self) -> &str {
        match self {
            How::Complete => "complete",
            How::Eof => "eof",
            How::Reset => "reset",
            How::Timeout => "timeout",
            How::Cancelled => "cancelled",
            How::Failed => "failed",
            How::Error => "error",
            How::Lost => "lost",
            How::Other(word) => word,
        }
    }
}

impl From<&str> for How {
    fn from(word: &str) -> How {
        How::WORDS
            .into_iter()
            .find_map(|(known, how)| (known == word).then_some(how))
            .unwrap_or_else(|| How::Other(word.to_owned()))
    }
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Body of a request.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Body {
    /// No body.
    #[default]
    Absent,
    /// One JSON value, embedded verbatim.
    Json(Box<RawValue>),
    /// Any other bytes (written as a string when valid UTF-8, else base64).
    Bytes(Bytes),
}

impl Body {
    /// The form in which `bytes` stand on a tape: embedded when they are one JSON value without
    /// line breaks or outer white space, absent when there are none.
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Body {
        let bytes = bytes.into();
        if bytes.is_empty() {
            return Body::Absent;
        }
        match Body::embedded(&bytes) {
            Some(raw) => Body::Json(raw),
            None => Body::Bytes(bytes),
        }
    }

    /// The exact bytes of the body; none when it is absent.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Body::Absent => &[],
            Body::Json(raw) => raw.get().as_bytes(),
            Body::Bytes(bytes) => bytes,
        }
    }

    /// The body parsed as JSON.
    ///
    /// # Errors
    ///
    /// When the body is not JSON (an absent one is not), or not a `T`.
    pub fn json<'a, T: serde::Deserialize<'a>>(&'a self) -> serde_json::Result<T> {
        serde_json::from_slice(self.as_bytes())
    }

    fn embedded(bytes: &[u8]) -> Option<Box<RawValue>> {
        if memchr::memchr2(b'\n', b'\r', bytes).is_some() {
            return None;
        }
        let raw: &RawValue = serde_json::from_slice(bytes).ok()?;
        (raw.get().len() == bytes.len()).then(|| raw.to_owned())
    }
}
