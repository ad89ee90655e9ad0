//! `openai-chat`: the Chat Completions wire of OpenAI and of the many gateways that speak it.
//!
//! Described at <https://platform.openai.com/docs/api-reference/chat-streaming>; where recordings
//! of real gateways differ from it, the recordings are followed.

mod calls;
mod chunk;
mod tolerant;
mod write;

use serde_json::{Map, Value};

use super::Dialect;
use crate::cassette::Request;
use crate::frame::{Event, Frame, FrameKind, Framing};
use crate::json::{Json, Kind, Raw, Str};
use crate::transcript::{Emitter, PartId, PartKind, Quirks, Reader, Usage, ViolationKind};
use calls::{Calls, Piece};
use chunk::{Choice, Chunk, Message};

pub(super) use write::error_body;

pub(super) static OPENAI_CHAT: Dialect = Dialect {
    name: "openai-chat",
    provider: "openai",
    docs: "https://platform.openai.com/docs/api-reference/chat-streaming",
    framing: Framing::Sse,
    json_framing: |_| Framing::Whole,
    has_terminator: true,
    quirks: Quirks {
        content_after_finish: false,
    },
    writing: &write::WRITING,
    claims,
    recognises,
    ask_to_stream,
    reader: |_| Box::new(ChatReader::default()),
};

fn claims(request: &Request) -> bool {
    let path = request.target.split('?').next().unwrap_or_default();
    request.method == "POST" && path.ends_with("/chat/completions")
}

/// A caller's own `include_usage` stays, whatever it says.
fn ask_to_stream(body: &mut Map<String, Value>) {
    body.insert("stream".to_owned(), true.into());
    let options = body.entry("stream_options").or_insert(Value::Null);
    if options.is_null() {
        *options = Value::Object(Map::new());
    }
    if let Value::Object(options) = options {
        options.entry("include_usage").or_insert(true.into());
    }
}

fn recognises(_event: &str, data: Raw<'_>) -> bool {
    match data.get_str("object") {
        Some(object) => matches!(
            &*object.plain(),
            "chat.completion.chunk" | "chat.completion"
        ),
        None => data
            .get("choices")
            .is_some_and(|choices| choices.kind() == Kind::Array),
    }
}

/// State of one stream: which part each choice is writing, and its tool calls.
#[derive(Debug, Clone, Default)]
struct ChatReader {
    choices: Vec<ChoiceState>,
    positions: std::collections::HashMap<u64, usize>,
}

#[derive(Debug, Clone, Default)]
struct ChoiceState {
    index: u64,
    /// The part opened last, when it is one of text; more text of its kind goes there.
    open: Option<(TextKind, PartId)>,
    calls: Calls,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TextKind {
    Text,
    Reasoning,
    Refusal,
}

impl Reader for ChatReader {
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

impl ChatReader {
    fn read_event(&mut self, event: &Event<'_>, out: &mut Emitter<'_>) {
        // llama.cpp has sent its error as an SSE field of that name, followed by `[DONE]`.
        for field in event.unknown.iter().filter(|field| field.name == "error") {
            let text = field.value.trim();
            let quoted = || Json::parse(&serde_json::Value::from(text).to_string());
            out.error(
                Json::parse(text)
                    .or_else(|_| quoted())
                    .unwrap_or_else(|_| Json::null()),
            );
        }
        let data = event.data.map_or("", str::trim);
        if data == "[DONE]" {
            out.terminator();
        } else if !data.is_empty() {
            self.read_data(event.name, data, out);
        }
    }

    fn read_data(&mut self, event: &str, data: &str, out: &mut Emitter<'_>) {
        // What every gateway sends nearly always is read in one pass; whatever is odd is read again
        // by name, field by field.
        let mut chunk = Chunk::default();
        if event != "error" && chunk.parse(data).is_ok() {
            return self.read_chunk(&mut chunk, out);
        }
        let raw = match Raw::parse(data) {
            Ok(raw) => raw,
            Err(error) => {
                return out.violation(ViolationKind::InvalidJson, || error.to_string());
            }
        };
        if raw.kind() != Kind::Object {
            return out.violation(ViolationKind::NotAnObject, || {
                format!("expected an object, found {}", raw.kind().words())
            });
        }
        if event == "error" && raw.get("error").is_none() {
            return out.error(Json::from_raw(raw));
        }
        let mut chunk = tolerant::chunk(raw, out);
        self.read_chunk(&mut chunk, out);
    }

