//! Tapes, ready to answer.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::cache::Cache;
use super::choose::Slot;
use super::open::{self, Fault};
use super::tape::{Stamp, Tape};
use super::{Project, Rules, Uses, form, summary};
use crate::cassette::{Cassette, Request};

/// A further verdict on a recorded request and the one that is asked: why they do not match.
pub type Matcher = Arc<dyn Fn(&Request, &Request) -> Result<(), String> + Send + Sync>;

/// How a [`Library`] is opened: rules and limits.
#[derive(Clone)]
pub struct Options {
    pub(super) rules: Rules,
    pub(super) project: Project,
    matchers: Vec<Matcher>,
    cache: usize,
}

impl Options {
    /// No rules but the tapes' own, and 256 MiB of interactions in memory.
    pub fn new() -> Options {
        Options {
            rules: Rules::default(),
            project: Project::default(),
            matchers: Vec::new(),
            cache: 256 << 20,
        }
    }

    /// Rules of the nearest home, code or command line: they go before those of tapes and project.
    #[must_use]
    pub fn rules(mut self, rules: Rules) -> Options {
        self.rules = rules.over(&self.rules);
        self
    }

    /// Rules of the farthest home, `rigtape.toml`.
    #[must_use]
    pub fn project(mut self, project: Project) -> Options {
        self.project = project;
        self
    }

    /// Asks `matcher` too, with the recorded request and the asked one, where everything else
    /// matches: an error is why they do not.
    #[must_use]
    pub fn matcher(
        mut self,
        matcher: impl Fn(&Request, &Request) -> Result<(), String> + Send + Sync + 'static,
    ) -> Options {
        self.matchers.push(Arc::new(matcher));
        self
    }

    /// How many bytes of interactions stay in memory; what is asked for again is read again.
    #[must_use]
    pub fn cache_bytes(mut self, bytes: usize) -> Options {
        self.cache = bytes;
        self
    }

    /// Opens the tapes at `paths`: files, and folders with all below them. What cannot be opened is
    /// among the [`faults`](Library::faults).
    pub fn open(self, paths: impl IntoIterator<Item = impl AsRef<Path>>) -> Library {
        let paths = paths.into_iter().map(|path| path.as_ref().to_owned());
        Library::build(self, paths.collect(), HashMap::new(), Vec::new(), None)
    }

    /// A library of tapes that are open already.
    pub fn cassettes(self, cassettes: impl IntoIterator<Item = Cassette>) -> Library {
        self.open(Vec::<PathBuf>::new()).with(cassettes)
    }
}

impl Default for Options {
    fn default() -> Options {
        Options::new()
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("rules", &self.rules)
            .field("project", &self.project)
            .field("matchers", &self.matchers.len())
            .field("cache", &self.cache)
            .finish()
    }
}

/// Open tapes, from which an interaction is [chosen](Library::choose) for a request.
///
/// Interactions are read when they are asked for; a library is never changed, and shared by all
/// scopes, each of which has its own [`Uses`].
///
/// ```
/// use rigtape::cassette::Request;
/// use rigtape::matching::{Library, Uses};
///
/// # let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/cassettes/openai-chat/plain.jsonl");
/// let library = Library::open([folder]);
/// let mut uses = Uses::new();
/// let recorded = library.tapes()[0].cassette().interactions().next().unwrap()?;
///
/// let mut asked = Request::new(0, "POST", "/openai/v1/chat/completions");
/// asked.body = recorded.request.body.clone();
/// let chosen = library.choose(&mut uses, &asked).unwrap();
/// assert_eq!(chosen.interaction.number(), 1);
///
/// let miss = library.choose(&mut uses, &asked).unwrap_err();
/// assert!(miss.to_string().contains("played already"));
/// # Ok::<(), rigtape::cassette::Error>(())
/// ```
#[derive(Debug)]
pub struct Library {
    options: Options,
    paths: Vec<PathBuf>,
    pub(super) tapes: Vec<Arc<Tape>>,
    /// Tapes that came open, behind those of `paths`.
    given: Vec<Arc<Tape>>,
    faults: Vec<Fault>,
    /// Where the interactions of each route are, in order.
    pub(super) routes: HashMap<String, Vec<Slot>>,
    pub(super) cache: Arc<Cache>,
}

/// An interaction that was not played, on a tape of which another was.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Unused {
    /// Path or name of the tape.
    pub cassette: String,
    /// Number of the interaction.
    pub interaction: u64,
    /// Line of its request.
    pub line: u64,
    /// Its request's method.
    pub method: String,
    /// Its request's target.
    pub target: String,
    /// What was asked: the last words of its user, shortened.
    pub summary: Option<String>,
}

