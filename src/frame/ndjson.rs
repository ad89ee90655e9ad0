//! One JSON value a line, ended by LF or CR LF; blank lines are nothing.

use std::ops::Range;

use memchr::memchr;
use serde::de::IgnoredAny;

use super::{BOM, Frame, FrameError, FrameKind, Last, text};

#[derive(Debug, Clone)]
pub(super) struct NdJson {
    limit: usize,
    at: u64,
    frames: u64,
    /// Front of a line whose end has not come yet, or the line handed out last.
    line: Vec<u8>,
    handed: bool,
    scratch: String,
}

impl NdJson {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            at: 0,
            frames: 0,
            line: Vec::new(),
            handed: false,
            scratch: String::new(),
        }
    }

    pub(super) fn next<'s, 'i: 's>(
        &'s mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<Frame<'s>>, FrameError> {
        while let Some((span, in_chunk)) = self.line(input)? {
            let line = message(in_chunk.unwrap_or(&self.line), span.start);
            if !is_blank(line) {
                self.frames += 1;
                // Asked for again: a borrow that is returned would else last for the whole loop.
                let line = message(in_chunk.unwrap_or(&self.line), span.start);
                let (text, lossy) = text(line, &mut self.scratch);
                return Ok(Some(Frame {
                    number: self.frames,
                    span,
                    lossy,
                    kind: FrameKind::Json(text),
                }));
            }
        }
        Ok(None)
    }

    /// A last line without LF is a frame if it is valid JSON.
    pub(super) fn finish(&mut self) -> Option<Last<'_>> {
        self.drop_handed();
        let span = self.at - self.line.len() as u64..self.at;
        let line = message(&self.line, span.start);
        if is_blank(line) {
            return None;
        }
        self.handed = true;
        let number = self.frames + 1;
        let (text, lossy) = text(line, &mut self.scratch);
        let whole = serde_json::from_str::<IgnoredAny>(text).is_ok();
        let frame = Frame {
            number,
            span,
            lossy,
            kind: FrameKind::Json(text),
        };
        if !whole {
            return Some(Last::Torn(frame));
        }
        self.frames = number;
        Some(Last::Frame(frame))
    }

    /// The next complete line, in the chunk or (`None`) in `self.line`, and where it stands.
    #[expect(
        clippy::type_complexity,
        reason = "a span and an optional slice read well enough"
    )]
    fn line<'i>(
        &mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<(Range<u64>, Option<&'i [u8]>)>, FrameError> {
        self.drop_handed();
        let chunk = *input;
        let end = memchr(b'\n', chunk);
        let line = &chunk[..end.unwrap_or(chunk.len())];
        let start = self.at - self.line.len() as u64;
        if self.line.len() + line.len() > self.limit {
            let at = start + self.limit as u64;
            return Err(FrameError::TooLong {
                frame: self.frames + 1,
                at,
                limit: self.limit,
            });
        }
        let taken = line.len() + usize::from(end.is_some());
        *input = &chunk[taken..];
        self.at += taken as u64;
        if end.is_some() && self.line.is_empty() {
            return Ok(Some((start..self.at, Some(line))));
        }
        self.line.extend_from_slice(line);
        self.handed = end.is_some();
        Ok(end.map(|_| (start..self.at, None)))
    }

    fn drop_handed(&mut self) {
        if self.handed {
            self.handed = false;
            self.line.clear();
        }
    }
}

/// The line without its CR and, at the start of the body, without a byte order mark.
fn message(line: &[u8], start: u64) -> &[u8] {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if start == 0 {
        line.strip_prefix(BOM).unwrap_or(line)
    } else {
        line
    }
}

fn is_blank(line: &[u8]) -> bool {
    line.trim_ascii().is_empty()
}
