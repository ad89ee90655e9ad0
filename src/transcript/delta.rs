use std::borrow::Cow;

use super::{Usage, Violation};
use crate::json::Json;

/// One provider-neutral step of a transcript.
///
/// `part` is the number of the part within its stream, from 0 in order of first appearance; the
/// steps of one part carry the same number. Text is borrowed from the frame it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Delta<'a> {
    /// The response's id became known.
    ResponseId(Cow<'a, str>),
    /// The model's name became known.
    Model(Cow<'a, str>),
    /// More visible text.
    Text {
        /// Index of the choice.
        choice: u64,
        /// Number of the part.
        part: usize,
        /// The text that was added; never empty.
        text: Cow<'a, str>,
    },
    /// More reasoning.
    Reasoning {
        /// Index of the choice.
        choice: u64,
        /// Number of the part.
        part: usize,
        /// The text that was added; never empty.
        text: Cow<'a, str>,
    },
    /// More of a refusal.
    Refusal {
        /// Index of the choice.
        choice: u64,
        /// Number of the part.
        part: usize,
        /// The text that was added; never empty.
        text: Cow<'a, str>,
    },
    /// A piece of a tool call: its opening, a late id or name, or a fragment of its arguments.
    ToolCall {
        /// Index of the choice.
        choice: u64,
        /// Number of the part.
        part: usize,
        /// The wire's index of the call.
        index: u64,
        /// The id, when this piece brought it.
        id: Option<Cow<'a, str>>,
        /// The name, when this piece brought it.
        name: Option<Cow<'a, str>>,
        /// Arguments that were added; may be empty.
        arguments: Cow<'a, str>,
    },
    /// A part that has no form of its own.
    Other {
        /// Index of the choice.
        choice: u64,
        /// Number of the part.
        part: usize,
        /// The wire's word for it.
        kind: Cow<'a, str>,
        /// The part as it stood on the wire.
        raw: Json,
    },
    /// What was said of a part so far is replaced by a later statement of the whole.
    Replace {
        /// Index of the choice.
        choice: u64,
        /// Number of the part.
        part: usize,
        /// All of the part's text or arguments.
        text: Cow<'a, str>,
    },
    /// Token counts as they stand now.
    Usage(Usage),
    /// A choice ended.
    Finish {
        /// Index of the choice.
        choice: u64,
        /// The wire's own word for why.
        reason: Cow<'a, str>,
    },
    /// The wire sent an error.
    Error(Json),
    /// The wire's closing marker came.
    Terminator,
    /// The wire broke its protocol; reading goes on.
    Violation(Violation),
}

impl Delta<'_> {
    /// The same step, owning its text.
    pub fn into_owned(self) -> Delta<'static> {
        fn own(text: Cow<'_, str>) -> Cow<'static, str> {
            Cow::Owned(text.into_owned())
        }
        match self {
            Delta::ResponseId(id) => Delta::ResponseId(own(id)),
            Delta::Model(model) => Delta::Model(own(model)),
            Delta::Text { choice, part, text } => Delta::Text {
                choice,
                part,
                text: own(text),
            },
            Delta::Reasoning { choice, part, text } => Delta::Reasoning {
                choice,
                part,
                text: own(text),
            },
            Delta::Refusal { choice, part, text } => Delta::Refusal {
                choice,
                part,
                text: own(text),
            },
            Delta::ToolCall {
                choice,
                part,
                index,
                id,
                name,
                arguments,
            } => Delta::ToolCall {
                choice,
                part,
                index,
                id: id.map(own),
                name: name.map(own),
                arguments: own(arguments),
            },
            Delta::Other {
                choice,
                part,
                kind,
                raw,
            } => Delta::Other {
                choice,
                part,
                kind: own(kind),
                raw,
            },
            Delta::Replace { choice, part, text } => Delta::Replace {
                choice,
                part,
                text: own(text),
            },
            Delta::Usage(usage) => Delta::Usage(usage),
            Delta::Finish { choice, reason } => Delta::Finish {
                choice,
                reason: own(reason),
            },
            Delta::Error(error) => Delta::Error(error),
            Delta::Terminator => Delta::Terminator,
            Delta::Violation(violation) => Delta::Violation(violation),
        }
    }
}
