//! The choice of an interaction for a request.

use std::sync::Arc;

use super::Asked;
use super::compare;
use super::form::{Digest, Form};
use super::miss;
use super::sketch::Sketch;
use super::{Library, Miss, Order, Reuse, Rules, Tape, Uses};
use crate::cassette::{Error, Interaction, Request};

/// The interaction that answers a request.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Chosen {
    /// The tape it is on.
    pub tape: Arc<Tape>,
    /// Its place among the tape's [`entries`](crate::cassette::Cassette::entries).
    pub index: usize,
    /// The interaction. It may lack a response head, when none ever arrived.
    pub interaction: Arc<Interaction>,
    /// Whether it had been played before.
    pub is_repeat: bool,
}

/// Where an interaction is: indices of a tape and of its entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Slot {
    pub(super) tape: usize,
    pub(super) entry: usize,
}

impl Library {
    /// Chooses the interaction that answers `asked`, and counts it as played.
    ///
    /// The request has to be masked as the recorded ones are, and to be without a scope's prefix in
    /// its path. Its URL, where it is known, tells the upstream that is meant.
    ///
    /// # Errors
    ///
    /// A [`Miss`] when no interaction matches, or none that may still be played.
    pub fn choose(&self, uses: &mut Uses, asked: &Request) -> Result<Chosen, Box<Miss>> {
        self.answer(uses, &Asked::new(asked.clone()))
    }

    /// [`choose`](Library::choose) for a request that may be asked again.
    ///
    /// # Errors
    ///
    /// As [`choose`](Library::choose).
    pub fn answer(&self, uses: &mut Uses, asked: &Asked) -> Result<Chosen, Box<Miss>> {
        let mut question = Question::new(self, asked);
        let chosen = question.unplayed(uses).or_else(|| question.repeated(uses));
        let Some((slot, interaction)) = chosen else {
            return Err(Box::new(miss::of(&mut question, uses)));
        };
        let tape = self.tapes[slot.tape].clone();
        let is_repeat = uses.times(&tape, slot.entry) > 0;
        uses.play(&tape, slot.entry);
        Ok(Chosen {
            tape,
            index: slot.entry,
            interaction,
            is_repeat,
        })
    }
}

/// One request that is asked.
pub(super) struct Question<'l> {
    pub(super) library: &'l Library,
    pub(super) asked: &'l Request,
    pub(super) slots: &'l [Slot],
    of: &'l Asked,
    sketches: Vec<(&'l Rules, Sketch)>,
    /// Tapes that could not be read any more.
    pub(super) troubles: Vec<Error>,
}

type Found = (Slot, Arc<Interaction>);

impl<'l> Question<'l> {
    fn new(library: &'l Library, of: &'l Asked) -> Question<'l> {
        Question {
            library,
            asked: &of.request,
            slots: library.routes.get(&of.route).map_or(&[], Vec::as_slice),
            of,
            sketches: Vec::new(),
            troubles: Vec::new(),
        }
    }

    fn unplayed(&mut self, uses: &Uses) -> Option<Found> {
        let (library, slots) = (self.library, self.slots);
        slots.iter().find_map(|slot| {
            let tape = &library.tapes[slot.tape];
            let may = match tape.order() {
                Order::Any => uses.times(tape, slot.entry) == 0,
                Order::Ordered => uses.next(tape) == slot.entry,
            };
            if may { self.found(*slot) } else { None }
        })
    }

    /// What was played and may answer again, now that nothing unplayed does.
    fn repeated(&mut self, uses: &Uses) -> Option<Found> {
        let (library, slots) = (self.library, self.slots);
        slots.iter().rev().find_map(|slot| {
            let tape = &library.tapes[slot.tape];
            let may = tape.reuse() == Reuse::RepeatLast
                && match tape.order() {
                    Order::Any => uses.times(tape, slot.entry) > 0,
                    Order::Ordered => uses.last(tape) == Some(slot.entry),
                };
            if may { self.found(*slot) } else { None }
        })
    }

    /// The interaction of the slot, if it matches.
    fn found(&mut self, slot: Slot) -> Option<Found> {
        match self.matching(slot) {
            Ok(found) => found.map(|interaction| (slot, interaction)),
            Err(error) => {
                self.troubles.push(error);
                None
            }
        }
    }

    fn matching(&mut self, slot: Slot) -> Result<Option<Arc<Interaction>>, Error> {
        let library = self.library;
        let tape = &library.tapes[slot.tape];
        let key = tape.key(slot.entry, &library.cache)?;
        let (form, digest) = self.form(tape.rules());
        if key.digest != digest {
            let fits = key.is_wild && {
                let loaded = tape.loaded(slot.entry, &library.cache)?;
                compare::fits(loaded.form(tape.rules()), &form)
            };
            if !fits {
                return Ok(None);
            }
        }
        if self.other_host(slot)?.is_some() {
            return Ok(None);
        }
        let interaction = tape.loaded(slot.entry, &library.cache)?.interaction.clone();
        Ok(self
            .verdict(&interaction.request)
            .is_ok()
            .then_some(interaction))
    }

    /// What the matchers of the user say.
    pub(super) fn verdict(&self, recorded: &Request) -> Result<(), String> {
        let mut matchers = self.library.matchers().iter();
        matchers.try_for_each(|matcher| matcher(recorded, self.asked))
    }

    /// The hosts of the recorded request and of the asked one, where they differ and that matters.
    pub(super) fn other_host(&self, slot: Slot) -> Result<Option<(&'l str, &str)>, Error> {
        let library = self.library;
        let tape = &library.tapes[slot.tape];
        let host = |entry| -> Result<Option<&'l str>, Error> {
            Ok(tape.key(entry, &library.cache)?.host.as_deref())
        };
        let (Some(recorded), Some(asked)) = (host(slot.entry)?, self.of.host.as_deref()) else {
            return Ok(None);
        };
        if recorded == asked {
            return Ok(None);
        }
        if tape.rules().host == Some(true) {
            return Ok(Some((recorded, asked)));
        }
        if tape.rules().host == Some(false) {
            return Ok(None);
        }
        for other in self.slots.iter().filter(|other| other.tape == slot.tape) {
            if host(other.entry)? == Some(asked) {
                return Ok(Some((recorded, asked)));
            }
        }
        Ok(None)
    }

    pub(super) fn sketch(&mut self, rules: &'l Rules) -> Sketch {
        if let Some((_, sketch)) = self.sketches.iter().find(|(own, _)| *own == rules) {
            return *sketch;
        }
        let sketch = Sketch::of(&self.form(rules).0);
        self.sketches.push((rules, sketch));
        sketch
    }

    /// The asked request's form under `rules`.
    pub(super) fn form(&mut self, rules: &Rules) -> (Arc<Form>, Digest) {
        self.of.form(rules)
    }
}
