//! How a new recording takes a tape's place: made beside it, looked over, and put there in one step.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};

use super::Error;
use crate::cassette::{Cassette, How, Reader, Record, Writer};
use crate::record;

/// A tape and the file in which its next state is recorded.
#[derive(Debug)]
pub(super) struct Swap {
    pub(super) tape: PathBuf,
    pub(super) attempt: PathBuf,
    /// The attempt goes on with the tape as it was then.
    appends: Option<Stood>,
    /// The test that records, where several may share the tape.
    by: Option<String>,
}

/// A tape as it was when an attempt began with it.
#[derive(Debug)]
struct Stood {
    mark: String,
    highest: u64,
}

impl Swap {
    /// An attempt that replaces the tape.
    pub(super) fn anew(tape: &Path, by: Option<String>) -> Result<Swap, Error> {
        make_folder(tape)?;
        Ok(Swap {
            tape: tape.to_owned(),
            attempt: attempt(tape),
            appends: None,
            by,
        })
    }

    /// An attempt that goes on with the tape: a copy of it, to begin with.
    pub(super) fn appending(tape: &Path, by: Option<String>) -> Result<Swap, Error> {
        let mut swap = Swap::anew(tape, by)?;
        if tape.exists() {
            let _lock = Lock::of(tape)?;
            let highest = highest(tape).map_err(record::Error::from)?;
            fs::copy(tape, &swap.attempt).map_err(|source| cannot("copy", tape, source))?;
            swap.appends = Some(Stood {
                mark: mark(tape),
                highest,
            });
        }
        Ok(swap)
    }

    /// Puts the attempt in the tape's place.
    ///
    /// The tape may have changed meanwhile, by another test that shares it: what this one recorded
    /// is then added to what stands.
    pub(super) fn take_place(&self) -> Result<(), String> {
        let _lock = Lock::of(&self.tape).map_err(|error| error.to_string())?;
        self.look_over()?;
        let ledger = Ledger::of(&self.tape);
        let mut ran = ledger.read();
        let new_from = match &self.appends {
            Some(stood) if stood.mark == mark(&self.tape) => None,
            Some(stood) => Some(stood.highest),
            None if self.shares(&ran) => Some(0),
            None => {
                ran.by.clear();
                None
            }
        };
        if let Some(above) = new_from {
            self.add_to_tape(above).map_err(|error| error.to_string())?;
        } else {
            fs::rename(&self.attempt, &self.tape).map_err(|error| {
                let (from, to) = (self.attempt.display(), self.tape.display());
                format!("the new tape {from} cannot become {to}: {error}")
            })?;
        }
        ran.run = run();
        ran.mark = mark(&self.tape);
        ran.by.extend(self.by.clone());
        // Without the ledger tests that share a tape replace one another's; each stays whole.
        let _ = ledger.write(&ran);
        Ok(())
    }

    /// Whether what stands was recorded by other tests of this very run.
    fn shares(&self, ran: &Ran) -> bool {
        let Some(by) = &self.by else { return false };
        ran.run == run() && ran.mark == mark(&self.tape) && !ran.by.contains(by)
    }

    /// Reads the attempt back: a half recording must not replace a whole one.
    fn look_over(&self) -> Result<(), String> {
        let new = Cassette::open(&self.attempt).map_err(|error| error.to_string())?;
        if let Some(fault) = new.faults().first() {
            return Err(format!("the new tape does not read back: {fault}"));
        }
        let Some(broken) = first_broken(&new)? else {
            return Ok(());
        };
        let old = Cassette::open(&self.tape).ok();
        let old_is_whole = old.is_some_and(|old| {
            !old.is_empty() && old.faults().is_empty() && matches!(first_broken(&old), Ok(None))
        });
        if old_is_whole {
            return Err(format!(
                "{broken}, and the tape that stands is whole; delete {} first if the new one is \
                 meant",
                self.tape.display()
            ));
        }
        Ok(())
    }

    /// Adds the attempt's interactions above a number to the tape, in one step.
    fn add_to_tape(&self, above: u64) -> Result<(), Error> {
        let joined = attempt(&self.tape);
        let done = self.joined(&joined, above);
        if done.is_err() {
            let _ = fs::remove_file(&joined);
        }
        done
    }

    fn joined(&self, joined: &Path, above: u64) -> Result<(), Error> {
        let moved = |source| cannot("move", joined, source);
        fs::copy(&self.tape, joined).map_err(moved)?;
        let added = || -> Result<(), crate::cassette::Error> {
            let mut writer = Writer::append(joined)?;
            let mut numbers = std::collections::HashMap::new();
            for record in Reader::open(&self.attempt)? {
                let mut record = record?;
                let Some(number) = number_of(&mut record).filter(|number| **number > above) else {
                    continue;
                };
                let known = numbers.entry(*number);
                *number = *known.or_insert_with(|| writer.next_interaction());
                writer.write(&record)?;
            }
            Ok(())
        };
        added().map_err(record::Error::from)?;
        fs::rename(joined, &self.tape).map_err(moved)?;
        fs::remove_file(&self.attempt).map_err(moved)
    }
}

