//! What a server of the Responses API writes: its errors and its answers.

use crate::dialect::openai_chat;
use crate::dialect::write::{Marks, Message, Script, ScriptPart, Writing};
use crate::json::{Json, object};

pub(super) static WRITING: Writing = Writing {
    error_body: openai_chat::error_body,
    error_event,
    marks: Marks {
        usage: &[&["response", "usage"]],
        call_index: Some(&["output_index"]),
        type_member: Some("type"),
        sequence: Some(&["sequence_number"]),
        ..Marks::NONE
    },
    target: |_, _| "/v1/responses".to_owned(),
    stream_type: "text/event-stream; charset=utf-8",
    finish: |_| "completed",
    has_refusals: true,
    arguments_are_objects: false,
    stream,
    whole,
};

/// <https://platform.openai.com/docs/api-reference/responses-streaming/error>
fn error_event(message: &str) -> Message {
    let data = object! {
        "type": "error", "code": "server_error", "message": message, "param": None::<&str>,
    };
    Message::named("error", data)
}

/// Events in the making; each has its number.
#[derive(Default)]
struct Events(Vec<Message>);

impl Events {
    fn push(&mut self, name: &'static str, members: &[(&str, Json)]) {
        let number = Json::of(&self.0.len());
        let mut all = vec![("type", Json::of(&name)), ("sequence_number", number)];
        all.extend(members.iter().map(|(name, value)| (*name, value.clone())));
        self.0.push(Message::named(name, Json::of_members(&all)));
    }
}

/// The names of the events of one kind of content.
struct Names {
    opened: &'static str,
    delta: &'static str,
    done: &'static str,
    closed: &'static str,
    /// The member that numbers the contents of an item.
    number: &'static str,
    /// The member that holds the text, in the content and in its last event.
    text: &'static str,
}

const TEXT: Names = Names {
    opened: "response.content_part.added",
    delta: "response.output_text.delta",
    done: "response.output_text.done",
    closed: "response.content_part.done",
    number: "content_index",
    text: "text",
};

const REFUSAL: Names = Names {
    delta: "response.refusal.delta",
    done: "response.refusal.done",
    text: "refusal",
    ..TEXT
};

const SUMMARY: Names = Names {
    opened: "response.reasoning_summary_part.added",
    delta: "response.reasoning_summary_text.delta",
    done: "response.reasoning_summary_text.done",
    closed: "response.reasoning_summary_part.done",
    number: "summary_index",
    text: "text",
};

fn stream(said: &Script) -> Vec<Message> {
    let mut out = Events::default();
    let started = response(said, "in_progress", &[]);
    out.push("response.created", &[("response", started.clone())]);
    out.push("response.in_progress", &[("response", started)]);
    for (index, part) in said.parts.iter().enumerate() {
        item_events(index, part, &mut out);
    }
    if let Some(status) = &said.finish {
        let name = match &**status {
            "incomplete" => "response.incomplete",
            "failed" => "response.failed",
            _ => "response.completed",
        };
        out.push(name, &[("response", whole(said))]);
    }
    out.0
}

fn item_events(index: usize, part: &ScriptPart, out: &mut Events) {
    let place = [
        ("item_id", Json::of(&item_id(index))),
        ("output_index", Json::of(&index)),
    ];
    let item_is = |item: Json| [place[1].clone(), ("item", item)];
    let opening = item(index, part, Progress::Opening);
    out.push("response.output_item.added", &item_is(opening));
    let (names, pieces) = match part {
        ScriptPart::Text(pieces) => (TEXT, pieces),
        ScriptPart::Refusal(pieces) => (REFUSAL, pieces),
        ScriptPart::Reasoning(pieces) => (SUMMARY, pieces),
        ScriptPart::Call { arguments, .. } => {
            let with =
                |name, text: &str| [place[0].clone(), place[1].clone(), (name, Json::of(&text))];
            for piece in arguments {
                out.push(
                    "response.function_call_arguments.delta",
                    &with("delta", piece),
                );
            }
            let whole = arguments.concat();
            out.push(
                "response.function_call_arguments.done",
                &with("arguments", &whole),
            );
            let done = item(index, part, Progress::Done);
            return out.push("response.output_item.done", &item_is(done));
        }
    };
    let with = |name, value: Json| {
        let number = (names.number, Json::of(&0));
        [place[0].clone(), place[1].clone(), number, (name, value)]
    };
    out.push(names.opened, &with("part", content(part, "")));
    for piece in pieces {
        out.push(names.delta, &with("delta", Json::of(piece)));
    }
    let whole = pieces.concat();
    out.push(names.done, &with(names.text, Json::of(&whole)));
    out.push(names.closed, &with("part", content(part, &whole)));
    out.push(
        "response.output_item.done",
        &item_is(item(index, part, Progress::Done)),
    );
}

fn whole(said: &Script) -> Json {
    let items = said.parts.iter().enumerate();
    let items: Vec<Json> = items
        .map(|(index, part)| item(index, part, Progress::Done))
        .collect();
    let status = said.finish.as_deref().unwrap_or("in_progress");
    response(said, status, &items)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Opening,
    Done,
}

fn item_id(index: usize) -> String {
    format!("item_{}", index + 1)
}

fn item(index: usize, part: &ScriptPart, progress: Progress) -> Json {
    let id = item_id(index);
    let is_done = progress == Progress::Done;
    let status = if is_done { "completed" } else { "in_progress" };
    let contents: Vec<Json> = match part {
        ScriptPart::Text(pieces) | ScriptPart::Refusal(pieces) | ScriptPart::Reasoning(pieces)
            if is_done =>
        {
            vec![content(part, &pieces.concat())]
        }
        _ => Vec::new(),
    };
    match part {
        ScriptPart::Text(_) | ScriptPart::Refusal(_) => object! {
            "id": id, "type": "message", "status": status, "role": "assistant",
            "content": contents,
        },
        ScriptPart::Reasoning(_) => object! {
            "id": id, "type": "reasoning", "summary": contents,
        },
        ScriptPart::Call {
            id: call_id,
            name,
            arguments,
        } => {
            let arguments = if is_done {
                arguments.concat()
            } else {
                String::new()
            };
            object! {
                "id": id, "type": "function_call", "status": status, "call_id": call_id,
                "name": name, "arguments": arguments,
            }
        }
    }
}

fn content(part: &ScriptPart, text: &str) -> Json {
    let none: [&str; 0] = [];
    match part {
        ScriptPart::Refusal(_) => object! { "type": "refusal", "refusal": text },
        ScriptPart::Reasoning(_) => object! { "type": "summary_text", "text": text },
        _ => object! { "type": "output_text", "text": text, "annotations": none },
    }
}

fn response(said: &Script, status: &str, items: &[Json]) -> Json {
    let reason = (status == "incomplete").then(|| object! { "reason": "max_output_tokens" });
    let is_over = status != "in_progress";
    let usage = said.usage.filter(|_| is_over).map(|(input, output)| {
        object! { "input_tokens": input, "output_tokens": output, "total_tokens": said.total() }
    });
    object! {
        "id": said.id, "object": "response", "created_at": Script::CREATED, "status": status,
        "error": None::<&str>, "incomplete_details": reason, "model": said.model,
        "output": items, "usage": usage,
    }
}
