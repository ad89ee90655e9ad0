//! Why no interaction answers a request.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::choose::{Question, Slot};
use super::compare::{self, At, Unequal};
use super::value::Value;
use super::wording::{self, clean, cut};
use super::{Order, Reuse, Rules, Uses, suggest};

/// How many interactions are compared in detail, the most similar ones.
const COMPARED: usize = 12;

/// How many of them are told.
const TOLD: usize = 3;

/// How many differences of one interaction are kept.
const KEPT: usize = 12;

/// How many are counted.
const COUNTED: usize = 1_000;

/// No interaction answers a request: the nearest ones, and what keeps them from it.
///
/// Its text says all of it, in a few kilobytes at most.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Miss {
    /// Method of the request.
    pub method: String,
    /// Target of the request.
    pub target: String,
    /// The interactions of this route that are most like it, the nearest first.
    pub nearest: Vec<Nearest>,
    /// Number of interactions of this route.
    pub candidates: usize,
    /// Where there is none of this route: the routes that there are, with how many interactions
    /// each has.
    pub routes: Vec<(String, usize)>,
    /// Number of tapes.
    pub tapes: usize,
    /// Rules under which the nearest interaction would match.
    pub rules: Option<Rules>,
    /// Tapes that could not be read.
    pub troubles: Vec<String>,
}

/// One interaction, and why it does not answer.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Nearest {
    /// Path or name of its tape.
    pub cassette: String,
    /// Its number.
    pub interaction: u64,
    /// Line of its request.
    pub line: u64,
    /// What keeps it from answering apart from the differences.
    pub standing: Standing,
    /// What differs; empty when it matches.
    pub differences: Vec<Difference>,
    /// How many more things differ.
    pub more: usize,
}

/// Whether an interaction may be played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Standing {
    /// It may.
    Free,
    /// It was played already.
    Played,
    /// Its tape is ordered, and the interaction of this number is next; none when all were played.
    NotNext(Option<u64>),
}

/// One thing that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Difference {
    /// Where: a JSON pointer into the body, or words.
    pub place: String,
    /// The recorded value, shortened; none when it is absent.
    pub recorded: Option<String>,
    /// The asked value, shortened; none when it is absent.
    pub asked: Option<String>,
}

pub(super) fn of(question: &mut Question<'_>, uses: &Uses) -> Miss {
    let library = question.library;
    let mut troubles: Vec<String> = question.troubles.iter().map(ToString::to_string).collect();
    troubles.dedup();
    let mut miss = Miss {
        method: question.asked.method.clone(),
        target: question.asked.target.clone(),
        nearest: Vec::new(),
        candidates: question.slots.len(),
        routes: Vec::new(),
        tapes: library.tapes().len(),
        rules: None,
        troubles,
    };
    if question.slots.is_empty() {
        miss.routes = routes(question);
        return miss;
    }
    let mut compared: Vec<Compared> = similar(question, uses)
        .into_iter()
        .filter_map(|slot| compare(question, slot))
        .collect();
    compared.sort_by_key(|of| (!of.is_match(), of.unequal.len()));
    compared.truncate(TOLD);
    miss.nearest = compared.iter().map(|of| of.told(question, uses)).collect();
    if let (Some(first), Some(near)) = (compared.first(), miss.nearest.first())
        && near.standing == Standing::Free
        && first.otherwise.is_empty()
    {
        miss.rules = suggest::rules(&first.unequal);
    }
    miss
}

/// The slots most like the request; of equal ones those that may still be played, in order.
fn similar(question: &mut Question<'_>, uses: &Uses) -> Vec<Slot> {
    let library = question.library;
    let mut ranked: Vec<(usize, bool, usize)> = Vec::with_capacity(question.slots.len());
    for (index, slot) in question.slots.iter().enumerate() {
        let tape = &library.tapes[slot.tape];
        let Ok(key) = tape.key(slot.entry, &library.cache) else {
            continue;
        };
        let sketch = question.sketch(tape.rules());
        let is_played = uses.times(tape, slot.entry) > 0;
        ranked.push((16 - key.sketch.common(&sketch), is_played, index));
    }
    ranked.sort_unstable();
    let slots = ranked
        .iter()
        .take(COMPARED)
        .map(|(.., index)| question.slots[*index]);
    slots.collect()
}

