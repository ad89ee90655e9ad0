//! What an OpenAI server writes: its errors.

use crate::dialect::write::{Marks, Message, Writing};
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
