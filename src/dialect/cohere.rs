//! `cohere-v2`: the Chat API of Cohere, version 2.
//!
//! Described at <https://docs.cohere.com/v2/reference/chat-stream>. A message is a list of content
//! blocks and tool calls, each opened, filled and ended under its own index; `message-end` closes
//! it. The plan that may precede tool calls is one `other` part `tool_plan`, each citation one
//! `citation`.

mod delta;
mod write;

use std::borrow::Cow;
use std::collections::HashMap;

use super::{Dialect, fields};
use crate::cassette::Request;
use crate::frame::{Event, Frame, FrameKind, Framing};
use crate::json::{Json, Kind, Raw, Str};
use crate::transcript::{Emitter, Member, PartId, PartKind, Quirks, Reader, Usage, ViolationKind};
use delta::Delta;

pub(super) static COHERE_V2: Dialect = Dialect {
    name: "cohere-v2",
    provider: "cohere",
    docs: "https://docs.cohere.com/v2/reference/chat-stream",
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
    reader: |_| Box::new(CohereReader::default()),
};

fn claims(request: &Request) -> bool {
    let path = request.target.split('?').next().unwrap_or_default();
    request.method == "POST" && path.ends_with("/v2/chat")
}

fn recognises(_event: &str, data: Raw<'_>) -> bool {
    let [kind, message, reason, done] = data.pick(["type", "message", "finish_reason", "done"]);
    match kind.and_then(Raw::str) {
        Some(kind) => EVENTS.contains(&&*kind.plain()),
        None => {
            let role = message.and_then(|message| message.get_str("role"));
            role.is_some() && reason.is_some() && done.is_none()
        }
    }
}

const EVENTS: [&str; 12] = [
    "content-delta",
    "tool-call-delta",
    "tool-plan-delta",
    "message-start",
    "message-end",
    "content-start",
    "content-end",
    "tool-call-start",
    "tool-call-end",
    "citation-start",
    "citation-end",
    "debug",
];

/// The one choice that the wire has.
const CHOICE: u64 = 0;

/// The plan's pieces join to one string.
const PLAN: Member = Member::text("tool_plan");

/// State of one stream: the blocks and calls that are open.
#[derive(Debug, Clone, Default)]
struct CohereReader {
    blocks: HashMap<u64, Block>,
    calls: HashMap<u64, PartId>,
    calls_seen: u64,
    plan: Option<PartId>,
}

#[derive(Debug, Clone, Copy)]
struct Block {
    kind: BlockKind,
    part: PartId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BlockKind {
    Text,
    Thinking,
    Other,
}

impl Reader for CohereReader {
    fn read(&mut self, frame: &Frame<'_>, out: &mut Emitter<'_>) -> bool {
        match &frame.kind {
            FrameKind::Event(event) => self.read_event(event, out),
            FrameKind::Json(body) => return self.read_whole(body, out),
            FrameKind::Comment(_) => {}
        }
        true
    }

    fn boxed_clone(&self) -> Box<dyn Reader> {
        Box::new(self.clone())
    }
}

impl CohereReader {
    fn read_event(&mut self, event: &Event<'_>, out: &mut Emitter<'_>) {
        if let Some(data) = fields::event_data(event, "message-end", out) {
            self.read_data(event.name, data, out);
        }
    }

