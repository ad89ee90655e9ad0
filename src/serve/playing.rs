//! An interaction on its way to a client: its pieces, and its recorded end on the wire.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream as _;
use http_body::{Body, Frame, SizeHint};

use super::journal::{Delivery, Entry};
use crate::cassette::How;
use crate::listen::{Ending, Wire};
use crate::policy::fault;
use crate::record::{BodyError, Outgoing as Passed};
use crate::replay::{ByteStream, ReplayError};

/// A response body of a mock server.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a connection has one of them, and nearly all are the largest"
)]
pub(super) enum Outgoing {
    /// The server's own words.
    Words(Option<Bytes>),
    Playing(Playing),
    Passing(Passing),
}

/// An upstream's body on its way to the client.
#[derive(Debug)]
pub(super) struct Passing {
    body: Passed,
    wire: Arc<Wire>,
    delivering: Delivering,
}

/// A recorded body, piece by piece. One piece is one HTTP chunk.
#[derive(Debug)]
pub(super) struct Playing {
    bytes: ByteStream,
    wire: Arc<Wire>,
    delivering: Delivering,
    /// Bytes that are still to come of a body sent with its length.
    remaining: Option<u64>,
    /// The wire's end of a body that a fault breaks off; else it is as the recorded one.
    broken: Option<Ending>,
    /// The end is up to the wire now.
    ending: bool,
}

/// Notes in the journal how an answer ended, a client that left included.
#[derive(Debug)]
pub(super) struct Delivering {
    entry: Arc<Entry>,
    stopping: Arc<AtomicBool>,
}

impl Delivering {
    pub(super) fn new(entry: Arc<Entry>, stopping: Arc<AtomicBool>) -> Delivering {
        Delivering { entry, stopping }
    }

    #[cfg(feature = "vcr")]
    pub(super) fn entry(&self) -> &Entry {
        &self.entry
    }

    pub(super) fn end(&self, how: Delivery) {
        self.entry.end(how);
    }
}

impl Drop for Delivering {
    fn drop(&mut self) {
        // Whoever ended before is not heard again.
        self.entry.end(if self.stopping.load(Ordering::Relaxed) {
            Delivery::Stopped
        } else {
            Delivery::Left
        });
    }
}

/// The wire's end of an answer that broke off as `error` says.
pub(super) fn ending(error: &ReplayError) -> Ending {
    match error {
        ReplayError::CutOff { how, .. } | ReplayError::NoResponse { how, .. }
            if *how == Some(How::Reset) =>
        {
            Ending::Reset
        }
        _ => Ending::Close,
    }
}

/// The wire's end of an answer that a fault breaks off.
pub(super) fn broken(fault: Option<fault::Ending>) -> Option<Ending> {
    match fault? {
        fault::Ending::Close => Some(Ending::Close),
        fault::Ending::HalfClose => Some(Ending::HalfClose),
        fault::Ending::Reset => Some(Ending::Reset),
        fault::Ending::Recorded | fault::Ending::Complete | fault::Ending::Stall => None,
    }
}

impl Playing {
    /// A body of `length` bytes, if that is told the client.
    pub(super) fn new(
        bytes: ByteStream,
        length: Option<u64>,
        broken: Option<Ending>,
        wire: Arc<Wire>,
        delivering: Delivering,
    ) -> Playing {
        wire.begin_body(delivering.entry.taken.clone());
        if length == Some(0) {
            delivering.end(Delivery::Complete);
        }
        Playing {
            bytes,
            wire,
            delivering,
            remaining: length,
            broken,
            ending: false,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.ending {
            return Poll::Pending;
        }
        match Pin::new(&mut self.bytes).poll_next(cx) {
            Poll::Ready(Some(Ok(bytes))) => {
                self.wire.hand(bytes.len());
                if let Some(remaining) = &mut self.remaining {
                    *remaining = remaining.saturating_sub(bytes.len() as u64);
                    // hyper stops asking when the length is out.
                    if *remaining == 0 {
                        self.wire.hand_whole();
                        self.delivering.end(Delivery::Complete);
                    }
                }
                Poll::Ready(Some(bytes))
            }
            Poll::Ready(Some(Err(error))) => {
                self.wire.end(self.broken.unwrap_or_else(|| ending(&error)));
                self.delivering.end(Delivery::Cut);
                self.ending = true;
                Poll::Pending
            }
            Poll::Ready(None) => {
                self.wire.hand_whole();
                self.delivering.end(Delivery::Complete);
                Poll::Ready(None)
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Passing {
    pub(super) fn new(body: Passed, wire: Arc<Wire>, delivering: Delivering) -> Passing {
        wire.begin_body(delivering.entry.taken.clone());
        if body.is_end_stream() {
            delivering.end(Delivery::Complete);
        }
        Passing {
            body,
            wire,
            delivering,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        match &polled {
            Poll::Ready(None) => {
                self.wire.hand_whole();
                self.delivering.end(Delivery::Complete);
            }
            Poll::Ready(Some(Err(_))) => self.delivering.end(Delivery::Cut),
            Poll::Ready(Some(Ok(frame))) => {
                self.wire.hand(frame.data_ref().map_or(0, Bytes::len));
                // hyper does not ask again when the promised length is out.
                if self.body.is_end_stream() {
                    self.wire.hand_whole();
                    self.delivering.end(Delivery::Complete);
                }
            }
            Poll::Pending => {}
        }
        polled
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut *self {
            Outgoing::Words(words) => Poll::Ready(words.take().map(|words| Ok(Frame::data(words)))),
            Outgoing::Playing(playing) => {
                let polled = playing.poll(cx);
                polled.map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
            }
            Outgoing::Passing(passing) => passing.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Outgoing::Words(words) => words.is_none(),
            Outgoing::Playing(playing) => playing.remaining == Some(0),
            Outgoing::Passing(passing) => passing.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Outgoing::Words(words) => {
                SizeHint::with_exact(words.as_ref().map_or(0, |words| words.len() as u64))
            }
            Outgoing::Playing(playing) => playing
                .remaining
                .map_or_else(SizeHint::default, SizeHint::with_exact),
            Outgoing::Passing(passing) => passing.body.size_hint(),
        }
    }
}
