//! Which item an event means.
//!
//! An item is known by its place in the output; its id only helps where the place is missing or
//! used twice, since gateways change ids between the events of one item.

use std::collections::HashMap;

use crate::json::Str;
use crate::transcript::{Emitter, PartId};

/// Where an event says it belongs.
pub(super) struct Place<'a> {
    pub index: Option<u64>,
    pub id: Option<Str<'a>>,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Message,
    Reasoning,
    Call,
    Other,
}

#[derive(Debug, Clone)]
pub(super) struct Item {
    index: u64,
    shape: Shape,
    /// The part of an item that is one part, and the first part of a reasoning item.
    pub part: Option<PartId>,
    /// The reasoning part has no number yet; the first that comes takes it.
    pub spare: bool,
    /// The whole response has stated it.
    pub listed: bool,
}

/// The items seen so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    pub items: Vec<Item>,
    /// Position in `items` by output index, item id and call id; each means the item that took it
    /// last.
    by_index: HashMap<u64, usize>,
    by_id: HashMap<String, usize>,
    pub by_call: HashMap<String, usize>,
    /// Some servers put every item at the same place; then ids are to be trusted.
    has_used_index_twice: bool,
    /// For each shape, where the search for an item that is not listed yet goes on.
    unlisted: [usize; 4],
}

impl Places {
    /// The item that an event of an opened item means.
    pub(super) fn find(&self, place: &Place<'_>, shape: Shape) -> Option<usize> {
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
    pub(super) fn stated(&mut self, place: &Place<'_>, shape: Shape, said: Said) -> Option<usize> {
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
    pub(super) fn stated_call(
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

    pub(super) fn push(
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

    pub(super) fn index_of(&self, index: Option<u64>) -> u64 {
        index.unwrap_or(self.items.len() as u64)
    }
}
