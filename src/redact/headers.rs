//! Which header fields go on a tape: allow-lists, written out.

use bytes::Bytes;

use super::Rules;
use crate::cassette::Headers;

/// Request headers that shape an answer and say nothing about who asked.
///
/// `user-agent`, SDK telemetry and organisation or project names are left out: they tell a reader
/// who recorded, and change with every upgrade. An idempotency key is new in every run.
pub const REQUEST_HEADERS: &[&str] = &[
    "accept",
    "anthropic-beta",
    "anthropic-version",
    "content-type",
    "openai-beta",
    "prefer",
];

/// Response headers that a client acts on: type, retries, rate limits, and the ids that a bug
/// report quotes.
///
/// Lengths and codings (`content-length`, `transfer-encoding`, `content-encoding`) are not here: a
/// tape is replayed in its own framing.
pub const RESPONSE_HEADERS: &[&str] = &[
    "accept-ranges",
    "allow",
    "anthropic-ratelimit-input-tokens-limit",
    "anthropic-ratelimit-input-tokens-remaining",
    "anthropic-ratelimit-input-tokens-reset",
    "anthropic-ratelimit-output-tokens-limit",
    "anthropic-ratelimit-output-tokens-remaining",
    "anthropic-ratelimit-output-tokens-reset",
    "anthropic-ratelimit-requests-limit",
    "anthropic-ratelimit-requests-remaining",
    "anthropic-ratelimit-requests-reset",
    "anthropic-ratelimit-tokens-limit",
    "anthropic-ratelimit-tokens-remaining",
    "anthropic-ratelimit-tokens-reset",
    "anthropic-ratelimit-unified-remaining",
    "anthropic-ratelimit-unified-reset",
    "anthropic-ratelimit-unified-status",
    "apim-request-id",
    "cache-control",
    "cf-ray",
    "content-disposition",
    "content-language",
    "content-range",
    "content-type",
    "date",
    "deprecation",
    "etag",
    "last-modified",
    "location",
    "mistral-correlation-id",
    "openai-model",
    "openai-processing-ms",
    "openai-version",
    "ratelimit",
    "ratelimit-limit",
    "ratelimit-policy",
    "ratelimit-remaining",
    "ratelimit-reset",
    "request-id",
    "retry-after",
    "retry-after-ms",
    "server-timing",
    "sunset",
    "vary",
    "warning",
    "www-authenticate",
    "x-amzn-bedrock-input-token-count",
    "x-amzn-bedrock-invocation-latency",
    "x-amzn-bedrock-output-token-count",
    "x-amzn-errortype",
    "x-amzn-requestid",
    "x-debug-trace-id",
    "x-endpoint-monthly-call-limit",
    "x-gemini-service-tier",
    "x-generation-id",
    "x-groq-region",
    "x-ms-error-code",
    "x-ms-rai-invoked",
    "x-ms-region",
    "x-ms-request-id",
    "x-ratelimit-limit",
    "x-ratelimit-limit-requests",
    "x-ratelimit-limit-tokens",
    "x-ratelimit-remaining",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset",
    "x-ratelimit-reset-requests",
    "x-ratelimit-reset-tokens",
    "x-ratelimitbysize-limit-minute",
    "x-ratelimitbysize-limit-month",
    "x-ratelimitbysize-remaining-minute",
    "x-ratelimitbysize-remaining-month",
    "x-request-id",
    "x-should-retry",
    "x-trial-endpoint-call-limit",
];

/// Headers whose values are credentials, in requests and in responses.
///
/// The value of each is masked wherever else it turns up in its interaction.
pub const SECRET_HEADERS: &[&str] = &[
    "api-key",
    "authorization",
    "cf-access-client-id",
    "cf-access-client-secret",
    "cf-access-jwt-assertion",
    "cf-access-token",
    "cf-aig-authorization",
    "cookie",
    "helicone-auth",
    "ocp-apim-subscription-key",
    "proxy-authorization",
    "set-cookie",
    "x-amz-security-token",
    "x-api-key",
    "x-auth-token",
    "x-bt-api-key",
    "x-forwarded-access-token",
    "x-functions-key",
    "x-goog-api-key",
    "x-goog-iam-authorization-token",
    "x-litellm-api-key",
    "x-portkey-api-key",
    "x-portkey-virtual-key",
    "x-subscription-token",
    "x-token",
];

/// Header fields after an allow-list: what goes on the tape, and the names of the rest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Split {
    /// Fields that are recorded, in their order, duplicates included.
    pub(super) kept: Headers,
    /// Names of the fields left out, each once, in order of appearance.
    pub(super) dropped: Vec<String>,
}

/// Which side sent a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Request,
    Response,
}

/// Whether the field `name` (lower case) holds a credential.
pub(super) fn is_secret(name: &str) -> bool {
    SECRET_HEADERS.binary_search(&name).is_ok()
}

/// The allow-lists of one redactor, its rules applied.
#[derive(Debug, Clone, Default)]
pub(super) struct AllowLists {
    keep: Vec<String>,
    drop: Vec<String>,
}

impl AllowLists {
    pub(super) fn new(rules: &Rules) -> AllowLists {
        let lower = |names: &[String]| names.iter().map(|name| name.to_ascii_lowercase()).collect();
        AllowLists {
            keep: lower(&rules.keep_headers),
            drop: lower(&rules.drop_headers),
        }
    }

    /// A rule can keep any header but one that holds a credential.
    fn keeps(&self, side: Side, name: &str) -> bool {
        if is_secret(name) || self.drops(name) {
            return false;
        }
        let list = match side {
            Side::Request => REQUEST_HEADERS,
            Side::Response => RESPONSE_HEADERS,
        };
        list.binary_search(&name).is_ok() || self.keep.iter().any(|kept| kept == name)
    }

    /// Whether a field has to go from a tape that exists: it may hold more than this version would
    /// record, so only credentials and what a rule names are taken out.
    pub(super) fn drops(&self, name: &str) -> bool {
        is_secret(name) || self.drop.iter().any(|dropped| dropped == name)
    }

    pub(super) fn split(&self, side: Side, headers: &Headers) -> Split {
        partition(headers, |name| self.keeps(side, name))
    }

    pub(super) fn without_credentials(&self, headers: &Headers) -> Split {
        partition(headers, |name| !self.drops(name))
    }
}

fn partition(headers: &Headers, keep: impl Fn(&str) -> bool) -> Split {
    let mut dropped: Vec<String> = Vec::new();
    let mut kept: Vec<(String, Bytes)> = Vec::new();
    for (name, value) in headers.iter() {
        let name = name.to_ascii_lowercase();
        if keep(&name) {
            kept.push((name, value.clone()));
        } else if !dropped.contains(&name) {
            dropped.push(name);
        }
    }
    Split {
        kept: kept.into_iter().collect(),
        dropped,
    }
}
