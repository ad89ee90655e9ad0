//! A block of text within an item: one part of the transcript.

use super::places::Said;
use crate::json::{Kind, Raw, Str};
use crate::transcript::{Emitter, PartId};

/// Which of an item's lists of parts is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Channel {
    Text,
    Refusal,
    Summary,
    Thought,
    Other,
}

#[derive(Debug, Clone)]
pub(super) struct Block {
    pub part: PartId,
    /// How many of its annotations have come.
    pub annotations: usize,
    has_logprobs: bool,
}

impl Block {
    pub(super) fn of(part: PartId) -> Block {
        Block {
            part,
            annotations: 0,
            has_logprobs: false,
        }
    }

    pub(super) fn restate(&self, whole: &Str<'_>, said: Said, out: &mut Emitter<'_>) {
        if said != Said::Opening || !whole.is_empty() {
            out.restate(self.part, whole);
        }
    }

    /// Takes log probabilities from deltas, and from a later whole only where no delta had any.
    pub(super) fn read_logprobs(
        &mut self,
        channel: Channel,
        entries: Option<Raw<'_>>,
        is_delta: bool,
        out: &mut Emitter<'_>,
    ) {
        let Some(entries) = entries else {
            return;
        };
        if entries.kind() != Kind::Array {
            return out.wrong_type("logprobs", "an array", entries);
        }
        let is_empty = entries.text()[1..].trim_start().starts_with(']');
        if !is_empty && (is_delta || !self.has_logprobs) {
            self.has_logprobs = true;
            out.logprobs(0, channel == Channel::Refusal, entries);
        }
    }
}

pub(super) fn annotate(annotation: Raw<'_>, out: &mut Emitter<'_>) {
    let kind = annotation.get_str("type").map(Str::plain);
    out.other(0, kind.as_deref().unwrap_or("annotation"), annotation);
}
