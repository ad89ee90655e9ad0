//! Faults of frames: one too many, one too few, in the wrong order, broken, or without what it
//! should say.

use super::args::Args;
use super::performance::{Edit, Ending};
use super::scene::{Index, Reason, Scene, Shown};
use crate::frame::Framing;
use crate::json::{Change, Json, Raw, edit, visit};
use crate::policy::TimedChunk;
use crate::policy::rng::Rng;

pub(super) fn duplicate(args: &Args, scene: &mut Scene<'_>) -> Result<(), Reason> {
    let index = scene.stream()?;
    let place = index.pick(args, "a message", |frame| is_message(&index, frame))?;
    let frame = &index.frames[place];
    let mut copy = index.bytes(frame).to_vec();
    if index.framing == Framing::JsonArray {
        copy.insert(0, b',');
    }
    scene.performance.edit([Edit::insert(frame.span.end, copy)]);
    Ok(())
}

pub(super) fn drop(args: &Args, scene: &mut Scene<'_>) -> Result<(), Reason> {
    let index = scene.stream()?;
    let place = index.pick(args, "a message", Shown::has_data)?;
    scene.performance.edit(index.without(&[place]));
    Ok(())
}

/// A message and the next one change places.
pub(super) fn swap(args: &Args, scene: &mut Scene<'_>) -> Result<(), Reason> {
    let index = scene.stream()?;
    let frames = &index.frames;
    let next = |frame: &Shown| {
        let behind = frames.iter().filter(|next| next.number > frame.number);
        behind.into_iter().find(|next| next.has_data())
    };
    let fits = |frame: &Shown| {
        is_message(&index, frame) && next(frame).is_some_and(|next| is_message(&index, next))
    };
    let place = index.pick(args, "a message with another one behind it", fits)?;
    let frame = &frames[place];
    if let Some(next) = next(frame) {
        scene.performance.edit([
            Edit::replace(frame.span.clone(), index.bytes(next)),
            Edit::replace(next.span.clone(), index.bytes(frame)),
        ]);
    }
    Ok(())
}

pub(super) fn bad_json(args: &Args, scene: &mut Scene<'_>) -> Result<(), Reason> {
    let index = scene.stream()?;
    let place = index.pick(args, "a JSON object", Shown::is_object)?;
    let frame = &index.frames[place];
    let data = frame.data().replacen('{', "{!", 1);
    scene.performance.edit([index.rewrite(frame, &data)]);
    Ok(())
}

/// The error of the dialect behind a frame; nothing comes after it.
pub(super) fn error(args: &Args, scene: &mut Scene<'_>) -> Result<(), Reason> {
    let index = scene.stream()?;
    let dialect = index.dialect()?;
    let number = match args.number("frame") {
        Some(number) => number,
        None => {
            let is_finish = |frame: &Shown| frame.is_finish || frame.is_terminator;
            let before = index.frames.iter().position(is_finish);
            let before = before.unwrap_or(index.frames.len()) as u64;
            Rng::new(args.seed()).next_u64() % (before + 1)
        }
    };
    let at = index.behind(number)?;
    let error = dialect.error_message("The server failed in the middle of its answer.");
    let mut bytes = error.encode(index.framing).to_vec();
    if index.framing == Framing::JsonArray {
        if number > 0 {
            bytes.insert(0, b',');
        }
        bytes.push(b']');
    }
    let played = &mut scene.performance;
    let first = played.border(at);
    let gone = played.chunks.drain(first..).next();
    let when = gone.map_or(played.end_at, |gone| gone.at);
    played.chunks.push(TimedChunk::new(when, bytes));
    played.ending = Ending::Complete;
    played.end_at = when;
    Ok(())
}

pub(super) fn no_terminator(_: &Args, scene: &mut Scene<'_>) -> Result<(), Reason> {
    let index = scene.stream()?;
    let first = index.frames.iter().position(|frame| frame.is_terminator);
    let first = first.ok_or("no closing marker came, or the wire has none")?;
    if index.frames[first].is_finish {
        return Err("the closing marker is the finish itself; see `no-finish`".to_owned());
    }
    let gone: Vec<usize> = (first..index.frames.len()).collect();
    scene.performance.edit(index.without(&gone));
    Ok(())
}

pub(super) fn no_usage(_: &Args, scene: &mut Scene<'_>) -> Result<(), Reason> {
    let index = scene.stream()?;
    let marks = index.marks()?;
    let mut edits = Vec::new();
    for (place, frame) in index.frames.iter().enumerate() {
        let Some(json) = frame.json().filter(|_| frame.has_usage) else {
            continue;
        };
        let says_nothing_else = marks.beside_usage.is_some_and(|path| {
            let mut count = 0;
            visit(json, path, &mut |_| count += 1);
            count == 0
        });
        if says_nothing_else {
            edits.extend(index.without(&[place]));
            continue;
        }
        let mut text = frame.data().to_owned();
        for path in marks.usage {
            let json = Json::parse(&text).unwrap_or_else(|_| Json::null());
            text = edit(json.raw(), path, &mut |_| Change::Remove).unwrap_or(text);
        }
        edits.push(index.rewrite(frame, &text));
    }
    changed(scene, edits, "no usage came")
}

pub(super) fn no_finish(_: &Args, scene: &mut Scene<'_>) -> Result<(), Reason> {
    let index = scene.stream()?;
    let places = 0..index.frames.len();
    let edits = match index.marks()?.finish {
        None => {
            let gone: Vec<usize> = match index.frames.iter().any(|frame| frame.is_finish) {
                true => places.filter(|at| index.frames[*at].is_finish).collect(),
                false => places
                    .filter(|at| index.frames[*at].is_terminator)
                    .collect(),
            };
            index.without(&gone)
        }
        Some(path) => {
            // Many gateways say it twice, so no frame is left out.
            let unfinished = index.frames.iter().filter_map(|frame| {
                let null = &mut |reason: Raw<'_>| match reason.is_null() {
                    true => Change::Keep,
                    false => Change::Set(Json::null()),
                };
                let text = edit(frame.json()?, path, null)?;
                Some(index.rewrite(frame, &text))
            });
            unfinished.collect()
        }
    };
    changed(scene, edits, "no finish came")
}

fn changed(scene: &mut Scene<'_>, edits: Vec<Edit>, otherwise: &str) -> Result<(), Reason> {
    if edits.is_empty() {
        return Err(otherwise.to_owned());
    }
    scene.performance.edit(edits);
    Ok(())
}

/// Whether a frame carries data and its bytes may stand elsewhere: a last line may lack its end.
fn is_message(index: &Index, frame: &Shown) -> bool {
    let is_open = index.framing == Framing::NdJson && !index.bytes(frame).ends_with(b"\n");
    frame.has_data() && !is_open
}
