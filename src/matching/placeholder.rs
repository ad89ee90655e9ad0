//! Texts that stand on a tape in the place of something else, and match any.

use std::ops::Range;

const WORD: &str = "REDACTED";

/// Whether a text of a tape holds a placeholder.
pub(super) fn is_in(text: &str) -> bool {
    memchr::memmem::find(text.as_bytes(), WORD.as_bytes()).is_some() || is_whole(text)
}

/// Whether all of the text is a placeholder.
pub(super) fn is_all(text: &str) -> bool {
    let pieces = pieces(text);
    is_whole(text) || (!pieces.is_empty() && pieces.iter().all(|piece| piece.is_empty()))
}

/// Whether a number of a tape is what a masked number is written as.
pub(super) fn is_number(text: &str) -> bool {
    text.len() >= WORD.len() && text.starts_with('1') && text[1..].bytes().all(|byte| byte == b'0')
}

/// Whether `asked` is `recorded` with any text in the place of each placeholder.
pub(super) fn fits(recorded: &str, asked: &str) -> bool {
    if is_whole(recorded) {
        return true;
    }
    let pieces = pieces(recorded);
    let [first, middle @ .., last] = &pieces[..] else {
        return recorded == asked;
    };
    let Some(rest) = asked.strip_prefix(first) else {
        return false;
    };
    let Some(mut rest) = rest.strip_suffix(last) else {
        return false;
    };
    for piece in middle {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    true
}

/// A placeholder too short for its word, or for digits. A masked text of one to three bytes is not
/// told from a real `x`.
fn is_whole(text: &str) -> bool {
    (text.len() >= 4 && text.bytes().all(|byte| byte == b'x')) || is_number(text)
}

/// What stands around the placeholders: one piece more than there are placeholders, or nothing when
/// there is none.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut kept = 0;
    while let Some(at) = text[kept..].find(WORD) {
        let word = around(text.as_bytes(), kept, kept + at);
        pieces.push(&text[kept..word.start]);
        kept = word.end;
    }
    if !pieces.is_empty() {
        pieces.push(&text[kept..]);
    }
    pieces
}

/// The whole word of letters, digits, `-` and `_` around `at`: a key's prefix stays in front of its
/// placeholder (`sk-1-REDACTED-xxxx`), and other recorders number theirs (`call_REDACTED_1`).
fn around(bytes: &[u8], from: usize, at: usize) -> Range<usize> {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let before = bytes[from..at].iter().rev().take_while(|b| is_word(b));
    let behind = bytes[at..].iter().take_while(|b| is_word(b));
    at - before.count()..at + behind.count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_fits_in_a_placeholders_place() {
        for (recorded, asked, expected) in [
            ("sk-1-REDACTED-xxxx", "anything", true),
            ("Bearer sk-1-REDACTED-xxxx", "Bearer abc", true),
            ("Bearer sk-1-REDACTED-xxxx", "Basic abc", false),
            ("a 1-REDACTED-x b 2-REDACTED-x c", "a 1 b 2 c", true),
            ("a 1-REDACTED-x b 2-REDACTED-x c", "a 1 2 c", false),
            ("call_REDACTED_1", "call_a1b2", true),
            ("xxxxxx", "secret", true),
            ("xxx", "abc", false),
            ("10000000", "12345678", true),
            ("plain", "other", false),
        ] {
            assert_eq!(fits(recorded, asked), expected, "{recorded} {asked}");
        }
    }
}
