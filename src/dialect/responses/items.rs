//! The items of a response: which part each event writes.
//!
//! An item is known by its place in the output; its id only helps where the place is missing or
//! used twice, since gateways change ids between the events of one item.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::dialect::fields;
use crate::json::{Kind, Raw, Str};
use crate::transcript::{Emitter, Member, PartId, PartKind, ViolationKind};

/// Where an event says it belongs.
pub(super) struct Place<'a> {
    pub index: Option<u64>,
    pub id: Option<Str<'a>>,
}

/// Which of an item's lists of parts is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Channel {
    Text,
    Refusal,
    Summary,
    Thought,
    Other,
}

/// When an item or a part is stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// Before its deltas; mostly empty.
    Opening,
    /// After its deltas.
    Done,
    /// In the output of the whole response.
    Listed,
}

/// A block of text: the item's place, the list, the number within the list.
pub(super) type At<'a> = (Place<'a>, Channel, u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Message,
    Reasoning,
    Call,
    Other,
}

#[derive(Debug, Clone)]
struct Item {
    index: u64,
    shape: Shape,
    /// The part of an item that is one part, and the first part of a reasoning item.
    part: Option<PartId>,
    /// The reasoning part has no number yet; the first that comes takes it.
    spare: bool,
    /// The whole response has stated it.
    listed: bool,
}

