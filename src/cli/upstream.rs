//! Where requests go on to while they are recorded.

use anyhow::Context as _;

use crate::provider::PROVIDERS;
use crate::record::Upstream;

pub(super) fn parse(text: &str) -> Result<Upstream, String> {
    Upstream::parse(text).map_err(|error| error.to_string())
}

/// Those of the command line, then base URLs that the user's environment had set.
pub(super) fn all(given: &[Upstream]) -> anyhow::Result<Vec<Upstream>> {
    let mut upstreams = given.to_vec();
    for provider in PROVIDERS {
        if upstreams.iter().any(|u| u.name() == Some(provider.name)) {
            continue;
        }
        for variable in provider.variables {
            let Some(value) = std::env::var(variable.name).ok().filter(|v| !v.is_empty()) else {
                continue;
            };
            let upstream = Upstream::from_variable(provider, variable, &value)
                .with_context(|| format!("the variable {}", variable.name))?;
            upstreams.push(upstream);
            break;
        }
    }
    Ok(upstreams)
}
