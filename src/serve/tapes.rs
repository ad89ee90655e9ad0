use std::path::{Path, PathBuf};

use globset::GlobBuilder;

use super::{Error, Mode};
use crate::cassette::{Cassette, Interaction};

/// What a mock server serves: files, folders, globs, cassettes and interactions made in code.
///
/// ```no_run
/// use rigtape::cassette::Cassette;
/// use rigtape::serve::Tapes;
///
/// let one = Tapes::from("cassettes/weather.jsonl");
/// let all = Tapes::from("cassettes").and("fixtures/**/chat-*.jsonl");
/// let mine = Tapes::from(Cassette::open("cassettes/weather.jsonl")?);
/// # Ok::<(), rigtape::cassette::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Tapes(Vec<Source>);

#[derive(Debug)]
enum Source {
    Path(PathBuf),
    Cassette(Box<Cassette>),
    Interactions(Vec<Interaction>),
}

/// Tapes that are open, in the order in which they were given.
#[derive(Debug, Default)]
pub(super) struct Opened {
    pub(super) tapes: Vec<Tape>,
    /// Why some cannot be served, or not whole.
    pub(super) problems: Vec<String>,
}

#[derive(Debug)]
pub(super) enum Tape {
    Cassette(Box<Cassette>),
    Interactions(PathBuf, Vec<Interaction>),
}

impl Tapes {
    /// No tape.
    pub fn new() -> Tapes {
        Tapes::default()
    }

    /// These tapes and `more`.
    #[must_use]
    pub fn and(mut self, more: impl Into<Tapes>) -> Tapes {
        self.0.extend(more.into().0);
        self
    }

    /// Whether nothing was given.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Opens them all; a tape that cannot be read is a problem, unless it is the only one.
    pub(super) fn open(self) -> Result<Opened, Error> {
        let mut opened = Opened::default();
        let mut failed = None;
        let mut unnamed = 0;
        for source in self.0 {
            match source {
                Source::Path(path) => {
                    for path in find(&path)? {
                        match Cassette::open(&path) {
                            Ok(tape) => opened.add(tape),
                            Err(error) => {
                                opened.problems.push(error.to_string());
                                failed.get_or_insert(error);
                            }
                        }
                    }
                }
                Source::Cassette(tape) => opened.add(*tape),
                Source::Interactions(interactions) => {
                    unnamed += 1;
                    let name = PathBuf::from(format!("<interactions {unnamed}>"));
                    opened.tapes.push(Tape::Interactions(name, interactions));
                }
            }
        }
        match failed {
            Some(error) if opened.tapes.is_empty() => Err(error.into()),
            _ => Ok(opened),
        }
    }

    /// The one file that a mode records to.
    pub(super) fn only_path(&self, mode: Mode) -> Result<&Path, Error> {
        let given = match &self.0[..] {
            [Source::Path(path)] if path.extension().is_some_and(|e| e == "jsonl") => {
                return Ok(path);
            }
            [Source::Path(path)] => path.display().to_string(),
            [] => "none".to_owned(),
            [_] => "a tape in memory".to_owned(),
            many => format!("{} of them", many.len()),
        };
        Err(Error::OneTape { mode, given })
    }
}

impl Opened {
    fn add(&mut self, tape: Cassette) {
        let faults = tape.faults().iter().map(ToString::to_string);
        self.problems.extend(faults);
        self.tapes.push(Tape::Cassette(Box::new(tape)));
    }
}