/// An interaction beside the request.
struct Compared {
    slot: Slot,
    unequal: Vec<Unequal>,
    /// What else is against it: its host, a matcher.
    otherwise: Vec<Difference>,
}

fn compare(question: &mut Question<'_>, slot: Slot) -> Option<Compared> {
    let library = question.library;
    let tape = &library.tapes[slot.tape];
    let loaded = tape.loaded(slot.entry, &library.cache).ok()?;
    let (form, _) = question.form(tape.rules());
    let unequal = compare::differences(loaded.form(tape.rules()), &form, COUNTED);
    let mut otherwise = Vec::new();
    if let Ok(Some((recorded, asked))) = question.other_host(slot) {
        otherwise.push(Difference {
            place: "host".to_owned(),
            recorded: Some(clean(recorded)),
            asked: Some(clean(asked)),
        });
    }
    if unequal.is_empty()
        && let Err(reason) = question.verdict(&loaded.interaction.request)
    {
        otherwise.push(Difference {
            place: format!("a matcher says: {}", clean(&cut(&reason, 400))),
            recorded: None,
            asked: None,
        });
    }
    Some(Compared {
        slot,
        unequal,
        otherwise,
    })
}

impl Compared {
    fn is_match(&self) -> bool {
        self.unequal.is_empty() && self.otherwise.is_empty()
    }

    fn told(&self, question: &Question<'_>, uses: &Uses) -> Nearest {
        let tape = &question.library.tapes[self.slot.tape];
        let entry = tape.entry(self.slot.entry);
        let next = uses.next(tape);
        let standing = match tape.order() {
            _ if uses.times(tape, self.slot.entry) > 0 => Standing::Played,
            Order::Ordered if next != self.slot.entry => {
                let next = tape.cassette().entries().get(next);
                Standing::NotNext(next.map(|entry| entry.interaction))
            }
            _ => Standing::Free,
        };
        let mut differences: Vec<Difference> =
            self.unequal.iter().take(KEPT).flat_map(told).collect();
        differences.extend(self.otherwise.iter().cloned());
        Nearest {
            cassette: tape.path().display().to_string(),
            interaction: entry.interaction,
            line: entry.line,
            standing,
            differences,
            more: self.unequal.len().saturating_sub(KEPT),
        }
    }
}

fn told(unequal: &Unequal) -> Vec<Difference> {
    let place = match &unequal.at {
        At::Query(name) => format!("query parameter {}", clean(&cut(name, 80))),
        At::Header(name) => format!("header {}", clean(name)),
        At::Kind => "body".to_owned(),
        At::Body(path) if path.is_empty() => "body".to_owned(),
        At::Body(path) => clean(&cut(path, 200)),
    };
    if let (Some(Value::Text(recorded)), Some(Value::Text(asked))) =
        (&unequal.recorded, &unequal.asked)
    {
        let (words, count) = wording::words(recorded, asked, 3);
        let last = words.len();
        let each = words
            .into_iter()
            .enumerate()
            .map(|(index, words)| Difference {
                place: match count {
                    1 => place.clone(),
                    _ if index + 1 == last && count > last => {
                        format!(
                            "{place} (change {} of {count}; {} more)",
                            index + 1,
                            count - last
                        )
                    }
                    _ => format!("{place} (change {} of {count})", index + 1),
                },
                recorded: Some(words.recorded),
                asked: Some(words.asked),
            });
        return each.collect();
    }
    vec![Difference {
        place,
        recorded: unequal.recorded.as_ref().map(wording::value),
        asked: unequal.asked.as_ref().map(wording::value),
    }]
}

