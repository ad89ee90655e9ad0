//! JSON as it stands on a wire: read by name, without a schema, and never failing over a value
//! of the wrong type.
//!
//! `scan` reads what is ordinary in one pass; of everything else serde_json says whether it is JSON.
//! What neither does by itself is done here: strings with lone surrogate escapes, numbers outside
//! every Rust type, duplicate members. Nothing here depends on the features of serde_json that another
//! crate of the build may turn on.

mod edit;
pub(crate) mod names;
mod object;
mod pointer;
mod scan;

use std::borrow::Cow;
use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

pub(crate) use edit::{Change, edit, visit};
pub(crate) use object::{ObjectDraft, object, quoted};
pub(crate) use pointer::{Cursor, JSON, step_of};
pub use pointer::{Pointer, PointerError};
pub(crate) use scan::{Odd, Scan};

/// The text of one valid JSON value, on a single line and without white space between tokens.
///
/// Members and numbers stand as they were written: nothing is sorted, rounded or dropped.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Json(Box<str>);

impl Json {
    /// Takes `text` as one JSON value.
    ///
    /// # Errors
    ///
    /// When `text` is not exactly one JSON value.
    pub fn parse(text: &str) -> Result<Json, serde_json::Error> {
        Ok(Json::from_raw(Raw::parse(text)?))
    }

    pub(crate) fn null() -> Json {
        Json("null".into())
    }

    pub(crate) fn from_raw(raw: Raw<'_>) -> Json {
        Json(compact(raw.0).into())
    }

    /// `value` as JSON; null where it has no form in JSON.
    pub(crate) fn of(value: &impl Serialize) -> Json {
        serde_json::to_string(value).map_or_else(|_| Json::null(), |text| Json(text.into()))
    }

    /// The object of these members; see [`object!`].
    pub(crate) fn of_members(members: &[(&str, Json)]) -> Json {
        let mut draft = ObjectDraft::default();
        for (name, value) in members {
            draft.set(name, value.as_str());
        }
        Json(draft.text().into())
    }

    pub(crate) fn raw(&self) -> Raw<'_> {
        Raw(&self.0)
    }

    /// The JSON text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads the value as a `T`.
    ///
    /// # Errors
    ///
    /// When the value is not of the shape of `T`, or holds what serde_json refuses (a lone
    /// surrogate escape, for one).
    pub fn read<'de, T: serde::Deserialize<'de>>(&'de self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.0)
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serde_json::from_str::<&RawValue>(&self.0) {
            Ok(raw) => raw.serialize(serializer),
            Err(error) => Err(serde::ser::Error::custom(error)),
        }
    }
}

/// Drops the white space between the tokens of a valid JSON text.
fn compact(text: &str) -> Cow<'_, str> {
    let text = text.trim_matches(JSON_SPACE);
    let mut out = String::new();
    let mut kept = 0;
    let (mut in_string, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
        } else if byte == b'"' {
            in_string = true;
        } else if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            out.push_str(&text[kept..at]);
            kept = at + 1;
        }
    }
    if kept == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[kept..]);
    Cow::Owned(out)
}

const JSON_SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

/// The text of one valid JSON value inside a frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Raw<'a>(&'a str);

/// What kind of value a [`Raw`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Null,
    Bool,
    Number,
    String,
    Array,
    Object,
}

impl Kind {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Kind::Null => "null",
            Kind::Bool => "a boolean",
            Kind::Number => "a number",
            Kind::String => "a string",
            Kind::Array => "an array",
            Kind::Object => "an object",
        }
    }
}

impl<'a> Raw<'a> {
    pub(crate) const EMPTY_ARRAY: Raw<'static> = Raw("[]");

    pub(crate) fn parse(text: &'a str) -> Result<Raw<'a>, serde_json::Error> {
        let trimmed = text.trim_matches(JSON_SPACE);
        let mut scan = Scan::new(trimmed);
        match scan.skip().and_then(|()| scan.end()) {
            Ok(()) => Ok(Raw(trimmed)),
            Err(Odd) => serde_json::from_str::<&RawValue>(text).map(Raw::from),
        }
    }

    pub(crate) fn text(self) -> &'a str {
        self.0
    }

