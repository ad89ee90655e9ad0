use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::index::{Entry, Index, Place};
use super::lines::Lines;
use super::{Error, Header, Interaction, Reader, Record, TornTail, decode};

/// A whole tape: its header, and its interactions, each read when it is asked for.
///
/// Opening reads the tape once and keeps an [`Entry`] for each interaction; what stands in the
/// interactions stays on the disk. So a tape of a gigabyte, or ten thousand tapes, can be open.
///
/// ```no_run
/// use rigtape::cassette::Cassette;
///
/// let cassette = Cassette::open("cassettes/weather.jsonl")?;
/// for interaction in cassette.interactions() {
///     let interaction = interaction?;
///     println!("{} {}", interaction.request.method, interaction.request.target);
///     for chunk in &interaction.chunks {
///         println!("{:>10} {} bytes", chunk.at, chunk.bytes.len());
///     }
/// }
/// # Ok::<(), rigtape::cassette::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Cassette {
    path: PathBuf,
    source: Source,
    index: Index,
}

#[derive(Debug, Clone)]
enum Source {
    File,
    Memory(Bytes),
}

impl Cassette {
    /// Opens the tape at `path`.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or is no cassette. Broken lines are not errors here: see
    /// [`faults`](Cassette::faults).
    pub fn open(path: impl AsRef<Path>) -> Result<Cassette, Error> {
        let path = path.as_ref();
        let index = Index::build(Reader::open(path)?)?;
        Ok(Cassette {
            path: path.to_owned(),
            source: Source::File,
            index,
        })
    }

    /// Reads a tape from any source into memory; errors call it `name`.
    ///
    /// # Errors
    ///
    /// When the source cannot be read or is no cassette.
    pub fn read(mut source: impl BufRead, name: impl Into<PathBuf>) -> Result<Cassette, Error> {
        let path = name.into();
        let mut bytes = Vec::new();
        let read = source.read_to_end(&mut bytes);
        read.map_err(|cause| Error::io(&path, "read the cassette", cause))?;
        let index = Index::build(Reader::new(&bytes[..], &path))?;
        Ok(Cassette {
            path,
            source: Source::Memory(bytes.into()),
            index,
        })
    }

    /// Its path or name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its first line.
    pub fn header(&self) -> &Header {
        &self.index.header
    }

    /// What is known of each interaction without loading it, in the order of the requests.
    pub fn entries(&self) -> &[Entry] {
        &self.index.entries
    }

    /// Number of interactions.
    pub fn len(&self) -> usize {
        self.index.entries.len()
    }

    /// Whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.index.entries.is_empty()
    }

    /// Its broken lines, in order.
    pub fn faults(&self) -> &[Error] {
        &self.index.faults
    }

    /// The last line, when the recorder died while writing it.
    pub fn torn_tail(&self) -> Option<TornTail> {
        self.index.torn
    }

    /// All interactions in the order of their requests, one in memory at a time.
    ///
    /// The broken lines come first, as errors, because an interaction may lack what stood there:
    /// whoever stops at an error never takes a damaged tape for a whole one, and whoever goes on
    /// gets everything that can be read.
    pub fn interactions(&self) -> Interactions<'_> {
        Interactions {
            cassette: self,
            faults: 0,
            entries: 0,
        }
    }

    /// The interaction with this number, if there is one.
    ///
    /// # Errors
    ///
    /// When the file cannot be read any more.
    pub fn interaction(&self, number: u64) -> Result<Option<Interaction>, Error> {
        let entry = self
            .index
            .entries
            .iter()
            .find(|entry| entry.interaction == number);
        entry.map(|entry| self.load(entry)).transpose()
    }

    /// Reads the interaction of one of [`entries`](Cassette::entries).
    ///
    /// # Errors
    ///
    /// When the file cannot be read any more, or is another one than when it was opened.
    pub fn load(&self, entry: &Entry) -> Result<Interaction, Error> {
        let mut loading = Loading {
            number: entry.interaction,
            interaction: None,
        };
        match &self.source {
            Source::Memory(bytes) => {
                self.load_from(Cursor::new(bytes), entry, &mut loading)?;
            }
            Source::File => {
                let file = File::open(&self.path)
                    .map_err(|cause| Error::io(&self.path, "open the cassette", cause))?;
                self.load_from(BufReader::new(file), entry, &mut loading)?;
            }
        }
        let changed = || Error::Changed {
            path: self.path.clone(),
            interaction: entry.interaction,
        };
        loading.interaction.ok_or_else(changed)
    }

    fn load_from<R: BufRead + Seek>(
        &self,
        mut source: R,
        entry: &Entry,
        loading: &mut Loading,
    ) -> Result<(), Error> {
        for place in &entry.places {
            let sought = source.seek(SeekFrom::Start(place.span.start));
            sought.map_err(|cause| Error::io(&self.path, "read the cassette", cause))?;
            self.load_place(&mut source, place, loading)?;
        }
        Ok(())
    }

    fn load_place(
        &self,
        source: &mut impl BufRead,
        place: &Place,
        loading: &mut Loading,
    ) -> Result<(), Error> {
        let length = place.span.end - place.span.start;
        // The index has taken these lines already, so their ceiling is their own length.
        let limit = usize::try_from(length).unwrap_or(usize::MAX);
        let mut lines =
            Lines::new(source.take(length), limit).starting_at(place.span.start, place.line - 1);
        let mut scratch = Vec::new();
        loop {
            let line = match lines.read() {
                Ok(Some(line)) => line.number,
                Ok(None) => return Ok(()),
                Err(cause) => return Err(Error::io(&self.path, "read the cassette", cause)),
            };
            if lines.text().is_empty() || self.is_faulty(line) {
                continue;
            }
            let record = decode::decode(lines.text(), &mut scratch);
            let path = || self.path.clone();
            loading.add(record.map_err(|fault| Error::Line {
                path: path(),
                line,
                fault,
            })?);
        }
    }

    fn is_faulty(&self, line: u64) -> bool {
        let faults = &self.index.faults;
        faults
            .binary_search_by_key(&Some(line), Error::line)
            .is_ok()
    }
}

struct Loading {
    number: u64,
    interaction: Option<Interaction>,
}

impl Loading {
    fn add(&mut self, record: Record) {
        if record.interaction() != Some(self.number) {
            return;
        }
        match (record, &mut self.interaction) {
            (Record::Request(request), none) => *none = Some(Interaction::new(request)),
            (Record::Response(response), Some(of)) => of.response = Some(response),
            (Record::Chunk(chunk), Some(of)) => of.chunks.push(chunk),
            (Record::End(end), Some(of)) => of.end = Some(end),
            _ => {}
        }
    }
}

/// The interactions of a tape: see [`Cassette::interactions`].
#[derive(Debug, Clone)]
pub struct Interactions<'a> {
    cassette: &'a Cassette,
    faults: usize,
    entries: usize,
}

impl Iterator for Interactions<'_> {
    type Item = Result<Interaction, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(fault) = self.cassette.faults().get(self.faults) {
            self.faults += 1;
            return Some(Err(fault.clone()));
        }
        let entry = self.cassette.entries().get(self.entries)?;
        self.entries += 1;
        Some(self.cassette.load(entry))
    }
}
