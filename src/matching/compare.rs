//! What differs between a recorded request and one that is asked.

use std::fmt::Write as _;

use super::form::{Content, Form};
use super::placeholder;
use super::value::Value;
use crate::json::{JSON, step_of};

/// Something that differs: where, and both values; none is an absent one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Unequal {
    pub(super) at: At,
    pub(super) recorded: Option<Value>,
    pub(super) asked: Option<Value>,
}

/// Where requests differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum At {
    Query(String),
    Header(String),
    /// The kind of the body.
    Kind,
    /// A JSON pointer into the body; empty for all of it.
    Body(String),
}

/// Whether `asked` is what was `recorded`, but for what placeholders hide.
pub(super) fn fits(recorded: &Form, asked: &Form) -> bool {
    differences(recorded, asked, 1).is_empty()
}

/// The first `limit` things that differ.
pub(super) fn differences(recorded: &Form, asked: &Form, limit: usize) -> Vec<Unequal> {
    let mut walk = Walk {
        path: String::new(),
        found: Vec::new(),
        limit,
    };
    walk.query(&recorded.query, &asked.query);
    for ((name, recorded), (_, asked)) in recorded.headers.iter().zip(&asked.headers) {
        if let (Some(recorded), Some(asked)) = (recorded, asked) {
            walk.header(name, recorded, asked);
        }
    }
    match (&recorded.body, &asked.body) {
        (Content::Absent, _) => {}
        (Content::Json(recorded), Content::Json(asked))
        | (Content::Parts(recorded), Content::Parts(asked))
        | (Content::Other(recorded), Content::Other(asked)) => walk.value(recorded, asked),
        (recorded, asked) => {
            let words = |of: &Content| Some(Value::Written(of.words().into()));
            walk.add(At::Kind, words(recorded), words(asked));
        }
    }
    walk.found
}

struct Walk {
    path: String,
    found: Vec<Unequal>,
    limit: usize,
}

impl Walk {
    fn add(&mut self, at: At, recorded: Option<Value>, asked: Option<Value>) {
        if self.found.len() < self.limit {
            self.found.push(Unequal {
                at,
                recorded,
                asked,
            });
        }
    }

    fn is_full(&self) -> bool {
        self.found.len() >= self.limit
    }