    pub(crate) fn kind(self) -> Kind {
        match self.0.as_bytes().first() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::String,
            Some(b't' | b'f') => Kind::Bool,
            Some(b'n') | None => Kind::Null,
            Some(_) => Kind::Number,
        }
    }

    pub(crate) fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    /// The string this value is; `None` when it is anything else.
    pub(crate) fn str(self) -> Option<Str<'a>> {
        (self.kind() == Kind::String).then(|| unescape(self.0))
    }

    /// The number this value is, when it is a whole one from 0 to 2^64 - 1.
    pub(crate) fn u64(self) -> Option<u64> {
        self.0.parse().ok()
    }

    /// Whether this value is `true`.
    pub(crate) fn is_true(self) -> bool {
        self.0 == "true"
    }

    /// Calls `each` with every member of an object, in order, duplicates included. Anything but
    /// an object has no members.
    pub(crate) fn members(self, each: impl FnMut(&str, Raw<'a>)) {
        if self.kind() == Kind::Object {
            let mut each = each;
            // The text was found valid when this value was cut out of its frame.
            let _ = Scan::new(self.0).walk_object(|name, escaped, value| {
                if escaped {
                    each(&unescape(name).plain(), value);
                } else {
                    each(&name[1..name.len() - 1], value);
                }
            });
        }
    }

    /// The member of that name; the last one where it stands twice, as in JavaScript and Python.
    pub(crate) fn get(self, name: &str) -> Option<Raw<'a>> {
        let mut found = None;
        self.members(|key, value| {
            if key == name {
                found = Some(value);
            }
        });
        found
    }

    /// The members of those names in one walk; of duplicates the last, and `null` is absent.
    pub(crate) fn pick<const N: usize>(self, names: [&str; N]) -> [Option<Raw<'a>>; N] {
        let mut found = [None; N];
        self.members(|key, value| keep(&names, &mut found, key, value));
        found
    }

    /// Parses `text` and picks the members of those names in the same walk; `None` when it is JSON,
    /// but no object.
    pub(crate) fn parse_pick<const N: usize>(
        text: &'a str,
        names: [&str; N],
    ) -> Result<Option<[Option<Raw<'a>>; N]>, serde_json::Error> {
        if !text.trim_start_matches(JSON_SPACE).starts_with('{') {
            return Raw::parse(text).map(|_| None);
        }
        let mut found = [None; N];
        let mut scan = Scan::new(text);
        let read = scan.object(|name, scan| {
            match place(&names, name) {
                Some(place) => found[place] = scan.raw()?,
                None => scan.skip()?,
            }
            Ok(())
        });
        match read.and_then(|()| scan.end()) {
            Ok(()) => Ok(Some(found)),
            Err(Odd) => Raw::parse(text).map(|raw| Some(raw.pick(names))),
        }
    }

    /// The member of that name when it is a string.
    pub(crate) fn get_str(self, name: &str) -> Option<Str<'a>> {
        self.get(name).and_then(Raw::str)
    }

    /// Calls `each` with every element of an array, in order. Anything but an array has none.
    pub(crate) fn elements(self, each: impl FnMut(Raw<'a>)) {
        if self.kind() == Kind::Array {
            let _ = Scan::new(self.0).walk_array(each);
        }
    }
}

fn keep<'a>(names: &[&str], found: &mut [Option<Raw<'a>>], key: &str, value: Raw<'a>) {
    if let Some(place) = place(names, key) {
        found[place] = (!value.is_null()).then_some(value);
    }
}

/// Where a name stands among the names. Most differ in their first byte or their length.
#[inline]
fn place(names: &[&str], key: &str) -> Option<usize> {
    let key = key.as_bytes();
    names
        .iter()
        .map(|name| name.as_bytes())
        .position(|name| name.len() == key.len() && name.first() == key.first() && name == key)
}

impl<'a> From<&'a RawValue> for Raw<'a> {
    fn from(value: &'a RawValue) -> Raw<'a> {
        Raw(value.get().trim_matches(JSON_SPACE))
    }
}

/// A JSON string's value.
///
/// JSON can spell one half of a surrogate pair (`"\ud83d"`), which no Rust string holds. A string
/// with such halves is kept in WTF-8 so that two halves of consecutive deltas can still meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Str<'a> {
    Text(Cow<'a, str>),
    Wtf8(Vec<u8>),
}

impl<'a> Str<'a> {
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Str::Text(text) => text.is_empty(),
            Str::Wtf8(bytes) => bytes.is_empty(),
        }
    }

    /// The string with U+FFFD in the place of each lone surrogate.
    pub(crate) fn plain(self) -> Cow<'a, str> {
        match self {
            Str::Text(text) => text,
            Str::Wtf8(bytes) => {
                let mut out = String::new();
                for piece in Wtf8Pieces(&bytes) {
                    match piece {
                        Wtf8Piece::Text(text) => out.push_str(text),
                        Wtf8Piece::Half(_) => out.push(char::REPLACEMENT_CHARACTER),
                    }
                }
                Cow::Owned(out)
            }
        }
    }
}

/// A run of text, or half of a surrogate pair.
pub(crate) enum Wtf8Piece<'a> {
    Text(&'a str),
    Half(u16),
}

