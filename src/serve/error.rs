use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::matching::Fault;
use crate::{cassette, record};

/// Why a mock server cannot be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A path at which nothing is, or a glob that nothing fits.
    #[error("{}: there is no tape here{}", path.display(), .hint)]
    NoTape {
        /// As given.
        path: PathBuf,
        /// What to do, in words.
        hint: &'static str,
    },
    /// A glob that is none.
    #[error("`{pattern}` is no glob: {reason}")]
    Glob {
        /// As given.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A folder that cannot be read.
    #[error("{}: cannot read the folder: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Not one of the tapes given can be read.
    #[error("{}", joined(.0))]
    Unreadable(Vec<Fault>),
    /// Interactions that make no tape.
    #[error("these interactions make no tape: {0}")]
    Tape(#[from] cassette::Error),
    /// The listening address is reachable from other machines.
    #[error("{0} is not a loopback address: say that other machines may reach the server")]
    NotLoopback(SocketAddr),
    /// The listening address could not be bound.
    #[error("cannot listen on {addr}: {source}{}", in_use(source))]
    Listen {
        /// The address asked for.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The server's thread or runtime could not be started.
    #[error("cannot start the server's {what}: {source}")]
    Start {
        /// What was to be started.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A mode that records needs one file to record to.
    #[error("mode `{mode}` records to one tape: give one path that ends in .jsonl, not {given}")]
    OneTape {
        /// The mode.
        mode: super::Mode,
        /// What was given, in words.
        given: String,
    },
    /// A tape that is to be replaced cannot be copied, locked or moved.
    #[error("cannot {what} {}: {source}", path.display())]
    Swap {
        /// What was to be done.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The recording side could not be started.
    #[error(transparent)]
    Record(#[from] record::Error),
}

fn joined(faults: &[Fault]) -> String {
    let faults: Vec<String> = faults.iter().map(Fault::to_string).collect();
    faults.join("\n")
}

fn in_use(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::AddrInUse => " (port 0 takes a free one)",
        _ => "",
    }
}
