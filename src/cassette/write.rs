use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::grammar::Grammar;
use super::{Chunk, Error, Header, Reader, Record, encode};

/// Writes a cassette, append-only: each record is one line, written with one write.
///
/// So a recorder that is killed at any instant leaves a valid tape of what had arrived. (It
/// survives a killed process; against a power cut, [`get_ref`](Writer::get_ref) gives the file to
/// sync.) A writer to a file holds an exclusive lock on it as long as it lives.
///
/// A record that breaks the format's grammar, a chunk after its end for one, is refused: what a
/// writer wrote, a [`Reader`] reads without a fault.
///
/// ```
/// use rigtape::Offset;
/// use rigtape::cassette::{Chunk, End, Header, How, Request, Response, Writer};
///
/// let mut tape = Writer::new(Vec::new(), "example.jsonl", &Header::default())?;
/// let number = tape.next_interaction();
/// tape.write(&Request::new(number, "GET", "/v1/models").into())?;
/// tape.write(&Response::new(number, Offset::from_micros(900), 200).into())?;
/// tape.write(&Chunk::new(number, Offset::from_micros(950), "{}").into())?;
/// tape.write(&End::new(number, Offset::from_micros(960), How::Complete).into())?;
/// assert_eq!(
///     String::from_utf8_lossy(&tape.into_inner()),
///     r#"{"rigtape":1}
/// {"request":1,"at":0,"method":"GET","target":"/v1/models"}
/// {"response":1,"at":900,"status":200}
/// [1,950,"{}"]
/// {"end":1,"at":960,"how":"complete"}
/// "#
/// );
/// # Ok::<(), rigtape::cassette::Error>(())
/// ```
#[derive(Debug)]
pub struct Writer<W = File> {
    inner: W,
    path: PathBuf,
    grammar: Grammar,
    line: Vec<u8>,
    /// Bytes of whole lines behind which the next one goes.
    length: u64,
    /// Takes back what a failed write left behind the whole lines.
    truncate: fn(&mut W, u64) -> io::Result<()>,
    half_written: bool,
}

impl Writer<File> {
    /// Creates a cassette and writes its header. On Unix only its owner may read it (mode 0600).
    ///
    /// # Errors
    ///
    /// [`Error::Exists`] when there is such a file; it is never overwritten.
    pub fn create(path: impl AsRef<Path>, header: &Header) -> Result<Writer<File>, Error> {
        let path = path.as_ref();
        let file = options()
            .create_new(true)
            .open(path)
            .map_err(|cause| match cause.kind() {
                io::ErrorKind::AlreadyExists => Error::Exists {
                    path: path.to_owned(),
                },
                _ => Error::io(path, "create the cassette", cause),
            })?;
        lock(&file, path)?;
        Writer::over(file, path.to_owned(), truncate_file, header)
    }

    /// Creates a cassette and writes its header, overwriting the file that may be there.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] when another recorder is writing to that file.
    pub fn create_force(path: impl AsRef<Path>, header: &Header) -> Result<Writer<File>, Error> {
        let path = path.as_ref();
        let file = options().create(true).open(path);
        let file = file.map_err(|cause| Error::io(path, "create the cassette", cause))?;
        // The lock comes first: a tape that is being recorded must not be emptied.
        lock(&file, path)?;
        file.set_len(0)
            .map_err(|cause| Error::io(path, "empty the cassette", cause))?;
        Writer::over(file, path.to_owned(), truncate_file, header)
    }

    /// Goes on with an existing cassette.
    ///
    /// A last line that was cut off is dropped, and interactions that were left open get an end
    /// of [`How::Lost`](super::How::Lost).
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] when another recorder is writing to it, and every error of a [`Reader`]:
    /// nothing is appended to a tape that cannot be read.
    pub fn append(path: impl AsRef<Path>) -> Result<Writer<File>, Error> {
        let path = path.as_ref();
        let file = options().open(path);
        let file = file.map_err(|cause| Error::io(path, "open the cassette", cause))?;
        lock(&file, path)?;

        let mut reader = Reader::open(path)?;
        let mut length = 0;
        while let Some(record) = reader.next() {
            record?;
            length = reader.span().end;
        }
        let terminated = reader.terminated() || reader.torn_tail().is_some();
        let mut writer = Writer {
            inner: file,
            path: path.to_owned(),
            grammar: reader.into_grammar().writing(),
            line: Vec::new(),
            length,
            truncate: truncate_file,
            half_written: false,
        };
        truncate_file(&mut writer.inner, length)
            .map_err(|cause| Error::io(path, "drop the torn last line of the cassette", cause))?;
        if !terminated {
            writer.line.push(b'\n');
            writer.put()?;
        }
        for mut end in writer.grammar.lost() {
            end.detail = Some("the recorder died before the end".to_owned());
            writer.write(&end.into())?;
        }
        Ok(writer)
    }
}

