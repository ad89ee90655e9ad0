//! Tapes found, opened and given their rules.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::tape::{Stamp, Tape};
use super::{Options, Rules};
use crate::cassette::{Cassette, Error};

/// What is wrong with a tape, or with a place where tapes were looked for.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A folder cannot be read.
    #[error("{}: cannot look for cassettes here: {cause}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        cause: String,
    },
    /// A folder holds no tape.
    #[error("{}: no cassette in this folder; tapes are named *.jsonl", path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// A file is no tape, or cannot be read: it is left out.
    #[error("{0}")]
    Unreadable(Error),
    /// A tape's own rules make no sense: it is left out.
    #[error("{}: line 1, `match`: {reason}", path.display())]
    Rules {
        /// The tape.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A line of a tape is broken: the tape is used without it.
    #[error("{0}")]
    Line(Error),
}

impl Fault {
    /// Whether something was left out: all but a broken line of a tape that is used.
    pub fn leaves_out(&self) -> bool {
        !matches!(self, Fault::Line(_))
    }
}

/// The tapes at `paths`: files as they are named, and `*.jsonl` in folders and the folders below
/// in the order of their names, but for `*.rejected.jsonl`.
pub(super) fn find(paths: &[PathBuf], faults: &mut Vec<Fault>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in paths {
        if !path.is_dir() {
            found.push(path.clone());
            continue;
        }
        let before = found.len();
        look(path, &mut found, faults);
        if found.len() == before && !matches!(faults.last(), Some(Fault::Folder { .. })) {
            faults.push(Fault::Empty { path: path.clone() });
        }
    }
    let mut seen = HashSet::new();
    found.retain(|path| seen.insert(path.clone()));
    found
}

fn look(folder: &Path, found: &mut Vec<PathBuf>, faults: &mut Vec<Fault>) {
    let entries = match entries(folder) {
        Ok(entries) => entries,
        Err(cause) => {
            return faults.push(Fault::Folder {
                path: folder.to_owned(),
                cause: cause.to_string(),
            });
        }
    };
    for (path, is_folder) in entries {
        if is_folder {
            look(&path, found, faults);
        } else if is_tape(&path) {
            found.push(path);
        }
    }
}

/// Sorted, with whether each is a folder. A link to a folder is none, so no way leads in circles.
fn entries(folder: &Path) -> io::Result<Vec<(PathBuf, bool)>> {
    let entry = |entry: io::Result<std::fs::DirEntry>| {
        let entry = entry?;
        Ok((entry.path(), entry.file_type()?.is_dir()))
    };
    let mut entries: Vec<_> = std::fs::read_dir(folder)?
        .map(entry)
        .collect::<io::Result<_>>()?;
    entries.sort();
    Ok(entries)
}

fn is_tape(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    name.ends_with(b".jsonl") && !name.ends_with(b".rejected.jsonl")
}

/// A tape, or why there is none.
pub(super) type Opened = Result<Tape, Fault>;

/// Opens all of them, on all cores when there are many.
pub(super) fn all(paths: &[PathBuf], options: &Options) -> Vec<Opened> {
    /// Below this a thread costs more than it saves.
    const EACH: usize = 16;
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let threads = cores.min(paths.len() / EACH);
    if threads < 2 {
        return paths.iter().map(|path| file(path, options)).collect();
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mut opened = Vec::new();
        loop {
            let from = next.fetch_add(EACH, Relaxed);
            let Some(some) = paths.get(from..paths.len().min(from + EACH)) else {
                return opened;
            };
            if some.is_empty() {
                return opened;
            }
            let each = some.iter().map(|path| file(path, options));
            opened.push((from, each.collect::<Vec<_>>()));
        }
    };
    let mut opened = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut opened = work();
        for other in others {
            match other.join() {
                Ok(more) => opened.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        opened
    });
    opened.sort_by_key(|(from, _)| *from);
    opened.into_iter().flat_map(|(_, each)| each).collect()
}

fn file(path: &Path, options: &Options) -> Opened {
    // Taken first: a tape that changes while it is read is read again next time.
    let stamp = Stamp::of(path);
    let cassette = Cassette::open(path).map_err(Fault::Unreadable)?;
    tape(cassette, stamp, options)
}

/// A cassette with the rules of all homes.
pub(super) fn tape(cassette: Cassette, stamp: Option<Stamp>, options: &Options) -> Opened {
    let rules = rules(&cassette, options)?;
    Ok(Tape::new(cassette, rules, stamp))
}

pub(super) fn rules(cassette: &Cassette, options: &Options) -> Result<Rules, Fault> {
    let header = match &cassette.header().rules {
        None => Rules::default(),
        Some(raw) => serde_json::from_str(raw.get()).map_err(|error| Fault::Rules {
            path: cassette.path().to_owned(),
            reason: error.to_string(),
        })?,
    };
    let project = options.project.rules_for(cassette.path());
    Ok(options.rules.clone().over(&header).over(&project))
}
