//! What the requests of a server share: its tapes, what each scope has used of them, and what went
//! wrong.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use http::StatusCode;

use super::Aim;
use super::journal::Journal;
use super::report::{Missed, Report, Unused};
use crate::listen::Refusal;
use crate::matching::{Asked, Chosen, Library, Miss, Uses};

/// Reasons kept word for word in a report.
const MAX_KEPT: usize = 20;

/// Scopes that clients may make.
const MAX_SCOPES: usize = 10_000;

/// What counts as a failure of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Allowed {
    pub(super) unused: bool,
    pub(super) misses: bool,
}

/// Called with the message of each miss.
pub(super) type OnMiss = Arc<dyn Fn(&str) + Send + Sync>;

pub(super) struct State {
    library: RwLock<Arc<Library>>,
    /// By name; the requests without a scope have the empty one.
    scopes: Mutex<BTreeMap<String, Scope>>,
    allowed: Allowed,
    pub(super) journal: Journal,
    pub(super) played: AtomicU64,
    pub(super) passed: AtomicU64,
    wrong: Mutex<Wrong>,
    on_miss: Option<OnMiss>,
    aim: Option<Aim>,
    /// Whether what is aimed at was played.
    struck: AtomicBool,
    /// Bodies that end from now on were cut by the server's stop.
    pub(super) stopping: Arc<AtomicBool>,
}

/// One test's own copy of the server's state.
struct Scope {
    uses: Uses,
    allowed: Allowed,
    missed: Vec<Missed>,
    missed_total: u64,
}

#[derive(Default)]
struct Wrong {
    refused: Vec<String>,
    refused_total: u64,
    problems: Vec<String>,
}

impl State {
    pub(super) fn new(
        library: Arc<Library>,
        allowed: Allowed,
        journal: usize,
        on_miss: Option<OnMiss>,
        aim: Option<Aim>,
    ) -> State {
        State {
            library: RwLock::new(library),
            scopes: Mutex::default(),
            allowed,
            journal: Journal::new(journal),
            played: AtomicU64::new(0),
            passed: AtomicU64::new(0),
            wrong: Mutex::default(),
            on_miss,
            aim,
            struck: AtomicBool::new(false),
            stopping: Arc::default(),
        }
    }

    /// The interaction for a request, which is then used up in this scope.
    pub(super) fn choose(
        &self,
        scope: Option<&str>,
        asked: &Asked,
    ) -> Result<Result<Chosen, Box<Miss>>, Refusal> {
        let library = self.library();
        self.in_scope(scope, |of| library.answer(&mut of.uses, asked))
    }

    /// Whether the server's faults strike this interaction.
    pub(super) fn is_struck(&self, tape: &Path, interaction: u64) -> bool {
        let aim = self.aim.as_ref();
        let is_struck = aim.is_none_or(|aim| aim.is(tape, interaction));
        if is_struck {
            self.struck.store(true, Ordering::Relaxed);
        }
        is_struck
    }

    /// A request has got nothing. `allowed` when it said itself that it may.
    pub(super) fn missed(&self, missed: Missed, allowed: bool) -> Result<(), Refusal> {
        if let Some(on_miss) = &self.on_miss {
            on_miss(&missed.message);
        }
        let scope = missed.scope.clone();
        self.in_scope(scope.as_deref(), |of| {
            if allowed || of.allowed.misses {
                return;
            }
            of.missed_total += 1;
            if of.missed.len() < MAX_KEPT {
                of.missed.push(missed);
            }
        })
    }

    pub(super) fn refused(&self, reason: String) {
        let mut wrong = self.wrong();
        wrong.refused_total += 1;
        if wrong.refused.len() < MAX_KEPT {
            wrong.refused.push(reason);
        }
    }

    /// A tape turned out not to be playable.
    pub(super) fn problem(&self, problem: String) {
        let mut wrong = self.wrong();
        if wrong.problems.len() < MAX_KEPT && !wrong.problems.contains(&problem) {
            wrong.problems.push(problem);
        }
    }

    /// Looks at the tapes again: changed ones are read anew, the others keep what is used of them.
    pub(super) fn reload(&self) {
        let reopened = Arc::new(self.library().reopened());
        *self.library.write().unwrap_or_else(PoisonError::into_inner) = reopened;
    }

    /// Changes what a scope allows.
    pub(super) fn allow(
        &self,
        scope: Option<&str>,
        change: impl FnOnce(&mut Allowed),
    ) -> Result<Allowed, Refusal> {
        self.in_scope(scope, |of| {
            change(&mut of.allowed);
            of.allowed
        })
    }

    /// Makes one scope, or all, as new.
    pub(super) fn reset(&self, scope: Option<&str>) {
        let mut scopes = self.scopes();
        match scope {
            None => scopes.clear(),
            Some(scope) => {
                scopes.remove(scope);
            }
        }
        drop(scopes);
        self.journal.forget(scope);
    }

    /// How it went so far.
    pub(super) fn report(&self) -> Report {
        let mut report = Report {
            requests: self.journal.count(),
            played: self.played.load(Ordering::Relaxed),
            passed: self.passed.load(Ordering::Relaxed),
            ..Report::default()
        };
        let library = self.library();
        for (name, scope) in self.scopes().iter() {
            report.missed.extend(scope.missed.iter().cloned());
            report.missed_total += scope.missed_total;
            if scope.allowed.unused {
                continue;
            }
            let name = (!name.is_empty()).then(|| name.clone());
            let unused = library.unused(&scope.uses).into_iter();
            report.unused.extend(unused.map(|unused| Unused {
                scope: name.clone(),
                tape: unused.cassette.into(),
                interaction: unused.interaction,
                line: unused.line,
                method: unused.method,
                target: unused.target,
                summary: unused.summary,
            }));
        }
        report.missed.truncate(MAX_KEPT);
        let wrong = self.wrong();
        report.refused = wrong.refused.clone();
        report.refused_total = wrong.refused_total;
        let faults = library.faults().iter().map(ToString::to_string);
        report.problems = faults.chain(wrong.problems.iter().cloned()).collect();
        if let Some(aim) = &self.aim
            && !self.struck.load(Ordering::Relaxed)
        {
            let problem = format!("no fault struck: interaction {aim} was not asked for");
            report.problems.push(problem);
        }
        report
    }

    fn in_scope<T>(
        &self,
        scope: Option<&str>,
        act: impl FnOnce(&mut Scope) -> T,
    ) -> Result<T, Refusal> {
        let name = scope.unwrap_or_default();
        let mut scopes = self.scopes();
        if let Some(of) = scopes.get_mut(name) {
            return Ok(act(of));
        }
        if scopes.len() >= MAX_SCOPES {
            let message = format!("there are {MAX_SCOPES} scopes already; reset some");
            return Err(Refusal::new(StatusCode::BAD_REQUEST, message));
        }
        let of = scopes.entry(name.to_owned()).or_insert_with(|| Scope {
            uses: Uses::default(),
            allowed: self.allowed,
            missed: Vec::new(),
            missed_total: 0,
        });
        Ok(act(of))
    }

    fn library(&self) -> Arc<Library> {
        let library = self.library.read();
        library.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn scopes(&self) -> MutexGuard<'_, BTreeMap<String, Scope>> {
        self.scopes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wrong(&self) -> MutexGuard<'_, Wrong> {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").finish_non_exhaustive()
    }
}
