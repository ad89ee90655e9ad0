//! The progress line: elapsed, chunks, bytes, and tokens when they are known.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::task::JoinHandle;

use super::super::print;
use crate::record::Recorder;

/// A progress line on stderr; nothing when that is no terminal. Dropping it takes the line away.
pub(super) struct Shown {
    bar: ProgressBar,
    ticking: JoinHandle<()>,
}

impl Shown {
    /// Prints with the line out of the way.
    pub(super) fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.ticking.abort();
        self.bar.finish_and_clear();
    }
}

/// Shows how `recorder` gets on; `tokens` is 0 as long as they are not known.
pub(super) fn show(recorder: Recorder, tokens: Option<Arc<AtomicU64>>) -> Shown {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed_precise} · {msg}") {
        bar.set_style(style);
    }
    let line = bar.clone();
    let ticking = tokio::spawn(async move {
        let mut tick = tokio::time::interval(Duration::from_millis(100));
        loop {
            tick.tick().await;
            let so_far = recorder.progress();
            let mut message = format!("{} chunks · {}", so_far.chunks, print::size(so_far.bytes));
            if so_far.interactions != 1 {
                message = format!("{} interactions · {message}", so_far.interactions);
            }
            match tokens.as_ref().map_or(0, |tokens| tokens.load(Relaxed)) {
                0 => {}
                tokens => message.push_str(&format!(" · {tokens} tokens")),
            }
            line.set_message(message);
            line.tick();
        }
    });
    Shown { bar, ticking }
}
