//! Which upstream a request goes to, and as what.

use http::{HeaderMap, StatusCode};
use url::Url;

use super::provider::{PROVIDERS, Provider, Variable};
use super::{Error, upstream};

const MAX_SCOPE: usize = 100;

/// An upstream of a recording proxy: a base URL, with a name or as the one for everything else.
///
/// ```
/// use rigtape::record::Upstream;
///
/// let gateway = Upstream::parse("openai=https://gateway.example/llm/v1")?;
/// assert_eq!(gateway.name(), Some("openai"));
/// assert!(Upstream::parse("gateway.example").is_err());
/// # Ok::<(), rigtape::record::RouteError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Upstream {
    name: Option<String>,
    base: Url,
    /// User and password that stood in the URL.
    pub(super) credentials: Option<http::HeaderValue>,
    /// What clients of the proxy say before a path that this base URL already says.
    mounted: &'static str,
    version: Option<&'static str>,
}

/// Why a set of upstreams does not make sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RouteError {
    /// Not a base URL.
    #[error("\"{url}\" is no upstream: expected http://HOST[:PORT][/PATH] or NAME=URL ({reason})")]
    Url {
        /// As given, without user and password.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A name that cannot be a path segment.
    #[error("\"{0}\" is no name for an upstream: letters, digits, `-` and `_` are allowed")]
    Name(String),
    /// Two upstreams for one name.
    #[error("two upstreams are called \"{0}\"")]
    Twice(String),
    /// Several upstreams without a name.
    #[error(
        "{0} and {1} have no name: only one upstream can be for everything else, so say NAME=URL"
    )]
    Unnamed(String, String),
}

impl Upstream {
    /// Reads `URL` or `NAME=URL`.
    ///
    /// # Errors
    ///
    /// When it is neither.
    pub fn parse(text: &str) -> Result<Upstream, RouteError> {
        match text.split_once('=') {
            Some((name, url)) if !name.contains(['/', ':']) => {
                let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
                if name.is_empty() || !name.chars().all(plain) {
                    return Err(RouteError::Name(name.to_owned()));
                }
                Upstream::new(Some(name.to_ascii_lowercase()), url, "")
            }
            _ => Upstream::new(None, text, ""),
        }
    }

    /// The upstream that a user has set for `provider` in `variable`.
    ///
    /// # Errors
    ///
    /// When `value` is no base URL.
    pub fn from_variable(
        provider: &Provider,
        variable: &Variable,
        value: &str,
    ) -> Result<Upstream, RouteError> {
        // OLLAMA_HOST may be a bare host and port.
        let bare = provider.name == "ollama" && !value.contains("://");
        let url = if bare {
            format!("http://{value}")
        } else {
            value.to_owned()
        };
        Upstream::new(Some(provider.name.to_owned()), &url, variable.suffix)
    }

    /// The name, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The base URL, without user and password.
    pub fn base(&self) -> &Url {
        &self.base
    }

    fn new(name: Option<String>, url: &str, mounted: &'static str) -> Result<Upstream, RouteError> {
        let mut base = Url::parse(url).map_err(|error| RouteError::Url {
            url: without_userinfo(url),
            reason: error.to_string(),
        })?;
        let credentials = upstream::take_userinfo(&mut base);
        let wrong = |reason: &str| RouteError::Url {
            url: base.to_string(),
            reason: reason.into(),
        };
        if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
            return Err(wrong("not http or https"));
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err(wrong("a base URL has no query"));
        }
        let public = base.host_str().and_then(Provider::by_host);
        let named = name.as_deref().and_then(Provider::by_name);
        let version = public.or(named).and_then(|provider| provider.version);
        let path = base.path().trim_end_matches('/').to_owned();
        base.set_path(&path);
        Ok(Upstream {
            name,
            base,
            credentials,
            mounted,
            version,
        })
    }

    fn of(provider: &'static Provider) -> Option<Upstream> {
        Upstream::new(Some(provider.name.to_owned()), provider.upstream?, "").ok()
    }

    /// Where `path` of this upstream is. The client's path only ever becomes path, never host.
    fn url(&self, path: &str, query: Option<&str>) -> Url {
        let base = self.base.path().trim_end_matches('/');
        let path = self.real_path(path, base);
        let mut url = self.base.clone();
        url.set_path(&format!("{base}{path}"));
        url.set_query(query);
        url
    }

    fn real_path(&self, path: &str, base: &str) -> String {
        let (versions, rest) = strip_versions(path);
        let said_by_base = base.ends_with("/v1") || self.mounted == "/v1";
        match self.version {
            _ if said_by_base => rest.to_owned(),
            Some(version) if versions > 0 || is_endpoint(rest) => format!("{version}{rest}"),
            // `@ai-sdk/anthropic` adds only this to a base URL that ends in `/v1` by default.
            None if rest == "/messages" && base.is_empty() => "/v1/messages".to_owned(),
            None if versions > 1 => format!("/v1{rest}"),
            _ => path.to_owned(),
        }
    }
}

