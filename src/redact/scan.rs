//! Finds secrets in a stream: known ones in all their spellings, and what looks like a key.

use std::collections::HashMap;
use std::sync::Arc;

use aho_corasick::automaton::{Automaton, StateID};
use aho_corasick::dfa::DFA;
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::{Anchored, PatternID};

use super::forms;
use super::placeholder::Style;
use super::shapes::{self, LOOK_BEHIND, Shape};
use super::{Error, Secret};

/// A secret in the stream, at bytes `start..end` of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// Index of a known secret, and its spelling's alphabet.
    Literal(usize, Style),
    /// Index of the shape it has.
    Shape(usize),
    /// A URL's part that holds a credential, percent-encoded.
    Parameter,
    /// What a rule's pointer names.
    Pointer,
}

/// An automaton that also tells how much of a pattern stands at the end of what it has read.
struct Patterns<A> {
    automaton: A,
    start: StateID,
    /// Bytes that lead away from the start.
    first: [bool; 256],
    depths: HashMap<StateID, usize>,
}

impl<A: Automaton> Patterns<A> {
    fn new(automaton: A, patterns: &[Vec<u8>]) -> Result<Patterns<A>, Error> {
        let start = automaton
            .start_state(Anchored::No)
            .map_err(|_| Error::Automaton)?;
        let mut first = [false; 256];
        let mut depths = HashMap::new();
        for pattern in patterns {
            let mut state = start;
            for (read, byte) in pattern.iter().enumerate() {
                first[usize::from(*byte)] |= read == 0;
                state = automaton.next_state(Anchored::No, state, *byte);
                // Reading a pattern's own prefix from the start ends in that prefix's node.
                depths.insert(state, read + 1);
            }
        }
        Ok(Patterns {
            automaton,
            start,
            first,
            depths,
        })
    }

    fn step(&self, state: StateID, byte: u8) -> StateID {
        // Most bytes of a stream are these, and a look at a table is less than a step.
        if state == self.start && !self.first[usize::from(byte)] {
            return state;
        }
        self.automaton.next_state(Anchored::No, state, byte)
    }

    /// The patterns that end in `state`, with their lengths.
    fn ended(&self, state: StateID) -> impl Iterator<Item = (usize, usize)> + '_ {
        let is_match = self.automaton.is_match(state);
        let count = if is_match {
            self.automaton.match_len(state)
        } else {
            0
        };
        (0..count).map(move |index| {
            let pattern: PatternID = self.automaton.match_pattern(state, index);
            (pattern.as_usize(), self.automaton.pattern_len(pattern))
        })
    }

    fn depth(&self, state: StateID) -> usize {
        self.depths.get(&state).copied().unwrap_or(0)
    }
}

/// All spellings of the secrets of one interaction.
pub(super) struct Literals {
    /// Built anew for new credentials, so it is the form that is quick to build.
    patterns: Patterns<NFA>,
    of_pattern: Vec<(usize, Style)>,
    pub(super) secrets: Vec<Secret>,
}

impl Literals {
    pub(super) fn new(secrets: Vec<Secret>) -> Result<Literals, Error> {
        let mut patterns = Vec::new();
        let mut of_pattern = Vec::new();
        for (index, secret) in secrets.iter().enumerate() {
            for form in forms::of(secret.bytes()) {
                patterns.push(form.bytes);
                of_pattern.push((index, form.style));
            }
        }
        Ok(Literals {
            patterns: Patterns::new(NFA::new(&patterns)?, &patterns)?,
            of_pattern,
            secrets,
        })
    }
}

/// The shapes of one redactor and their prefixes.
pub(super) struct Shapes {
    /// Built once, and left at most letters, so it is the form that is quick to run.
    patterns: Patterns<DFA>,
    pub(super) shapes: Vec<Shape>,
}

impl Shapes {
    pub(super) fn new(shapes: Vec<Shape>) -> Result<Shapes, Error> {
        let prefixes: Vec<_> = shapes
            .iter()
            .map(|shape| shape.prefix.as_bytes().to_vec())
            .collect();
        Ok(Shapes {
            patterns: Patterns::new(DFA::new(&prefixes)?, &prefixes)?,
            shapes,
        })
    }

