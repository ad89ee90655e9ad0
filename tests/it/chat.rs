mod calls;
mod odd;
mod seed;
mod two_ways;

use crate::support::stream::{read, sse};
use rigtape::transcript::Transcript;

/// Reads a chat stream of these data lines, in every cut.
fn chat(data: &[&str]) -> Transcript {
    read("openai-chat", &sse(data))
}

/// A chunk with this delta for choice 0.
fn delta(delta: &str) -> String {
    format!(r#"{{"choices":[{{"index":0,"delta":{delta}}}]}}"#)
}

/// A chat stream of these deltas, then a finish and `[DONE]`.
fn finished(deltas: &[&str], reason: &str) -> Transcript {
    let mut data: Vec<String> = deltas.iter().map(|text| delta(text)).collect();
    data.push(format!(
        r#"{{"choices":[{{"index":0,"delta":{{}},"finish_reason":"{reason}"}}]}}"#
    ));
    data.push("[DONE]".to_owned());
    let data: Vec<&str> = data.iter().map(String::as_str).collect();
    chat(&data)
}

/// A delta with one tool call.
fn call(fields: &str) -> String {
    format!(r#"{{"tool_calls":[{{{fields}}}]}}"#)
}

/// A chat stream of these tool-call pieces, then a finish and `[DONE]`.
fn called(pieces: &[&str]) -> Transcript {
    let deltas: Vec<String> = pieces.iter().map(|piece| call(piece)).collect();
    let deltas: Vec<&str> = deltas.iter().map(String::as_str).collect();
    finished(&deltas, "tool_calls")
}
