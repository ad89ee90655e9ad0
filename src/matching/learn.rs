//! Rules from two recordings of one test.

use std::fmt;

use serde::Serialize;

use super::compare::{self, At, Unequal};
use super::form::{self, Content, Form};
use super::sketch::Sketch;
use super::suggest::{general, is_index, normaliser, push};
use super::value::Value;
use super::wording::{self, clean, cut};
use super::{Difference, Rules, placeholder};
use crate::cassette::Interaction;
use crate::json::{JSON, Pointer, step_of};

/// What two recordings of one test teach: see [`learn`]. Its text is a piece of `rigtape.toml`.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Learned {
    /// The rules under which the paired requests are equal, but for what is [left](Learned::left).
    pub rules: Rules,
    /// Number of pairs of requests.
    pub pairs: usize,
    /// What became a rule: values of both recordings, and the rule.
    pub lessons: Vec<Lesson>,
    /// What differs and cannot become a rule, in words.
    pub left: Vec<String>,
}

/// A difference that became a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Lesson {
    /// The rule's key and its value: `ignore` and a pointer, `normalise` and a shape.
    pub key: &'static str,
    /// The rule's value.
    pub value: String,
    /// The first difference that it stands for: place, value in the one recording and in the other.
    pub example: Difference,
}

/// Finds the rules under which the requests of two recordings of one test are equal.
///
/// Requests of one route are paired, the most alike first. A value that differs becomes a
/// normaliser where both have its shape, else a pointer to ignore; places that differ in an index
/// alone become one with `*`. What cannot become a rule is said: a request without a partner,
/// another number of messages.
pub fn learn(one: &[Interaction], other: &[Interaction]) -> Learned {
    let mut learned = Learned {
        rules: Rules::default(),
        pairs: 0,
        lessons: Vec::new(),
        left: Vec::new(),
    };
    let (one, other) = (asked(one), asked(other));
    let pairs = pairs(&one, &other, &mut learned.left);
    learned.pairs = pairs.len();
    let mut places = Vec::new();
    for (one, other) in &pairs {
        for unequal in differences(&one.form, &other.form) {
            learned.take(&unequal, one, other, &mut places);
        }
    }
    learned.ignore(places);
    learned.left.dedup();
    learned
}

struct Asked<'i> {
    of: &'i Interaction,
    route: String,
    form: Form,
    sketch: Sketch,
    digest: form::Digest,
}

fn asked(interactions: &[Interaction]) -> Vec<Asked<'_>> {
    let each = interactions.iter().map(|of| {
        let request = &of.request;
        let form = Form::new(request, Content::of(request), &Rules::default());
        Asked {
            of,
            route: form::route(&request.method, &request.target),
            sketch: Sketch::of(&form),
            digest: form.digest(),
            form,
        }
    });
    each.collect()
}

/// Each of `one` with the most alike of `other` that is of its route and still free.
fn pairs<'p, 'i>(
    one: &'p [Asked<'i>],
    other: &'p [Asked<'i>],
    left: &mut Vec<String>,
) -> Vec<(&'p Asked<'i>, &'p Asked<'i>)> {
    let mut free: Vec<bool> = vec![true; other.len()];
    let mut partners: Vec<Option<usize>> = vec![None; one.len()];
    // Equal ones first, so that none of them is taken by one that is only alike.
    for (own, partner) in one.iter().zip(&mut partners) {
        let equal = |at: &usize| {
            free[*at] && other[*at].route == own.route && other[*at].digest == own.digest
        };
        *partner = (0..other.len()).find(equal);
        if let Some(at) = partner {
            free[*at] = false;
        }
    }
    for (own, partner) in one.iter().zip(&mut partners) {
        if partner.is_none() {
            let of_route = |at: &usize| free[*at] && other[*at].route == own.route;
            let alike = |at: &usize| (own.sketch.common(&other[*at].sketch), usize::MAX - at);
            *partner = (0..other.len()).filter(of_route).max_by_key(alike);
            if let Some(at) = partner {
                free[*at] = false;
            }
        }
    }
    let mut alone = |of: &Asked<'_>, here: &str, there: &str| {
        let (number, request) = (of.of.number(), &of.of.request);
        let asked = clean(&cut(&format!("{} {}", request.method, request.target), 120));
        left.push(format!(
            "interaction {number} of the {here} recording ({asked}) has no partner in the {there}"
        ));
    };
    let mut pairs = Vec::new();
    for (own, partner) in one.iter().zip(partners) {
        match partner {
            Some(at) => pairs.push((own, &other[at])),
            None => alone(own, "first", "second"),
        }
    }
    for (own, _) in other.iter().zip(free).filter(|(_, free)| *free) {
        alone(own, "second", "first");
    }
    pairs
}

fn differences(one: &Form, other: &Form) -> Vec<Unequal> {
    /// Two requests that differ in more are not two of one test.
    const MANY: usize = 1_000;
    let mut found = compare::differences(one, other, MANY);
    // Either may hold the placeholder.
    found.retain(|unequal| match (&unequal.recorded, &unequal.asked) {
        (Some(Value::Text(one)), Some(Value::Text(other))) => {
            !(placeholder::is_in(other) && placeholder::fits(other, one))
        }
        _ => true,
    });
    found
}

/// A place that is to be ignored: its path, the same with wildcards, and what is there.
struct Place {
    path: String,
    general: String,
    example: Difference,
}

