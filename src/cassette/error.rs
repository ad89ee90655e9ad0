use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::Offset;

/// Why a cassette could not be read or written.
///
/// The message is complete: where, what was expected, what was there, what to do.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file system said no.
    #[error("{}: cannot {action}: {cause}", path.display())]
    Io {
        /// The cassette.
        path: PathBuf,
        /// What was tried: `open the cassette`.
        action: &'static str,
        /// What the system answered.
        cause: Arc<io::Error>,
    },
    /// There is not one line in it.
    #[error(
        "{}: the file is empty: a cassette begins with a header line {{\"rigtape\":1}}; record it anew",
        path.display()
    )]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The first line is not a header.
    #[error(
        "{}:{line}: not a cassette: expected a header line {{\"rigtape\":1,…}}, found {found}; \
         a bare stream or a foreign recording has to be imported first",
        path.display()
    )]
    NotACassette {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// How the line begins.
        found: String,
    },
    /// The header names a version that this crate does not read.
    #[error(
        "{}:{line}: cassette format version {found}, but this rigtape reads version 1 only; \
         update rigtape or record the cassette anew",
        path.display()
    )]
    Version {
        /// The cassette.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// The version as written.
        found: String,
    },
    /// One line is broken; the lines around it stay usable.
    #[error("{}:{line}: {fault}", path.display())]
    Line {
        /// The cassette.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// What is wrong with it.
        fault: Fault,
    },
    /// One line is longer than the ceiling; it was skipped.
    #[error(
        "{}:{line}: the line is longer than the ceiling of {limit} bytes; raise the ceiling to read it",
        path.display()
    )]
    LineTooLong {
        /// The cassette.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// The ceiling, in bytes.
        limit: usize,
    },
    /// A new cassette would overwrite a file.
    #[error("{}: the file exists; choose another name, append to it, or force overwriting it", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Another recorder holds the cassette.
    #[error("{}: another recorder is writing to the cassette; wait for it, or record to another file", path.display())]
    Locked {
        /// The cassette.
        path: PathBuf,
    },
    /// A record was not written because no reader would accept it.
    #[error("{}: refused to write a line that no reader would accept: {fault}", path.display())]
    Refused {
        /// The cassette.
        path: PathBuf,
        /// What is wrong with it.
        fault: Fault,
    },
    /// An earlier write failed half-way, and what it left cannot be taken back.
    #[error("{}: an earlier write failed half-way, so nothing more is written", path.display())]
    HalfWritten {
        /// The cassette.
        path: PathBuf,
    },
    /// The file is another one than when it was opened.
    #[error("{}: the cassette changed while it was open: interaction {interaction} is gone; open it again", path.display())]
    Changed {
        /// The cassette.
        path: PathBuf,
        /// The interaction that was looked for.
        interaction: u64,
    },
}

impl Error {
    pub(super) fn io(path: &Path, action: &'static str, cause: io::Error) -> Error {
        Error::Io {
            path: path.to_owned(),
            action,
            cause: Arc::new(cause),
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        match self {
            Error::Io { path, .. }
            | Error::Empty { path }
            | Error::NotACassette { path, .. }
            | Error::Version { path, .. }
            | Error::Line { path, .. }
            | Error::LineTooLong { path, .. }
            | Error::Exists { path }
            | Error::Locked { path }
            | Error::Refused { path, .. }
            | Error::HalfWritten { path }
            | Error::Changed { path, .. } => path,
        }
    }

    /// The line, counted from 1, when the error is about one.
    pub fn line(&self) -> Option<u64> {
        match self {
            Error::NotACassette { line, .. }
            | Error::Version { line, .. }
            | Error::Line { line, .. }
            | Error::LineTooLong { line, .. } => Some(*line),
            _ => None,
        }
    }

    /// Whether there is no such file.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Error::Io { cause, .. } if cause.kind() == io::ErrorKind::NotFound)
    }

    /// Whether only one line is bad, so that reading can go on behind it.
    pub fn is_line(&self) -> bool {
        matches!(self, Error::Line { .. } | Error::LineTooLong { .. })
    }

    /// Whether the file is no cassette that this version reads.
    pub fn is_foreign(&self) -> bool {
        matches!(
            self,
            Error::Empty { .. } | Error::NotACassette { .. } | Error::Version { .. }
        )
    }
}

