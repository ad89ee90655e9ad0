//! Two JSON values, by path. Keys have no order here, and a number no spelling.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::ids::Ids;
use super::words::{self, Word};
use crate::json::names::{DROPPED, SEALED, is_id};
use crate::json::{Json, Kind, Raw, quoted};

/// A place where two values differ.
#[derive(Debug)]
pub(super) struct Leaf {
    pub(super) path: String,
    pub(super) a: Option<Json>,
    pub(super) b: Option<Json>,
    pub(super) words: Option<Vec<Word>>,
}

/// Who wrote the value, which tells which ids in it are made up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Author {
    Provider,
    Client,
}

/// Where `a` and `b` differ.
pub(super) fn compare(a: &Json, b: &Json, author: Author, ids: &mut Ids) -> Vec<Leaf> {
    let mut walk = Walk {
        author,
        ids,
        path: "$".to_owned(),
        leaves: Vec::new(),
    };
    if let (Ok(a), Ok(b)) = (Raw::parse(a.as_str()), Raw::parse(b.as_str())) {
        walk.value("", 0, a, b);
    }
    walk.leaves
}

/// `text` as a JSON string.
pub(super) fn string(text: &str) -> Json {
    // What `quoted` writes parses.
    Json::parse(&quoted(text)).unwrap_or_else(|_| Json::null())
}

/// Deeper than anyone writes, and no deeper than the stack allows.
const DEEPEST: usize = 64;

struct Walk<'i> {
    author: Author,
    ids: &'i mut Ids,
    path: String,
    leaves: Vec<Leaf>,
}

