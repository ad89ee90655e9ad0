use std::collections::HashSet;
use std::path::{Path, PathBuf};

use globset::GlobBuilder;

use super::{Error, Mode};
use crate::cassette::{self, Cassette, Header, Interaction, Writer};
use crate::matching::{Library, Options};

/// What makes a path a glob.
const SPECIAL: [char; 4] = ['*', '?', '[', '{'];

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

    /// Opens them all. Tapes that cannot be read are among the library's faults, unless there is
    /// no other one.
    pub(crate) fn open(self, options: Options) -> Result<Library, Error> {
        let was_empty = self.is_empty();
        let (mut paths, mut cassettes) = (Vec::new(), Vec::new());
        for source in self.0 {
            match source {
                Source::Path(path) => paths.extend(expand(path)?),
                Source::Cassette(tape) => cassettes.push(*tape),
                Source::Interactions(of) => {
                    let name = format!("<interactions {}>", cassettes.len() + 1);
                    cassettes.push(cassette(&name, of)?);
                }
            }
        }
        let mut library = options.open(paths);
        if !cassettes.is_empty() {
            library = library.with(cassettes);
        }
        if library.tapes().is_empty() && !was_empty {
            return Err(Error::Unreadable(library.faults().to_vec()));
        }
        Ok(library)
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

/// A tape of interactions made in code. A number that is there twice is replaced by a free one.
fn cassette(name: &str, interactions: Vec<Interaction>) -> Result<Cassette, cassette::Error> {
    let mut header = Header::new();
    header.synthetic = true;
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, name, &header)?;
    let mut numbers = HashSet::new();
    for mut of in interactions {
        let mut number = of.number();
        while !numbers.insert(number) {
            number += 1;
        }
        of.request.interaction = number;
        writer.write(&of.request.into())?;
        if let Some(mut head) = of.response {
            head.interaction = number;
            writer.write(&head.into())?;
        }
        for mut chunk in of.chunks {
            chunk.interaction = number;
            writer.write(&chunk.into())?;
        }
        if let Some(mut end) = of.end {
            end.interaction = number;
            writer.write(&end.into())?;
        }
    }
    drop(writer);
    Cassette::read(&bytes[..], name)
}

/// The path itself, or what a glob fits.
fn expand(path: PathBuf) -> Result<Vec<PathBuf>, Error> {
    if path.exists() {
        return Ok(vec![path]);
    }
    let text = path.to_string_lossy();
    if !text.contains(SPECIAL) {
        return Err(nothing(&path, ""));
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
    let root = literal_root(&path);
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
        return Err(nothing(&path, " (the glob fits no .jsonl file)"));
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
    let plain =
        |part: &std::path::Component<'_>| !part.as_os_str().to_string_lossy().contains(SPECIAL);
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
    name.ends_with(".jsonl") && !name.ends_with(".rejected.jsonl")
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

impl From<&Cassette> for Tapes {
    fn from(tape: &Cassette) -> Tapes {
        tape.clone().into()
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
