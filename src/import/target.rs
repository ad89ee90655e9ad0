//! Request targets and URLs as they go over the wire.

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};

/// What may not stand in a path as it is. `%` may: the path is encoded already.
const PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`')
    .add(b'{')
    .add(b'}');

/// What may not stand in a target as a whole.
const TARGET: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'`');

/// What clients leave as it is in a query's names and values.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'*');

/// A target of a path that is encoded already, and decoded names and values.
pub(super) fn of(path: &str, query: &[(String, String)]) -> String {
    let mut target = utf8_percent_encode(path, PATH).to_string();
    if !target.starts_with('/') {
        target.insert(0, '/');
    }
    if !query.is_empty() {
        target.push('?');
        target.push_str(&form(query));
    }
    target
}

/// Names and values as a form has them, but for a space, which is `%20` in every reader's eyes.
pub(super) fn form(pairs: &[(String, String)]) -> String {
    let pair = |(name, value): &(String, String)| {
        let encode = |text| utf8_percent_encode(text, QUERY);
        format!("{}={}", encode(name), encode(value))
    };
    pairs.iter().map(pair).collect::<Vec<_>>().join("&")
}

/// The URL without its fragment, and the target within it.
///
/// # Errors
///
/// When it is no `http` or `https` URL; the error says what it is.
pub(super) fn split(url: &str) -> Result<(Option<String>, String), String> {
    let url = url.split('#').next().unwrap_or_default();
    if url.starts_with('/') && !url.starts_with("//") {
        return Ok((None, utf8_percent_encode(url, TARGET).to_string()));
    }
    let scheme = url.split_once("://").map(|(scheme, _)| scheme);
    let Some(scheme) = scheme.filter(|scheme| scheme.len() < 32) else {
        let short: String = url
            .split(':')
            .next()
            .unwrap_or_default()
            .chars()
            .take(32)
            .collect();
        return Err(format!("its URL is no http or https URL (`{short}`)"));
    };
    if !matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https") {
        return Err(format!("its URL is no http or https URL (`{scheme}:`)"));
    }
    let authority = scheme.len() + "://".len();
    let path = url[authority..].find(['/', '?']);
    let target = match path.map(|at| &url[authority + at..]) {
        None => "/".to_owned(),
        Some(query) if query.starts_with('?') => format!("/{query}"),
        Some(target) => target.to_owned(),
    };
    let encoded = |text: &str| utf8_percent_encode(text, TARGET).to_string();
    Ok((Some(encoded(url)), encoded(&target)))
}
