//! The spellings in which a secret can turn up on a wire.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use super::placeholder::Style;

/// One spelling of a secret, and the alphabet its placeholder has to stay in.
pub(super) struct Form {
    pub(super) bytes: Vec<u8>,
    pub(super) style: Style,
}

/// All spellings of `secret`, each once: raw, JSON-escaped, percent-encoded, base64.
pub(super) fn of(secret: &[u8]) -> Vec<Form> {
    let mut forms = Vec::new();
    let number = secret.iter().all(u8::is_ascii_digit);
    add(
        &mut forms,
        secret.to_vec(),
        if number { Style::Digits } else { Style::Plain },
    );
    if let Ok(text) = std::str::from_utf8(secret) {
        for escaped in json_forms(text) {
            // Tool-call arguments are JSON inside a JSON string.
            for twice in json_forms(&escaped) {
                add(&mut forms, twice.into_bytes(), Style::Plain);
            }
            add(&mut forms, escaped.into_bytes(), Style::Plain);
        }
    }
    for encoded in percent_forms(secret) {
        add(&mut forms, encoded.into_bytes(), Style::Plain);
    }
    for encoded in base64_forms(secret) {
        // A slash may be escaped in JSON, and standard base64 has to be in a query.
        add(
            &mut forms,
            encoded.replace('/', "\\/").into_bytes(),
            Style::Word,
        );
        for outer in percent_forms(encoded.as_bytes()) {
            add(&mut forms, outer.into_bytes(), Style::Word);
        }
        add(&mut forms, encoded.into_bytes(), Style::Word);
    }
    forms
}

fn add(forms: &mut Vec<Form>, bytes: Vec<u8>, style: Style) {
    if !bytes.is_empty() && forms.iter().all(|form| form.bytes != bytes) {
        forms.push(Form { bytes, style });
    }
}

/// How serialisers differ: PHP escapes the slash, Go and Google's gateways HTML's own characters
/// and `=`, .NET `+` too and in capitals, Python everything outside ASCII.
#[derive(Clone, Copy, Default)]
struct Escaping {
    slash: bool,
    html: bool,
    ascii: bool,
    capitals: bool,
}

fn json_forms(text: &str) -> impl Iterator<Item = String> {
    let plain = Escaping::default();
    [
        plain,
        Escaping {
            slash: true,
            ..plain
        },
        Escaping {
            ascii: true,
            ..plain
        },
        Escaping {
            slash: true,
            ascii: true,
            ..plain
        },
        Escaping {
            html: true,
            ..plain
        },
        Escaping {
            html: true,
            ascii: true,
            ..plain
        },
        Escaping {
            html: true,
            ascii: true,
            capitals: true,
            ..plain
        },
    ]
    .map(|escaping| json_escape(text, escaping))
    .into_iter()
}

fn json_escape(text: &str, escaping: Escaping) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '"' if !escaping.html || !escaping.capitals => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '/' if escaping.slash => out.push_str("\\/"),
            '\0'..'\u{20}' => escape_units(&mut out, c, escaping.capitals),
            '<' | '>' | '&' | '=' | '\'' | '"' if escaping.html => {
                escape_units(&mut out, c, escaping.capitals);
            }
            '+' | '`' if escaping.html && escaping.capitals => escape_units(&mut out, c, true),
            c if escaping.ascii && !c.is_ascii() => escape_units(&mut out, c, escaping.capitals),
            c => out.push(c),
        }
    }
    out
}

fn escape_units(out: &mut String, c: char, capitals: bool) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        out.push_str(&if capitals {
            format!("\\u{unit:04X}")
        } else {
            format!("\\u{unit:04x}")
        });
    }
}

/// RFC 3986, section 2.3: what never needs encoding.
const UNRESERVED: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// ECMA-262, `encodeURIComponent`.
const COMPONENT: AsciiSet = UNRESERVED
    .remove(b'!')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*');
/// ECMA-262, `encodeURI`.
const WHOLE_URI: AsciiSet = COMPONENT
    .remove(b';')
    .remove(b'/')
    .remove(b'?')
    .remove(b':')
    .remove(b'@')
    .remove(b'&')
    .remove(b'=')
    .remove(b'+')
    .remove(b'$')
    .remove(b',')
    .remove(b'#');
/// Python's `quote`, which leaves the slash.
const PATH: AsciiSet = UNRESERVED.remove(b'/');
/// WHATWG URL, section 1.3: `application/x-www-form-urlencoded`, before its `+`.
const FORM: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'*')
    .remove(b' ');

fn percent_forms(secret: &[u8]) -> Vec<String> {
    let mut forms = Vec::new();
    for set in [&UNRESERVED, &COMPONENT, &WHOLE_URI, &PATH, &FORM] {
        let mut encoded = percent_encode(secret, set).to_string();
        if std::ptr::eq(set, &FORM) {
            encoded = encoded.replace(' ', "+");
        }
        forms.push(lower_hex(&encoded));
        forms.push(encoded);
    }
    forms
}

fn lower_hex(encoded: &str) -> String {
    let mut digits = 0;
    let lower = |c: char| match c {
        '%' => {
            digits = 2;
            c
        }
        c if digits > 0 => {
            digits -= 1;
            c.to_ascii_lowercase()
        }
        c => c,
    };
    encoded.chars().map(lower).collect()
}

/// The characters that the secret alone determines, for each of the three places it can have in a
/// group of three bytes. A character shared with a neighbour stays: it tells at most four bits.
fn base64_forms(secret: &[u8]) -> Vec<String> {
    let mut forms = Vec::new();
    for before in 0..3 {
        let mut padded = vec![0; before];
        padded.extend_from_slice(secret);
        let first = (8 * before).div_ceil(6);
        let last = 8 * padded.len() / 6;
        for encoded in [
            STANDARD_NO_PAD.encode(&padded),
            URL_SAFE_NO_PAD.encode(&padded),
        ] {
            if let Some(own) = encoded.get(first..last) {
                forms.push(own.to_owned());
            }
        }
    }
    forms
}
