//! Synthetic tapes: what a model would have said, written in a provider's wire, for those who have
//! no recording yet.
//!
//! ```
//! use rigtape::dialect::Answer;
//! use rigtape::synthetic::Synthetic;
//!
//! let weather = Synthetic::openai_chat()
//!     .model("gpt-4o")
//!     .text("One moment.")
//!     .tool_call("get_weather", r#"{"city":"Oslo"}"#)
//!     .usage(84, 12);
//! let interaction = weather.build()?;
//! let Some(Answer::Transcript(said)) = Answer::of(&interaction) else { panic!("a known wire") };
//! assert!(said.is_clean());
//! assert_eq!(said.text(), "One moment.");
//! assert_eq!(said.tool_calls().next().unwrap().arguments, r#"{"city":"Oslo"}"#);
//! # Ok::<(), rigtape::synthetic::SyntheticError>(())
//! ```
//!
//! A recording is better: it has what a real server does and no description says. A synthetic tape
//! says so in its header (`"synthetic":true`), and has one chunk a message.

mod error;
mod pieces;
mod tape;

pub use error::SyntheticError;
pub use pieces::Pieces;
pub use tape::Tape;

use std::time::Duration;

use bytes::Bytes;

use crate::Offset;
use crate::cassette::{Body, Chunk, End, Framing, How, Interaction, Request, Response};
use crate::dialect::{Dialect, Script, ScriptPart, by_name};
use crate::json::Json;

/// One answer in the making, and the request it answers.
///
/// What is said comes in the order of the calls; pieces of one kind that follow one another are one
/// part. Without [`finish_reason`](Synthetic::finish_reason) the answer ends with the wire's ordinary
/// word for it, `stop` or `tool_calls` and their like.
#[derive(Debug, Clone)]
pub struct Synthetic {
    dialect: &'static Dialect,
    model: String,
    id: String,
    parts: Vec<Part>,
    pieces: Pieces,
    usage: Option<(u64, u64)>,
    finish: Option<String>,
    ending: Ending,
    is_streamed: bool,
    status: Option<(u16, String)>,
    headers: Vec<(String, String)>,
    request: Option<Json>,
    target: Option<String>,
    first: Duration,
    gap: Duration,
}

#[derive(Debug, Clone)]
enum Part {
    Text(String),
    Reasoning(String),
    Refusal(String),
    Call {
        id: Option<String>,
        name: String,
        arguments: String,
    },
}

/// How far the answer comes.
#[derive(Debug, Clone)]
enum Ending {
    Whole,
    Failed(String),
    Cut(How),
}

