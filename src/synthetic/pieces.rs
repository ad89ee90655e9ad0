//! In what pieces a text comes.

use std::num::NonZeroUsize;

/// In what pieces the texts and arguments of a stream come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Pieces {
    /// A word each, with the white space before it, as tokens mostly come; arguments six characters
    /// each.
    #[default]
    Words,
    /// So many characters each.
    Characters(NonZeroUsize),
    /// Everything at once.
    Whole,
}

/// About as long as a token of JSON with its punctuation.
const ARGUMENTS: usize = 6;

impl Pieces {
    pub(super) fn of_text(self, text: &str) -> Vec<String> {
        match self {
            Pieces::Words => words(text),
            Pieces::Characters(count) => characters(text, count.get()),
            Pieces::Whole => characters(text, usize::MAX),
        }
    }

    pub(super) fn of_arguments(self, text: &str) -> Vec<String> {
        match self {
            Pieces::Words => characters(text, ARGUMENTS),
            Pieces::Characters(_) | Pieces::Whole => self.of_text(text),
        }
    }
}

fn words(text: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut was_space = true;
    for (at, character) in text.char_indices() {
        let is_space = character.is_whitespace();
        if is_space && !was_space {
            pieces.push(text[start..at].to_owned());
            start = at;
        }
        was_space = is_space;
    }
    if start < text.len() {
        pieces.push(text[start..].to_owned());
    }
    pieces
}

fn characters(text: &str, count: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest
            .char_indices()
            .nth(count)
            .map_or(rest.len(), |(at, _)| at);
        let (piece, after) = rest.split_at(end);
        pieces.push(piece.to_owned());
        rest = after;
    }
    pieces
}
