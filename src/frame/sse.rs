//! The event stream of WHATWG HTML, section 9.2.6, fed in any cut.

use std::{mem, ops::Range};

use memchr::memchr;

use super::{
    Event, Field, Frame, FrameError, FrameKind, Last,
    lines::{Line, Lines, Overrun, Rest},
    push_lossy, text,
};

/// What an unknown field is counted for beyond its bytes: two strings and their heap blocks.
const FIELD_COST: usize = 64;

#[derive(Debug, Clone)]
pub(super) struct Sse {
    limit: usize,
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
            frames: 0,
            lines: Lines::new(),
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
        self.settle();
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
        self.settle();
        match self.lines.finish() {
            Rest::Line(line) => {
                if let Some(found) = self.read(line, &mut None) {
                    self.frames += 1;
                    return Some(Last::Frame(self.frame(found, self.frames)));
                }
            }
            Rest::Torn(line) => {
                let reconnection_time = self.reconnection_time;
                let found = self.read(line, &mut None);
                self.reconnection_time = reconnection_time;
                if let Some(found) = found {
                    return Some(Last::Torn(self.frame(found, self.frames + 1)));
                }
            }
            Rest::Nothing => {}
        }
        if !self.block.open {
            return None;
        }
        self.block.handed = true;
        let found = Found {
            span: self.block.start..self.lines.at(),
            kind: Kind::Event(None),
        };
        Some(Last::Torn(self.frame(found, self.frames + 1)))
    }

    /// Empties a block whose texts are no longer borrowed.
    #[inline]
    fn settle(&mut self) {
        if self.block.handed {
            self.block.empty();
            // Long lines are collected in one and the same buffer, which stays warm.
            if self.lines.front.capacity() < self.block.data.capacity() {
                mem::swap(&mut self.lines.front, &mut self.block.data);
            }
        }
    }

    #[inline]
    fn line<'i>(&mut self, input: &mut &'i [u8]) -> Result<Option<Line<'i>>, FrameError> {
        let room = self.limit.saturating_sub(self.block.size);
        let line = self.lines.next(input, room);
        line.map_err(|Overrun(at)| FrameError::TooLong {
            frame: self.frames + 1,
            at,
            limit: self.limit,
        })
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
                    span: line.start..self.lines.at(),
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
                    span: start..self.lines.at(),
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
            span: self.block.start..self.lines.at(),
            kind: Kind::Event(data.take()),
        })
    }

    #[inline]
    fn frame<'s, 'i: 's>(&'s mut self, found: Found<'i>, number: u64) -> Frame<'s> {
        let block = &self.block;
        let (kind, lossy) = match found.kind {
            Kind::Comment(chunk) => {
                // The buffer still has the line's colon.
                let bytes = chunk.unwrap_or_else(|| self.comment.get(1..).unwrap_or_default());
                let (text, lossy) = text(bytes, &mut self.scratch);
                (FrameKind::Comment(text), lossy)
            }
            Kind::Event(chunk) => {
                let data = chunk.or_else(|| block.has_data.then(|| &block.data[block.data_from..]));
                let data = data.map(|bytes| text(bytes, &mut self.scratch));
                let event = Event {
                    name: &block.name,
                    data: data.map(|(text, _)| text),
                    id: block.has_id.then_some(block.id.as_str()),
                    last_event_id: &self.last_event_id,
                    retry: block.retry,
                    unknown: &block.unknown,
                };
                (
                    FrameKind::Event(event),
                    data.is_some_and(|(_, lossy)| lossy),
                )
            }
        };
        Frame {
            number,
            span: found.span,
            lossy,
            kind,
        }
    }
}

impl Block {
    #[inline]
    fn empty(&mut self) {
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
