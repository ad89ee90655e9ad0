//! JSON by value: what is compared of a body.

use std::borrow::Cow;

use crate::json::{Cursor, Json, Kind, Pointer, Raw, Str, quoted};

use super::{Rules, normalise, placeholder};

/// How deep a value may nest before it is compared as it is written.
const DEPTH: u32 = 96;

/// A value in which all spellings of one value are the same: members sorted, numbers by value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    /// In the one spelling of its value.
    Number(Box<str>),
    Text(Box<str>),
    /// A string that is not Unicode, or bytes that are not UTF-8.
    Bytes(Box<[u8]>),
    /// What a tree cannot hold faithfully (a member twice, nesting without end): as written, but
    /// for white space.
    Written(Box<str>),
    Array(Vec<Value>),
    Object(Vec<(Box<str>, Value)>),
    /// JSON inside a string.
    Inner(Box<Value>),
    /// An element that is not compared; the others keep their places.
    Ignored,
}

impl Value {
    pub(super) fn parse(text: &str) -> Option<Value> {
        Raw::parse(text).ok().map(|raw| of(raw, DEPTH))
    }

    /// The value as it is compared under `rules`.
    pub(super) fn under(self, rules: &Rules) -> Value {
        if rules.ignore.is_empty() && rules.normalise.is_empty() {
            return self;
        }
        let cursors: Vec<_> = rules.ignore.iter().map(Pointer::start).collect();
        self.reduced(&cursors, rules).unwrap_or(Value::Ignored)
    }

    /// A value as a person would write it, JSON for all but bytes.
    pub(super) fn written(&self) -> Cow<'_, str> {
        match self {
            Value::Null => Cow::Borrowed("null"),
            Value::Bool(true) => Cow::Borrowed("true"),
            Value::Bool(false) => Cow::Borrowed("false"),
            Value::Number(text) | Value::Written(text) => Cow::Borrowed(text),
            Value::Text(text) => Cow::Owned(quoted(text)),
            Value::Bytes(bytes) => Cow::Owned(format!("{} bytes that are no text", bytes.len())),
            Value::Ignored => Cow::Borrowed("(ignored)"),
            Value::Inner(inner) => Cow::Owned(quoted(&inner.written())),
            Value::Array(elements) => {
                let elements: Vec<_> = elements.iter().map(Value::written).collect();
                Cow::Owned(format!("[{}]", elements.join(",")))
            }
            Value::Object(members) => {
                let member = |(name, value): &(Box<str>, Value)| {
                    format!("{}:{}", quoted(name), value.written())
                };
                let members: Vec<_> = members.iter().map(member).collect();
                Cow::Owned(format!("{{{}}}", members.join(",")))
            }
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        match self {
            Value::Object(members) => members
                .binary_search_by(|(own, _)| (**own).cmp(name))
                .ok()
                .map(|at| &members[at].1),
            _ => None,
        }
    }

    /// Whether a placeholder stands in it.
    pub(super) fn has_placeholder(&self) -> bool {
        match self {
            Value::Text(text) | Value::Written(text) => placeholder::is_in(text),
            Value::Number(text) => placeholder::is_number(text),
            Value::Array(elements) => elements.iter().any(Value::has_placeholder),
            Value::Object(members) => members.iter().any(|(_, value)| value.has_placeholder()),
            Value::Inner(inner) => inner.has_placeholder(),
            Value::Null | Value::Bool(_) | Value::Bytes(_) | Value::Ignored => false,
        }
    }

    /// Writes bytes that are the same exactly for equal values.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let mut say = |tag: u8, bytes: &[u8]| {
            out.push(tag);
            out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
            out.extend_from_slice(bytes);
        };
        match self {
            Value::Null => out.push(b'z'),
            Value::Bool(value) => out.push(if *value { b't' } else { b'f' }),
            Value::Ignored => out.push(b'i'),
            Value::Number(text) => say(b'n', text.as_bytes()),
            Value::Text(text) => say(b's', text.as_bytes()),
            Value::Bytes(bytes) => say(b'b', bytes),
            Value::Written(text) => say(b'w', text.as_bytes()),
            Value::Array(elements) => {
                say(b'a', &[]);
                elements.iter().for_each(|element| element.write(out));
                out.push(b']');
            }
            Value::Object(members) => {
                say(b'o', &[]);
                for (name, value) in members {
                    Value::write_text(name, out);
                    value.write(out);
                }
                out.push(b'}');
            }
            Value::Inner(inner) => {
                say(b'j', &[]);
                inner.write(out);
            }
        }
    }

    pub(super) fn write_text(text: &str, out: &mut Vec<u8>) {
        out.push(b's');
        out.extend_from_slice(&(text.len() as u64).to_le_bytes());
        out.extend_from_slice(text.as_bytes());
    }

    /// Without what the cursors name; none when they name this very value.
    fn reduced(self, cursors: &[Cursor<'_>], rules: &Rules) -> Option<Value> {
        if cursors.iter().any(Cursor::is_here) {
            return None;
        }
        Some(match self {
            Value::Text(text) if cursors.iter().any(Cursor::wants_json) => {
                match Value::parse(&text) {
                    Some(inner) => {
                        let cursors: Vec<_> = cursors.iter().map(Cursor::json).collect();
                        let reduced = inner.reduced(&cursors, rules);
                        Value::Inner(Box::new(reduced.unwrap_or(Value::Ignored)))
                    }
                    None => normalised(text, rules),
                }
            }
            Value::Text(text) => normalised(text, rules),
            Value::Number(text) => match normalise::number(&text, rules) {
                Some(name) => Value::Text(name.into()),
                None => Value::Number(text),
            },
            Value::Array(elements) => {
                let each = elements.into_iter().enumerate().map(|(index, element)| {
                    let below = below(cursors, &index.to_string(), &element);
                    element.reduced(&below, rules).unwrap_or(Value::Ignored)
                });
                let mut elements: Vec<Value> = each.collect();
                // How many there are is not compared where the last ones are not.
                while elements.last() == Some(&Value::Ignored) {
                    elements.pop();
                }
                Value::Array(elements)
            }
            Value::Object(members) => {
                let each = members.into_iter().filter_map(|(name, value)| {
                    let below = below(cursors, &name, &value);
                    Some((name, value.reduced(&below, rules)?))
                });
                Value::Object(each.collect())
            }
            other => other,
        })
    }
}

