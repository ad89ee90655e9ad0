//! A tape's body as a stream on tokio's clock.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;

use super::ReplayError;
use super::pace::Pace;
use super::source::{Chunks, Source, Stop};
use crate::Offset;
use crate::cassette::{End, How, Interaction};
use crate::policy::{Play, Policy, Timing};

/// The body of one interaction, piece by piece, each at its time; made by
/// [`Player`](super::Player).
///
/// It ends as the tape ended: after a `complete` body with the end of the stream, after any other
/// with one [`ReplayError`]. A fault of the policy may end it otherwise; under a stall it never
/// ends, unless it is to end quietly.
///
/// Its clock starts when it is first polled, or when the response that carries it was asked for.
pub struct ByteStream {
    interaction: u64,
    quiet: bool,
    play: Play<Chunks, Stop>,
    pace: Pace,
    /// What is left of a tape in memory that is played as it is, at once: there is nothing to cut
    /// and nothing to wait for.
    plain: Option<(Arc<Interaction>, usize)>,
    /// What comes next, once its time has come.
    next: Option<(Offset, Option<Result<Bytes, ReplayError>>)>,
    ended: bool,
    /// A fault keeps the stream from ever ending.
    stalls: bool,
    /// Bytes handed out so far.
    bytes: u64,
}

impl ByteStream {
    pub(super) fn new(policy: &Policy, quiet: bool, source: Source) -> ByteStream {
        let head = source.head.as_ref().map_or(Offset::ZERO, |head| head.at);
        let as_performed = Policy::new().timing(Timing::Recorded);
        let policy = match policy.faults.is_empty() {
            true => policy,
            // The source was performed before: its times are the policy's.
            false => &as_performed,
        };
        let plain = source.whole.filter(|_| *policy == Policy::new());
        ByteStream {
            interaction: source.interaction,
            quiet,
            play: policy.play(head, source.chunks),
            pace: Pace::new(policy.timing),
            plain: plain.map(|interaction| (interaction, 0)),
            next: None,
            ended: false,
            stalls: false,
            bytes: 0,
        }
    }

    /// Waits until the head's time.
    pub(super) async fn wait_for_head(&mut self) {
        self.pace.until(self.play.head()).await;
    }

    /// Waits for the end of a tape that has no response head, and says how it came.
    pub(super) async fn fail(mut self) -> ReplayError {
        loop {
            match self.play.next() {
                Some(Ok(_)) => {}
                Some(Err(Stop::Unreadable(error))) => return error.into(),
                Some(Err(Stop::NotApplicable(reason))) => {
                    return ReplayError::not_applicable(self.interaction, *reason);
                }
                Some(Err(Stop::Stall(_))) => std::future::pending().await,
                Some(Err(Stop::End(end))) => {
                    let at = self.play.end(end.at);
                    self.pace.until(at).await;
                    return ReplayError::no_response(self.interaction, Some(*end));
                }
                None => return ReplayError::no_response(self.interaction, None),
            }
        }
    }

    fn pull(&mut self) -> (Offset, Option<Result<Bytes, ReplayError>>) {
        match self.play.next() {
            Some(Ok(piece)) => (piece.at, Some(Ok(piece.bytes))),
            Some(Err(Stop::End(end))) => (self.play.end(end.at), self.ending(Some(*end))),
            Some(Err(Stop::Unreadable(error))) => (Offset::ZERO, Some(Err(error.into()))),
            Some(Err(Stop::NotApplicable(reason))) => {
                let error = ReplayError::not_applicable(self.interaction, *reason);
                (Offset::ZERO, Some(Err(error)))
            }
            Some(Err(Stop::Stall(at))) => {
                self.stalls = !self.quiet;
                (self.play.end(at), None)
            }
            None => (Offset::ZERO, self.ending(None)),
        }
    }

    fn ending(&self, end: Option<End>) -> Option<Result<Bytes, ReplayError>> {
        let complete = matches!(&end, Some(end) if end.how == How::Complete);
        if complete || self.quiet {
            return None;
        }
        let error = ReplayError::cut_off(self.interaction, end, self.bytes);
        Some(Err(error))
    }
}

impl Stream for ByteStream {
    type Item = Result<Bytes, ReplayError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        if let Some((interaction, next)) = &mut this.plain {
            while let Some(chunk) = interaction.chunks.get(*next) {
                *next += 1;
                if !chunk.bytes.is_empty() {
                    this.bytes += chunk.bytes.len() as u64;
                    return Poll::Ready(Some(Ok(chunk.bytes.clone())));
                }
            }
            this.ended = true;
            let end = interaction.end.clone();
            return Poll::Ready(this.ending(end));
        }
        let (at, item) = match this.next.take() {
            Some(next) => next,
            None => this.pull(),
        };
        if this.pace.poll_until(at, cx).is_pending() {
            this.next = Some((at, item));
            return Poll::Pending;
        }
        if item.is_none() && this.stalls {
            // Nobody wakes it: that is the fault.
            this.next = Some((at, item));
            return Poll::Pending;
        }
        match &item {
            Some(Ok(bytes)) => this.bytes += bytes.len() as u64,
            Some(Err(_)) | None => this.ended = true,
        }
        Poll::Ready(item)
    }
}

impl fmt::Debug for ByteStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByteStream")
            .field("interaction", &self.interaction)
            .field("bytes", &self.bytes)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}
