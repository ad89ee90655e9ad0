use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use url::Url;

use crate::provider::{Provider, Variable, is_endpoint, strip_versions};

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
    pub(super) name: Option<String>,
    pub(super) base: Url,
    /// User and password that stood in the URL.
    pub(super) credentials: Option<HeaderValue>,
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
        let credentials = take_userinfo(&mut base);
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

    pub(super) fn of(provider: &'static Provider) -> Option<Upstream> {
        Upstream::new(Some(provider.name.to_owned()), provider.upstream?, "").ok()
    }

    /// Where `path` of this upstream is. The client's path only ever becomes path, never host.
    pub(super) fn url(&self, path: &str, query: Option<&str>) -> Url {
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

/// User and password of a URL, as the header they mean; the URL is without them afterwards.
pub(super) fn take_userinfo(url: &mut Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decode = |part: &str| percent_encoding::percent_decode_str(part).collect::<Vec<u8>>();
    let mut pair = decode(url.username());
    pair.push(b':');
    pair.extend(decode(url.password().unwrap_or_default()));
    // Neither can fail: a URL with user information has a host.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn without_userinfo(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => {
            format!("{}{}", &url[..scheme + 3], &url[at + 1..])
        }
        _ => url.to_owned(),
    }
}
