//! Which parts of a request are its credentials.

use base64::Engine;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use base64::{alphabet, engine::DecodePaddingMode};

use super::{headers, url};
use crate::cassette::{Headers, Request};

/// Shortest credential that is looked for elsewhere; anything shorter would be found in ordinary
/// words. The field that carried it is masked or left out whatever its length.
const SHORTEST: usize = 8;

/// The credentials in the head of `request`, as sent and without their schemes, each once.
pub(super) fn of(request: &Request, drops: impl Fn(&str) -> bool) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    from_headers(&request.headers, drops, &mut found);
    for address in [Some(request.target.as_str()), request.url.as_deref()]
        .into_iter()
        .flatten()
    {
        found.extend(url::secrets(address));
    }
    worth_hiding(found)
}

fn worth_hiding(mut found: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    found.retain(|secret| secret.len() >= SHORTEST);
    found.sort();
    found.dedup();
    found
}

fn from_headers(fields: &Headers, drops: impl Fn(&str) -> bool, found: &mut Vec<Vec<u8>>) {
    for (name, value) in fields.iter() {
        let name = name.to_ascii_lowercase();
        let value = value.trim_ascii();
        match name.as_str() {
            "cookie" => value
                .split(|byte| *byte == b';')
                .for_each(|pair| cookie(pair, found)),
            "set-cookie" => cookie(
                value.split(|byte| *byte == b';').next().unwrap_or(b""),
                found,
            ),
            _ if headers::is_secret(&name) => credential(value, found),
            _ if drops(&name) => found.push(value.to_vec()),
            _ => {}
        }
    }
}

/// A cookie's value. Plain words (`theme=darkmode`) are settings; masking them wherever they stand
/// would hide ordinary text.
fn cookie(pair: &[u8], found: &mut Vec<Vec<u8>>) {
    let Some(equals) = pair.iter().position(|byte| *byte == b'=') else {
        return;
    };
    let value = pair[equals + 1..].trim_ascii();
    let value = value
        .strip_prefix(b"\"")
        .and_then(|v| v.strip_suffix(b"\""))
        .unwrap_or(value);
    if !value
        .iter()
        .all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'-' | b'_'))
    {
        found.push(value.to_vec());
        found.push(url::decode(value));
    }
}

/// RFC 9110, section 11.4: a scheme, then a token or parameters.
fn credential(value: &[u8], found: &mut Vec<Vec<u8>>) {
    let space = value.iter().position(|byte| *byte == b' ');
    let Some((scheme, rest)) = space.map(|at| (&value[..at], value[at..].trim_ascii())) else {
        found.push(value.to_vec());
        return;
    };
    if scheme.eq_ignore_ascii_case(b"basic") {
        basic(rest, found);
    } else if scheme.starts_with(b"AWS4-") {
        signature_v4(rest, found);
        return;
    }
    found.push(rest.to_vec());
}

/// RFC 7617: base64 of `user:password`.
fn basic(encoded: &[u8], found: &mut Vec<Vec<u8>>) {
    let lenient =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let unpadded = GeneralPurpose::new(&alphabet::URL_SAFE, lenient);
    let decoded = STANDARD
        .decode(encoded)
        .or_else(|_| unpadded.decode(encoded));
    let Ok(pair) = decoded else {
        return;
    };
    if let Some(colon) = pair.iter().position(|byte| *byte == b':') {
        found.push(pair[colon + 1..].to_vec());
        // With an empty password the user name is the key.
        found.push(pair[..colon].to_vec());
    }
    found.push(pair);
}

/// AWS Signature Version 4: `Credential=AKIA…/date/region/service/aws4_request,
/// SignedHeaders=…, Signature=…`. Region and service are no secrets.
fn signature_v4(parameters: &[u8], found: &mut Vec<Vec<u8>>) {
    for parameter in parameters.split(|byte| *byte == b',') {
        let parameter = parameter.trim_ascii();
        if let Some(scope) = parameter.strip_prefix(b"Credential=") {
            found.push(
                scope
                    .split(|byte| *byte == b'/')
                    .next()
                    .unwrap_or(scope)
                    .to_vec(),
            );
        } else if let Some(signature) = parameter.strip_prefix(b"Signature=") {
            found.push(signature.to_vec());
        }
    }
}