/// Where one request goes.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Route {
    /// The scope in the path, if there was one.
    pub scope: Option<String>,
    /// Path and query without the scope.
    pub target: String,
    /// Where it goes.
    pub url: Url,
    /// User and password that stood in the upstream's URL, as an `authorization` value.
    pub credentials: Option<http::HeaderValue>,
}

/// Why a proxy answers a request itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct Refusal {
    /// The status of the answer.
    pub status: StatusCode,
    /// In words.
    pub message: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Refusal {
        Refusal {
            status,
            message: message.into(),
        }
    }
}

/// All upstreams of one port.
///
/// The order: an upstream's name as the first path segment; the provider that the path or a header
/// betrays; the upstream without a name. With an upstream that has no name, only named ones and
/// that one are asked; else the public endpoints of [`PROVIDERS`] are there too.
#[derive(Debug, Clone)]
pub struct Routes {
    named: Vec<Upstream>,
    rest: Option<Upstream>,
}

impl Routes {
    /// Routes to `upstreams`; none means the public endpoints.
    ///
    /// # Errors
    ///
    /// When a name is there twice, or more than one has none.
    pub fn new(upstreams: impl IntoIterator<Item = Upstream>) -> Result<Routes, RouteError> {
        let mut routes = Routes {
            named: Vec::new(),
            rest: None,
        };
        let mut upstreams: Vec<_> = upstreams.into_iter().collect();
        if upstreams.len() > 1 {
            name_public_ones(&mut upstreams);
        }
        for upstream in upstreams {
            match (&upstream.name, &routes.rest) {
                (Some(name), _) if routes.named(name).is_some() => {
                    return Err(RouteError::Twice(name.clone()));
                }
                (Some(_), _) => routes.named.push(upstream),
                (None, None) => routes.rest = Some(upstream),
                (None, Some(rest)) => {
                    return Err(RouteError::Unnamed(
                        rest.base.to_string(),
                        upstream.base.into(),
                    ));
                }
            }
        }
        if routes.rest.is_none() {
            let missing = PROVIDERS.iter().filter(|p| routes.named(p.name).is_none());
            let public: Vec<_> = missing.filter_map(Upstream::of).collect();
            routes.named.extend(public);
        }
        Ok(routes)
    }

    /// Where a request with this path and query goes.
    ///
    /// # Errors
    ///
    /// 400 for a path that no upstream should see, 404 when no upstream fits; in words.
    pub fn route(&self, target: &str, headers: &HeaderMap) -> Result<Route, Refusal> {
        let (scope, target) = split_scope(target)?;
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        check_path(path)?;
        let (upstream, path) = self.choose(path, headers)?;
        Ok(Route {
            scope,
            target: target.to_owned(),
            url: upstream.url(path, query),
            credentials: upstream.credentials.clone(),
        })
    }

