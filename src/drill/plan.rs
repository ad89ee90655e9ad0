//! What is tried: which answers, and what goes wrong with them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::report::Skipped;
use super::{Drill, Error};
use crate::cassette::{How, Interaction};
use crate::dialect::Answer;
use crate::matching::Library;
use crate::policy::Policy;
use crate::policy::fault::{Class, Fault, NotApplicable, Performance, classify, spellings};
use crate::transcript::{Ending, Usage};

/// One mutant of a tape: an interaction, and what goes wrong with it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Trial {
    /// Path or name of the tape.
    pub tape: PathBuf,
    /// The interaction that is struck.
    pub interaction: Arc<Interaction>,
    /// What goes wrong, in this order.
    pub faults: Vec<Fault>,
    /// What that asks of a client.
    pub class: Class,
}

impl Trial {
    /// What a client meets: head, pieces, ending.
    ///
    /// # Errors
    ///
    /// [`NotApplicable`] when the faults mean nothing on this answer, which is so only where they have
    /// been changed.
    pub fn performance(&self) -> Result<Performance, NotApplicable> {
        policy(&self.faults).perform(&self.interaction)
    }

    /// Whether the worst of it is that messages come twice, not at all or in another order.
    pub(super) fn is_shuffled(&self) -> bool {
        let mut faults = self.faults.iter().map(|fault| fault.info().class());
        faults.all(|class| class != Class::Harmful)
    }

    /// Whether the answer's token counts are what they were.
    pub(super) fn keeps_counts(&self) -> bool {
        let Ok(played) = self.performance() else {
            return true;
        };
        let played = played
            .decoded()
            .into_interaction(self.interaction.request.clone());
        counts(&played) == counts(&self.interaction)
    }
}

/// A trial that is not classified yet: reading a tape for each of thousands takes its time.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    pub(super) tape: PathBuf,
    pub(super) interaction: Arc<Interaction>,
    pub(super) faults: Vec<Fault>,
}

impl Planned {
    pub(super) fn trial(self) -> Result<Trial, NotApplicable> {
        let class = classify(&policy(&self.faults), &self.interaction)?;
        Ok(Trial {
            tape: self.tape,
            interaction: self.interaction,
            faults: self.faults,
            class,
        })
    }
}

impl Drill {
    /// The mutants of every answer on the tapes, for a client that takes bytes: no server, no
    /// undisturbed run. A fault that means nothing on an answer is an error in its place.
    ///
    /// ```
    /// use rigtape::cassette::Cassette;
    /// use rigtape::policy::fault::Class;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/cassettes/openai-chat/tool_call.jsonl");
    /// let tape = Cassette::open(path)?;
    /// for trial in rigtape::drill(&tape).mutants()?.flatten() {
    ///     let played = trial.performance()?;
    ///     let pieces = played.chunks.iter().map(|chunk| &chunk.bytes);
    ///     // What does the parser make of them, and of `played.ending`?
    /// #   assert!(trial.class != Class::Benign || pieces.count() > 0);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the tapes cannot be read.
    pub fn mutants(
        self,
    ) -> Result<impl Iterator<Item = Result<Trial, NotApplicable>> + use<>, Error> {
        let library = self.tapes.open(self.matching)?;
        let mut planned = Vec::new();
        for tape in library.tapes() {
            for interaction in tape.cassette().interactions() {
                let interaction = Arc::new(interaction?);
                if unfit(&interaction).is_none() {
                    let path = tape.path();
                    planned.extend(of(path, interaction, &self.faults, self.seed, &self.sweep));
                }
            }
        }
        Ok(planned.into_iter().map(Planned::trial))
    }
}

/// The plan for the answers that a client has asked for, and those of them that are left alone.
pub(super) fn plan(
    library: &Library,
    asked: &[(PathBuf, u64)],
    drill: &Drill,
) -> Result<(Vec<Planned>, Vec<Skipped>), Error> {
    let (mut planned, mut skipped) = (Vec::new(), Vec::new());
    for (path, number) in asked {
        let tape = library.tapes().iter().find(|tape| tape.path() == path);
        let Some(tape) = tape else { continue };
        let Some(interaction) = tape.cassette().interaction(*number)? else {
            continue;
        };
        match unfit(&interaction) {
            Some(reason) => skipped.push(Skipped {
                tape: path.display().to_string(),
                interaction: *number,
                reason,
            }),
            None => {
                let interaction = Arc::new(interaction);
                planned.extend(of(
                    path,
                    interaction,
                    &drill.faults,
                    drill.seed,
                    &drill.sweep,
                ));
            }
        }
    }
    Ok((in_turns(planned), skipped))
}

fn of(
    tape: &Path,
    interaction: Arc<Interaction>,
    given: &[Vec<Fault>],
    seed: u64,
    sweep: &crate::policy::fault::Sweep,
) -> impl Iterator<Item = Planned> + use<> {
    let faults = match given.is_empty() {
        true => spellings(&interaction, seed, sweep),
        false => given.to_vec(),
    };
    let tape = tape.to_owned();
    faults.into_iter().map(move |faults| Planned {
        tape: tape.clone(),
        interaction: interaction.clone(),
        faults,
    })
}

/// One of each kind, then the next of each: a drill that is stopped has tried them all.
fn in_turns(planned: Vec<Planned>) -> Vec<Planned> {
    type Kind = (PathBuf, u64, &'static str);
    let mut counts: Vec<(Kind, usize)> = Vec::new();
    let mut ranked: Vec<(usize, Planned)> = Vec::with_capacity(planned.len());
    for one in planned {
        let name = one.faults.first().map_or("", Fault::name);
        let kind = (one.tape.clone(), one.interaction.number(), name);
        let rank = match counts.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => {
                *count += 1;
                *count
            }
            None => {
                counts.push((kind, 0));
                0
            }
        };
        ranked.push((rank, one));
    }
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, one)| one).collect()
}

/// Why an answer cannot be drilled: nothing could be said about what is right.
pub(super) fn unfit(interaction: &Interaction) -> Option<String> {
    let Some(head) = &interaction.response else {
        return Some("no response came".to_owned());
    };
    if !(200..300).contains(&head.status) {
        return Some(format!("its status is {}", head.status));
    }
    match interaction.how() {
        Some(How::Complete) => {}
        Some(how) => return Some(format!("it broke off when it was recorded (`{how}`)")),
        None => return Some("its recorder died".to_owned()),
    }
    match Answer::of(interaction) {
        Some(Answer::Transcript(said)) if said.ending != Ending::Complete => {
            Some(format!("its answer is {}", said.ending))
        }
        _ => None,
    }
}

fn counts(of: &Interaction) -> Option<Usage> {
    match Answer::of(of)? {
        Answer::Transcript(said) => Some(said.usage),
        Answer::Opaque(_) => None,
    }
}

pub(super) fn policy(faults: &[Fault]) -> Policy {
    Policy {
        faults: faults.to_vec(),
        ..Policy::new()
    }
}
