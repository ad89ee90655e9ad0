//! Which tool call a piece belongs to.
//!
//! A slot is a choice and a tool index; ids are known per choice. Gateways leave out the index, the
//! id or the name, repeat them, change them, and use one index for two calls; each rule below is
//! there for one of them.

use std::collections::HashMap;

use super::chunk::{Call, Function};
use crate::json::Str;
use crate::transcript::{Emitter, PartId, PartKind, ViolationKind};

/// One piece of a tool call as a delta carries it; empty and `null` fields are absent.
pub(super) struct Piece<'a> {
    index: Option<u64>,
    id: Option<String>,
    name: Option<String>,
    arguments: Option<Str<'a>>,
    free_form: bool,
}

impl<'a> From<Call<'a>> for Piece<'a> {
    fn from(mut call: Call<'a>) -> Piece<'a> {
        let free_form = call.custom.is_some() && call.function.is_none();
        let (mut name, mut arguments) = match (call.function, call.custom) {
            (Some(function), _) => (function.name, function.arguments),
            (None, Some(custom)) => (custom.name, custom.input),
            (None, None) => Default::default(),
        };
        Piece {
            index: call.index,
            id: call.id.some().map(|id| id.plain().into_owned()),
            name: name.some().map(|name| name.plain().into_owned()),
            arguments: arguments.some(),
            free_form,
        }
    }
}

impl<'a> From<Function<'a>> for Piece<'a> {
    fn from(mut function: Function<'a>) -> Piece<'a> {
        Piece {
            index: None,
            id: None,
            name: function.name.some().map(|name| name.plain().into_owned()),
            arguments: function.arguments.some(),
            free_form: false,
        }
    }
}

/// The tool calls of one choice.
#[derive(Debug, Clone, Default)]
pub(super) struct Calls {
    /// The call each slot holds now.
    slots: HashMap<u64, PartId>,
    /// The call opened last under each id.
    by_id: HashMap<String, PartId>,
    last: Option<PartId>,
    /// The legacy `function_call`, of which a choice has one.
    legacy: Option<PartId>,
    count: u64,
}

impl Calls {
    /// Takes a piece to its call; whether it opened one.
    pub(super) fn read(&mut self, choice: u64, piece: Piece<'_>, out: &mut Emitter<'_>) -> bool {
        let known = piece.id.as_ref().and_then(|id| self.by_id.get(id)).copied();
        let call = match piece.index {
            Some(index) => match (self.slots.get(&index).copied(), known) {
                (slot, Some(known)) if piece.name.is_none() && !same_id(slot, &piece, out) => {
                    Some(known)
                }
                (Some(slot), _) if starts_anew(slot, &piece, out) => None,
                (slot, _) => slot,
            },
            None if piece.id.is_some() && piece.name.is_some() && known.is_none() => None,
            None => known.or(self.last),
        };
        match call {
            Some(call) => {
                self.continue_call(call, piece, out);
                false
            }
            None => {
                self.open(choice, piece, out);
                true
            }
        }
    }

    /// Takes a piece of a legacy `function_call`; whether it opened the call.
    pub(super) fn read_legacy(
        &mut self,
        choice: u64,
        piece: Piece<'_>,
        out: &mut Emitter<'_>,
    ) -> bool {
        match self.legacy {
            Some(call) => {
                self.continue_call(call, piece, out);
                false
            }
            None => {
                self.legacy = Some(self.open(choice, piece, out));
                true
            }
        }
    }

    fn open(&mut self, choice: u64, piece: Piece<'_>, out: &mut Emitter<'_>) -> PartId {
        if piece.name.is_none() {
            out.violation(ViolationKind::UnopenedCall, || match piece.index {
                Some(index) => format!("a fragment for tool index {index}, which has no call"),
                None => "a fragment without an index before any call".to_owned(),
            });
        }
        let call = out.open(
            choice,
            PartKind::ToolCall {
                index: piece.index.unwrap_or(self.count),
                id: piece.id.as_deref(),
                name: piece.name.as_deref(),
                free_form: piece.free_form,
            },
        );
        self.count += 1;
        self.last = Some(call);
        if let Some(index) = piece.index {
            self.slots.insert(index, call);
        }
        if let Some(id) = piece.id {
            self.by_id.insert(id, call);
        }
        if let Some(arguments) = &piece.arguments {
            out.append(call, arguments);
        }
        call
    }

    fn continue_call(&mut self, call: PartId, piece: Piece<'_>, out: &mut Emitter<'_>) {
        let late_id = match (out.call_id(call), &piece.id) {
            (None, Some(id)) => Some(id.clone()),
            (Some(own), Some(id)) if own != id => {
                let detail = format!("{id:?} in the call that began as {own:?}; the first stays");
                out.violation(ViolationKind::CallIdChanged, || detail);
                None
            }
            _ => None,
        };
        let late_name = match (out.call_name(call), &piece.name) {
            (None, Some(name)) => Some(name.clone()),
            (Some(own), Some(name)) if own != name => {
                let detail = format!("{name:?} in the call of {own:?}; the first stays");
                out.violation(ViolationKind::CallNameChanged, || detail);
                None
            }
            _ => None,
        };
        out.fill_call(call, late_id.as_deref(), late_name.as_deref());
        if let Some(id) = late_id {
            self.by_id.insert(id, call);
        }
        if let Some(arguments) = &piece.arguments {
            out.append(call, arguments);
        }
    }
}

/// Whether the slot's own call has the piece's id.
fn same_id(slot: Option<PartId>, piece: &Piece<'_>, out: &Emitter<'_>) -> bool {
    slot.is_some_and(|slot| out.call_id(slot) == piece.id.as_deref())
}

/// Whether a piece closes the slot's call and opens another there: it brings a name, and an id that
/// differs from the call's own.
fn starts_anew(slot: PartId, piece: &Piece<'_>, out: &Emitter<'_>) -> bool {
    match (out.call_id(slot), &piece.id, &piece.name) {
        (Some(own), Some(id), Some(_)) => own != id,
        _ => false,
    }
}
