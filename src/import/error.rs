use std::fmt;
use std::io;
use std::path::PathBuf;

use super::yaml;

/// Why nothing of a file can be imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read.
    #[error("{}: cannot read it: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is larger than an import takes into memory.
    #[error("{}: {bytes} bytes, more than the {limit} that are taken; split it", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// [`MAX_FILE`](super::MAX_FILE).
        limit: u64,
    },
    /// The text is not encoded as the format has it.
    #[error("{}: byte {offset}: not UTF-8, which {format} files are; convert the file", path.display())]
    Encoding {
        /// The file.
        path: PathBuf,
        /// The first byte that is wrong, from 0.
        offset: usize,
        /// The importer's name.
        format: &'static str,
    },
    /// The text cannot be parsed, or is something else.
    #[error("{}:{line}: {fault}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What was expected and found there.
        fault: Fault,
    },
    /// The file has the form, and nothing in it can be imported.
    #[error("{}: nothing in it can be imported; {reason}", path.display())]
    Nothing {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
}

/// What is wrong in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault(pub(super) Box<str>);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an importer says; the name of the file is added to it.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) line: u64,
    pub(super) fault: Fault,
}

impl Wrong {
    pub(super) fn at(line: u64, what: impl Into<Box<str>>) -> Wrong {
        Wrong {
            line,
            fault: Fault(what.into()),
        }
    }
}

impl From<yaml::Fault> for Wrong {
    fn from(fault: yaml::Fault) -> Wrong {
        Wrong::at(fault.line, fault.found)
    }
}
