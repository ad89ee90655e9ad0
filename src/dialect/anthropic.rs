//! `anthropic-messages`: the Messages wire of Anthropic and of the gateways that speak it.
//!
//! Described at <https://docs.anthropic.com/en/docs/build-with-claude/streaming>. A message is a
//! list of blocks, each opened, filled by deltas and stopped under its own index.

use std::collections::HashMap;

use super::{Dialect, fields};
use crate::cassette::Request;
use crate::frame::{Event, Frame, FrameKind, Framing};
use crate::json::{Json, Kind, Raw, Str};
use crate::transcript::{Emitter, Member, PartId, PartKind, Quirks, Reader, Usage, ViolationKind};

pub(super) static ANTHROPIC_MESSAGES: Dialect = Dialect {
    name: "anthropic-messages",
    provider: "anthropic",
    docs: "https://docs.anthropic.com/en/docs/build-with-claude/streaming",
    framing: Framing::Sse,
    json_framing: |_| Framing::Whole,
    has_terminator: true,
    quirks: Quirks {
        content_after_finish: false,
    },
    claims,
    recognises,
    ask_to_stream: |body| {
        body.insert("stream".to_owned(), true.into());
    },
    reader: |_| Box::new(MessagesReader::default()),
};

fn claims(request: &Request) -> bool {
    let path = request.target.split('?').next().unwrap_or_default();
    // OpenAI's threads have messages too.
    let is_messages = path.ends_with("/messages") && !path.contains("/threads/");
    let on_vertex = path.contains("/publishers/anthropic/")
        && (path.ends_with(":streamRawPredict") || path.ends_with(":rawPredict"));
    request.method == "POST" && (is_messages || on_vertex)
}

fn recognises(_event: &str, data: Raw<'_>) -> bool {
    let [kind, content, error, sequence] =
        data.pick(["type", "content", "error", "sequence_number"]);
    let Some(kind) = kind.and_then(Raw::str) else {
        return false;
    };
    match &*kind.plain() {
        "message_start"
        | "message_delta"
        | "message_stop"
        | "content_block_start"
        | "content_block_delta"
        | "content_block_stop" => true,
        "message" => content.is_some_and(|raw| raw.kind() == Kind::Array),
        "error" => error.is_some_and(|raw| raw.kind() == Kind::Object) && sequence.is_none(),
        _ => false,
    }
}

/// State of one stream: its blocks, and usage as it stands.
#[derive(Debug, Clone, Default)]
struct MessagesReader {
    blocks: Vec<Block>,
    /// Position in `blocks` of the one that an index means now.
    positions: HashMap<u64, usize>,
    usage: Usage,
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
enum BlockKind {
    Text,
    Thinking,
    Call,
    Other,
}

impl Reader for MessagesReader {
    fn read(&mut self, frame: &Frame<'_>, out: &mut Emitter<'_>) -> bool {
        match &frame.kind {
            FrameKind::Event(event) => {
                self.read_event(event, out);
                true
            }
            FrameKind::Json(body) => self.read_whole(body, out),
            FrameKind::Comment(_) => true,
        }
    }

    fn boxed_clone(&self) -> Box<dyn Reader> {
        Box::new(self.clone())
    }
}

impl MessagesReader {
    fn read_event(&mut self, event: &Event<'_>, out: &mut Emitter<'_>) {
        let data = event.data.map_or("", str::trim);
        if data == "[DONE]" {
            // Gateways append it after `message_stop`.
            out.excuse();
            if !out.is_terminated() {
                out.violation(ViolationKind::UnknownEvent, || {
                    "[DONE] before message_stop".to_owned()
                });
            }
        } else if !data.is_empty() {
            self.read_data(event.name, data, out);
        }
    }

    fn read_data(&mut self, line: &str, data: &str, out: &mut Emitter<'_>) {
        let names = [
            "type",
            "index",
            "delta",
            "content_block",
            "message",
            "usage",
            "error",
        ];
        let Some(fields) = fields::of_frame(data, names, out) else {
            return;
        };
        let [kind, index, delta, block, message, usage, error] = fields;
        let error = fields::error(error);
        if let (None, Some(error)) = (kind, &error) {
            return out.error(error.clone());
        }
        let Some(kind) = fields::event_type(line, kind, out) else {
            return;
        };
        match &*kind {
            "error" => out.error(
                error
                    .or_else(|| Json::parse(data).ok())
                    .unwrap_or_else(Json::null),
            ),
            "message_stop" => out.terminator(),
            "ping" => out.excuse(),
            _ if out.is_terminated() => {}
            "content_block_delta" => self.read_delta(index, delta, out),
            "content_block_start" => {
                let index = fields::number(index, "index", out);
                let index = index.unwrap_or(self.blocks.len() as u64);
                if let Some(block) = fields::object(block, "content_block", out) {
                    self.start(index, block, false, out);
                }
            }
            "content_block_stop" => self.stop(index, out),
            "message_start" => {
                if let Some(message) = fields::object(message, "message", out) {
                    self.read_message(message, out);
                }
            }
            "message_delta" => {
                self.read_usage(usage, out);
                if let Some(delta) = fields::object(delta, "delta", out) {
                    finish(delta, out);
                }
            }
            other => out.violation(ViolationKind::UnknownEvent, || {
                format!("no event of type {other:?} is known")
            }),
        }
    }

