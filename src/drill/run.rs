//! The drill itself: the undisturbed run, then the mutants, side by side.

use std::collections::HashSet;
use std::time::Instant;

use futures_util::StreamExt as _;

use super::attempt::{Attempt, Stage};
use super::outcome::{Ended, Made, Outcome, Verdict};
use super::plan::{Planned, Trial, plan, policy, unfit};
use super::report::{Report, Run, Unfit};
use super::reproduce::Shelf;
use super::{Drill, Error, Progress, is_wrong};
use crate::policy::Policy;
use crate::policy::fault::Class;
use crate::serve::Aim;

impl Drill {
    pub(crate) async fn conduct<F, Fut>(mut self, client: F) -> Result<Report, Error>
    where
        F: Fn(String) -> Fut,
        Fut: Future<Output = std::io::Result<Made>>,
    {
        let started = Instant::now();
        let stage = self.stage(client)?;
        let baseline = stage.attempt(Policy::new(), None).await?;
        self.accept(&stage, &baseline)?;
        let (planned, skipped) = plan(&stage.library, &baseline.played, &self)?;
        let total = planned.len() as u64;
        let drilling = Drilling {
            drill: &self,
            stage: &stage,
            baseline: &baseline,
            shelf: Shelf {
                tapes: stage.library.tapes().len(),
                interactions: stage.library.len(),
            },
        };
        let mut report = Report {
            seed: self.seed,
            output: baseline.made.output.text(),
            skipped,
            ..Report::default()
        };
        let runs = planned.into_iter().map(|planned| drilling.run(planned));
        let mut runs = Box::pin(futures_util::stream::iter(runs).buffer_unordered(self.jobs));
        let deadline = self.budget.map(|budget| started + budget);
        let mut done = 0;
        loop {
            let next = match deadline {
                None => runs.next().await,
                Some(deadline) => {
                    match tokio::time::timeout_at(deadline.into(), runs.next()).await {
                        Ok(next) => next,
                        Err(_) => break,
                    }
                }
            };
            match next {
                None => break,
                Some(Ok(run)) => report.runs.push(run?),
                Some(Err(unfit)) => report.unfit.push(unfit),
            }
            done += 1;
            if let Some(tell) = &self.progress {
                tell(Progress {
                    done,
                    total,
                    convicted: report.convicted() as u64,
                });
            }
        }
        // What is on its way is not waited for.
        drop(runs);
        report.left = total - done;
        if report.runs.is_empty() && report.left == 0 {
            return Err(nothing(&report));
        }
        drilling.hold(&report).await?;
        report.in_order();
        report.took = started.elapsed();
        Ok(report)
    }

    /// Whether there is something to compare with.
    fn accept<F>(&self, stage: &Stage<F>, baseline: &Attempt) -> Result<(), Error> {
        let report = &baseline.report;
        if report.requests == 0 && report.refused_total == 0 {
            return Err(match baseline.made.ended {
                Ended::Success => Error::NoRequest,
                _ => Error::Baseline {
                    what: baseline.made.ended.words(),
                    hint: "\nno request of it reached the server that plays the tapes".to_owned(),
                },
            });
        }
        if !report.missed.is_empty() || report.refused_total > 0 {
            let missed = report.missed.iter().map(|missed| missed.message.clone());
            let others = report.refused.iter().chain(&report.problems).cloned();
            let all: Vec<String> = missed.chain(others).collect();
            return Err(Error::Missed(all.join("\n")));
        }
        if baseline.made.ended != Ended::Success {
            let mut hint = String::new();
            for (path, number) in &baseline.played {
                let tape = stage.library.tapes().iter().find(|of| of.path() == path);
                let of = tape.and_then(|tape| tape.cassette().interaction(*number).ok()?);
                if let Some(reason) = of.as_ref().and_then(unfit) {
                    hint.push_str(&format!(
                        "\n{}: interaction {number} is no answer to succeed with: {reason}",
                        path.display()
                    ));
                }
            }
            return Err(Error::Baseline {
                what: baseline.made.ended.words(),
                hint,
            });
        }
        Ok(())
    }
}

