//! JSON text read in one pass, without a tree and without copying.
//!
//! For the frames that make up nearly all of every stream. It is strict and knows little: whatever
//! is not valid JSON, or is of another type than was asked for, or is odd in a way that takes care
//! (deep nesting, escapes in a name, half a surrogate pair), is [`Odd`]. The caller then reads the
//! same text by serde_json, which has the last word. So all that must hold here is that what is
//! accepted is valid and means the same there; a property test holds the two against each other.

use std::borrow::Cow;

use super::{Raw, Str};

/// Not for this reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Odd;

/// How deep a value may nest before it is odd.
const DEPTH: u32 = 64;

/// A place in a JSON text.
#[derive(Debug)]
pub(crate) struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    pub(crate) fn new(text: &'a str) -> Scan<'a> {
        Scan { text, at: 0 }
    }

    /// Reads an object; `member` has to read each value.
    #[inline]
    pub(crate) fn object(
        &mut self,
        mut member: impl FnMut(&'a str, &mut Scan<'a>) -> Result<(), Odd>,
    ) -> Result<(), Odd> {
        self.expect(b'{')?;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.space();
            let name = match self.literal()? {
                (name, false) => name,
                (_, true) => return Err(Odd),
            };
            self.expect(b':')?;
            self.space();
            member(name, self)?;
            if self.is_last(b'}')? {
                return Ok(());
            }
        }
    }

    /// Reads an array; `element` has to read each value.
    #[inline]
    pub(crate) fn array(
        &mut self,
        mut element: impl FnMut(&mut Scan<'a>) -> Result<(), Odd>,
    ) -> Result<(), Odd> {
        self.expect(b'[')?;
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.space();
            element(self)?;
            if self.is_last(b']')? {
                return Ok(());
            }
        }
    }

    /// Whether the value is `null`, which is read then.
    #[inline]
    pub(crate) fn null(&mut self) -> bool {
        let is_null = self.byte() == Some(b'n') && self.rest().starts_with(b"null");
        if is_null {
            self.at += 4;
        }
        is_null
    }

    /// Reads a string or `null`.
    // Left alone it is called, and costs Chat Completions 8 % of its whole path.
    #[inline(always)]
    pub(crate) fn string(&mut self) -> Result<Option<Str<'a>>, Odd> {
        if self.null() {
            return Ok(None);
        }
        let from = self.at;
        Ok(Some(Str::Text(match self.literal()? {
            (text, false) => Cow::Borrowed(text),
            (_, true) => {
                let literal = &self.text[from..self.at];
                Cow::Owned(serde_json::from_str(literal).map_err(|_| Odd)?)
            }
        })))
    }

    /// Reads a whole number from 0 to 2^64 - 1, or `null`.
    pub(crate) fn number(&mut self) -> Result<Option<u64>, Odd> {
        if self.null() {
            return Ok(None);
        }
        let from = self.at;
        self.skip_number()?;
        self.text[from..self.at].parse().map(Some).map_err(|_| Odd)
    }

    /// Reads any value but `null` as the text it is.
    pub(crate) fn raw(&mut self) -> Result<Option<Raw<'a>>, Odd> {
        if self.null() {
            return Ok(None);
        }
        let from = self.at;
        self.skip()?;
        Ok(Some(Raw(&self.text[from..self.at])))
    }

    /// The text that `read` reads of the value.
    #[inline]
    pub(crate) fn span(
        &mut self,
        read: impl FnOnce(&mut Scan<'a>) -> Result<(), Odd>,
    ) -> Result<&'a str, Odd> {
        let from = self.at;
        read(self)?;
        Ok(&self.text[from..self.at])
    }

    /// Reads any value and forgets it.
    #[inline]
    pub(crate) fn skip(&mut self) -> Result<(), Odd> {
        self.skip_to(DEPTH)
    }

    /// Calls `each` with the members of an object that is known to be valid: the literal of its
    /// name, whether that has escapes, and the value.
    pub(super) fn walk_object(
        mut self,
        mut each: impl FnMut(&'a str, bool, Raw<'a>),
    ) -> Result<(), Odd> {
        self.expect(b'{')?;
        if self.peek() == Some(b'}') {
            return Ok(());
        }
        loop {
            self.space();
            let from = self.at;
            let (_, escaped) = self.literal()?;
            let name = &self.text[from..self.at];
            self.expect(b':')?;
            self.space();
            each(name, escaped, self.hop()?);
            if self.is_last(b'}')? {
                return Ok(());
            }
        }
    }

    /// Calls `each` with the elements of an array that is known to be valid.
    pub(super) fn walk_array(mut self, mut each: impl FnMut(Raw<'a>)) -> Result<(), Odd> {
        self.expect(b'[')?;
        if self.peek() == Some(b']') {
            return Ok(());
        }
        loop {
            self.space();
            each(self.hop()?);
            if self.is_last(b']')? {
                return Ok(());
            }
        }
    }

    /// Reads a value that is known to be valid, however deep it nests.
    fn hop(&mut self) -> Result<Raw<'a>, Odd> {
        let from = self.at;
        let mut depth = 0u64;
        loop {
            match self.byte() {
                Some(b'"') => {
                    self.literal()?;
                }
                Some(b'{' | b'[') => {
                    depth += 1;
                    self.at += 1;
                }
                Some(b'}' | b']') => {
                    depth = depth.checked_sub(1).ok_or(Odd)?;
                    self.at += 1;
                }
                Some(b',' | b':' | b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                Some(_) => self.plain(),
                None => return Err(Odd),
            }
            if depth == 0 {
                return Ok(Raw(&self.text[from..self.at]));
            }
        }
    }

    /// Reads a number or a word that is known to be valid.
    fn plain(&mut self) {
        let ends = |byte: &u8| {
            matches!(
                byte,
                b',' | b':' | b'}' | b']' | b'"' | b' ' | b'\n' | b'\r' | b'\t'
            )
        };
        let rest = self.rest();
        self.at += rest.iter().position(ends).unwrap_or(rest.len()).max(1);
    }

    /// Reads the end of the text.
    pub(crate) fn end(&mut self) -> Result<(), Odd> {
        self.space();
        match self.rest() {
            [] => Ok(()),
            _ => Err(Odd),
        }
    }

    fn skip_to(&mut self, depth: u32) -> Result<(), Odd> {
        let depth = depth.checked_sub(1).ok_or(Odd)?;
        match self.byte() {
            Some(b'"') => self.literal().map(|_| ()),
            Some(b'{') => self.object(|_, scan| scan.skip_to(depth)),
            Some(b'[') => self.array(|scan| scan.skip_to(depth)),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            _ => self.skip_number(),
        }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Odd> {
        if !self.rest().starts_with(word) {
            return Err(Odd);
        }
        self.at += word.len();
        Ok(())
    }

    fn skip_number(&mut self) -> Result<(), Odd> {
        let rest = self.rest();
        let digits = |from: usize| {
            let digits = rest[from..].iter().take_while(|byte| byte.is_ascii_digit());
            digits.count()
        };
        let mut at = usize::from(rest.first() == Some(&b'-'));
        at += match (rest.get(at), digits(at)) {
            (_, 0) => return Err(Odd),
            (Some(b'0'), 2..) => return Err(Odd),
            (_, whole) => whole,
        };
        if rest.get(at) == Some(&b'.') {
            let fraction = digits(at + 1);
            if fraction == 0 {
                return Err(Odd);
            }
            at += 1 + fraction;
        }
        if let Some(b'e' | b'E') = rest.get(at) {
            let sign = usize::from(matches!(rest.get(at + 1), Some(b'+' | b'-')));
            let exponent = digits(at + 1 + sign);
            if exponent == 0 {
                return Err(Odd);
            }
            at += 1 + sign + exponent;
        }
        self.at += at;
        Ok(())
    }

    /// Reads a string literal: what stands between its quotes, and whether that has escapes.
    #[inline]
    fn literal(&mut self) -> Result<(&'a str, bool), Odd> {
        self.expect(b'"')?;
        let bytes = self.text.as_bytes();
        let from = self.at;
        let mut at = from;
        let mut escaped = false;
        loop {
            at = next_special(bytes, at);
            match bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    at += match bytes.get(at + 1) {
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
                        Some(b'u') => match bytes.get(at + 2..at + 6) {
                            Some(hex) if hex.iter().all(u8::is_ascii_hexdigit) => 6,
                            _ => return Err(Odd),
                        },
                        _ => return Err(Odd),
                    };
                }
                _ => return Err(Odd),
            }
        }
        self.at = at + 1;
        Ok((&self.text[from..at], escaped))
    }

    /// Whether what follows ends the list; else a comma is read.
    #[inline]
    fn is_last(&mut self, close: u8) -> Result<bool, Odd> {
        let next = self.peek();
        self.at += 1;
        match next {
            Some(b',') => Ok(false),
            Some(byte) if byte == close => Ok(true),
            _ => Err(Odd),
        }
    }

    #[inline]
    fn expect(&mut self, byte: u8) -> Result<(), Odd> {
        if self.peek() != Some(byte) {
            return Err(Odd);
        }
        self.at += 1;
        Ok(())
    }

    /// The next byte that is no white space.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        self.space();
        self.byte()
    }

    #[inline]
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    #[inline]
    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.byte() {
            self.at += 1;
        }
    }

    #[inline]
    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }
}

