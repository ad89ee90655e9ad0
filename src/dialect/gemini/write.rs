//! What a server of the Gemini API writes: its errors and its answers.

use crate::dialect::write::{Marks, Message, Script, ScriptPart, Writing, object_of};
use crate::json::{Json, object};

pub(super) static WRITING: Writing = Writing {
    error_body,
    error_event,
    marks: Marks {
        usage: &[&["usageMetadata"]],
        finish: Some(&["candidates", "*", "finishReason"]),
        ..Marks::NONE
    },
    target: |model, streamed| match streamed {
        true => format!("/v1beta/models/{model}:streamGenerateContent?alt=sse"),
        false => format!("/v1beta/models/{model}:generateContent"),
    },
    stream_type: "text/event-stream",
    finish: |_| "STOP",
    has_refusals: false,
    arguments_are_objects: true,
    stream,
    whole,
};

/// The shape of <https://cloud.google.com/apis/design/errors>, shared by Google's services.
pub(in crate::dialect) fn error_body(status: u16, message: &str) -> Json {
    let word = match status {
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        500 => "INTERNAL",
        501 => "UNIMPLEMENTED",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        _ => "UNKNOWN",
    };
    object! { "error": object! { "code": status, "message": message, "status": word } }
}

fn error_event(message: &str) -> Message {
    Message::data(error_body(503, message))
}

fn stream(said: &Script) -> Vec<Message> {
    let parts = said.parts.iter().flat_map(parts);
    let messages = parts.map(|part| Message::data(message(said, &[part], false)));
    let mut out: Vec<Message> = messages.collect();
    if said.finish.is_some() {
        out.push(Message::data(message(said, &[], true)));
    }
    out
}

fn whole(said: &Script) -> Json {
    let whole = said.parts.iter().flat_map(|part| match part {
        ScriptPart::Text(pieces) => parts(&ScriptPart::Text(vec![pieces.concat()])),
        ScriptPart::Reasoning(pieces) => parts(&ScriptPart::Reasoning(vec![pieces.concat()])),
        part => parts(part),
    });
    let whole: Vec<Json> = whole.collect();
    message(said, &whole, true)
}

/// The parts that its pieces come in; a call comes whole.
fn parts(part: &ScriptPart) -> Vec<Json> {
    match part {
        ScriptPart::Text(pieces) => {
            let part = |text| object! { "text": text };
            pieces.iter().map(part).collect()
        }
        ScriptPart::Reasoning(pieces) => {
            let part = |text| object! { "text": text, "thought": true };
            pieces.iter().map(part).collect()
        }
        ScriptPart::Call {
            id,
            name,
            arguments,
        } => {
            let call = object! { "id": id, "name": name, "args": object_of(arguments) };
            vec![object! { "functionCall": call }]
        }
        ScriptPart::Refusal(_) => Vec::new(),
    }
}

fn message(said: &Script, parts: &[Json], is_last: bool) -> Json {
    let content = object! { "parts": parts, "role": "model" };
    let mut candidate = vec![("content", content)];
    if let Some(reason) = said.finish.as_ref().filter(|_| is_last) {
        candidate.push(("finishReason", Json::of(reason)));
    }
    candidate.push(("index", Json::of(&0)));
    let candidate = Json::of_members(&candidate);
    let mut message = vec![("candidates", Json::of(&[candidate]))];
    if let Some((input, output)) = said.usage.filter(|_| is_last) {
        let usage = object! {
            "promptTokenCount": input, "candidatesTokenCount": output,
            "totalTokenCount": said.total(),
        };
        message.push(("usageMetadata", usage));
    }
    message.push(("modelVersion", Json::of(&said.model)));
    message.push(("responseId", Json::of(&said.id)));
    Json::of_members(&message)
}
