//! Where in a URL or a request target its secrets stand.

use std::ops::Range;

use percent_encoding::percent_decode;

/// Query parameters whose values are credentials, in lower case.
pub const SECRET_PARAMETERS: &[&str] = &[
    "access_key",
    "access_token",
    "api-key",
    "api_key",
    "apikey",
    "auth",
    "auth_token",
    "authorization",
    "client_secret",
    "code",
    "id_token",
    "jwt",
    "key",
    "password",
    "refresh_token",
    "secret",
    "sig",
    "signature",
    "subscription-key",
    "token",
    "x-amz-credential",
    "x-amz-security-token",
    "x-amz-signature",
    "x-api-key",
    "x-goog-credential",
    "x-goog-signature",
];

/// Byte ranges of `url` (absolute, or a path with its query) that are credentials: user
/// information and the values of [`SECRET_PARAMETERS`].
pub(super) fn secret_ranges(url: &str) -> Vec<Range<usize>> {
    let mut ranges: Vec<_> = user_information(url).into_iter().collect();
    let Some(query) = url.find('?') else {
        return ranges;
    };
    let end = url[query..].find('#').map_or(url.len(), |at| query + at);
    let mut start = query + 1;
    for pair in url[start..end].split('&') {
        if let Some((name, value)) = pair.split_once('=')
            && is_secret_parameter(name)
            && !value.is_empty()
        {
            let at = start + name.len() + 1;
            ranges.push(at..at + value.len());
        }
        start += pair.len() + 1;
    }
    ranges
}

/// The values themselves, percent-decoded: `user:password` and `password`, then the parameters.
pub(super) fn secrets(url: &str) -> Vec<Vec<u8>> {
    let mut secrets = Vec::new();
    for range in secret_ranges(url) {
        let is_user = user_information(url).is_some_and(|user| user == range);
        let value = decode(&url.as_bytes()[range]);
        if is_user && let Some(colon) = value.iter().position(|byte| *byte == b':') {
            secrets.push(value[colon + 1..].to_vec());
        }
        secrets.push(value);
    }
    secrets
}

fn is_secret_parameter(name: &str) -> bool {
    let name = String::from_utf8_lossy(&decode(name.as_bytes())).to_ascii_lowercase();
    SECRET_PARAMETERS.binary_search(&name.as_str()).is_ok()
}

fn user_information(url: &str) -> Option<Range<usize>> {
    let start = url.find("://")? + 3;
    let authority = url[start..].split(['/', '?', '#']).next()?;
    let at = authority.rfind('@')?;
    (at > 0).then_some(start..start + at)
}

/// Percent-decoded; `+` stays, since keys hold pluses and no spaces.
pub(super) fn decode(value: &[u8]) -> Vec<u8> {
    percent_decode(value).collect()
}
