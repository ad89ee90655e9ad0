//! A request in a few words.

use serde_json::Value;

use super::wording::cut;
use crate::cassette::Request;

/// The last words of a request's user, shortened.
pub(super) fn of(request: &Request) -> Option<String> {
    let body: Value = request.json().ok()?;
    let said = ["messages", "input", "contents", "prompt"]
        .iter()
        .find_map(|name| last_said(body.get(name)?))?;
    let words: Vec<&str> = said.split_whitespace().collect();
    Some(cut(&words.join(" "), 60))
}

/// The last text by a user, or without an author.
fn last_said(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        Value::Array(items) => items.iter().rev().find_map(last_said),
        Value::Object(item) => {
            let by_user = item.get("role").is_none_or(|role| role == "user");
            let said = ["content", "parts", "text"]
                .iter()
                .find_map(|name| last_said(item.get(*name)?));
            said.filter(|_| by_user)
        }
        _ => None,
    }
}
