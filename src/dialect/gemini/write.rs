//! What a server of the Gemini API writes: its errors.

use crate::dialect::write::{Marks, Message, Writing};
use crate::json::{Json, object};

pub(super) static WRITING: Writing = Writing {
    error_body,
    error_event,
    marks: Marks {
        usage: &[&["usageMetadata"]],
        finish: Some(&["candidates", "*", "finishReason"]),
        ..Marks::NONE
    },
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
