//! Rules under which what differs would not.

use super::compare::{At, Unequal};
use super::value::Value;
use super::{Normaliser, Rules, normalise};
use crate::json::Pointer;

/// More pointers than this are no longer a rule for what is volatile.
const FEW: usize = 4;

/// The rules under which none of `differences` is left; none when there are no such rules, or they
/// would ignore too much to be meant.
pub(super) fn rules(differences: &[Unequal]) -> Option<Rules> {
    let mut rules = Rules::default();
    let mut paths = Vec::new();
    for difference in differences {
        let values = [&difference.recorded, &difference.asked];
        if values.into_iter().flatten().any(is_whole) {
            return None;
        }
        match &difference.at {
            At::Query(name) => push(&mut rules.ignore_query, name.clone()),
            At::Body(path) if !path.is_empty() => match normaliser(difference) {
                Some(normaliser) => push(&mut rules.normalise, normaliser),
                None => push(&mut paths, path.clone()),
            },
            _ => return None,
        }
    }
    let pointers = generalised(paths);
    if pointers.len() > FEW || (pointers.is_empty() && rules.is_empty()) {
        return None;
    }
    // Paths are written by `step_of`, so they all parse.
    rules.ignore = pointers
        .iter()
        .filter_map(|path| path.parse::<Pointer>().ok())
        .collect();
    Some(rules)
}

/// Whether a value has parts: where one is missing, the request is another.
fn is_whole(value: &Value) -> bool {
    matches!(
        value,
        Value::Array(_) | Value::Object(_) | Value::Inner(_) | Value::Written(_)
    )
}

/// The normaliser under which the two values are equal.
pub(super) fn normaliser(difference: &Unequal) -> Option<Normaliser> {
    match (&difference.recorded, &difference.asked) {
        (Some(Value::Text(one)), Some(Value::Text(other))) => normalise::common(one, other),
        (Some(Value::Number(one)), Some(Value::Number(other))) => normalise::common(one, other),
        _ => None,
    }
}

/// The paths, with `*` for indices where several differ in nothing else.
pub(super) fn generalised(paths: Vec<String>) -> Vec<String> {
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for path in paths {
        let general = general(&path);
        match groups.iter_mut().find(|(own, _)| *own == general) {
            Some((_, own)) => own.push(path),
            None => groups.push((general, vec![path])),
        }
    }
    let pointers = groups
        .into_iter()
        .map(|(general, mut own)| match own.len() {
            1 => own.remove(0),
            _ => general,
        });
    pointers.collect()
}

/// The path with `*` for every index.
pub(super) fn general(path: &str) -> String {
    let step = |step| match step {
        step if is_index(step) => "*",
        step => step,
    };
    path.split('/').map(step).collect::<Vec<_>>().join("/")
}

pub(super) fn is_index(step: &str) -> bool {
    !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit())
}

pub(super) fn push<T: PartialEq>(to: &mut Vec<T>, item: T) {
    if !to.contains(&item) {
        to.push(item);
    }
}