fn below<'p>(cursors: &[Cursor<'p>], name: &str, child: &Value) -> Vec<Cursor<'p>> {
    let member = |key: &str| match child.get(key)? {
        Value::Text(text) | Value::Number(text) => Some(Cow::Borrowed(&**text)),
        Value::Bool(true) => Some(Cow::Borrowed("true")),
        Value::Bool(false) => Some(Cow::Borrowed("false")),
        _ => None,
    };
    cursors
        .iter()
        .map(|cursor| cursor.child(name, member))
        .filter(|cursor| !cursor.is_dead())
        .collect()
}

fn normalised(text: Box<str>, rules: &Rules) -> Value {
    match normalise::text(&text, rules) {
        Cow::Borrowed(same) if same.len() == text.len() => Value::Text(text),
        other => Value::Text(other.into()),
    }
}

fn of(raw: Raw<'_>, depth: u32) -> Value {
    let Some(depth) = depth.checked_sub(1) else {
        return Value::Written(raw.text().into());
    };
    match raw.kind() {
        Kind::Null => Value::Null,
        Kind::Bool => Value::Bool(raw.is_true()),
        Kind::Number => number(raw.text()),
        Kind::String => match raw.str() {
            Some(Str::Text(text)) => Value::Text(text.into()),
            Some(Str::Wtf8(bytes)) => Value::Bytes(bytes.into()),
            None => Value::Null,
        },
        Kind::Array => {
            let mut elements = Vec::new();
            raw.elements(|element| elements.push(of(element, depth)));
            Value::Array(elements)
        }
        Kind::Object => {
            let mut members: Vec<(Box<str>, Value)> = Vec::new();
            raw.members(|name, value| members.push((name.into(), of(value, depth))));
            members.sort_by(|(one, _), (other, _)| one.cmp(other));
            if members.windows(2).any(|pair| pair[0].0 == pair[1].0) {
                return Value::Written(Json::from_raw(raw).as_str().into());
            }
            Value::Object(members)
        }
    }
}

/// A whole number by its digits, another one by the double it is; one that no Rust type holds as
/// it is written.
fn number(text: &str) -> Value {
    let double = text.parse::<f64>().unwrap_or(f64::INFINITY);
    let is_whole = !text.contains(['.', 'e', 'E']);
    if is_whole {
        // Minus zero is zero, as it is to `==` everywhere.
        let own = if text == "-0" { "0" } else { text };
        return Value::Number(own.into());
    }
    if !double.is_finite() {
        return Value::Number(text.into());
    }
    /// Up to here doubles hold every whole number.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if double.fract() == 0.0 && double.abs() <= EXACT {
        return Value::Number((double as i64).to_string().into());
    }
    Value::Number(format!("{double:e}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn under(text: &str, rules: &str) -> String {
        let rules: Rules = serde_json::from_str(rules).unwrap();
        Value::parse(text)
            .unwrap()
            .under(&rules)
            .written()
            .into_owned()
    }

    #[test]
    fn spellings_of_one_value_are_one() {
        for (one, other) in [
            (
                r#"{"a":1,"b":[2.50,"\u00e9"]}"#,
                r#" { "b" : [25e-1, "é"] , "a":1.0 } "#,
            ),
            ("-0", "0.0"),
            ("1e2", "100"),
            (r#"{"a":1,"a":2}"#, r#"{ "a": 1, "a": 2 }"#),
        ] {
            assert_eq!(Value::parse(one), Value::parse(other), "{one}");
        }
    }

    #[test]
    fn what_a_double_rounds_is_told_apart() {
        for (one, other) in [
            ("9007199254740993", "9007199254740992"),
            (
                "123456789012345678901234567890",
                "123456789012345678901234567891",
            ),
            ("1e999", "1e998"),
            (r#""\ud83d""#, r#""\ud83e""#),
            (r#"{"a":1,"a":2}"#, r#"{"a":2,"a":1}"#),
            (r#""1""#, "1"),
        ] {
            assert_ne!(Value::parse(one), Value::parse(other), "{one}");
        }
    }

    #[test]
    fn what_is_ignored_is_gone() {
        let rules = r#"{"ignore":["/a","/m/*[role=tool]/content/#json/now","/l/*","/**/id"]}"#;
        assert_eq!(
            under(
                r#"{"a":1,"l":[1,2],"m":[{"role":"tool","content":"{\"now\":1,\"t\":2}","id":5},{"role":"user","content":"{\"now\":1}"}]}"#,
                rules
            ),
            r#"{"l":[],"m":[{"content":"{\"t\":2}","role":"tool"},{"content":"{\"now\":1}","role":"user"}]}"#
        );
        assert_eq!(under(r#"{"a":1}"#, r#"{"ignore":["/**"]}"#), "(ignored)");
    }
}
