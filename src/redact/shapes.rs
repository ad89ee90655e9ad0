//! What keys look like: a prefix, a class of characters, a length.

use serde::Deserialize;

use super::placeholder;

/// How a provider's keys look.
///
/// A key is its prefix, not glued to a word before it, and then a run of one class of characters.
/// There are no regular expressions here: a run can be followed over any number of chunks with a
/// few bytes of state.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Shape {
    /// What every key begins with; stays visible in the placeholder.
    pub prefix: String,
    /// Fewest characters after the prefix.
    pub min: usize,
    /// Most characters after the prefix, 512 if absent; the rest of a longer run is not masked.
    #[serde(default = "default_max")]
    pub max: usize,
    /// Characters after the prefix.
    #[serde(default)]
    pub chars: Chars,
    /// What else the run must be.
    #[serde(default)]
    pub look: Look,
}

/// A class of characters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Chars {
    /// `A-Z a-z 0-9`
    Alnum,
    /// `A-Z 0-9`
    Upper,
    /// `0-9 a-f A-F`
    Hex,
    /// `A-Z a-z 0-9 - _`
    #[default]
    Base64url,
    /// `A-Z a-z 0-9 - _ .`
    Dotted,
    /// Base64 in lines, as in PEM, the line breaks raw or escaped for JSON.
    Pem,
}

/// What a run must be beside long enough.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Look {
    /// Nothing more: the prefix is rare enough.
    #[default]
    Any,
    /// Unlike words joined by hyphens: a long unbroken stretch, and digits in it.
    Random,
    /// Exactly `min` characters; a longer run is something else.
    Exact,
    /// Three parts with dots between them, as a JSON web token (RFC 7519) has.
    Token,
}

const fn default_max() -> usize {
    512
}

