//! What a server of a dialect would write: the other direction of the readers.

use bytes::Bytes;

use super::Dialect;
use crate::frame::{Event, FrameKind, Framing};
use crate::json::{Json, object};

/// How one dialect's servers write.
pub(crate) struct Writing {
    /// The body of an error answer with that status.
    pub error_body: fn(status: u16, message: &str) -> Json,
    /// The error inside a stream whose status was a success.
    pub error_event: fn(message: &str) -> Message,
    /// Where things stand in its frames.
    pub marks: Marks,
    /// Path and query of a request for `model`.
    pub target: fn(model: &str, streamed: bool) -> String,
    /// The content type of a stream.
    pub stream_type: &'static str,
    /// The finish reason of an answer that comes to its end.
    pub finish: fn(has_calls: bool) -> &'static str,
    /// Whether the wire has a form for a refusal.
    pub has_refusals: bool,
    /// Whether the arguments of a tool call are a JSON object on the wire, and so can be nothing
    /// else.
    pub arguments_are_objects: bool,
    /// The messages of a stream; without a finish those before it, without usage those that need
    /// none.
    pub stream: fn(&Script) -> Vec<Message>,
    /// The answer as one whole message.
    pub whole: fn(&Script) -> Json,
}

/// An answer before it is written: what it says, in pieces.
#[derive(Debug)]
pub(crate) struct Script {
    pub id: String,
    pub model: String,
    pub parts: Vec<ScriptPart>,
    /// Why it ends; `None` when it does not come to its end.
    pub finish: Option<String>,
    /// Tokens in and out.
    pub usage: Option<(u64, u64)>,
}

/// One part of an answer; a text is its pieces joined.
#[derive(Debug)]
pub(crate) enum ScriptPart {
    Text(Vec<String>),
    Reasoning(Vec<String>),
    Refusal(Vec<String>),
    Call {
        id: String,
        name: String,
        arguments: Vec<String>,
    },
}

impl Script {
    /// When it was made, as Unix time: one moment for all, so that a tape is the same every time.
    pub const CREATED: u64 = 1_767_225_600;

    pub fn total(&self) -> Option<u64> {
        self.usage
            .map(|(input, output)| input.saturating_add(output))
    }

    /// The texts of one kind, joined; `None` when there is none.
    pub fn joined(&self, pick: impl Fn(&ScriptPart) -> Option<&[String]>) -> Option<String> {
        let texts: Vec<String> = self
            .parts
            .iter()
            .filter_map(|part| pick(part).map(<[String]>::concat))
            .collect();
        (!texts.is_empty()).then(|| texts.concat())
    }
}

impl ScriptPart {
    pub fn as_text(&self) -> Option<&[String]> {
        match self {
            ScriptPart::Text(pieces) => Some(pieces),
            _ => None,
        }
    }

    pub fn as_reasoning(&self) -> Option<&[String]> {
        match self {
            ScriptPart::Reasoning(pieces) => Some(pieces),
            _ => None,
        }
    }

    pub fn as_refusal(&self) -> Option<&[String]> {
        match self {
            ScriptPart::Refusal(pieces) => Some(pieces),
            _ => None,
        }
    }
}

/// Arguments as a JSON value; an empty object for no arguments.
pub(super) fn object_of(arguments: &[String]) -> Json {
    let text = arguments.concat();
    Json::parse(&text)
        .or_else(|_| Json::parse("{}"))
        .unwrap_or_else(|_| Json::null())
}

/// Where things stand in the frames of one dialect, as paths of members; `*` is every element of an
/// array.
pub(crate) struct Marks {
    /// Token counts.
    pub usage: &'static [&'static [&'static str]],
    /// Whether an ordinary stream may come without them.
    pub usage_is_optional: bool,
    /// The finish reason; `None` where a whole frame says that the turn is over.
    pub finish: Option<&'static [&'static str]>,
    /// The number that tells which call a fragment belongs to; `None` where calls come whole.
    pub call_index: Option<&'static [&'static str]>,
    /// Whether real servers repeat that number or leave it out, so that clients must not need it.
    pub call_index_is_loose: bool,
    /// What a message holds beside its usage, in a list that is empty when usage comes alone.
    pub beside_usage: Option<&'static [&'static str]>,
    /// The member that says of what type a message is; clients have to pass over types they do not
    /// know.
    pub type_member: Option<&'static str>,
    /// The wire's own keep-alive.
    pub ping: Option<fn() -> Message>,
    /// A number that rises by one from frame to frame.
    pub sequence: Option<&'static [&'static str]>,
}