    fn choose<'a>(
        &self,
        path: &'a str,
        headers: &HeaderMap,
    ) -> Result<(&Upstream, &'a str), Refusal> {
        let guess = provider_of(path, headers);
        // Azure's own paths begin with another provider's name.
        if guess != Some("azure")
            && let Some((name, rest)) = first_segment(path)
            && let Some(upstream) = self.named(name)
        {
            return Ok((upstream, rest));
        }
        guess
            .and_then(|name| self.named(name))
            .or(self.rest.as_ref())
            .map(|upstream| (upstream, path))
            .ok_or_else(|| self.unknown(path, guess))
    }

    fn named(&self, name: &str) -> Option<&Upstream> {
        self.named
            .iter()
            .find(|upstream| upstream.name.as_deref() == Some(name))
    }

    fn unknown(&self, path: &str, guess: Option<&str>) -> Refusal {
        let names: Vec<_> = self.named.iter().filter_map(Upstream::name).collect();
        let message = match guess {
            Some(name) => format!(
                "{path} looks like {name}, which has no public endpoint: say --upstream {name}=URL"
            ),
            None => format!(
                "no upstream is known for {path}: put a provider before the path (/openai/v1/…; \
                 known are {}) or say --upstream URL",
                names.join(", ")
            ),
        };
        Refusal::new(StatusCode::NOT_FOUND, message)
    }
}

/// Checks that a scope is a plain file name.
pub(super) fn check_scope(name: &str) -> Result<(), Error> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let fine = name.len() <= MAX_SCOPE
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(plain);
    if fine {
        Ok(())
    } else {
        Err(Error::ScopeName(name.to_owned()))
    }
}

fn split_scope(target: &str) -> Result<(Option<String>, &str), Refusal> {
    let Some(scoped) = target.strip_prefix("/@") else {
        return Ok((None, target));
    };
    let end = scoped.find(['/', '?']).unwrap_or(scoped.len());
    let (scope, rest) = scoped.split_at(end);
    let bad = |message: String| Refusal::new(StatusCode::BAD_REQUEST, message);
    check_scope(scope).map_err(|error| bad(error.to_string()))?;
    if !rest.starts_with('/') {
        return Err(bad(format!(
            "there is no path after the scope \"/@{scope}\""
        )));
    }
    Ok((Some(scope.to_owned()), rest))
}

/// Dot segments would be resolved on the way and could leave the upstream's base path.
fn check_path(path: &str) -> Result<(), Refusal> {
    let dots = |segment: &str| {
        let plain = segment.replace("%2e", ".").replace("%2E", ".");
        plain == "." || plain == ".."
    };
    if !path.starts_with('/') {
        return Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "a path begins with a slash",
        ));
    }
    if path.split(['/', '\\']).any(dots) {
        return Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            format!("{path} has dot segments, which are not passed on"),
        ));
    }
    Ok(())
}

/// The provider that a request betrays. Paths: the providers' API references.
fn provider_of(path: &str, headers: &HeaderMap) -> Option<&'static str> {
    let (_, rest) = strip_versions(path);
    if path.starts_with("/openai/deployments/")
        || (path.starts_with("/openai/") && headers.contains_key("api-key"))
    {
        Some("azure")
    } else if path.ends_with(":generateContent")
        || path.ends_with(":streamGenerateContent")
        || headers.contains_key("x-goog-api-key")
    {
        Some("gemini")
    } else if headers.contains_key("anthropic-version") || is_at(rest, "/messages") {
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
fn is_endpoint(path: &str) -> bool {
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
fn strip_versions(path: &str) -> (usize, &str) {
    let mut rest = path;
    let mut count = 0;
    while let Some(stripped) = rest.strip_prefix("/v1").filter(|r| r.starts_with('/')) {
        rest = stripped;
        count += 1;
    }
    (count, rest)
}

fn first_segment(path: &str) -> Option<(&str, &str)> {
    let path = path.strip_prefix('/')?;
    let slash = path.find('/')?;
    Some(path.split_at(slash))
}

/// Of several upstreams, those at a provider's public endpoint need no name to be told apart.
fn name_public_ones(upstreams: &mut [Upstream]) {
    for upstream in upstreams
        .iter_mut()
        .filter(|upstream| upstream.name.is_none())
    {
        let public = upstream.base.host_str().and_then(Provider::by_host);
        upstream.name = public.map(|provider| provider.name.to_owned());
    }
}

fn without_userinfo(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => {
            format!("{}{}", &url[..scheme + 3], &url[at + 1..])
        }
        _ => url.to_owned(),
    }
}
