//! What a server of the Messages API writes: its errors and its answers.

use crate::dialect::write::{Marks, Message, Script, ScriptPart, Writing, object_of};
use crate::json::{Json, object};

pub(super) static WRITING: Writing = Writing {
    error_body,
    error_event,
    marks: Marks {
        usage: &[&["usage"], &["message", "usage"]],
        usage_is_optional: false,
        finish: Some(&["delta", "stop_reason"]),
        call_index: Some(&["index"]),
        type_member: Some("type"),
        ping: Some(|| Message::named("ping", object! { "type": "ping" })),
        ..Marks::NONE
    },
    target: |_, _| "/v1/messages".to_owned(),
    stream_type: "text/event-stream",
    finish: |has_calls| if has_calls { "tool_use" } else { "end_turn" },
    has_refusals: false,
    arguments_are_objects: true,
    stream,
    whole,
};

/// The shape and words of <https://docs.anthropic.com/en/api/errors>.
fn error_body(status: u16, message: &str) -> Json {
    let kind = match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    };
    object! { "type": "error", "error": object! { "type": kind, "message": message } }
}

fn error_event(message: &str) -> Message {
    Message::named("error", error_body(529, message))
}

fn stream(said: &Script) -> Vec<Message> {
    let mut out = Vec::new();
    // The wire has no message without counts.
    let (input, output) = said.usage.unwrap_or_default();
    let usage = object! { "input_tokens": input, "output_tokens": 0 };
    let message = message(said, &[], None, usage);
    let data = object! { "type": "message_start", "message": message };
    out.push(Message::named("message_start", data));
    for (index, part) in said.parts.iter().enumerate() {
        let (block, kind, member, pieces) = match part {
            ScriptPart::Text(pieces) => {
                let block = object! { "type": "text", "text": "" };
                (block, "text_delta", "text", pieces)
            }
            ScriptPart::Reasoning(pieces) => {
                let block = object! { "type": "thinking", "thinking": "" };
                (block, "thinking_delta", "thinking", pieces)
            }
            ScriptPart::Call {
                id,
                name,
                arguments,
            } => {
                let input = object! {};
                let block = object! { "type": "tool_use", "id": id, "name": name, "input": input };
                (block, "input_json_delta", "partial_json", arguments)
            }
            ScriptPart::Refusal(_) => continue,
        };
        let start = "content_block_start";
        let data = object! { "type": start, "index": index, "content_block": block };
        out.push(Message::named(start, data));
        for piece in pieces {
            let delta = Json::of_members(&[("type", Json::of(&kind)), (member, Json::of(piece))]);
            let data = object! { "type": "content_block_delta", "index": index, "delta": delta };
            out.push(Message::named("content_block_delta", data));
        }
        let data = object! { "type": "content_block_stop", "index": index };
        out.push(Message::named("content_block_stop", data));
    }
    let Some(reason) = &said.finish else {
        return out;
    };
    let delta = object! { "stop_reason": reason, "stop_sequence": None::<&str> };
    let usage = object! { "output_tokens": output };
    let data = object! { "type": "message_delta", "delta": delta, "usage": usage };
    out.push(Message::named("message_delta", data));
    out.push(Message::named(
        "message_stop",
        object! { "type": "message_stop" },
    ));
    out
}

fn whole(said: &Script) -> Json {
    let block = |part: &ScriptPart| match part {
        ScriptPart::Text(pieces) => Some(object! { "type": "text", "text": pieces.concat() }),
        ScriptPart::Reasoning(pieces) => {
            Some(object! { "type": "thinking", "thinking": pieces.concat(), "signature": "" })
        }
        ScriptPart::Call {
            id,
            name,
            arguments,
        } => {
            let input = object_of(arguments);
            Some(object! { "type": "tool_use", "id": id, "name": name, "input": input })
        }
        ScriptPart::Refusal(_) => None,
    };
    let blocks: Vec<Json> = said.parts.iter().filter_map(block).collect();
    let (input, output) = said.usage.unwrap_or_default();
    let usage = object! { "input_tokens": input, "output_tokens": output };
    message(said, &blocks, said.finish.as_deref(), usage)
}

fn message(said: &Script, blocks: &[Json], reason: Option<&str>, usage: Json) -> Json {
    object! {
        "id": said.id, "type": "message", "role": "assistant", "model": said.model,
        "content": blocks, "stop_reason": reason, "stop_sequence": None::<&str>, "usage": usage,
    }
}
