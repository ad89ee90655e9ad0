//! Faults of the connection and of time: where it breaks, waits or trickles.

use std::time::Duration;

use super::args::Args;
use super::performance::Ending;
use super::scene::{Reason, Scene};
use crate::Offset;
use crate::policy::TimedChunk;
use crate::policy::rng::Rng;

pub(super) fn cut(args: &Args, scene: &mut Scene<'_>) -> Result<(), Reason> {
    end(args, scene, Ending::Close)
}

pub(super) fn truncate(args: &Args, scene: &mut Scene<'_>) -> Result<(), Reason> {
    end(args, scene, Ending::Complete)
}

pub(super) fn reset(args: &Args, scene: &mut Scene<'_>) -> Result<(), Reason> {
    end(args, scene, Ending::Reset)
}

pub(super) fn half_close(args: &Args, scene: &mut Scene<'_>) -> Result<(), Reason> {
    end(args, scene, Ending::HalfClose)
}

/// Stands still for a while, or for ever.
pub(super) fn stall(args: &Args, scene: &mut Scene<'_>) -> Result<(), Reason> {
    let Some(wait) = args.time("for") else {
        return end(args, scene, Ending::Stall);
    };
    let (first, _) = place(args, scene)?;
    let played = &mut scene.performance;
    for chunk in &mut played.chunks[first..] {
        chunk.at = later(chunk.at, wait);
    }
    played.end_at = later(played.end_at, wait);
    Ok(())
}

/// Comes in small pieces, each a while after the one before.
pub(super) fn drip(args: &Args, scene: &mut Scene<'_>) -> Result<(), Reason> {
    let length = body_length(scene)?;
    let gap = args.time("gap").unwrap_or(DRIP_GAP);
    let size = args.number("size").map_or(usize::MAX, |size| {
        usize::try_from(size).unwrap_or(usize::MAX)
    });
    let size = match args.number("size") {
        Some(_) => size,
        None => length.div_ceil(DRIP_PIECES),
    };
    let played = &mut scene.performance;
    let mut pieces: Vec<TimedChunk> = Vec::new();
    for mut chunk in std::mem::take(&mut played.chunks) {
        while !chunk.bytes.is_empty() {
            let piece = chunk.bytes.split_to(size.min(chunk.bytes.len()));
            let earliest = pieces.last().map(|last| later(last.at, gap));
            let at = earliest.map_or(chunk.at, |earliest| earliest.max(chunk.at));
            pieces.push(TimedChunk::new(at, piece));
        }
    }
    if let Some(last) = pieces.last() {
        played.end_at = played.end_at.max(later(last.at, gap));
    }
    played.chunks = pieces;
    Ok(())
}

/// Between the pieces of a drip, unless it says otherwise.
const DRIP_GAP: Duration = Duration::from_millis(5);

/// About how many pieces a drip makes unless it says how large they are.
const DRIP_PIECES: usize = 100;

fn end(args: &Args, scene: &mut Scene<'_>, ending: Ending) -> Result<(), Reason> {
    let (first, at) = place(args, scene)?;
    let played = &mut scene.performance;
    played.chunks.truncate(first);
    played.end_at = at;
    played.ending = ending;
    Ok(())
}

/// Where the arguments say: the first chunk behind it, and when the one before came.
fn place(args: &Args, scene: &mut Scene<'_>) -> Result<(usize, Offset), Reason> {
    let head = scene.performance.head.as_ref();
    let head = head.ok_or("no response came")?.at;
    if let Some(time) = args.time("time") {
        let (time, over) = (Offset::from(time), scene.performance.end_at);
        if over <= time {
            return Err(format!(
                "the answer is over at {over}; a place in time needs a timing that takes time"
            ));
        }
        let is_before = |chunk: &TimedChunk| chunk.at <= time;
        return Ok((scene.performance.chunks.partition_point(is_before), time));
    }
    let byte = match (args.number("byte"), args.number("frame")) {
        (Some(byte), _) => {
            let length = scene.performance.length();
            let byte = usize::try_from(byte).ok().filter(|byte| *byte <= length);
            byte.ok_or_else(|| format!("the body has {length} bytes"))?
        }
        (None, Some(frame)) => scene.stream()?.behind(frame)?,
        (None, None) => drawn(args, scene)?,
    };
    let first = scene.performance.border(byte);
    let before = first.checked_sub(1);
    let at = before.map_or(head, |before| scene.performance.chunks[before].at);
    Ok((first, at))
}

/// Behind any frame but the last; in a body without frames, before any byte.
fn drawn(args: &Args, scene: &Scene<'_>) -> Result<usize, Reason> {
    let length = body_length(scene)?;
    let drawn = Rng::new(args.seed()).next_u64();
    let index = scene.index();
    match index.frames.len() as u64 {
        0 => Ok((drawn % length as u64) as usize),
        count => match drawn % count {
            0 => index.behind(0),
            place => Ok(index.frames[place as usize - 1].span.end),
        },
    }
}

fn body_length(scene: &Scene<'_>) -> Result<usize, Reason> {
    match scene.performance.length() {
        0 => Err("the body is empty".to_owned()),
        length => Ok(length),
    }
}

fn later(at: Offset, by: Duration) -> Offset {
    Offset::from_micros(at.as_micros().saturating_add(Offset::from(by).as_micros()))
}