fn nothing(report: &Report) -> Error {
    let skipped = report.skipped.iter().map(ToString::to_string);
    let unfit = report.unfit.iter().map(ToString::to_string);
    let all: Vec<String> = skipped.chain(unfit).collect();
    Error::Nothing(match all.is_empty() {
        true => "the client asked for no answer that is on the tapes".to_owned(),
        false => all.join("\n"),
    })
}

/// What judges the runs.
pub(super) struct Drilling<'a, F> {
    drill: &'a Drill,
    stage: &'a Stage<F>,
    baseline: &'a Attempt,
    shelf: Shelf,
}

impl<F, Fut> Drilling<'_, F>
where
    F: Fn(String) -> Fut,
    Fut: Future<Output = std::io::Result<Made>>,
{
    async fn run(&self, planned: Planned) -> Result<Result<Run, Error>, Unfit> {
        let (tape, number) = (planned.tape.clone(), planned.interaction.number());
        let trial = planned.trial().map_err(|reason| Unfit {
            tape: tape.display().to_string(),
            interaction: number,
            fault: reason.fault.to_string(),
            reason: reason.reason,
        })?;
        let attempt = match self.attempt(&trial).await {
            Ok(attempt) => attempt,
            Err(error) => return Ok(Err(error)),
        };
        // Whether some faults apply shows only to a client that is there.
        if let Some(reason) = self.new_problem(&attempt)
            && self.is_struck(&trial, &attempt)
        {
            let faults: Vec<String> = trial.faults.iter().map(ToString::to_string).collect();
            return Err(Unfit {
                tape: tape.display().to_string(),
                interaction: number,
                fault: faults.join(" "),
                reason,
            });
        }
        Ok(self.judged(trial, attempt).await)
    }

    fn new_problem(&self, attempt: &Attempt) -> Option<String> {
        let known = &self.baseline.report.problems;
        let mut problems = attempt.report.problems.iter();
        let problem = problems.find(|problem| !known.contains(problem))?;
        let reason = problem.rsplit_once("does not apply: ");
        Some(reason.map_or(&**problem, |(_, reason)| reason).to_owned())
    }

    fn is_struck(&self, trial: &Trial, attempt: &Attempt) -> bool {
        let struck = (trial.tape.clone(), trial.interaction.number());
        attempt.played.contains(&struck)
    }

    async fn judged(&self, trial: Trial, attempt: Attempt) -> Result<Run, Error> {
        let (trial, attempt) = match self.is_convicted(&trial, &attempt) {
            true => self.shrunk(trial, attempt).await?,
            false => (trial, attempt),
        };
        let outcome = self.outcome(&attempt);
        let verdict = self.verdict(&trial, &attempt);
        let line = self
            .drill
            .reproduction
            .line(&trial, self.shelf, attempt.repeats);
        Ok(Run {
            tape: trial.tape.display().to_string(),
            interaction: trial.interaction.number(),
            faults: trial.faults.iter().map(ToString::to_string).collect(),
            name: trial.faults.first().map_or("", |fault| fault.name()),
            class: trial.class,
            outcome,
            verdict,
            detail: self.detail(&attempt, outcome),
            reproduce: line,
            took: attempt.took,
        })
    }

    pub(super) async fn attempt(&self, trial: &Trial) -> Result<Attempt, Error> {
        let aim = Aim::new(trial.interaction.number()).on(&trial.tape);
        self.stage.attempt(policy(&trial.faults), Some(aim)).await
    }

    pub(super) fn is_convicted(&self, trial: &Trial, attempt: &Attempt) -> bool {
        self.verdict(trial, attempt) == Verdict::Convicted
    }

    fn verdict(&self, trial: &Trial, attempt: &Attempt) -> Verdict {
        let outcome = self.outcome(attempt);
        match is_wrong(trial.class, outcome) {
            // What hangs, or fails on a healthy tape, is wrong all the same.
            _ if outcome == Outcome::Same && !self.is_struck(trial, attempt) => Verdict::NotStruck,
            // Messages were out of order, and the answer is right all the same.
            true if outcome == Outcome::Same && trial.is_shuffled() => Verdict::Reported,
            // A client may print the counts, and then has to print something else.
            true if trial.class == Class::Benign
                && outcome == Outcome::Other
                && !trial.keeps_counts() =>
            {
                Verdict::Reported
            }
            true => Verdict::Convicted,
            false if trial.class == Class::Undetectable => Verdict::Reported,
            false => Verdict::Passed,
        }
    }

    fn outcome(&self, attempt: &Attempt) -> Outcome {
        match &attempt.made.ended {
            Ended::Success if attempt.made.output == self.baseline.made.output => Outcome::Same,
            Ended::Success => Outcome::Other,
            Ended::Failure(_) => Outcome::Failed,
            Ended::Crash(_) => Outcome::Crashed,
            Ended::Hung => Outcome::Hung,
        }
    }

    /// What the client did, in one line.
    fn detail(&self, attempt: &Attempt, outcome: Outcome) -> String {
        let mut words = match outcome {
            Outcome::Same => "success, and the same output".to_owned(),
            Outcome::Other => {
                let difference = self.baseline.made.output.difference(&attempt.made.output);
                format!("success, and another output: {difference}")
            }
            Outcome::Failed | Outcome::Crashed => attempt.made.ended.words(),
            Outcome::Hung => format!("no end within {:?}", self.drill.time_limit),
        };
        if attempt.report.missed_total > 0 {
            words.push_str("; it asked for what is not on the tapes");
        }
        words
    }

    /// A client whose output changes by itself would be convicted of every harmless fault.
    async fn hold(&self, report: &Report) -> Result<(), Error> {
        let is_other = |run: &Run| run.class == Class::Benign && run.outcome == Outcome::Other;
        if !report.runs.iter().any(is_other) {
            return Ok(());
        }
        let again = self.stage.attempt(Policy::new(), None).await?;
        match self.outcome(&again) {
            Outcome::Same => Ok(()),
            outcome => Err(Error::Unsteady(self.detail(&again, outcome))),
        }
    }
}