impl Walk<'_> {
    fn value(&mut self, name: &str, depth: usize, a: Raw<'_>, b: Raw<'_>) {
        if a.text() == b.text() && !(self.is_made_up(name) && a.kind() == Kind::String) {
            return;
        }
        match (a.kind(), b.kind()) {
            (Kind::Object, Kind::Object) if depth < DEEPEST => self.object(depth, a, b),
            (Kind::Array, Kind::Array) if depth < DEEPEST => self.array(name, depth, a, b),
            (Kind::String, Kind::String) => self.string(name, depth, a, b),
            (Kind::Number, Kind::Number) if is_same_number(a.text(), b.text()) => {}
            _ => self.leaf(Some(a), Some(b), None),
        }
    }

    fn object(&mut self, depth: usize, a: Raw<'_>, b: Raw<'_>) {
        let (of_a, mut of_b) = (members(a), members(b));
        for (_, key, value) in in_order(&of_a) {
            match of_b.remove(key) {
                Some((_, other)) => self.at_key(key, |walk| {
                    walk.value(key, depth + 1, value, other);
                }),
                None => self.at_key(key, |walk| walk.leaf(Some(value), None, None)),
            }
        }
        for (_, key, value) in in_order(&of_b) {
            self.at_key(key, |walk| walk.leaf(None, Some(value), None));
        }
    }

    fn array(&mut self, name: &str, depth: usize, a: Raw<'_>, b: Raw<'_>) {
        let (a, b) = (elements(a), elements(b));
        let texts = |list: &[Raw<'_>]| -> Vec<Json> {
            list.iter().map(|value| Json::from_raw(*value)).collect()
        };
        for op in capture_diff_slices(Algorithm::Myers, &texts(&a), &texts(&b)) {
            let (old, new) = (op.old_range(), op.new_range());
            if let DiffOp::Equal { .. } = op {
                continue;
            }
            let both = old.len().min(new.len());
            for step in 0..both {
                let (at, other) = (old.start + step, new.start + step);
                self.at_index(at, |walk| walk.value(name, depth + 1, a[at], b[other]));
            }
            let gone = (old.start + both..old.end).zip(&a[old.start + both..old.end]);
            for (at, value) in gone {
                self.at_index(at, |walk| walk.leaf(Some(*value), None, None));
            }
            let came = (new.start + both..new.end).zip(&b[new.start + both..new.end]);
            for (at, value) in came {
                self.at_index(at, |walk| walk.leaf(None, Some(*value), None));
            }
        }
    }

    fn string(&mut self, name: &str, depth: usize, a: Raw<'_>, b: Raw<'_>) {
        let plain = |raw: Raw<'_>| {
            let text = raw.str().map(crate::json::Str::plain);
            text.unwrap_or_default().into_owned()
        };
        let (of_a, of_b) = (plain(a), plain(b));
        if self.is_made_up(name) && !of_a.is_empty() && !of_b.is_empty() {
            if !self.ids.same(&of_a, &of_b) {
                self.leaf(Some(a), Some(b), None);
            }
            return;
        }
        let known = is_id(name) && self.ids.know(&of_a, &of_b);
        if of_a == of_b || known || self.is_sealed(name, &of_a, &of_b) {
            return;
        }
        if let (Some(inner_a), Some(inner_b)) = (inner(&of_a), inner(&of_b))
            && depth < DEEPEST
        {
            let end = self.path.len();
            self.path.push_str("|$");
            self.value("", depth + 1, inner_a, inner_b);
            self.path.truncate(end);
            return;
        }
        let prose = words::is_prose(&of_a) && words::is_prose(&of_b);
        let words = prose.then(|| words::compare(&of_a, &of_b));
        self.leaf(Some(a), Some(b), words);
    }

    /// Whether an id of this name is one that a provider made up: in an answer each is, in a request
    /// those that refer to an answer, or stand in the history of a conversation.
    fn is_made_up(&self, name: &str) -> bool {
        const REFERENCES: [&str; 6] = [
            "call_id",
            "tool_call_id",
            "tool_use_id",
            "item_id",
            "response_id",
            "previous_response_id",
        ];
        match self.author {
            Author::Provider => is_id(name),
            Author::Client => {
                REFERENCES.contains(&name) || (name == "id" && self.path.contains('['))
            }
        }
    }

    /// Whether a provider seals this with other letters each time: in a request only where it is
    /// handed back.
    fn is_sealed(&self, name: &str, a: &str, b: &str) -> bool {
        let handed_back = name != "data" && self.path.contains('[');
        SEALED.contains(&name)
            && (self.author == Author::Provider || handed_back)
            && a.len() > 40
            && b.len() > 40
    }

    fn leaf(&mut self, a: Option<Raw<'_>>, b: Option<Raw<'_>>, words: Option<Vec<Word>>) {
        self.leaves.push(Leaf {
            path: self.path.clone(),
            a: a.map(Json::from_raw),
            b: b.map(Json::from_raw),
            words,
        });
    }

    fn at_key(&mut self, key: &str, run: impl FnOnce(&mut Self)) {
        // What differs between any two recordings.
        if self.author == Author::Provider && DROPPED.contains(&key) {
            return;
        }
        let end = self.path.len();
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !key.is_empty()
            && key.chars().all(plain)
            && !key.starts_with(|c: char| c.is_ascii_digit())
        {
            self.path.push('.');
            self.path.push_str(key);
        } else {
            let _ = write!(self.path, "[{}]", quoted(key));
        }
        run(self);
        self.path.truncate(end);
    }

    fn at_index(&mut self, index: usize, run: impl FnOnce(&mut Self)) {
        let end = self.path.len();
        let _ = write!(self.path, "[{index}]");
        run(self);
        self.path.truncate(end);
    }
}

/// Members with the place in which they stood; of duplicates the last.
type Members<'a> = BTreeMap<String, (usize, Raw<'a>)>;

fn members(raw: Raw<'_>) -> Members<'_> {
    let mut members = BTreeMap::new();
    let mut place = 0;
    raw.members(|key, value| {
        members.insert(key.to_owned(), (place, value));
        place += 1;
    });
    members
}

fn in_order<'m, 'a>(members: &'m Members<'a>) -> Vec<(usize, &'m str, Raw<'a>)> {
    let list = members
        .iter()
        .map(|(key, (place, value))| (*place, key.as_str(), *value));
    let mut list: Vec<_> = list.collect();
    list.sort_by_key(|(place, ..)| *place);
    list
}

fn elements(raw: Raw<'_>) -> Vec<Raw<'_>> {
    let mut elements = Vec::new();
    raw.elements(|element| elements.push(element));
    elements
}

/// The JSON object or array that a string holds, as arguments of tool calls do.
fn inner(text: &str) -> Option<Raw<'_>> {
    let opens = text.trim_start().starts_with(['{', '[']);
    opens.then(|| Raw::parse(text).ok()).flatten()
}

fn is_same_number(a: &str, b: &str) -> bool {
    let is_whole = |text: &str| text.bytes().all(|c| c.is_ascii_digit() || c == b'-');
    // Whole numbers may be larger than a double tells apart.
    !(is_whole(a) && is_whole(b))
        && matches!((a.parse::<f64>(), b.parse::<f64>()), (Ok(a), Ok(b)) if a == b)
}