/// What keeps the first interaction that is not whole from being so. That a client left is its own
/// choice.
fn first_broken(tape: &Cassette) -> Result<Option<String>, String> {
    for interaction in tape.interactions() {
        let interaction = interaction.map_err(|error| error.to_string())?;
        let how = match interaction.how() {
            Some(How::Complete | How::Cancelled) => continue,
            Some(how) => how.as_str().to_owned(),
            None => "without an end".to_owned(),
        };
        return Ok(Some(format!(
            "interaction {} of the new tape broke off ({how})",
            interaction.number()
        )));
    }
    Ok(None)
}

fn number_of(record: &mut Record) -> Option<&mut u64> {
    match record {
        Record::Request(request) => Some(&mut request.interaction),
        Record::Response(response) => Some(&mut response.interaction),
        Record::Chunk(chunk) => Some(&mut chunk.interaction),
        Record::End(end) => Some(&mut end.interaction),
        _ => None,
    }
}

fn highest(tape: &Path) -> Result<u64, crate::cassette::Error> {
    let tape = Cassette::open(tape)?;
    let numbers = tape.entries().iter().map(|entry| entry.interaction);
    Ok(numbers.max().unwrap_or(0))
}

/// A name beside the tape that nobody else uses, and that no folder of tapes is searched for.
fn attempt(tape: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let stem = tape.file_stem().unwrap_or_default().to_string_lossy();
    let (process, count) = (std::process::id(), COUNT.fetch_add(1, Relaxed));
    tape.with_file_name(format!("{stem}.{process}-{count}.recording"))
}

/// What tells a state of a file from a later one.
fn mark(tape: &Path) -> String {
    let Ok(metadata) = fs::metadata(tape) else {
        return String::new();
    };
    let modified = metadata.modified().ok();
    let since = modified.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    let nanos = since.map_or(0, |since| since.as_nanos());
    format!("{}-{nanos}", metadata.len())
}

/// The run of tests that this process belongs to: one `cargo test` or one `cargo nextest`.
fn run() -> String {
    if let Ok(run) = std::env::var("NEXTEST_RUN_ID") {
        return run;
    }
    #[cfg(unix)]
    return std::os::unix::process::parent_id().to_string();
    #[cfg(not(unix))]
    std::process::id().to_string()
}

/// What the tests of a run have recorded onto one tape. It stands outside the project.
struct Ledger(PathBuf);

#[derive(Debug, Default)]
struct Ran {
    run: String,
    mark: String,
    by: Vec<String>,
}

impl Ledger {
    fn of(tape: &Path) -> Ledger {
        Ledger(aside(tape, "ran"))
    }

    fn read(&self) -> Ran {
        let text = fs::read_to_string(&self.0).unwrap_or_default();
        let mut lines = text.lines().map(str::to_owned);
        Ran {
            run: lines.next().unwrap_or_default(),
            mark: lines.next().unwrap_or_default(),
            by: lines.collect(),
        }
    }

    fn write(&self, ran: &Ran) -> io::Result<()> {
        fs::write(
            &self.0,
            format!("{}\n{}\n{}\n", ran.run, ran.mark, ran.by.join("\n")),
        )
    }
}

/// Held while a tape is replaced; freed by the system when its process dies.
#[derive(Debug)]
struct Lock(#[expect(dead_code, reason = "its drop frees the lock")] Option<File>);

impl Lock {
    fn of(tape: &Path) -> Result<Lock, Error> {
        let path = aside(tape, "lock");
        let opened = File::options().create(true).append(true).open(&path);
        let file = opened.map_err(|source| cannot("lock", &path, source))?;
        match file.lock() {
            Ok(()) => Ok(Lock(Some(file))),
            // Some file systems have no locks. Recording without one beats not recording.
            Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(Lock(None)),
            Err(source) => Err(cannot("lock", &path, source)),
        }
    }
}

/// A file of this machine's that belongs to a tape and is none of its project's.
fn aside(tape: &Path, kind: &str) -> PathBuf {
    let folder = tape.parent().filter(|f| !f.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let whole = folder.join(tape.file_name().unwrap_or_default());
    let digest = Sha256::digest(whole.as_os_str().as_encoded_bytes());
    let name: String = digest[..12].iter().map(|b| format!("{b:02x}")).collect();
    std::env::temp_dir().join(format!("rigtape-{name}.{kind}"))
}

fn make_folder(tape: &Path) -> Result<(), Error> {
    let folder = tape.parent().filter(|f| !f.as_os_str().is_empty());
    let Some(folder) = folder else { return Ok(()) };
    fs::create_dir_all(folder).map_err(|source| {
        Error::Record(record::Error::Directory {
            path: folder.to_owned(),
            source,
        })
    })
}

fn cannot(what: &'static str, path: &Path, source: io::Error) -> Error {
    Error::Swap {
        what,
        path: path.to_owned(),
        source,
    }
}
