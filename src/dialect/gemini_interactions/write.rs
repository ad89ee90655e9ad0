//! What a server of the Interactions API writes: its errors and its answers.

use crate::dialect::gemini;
use crate::dialect::write::{Marks, Message, Script, ScriptPart, Writing, object_of};
use crate::json::{Json, object};

pub(super) static WRITING: Writing = Writing {
    error_body: gemini::error_body,
    error_event,
    marks: Marks {
        usage: &[&["interaction", "usage"]],
        call_index: Some(&["index"]),
        type_member: Some("event_type"),
        ..Marks::NONE
    },
    target: |_, _| "/v1beta/interactions".to_owned(),
    stream_type: "text/event-stream",
    finish: |has_calls| {
        if has_calls {
            "requires_action"
        } else {
            "completed"
        }
    },
    has_refusals: false,
    arguments_are_objects: true,
    stream,
    whole,
};

fn error_event(message: &str) -> Message {
    let error = object! { "code": "internal_error", "message": message };
    Message::named("error", object! { "event_type": "error", "error": error })
}

fn stream(said: &Script) -> Vec<Message> {
    let mut out = vec![state("interaction.created", said, "in_progress")];
    for (index, part) in said.parts.iter().enumerate() {
        let delta: fn(&str) -> Json = match part {
            ScriptPart::Text(_) => |text| object! { "type": "text", "text": text },
            ScriptPart::Reasoning(_) => |text| {
                let content = object! { "type": "text", "text": text };
                object! { "type": "thought_summary", "content": content }
            },
            _ => |text| object! { "type": "arguments_delta", "arguments": text },
        };
        let (step, pieces) = match part {
            ScriptPart::Text(pieces) => (object! { "type": "model_output" }, pieces),
            ScriptPart::Reasoning(pieces) => (object! { "type": "thought" }, pieces),
            ScriptPart::Call {
                id,
                name,
                arguments,
            } => (call(id, name, object! {}), arguments),
            ScriptPart::Refusal(_) => continue,
        };
        let data = object! { "event_type": "step.start", "index": index, "step": step };
        out.push(Message::named("step.start", data));
        for piece in pieces {
            let delta = delta(piece);
            let data = object! { "event_type": "step.delta", "index": index, "delta": delta };
            out.push(Message::named("step.delta", data));
        }
        let data = object! { "event_type": "step.stop", "index": index };
        out.push(Message::named("step.stop", data));
    }
    if let Some(status) = &said.finish {
        out.push(state("interaction.completed", said, status));
        out.push(Message::marker("done", "[DONE]"));
    }
    out
}

fn whole(said: &Script) -> Json {
    let step = |part: &ScriptPart| {
        let content = |pieces: &[String]| [object! { "type": "text", "text": pieces.concat() }];
        match part {
            ScriptPart::Text(pieces) => {
                Some(object! { "type": "model_output", "content": content(pieces) })
            }
            ScriptPart::Reasoning(pieces) => {
                Some(object! { "type": "thought", "summary": content(pieces) })
            }
            ScriptPart::Call {
                id,
                name,
                arguments,
            } => Some(call(id, name, object_of(arguments))),
            ScriptPart::Refusal(_) => None,
        }
    };
    let steps: Vec<Json> = said.parts.iter().filter_map(step).collect();
    let status = said.finish.as_deref().unwrap_or("in_progress");
    interaction(said, status, Some(steps))
}

fn call(id: &str, name: &str, arguments: Json) -> Json {
    object! { "type": "function_call", "id": id, "name": name, "arguments": arguments }
}

fn state(name: &'static str, said: &Script, status: &str) -> Message {
    let interaction = interaction(said, status, None);
    Message::named(
        name,
        object! { "event_type": name, "interaction": interaction },
    )
}

fn interaction(said: &Script, status: &str, steps: Option<Vec<Json>>) -> Json {
    let mut members = vec![
        ("id", Json::of(&said.id)),
        ("model", Json::of(&said.model)),
        ("object", Json::of(&"interaction")),
        ("status", Json::of(&status)),
    ];
    if let Some(steps) = steps {
        members.push(("steps", Json::of(&steps)));
    }
    if let Some((input, output)) = said.usage.filter(|_| status != "in_progress") {
        let usage = object! {
            "total_input_tokens": input, "total_output_tokens": output,
            "total_tokens": said.total(),
        };
        members.push(("usage", usage));
    }
    Json::of_members(&members)
}
