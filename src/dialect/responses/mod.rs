//! `openai-responses`: the Responses wire of OpenAI, of the codex and copilot backends and of the
//! gateways that speak it.
//!
//! Described at <https://platform.openai.com/docs/api-reference/responses-streaming>. An answer is a
//! list of items; each is announced, filled by deltas, and stated whole up to three times: by its
//! own events, by `response.output_item.done` and by the terminal event. Any of these may be
//! missing.

mod block;
mod items;
mod places;
mod response;
mod write;

use super::{Dialect, fields};
use crate::cassette::Request;
use crate::frame::{Event, Frame, FrameKind, Framing};
use crate::json::{Json, Raw, Str};
use crate::transcript::{Emitter, Member, Quirks, Reader, ViolationKind};
use block::Channel;
use items::Items;
use places::{Place, Said};

pub(super) static OPENAI_RESPONSES: Dialect = Dialect {
    name: "openai-responses",
    provider: "openai",
    docs: "https://platform.openai.com/docs/api-reference/responses-streaming",
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
    reader: |_| Box::new(ResponsesReader::default()),
};

/// Creating a response, and reading a stored one again (`GET /v1/responses/resp_…`).
fn claims(request: &Request) -> bool {
    let path = request.target.split('?').next().unwrap_or_default();
    match &*request.method {
        "POST" => path.ends_with("/responses"),
        "GET" => path
            .rsplit_once('/')
            .is_some_and(|(folder, id)| folder.ends_with("/responses") && !id.is_empty()),
        _ => false,
    }
}

fn recognises(_event: &str, data: Raw<'_>) -> bool {
    let [kind, object, sequence] = data.pick(["type", "object", "sequence_number"]);
    let is = |value: Option<Raw<'_>>, test: fn(&str) -> bool| {
        value
            .and_then(Raw::str)
            .is_some_and(|text| test(&text.plain()))
    };
    is(kind, |kind| kind.starts_with("response."))
        || (is(kind, |kind| kind == "error") && sequence.is_some())
        || is(object, |object| object == "response")
}

/// State of one stream.
#[derive(Debug, Clone, Default)]
struct ResponsesReader {
    items: Items,
    /// The sequence number seen last.
    sequence: Option<u64>,
}

impl Reader for ResponsesReader {
    fn read(&mut self, frame: &Frame<'_>, out: &mut Emitter<'_>) -> bool {
        match &frame.kind {
            FrameKind::Event(event) => {
                self.read_event(event, out);
                true
            }
            FrameKind::Json(body) => response::read_whole(body, &mut self.items, out),
            FrameKind::Comment(_) => true,
        }
    }

    fn boxed_clone(&self) -> Box<dyn Reader> {
        Box::new(self.clone())
    }
}

impl ResponsesReader {
    fn read_event(&mut self, event: &Event<'_>, out: &mut Emitter<'_>) {
        if let Some(data) = fields::event_data(event, "the terminal event", out) {
            self.read_data(event.name, data, out);
        }
    }

