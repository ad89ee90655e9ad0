//! Changes inside a JSON text that leave everything else as it was written.

use super::{Json, Kind, Raw, quoted};

/// What becomes of a value that a path led to.
pub(crate) enum Change {
    Keep,
    Remove,
    Set(Json),
}

/// Calls `each` with the values that `path` leads to; `*` stands for every element of an array.
pub(crate) fn visit<'a>(raw: Raw<'a>, path: &[&str], each: &mut dyn FnMut(Raw<'a>)) {
    match path {
        [] => each(raw),
        ["*", rest @ ..] if raw.kind() == Kind::Array => {
            raw.elements(|element| visit(element, rest, each));
        }
        [name, rest @ ..] if raw.kind() == Kind::Object => {
            if let Some(value) = raw.get(name) {
                visit(value, rest, each);
            }
        }
        _ => {}
    }
}

/// The text of `raw` with the values changed that `path` leads to; `None` when none was.
pub(crate) fn edit(
    raw: Raw<'_>,
    path: &[&str],
    change: &mut dyn FnMut(Raw<'_>) -> Change,
) -> Option<String> {
    match edited(raw, path, change) {
        Change::Keep | Change::Remove => None,
        Change::Set(json) => Some(json.as_str().to_owned()),
    }
}

fn edited(raw: Raw<'_>, path: &[&str], change: &mut dyn FnMut(Raw<'_>) -> Change) -> Change {
    let Some((step, rest)) = path.split_first() else {
        return change(raw);
    };
    let mut texts: Vec<String> = Vec::new();
    let mut changed = false;
    let mut take = |label: Option<&str>, value: Raw<'_>, is_meant: bool| {
        let outcome = match is_meant {
            true => edited(value, rest, change),
            false => Change::Keep,
        };
        let label = label.map_or_else(String::new, |name| format!("{}:", quoted(name)));
        match outcome {
            Change::Keep => texts.push(format!("{label}{}", value.text())),
            Change::Remove => changed = true,
            Change::Set(json) => {
                changed = true;
                texts.push(format!("{label}{json}"));
            }
        }
    };
    let (open, close) = match raw.kind() {
        Kind::Object => {
            raw.members(|name, value| take(Some(name), value, name == *step));
            ('{', '}')
        }
        Kind::Array if *step == "*" => {
            raw.elements(|value| take(None, value, true));
            ('[', ']')
        }
        _ => return Change::Keep,
    };
    match changed {
        false => Change::Keep,
        true => Json::parse(&format!("{open}{}{close}", texts.join(",")))
            .map_or(Change::Keep, Change::Set),
    }
}