impl Learned {
    fn take(&mut self, unequal: &Unequal, one: &Asked<'_>, other: &Asked<'_>, to: &mut Vec<Place>) {
        let example = example(unequal);
        let numbers = (one.of.number(), other.of.number());
        let left = |what: &str| {
            format!(
                "interactions {} and {}: {what} differs: {} / {}",
                numbers.0,
                numbers.1,
                example.recorded.as_deref().unwrap_or("(absent)"),
                example.asked.as_deref().unwrap_or("(absent)"),
            )
        };
        match &unequal.at {
            At::Query(name) => self.learn("ignore-query", name, &example, |rules| {
                push(&mut rules.ignore_query, name.clone());
            }),
            At::Header(name) => self.left.push(left(&format!("header {name}"))),
            At::Kind => self.left.push(left("the kind of the body")),
            At::Body(path) if path.is_empty() => self.left.push(left("the whole body")),
            At::Body(path) => {
                let last = path.rsplit('/').next().unwrap_or_default();
                let is_one_sided = unequal.recorded.is_none() || unequal.asked.is_none();
                if is_one_sided && is_index(last) {
                    let (side, value) = match (&example.recorded, &example.asked) {
                        (Some(value), _) => ("first", value),
                        (None, value) => ("second", value.as_ref().unwrap_or(&example.place)),
                    };
                    self.left.push(format!(
                        "interactions {} and {}: only the {side} has {}: {value}",
                        numbers.0, numbers.1, example.place
                    ));
                } else if let Some(normaliser) = normaliser(unequal) {
                    self.learn("normalise", normaliser.as_str(), &example, |rules| {
                        push(&mut rules.normalise, normaliser);
                    });
                } else {
                    to.push(Place {
                        path: path.clone(),
                        general: with_roles(path, one.form.body.value()),
                        example,
                    });
                }
            }
        }
    }

    fn ignore(&mut self, places: Vec<Place>) {
        for place in &places {
            let alike = |other: &&Place| other.general == place.general && other.path != place.path;
            // One message alone is named by its index, lest all of them are ignored; what stands in
            // JSON inside a message is a field that all of its kind have.
            let is_field = place.path.split('/').any(|step| step == JSON);
            let is_general = is_field || places.iter().any(|other| alike(&other));
            let path = if is_general {
                &place.general
            } else {
                &place.path
            };
            // Paths are written by `step_of`, so they parse.
            let Ok(pointer) = path.parse::<Pointer>() else {
                continue;
            };
            self.learn("ignore", path, &place.example, |rules| {
                push(&mut rules.ignore, pointer);
            });
        }
    }

    fn learn(
        &mut self,
        key: &'static str,
        value: &str,
        example: &Difference,
        rule: impl FnOnce(&mut Rules),
    ) {
        rule(&mut self.rules);
        let is_known = |lesson: &Lesson| lesson.key == key && lesson.value == value;
        if !self.lessons.iter().any(is_known) {
            self.lessons.push(Lesson {
                key,
                value: value.to_owned(),
                example: example.clone(),
            });
        }
    }
}

fn example(unequal: &Unequal) -> Difference {
    let place = match &unequal.at {
        At::Query(name) => format!("query parameter {name}"),
        At::Header(name) => format!("header {name}"),
        At::Kind => "body".to_owned(),
        At::Body(path) => path.clone(),
    };
    let (recorded, asked) = match (&unequal.recorded, &unequal.asked) {
        (Some(Value::Text(recorded)), Some(Value::Text(asked))) => {
            let (words, _) = wording::words(recorded, asked, 1);
            let first = words.into_iter().next();
            first.map_or((None, None), |w| (Some(w.recorded), Some(w.asked)))
        }
        (recorded, asked) => (
            recorded.as_ref().map(wording::value),
            asked.as_ref().map(wording::value),
        ),
    };
    Difference {
        place: clean(&cut(&place, 200)),
        recorded,
        asked,
    }
}

/// The path with `*` for each index; with `*[role=tool]` where the element has a role, or a type.
fn with_roles(path: &str, body: Option<&Value>) -> String {
    let mut at = body;
    let mut out = Vec::new();
    // In JSON inside a string there is nothing to walk on.
    for step in path.split('/').skip(1) {
        let next = match (at, step.parse::<usize>()) {
            (Some(Value::Array(elements)), Ok(index)) => elements.get(index),
            (Some(object), _) => object.get(&unescaped(step)),
            (None, _) => None,
        };
        if is_index(step) && !matches!(at, Some(Value::Object(_))) {
            let kind = ["role", "type"]
                .iter()
                .find_map(|key| match next?.get(key)? {
                    Value::Text(value) => Some(format!("*[{key}={}]", step_of(value))),
                    _ => None,
                });
            out.push(kind.unwrap_or_else(|| general(step)));
        } else {
            out.push(step.to_owned());
        }
        at = next;
    }
    format!("/{}", out.join("/"))
}

fn unescaped(step: &str) -> String {
    let plain = step
        .replace("~4", "*")
        .replace("~3", "#")
        .replace("~2", "[");
    plain.replace("~1", "/").replace("~0", "~")
}

impl fmt::Display for Learned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let requests = match self.pairs {
            1 => "1 pair of requests".to_owned(),
            pairs => format!("{pairs} pairs of requests"),
        };
        if self.rules.is_empty() && self.left.is_empty() {
            return writeln!(f, "# {requests}, all equal: no rule is needed");
        }
        writeln!(f, "# learned from {requests}")?;
        for left in &self.left {
            writeln!(f, "# no rule for this: {left}")?;
        }
        if self.rules.is_empty() {
            return Ok(());
        }
        for lesson in &self.lessons {
            let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "(absent)".into());
            let example = &lesson.example;
            let (one, other) = (value(&example.recorded), value(&example.asked));
            let (key, rule) = (lesson.key, clean(&lesson.value));
            writeln!(
                f,
                "# {key} {rule}: {} was {one}, then {other}",
                example.place
            )?;
        }
        write!(f, "[match]\n{}", self.rules.to_toml())
    }
}
