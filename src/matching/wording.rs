//! Values and texts, short enough to be read.

use std::time::Duration;

use similar::{ChangeTag, TextDiff};

use super::value::Value;
use crate::json::quoted;

/// The longest value that is shown whole, in characters.
const SHOWN: usize = 120;

/// How much is shown on each side of words that differ, in characters.
const AROUND: usize = 24;

/// `text` up to `most` characters.
pub(super) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", text[..at].trim_end()),
    }
}

/// `text` with what could steer a terminal or hide in a line spelled out.
pub(super) fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let is_odd = c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
        if is_odd {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// A value on one line.
pub(super) fn value(value: &Value) -> String {
    let written = match value {
        // A long text is cut before it is quoted, not after.
        Value::Text(text) => quoted(&cut(text, SHOWN)),
        value => cut(&value.written(), SHOWN),
    };
    clean(&written)
}

/// Words of two texts that differ, with a little around them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) recorded: String,
    pub(super) asked: String,
}

/// Where two texts differ, up to `most` places, and how many places there are. Texts that are shown
/// whole are one place.
pub(super) fn words(recorded: &str, asked: &str, most: usize) -> (Vec<Words>, usize) {
    let long = |text: &str| text.chars().nth(SHOWN).is_some();
    if !long(recorded) && !long(asked) {
        let whole = Words {
            recorded: clean(&quoted(recorded)),
            asked: clean(&quoted(asked)),
        };
        return (vec![whole], 1);
    }
    let places = places(recorded, asked);
    let count = places.len();
    let shown = places.into_iter().take(most).map(|(one, other)| Words {
        recorded: excerpt(recorded, one),
        asked: excerpt(asked, other),
    });
    (shown.collect(), count)
}

type Span = std::ops::Range<usize>;

/// The byte ranges of both texts that differ.
fn places(recorded: &str, asked: &str) -> Vec<(Span, Span)> {
    /// Beyond this many words, and this long, all between the first difference and the last is one.
    const MANY: usize = 100_000;
    const LONG: Duration = Duration::from_millis(50);
    let (one, other): (Vec<&str>, Vec<&str>) = (tokens(recorded), tokens(asked));
    let same = |(one, other): &(&&str, &&str)| one == other;
    let front = one.iter().zip(&other).take_while(same).count();
    let (rest, other_rest) = (&one[front..], &other[front..]);
    let ends = rest.iter().rev().zip(other_rest.iter().rev());
    let back = ends.take_while(same).count();
    let rest = &rest[..rest.len() - back];
    let other_rest = &other_rest[..other_rest.len() - back];
    let length = |words: &[&str]| words.iter().map(|word| word.len()).sum::<usize>();
    let start = length(&one[..front]);
    if rest.len() + other_rest.len() > MANY {
        return vec![(
            start..start + length(rest),
            start..start + length(other_rest),
        )];
    }
    let mut places: Vec<(Span, Span)> = Vec::new();
    let (mut at, mut other_at) = (start, start);
    let mut is_open = false;
    let differ = TextDiff::configure()
        .timeout(LONG)
        .diff_slices(rest, other_rest);
    for change in differ.iter_all_changes() {
        let length = change.value().len();
        // White space between two words that differ belongs to the place.
        let is_gap = change.value().trim().is_empty();
        let (own, asked) = match change.tag() {
            ChangeTag::Equal => (length, length),
            ChangeTag::Delete => (length, 0),
            ChangeTag::Insert => (0, length),
        };
        if change.tag() == ChangeTag::Equal {
            is_open &= is_gap;
        } else {
            match places.last_mut().filter(|_| is_open) {
                Some(place) => {
                    place.0.end = at + own;
                    place.1.end = other_at + asked;
                }
                None => places.push((at..at + own, other_at..other_at + asked)),
            }
            is_open = true;
        }
        at += own;
        other_at += asked;
    }
    places
}

/// Words and the white space between them.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let space = first.is_whitespace();
        let end = rest
            .find(|c: char| c.is_whitespace() != space)
            .unwrap_or(rest.len());
        tokens.push(&rest[..end]);
        rest = &rest[end..];
    }
    tokens
}

fn excerpt(text: &str, place: Span) -> String {
    let from = text[..place.start]
        .char_indices()
        .rev()
        .take(AROUND)
        .last()
        .map_or(place.start, |(at, _)| at);
    let to = text[place.end..]
        .char_indices()
        .nth(AROUND)
        .map_or(text.len(), |(at, _)| place.end + at);
    let before = if from > 0 { "…" } else { "" };
    let behind = if to < text.len() { "…" } else { "" };
    let own = cut(&text[place.clone()], SHOWN);
    let own = if own.len() < place.len() && !own.ends_with('…') {
        format!("{own}…")
    } else {
        own
    };
    let shown = format!(
        "{before}{}{own}{}{behind}",
        &text[from..place.start],
        &text[place.end..to]
    );
    clean(&quoted(&shown))
}
