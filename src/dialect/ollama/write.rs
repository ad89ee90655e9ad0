//! What an Ollama server writes: its errors and its answers.

use crate::dialect::write::{Marks, Message, Script, ScriptPart, Writing, object_of};
use crate::json::{Json, object};

pub(super) static WRITING: Writing = Writing {
    error_body,
    error_event,
    marks: Marks {
        usage: &[&["prompt_eval_count"], &["eval_count"]],
        ..Marks::NONE
    },
    target: |_, _| "/api/chat".to_owned(),
    stream_type: "application/x-ndjson",
    finish: |_| "stop",
    has_refusals: false,
    arguments_are_objects: true,
    stream,
    whole,
};

/// The shape of <https://github.com/ollama/ollama/blob/main/docs/api.md>, in a body and in a line
/// of a stream.
fn error_body(_status: u16, message: &str) -> Json {
    object! { "error": message }
}

fn error_event(message: &str) -> Message {
    Message::data(error_body(500, message))
}

fn stream(said: &Script) -> Vec<Message> {
    let mut out = Vec::new();
    let mut line = |message: Json| {
        let line = object! {
            "model": said.model, "created_at": CREATED, "message": message, "done": false,
        };
        out.push(Message::data(line));
    };
    for part in &said.parts {
        match part {
            ScriptPart::Text(pieces) => {
                for piece in pieces {
                    line(object! { "role": "assistant", "content": piece });
                }
            }
            ScriptPart::Reasoning(pieces) => {
                for piece in pieces {
                    line(object! { "role": "assistant", "content": "", "thinking": piece });
                }
            }
            ScriptPart::Call { .. } => {
                let calls: Vec<Json> = call(part).into_iter().collect();
                line(object! { "role": "assistant", "content": "", "tool_calls": calls });
            }
            ScriptPart::Refusal(_) => {}
        }
    }
    if said.finish.is_some() {
        let message = object! { "role": "assistant", "content": "" };
        out.push(Message::data(last(said, message)));
    }
    out
}

fn whole(said: &Script) -> Json {
    let calls: Vec<Json> = said.parts.iter().filter_map(call).collect();
    let text = said.joined(ScriptPart::as_text).unwrap_or_default();
    let mut message = vec![
        ("role", Json::of(&"assistant")),
        ("content", Json::of(&text)),
    ];
    if let Some(thinking) = said.joined(ScriptPart::as_reasoning) {
        message.push(("thinking", Json::of(&thinking)));
    }
    if !calls.is_empty() {
        message.push(("tool_calls", Json::of(&calls)));
    }
    last(said, Json::of_members(&message))
}

/// When it was written: one moment for all, so that a tape is the same every time.
const CREATED: &str = "2026-01-01T00:00:00Z";

fn call(part: &ScriptPart) -> Option<Json> {
    let ScriptPart::Call {
        id,
        name,
        arguments,
    } = part
    else {
        return None;
    };
    let function = object! { "name": name, "arguments": object_of(arguments) };
    Some(object! { "id": id, "function": function })
}

fn last(said: &Script, message: Json) -> Json {
    let mut line = vec![
        ("model", Json::of(&said.model)),
        ("created_at", Json::of(&CREATED)),
        ("message", message),
        ("done", Json::of(&true)),
        ("done_reason", Json::of(&said.finish)),
    ];
    if let Some((input, output)) = said.usage {
        line.push(("prompt_eval_count", Json::of(&input)));
        line.push(("eval_count", Json::of(&output)));
    }
    Json::of_members(&line)
}
