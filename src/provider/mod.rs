//! The providers known by name: where they are, how clients are pointed elsewhere, and what the path
//! of a request says about the provider it is meant for.

mod path;

pub(crate) use path::canonical_path;
#[cfg(feature = "record")]
pub(crate) use path::{is_endpoint, provider_of, strip_versions};

/// What clients are given for a key while nothing checks one. No provider takes it for one, and no
/// search for secrets either.
pub const NO_KEY: &str = "rigtape-replays-without-a-key";

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
    /// Environment variables from which clients read a key.
    pub keys: &'static [&'static str],
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
    keys: &'static [&'static str],
) -> Provider {
    Provider {
        name,
        upstream,
        version,
        variables,
        keys,
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
        &["OPENAI_API_KEY"],
    ),
    provider(
        "anthropic",
        Some("https://api.anthropic.com"),
        V1,
        &[variable("ANTHROPIC_BASE_URL", "")],
        &["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"],
    ),
    provider(
        "gemini",
        Some("https://generativelanguage.googleapis.com"),
        None,
        &[variable("GOOGLE_GEMINI_BASE_URL", "")],
        &[
            "GOOGLE_API_KEY",
            "GEMINI_API_KEY",
            "GOOGLE_GENERATIVE_AI_API_KEY",
        ],
    ),
    provider(
        "cohere",
        Some("https://api.cohere.com"),
        None,
        &[variable("CO_API_URL", "")],
        &["CO_API_KEY", "COHERE_API_KEY"],
    ),
    provider(
        "ollama",
        Some("http://127.0.0.1:11434"),
        None,
        &[variable("OLLAMA_HOST", "")],
        &["OLLAMA_API_KEY"],
    ),
    provider(
        "azure",
        None,
        None,
        &[variable("AZURE_OPENAI_ENDPOINT", "")],
        &["AZURE_OPENAI_API_KEY", "AZURE_API_KEY"],
    ),
    provider(
        "mistral",
        Some("https://api.mistral.ai"),
        V1,
        &[],
        &["MISTRAL_API_KEY"],
    ),
    provider(
        "groq",
        Some("https://api.groq.com/openai"),
        V1,
        &[],
        &["GROQ_API_KEY"],
    ),
    provider(
        "deepseek",
        Some("https://api.deepseek.com"),
        None,
        &[],
        &["DEEPSEEK_API_KEY"],
    ),
    provider(
        "openrouter",
        Some("https://openrouter.ai/api"),
        V1,
        &[],
        &["OPENROUTER_API_KEY"],
    ),
    provider("xai", Some("https://api.x.ai"), V1, &[], &["XAI_API_KEY"]),
    provider(
        "perplexity",
        Some("https://api.perplexity.ai"),
        Some(""),
        &[],
        &["PERPLEXITY_API_KEY", "PPLX_API_KEY"],
    ),
    provider(
        "together",
        Some("https://api.together.xyz"),
        V1,
        &[],
        &["TOGETHER_API_KEY"],
    ),
    provider(
        "venice",
        Some("https://api.venice.ai/api"),
        V1,
        &[],
        &["VENICE_API_KEY"],
    ),
];

impl Provider {
    /// The provider called `name`.
    pub fn by_name(name: &str) -> Option<&'static Provider> {
        PROVIDERS.iter().find(|provider| provider.name == name)
    }

    /// What stands behind a server's root in this provider's base URL: as its clients' variable has
    /// it, else the provider's prefix.
    pub fn suffix(&self) -> String {
        match self.variables.first() {
            Some(variable) => variable.suffix.to_owned(),
            None => format!("/{}{}", self.name, self.version.unwrap_or_default()),
        }
    }

    /// The provider whose public endpoint has this host.
    #[cfg(feature = "record")]
    pub(crate) fn by_host(host: &str) -> Option<&'static Provider> {
        let authority = |url: &'static str| url.split('/').nth(2).unwrap_or_default();
        PROVIDERS
            .iter()
            .find(|p| p.upstream.is_some_and(|url| authority(url) == host))
    }
}
