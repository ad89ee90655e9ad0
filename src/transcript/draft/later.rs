//! What comes in pieces and is summed up later.

use super::{Delta, Emitter, Form, PartId, Usage, ViolationKind};
use crate::json::{Json, ObjectDraft, Raw, Str, quoted};
use std::borrow::Cow;

/// The member of an `other` part's JSON whose value comes in pieces.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member {
    name: &'static str,
    is_json: bool,
    settled: bool,
}

impl Member {
    /// A member whose pieces join to a string.
    pub(crate) const fn text(name: &'static str) -> Member {
        Member {
            name,
            is_json: false,
            settled: false,
        }
    }

    /// A member whose pieces join to JSON.
    pub(crate) const fn json(name: &'static str) -> Member {
        Member {
            name,
            is_json: true,
            settled: false,
        }
    }

    pub(super) fn is_json(&self) -> bool {
        self.is_json
    }
}

impl Emitter<'_> {
    /// Takes a later statement of all that a part holds. It supplies what no piece brought; where
    /// the two differ it wins.
    pub(crate) fn restate(&mut self, part: PartId, whole: &Str<'_>) {
        if self.draft.muted {
            return;
        }
        let Some(draft) = self.draft.parts.get(part.0) else {
            return;
        };
        let held = &draft.text;
        let is_same = match (whole, draft.half) {
            (Str::Text(whole), None) => whole == held,
            (whole, half) => {
                let rest = if half.is_some() { "\u{FFFD}" } else { "" };
                whole.clone().plain().strip_prefix(held.as_str()) == Some(rest)
            }
        };
        if is_same {
            return;
        }
        if held.is_empty() && draft.half.is_none() {
            return self.append(part, whole);
        }
        let (pieces, all) = (held.len(), whole.clone().plain().len());
        self.violation(ViolationKind::DeltaMismatch, || {
            format!(
                "the whole ({all} bytes) differs from its pieces ({pieces} bytes); the whole is kept"
            )
        });
        if matches!(whole, Str::Wtf8(_)) {
            self.violation(
                ViolationKind::LoneSurrogate,
                super::surrogates::lone_surrogate,
            );
        }
        self.replace(part, whole);
    }

    /// Puts a later signature in the place of a reasoning part's own.
    pub(crate) fn resign(&mut self, part: PartId, whole: &str) {
        if let Some(draft) = self.draft.parts.get_mut(part.0)
            && let Form::Reasoning { signature } = &mut draft.form
            && !self.draft.muted
        {
            *signature = Some(whole.to_owned());
        }
    }

    /// Adds a piece of one member's value to an `other` part.
    pub(crate) fn append_member(&mut self, part: PartId, of: Member, piece: &Str<'_>) {
        if let Some(draft) = self.draft.parts.get_mut(part.0)
            && let Form::Other { member, .. } = &mut draft.form
            && !self.draft.muted
            && !piece.is_empty()
        {
            *member = Some(of);
            self.append(part, piece);
        }
    }

    /// Joins the pieces of an `other` part's member into its JSON.
    pub(crate) fn settle_member(&mut self, part: PartId) {
        let is_open = |form: &Form| match form {
            Form::Other {
                member: Some(member),
                ..
            } => !member.settled,
            _ => false,
        };
        let at = part.0;
        let draft = self.draft.parts.get(at);
        if self.draft.muted || !draft.is_some_and(|draft| is_open(&draft.form)) {
            return;
        }
        self.settle_half(at);
        let draft = &mut self.draft.parts[at];
        let Form::Other {
            kind,
            raw,
            member: Some(member),
        } = &mut draft.form
        else {
            return;
        };
        member.settled = true;
        let mut object = ObjectDraft::default();
        if let Some(raw) = raw.as_ref().and_then(|raw| Raw::parse(raw.as_str()).ok()) {
            object.merge(raw);
        }
        match Json::parse(&draft.text) {
            Ok(json) if member.is_json => object.set(member.name, json.as_str()),
            _ => object.set(member.name, &quoted(&draft.text)),
        }
        let Ok(json) = Json::parse(&object.text()) else {
            return;
        };
        *raw = Some(json.clone());
        let choice = self.draft.choices[draft.choice].index;
        (self.observe)(Delta::Other {
            choice,
            part: at,
            kind: Cow::Borrowed(kind),
            raw: json,
        });
    }

    /// Keeps what the wire says beside a choice's finish reason.
    pub(crate) fn finish_details(&mut self, choice: u64, details: Raw<'_>) {
        if !self.draft.muted {
            let position = self.position(choice);
            self.draft.choices[position].finish_details = Some(Json::from_raw(details));
        }
    }

    /// Takes token counts as they stand now, beside a piece of the wire's own object.
    pub(crate) fn merge_usage(&mut self, usage: Usage, piece: Raw<'_>) {
        if self.draft.muted {
            return;
        }
        let pieces = self.draft.usage_pieces.get_or_insert_default();
        pieces.merge(piece);
        if self.draft.usage != usage {
            self.draft.usage = usage;
            (self.observe)(Delta::Usage(usage));
        }
    }
}