impl Library {
    /// Opens the tapes at `paths` with nothing but their own rules; see [`Options`].
    pub fn open(paths: impl IntoIterator<Item = impl AsRef<Path>>) -> Library {
        Options::new().open(paths)
    }

    /// The tapes, in the order in which they are asked.
    pub fn tapes(&self) -> &[Arc<Tape>] {
        &self.tapes
    }

    /// What could not be opened, and the broken lines of what could.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// Number of interactions on all tapes.
    pub fn len(&self) -> usize {
        self.tapes.iter().map(|tape| tape.cassette().len()).sum()
    }

    /// Whether there is no interaction at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// This library and some more tapes.
    #[must_use]
    pub fn with(&self, cassettes: impl IntoIterator<Item = Cassette>) -> Library {
        let mut faults = Vec::new();
        let mut given = self.given.clone();
        for cassette in cassettes {
            match open::tape(cassette, None, &self.options) {
                Ok(tape) => given.push(Arc::new(tape)),
                Err(fault) => faults.push(fault),
            }
        }
        let mut library = self.built_anew(given);
        library.faults.extend(faults);
        library
    }

    /// The library as its paths are now: new tapes, without those that are gone, and with changed
    /// ones read again. Unchanged tapes are shared.
    #[must_use]
    pub fn reopened(&self) -> Library {
        self.built_anew(self.given.clone())
    }

    /// The interactions that `uses` left over, on the tapes that it touched.
    pub fn unused(&self, uses: &Uses) -> Vec<Unused> {
        let mut unused = Vec::new();
        for tape in self.tapes.iter().filter(|tape| uses.touches(tape)) {
            for (index, entry) in tape.cassette().entries().iter().enumerate() {
                if uses.times(tape, index) > 0 {
                    continue;
                }
                let loaded = tape.loaded(index, &self.cache).ok();
                unused.push(Unused {
                    cassette: tape.path().display().to_string(),
                    interaction: entry.interaction,
                    line: entry.line,
                    method: entry.method.clone(),
                    target: entry.target.clone(),
                    summary: loaded.and_then(|l| summary::of(&l.interaction.request)),
                });
            }
        }
        unused
    }

    fn built_anew(&self, given: Vec<Arc<Tape>>) -> Library {
        let of_paths = &self.tapes[..self.tapes.len() - self.given.len()];
        let known = of_paths
            .iter()
            .map(|tape| (tape.path().to_owned(), tape.clone()));
        let (options, cache) = (self.options.clone(), self.cache.clone());
        Library::build(
            options,
            self.paths.clone(),
            known.collect(),
            given,
            Some(cache),
        )
    }

    fn build(
        options: Options,
        paths: Vec<PathBuf>,
        known: HashMap<PathBuf, Arc<Tape>>,
        given: Vec<Arc<Tape>>,
        cache: Option<Arc<Cache>>,
    ) -> Library {
        let mut faults = Vec::new();
        let found = open::find(&paths, &mut faults);
        let unchanged = |path: &PathBuf| {
            let known = known.get(path)?;
            (known.stamp.is_some() && known.stamp == Stamp::of(path)).then(|| known.clone())
        };
        let (mut tapes, mut new) = (Vec::new(), Vec::new());
        for path in found {
            tapes.push(unchanged(&path));
            if let Some(None) = tapes.last() {
                new.push(path);
            }
        }
        let mut opened = open::all(&new, &options).into_iter();
        let mut all = Vec::with_capacity(tapes.len());
        for tape in tapes {
            match tape.map_or_else(
                || opened.next().map(|new| new.map(Arc::new)),
                |t| Some(Ok(t)),
            ) {
                Some(Ok(tape)) => all.push(tape),
                Some(Err(fault)) => faults.push(fault),
                None => {}
            }
        }
        all.extend(given.iter().cloned());
        for tape in &all {
            faults.extend(tape.cassette().faults().iter().cloned().map(Fault::Line));
        }
        Library {
            routes: routes(&all),
            cache: cache.unwrap_or_else(|| Arc::new(Cache::new(options.cache))),
            tapes: all,
            options,
            paths,
            given,
            faults,
        }
    }

    pub(super) fn matchers(&self) -> &[Matcher] {
        &self.options.matchers
    }
}

fn routes(tapes: &[Arc<Tape>]) -> HashMap<String, Vec<Slot>> {
    let mut routes: HashMap<String, Vec<Slot>> = HashMap::new();
    for (tape, of) in tapes.iter().enumerate() {
        for (entry, known) in of.cassette().entries().iter().enumerate() {
            let route = form::route(&known.method, &known.target);
            routes.entry(route).or_default().push(Slot { tape, entry });
        }
    }
    routes
}
