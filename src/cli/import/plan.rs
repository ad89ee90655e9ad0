//! Which files are imported, and what their tapes are called.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::FileType;
use std::path::{Path, PathBuf};

use super::Row;
use crate::import::Importer;

/// One file to import.
pub(super) struct Job {
    pub(super) source: PathBuf,
    /// The tape, within the folder for tapes.
    pub(super) tape: PathBuf,
}

/// All files of a run.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) jobs: Vec<Job>,
    /// The files that are left out.
    pub(super) rows: Vec<Row>,
    /// What the user named and cannot be read.
    pub(super) unreadable: Vec<String>,
}

impl Plan {
    pub(super) fn of(importer: &Importer, sources: &[PathBuf], output: &Path) -> Plan {
        let mut walk = Walk {
            importer,
            root: PathBuf::new(),
            output: output.canonicalize().ok(),
            names: HashSet::new(),
            plan: Plan::default(),
        };
        for source in sources {
            walk.source(source);
        }
        walk.plan
    }
}

struct Walk<'i> {
    importer: &'i Importer,
    /// The folder that links may not lead out of.
    root: PathBuf,
    output: Option<PathBuf>,
    /// Tapes that are planned.
    names: HashSet<PathBuf>,
    plan: Plan,
}

impl Walk<'_> {
    fn source(&mut self, source: &Path) {
        match source.metadata() {
            Err(error) => {
                let message = format!("cannot read {}: {error}", source.display());
                self.plan.unreadable.push(message);
            }
            Ok(metadata) if metadata.is_dir() => {
                self.root = source.canonicalize().unwrap_or_else(|_| source.to_owned());
                if let Err(error) = self.folder(source, Path::new("")) {
                    let message = format!("cannot read {}: {error}", source.display());
                    self.plan.unreadable.push(message);
                }
            }
            // Who names a file means it, whatever its ending.
            Ok(_) => {
                let name = source.file_name().unwrap_or_default();
                self.job(source, Path::new(""), name);
            }
        }
    }

    fn folder(&mut self, folder: &Path, within: &Path) -> std::io::Result<()> {
        let mut entries = std::fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let (path, name) = (entry.path(), entry.file_name());
            match entry.file_type() {
                Ok(kind) => self.entry(&path, &name, kind, within),
                Err(error) => self.failed(&path, &error),
            }
        }
        Ok(())
    }

    fn entry(&mut self, path: &Path, name: &OsStr, kind: FileType, within: &Path) {
        if kind.is_dir() {
            if name.as_encoded_bytes().starts_with(b".") {
                return self.skip(path, "a hidden folder", true);
            }
            if self.output.is_some() && self.output == path.canonicalize().ok() {
                return self.skip(path, "the folder for the tapes", true);
            }
            if let Err(error) = self.folder(path, &within.join(sanitised(name))) {
                self.failed(path, &error);
            }
            return;
        }
        if self.importer.stem(&name.to_string_lossy()).is_none() {
            let reason = format!("not {}", self.importer.endings().join(" or "));
            return self.skip(path, &reason, true);
        }
        if kind.is_symlink() {
            match path.canonicalize() {
                Err(_) => return self.skip(path, "a link to nothing", false),
                Ok(to) if !to.starts_with(&self.root) => {
                    return self.skip(path, "a link that leads out of the folder", false);
                }
                Ok(to) if !to.is_file() => {
                    return self.skip(
                        path,
                        "a link to a folder, whose files stand elsewhere",
                        false,
                    );
                }
                Ok(_) => {}
            }
        } else if !kind.is_file() {
            return self.skip(path, "not a regular file", false);
        }
        self.job(path, within, name);
    }

    fn job(&mut self, source: &Path, within: &Path, name: &OsStr) {
        let text = name.to_string_lossy();
        let stem = self.importer.stem(&text).map_or_else(
            || Path::new(name).file_stem().unwrap_or_default(),
            |stem| OsStr::new(stem),
        );
        let stem = sanitised(stem);
        let mut tape = within.join(format!("{stem}.jsonl"));
        let mut number = 2;
        while !self.names.insert(tape.clone()) {
            tape = within.join(format!("{stem}-{number}.jsonl"));
            number += 1;
        }
        self.plan.jobs.push(Job {
            source: source.to_owned(),
            tape,
        });
    }

    fn skip(&mut self, path: &Path, reason: &str, quiet: bool) {
        self.plan.rows.push(Row {
            source: path.display().to_string(),
            skipped: Some(reason.to_owned()),
            quiet,
            ..Row::default()
        });
    }

    fn failed(&mut self, path: &Path, error: &std::io::Error) {
        self.plan.rows.push(Row {
            source: path.display().to_string(),
            error: Some(format!("cannot read {}: {error}", path.display())),
            ..Row::default()
        });
    }
}

/// A name that is one name on every system, and no way to another folder.
fn sanitised(name: &OsStr) -> String {
    let safe = |c: char| match c {
        '<' | '>' | ':' | '"' | '/' | '\\' | '|' | '?' | '*' | '\u{fffd}' => '_',
        c if c.is_control() => '_',
        c => c,
    };
    let name: String = name.to_string_lossy().chars().map(safe).collect();
    let name = name.trim_end_matches(['.', ' ']);
    if name.is_empty() { "_" } else { name }.to_owned()
}
