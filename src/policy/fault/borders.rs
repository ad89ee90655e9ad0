//! Faults of chunk borders: the bytes stay, the pieces are awkward.

use super::args::Args;
use super::scene::{Reason, Scene};
use crate::policy::TimedChunk;
use crate::policy::rng::Rng;

pub(super) fn split(args: &Args, scene: &mut Scene<'_>) -> Result<(), Reason> {
    let borders = match args.word("at") {
        Some("utf8") => inside_code_points(scene)?,
        Some("crlf") => inside_line_ends(scene)?,
        Some(_) => inside_data(scene)?,
        None => vec![one_border(args, scene)?],
    };
    scene.performance.borders(borders);
    Ok(())
}

/// Several frames in one chunk, which comes when the last of them came.
pub(super) fn merge(args: &Args, scene: &mut Scene<'_>) -> Result<(), Reason> {
    let body = scene.performance.body();
    let mut ends: Vec<usize> = match args.number("count") {
        None => Vec::new(),
        Some(count) => {
            let index = scene.stream()?;
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            let groups = index.frames.chunks(count);
            groups
                .filter_map(|group| Some(group.last()?.span.end))
                .collect()
        }
    };
    ends.push(body.len());
    ends.dedup();
    let mut merged = Vec::with_capacity(ends.len());
    let mut recorded = scene.performance.chunks.iter();
    let (mut start, mut came) = (0, 0);
    let mut at = recorded.as_slice().first().map(|chunk| chunk.at);
    for end in ends {
        while came < end {
            let Some(chunk) = recorded.next() else { break };
            came += chunk.bytes.len();
            at = Some(chunk.at);
        }
        if let Some(at) = at.filter(|_| end > start) {
            merged.push(TimedChunk::new(at, body.slice(start..end)));
        }
        start = end;
    }
    if merged == scene.performance.chunks {
        return Err("its chunks are that large already".to_owned());
    }
    scene.performance.chunks = merged;
    Ok(())
}

fn inside_code_points(scene: &Scene<'_>) -> Result<Vec<usize>, Reason> {
    let body = scene.performance.body();
    let is_inside = |place: &usize| body[*place] & 0b1100_0000 == 0b1000_0000;
    let borders: Vec<usize> = (1..body.len()).filter(is_inside).collect();
    some(borders, "every character of the body is one byte")
}

fn inside_line_ends(scene: &Scene<'_>) -> Result<Vec<usize>, Reason> {
    let body = scene.performance.body();
    let borders = memchr::memmem::find_iter(&body, b"\r\n").map(|at| at + 1);
    some(
        borders.collect(),
        "no line ends with CR LF; give the fault `crlf` before it",
    )
}

fn inside_data(scene: &Scene<'_>) -> Result<Vec<usize>, Reason> {
    let index = scene.events()?;
    let body = &index.body;
    let is_name = |at: &usize| *at == 0 || matches!(body[*at - 1], b'\n' | b'\r');
    let names = memchr::memmem::find_iter(body, b"data:").filter(is_name);
    some(names.map(|at| at + 2).collect(), "no line is `data:`")
}

fn one_border(args: &Args, scene: &Scene<'_>) -> Result<usize, Reason> {
    let length = scene.performance.length();
    let place = match args.number("byte") {
        Some(byte) => usize::try_from(byte).unwrap_or(usize::MAX),
        None => {
            let drawn = Rng::new(args.seed()).next_u64() % (length.max(2) as u64 - 1);
            drawn as usize + 1
        }
    };
    match (1..length).contains(&place) {
        true => Ok(place),
        false => Err(format!("no border fits there: the body has {length} bytes")),
    }
}

fn some(borders: Vec<usize>, otherwise: &str) -> Result<Vec<usize>, Reason> {
    match borders.is_empty() {
        true => Err(otherwise.to_owned()),
        false => Ok(borders),
    }
}
