//! What has come in, bounded: the last requests, redacted, with what became of them.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use tokio::time::Instant;

use crate::Offset;
use crate::cassette::{Body, Request};
use crate::matching::Asked;

/// Bytes of a request's body that are kept.
const MAX_BODY: usize = 64 << 10;

/// A request that reached the server, and what became of it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Received {
    /// Counts from 1 in the order of arrival.
    pub number: u64,
    /// When it had arrived whole, since the server's start.
    pub at: Offset,
    /// The same as wall time, RFC 3339.
    pub started: String,
    /// The scope it named.
    pub scope: Option<String>,
    /// As it would stand on a tape: secrets masked, target without the scope. Of a body only the
    /// first 64 KiB are kept.
    pub request: Request,
    /// How long its body was.
    pub body_bytes: u64,
    /// What it got.
    pub outcome: Outcome,
    /// Status of the answer; none while there is none.
    pub status: Option<u16>,
    /// When the answer's head went out, since the server's start.
    pub head_at: Option<Offset>,
    /// Bytes of the answer's body that the client has taken: handed to the system while the
    /// connection stands, acknowledged by the client's system once it has broken (on Linux).
    pub taken: u64,
    /// When and how the answer ended; none while it runs.
    pub ended: Option<(Offset, Delivery)>,
}

/// What a request got.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It is being looked at.
    Pending,
    /// A recorded interaction.
    Played {
        /// The tape.
        tape: PathBuf,
        /// Number of the interaction on it.
        interaction: u64,
    },
    /// Nothing on the tapes fits.
    Missed {
        /// As the client, the report and a panic say it.
        message: Arc<str>,
    },
    /// The upstream's answer, which went onto the tape.
    Recorded,
    /// The upstream's answer; nothing was recorded.
    Passed,
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Delivery {
    /// Whole.
    Complete,
    /// As the recorded one did, early.
    Cut,
    /// The client left.
    Left,
    /// The server was stopped.
    Stopped,
}

impl Delivery {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Delivery::Complete => "complete",
            Delivery::Cut => "cut",
            Delivery::Left => "left",
            Delivery::Stopped => "stopped",
        }
    }
}

/// One line of the journal; the parts that come later are filled in while the answer runs.
#[derive(Debug)]
pub(super) struct Entry {
    number: u64,
    at: Offset,
    wall: jiff::Timestamp,
    scope: Option<String>,
    asked: Arc<Asked>,
    body_bytes: u64,
    clock: Instant,
    outcome: OnceLock<Outcome>,
    head: OnceLock<(Offset, u16)>,
    pub(super) taken: Arc<AtomicU64>,
    ended: OnceLock<(Offset, Delivery)>,
}

impl Entry {
    pub(super) fn outcome(&self, outcome: Outcome) {
        let _ = self.outcome.set(outcome);
    }

    pub(super) fn head(&self, status: u16) {
        let _ = self.head.set((self.now(), status));
    }

    pub(super) fn end(&self, how: Delivery) {
        let _ = self.ended.set((self.now(), how));
    }

    fn now(&self) -> Offset {
        Offset::from(self.clock.elapsed())
    }

    fn received(&self) -> Received {
        let (head_at, status) = self.head.get().copied().unzip();
        Received {
            number: self.number,
            at: self.at,
            started: format!("{:.3}", self.wall),
            scope: self.scope.clone(),
            request: self.asked.request().clone(),
            body_bytes: self.body_bytes,
            outcome: self.outcome.get().cloned().unwrap_or(Outcome::Pending),
            status,
            head_at,
            taken: self.taken.load(Ordering::Relaxed),
            ended: self.ended.get().copied(),
        }
    }
}

/// The last requests.
#[derive(Debug)]
pub(super) struct Journal {
    clock: Instant,
    limit: usize,
    count: AtomicU64,
    entries: Mutex<VecDeque<Arc<Entry>>>,
}

impl Journal {
    pub(super) fn new(limit: usize) -> Journal {
        Journal {
            clock: Instant::now(),
            limit,
            count: AtomicU64::new(0),
            entries: Mutex::default(),
        }
    }

    /// Notes a request, masked already.
    pub(super) fn note(&self, scope: Option<&str>, mut asked: Arc<Asked>) -> Arc<Entry> {
        let body = asked.request().body.as_bytes();
        let body_bytes = body.len();
        if body_bytes > MAX_BODY {
            let mut request = asked.request().clone();
            request.body = Body::Bytes(Bytes::copy_from_slice(&body[..MAX_BODY]));
            asked = Arc::new(Asked::new(request));
        }
        let entry = Arc::new(Entry {
            number: self.count.fetch_add(1, Ordering::Relaxed) + 1,
            at: Offset::from(self.clock.elapsed()),
            wall: jiff::Timestamp::now(),
            scope: scope.map(str::to_owned),
            asked,
            body_bytes: body_bytes as u64,
            clock: self.clock,
            outcome: OnceLock::new(),
            head: OnceLock::new(),
            taken: Arc::default(),
            ended: OnceLock::new(),
        });
        let mut entries = self.entries();
        if entries.len() >= self.limit {
            entries.pop_front();
        }
        if self.limit > 0 {
            entries.push_back(entry.clone());
        }
        entry
    }

    /// Requests so far, those that are no longer kept included.
    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    pub(super) fn received(&self) -> Vec<Received> {
        self.entries()
            .iter()
            .map(|entry| entry.received())
            .collect()
    }

    /// Forgets the requests of one scope, or all.
    pub(super) fn forget(&self, scope: Option<&str>) {
        let mut entries = self.entries();
        match scope {
            None => entries.clear(),
            Some(scope) => entries.retain(|entry| entry.scope.as_deref() != Some(scope)),
        }
    }

    fn entries(&self) -> MutexGuard<'_, VecDeque<Arc<Entry>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
