//! Faults that add what clients have to pass over.

use super::args::Args;
use super::performance::Edit;
use super::scene::{Index, Reason, Scene, Shown};
use crate::dialect::Message;
use crate::json::object;

const UNKNOWN: &str = "rigtape.unknown";

pub(super) fn comment(args: &Args, scene: &mut Scene<'_>) -> Result<(), Reason> {
    let index = scene.events()?;
    before(&index, args, scene, b": rigtape\n\n")
}

pub(super) fn blank(args: &Args, scene: &mut Scene<'_>) -> Result<(), Reason> {
    let index = scene.stream()?;
    before(&index, args, scene, b"\n")
}

pub(super) fn ping(args: &Args, scene: &mut Scene<'_>) -> Result<(), Reason> {
    let index = scene.events()?;
    let ping = index.marks()?.ping.ok_or("the wire has no ping")?;
    before(&index, args, scene, &ping().encode(index.framing))
}

pub(super) fn unknown_event(args: &Args, scene: &mut Scene<'_>) -> Result<(), Reason> {
    let index = scene.events()?;
    let kind = index.marks()?.type_member;
    let kind = kind.ok_or("the wire does not tell its messages apart by type")?;
    let event = Message::named(UNKNOWN, object! { kind: UNKNOWN });
    before(&index, args, scene, &event.encode(index.framing))
}

pub(super) fn unknown_field(args: &Args, scene: &mut Scene<'_>) -> Result<(), Reason> {
    let index = scene.stream()?;
    let place = index.pick(args, "a JSON object", Shown::is_object)?;
    let frame = &index.frames[place];
    let members = frame.data().trim_start().trim_start_matches('{');
    let comma = if members.trim_start().starts_with('}') {
        ""
    } else {
        ","
    };
    let data = format!("{{\"rigtape_unknown\":{{\"list\":[1,null]}}{comma}{members}");
    scene.performance.edit([index.rewrite(frame, &data)]);
    Ok(())
}

pub(super) fn unknown_line(args: &Args, scene: &mut Scene<'_>) -> Result<(), Reason> {
    let index = scene.events()?;
    let place = index.pick(args, "an event", Shown::has_data)?;
    let at = index.frames[place].span.start;
    scene
        .performance
        .edit([Edit::insert(at, "rigtape: unknown\n")]);
    Ok(())
}

pub(super) fn bom(_: &Args, scene: &mut Scene<'_>) -> Result<(), Reason> {
    const BOM: &[u8] = b"\xEF\xBB\xBF";
    let index = scene.events()?;
    if index.body.starts_with(BOM) {
        return Err("the body begins with one already".to_owned());
    }
    scene.performance.edit([Edit::insert(0, BOM)]);
    Ok(())
}

pub(super) fn crlf(_: &Args, scene: &mut Scene<'_>) -> Result<(), Reason> {
    let body = scene.stream()?.body;
    let is_bare = |at: &usize| *at == 0 || body[*at - 1] != b'\r';
    let bare = memchr::memchr_iter(b'\n', &body).filter(is_bare);
    let edits: Vec<Edit> = bare.map(|at| Edit::insert(at, "\r")).collect();
    if edits.is_empty() {
        return Err("no line ends with a bare LF".to_owned());
    }
    scene.performance.edit(edits);
    Ok(())
}

/// Bytes behind the last one, which are no line yet.
pub(super) fn garbage(args: &Args, scene: &mut Scene<'_>) -> Result<(), Reason> {
    let length = scene.performance.length();
    if length == 0 {
        return Err("the body is empty".to_owned());
    }
    let mut rng = crate::policy::rng::Rng::new(args.seed());
    let count = args.number("bytes").unwrap_or(16);
    let mut bytes = vec![0xFF];
    bytes.extend((1..count).map(|_| b'a' + (rng.next_u64() % 26) as u8));
    let at = scene.performance.end_at;
    let last = scene.performance.chunks.last();
    let at = last.map_or(at, |last| last.at.max(at));
    scene
        .performance
        .chunks
        .push(crate::policy::TimedChunk::new(at, bytes));
    Ok(())
}

/// Puts bytes in front of the frame that the arguments say.
fn before(index: &Index, args: &Args, scene: &mut Scene<'_>, bytes: &[u8]) -> Result<(), Reason> {
    let place = index.pick(args, "a frame", |_| true)?;
    let at = index.frames[place].span.start;
    scene.performance.edit([Edit::insert(at, bytes)]);
    Ok(())
}
