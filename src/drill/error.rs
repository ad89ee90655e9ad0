use std::io;

use crate::{cassette, serve};

/// Why a client cannot be drilled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The tapes cannot be served.
    #[error(transparent)]
    Serve(#[from] serve::Error),
    /// A tape cannot be read on.
    #[error(transparent)]
    Tape(#[from] cassette::Error),
    /// The client cannot be run.
    #[error("cannot start the client: {0}")]
    Start(#[source] io::Error),
    /// The undisturbed client did not succeed, so there is nothing to compare with.
    #[error("the client fails on the tape as it was recorded: {what}{hint}")]
    Baseline {
        /// What it did, in words.
        what: String,
        /// What else is known, in words.
        hint: String,
    },
    /// The undisturbed client asked for nothing.
    #[error("no request of the client reached the server that plays the tapes")]
    NoRequest,
    /// The client asked for what is not on the tapes.
    #[error("the client asks for what is not on the tapes:\n{0}")]
    Missed(String),
    /// The undisturbed client says something else each time, so there is nothing to compare with.
    #[error(
        "the client says something else each time it runs, with nothing wrong: {0}; it has to print \
         only what depends on the answer"
    )]
    Unsteady(String),
    /// There is no answer that could be drilled, or nothing that could go wrong with it.
    #[error("there is nothing to try: {0}")]
    Nothing(String),
}
