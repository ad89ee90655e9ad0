//! One tape on the shelf.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use super::cache::Cache;
use super::form::{Content, Digest, Form, host_of};
use super::sketch::Sketch;
use super::{Order, Reuse, Rules};
use crate::cassette::{Cassette, Entry, Error, Interaction};

/// A tape with its rules.
pub struct Tape {
    cassette: Cassette,
    rules: Rules,
    id: u64,
    pub(super) stamp: Option<Stamp>,
    /// One for each entry, once it was looked at.
    keys: Box<[OnceLock<Key>]>,
}

/// What tells that a file is as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    pub(super) fn of(path: &Path) -> Option<Stamp> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(Stamp {
            length: metadata.len(),
            modified: metadata.modified().ok(),
        })
    }
}

/// What is kept of each request that was looked at: enough to match most, without its body.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) digest: Digest,
    /// It also matches requests of another digest.
    pub(super) is_wild: bool,
    pub(super) host: Option<Box<str>>,
    pub(super) sketch: Sketch,
}

/// An interaction in memory.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) interaction: Arc<Interaction>,
    form: OnceLock<Form>,
}

impl Loaded {
    pub(super) fn form(&self, rules: &Rules) -> &Form {
        self.form.get_or_init(|| {
            let request = &self.interaction.request;
            Form::new(request, Content::of(request), rules)
        })
    }

    fn size(&self) -> usize {
        let chunks = &self.interaction.chunks;
        let bytes: usize = chunks.iter().map(|chunk| chunk.bytes.len()).sum();
        let body = self.interaction.request.body.as_bytes().len();
        // The form of a body, where it is made, is a few times as large.
        4096 + bytes + chunks.len() * 128 + body * 4
    }
}

impl fmt::Debug for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tape")
            .field("path", &self.path())
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

impl Tape {
    pub(super) fn new(cassette: Cassette, rules: Rules, stamp: Option<Stamp>) -> Tape {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let keys = cassette.entries().iter().map(|_| OnceLock::new()).collect();
        Tape {
            cassette,
            rules,
            id: LAST.fetch_add(1, Relaxed),
            stamp,
            keys,
        }
    }

    /// The tape itself.
    pub fn cassette(&self) -> &Cassette {
        &self.cassette
    }

    /// Its path or name.
    pub fn path(&self) -> &Path {
        self.cassette.path()
    }

    /// Its rules, those of all homes together.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Which of its unplayed interactions may answer.
    pub fn order(&self) -> Order {
        self.rules.order.unwrap_or(Order::Any)
    }

    /// Whether its played interactions may answer again.
    pub fn reuse(&self) -> Reuse {
        self.rules.reuse.unwrap_or(Reuse::Once)
    }

    /// A number of its own in this process: a tape that was read anew has another.
    pub fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn entry(&self, index: usize) -> &Entry {
        &self.cassette.entries()[index]
    }

    pub(super) fn loaded(&self, index: usize, cache: &Cache) -> Result<Arc<Loaded>, Error> {
        let place = (self.id, index);
        if let Some(loaded) = cache.get(place) {
            return Ok(loaded);
        }
        let interaction = self.cassette.load(self.entry(index))?;
        let loaded = Arc::new(Loaded {
            interaction: Arc::new(interaction),
            form: OnceLock::new(),
        });
        cache.put(place, loaded.clone(), loaded.size());
        Ok(loaded)
    }

    pub(super) fn key(&self, index: usize, cache: &Cache) -> Result<&Key, Error> {
        let slot = &self.keys[index];
        if let Some(key) = slot.get() {
            return Ok(key);
        }
        let loaded = self.loaded(index, cache)?;
        let request = &loaded.interaction.request;
        let form = Form::new(request, Content::of(request), &self.rules);
        let key = Key {
            digest: form.digest(),
            is_wild: form.is_wild(),
            host: host_of(request),
            sketch: Sketch::of(&form),
        };
        if key.is_wild {
            // Its form is looked at with every request.
            let _ = loaded.form.set(form);
        }
        Ok(slot.get_or_init(|| key))
    }
}
