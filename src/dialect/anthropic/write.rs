//! What a server of the Messages API writes: its errors.

use crate::dialect::write::{Marks, Message, Writing};
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
