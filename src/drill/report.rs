//! How a drill went, as data and in words.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::outcome::{Outcome, Verdict};
use crate::policy::fault::{Class, FAULTS};

/// How a drill went.
#[derive(Debug, Clone, Default, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// What the undisturbed client said; the first 64 KiB of it.
    pub output: String,
    /// From what places were drawn.
    pub seed: u64,
    /// Every run: by tape, answer, fault and place.
    pub runs: Vec<Run>,
    /// Faults that mean nothing on an answer; none of them counts as passed.
    pub unfit: Vec<Unfit>,
    /// Answers that were asked for and left alone.
    pub skipped: Vec<Skipped>,
    /// Runs that there was no time for.
    pub left: u64,
    /// How long it took; in JSON as `took_us`, microseconds.
    #[serde(rename = "took_us", serialize_with = "micros")]
    pub took: Duration,
}

/// A run of the client with something wrong.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Run {
    /// Path or name of the tape.
    pub tape: String,
    /// The interaction that was struck.
    pub interaction: u64,
    /// What went wrong, spelled, in this order; of a conviction as little as was found to do.
    pub faults: Vec<String>,
    /// The first fault's name, which is its row in the matrix.
    pub name: &'static str,
    /// What that asks of a client.
    #[serde(serialize_with = "word")]
    pub class: Class,
    /// What the client did.
    pub outcome: Outcome,
    /// Whether that was right.
    pub verdict: Verdict,
    /// What it did, in words: the difference, its error, its signal.
    pub detail: String,
    /// The command line that does it again.
    pub reproduce: String,
    /// How long it took; in JSON as `took_us`, microseconds.
    #[serde(rename = "took_us", serialize_with = "micros")]
    pub took: Duration,
}

/// A fault that means nothing on an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Unfit {
    /// Path or name of the tape.
    pub tape: String,
    /// The interaction's number.
    pub interaction: u64,
    /// The fault, spelled.
    pub fault: String,
    /// What the answer lacks.
    pub reason: String,
}

/// An answer that cannot be drilled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Skipped {
    /// Path or name of the tape.
    pub tape: String,
    /// The interaction's number.
    pub interaction: u64,
    /// Why, in words.
    pub reason: String,
}

/// One row of the matrix: what the client did about one fault, counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Row {
    /// The fault's name.
    pub fault: &'static str,
    /// A fault may be of several classes, by its place; each has its row.
    #[serde(serialize_with = "word")]
    pub class: Class,
    /// [`Outcome::Same`]
    pub same: u64,
    /// [`Outcome::Other`]
    pub other: u64,
    /// [`Outcome::Failed`]
    pub failed: u64,
    /// [`Outcome::Crashed`]
    pub crashed: u64,
    /// [`Outcome::Hung`]
    pub hung: u64,
    /// Runs in which the client never asked for the answer; in no other column.
    pub not_struck: u64,
    /// How many of the runs were wrong.
    pub convicted: u64,
}

impl Report {
    /// Whether the client did nothing wrong in all runs.
    pub fn is_ok(&self) -> bool {
        self.convicted() == 0
    }

    /// How many runs were wrong.
    pub fn convicted(&self) -> usize {
        self.failures().count()
    }

    /// The runs that were wrong.
    pub fn failures(&self) -> impl Iterator<Item = &Run> {
        let runs = self.runs.iter();
        runs.filter(|run| run.verdict == Verdict::Convicted)
    }

    /// Fault × outcome, in the catalogue's order.
    pub fn matrix(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        for info in FAULTS {
            for class in [Class::Benign, Class::Undetectable, Class::Harmful] {
                let of_row = |run: &&Run| run.name == info.name() && run.class == class;
                let mut runs = self.runs.iter().filter(of_row).peekable();
                if runs.peek().is_some() {
                    let empty = Row::new(info.name(), class);
                    rows.push(runs.fold(empty, Row::with));
                }
            }
        }
        rows
    }

    /// What was done, in one line.
    pub fn summary(&self) -> String {
        let count = |verdict| {
            self.runs
                .iter()
                .filter(|run| run.verdict == verdict)
                .count()
        };
        let s = if self.runs.len() == 1 { "" } else { "s" };
        let mut line = format!(
            "{} run{s}: {} passed, {} convicted, {} not judged",
            self.runs.len(),
            count(Verdict::Passed),
            self.convicted(),
            count(Verdict::Reported),
        );
        let others = [
            (count(Verdict::NotStruck) as u64, "not struck"),
            (self.unfit.len() as u64, "do not apply"),
            (self.left, "left for want of time"),
        ];
        for (count, what) in others.into_iter().filter(|(count, _)| *count > 0) {
            line.push_str(&format!(", {count} {what}"));
        }
        line
    }
}

impl Row {
    fn new(fault: &'static str, class: Class) -> Row {
        Row {
            fault,
            class,
            same: 0,
            other: 0,
            failed: 0,
            crashed: 0,
            hung: 0,
            not_struck: 0,
            convicted: 0,
        }
    }

    fn with(mut self, run: &Run) -> Row {
        let column = match (run.verdict, run.outcome) {
            (Verdict::NotStruck, _) => &mut self.not_struck,
            (_, Outcome::Same) => &mut self.same,
            (_, Outcome::Other) => &mut self.other,
            (_, Outcome::Failed) => &mut self.failed,
            (_, Outcome::Crashed) => &mut self.crashed,
            (_, Outcome::Hung) => &mut self.hung,
        };
        *column += 1;
        self.convicted += u64::from(run.verdict == Verdict::Convicted);
        self
    }
}

impl fmt::Display for Report {
    /// The convictions, each with the line that repeats it, and the summary.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for run in self.failures() {
            writeln!(f, "{run}\n  {}", run.reproduce)?;
        }
        f.write_str(&self.summary())
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults = self.faults.join(" ");
        write!(f, "{faults} ({}): {}", self.class, self.detail)
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: interaction {}: fault `{}` does not apply: {}",
            self.tape, self.interaction, self.fault, self.reason
        )
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: interaction {} is not drilled: {}",
            self.tape, self.interaction, self.reason
        )
    }
}

fn micros<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u128(time.as_micros())
}

fn word<S: Serializer>(class: &Class, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(class.as_str())
}
