//! JSON for a reviewer: keys sorted, ids numbered, times and fingerprints left out.

use std::collections::{BTreeMap, HashMap};

use serde_json::value::RawValue;

use crate::json::names::{DROPPED, SEALED, is_id};
use crate::json::{Kind, Raw};

/// Numbers of ids, in the order in which they appear.
#[derive(Debug, Default)]
pub(super) struct Ids(HashMap<String, usize>);

impl Ids {
    pub(super) fn number(&mut self, id: &str) -> String {
        let next = self.0.len() + 1;
        let number = self.0.entry(id.to_owned()).or_insert(next);
        format!("id {number}")
    }
}

/// `name` is that of the value, which tells what kind of text it holds.
pub(super) fn stable(text: &str, name: &str, ids: &mut Ids) -> String {
    let mut out = String::new();
    match Raw::parse(text) {
        Ok(raw) => write(raw, name, 0, ids, &mut out),
        Err(_) => out.push_str(text),
    }
    out
}

fn write(raw: Raw<'_>, name: &str, depth: usize, ids: &mut Ids, out: &mut String) {
    match raw.kind() {
        // Deeper than anyone reads, and no deeper than the stack allows.
        Kind::Object | Kind::Array if depth > 64 => out.push_str(raw.text()),
        Kind::Object => {
            let mut members = BTreeMap::new();
            raw.members(|key, value| {
                if !DROPPED.contains(&key) {
                    members.insert(key.to_owned(), value);
                }
            });
            let entries = members.into_iter();
            list(('{', '}'), entries, depth, out, |(key, value), out| {
                out.push_str(&quoted(&key));
                out.push_str(": ");
                write(value, &key, depth + 1, ids, out);
            });
        }
        Kind::Array => {
            let mut elements = Vec::new();
            raw.elements(|element| elements.push(element));
            let elements = elements.into_iter();
            list(('[', ']'), elements, depth, out, |element, out| {
                write(element, name, depth + 1, ids, out);
            });
        }
        Kind::String => out.push_str(&string(raw, name, ids)),
        Kind::Number => out.push_str(&number(raw.text())),
        Kind::Null | Kind::Bool => out.push_str(raw.text()),
    }
}

fn list<T>(
    (open, close): (char, char),
    items: impl ExactSizeIterator<Item = T>,
    depth: usize,
    out: &mut String,
    mut item: impl FnMut(T, &mut String),
) {
    out.push(open);
    let empty = items.len() == 0;
    for (position, value) in items.enumerate() {
        out.push_str(if position > 0 { ",\n" } else { "\n" });
        out.push_str(&"  ".repeat(depth + 1));
        item(value, out);
    }
    if !empty {
        out.push('\n');
        out.push_str(&"  ".repeat(depth));
    }
    out.push(close);
}

fn string(raw: Raw<'_>, name: &str, ids: &mut Ids) -> String {
    let text = raw.str().map(crate::json::Str::plain).unwrap_or_default();
    if is_id(name) && !text.is_empty() {
        return quoted(&ids.number(&text));
    }
    if SEALED.contains(&name) && text.len() > 40 {
        return "<sealed>".to_owned();
    }
    quoted(&text)
}

/// One spelling of a number: the shortest that reads back as the same double.
fn number(text: &str) -> String {
    if text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'-')
    {
        return text.to_owned();
    }
    match text.parse::<f64>() {
        Ok(float) if float.is_finite() => format!("{float:?}"),
        _ => text.to_owned(),
    }
}

fn quoted(text: &str) -> String {
    let value: Result<Box<RawValue>, _> = serde_json::value::to_raw_value(text);
    value.map_or_else(|_| String::new(), |raw| raw.get().to_owned())
}
