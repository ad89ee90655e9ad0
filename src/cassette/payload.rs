//! Bytes as JSON: a string when they are UTF-8, else `{"base64":"…"}`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Writes `bytes` in their one spelling.
pub(super) fn write(out: &mut Vec<u8>, bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok(text) => write_str(out, text),
        Err(_) => {
            out.extend_from_slice(b"{\"base64\":\"");
            let start = out.len();
            out.resize(start + bytes.len().div_ceil(3) * 4, 0);
            // The buffer has exactly the encoded length, so the encoder cannot run out of it.
            let written = STANDARD
                .encode_slice(bytes, &mut out[start..])
                .unwrap_or_default();
            out.truncate(start + written);
            out.extend_from_slice(b"\"}");
        }
    }
}

/// Writes a JSON string: `\n \r \t \" \\`, `\u00XX` for other controls, nothing else escaped.
pub(super) fn write_str(out: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut rest = text.as_bytes();
    out.reserve(rest.len() + 16);
    out.push(b'"');
    loop {
        let plain = special(rest);
        out.extend_from_slice(&rest[..plain]);
        let Some(&byte) = rest.get(plain) else { break };
        match byte {
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            control => {
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(control >> 4)]);
                out.push(HEX[usize::from(control & 15)]);
            }
        }
        rest = &rest[plain + 1..];
    }
    out.push(b'"');
}

/// Reads the JSON string behind whose opening quote `text` begins into `out`, and returns what
/// follows its closing quote.
///
/// Takes the spellings that tapes are made of and leaves the rest (`\u` beyond ASCII, whatever is
/// not JSON) to the general parser: then it answers `None`. `text` need not be UTF-8; `out` is
/// UTF-8 exactly if the string is, because what escapes stand for is ASCII here.
pub(super) fn read_str<'a>(mut text: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let plain = special(text);
        out.extend_from_slice(&text[..plain]);
        match text.get(plain)? {
            b'"' => return Some(&text[plain + 1..]),
            b'\\' => {}
            _ => return None,
        }
        let (byte, length) = match text.get(plain + 1)? {
            b'n' => (b'\n', 2),
            b'"' => (b'"', 2),
            b'\\' => (b'\\', 2),
            b'r' => (b'\r', 2),
            b't' => (b'\t', 2),
            b'/' => (b'/', 2),
            b'u' => (ascii_escape(text.get(plain + 2..plain + 6)?)?, 6),
            _ => return None,
        };
        out.push(byte);
        text = &text[plain + length..];
    }
}

/// The bytes of `{"base64":"…"}`'s value; none when it is not standard base64 with padding.
pub(super) fn read_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

fn ascii_escape(digits: &[u8]) -> Option<u8> {
    let [b'0', b'0', high, low] = digits else {
        return None;
    };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let value = digit(*high)? * 16 + digit(*low)?;
    u8::try_from(value).ok().filter(u8::is_ascii)
}

/// How many bytes come before the first one that JSON escapes: a control, `"` or `\`.
///
/// Streamed JSON has a quote every few bytes, so eight bytes are looked at at once; for a call per
/// span, a vectorised search costs more than it saves.
fn special(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::from_le_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    // Marks the lanes below `limit`; lanes above a marked one may be marked wrongly, so only the
    // lowest mark counts.
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word;
    let (words, tail) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let quote = word ^ (ONES * u64::from(b'"'));
        let backslash = word ^ (ONES * u64::from(b'\\'));
        let marks = (below(word, 0x20) | below(quote, 1) | below(backslash, 1)) & HIGH;
        if marks != 0 {
            return index * 8 + marks.trailing_zeros() as usize / 8;
        }
    }
    let escaped = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    words.len() * 8 + tail.iter().position(escaped).unwrap_or(tail.len())
}
