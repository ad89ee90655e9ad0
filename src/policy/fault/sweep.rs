//! A whole catalogue on one tape.

use std::collections::HashSet;

use super::class::{Class, classify};
use super::scene::{Index, Scene};
use super::{FAULTS, Fault, NotApplicable};
use crate::cassette::Interaction;
use crate::policy::rng::Rng;
use crate::policy::{Policy, Timing};

/// How much of a tape a sweep tries.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sweep {
    /// Whether the body is cut behind every frame; else behind one.
    pub every_frame: bool,
    /// At how many bytes, drawn from the seed, the body is cut; `None` is at every one.
    pub bytes: Option<usize>,
    /// How many places are drawn for each fault that strikes at a frame.
    pub places: usize,
    /// The faults that are tried, by name; empty is all of them.
    pub faults: Vec<String>,
}

impl Default for Sweep {
    fn default() -> Sweep {
        Sweep {
            every_frame: true,
            bytes: Some(32),
            places: 2,
            faults: Vec::new(),
        }
    }
}

impl Sweep {
    /// The default sweep: every fault at two places, a cut behind every frame and at 32 bytes.
    pub fn new() -> Sweep {
        Sweep::default()
    }

    /// The same, with a cut at every byte.
    #[must_use]
    pub fn exhaustive(mut self) -> Sweep {
        self.bytes = None;
        self
    }
}

/// A tape's interaction with something wrong with it, spelled by place.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mutant {
    /// What goes wrong, in this order.
    pub faults: Vec<Fault>,
    /// What that asks of a client.
    pub class: Class,
}

/// The mutants of an interaction under a sweep: the same for the same seed, each spelled by its
/// place so that it can be played again alone. A fault that means nothing on this tape is an error
/// in its place.
///
/// ```
/// use rigtape::cassette::Cassette;
/// use rigtape::policy::fault::{Class, Sweep, mutants};
///
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/cassettes/openai-chat/tool_call.jsonl");
/// let tape = Cassette::open(path)?;
/// let interaction = tape.interaction(1)?.unwrap();
/// let sweep = Sweep::new();
/// let harmful = mutants(&interaction, 7, &sweep)
///     .flatten()
///     .filter(|mutant| mutant.class == Class::Harmful);
/// assert!(harmful.count() > 10);
/// # Ok::<(), rigtape::cassette::Error>(())
/// ```
pub fn mutants(
    interaction: &Interaction,
    seed: u64,
    sweep: &Sweep,
) -> impl Iterator<Item = Result<Mutant, NotApplicable>> {
    spellings(interaction, seed, sweep)
        .into_iter()
        .map(move |faults| {
            let policy = Policy {
                timing: Timing::Instant,
                faults,
                ..Policy::new()
            };
            let class = classify(&policy, interaction)?;
            Ok(Mutant {
                faults: policy.faults,
                class,
            })
        })
}

pub(crate) fn spellings(interaction: &Interaction, seed: u64, sweep: &Sweep) -> Vec<Vec<Fault>> {
    let scene = Scene::new(interaction, Policy::new().stage(interaction));
    let mut drawn = Drawn {
        rng: Rng::new(seed),
        index: scene.index(),
        sweep,
        list: Vec::new(),
        seen: HashSet::new(),
    };
    for info in FAULTS {
        if sweep.faults.is_empty() || sweep.faults.iter().any(|name| name == info.name()) {
            drawn.add(info.name());
        }
    }
    drawn.list
}

struct Drawn<'a> {
    rng: Rng,
    index: Index,
    sweep: &'a Sweep,
    list: Vec<Vec<Fault>>,
    seen: HashSet<String>,
}

impl Drawn<'_> {
    fn add(&mut self, name: &str) {
        match name {
            // These two end a body for the client in the two ways that matter at every place.
            "cut" | "truncate" => {
                self.at_frames(name, self.sweep.every_frame);
                self.at_bytes(name);
            }
            "reset" | "half-close" => self.at_frames(name, false),
            "stall" => {
                self.at_frames(name, false);
                self.each_place(|number| format!("stall:frame={number},for=20ms"));
            }
            "split" => {
                self.put(&["split:at=utf8"]);
                self.put(&["crlf", "split:at=crlf"]);
                self.put(&["split:at=data"]);
            }
            "merge" => {
                self.put(&["merge"]);
                self.put(&["merge:count=2"]);
            }
            "drip" => self.put(&["drip"]),
            "content-type" => {
                self.put(&["content-type:as=text/plain"]);
                self.put(&["content-type:as=text/html"]);
            }
            "status" => {
                for code in [400, 401, 408, 429, 500, 502, 503, 529] {
                    let waits = matches!(code, 429 | 503 | 529);
                    let wait = if waits { ",retry-after=0s" } else { "" };
                    self.put(&[&format!("status:code={code}{wait}")]);
                }
            }
            // A fault without a fitting frame says so itself.
            _ if takes_frame(name) => self.each_fitting(name),
            _ => self.put(&[name]),
        }
    }

    fn at_frames(&mut self, name: &str, every: bool) {
        let numbers: Vec<u64> = self.index.frames.iter().map(|frame| frame.number).collect();
        if numbers.is_empty() {
            return self.put(&[name]);
        }
        if every {
            self.put(&[&format!("{name}:frame=0")]);
            for number in numbers {
                self.put(&[&format!("{name}:frame={number}")]);
            }
            return;
        }
        self.each_place(|number| format!("{name}:frame={number}"));
    }

    /// Behind drawn frames, or before the first.
    fn each_place(&mut self, spell: impl Fn(u64) -> String) {
        for _ in 0..self.sweep.places {
            let count = self.index.frames.len() as u64;
            let place = self.rng.next_u64() % count.max(1);
            let number = match place {
                0 => 0,
                place => self.index.frames[place as usize - 1].number,
            };
            self.put(&[&spell(number)]);
        }
    }

    fn at_bytes(&mut self, name: &str) {
        let length = self.index.body.len();
        let mut places: Vec<usize> = match self.sweep.bytes {
            None => (0..length).collect(),
            Some(count) if count >= length => (0..length).collect(),
            Some(count) => (0..count)
                .map(|_| (self.rng.next_u64() % length as u64) as usize)
                .collect(),
        };
        places.sort_unstable();
        places.dedup();
        for place in places {
            self.put(&[&format!("{name}:byte={place}")]);
        }
    }

    /// At drawn frames among those that the fault takes.
    fn each_fitting(&mut self, name: &str) {
        let fits: Vec<u64> = self
            .index
            .frames
            .iter()
            .filter(|frame| match name {
                "bad-json" | "unknown-field" => frame.is_object(),
                "duplicate" | "drop" | "swap" | "unknown-line" => frame.has_data(),
                _ => true,
            })
            .map(|frame| frame.number)
            .collect();
        if fits.is_empty() {
            return self.put(&[name]);
        }
        for _ in 0..self.sweep.places {
            let place = (self.rng.next_u64() % fits.len() as u64) as usize;
            let number = fits[place];
            self.put(&[&format!("{name}:frame={number}")]);
        }
    }

    fn put(&mut self, spelled: &[&str]) {
        let faults: Result<Vec<Fault>, _> = spelled.iter().map(|text| text.parse()).collect();
        // What is spelled here is in the catalogue; a test walks all of it.
        if let Ok(faults) = faults
            && self.seen.insert(spelled.join(" "))
        {
            self.list.push(faults);
        }
    }
}

fn takes_frame(name: &str) -> bool {
    let info = FAULTS.iter().find(|info| info.name() == name);
    info.is_some_and(|info| info.keys().contains(&"frame"))
}
