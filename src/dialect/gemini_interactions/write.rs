//! What a server of the Interactions API writes: its errors.

use crate::dialect::gemini;
use crate::dialect::write::{Marks, Message, Writing};
use crate::json::object;

pub(super) static WRITING: Writing = Writing {
    error_body: gemini::error_body,
    error_event,
    marks: Marks {
        usage: &[&["interaction", "usage"]],
        call_index: Some(&["index"]),
        type_member: Some("event_type"),
        ..Marks::NONE
    },
};

fn error_event(message: &str) -> Message {
    let error = object! { "code": "internal_error", "message": message };
    Message::named("error", object! { "event_type": "error", "error": error })
}
