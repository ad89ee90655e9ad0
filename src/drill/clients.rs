//! Clients in this process.

use std::any::Any;
use std::fmt::{Debug, Display};
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;

use super::outcome::{Ended, Made, Output};
use super::{Drill, Error, Report};

impl Drill {
    /// Runs `client` once undisturbed and then once for each mutant. It is given the root URL of a
    /// server that plays them, without a slash at the end (the server takes `/v1/…` and `/…`), and
    /// gives back what it made of the answer: outputs are compared by their [`Debug`] form.
    ///
    /// Runs go on at once, as many as [`jobs`](Drill::jobs) says, on the task that waits here. A run
    /// that blocks its thread cannot be stopped by its time limit. Not for a paused clock: the servers
    /// are on threads of their own.
    ///
    /// # Errors
    ///
    /// When the tapes cannot be served, when the undisturbed client fails or says something else each
    /// time, and when nothing can go wrong with what it asked for.
    pub async fn run<F, T, E>(self, client: F) -> Result<Report, Error>
    where
        F: AsyncFn(String) -> Result<T, E>,
        T: Debug,
        E: Display,
    {
        let client = &client;
        let caught = |url| async move {
            let asked = AssertUnwindSafe(client(url)).catch_unwind();
            Ok(made(asked.await))
        };
        self.conduct(caught).await
    }
}

fn made<T: Debug, E: Display>(ran: Result<Result<T, E>, Box<dyn Any + Send>>) -> Made {
    match ran {
        Ok(Ok(said)) => Made {
            output: Output::of(&format!("{said:?}")),
            ended: Ended::Success,
        },
        Ok(Err(error)) => Made {
            output: Output::of(""),
            ended: Ended::Failure(format!("it failed: {error}")),
        },
        Err(panic) => Made {
            output: Output::of(""),
            ended: Ended::Crash(format!("it panicked: {}", words(&*panic))),
        },
    }
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a word")
}
