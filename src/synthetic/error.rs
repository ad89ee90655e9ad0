//! `SyntheticError`.

use crate::cassette;

/// Why a synthetic tape cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SyntheticError {
    /// The wire has no refusals.
    #[error(
        "{dialect} has no form for a refusal: say it as text, with the finish reason that the \
         provider gives then"
    )]
    Refusal {
        /// The wire.
        dialect: &'static str,
    },
    /// The wire carries arguments as a JSON object.
    #[error("{dialect}: the arguments of `{tool}` are a JSON object on this wire, nothing else")]
    Arguments {
        /// The wire.
        dialect: &'static str,
        /// Name of the tool.
        tool: String,
    },
    /// The cassette cannot be written.
    #[error(transparent)]
    Cassette(#[from] cassette::Error),
}