/// Prefix, shortest, longest, characters, look.
type Row = (&'static str, usize, usize, Chars, Look);

/// The shapes known without any rule.
#[rustfmt::skip]
const KNOWN: &[Row] = &[
    ("sk-", 20, 512, Chars::Base64url, Look::Random), // OpenAI, DeepSeek, Moonshot, LiteLLM, …
    ("sk-proj-", 20, 512, Chars::Base64url, Look::Any),
    ("sk-svcacct-", 20, 512, Chars::Base64url, Look::Any),
    ("sk-admin-", 20, 512, Chars::Base64url, Look::Any),
    ("sk-ant-", 20, 512, Chars::Base64url, Look::Any),
    ("sk-or-", 20, 512, Chars::Base64url, Look::Any),
    ("sk-lf-", 20, 512, Chars::Base64url, Look::Any),
    ("sk_live_", 16, 512, Chars::Alnum, Look::Any),
    ("rk_live_", 16, 512, Chars::Alnum, Look::Any),
    ("gsk_", 30, 512, Chars::Alnum, Look::Any),
    ("xai-", 30, 512, Chars::Base64url, Look::Random),
    ("AIza", 35, 35, Chars::Base64url, Look::Exact),
    ("ya29.", 20, 2048, Chars::Dotted, Look::Any),
    ("GOCSPX-", 20, 128, Chars::Base64url, Look::Any),
    ("hf_", 30, 64, Chars::Alnum, Look::Any),
    ("ghp_", 36, 255, Chars::Alnum, Look::Any),
    ("gho_", 36, 255, Chars::Alnum, Look::Any),
    ("ghu_", 36, 255, Chars::Alnum, Look::Any),
    ("ghs_", 36, 255, Chars::Alnum, Look::Any),
    ("ghr_", 36, 255, Chars::Alnum, Look::Any),
    ("github_pat_", 22, 255, Chars::Base64url, Look::Any),
    ("glpat-", 20, 128, Chars::Base64url, Look::Any),
    ("AKIA", 16, 16, Chars::Upper, Look::Exact),
    ("ASIA", 16, 16, Chars::Upper, Look::Exact),
    ("ABSK", 60, 512, Chars::Alnum, Look::Any), // Amazon Bedrock
    ("r8_", 37, 37, Chars::Alnum, Look::Exact),
    ("pplx-", 30, 128, Chars::Alnum, Look::Any),
    ("nvapi-", 30, 256, Chars::Base64url, Look::Any),
    ("fw_", 20, 64, Chars::Alnum, Look::Random),
    ("tgp_v1_", 30, 128, Chars::Base64url, Look::Any),
    ("csk-", 30, 128, Chars::Alnum, Look::Random),
    ("vck_", 30, 128, Chars::Alnum, Look::Any),
    ("npm_", 36, 64, Chars::Alnum, Look::Any),
    ("pypi-", 60, 512, Chars::Base64url, Look::Any),
    ("xoxb-", 20, 256, Chars::Base64url, Look::Any),
    ("xoxp-", 20, 256, Chars::Base64url, Look::Any),
    ("xoxa-", 20, 256, Chars::Base64url, Look::Any),
    ("xoxr-", 20, 256, Chars::Base64url, Look::Any),
    ("xoxs-", 20, 256, Chars::Base64url, Look::Any),
    ("xapp-", 20, 256, Chars::Base64url, Look::Any),
    ("eyJ", 40, 8192, Chars::Dotted, Look::Token),
    ("-----BEGIN PRIVATE KEY-----", 32, 8192, Chars::Pem, Look::Any),
    ("-----BEGIN RSA PRIVATE KEY-----", 32, 8192, Chars::Pem, Look::Any),
    ("-----BEGIN EC PRIVATE KEY-----", 32, 8192, Chars::Pem, Look::Any),
    ("-----BEGIN DSA PRIVATE KEY-----", 32, 8192, Chars::Pem, Look::Any),
    ("-----BEGIN OPENSSH PRIVATE KEY-----", 32, 8192, Chars::Pem, Look::Any),
    ("-----BEGIN ENCRYPTED PRIVATE KEY-----", 32, 8192, Chars::Pem, Look::Any),
];

/// The shapes known without any rule, those of the model providers and of what stands beside them
/// in an environment: code hosts, clouds, chat.
pub fn known() -> Vec<Shape> {
    let shape = |(prefix, min, max, chars, look): &Row| Shape {
        prefix: (*prefix).to_owned(),
        min: *min,
        max: *max,
        chars: *chars,
        look: *look,
    };
    KNOWN.iter().map(shape).collect()
}

impl Chars {
    pub(super) fn contain(self, byte: u8) -> bool {
        match self {
            Chars::Alnum => byte.is_ascii_alphanumeric(),
            Chars::Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Chars::Hex => byte.is_ascii_hexdigit(),
            Chars::Base64url => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'),
            Chars::Dotted => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'),
            Chars::Pem => {
                byte.is_ascii_alphanumeric()
                    || matches!(byte, b'+' | b'/' | b'=' | b'\\' | b'\r' | b'\n' | b' ')
            }
        }
    }
}

impl Shape {
    /// Length of the key at the start of `run`, which is the prefix and all the characters that
    /// follow it; `None` when it is no key.
    pub(super) fn key_in(&self, run: &[u8]) -> Option<usize> {
        let mut body = run.get(self.prefix.len()..)?;
        // A full stop after a key ends a sentence, and a lone backslash escapes what comes next.
        while let [rest @ .., b'.' | b'\\' | b' ' | b'\n' | b'\r'] = body {
            body = rest;
        }
        let fits = body.len() >= self.min && !placeholder::is_placeholder(body);
        let looks = match self.look {
            Look::Any => true,
            Look::Exact => body.len() == self.min,
            Look::Random => looks_random(body),
            Look::Token => looks_like_token(body),
        };
        (fits && looks).then_some(self.prefix.len() + body.len())
    }

    /// Whether a longer run than `max` has to be seen to its next character.
    pub(super) fn longest_run(&self) -> usize {
        let beyond = usize::from(self.look == Look::Exact);
        self.prefix
            .len()
            .saturating_add(self.max.max(self.min))
            .saturating_add(beyond)
    }
}

fn looks_random(body: &[u8]) -> bool {
    let stretch = body
        .split(|byte| !byte.is_ascii_alphanumeric())
        .max_by_key(|stretch| stretch.len())
        .unwrap_or_default();
    let digits = body.iter().any(u8::is_ascii_digit);
    stretch.len() >= 12 && (digits || stretch.len() >= 24)
}

fn looks_like_token(body: &[u8]) -> bool {
    let mut parts = body.split(|byte| *byte == b'.');
    let header = parts.next().unwrap_or_default();
    let payload = parts.next().unwrap_or_default();
    let signature = parts.next();
    header.len() >= 8 && payload.len() >= 8 && signature.is_some()
}

/// Bytes before a prefix that tell whether it begins a word.
pub(super) const LOOK_BEHIND: usize = 64;

/// Whether what follows `before` can be the beginning of a key: no word (`task-`, `disk-`) and no
/// long run of base64 goes on there.
pub(super) fn begins_word(before: &[u8]) -> bool {
    match before {
        [] => true,
        // The letters and digits of an escape belong to it, not to a word.
        [.., b'\\', b'n' | b'r' | b't' | b'b' | b'f'] => true,
        [.., b'\\', b'u', a, b, c, d] if [a, b, c, d].iter().all(|x| x.is_ascii_hexdigit()) => true,
        [.., b'%', a, b] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => true,
        [.., b'/' | b'+'] => !in_base64(before),
        [.., last] => !last.is_ascii_alphanumeric() && !matches!(last, b'-' | b'_'),
    }
}

fn in_base64(before: &[u8]) -> bool {
    let run = before
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'+'))
        .count();
    run >= LOOK_BEHIND
}
