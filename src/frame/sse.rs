//! The event stream of WHATWG HTML, section 9.2.6, fed in any cut.

use std::{mem, ops::Range};

use memchr::{memchr, memchr2};

use super::{BOM, Event, Field, Frame, FrameError, FrameKind, Last, push_lossy, text};

/// What an unknown field is counted for beyond its bytes: two strings and their heap blocks.
const FIELD_COST: usize = 64;

#[derive(Debug, Clone)]
pub(super) struct Sse {
    limit: usize,
    /// Bytes of the body consumed so far.
    at: u64,
    frames: u64,
    lines: Lines,
    block: Block,
    /// A comment that lay in more than one chunk.
    comment: Vec<u8>,
    last_event_id: String,
    reconnection_time: Option<u64>,
    /// Where text that had to be repaired is built.
    scratch: String,
}

/// The state of line splitting between two calls.
#[derive(Debug, Clone)]
struct Lines {
    /// How much of a byte order mark has come; 3 once that question is settled.
    bom: usize,
    /// Front of a line whose end has not come yet.
    front: Vec<u8>,
    /// Whether the line end before was CR LF, so that a CR waits for its LF; so does the first of all.
    crlf: bool,
    /// The line in `front` has ended in a CR, and its LF is waited for.
    cr_held: bool,
    /// A line was handed on at its CR: an LF that comes next belongs to it.
    lf_due: bool,
}

#[derive(Debug, Clone, Default)]
struct Block {
    /// Whether a field line has come since the last blank line.
    open: bool,
    /// It was handed out, its texts still borrowed; it is to be emptied before anything else.
    handed: bool,
    start: u64,
    size: usize,
    name: String,
    has_data: bool,
    /// Data lines joined by LF, from `data_from` on; valid while `has_data`.
    data: Vec<u8>,
    data_from: usize,
    has_id: bool,
    id: String,
    retry: Option<u64>,
    unknown: Vec<Field>,
}

/// A complete line, without its end: in the chunk, or (`None`) in `Lines::front`.
struct Line<'i> {
    start: u64,
    text: Option<&'i [u8]>,
}

/// A frame found, its text still to be made: in the chunk, or (`None`) in the framer's buffer.
struct Found<'i> {
    span: Range<u64>,
    kind: Kind<'i>,
}