/// The tapes at `path`: the file itself, every `.jsonl` in a folder and those below it, or those
/// that a glob fits, in the order of their names. Tapes that a recorder has rejected, or not
/// finished yet, are only found by their own names.
///
/// # Errors
///
/// When there are none, a folder cannot be read, or the glob is none.
pub fn find(path: impl AsRef<Path>) -> Result<Vec<PathBuf>, Error> {
    let path = path.as_ref();
    if path.is_dir() {
        let mut found = Vec::new();
        walk(path, &mut |path| found.push(path))?;
        found.sort();
        if found.is_empty() {
            return Err(nothing(path, " (no .jsonl file in this folder)"));
        }
        return Ok(found);
    }
    let text = path.to_string_lossy();
    if path.exists() || !text.contains(['*', '?', '[', '{']) {
        // A file that is not there is named by whoever opens it.
        return Ok(vec![path.to_owned()]);
    }
    let glob = GlobBuilder::new(&text)
        .literal_separator(true)
        .build()
        .map_err(|error| Error::Glob {
            pattern: text.clone().into_owned(),
            reason: error.kind().to_string(),
        })?
        .compile_matcher();
    let mut found = Vec::new();
    let root = literal_root(path);
    if root.is_dir() {
        walk(&root, &mut |file| {
            // Below `.` a walk says `./a`, and the glob says `a`.
            let plain = file.strip_prefix("./").unwrap_or(&file);
            if glob.is_match(&file) || glob.is_match(plain) {
                found.push(plain.to_owned());
            }
        })?;
    }
    found.sort();
    if found.is_empty() {
        return Err(nothing(path, " (the glob fits no .jsonl file)"));
    }
    Ok(found)
}

fn nothing(path: &Path, hint: &'static str) -> Error {
    Error::NoTape {
        path: path.to_owned(),
        hint,
    }
}

/// The part of a glob before its first special segment.
fn literal_root(glob: &Path) -> PathBuf {
    let plain = |part: &std::path::Component<'_>| {
        !part
            .as_os_str()
            .to_string_lossy()
            .contains(['*', '?', '[', '{'])
    };
    let root: PathBuf = glob.components().take_while(plain).collect();
    if root.as_os_str().is_empty() {
        PathBuf::from(".")
    } else {
        root
    }
}

fn walk(folder: &Path, found: &mut dyn FnMut(PathBuf)) -> Result<(), Error> {
    let cannot = |source| Error::Folder {
        path: folder.to_owned(),
        source,
    };
    for entry in std::fs::read_dir(folder).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        let path = entry.path();
        let kind = entry.file_type().map_err(cannot)?;
        if kind.is_dir() {
            walk(&path, found)?;
        } else if is_tape(&path) && (kind.is_file() || path.is_file()) {
            found(path);
        }
    }
    Ok(())
}

fn is_tape(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(".jsonl")
        && !name.ends_with(".rejected.jsonl")
        && !name.ends_with(super::recording::UNFINISHED)
}

impl From<&str> for Tapes {
    fn from(path: &str) -> Tapes {
        Path::new(path).into()
    }
}

impl From<String> for Tapes {
    fn from(path: String) -> Tapes {
        PathBuf::from(path).into()
    }
}

impl From<&Path> for Tapes {
    fn from(path: &Path) -> Tapes {
        path.to_owned().into()
    }
}

impl From<&PathBuf> for Tapes {
    fn from(path: &PathBuf) -> Tapes {
        path.clone().into()
    }
}

impl From<PathBuf> for Tapes {
    fn from(path: PathBuf) -> Tapes {
        Tapes(vec![Source::Path(path)])
    }
}

impl From<Cassette> for Tapes {
    fn from(tape: Cassette) -> Tapes {
        Tapes(vec![Source::Cassette(Box::new(tape))])
    }
}

impl From<Interaction> for Tapes {
    fn from(interaction: Interaction) -> Tapes {
        vec![interaction].into()
    }
}

impl From<Vec<Interaction>> for Tapes {
    fn from(interactions: Vec<Interaction>) -> Tapes {
        Tapes(vec![Source::Interactions(interactions)])
    }
}

impl<T: Into<Tapes>> FromIterator<T> for Tapes {
    fn from_iter<I: IntoIterator<Item = T>>(tapes: I) -> Tapes {
        tapes.into_iter().fold(Tapes::new(), Tapes::and)
    }
}
