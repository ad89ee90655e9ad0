//! Interactions in memory, as many as fit.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use super::tape::Loaded;

/// A tape's number and an entry's index.
type Place = (u64, usize);

/// The interactions used last, up to some bytes.
#[derive(Debug)]
pub(super) struct Cache {
    limit: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    at: HashMap<Place, Item>,
    /// Places by the time of their last use.
    by_use: BTreeMap<u64, Place>,
    uses: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Item {
    loaded: Arc<Loaded>,
    size: usize,
    used: u64,
}

impl Cache {
    pub(super) fn new(limit: usize) -> Cache {
        Cache {
            limit,
            kept: Mutex::default(),
        }
    }

    pub(super) fn get(&self, place: Place) -> Option<Arc<Loaded>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = &mut *kept;
        let item = kept.at.get_mut(&place)?;
        kept.by_use.remove(&item.used);
        kept.uses += 1;
        item.used = kept.uses;
        kept.by_use.insert(kept.uses, place);
        Some(item.loaded.clone())
    }

    pub(super) fn put(&self, place: Place, loaded: Arc<Loaded>, size: usize) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = &mut *kept;
        kept.uses += 1;
        let used = kept.uses;
        let item = Item { loaded, size, used };
        if let Some(old) = kept.at.insert(place, item) {
            kept.by_use.remove(&old.used);
            kept.bytes -= old.size;
        }
        kept.by_use.insert(used, place);
        kept.bytes += size;
        // The one that was just put in stays, however large it is: it is in use.
        while kept.bytes > self.limit && kept.at.len() > 1 {
            let Some((_, oldest)) = kept.by_use.pop_first() else {
                return;
            };
            if let Some(old) = kept.at.remove(&oldest) {
                kept.bytes -= old.size;
            }
        }
    }
}
