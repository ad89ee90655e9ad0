use std::fs::File;
use std::io::Write;
use std::path::Path;

use super::{Error, Options};
use crate::cassette::{self, Header, Reader, Record, Writer};

/// What happens to a tape that exists already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Existing {
    /// Recording does not start.
    #[default]
    Refuse,
    /// The tape is written anew.
    Replace,
    /// New interactions are appended, with numbers above those on the tape.
    Append,
}

/// The writer of one tape, whatever it writes to.
pub(super) enum Tape {
    File {
        writer: Writer<File>,
        placeholders: u64,
    },
    Other(Writer<Box<dyn Write + Send>>),
}

impl Tape {
    pub(super) fn open(path: &Path, existing: Existing, options: &Options) -> Result<Tape, Error> {
        let header = header(options);
        let writer = match existing {
            Existing::Refuse => Writer::create(path, &header),
            Existing::Replace => Writer::create_force(path, &header),
            Existing::Append => match Writer::append(path) {
                Err(error) if error.is_not_found() => Writer::create(path, &header),
                appended => appended,
            },
        };
        let placeholders = match existing {
            Existing::Append => highest_placeholder(path)?,
            _ => 0,
        };
        Ok(Tape::File {
            writer: writer?,
            placeholders,
        })
    }

    pub(super) fn to_writer(
        writer: Box<dyn Write + Send>,
        options: &Options,
    ) -> Result<Tape, Error> {
        Ok(Tape::Other(Writer::new(
            writer,
            "the tape",
            &header(options),
        )?))
    }

    pub(super) fn write(&mut self, record: &Record) -> Result<(), cassette::Error> {
        match self {
            Tape::File { writer, .. } => writer.write(record),
            Tape::Other(writer) => writer.write(record),
        }
    }

    /// The number of the next interaction; all above it are free too.
    pub(super) fn next_number(&mut self) -> u64 {
        match self {
            Tape::File { writer, .. } => writer.next_interaction(),
            Tape::Other(writer) => writer.next_interaction(),
        }
    }

    /// The highest placeholder number noted on the tape before this run.
    pub(super) fn placeholders(&self) -> u64 {
        let Tape::File { placeholders, .. } = self else {
            return 0;
        };
        *placeholders
    }

    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Tape::File { writer, .. } => Some(writer.path()),
            Tape::Other(_) => None,
        }
    }
}

fn highest_placeholder(path: &Path) -> Result<u64, cassette::Error> {
    let mut highest = 0;
    for record in Reader::open(path)? {
        if let Record::Chunk(chunk) = record? {
            let numbers = chunk.redacted.iter().map(|redacted| redacted.placeholder);
            highest = numbers.max().unwrap_or(0).max(highest);
        }
    }
    Ok(highest)
}

fn header(options: &Options) -> Header {
    let mut header = Header::new();
    header.created = Some(format!("{:.0}", jiff::Timestamp::now()));
    header.title = options.title.clone();
    header.rules = options.rules.clone();
    header
}
