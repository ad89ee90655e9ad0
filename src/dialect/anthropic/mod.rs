//! `anthropic-messages`: the Messages wire of Anthropic and of the gateways that speak it.
//!
//! Described at <https://docs.anthropic.com/en/docs/build-with-claude/streaming>. A message is a
//! list of blocks, each opened, filled by deltas and stopped under its own index.

mod blocks;
mod delta;
mod write;

use super::{Dialect, fields};
use crate::cassette::Request;
use crate::frame::{Event, Frame, FrameKind, Framing};
use crate::json::{Json, Kind, Raw, Str};
use crate::transcript::{Emitter, Quirks, Reader, Usage, ViolationKind};
use blocks::Blocks;
use delta::BlockDelta;

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
    writing: &write::WRITING,
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
    blocks: Blocks,
    usage: Usage,
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
        if let Some(data) = fields::event_data(event, "message_stop", out) {
            self.read_data(event.name, data, out);
        }
    }

    fn read_data(&mut self, line: &str, data: &str, out: &mut Emitter<'_>) {
        if !out.is_terminated()
            && let Ok(BlockDelta {
                index,
                piece: Some((kind, piece)),
            }) = BlockDelta::parse(line, data)
        {
            return self.blocks.append(index, kind, &piece, out);
        }
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
            "content_block_delta" => self.blocks.read_delta(index, delta, out),
            "content_block_start" => {
                let index = fields::number(index, "index", out);
                let index = index.unwrap_or(self.blocks.next_index());
                if let Some(block) = fields::object(block, "content_block", out) {
                    self.blocks.start(index, block, false, out);
                }
            }
            "content_block_stop" => self.blocks.stop(index, out),
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
                self.blocks.start(index, block, true, out);
            } else {
                out.wrong_type("content[]", "an object", block);
            }
            index += 1;
        });
        self.read_usage(usage, out);
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