enum Kind<'i> {
    Event(Option<&'i [u8]>),
    Comment(Option<&'i [u8]>),
}

impl Sse {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            at: 0,
            frames: 0,
            lines: Lines {
                bom: 0,
                front: Vec::new(),
                crlf: true,
                cr_held: false,
                lf_due: false,
            },
            block: Block::default(),
            comment: Vec::new(),
            last_event_id: String::new(),
            reconnection_time: None,
            scratch: String::new(),
        }
    }

    pub(super) fn last_event_id(&self) -> &str {
        &self.last_event_id
    }

    pub(super) fn reconnection_time(&self) -> Option<u64> {
        self.reconnection_time
    }

    pub(super) fn next<'s, 'i: 's>(
        &'s mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<Frame<'s>>, FrameError> {
        self.block.empty_if_handed();
        // The block's only data line, as long as it lies in this very chunk.
        let mut data = None;
        while let Some(line) = self.line(input)? {
            if let Some(found) = self.read(line, &mut data) {
                self.frames += 1;
                return Ok(Some(self.frame(found, self.frames)));
            }
        }
        self.block.keep(&mut data);
        Ok(None)
    }

    pub(super) fn finish(&mut self) -> Option<Last<'_>> {
        self.block.empty_if_handed();
        let front = &mut self.lines.front;
        if (1..BOM.len()).contains(&self.lines.bom) {
            front.extend_from_slice(&BOM[..self.lines.bom]);
        }
        self.lines.bom = BOM.len();

        let mut data = None;
        if mem::take(&mut self.lines.cr_held) {
            let start = self.at - 1 - front.len() as u64;
            if let Some(found) = self.read(Line { start, text: None }, &mut data) {
                self.frames += 1;
                return Some(Last::Frame(self.frame(found, self.frames)));
            }
        } else if !front.is_empty() {
            let start = self.at - front.len() as u64;
            let reconnection_time = self.reconnection_time;
            let found = self.read(Line { start, text: None }, &mut data);
            self.reconnection_time = reconnection_time;
            if let Some(found) = found {
                return Some(Last::Torn(self.frame(found, self.frames + 1)));
            }
        }
        if !self.block.open {
            return None;
        }
        self.block.handed = true;
        let found = Found {
            span: self.block.start..self.at,
            kind: Kind::Event(None),
        };
        Some(Last::Torn(self.frame(found, self.frames + 1)))
    }

    /// Takes the next complete line off the input; `None` when it ends before the line does.
    #[inline]
    fn line<'i>(&mut self, input: &mut &'i [u8]) -> Result<Option<Line<'i>>, FrameError> {
        if self.lines.bom < BOM.len() {
            self.skip_bom(input);
        }
        let Some(&first) = input.first() else {
            return Ok(None);
        };
        if self.lines.cr_held {
            self.lines.cr_held = false;
            let start = self.at - 1 - self.lines.front.len() as u64;
            self.lines.crlf = first == b'\n';
            if self.lines.crlf {
                self.advance(input, 1);
            }
            return Ok(Some(Line { start, text: None }));
        }
        if self.lines.lf_due {
            self.lines.lf_due = false;
            if first == b'\n' {
                self.lines.crlf = true;
                self.advance(input, 1);
            }
        }

        let start = self.at - self.lines.front.len() as u64;
        let chunk = *input;
        let end = match chunk.first() {
            Some(b'\n') => Some(0),
            _ => memchr2(b'\r', b'\n', chunk),
        };
        let text = &chunk[..end.unwrap_or(chunk.len())];
        let room = self.limit.saturating_sub(self.block.size);
        if self.lines.front.len() + text.len() > room {
            return Err(FrameError::TooLong {
                frame: self.frames + 1,
                at: start + room as u64,
                limit: self.limit,
            });
        }
        let Some(end) = end else {
            self.lines.front.extend_from_slice(text);
            self.advance(input, text.len());
            return Ok(None);
        };

        self.advance(input, end + 1);
        if chunk[end] == b'\n' {
            self.lines.crlf = false;
        } else if !self.lines.crlf {
            self.lines.lf_due = true;
        } else if let Some(&next) = input.first() {
            self.lines.crlf = next == b'\n';
            self.advance(input, usize::from(self.lines.crlf));
        } else {
            self.lines.front.extend_from_slice(text);
            self.lines.cr_held = true;
            return Ok(None);
        }
        if self.lines.front.is_empty() {
            return Ok(Some(Line {
                start,
                text: Some(text),
            }));
        }
        self.lines.front.extend_from_slice(text);
        Ok(Some(Line { start, text: None }))
    }

    #[cold]
    fn skip_bom(&mut self, input: &mut &[u8]) {
        while let Some(&byte) = input.first() {
            if byte != BOM[self.lines.bom] {
                self.lines.front.extend_from_slice(&BOM[..self.lines.bom]);
                self.lines.bom = BOM.len();
                return;
            }
            self.advance(input, 1);
            self.lines.bom += 1;
            if self.lines.bom == BOM.len() {
                return;
            }
        }
    }

    #[inline]
    fn advance(&mut self, input: &mut &[u8], bytes: usize) {
        *input = &input[bytes..];
        self.at += bytes as u64;
    }

    /// Reads one line into the block; gives the frame that it ends.
    #[inline]
    fn read<'i>(&mut self, line: Line<'i>, data: &mut Option<&'i [u8]>) -> Option<Found<'i>> {
        let Some(text) = line.text else {
            return self.read_front(line.start, data);
        };
        match text.first() {
            None => self.dispatch(data),
            Some(b':') => {
                self.block.keep(data);
                Some(Found {
                    span: line.start..self.at,
                    kind: Kind::Comment(Some(&text[1..])),
                })
            }
            Some(_) => {
                let (name, value) = split(text);
                self.block.open_at(line.start, text.len());
                if name != b"data" {
                    self.set(name, value);
                } else if data.is_none() && !self.block.has_data {
                    *data = Some(value);
                } else {
                    self.block.keep(data);
                    self.block.push_data(value);
                }
                None
            }
        }
    }

    /// `read` for the line that `front` holds, which is empty afterwards.
    fn read_front<'i>(&mut self, start: u64, data: &mut Option<&'i [u8]>) -> Option<Found<'i>> {
        let mut line = mem::take(&mut self.lines.front);
        let found = match line.first() {
            None => self.dispatch(data),
            Some(b':') => {
                self.block.keep(data);
                mem::swap(&mut line, &mut self.comment);
                Some(Found {
                    span: start..self.at,
                    kind: Kind::Comment(None),
                })
            }
            Some(_) => {
                let (name, value) = split(&line);
                self.block.open_at(start, line.len());
                self.block.keep(data);
                if name != b"data" {
                    self.set(name, value);
                } else if self.block.has_data {
                    self.block.push_data(value);
                } else {
                    // A long line is not copied: its buffer becomes the data's.
                    self.block.has_data = true;
                    self.block.data_from = line.len() - value.len();
                    mem::swap(&mut line, &mut self.block.data);
                }
                None
            }
        };
        line.clear();
        self.lines.front = line;
        found
    }

    /// Any field but `data`.
    fn set(&mut self, name: &[u8], value: &[u8]) {
        let block = &mut self.block;
        match name {
            b"event" => {
                block.name.clear();
                push_lossy(&mut block.name, value);
            }
            b"id" => {
                if memchr(0, value).is_none() {
                    block.has_id = true;
                    block.id.clear();
                    push_lossy(&mut block.id, value);
                }
            }
            b"retry" => {
                if let Some(time) = digits(value) {
                    block.retry = Some(time);
                    self.reconnection_time = Some(time);
                }
            }
            _ => {
                block.size += FIELD_COST;
                let own = |bytes| String::from_utf8_lossy(bytes).into_owned();
                block.unknown.push(Field {
                    name: own(name),
                    value: own(value),
                });
            }
        }
    }

    #[inline]
    fn dispatch<'i>(&mut self, data: &mut Option<&'i [u8]>) -> Option<Found<'i>> {
        if !self.block.open {
            return None;
        }
        if self.block.has_id {
            self.last_event_id.clone_from(&self.block.id);
        }
        self.block.handed = true;
        Some(Found {
            span: self.block.start..self.at,
            kind: Kind::Event(data.take()),
        })
    }

    #[inline]
    fn frame<'s, 'i: 's>(&'s mut self, found: Found<'i>, number: u64) -> Frame<'s> {
        let block = &self.block;
        let kind = match found.kind {
            Kind::Comment(chunk) => {
                // The buffer still has the line's colon.
                let bytes = chunk.unwrap_or_else(|| self.comment.get(1..).unwrap_or_default());
                FrameKind::Comment(text(bytes, &mut self.scratch))
            }
            Kind::Event(chunk) => {
                let data = chunk.or_else(|| block.has_data.then(|| &block.data[block.data_from..]));
                FrameKind::Event(Event {
                    name: &block.name,
                    data: data.map(|bytes| text(bytes, &mut self.scratch)),
                    id: block.has_id.then_some(block.id.as_str()),
                    last_event_id: &self.last_event_id,
                    retry: block.retry,
                    unknown: &block.unknown,
                })
            }
        };
        Frame {
            number,
            span: found.span,
            kind,
        }
    }
}

