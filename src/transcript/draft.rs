//! A transcript in the making.

mod emitter;
mod later;
mod parts;
mod surrogates;

use std::collections::HashMap;

use super::{
    Choice, Delta, Ending, Logprobs, Part, ToolCall, Transcript, Usage, ViolationKind, Violations,
};
use crate::json::{Json, ObjectDraft};
pub(crate) use emitter::Emitter;
pub(crate) use later::Member;

/// Number of a part within its stream, from 0 in order of first appearance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PartId(usize);

/// What a part is opened as.
#[derive(Debug, Clone, Copy)]
pub(crate) enum PartKind<'a> {
    Text,
    Reasoning,
    Refusal,
    ToolCall {
        index: u64,
        id: Option<&'a str>,
        name: Option<&'a str>,
        /// Whether the arguments are free text rather than JSON.
        free_form: bool,
    },
    Other {
        kind: &'a str,
    },
}

/// How one dialect's wire deviates from the common laws.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Quirks {
    /// Content after a choice's finish is ordinary (gemini).
    pub content_after_finish: bool,
}

#[derive(Debug, Clone)]
struct PartDraft {
    choice: usize,
    text: String,
    /// How many bytes of `text` the observer was shown.
    shown: usize,
    /// A high surrogate that waits for its other half.
    half: Option<u16>,
    last_frame: u64,
    form: Form,
}

#[derive(Debug, Clone)]
enum Form {
    Text,
    Reasoning {
        signature: Option<String>,
    },
    Refusal,
    ToolCall {
        index: u64,
        id: Option<String>,
        name: Option<String>,
        free_form: bool,
    },
    Other {
        kind: String,
        raw: Option<Json>,
        /// The member of the JSON whose value comes in pieces; the part's text holds them.
        member: Option<Member>,
    },
}

#[derive(Debug, Clone, Default)]
struct ChoiceDraft {
    index: u64,
    finish: Option<String>,
    /// The wire said that the turn ended, in a form that needs no reason.
    ended: bool,
    finish_details: Option<Json>,
    /// The frame whose content after the finish was noted last.
    noted_after_finish: u64,
    content_logprobs: Option<String>,
    refusal_logprobs: Option<String>,
}

/// A transcript in the making.
#[derive(Debug, Clone, Default)]
pub(crate) struct Draft {
    quirks: Quirks,
    frame: u64,
    response_id: Option<String>,
    model: Option<String>,
    choices: Vec<ChoiceDraft>,
    /// Position in `choices` by wire index; looked up, never walked.
    positions: HashMap<u64, usize>,
    parts: Vec<PartDraft>,
    usage: Usage,
    usage_raw: Option<String>,
    /// Usage that comes in pieces.
    usage_pieces: Option<ObjectDraft>,
    error: Option<Json>,
    errored: bool,
    terminated: bool,
    /// After the terminator only an error still counts.
    muted: bool,
    /// Whether the muted frame was one that may come after the terminator.
    excused: bool,
    violations: Violations,
}

impl Draft {
    pub(super) fn new(quirks: Quirks) -> Draft {
        Draft {
            quirks,
            ..Draft::default()
        }
    }

