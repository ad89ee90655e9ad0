//! Drills: a client put through everything that can go wrong with a recorded stream.
//!
//! A drill runs a client once undisturbed against a server that plays the tapes, and then once for
//! each *mutant*: the same tapes with one [fault](crate::policy::fault) in one answer. What the
//! client made of each is judged by the fault's [`Class`]: a benign one must not change the output,
//! a harmful one must not end in a success, and no run may hang.
//!
//! ```no_run
//! # async fn ask(_: &str) -> Result<String, std::io::Error> { Ok(String::new()) }
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let report = rigtape::drill("cassettes/weather.jsonl")
//!     .run(|url| async move { ask(&format!("{url}/v1")).await })
//!     .await?;
//! assert!(report.is_ok(), "{report}");
//! # Ok(())
//! # }
//! ```
//!
//! `rigtape drill` does the same to a command. For a client that takes bytes there is
//! [`Drill::mutants`], an iterator without a server.
//!
//! # What is right
//!
//! | class | right |
//! |---|---|
//! | benign | the output of the undisturbed run, and success |
//! | harmful | anything but a success: an error, a failure that was declared, a crash |
//! | undetectable | anything that ends |
//!
//! A run that does not end within [`Drill::time_limit`] is convicted whatever the class.
//!
//! # What is drilled
//!
//! One answer at a time, of those that the undisturbed run asked for; the others are played as they
//! were recorded. An answer that is itself an error or truncated is not drilled, which the
//! [report](Report::skipped) says. A request that is sent again gets the same mutant again, so a client
//! that tries three times meets the fault three times and has to give up in the end.

mod attempt;
mod clients;
mod error;
mod outcome;
mod plan;
mod report;
mod reproduce;
mod run;
mod shrink;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use error::Error;
pub use outcome::{Outcome, Verdict};
pub use plan::Trial;
pub use report::{Report, Row, Run, Skipped, Unfit};

#[cfg(feature = "cli")]
pub(crate) use outcome::{Ended, Heard, Made};

use crate::matching;
use crate::policy::fault::{Class, Fault, Sweep};
use crate::redact::Redactor;
use crate::serve::Tapes;

/// A drill of a client with `tapes`: a path, an open cassette, interactions made in code. See
/// [`Drill`].
pub fn drill(tapes: impl Into<Tapes>) -> Drill {
    Drill {
        tapes: tapes.into(),
        matching: matching::Options::new(),
        redactor: Redactor::new(),
        sweep: Sweep::new(),
        seed: 0,
        faults: Vec::new(),
        jobs: std::thread::available_parallelism().map_or(2, usize::from),
        time_limit: Duration::from_secs(10),
        budget: None,
        progress: None,
        reproduction: reproduce::Reproduction::default(),
    }
}

/// What a drill does; made by [`drill`](crate::drill()).
#[must_use]
pub struct Drill {
    tapes: Tapes,
    matching: matching::Options,
    redactor: Redactor,
    sweep: Sweep,
    seed: u64,
    faults: Vec<Vec<Fault>>,
    jobs: usize,
    time_limit: Duration,
    budget: Option<Duration>,
    progress: Option<Tell>,
    reproduction: reproduce::Reproduction,
}

/// Called after each run.
type Tell = Arc<dyn Fn(Progress) + Send + Sync>;

/// How far a drill is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Runs that are over.
    pub done: u64,
    /// Runs that there will be, if time allows.
    pub total: u64,
    /// Runs in which the client was convicted.
    pub convicted: u64,
}

impl Drill {
    /// How requests are matched: rules of every home. A played interaction may always answer again.
    pub fn matching(mut self, options: matching::Options) -> Drill {
        self.matching = options;
        self
    }

    /// What masks requests before they are compared: the rules with which the tapes were recorded.
    pub fn redactor(mut self, redactor: Redactor) -> Drill {
        self.redactor = redactor;
        self
    }

    /// How much is tried: [`Sweep::new`] by default.
    pub fn sweep(mut self, sweep: Sweep) -> Drill {
        self.sweep = sweep;
        self
    }

    /// From what places are drawn; 0 by default.
    pub fn seed(mut self, seed: u64) -> Drill {
        self.seed = seed;
        self
    }

    /// Tries these faults together, as one mutant, instead of a sweep; called again, these too.
    pub fn faults(mut self, faults: impl IntoIterator<Item = Fault>) -> Drill {
        self.faults.push(faults.into_iter().collect());
        self
    }

    /// How many runs go on at once; as many as the machine has cores by default.
    pub fn jobs(mut self, jobs: usize) -> Drill {
        self.jobs = jobs.max(1);
        self
    }

    /// A run that takes longer than this hangs; 10 s by default. The client's own limits have to be
    /// shorter, or it is convicted of every stall.
    pub fn time_limit(mut self, limit: Duration) -> Drill {
        self.time_limit = limit;
        self
    }

    /// Stops after this time; the [report](Report::left) has how many runs were left. Faults are
    /// tried in turns, so a short drill has tried each of them.
    pub fn budget(mut self, budget: Duration) -> Drill {
        self.budget = Some(budget);
        self
    }

    /// Is told after each run how far the drill is.
    pub fn progress(mut self, tell: impl Fn(Progress) + Send + Sync + 'static) -> Drill {
        self.progress = Some(Arc::new(tell));
        self
    }

    /// How a run is repeated by hand: what stands behind `rigtape serve` for the tapes, and the
    /// command. The tapes' own paths otherwise, and no command.
    #[cfg(feature = "cli")]
    pub(crate) fn reproduction(mut self, tapes: Vec<String>, command: Vec<String>) -> Drill {
        self.reproduction = reproduce::Reproduction { tapes, command };
        self
    }
}

impl fmt::Debug for Drill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drill")
            .field("tapes", &self.tapes)
            .field("sweep", &self.sweep)
            .field("seed", &self.seed)
            .field("faults", &self.faults)
            .field("jobs", &self.jobs)
            .field("time_limit", &self.time_limit)
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}

/// Whether a client that did this is to be convicted.
fn is_wrong(class: Class, outcome: Outcome) -> bool {
    match (class, outcome) {
        (_, Outcome::Hung) => true,
        (Class::Benign, outcome) => outcome != Outcome::Same,
        (Class::Harmful, outcome) => matches!(outcome, Outcome::Same | Outcome::Other),
        (Class::Undetectable, _) => false,
    }
}
