//! What an Ollama server writes: its errors.

use crate::dialect::write::{Marks, Message, Writing};
use crate::json::{Json, object};

pub(super) static WRITING: Writing = Writing {
    error_body,
    error_event,
    marks: Marks {
        usage: &[&["prompt_eval_count"], &["eval_count"]],
        ..Marks::NONE
    },
};

/// The shape of <https://github.com/ollama/ollama/blob/main/docs/api.md>, in a body and in a line
/// of a stream.
fn error_body(_status: u16, message: &str) -> Json {
    object! { "error": message }
}

fn error_event(message: &str) -> Message {
    Message::data(error_body(500, message))
}
