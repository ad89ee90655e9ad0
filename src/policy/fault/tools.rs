//! Faults of tool calls: what tells their fragments apart.

use super::args::Args;
use super::performance::Edit;
use super::scene::{Index, Reason, Scene, Shown};
use crate::json::{Change, Json, Raw, edit, visit};

/// Every call carries the number of the first.
pub(super) fn reuse_index(_: &Args, scene: &mut Scene<'_>) -> Result<(), Reason> {
    let index = scene.stream()?;
    let calls = calls(&index)?;
    let [first, _, ..] = &calls[..] else {
        return Err("the answer has fewer than two tool calls".to_owned());
    };
    let number = first.number.clone();
    let number = number.ok_or("the first call has no index")?;
    let members = calls.iter().flat_map(|call| call.frames.iter().copied());
    let edits = renumbered(&index, members, &mut || Change::Set(number.clone()))?;
    if edits.is_empty() {
        return Err("its calls share one index already".to_owned());
    }
    scene.performance.edit(edits);
    Ok(())
}

/// No call carries a number.
pub(super) fn omit_index(_: &Args, scene: &mut Scene<'_>) -> Result<(), Reason> {
    let index = scene.stream()?;
    if !index.marks()?.call_index_is_loose {
        return Err("a message of the wire is nothing without its index".to_owned());
    }
    let calls = calls(&index)?;
    let members = calls.iter().flat_map(|call| call.frames.iter().copied());
    let edits = renumbered(&index, members, &mut || Change::Remove)?;
    if edits.is_empty() {
        return Err("its calls have no index".to_owned());
    }
    scene.performance.edit(edits);
    Ok(())
}

/// The fragments of the first two calls that follow one another come in turns.
pub(super) fn interleave(_: &Args, scene: &mut Scene<'_>) -> Result<(), Reason> {
    let index = scene.stream()?;
    let marks = index.marks()?;
    let calls = calls(&index)?;
    let in_turn = |pair: &&[Call]| {
        let [one, two] = pair else { return false };
        one.frames.last() < two.frames.first()
            && one.number != two.number
            && one.frames.len() > 1
            && two.frames.len() > 1
    };
    let Some([one, two]) = calls.windows(2).find(in_turn) else {
        return Err("no two tool calls come in fragments, one after the other".to_owned());
    };
    let places = one.frames.iter().chain(&two.frames).copied();
    let mut order: Vec<&usize> = Vec::new();
    let (mut ones, mut twos) = (one.frames.iter(), two.frames.iter());
    while order.len() < one.frames.len() + two.frames.len() {
        order.extend(ones.next());
        order.extend(twos.next());
    }
    let edits = places.zip(order).map(|(place, moved)| {
        let (there, moved) = (&index.frames[place], &index.frames[*moved]);
        let number = marks.sequence.and_then(|path| value(there, path));
        let bytes = match (marks.sequence, number) {
            (Some(path), Some(number)) => {
                let set = &mut |_: Raw<'_>| Change::Set(number.clone());
                let text = moved.json().and_then(|json| edit(json, path, set));
                patched(&index, moved, text)
            }
            _ => index.bytes(moved).to_vec(),
        };
        Edit::replace(there.span.clone(), bytes)
    });
    let edits: Vec<Edit> = edits.collect();
    scene.performance.edit(edits);
    Ok(())
}

/// One tool call: its number as it stands on the wire, and the frames that are its own.
struct Call {
    number: Option<Json>,
    frames: Vec<usize>,
}

fn calls(index: &Index) -> Result<Vec<Call>, Reason> {
    let path = index.marks()?.call_index;
    let path = path.ok_or("tool calls of the wire come whole, without an index")?;
    let mut parts: Vec<usize> = Vec::new();
    let mut calls: Vec<Call> = Vec::new();
    for (place, frame) in index.frames.iter().enumerate() {
        let number = value(frame, path);
        let owner = match frame.calls[..] {
            [part] => {
                let known = parts.iter().position(|known| *known == part);
                Some(known.unwrap_or_else(|| {
                    parts.push(part);
                    calls.push(Call {
                        number: number.clone(),
                        frames: Vec::new(),
                    });
                    calls.len() - 1
                }))
            }
            // What closes a call says nothing of its own.
            [] if number.is_some() && !frame.says_more => {
                calls.iter().rposition(|call| call.number == number)
            }
            [] => None,
            _ => return Err("several calls stand in one frame".to_owned()),
        };
        if let Some(owner) = owner {
            calls[owner].frames.push(place);
        }
    }
    match calls.is_empty() {
        true => Err("the answer has no tool call".to_owned()),
        false => Ok(calls),
    }
}

fn renumbered(
    index: &Index,
    frames: impl Iterator<Item = usize>,
    change: &mut dyn FnMut() -> Change,
) -> Result<Vec<Edit>, Reason> {
    let path = index.marks()?.call_index.unwrap_or_default();
    let mut frames: Vec<usize> = frames.collect();
    frames.sort_unstable();
    let edits = frames.into_iter().filter_map(|place| {
        let frame = &index.frames[place];
        let text = edit(frame.json()?, path, &mut |_| change())?;
        (text != frame.data()).then(|| index.rewrite(frame, &text))
    });
    Ok(edits.collect())
}

/// The bytes of a frame with other JSON in them.
fn patched(index: &Index, frame: &Shown, text: Option<String>) -> Vec<u8> {
    let bytes = index.bytes(frame);
    let Some(text) = text else {
        return bytes.to_vec();
    };
    let change = index.rewrite(frame, &text);
    let start = change.at.start - frame.span.start;
    let end = change.at.end - frame.span.start;
    [&bytes[..start], &change.with, &bytes[end..]].concat()
}

/// The one value that a path leads to.
fn value(frame: &Shown, path: &[&str]) -> Option<Json> {
    let mut found = None;
    visit(frame.json()?, path, &mut |value| {
        found = Some(Json::from_raw(value));
    });
    found
}
