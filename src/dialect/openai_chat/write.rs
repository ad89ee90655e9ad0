//! What an OpenAI server writes: its errors and its answers.

use crate::dialect::write::{Marks, Message, Script, ScriptPart, Writing};
use crate::json::{Json, object};

pub(super) static WRITING: Writing = Writing {
    error_body,
    error_event,
    marks: Marks {
        usage: &[&["usage"], &["x_groq", "usage"]],
        beside_usage: Some(&["choices", "*"]),
        finish: Some(&["choices", "*", "finish_reason"]),
        call_index: Some(&["choices", "*", "delta", "tool_calls", "*", "index"]),
        call_index_is_loose: true,
        ..Marks::NONE
    },
    target: |_, _| "/v1/chat/completions".to_owned(),
    stream_type: "text/event-stream",
    finish: |has_calls| if has_calls { "tool_calls" } else { "stop" },
    has_refusals: true,
    arguments_are_objects: false,
    stream,
    whole,
};

/// The shape of <https://platform.openai.com/docs/guides/error-codes>, shared by all of OpenAI's
/// routes.
pub(in crate::dialect) fn error_body(status: u16, message: &str) -> Json {
    let (kind, code) = match status {
        401 => ("invalid_request_error", Some("invalid_api_key")),
        404 => ("invalid_request_error", Some("not_found")),
        429 => ("requests", Some("rate_limit_exceeded")),
        500.. => ("server_error", None),
        _ => ("invalid_request_error", None),
    };
    object! {
        "error": object! { "message": message, "type": kind, "param": None::<&str>, "code": code },
    }
}

fn error_event(message: &str) -> Message {
    Message::data(error_body(500, message))
}

fn stream(said: &Script) -> Vec<Message> {
    let mut out = Vec::new();
    let mut delta = |delta: Json, reason: Option<&str>| {
        let choice = object! { "index": 0, "delta": delta, "finish_reason": reason };
        out.push(Message::data(chunk(said, &[choice], None)));
    };
    delta(object! { "role": "assistant", "content": "" }, None);
    let mut calls = 0;
    for part in &said.parts {
        match part {
            ScriptPart::Text(pieces) => {
                for piece in pieces {
                    delta(object! { "content": piece }, None);
                }
            }
            ScriptPart::Reasoning(pieces) => {
                for piece in pieces {
                    delta(object! { "reasoning_content": piece }, None);
                }
            }
            ScriptPart::Refusal(pieces) => {
                for piece in pieces {
                    delta(object! { "refusal": piece }, None);
                }
            }
            ScriptPart::Call {
                id,
                name,
                arguments,
            } => {
                let function = object! { "name": name, "arguments": "" };
                let call =
                    object! { "index": calls, "id": id, "type": "function", "function": function };
                delta(object! { "tool_calls": [call] }, None);
                for piece in arguments {
                    let function = object! { "arguments": piece };
                    let call = object! { "index": calls, "function": function };
                    delta(object! { "tool_calls": [call] }, None);
                }
                calls += 1;
            }
        }
    }
    let Some(reason) = &said.finish else {
        return out;
    };
    delta(object! {}, Some(reason));
    if said.usage.is_some() {
        out.push(Message::data(chunk(said, &[], Some(usage(said)))));
    }
    out.push(Message::marker("", "[DONE]"));
    out
}

fn chunk(said: &Script, choices: &[Json], usage: Option<Json>) -> Json {
    let (id, model, created) = (&said.id, &said.model, Script::CREATED);
    match usage {
        None => object! {
            "id": id, "object": "chat.completion.chunk", "created": created, "model": model,
            "choices": choices,
        },
        Some(usage) => object! {
            "id": id, "object": "chat.completion.chunk", "created": created, "model": model,
            "choices": choices, "usage": usage,
        },
    }
}

fn whole(said: &Script) -> Json {
    let calls = said.parts.iter().filter_map(|part| match part {
        ScriptPart::Call {
            id,
            name,
            arguments,
        } => {
            let function = object! { "name": name, "arguments": arguments.concat() };
            Some(object! { "id": id, "type": "function", "function": function })
        }
        _ => None,
    });
    let calls: Vec<Json> = calls.collect();
    let mut message = vec![
        ("role", Json::of(&"assistant")),
        ("content", Json::of(&said.joined(ScriptPart::as_text))),
        ("refusal", Json::of(&said.joined(ScriptPart::as_refusal))),
    ];
    if let Some(reasoning) = said.joined(ScriptPart::as_reasoning) {
        message.push(("reasoning_content", Json::of(&reasoning)));
    }
    if !calls.is_empty() {
        message.push(("tool_calls", Json::of(&calls)));
    }
    let message = Json::of_members(&message);
    let choice = object! { "index": 0, "message": message, "finish_reason": said.finish };
    let usage = said.usage.map(|_| usage(said));
    object! {
        "id": said.id, "object": "chat.completion", "created": Script::CREATED,
        "model": said.model, "choices": [choice], "usage": usage,
    }
}

fn usage(said: &Script) -> Json {
    let (input, output) = said.usage.unwrap_or_default();
    object! {
        "prompt_tokens": input, "completion_tokens": output, "total_tokens": said.total(),
    }
}
