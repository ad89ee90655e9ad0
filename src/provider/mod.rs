//! The providers known by name: where they are, how clients are pointed elsewhere, and what the path
//! of a request says about the provider it is meant for.

mod path;

pub(crate) use path::{canonical_path, is_endpoint, provider_of, strip_versions};

/// One provider, as servers that stand in its place see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Provider {
    /// Name on the command line and prefix in a path: `/openai/v1/…`.
    pub name: &'static str,
    /// The public endpoint; `None` when each customer has an own one.
    pub upstream: Option<&'static str>,
    /// The version segment with which the provider's paths begin, where there is exactly one; it
    /// is put in when a client leaves it out and said once when a client says it twice.
    pub version: Option<&'static str>,
    /// Environment variables from which clients read the base URL.
    pub variables: &'static [Variable],
}

/// An environment variable that holds a base URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What stands in it behind the server's root: `/v1`, or nothing.
    pub suffix: &'static str,
}

const fn variable(name: &'static str, suffix: &'static str) -> Variable {
    Variable { name, suffix }
}

const fn provider(
    name: &'static str,
    upstream: Option<&'static str>,
    version: Option<&'static str>,
    variables: &'static [Variable],
) -> Provider {
    Provider {
        name,
        upstream,
        version,
        variables,
    }
}

const V1: Option<&str> = Some("/v1");

/// All of them. Those with variables come first.
pub static PROVIDERS: &[Provider] = &[
    provider(
        "openai",
        Some("https://api.openai.com"),
        V1,
        // LangChain prefers the second.
        &[
            variable("OPENAI_BASE_URL", "/v1"),
            variable("OPENAI_API_BASE", "/v1"),
        ],
    ),
    provider(
        "anthropic",
        Some("https://api.anthropic.com"),
        V1,
        &[variable("ANTHROPIC_BASE_URL", "")],
    ),
    provider(
        "gemini",
        Some("https://generativelanguage.googleapis.com"),
        None,
        &[variable("GOOGLE_GEMINI_BASE_URL", "")],
    ),
    provider(
        "cohere",
        Some("https://api.cohere.com"),
        None,
        &[variable("CO_API_URL", "")],
    ),
    provider(
        "ollama",
        Some("http://127.0.0.1:11434"),
        None,
        &[variable("OLLAMA_HOST", "")],
    ),
    provider(
        "azure",
        None,
        None,
        &[variable("AZURE_OPENAI_ENDPOINT", "")],
    ),
    provider("mistral", Some("https://api.mistral.ai"), V1, &[]),
    provider("groq", Some("https://api.groq.com/openai"), V1, &[]),
    provider("deepseek", Some("https://api.deepseek.com"), None, &[]),
    provider("openrouter", Some("https://openrouter.ai/api"), V1, &[]),
    provider("xai", Some("https://api.x.ai"), V1, &[]),
    provider(
        "perplexity",
        Some("https://api.perplexity.ai"),
        Some(""),
        &[],
    ),
    provider("together", Some("https://api.together.xyz"), V1, &[]),
    provider("venice", Some("https://api.venice.ai/api"), V1, &[]),
];

impl Provider {
    /// The provider called `name`.
    pub fn by_name(name: &str) -> Option<&'static Provider> {
        PROVIDERS.iter().find(|provider| provider.name == name)
    }

    /// The provider whose public endpoint has this host.
    pub(crate) fn by_host(host: &str) -> Option<&'static Provider> {
        let authority = |url: &'static str| url.split('/').nth(2).unwrap_or_default();
        PROVIDERS
            .iter()
            .find(|p| p.upstream.is_some_and(|url| authority(url) == host))
    }
}
