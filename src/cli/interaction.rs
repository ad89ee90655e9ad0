//! One interaction of a tape as the commands read it: its heads at once, its chunks as they are
//! asked for, so that a large tape takes little memory.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::Offset;
use crate::cassette::{Cassette, Chunk, Entry, Interaction, Reader, Record, Request, Response};
use crate::dialect::{AnswerReader, Dialect};
use crate::policy::{Policy, TimedChunk};
use crate::replay::Source;

/// Bodies up to this size are loaded whole.
const LOADED: u64 = 16 << 20;

/// An interaction, or a bare body that stands for one.
pub(super) struct Played {
    /// The request, the response head and the end; chunks only when they are loaded.
    pub heads: Option<Interaction>,
    pub number: u64,
    path: PathBuf,
    bare: Option<Vec<u8>>,
    loaded: bool,
    /// Whether there is anything to wait for, once faults made the times their own.
    pub waits: Option<bool>,
}

/// What a path holds.
pub(super) enum Tape {
    Cassette(Box<Cassette>),
    /// A body without its request, as `curl -N` writes it.
    Bare(PathBuf, Vec<u8>),
}

/// Opens a cassette, or a bare body.
pub(super) fn open(path: &Path) -> anyhow::Result<Tape> {
    let named = path.extension().is_some_and(|e| e == "jsonl");
    match Cassette::open(path) {
        Ok(cassette) => Ok(Tape::Cassette(Box::new(cassette))),
        Err(error) if error.is_foreign() && !named => {
            let body =
                std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            Ok(Tape::Bare(path.to_owned(), body))
        }
        Err(error) => Err(error.into()),
    }
}

impl Played {
    pub(super) fn of(cassette: &Cassette, entry: &Entry) -> anyhow::Result<Played> {
        let loaded = entry.bytes <= LOADED;
        let heads = if loaded {
            cassette.load(entry)?
        } else {
            heads_of(cassette.path(), entry.interaction)?
        };
        Ok(Played {
            heads: Some(heads),
            number: entry.interaction,
            path: cassette.path().to_owned(),
            bare: None,
            loaded,
            waits: None,
        })
    }

    pub(super) fn bare(path: PathBuf, body: Vec<u8>) -> Played {
        Played {
            heads: None,
            number: 1,
            path,
            bare: Some(body),
            loaded: true,
            waits: None,
        }
    }

    /// What the faults of a policy leave of it; it is read whole for that.
    pub(super) fn performed(mut self, policy: &Policy) -> anyhow::Result<Played> {
        if policy.faults.is_empty() {
            return Ok(self);
        }
        let whole = self.whole()?;
        let played = policy.perform(&whole);
        let played = played.with_context(|| format!("{}", self.path.display()))?;
        let played = played.decoded().into_interaction(whole.request);
        self.waits = Some(played.chunks.iter().any(|chunk| chunk.at > Offset::ZERO));
        match &mut self.bare {
            Some(body) => *body = played.body().to_vec(),
            None => self.heads = Some(played),
        }
        self.loaded = true;
        Ok(self)
    }

    fn whole(&self) -> anyhow::Result<Interaction> {
        let mut whole = match &self.heads {
            Some(heads) => heads.clone(),
            None => {
                let mut whole = Interaction::new(Request::new(1, "GET", "/"));
                whole.response = Some(Response::new(1, Offset::ZERO, 200));
                whole
            }
        };
        whole.chunks.clear();
        for chunk in self.chunks()? {
            let chunk = chunk?;
            whole
                .chunks
                .push(Chunk::new(self.number, chunk.at, chunk.bytes));
        }
        Ok(whole)
    }

    /// A reader for its answer; `None` when no response arrived.
    pub(super) fn reader(&self, dialect: Option<&'static Dialect>) -> Option<AnswerReader> {
        let reader = match &self.heads {
            None => AnswerReader::bare(),
            Some(heads) => AnswerReader::new(&heads.request, heads.response.as_ref()?),
        };
        Some(match dialect {
            Some(dialect) => reader.with_dialect(dialect),
            None => reader,
        })
    }

    /// What a player plays.
    pub(super) fn source(&self) -> anyhow::Result<Option<Source>> {
        match &self.heads {
            None => Ok(None),
            Some(heads) if self.loaded => Ok(Some(Source::from(heads))),
            Some(_) => Ok(Some(Source::read(self.number, Reader::open(&self.path)?)?)),
        }
    }

    /// The recorded chunks, in order; of a large tape read as they are asked for.
    pub(super) fn chunks(&self) -> anyhow::Result<Chunks<'_>> {
        if let Some(body) = &self.bare {
            let body = TimedChunk::new(Offset::ZERO, body.clone());
            return Ok(Box::new(std::iter::once(Ok(body))));
        }
        if self.loaded {
            let chunks = self.heads.iter().flat_map(|heads| &heads.chunks);
            return Ok(Box::new(chunks.map(|chunk| Ok(TimedChunk::from(chunk)))));
        }
        let number = self.number;
        let records = Reader::open(&self.path)?;
        Ok(Box::new(records.filter_map(move |record| match record {
            Ok(Record::Chunk(chunk)) if chunk.interaction == number => {
                Some(Ok(TimedChunk::from(chunk)))
            }
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        })))
    }

    /// The file it stands in.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// Chunks of one body.
pub(super) type Chunks<'a> =
    Box<dyn Iterator<Item = Result<TimedChunk, crate::cassette::Error>> + 'a>;

fn heads_of(path: &Path, number: u64) -> anyhow::Result<Interaction> {
    let mut found: Option<Interaction> = None;
    for record in Reader::open(path)? {
        match (record?, &mut found) {
            (Record::Request(request), none) if request.interaction == number => {
                *none = Some(Interaction::new(request));
            }
            (Record::Response(head), Some(of)) if head.interaction == number => {
                of.response = Some(head);
            }
            (Record::End(end), Some(of)) if end.interaction == number => of.end = Some(end),
            _ => {}
        }
    }
    found.with_context(|| format!("{} changed while it was read", path.display()))
}