impl Report {
    /// Runs end in any order.
    fn in_order(&mut self) {
        let places: Vec<&str> = crate::policy::fault::FAULTS
            .iter()
            .map(|info| info.name())
            .collect();
        let place = |run: &Run| places.iter().position(|name| *name == run.name);
        self.runs.sort_by(|one, other| {
            let key = |run: &Run| (run.tape.clone(), run.interaction, place(run));
            let numbers = |run: &Run| natural(&run.faults.join(" "));
            key(one)
                .cmp(&key(other))
                .then_with(|| numbers(one).cmp(&numbers(other)))
        });
        // Two composites may shrink to the same.
        let mut seen = HashSet::new();
        self.runs
            .retain(|run| seen.insert((run.tape.clone(), run.interaction, run.faults.clone())));
        self.unfit.sort_by(|one, other| {
            (&one.tape, one.interaction, &one.fault).cmp(&(
                &other.tape,
                other.interaction,
                &other.fault,
            ))
        });
    }
}

/// Numbers in a spelling compare as numbers.
fn natural(text: &str) -> Vec<(String, u64)> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let word = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let digits = rest[word..].find(|c: char| !c.is_ascii_digit());
        let end = digits.map_or(rest.len(), |digits| word + digits);
        parts.push((
            rest[..word].to_owned(),
            rest[word..end].parse().unwrap_or(0),
        ));
        rest = &rest[end..];
    }
    parts
}
