//! What stands on a tape in a secret's place.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

/// Alphabet of a placeholder, so that what surrounds it still parses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Text, JSON strings and URLs: letters, digits and `-`.
    Plain,
    /// Also inside base64: letters and digits.
    Word,
    /// A number without a sign, which may stand in JSON without quotes.
    Digits,
}

const WORD: &str = "REDACTED";
const FILLER: u8 = b'x';

/// The text that hides `length` bytes: `prefix`, the secret's number, `REDACTED` and a filler, as
/// much of that as fits. Always `length` bytes of ASCII that need no escape in JSON or in a URL.
pub(super) fn text(prefix: &str, number: u64, length: usize, style: Style) -> Vec<u8> {
    let full = match style {
        Style::Plain => format!("{prefix}{number}-{WORD}-"),
        Style::Word => format!("{number}{WORD}"),
        Style::Digits => return digits(length),
    };
    let bare = format!("{number}{WORD}");
    let head = [full.as_str(), bare.as_str(), WORD]
        .into_iter()
        .find(|head| head.len() <= length)
        .unwrap_or("");
    let mut text = head.as_bytes().to_vec();
    text.resize(length, FILLER);
    text
}

/// JSON allows no leading zero.
fn digits(length: usize) -> Vec<u8> {
    let mut digits = vec![b'0'; length];
    if let Some(first) = digits.first_mut() {
        *first = b'1';
    }
    digits
}

/// Whether `bytes` are what [`text`] writes after a prefix, and nothing more.
pub(super) fn is_placeholder(bytes: &[u8]) -> bool {
    if bytes.first() == Some(&b'1') && bytes.len() >= WORD.len() && bytes == digits(bytes.len()) {
        return true;
    }
    if !bytes.is_empty() && bytes.iter().all(|byte| *byte == FILLER) {
        return true;
    }
    let digits = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let rest = bytes[digits..]
        .strip_prefix(b"-")
        .unwrap_or(&bytes[digits..]);
    let Some(rest) = rest.strip_prefix(WORD.as_bytes()) else {
        return false;
    };
    let rest = rest.strip_prefix(b"-").unwrap_or(rest);
    rest.iter().all(|byte| *byte == FILLER)
}

/// Numbers of the secrets seen in one cassette, in order of appearance from 1.
///
/// It knows a secret by its digest only.
#[derive(Default)]
pub(super) struct Table {
    numbers: HashMap<[u8; 32], u64>,
    last: u64,
}

impl Table {
    /// The number of `secret`, a new one when it was never seen.
    pub(super) fn number(&mut self, secret: &[u8]) -> u64 {
        let digest: [u8; 32] = Sha256::digest(secret).into();
        *self.numbers.entry(digest).or_insert_with(|| {
            self.last += 1;
            self.last
        })
    }

    /// Leaves numbers up to `number` to placeholders that stand on the tape already.
    pub(super) fn skip_to(&mut self, number: u64) {
        self.last = self.last.max(number);
    }
}
