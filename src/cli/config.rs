//! `rigtape.toml`: what a project sets for all its tapes.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use serde::Deserialize;

use crate::matching::Project;
use crate::redact::{Redactor, Rules};

const NAME: &str = "rigtape.toml";

/// Where the project's settings come from.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Source {
    /// The project's settings; otherwise rigtape.toml here or in the nearest folder above
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
struct File {
    #[serde(default)]
    redact: Rules,
    #[serde(default, rename = "match")]
    matching: Project,
}

impl Source {
    /// The redactor with the project's rules, and the values of `variables` beside them.
    pub(super) fn redactor(&self, variables: &[String]) -> anyhow::Result<Redactor> {
        let (rules, path) = match self.find()? {
            Some(path) => (read(&path)?.redact, path.display().to_string()),
            None => (Rules::default(), NAME.to_owned()),
        };
        let value = |name: &str| std::env::var(name).ok();
        let mut secrets = rules.secrets(value);
        for name in variables {
            let secret = value(name).filter(|secret| secret.len() >= 4);
            secrets.push(secret.with_context(|| {
                format!("--env {name}: the variable holds no credential of at least 4 bytes")
            })?);
        }
        Redactor::with_rules(&rules, secrets).map_err(|error| anyhow!("{path}: {error}"))
    }

    /// What the project says about the choice of an interaction.
    pub(super) fn project(&self) -> anyhow::Result<Project> {
        let Some(path) = self.find()? else {
            return Ok(Project::default());
        };
        let mut project = read(&path)?.matching;
        path.parent()
            .unwrap_or(Path::new(""))
            .clone_into(&mut project.folder);
        Ok(project)
    }

    /// The flags that say the same again.
    pub(super) fn words(&self) -> Vec<String> {
        match &self.config {
            Some(path) => vec!["--config".to_owned(), path.display().to_string()],
            None => Vec::new(),
        }
    }

    fn find(&self) -> anyhow::Result<Option<PathBuf>> {
        if let Some(path) = &self.config {
            return Ok(Some(path.clone()));
        }
        let here = std::env::current_dir().context("cannot tell the current folder")?;
        let mut candidates = here.ancestors().map(|folder| folder.join(NAME));
        Ok(candidates.find(|path| path.is_file()))
    }
}

fn read(path: &Path) -> anyhow::Result<File> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text)
        .map_err(|error| anyhow!("{}: {}", path.display(), error.to_string().trim_end()))
}
