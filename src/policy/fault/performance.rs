//! What a client meets: the head, the pieces, the end.

use std::ops::Range;

use bytes::Bytes;

use crate::Offset;
use crate::cassette::{Chunk, End, How, Interaction, Request, Response};
use crate::policy::TimedChunk;

/// One interaction as it is played: what the client meets, and when.
///
/// Made by [`Policy::perform`](crate::policy::Policy::perform); times are those of the policy.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Performance {
    /// The response head, `at` its time; none when none comes. Headers that describe a transfer
    /// which is over (`content-length`, `transfer-encoding`, `content-encoding`) are not among its
    /// own; a `content-encoding` here is a fault's and belongs on the wire.
    pub head: Option<Response>,
    /// The body in its pieces, none of them empty.
    pub chunks: Vec<TimedChunk>,
    /// How it ends.
    pub ending: Ending,
    /// When the ending comes.
    pub end_at: Offset,
    /// The tape's own end; none when its recorder died.
    pub recorded: Option<End>,
    /// Whether a fault gave the head a `retry-after`, which is then to be sent as it stands.
    pub sets_retry_after: bool,
}

/// How a performance ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ending {
    /// As the tape does.
    Recorded,
    /// The body comes to its own end.
    Complete,
    /// The connection is closed early: no last chunk, FIN.
    Close,
    /// The connection is reset: RST.
    Reset,
    /// Our side of the connection is closed early (FIN), while it goes on reading.
    HalfClose,
    /// Nothing comes any more, and the connection stays open.
    Stall,
}

impl Performance {
    /// All bytes of the body.
    pub fn body(&self) -> Bytes {
        match &self.chunks[..] {
            [chunk] => chunk.bytes.clone(),
            chunks => chunks
                .iter()
                .flat_map(|chunk| chunk.bytes.iter().copied())
                .collect(),
        }
    }

    /// The same as an interaction that answers `request`: an ending becomes the word with which a
    /// recorder would have written it down, a stall `timeout`.
    pub fn into_interaction(self, request: Request) -> Interaction {
        let number = request.interaction;
        let how = match self.ending {
            Ending::Recorded => None,
            Ending::Complete => Some(How::Complete),
            Ending::Close | Ending::HalfClose => Some(How::Eof),
            Ending::Reset => Some(How::Reset),
            Ending::Stall => Some(How::Timeout),
        };
        let end = match how {
            Some(how) => Some(End::new(number, self.end_at, how)),
            None => self.recorded.map(|end| End {
                at: self.end_at,
                ..end
            }),
        };
        let chunk = |chunk: TimedChunk| Chunk::new(number, chunk.at, chunk.bytes);
        Interaction {
            request,
            response: self.head,
            chunks: self.chunks.into_iter().map(chunk).collect(),
            end,
        }
    }

    pub(super) fn length(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.bytes.len()).sum()
    }

    /// Puts a border at byte `at`; which chunk is the first behind it.
    pub(super) fn border(&mut self, at: usize) -> usize {
        let mut start = 0;
        for place in 0..self.chunks.len() {
            let chunk = &mut self.chunks[place];
            if at <= start {
                return place;
            }
            let end = start + chunk.bytes.len();
            if at < end {
                let front = chunk.bytes.split_to(at - start);
                let front = TimedChunk::new(chunk.at, front);
                self.chunks.insert(place, front);
                return place + 1;
            }
            start = end;
        }
        self.chunks.len()
    }

    /// Puts borders at these bytes, in rising order.
    pub(super) fn borders(&mut self, at: impl IntoIterator<Item = usize>) {
        let mut at = at.into_iter().peekable();
        let mut start = 0;
        let mut cut = Vec::with_capacity(self.chunks.len());
        for mut chunk in std::mem::take(&mut self.chunks) {
            while let Some(border) = at.next_if(|border| *border < start + chunk.bytes.len()) {
                if border > start {
                    cut.push(TimedChunk::new(
                        chunk.at,
                        chunk.bytes.split_to(border - start),
                    ));
                    start = border;
                }
            }
            start += chunk.bytes.len();
            cut.push(chunk);
        }
        self.chunks = cut;
    }

    /// Makes changes to the body, in rising order and apart from one another. A changed range
    /// comes when its last byte came; borders outside stay.
    pub(super) fn edit(&mut self, edits: impl IntoIterator<Item = Edit>) {
        let mut edits = edits.into_iter().peekable();
        if self.chunks.is_empty() && edits.peek().is_some() {
            let at = self.head.as_ref().map_or(Offset::ZERO, |head| head.at);
            self.chunks.push(TimedChunk::new(at, Bytes::new()));
        }
        let (mut start, last) = (0, self.chunks.len().saturating_sub(1));
        // How far the body is copied or left out.
        let mut done = 0;
        for (place, chunk) in self.chunks.iter_mut().enumerate() {
            let end = start + chunk.bytes.len();
            let mut out = Vec::new();
            let mut touched = false;
            while let Some(edit) = edits.peek()
                && (edit.at.start < end || place == last)
            {
                touched = true;
                let from = edit.at.start.clamp(done.max(start), end);
                out.extend_from_slice(&chunk.bytes[done.max(start) - start..from - start]);
                done = from;
                if edit.at.end > end && place != last {
                    done = end;
                    break;
                }
                out.extend_from_slice(&edit.with);
                done = edit.at.end.max(done).min(end);
                edits.next();
            }
            if touched {
                out.extend_from_slice(&chunk.bytes[done.clamp(start, end) - start..]);
                chunk.bytes = out.into();
            }
            done = done.max(end);
            start = end;
        }
        self.chunks.retain(|chunk| !chunk.bytes.is_empty());
    }
}

/// A range of the body and what stands there instead.
#[derive(Debug)]
pub(super) struct Edit {
    pub at: Range<usize>,
    pub with: Vec<u8>,
}

impl Edit {
    pub(super) fn insert(at: usize, with: impl Into<Vec<u8>>) -> Edit {
        Edit::replace(at..at, with)
    }

    pub(super) fn replace(at: Range<usize>, with: impl Into<Vec<u8>>) -> Edit {
        Edit {
            at,
            with: with.into(),
        }
    }
}
