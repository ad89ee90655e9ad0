//! What a server of Cohere's Chat API writes: its errors and its answers.

use crate::dialect::write::{Marks, Message, Script, ScriptPart, Writing};
use crate::json::{Json, object};

pub(super) static WRITING: Writing = Writing {
    error_body,
    error_event,
    marks: Marks {
        usage: &[&["delta", "usage"]],
        call_index: Some(&["index"]),
        type_member: Some("type"),
        ..Marks::NONE
    },
    target: |_, _| "/v2/chat".to_owned(),
    stream_type: "text/event-stream",
    finish: |has_calls| if has_calls { "TOOL_CALL" } else { "COMPLETE" },
    has_refusals: false,
    arguments_are_objects: false,
    stream,
    whole,
};

/// The shape of <https://docs.cohere.com/reference/errors>.
fn error_body(_status: u16, message: &str) -> Json {
    object! { "message": message }
}

/// A stream that fails ends with its closing event, which says so.
fn error_event(message: &str) -> Message {
    let delta = object! { "finish_reason": "ERROR", "error": message };
    Message::named(
        "message-end",
        object! { "type": "message-end", "delta": delta },
    )
}

fn stream(said: &Script) -> Vec<Message> {
    let none: [&str; 0] = [];
    let message = object! {
        "role": "assistant", "content": none, "tool_plan": "", "tool_calls": none,
        "citations": none,
    };
    let delta = object! { "message": message };
    let data = object! { "id": said.id, "type": "message-start", "delta": delta };
    let mut out = vec![Message::named("message-start", data)];
    let (mut blocks, mut calls) = (0, 0);
    for part in &said.parts {
        match part {
            ScriptPart::Text(pieces) => {
                block(blocks, "text", pieces, &mut out);
                blocks += 1;
            }
            ScriptPart::Reasoning(pieces) => {
                block(blocks, "thinking", pieces, &mut out);
                blocks += 1;
            }
            ScriptPart::Call {
                id,
                name,
                arguments,
            } => {
                let function = object! { "name": name, "arguments": "" };
                let call = object! { "id": id, "type": "function", "function": function };
                event(
                    "tool-call-start",
                    calls,
                    Some(object! { "tool_calls": call }),
                    &mut out,
                );
                for piece in arguments {
                    let function = object! { "arguments": piece };
                    let call = object! { "function": function };
                    event(
                        "tool-call-delta",
                        calls,
                        Some(object! { "tool_calls": call }),
                        &mut out,
                    );
                }
                event("tool-call-end", calls, None, &mut out);
                calls += 1;
            }
            ScriptPart::Refusal(_) => {}
        }
    }
    if let Some(reason) = &said.finish {
        let delta = match said.usage {
            Some(_) => object! { "finish_reason": reason, "usage": usage(said) },
            None => object! { "finish_reason": reason },
        };
        let data = object! { "type": "message-end", "delta": delta };
        out.push(Message::named("message-end", data));
    }
    out
}

fn block(index: u64, kind: &str, pieces: &[String], out: &mut Vec<Message>) {
    let empty = Json::of_members(&[("type", Json::of(&kind)), (kind, Json::of(&""))]);
    event(
        "content-start",
        index,
        Some(object! { "content": empty }),
        out,
    );
    for piece in pieces {
        let piece = Json::of_members(&[(kind, Json::of(piece))]);
        event(
            "content-delta",
            index,
            Some(object! { "content": piece }),
            out,
        );
    }
    event("content-end", index, None, out);
}

fn event(name: &'static str, index: u64, message: Option<Json>, out: &mut Vec<Message>) {
    let data = match message {
        Some(message) => {
            let delta = object! { "message": message };
            object! { "type": name, "index": index, "delta": delta }
        }
        None => object! { "type": name, "index": index },
    };
    out.push(Message::named(name, data));
}

fn whole(said: &Script) -> Json {
    let (mut content, mut calls) = (Vec::new(), Vec::new());
    for part in &said.parts {
        match part {
            ScriptPart::Text(pieces) => {
                content.push(object! { "type": "text", "text": pieces.concat() });
            }
            ScriptPart::Reasoning(pieces) => {
                content.push(object! { "type": "thinking", "thinking": pieces.concat() });
            }
            ScriptPart::Call {
                id,
                name,
                arguments,
            } => {
                let function = object! { "name": name, "arguments": arguments.concat() };
                calls.push(object! { "id": id, "type": "function", "function": function });
            }
            ScriptPart::Refusal(_) => {}
        }
    }
    let mut message = vec![("role", Json::of(&"assistant"))];
    for (name, list) in [("content", content), ("tool_calls", calls)] {
        if !list.is_empty() {
            message.push((name, Json::of(&list)));
        }
    }
    let usage = said.usage.map(|_| usage(said));
    object! {
        "id": said.id, "finish_reason": said.finish, "message": Json::of_members(&message),
        "usage": usage,
    }
}

fn usage(said: &Script) -> Json {
    let (input, output) = said.usage.unwrap_or_default();
    let tokens = object! { "input_tokens": input, "output_tokens": output };
    object! { "billed_units": tokens, "tokens": tokens }
}
