//! Other recorders' files made cassettes.
//!
//! Each format is one file and one line in [`IMPORTERS`]. An importer turns the text of one file
//! into interactions; bodies come over byte by byte, and what the file does not tell is said on the
//! tape: in the header (`imported`, and `"timing":"unknown"`) and at the request or response itself
//! (`unknown`, a list of keys). `docs/import.md` describes what is kept of each format.
//!
//! Nothing is masked here. Whoever writes a tape puts it through [`redact`](crate::redact) first,
//! as the command does.
//!
//! ```
//! use rigtape::import::{Options, by_name};
//!
//! let file = "\
//! when:
//!   method: POST
//!   path: /v1/chat/completions
//!   body: '{\"stream\":true}'
//! then:
//!   status: 200
//!   header:
//!     - name: content-type
//!       value: text/event-stream
//!   body: \"data: [DONE]\\n\\n\"
//! ";
//! let httpmock = by_name("httpmock").unwrap();
//! let imported = httpmock.read("chat.yaml", file.as_bytes(), &Options::default())?;
//! assert!(imported.header.timing_unknown);
//! let chat = &imported.interactions[0];
//! assert_eq!(chat.request.target, "/v1/chat/completions");
//! assert_eq!(&chat.body()[..], b"data: [DONE]\n\n");
//! # Ok::<(), rigtape::import::Error>(())
//! ```

mod chunks;
mod coding;
mod draft;
mod error;
mod har;
mod httpmock;
mod note;
mod sse;
mod target;
mod vcrpy;
mod yaml;

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

pub use error::{Error, Fault};
pub use note::Note;

use crate::cassette::{Header, Interaction, Record};
use draft::Draft;
use error::Wrong;

/// Every format that can be imported.
pub static IMPORTERS: &[&Importer] = &[
    &httpmock::HTTPMOCK,
    &vcrpy::VCRPY,
    &har::HAR,
    &sse::SSE,
    &chunks::CHUNKS,
];

/// The largest file that is read, in bytes: 1 GiB. A file takes a few times its size in memory.
pub const MAX_FILE: u64 = 1 << 30;

/// One format of recordings.
pub struct Importer {
    name: &'static str,
    about: &'static str,
    docs: &'static str,
    /// Endings of file names; the longer of two that fit comes first.
    endings: &'static [&'static str],
    read: Read,
}

enum Read {
    /// A format that is text, which has to be UTF-8; without a byte order mark.
    Text(fn(text: &str, draft: &mut Draft<'_>) -> Result<(), Wrong>),
    /// A format that holds a body as it came.
    Bytes(fn(bytes: &[u8], draft: &mut Draft<'_>) -> Result<(), Wrong>),
}

/// What the user adds to files that do not tell it.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Options {
    /// Target of the requests in formats that hold none (`sse`, `chunks`); `/` otherwise.
    pub target: Option<String>,
}

/// A file, read.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Imported {
    /// The tape's first line, which says where the tape comes from and what is not known.
    pub header: Header,
    /// What was recorded, in the file's order.
    pub interactions: Vec<Interaction>,
    /// What the file did not tell or the tape cannot hold, and the interactions it is true of.
    pub notes: Vec<(Note, Vec<u64>)>,
    /// What was left out.
    pub skipped: Vec<Skipped>,
    /// How many placeholders another recorder has left (`REDACTED`).
    pub placeholders: u64,
}

/// A recording in a file that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Skipped {
    /// The line it begins in, where that is known.
    pub line: Option<u64>,
    /// Why.
    pub reason: String,
}

impl Importer {
    /// Its name on the command line.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What it reads, in a few words.
    pub fn about(&self) -> &'static str {
        self.about
    }

    /// Where its format is described.
    pub fn docs(&self) -> &'static str {
        self.docs
    }

    /// The endings of its files' names, `.yaml`.
    pub fn endings(&self) -> &'static [&'static str] {
        self.endings
    }

    /// The name without the ending by which the file is one of this format; `None` when it is not.
    ///
    /// ```
    /// let chunks = rigtape::import::by_name("chunks").unwrap();
    /// assert_eq!(chunks.stem("openai.chunks.txt"), Some("openai"));
    /// assert_eq!(chunks.stem("README.md"), None);
    /// ```
    pub fn stem<'n>(&self, name: &'n str) -> Option<&'n str> {
        self.endings.iter().find_map(|ending| {
            let at = name.len().checked_sub(ending.len())?;
            let (stem, end) = (name.get(..at)?, name.get(at..)?);
            (end.eq_ignore_ascii_case(ending) && !stem.is_empty()).then_some(stem)
        })
    }

    /// Reads the file at `path`.
    ///
    /// # Errors
    ///
    /// As [`read`](Importer::read), and when the file cannot be read or is larger than
    /// [`MAX_FILE`].
    pub fn open(&self, path: &Path, options: &Options) -> Result<Imported, Error> {
        let bytes = bytes_of(path)?;
        self.read(path, &bytes, options)
    }

    /// Reads a file's bytes; errors call it `name`, and the tape's header knows its last part.
    ///
    /// # Errors
    ///
    /// When the bytes are not in this format, or there is nothing in them that can be imported.
    pub fn read(
        &self,
        name: impl Into<PathBuf>,
        bytes: &[u8],
        options: &Options,
    ) -> Result<Imported, Error> {
        let path = name.into();
        let mut draft = Draft::new(options);
        let read = match self.read {
            Read::Bytes(read) => read(bytes, &mut draft),
            Read::Text(read) => {
                let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
                let text = std::str::from_utf8(bytes).map_err(|error| Error::Encoding {
                    path: path.clone(),
                    offset: error.valid_up_to(),
                    format: self.name,
                })?;
                read(text, &mut draft)
            }
        };
        read.map_err(|Wrong { line, fault }| Error::Line {
            path: path.clone(),
            line,
            fault,
        })?;
        draft.finish(self.name, &path)
    }
}

/// The importer of that name.
pub fn by_name(name: &str) -> Option<&'static Importer> {
    IMPORTERS.iter().copied().find(|i| i.name == name)
}

impl Imported {
    /// The lines of the tape behind its header, in order.
    pub fn records(self) -> impl Iterator<Item = Record> {
        self.interactions.into_iter().flat_map(|interaction| {
            let response = interaction.response.map(Record::Response);
            let chunks = interaction.chunks.into_iter().map(Record::Chunk);
            let end = interaction.end.map(Record::End);
            std::iter::once(Record::Request(interaction.request))
                .chain(response)
                .chain(chunks)
                .chain(end)
        })
    }

    /// How many answers are streams, by their content type or their first bytes.
    pub fn streams(&self) -> usize {
        let stream = |of: &&Interaction| draft::is_stream(of);
        self.interactions.iter().filter(stream).count()
    }
}

/// `line 12: …`
impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.reason),
            None => f.write_str(&self.reason),
        }
    }
}

impl fmt::Debug for Importer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Importer").field(&self.name).finish()
    }
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, Error> {
    let cannot = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(cannot)?;
    let metadata = file.metadata().map_err(cannot)?;
    if !metadata.is_file() {
        // A pipe or a device may never end.
        return Err(cannot(std::io::Error::other("not a regular file")));
    }
    // It may grow while it is read.
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len().min(MAX_FILE)).unwrap_or(0));
    file.take(MAX_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(cannot)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(Error::TooLarge {
            path: path.to_owned(),
            bytes: metadata.len().max(MAX_FILE + 1),
            limit: MAX_FILE,
        });
    }
    Ok(bytes)
}
