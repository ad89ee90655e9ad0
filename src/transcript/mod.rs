//! What a model finally said: the [`Transcript`], the [`Delta`]s it is folded from, and the
//! [`Assembler`] that reads live streams and tapes alike.

mod assemble;
mod delta;
mod draft;
mod violation;

pub use assemble::Assembler;
pub(crate) use assemble::{Reader, Setup};
pub use delta::Delta;
pub(crate) use draft::{Emitter, Member, PartId, PartKind, Quirks};
pub use violation::{Violation, ViolationKind, Violations};

use serde::{Serialize, Serializer};

use crate::json::Json;

/// What the model said in one response, assembled from its stream or read from its whole message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Transcript {
    /// Name of the dialect that read the wire, `openai-chat`.
    pub dialect: &'static str,
    /// Whether the answer came as a stream; `false` for one whole message.
    pub streamed: bool,
    /// HTTP status; absent for a bare body.
    pub status: Option<u16>,
    /// The response's own id.
    pub response_id: Option<String>,
    /// The model that answered, in the wire's words.
    pub model: Option<String>,
    /// The choices seen, by index.
    pub choices: Vec<Choice>,
    /// Token counts.
    pub usage: Usage,
    /// The wire's own usage object.
    pub usage_raw: Option<Json>,
    /// Whether the wire itself said that the turn ended.
    pub ending: Ending,
    /// Whether the wire's closing marker (`[DONE]`, `message_stop`) came; `None` where the wire has
    /// none.
    pub terminator: Option<bool>,
    /// The error the wire sent, as it stood there.
    pub error: Option<Json>,
    /// What the wire did that its protocol forbids: the first hundred in detail.
    pub violations: Vec<Violation>,
    /// How many violations there were in all.
    pub violations_total: u64,
}

impl Transcript {
    /// Whether this is a success without a blemish: complete, and no violation.
    pub fn is_clean(&self) -> bool {
        self.ending == Ending::Complete && self.violations_total == 0
    }

    /// The visible text of the first choice, its text parts joined; empty when there is none.
    ///
    /// For other choices and kinds, walk [`choices`](Transcript::choices).
    pub fn text(&self) -> String {
        let parts = self.choices.first().map_or(&[][..], |c| &c.parts);
        parts.iter().filter_map(Part::as_text).collect()
    }

    /// The tool calls of all choices, in the order in which they first appeared in each.
    pub fn tool_calls(&self) -> impl Iterator<Item = &ToolCall> {
        let parts = self.choices.iter().flat_map(|choice| &choice.parts);
        parts.filter_map(|part| match part {
            Part::ToolCall(call) => Some(call),
            _ => None,
        })
    }
}

/// One of the alternatives that a response holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Choice {
    /// The wire's index.
    pub index: u64,
    /// What was said, in the order in which each part first appeared.
    pub parts: Vec<Part>,
    /// Why the model stopped, in the wire's own word.
    pub finish_reason: Option<String>,
    /// What the wire says beside the reason, as it stood there: the stop sequence that fired, why
    /// an answer is incomplete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish_details: Option<Json>,
    /// Log probabilities, entries as they stood on the wire.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<Logprobs>,
}

/// Log probabilities of a choice's tokens: JSON arrays whose entries are the wire's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Logprobs {
    /// Those of the visible text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Json>,
    /// Those of the refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Json>,
}

/// One part of what was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Part {
    /// Visible text.
    Text {
        /// All of it.
        text: String,
    },
    /// What the model thought before it answered.
    Reasoning {
        /// All of it; empty where the provider hides it.
        text: String,
        /// The provider's signature or encrypted form of it, where the wire carried one.
        #[serde(skip_serializing_if = "Option::is_none")]
        signature: Option<String>,
    },
    /// The words with which the model refused.
    Refusal {
        /// All of them.
        text: String,
    },
    /// A call of a tool.
    ToolCall(ToolCall),
    /// A part that has no form of its own here.
    Other {
        /// The wire's word for it.
        kind: String,
        /// The part as it stood on the wire.
        raw: Json,
    },
}

impl Part {
    /// The text of a text part.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Part::Text { text } => Some(text),
            _ => None,
        }
    }
}

/// A call of a tool, as the model wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ToolCall {
    /// The wire's index of the call; its position among the calls where the wire has none.
    pub index: u64,
    /// The wire's id of the call.
    pub id: Option<String>,
    /// Name of the tool.
    pub name: Option<String>,
    /// The fragments joined, exactly as sent.
    pub arguments: String,
    /// The arguments as JSON: `{}` for an empty string, `None` when they do not parse.
    pub arguments_json: Option<Json>,
}

/// Token counts; a field is `None` where the wire has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Usage {
    /// Tokens of the request.
    pub input_tokens: Option<u64>,
    /// Tokens of the answer, reasoning included where the wire counts it there.
    pub output_tokens: Option<u64>,
    /// Their sum as the wire states it.
    pub total_tokens: Option<u64>,
    /// Tokens of the request that were read from a cache.
    pub cached_input_tokens: Option<u64>,
    /// Tokens spent on reasoning.
    pub reasoning_tokens: Option<u64>,
}

/// Whether the wire itself said that the turn ended. The worse one wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ending {
    /// Every choice seen has its finish.
    Complete,
    /// The stream stopped before the wire said that the turn was over.
    Truncated,
    /// The wire sent an error.
    Errored,
}

impl Ending {
    /// The word for it: `complete`, `truncated` or `errored`.
    pub fn as_str(self) -> &'static str {
        match self {
            Ending::Complete => "complete",
            Ending::Truncated => "truncated",
            Ending::Errored => "errored",
        }
    }
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Ending {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
