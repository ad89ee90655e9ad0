use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Method};
use tokio::sync::Notify;

use super::client::{self, HttpClient};
use super::exchange::{self, Exchange};
use super::options::Options;
use super::report::{Progress, Report};
use super::sink::{Closed, Sink, TapeId};
use super::tape::{Existing, Tape};
use super::{Error, audit};
use crate::Offset;
use crate::cassette::{Body, Record, Request};
use crate::listen::check_scope;

/// The tape in a directory for interactions that name no scope.
const UNSCOPED: &str = "default";

/// Records interactions to one tape, or to one tape a scope in a directory.
///
/// Clones share the tapes. Dropping the last one, with all its bodies, finishes the tapes;
/// [`close`](Recorder::close) also says how it went.
#[derive(Debug, Clone)]
pub struct Recorder {
    shared: Arc<Shared>,
}

/// A request as it is handed to the HTTP client.
#[derive(Debug)]
#[non_exhaustive]
pub struct Sent<'a> {
    /// The method.
    pub method: &'a Method,
    /// What the client asked for: path and query.
    pub target: &'a str,
    /// Where it goes.
    pub url: Option<&'a str>,
    /// All headers, credentials included: what is in them is masked everywhere.
    pub headers: &'a HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl<'a> Sent<'a> {
    /// A request without a body.
    pub fn new(method: &'a Method, target: &'a str, headers: &'a HeaderMap) -> Sent<'a> {
        Sent {
            method,
            target,
            url: None,
            headers,
            body: Bytes::new(),
        }
    }
}

impl Recorder {
    /// A recorder that writes one tape, `path`.
    ///
    /// # Errors
    ///
    /// When the tape cannot be opened, or exists and `existing` refuses that.
    pub fn to_file(
        path: impl AsRef<Path>,
        existing: Existing,
        options: Options,
    ) -> Result<Recorder, Error> {
        let tape = Tape::open(path.as_ref(), existing, &options)?;
        Recorder::start(Output::One, Some(tape), options)
    }

    /// A recorder that writes `NAME.jsonl` in `directory` for each scope, and `default.jsonl` for
    /// interactions without one. The directory is made when it does not exist.
    ///
    /// # Errors
    ///
    /// When the directory cannot be made.
    pub fn to_directory(
        directory: impl Into<PathBuf>,
        existing: Existing,
        options: Options,
    ) -> Result<Recorder, Error> {
        let directory = directory.into();
        std::fs::create_dir_all(&directory).map_err(|source| Error::Directory {
            path: directory.clone(),
            source,
        })?;
        Recorder::start(
            Output::Directory {
                directory,
                existing,
            },
            None,
            options,
        )
    }

    /// A recorder that writes one tape to `writer`, each line with one call of its `write_all`.
    ///
    /// # Errors
    ///
    /// When the header cannot be written.
    pub fn to_writer(
        writer: impl std::io::Write + Send + 'static,
        options: Options,
    ) -> Result<Recorder, Error> {
        let tape = Tape::to_writer(Box::new(writer), &options)?;
        Recorder::start(Output::One, Some(tape), options)
    }

    /// Starts an interaction: call it when handing the request to the HTTP client.
    ///
    /// # Errors
    ///
    /// When the scope has no tape and none can be opened for it. A slow disk is no error: the
    /// interaction is then lost for the tape.
    pub fn begin(&self, scope: Option<&str>, sent: Sent<'_>) -> Result<Exchange, Error> {
        let reel = self.shared.reel(scope)?;
        let number = reel.next.fetch_add(1, Relaxed);
        let now = Instant::now();
        let mut request = Request::new(number, sent.method.as_str(), sent.target);
        request.at = Offset::from(now.saturating_duration_since(reel.started));
        request.started = Some(format!("{:.3}", jiff::Timestamp::now()));
        request.url = sent.url.map(str::to_owned);
        request.headers = exchange::headers(sent.headers);
        let size = sent.body.len();
        request.body = Body::from_bytes(sent.body);
        let mut exchange = Exchange::new(self.shared.clone(), reel.tape, number, now);
        if self
            .shared
            .sink
            .push(reel.tape, Record::Request(request), size)
            .is_err()
        {
            exchange.lose();
        }
        Ok(exchange)
    }

    /// Sends `request` and records it; the response's body streams as it arrives.
    ///
    /// Redirects are not followed and codings are not undone: the response is the upstream's.
    /// A body of the request's that streams is read to its end first.
    ///
    /// # Errors
    ///
    /// When no response head came (the tape then says `failed`), or the request's body fails.
    pub async fn send(&self, request: reqwest::Request) -> Result<reqwest::Response, Error> {
        self.send_scoped(None, request).await
    }

    /// [`send`](Recorder::send) to the tape of a scope.
    ///
    /// # Errors
    ///
    /// As [`send`](Recorder::send), and when the scope's tape cannot be opened.
    pub async fn send_scoped(
        &self,
        scope: Option<&str>,
        request: reqwest::Request,
    ) -> Result<reqwest::Response, Error> {
        client::send(self, scope, request).await
    }

    /// Counts so far.
    pub fn progress(&self) -> Progress {
        self.shared.progress()
    }