impl<W: Write> Writer<W> {
    /// Writes a cassette to anything, beginning with its header; errors call it `name`.
    ///
    /// # Errors
    ///
    /// When the header cannot be written.
    pub fn new(inner: W, name: impl Into<PathBuf>, header: &Header) -> Result<Writer<W>, Error> {
        let cannot = |_: &mut W, _| Err(io::ErrorKind::Unsupported.into());
        Writer::over(inner, name.into(), cannot, header)
    }

    /// Writes one record: one line, one write.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] when it breaks the format's grammar, and then nothing was written;
    /// [`Error::Io`] when the write fails. In a file, what a failed write left is taken back, so
    /// a later write may be tried; elsewhere that ends in [`Error::HalfWritten`].
    pub fn write(&mut self, record: &Record) -> Result<(), Error> {
        self.grammar
            .check(record)
            .map_err(|fault| self.refused(fault))?;
        encode::encode(record, &mut self.line);
        self.put().inspect_err(|_| self.grammar.undo(record))
    }

    /// Writes one chunk: [`write`](Writer::write) for the record there are most of.
    ///
    /// # Errors
    ///
    /// Those of [`write`](Writer::write).
    pub fn write_chunk(&mut self, chunk: &Chunk) -> Result<(), Error> {
        self.grammar
            .chunk(chunk)
            .map_err(|fault| self.refused(fault))?;
        encode::encode_chunk(chunk, &mut self.line);
        self.line.push(b'\n');
        self.put()
    }

    /// Reserves the next free interaction number: above all that the tape holds, and another one
    /// with each call.
    pub fn next_interaction(&mut self) -> u64 {
        self.grammar.reserve()
    }

    /// The cassette's path or name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is written to.
    pub fn get_ref(&self) -> &W {
        &self.inner
    }

    /// What was written to. A file's lock lives on until the file is closed.
    pub fn into_inner(self) -> W {
        self.inner
    }

    fn over(
        inner: W,
        path: PathBuf,
        truncate: fn(&mut W, u64) -> io::Result<()>,
        header: &Header,
    ) -> Result<Writer<W>, Error> {
        let (grammar, line) = (Grammar::default().writing(), Vec::new());
        let mut writer = Writer {
            inner,
            path,
            grammar,
            line,
            length: 0,
            truncate,
            half_written: false,
        };
        // A record owns its header; there is one, so the copy costs nothing.
        writer.write(&Record::Header(header.clone()))?;
        Ok(writer)
    }

    /// Writes out the line and empties it, whether that succeeds or not.
    fn put(&mut self) -> Result<(), Error> {
        if self.half_written {
            self.line.clear();
            return Err(Error::HalfWritten {
                path: self.path.clone(),
            });
        }
        let written = self.inner.write_all(&self.line);
        let length = self.line.len() as u64;
        self.line.clear();
        match written {
            Ok(()) => {
                self.length += length;
                Ok(())
            }
            Err(cause) => {
                self.half_written = (self.truncate)(&mut self.inner, self.length).is_err();
                Err(Error::io(&self.path, "write to the cassette", cause))
            }
        }
    }

    fn refused(&self, fault: super::Fault) -> Error {
        Error::Refused {
            path: self.path.clone(),
            fault,
        }
    }
}

/// Every write goes to the end of the file, wherever a truncation has put that.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn lock(file: &File, path: &Path) -> Result<(), Error> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(Error::Locked {
            path: path.to_owned(),
        }),
        // Some network file systems have no locks. Recording without one beats not recording.
        Err(TryLockError::Error(cause)) if cause.kind() == io::ErrorKind::Unsupported => Ok(()),
        Err(TryLockError::Error(cause)) => Err(Error::io(path, "lock the cassette", cause)),
    }
}

fn truncate_file(file: &mut File, length: u64) -> io::Result<()> {
    file.set_len(length)
}