    /// The longest prefix that `bytes` begin with; empty if none.
    pub(super) fn prefix_of(&self, bytes: &[u8]) -> &str {
        self.shapes
            .iter()
            .map(|shape| shape.prefix.as_str())
            .filter(|prefix| bytes.starts_with(prefix.as_bytes()))
            .max_by_key(|prefix| prefix.len())
            .unwrap_or("")
    }
}

/// A prefix was seen at `start`, and only characters of its shape since.
#[derive(Debug, Clone, Copy)]
struct Run {
    start: usize,
    shape: usize,
}

/// The state of one stream between two pieces of it.
///
/// Memory does not grow with the stream: two automaton states, and at most one run for a shape.
pub(super) struct Scanner {
    pub(super) literals: Arc<Literals>,
    pub(super) shapes: Arc<Shapes>,
    literal: StateID,
    prefix: StateID,
    runs: Vec<Run>,
    at: usize,
}

impl Scanner {
    pub(super) fn new(literals: Arc<Literals>, shapes: Arc<Shapes>) -> Scanner {
        let (literal, prefix) = (literals.patterns.start, shapes.patterns.start);
        Scanner {
            literals,
            shapes,
            literal,
            prefix,
            runs: Vec::new(),
            at: 0,
        }
    }

    /// Reads the rest of `window`, whose first byte is byte `base` of the stream, and adds what
    /// ends in it to `hits`.
    ///
    /// The window holds everything from [`settled`](Scanner::settled) on and [`LOOK_BEHIND`] bytes
    /// before that.
    pub(super) fn scan(&mut self, window: &[u8], base: usize, hits: &mut Vec<Hit>) {
        let (literals, shapes) = (self.literals.clone(), self.shapes.clone());
        for (index, byte) in window.iter().enumerate().skip(self.at - base) {
            let end = base + index + 1;
            if !self.runs.is_empty() {
                self.follow(window, base, end, *byte, hits);
            }
            self.prefix = shapes.patterns.step(self.prefix, *byte);
            for (shape, length) in shapes.patterns.ended(self.prefix) {
                let start = end - length;
                let free = self.runs.iter().all(|run| run.shape != shape);
                let before = &window[..start - base];
                let before = &before[before.len().saturating_sub(LOOK_BEHIND)..];
                if free && shapes::begins_word(before) {
                    self.runs.push(Run { start, shape });
                }
            }
            self.literal = literals.patterns.step(self.literal, *byte);
            for (pattern, length) in literals.patterns.ended(self.literal) {
                let (secret, style) = literals.of_pattern[pattern];
                hits.push(Hit {
                    start: end - length,
                    end,
                    what: What::Literal(secret, style),
                });
            }
        }
        self.at = base + window.len();
    }

    /// The stream ends here: runs that are long enough are keys.
    pub(super) fn finish(&mut self, window: &[u8], base: usize, hits: &mut Vec<Hit>) {
        for run in std::mem::take(&mut self.runs) {
            self.close(run, window, base, self.at, hits);
        }
        self.literal = self.literals.patterns.start;
        self.prefix = self.shapes.patterns.start;
    }

    /// No secret that ends in bytes yet to come begins before this byte of the stream.
    pub(super) fn settled(&self) -> usize {
        let literal = self.literals.patterns.depth(self.literal);
        let prefix = self.shapes.patterns.depth(self.prefix);
        let run = self
            .runs
            .iter()
            .map(|run| run.start)
            .min()
            .unwrap_or(self.at);
        run.min(self.at - literal.max(prefix))
    }

    /// Goes on with every run by one byte, the one before `end`.
    fn follow(&mut self, window: &[u8], base: usize, end: usize, byte: u8, hits: &mut Vec<Hit>) {
        let mut index = 0;
        while let Some(run) = self.runs.get(index).copied() {
            let shape = &self.shapes.shapes[run.shape];
            let goes_on = shape.chars.contain(byte);
            let full = end - run.start >= shape.longest_run();
            if goes_on && !full {
                index += 1;
                continue;
            }
            self.runs.swap_remove(index);
            self.close(run, window, base, if goes_on { end } else { end - 1 }, hits);
        }
    }

    fn close(&self, run: Run, window: &[u8], base: usize, end: usize, hits: &mut Vec<Hit>) {
        let shape = &self.shapes.shapes[run.shape];
        if let Some(length) = shape.key_in(&window[run.start - base..end - base]) {
            let end = run.start + length;
            hits.push(Hit {
                start: run.start,
                end,
                what: What::Shape(run.shape),
            });
        }
    }
}