    fn read_data(&mut self, line: &str, data: &str, out: &mut Emitter<'_>) {
        if let Ok(delta) = Delta::parse(line, data)
            && self.read_ordinary(&delta, out)
        {
            return;
        }
        let names = ["type", "index", "delta", "id", "error", "logprobs"];
        let Some([kind, index, delta, id, error, logprobs]) = fields::of_frame(data, names, out)
        else {
            return;
        };
        if let Some(error) = fields::error(error) {
            return out.error(error);
        }
        let Some(kind) = fields::event_type(line, kind, out) else {
            return;
        };
        match &*kind {
            "content-delta" => {
                if let Some(content) = inner(delta, "content", out) {
                    let index = fields::number(index, "index", out).unwrap_or(0);
                    self.read_content(index, content, out);
                }
                if let Some(logprobs) = logprobs {
                    read_logprobs(logprobs, out);
                }
            }
            "tool-call-delta" => {
                if let Some(call) = inner(delta, "tool_calls", out) {
                    let index = fields::number(index, "index", out);
                    self.continue_call(index, call, out);
                }
            }
            "tool-plan-delta" => {
                let plan = message(delta, out).and_then(|message| message.get("tool_plan"));
                self.read_plan(plan, out);
            }
            "message-start" => {
                out.choice(CHOICE);
                if let Some(id) = fields::text(id, "id", out) {
                    out.response_id(&id.plain());
                }
            }
            "message-end" => {
                if let Some(delta) = fields::object(delta, "delta", out) {
                    read_end(delta.pick(["finish_reason", "usage", "error"]), out);
                }
                out.ended(CHOICE);
                out.terminator();
            }
            "content-start" => {
                if let Some(content) = inner(delta, "content", out) {
                    let index = fields::number(index, "index", out).unwrap_or(0);
                    self.start_block(index, content, out);
                }
            }
            "content-end" => {
                let index = fields::number(index, "index", out).unwrap_or(0);
                self.blocks.remove(&index);
            }
            "tool-call-start" => {
                if let Some(call) = inner(delta, "tool_calls", out) {
                    let index = fields::number(index, "index", out);
                    self.start_call(index, call, out);
                }
            }
            "tool-call-end" => {
                if let Some(index) = fields::number(index, "index", out) {
                    self.calls.remove(&index);
                }
            }
            "citation-start" => {
                if let Some(citation) = inner(delta, "citations", out) {
                    out.other(CHOICE, "citation", citation);
                }
            }
            "citation-end" => {}
            "error" => out.error(Json::parse(data).unwrap_or_else(|_| Json::null())),
            "debug" => {
                if let Ok(raw) = Raw::parse(data) {
                    out.other(CHOICE, "debug", raw);
                }
            }
            kind => out.violation(ViolationKind::UnknownEvent, || {
                format!("the wire has no event {:?}", crop(kind))
            }),
        }
    }

    /// Reads an ordinary delta, if it is one where it stands.
    fn read_ordinary(&mut self, delta: &Delta<'_>, out: &mut Emitter<'_>) -> bool {
        match delta {
            Delta::Content { index, kind, text } => {
                self.append_content(index.unwrap_or(0), *kind, text, out);
                true
            }
            Delta::Arguments { index, piece } => {
                let part = self.calls.get(index);
                part.map(|part| out.append(*part, piece)).is_some()
            }
        }
    }

    /// Reads an answer that was not streamed.
    fn read_whole(&mut self, body: &str, out: &mut Emitter<'_>) -> bool {
        let names = [
            "id",
            "message",
            "finish_reason",
            "usage",
            "logprobs",
            "error",
        ];
        let Ok(Some([id, message, reason, usage, logprobs, error])) = Raw::parse_pick(body, names)
        else {
            return false;
        };
        let message = message.filter(|message| message.kind() == Kind::Object);
        let in_band = fields::error(error);
        if message.is_none() && in_band.is_none() {
            return false;
        }
        if let Some(id) = fields::text(id, "id", out) {
            out.response_id(&id.plain());
        }
        if let Some(message) = message {
            out.choice(CHOICE);
            self.read_message(message, out);
        }
        if let Some(logprobs) = logprobs {
            fields::elements(Some(logprobs), "logprobs", out, read_logprobs);
        }
        read_end([reason, usage, error], out);
        true
    }

    fn read_message(&mut self, message: Raw<'_>, out: &mut Emitter<'_>) {
        let [plan, content, calls, citations] =
            message.pick(["tool_plan", "content", "tool_calls", "citations"]);
        self.read_plan(plan, out);
        let mut index = 0;
        fields::elements(content, "content", out, |content, out| {
            self.start_block(index, content, out);
            index += 1;
        });
        fields::elements(calls, "tool_calls", out, |call, out| {
            self.start_call(None, call, out);
        });
        fields::elements(citations, "citations", out, |citation, out| {
            out.other(CHOICE, "citation", citation);
        });
    }

