//! `--format frames`.

use std::io::Write;

use super::{Args, title};
use crate::Offset;
use crate::cli::interaction::Played;
use crate::cli::print::{self, BOLD, DIM};
use crate::frame::{Frame, FrameKind, Framer, Last};
use crate::policy::{Policy, Rechunk, TimedChunk, Timing};

/// One frame a line: its number, when its last byte came, and what it is.
pub(super) fn frames(played: &Played, args: &Args) -> anyhow::Result<u64> {
    let mut out = print::stdout();
    if let Some(heads) = &played.heads {
        writeln!(out, "{DIM}{}{DIM:#}", title(heads))?;
    }
    let Some(mut reader) = played.reader(args.dialect) else {
        return Ok(0);
    };
    let mut waiting = Vec::new();
    let mut framer: Option<Framer> = None;
    let mut last_at = Offset::ZERO;
    // What counts here is when a frame came while recording, whatever the policy.
    let rechunk = match played.waits {
        Some(_) => Rechunk::Recorded,
        None => args.rechunk,
    };
    let recorded = Policy::new().timing(Timing::Recorded).rechunk(rechunk);
    for piece in recorded.play(Offset::ZERO, played.chunks()?) {
        let TimedChunk { at, bytes } = piece?;
        last_at = at;
        waiting.extend_from_slice(&bytes);
        if framer.is_none() {
            reader.feed(&bytes);
            framer = reader.framing().map(Framer::new);
        }
        let Some(framer) = &mut framer else {
            continue;
        };
        let mut input = &waiting[..];
        while let Some(frame) = framer.next(&mut input)? {
            line(at, &frame, "", &mut out)?;
        }
        waiting.clear();
    }
    if let Some(framer) = &mut framer {
        while let Some(last) = framer.finish() {
            match last {
                Last::Frame(frame) => line(last_at, &frame, "", &mut out)?,
                Last::Torn(frame) => line(last_at, &frame, "torn ", &mut out)?,
            }
        }
    }
    Ok(0)
}

fn line(at: Offset, frame: &Frame<'_>, torn: &str, out: &mut impl Write) -> std::io::Result<()> {
    let (kind, text) = match &frame.kind {
        FrameKind::Comment(text) => ("comment".to_owned(), text.to_string()),
        FrameKind::Json(text) => ("json".to_owned(), text.to_string()),
        FrameKind::Event(event) => {
            let name = if event.name.is_empty() {
                "event"
            } else {
                event.name
            };
            let mut text = event.data.unwrap_or_default().to_owned();
            if let Some(id) = event.id {
                text.push_str(&format!(" id={id}"));
            }
            if let Some(retry) = event.retry {
                text.push_str(&format!(" retry={retry}"));
            }
            for field in event.unknown {
                text.push_str(&format!(" {}: {}", field.name, field.value));
            }
            (name.to_owned(), text)
        }
    };
    let at = at.to_string();
    writeln!(
        out,
        "{:>5} {DIM}{at:>10}{DIM:#} {BOLD}{torn}{}{BOLD:#} {}",
        frame.number,
        print::one_line(&kind),
        print::one_line(&text)
    )
}
