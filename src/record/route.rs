//! Which upstream a request goes to, and as what.

use http::{HeaderMap, StatusCode};
use url::Url;

use super::upstream::{RouteError, Upstream};
use crate::listen::{Refusal, split_scope};
use crate::provider::{PROVIDERS, Provider, provider_of};

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

    /// Routes to the public endpoints.
    #[cfg(feature = "serve")]
    pub(crate) fn public() -> Routes {
        Routes {
            named: PROVIDERS.iter().filter_map(Upstream::of).collect(),
            rest: None,
        }
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
            scope: scope.map(str::to_owned),
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
        let guess = provider_of(path, |name| headers.contains_key(name));
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