    fn start_block(&mut self, index: u64, content: Raw<'_>, out: &mut Emitter<'_>) {
        let [kind, text, thinking] = content.pick(["type", "text", "thinking"]);
        let kind = fields::text(kind, "content.type", out).map(Str::plain);
        let (kind, text) = match kind.as_deref() {
            Some("text") => (BlockKind::Text, fields::text(text, "text", out)),
            Some("thinking") => (BlockKind::Thinking, fields::text(thinking, "thinking", out)),
            kind => {
                let part = out.other(CHOICE, kind.unwrap_or("content"), content);
                let kind = BlockKind::Other;
                self.blocks.insert(index, Block { kind, part });
                return;
            }
        };
        let part = self.open_block(index, kind, out);
        if let Some(text) = text {
            out.append(part, &text);
        }
    }

    fn open_block(&mut self, index: u64, kind: BlockKind, out: &mut Emitter<'_>) -> PartId {
        let part = out.open(
            CHOICE,
            match kind {
                BlockKind::Thinking => PartKind::Reasoning,
                BlockKind::Text | BlockKind::Other => PartKind::Text,
            },
        );
        self.blocks.insert(index, Block { kind, part });
        part
    }

    fn read_content(&mut self, index: u64, content: Raw<'_>, out: &mut Emitter<'_>) {
        let [text, thinking] = content.pick(["text", "thinking"]);
        if text.is_none() && thinking.is_none() {
            // Nothing that a text or thinking block could hold.
            if self
                .blocks
                .get(&index)
                .is_some_and(|block| block.kind == BlockKind::Other)
            {
                out.other(CHOICE, "content", content);
            }
            return;
        }
        for (kind, value, name) in [
            (BlockKind::Thinking, thinking, "thinking"),
            (BlockKind::Text, text, "text"),
        ] {
            if let Some(text) = fields::text(value, name, out) {
                self.append_content(index, kind, &text, out);
            }
        }
    }

    fn append_content(
        &mut self,
        index: u64,
        kind: BlockKind,
        text: &Str<'_>,
        out: &mut Emitter<'_>,
    ) {
        let part = match self.blocks.get(&index) {
            Some(block) if block.kind == kind => block.part,
            _ if text.is_empty() => return,
            _ => {
                out.violation(ViolationKind::UnopenedBlock, || {
                    let name = match kind {
                        BlockKind::Thinking => "thinking",
                        BlockKind::Text | BlockKind::Other => "text",
                    };
                    format!("a piece of {name} for content {index}, which has no such block")
                });
                self.open_block(index, kind, out)
            }
        };
        out.append(part, text);
    }

    fn start_call(&mut self, index: Option<u64>, call: Raw<'_>, out: &mut Emitter<'_>) {
        let [id, function] = call.pick(["id", "function"]);
        let id = fields::text(id, "tool_calls.id", out).filter(|id| !id.is_empty());
        let function = fields::object(function, "tool_calls.function", out);
        let [name, arguments] =
            function.map_or([None; 2], |function| function.pick(["name", "arguments"]));
        let name = fields::text(name, "function.name", out).filter(|name| !name.is_empty());
        let index = index.unwrap_or(self.calls_seen);
        let part = out.open(
            CHOICE,
            PartKind::ToolCall {
                index,
                id: id.map(Str::plain).as_deref(),
                name: name.map(Str::plain).as_deref(),
                free_form: false,
            },
        );
        self.calls_seen += 1;
        self.calls.insert(index, part);
        if let Some(arguments) = read_arguments(arguments, out) {
            out.append(part, &arguments);
        }
    }