    /// Reads an answer that was not streamed.
    fn read_whole(&mut self, body: &str, out: &mut Emitter<'_>) -> bool {
        let Ok(raw) = Raw::parse(body) else {
            return false;
        };
        let has_choices = raw
            .get("choices")
            .is_some_and(|choices| choices.kind() == Kind::Array);
        let has_error = raw
            .get("error")
            .is_some_and(|error| matches!(error.kind(), Kind::Object | Kind::String));
        if !has_choices && !has_error {
            return false;
        }
        let mut chunk = tolerant::whole(raw, out);
        self.read_chunk(&mut chunk, out);
        true
    }

    fn read_chunk(&mut self, chunk: &mut Chunk<'_>, out: &mut Emitter<'_>) {
        // The first id and model that say something stay: gateways send an empty first one, and
        // some change it in every chunk.
        if !out.has_response_id()
            && let Some(id) = chunk.id.some()
        {
            out.response_id(&id.plain());
        }
        if !out.has_model()
            && let Some(model) = chunk.model.some()
        {
            out.model(&model.plain());
        }
        for (position, choice) in chunk.choices.iter_mut().enumerate() {
            self.read_choice(position, choice, out);
        }
        let in_x_groq = || chunk.x_groq?.get("usage");
        if let Some(usage) = chunk.usage.or_else(in_x_groq) {
            read_usage(usage, out);
        }
        if let Some(error) = chunk.error {
            read_error("error", error, out);
        }
    }

    fn read_choice(&mut self, position: usize, choice: &mut Choice<'_>, out: &mut Emitter<'_>) {
        let index = choice.index.unwrap_or(position as u64);
        out.choice(index);
        if let Some(message) = &mut choice.delta {
            self.state(index).read_message(message, out);
        }
        if let Some(logprobs) = choice.logprobs {
            for (field, of_refusal) in [("content", false), ("refusal", true)] {
                if let Some(entries) = logprobs.get(field) {
                    out.logprobs(index, of_refusal, entries);
                }
            }
        }
        if let Some(error) = choice.error {
            read_error("choices[].error", error, out);
        }
        if let Some(reason) = choice.finish_reason.some() {
            let reason = reason.plain();
            out.finish(index, &reason);
            if reason == "error" {
                out.failed();
            }
        }
    }

    fn state(&mut self, index: u64) -> &mut ChoiceState {
        let choices = &mut self.choices;
        let position = match choices.first() {
            Some(first) if first.index == index => 0,
            _ => *self.positions.entry(index).or_insert_with(|| {
                choices.push(ChoiceState {
                    index,
                    ..ChoiceState::default()
                });
                choices.len() - 1
            }),
        };
        &mut choices[position]
    }
}

impl ChoiceState {
    fn read_message(&mut self, message: &mut Message<'_>, out: &mut Emitter<'_>) {
        let encrypted = message.encrypted_reasoning();
        let reasoning = message
            .reasoning_content
            .some()
            .or(message.reasoning.some());
        if let Some(text) = reasoning {
            self.write(TextKind::Reasoning, &text, out);
        }
        for part in &message.content_parts {
            self.read_content_part(*part, out);
        }
        if let Some(text) = message.content.some() {
            self.write(TextKind::Text, &text, out);
        }
        if let Some(text) = message.refusal.some() {
            self.write(TextKind::Refusal, &text, out);
        }
        for detail in encrypted {
            out.other(self.index, "reasoning.encrypted", detail);
            self.open = None;
        }
        for call in message.tool_calls.drain(..) {
            let opened = self.calls.read(self.index, Piece::from(*call), out);
            self.open = self.open.filter(|_| !opened);
        }
        if let Some(call) = message.function_call.take() {
            let opened = self.calls.read_legacy(self.index, Piece::from(*call), out);
            self.open = self.open.filter(|_| !opened);
        }
    }