    fn read_data(&mut self, line: &str, data: &str, out: &mut Emitter<'_>) {
        // What the deltas need; the rarer events pick the rest for themselves.
        let names = [
            "type",
            "sequence_number",
            "item_id",
            "output_index",
            "content_index",
            "delta",
            "logprobs",
            "error",
        ];
        let Some(fields) = fields::of_frame(data, names, out) else {
            return;
        };
        let [
            kind,
            sequence,
            id,
            index,
            part_index,
            delta,
            logprobs,
            error,
        ] = fields;
        let error = fields::error(error);
        if let (None, Some(error)) = (kind, &error) {
            return out.error(error.clone());
        }
        let Some(kind) = fields::event_type(line, kind, out) else {
            return;
        };
        if out.is_terminated() {
            return response::read_late(&kind, error, data, out);
        }
        self.follow_sequence(sequence, out);
        let place = |out: &mut Emitter<'_>| Place {
            index: fields::number(index, "output_index", out),
            id: fields::text(id, "item_id", out).filter(|id| !id.is_empty()),
        };
        let cold = || Raw::parse(data).unwrap_or(Raw::EMPTY_ARRAY);
        match &*kind {
            "response.output_text.delta"
            | "response.refusal.delta"
            | "response.reasoning_text.delta" => {
                let channel = match &*kind {
                    "response.output_text.delta" => Channel::Text,
                    "response.refusal.delta" => Channel::Refusal,
                    _ => Channel::Thought,
                };
                let at = (
                    place(out),
                    channel,
                    part_number(part_index, "content_index", out),
                );
                if let Some(delta) = fields::text(delta, "delta", out) {
                    self.items.text_delta(at, &delta, logprobs, out);
                }
            }
            "response.reasoning_summary_text.delta" => {
                let [part_index] = cold().pick(["summary_index"]);
                let number = part_number(part_index, "summary_index", out);
                let at = (place(out), Channel::Summary, number);
                if let Some(delta) = fields::text(delta, "delta", out) {
                    self.items.text_delta(at, &delta, None, out);
                }
            }
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
                let free_form = &*kind == "response.custom_tool_call_input.delta";
                let place = place(out);
                if let Some(delta) = fields::text(delta, "delta", out) {
                    self.items.call_delta(place, free_form, &delta, out);
                }
            }
            "response.mcp_call_arguments.delta" | "response.code_interpreter_call_code.delta" => {
                let place = place(out);
                if let Some(delta) = fields::text(delta, "delta", out) {
                    self.items
                        .member_delta(place, Member::text(member_of(&kind)), &delta, out);
                }
            }
            "response.mcp_call_arguments.done" | "response.code_interpreter_call_code.done" => {
                let name = member_of(&kind);
                let [whole] = cold().pick([name]);
                let place = place(out);
                if let Some(whole) = fields::text(whole, name, out) {
                    self.items
                        .member_whole(place, Member::text(name), &whole, out);
                }
            }
            "response.output_text.done"
            | "response.refusal.done"
            | "response.reasoning_text.done"
            | "response.reasoning_summary_text.done"
            | "response.function_call_arguments.done"
            | "response.custom_tool_call_input.done" => {
                let place = place(out);
                self.read_done(&kind, place, part_index, cold(), out);
            }
            "response.output_item.added" | "response.output_item.done" => {
                let said = match &*kind {
                    "response.output_item.added" => Said::Opening,
                    _ => Said::Done,
                };
                let [item] = cold().pick(["item"]);
                let place = place(out);
                if let Some(item) = fields::object(item, "item", out) {
                    self.items.item(place.index, item, said, out);
                }
            }
            "response.content_part.added" | "response.content_part.done" => {
                let said = match &*kind {
                    "response.content_part.added" => Said::Opening,
                    _ => Said::Done,
                };
                let [part] = cold().pick(["part"]);
                let place = place(out);
                let number = part_number(part_index, "content_index", out);
                if let Some(part) = fields::object(part, "part", out) {
                    self.items.content_part(place, number, part, said, out);
                }
            }
            "response.reasoning_summary_part.added" | "response.reasoning_summary_part.done" => {
                let [part, number] = cold().pick(["part", "summary_index"]);
                let said = match &*kind {
                    "response.reasoning_summary_part.added" => Said::Opening,
                    _ => Said::Done,
                };
                let at = (
                    place(out),
                    Channel::Summary,
                    part_number(number, "summary_index", out),
                );
                if let Some(part) = fields::object(part, "part", out) {
                    let [text] = part.pick(["text"]);
                    if let Some(text) = fields::text(text, "part.text", out) {
                        self.items.text_whole(at, &text, said, out);
                    }
                }
            }
            "response.output_text.annotation.added" => {
                let [annotation] = cold().pick(["annotation"]);
                let number = part_number(part_index, "content_index", out);
                let place = place(out);
                if let Some(annotation) = fields::object(annotation, "annotation", out) {
                    self.items.annotation(place, number, annotation, out);
                }
            }
            "response.created" | "response.in_progress" | "response.queued" => {
                let [response] = cold().pick(["response"]);
                if let Some(response) = fields::object(response, "response", out) {
                    response::read_identity(response, out);
                }
            }
            "response.completed"
            | "response.incomplete"
            | "response.failed"
            | "response.cancelled"
            | "response.done" => {
                let [response] = cold().pick(["response"]);
                if &*kind == "response.failed" {
                    out.failed();
                }
                let response = fields::object(response, "response", out);
                let said = kind.trim_start_matches("response.");
                response::read(
                    response.unwrap_or(Raw::EMPTY_ARRAY),
                    said,
                    &mut self.items,
                    out,
                );
                out.terminator();
            }
            "error" => out.error(error.unwrap_or_else(|| Json::from_raw(cold()))),
            other if is_silent(other) => {}
            other => out.violation(ViolationKind::UnknownEvent, || {
                format!("no event of type {other:?} is known")
            }),
        }
    }

    /// Reads an event that states the whole of what deltas brought.
    fn read_done(
        &mut self,
        kind: &str,
        place: Place<'_>,
        content_index: Option<Raw<'_>>,
        data: Raw<'_>,
        out: &mut Emitter<'_>,
    ) {
        let names = [
            "text",
            "refusal",
            "summary_index",
            "arguments",
            "input",
            "name",
            "logprobs",
        ];
        let [
            text,
            refusal,
            summary_index,
            arguments,
            input,
            name,
            logprobs,
        ] = data.pick(names);
        let content = || ("content_index", content_index);
        let (channel, (index_name, index), (field, whole)) = match kind {
            "response.output_text.done" => (Channel::Text, content(), ("text", text)),
            "response.refusal.done" => (Channel::Refusal, content(), ("refusal", refusal)),
            "response.reasoning_text.done" => (Channel::Thought, content(), ("text", text)),
            "response.reasoning_summary_text.done" => (
                Channel::Summary,
                ("summary_index", summary_index),
                ("text", text),
            ),
            _ => {
                let free_form = kind == "response.custom_tool_call_input.done";
                let (field, whole) = match free_form {
                    true => ("input", input),
                    false => ("arguments", arguments),
                };
                let whole = fields::text(whole, field, out);
                let name = fields::text(name, "name", out).map(Str::plain);
                let name = name.as_deref();
                return self
                    .items
                    .call_whole(place, free_form, name, whole.as_ref(), out);
            }
        };
        let at = (place, channel, part_number(index, index_name, out));
        if let Some(whole) = fields::text(whole, field, out) {
            self.items.text_done(at, &whole, logprobs, out);
        }
    }

    fn follow_sequence(&mut self, number: Option<Raw<'_>>, out: &mut Emitter<'_>) {
        let Some(number) = fields::number(number, "sequence_number", out) else {
            return;
        };
        if let Some(last) = self.sequence.replace(number)
            && last.checked_add(1) != Some(number)
        {
            out.violation(ViolationKind::SequenceGap, || {
                format!("sequence number {number} after {last}")
            });
        }
    }
}

/// The number of a part within its item; an item has mostly one.
fn part_number(index: Option<Raw<'_>>, field: &str, out: &mut Emitter<'_>) -> u64 {
    fields::number(index, field, out).unwrap_or(0)
}

/// The member of a server tool's item that its events bring in pieces.
fn member_of(kind: &str) -> &'static str {
    match kind.starts_with("response.mcp_call_arguments.") {
        true => "arguments",
        false => "code",
    }
}

/// Whether an event only tells how far a server tool is; its item states the result.
fn is_silent(kind: &str) -> bool {
    let of_server_tool = kind.strip_prefix("response.").is_some_and(|rest| {
        rest.split_once('.')
            .is_some_and(|(item, _)| item.ends_with("_call") || item == "mcp_list_tools")
    });
    of_server_tool || kind == "keepalive" || kind == "ping" || kind.starts_with("codex.")
}
