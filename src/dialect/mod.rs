//! Dialects: one provider's streaming wire each, in one static table.
//!
//! A dialect knows its routes, its framing, its closing marker and how a frame becomes steps of a
//! transcript. It is one file and one line in [`DIALECTS`]; the command line, detection, docs and
//! tests walk the table, and nothing else names a provider.

mod answer;
mod anthropic;
mod cohere;
mod fields;
mod flow;
mod gemini;
mod gemini_interactions;
mod ollama;
mod openai_chat;
mod responses;
mod write;

pub use answer::{Answer, AnswerReader, FoundBy, Opaque};
pub use write::error_body;
pub(crate) use write::{Marks, Message, Script, ScriptPart};

use std::fmt;

use crate::cassette::Request;
use crate::frame::{DEFAULT_LIMIT, Framing};
use serde_json::{Map, Value};

use crate::json::Raw;
use crate::transcript::{Assembler, Quirks, Reader, Setup};

/// Every dialect that rigtape reads.
pub static DIALECTS: &[&Dialect] = &[
    &openai_chat::OPENAI_CHAT,
    &responses::OPENAI_RESPONSES,
    &anthropic::ANTHROPIC_MESSAGES,
    &gemini::GEMINI,
    &gemini_interactions::GEMINI_INTERACTIONS,
    &cohere::COHERE_V2,
    &ollama::OLLAMA,
];

/// One provider's streaming wire.
pub struct Dialect {
    name: &'static str,
    /// The provider's name in the OpenTelemetry GenAI conventions.
    provider: &'static str,
    docs: &'static str,
    /// Framing of its streams.
    framing: Framing,
    /// Framing of a body whose first byte opens a JSON object or array.
    json_framing: fn(first: u8) -> Framing,
    /// Whether a stream has a closing marker.
    has_terminator: bool,
    quirks: Quirks,
    writing: &'static write::Writing,
    /// Whether a request belongs to it.
    claims: fn(&Request) -> bool,
    /// Whether a frame, by its event name and its JSON, can only be one of its own.
    recognises: fn(event: &str, data: Raw<'_>) -> bool,
    /// Asks for a stream, and for usage in it, in the body of a request.
    ask_to_stream: fn(&mut Map<String, Value>),
    /// A new reader, for a stream or for one whole message.
    reader: fn(streamed: bool) -> Box<dyn Reader>,
}

impl Dialect {
    /// The framing of its streams.
    pub(crate) fn framing(&self) -> Framing {
        self.framing
    }

    /// Its name in kebab case, `openai-chat`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Where its provider describes it.
    pub fn docs(&self) -> &'static str {
        self.docs
    }

    /// Its provider's name in the OpenTelemetry GenAI conventions (`gen_ai.provider.name`).
    pub fn provider(&self) -> &'static str {
        self.provider
    }

    /// The body of a request, made one for a streamed answer that reports its usage. What the
    /// caller had set stays.
    ///
    /// # Errors
    ///
    /// When `body` is no JSON object; the error says what it is.
    ///
    /// ```
    /// let chat = rigtape::dialect::by_name("openai-chat").unwrap();
    /// let body = serde_json::json!({"model": "m", "stream_options": {"include_obfuscation": false}});
    /// let body = chat.streaming_body(body).unwrap();
    /// assert_eq!(body["stream"], true);
    /// assert_eq!(body["stream_options"]["include_usage"], true);
    /// assert_eq!(body["stream_options"]["include_obfuscation"], false);
    /// ```
    pub fn streaming_body(&self, mut body: Value) -> Result<Value, &'static str> {
        let found = match &mut body {
            Value::Object(fields) => {
                (self.ask_to_stream)(fields);
                return Ok(body);
            }
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
        };
        Err(found)
    }

    /// Whether a request is one of this dialect, by its method, path and headers.
    pub fn claims(&self, request: &Request) -> bool {
        (self.claims)(request)
    }

    /// Whether a frame can only be one of this dialect, by its event name (empty where the framing
    /// has none) and its data.
    pub fn recognises(&self, event: &str, data: &str) -> bool {
        Raw::parse(data).is_ok_and(|data| (self.recognises)(event, data))
    }

    /// An assembler for a stream of this dialect.
    ///
    /// ```
    /// let chat = rigtape::dialect::by_name("openai-chat").unwrap();
    /// let mut assembler = chat.assembler();
    /// assembler.feed(b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},");
    /// assembler.feed(b"\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n");
    /// let transcript = assembler.finish();
    /// assert_eq!(transcript.text(), "Hi");
    /// assert!(transcript.is_clean());
    /// ```
    pub fn assembler(&self) -> Assembler {
        self.assembler_for(self.framing, DEFAULT_LIMIT)
    }

    /// An assembler for a body framed as `framing`; with [`Framing::Whole`] for one whole message.
    /// A frame longer than `frame_limit` bytes makes the transcript errored.
    pub fn assembler_for(&self, framing: Framing, frame_limit: usize) -> Assembler {
        Assembler::new(Setup {
            dialect: self.name,
            reader: (self.reader)(framing != Framing::Whole),
            framing,
            frame_limit,
            has_terminator: self.has_terminator,
            quirks: self.quirks,
        })
    }
}

impl fmt::Debug for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Dialect").field(&self.name).finish()
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}

impl PartialEq for Dialect {
    fn eq(&self, other: &Dialect) -> bool {
        self.name == other.name
    }
}

impl Eq for Dialect {}

/// The dialect of that name.
pub fn by_name(name: &str) -> Option<&'static Dialect> {
    DIALECTS.iter().copied().find(|d| d.name == name)
}

/// The dialect that claims a request; `None` when none does, or more than one.
pub fn by_request(request: &Request) -> Option<&'static Dialect> {
    the_only(|dialect| dialect.claims(request))
}

/// The dialect that recognises a frame; `None` when none does, or more than one.
fn by_frame(event: &str, data: Raw<'_>) -> Option<&'static Dialect> {
    the_only(|dialect| (dialect.recognises)(event, data))
}

fn the_only(fits: impl Fn(&Dialect) -> bool) -> Option<&'static Dialect> {
    let mut fitting = DIALECTS.iter().copied().filter(|dialect| fits(dialect));
    let first = fitting.next()?;
    fitting.next().is_none().then_some(first)
}
