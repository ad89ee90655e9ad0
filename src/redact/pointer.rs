//! Where in a JSON text the values of a pointer stand.

use std::borrow::Cow;
use std::ops::Range;

use crate::json::{Cursor, Kind, Pointer, Raw};

/// Byte ranges of the strings, without their quotes, that the pointer names in `json`. Of a string
/// that holds JSON nothing less than all of it is named: what is masked keeps its place.
pub(super) fn ranges(pointer: &Pointer, json: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    if let Ok(value) = Raw::parse(json) {
        descend(value, Some(pointer.start()), json, DEPTH, &mut ranges);
    }
    ranges
}

/// Deeper than this nothing is named: no request nests so deep, and the stack has an end.
const DEPTH: u32 = 512;

/// Without a cursor the value lies in one that is named.
fn descend(
    value: Raw<'_>,
    cursor: Option<Cursor<'_>>,
    whole: &str,
    depth: u32,
    ranges: &mut Vec<Range<usize>>,
) {
    let Some(depth) = depth.checked_sub(1) else {
        return;
    };
    let cursor = cursor.filter(|cursor| !cursor.is_here());
    if cursor.as_ref().is_some_and(Cursor::is_dead) {
        return;
    }
    match value.kind() {
        Kind::String => {
            let text = value.text();
            let is_named = cursor.as_ref().is_none_or(Cursor::wants_json);
            if is_named && text.len() > 2 {
                // A raw value is a part of the text it was read from.
                let start = text.as_ptr() as usize - whole.as_ptr() as usize;
                ranges.push(start + 1..start + text.len() - 1);
            }
        }
        Kind::Object => value.members(|name, member| {
            let below = cursor
                .as_ref()
                .map(|c| c.child(name, |key| text(member, key)));
            descend(member, below, whole, depth, ranges);
        }),
        Kind::Array => {
            let mut index = 0;
            value.elements(|element| {
                let name = index.to_string();
                let below = cursor
                    .as_ref()
                    .map(|c| c.child(&name, |key| text(element, key)));
                descend(element, below, whole, depth, ranges);
                index += 1;
            });
        }
        Kind::Null | Kind::Bool | Kind::Number => {}
    }
}

fn text<'v>(value: Raw<'v>, key: &str) -> Option<Cow<'v, str>> {
    let member = value.get(key)?;
    match member.kind() {
        Kind::String => Some(member.str()?.plain()),
        Kind::Number | Kind::Bool => Some(Cow::Borrowed(member.text())),
        _ => None,
    }
}