/// The first quote, backslash or control character from `at` on; the end when there is none.
#[inline]
fn next_special(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const TOPS: u64 = ONES << 7;
    // A byte's top bit is set where the byte of `word` is zero; a borrow can only spoil bytes
    // above the first such, and only the first counts.
    let zero = |word: u64| word.wrapping_sub(ONES) & !word & TOPS;
    while let Some(Ok(eight)) = bytes.get(at..at + 8).map(<[u8; 8]>::try_from) {
        let word = u64::from_le_bytes(eight);
        let quotes = zero(word ^ (ONES * u64::from(b'"')));
        let slashes = zero(word ^ (ONES * u64::from(b'\\')));
        let controls = word.wrapping_sub(ONES * 0x20) & !word & TOPS;
        let hits = quotes | slashes | controls;
        if hits != 0 {
            return at + (hits.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    at + rest.iter().position(special).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    fn accepts(text: &str) -> bool {
        let mut scan = Scan::new(text);
        scan.space();
        scan.skip().and_then(|()| scan.end()).is_ok()
    }

    fn is_valid(text: &str) -> bool {
        serde_json::from_str::<IgnoredAny>(text).is_ok()
    }

    #[test]
    fn ordinary_values_are_accepted() {
        for text in [
            "{}",
            " [ ] ",
            "null",
            "-0.5e+10",
            "0",
            "10",
            r#""\u00e9\n\"""#,
            r#"{"a":[1,{"b":null}],"c":true,"d":"é😀"}"#,
            "[1 , 2\t,\n3]",
        ] {
            assert!(is_valid(text) && accepts(text), "{text}");
        }
    }

    #[test]
    fn what_is_no_json_is_odd() {
        for text in [
            "",
            "{",
            "[1,]",
            "{\"a\":1,}",
            "{,}",
            "01",
            "-",
            "1.",
            "1e",
            ".5",
            "+1",
            "nul",
            "truex",
            "\"a",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\u{1}\"",
            "{\"a\"1}",
            "[1 2]",
            "1 2",
            "'a'",
            "{1:2}",
        ] {
            assert!(!is_valid(text) && !accepts(text), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn what_is_accepted_is_valid(
            text in r#"[\{\}\[\]:, \\"0-9.eEu\-+abntrf\x01é]{0,24}"#,
        ) {
            prop_assert!(!accepts(&text) || is_valid(&text), "{}", text);
        }

        #[test]
        fn specials_are_found_where_they_are(bytes in prop::collection::vec(any::<u8>(), 0..40), from in 0usize..40) {
            let from = from.min(bytes.len());
            let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
            let expected = bytes[from..].iter().position(special).map_or(bytes.len(), |at| from + at);
            prop_assert_eq!(next_special(&bytes, from), expected);
        }
    }
}