    /// Waits until no body is running any more.
    pub async fn settled(&self) {
        loop {
            let changed = self.shared.changed.notified();
            if self.shared.open.load(Relaxed) == 0 {
                return;
            }
            changed.await;
        }
    }

    /// Finishes the tapes and says how it went. Interactions that still run end with `lost`.
    pub async fn close(&self) -> Report {
        let shared = self.shared.clone();
        let closing = tokio::task::spawn_blocking(move || shared.close());
        closing.await.unwrap_or_else(|error| Report {
            unfinished: Some(format!("the recorder did not finish: {error}")),
            ..Report::default()
        })
    }

    fn start(output: Output, tape: Option<Tape>, options: Options) -> Result<Recorder, Error> {
        let sink = Sink::start(&options).map_err(|e| Error::Start {
            what: "writer",
            detail: e.to_string(),
        })?;
        let shared = Shared {
            sink,
            output,
            reels: Mutex::default(),
            client: OnceLock::new(),
            begun: AtomicU64::new(0),
            open: AtomicU64::new(0),
            chunks: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            changed: Notify::new(),
            options,
        };
        if let Some(tape) = tape {
            shared.mount(UNSCOPED, tape);
        }
        Ok(Recorder {
            shared: Arc::new(shared),
        })
    }

    pub(super) fn options(&self) -> &Options {
        &self.shared.options
    }

    pub(super) fn client(&self) -> Result<&HttpClient, Error> {
        if let Some(client) = self.shared.client.get() {
            return Ok(client);
        }
        let client = HttpClient::new(&self.shared.options.timeouts)?;
        Ok(self.shared.client.get_or_init(|| client))
    }
}

/// What the clones of a recorder and its exchanges share.
pub(super) struct Shared {
    pub(super) sink: Sink,
    output: Output,
    options: Options,
    reels: Mutex<HashMap<String, Arc<Reel>>>,
    client: OnceLock<HttpClient>,
    begun: AtomicU64,
    open: AtomicU64,
    chunks: AtomicU64,
    bytes: AtomicU64,
    changed: Notify,
}

#[derive(Debug)]
enum Output {
    One,
    Directory {
        directory: PathBuf,
        existing: Existing,
    },
}

/// One tape as the recorder sees it.
struct Reel {
    tape: TapeId,
    started: Instant,
    next: AtomicU64,
}

impl Shared {
    /// The tape of a scope, opened when this is its first interaction.
    fn reel(&self, scope: Option<&str>) -> Result<Arc<Reel>, Error> {
        let name = match (&self.output, scope) {
            (Output::One, Some(scope)) => return Err(Error::NoScopes(scope.into())),
            (_, scope) => scope.unwrap_or(UNSCOPED),
        };
        check_scope(name).map_err(|bad| Error::ScopeName(bad.0))?;
        let reels = self.reels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reel) = reels.get(name) {
            return Ok(reel.clone());
        }
        let Output::Directory {
            directory,
            existing,
        } = &self.output
        else {
            return Err(Error::Closed);
        };
        let path = directory.join(format!("{name}.jsonl"));
        let tape = Tape::open(&path, *existing, &self.options)?;
        Ok(self.insert(reels, name, tape))
    }

    fn mount(&self, name: &str, tape: Tape) {
        let reels = self.reels.lock().unwrap_or_else(PoisonError::into_inner);
        self.insert(reels, name, tape);
    }

    fn insert(
        &self,
        mut reels: MutexGuard<'_, HashMap<String, Arc<Reel>>>,
        name: &str,
        mut tape: Tape,
    ) -> Arc<Reel> {
        let next = AtomicU64::new(tape.next_number());
        let reel = Arc::new(Reel {
            tape: self.sink.open(tape),
            started: Instant::now(),
            next,
        });
        reels.insert(name.to_owned(), reel.clone());
        reel
    }

    pub(super) fn begun(&self) {
        self.begun.fetch_add(1, Relaxed);
        self.open.fetch_add(1, Relaxed);
    }

    pub(super) fn ended(&self) {
        self.open.fetch_sub(1, Relaxed);
        self.changed.notify_waiters();
    }

    pub(super) fn arrived(&self, bytes: usize) {
        self.chunks.fetch_add(1, Relaxed);
        self.bytes.fetch_add(bytes as u64, Relaxed);
    }

    fn progress(&self) -> Progress {
        Progress {
            interactions: self.begun.load(Relaxed),
            open: self.open.load(Relaxed),
            chunks: self.chunks.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
        }
    }

    fn close(&self) -> Report {
        let mut report = Report::default();
        match self.sink.close() {
            Some(Closed::Finished(tapes)) => {
                report.tapes = tapes;
                report.tapes.iter_mut().for_each(audit::tape);
            }
            Some(Closed::TooSlow { lines }) => {
                report.unfinished = Some(format!(
                    "the disk did not take the last {lines} lines within {:?}",
                    self.options.close_timeout
                ));
            }
            None => {}
        }
        report
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // The process may end right after this, and the writer's thread with it.
        self.close();
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("output", &self.output)
            .field("progress", &self.progress())
            .finish_non_exhaustive()
    }
}
