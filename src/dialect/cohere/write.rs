//! What a server of Cohere's Chat API writes: its errors.

use crate::dialect::write::{Marks, Message, Writing};
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