/// The routes with most in common with the asked one first.
fn routes(question: &Question<'_>) -> Vec<(String, usize)> {
    let library = question.library;
    let mut counted: BTreeMap<(String, String), usize> = BTreeMap::new();
    for tape in &library.tapes {
        for entry in tape.cassette().entries() {
            let path = entry.target.split(['?', '#']).next().unwrap_or_default();
            *counted
                .entry((entry.method.clone(), path.to_owned()))
                .or_default() += 1;
        }
    }
    let asked = question.asked.path();
    let common = |path: &str| {
        let ends = path.bytes().rev().zip(asked.bytes().rev());
        ends.take_while(|(one, other)| one == other).count()
    };
    let mut routes: Vec<_> = counted.into_iter().collect();
    routes.sort_by_key(|((_, path), _)| std::cmp::Reverse(common(path)));
    let name = |((method, path), count)| (format!("{method} {path}"), count);
    routes.into_iter().map(name).collect()
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asked = format!("{} {}", self.method, self.target);
        write!(
            f,
            "no recorded interaction matches {}",
            clean(&cut(&asked, 200))
        )?;
        if self.nearest.is_empty() && self.routes.is_empty() && self.candidates == 0 {
            write!(f, "\n\nthere is no interaction at all on ")?;
            match self.tapes {
                1 => write!(f, "the tape")?,
                tapes => write!(f, "{tapes} tapes")?,
            }
        }
        for (index, near) in self.nearest.iter().enumerate() {
            write_near(f, near, if index == 0 { 6 } else { 3 })?;
        }
        if self.candidates > self.nearest.len() && !self.nearest.is_empty() {
            let others = self.candidates - self.nearest.len();
            write!(f, "\n\n{others} more of this route are less like it")?;
        }
        if !self.routes.is_empty() {
            write!(
                f,
                "\n\nnothing was recorded under this method and path; there is"
            )?;
            for (route, count) in self.routes.iter().take(10) {
                write!(f, "\n  {} ({count})", clean(&cut(route, 160)))?;
            }
            if self.routes.len() > 10 {
                write!(f, "\n  and {} more", self.routes.len() - 10)?;
            }
        }
        if let Some(rules) = &self.rules {
            write!(
                f,
                "\n\nrecord it again, or let it match by a rule in rigtape.toml:\n  [match]"
            )?;
            for line in rules.to_toml().lines() {
                write!(f, "\n  {}", clean(line))?;
            }
        }
        for trouble in self.troubles.iter().take(3) {
            write!(
                f,
                "\n\na tape cannot be read: {}",
                clean(&cut(trouble, 300))
            )?;
        }
        Ok(())
    }
}

impl std::error::Error for Miss {}

fn write_near(f: &mut fmt::Formatter<'_>, near: &Nearest, most: usize) -> fmt::Result {
    let name = clean(&cut(&near.cassette, 200));
    let of = format!(
        "interaction {} of {name} (line {})",
        near.interaction, near.line
    );
    match (near.differences.is_empty(), near.standing) {
        (true, Standing::Played) => {
            let once = Reuse::Once;
            let again = Reuse::RepeatLast;
            return write!(
                f,
                "\n\nit matches {of}, which has been played already (reuse = \"{once}\"; \"{again}\" would play it again)"
            );
        }
        (true, Standing::NotNext(Some(next))) => {
            return write!(
                f,
                "\n\nit matches {of}, but interaction {next} is next (order = \"ordered\")"
            );
        }
        (true, _) => return write!(f, "\n\nit matches {of}"),
        (false, Standing::Played) => write!(f, "\n\n{of}, played already, differs:")?,
        (false, Standing::NotNext(_)) => write!(f, "\n\n{of}, not the next one, differs:")?,
        (false, Standing::Free) => write!(f, "\n\n{of} differs:")?,
    }
    for difference in near.differences.iter().take(most) {
        write!(f, "\n  {}", difference.place)?;
        if difference.recorded.is_none() && difference.asked.is_none() {
            continue;
        }
        let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "(absent)".to_owned());
        write!(f, "\n    recorded: {}", value(&difference.recorded))?;
        write!(f, "\n    asked:    {}", value(&difference.asked))?;
    }
    let left = near.differences.len().saturating_sub(most) + near.more;
    if left > 0 {
        write!(f, "\n  and {left} more")?;
    }
    Ok(())
}
