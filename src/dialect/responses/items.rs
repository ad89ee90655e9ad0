//! The items of a response: which part each event writes.

use std::borrow::Cow;
use std::collections::HashMap;

use super::block::{Block, Channel, annotate};
use super::places::{Place, Places, Said, Shape};
use crate::dialect::fields;
use crate::json::{Kind, Raw, Str};
use crate::transcript::{Emitter, Member, PartId, PartKind, ViolationKind};

/// A block of text: the item's place, the list, the number within the list.
pub(super) type At<'a> = (Place<'a>, Channel, u64);

#[derive(Debug, Clone, Default)]
pub(super) struct Items {
    places: Places,
    blocks: HashMap<(usize, Channel, u64), Block>,
}

impl Items {
    pub(super) fn text_delta(
        &mut self,
        at: At<'_>,
        delta: &Str<'_>,
        logprobs: Option<Raw<'_>>,
        out: &mut Emitter<'_>,
    ) {
        let channel = at.1;
        let block = self.block_at(at, out);
        out.append(block.part, delta);
        block.read_logprobs(channel, logprobs, true, out);
    }

    pub(super) fn text_whole(
        &mut self,
        at: At<'_>,
        whole: &Str<'_>,
        said: Said,
        out: &mut Emitter<'_>,
    ) {
        let block = self.block_at(at, out);
        block.restate(whole, said, out);
    }

    pub(super) fn text_done(
        &mut self,
        at: At<'_>,
        whole: &Str<'_>,
        logprobs: Option<Raw<'_>>,
        out: &mut Emitter<'_>,
    ) {
        let channel = at.1;
        let block = self.block_at(at, out);
        block.restate(whole, Said::Done, out);
        block.read_logprobs(channel, logprobs, false, out);
    }

    pub(super) fn annotation(
        &mut self,
        place: Place<'_>,
        number: u64,
        annotation: Raw<'_>,
        out: &mut Emitter<'_>,
    ) {
        let block = self.block_at((place, Channel::Text, number), out);
        block.annotations += 1;
        annotate(annotation, out);
    }

    pub(super) fn call_delta(
        &mut self,
        place: Place<'_>,
        free_form: bool,
        delta: &Str<'_>,
        out: &mut Emitter<'_>,
    ) {
        let call = self.call_at(place, free_form, None, out);
        out.append(call, delta);
    }

    pub(super) fn call_whole(
        &mut self,
        place: Place<'_>,
        free_form: bool,
        name: Option<&str>,
        whole: Option<&Str<'_>>,
        out: &mut Emitter<'_>,
    ) {
        let call = self.call_at(place, free_form, name, out);
        if let Some(whole) = whole {
            out.restate(call, whole);
        }
    }

    pub(super) fn member_delta(
        &mut self,
        place: Place<'_>,
        member: Member,
        delta: &Str<'_>,
        out: &mut Emitter<'_>,
    ) {
        if let Some(part) = self.other_at(place, out) {
            out.append_member(part, member, delta);
        }
    }

    pub(super) fn member_whole(
        &mut self,
        place: Place<'_>,
        member: Member,
        whole: &Str<'_>,
        out: &mut Emitter<'_>,
    ) {
        if let Some(part) = self.other_at(place, out) {
            if out.text_of(part).is_empty() {
                out.append_member(part, member, whole);
            } else {
                out.restate(part, whole);
            }
        }
    }

    pub(super) fn content_part(
        &mut self,
        place: Place<'_>,
        number: u64,
        part: Raw<'_>,
        said: Said,
        out: &mut Emitter<'_>,
    ) {
        // Some servers announce the thoughts of a reasoning item as content parts.
        let position = self
            .places
            .find(&place, Shape::Message)
            .or_else(|| self.places.find(&place, Shape::Reasoning));
        let position =
            position.unwrap_or_else(|| self.open_unannounced(place, Shape::Message, out));
        self.content(position, number, part, said, out);
    }

    /// Reads a statement of a whole item.
    pub(super) fn item(
        &mut self,
        index: Option<u64>,
        item: Raw<'_>,
        said: Said,
        out: &mut Emitter<'_>,
    ) {
        let [kind, id, call_id] = item.pick(["type", "id", "call_id"]);
        let kind = fields::text(kind, "item.type", out).map(Str::plain);
        let kind = kind.as_deref().unwrap_or("item");
        let place = Place {
            index,
            id: fields::text(id, "item.id", out).filter(|id| !id.is_empty()),
        };
        match kind {
            "message" => self.message(place, item, said, out),
            "reasoning" => self.reasoning(place, item, said, out),
            "function_call" | "custom_tool_call" => {
                let call_id =
                    fields::text(call_id, "item.call_id", out).filter(|id| !id.is_empty());
                self.call(place, kind == "custom_tool_call", call_id, item, said, out);
            }
            _ => match self.places.stated(&place, Shape::Other, said) {
                Some(position) => {
                    self.places.items[position].listed |= said == Said::Listed;
                    if let Some(part) = self.places.items[position].part {
                        out.set_raw(part, item);
                    }
                }
                None => {
                    let part = out.other(0, kind, item);
                    let position =
                        self.places
                            .push(place.index, place.id, Shape::Other, Some(part));
                    self.places.items[position].listed = said == Said::Listed;
                }
            },
        }
    }

