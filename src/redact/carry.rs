//! Masks secrets in a stream of chunks, also those that straddle chunks, and never moves a border.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::placeholder::{self, Style};
use super::scan::{Hit, Scanner, What};
use super::shapes::LOOK_BEHIND;
use super::{Finding, Kind, Place, Shared, url};
use crate::cassette::{Chunk, Redacted};

/// Masks the chunks of one interaction's body.
///
/// A chunk is held back while a secret that ends later may begin in it, whole as it is, and comes
/// out with its border, length and time unchanged; every other chunk comes out at once. Held back
/// is at most the longest secret, or 8 KiB of what looks like a key. Time is linear in the bytes.
pub struct Masker {
    shared: Arc<Shared>,
    scanner: Scanner,
    /// The stream from byte `base` on: what may still belong to a secret, and a look behind.
    window: Vec<u8>,
    base: usize,
    held: VecDeque<Held>,
    /// Ends of secrets that may still have a part in what is held.
    hits: Vec<Hit>,
    masks: VecDeque<Mask>,
    masked_to: usize,
    chunks: u64,
    interaction: u64,
    findings: Vec<Finding>,
    masked: u64,
}

/// More findings tell no more, and a stream may repeat a secret without end.
const MOST_FINDINGS: usize = 1000;

struct Held {
    chunk: Chunk,
    number: u64,
    start: usize,
    end: usize,
}

/// A decided placeholder: its place in the stream and its text.
struct Mask {
    start: usize,
    text: Vec<u8>,
    number: u64,
    kind: Kind,
}

impl Mask {
    fn end(&self) -> usize {
        self.start + self.text.len()
    }
}

impl Masker {
    pub(super) fn new(shared: Arc<Shared>, scanner: Scanner) -> Masker {
        Masker {
            shared,
            scanner,
            window: Vec::new(),
            base: 0,
            held: VecDeque::new(),
            hits: Vec::new(),
            masks: VecDeque::new(),
            masked_to: 0,
            chunks: 0,
            interaction: 0,
            findings: Vec::new(),
            masked: 0,
        }
    }

    /// Takes the next chunk; returns those that are safe to write by now, in order.
    pub fn push(&mut self, chunk: Chunk) -> Vec<Chunk> {
        self.chunks += 1;
        self.interaction = chunk.interaction;
        let start = self.base + self.window.len();
        self.window.extend_from_slice(&chunk.bytes);
        let end = start + chunk.bytes.len();
        self.held.push_back(Held {
            chunk,
            number: self.chunks,
            start,
            end,
        });
        self.scanner.scan(&self.window, self.base, &mut self.hits);
        self.release(self.scanner.settled())
    }

    /// The body ended; returns the chunks still held back.
    pub fn finish(&mut self) -> Vec<Chunk> {
        self.scanner.finish(&self.window, self.base, &mut self.hits);
        self.release(usize::MAX)
    }

    /// Chunks that wait for what comes next.
    pub fn held_back(&self) -> usize {
        self.held.len()
    }

    /// What was masked so far, each where it begins; at most the first 1,000.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// How many secrets were masked so far.
    pub fn masked(&self) -> u64 {
        self.masked
    }

    /// Masks in one piece, and `spots` whatever they hold.
    pub(super) fn mask_whole(mut self, bytes: Bytes, spots: &[Spot]) -> Whole {
        self.window.extend_from_slice(&bytes);
        for Spot { range, what } in spots {
            self.hits.push(Hit {
                start: range.start,
                end: range.end,
                what: *what,
            });
        }
        self.scanner.scan(&self.window, 0, &mut self.hits);
        self.scanner.finish(&self.window, 0, &mut self.hits);
        self.decide(usize::MAX);
        let found = self.masks.iter().map(|mask| Found {
            place: Redacted {
                offset: mask.start,
                length: mask.text.len(),
                placeholder: mask.number,
            },
            kind: mask.kind.clone(),
        });
        let found: Vec<_> = found.collect();
        if found.is_empty() {
            return Whole { bytes, found };
        }
        let mut masked = bytes.to_vec();
        for mask in &self.masks {
            lay(&mut masked[mask.start..], &mask.text);
        }
        Whole {
            bytes: masked.into(),
            found,
        }
    }

    fn release(&mut self, settled: usize) -> Vec<Chunk> {
        self.decide(settled);
        let mut released = Vec::new();
        while self.held.front().is_some_and(|held| held.end <= settled) {
            if let Some(held) = self.held.pop_front() {
                released.push(self.overlay(held));
            }
        }
        self.forget(settled);
        released
    }

    /// Turns the hits that begin before `settled` into placeholders: no hit yet to come can begin
    /// before them, so what overlaps is known. The one that begins first has the bytes, of two
    /// that begin together the longer one.
    fn decide(&mut self, settled: usize) {
        if self.hits.is_empty() {
            return;
        }
        let order = |hit: &Hit| {
            (
                hit.start,
                usize::MAX - hit.end,
                matches!(hit.what, What::Shape(_)),
            )
        };
        self.hits.sort_by_key(order);
        let ready = self.hits.partition_point(|hit| hit.start < settled);
        let ready: Vec<Hit> = self.hits.drain(..ready).collect();
        for (index, hit) in ready.iter().enumerate() {
            if hit.end <= self.masked_to || self.is_free(hit) {
                continue;
            }
            let together = ready[index..]
                .iter()
                .take_while(|other| other.start == hit.start);
            let mut known = together.filter(|other| matches!(other.what, What::Literal(..)));
            let number = self.number(known.next().unwrap_or(hit));
            self.mask(hit, number);
        }
    }