    /// Reads an answer that was not streamed.
    fn read_whole(&mut self, body: &str, out: &mut Emitter<'_>) -> bool {
        let Ok(raw) = Raw::parse(body) else {
            return false;
        };
        let [kind, content, error] = raw.pick(["type", "content", "error"]);
        let kind = kind.and_then(Raw::str).map(Str::plain);
        if let (None | Some("error"), Some(error)) = (kind.as_deref(), fields::error(error)) {
            out.error(error);
            return true;
        }
        let has_content = content.is_some_and(|raw| raw.kind() == Kind::Array);
        if kind.as_deref() != Some("message") || !has_content {
            return false;
        }
        self.read_message(raw, out);
        finish(raw, out);
        true
    }

    /// Reads a message: the empty one that a stream starts with, or a whole one.
    fn read_message(&mut self, message: Raw<'_>, out: &mut Emitter<'_>) {
        let [id, model, content, usage] = message.pick(["id", "model", "content", "usage"]);
        if let Some(id) = fields::text(id, "message.id", out).filter(|id| !id.is_empty()) {
            out.response_id(&id.plain());
        }
        if let Some(model) = fields::text(model, "message.model", out).filter(|m| !m.is_empty()) {
            out.model(&model.plain());
        }
        let mut index = 0;
        fields::elements(content, "content", out, |block, out| {
            if block.kind() == Kind::Object {
                self.start(index, block, true, out);
            } else {
                out.wrong_type("content[]", "an object", block);
            }
            index += 1;
        });
        self.read_usage(usage, out);
    }

    /// Opens a block. In a stream the empty `input` of a call only holds the place of its pieces.
    fn start(&mut self, index: u64, block: Raw<'_>, is_whole: bool, out: &mut Emitter<'_>) {
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

    fn read_delta(
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
                let part = self.block(index, BlockKind::Text, out).part;
                if let Some(text) = fields::text(text, "text", out) {
                    out.append(part, &text);
                }
            }
            Some("input_json_delta") => {
                let block = self.block(index, BlockKind::Call, out);
                if let Some(json) = fields::text(json, "partial_json", out) {
                    block.append_input(&json, out);
                }
            }
            Some("thinking_delta") => {
                let part = self.block(index, BlockKind::Thinking, out).part;
                if let Some(text) = fields::text(thinking, "thinking", out) {
                    out.append(part, &text);
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

    fn stop(&mut self, index: Option<Raw<'_>>, out: &mut Emitter<'_>) {
        let index = fields::number(index, "index", out);
        match self.position(index) {
            Some(position) => {
                let block = &mut self.blocks[position];
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
        let position = match known.filter(|position| fits(&self.blocks[*position])) {
            Some(position) => position,
            None => {
                out.violation(ViolationKind::UnopenedBlock, || {
                    format!(
                        "a delta for {}, which was not opened as its kind",
                        words(index)
                    )
                });
                self.open(index.unwrap_or(self.blocks.len() as u64), kind, out);
                self.blocks.len() - 1
            }
        };
        let block = &mut self.blocks[position];
        if block.stopped {
            out.violation(ViolationKind::UnopenedBlock, || {
                format!("a delta for {}, which had stopped", words(index))
            });
        }
        block
    }

    /// Where the block of an index stands; without an index the one opened last.
    fn position(&self, index: Option<u64>) -> Option<usize> {
        let last = self.blocks.len().checked_sub(1)?;
        match index {
            Some(index) if self.blocks[last].index != index => self.positions.get(&index).copied(),
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
        let position = self.blocks.len();
        self.positions.insert(index, position);
        self.blocks.push(Block {
            index,
            kind,
            part,
            stopped: false,
            has_input: false,
        });
        &mut self.blocks[position]
    }

    /// Usage comes in pieces; of each field the last value stands.
    fn read_usage(&mut self, usage: Option<Raw<'_>>, out: &mut Emitter<'_>) {
        let Some(usage) = fields::object(usage, "usage", out) else {
            return;
        };
        let [input, output, cached, details] = usage.pick([
            "input_tokens",
            "output_tokens",
            "cache_read_input_tokens",
            "output_tokens_details",
        ]);
        let thinking = fields::object(details, "usage.output_tokens_details", out)
            .and_then(|details| details.pick(["thinking_tokens"])[0]);
        let now = &mut self.usage;
        for (count, value, field) in [
            (&mut now.input_tokens, input, "usage.input_tokens"),
            (&mut now.output_tokens, output, "usage.output_tokens"),
            (
                &mut now.cached_input_tokens,
                cached,
                "usage.cache_read_input_tokens",
            ),
            (&mut now.reasoning_tokens, thinking, "usage.thinking_tokens"),
        ] {
            *count = fields::number(value, field, out).or(*count);
        }
        out.merge_usage(self.usage, usage);
    }
}

impl Block {
    fn append_input(&mut self, piece: &Str<'_>, out: &mut Emitter<'_>) {
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

/// Reads why a message ended, from a delta or from the whole of it.
fn finish(message: Raw<'_>, out: &mut Emitter<'_>) {
    let [reason, sequence, details] =
        message.pick(["stop_reason", "stop_sequence", "stop_details"]);
    let reason = fields::text(reason, "stop_reason", out).filter(|reason| !reason.is_empty());
    if let Some(reason) = reason {
        out.finish(0, &reason.plain());
        if let Some(details) = details.or(sequence) {
            out.finish_details(0, details);
        }
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