impl Block {
    #[inline]
    fn empty_if_handed(&mut self) {
        if self.handed {
            self.handed = false;
            self.open = false;
            self.size = 0;
            self.name.clear();
            self.has_data = false;
            self.data.clear();
            self.has_id = false;
            self.retry = None;
            self.unknown.clear();
        }
    }

    #[inline]
    fn open_at(&mut self, start: u64, line: usize) {
        if !self.open {
            self.open = true;
            self.start = start;
        }
        self.size += line + 1;
    }

    /// Keeps a data line that would else be lost with its chunk.
    #[inline]
    fn keep(&mut self, data: &mut Option<&[u8]>) {
        if let Some(line) = data.take() {
            self.has_data = true;
            self.data_from = 0;
            self.data.extend_from_slice(line);
        }
    }

    fn push_data(&mut self, line: &[u8]) {
        self.data.push(b'\n');
        self.data.extend_from_slice(line);
    }
}

/// Name and value of a field line.
#[inline]
fn split(line: &[u8]) -> (&[u8], &[u8]) {
    let colon = if line.starts_with(b"data:") {
        Some(4)
    } else {
        memchr(b':', line)
    };
    let Some(colon) = colon else {
        return (line, &[]);
    };
    let value = &line[colon + 1..];
    (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
}

/// The number that `value` writes in ASCII digits and nothing else; none when it does not fit.
fn digits(value: &[u8]) -> Option<u64> {
    if !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}
