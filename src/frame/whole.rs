//! The whole body as one message, complete when the body is.

use super::{BOM, Frame, FrameError, FrameKind, Last, text};

#[derive(Debug, Clone)]
pub(super) struct Whole {
    limit: usize,
    body: Vec<u8>,
    handed: bool,
    scratch: String,
}

impl Whole {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            body: Vec::new(),
            handed: false,
            scratch: String::new(),
        }
    }

    pub(super) fn next<'s, 'i: 's>(
        &'s mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<Frame<'s>>, FrameError> {
        if self.body.len() + input.len() > self.limit {
            return Err(FrameError::TooLong {
                frame: 1,
                at: self.limit as u64,
                limit: self.limit,
            });
        }
        self.body.extend_from_slice(input);
        *input = &[];
        Ok(None)
    }

    pub(super) fn finish(&mut self) -> Option<Last<'_>> {
        if self.handed || self.body.is_empty() {
            return None;
        }
        self.handed = true;
        let body = self.body.strip_prefix(BOM).unwrap_or(&self.body);
        let (text, lossy) = text(body, &mut self.scratch);
        Some(Last::Frame(Frame {
            number: 1,
            span: 0..self.body.len() as u64,
            lossy,
            kind: FrameKind::Json(text),
        }))
    }
}
