//! `gemini-interactions`: the Interactions API of Gemini.
//!
//! Described at <https://ai.google.dev/api/interactions-api>. An interaction is a list of steps,
//! each started, filled by deltas and stopped under its own index; its last status is the finish
//! reason. The wire's first edition, which calls steps contents, is read too.

mod delta;
mod write;

use std::borrow::Cow;
use std::collections::HashMap;

use super::flow::{Flow, FlowKind};
use super::{Dialect, fields};
use crate::cassette::Request;
use crate::frame::{Event, Frame, FrameKind, Framing};
use crate::json::{Json, Kind, Raw, Str};
use crate::transcript::{Emitter, Member, PartId, PartKind, Quirks, Reader, Usage, ViolationKind};
use delta::TextDelta;

pub(super) static GEMINI_INTERACTIONS: Dialect = Dialect {
    name: "gemini-interactions",
    provider: "gcp.gemini",
    docs: "https://ai.google.dev/api/interactions-api",
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
    reader: |_| Box::new(InteractionsReader::default()),
};

/// A new interaction is posted; a running or finished one is fetched, and its stream resumed, under
/// its id.
fn claims(request: &Request) -> bool {
    let path = request.target.split('?').next().unwrap_or_default();
    let Some((before, after)) = path.rsplit_once("/interactions") else {
        return false;
    };
    let has_version = before.rsplit('/').any(|segment| segment.starts_with("v1"));
    let is_one = after.len() > 1 && after.starts_with('/') && !after[1..].contains('/');
    has_version
        && match &*request.method {
            "POST" => after.is_empty(),
            "GET" => is_one,
            _ => false,
        }
}

fn recognises(_event: &str, data: Raw<'_>) -> bool {
    let [kind, object] = data.pick(["event_type", "object"]);
    match kind.and_then(Raw::str) {
        Some(kind) => {
            let kind = kind.plain();
            let families = ["interaction.", "step.", "content."];
            families.iter().any(|family| kind.starts_with(family))
        }
        None => object
            .and_then(Raw::str)
            .is_some_and(|object| object.plain() == "interaction"),
    }
}

/// The one choice that the wire has.
const CHOICE: u64 = 0;

/// Arguments of a server's tool come in pieces like those of a function.
const ARGUMENTS: Member = Member::json("arguments");

/// State of one stream: its steps.
#[derive(Debug, Clone, Default)]
struct InteractionsReader {
    steps: HashMap<u64, Step>,
}

#[derive(Debug, Clone, Default)]
struct Step {
    flow: Flow,
    call: Option<PartId>,
    /// The arguments stood whole at the start; pieces would say them again.
    has_arguments: bool,
    /// The part of a step that has no form of its own.
    other: Option<PartId>,
}

impl Reader for InteractionsReader {
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

impl InteractionsReader {
    fn read_event(&mut self, event: &Event<'_>, out: &mut Emitter<'_>) {
        let data = event.data.map_or("", str::trim);
        if data == "[DONE]" {
            out.terminator();
        } else if !data.is_empty() {
            self.read_data(event.name, data, out);
        }
    }

    fn read_data(&mut self, line: &str, data: &str, out: &mut Emitter<'_>) {
        if let Ok(TextDelta {
            index,
            text: Some(text),
        }) = TextDelta::parse(line, data)
        {
            let step = self.step(index.unwrap_or(0), out);
            return step.flow.write(CHOICE, FlowKind::Text, &text, out);
        }
        let names = [
            "event_type",
            "index",
            "delta",
            "step",
            "content",
            "interaction",
            "error",
            "status",
        ];
        let Some(
            [
                kind,
                index,
                delta,
                step,
                content,
                interaction,
                error,
                status,
            ],
        ) = fields::of_frame(data, names, out)
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
            "step.delta" | "content.delta" => {
                if let Some(delta) = fields::object(delta, "delta", out) {
                    let index = fields::number(index, "index", out).unwrap_or(0);
                    self.read_delta(index, delta, out);
                }
            }
            "step.start" | "content.start" => {
                if let Some(step) = fields::object(step.or(content), "step", out) {
                    let index = fields::number(index, "index", out).unwrap_or(0);
                    self.start(index, step, out);
                }
            }
            "step.stop" | "content.stop" => {}
            "interaction.status_update" => {
                let status = fields::text(status, "status", out);
                if status.is_some_and(|status| status.plain() == "failed") {
                    out.failed();
                }
            }
            "error" => out.error(Json::parse(data).unwrap_or_else(|_| Json::null())),
            kind if kind.starts_with("interaction.") => {
                if let Some(interaction) = fields::object(interaction, "interaction", out) {
                    self.read_interaction(interaction, out);
                }
            }
            kind => out.violation(ViolationKind::UnknownEvent, || {
                let shown: String = kind.chars().take(40).collect();
                format!("the wire has no event {shown:?}")
            }),
        }
    }

