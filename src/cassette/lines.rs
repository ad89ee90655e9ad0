//! Lines of a file, one at a time, in memory bounded by the longest.

use std::io::{self, BufRead};
use std::ops::Range;

/// Cuts a source into lines.
#[derive(Debug)]
pub(super) struct Lines<R> {
    source: R,
    buffer: Vec<u8>,
    limit: usize,
    /// Bytes taken from the source.
    position: u64,
    /// Lines begun.
    number: u64,
}

/// Where one line stands, and in what state it came.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) number: u64,
    /// Bytes of the file, LF included.
    pub(super) span: Range<u64>,
    pub(super) terminated: bool,
    /// Beyond the ceiling; its bytes were skipped.
    pub(super) too_long: bool,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(source: R, limit: usize) -> Lines<R> {
        Lines {
            source,
            buffer: Vec::new(),
            limit,
            position: 0,
            number: 0,
        }
    }

    /// Lines of a source that begins at `position` of the file, behind `number` lines.
    pub(super) fn starting_at(mut self, position: u64, number: u64) -> Lines<R> {
        (self.position, self.number) = (position, number);
        self
    }

    pub(super) fn limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    pub(super) fn limit_bytes(&self) -> usize {
        self.limit
    }

    /// Reads the next line; its text is then in [`text`](Lines::text).
    pub(super) fn read(&mut self) -> io::Result<Option<Line>> {
        self.buffer.clear();
        let start = self.position;
        let mut too_long = false;
        let terminated = loop {
            let available = match self.source.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if available.is_empty() {
                break false;
            }
            let end = memchr::memchr(b'\n', available);
            let piece = &available[..end.unwrap_or(available.len())];
            too_long |= self.buffer.len() + piece.len() > self.limit;
            if !too_long {
                self.buffer.extend_from_slice(piece);
            }
            let taken = piece.len() + usize::from(end.is_some());
            self.source.consume(taken);
            self.position += taken as u64;
            if end.is_some() {
                break true;
            }
        };
        if self.position == start {
            return Ok(None);
        }
        self.number += 1;
        let span = start..self.position;
        Ok(Some(Line {
            number: self.number,
            span,
            terminated,
            too_long,
        }))
    }

    /// The last line without outer white space (a CR before the LF, above all) and without the
    /// byte order mark that some editors put before the first.
    pub(super) fn text(&self) -> &[u8] {
        let text = match self.number {
            1 => self
                .buffer
                .strip_prefix(b"\xEF\xBB\xBF")
                .unwrap_or(&self.buffer),
            _ => &self.buffer,
        };
        text.trim_ascii()
    }
}
