//! What a response body means: a transcript where its route is known, else an opaque body.

use sha2::{Digest, Sha256};

use super::{Dialect, by_frame};
use crate::cassette::{Interaction, Request, Response};
use crate::frame::{DEFAULT_LIMIT, Frame, FrameKind, Framer, Framing};
use crate::json::{Json, Kind, Raw};
use crate::transcript::{Assembler, Delta, Transcript};

/// How many bytes of a stream are looked at to find its dialect before it counts as opaque.
const SNIFF_LIMIT: usize = 1 << 20;

/// What one response said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// An answer of a known route.
    Transcript(Transcript),
    /// Any other body: a model list, an image, an error page.
    Opaque(Opaque),
}

impl Answer {
    /// Reads what an interaction's response said; `None` when no response arrived.
    pub fn of(interaction: &Interaction) -> Option<Answer> {
        let response = interaction.response.as_ref()?;
        let mut reader = AnswerReader::new(&interaction.request, response);
        for chunk in &interaction.chunks {
            reader.feed(&chunk.bytes);
        }
        Some(reader.finish())
    }
}

/// A body that is no model's answer; shown by its size and digest.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Opaque {
    /// HTTP status; absent for a bare body.
    pub status: Option<u16>,
    /// The response's content type.
    pub content_type: Option<String>,
    /// Size of the body in bytes.
    pub bytes: u64,
    /// SHA-256 of the body, in lower-case hex.
    pub sha256: String,
}

/// How the dialect of a body was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FoundBy {
    /// The caller said so.
    Caller,
    /// The request's method, path and headers.
    Route,
    /// What the body's first frames say.
    Content,
}

impl std::fmt::Display for FoundBy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            FoundBy::Caller => "as asked for",
            FoundBy::Route => "by the request's route",
            FoundBy::Content => "by what its first frames say",
        })
    }
}

/// Reads one response body as it arrives, in any cut.
///
/// Whether the body is a stream, one whole message or neither is told by its head and its first
/// bytes: `{` and `[` open JSON, anything else is an event stream. Without a dialect the first
/// frames tell it.
///
/// ```
/// use rigtape::dialect::{Answer, AnswerReader};
///
/// let mut reader = AnswerReader::bare();
/// reader.feed(b"data: {\"object\":\"chat.completion.chunk\",\"choices\":[]}\n\n");
/// let Answer::Transcript(transcript) = reader.finish() else { panic!("a known stream") };
/// assert_eq!(transcript.dialect, "openai-chat");
/// ```
#[derive(Debug, Clone)]
pub struct AnswerReader {
    dialect: Option<&'static Dialect>,
    found_by: FoundBy,
    status: Option<u16>,
    content_type: Option<String>,
    /// The request or the head says that one whole message comes, no stream.
    is_whole: bool,
    state: State,
    bytes: u64,
    digest: Sha256,
}

#[derive(Debug, Clone)]
enum State {
    /// Nothing but white space so far, kept because it belongs to the first frame's place.
    Blank(Vec<u8>),
    /// An event stream whose dialect is not known yet.
    Sniffing {
        framer: Box<Framer>,
        seen: Vec<u8>,
    },
    Streaming(Box<Assembler>),
    /// JSON that is read when it is complete.
    Whole(Vec<u8>),
    Opaque,
}

impl AnswerReader {
    /// A reader for the body of `response`, the answer to `request`. The dialect is that of the
    /// request's route.
    pub fn new(request: &Request, response: &Response) -> AnswerReader {
        let content_type = response
            .headers
            .get("content-type")
            .map(|value| String::from_utf8_lossy(value).into_owned());
        let is_json = content_type
            .as_deref()
            .is_some_and(|content_type| essence(content_type) == "application/json");
        AnswerReader {
            dialect: super::by_request(request),
            found_by: FoundBy::Route,
            status: Some(response.status),
            is_whole: is_json || asks_for_whole(request),
            content_type,
            ..AnswerReader::bare()
        }
    }

    /// A reader for a bare body of which nothing is known.
    pub fn bare() -> AnswerReader {
        AnswerReader {
            dialect: None,
            found_by: FoundBy::Content,
            status: None,
            content_type: None,
            is_whole: false,
            state: State::Blank(Vec::new()),
            bytes: 0,
            digest: Sha256::new(),
        }
    }

    /// The same reader, with the dialect given instead of found.
    pub fn with_dialect(mut self, dialect: &'static Dialect) -> AnswerReader {
        self.dialect = Some(dialect);
        self.found_by = FoundBy::Caller;
        self
    }

