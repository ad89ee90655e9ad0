use serde::Serialize;
use similar::{ChangeTag, TextDiff};

/// A run of words that both texts have, or only one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Word {
    /// Which of them has it.
    pub op: Op,
    /// The words, with the white space between them.
    pub text: String,
}

/// Which text has a [`Word`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// Both.
    Same,
    /// Only the first.
    Removed,
    /// Only the second.
    Added,
}

/// The words of both texts in order, runs of one kind joined.
pub(super) fn compare(a: &str, b: &str) -> Vec<Word> {
    let diff = TextDiff::from_words(a, b);
    let mut words: Vec<Word> = Vec::new();
    for change in diff.iter_all_changes() {
        let op = match change.tag() {
            ChangeTag::Equal => Op::Same,
            ChangeTag::Delete => Op::Removed,
            ChangeTag::Insert => Op::Added,
        };
        match words.last_mut() {
            Some(last) if last.op == op => last.text.push_str(change.value()),
            _ => words.push(Word {
                op,
                text: change.value().to_owned(),
            }),
        }
    }
    words
}

/// Whether a text is prose rather than a word: then it is compared word by word.
pub(super) fn is_prose(text: &str) -> bool {
    text.split_whitespace().nth(1).is_some()
}
