//! Undoes content codings for the tape, piece by piece and within bounds.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use async_compression::tokio::write::{BrotliDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder};
use tokio::io::AsyncWrite;

use super::options::Inflate;

/// The ratio is not looked at before so many bytes are out: a small body may be all repetition.
const RATIO_GRACE: u64 = 1 << 20;

/// Why a body is no longer decoded.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("the {coding} body decodes to more than {limit}; the client got it as it came")]
    Bomb { coding: &'static str, limit: String },
    #[error("the body is not valid {coding}: {source}")]
    Corrupt {
        coding: &'static str,
        source: io::Error,
    },
    #[error("the {coding} body ended in the middle")]
    Torn { coding: &'static str },
}

/// A content coding that the recorder undoes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

impl Coding {
    /// The coding that a `content-encoding` value names; `None` for none, several, or one that is
    /// not known, whose bodies are stored as they came.
    pub(super) fn of(value: &[u8]) -> Option<Coding> {
        match value.trim_ascii().to_ascii_lowercase().as_slice() {
            b"gzip" | b"x-gzip" => Some(Coding::Gzip),
            b"deflate" => Some(Coding::Deflate),
            b"br" => Some(Coding::Brotli),
            b"zstd" => Some(Coding::Zstd),
            _ => None,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Coding::Gzip => "gzip",
            Coding::Deflate => "deflate",
            Coding::Brotli => "br",
            Coding::Zstd => "zstd",
        }
    }
}

/// One body's decoder. It writes to memory, so that it never has to wait.
pub(super) struct Decoder {
    coding: Coding,
    inner: Pin<Box<dyn Inflater>>,
    fed: u64,
    finished: bool,
}

impl Decoder {
    pub(super) fn new(coding: Coding, limits: Inflate) -> Decoder {
        let out = Output {
            bytes: Vec::new(),
            total: 0,
            allowed: 0,
            limits,
        };
        let inner: Pin<Box<dyn Inflater>> = match coding {
            Coding::Gzip => Box::pin(GzipDecoder::new(out)),
            Coding::Deflate => Box::pin(ZlibDecoder::new(out)),
            Coding::Brotli => Box::pin(BrotliDecoder::new(out)),
            Coding::Zstd => Box::pin(ZstdDecoder::new(out)),
        };
        Decoder {
            coding,
            inner,
            fed: 0,
            finished: false,
        }
    }

    pub(super) fn name(&self) -> &'static str {
        self.coding.name()
    }

    /// What can be decoded now that `bytes` have come, possibly nothing.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) -> Result<Vec<u8>, Error> {
        self.fed += bytes.len() as u64;
        let fed = self.fed;
        self.inner.as_mut().output().allow(fed);
        while !bytes.is_empty() {
            let taken = self.run(|inner, cx| inner.poll_write(cx, bytes))?;
            if taken == 0 {
                break;
            }
            bytes = &bytes[taken..];
        }
        self.run(|inner, cx| inner.poll_flush(cx))?;
        Ok(std::mem::take(&mut self.inner.as_mut().output().bytes))
    }

    /// Checks that the coded body is whole.
    pub(super) fn finish(&mut self) -> Result<Vec<u8>, Error> {
        if self.fed == 0 || self.finished {
            return Ok(Vec::new());
        }
        self.finished = true;
        let torn = Error::Torn {
            coding: self.name(),
        };
        match self.run(|inner, cx| inner.poll_shutdown(cx)) {
            Err(bomb @ Error::Bomb { .. }) => Err(bomb),
            Err(_) => Err(torn),
            Ok(()) => Ok(std::mem::take(&mut self.inner.as_mut().output().bytes)),
        }
    }

    fn run<T>(
        &mut self,
        step: impl FnOnce(Pin<&mut dyn Inflater>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Result<T, Error> {
        let mut context = Context::from_waker(Waker::noop());
        let coding = self.name();
        match step(self.inner.as_mut(), &mut context) {
            Poll::Ready(Ok(value)) => Ok(value),
            Poll::Ready(Err(source)) => match self.inner.as_mut().output().exceeded() {
                Some(limit) => Err(Error::Bomb { coding, limit }),
                None => Err(Error::Corrupt { coding, source }),
            },
            // Memory is always ready; a decoder that waits all the same has nothing to wait for.
            Poll::Pending => Err(Error::Corrupt {
                coding,
                source: io::ErrorKind::WouldBlock.into(),
            }),
        }
    }
}

trait Inflater: AsyncWrite + Send {
    fn output(self: Pin<&mut Self>) -> &mut Output;
}

macro_rules! inflater {
    ($($decoder:ident)*) => {$(
        impl Inflater for $decoder<Output> {
            fn output(self: Pin<&mut Self>) -> &mut Output {
                self.get_pin_mut().get_mut()
            }
        }
    )*};
}

inflater!(GzipDecoder ZlibDecoder BrotliDecoder ZstdDecoder);

/// Decoded bytes, no more of them than the limits allow.
struct Output {
    bytes: Vec<u8>,
    total: u64,
    /// What the ratio allows for the bytes fed so far.
    allowed: u64,
    limits: Inflate,
}

impl Output {
    fn allow(&mut self, fed: u64) {
        self.allowed = fed.saturating_mul(self.limits.ratio).max(RATIO_GRACE);
    }

    fn exceeded(&self) -> Option<String> {
        if self.total > self.limits.total {
            Some(format!("{} bytes", self.limits.total))
        } else if self.total > self.allowed {
            Some(format!("{} times its size", self.limits.ratio))
        } else {
            None
        }
    }
}

impl AsyncWrite for Output {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.total += bytes.len() as u64;
        if self.exceeded().is_some() {
            return Poll::Ready(Err(io::ErrorKind::FileTooLarge.into()));
        }
        self.bytes.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