#[derive(Debug, Clone)]
struct Block {
    part: PartId,
    /// How many of its annotations have come.
    annotations: usize,
    has_logprobs: bool,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Items {
    items: Vec<Item>,
    /// Position in `items` by output index, item id and call id; each means the item that took it
    /// last.
    by_index: HashMap<u64, usize>,
    by_id: HashMap<String, usize>,
    by_call: HashMap<String, usize>,
    /// Some servers put every item at the same place; then ids are to be trusted.
    has_used_index_twice: bool,
    blocks: HashMap<(usize, Channel, u64), Block>,
    /// For each shape, where the search for an item that is not listed yet goes on.
    unlisted: [usize; 4],
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
            .find(&place, Shape::Message)
            .or_else(|| self.find(&place, Shape::Reasoning));
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
            _ => match self.stated(&place, Shape::Other, said) {
                Some(position) => {
                    self.items[position].listed |= said == Said::Listed;
                    if let Some(part) = self.items[position].part {
                        out.set_raw(part, item);
                    }
                }
                None => {
                    let part = out.other(0, kind, item);
                    let position = self.push(place.index, place.id, Shape::Other, Some(part));
                    self.items[position].listed = said == Said::Listed;
                }
            },
        }
    }

    fn message(&mut self, place: Place<'_>, item: Raw<'_>, said: Said, out: &mut Emitter<'_>) {
        let position = match self.stated(&place, Shape::Message, said) {
            Some(position) => position,
            None => self.push(place.index, place.id, Shape::Message, None),
        };
        self.items[position].listed |= said == Said::Listed;
        let [content] = item.pick(["content"]);
        if let Some(text) = content.and_then(Raw::str) {
            return self
                .block(position, Channel::Text, 0, out)
                .restate(&text, said, out);
        }
        self.content_list(position, content, said, out);
    }

    fn reasoning(&mut self, place: Place<'_>, item: Raw<'_>, said: Said, out: &mut Emitter<'_>) {
        let position = match self.stated(&place, Shape::Reasoning, said) {
            Some(position) => position,
            None => {
                let part = out.open(0, PartKind::Reasoning);
                self.push(place.index, place.id, Shape::Reasoning, Some(part))
            }
        };
        self.items[position].listed |= said == Said::Listed;
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
        if let (Some(encrypted), Some(part)) = (encrypted, self.items[position].part)
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
        let known = self.stated_call(&place, call_id.as_deref(), name.as_deref(), said, out);
        let position = match known {
            Some(position) => position,
            None => {
                let part = out.open(
                    0,
                    PartKind::ToolCall {
                        index: self.index_of(place.index),
                        id: call_id.as_deref(),
                        name: name.as_deref(),
                        free_form,
                    },
                );
                self.push(place.index, place.id, Shape::Call, Some(part))
            }
        };
        self.items[position].listed |= said == Said::Listed;
        let Some(part) = self.items[position].part else {
            return;
        };
        fill(part, call_id.as_deref(), name.as_deref(), out);
        if let Some(call_id) = call_id {
            self.by_call.insert(call_id.into_owned(), position);
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
        let known = self.find(&place, Shape::Call);
        if let Some(part) = known.and_then(|position| self.items[position].part) {
            fill(part, None, name, out);
            return part;
        }
        note_unopened(ViolationKind::UnopenedCall, &place, out);
        let part = out.open(
            0,
            PartKind::ToolCall {
                index: self.index_of(place.index),
                id: None,
                name,
                free_form,
            },
        );
        self.push(place.index, place.id, Shape::Call, Some(part));
        part
    }

    fn other_at(&mut self, place: Place<'_>, out: &mut Emitter<'_>) -> Option<PartId> {
        let position = match self.find(&place, Shape::Other) {
            Some(position) => position,
            None => {
                note_unopened(ViolationKind::UnopenedBlock, &place, out);
                let part = out.open(0, PartKind::Other { kind: "item" });
                self.push(place.index, place.id, Shape::Other, Some(part))
            }
        };
        self.items[position].part
    }

    fn block_at(&mut self, (place, channel, number): At<'_>, out: &mut Emitter<'_>) -> &mut Block {
        let shape = match channel {
            Channel::Text | Channel::Refusal | Channel::Other => Shape::Message,
            Channel::Summary | Channel::Thought => Shape::Reasoning,
        };
        let position = match self.find(&place, shape) {
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
        let item = &mut self.items[position];
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
        self.push(place.index, place.id, shape, part)
    }

    /// The item that an event of an opened item means.
    fn find(&self, place: &Place<'_>, shape: Shape) -> Option<usize> {
        let fits = |position: &usize| self.items[*position].shape == shape;
        let by_id = || {
            let id = place.id.clone()?.plain();
            self.by_id.get(&*id).copied().filter(fits)
        };
        let last = self.items.len().checked_sub(1);
        let Some(index) = place.index else {
            return by_id().or(last.filter(fits));
        };
        if self.has_used_index_twice
            && let Some(position) = by_id()
        {
            return Some(position);
        }
        if let Some(last) = last
            .filter(|last| self.items[*last].index == index)
            .filter(fits)
        {
            return Some(last);
        }
        let by_index = self.by_index.get(&index).copied();
        by_index.filter(fits).or_else(by_id)
    }

    /// The item that a statement of a whole item means, when it is one that is known.
    fn stated(&mut self, place: &Place<'_>, shape: Shape, said: Said) -> Option<usize> {
        let fits = |position: &usize| self.items[*position].shape == shape;
        let by_id = || {
            let id = place.id.clone()?.plain();
            self.by_id.get(&*id).copied().filter(fits)
        };
        match said {
            // An item that is announced twice is one; another at a used place is another.
            Said::Opening => by_id(),
            Said::Done => self.find(place, shape),
            Said::Listed => {
                let is_open = |position: &usize| fits(position) && !self.items[*position].listed;
                let by_index = place
                    .index
                    .and_then(|index| self.by_index.get(&index))
                    .copied();
                by_id()
                    .filter(is_open)
                    .or(by_index.filter(is_open))
                    .or_else(|| self.next_unlisted(shape))
            }
        }
    }

    /// The same for a call, which its call id tells best.
    fn stated_call(
        &mut self,
        place: &Place<'_>,
        call_id: Option<&str>,
        name: Option<&str>,
        said: Said,
        out: &Emitter<'_>,
    ) -> Option<usize> {
        let same = |own: Option<&str>, new: Option<&str>| own.zip(new).is_none_or(|(a, b)| a == b);
        let part_of = |items: &[Item], position: usize| items[position].part;
        let found = match said {
            Said::Opening => return self.stated(place, Shape::Call, said),
            Said::Done => self.find(place, Shape::Call),
            Said::Listed => {
                let by_index = place
                    .index
                    .and_then(|index| self.by_index.get(&index))
                    .copied();
                by_index
                    .filter(|at| self.items[*at].shape == Shape::Call && !self.items[*at].listed)
            }
        };
        let has_id = |part: Option<PartId>| part.is_some_and(|p| same(out.call_id(p), call_id));
        if let Some(found) = found.filter(|found| has_id(part_of(&self.items, *found))) {
            return Some(found);
        }
        let by_call = call_id.and_then(|id| self.by_call.get(id)).copied();
        if let Some(position) = by_call.filter(|at| said == Said::Done || !self.items[*at].listed) {
            return Some(position);
        }
        // An id that nothing has announced: a call of its own, unless it says it is the same tool.
        let found = found.or_else(|| self.stated(place, Shape::Call, said))?;
        let part = part_of(&self.items, found)?;
        same(out.call_name(part), name).then_some(found)
    }

    /// The first item of that shape that the whole response has not stated yet: lists may leave
    /// items out, and so shift the places of the rest.
    fn next_unlisted(&mut self, shape: Shape) -> Option<usize> {
        let from = &mut self.unlisted[shape as usize];
        let is_open = |item: &Item| item.shape == shape && !item.listed;
        let ahead = self.items[*from..].iter().position(is_open);
        *from = ahead.map_or(self.items.len(), |ahead| *from + ahead);
        ahead.map(|_| *from)
    }

    fn push(
        &mut self,
        index: Option<u64>,
        id: Option<Str<'_>>,
        shape: Shape,
        part: Option<PartId>,
    ) -> usize {
        let position = self.items.len();
        let index = self.index_of(index);
        self.has_used_index_twice |= self.by_index.insert(index, position).is_some();
        if let Some(id) = id {
            self.by_id.insert(id.plain().into_owned(), position);
        }
        self.items.push(Item {
            index,
            shape,
            part,
            spare: shape == Shape::Reasoning,
            listed: false,
        });
        position
    }

    fn index_of(&self, index: Option<u64>) -> u64 {
        index.unwrap_or(self.items.len() as u64)
    }
}

impl Block {
    fn of(part: PartId) -> Block {
        Block {
            part,
            annotations: 0,
            has_logprobs: false,
        }
    }

    fn restate(&self, whole: &Str<'_>, said: Said, out: &mut Emitter<'_>) {
        if said != Said::Opening || !whole.is_empty() {
            out.restate(self.part, whole);
        }
    }

    /// Takes log probabilities from deltas, and from a later whole only where no delta had any.
    fn read_logprobs(
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

fn annotate(annotation: Raw<'_>, out: &mut Emitter<'_>) {
    let kind = annotation.get_str("type").map(Str::plain);
    out.other(0, kind.as_deref().unwrap_or("annotation"), annotation);
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