    /// The dialect, as far as it is known by now.
    pub fn dialect(&self) -> Option<&'static Dialect> {
        self.dialect
    }

    /// How the dialect was found; meaningful once there is one.
    pub fn found_by(&self) -> FoundBy {
        self.found_by
    }

    /// How the body is framed, as far as it is known by now; `None` for an opaque one too.
    pub fn framing(&self) -> Option<Framing> {
        match &self.state {
            State::Streaming(assembler) => Some(assembler.framing()),
            State::Sniffing { .. } => Some(Framing::Sse),
            State::Whole(_) => Some(Framing::Whole),
            State::Blank(_) | State::Opaque => None,
        }
    }

    /// Takes the next bytes of the body.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.feed_with(bytes, &mut |_| {});
    }

    /// Takes the next bytes of the body and shows each step they lead to.
    pub fn feed_with(&mut self, bytes: &[u8], observe: &mut dyn FnMut(Delta<'_>)) {
        if let State::Streaming(assembler) = &mut self.state {
            assembler.feed_with(bytes, observe);
            return;
        }
        self.take(bytes, observe);
        // Only an opaque body is shown by its digest, and an answer's stream never becomes one.
        if !matches!(self.state, State::Streaming(_)) {
            self.bytes += bytes.len() as u64;
            self.digest.update(bytes);
        }
    }

    fn take(&mut self, bytes: &[u8], observe: &mut dyn FnMut(Delta<'_>)) {
        match &mut self.state {
            State::Blank(blank) => {
                blank.extend_from_slice(bytes);
                let body = std::mem::take(blank);
                self.open(body, observe);
            }
            State::Sniffing { framer, seen } => {
                seen.extend_from_slice(bytes);
                let found = sniff(framer, bytes);
                self.settle(found, observe);
            }
            State::Whole(body) => {
                body.extend_from_slice(bytes);
                if body.len() > DEFAULT_LIMIT {
                    self.state = State::Opaque;
                }
            }
            State::Streaming(_) | State::Opaque => {}
        }
    }

    /// Ends the body.
    pub fn finish(self) -> Answer {
        self.finish_with(&mut |_| {})
    }

    /// Ends the body and shows the steps that only its end brings.
    pub fn finish_with(mut self, observe: &mut dyn FnMut(Delta<'_>)) -> Answer {
        let transcript = match std::mem::replace(&mut self.state, State::Opaque) {
            State::Streaming(assembler) => Some(assembler.finish_with(observe)),
            State::Whole(body) => self.read_whole(&body, observe),
            State::Blank(_) => self.read_nothing(),
            State::Sniffing { .. } | State::Opaque => None,
        };
        transcript.map_or_else(|| self.into_opaque(), Answer::Transcript)
    }

    /// Decides by the first bytes that are not white space.
    fn open(&mut self, body: Vec<u8>, observe: &mut dyn FnMut(Delta<'_>)) {
        if !self.may_be_answer() {
            self.state = State::Opaque;
            return;
        }
        let text = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&body);
        let first = text.iter().find(|b| !b.is_ascii_whitespace());
        self.state = match (first, self.dialect) {
            (None, _) if body.len() < SNIFF_LIMIT => State::Blank(body),
            (None, _) => State::Opaque,
            (Some(b @ (b'{' | b'[')), Some(dialect)) => match (dialect.json_framing)(*b) {
                Framing::Whole => State::Whole(body),
                Framing::NdJson if self.is_whole => State::Whole(body),
                framing => self.stream(dialect, framing, &body, observe),
            },
            (Some(b'{' | b'['), None) => State::Whole(body),
            (Some(_), Some(dialect)) => self.stream(dialect, dialect.framing, &body, observe),
            (Some(_), None) => {
                let mut framer = Box::new(Framer::new(Framing::Sse));
                let found = sniff(&mut framer, &body);
                self.state = State::Sniffing { framer, seen: body };
                self.settle(found, observe);
                return;
            }
        };
    }

    fn stream(
        &self,
        dialect: &'static Dialect,
        framing: Framing,
        body: &[u8],
        observe: &mut dyn FnMut(Delta<'_>),
    ) -> State {
        let mut assembler = self.assembler(dialect, framing);
        assembler.feed_with(body, observe);
        State::Streaming(Box::new(assembler))
    }

    fn assembler(&self, dialect: &'static Dialect, framing: Framing) -> Assembler {
        let assembler = dialect.assembler_for(framing, DEFAULT_LIMIT);
        match self.status {
            Some(status) => assembler.with_status(status),
            None => assembler,
        }
    }

    fn settle(&mut self, found: Option<&'static Dialect>, observe: &mut dyn FnMut(Delta<'_>)) {
        let State::Sniffing { seen, .. } = &mut self.state else {
            return;
        };
        if let Some(dialect) = found {
            let body = std::mem::take(seen);
            self.dialect = Some(dialect);
            self.found_by = FoundBy::Content;
            self.state = self.stream(dialect, dialect.framing, &body, observe);
        } else if seen.len() > SNIFF_LIMIT {
            self.state = State::Opaque;
        }
    }

    /// Whether the content type leaves room for an answer; many gateways send none or a wrong one,
    /// so only types that are plainly something else are ruled out.
    fn may_be_answer(&self) -> bool {
        let Some(content_type) = &self.content_type else {
            return true;
        };
        let essence = essence(content_type);
        let failed = self.status.is_some_and(|status| status >= 400);
        essence.is_empty()
            || (essence == "text/plain" && !failed)
            || essence.contains("event-stream")
            || essence.contains("json")
    }

    fn read_whole(
        &mut self,
        body: &[u8],
        observe: &mut dyn FnMut(Delta<'_>),
    ) -> Option<Transcript> {
        let text = String::from_utf8_lossy(body);
        let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text);
        let raw = Raw::parse(text).ok();
        if self.dialect.is_none() {
            let whole = raw.and_then(|raw| by_frame("", raw));
            self.dialect = whole.or_else(|| sniff_json(text));
            self.found_by = FoundBy::Content;
        }
        let dialect = self.dialect?;
        let first = text.trim_start().bytes().next().unwrap_or_default();
        match (dialect.json_framing)(first) {
            Framing::Whole => {}
            Framing::NdJson if raw.is_some() => {}
            framing => {
                let mut assembler = self.assembler(dialect, framing);
                assembler.feed_with(body, observe);
                return Some(assembler.finish_with(observe));
            }
        }
        let mut assembler = self.assembler(dialect, Framing::Whole);
        assembler.feed(body);
        assembler.finish_if_recognised(observe).or_else(|| {
            // A known route failed in a form of its own (FastAPI's `detail`, for one).
            let error = raw.filter(|raw| raw.kind() == Kind::Object)?;
            self.status.filter(|status| *status >= 400)?;
            let mut assembler = self.assembler(dialect, Framing::Whole);
            assembler.fail(Json::from_raw(error), observe);
            Some(assembler.finish())
        })
    }

    /// A body without a byte on a known route is a stream cut before its first.
    fn read_nothing(&self) -> Option<Transcript> {
        let dialect = self.dialect?;
        Some(self.assembler(dialect, dialect.framing).finish())
    }

    fn into_opaque(self) -> Answer {
        let digest = self.digest.finalize();
        Answer::Opaque(Opaque {
            status: self.status,
            content_type: self.content_type,
            bytes: self.bytes,
            sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        })
    }
}

/// Looks at the events that `bytes` complete for one that tells its dialect.
fn sniff(framer: &mut Framer, bytes: &[u8]) -> Option<&'static Dialect> {
    let mut input = bytes;
    while let Ok(Some(frame)) = framer.next(&mut input) {
        if let Some(dialect) = tell(&frame, |dialect| dialect.framing == Framing::Sse) {
            return Some(dialect);
        }
    }
    None
}

/// Looks into JSON that is no whole message for the elements of an array, or lines, of a dialect
/// that streams so.
fn sniff_json(text: &str) -> Option<&'static Dialect> {
    let first = text.trim_start().bytes().next()?;
    let framing = match first {
        b'[' => Framing::JsonArray,
        _ => Framing::NdJson,
    };
    let mut framer = Framer::new(framing);
    let mut input = text.as_bytes();
    while let Ok(Some(frame)) = framer.next(&mut input) {
        let fits = |dialect: &Dialect| (dialect.json_framing)(first) == framing;
        if let Some(dialect) = tell(&frame, fits) {
            return Some(dialect);
        }
    }
    None
}

fn tell(frame: &Frame<'_>, fits: impl Fn(&Dialect) -> bool) -> Option<&'static Dialect> {
    let (name, data) = match &frame.kind {
        FrameKind::Event(event) => (event.name, event.data?),
        FrameKind::Json(text) => ("", *text),
        FrameKind::Comment(_) => return None,
    };
    by_frame(name, Raw::parse(data).ok()?).filter(|dialect| fits(dialect))
}

/// The content type without its parameters, in lower case.
fn essence(content_type: &str) -> String {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

/// Whether the body of a request says `"stream":false`.
fn asks_for_whole(request: &Request) -> bool {
    let body = std::str::from_utf8(request.body.as_bytes()).unwrap_or_default();
    Raw::parse(body)
        .ok()
        .and_then(|body| body.get("stream"))
        .is_some_and(|stream| stream.text() == "false")
}
