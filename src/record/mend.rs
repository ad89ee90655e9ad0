//! Masks secrets on tapes that exist, the bytes' and those that only joined pieces show.
//!
//! ```no_run
//! use rigtape::record::mend;
//! use rigtape::redact::Redactor;
//!
//! let mended = mend::tape("weather.jsonl".as_ref(), &Redactor::new())?;
//! for finding in &mended.masked {
//!     println!("masked: {finding}");
//! }
//! assert!(mended.left.is_empty(), "record this tape again");
//! # Ok::<(), rigtape::record::mend::Error>(())
//! ```

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::audit::{Listener, Spoken};
use crate::cassette::{self, Chunk, Reader, Record, Redacted, Writer};
use crate::redact::{self, Finding, Mender, Redactor, last_placeholder};

mod locate;

use locate::Locator;

/// What mending a tape came to.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Mended {
    /// Secrets that placeholders hide now.
    pub masked: Vec<Finding>,
    /// Secrets that are still there: their pieces cannot be told apart from what stands around
    /// them. The tape has to be recorded again.
    pub left: Vec<Finding>,
    /// Whether the file was written anew; a tape without findings is not touched.
    pub rewritten: bool,
}

/// Why a tape cannot be mended; it is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It cannot be read to its end: what stands in a broken line would stay.
    #[error(transparent)]
    Tape(#[from] cassette::Error),
    /// The rules cannot be applied.
    #[error(transparent)]
    Rules(#[from] redact::Error),
    /// Somebody is recording to it.
    #[error("{}: a recorder is writing to it; mend it when the recording has ended", path.display())]
    Locked {
        /// The tape.
        path: PathBuf,
    },
    /// It cannot be opened.
    #[error("{}: cannot open the tape: {source}", path.display())]
    Open {
        /// The tape.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The mended tape cannot be written beside it.
    #[error("{}: cannot write the mended tape: {source}", path.display())]
    Write {
        /// The tape.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The secrets on the tape at `path`.
///
/// # Errors
///
/// When the tape cannot be read to its end.
pub fn find(path: &Path, redactor: &Redactor) -> Result<Vec<Finding>, Error> {
    let (mut findings, spoken) = survey(path, &numbered(path, redactor)?)?;
    findings.extend(spoken.into_iter().map(|spoken| spoken.finding));
    Ok(findings)
}

/// Masks the secrets on the tape at `path`, at once or not at all: a mended copy takes its place.
/// Chunk borders, lengths and times stay. On Unix only the owner may read the mended tape (mode
/// 0600).
///
/// # Errors
///
/// When the tape cannot be read to its end, is being recorded, or the copy cannot be written.
pub fn tape(path: &Path, redactor: &Redactor) -> Result<Mended, Error> {
    // Renaming onto a symbolic link would replace the link.
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let _lock = lock(&real)?;
    let redactor = numbered(path, redactor)?;
    let (mut findings, spoken) = survey(path, &redactor)?;
    if findings.is_empty() && spoken.is_empty() {
        return Ok(Mended::default());
    }
    let mut locator = Locator::new(&spoken);
    if !spoken.is_empty() {
        each_mended(path, &redactor, &mut |step| {
            match step {
                Step::Begins(_) => {}
                Step::Mended(record) => locator.push(record),
            }
            Ok(())
        })?;
    }
    let edits = locator.finish();
    let left = rewrite(path, &real, &redactor, edits)?;
    let spoken = spoken.into_iter().map(|spoken| spoken.finding);
    findings.extend(spoken.filter(|finding| !left.contains(finding)));
    Ok(Mended {
        masked: findings,
        left,
        rewritten: true,
    })
}

fn lock(path: &Path) -> Result<File, Error> {
    let file = File::open(path).map_err(|source| Error::Open {
        path: path.to_owned(),
        source,
    })?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(Error::Locked {
            path: path.to_owned(),
        }),
        // Some file systems have no locks.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
    }
}

/// A redactor whose placeholders count from above those on the tape.
fn numbered(path: &Path, redactor: &Redactor) -> Result<Redactor, Error> {
    let redactor = redactor.for_cassette();
    for record in Reader::open(path)? {
        redactor.reserve(last_placeholder(&record?));
    }
    Ok(redactor)
}

/// What the bytes show, and what the joined pieces show beyond that.
fn survey(path: &Path, redactor: &Redactor) -> Result<(Vec<Finding>, Vec<Spoken>), Error> {
    let mut listener = Listener::default();
    let mut spoken = Vec::new();
    let findings = each_mended(path, redactor, &mut |step| {
        match step {
            Step::Begins(record) => begin(&mut listener, redactor, record)?,
            Step::Mended(record) => listener.push(record, &mut spoken),
        }
        Ok(())
    })?;
    listener.finish(&mut spoken);
    Ok((findings, spoken))
}

enum Step<'a> {
    /// A record as it stands on the tape, before it is mended.
    Begins(&'a Record),
    Mended(&'a mut Record),
}

/// Reads the tape and mends its bytes; always with the same result, since `redactor` keeps its
/// numbers.
fn each_mended(
    path: &Path,
    redactor: &Redactor,
    take: &mut dyn FnMut(Step<'_>) -> Result<(), Error>,
) -> Result<Vec<Finding>, Error> {
    let mut mender = Mender::new(redactor.clone());
    for record in Reader::open(path)? {
        let record = record?;
        take(Step::Begins(&record))?;
        for mut record in mender.push(record)? {
            take(Step::Mended(&mut record))?;
        }
    }
    for mut record in mender.finish() {
        take(Step::Mended(&mut record))?;
    }
    Ok(mender.findings().to_vec())
}

/// An old tape may hold credentials in its requests: they are looked for in what was said too.
fn begin(listener: &mut Listener, redactor: &Redactor, record: &Record) -> Result<(), Error> {
    if let Record::Request(request) = record {
        listener.begin(request, redactor.for_request(request)?);
    }
    Ok(())
}

/// Writes the mended tape and puts it in the old one's place; what is still to be found in it.
fn rewrite(
    path: &Path,
    real: &Path,
    redactor: &Redactor,
    mut edits: Edits,
) -> Result<Vec<Finding>, Error> {
    let cannot = |source| Error::Write {
        path: path.to_owned(),
        source,
    };
    let folder = real.parent().unwrap_or(Path::new("."));
    let file = NamedTempFile::with_prefix_in(".rigtape-", folder).map_err(cannot)?;
    let mut file = Some(BufWriter::new(file));
    let mut writer = None;
    let mut listener = Listener::default();
    let mut left = Vec::new();
    each_mended(path, redactor, &mut |step| {
        let record = match step {
            Step::Begins(record) => return begin(&mut listener, redactor, record),
            Step::Mended(record) => record,
        };
        if let Record::Chunk(chunk) = record {
            edits.apply(chunk);
        }
        listener.push(record, &mut left);
        match (&*record, &mut writer) {
            // The header comes first, and only once: the reader sees to it.
            (Record::Header(header), none) => {
                if let Some(file) = file.take() {
                    *none = Some(Writer::new(file, path, header)?);
                }
            }
            (record, Some(writer)) => writer.write(record)?,
            (_, None) => {}
        }
        Ok(())
    })?;
    listener.finish(&mut left);
    if let Some(writer) = writer {
        let mut file = writer.into_inner();
        file.flush().map_err(cannot)?;
        let file = file.into_inner().map_err(|e| cannot(e.into_error()))?;
        file.as_file().sync_all().map_err(cannot)?;
        file.persist(real).map_err(|e| cannot(e.error))?;
        // The rename itself; where a folder cannot be synced, the system does it in time.
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
    Ok(left.into_iter().map(|spoken| spoken.finding).collect())
}

/// Bytes to lay over the bodies, by interaction.
#[derive(Debug, Default)]
struct Edits {
    of: BTreeMap<u64, Track>,
}

#[derive(Debug, Default)]
struct Track {
    /// Bytes of the body that have passed.
    at: usize,
    edits: Vec<Edit>,
}

/// Bytes of a body that become those of a placeholder.
#[derive(Debug)]
struct Edit {
    /// In the body.
    at: usize,
    bytes: Vec<u8>,
    placeholder: u64,
}

impl Edits {
    fn apply(&mut self, chunk: &mut Chunk) {
        let Some(track) = self.of.get_mut(&chunk.interaction) else {
            return;
        };
        let (start, end) = (track.at, track.at + chunk.bytes.len());
        track.at = end;
        let mut bytes: Option<Vec<u8>> = None;
        for edit in &track.edits {
            let from = edit.at.max(start);
            let to = (edit.at + edit.bytes.len()).min(end);
            if from >= to {
                continue;
            }
            let bytes = bytes.get_or_insert_with(|| chunk.bytes.to_vec());
            bytes[from - start..to - start]
                .copy_from_slice(&edit.bytes[from - edit.at..to - edit.at]);
            chunk.redacted.push(Redacted {
                offset: from - start,
                length: to - from,
                placeholder: edit.placeholder,
            });
        }
        if let Some(bytes) = bytes {
            chunk.bytes = bytes.into();
            chunk.redacted.sort_by_key(|range| range.offset);
        }
    }
}