    /// Reads an answer that was not streamed.
    fn read_whole(&mut self, body: &str, out: &mut Emitter<'_>) -> bool {
        let names = ["status", "steps", "outputs", "error"];
        let Ok(Some([status, steps, outputs, error])) = Raw::parse_pick(body, names) else {
            return false;
        };
        let has_status = status.is_some_and(|status| status.kind() == Kind::String);
        if !has_status && steps.or(outputs).is_none() {
            if let Some(error) = fields::error(error) {
                out.error(error);
                return true;
            }
            return false;
        }
        if let Ok(interaction) = Raw::parse(body) {
            self.read_interaction(interaction, out);
        }
        true
    }

    /// Reads an interaction as it stands. Its steps count when no event has brought any.
    fn read_interaction(&mut self, interaction: Raw<'_>, out: &mut Emitter<'_>) {
        let [id, model, agent, status, usage, steps, outputs, error] = interaction.pick([
            "id", "model", "agent", "status", "usage", "steps", "outputs", "error",
        ]);
        out.choice(CHOICE);
        if let Some(id) = fields::text(id, "interaction.id", out) {
            out.response_id(&id.plain());
        }
        if let Some(model) = fields::text(model.or(agent), "interaction.model", out) {
            out.model(&model.plain());
        }
        if self.steps.is_empty() {
            let mut index = 0;
            fields::elements(steps.or(outputs), "steps", out, |step, out| {
                match step.kind() {
                    Kind::Object => self.start(index, step, out),
                    _ => out.wrong_type("steps[]", "an object", step),
                }
                index += 1;
            });
        }
        if let Some(usage) = fields::object(usage, "usage", out) {
            self.read_usage(usage, out);
        }
        if let Some(status) = fields::text(status, "status", out) {
            match &*status.plain() {
                "queued" | "in_progress" => {}
                status => {
                    out.finish(CHOICE, status);
                    if status == "failed" {
                        out.failed();
                    }
                }
            }
        }
        if let Some(error) = fields::error(error) {
            out.error(error);
        }
    }

    fn start(&mut self, index: u64, raw: Raw<'_>, out: &mut Emitter<'_>) {
        let [kind, text, content, summary, signature] =
            raw.pick(["type", "text", "content", "summary", "signature"]);
        let kind = fields::text(kind, "step.type", out).map(Str::plain);
        let mut step = Step::default();
        match kind.as_deref() {
            Some("model_output") => {
                fields::elements(content, "step.content", out, |content, out| {
                    step.read_content(FlowKind::Text, content, out);
                });
            }
            Some("text") => {
                if let Some(text) = fields::text(text, "text", out) {
                    step.flow.write(CHOICE, FlowKind::Text, &text, out);
                }
            }
            Some("thought") => {
                step.flow.part(CHOICE, FlowKind::Reasoning, out);
                fields::elements(summary, "step.summary", out, |content, out| {
                    step.read_content(FlowKind::Reasoning, content, out);
                });
                step.sign(signature, out);
            }
            Some("function_call") => {
                step.start_call(index, raw, out);
                if let Some(signature) = signature {
                    out.other(CHOICE, "thought_signature", signature);
                }
            }
            kind => step.other = Some(out.other(CHOICE, kind.unwrap_or("step"), raw)),
        }
        self.steps.insert(index, step);
    }

    fn read_delta(&mut self, index: u64, delta: Raw<'_>, out: &mut Emitter<'_>) {
        let step = self.step(index, out);
        let [kind, text, arguments, signature, content] =
            delta.pick(["type", "text", "arguments", "signature", "content"]);
        let kind = fields::text(kind, "delta.type", out).map(Str::plain);
        match kind.as_deref() {
            Some("text") => {
                if let Some(text) = fields::text(text, "delta.text", out) {
                    step.flow.write(CHOICE, FlowKind::Text, &text, out);
                }
            }
            Some("arguments_delta") => {
                if let Some(piece) = fields::text(arguments, "delta.arguments", out) {
                    step.read_arguments(index, &piece, out);
                }
            }
            Some("thought_summary") => {
                if let Some(content) = fields::object(content, "delta.content", out) {
                    step.read_content(FlowKind::Reasoning, content, out);
                }
            }
            Some("thought" | "thought_signature") => step.sign(signature, out),
            Some("function_call") => step.start_call(index, delta, out),
            kind => {
                out.other(CHOICE, kind.unwrap_or("delta"), delta);
                if kind != Some("text_annotation_delta") {
                    step.flow.interrupt();
                }
            }
        }
    }

