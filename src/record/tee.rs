use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep, sleep_until};

use super::ending;
use super::exchange::Exchange;
use super::options::{Options, Timeouts};
use crate::Offset;
use crate::cassette::How;

/// A response body that copies itself onto a tape.
///
/// Each frame goes to whoever polls, as it came, and a copy that shares its bytes is queued for the
/// tape. How the body ends is recorded too; a dropped body stops the upstream, or with
/// [`Options::drain`] is read to its end in the background.
#[derive(Debug)]
pub struct Tee<B: Body<Data = Bytes> + Send + Unpin + 'static = reqwest::Body>
where
    B::Error: std::error::Error,
{
    /// `None` when the body is over, and after the drop.
    running: Option<Running<B>>,
    drain: Option<Handle>,
}

/// Why the body of a recorded response broke off.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{detail}")]
#[non_exhaustive]
pub struct BodyError {
    /// The word on the tape.
    pub how: How,
    /// In words.
    pub detail: String,
}

#[derive(Debug)]
struct Running<B> {
    body: B,
    exchange: Exchange,
    /// Bytes that a `content-length` still promises.
    remaining: Option<u64>,
    clock: Clock,
    left: Option<Offset>,
    trailers: Option<HeaderMap>,
}

/// Time limits of one body.
#[derive(Debug)]
struct Clock {
    idle: Option<Duration>,
    total: Option<Duration>,
    deadline: Option<Instant>,
    /// Set while waiting for a frame.
    sleep: Option<Pin<Box<Sleep>>>,
    waiting: bool,
}

impl<B: Body<Data = Bytes> + Send + Unpin + 'static> Tee<B>
where
    B::Error: std::error::Error,
{
    /// Tees `body`, whose head is `head`, the answer to a request with `HEAD` if `to_head`.
    ///
    /// The head itself is recorded by [`Exchange::response`], before.
    pub fn new(
        body: B,
        head: &response::Parts,
        to_head: bool,
        exchange: Exchange,
        options: &Options,
    ) -> Tee<B> {
        let remaining = head
            .headers
            .get(http::header::CONTENT_LENGTH)
            .filter(|_| !head.headers.contains_key(http::header::TRANSFER_ENCODING))
            .and_then(|length| length.to_str().ok()?.parse().ok());
        let bodyless = to_head || matches!(head.status.as_u16(), 204 | 304);
        let clock = Clock::new(&options.timeouts, exchange.elapsed());
        let mut running = Running {
            body,
            exchange,
            remaining,
            clock,
            left: None,
            trailers: None,
        };
        let over = bodyless || running.is_over();
        if over {
            running.end(How::Complete, None);
        }
        let drain = if options.drain {
            Handle::try_current().ok()
        } else {
            None
        };
        Tee {
            running: (!over).then_some(running),
            drain,
        }
    }
}

impl<B: Body<Data = Bytes> + Send + Unpin + 'static> Body for Tee<B>
where
    B::Error: std::error::Error,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(running) = &mut self.running else {
            return Poll::Ready(None);
        };
        let polled = running.poll(cx);
        if running.exchange.has_ended() {
            self.running = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.running.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.running {
            Some(running) => running.body.size_hint(),
            None => SizeHint::with_exact(0),
        }
    }
}

impl<B: Body<Data = Bytes> + Send + Unpin + 'static> Drop for Tee<B>
where
    B::Error: std::error::Error,
{
    fn drop(&mut self) {
        let (Some(mut running), Some(runtime)) = (self.running.take(), &self.drain) else {
            return;
        };
        running.left = Some(running.exchange.elapsed());
        let mut rest = Tee {
            running: Some(running),
            drain: None,
        };
        runtime.spawn(async move { while let Some(Ok(_)) = rest.frame().await {} });
    }
}

impl<B: Body<Data = Bytes> + Unpin> Running<B>
where
    B::Error: std::error::Error + 'static,
{
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        loop {
            let frame = match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Pending => match self.clock.poll(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(detail) => return self.fail(How::Timeout, detail),
                },
                Poll::Ready(None) => {
                    self.end(How::Complete, None);
                    return Poll::Ready(None);
                }
                Poll::Ready(Some(Err(error))) => {
                    let (how, detail) = ending::of_body(&error);
                    return self.fail(how, detail);
                }
                Poll::Ready(Some(Ok(frame))) => frame,
            };
            self.clock.waiting = false;
            match frame.data_ref() {
                Some(data) if data.is_empty() && !self.is_over() => continue,
                Some(data) => {
                    self.exchange.chunk(data.clone());
                    let length = data.len() as u64;
                    self.remaining = self.remaining.map(|left| left.saturating_sub(length));
                }
                None => self.trailers = frame.trailers_ref().cloned(),
            }
            // A server stops polling when the promised length is out: the end is known here.
            if self.is_over() {
                self.end(How::Complete, None);
            }
            return Poll::Ready(Some(Ok(frame)));
        }
    }

    fn is_over(&self) -> bool {
        self.remaining == Some(0) || self.body.is_end_stream()
    }

    fn fail(&mut self, how: How, detail: String) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.end(how.clone(), Some(detail.clone()));
        Poll::Ready(Some(Err(BodyError { how, detail })))
    }

    fn end(&mut self, how: How, detail: Option<String>) {
        let left = self
            .left
            .map(|at| format!("the client left after {at}; the rest was drained"));
        let detail = match (left, detail) {
            (Some(left), Some(detail)) => Some(format!("{left}: {detail}")),
            (left, detail) => left.or(detail),
        };
        self.exchange.end(how, detail, self.trailers.as_ref());
    }
}

impl Clock {
    fn new(timeouts: &Timeouts, elapsed: Offset) -> Clock {
        let left = |total: Duration| Instant::now() + total.saturating_sub(elapsed.into());
        Clock {
            idle: timeouts.idle,
            total: timeouts.total,
            deadline: timeouts.total.map(left),
            sleep: None,
            waiting: false,
        }
    }

    /// Ready with words when a limit has passed. Only waiting counts as idle: a client that does
    /// not read is no silence of the upstream's.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<String> {
        if !self.waiting {
            self.waiting = true;
            let idle = self.idle.map(|idle| Instant::now() + idle);
            let Some(until) = [idle, self.deadline].into_iter().flatten().min() else {
                return Poll::Pending;
            };
            match &mut self.sleep {
                Some(sleep) => sleep.as_mut().reset(until),
                None => self.sleep = Some(Box::pin(sleep_until(until))),
            }
        }
        let Some(sleep) = &mut self.sleep else {
            return Poll::Pending;
        };
        sleep
            .as_mut()
            .poll(cx)
            .map(|()| match (self.total, self.deadline) {
                (Some(total), Some(deadline)) if Instant::now() >= deadline => {
                    format!("the interaction took longer than {total:?}")
                }
                _ => format!("no byte for {:?}", self.idle.unwrap_or_default()),
            })
    }
}
