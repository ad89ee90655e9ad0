//! `rigtape.toml`, found upward from the package.

use std::path::Path;

use serde::Deserialize;

use super::Error;
use crate::matching::Project;
use crate::redact::{Redactor, Rules};

const NAME: &str = "rigtape.toml";

/// What the project says about its tapes.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Settings {
    #[serde(default)]
    redact: Rules,
    #[serde(default, rename = "match")]
    pub(super) matching: Project,
}

impl Settings {
    /// Those of the nearest file, from `folder` upward; none are the default ones.
    pub(super) fn above(folder: &Path) -> Result<(Settings, Redactor), Error> {
        let candidates = folder.ancestors().map(|folder| folder.join(NAME));
        let Some(path) = candidates.into_iter().find(|path| path.is_file()) else {
            return Ok((Settings::default(), Redactor::new()));
        };
        let wrong = |reason: String| Error::Project {
            path: path.clone(),
            reason: reason.trim_end().to_owned(),
        };
        let text = std::fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
        let mut settings: Settings =
            toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        settings.matching.folder = path.parent().unwrap_or(folder).to_owned();
        let secrets = settings.redact.secrets(|name| std::env::var(name).ok());
        let redactor = Redactor::with_rules(&settings.redact, secrets)
            .map_err(|error| wrong(error.to_string()))?;
        Ok((settings, redactor))
    }
}
