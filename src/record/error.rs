use std::path::PathBuf;

use super::client::Failure;
use crate::cassette;

/// Why a recording could not be started or a request not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The tape could not be opened, or its header not be written.
    #[error(transparent)]
    Tape(#[from] cassette::Error),
    /// The directory for the tapes could not be made.
    #[error("cannot record to the directory {}: {source}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A scope whose name is not a plain file name.
    #[error(
        "\"{0}\" is no scope name: letters, digits, `-`, `_` and `.` are allowed, at most 100 of them, \
         the first a letter or digit"
    )]
    ScopeName(String),
    /// A scope was asked for, but everything goes to one tape.
    #[error(
        "a scope (\"/@{0}/…\") needs a directory to record to, and this recorder writes one file"
    )]
    NoScopes(String),
    /// The listening address is reachable from other machines.
    #[error(
        "{0} is not a loopback address: a recording proxy passes real keys, so say that you want this"
    )]
    NotLoopback(std::net::SocketAddr),
    /// The listening address could not be bound.
    #[error("cannot listen on {addr}: {source}")]
    Listen {
        /// The address asked for.
        addr: std::net::SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The writer thread or the HTTP client could not be started.
    #[error("cannot start the {what}: {detail}")]
    Start {
        /// What was to be started.
        what: &'static str,
        /// What the system said.
        detail: String,
    },
    /// The body of a request could not be read before it was sent.
    #[error("the request body could not be read: {0}")]
    RequestBody(String),
    /// The recorder has been closed.
    #[error("the recorder is closed")]
    Closed,
    /// No response head came.
    #[error(transparent)]
    Upstream(#[from] Failure),
}
