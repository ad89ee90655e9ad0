//! What a server of the Responses API writes: its errors.

use crate::dialect::openai_chat;
use crate::dialect::write::{Marks, Message, Writing};
use crate::json::object;

pub(super) static WRITING: Writing = Writing {
    error_body: openai_chat::error_body,
    error_event,
    marks: Marks {
        usage: &[&["response", "usage"]],
        call_index: Some(&["output_index"]),
        type_member: Some("type"),
        sequence: Some(&["sequence_number"]),
        ..Marks::NONE
    },
};

/// <https://platform.openai.com/docs/api-reference/responses-streaming/error>
fn error_event(message: &str) -> Message {
    let data = object! {
        "type": "error", "code": "server_error", "message": message, "param": None::<&str>,
    };
    Message::named("error", data)
}
