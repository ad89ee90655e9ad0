//! The blocks of a message: which part each event writes.

use std::collections::HashMap;

use crate::dialect::fields;
use crate::json::{Raw, Str};
use crate::transcript::{Emitter, Member, PartId, PartKind, ViolationKind};

/// The blocks seen so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Blocks {
    list: Vec<Block>,
    /// Position in `list` of the block that an index means now.
    positions: HashMap<u64, usize>,
}

#[derive(Debug, Clone)]
struct Block {
    index: u64,
    kind: BlockKind,
    part: PartId,
    stopped: bool,
    /// A call's input stood whole at its start, so pieces would repeat it.
    has_input: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BlockKind {
    Text,
    Thinking,
    Call,
    Other,
}

impl Blocks {
    /// The index of a block that comes without one.
    pub(super) fn next_index(&self) -> u64 {
        self.list.len() as u64
    }

    /// Opens a block. In a stream the empty `input` of a call only holds the place of its pieces.
    pub(super) fn start(
        &mut self,
        index: u64,
        block: Raw<'_>,
        is_whole: bool,
        out: &mut Emitter<'_>,
    ) {
        let names = [
            "type",
            "text",
            "citations",
            "thinking",
            "signature",
            "id",
            "name",
            "input",
        ];
        let [kind, text, citations, thinking, signature, id, name, input] = block.pick(names);
        let kind = fields::text(kind, "content_block.type", out).map(Str::plain);
        match kind.as_deref() {
            Some("text") => {
                let part = self.open(index, BlockKind::Text, out);
                if let Some(text) = fields::text(text, "text", out) {
                    out.append(part, &text);
                }
                fields::elements(citations, "citations", out, cite);
            }
            Some("thinking") => {
                let part = self.open(index, BlockKind::Thinking, out);
                if let Some(text) = fields::text(thinking, "thinking", out) {
                    out.append(part, &text);
                }
                sign(part, signature, out);
            }
            Some("tool_use") => {
                let id = fields::text(id, "id", out).map(Str::plain);
                let name = fields::text(name, "name", out).map(Str::plain);
                let part = out.open(
                    0,
                    PartKind::ToolCall {
                        index,
                        id: id.as_deref().filter(|id| !id.is_empty()),
                        name: name.as_deref().filter(|name| !name.is_empty()),
                        free_form: false,
                    },
                );
                let block = self.push(index, BlockKind::Call, part);
                if let Some(input) = fields::object(input, "input", out)
                    && (is_whole || !is_empty_object(input))
                {
                    block.has_input = true;
                    out.append(part, &Str::Text(input.text().into()));
                }
            }
            kind => {
                let part = out.other(0, kind.unwrap_or("block"), block);
                self.push(index, BlockKind::Other, part);
            }
        }
    }

    pub(super) fn read_delta(
        &mut self,
        index: Option<Raw<'_>>,
        delta: Option<Raw<'_>>,
        out: &mut Emitter<'_>,
    ) {
        let index = fields::number(index, "index", out);
        let Some(delta) = fields::object(delta, "delta", out) else {
            return;
        };
        let names = [
            "type",
            "text",
            "partial_json",
            "thinking",
            "signature",
            "citation",
        ];
        let [kind, text, json, thinking, signature, citation] = delta.pick(names);
        let kind = fields::text(kind, "delta.type", out).map(Str::plain);
        match kind.as_deref() {
            Some("text_delta") => {
                let block = self.block(index, BlockKind::Text, out);
                if let Some(text) = fields::text(text, "text", out) {
                    block.append(&text, out);
                }
            }
            Some("input_json_delta") => {
                let block = self.block(index, BlockKind::Call, out);
                if let Some(json) = fields::text(json, "partial_json", out) {
                    block.append(&json, out);
                }
            }
            Some("thinking_delta") => {
                let block = self.block(index, BlockKind::Thinking, out);
                if let Some(text) = fields::text(thinking, "thinking", out) {
                    block.append(&text, out);
                }
            }
            Some("signature_delta") => {
                let part = self.block(index, BlockKind::Thinking, out).part;
                sign(part, signature, out);
            }
            Some("citations_delta") => {
                if let Some(citation) = fields::object(citation, "citation", out) {
                    cite(citation, out);
                }
            }
            kind => {
                out.violation(ViolationKind::UnknownEvent, || {
                    format!("no delta of type {:?} is known", kind.unwrap_or_default())
                });
                out.other(0, kind.unwrap_or("delta"), delta);
            }
        }
    }

