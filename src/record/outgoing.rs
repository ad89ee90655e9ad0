//! Errors of a body that do not outrun its bytes.
//!
//! hyper drops what it has buffered for a client when a response's body fails. So a failure waits
//! here until everything before it has left for the socket.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::tee::{BodyError, Tee};
use crate::listen::Wire;

/// A response body on its way to a client.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// The proxy's own words.
    Answer(Option<Bytes>),
    Recorded {
        tee: Box<Tee>,
        wire: Arc<Wire>,
        failed: Option<Failed>,
    },
}

/// An error that waits for the flush after the count it has seen.
#[derive(Debug)]
pub(crate) struct Failed {
    error: BodyError,
    seen: u64,
}

impl Outgoing {
    pub(super) fn recorded(tee: Tee, wire: Arc<Wire>) -> Outgoing {
        Outgoing::Recorded {
            tee: Box::new(tee),
            wire,
            failed: None,
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let (tee, wire, failed) = match &mut *self {
            Outgoing::Answer(bytes) => {
                return Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes))));
            }
            Outgoing::Recorded { tee, wire, failed } => (tee, wire, failed),
        };
        if failed.is_none() {
            match Pin::new(&mut **tee).poll_frame(cx) {
                Poll::Ready(Some(Err(error))) => {
                    *failed = Some(Failed {
                        error,
                        seen: wire.flushes(),
                    });
                }
                other => return other,
            }
        }
        wire.wake_at_flush(cx);
        match failed.take_if(|failed| wire.flushes() > failed.seen) {
            Some(failed) => Poll::Ready(Some(Err(failed.error))),
            None => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Outgoing::Answer(bytes) => bytes.is_none(),
            Outgoing::Recorded { tee, failed, .. } => failed.is_none() && tee.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Outgoing::Answer(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Outgoing::Recorded { tee, .. } => tee.size_hint(),
        }
    }
}
