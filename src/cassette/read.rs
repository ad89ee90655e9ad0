use std::fs::File;
use std::io::{BufRead, BufReader};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::error::shown;
use super::grammar::Grammar;
use super::lines::{Line, Lines};
use super::{Error, MAX_LINE, Record, VERSION, decode};

/// Reads a cassette line by line; an iterator over its [`Record`]s, the header first.
///
/// Memory is bounded by the longest line. A broken line is an error with its path and number, and
/// the iterator goes on with the line behind it. It ends after an error that is not about one
/// line: the file is no cassette, or cannot be read.
///
/// A last line without line feed was being written when the recorder died. It counts if it
/// parses; otherwise it is no error, but the reader's [`torn_tail`](Reader::torn_tail).
///
/// ```
/// use rigtape::cassette::{Reader, Record};
///
/// let tape = "{\"rigtape\":1}\n{\"comment\":\"by hand\"}\nnonsense\n{\"comment\":\"behind it\"}\n{\"requ";
/// let mut reader = Reader::new(tape.as_bytes(), "example.jsonl");
/// let records: Vec<_> = reader.by_ref().collect();
/// assert!(matches!(records[0], Ok(Record::Header(_))));
/// assert_eq!(
///     records[2].as_ref().unwrap_err().to_string(),
///     "example.jsonl:3: expected an object or a chunk [interaction, offset, bytes], found `nonsense`",
/// );
/// assert!(records[3].is_ok());
/// assert_eq!(reader.torn_tail().unwrap().line, 5);
/// ```
#[derive(Debug)]
pub struct Reader<R> {
    path: PathBuf,
    lines: Lines<R>,
    grammar: Grammar,
    scratch: Vec<u8>,
    span: Range<u64>,
    line: u64,
    headed: bool,
    done: bool,
    terminated: bool,
    torn: Option<TornTail>,
}

/// A last line that was cut off while it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TornTail {
    /// Its number, counted from 1.
    pub line: u64,
    /// Its first byte in the file.
    pub offset: u64,
    /// How many bytes of it there are.
    pub bytes: u64,
}

impl Reader<BufReader<File>> {
    /// Opens a cassette; nothing is read yet.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Reader<BufReader<File>>, Error> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|cause| Error::io(path, "open the cassette", cause))?;
        Ok(Reader::new(BufReader::with_capacity(1 << 17, file), path))
    }
}

impl<R: BufRead> Reader<R> {
    /// Reads a cassette from any source; errors call it `name`.
    pub fn new(source: R, name: impl Into<PathBuf>) -> Reader<R> {
        Reader {
            path: name.into(),
            lines: Lines::new(source, MAX_LINE),
            grammar: Grammar::default(),
            scratch: Vec::new(),
            span: 0..0,
            line: 0,
            headed: false,
            done: false,
            terminated: true,
            torn: None,
        }
    }

    /// Takes lines of at most `bytes` bytes, instead of [`MAX_LINE`].
    pub fn max_line(mut self, bytes: usize) -> Reader<R> {
        self.lines.limit(bytes);
        self
    }

    /// Number of the line that was read last, counted from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Where that line stands in the source, in bytes, its line feed included.
    pub fn span(&self) -> Range<u64> {
        self.span.clone()
    }

    /// The last line, when it was cut off; known once the iterator has ended.
    pub fn torn_tail(&self) -> Option<TornTail> {
        self.torn
    }

    /// Whether the last line that was read had its line feed.
    pub(super) fn terminated(&self) -> bool {
        self.terminated
    }

    pub(super) fn has_header(&self) -> bool {
        self.headed
    }

    pub(super) fn into_grammar(self) -> Grammar {
        self.grammar
    }

    fn advance(&mut self) -> Result<Option<Record>, Error> {
        loop {
            let line = match self.lines.read() {
                Ok(Some(line)) => line,
                Ok(None) if self.headed => return Ok(None),
                Ok(None) => {
                    return Err(Error::Empty {
                        path: self.path.clone(),
                    });
                }
                Err(cause) => return Err(Error::io(&self.path, "read the cassette", cause)),
            };
            (self.line, self.span) = (line.number, line.span.clone());
            self.terminated = line.terminated;
            if line.too_long {
                self.grammar.damaged = true;
                let (path, limit) = (self.path.clone(), self.lines.limit_bytes());
                return Err(Error::LineTooLong {
                    path,
                    line: line.number,
                    limit,
                });
            }
            if self.lines.text().is_empty() {
                continue;
            }
            return if self.headed {
                self.record(&line)
            } else {
                self.header(&line).map(Some)
            };
        }
    }

    fn record(&mut self, line: &Line) -> Result<Option<Record>, Error> {
        let fault = match decode::decode(self.lines.text(), &mut self.scratch) {
            Ok(record) => match self.grammar.check(&record) {
                Ok(()) => return Ok(Some(record)),
                Err(fault) => fault,
            },
            Err(_) if !line.terminated => {
                let (offset, bytes) = (line.span.start, line.span.end - line.span.start);
                self.torn = Some(TornTail {
                    line: line.number,
                    offset,
                    bytes,
                });
                return Ok(None);
            }
            Err(fault) => {
                self.grammar.damaged = true;
                fault
            }
        };
        Err(Error::Line {
            path: self.path.clone(),
            line: line.number,
            fault,
        })
    }

    fn header(&mut self, line: &Line) -> Result<Record, Error> {
        let (path, number, text) = (self.path.clone(), line.number, self.lines.text());
        let version = decode::version(text);
        if let Some(found) = version.filter(|found| *found != VERSION.to_string()) {
            return Err(Error::Version {
                path,
                line: number,
                found: shown(found.as_bytes()),
            });
        }
        let record = decode::decode(text, &mut self.scratch);
        let ours = memchr::memmem::find(text, b"\"rigtape\"").is_some();
        let record = match record {
            Ok(record @ Record::Header(_)) => record,
            // Half a header, or a misspelt one: say where it breaks.
            Err(fault) if ours => {
                return Err(Error::Line {
                    path,
                    line: number,
                    fault,
                });
            }
            _ => {
                return Err(Error::NotACassette {
                    path,
                    line: number,
                    found: shown(text),
                });
            }
        };
        // The first header breaks no rule.
        let _ = self.grammar.check(&record);
        self.headed = true;
        Ok(record)
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Record, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = self.advance().transpose();
        // Without a header, nothing behind it can be trusted to be a tape.
        self.done = match &next {
            None => true,
            Some(Err(error)) => !self.headed || !error.is_line(),
            Some(Ok(_)) => false,
        };
        next
    }
}
