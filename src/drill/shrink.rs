//! A conviction by several faults, made one by as little as possible.

use std::collections::HashSet;

use super::Error;
use super::attempt::Attempt;
use super::outcome::Made;
use super::plan::{Planned, Trial, policy};
use super::run::Drilling;
use crate::policy::fault::{Fault, Performance};

/// Borders that are tried one by one.
const MAX_BORDERS: usize = 24;

impl<F, Fut> Drilling<'_, F>
where
    F: Fn(String) -> Fut,
    Fut: Future<Output = std::io::Result<Made>>,
{
    /// The smallest trial found that convicts the client as well.
    pub(super) async fn shrunk(
        &self,
        mut trial: Trial,
        mut attempt: Attempt,
    ) -> Result<(Trial, Attempt), Error> {
        'smaller: loop {
            for faults in smaller(&trial) {
                let planned = Planned {
                    tape: trial.tape.clone(),
                    interaction: trial.interaction.clone(),
                    faults,
                };
                let Ok(candidate) = planned.trial() else {
                    continue;
                };
                if candidate.class != trial.class {
                    continue;
                }
                let tried = self.attempt(&candidate).await?;
                if self.is_convicted(&candidate, &tried) {
                    (trial, attempt) = (candidate, tried);
                    continue 'smaller;
                }
            }
            return Ok((trial, attempt));
        }
    }
}

/// The same with a fault less, or with one border of many.
fn smaller(trial: &Trial) -> Vec<Vec<Fault>> {
    let faults = &trial.faults;
    let mut all = Vec::new();
    if faults.len() > 1 {
        for left_out in 0..faults.len() {
            let kept = faults.iter().enumerate();
            let kept = kept.filter(|(place, _)| *place != left_out);
            all.push(kept.map(|(_, fault)| fault.clone()).collect());
        }
    }
    let Some((last, before)) = faults.split_last() else {
        return all;
    };
    if last.name() != "split" || last.to_string().contains("byte=") {
        return all;
    }
    let plain = policy(before).perform(&trial.interaction);
    let split = policy(faults).perform(&trial.interaction);
    if let (Ok(plain), Ok(split)) = (plain, split) {
        let known = borders(&plain);
        let mut new: Vec<usize> = borders(&split).difference(&known).copied().collect();
        new.sort_unstable();
        let step = new.len().div_ceil(MAX_BORDERS).max(1);
        for border in new.into_iter().step_by(step) {
            if let Ok(one) = format!("split:byte={border}").parse() {
                all.push(before.iter().cloned().chain([one]).collect());
            }
        }
    }
    all
}

fn borders(played: &Performance) -> HashSet<usize> {
    let mut end = 0;
    let ends = played.chunks.iter().map(|chunk| {
        end += chunk.bytes.len();
        end
    });
    ends.collect()
}
