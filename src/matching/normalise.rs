//! Values that change from run to run, by their shape.

use std::borrow::Cow;
use std::ops::Range;

use super::{Normaliser, Rules};

/// `text` with every piece of a shape that the rules name replaced by the shape's name.
pub(super) fn text<'t>(text: &'t str, rules: &Rules) -> Cow<'t, str> {
    if rules.normalise.is_empty() {
        return Cow::Borrowed(text);
    }
    if rules.has(Normaliser::Epoch) && is_epoch(text) {
        return Cow::Borrowed(EPOCH);
    }
    let mut out = String::new();
    let mut kept = 0;
    let mut at = 0;
    while let Some(run) = next_run(text.as_bytes(), at) {
        at = run.end;
        if let Some((piece, name)) = shape_at(text, &run, rules) {
            out.push_str(&text[kept..piece.start]);
            out.push_str(name);
            (kept, at) = (piece.end, piece.end);
        }
    }
    if kept == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[kept..]);
    Cow::Owned(out)
}

/// What stands for a number of the shape `epoch`, when the rules name it.
pub(super) fn number(text: &str, rules: &Rules) -> Option<&'static str> {
    (rules.has(Normaliser::Epoch) && is_epoch(text)).then_some(EPOCH)
}

/// The normaliser under which two different texts are equal.
pub(super) fn common(one: &str, other: &str) -> Option<Normaliser> {
    Normaliser::ALL.iter().copied().find(|normaliser| {
        let rules = Rules {
            normalise: vec![*normaliser],
            ..Rules::default()
        };
        text(one, &rules) == text(other, &rules)
    })
}

const EPOCH: &str = "<epoch>";

/// Seconds of ten digits, and what is 1,000 to 1,000,000,000 times as fine; seconds may have a
/// fraction.
fn is_epoch(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    matches!(whole.len(), 10 | 13 | 16 | 19)
        && all_digits(whole)
        && all_digits(fraction)
        && !whole.starts_with('0')
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// The next run of letters, digits, `-` and `_`.
fn next_run(bytes: &[u8], from: usize) -> Option<Range<usize>> {
    let start = from + bytes[from..].iter().position(|byte| is_word(*byte))?;
    let length = bytes[start..].iter().position(|byte| !is_word(*byte));
    Some(start..length.map_or(bytes.len(), |length| start + length))
}

fn shape_at(text: &str, run: &Range<usize>, rules: &Rules) -> Option<(Range<usize>, &'static str)> {
    let word = &text[run.clone()];
    if rules.has(Normaliser::Uuid)
        && let Some(at) = uuid(word)
    {
        return Some((run.start + at.start..run.start + at.end, "<uuid>"));
    }
    if rules.has(Normaliser::Rfc3339)
        && let Some(length) = rfc3339(&text.as_bytes()[run.start..])
    {
        return Some((run.start..run.start + length, "<rfc3339>"));
    }
    if rules.has(Normaliser::GeneratedId) && is_generated(word) {
        return Some((run.clone(), "<generated-id>"));
    }
    None
}

/// A UUID that is the word, or stands in it behind a prefix (`msg_…`).
fn uuid(word: &str) -> Option<Range<usize>> {
    let from = word.len().checked_sub(36)?;
    let bytes = &word.as_bytes()[from..];
    let fits = bytes.iter().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    let apart = from == 0 || matches!(word.as_bytes()[from - 1], b'-' | b'_');
    (fits && apart).then_some(from..word.len())
}

/// How many bytes a date and time takes at the start of `bytes`.
fn rfc3339(bytes: &[u8]) -> Option<usize> {
    let shape = |pattern: &[u8], bytes: &[u8]| {
        bytes.len() >= pattern.len()
            && pattern.iter().zip(bytes).all(|(want, byte)| match want {
                b'0' => byte.is_ascii_digit(),
                b'T' => matches!(byte, b'T' | b't' | b' '),
                want => want == byte,
            })
    };
    const DATE_TIME: &[u8] = b"0000-00-00T00:00:00";
    if !shape(DATE_TIME, bytes) {
        return None;
    }
    let mut length = DATE_TIME.len();
    if bytes.get(length) == Some(&b'.') {
        let digits = bytes[length + 1..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if digits > 0 {
            length += 1 + digits;
        }
    }
    match bytes.get(length) {
        Some(b'Z' | b'z') => length += 1,
        // RFC 3339 wants an offset; Python's isoformat leaves it out.
        Some(b'+' | b'-') if shape(b"00:00", &bytes[length + 1..]) => length += 6,
        _ => {}
    }
    Some(length)
}

fn is_generated(word: &str) -> bool {
    let Some(at) = word.rfind(['_', '-']) else {
        return false;
    };
    let (prefix, id) = (&word[..at], &word[at + 1..]);
    prefix.starts_with(|c: char| c.is_ascii_alphabetic())
        && id.len() >= 8
        && id.bytes().any(|byte| byte.is_ascii_digit())
        && !word.contains("REDACTED")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_found_in_text() {
        let rules = |word: &str| Rules {
            normalise: vec![word.parse().unwrap()],
            ..Rules::default()
        };
        for (word, from, to) in [
            (
                "uuid",
                "id 7f2c9a4e-1111-4222-8333-444455556666.",
                "id <uuid>.",
            ),
            (
                "uuid",
                "run_7f2c9a4e-1111-4222-8333-444455556666",
                "run_<uuid>",
            ),
            (
                "uuid",
                "7f2c9a4e-1111-4222-8333-44445555666",
                "7f2c9a4e-1111-4222-8333-44445555666",
            ),
            (
                "rfc3339",
                "It is 2026-11-22T10:00:00.5+02:00, Sunday",
                "It is <rfc3339>, Sunday",
            ),
            ("rfc3339", "2026-11-22 10:00:00Z", "<rfc3339>"),
            ("rfc3339", "2026-11-22", "2026-11-22"),
            ("epoch", "1795341600", "<epoch>"),
            ("epoch", "1795341600.25", "<epoch>"),
            ("epoch", "179534160", "179534160"),
            ("generated-id", "call_a1B2c3D4", "<generated-id>"),
            (
                "generated-id",
                "see chatcmpl-a1B2c3D4e5!",
                "see <generated-id>!",
            ),
            (
                "generated-id",
                "get_weather_forecast",
                "get_weather_forecast",
            ),
            (
                "generated-id",
                "call_REDACTED_12345678",
                "call_REDACTED_12345678",
            ),
        ] {
            assert_eq!(text(from, &rules(word)), to, "{word}");
        }
    }
}
