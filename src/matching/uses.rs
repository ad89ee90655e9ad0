//! Which interactions one scope has played.

use std::collections::HashMap;

use super::Tape;

/// What one scope has played of a [`Library`](super::Library): plain data, empty to begin with.
///
/// It knows tapes by their [`id`](Tape::id), so it goes on with a library that was
/// [reopened](super::Library::reopened): unchanged tapes keep their counts, changed ones begin anew.
#[derive(Debug, Clone, Default)]
pub struct Uses {
    tapes: HashMap<u64, Played>,
}

#[derive(Debug, Clone, Default)]
struct Played {
    /// How often each was played.
    times: Vec<u32>,
    last: usize,
    /// All before it were played.
    next: usize,
}

impl Uses {
    /// Nothing was played.
    pub fn new() -> Uses {
        Uses::default()
    }

    /// How often the interaction at `index` of the tape's entries was played.
    pub fn times(&self, tape: &Tape, index: usize) -> u32 {
        let played = self.tapes.get(&tape.id());
        played.map_or(0, |played| played.times[index])
    }

    /// Whether anything of the tape was played.
    pub fn touches(&self, tape: &Tape) -> bool {
        self.tapes.contains_key(&tape.id())
    }

    /// Whether nothing was played.
    pub fn is_empty(&self) -> bool {
        self.tapes.is_empty()
    }

    /// How often interactions were played, all together.
    pub fn total(&self) -> u64 {
        let times = self.tapes.values().flat_map(|played| &played.times);
        times.map(|times| u64::from(*times)).sum()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.tapes.clear();
    }

    /// Counts the interaction at `index` of the tape's entries as played, once more.
    pub fn play(&mut self, tape: &Tape, index: usize) {
        let played = self.tapes.entry(tape.id()).or_default();
        if played.times.is_empty() {
            played.times = vec![0; tape.cassette().len()];
        }
        played.times[index] = played.times[index].saturating_add(1);
        played.last = index;
        while played
            .times
            .get(played.next)
            .is_some_and(|times| *times > 0)
        {
            played.next += 1;
        }
    }

    /// Index of the tape's first unplayed interaction; its length when there is none.
    pub(super) fn next(&self, tape: &Tape) -> usize {
        self.tapes.get(&tape.id()).map_or(0, |played| played.next)
    }

    /// Index of what was played last of the tape.
    pub(super) fn last(&self, tape: &Tape) -> Option<usize> {
        self.tapes.get(&tape.id()).map(|played| played.last)
    }
}