    fn query(&mut self, recorded: &[(String, String)], asked: &[(String, String)]) {
        let mut names: Vec<&str> = recorded.iter().chain(asked).map(|(n, _)| &**n).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let of = |query: &[(String, String)]| -> Vec<String> {
                let own = query.iter().filter(|(own, _)| own == name);
                own.map(|(_, value)| value.clone()).collect()
            };
            let (recorded, asked) = (of(recorded), of(asked));
            if recorded != asked {
                let value = |values: Vec<String>| {
                    (!values.is_empty()).then(|| Value::Text(values.join(", ").into()))
                };
                self.add(At::Query(name.to_owned()), value(recorded), value(asked));
            }
        }
    }

    fn header(&mut self, name: &str, recorded: &[Value], asked: &[Value]) {
        let fit = recorded.len() == asked.len()
            && recorded
                .iter()
                .zip(asked)
                .all(|(one, other)| equal(one, other));
        if !fit {
            let value = |values: &[Value]| match values {
                [] => None,
                [value] => Some(value.clone()),
                values => Some(Value::Array(values.to_vec())),
            };
            self.add(At::Header(name.to_owned()), value(recorded), value(asked));
        }
    }

    fn value(&mut self, recorded: &Value, asked: &Value) {
        if self.is_full() {
            return;
        }
        match (recorded, asked) {
            (Value::Object(recorded), Value::Object(asked)) => self.object(recorded, asked),
            (Value::Array(recorded), Value::Array(asked)) => self.array(recorded, asked),
            (Value::Inner(recorded), Value::Inner(asked)) => {
                self.below(JSON, |walk| walk.value(recorded, asked));
            }
            (Value::Text(one), Value::Text(other)) if !equal(recorded, asked) => {
                // What differs in JSON inside a string is named, where that is what differs.
                let inner = |text: &str| {
                    let opens = text.trim_start().starts_with(['{', '[']);
                    opens.then(|| Value::parse(text)).flatten()
                };
                if let (Some(one), Some(other)) = (inner(one), inner(other))
                    && one != other
                {
                    self.below(JSON, |walk| walk.value(&one, &other));
                } else {
                    self.here(recorded, asked);
                }
            }
            _ if equal(recorded, asked) => {}
            _ => self.here(recorded, asked),
        }
    }

    fn here(&mut self, recorded: &Value, asked: &Value) {
        let at = At::Body(self.path.clone());
        self.add(at, Some(recorded.clone()), Some(asked.clone()));
    }

    fn object(&mut self, recorded: &[(Box<str>, Value)], asked: &[(Box<str>, Value)]) {
        let (mut one, mut other) = (recorded.iter().peekable(), asked.iter().peekable());
        loop {
            let order = match (one.peek(), other.peek()) {
                (None, None) => return,
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some((own, _)), Some((name, _))) => own.cmp(name),
            };
            let recorded = one.next_if(|_| order.is_le());
            let asked = other.next_if(|_| order.is_ge());
            let Some((name, _)) = recorded.or(asked) else {
                return;
            };
            self.pair(&step_of(name), recorded.map(|m| &m.1), asked.map(|m| &m.1));
        }
    }

    fn array(&mut self, recorded: &[Value], asked: &[Value]) {
        // What stands on both ends is most likely the same; so an element put in between is found.
        let same = |&(one, other): &(&Value, &Value)| equal(one, other);
        let front = recorded
            .iter()
            .zip(asked)
            .take_while(|pair| same(pair))
            .count();
        let (one, other) = (&recorded[front..], &asked[front..]);
        let back = match one.len() == other.len() {
            true => 0,
            false => {
                let ends = one.iter().rev().zip(other.iter().rev());
                ends.take_while(|pair| same(pair)).count()
            }
        };
        let (one, other) = (&one[..one.len() - back], &other[..other.len() - back]);
        for index in 0..one.len().max(other.len()) {
            self.pair(
                &(front + index).to_string(),
                one.get(index),
                other.get(index),
            );
        }
    }

    fn pair(&mut self, step: &str, recorded: Option<&Value>, asked: Option<&Value>) {
        self.below(step, |walk| match (recorded, asked) {
            (Some(recorded), Some(asked)) => walk.value(recorded, asked),
            (recorded, asked) => {
                let at = At::Body(walk.path.clone());
                walk.add(at, recorded.cloned(), asked.cloned());
            }
        });
    }

    fn below(&mut self, step: &str, walk: impl FnOnce(&mut Walk)) {
        let length = self.path.len();
        // Writing to a string does not fail.
        let _ = write!(self.path, "/{step}");
        walk(self);
        self.path.truncate(length);
    }
}

/// Whether a recorded value is the asked one, but for what placeholders hide.
fn equal(recorded: &Value, asked: &Value) -> bool {
    match (recorded, asked) {
        (Value::Text(recorded), Value::Text(asked)) => {
            recorded == asked || placeholder::is_in(recorded) && placeholder::fits(recorded, asked)
        }
        (Value::Text(recorded), _) if placeholder::is_all(recorded) => true,
        (Value::Number(recorded), Value::Number(asked)) => {
            recorded == asked || placeholder::is_number(recorded)
        }
        (Value::Array(recorded), Value::Array(asked)) => {
            recorded.len() == asked.len()
                && recorded
                    .iter()
                    .zip(asked)
                    .all(|(one, other)| equal(one, other))
        }
        (Value::Object(recorded), Value::Object(asked)) => {
            recorded.len() == asked.len()
                && recorded
                    .iter()
                    .zip(asked)
                    .all(|((name, one), (own, other))| name == own && equal(one, other))
        }
        (Value::Inner(recorded), Value::Inner(asked)) => equal(recorded, asked),
        (Value::Written(recorded), Value::Written(asked)) if recorded != asked => {
            placeholder::is_in(recorded) && placeholder::fits(recorded, asked)
        }
        (recorded, asked) => recorded == asked,
    }
}