    pub(super) fn emitter<'e>(
        &'e mut self,
        frame: Option<u64>,
        observe: &'e mut dyn FnMut(Delta<'_>),
    ) -> Emitter<'e> {
        self.frame = frame.unwrap_or(self.frame);
        Emitter {
            draft: self,
            observe,
        }
    }

    pub(super) fn is_terminated(&self) -> bool {
        self.terminated
    }

    pub(super) fn mute(&mut self) {
        self.muted = true;
        self.excused = false;
    }

    /// Ends muting; tells whether the muted frame was one that may come after the terminator.
    pub(super) fn unmute(&mut self) -> bool {
        self.muted = false;
        self.excused
    }

    fn ending(&self) -> Ending {
        if self.errored || self.error.is_some() {
            Ending::Errored
        } else if !self.choices.is_empty() && self.choices.iter().all(ChoiceDraft::has_ended) {
            Ending::Complete
        } else {
            Ending::Truncated
        }
    }

    /// Lets the last words fall: surrogate halves that stayed alone, arguments that do not parse.
    pub(super) fn settle(&mut self, observe: &mut dyn FnMut(Delta<'_>)) {
        for at in 0..self.parts.len() {
            let frame = self.parts[at].last_frame;
            let mut out = self.emitter(Some(frame), observe);
            out.settle_half(at);
            out.settle_member(PartId(at));
            out.check_arguments(at);
        }
    }

    pub(super) fn into_transcript(
        self,
        dialect: &'static str,
        streamed: bool,
        status: Option<u16>,
        has_terminator: bool,
    ) -> Transcript {
        let ending = self.ending();
        let mut choices: Vec<Choice> = self.choices.into_iter().map(ChoiceDraft::close).collect();
        for part in self.parts {
            // Conservation: a part's text is the concatenation of its deltas.
            debug_assert!(part.is_other() || part.shown == part.text.len());
            if let Some(choice) = choices.get_mut(part.choice) {
                let was_cut = choice.finish_reason.as_deref().is_some_and(says_cut);
                choice.parts.push(part.close(was_cut));
            }
        }
        choices.sort_by_key(|choice| choice.index);
        let (violations, violations_total) = self.violations.into_parts();
        let pieces = self.usage_pieces.map(|pieces| pieces.text());
        let usage_raw = pieces.or(self.usage_raw);
        Transcript {
            dialect,
            streamed,
            status,
            response_id: self.response_id,
            model: self.model,
            choices,
            usage: self.usage,
            usage_raw: usage_raw.as_deref().and_then(|raw| Json::parse(raw).ok()),
            ending,
            terminator: has_terminator.then_some(self.terminated),
            error: self.error,
            violations,
            violations_total,
        }
    }
}

impl ChoiceDraft {
    fn has_ended(&self) -> bool {
        self.ended || self.finish.is_some()
    }

    fn close(self) -> Choice {
        let list = |entries: Option<String>| Json::parse(&format!("[{}]", entries?)).ok();
        let content = list(self.content_logprobs);
        let refusal = list(self.refusal_logprobs);
        Choice {
            index: self.index,
            parts: Vec::new(),
            finish_reason: self.finish,
            finish_details: self.finish_details,
            logprobs: (content.is_some() || refusal.is_some())
                .then_some(Logprobs { content, refusal }),
        }
    }
}

impl PartDraft {
    fn is_other(&self) -> bool {
        matches!(self.form, Form::Other { .. })
    }

    fn close(self, was_cut: bool) -> Part {
        let text = self.text;
        match self.form {
            Form::Text => Part::Text { text },
            Form::Reasoning { signature } => Part::Reasoning { text, signature },
            Form::Refusal => Part::Refusal { text },
            Form::ToolCall {
                index, id, name, ..
            } => Part::ToolCall(ToolCall {
                index,
                id,
                name,
                arguments_json: parse_arguments(&text, was_cut),
                arguments: text,
            }),
            Form::Other { kind, raw, .. } => Part::Other {
                kind,
                raw: raw.unwrap_or_else(Json::null),
            },
        }
    }
}

/// An empty string is a call without arguments, unless the turn was cut before they came.
fn parse_arguments(arguments: &str, was_cut: bool) -> Option<Json> {
    match arguments {
        "" if was_cut => None,
        "" => Json::parse("{}").ok(),
        _ => Json::parse(arguments).ok(),
    }
}

/// Whether a finish reason says that the turn was cut, so that half-written arguments are no
/// violation.
fn says_cut(reason: &str) -> bool {
    const CUT: [&str; 15] = [
        "length",
        "max_tokens",
        "MAX_TOKENS",
        "incomplete",
        "content_filter",
        "model_length",
        "max_output_tokens",
        "model_context_window_exceeded",
        "ERROR_LIMIT",
        "error",
        "ERROR",
        "SAFETY",
        "failed",
        "cancelled",
        "refusal",
    ];
    CUT.contains(&reason)
}
