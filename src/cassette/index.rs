//! Where each interaction of a tape stands, so that one can be read without the others.

use std::collections::HashMap;
use std::io::BufRead;
use std::ops::Range;

use smallvec::SmallVec;

use super::{Error, Header, Reader, Record, TornTail};

/// Lines of other interactions up to this many bytes are read over rather than sought past: an
/// index of two streams that take turns stays small.
const GAP: u64 = 64 << 10;

/// What a [`Cassette`](super::Cassette) keeps of an interaction that is not loaded.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Entry {
    /// Its number on the tape.
    pub interaction: u64,
    /// Line of the request, counted from 1.
    pub line: u64,
    /// Method of the request.
    pub method: String,
    /// Target of the request: path and query.
    pub target: String,
    /// Status of the response; none when no head arrived.
    pub status: Option<u16>,
    /// Number of chunks.
    pub chunks: u64,
    /// Bytes of the response body.
    pub bytes: u64,
    pub(super) places: SmallVec<[Place; 1]>,
}

/// A run of lines.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// Bytes of the file.
    pub(super) span: Range<u64>,
    /// Number of the first line.
    pub(super) line: u64,
    /// Number of the last line.
    pub(super) last: u64,
}

#[derive(Debug, Clone)]
pub(super) struct Index {
    pub(super) header: Header,
    pub(super) entries: Vec<Entry>,
    pub(super) faults: Vec<Error>,
    pub(super) torn: Option<TornTail>,
}

impl Index {
    /// Reads the tape once, in memory bounded by its longest line and the index itself.
    pub(super) fn build<R: BufRead>(mut reader: Reader<R>) -> Result<Index, Error> {
        let mut index = Index {
            header: Header::default(),
            entries: Vec::new(),
            faults: Vec::new(),
            torn: None,
        };
        let mut positions = HashMap::new();
        while let Some(record) = reader.next() {
            match record {
                Ok(Record::Header(header)) => index.header = header,
                Ok(record) => index.add(&record, reader.line(), reader.span(), &mut positions),
                Err(error) if error.is_line() && reader.has_header() => index.faults.push(error),
                Err(error) => return Err(error),
            }
        }
        index.torn = reader.torn_tail();
        Ok(index)
    }

    fn add(
        &mut self,
        record: &Record,
        line: u64,
        span: Range<u64>,
        positions: &mut HashMap<u64, usize>,
    ) {
        if let Record::Request(request) = record {
            positions.insert(request.interaction, self.entries.len());
            self.entries.push(Entry {
                interaction: request.interaction,
                line,
                method: request.method.clone(),
                target: request.target.clone(),
                status: None,
                chunks: 0,
                bytes: 0,
                places: SmallVec::new(),
            });
        }
        let position = record
            .interaction()
            .and_then(|number| positions.get(&number));
        // Without an entry the request is missing, which is among the faults already.
        let Some(entry) = position.and_then(|position| self.entries.get_mut(*position)) else {
            return;
        };
        match record {
            Record::Response(response) => entry.status = Some(response.status),
            Record::Chunk(chunk) => {
                entry.chunks += 1;
                entry.bytes += chunk.bytes.len() as u64;
            }
            _ => {}
        }
        match entry.places.last_mut() {
            Some(place) if span.start - place.span.end <= GAP => {
                place.span.end = span.end;
                place.last = line;
            }
            _ => entry.places.push(Place {
                span,
                line,
                last: line,
            }),
        }
        if matches!(record, Record::End(_)) {
            positions.remove(&entry.interaction);
        }
    }
}