    fn message(&mut self, place: Place<'_>, item: Raw<'_>, said: Said, out: &mut Emitter<'_>) {
        let position = match self.places.stated(&place, Shape::Message, said) {
            Some(position) => position,
            None => self
                .places
                .push(place.index, place.id, Shape::Message, None),
        };
        self.places.items[position].listed |= said == Said::Listed;
        let [content] = item.pick(["content"]);
        if let Some(text) = content.and_then(Raw::str) {
            return self
                .block(position, Channel::Text, 0, out)
                .restate(&text, said, out);
        }
        self.content_list(position, content, said, out);
    }

    fn reasoning(&mut self, place: Place<'_>, item: Raw<'_>, said: Said, out: &mut Emitter<'_>) {
        let position = match self.places.stated(&place, Shape::Reasoning, said) {
            Some(position) => position,
            None => {
                let part = out.open(0, PartKind::Reasoning);
                self.places
                    .push(place.index, place.id, Shape::Reasoning, Some(part))
            }
        };
        self.places.items[position].listed |= said == Said::Listed;
        let [summary, content, encrypted] = item.pick(["summary", "content", "encrypted_content"]);
        let mut number = 0;
        fields::elements(summary, "item.summary", out, |part, out| {
            let [text] = part.pick(["text"]);
            if let Some(text) = fields::text(text, "item.summary[].text", out) {
                self.block(position, Channel::Summary, number, out)
                    .restate(&text, said, out);
            }
            number += 1;
        });
        self.content_list(position, content, said, out);
        let encrypted = fields::text(encrypted, "item.encrypted_content", out);
        if let (Some(encrypted), Some(part)) = (encrypted, self.places.items[position].part)
            && !encrypted.is_empty()
        {
            out.resign(part, &encrypted.plain());
        }
    }

    fn call(
        &mut self,
        place: Place<'_>,
        free_form: bool,
        call_id: Option<Str<'_>>,
        item: Raw<'_>,
        said: Said,
        out: &mut Emitter<'_>,
    ) {
        let [name, arguments, input] = item.pick(["name", "arguments", "input"]);
        let call_id = call_id.map(Str::plain);
        let name = fields::text(name, "item.name", out).filter(|name| !name.is_empty());
        let name = name.map(Str::plain);
        let whole = match (free_form, arguments) {
            (true, _) => fields::text(input, "item.input", out),
            // Arguments sent as a value are kept as the wire's own text.
            (false, Some(raw)) if raw.kind() == Kind::Object => Some(Str::Text(raw.text().into())),
            (false, arguments) => fields::text(arguments, "item.arguments", out),
        };
        let known = self
            .places
            .stated_call(&place, call_id.as_deref(), name.as_deref(), said, out);
        let position = match known {
            Some(position) => position,
            None => {
                let part = out.open(
                    0,
                    PartKind::ToolCall {
                        index: self.places.index_of(place.index),
                        id: call_id.as_deref(),
                        name: name.as_deref(),
                        free_form,
                    },
                );
                self.places
                    .push(place.index, place.id, Shape::Call, Some(part))
            }
        };
        self.places.items[position].listed |= said == Said::Listed;
        let Some(part) = self.places.items[position].part else {
            return;
        };
        fill(part, call_id.as_deref(), name.as_deref(), out);
        if let Some(call_id) = call_id {
            self.places.by_call.insert(call_id.into_owned(), position);
        }
        if let Some(whole) = whole.filter(|whole| said != Said::Opening || !whole.is_empty()) {
            out.restate(part, &whole);
        }
    }

    fn content_list(
        &mut self,
        position: usize,
        content: Option<Raw<'_>>,
        said: Said,
        out: &mut Emitter<'_>,
    ) {
        let mut number = 0;
        fields::elements(content, "item.content", out, |part, out| {
            if part.kind() == Kind::Object {
                self.content(position, number, part, said, out);
            } else {
                out.wrong_type("item.content[]", "an object", part);
            }
            number += 1;
        });
    }

    /// Reads a statement of one content part.
    fn content(
        &mut self,
        position: usize,
        number: u64,
        part: Raw<'_>,
        said: Said,
        out: &mut Emitter<'_>,
    ) {
        let [kind, text, refusal, annotations, logprobs] =
            part.pick(["type", "text", "refusal", "annotations", "logprobs"]);
        let kind = fields::text(kind, "part.type", out).map(Str::plain);
        let (channel, field, whole) = match kind.as_deref() {
            Some("output_text" | "text") => (Channel::Text, "part.text", text),
            Some("refusal") => (Channel::Refusal, "part.refusal", refusal),
            Some("reasoning_text") => (Channel::Thought, "part.text", text),
            Some("summary_text") => (Channel::Summary, "part.text", text),
            kind => {
                let key = (position, Channel::Other, number);
                match self.blocks.get(&key) {
                    Some(block) => out.set_raw(block.part, part),
                    None => {
                        let part = out.other(0, kind.unwrap_or("part"), part);
                        self.blocks.insert(key, Block::of(part));
                    }
                }
                return;
            }
        };
        let block = self.block(position, channel, number, out);
        if let Some(whole) = fields::text(whole, field, out) {
            block.restate(&whole, said, out);
        }
        block.read_logprobs(channel, logprobs, false, out);
        let mut number = 0;
        fields::elements(annotations, "part.annotations", out, |annotation, out| {
            number += 1;
            if number > block.annotations {
                block.annotations = number;
                annotate(annotation, out);
            }
        });
    }