/// The pieces of a WTF-8 string in order.
pub(crate) struct Wtf8Pieces<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Wtf8Pieces<'a> {
    type Item = Wtf8Piece<'a>;

    fn next(&mut self) -> Option<Wtf8Piece<'a>> {
        let bytes = self.0;
        let valid = match std::str::from_utf8(bytes) {
            Ok("") => return None,
            Ok(text) => {
                self.0 = &[];
                return Some(Wtf8Piece::Text(text));
            }
            Err(error) => error.valid_up_to(),
        };
        if valid > 0 {
            let (text, rest) = bytes.split_at(valid);
            self.0 = rest;
            return std::str::from_utf8(text).ok().map(Wtf8Piece::Text);
        }
        let half = match bytes {
            [0xED, b @ 0xA0..=0xBF, c, ..] => {
                0xD000 | (u16::from(b & 0x3F) << 6) | u16::from(c & 0x3F)
            }
            // Unreachable for what `unescape` writes.
            _ => 0xFFFD,
        };
        self.0 = bytes.get(3..).unwrap_or(&[]);
        Some(Wtf8Piece::Half(half))
    }
}

/// Joins a high and a low surrogate.
pub(crate) fn join_surrogates(high: u16, low: u16) -> Option<char> {
    char::decode_utf16([high, low]).next()?.ok()
}

/// The value of a valid JSON string literal.
fn unescape(literal: &str) -> Str<'_> {
    let inner = literal
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(literal);
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Str::Text(Cow::Borrowed(inner));
    }
    match serde_json::from_str::<String>(literal) {
        Ok(text) => Str::Text(Cow::Owned(text)),
        Err(_) => Str::Wtf8(unescape_wtf8(inner)),
    }
}

fn unescape_wtf8(inner: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(inner.len());
    let mut high: Option<u16> = None;
    let mut bytes = inner.as_bytes();
    while let Some((&byte, rest)) = bytes.split_first() {
        let unit = match (byte, rest.first()) {
            (b'\\', Some(b'u')) => rest
                .get(1..5)
                .and_then(|hex| std::str::from_utf8(hex).ok())
                .and_then(|hex| u16::from_str_radix(hex, 16).ok()),
            _ => None,
        };
        if let (Some(first), Some(low @ 0xDC00..=0xDFFF)) = (high, unit)
            && let Some(joined) = join_surrogates(first, low)
        {
            out.extend_from_slice(joined.encode_utf8(&mut [0; 4]).as_bytes());
            high = None;
            bytes = &rest[5..];
            continue;
        }
        if let Some(lone) = high.take() {
            push_half(&mut out, lone);
        }
        match unit {
            Some(unit @ 0xD800..=0xDBFF) => high = Some(unit),
            Some(unit @ 0xDC00..=0xDFFF) => push_half(&mut out, unit),
            Some(unit) => {
                let c = char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER);
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            None if byte == b'\\' => {
                out.push(match rest.first() {
                    Some(b'b') => 0x08,
                    Some(b'f') => 0x0C,
                    Some(b'n') => b'\n',
                    Some(b'r') => b'\r',
                    Some(b't') => b'\t',
                    Some(&other) => other,
                    None => b'\\',
                });
                bytes = rest.get(1..).unwrap_or(&[]);
                continue;
            }
            None => {
                out.push(byte);
                bytes = rest;
                continue;
            }
        }
        bytes = &rest[5..];
    }
    if let Some(lone) = high {
        push_half(&mut out, lone);
    }
    out
}

fn push_half(out: &mut Vec<u8>, half: u16) {
    out.extend_from_slice(&[
        0xED,
        0x80 | ((half >> 6) & 0x3F) as u8,
        0x80 | (half & 0x3F) as u8,
    ]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surrogate_halves_survive_and_pairs_join() {
        let raw = Raw::parse(r#""a\ud83d\ude00\ud83d!\ude00\n""#).unwrap();
        let Some(Str::Wtf8(bytes)) = raw.str() else {
            panic!("a string with halves")
        };
        assert_eq!(Str::Wtf8(bytes).plain(), "a😀\u{FFFD}!\u{FFFD}\n");
    }

    #[test]
    fn members_keep_order_and_the_last_duplicate_wins() {
        let raw = Raw::parse(r#" {"b": 1e999, "\u0061": [1, 2], "b": "x"} "#).unwrap();
        let mut seen = Vec::new();
        raw.members(|key, value| seen.push(format!("{key}={}", value.text())));
        assert_eq!(seen, ["b=1e999", "a=[1, 2]", "b=\"x\""]);
        assert_eq!(raw.get_str("b").unwrap().plain(), "x");
    }

    #[test]
    fn compact_touches_nothing_inside_strings() {
        let json = Json::parse("{ \"a\\\" b\" :\n [1 , 2.50e+1] }").unwrap();
        assert_eq!(json.as_str(), r#"{"a\" b":[1,2.50e+1]}"#);
    }
}
