//! Reads a chunk by name where the lean types refuse it: a field of the wrong type counts as
//! absent and is noted, of duplicate members the last wins.

use std::borrow::Cow;

use super::chunk::{Call, Choice, Chunk, Custom, Function, Message, Text};
use smallvec::SmallVec;

use crate::json::{Kind, Raw, Str};
use crate::transcript::Emitter;

/// Reads one chunk of a stream.
pub(super) fn chunk<'a>(raw: Raw<'a>, out: &mut Emitter<'_>) -> Chunk<'a> {
    read(raw, false, out)
}

/// Reads the whole message of an answer that was not streamed.
pub(super) fn whole<'a>(raw: Raw<'a>, out: &mut Emitter<'_>) -> Chunk<'a> {
    read(raw, true, out)
}

fn read<'a>(raw: Raw<'a>, whole: bool, out: &mut Emitter<'_>) -> Chunk<'a> {
    let fields = Fields::of(raw);
    let mut choices = SmallVec::new();
    fields.array("choices", out).elements(|raw| {
        if raw.kind() == Kind::Object {
            choices.push(choice(raw, whole, out));
        } else {
            out.wrong_type("choices[]", "an object", raw);
        }
    });
    Chunk {
        id: fields.text("id", out),
        model: fields.text("model", out),
        choices,
        usage: fields.raw("usage"),
        x_groq: fields.raw("x_groq"),
        error: fields.raw("error"),
    }
}

fn choice<'a>(raw: Raw<'a>, whole: bool, out: &mut Emitter<'_>) -> Choice<'a> {
    let fields = Fields::of(raw);
    // A cumulative `message` beside `delta` (perplexity) says the same twice.
    let delta = fields
        .object("delta", out)
        .or_else(|| fields.object("message", out))
        .map(|raw| message(raw, whole, out));
    Choice {
        index: fields.number("index", out),
        delta,
        finish_reason: fields.text("finish_reason", out),
        logprobs: fields.object("logprobs", out),
        error: fields.raw("error"),
    }
}

fn message<'a>(raw: Raw<'a>, whole: bool, out: &mut Emitter<'_>) -> Message<'a> {
    let fields = Fields::of(raw);
    let mut content_parts = Vec::new();
    let content = match fields.get("content") {
        Some(raw) if raw.kind() == Kind::Array => {
            raw.elements(|part| content_parts.push(part));
            Text::default()
        }
        _ => fields.text("content", out),
    };
    let mut tool_calls = SmallVec::new();
    fields.array("tool_calls", out).elements(|raw| {
        if raw.kind() == Kind::Object {
            let mut call = Box::new(call(raw, out));
            if whole && call.index.is_none() {
                // A whole message lists its calls; their places are their indexes.
                call.index = Some(tool_calls.len() as u64);
            }
            tool_calls.push(call);
        } else {
            out.wrong_type("tool_calls[]", "an object", raw);
        }
    });
    Message {
        content,
        content_parts,
        refusal: fields.text("refusal", out),
        reasoning_content: fields.text("reasoning_content", out),
        reasoning: fields.text("reasoning", out),
        reasoning_details: fields.raw("reasoning_details"),
        tool_calls,
        function_call: fields
            .object("function_call", out)
            .map(|raw| Box::new(function(raw, out))),
    }
}

fn call<'a>(raw: Raw<'a>, out: &mut Emitter<'_>) -> Call<'a> {
    let fields = Fields::of(raw);
    Call {
        index: fields.number("index", out),
        id: fields.text("id", out),
        function: fields.object("function", out).map(|raw| function(raw, out)),
        custom: fields.object("custom", out).map(|raw| {
            let fields = Fields::of(raw);
            Custom {
                name: fields.text("name", out),
                input: fields.text("input", out),
            }
        }),
    }
}

fn function<'a>(raw: Raw<'a>, out: &mut Emitter<'_>) -> Function<'a> {
    let fields = Fields::of(raw);
    let arguments = match fields.get("arguments") {
        // Arguments sent as a value are kept as the wire's own text.
        Some(raw) if matches!(raw.kind(), Kind::Object | Kind::Array) => {
            Text(Some(Str::Text(Cow::Borrowed(raw.text()))))
        }
        _ => fields.text("arguments", out),
    };
    Function {
        name: fields.text("name", out),
        arguments,
    }
}

/// The members of one object; of duplicates the last.
struct Fields<'a>(Vec<(String, Raw<'a>)>);

impl<'a> Fields<'a> {
    fn of(raw: Raw<'a>) -> Fields<'a> {
        let mut fields = Vec::new();
        raw.members(|name, value| fields.push((name.to_owned(), value)));
        Fields(fields)
    }

    fn get(&self, name: &str) -> Option<Raw<'a>> {
        let mut found = self.0.iter().rev().filter(|(key, _)| key == name);
        found
            .next()
            .map(|(_, value)| *value)
            .filter(|value| !value.is_null())
    }

    fn raw(&self, name: &str) -> Option<Raw<'a>> {
        self.get(name)
    }

    fn text(&self, name: &str, out: &mut Emitter<'_>) -> Text<'a> {
        let Some(raw) = self.get(name) else {
            return Text(None);
        };
        let text = raw.str();
        if text.is_none() {
            out.wrong_type(name, "a string", raw);
        }
        Text(text)
    }

    fn number(&self, name: &str, out: &mut Emitter<'_>) -> Option<u64> {
        let raw = self.get(name)?;
        let number = raw.u64();
        if number.is_none() {
            out.wrong_type(name, "a whole number", raw);
        }
        number
    }

    fn object(&self, name: &str, out: &mut Emitter<'_>) -> Option<Raw<'a>> {
        let raw = self.get(name)?;
        if raw.kind() != Kind::Object {
            out.wrong_type(name, "an object", raw);
            return None;
        }
        Some(raw)
    }

    fn array(&self, name: &str, out: &mut Emitter<'_>) -> Raw<'a> {
        match self.get(name) {
            Some(raw) if raw.kind() == Kind::Array => raw,
            Some(raw) => {
                out.wrong_type(name, "an array", raw);
                Raw::EMPTY_ARRAY
            }
            None => Raw::EMPTY_ARRAY,
        }
    }
}
