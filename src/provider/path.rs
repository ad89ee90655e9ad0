//! What the path of a request says about the API it belongs to.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::{PROVIDERS, Provider};

/// The provider that a request betrays, by its path and by whether it has a header of some name.
/// Paths: the providers' API references.
#[cfg(feature = "record")]
pub(crate) fn provider_of(path: &str, has_header: impl Fn(&str) -> bool) -> Option<&'static str> {
    let (_, rest) = strip_versions(path);
    if path.starts_with("/openai/deployments/")
        || (path.starts_with("/openai/") && has_header("api-key"))
    {
        Some("azure")
    } else if path.ends_with(":generateContent")
        || path.ends_with(":streamGenerateContent")
        || has_header("x-goog-api-key")
    {
        Some("gemini")
    } else if has_header("anthropic-version") || is_at(rest, "/messages") {
        Some("anthropic")
    } else if path.starts_with("/v2/chat") || path.starts_with("/v2/embed") {
        Some("cohere")
    } else if [
        "/api/chat",
        "/api/generate",
        "/api/tags",
        "/api/show",
        "/api/embed",
    ]
    .iter()
    .any(|known| is_at(path, known))
    {
        Some("ollama")
    } else if is_endpoint(rest) {
        Some("openai")
    } else {
        None
    }
}

/// Whether this path, without a version, is one that clients of several providers know.
#[cfg(feature = "record")]
pub(crate) fn is_endpoint(path: &str) -> bool {
    [
        "/chat/completions",
        "/responses",
        "/messages",
        "/completions",
        "/embeddings",
        "/models",
        "/images",
        "/audio",
        "/files",
        "/moderations",
        "/batches",
    ]
    .iter()
    .any(|known| is_at(path, known))
}

#[cfg(feature = "record")]
fn is_at(path: &str, known: &str) -> bool {
    path.strip_prefix(known)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// How often a path begins with `/v1`, and what follows.
#[cfg(feature = "record")]
pub(crate) fn strip_versions(path: &str) -> (usize, &str) {
    let mut rest = path;
    let mut count = 0;
    while let Some(stripped) = rest.strip_prefix("/v1").filter(|r| r.starts_with('/')) {
        rest = stripped;
        count += 1;
    }
    (count, rest)
}

/// The path that all spellings of one endpoint share, and the provider whose name stood in front.
///
/// Names of providers, the paths of their public endpoints and versions at the front are taken off,
/// percent-encoding is undone, and a Gemini method is known by its model alone: one SDK asks under
/// `/v1/models/…`, another under `/v1beta/models/…`.
pub(crate) fn canonical_path(path: &str) -> (Option<&'static Provider>, Cow<'_, str>) {
    let decoded = percent_decode_str(path).decode_utf8_lossy();
    let mut named = None;
    let mut rest: &str = &decoded;
    loop {
        if let Some((provider, behind)) = strip_name(rest) {
            named = named.or(Some(provider));
            rest = behind;
        } else if let Some(behind) = strip_version(rest).or_else(|| strip_mount(rest)) {
            rest = behind;
        } else {
            break;
        }
    }
    if rest.ends_with(":generateContent") || rest.ends_with(":streamGenerateContent") {
        rest = rest.rfind("/models/").map_or(rest, |at| &rest[at..]);
    }
    let taken = decoded.len() - rest.len();
    let rest_length = rest.len();
    let canonical = match decoded {
        Cow::Borrowed(path) => Cow::Borrowed(&path[taken..]),
        Cow::Owned(mut path) => Cow::Owned(path.split_off(path.len() - rest_length)),
    };
    (named, canonical)
}

fn strip_name(path: &str) -> Option<(&'static Provider, &str)> {
    let (name, _) = path.strip_prefix('/')?.split_once('/')?;
    let provider = Provider::by_name(name)?;
    Some((provider, &path[1 + name.len()..]))
}

fn strip_version(path: &str) -> Option<&str> {
    ["/v1", "/v1beta", "/v1alpha"]
        .iter()
        .filter_map(|version| path.strip_prefix(version))
        .find(|rest| rest.starts_with('/'))
}

/// Takes off the path of a public endpoint, where a version follows.
fn strip_mount(path: &str) -> Option<&str> {
    let mounts = PROVIDERS
        .iter()
        .filter_map(|provider| provider.upstream?.splitn(4, '/').nth(3));
    mounts
        .filter_map(|mount| path.strip_prefix('/')?.strip_prefix(mount))
        .find(|rest| strip_version(rest).is_some())
}
