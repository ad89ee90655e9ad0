//! Where in a JSON text the values of a pointer stand.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::Error;

/// A JSON pointer (RFC 6901) in which `*` stands for every member or element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pointer(Vec<String>);

impl Pointer {
    pub(super) fn parse(text: &str) -> Result<Pointer, Error> {
        let Some(rest) = text.strip_prefix('/') else {
            return Err(Error::Pointer {
                pointer: text.to_owned(),
            });
        };
        let unescape = |token: &str| token.replace("~1", "/").replace("~0", "~");
        Ok(Pointer(rest.split('/').map(unescape).collect()))
    }

    /// Byte ranges of the strings, without their quotes, that the pointer names in `json`.
    pub(super) fn ranges(&self, json: &str) -> Vec<Range<usize>> {
        let mut ranges = Vec::new();
        if let Ok(value) = serde_json::from_str::<&RawValue>(json) {
            descend(value.get(), &self.0, json, &mut ranges);
        }
        ranges
    }
}

fn descend(value: &str, path: &[String], whole: &str, ranges: &mut Vec<Range<usize>>) {
    let inner = match path {
        [_, inner @ ..] => inner,
        [] => &[],
    };
    match value.as_bytes().first() {
        Some(b'"') if path.is_empty() && value.len() > 2 => {
            // A raw value is a part of the text it was read from.
            let start = value.as_ptr() as usize - whole.as_ptr() as usize;
            ranges.push(start + 1..start + value.len() - 1);
        }
        Some(b'{' | b'[') => {
            for (name, member) in members(value) {
                let named = path
                    .first()
                    .is_none_or(|token| token == "*" || *token == name);
                if named {
                    descend(member, inner, whole, ranges);
                }
            }
        }
        _ => {}
    }
}

fn members(value: &str) -> Vec<(String, &str)> {
    let mut json = serde_json::Deserializer::from_str(value);
    json.deserialize_any(Members).unwrap_or_default()
}

/// Members of an object by name, elements of an array by index.
struct Members;

impl<'a> Visitor<'a> for Members {
    type Value = Vec<(String, &'a str)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or an array")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut members = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, &'a RawValue>()? {
            members.push((name, value.get()));
        }
        Ok(members)
    }

    fn visit_seq<S: SeqAccess<'a>>(self, mut elements: S) -> Result<Self::Value, S::Error> {
        let mut members = Vec::new();
        while let Some(value) = elements.next_element::<&'a RawValue>()? {
            members.push((members.len().to_string(), value.get()));
        }
        Ok(members)
    }
}