    /// The step that a delta belongs to; a new one where nothing had started it.
    fn step(&mut self, index: u64, out: &mut Emitter<'_>) -> &mut Step {
        self.steps.entry(index).or_insert_with(|| {
            out.violation(ViolationKind::UnopenedBlock, || {
                format!("a delta for step {index}, which nothing had started")
            });
            Step::default()
        })
    }

    fn read_usage(&mut self, raw: Raw<'_>, out: &mut Emitter<'_>) {
        let [input, output, total, cached, thought] = raw.pick([
            "total_input_tokens",
            "total_output_tokens",
            "total_tokens",
            "total_cached_tokens",
            "total_thought_tokens",
        ]);
        let usage = Usage {
            input_tokens: fields::number(input, "total_input_tokens", out),
            output_tokens: fields::number(output, "total_output_tokens", out),
            total_tokens: fields::number(total, "total_tokens", out),
            cached_input_tokens: fields::number(cached, "total_cached_tokens", out),
            reasoning_tokens: fields::number(thought, "total_thought_tokens", out),
        };
        out.usage(usage, raw.text());
    }
}

impl Step {
    /// One element of a list of contents: text goes on, the rest is kept as it stands.
    fn read_content(&mut self, kind: FlowKind, content: Raw<'_>, out: &mut Emitter<'_>) {
        let [form, text] = content.pick(["type", "text"]);
        let form = form.and_then(Raw::str).map(Str::plain);
        match (form.as_deref(), text.and_then(Raw::str)) {
            (Some("text") | None, Some(text)) => self.flow.write(CHOICE, kind, &text, out),
            (form, _) => {
                out.other(CHOICE, form.unwrap_or("content"), content);
                self.flow.interrupt();
            }
        }
    }

    fn sign(&mut self, signature: Option<Raw<'_>>, out: &mut Emitter<'_>) {
        if let Some(signature) = fields::text(signature, "signature", out)
            && !signature.is_empty()
        {
            let part = self.flow.part(CHOICE, FlowKind::Reasoning, out);
            out.sign(part, &signature.plain());
        }
    }

    /// Opens a call. Its arguments are an empty object when pieces of them follow.
    fn start_call(&mut self, index: u64, raw: Raw<'_>, out: &mut Emitter<'_>) {
        let [id, name, arguments] = raw.pick(["id", "name", "arguments"]);
        let id = fields::text(id, "function_call.id", out).filter(|id| !id.is_empty());
        let name = fields::text(name, "function_call.name", out).filter(|name| !name.is_empty());
        let call = out.open(
            CHOICE,
            PartKind::ToolCall {
                index,
                id: id.map(Str::plain).as_deref(),
                name: name.map(Str::plain).as_deref(),
                free_form: false,
            },
        );
        let arguments = fields::object(arguments, "function_call.arguments", out);
        let arguments = arguments.map_or("{}", Raw::text);
        let is_empty = arguments[1..arguments.len() - 1].trim().is_empty();
        if !is_empty {
            out.append(call, &Str::Text(Cow::Borrowed(arguments)));
        }
        self.call = Some(call);
        self.has_arguments = !is_empty;
    }

    fn read_arguments(&mut self, index: u64, piece: &Str<'_>, out: &mut Emitter<'_>) {
        if let Some(other) = self.other {
            return out.append_member(other, ARGUMENTS, piece);
        }
        let call = *self.call.get_or_insert_with(|| {
            out.violation(ViolationKind::UnopenedCall, || {
                format!("a fragment of arguments for step {index}, which is no call")
            });
            let (id, name, free_form) = (None, None, false);
            out.open(
                CHOICE,
                PartKind::ToolCall {
                    index,
                    id,
                    name,
                    free_form,
                },
            )
        });
        if std::mem::take(&mut self.has_arguments) {
            out.violation(ViolationKind::DeltaMismatch, || {
                format!(
                    "pieces of the arguments of step {index} after the whole; the pieces are kept"
                )
            });
            return out.replace(call, piece);
        }
        out.append(call, piece);
    }
}
