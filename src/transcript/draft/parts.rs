//! The hand that writes a draft: opening parts and adding to them.

use std::borrow::Cow;

use super::{Emitter, Form, PartDraft, PartId, PartKind, says_cut};
use crate::json::{Json, Raw, Str};
use crate::transcript::{Delta, ViolationKind};

impl Emitter<'_> {
    /// Opens a part in a choice. A tool call's opening is a step of its own.
    pub(crate) fn open(&mut self, choice: u64, kind: PartKind<'_>) -> PartId {
        if self.draft.muted {
            return PartId(usize::MAX);
        }
        let position = self.position(choice);
        self.note_after_finish(position);
        let part = self.draft.parts.len();
        let form = match kind {
            PartKind::Text => Form::Text,
            PartKind::Reasoning => Form::Reasoning { signature: None },
            PartKind::Refusal => Form::Refusal,
            PartKind::ToolCall {
                index,
                id,
                name,
                free_form,
            } => Form::ToolCall {
                index,
                id: id.map(str::to_owned),
                name: name.map(str::to_owned),
                free_form,
            },
            PartKind::Other { kind } => Form::Other {
                kind: kind.to_owned(),
                raw: None,
                member: None,
            },
        };
        self.draft.parts.push(PartDraft {
            choice: position,
            text: String::new(),
            shown: 0,
            half: None,
            last_frame: self.draft.frame,
            form,
        });
        if let PartKind::ToolCall {
            index, id, name, ..
        } = kind
        {
            (self.observe)(Delta::ToolCall {
                choice,
                part,
                index,
                id: id.map(Cow::Borrowed),
                name: name.map(Cow::Borrowed),
                arguments: Cow::Borrowed(""),
            });
        }
        PartId(part)
    }

    /// Adds text, or a fragment of arguments, to a part.
    pub(crate) fn append(&mut self, part: PartId, text: &Str<'_>) {
        if self.draft.muted || text.is_empty() {
            return;
        }
        let Some(draft) = self.draft.parts.get_mut(part.0) else {
            return;
        };
        draft.last_frame = self.draft.frame;
        let position = draft.choice;
        if let (Str::Text(text), None) = (text, draft.half) {
            draft.text.push_str(text);
            self.note_after_finish(position);
            self.show(part.0, text);
        } else {
            self.note_after_finish(position);
            self.append_halves(part.0, text);
        }
    }

    /// Puts a later statement of the whole in the place of what a part holds.
    pub(crate) fn replace(&mut self, part: PartId, text: &Str<'_>) {
        if self.draft.muted {
            return;
        }
        let Some(draft) = self.draft.parts.get_mut(part.0) else {
            return;
        };
        draft.text = text.clone().plain().into_owned();
        draft.shown = draft.text.len();
        draft.half = None;
        draft.last_frame = self.draft.frame;
        let choice = self.draft.choices[draft.choice].index;
        (self.observe)(Delta::Replace {
            choice,
            part: part.0,
            text: Cow::Borrowed(&draft.text),
        });
    }

    /// What a part holds so far.
    pub(crate) fn text_of(&self, part: PartId) -> &str {
        self.draft.parts.get(part.0).map_or("", |part| &part.text)
    }

    /// The id of a call that a tool-call part was opened with or given since.
    pub(crate) fn call_id(&self, part: PartId) -> Option<&str> {
        match &self.draft.parts.get(part.0)?.form {
            Form::ToolCall { id, .. } => id.as_deref(),
            _ => None,
        }
    }

    /// The name of the tool that a tool-call part was opened with or given since.
    pub(crate) fn call_name(&self, part: PartId) -> Option<&str> {
        match &self.draft.parts.get(part.0)?.form {
            Form::ToolCall { name, .. } => name.as_deref(),
            _ => None,
        }
    }

    /// Fills in a call's id or name that came late.
    pub(crate) fn fill_call(
        &mut self,
        part: PartId,
        late_id: Option<&str>,
        late_name: Option<&str>,
    ) {
        if self.draft.muted || (late_id.is_none() && late_name.is_none()) {
            return;
        }
        let Some(draft) = self.draft.parts.get_mut(part.0) else {
            return;
        };
        let choice = self.draft.choices[draft.choice].index;
        let Form::ToolCall {
            index, id, name, ..
        } = &mut draft.form
        else {
            return;
        };
        if let Some(late) = late_id {
            *id = Some(late.to_owned());
        }
        if let Some(late) = late_name {
            *name = Some(late.to_owned());
        }
        (self.observe)(Delta::ToolCall {
            choice,
            part: part.0,
            index: *index,
            id: late_id.map(Cow::Borrowed),
            name: late_name.map(Cow::Borrowed),
            arguments: Cow::Borrowed(""),
        });
    }

    /// Adds a piece of a reasoning part's signature.
    pub(crate) fn sign(&mut self, part: PartId, piece: &str) {
        if self.draft.muted {
            return;
        }
        if let Some(PartDraft {
            form: Form::Reasoning { signature },
            ..
        }) = self.draft.parts.get_mut(part.0)
        {
            signature.get_or_insert_default().push_str(piece);
        }
    }

    /// Adds a part that has no form of its own.
    pub(crate) fn other(&mut self, choice: u64, kind: &str, raw: Raw<'_>) -> PartId {
        let part = self.open(choice, PartKind::Other { kind });
        self.set_raw(part, raw);
        part
    }

    /// Gives an `other` part its JSON, or replaces it by a later and fuller one.
    pub(crate) fn set_raw(&mut self, part: PartId, json: Raw<'_>) {
        if self.draft.muted {
            return;
        }
        let Some(draft) = self.draft.parts.get_mut(part.0) else {
            return;
        };
        let choice = self.draft.choices[draft.choice].index;
        if let Form::Other { kind, raw, member } = &mut draft.form {
            let json = Json::from_raw(json);
            if member.take().is_some() {
                // The fuller JSON holds what the pieces held.
                draft.text.clear();
                draft.half = None;
            } else if raw.as_ref() == Some(&json) {
                return;
            }
            *raw = Some(json.clone());
            (self.observe)(Delta::Other {
                choice,
                part: part.0,
                kind: Cow::Borrowed(kind),
                raw: json,
            });
        }
    }

    fn note_after_finish(&mut self, position: usize) {
        let frame = self.draft.frame;
        let choice = &mut self.draft.choices[position];
        if let Some(finish) = &choice.finish
            && !self.draft.quirks.content_after_finish
            && choice.noted_after_finish != frame
        {
            choice.noted_after_finish = frame;
            let detail = format!(
                "content for choice {} after its finish {finish:?}",
                choice.index
            );
            self.violation(ViolationKind::AfterFinish, || detail);
        }
    }

    pub(super) fn show(&mut self, part: usize, text: &str) {
        let draft = &mut self.draft.parts[part];
        draft.shown += text.len();
        let choice = self.draft.choices[draft.choice].index;
        let text = Cow::Borrowed(text);
        (self.observe)(match &draft.form {
            Form::Text => Delta::Text { choice, part, text },
            Form::Reasoning { .. } => Delta::Reasoning { choice, part, text },
            Form::Refusal => Delta::Refusal { choice, part, text },
            Form::ToolCall { index, .. } => Delta::ToolCall {
                choice,
                part,
                index: *index,
                id: None,
                name: None,
                arguments: text,
            },
            Form::Other { .. } => return,
        });
    }

    pub(super) fn check_arguments(&mut self, part: usize) {
        let draft = &self.draft.parts[part];
        let name = match &draft.form {
            Form::ToolCall {
                free_form: false,
                name,
                ..
            } => name.as_deref(),
            Form::Other {
                kind,
                member: Some(member),
                ..
            } if member.is_json() => Some(kind.as_str()),
            _ => return,
        };
        let finish = self.draft.choices[draft.choice].finish.as_deref();
        if finish.is_some_and(|reason| !says_cut(reason))
            && let Err(error) = Json::parse(if draft.text.is_empty() {
                "{}"
            } else {
                &draft.text
            })
        {
            let name = name.unwrap_or("(no name)");
            let detail = format!("arguments of {name} are not JSON: {error}");
            self.violation(ViolationKind::InvalidArguments, || detail);
        }
    }
}