    /// Adds a piece to the block that it belongs to.
    pub(super) fn append(
        &mut self,
        index: Option<u64>,
        kind: BlockKind,
        piece: &Str<'_>,
        out: &mut Emitter<'_>,
    ) {
        self.block(index, kind, out).append(piece, out);
    }

    pub(super) fn stop(&mut self, index: Option<Raw<'_>>, out: &mut Emitter<'_>) {
        let index = fields::number(index, "index", out);
        match self.position(index) {
            Some(position) => {
                let block = &mut self.list[position];
                block.stopped = true;
                out.settle_member(block.part);
            }
            None => out.violation(ViolationKind::UnopenedBlock, || {
                format!("a stop for {}, which nothing had opened", words(index))
            }),
        }
    }

    /// The block that a delta belongs to; a new one where none of its kind stands there.
    fn block(&mut self, index: Option<u64>, kind: BlockKind, out: &mut Emitter<'_>) -> &mut Block {
        let fits = |block: &Block| {
            block.kind == kind || (kind == BlockKind::Call && block.kind == BlockKind::Other)
        };
        let known = self.position(index);
        let position = match known.filter(|position| fits(&self.list[*position])) {
            Some(position) => position,
            None => {
                out.violation(ViolationKind::UnopenedBlock, || {
                    format!(
                        "a delta for {}, which was not opened as its kind",
                        words(index)
                    )
                });
                self.open(index.unwrap_or(self.list.len() as u64), kind, out);
                self.list.len() - 1
            }
        };
        let block = &mut self.list[position];
        if block.stopped {
            out.violation(ViolationKind::UnopenedBlock, || {
                format!("a delta for {}, which had stopped", words(index))
            });
        }
        block
    }

    /// Where the block of an index stands; without an index the one opened last.
    fn position(&self, index: Option<u64>) -> Option<usize> {
        let last = self.list.len().checked_sub(1)?;
        match index {
            Some(index) if self.list[last].index != index => self.positions.get(&index).copied(),
            _ => Some(last),
        }
    }

    fn open(&mut self, index: u64, kind: BlockKind, out: &mut Emitter<'_>) -> PartId {
        let part = out.open(
            0,
            match kind {
                BlockKind::Text => PartKind::Text,
                BlockKind::Thinking => PartKind::Reasoning,
                BlockKind::Call => PartKind::ToolCall {
                    index,
                    id: None,
                    name: None,
                    free_form: false,
                },
                BlockKind::Other => PartKind::Other { kind: "block" },
            },
        );
        self.push(index, kind, part).part
    }

    fn push(&mut self, index: u64, kind: BlockKind, part: PartId) -> &mut Block {
        let position = self.list.len();
        self.positions.insert(index, position);
        self.list.push(Block {
            index,
            kind,
            part,
            stopped: false,
            has_input: false,
        });
        &mut self.list[position]
    }
}

impl Block {
    fn append(&mut self, piece: &Str<'_>, out: &mut Emitter<'_>) {
        if self.kind == BlockKind::Other {
            out.append_member(self.part, Member::json("input"), piece);
        } else if self.has_input && !piece.is_empty() {
            self.has_input = false;
            out.violation(ViolationKind::DeltaMismatch, || {
                "pieces for a call whose input stood whole at its start; the pieces are kept"
                    .to_owned()
            });
            out.replace(self.part, piece);
        } else {
            out.append(self.part, piece);
        }
    }
}

fn cite(citation: Raw<'_>, out: &mut Emitter<'_>) {
    let kind = citation.get_str("type").map(Str::plain);
    out.other(0, kind.as_deref().unwrap_or("citation"), citation);
}

fn sign(part: PartId, signature: Option<Raw<'_>>, out: &mut Emitter<'_>) {
    if let Some(signature) = fields::text(signature, "signature", out).filter(|s| !s.is_empty()) {
        out.sign(part, &signature.plain());
    }
}

fn is_empty_object(object: Raw<'_>) -> bool {
    let mut is_empty = true;
    object.members(|_, _| is_empty = false);
    is_empty
}

fn words(index: Option<u64>) -> String {
    index.map_or_else(
        || "a block without index".to_owned(),
        |index| format!("block {index}"),
    )
}
