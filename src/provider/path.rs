//! What the path of a request says about the API it belongs to.

/// The provider that a request betrays, by its path and by whether it has a header of some name.
/// Paths: the providers' API references.
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

fn is_at(path: &str, known: &str) -> bool {
    path.strip_prefix(known)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// How often a path begins with `/v1`, and what follows.
pub(crate) fn strip_versions(path: &str) -> (usize, &str) {
    let mut rest = path;
    let mut count = 0;
    while let Some(stripped) = rest.strip_prefix("/v1").filter(|r| r.starts_with('/')) {
        rest = stripped;
        count += 1;
    }
    (count, rest)
}