    /// An element of a `content` that is an array, as Mistral's reasoning models send it.
    fn read_content_part(&mut self, part: Raw<'_>, out: &mut Emitter<'_>) {
        if let Some(text) = part.str() {
            return self.write(TextKind::Text, &text, out);
        }
        let kind = part.get_str("type").map(Str::plain).unwrap_or_default();
        match (&*kind, part.get("text"), part.get("thinking")) {
            ("text", Some(text), _) if text.kind() == Kind::String => {
                if let Some(text) = text.str() {
                    self.write(TextKind::Text, &text, out);
                }
            }
            ("thinking", _, Some(thinking)) if thinking.kind() == Kind::Array => {
                thinking.elements(|element| {
                    if let Some(text) = element.str().or_else(|| element.get_str("text")) {
                        self.write(TextKind::Reasoning, &text, out);
                    }
                });
            }
            ("thinking", _, Some(thinking)) if thinking.kind() == Kind::String => {
                if let Some(text) = thinking.str() {
                    self.write(TextKind::Reasoning, &text, out);
                }
            }
            ("refusal", _, _) => {
                if let Some(text) = part.get_str("refusal") {
                    self.write(TextKind::Refusal, &text, out);
                }
            }
            _ => {
                let kind = if kind.is_empty() { "content" } else { &*kind };
                out.other(self.index, kind, part);
                self.open = None;
            }
        }
    }

    fn write(&mut self, kind: TextKind, text: &Str<'_>, out: &mut Emitter<'_>) {
        if text.is_empty() {
            return;
        }
        let part = match self.open {
            Some((open, part)) if open == kind => part,
            _ => out.open(
                self.index,
                match kind {
                    TextKind::Text => PartKind::Text,
                    TextKind::Reasoning => PartKind::Reasoning,
                    TextKind::Refusal => PartKind::Refusal,
                },
            ),
        };
        self.open = Some((kind, part));
        out.append(part, text);
    }
}

fn read_error(field: &str, error: Raw<'_>, out: &mut Emitter<'_>) {
    match error.kind() {
        Kind::Null => {}
        Kind::Object => out.error(Json::from_raw(error)),
        Kind::String if error.text() == "\"\"" => {}
        Kind::String => out.error(Json::from_raw(error)),
        _ => out.wrong_type(field, "an object or a string", error),
    }
}

fn read_usage(raw: Raw<'_>, out: &mut Emitter<'_>) {
    if raw.is_null() {
        return;
    }
    if raw.kind() != Kind::Object {
        return out.wrong_type("usage", "an object", raw);
    }
    let mut usage = Usage::default();
    let mut beside = None;
    raw.members(|name, value| match name {
        "prompt_tokens" => usage.input_tokens = count("prompt_tokens", value, out),
        "completion_tokens" => usage.output_tokens = count("completion_tokens", value, out),
        "total_tokens" => usage.total_tokens = count("total_tokens", value, out),
        "prompt_tokens_details" => {
            let cached = value.get("cached_tokens");
            usage.cached_input_tokens = cached.and_then(|n| count("cached_tokens", n, out));
        }
        "completion_tokens_details" => {
            let reasoning = value.get("reasoning_tokens");
            usage.reasoning_tokens = reasoning.and_then(|n| count("reasoning_tokens", n, out));
        }
        // Copilot counts them beside the details.
        "reasoning_tokens" => beside = count("reasoning_tokens", value, out),
        _ => {}
    });
    usage.reasoning_tokens = usage.reasoning_tokens.or(beside);
    out.usage(usage, raw.text());
}

fn count(name: &str, value: Raw<'_>, out: &mut Emitter<'_>) -> Option<u64> {
    let number = value.u64();
    if number.is_none() && !value.is_null() {
        out.wrong_type(&format!("usage.{name}"), "a count of tokens", value);
    }
    number
}
