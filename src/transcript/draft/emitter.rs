//! The hand that writes a draft: what concerns the turn as a whole.

use std::borrow::Cow;

use super::{ChoiceDraft, Draft};
use crate::json::{Json, Raw};
use crate::transcript::{Delta, Usage, ViolationKind};

/// Writes a [`Draft`], step by step, and shows each step to an observer.
///
/// The laws that all dialects share are applied here: the terminal latch, honest endings, joined
/// surrogates, capped violations.
pub(crate) struct Emitter<'e> {
    pub(super) draft: &'e mut Draft,
    pub(super) observe: &'e mut dyn FnMut(Delta<'_>),
}

impl Emitter<'_> {
    pub(crate) fn response_id(&mut self, id: &str) {
        if !self.draft.muted && self.draft.response_id.as_deref() != Some(id) {
            self.draft.response_id = Some(id.to_owned());
            (self.observe)(Delta::ResponseId(Cow::Borrowed(id)));
        }
    }

    pub(crate) fn has_response_id(&self) -> bool {
        self.draft.response_id.is_some()
    }

    pub(crate) fn model(&mut self, model: &str) {
        if !self.draft.muted && self.draft.model.as_deref() != Some(model) {
            self.draft.model = Some(model.to_owned());
            (self.observe)(Delta::Model(Cow::Borrowed(model)));
        }
    }

    pub(crate) fn has_model(&self) -> bool {
        self.draft.model.is_some()
    }

    /// Notes that a choice was seen.
    pub(crate) fn choice(&mut self, index: u64) {
        if !self.draft.muted {
            self.position(index);
        }
    }

    /// Adds the entries of a log probability array, as they stand.
    pub(crate) fn logprobs(&mut self, choice: u64, of_refusal: bool, entries: Raw<'_>) {
        let inner = entries.text().strip_prefix('[');
        let Some(inner) = inner.and_then(|text| text.strip_suffix(']')) else {
            return;
        };
        if self.draft.muted {
            return;
        }
        let position = self.position(choice);
        let choice = &mut self.draft.choices[position];
        let list = if of_refusal {
            choice.refusal_logprobs.get_or_insert_default()
        } else {
            choice.content_logprobs.get_or_insert_default()
        };
        if !list.is_empty() && !inner.trim().is_empty() {
            list.push(',');
        }
        list.push_str(inner.trim());
    }

    /// Takes token counts as they stand now, beside the wire's own object.
    pub(crate) fn usage(&mut self, usage: Usage, raw: &str) {
        if self.draft.muted {
            return;
        }
        let text = self.draft.usage_raw.get_or_insert_default();
        text.clear();
        text.push_str(raw);
        if self.draft.usage != usage {
            self.draft.usage = usage;
            (self.observe)(Delta::Usage(usage));
        }
    }

    /// Ends a choice. An empty reason is none.
    pub(crate) fn finish(&mut self, choice: u64, reason: &str) {
        if self.draft.muted || reason.is_empty() {
            return;
        }
        let position = self.position(choice);
        match &self.draft.choices[position].finish {
            Some(first) if first == reason => return,
            Some(first) => {
                let detail = format!("{reason:?} after {first:?}");
                self.violation(ViolationKind::FinishChanged, || detail);
            }
            None => {}
        }
        self.draft.choices[position].finish = Some(reason.to_owned());
        (self.observe)(Delta::Finish {
            choice,
            reason: Cow::Borrowed(reason),
        });
    }

    /// The wire says that a choice ended, in a form that needs no reason.
    pub(crate) fn ended(&mut self, choice: u64) {
        if !self.draft.muted {
            let position = self.position(choice);
            self.draft.choices[position].ended = true;
        }
    }

    /// The wire sent an error; the first one is kept. Counts after the terminator too.
    pub(crate) fn error(&mut self, error: Json) {
        self.draft.excused = true;
        self.draft.errored = true;
        if self.draft.error.is_none() {
            self.draft.error = Some(error.clone());
        }
        (self.observe)(Delta::Error(error));
    }

    /// The wire says by a word of its own, without an error object, that the turn failed.
    pub(crate) fn failed(&mut self) {
        self.draft.excused = true;
        self.draft.errored = true;
    }

    /// The closing marker came. A second one is ordinary.
    pub(crate) fn terminator(&mut self) {
        self.draft.excused = true;
        if !self.draft.terminated {
            self.draft.terminated = true;
            (self.observe)(Delta::Terminator);
        }
    }

    /// Whether the closing marker has come.
    pub(crate) fn is_terminated(&self) -> bool {
        self.draft.terminated
    }

    /// Marks this frame as one that may come after the closing marker.
    pub(crate) fn excuse(&mut self) {
        self.draft.excused = true;
    }

    /// Notes something the protocol forbids, at the frame being read.
    pub(crate) fn violation(&mut self, kind: ViolationKind, detail: impl FnOnce() -> String) {
        if self.draft.muted {
            return;
        }
        let frame = (self.draft.frame > 0).then_some(self.draft.frame);
        if let Some(violation) = self.draft.violations.push(frame, kind, detail) {
            (self.observe)(Delta::Violation(violation.clone()));
        }
    }

    /// Notes a value of the wrong type, which counts as absent.
    pub(crate) fn wrong_type(&mut self, field: &str, expected: &str, found: Raw<'_>) {
        self.violation(ViolationKind::WrongType, || {
            let text = found.text();
            let shown: String = text.chars().take(40).collect();
            let more = if shown.len() < text.len() { "…" } else { "" };
            let kind = found.kind().words();
            format!("{field}: expected {expected}, found {kind}: {shown}{more}")
        });
    }

    pub(super) fn position(&mut self, index: u64) -> usize {
        if let Some(first) = self.draft.choices.first()
            && first.index == index
        {
            return 0;
        }
        let choices = &mut self.draft.choices;
        *self.draft.positions.entry(index).or_insert_with(|| {
            choices.push(ChoiceDraft {
                index,
                ..ChoiceDraft::default()
            });
            choices.len() - 1
        })
    }
}