impl Marks {
    /// A wire of which nothing is marked.
    pub const NONE: Marks = Marks {
        usage: &[],
        usage_is_optional: true,
        finish: None,
        call_index: None,
        call_index_is_loose: false,
        beside_usage: None,
        type_member: None,
        ping: None,
        sequence: None,
    };
}

/// One message of a stream before it is framed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// What stands on its `event:` line; empty where there is none.
    pub name: &'static str,
    /// Its data: JSON, or a closing marker.
    pub data: String,
}

impl Message {
    /// A message without an `event:` line.
    pub fn data(data: Json) -> Message {
        Message::named("", data)
    }

    pub fn named(name: &'static str, data: Json) -> Message {
        Message {
            name,
            data: data.as_str().to_owned(),
        }
    }

    /// A closing marker.
    pub fn marker(name: &'static str, text: &str) -> Message {
        Message {
            name,
            data: text.to_owned(),
        }
    }

    /// Its bytes as one frame of a body framed so. In a JSON array that is the element alone,
    /// without the comma that may have to stand before it.
    pub fn encode(&self, framing: Framing) -> Bytes {
        let mut out = Vec::with_capacity(self.data.len() + 16);
        match framing {
            Framing::Sse => {
                let event = Event {
                    name: self.name,
                    ..Event::new(&self.data)
                };
                FrameKind::Event(event).encode(&mut out);
            }
            Framing::NdJson => FrameKind::Json(&self.data).encode(&mut out),
            Framing::JsonArray | Framing::Whole => out.extend_from_slice(self.data.as_bytes()),
        }
        out.into()
    }
}

impl Dialect {
    /// The JSON body with which its provider answers when the HTTP status is `status`, an error.
    ///
    /// ```
    /// let chat = rigtape::dialect::by_name("openai-chat").unwrap();
    /// assert_eq!(
    ///     chat.error_body(429, "Slow down.").as_str(),
    ///     r#"{"error":{"message":"Slow down.","type":"requests","param":null,"code":"rate_limit_exceeded"}}"#
    /// );
    /// ```
    pub fn error_body(&self, status: u16, message: &str) -> Json {
        (self.writing.error_body)(status, message)
    }

    pub(crate) fn marks(&self) -> &'static Marks {
        &self.writing.marks
    }

    pub(crate) fn writing(&self) -> &'static Writing {
        self.writing
    }

    pub(crate) fn error_message(&self, message: &str) -> Message {
        (self.writing.error_event)(message)
    }

    /// The frame with which its provider says inside a stream, whose status was 200, that it
    /// failed; in the dialect's own framing.
    ///
    /// ```
    /// let messages = rigtape::dialect::by_name("anthropic-messages").unwrap();
    /// let frame = messages.error_frame("Overloaded");
    /// assert!(frame.starts_with(b"event: error\ndata: {\"type\":\"error\","));
    /// ```
    pub fn error_frame(&self, message: &str) -> Bytes {
        self.error_message(message).encode(self.framing)
    }
}

/// The JSON body of an error answer to a request of `dialect`, in its provider's shape; for a
/// request of no known dialect in one that the SDKs of OpenAI and of Anthropic show in full.
///
/// ```
/// use rigtape::dialect::error_body;
///
/// let body = error_body(None, 404, "no such route");
/// assert_eq!(
///     body.as_str(),
///     r#"{"type":"error","error":{"type":"not_found","message":"no such route"}}"#
/// );
/// ```
pub fn error_body(dialect: Option<&Dialect>, status: u16, message: &str) -> Json {
    match dialect {
        Some(dialect) => dialect.error_body(status, message),
        None => {
            let kind = match status {
                401 | 403 => "not_allowed",
                404 => "not_found",
                429 => "rate_limit",
                500.. => "server_error",
                _ => "invalid_request",
            };
            object! { "type": "error", "error": object! { "type": kind, "message": message } }
        }
    }
}