    /// Whether a hit stays as it is: a rule allows it, or it is a placeholder already.
    fn is_free(&self, hit: &Hit) -> bool {
        let bytes = self.matched(hit);
        self.shared.allows(bytes) || self.shared.is_masked(bytes)
    }

    /// A key that begins with a known secret has that one's number, so that links stay.
    fn number(&self, hit: &Hit) -> u64 {
        match hit.what {
            What::Literal(secret, _) => self
                .shared
                .number(self.scanner.literals.secrets[secret].bytes()),
            What::Parameter => self.shared.number(&url::decode(self.matched(hit))),
            What::Shape(_) | What::Pointer => self.shared.number(self.matched(hit)),
        }
    }

    fn mask(&mut self, hit: &Hit, number: u64) {
        let shapes = self.scanner.shapes.clone();
        let prefix = shapes.prefix_of(self.matched(hit));
        let (style, kind) = match hit.what {
            What::Literal(_, style) => (style, Kind::Credential),
            What::Shape(_) => (Style::Plain, Kind::Key(prefix.to_owned())),
            What::Parameter => (Style::Plain, Kind::Credential),
            What::Pointer => (Style::Plain, Kind::Pointer),
        };
        let start = hit.start.max(self.masked_to);
        let whole = style == Style::Plain && start == hit.start;
        let prefix = if whole { prefix } else { "" };
        let text = placeholder::text(prefix, number, hit.end - start, style);
        self.masked_to = hit.end;
        self.masks.push_back(Mask {
            start,
            text,
            number,
            kind,
        });
    }

    fn matched(&self, hit: &Hit) -> &[u8] {
        &self.window[hit.start - self.base..hit.end - self.base]
    }

    fn overlay(&mut self, held: Held) -> Chunk {
        let Held {
            mut chunk,
            number,
            start,
            end,
        } = held;
        while self.masks.front().is_some_and(|mask| mask.end() <= start) {
            self.masks.pop_front();
        }
        let mut masked: Option<Vec<u8>> = None;
        for mask in self.masks.iter().take_while(|mask| mask.start < end) {
            let from = mask.start.max(start);
            let to = mask.end().min(end);
            if from == to {
                continue;
            }
            let bytes = masked.get_or_insert_with(|| chunk.bytes.to_vec());
            lay(
                &mut bytes[from - start..],
                &mask.text[from - mask.start..to - mask.start],
            );
            chunk.redacted.push(Redacted {
                offset: from - start,
                length: to - from,
                placeholder: mask.number,
            });
            if mask.start < start {
                continue;
            }
            self.masked += 1;
            if self.findings.len() < MOST_FINDINGS {
                self.findings.push(Finding {
                    interaction: Some(self.interaction),
                    place: Place::Chunk {
                        number,
                        offset: mask.start - start,
                    },
                    kind: mask.kind.clone(),
                    length: mask.text.len(),
                });
            }
        }
        if let Some(masked) = masked {
            chunk.bytes = masked.into();
            chunk.redacted.sort_by_key(|range| range.offset);
        }
        chunk
    }

    /// Lets go of bytes that nothing can need any more, in steps, so that time stays linear.
    fn forget(&mut self, settled: usize) {
        let first_hit = self
            .hits
            .iter()
            .map(|hit| hit.start)
            .min()
            .unwrap_or(usize::MAX);
        let needed = settled.min(first_hit).min(self.base + self.window.len());
        let unneeded = needed.saturating_sub(self.base).saturating_sub(LOOK_BEHIND);
        if unneeded > 4096 && unneeded > self.window.len() / 2 {
            self.window.drain(..unneeded);
            self.base += unneeded;
        }
    }
}

/// A range that is masked whatever stands in it.
pub(super) struct Spot {
    pub(super) range: std::ops::Range<usize>,
    pub(super) what: What,
}

/// Bytes after masking, and where in them something was masked.
pub(super) struct Whole {
    pub(super) bytes: Bytes,
    pub(super) found: Vec<Found>,
}

/// What was masked where.
pub(super) struct Found {
    pub(super) place: Redacted,
    pub(super) kind: Kind,
}

/// Line breaks stay: they are the framing of a stream, never a part of a key.
fn lay(bytes: &mut [u8], text: &[u8]) {
    for (byte, placeholder) in bytes.iter_mut().zip(text) {
        if !matches!(*byte, b'\r' | b'\n') {
            *byte = *placeholder;
        }
    }
}

impl fmt::Debug for Masker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Masker")
            .field("chunks", &self.chunks)
            .field("held_back", &self.held.len())
            .finish_non_exhaustive()
    }
}