    fn continue_call(&mut self, index: Option<u64>, call: Raw<'_>, out: &mut Emitter<'_>) {
        let index = index.unwrap_or(self.calls_seen.saturating_sub(1));
        let Some(part) = self.calls.get(&index).copied() else {
            out.violation(ViolationKind::UnopenedCall, || {
                format!("a fragment for tool call {index}, which is not open")
            });
            return self.start_call(Some(index), call, out);
        };
        let [function] = call.pick(["function"]);
        let function = fields::object(function, "tool_calls.function", out);
        let arguments = function.and_then(|function| function.pick(["arguments"])[0]);
        if let Some(arguments) = read_arguments(arguments, out) {
            out.append(part, &arguments);
        }
    }

    fn read_plan(&mut self, plan: Option<Raw<'_>>, out: &mut Emitter<'_>) {
        let plan = plan.filter(|plan| !plan.is_null());
        if let Some(text) = fields::text(plan, "tool_plan", out).filter(|text| !text.is_empty()) {
            let open =
                |out: &mut Emitter<'_>| out.open(CHOICE, PartKind::Other { kind: "tool_plan" });
            let part = *self.plan.get_or_insert_with(|| open(out));
            out.append_member(part, PLAN, &text);
        }
    }
}

/// What a delta's `message` holds under that name.
fn inner<'a>(delta: Option<Raw<'a>>, name: &'static str, out: &mut Emitter<'_>) -> Option<Raw<'a>> {
    let [value] = message(delta, out)?.pick([name]);
    fields::object(value, name, out)
}

fn message<'a>(delta: Option<Raw<'a>>, out: &mut Emitter<'_>) -> Option<Raw<'a>> {
    let [message] = fields::object(delta, "delta", out)?.pick(["message"]);
    fields::object(message, "delta.message", out)
}

/// Arguments sent as a value are kept as the wire's own text.
fn read_arguments<'a>(value: Option<Raw<'a>>, out: &mut Emitter<'_>) -> Option<Str<'a>> {
    match value {
        Some(raw) if matches!(raw.kind(), Kind::Object | Kind::Array) => {
            Some(Str::Text(Cow::Borrowed(raw.text())))
        }
        value => fields::text(value, "function.arguments", out),
    }
}

/// The finish reason, usage and error that end a message.
fn read_end([reason, usage, error]: [Option<Raw<'_>>; 3], out: &mut Emitter<'_>) {
    if let Some(usage) = fields::object(usage, "usage", out) {
        read_usage(usage, out);
    }
    if let Some(reason) = fields::text(reason, "finish_reason", out) {
        let reason = reason.plain();
        out.finish(CHOICE, &reason);
        if reason == "ERROR" {
            out.failed();
        }
    }
    if let Some(error) = fields::error(error) {
        out.error(error);
    }
}

/// `tokens` is what the model saw and wrote; `billed_units` leaves out what costs nothing.
fn read_usage(raw: Raw<'_>, out: &mut Emitter<'_>) {
    let [tokens, cached] = raw.pick(["tokens", "cached_tokens"]);
    let tokens = fields::object(tokens, "usage.tokens", out);
    let names = ["input_tokens", "output_tokens", "reasoning_tokens"];
    let [input, output, reasoning] = tokens.map_or([None; 3], |tokens| tokens.pick(names));
    let usage = Usage {
        input_tokens: fields::number(input, "usage.tokens.input_tokens", out),
        output_tokens: fields::number(output, "usage.tokens.output_tokens", out),
        total_tokens: None,
        cached_input_tokens: fields::number(cached, "usage.cached_tokens", out),
        reasoning_tokens: fields::number(reasoning, "usage.tokens.reasoning_tokens", out),
    };
    out.usage(usage, raw.text());
}

/// One entry a statement, as it stands: its own lists belong together.
fn read_logprobs(logprobs: Raw<'_>, out: &mut Emitter<'_>) {
    let entry = format!("[{}]", logprobs.text());
    if let Ok(entries) = Raw::parse(&entry) {
        out.logprobs(CHOICE, false, entries);
    }
}

fn crop(text: &str) -> String {
    text.chars().take(40).collect()
}
