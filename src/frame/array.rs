//! The elements of one JSON array, each as it ends.
//!
//! Only nesting and strings are followed, so each element is handed on as text, whatever it is. White space and commas
//! between elements are passed over however many there are. The array's own brackets may be missing: bare values one
//! after another are elements too, and so is what stands after the closing bracket.

use std::ops::Range;

use memchr::memchr2;

use super::{BOM, Frame, FrameError, FrameKind, Last, text};

#[derive(Debug, Clone)]
pub(super) struct Array {
    limit: usize,
    at: u64,
    frames: u64,
    outer: Outer,
    inner: Inner,
    /// Front of an element whose end has not come yet, or the element handed out last.
    element: Vec<u8>,
    handed: bool,
    scratch: String,
}

/// Where the stream stands between elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outer {
    /// Nothing but white space and this much of a byte order mark has come.
    Start(usize),
    Open,
    /// After the closing bracket, or where there never was an opening one.
    Bare,
}

/// Where it stands inside an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inner {
    None,
    /// A number, a literal or garbage: it ends before the byte that cannot belong to it.
    Scalar,
    /// So many brackets open; 0 outside a string is the element's end.
    Nested(u64),
    String(u64),
    Escape(u64),
}

impl Array {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            at: 0,
            frames: 0,
            outer: Outer::Start(0),
            inner: Inner::None,
            element: Vec::new(),
            handed: false,
            scratch: String::new(),
        }
    }

    pub(super) fn next<'s, 'i: 's>(
        &'s mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<Frame<'s>>, FrameError> {
        let Some((span, in_chunk)) = self.element(input)? else {
            return Ok(None);
        };
        self.frames += 1;
        let (text, lossy) = text(in_chunk.unwrap_or(&self.element), &mut self.scratch);
        Ok(Some(Frame {
            number: self.frames,
            span,
            lossy,
            kind: FrameKind::Json(text),
        }))
    }

    pub(super) fn finish(&mut self) -> Option<Last<'_>> {
        self.drop_handed();
        if let Outer::Start(bom @ 1..) = self.outer {
            self.outer = Outer::Bare;
            self.element.extend_from_slice(&BOM[..bom]);
        }
        if self.element.is_empty() {
            return None;
        }
        self.handed = true;
        self.inner = Inner::None;
        let span = self.at - self.element.len() as u64..self.at;
        let (text, lossy) = text(&self.element, &mut self.scratch);
        Some(Last::Torn(Frame {
            number: self.frames + 1,
            span,
            lossy,
            kind: FrameKind::Json(text),
        }))
    }

    /// The next complete element, in the chunk or (`None`) in `self.element`, and where it stands.
    #[expect(
        clippy::type_complexity,
        reason = "a span and an optional slice read well enough"
    )]
    fn element<'i>(
        &mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<(Range<u64>, Option<&'i [u8]>)>, FrameError> {
        self.drop_handed();
        if self.inner == Inner::None {
            self.seek(input);
        }
        if input.is_empty() {
            return Ok(None);
        }
        let chunk = *input;
        let end = self.scan(chunk);
        let part = &chunk[..end.unwrap_or(chunk.len())];
        let start = self.at - self.element.len() as u64;
        if self.element.len() + part.len() > self.limit {
            let at = start + self.limit as u64;
            return Err(FrameError::TooLong {
                frame: self.frames + 1,
                at,
                limit: self.limit,
            });
        }
        self.advance(input, part.len());
        if end.is_some() && self.element.is_empty() {
            return Ok(Some((start..self.at, Some(part))));
        }
        self.element.extend_from_slice(part);
        self.handed = end.is_some();
        Ok(end.map(|_| (start..self.at, None)))
    }

    /// Passes over what stands between elements, up to the first byte of one.
    fn seek(&mut self, input: &mut &[u8]) {
        while let Some(&byte) = input.first() {
            match (self.outer, byte) {
                (Outer::Start(seen), _) if seen < BOM.len() && byte == BOM[seen] => {
                    self.outer = Outer::Start(seen + 1)
                }
                (Outer::Start(seen @ 1..3), _) => {
                    // It was no byte order mark after all.
                    self.element.extend_from_slice(&BOM[..seen]);
                    self.outer = Outer::Bare;
                    self.inner = Inner::Scalar;
                    return;
                }
                (Outer::Start(_), b' ' | b'\t' | b'\r' | b'\n') => {}
                (Outer::Start(_), b'[') => self.outer = Outer::Open,
                (Outer::Start(_), b',') => self.outer = Outer::Bare,
                (Outer::Open | Outer::Bare, b' ' | b'\t' | b'\r' | b'\n' | b',') => {}
                (Outer::Open, b']') => self.outer = Outer::Bare,
                (outer, _) => {
                    if outer != Outer::Open {
                        self.outer = Outer::Bare;
                    }
                    self.inner = match byte {
                        b'{' | b'[' | b'"' => Inner::Nested(0),
                        _ => Inner::Scalar,
                    };
                    return;
                }
            }
            self.advance(input, 1);
        }
    }

    /// The length of the part of `chunk` that ends the element; `None` when all of it belongs to it and more must come.
    fn scan(&mut self, chunk: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(&byte) = chunk.get(at) {
            match self.inner {
                Inner::None => return Some(at),
                Inner::Scalar => match byte {
                    b' ' | b'\t' | b'\r' | b'\n' | b',' | b'[' | b'{' | b'"' => {
                        self.inner = Inner::None
                    }
                    b']' if self.outer == Outer::Open => self.inner = Inner::None,
                    _ => at += 1,
                },
                Inner::Nested(depth) => {
                    let skipped = chunk[at..]
                        .iter()
                        .position(|byte| matches!(byte, b'"' | b'{' | b'}' | b'[' | b']'));
                    at += skipped.unwrap_or(chunk.len() - at);
                    let byte = chunk.get(at)?;
                    at += 1;
                    self.inner = match byte {
                        b'"' => Inner::String(depth),
                        b'{' | b'[' => Inner::Nested(depth + 1),
                        _ => nested(depth.saturating_sub(1)),
                    };
                }
                Inner::String(depth) => {
                    let found = memchr2(b'"', b'\\', &chunk[at..])?;
                    at += found + 1;
                    self.inner = if chunk[at - 1] == b'"' {
                        nested(depth)
                    } else {
                        Inner::Escape(depth)
                    };
                }
                Inner::Escape(depth) => {
                    at += 1;
                    self.inner = Inner::String(depth);
                }
            }
        }
        // A closing byte that is the chunk's last one ends the element now, not with the next chunk.
        (self.inner == Inner::None).then_some(at)
    }

    fn advance(&mut self, input: &mut &[u8], bytes: usize) {
        *input = &input[bytes..];
        self.at += bytes as u64;
    }

    fn drop_handed(&mut self) {
        if self.handed {
            self.handed = false;
            self.element.clear();
        }
    }
}

/// The state after a byte that left `depth` brackets open.
fn nested(depth: u64) -> Inner {
    if depth == 0 {
        Inner::None
    } else {
        Inner::Nested(depth)
    }
}
