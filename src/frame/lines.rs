//! Lines ended by CR, LF or CR LF, out of bytes in any cut; SSE's own notion of a line.

use memchr::memchr2;

use super::BOM;

#[derive(Debug, Clone)]
pub(super) struct Lines {
    /// Bytes of the body consumed so far.
    at: u64,
    /// How much of a byte order mark has come; 3 once that question is settled.
    bom: usize,
    /// Front of a line whose end has not come yet, or a line given out as [`Line::text`] `None`: its reader empties it.
    pub(super) front: Vec<u8>,
    /// Whether the line end before was CR LF, so that a CR waits for its LF; so does the first of all.
    crlf: bool,
    /// The line in `front` has ended in a CR, and its LF is waited for.
    cr_held: bool,
    /// A line was given out at its CR: an LF that comes next belongs to it.
    lf_due: bool,
}

/// A line without its end: in the chunk, or (`None`) in [`Lines::front`].
pub(super) struct Line<'i> {
    pub(super) start: u64,
    pub(super) text: Option<&'i [u8]>,
}

/// What the end of the input leaves.
pub(super) enum Rest {
    /// A line whose CR was the last byte.
    Line(Line<'static>),
    /// A line without an end.
    Torn(Line<'static>),
    Nothing,
}

/// A line grew past its room, at this byte of the body.
pub(super) struct Overrun(pub(super) u64);

impl Lines {
    pub(super) fn new() -> Self {
        Self {
            at: 0,
            bom: 0,
            front: Vec::new(),
            crlf: true,
            cr_held: false,
            lf_due: false,
        }
    }

    /// Bytes of the body consumed so far; after a line, where it ended.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Takes the next complete line of at most `room` bytes off the input; `None` when the input ends before the line.
    #[inline]
    pub(super) fn next<'i>(
        &mut self,
        input: &mut &'i [u8],
        room: usize,
    ) -> Result<Option<Line<'i>>, Overrun> {
        if self.bom < BOM.len() {
            self.skip_bom(input);
        }
        let Some(&first) = input.first() else {
            return Ok(None);
        };
        if self.cr_held {
            let line = self.held();
            self.crlf = first == b'\n';
            self.advance(input, usize::from(self.crlf));
            return Ok(Some(line));
        }
        if self.lf_due {
            self.lf_due = false;
            self.crlf = first == b'\n';
            self.advance(input, usize::from(self.crlf));
        }

        let start = self.at - self.front.len() as u64;
        let chunk = *input;
        let end = match chunk.first() {
            Some(b'\n') => Some(0),
            _ => memchr2(b'\r', b'\n', chunk),
        };
        let text = &chunk[..end.unwrap_or(chunk.len())];
        if self.front.len() + text.len() > room {
            return Err(Overrun(start + room as u64));
        }
        let Some(end) = end else {
            self.front.extend_from_slice(text);
            self.advance(input, text.len());
            return Ok(None);
        };

        self.advance(input, end + 1);
        if chunk[end] == b'\n' {
            self.crlf = false;
        } else if !self.crlf {
            self.lf_due = true;
        } else if let Some(&next) = input.first() {
            self.crlf = next == b'\n';
            self.advance(input, usize::from(self.crlf));
        } else {
            self.front.extend_from_slice(text);
            self.cr_held = true;
            return Ok(None);
        }
        let text = if self.front.is_empty() {
            Some(text)
        } else {
            self.front.extend_from_slice(text);
            None
        };
        Ok(Some(Line { start, text }))
    }

    pub(super) fn finish(&mut self) -> Rest {
        if self.bom < BOM.len() {
            self.front.extend_from_slice(&BOM[..self.bom]);
            self.bom = BOM.len();
        }
        if self.cr_held {
            return Rest::Line(self.held());
        }
        if self.front.is_empty() {
            return Rest::Nothing;
        }
        let start = self.at - self.front.len() as u64;
        Rest::Torn(Line { start, text: None })
    }

    /// The line that waited for an LF after its CR.
    fn held(&mut self) -> Line<'static> {
        self.cr_held = false;
        let start = self.at - 1 - self.front.len() as u64;
        Line { start, text: None }
    }

    #[cold]
    fn skip_bom(&mut self, input: &mut &[u8]) {
        while let Some(&byte) = input.first() {
            if byte != BOM[self.bom] {
                self.front.extend_from_slice(&BOM[..self.bom]);
                self.bom = BOM.len();
                return;
            }
            self.advance(input, 1);
            self.bom += 1;
            if self.bom == BOM.len() {
                return;
            }
        }
    }

    #[inline]
    fn advance(&mut self, input: &mut &[u8], bytes: usize) {
        *input = &input[bytes..];
        self.at += bytes as u64;
    }
}