/// Constructors by wire.
macro_rules! wires {
    ($($(#[doc = $doc:literal])* $name:ident = $wire:literal,)*) => {
        impl Synthetic {
            $($(#[doc = $doc])* pub fn $name() -> Synthetic {
                // A name of the table; a test calls each of these.
                Synthetic::new(by_name($wire).expect("a wire of the table"))
            })*
        }
    };
}

wires! {
    /// An answer of Chat Completions.
    openai_chat = "openai-chat",
    /// An answer of the Responses API.
    openai_responses = "openai-responses",
    /// An answer of the Messages API.
    anthropic_messages = "anthropic-messages",
    /// An answer of Gemini's `streamGenerateContent`, as server-sent events.
    gemini = "gemini",
    /// An answer of Gemini's Interactions API.
    gemini_interactions = "gemini-interactions",
    /// An answer of Cohere's Chat API, version 2.
    cohere = "cohere-v2",
    /// An answer of Ollama's chat API.
    ollama = "ollama",
}

impl Synthetic {
    /// An empty answer in the wire of `dialect`.
    pub fn new(dialect: &'static Dialect) -> Synthetic {
        Synthetic {
            dialect,
            model: "synthetic".to_owned(),
            id: "synthetic-1".to_owned(),
            parts: Vec::new(),
            pieces: Pieces::Words,
            usage: None,
            finish: None,
            ending: Ending::Whole,
            is_streamed: true,
            status: None,
            headers: Vec::new(),
            request: None,
            target: None,
            first: Duration::from_millis(200),
            gap: Duration::from_millis(20),
        }
    }

    /// The model that answers; `synthetic` unless said.
    #[must_use]
    pub fn model(mut self, model: impl Into<String>) -> Synthetic {
        self.model = model.into();
        self
    }

    /// The response's id; `synthetic-1` unless said.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Synthetic {
        self.id = id.into();
        self
    }

    /// Says text.
    #[must_use]
    pub fn text(self, text: impl Into<String>) -> Synthetic {
        self.part(Part::Text(text.into()))
    }

    /// Thinks aloud.
    #[must_use]
    pub fn reasoning(self, text: impl Into<String>) -> Synthetic {
        self.part(Part::Reasoning(text.into()))
    }

    /// Refuses, on wires that have a form for that.
    #[must_use]
    pub fn refusal(self, text: impl Into<String>) -> Synthetic {
        self.part(Part::Refusal(text.into()))
    }

    /// Calls a tool with these arguments, in JSON; its id is `call_1`, `call_2`, …
    #[must_use]
    pub fn tool_call(self, name: impl Into<String>, arguments: impl Into<String>) -> Synthetic {
        self.part(Part::Call {
            id: None,
            name: name.into(),
            arguments: arguments.into(),
        })
    }

    /// Calls a tool under an id of its own.
    #[must_use]
    pub fn tool_call_with_id(
        self,
        id: impl Into<String>,
        name: impl Into<String>,
        arguments: impl Into<String>,
    ) -> Synthetic {
        self.part(Part::Call {
            id: Some(id.into()),
            name: name.into(),
            arguments: arguments.into(),
        })
    }

    /// Tokens of the request and of the answer.
    #[must_use]
    pub fn usage(mut self, input: u64, output: u64) -> Synthetic {
        self.usage = Some((input, output));
        self
    }

    /// Why the answer ends, in the wire's own word.
    #[must_use]
    pub fn finish_reason(mut self, reason: impl Into<String>) -> Synthetic {
        self.finish = Some(reason.into());
        self
    }

    /// In what pieces texts and arguments come; in words unless said.
    #[must_use]
    pub fn pieces(mut self, pieces: Pieces) -> Synthetic {
        self.pieces = pieces;
        self
    }

    /// Breaks the stream off with the provider's own error instead of a finish.
    #[must_use]
    pub fn error_midstream(mut self, message: impl Into<String>) -> Synthetic {
        self.ending = Ending::Failed(message.into());
        self
    }

    /// Cuts the stream off before its finish; `how` is the tape's word for it.
    #[must_use]
    pub fn cut_off(mut self, how: How) -> Synthetic {
        self.ending = Ending::Cut(how);
        self
    }

    /// Answers with one whole message instead of a stream.
    #[must_use]
    pub fn not_streamed(mut self) -> Synthetic {
        self.is_streamed = false;
        self
    }

    /// Answers with an error status and the provider's own error instead of what was said.
    #[must_use]
    pub fn error(mut self, status: u16, message: impl Into<String>) -> Synthetic {
        self.status = Some((status, message.into()));
        self
    }

    /// A header field of the response, such as `retry-after`.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Synthetic {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// When the head comes, and the first piece with it; 200 ms unless said.
    #[must_use]
    pub fn first_after(mut self, wait: Duration) -> Synthetic {
        self.first = wait;
        self
    }

    /// How long after the one before each further piece comes; 20 ms unless said.
    #[must_use]
    pub fn gap(mut self, gap: Duration) -> Synthetic {
        self.gap = gap;
        self
    }

    /// The body of the request that it answers. Without one, it answers any body.
    #[must_use]
    pub fn request(mut self, body: &serde_json::Value) -> Synthetic {
        self.request = Some(Json::of(body));
        self
    }

    /// Path and query of the request that it answers; those of the wire unless said.
    #[must_use]
    pub fn target(mut self, target: impl Into<String>) -> Synthetic {
        self.target = Some(target.into());
        self
    }

    /// The interaction, number 1.
    ///
    /// # Errors
    ///
    /// [`SyntheticError`] when the wire has no form for something that was said.
    pub fn build(&self) -> Result<Interaction, SyntheticError> {
        self.numbered(1)
    }

    /// The tape of this one interaction.
    pub fn tape(self) -> Tape {
        Tape::new().turn(self)
    }

    fn part(mut self, part: Part) -> Synthetic {
        match (self.parts.last_mut(), part) {
            (Some(Part::Text(before)), Part::Text(text))
            | (Some(Part::Reasoning(before)), Part::Reasoning(text))
            | (Some(Part::Refusal(before)), Part::Refusal(text)) => before.push_str(&text),
            (_, part) => self.parts.push(part),
        }
        self
    }

    fn numbered(&self, number: u64) -> Result<Interaction, SyntheticError> {
        let mut interaction = Interaction::new(self.asked(number));
        let first = Offset::from(self.first);
        let (status, content_type, messages) = self.answer()?;
        let mut head = Response::new(number, first, status);
        head.framing = Some(match messages.len() {
            1 => Framing::Length,
            _ => Framing::Chunked,
        });
        head.headers.push("content-type", content_type);
        for (name, value) in &self.headers {
            head.headers.push(name.as_str(), value.clone());
        }
        interaction.response = Some(head);
        let mut at = self.first;
        let mut bytes = 0;
        for message in messages {
            bytes += message.len() as u64;
            let chunk = Chunk::new(number, Offset::from(at), message);
            interaction.chunks.push(chunk);
            at = at.saturating_add(self.gap);
        }
        let how = match &self.ending {
            Ending::Cut(how) if self.status.is_none() => how.clone(),
            _ => How::Complete,
        };
        let last = interaction.chunks.last().map_or(first, |chunk| chunk.at);
        interaction.end = Some(End {
            chunks: Some(interaction.chunks.len() as u64),
            bytes: Some(bytes),
            ..End::new(number, last, how)
        });
        Ok(interaction)
    }

    fn asked(&self, number: u64) -> Request {
        let writing = self.dialect.writing();
        let target = self.target.clone();
        let target = target.unwrap_or_else(|| (writing.target)(&self.model, self.is_streamed));
        let mut request = Request::new(number, "POST", target);
        if let Some(body) = &self.request {
            request.headers.push("content-type", "application/json");
            request.body = Body::from_bytes(body.as_str().to_owned());
        }
        request
    }

    /// Status, content type and the pieces of the body.
    fn answer(&self) -> Result<(u16, &'static str, Vec<Bytes>), SyntheticError> {
        const JSON: &str = "application/json";
        if let Some((status, message)) = &self.status {
            let body = self.dialect.error_body(*status, message);
            return Ok((*status, JSON, vec![bytes(&body)]));
        }
        let writing = self.dialect.writing();
        let script = self.script()?;
        if !self.is_streamed {
            let body = match &self.ending {
                Ending::Failed(message) => self.dialect.error_body(500, message),
                Ending::Whole | Ending::Cut(_) => (writing.whole)(&script),
            };
            return Ok((200, JSON, vec![bytes(&body)]));
        }
        let mut messages = (writing.stream)(&script);
        if let Ending::Failed(message) = &self.ending {
            messages.push(self.dialect.error_message(message));
        }
        let framing = self.dialect.framing();
        let messages = messages.iter().map(|message| message.encode(framing));
        Ok((200, writing.stream_type, messages.collect()))
    }

    fn script(&self) -> Result<Script, SyntheticError> {
        let writing = self.dialect.writing();
        let mut calls = 0;
        let mut parts = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            parts.push(match part {
                Part::Text(text) => ScriptPart::Text(self.pieces.of_text(text)),
                Part::Reasoning(text) => ScriptPart::Reasoning(self.pieces.of_text(text)),
                Part::Refusal(_) if !writing.has_refusals => {
                    return Err(SyntheticError::Refusal {
                        dialect: self.dialect.name(),
                    });
                }
                Part::Refusal(text) => ScriptPart::Refusal(self.pieces.of_text(text)),
                Part::Call {
                    id,
                    name,
                    arguments,
                } => {
                    calls += 1;
                    if writing.arguments_are_objects && !is_object(arguments) {
                        return Err(SyntheticError::Arguments {
                            dialect: self.dialect.name(),
                            tool: name.clone(),
                        });
                    }
                    ScriptPart::Call {
                        id: id.clone().unwrap_or_else(|| format!("call_{calls}")),
                        name: name.clone(),
                        arguments: self.pieces.of_arguments(arguments),
                    }
                }
            });
        }
        let finish = match (&self.ending, &self.finish) {
            (Ending::Whole, Some(reason)) => Some(reason.clone()),
            (Ending::Whole, None) => Some((writing.finish)(calls > 0).to_owned()),
            (Ending::Failed(_) | Ending::Cut(_), _) => None,
        };
        Ok(Script {
            id: self.id.clone(),
            model: self.model.clone(),
            parts,
            finish,
            usage: self.usage,
        })
    }
}

fn bytes(json: &Json) -> Bytes {
    json.as_str().to_owned().into()
}

fn is_object(text: &str) -> bool {
    text.is_empty() || Json::parse(text).is_ok_and(|json| json.as_str().starts_with('{'))
}