    /// The call that an event belongs to; where nothing opened it, a new one.
    fn call_at(
        &mut self,
        place: Place<'_>,
        free_form: bool,
        name: Option<&str>,
        out: &mut Emitter<'_>,
    ) -> PartId {
        let known = self.places.find(&place, Shape::Call);
        if let Some(part) = known.and_then(|position| self.places.items[position].part) {
            fill(part, None, name, out);
            return part;
        }
        note_unopened(ViolationKind::UnopenedCall, &place, out);
        let part = out.open(
            0,
            PartKind::ToolCall {
                index: self.places.index_of(place.index),
                id: None,
                name,
                free_form,
            },
        );
        self.places
            .push(place.index, place.id, Shape::Call, Some(part));
        part
    }

    fn other_at(&mut self, place: Place<'_>, out: &mut Emitter<'_>) -> Option<PartId> {
        let position = match self.places.find(&place, Shape::Other) {
            Some(position) => position,
            None => {
                note_unopened(ViolationKind::UnopenedBlock, &place, out);
                let part = out.open(0, PartKind::Other { kind: "item" });
                self.places
                    .push(place.index, place.id, Shape::Other, Some(part))
            }
        };
        self.places.items[position].part
    }

    fn block_at(&mut self, (place, channel, number): At<'_>, out: &mut Emitter<'_>) -> &mut Block {
        let shape = match channel {
            Channel::Text | Channel::Refusal | Channel::Other => Shape::Message,
            Channel::Summary | Channel::Thought => Shape::Reasoning,
        };
        let position = match self.places.find(&place, shape) {
            Some(position) => position,
            None => self.open_unannounced(place, shape, out),
        };
        self.block(position, channel, number, out)
    }

    fn block(
        &mut self,
        position: usize,
        channel: Channel,
        number: u64,
        out: &mut Emitter<'_>,
    ) -> &mut Block {
        let item = &mut self.places.items[position];
        self.blocks
            .entry((position, channel, number))
            .or_insert_with(|| {
                let is_thought = matches!(channel, Channel::Summary | Channel::Thought);
                let spare = item.part.filter(|_| is_thought && item.spare);
                Block::of(match (spare, channel) {
                    (Some(part), _) => {
                        item.spare = false;
                        part
                    }
                    (None, Channel::Text | Channel::Other) => out.open(0, PartKind::Text),
                    (None, Channel::Refusal) => out.open(0, PartKind::Refusal),
                    (None, Channel::Summary | Channel::Thought) => out.open(0, PartKind::Reasoning),
                })
            })
    }

    fn open_unannounced(&mut self, place: Place<'_>, shape: Shape, out: &mut Emitter<'_>) -> usize {
        note_unopened(ViolationKind::UnopenedBlock, &place, out);
        let part = (shape == Shape::Reasoning).then(|| out.open(0, PartKind::Reasoning));
        self.places.push(place.index, place.id, shape, part)
    }
}

/// Fills in a call's id and name; the first of each stays.
fn fill(part: PartId, id: Option<&str>, name: Option<&str>, out: &mut Emitter<'_>) {
    let late = |own: Option<&str>, new: Option<&str>| -> (Option<String>, Option<String>) {
        match (own, new) {
            (None, Some(new)) => (Some(new.to_owned()), None),
            (Some(own), Some(new)) if own != new => (
                None,
                Some(format!("{new:?} for the call of {own:?}; the first stays")),
            ),
            _ => (None, None),
        }
    };
    let (late_id, other_id) = late(out.call_id(part), id);
    let (late_name, other_name) = late(out.call_name(part), name);
    if let Some(detail) = other_id {
        out.violation(ViolationKind::CallIdChanged, || detail);
    }
    if let Some(detail) = other_name {
        out.violation(ViolationKind::CallNameChanged, || detail);
    }
    out.fill_call(part, late_id.as_deref(), late_name.as_deref());
}

fn note_unopened(kind: ViolationKind, place: &Place<'_>, out: &mut Emitter<'_>) {
    out.violation(kind, || match (&place.index, &place.id) {
        (Some(index), _) => format!("output {index} was not opened as an item of its kind"),
        (None, Some(id)) => {
            let id: Cow<'_, str> = id.clone().plain();
            format!("no item {id:?} of its kind was opened")
        }
        (None, None) => "no item of its kind was opened".to_owned(),
    });
}
