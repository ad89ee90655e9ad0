use std::path::PathBuf;

use crate::record::RouteError;
use crate::serve::{self, ParseModeError};

/// Why a [`Vcr`](super::Vcr) cannot be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is nothing to play yet.
    #[error(
        "{}: there is no tape of this test yet{}\nto record it: {command}",
        tape.display(),
        if *ci { " (with CI set, only tapes that exist are played)" } else { "" }
    )]
    NoTape {
        /// Where it would stand.
        tape: PathBuf,
        /// The command that records it.
        command: String,
        /// Whether this is a machine of CI.
        ci: bool,
    },
    /// `RIGTAPE_MODE` holds no mode.
    #[error("RIGTAPE_MODE: {0}")]
    Mode(#[from] ParseModeError),
    /// An upstream that is none, in code or in a variable.
    #[error("{}{error}", variable.map(|name| format!("the variable {name}: ")).unwrap_or_default())]
    Upstream {
        /// The variable, if it stood in one.
        variable: Option<&'static str>,
        /// What is wrong with it.
        error: RouteError,
    },
    /// A rule of `ignore` that is none.
    #[error("{0}")]
    Rule(#[from] crate::matching::RuleError),
    /// `rigtape.toml` cannot be read.
    #[error("{}: {reason}", path.display())]
    Project {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The server, or its tape, says no.
    #[error(transparent)]
    Serve(#[from] serve::Error),
}