/// What is wrong with one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// It is not UTF-8.
    #[error(
        "the line is not UTF-8 from column {column} on; bytes that are not text belong into {{\"base64\":…}}"
    )]
    NotUtf8 {
        /// First bad byte, counted from 1.
        column: usize,
    },
    /// It is not JSON.
    #[error("not JSON at column {column}: {what}")]
    NotJson {
        /// Where, counted from 1.
        column: usize,
        /// What the parser says.
        what: String,
    },
    /// It is neither an object nor an array.
    #[error("expected an object or a chunk [interaction, offset, bytes], found {found}")]
    NotARecord {
        /// What was there.
        found: String,
    },
    /// A key is missing.
    #[error("{record} line without `{key}`, which has to be {expected}")]
    Missing {
        /// Kind of the line.
        record: &'static str,
        /// The key.
        key: &'static str,
        /// What should be there.
        expected: &'static str,
    },
    /// A key, or an element of a chunk line, has a value of another kind.
    #[error("{record} line: `{key}` has to be {expected}, found {found}")]
    Wrong {
        /// Kind of the line.
        record: &'static str,
        /// The key or element.
        key: &'static str,
        /// What should be there.
        expected: &'static str,
        /// What was there.
        found: String,
    },
    /// A known key stands twice.
    #[error("{record} line: `{key}` stands twice")]
    Twice {
        /// Kind of the line.
        record: &'static str,
        /// The key.
        key: &'static str,
    },
    /// A chunk line has fewer than three elements.
    #[error(
        "a chunk line has at least three elements, [interaction, offset, bytes], found {found}"
    )]
    ShortChunk {
        /// How many there were.
        found: usize,
    },
    /// A chunk holds no byte.
    #[error("chunk of interaction {interaction} is empty: a chunk holds at least one byte")]
    EmptyChunk {
        /// Number of the interaction.
        interaction: u64,
    },
    /// A note masks bytes that the chunk does not have.
    #[error(
        "chunk of interaction {interaction}: {length} bytes from {offset} on are said to be redacted, but it has {bytes} bytes"
    )]
    RedactedOutside {
        /// Number of the interaction.
        interaction: u64,
        /// First masked byte.
        offset: usize,
        /// How many.
        length: usize,
        /// How many the chunk has.
        bytes: usize,
    },
    /// A status code that HTTP does not have.
    #[error(
        "response to interaction {interaction}: the status has to be 100 to 999, found {status}"
    )]
    Status {
        /// Number of the interaction.
        interaction: u64,
        /// The code.
        status: u16,
    },
    /// A body is stored in a form that is reserved for later versions.
    #[error(
        "{record} line: the body is stored as `{form}`, a form that this rigtape does not read yet; update rigtape"
    )]
    Reserved {
        /// Kind of the line.
        record: &'static str,
        /// The form.
        form: &'static str,
    },
    /// A header after the first line.
    #[error("a second header: a cassette has one, in its first line")]
    SecondHeader,
    /// Two requests with one number.
    #[error("a second request with number {interaction}")]
    SecondRequest {
        /// Number of the interaction.
        interaction: u64,
    },
    /// Two response heads for one request.
    #[error("a second response to interaction {interaction}")]
    SecondResponse {
        /// Number of the interaction.
        interaction: u64,
    },
    /// A line of an interaction without a request.
    #[error("{record} of interaction {interaction}, which no request has opened")]
    UnknownInteraction {
        /// Kind of the line.
        record: &'static str,
        /// Number of the interaction.
        interaction: u64,
    },
    /// A chunk before its response head.
    #[error("chunk of interaction {interaction} before its response")]
    BeforeResponse {
        /// Number of the interaction.
        interaction: u64,
    },
    /// A line of an interaction behind its end.
    #[error("{record} of interaction {interaction} after its end")]
    AfterEnd {
        /// Kind of the line.
        record: &'static str,
        /// Number of the interaction.
        interaction: u64,
    },
    /// Time runs backwards within an interaction.
    #[error(
        "{record} of interaction {interaction} at {} µs, but the line before it is at {} µs: offsets never fall",
        at.as_micros(), last.as_micros()
    )]
    FallingOffset {
        /// Kind of the line.
        record: &'static str,
        /// Number of the interaction.
        interaction: u64,
        /// The line's offset.
        at: Offset,
        /// The offset before.
        last: Offset,
    },
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Fault {
        let what = error.to_string();
        let what = what
            .rfind(" at line ")
            .map_or(&what[..], |end| &what[..end]);
        Fault::NotJson {
            column: error.column(),
            what: what.to_owned(),
        }
    }
}

/// The beginning of what was found, for a message: one line, short, no control characters.
pub(super) fn shown(found: &[u8]) -> String {
    const LONGEST: usize = 48;
    let mut end = found.len().min(LONGEST);
    while end > 0 && end < found.len() && found[end] & 0xC0 == 0x80 {
        end -= 1;
    }
    let text = String::from_utf8_lossy(&found[..end]);
    let mut shown = String::from("`");
    for char in text.chars() {
        match char.is_control() {
            true => shown.extend(char.escape_default()),
            false => shown.push(char),
        }
    }
    shown.push_str(if end < found.len() { "…`" } else { "`" });
    shown
}
