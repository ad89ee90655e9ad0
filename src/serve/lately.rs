//! The requests that came lately, as they would stand on a tape: tests ask the same again and again,
//! and masking and reading a request costs more than comparing it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method};

use crate::matching::Asked;

/// How many are known.
const MOST: usize = 8;

/// Longer bodies are not kept.
const LONGEST: usize = 256 << 10;

#[derive(Debug, Default)]
pub(super) struct Lately(Mutex<Vec<Known>>);

struct Known {
    method: Method,
    target: String,
    url: Option<String>,
    headers: HeaderMap,
    body: Bytes,
    asked: Arc<Asked>,
}

impl Lately {
    pub(super) fn find(
        &self,
        head: &Parts,
        target: &str,
        url: Option<&str>,
        body: &Bytes,
    ) -> Option<Arc<Asked>> {
        let is_it = |known: &&Known| {
            known.body == *body
                && known.target == target
                && known.url.as_deref() == url
                && known.method == head.method
                && known.headers == head.headers
        };
        self.known().iter().find(is_it).map(|of| of.asked.clone())
    }

    pub(super) fn keep(
        &self,
        head: &Parts,
        target: &str,
        url: Option<&str>,
        body: &Bytes,
        asked: &Arc<Asked>,
    ) {
        if body.len() > LONGEST {
            return;
        }
        let mut known = self.known();
        known.truncate(MOST - 1);
        let of = Known {
            method: head.method.clone(),
            target: target.to_owned(),
            url: url.map(str::to_owned),
            headers: head.headers.clone(),
            body: body.clone(),
            asked: asked.clone(),
        };
        known.insert(0, of);
    }

    fn known(&self) -> MutexGuard<'_, Vec<Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What clients sent is not for logs.
impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.target)
    }
}
