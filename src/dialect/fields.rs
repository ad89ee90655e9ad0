//! Typed events, read by name: a field of the wrong type counts as absent and is noted.

use std::borrow::Cow;

use crate::frame::Event;
use crate::json::{Json, Kind, Odd, Raw, Scan, Str};
use crate::transcript::{Emitter, ViolationKind};

/// Picks the members of those names out of a frame's data; `None`, noted, when it is no object.
pub(super) fn of_frame<'a, const N: usize>(
    data: &'a str,
    names: [&str; N],
    out: &mut Emitter<'_>,
) -> Option<[Option<Raw<'a>>; N]> {
    match Raw::parse_pick(data, names) {
        Ok(Some(fields)) => Some(fields),
        Ok(None) => {
            out.violation(ViolationKind::NotAnObject, || {
                let found = Raw::parse(data).map_or("nothing", |raw| raw.kind().words());
                format!("expected an object, found {found}")
            });
            None
        }
        Err(error) => {
            out.violation(ViolationKind::InvalidJson, || error.to_string());
            None
        }
    }
}

/// The data of an event on a wire that ends with `marker`; `None` when there is nothing to read. The
/// `[DONE]` that some gateways append after the marker is nothing; before it, it is noted.
pub(super) fn event_data<'a>(
    event: &Event<'a>,
    marker: &str,
    out: &mut Emitter<'_>,
) -> Option<&'a str> {
    let data = event.data.map_or("", str::trim);
    if data == "[DONE]" {
        out.excuse();
        if !out.is_terminated() {
            out.violation(ViolationKind::UnknownEvent, || {
                format!("[DONE] before {marker}")
            });
        }
        return None;
    }
    (!data.is_empty()).then_some(data)
}

/// What kind of event this is. The `type` inside the data decides, not the `event:` line; where
/// the data has none the line is better than nothing.
pub(super) fn event_type<'a>(
    line: &'a str,
    stated: Option<Raw<'a>>,
    out: &mut Emitter<'_>,
) -> Option<Cow<'a, str>> {
    // `message` is what the standard calls an event without a line.
    let line = Some(line).filter(|line| !line.is_empty() && *line != "message");
    match (text(stated, "type", out), line) {
        (Some(stated), line) => {
            let stated = stated.plain();
            if let Some(line) = line.filter(|line| *line != stated) {
                out.violation(ViolationKind::EventMismatch, || {
                    format!("the event line says {line:?}, the data {stated:?}; the data decides")
                });
            }
            Some(stated)
        }
        (None, Some(line)) => {
            out.violation(ViolationKind::EventMismatch, || {
                format!("the event line says {line:?}, the data has no type; the line decides")
            });
            Some(Cow::Borrowed(line))
        }
        (None, None) => {
            out.violation(ViolationKind::UnknownEvent, || {
                "an event without a type".to_owned()
            });
            None
        }
    }
}

/// Reads the type of an event that is one of `kinds`: its place among them. One that the `event:`
/// line does not agree with is odd.
#[inline]
pub(super) fn expected(line: &str, kinds: &[&str], scan: &mut Scan<'_>) -> Result<usize, Odd> {
    let Some(Str::Text(stated)) = scan.string()? else {
        return Err(Odd);
    };
    let place = kinds.iter().position(|kind| *kind == stated).ok_or(Odd)?;
    match line {
        "" | "message" => Ok(place),
        line if line == stated => Ok(place),
        _ => Err(Odd),
    }
}

/// Reads a member that an ordinary frame lacks, or has as `null`.
#[inline]
pub(super) fn absent(scan: &mut Scan<'_>) -> Result<(), Odd> {
    if scan.null() { Ok(()) } else { Err(Odd) }
}

/// The error that a value is: an object or a string that says something.
pub(super) fn error(value: Option<Raw<'_>>) -> Option<Json> {
    value
        .filter(|raw| matches!(raw.kind(), Kind::Object | Kind::String) && raw.text() != "\"\"")
        .map(Json::from_raw)
}

pub(super) fn text<'a>(
    value: Option<Raw<'a>>,
    field: &str,
    out: &mut Emitter<'_>,
) -> Option<Str<'a>> {
    let text = value?.str();
    if let (None, Some(found)) = (&text, value) {
        out.wrong_type(field, "a string", found);
    }
    text
}

pub(super) fn number(value: Option<Raw<'_>>, field: &str, out: &mut Emitter<'_>) -> Option<u64> {
    let number = value?.u64();
    if let (None, Some(found)) = (number, value) {
        out.wrong_type(field, "a whole number", found);
    }
    number
}

pub(super) fn object<'a>(
    value: Option<Raw<'a>>,
    field: &str,
    out: &mut Emitter<'_>,
) -> Option<Raw<'a>> {
    of_kind(value, Kind::Object, field, out)
}

/// Calls `each` with the elements of an array; an absent one has none.
pub(super) fn elements<'a>(
    value: Option<Raw<'a>>,
    field: &str,
    out: &mut Emitter<'_>,
    mut each: impl FnMut(Raw<'a>, &mut Emitter<'_>),
) {
    if let Some(array) = of_kind(value, Kind::Array, field, out) {
        array.elements(|element| each(element, out));
    }
}

fn of_kind<'a>(
    value: Option<Raw<'a>>,
    kind: Kind,
    field: &str,
    out: &mut Emitter<'_>,
) -> Option<Raw<'a>> {
    let raw = value?;
    if raw.kind() != kind {
        out.wrong_type(field, kind.words(), raw);
        return None;
    }
    Some(raw)
}
