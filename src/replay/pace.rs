//! The one place that sleeps.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::Offset;
use crate::policy::Timing;

/// Offsets on tokio's clock: waits until absolute instants, so lateness never adds up.
#[derive(Debug)]
pub(super) struct Pace {
    /// Under `instant` nothing waits: no clock is asked and no runtime needed.
    waits: bool,
    /// When the request was sent, so to speak: the first time anything was asked for.
    start: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Pace {
    pub(super) fn new(timing: Timing) -> Pace {
        Pace {
            waits: timing != Timing::Instant,
            start: None,
            sleep: None,
        }
    }

    /// Ready from `at` on, counted from the first call.
    pub(super) fn poll_until(&mut self, at: Offset, cx: &mut Context<'_>) -> Poll<()> {
        if !self.waits {
            return Poll::Ready(());
        }
        let now = Instant::now();
        let start = *self.start.get_or_insert(now);
        let due = start + Duration::from(at).min(LONGEST);
        if due <= now {
            return Poll::Ready(());
        }
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if sleep.deadline() != due {
            sleep.as_mut().reset(due);
        }
        sleep.as_mut().poll(cx)
    }

    /// Waits until `at`, counted from the first wait.
    pub(super) async fn until(&mut self, at: Offset) {
        poll_fn(|cx| self.poll_until(at, cx)).await;
    }
}

/// A year: an `Instant` so much later still fits every platform's clock.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);
