//! `ollama`: the chat API of Ollama, `/api/chat`.
//!
//! Described at <https://github.com/ollama/ollama/blob/main/docs/api.md>. A stream is NDJSON
//! (`application/x-ndjson`); its last line says `"done":true`. With `"stream":false` the same
//! object comes once, as `application/json`: that one is read as a whole message. Where neither
//! content type nor request tells, a body that is one JSON object is a whole message.
//!
//! Tool calls come whole. Usage has no object of its own: `usage_raw` is made of the counts and
//! durations that stand on the last line.

mod write;

use std::borrow::Cow;

use super::flow::{Flow, FlowKind};
use super::{Dialect, fields};
use crate::cassette::Request;
use crate::frame::{Frame, FrameKind, Framing};
use crate::json::{Kind, ObjectDraft, Raw, Str};
use crate::transcript::{Emitter, PartKind, Quirks, Reader, Usage, ViolationKind};

pub(super) static OLLAMA: Dialect = Dialect {
    name: "ollama",
    provider: "ollama",
    docs: "https://github.com/ollama/ollama/blob/main/docs/api.md",
    framing: Framing::NdJson,
    json_framing: |first| match first {
        b'{' => Framing::NdJson,
        _ => Framing::Whole,
    },
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
    reader: |streamed| {
        Box::new(OllamaReader {
            streamed,
            ..OllamaReader::default()
        })
    },
};

fn claims(request: &Request) -> bool {
    let path = request.target.split('?').next().unwrap_or_default();
    request.method == "POST" && path.ends_with("/api/chat")
}

fn recognises(_event: &str, data: Raw<'_>) -> bool {
    let [model, message, done] = data.pick(["model", "message", "done"]);
    model.is_some_and(|raw| raw.kind() == Kind::String)
        && message.is_some_and(|raw| raw.kind() == Kind::Object)
        && done.is_some_and(|raw| raw.kind() == Kind::Bool)
}

/// The one choice that the wire has.
const CHOICE: u64 = 0;

/// State of one stream: the text that is running.
#[derive(Debug, Clone, Default)]
struct OllamaReader {
    streamed: bool,
    flow: Flow,
    calls: u64,
}

const LINE: [&str; 6] = [
    "model",
    "message",
    "done",
    "done_reason",
    "error",
    "logprobs",
];

impl Reader for OllamaReader {
    fn read(&mut self, frame: &Frame<'_>, out: &mut Emitter<'_>) -> bool {
        let text = match &frame.kind {
            FrameKind::Json(text) => text,
            FrameKind::Event(event) => event.data.unwrap_or_default(),
            FrameKind::Comment(_) => return true,
        };
        if self.streamed {
            if let Some(line) = fields::of_frame(text, LINE, out) {
                self.read_line(line, text, out);
            }
            return true;
        }
        let Ok(Some(line)) = Raw::parse_pick(text, LINE) else {
            return false;
        };
        let [_, message, _, _, error, _] = line;
        let is_ours = message.is_some_and(|message| message.kind() == Kind::Object)
            || fields::error(error).is_some();
        if is_ours {
            self.read_line(line, text, out);
        }
        is_ours
    }

    fn boxed_clone(&self) -> Box<dyn Reader> {
        Box::new(self.clone())
    }
}

impl OllamaReader {
    fn read_line(&mut self, line: [Option<Raw<'_>>; 6], text: &str, out: &mut Emitter<'_>) {
        let [model, message, done, reason, error, logprobs] = line;
        match (fields::error(error), error) {
            (Some(error), _) => out.error(error),
            (None, Some(found)) if found.kind() != Kind::String => {
                out.wrong_type("error", "a string", found);
            }
            _ => {}
        }
        if let Some(model) = fields::text(model, "model", out) {
            out.model(&model.plain());
        }
        if let Some(message) = fields::object(message, "message", out) {
            out.choice(CHOICE);
            self.read_message(message, out);
        }
        if let Some(logprobs) = logprobs {
            out.logprobs(CHOICE, false, logprobs);
        }
        let is_done = done.is_some_and(|done| match done.kind() {
            Kind::Bool => done.is_true(),
            _ => {
                out.wrong_type("done", "a boolean", done);
                false
            }
        });
        if is_done {
            read_counts(text, out);
            if let Some(reason) = fields::text(reason, "done_reason", out) {
                out.finish(CHOICE, &reason.plain());
            }
            // Old servers give no reason.
            out.ended(CHOICE);
            out.terminator();
        }
    }

    fn read_message(&mut self, message: Raw<'_>, out: &mut Emitter<'_>) {
        let [thinking, content, calls, images] =
            message.pick(["thinking", "content", "tool_calls", "images"]);
        for (kind, value, name) in [
            (FlowKind::Reasoning, thinking, "message.thinking"),
            (FlowKind::Text, content, "message.content"),
        ] {
            if let Some(text) = fields::text(value, name, out) {
                self.flow.write(CHOICE, kind, &text, out);
            }
        }
        fields::elements(calls, "message.tool_calls", out, |call, out| {
            match call.kind() {
                Kind::Object => self.read_call(call, out),
                _ => out.wrong_type("message.tool_calls[]", "an object", call),
            }
        });
        if let Some(images) = images.filter(|images| images.text() != "[]") {
            out.other(CHOICE, "images", images);
            self.flow.interrupt();
        }
    }

    fn read_call(&mut self, call: Raw<'_>, out: &mut Emitter<'_>) {
        let [id, function] = call.pick(["id", "function"]);
        let function = fields::object(function, "tool_calls[].function", out);
        let names = ["index", "name", "arguments"];
        let [index, name, arguments] = function.map_or([None; 3], |function| function.pick(names));
        let id = fields::text(id, "tool_calls[].id", out).filter(|id| !id.is_empty());
        let name = fields::text(name, "function.name", out).filter(|name| !name.is_empty());
        if name.is_none() {
            out.violation(ViolationKind::UnopenedCall, || {
                "a tool call without a name".to_owned()
            });
        }
        let arguments =
            fields::object(arguments, "function.arguments", out).map_or("{}", Raw::text);
        let index = fields::number(index, "function.index", out).unwrap_or(self.calls);
        let part = out.open(
            CHOICE,
            PartKind::ToolCall {
                index,
                id: id.map(Str::plain).as_deref(),
                name: name.map(Str::plain).as_deref(),
                free_form: false,
            },
        );
        out.append(part, &Str::Text(Cow::Borrowed(arguments)));
        self.flow.interrupt();
        self.calls += 1;
    }
}

/// Gathers the counts and durations of the last line.
fn read_counts(line: &str, out: &mut Emitter<'_>) {
    let Ok(line) = Raw::parse(line) else {
        return;
    };
    let mut usage = Usage::default();
    let mut counts = ObjectDraft::default();
    let mut found = false;
    line.members(|name, value| {
        if name.ends_with("_count") || name.ends_with("_duration") {
            found = true;
            counts.set(name, value.text());
            let value = Some(value).filter(|value| !value.is_null());
            match name {
                "prompt_eval_count" => usage.input_tokens = fields::number(value, name, out),
                "eval_count" => usage.output_tokens = fields::number(value, name, out),
                _ => {}
            }
        }
    });
    if found {
        out.usage(usage, &counts.text());
    }
}
