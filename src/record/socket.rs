//! Errors of a body that do not outrun its bytes.
//!
//! hyper drops what it has buffered for a client when a response's body fails. So a failure waits
//! here until everything before it has left for the socket.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use http_body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::tee::{BodyError, Tee};

/// Counts how often everything buffered for a connection has been handed to its socket.
#[derive(Debug, Default)]
pub(super) struct Flushes {
    count: AtomicU64,
    waker: AtomicWaker,
}

impl Flushes {
    fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }
}

/// A client's socket that tells when hyper has flushed it: hyper flushes the socket itself only
/// when its own buffer is empty.
#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    flushes: Arc<Flushes>,
}

impl Socket {
    pub(super) fn new(stream: TcpStream) -> (Socket, Arc<Flushes>) {
        let flushes = Arc::new(Flushes::default());
        (
            Socket {
                stream,
                flushes: flushes.clone(),
            },
            flushes,
        )
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flushes.count.fetch_add(1, Ordering::Release);
        self.flushes.waker.wake();
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A response body on its way to a client.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// The proxy's own words.
    Answer(Option<Bytes>),
    Recorded {
        tee: Box<Tee>,
        flushes: Arc<Flushes>,
        failed: Option<Failed>,
    },
}

/// An error that waits for the flush after the count it has seen.
#[derive(Debug)]
pub(super) struct Failed {
    error: BodyError,
    seen: u64,
}

impl Outgoing {
    pub(super) fn recorded(tee: Tee, flushes: Arc<Flushes>) -> Outgoing {
        Outgoing::Recorded {
            tee: Box::new(tee),
            flushes,
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
        let (tee, flushes, failed) = match &mut *self {
            Outgoing::Answer(bytes) => {
                return Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes))));
            }
            Outgoing::Recorded {
                tee,
                flushes,
                failed,
            } => (tee, flushes, failed),
        };
        if failed.is_none() {
            match Pin::new(&mut **tee).poll_frame(cx) {
                Poll::Ready(Some(Err(error))) => {
                    *failed = Some(Failed {
                        error,
                        seen: flushes.count(),
                    });
                }
                other => return other,
            }
        }
        flushes.waker.register(cx.waker());
        match failed.take_if(|failed| flushes.count() > failed.seen) {
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
