//! Creating, overwriting, locking, and going on with a tape.

use std::fs;
use std::io::{self, Write};

use rigtape::Offset;
use rigtape::cassette::{Cassette, Chunk, End, Error, Header, How, Request, Response, Writer};
use tempfile::TempDir;

use super::{TAPE, records, written};

#[test]
fn a_file_that_exists_is_never_overwritten_without_force() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("t.jsonl");
    drop(Writer::create(&path, &Header::default()).unwrap());
    let error = Writer::create(&path, &Header::default()).unwrap_err();
    assert!(matches!(error, Error::Exists { .. }));
    insta::assert_snapshot!(
        error.to_string().replace(folder.path().to_str().unwrap(), "DIR"),
        @"DIR/t.jsonl: the file exists; choose another name, append to it, or force overwriting it"
    );
    fs::write(&path, "something long that was here before\n").unwrap();
    drop(Writer::create_force(&path, &Header::default()).unwrap());
    assert_eq!(fs::read_to_string(&path).unwrap(), "{\"rigtape\":1}\n");
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_a_new_tape() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("t.jsonl");
    drop(Writer::create(&path, &Header::default()).unwrap());
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn a_second_recorder_on_one_tape_is_turned_away() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("t.jsonl");
    let mut first = Writer::create(&path, &Header::default()).unwrap();
    first.write(&Request::new(1, "GET", "/").into()).unwrap();
    let error = Writer::create_force(&path, &Header::default()).unwrap_err();
    assert!(matches!(error, Error::Locked { .. }));
    let error = Writer::append(&path).unwrap_err();
    assert!(matches!(error, Error::Locked { .. }));
    insta::assert_snapshot!(
        error.to_string().replace(folder.path().to_str().unwrap(), "DIR"),
        @"DIR/t.jsonl: another recorder is writing to the cassette; wait for it, or record to another file"
    );
    assert_eq!(
        Cassette::open(&path).unwrap().len(),
        1,
        "readers are not shut out"
    );
    drop(first);
    assert!(Writer::append(&path).is_ok());
}

#[test]
fn appending_closes_what_was_left_open_and_counts_on() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("t.jsonl");
    fs::write(&path, TAPE).unwrap();
    let mut tape = Writer::append(&path).unwrap();
    assert_eq!(tape.next_interaction(), 3);
    assert_eq!(tape.next_interaction(), 4);
    tape.write(&Request::new(3, "GET", "/").into()).unwrap();
    drop(tape);
    let added = fs::read_to_string(&path)
        .unwrap()
        .strip_prefix(TAPE)
        .unwrap()
        .to_owned();
    insta::assert_snapshot!(added, @r#"
    {"end":2,"at":450,"how":"lost","chunks":2,"bytes":12,"detail":"the recorder died before the end"}
    {"request":3,"at":0,"method":"GET","target":"/"}
    "#);
}

#[test]
fn a_tape_torn_at_any_byte_can_be_gone_on_with() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("t.jsonl");
    let header = TAPE.find('\n').unwrap();
    for cut in header..TAPE.len() {
        fs::write(&path, &TAPE.as_bytes()[..cut]).unwrap();
        let mut tape = Writer::append(&path).unwrap();
        let number = tape.next_interaction();
        tape.write(&Request::new(number, "GET", "/new").into())
            .unwrap();
        drop(tape);
        let text = fs::read_to_string(&path).unwrap();
        let records = records(&text);
        assert_eq!(
            written(&records).lines().count(),
            text.lines().count(),
            "cut at {cut}"
        );
        let whole = TAPE[..TAPE.floor_char_boundary(cut)]
            .rfind('\n')
            .map_or(0, |end| end + 1);
        assert!(
            text.starts_with(&TAPE[..whole]),
            "cut at {cut}: nothing that was whole is lost"
        );
        let cassette = Cassette::open(&path).unwrap();
        assert!(cassette.faults().is_empty());
        let open = cassette
            .interactions()
            .filter(|one| one.as_ref().unwrap().end.is_none());
        assert_eq!(open.count(), 1, "cut at {cut}: only the new one is open");
    }
}

#[test]
fn nothing_is_appended_to_what_cannot_be_read() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("t.jsonl");
    for text in [
        "",
        "data: {}\n\n",
        "{\"rigtape\":2}\n",
        "{\"rigtape\":1}\nbroken\n{\"comment\":1}\n",
    ] {
        fs::write(&path, text).unwrap();
        assert!(Writer::append(&path).is_err(), "{text}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    assert!(
        Writer::append(folder.path().join("none.jsonl"))
            .unwrap_err()
            .is_not_found()
    );
}

#[test]
fn what_no_reader_would_accept_is_refused_and_not_written() {
    let mut tape = Writer::new(Vec::new(), "t.jsonl", &Header::default()).unwrap();
    let at = Offset::from_micros;
    tape.write(&Request::new(1, "GET", "/").into()).unwrap();
    let mut refused = |record| tape.write(&record).unwrap_err().to_string();
    let before = "t.jsonl: refused to write a line that no reader would accept: ";
    for (record, why) in [
        (
            Chunk::new(1, at(1), "x").into(),
            "chunk of interaction 1 before its response",
        ),
        (
            Chunk::new(1, at(1), "x").into(),
            "chunk of interaction 1 before its response",
        ),
        (
            Chunk::new(2, at(1), "x").into(),
            "chunk of interaction 2, which no request has opened",
        ),
        (
            Chunk::new(2, at(1), "x").into(),
            "chunk of interaction 2, which no request has opened",
        ),
        (
            Request::new(1, "GET", "/").into(),
            "a second request with number 1",
        ),
        (
            Header::default().into(),
            "a second header: a cassette has one, in its first line",
        ),
        (
            Response::new(1, at(1), 99).into(),
            "response to interaction 1: the status has to be 100 to 999, found 99",
        ),
        (
            Chunk::new(1, at(1), "").into(),
            "chunk of interaction 1 is empty: a chunk holds at least one byte",
        ),
    ] {
        assert_eq!(refused(record), format!("{before}{why}"));
    }
    tape.write(&End::new(1, at(3), How::Failed).into()).unwrap();
    let text = String::from_utf8(tape.into_inner()).unwrap();
    assert_eq!(written(&records(&text)), text);
    assert_eq!(text.lines().count(), 3);
}

#[test]
fn each_line_is_one_write() {
    let mut tape = Writer::new(Scripted::default(), "t.jsonl", &Header::default()).unwrap();
    tape.write(&Request::new(1, "GET", "/").into()).unwrap();
    tape.write(&Response::new(1, Offset::ZERO, 200).into())
        .unwrap();
    tape.write_chunk(&Chunk::new(1, Offset::ZERO, "a\nb"))
        .unwrap();
    let writes = tape.into_inner().writes;
    assert_eq!(writes.len(), 4);
    assert!(writes.iter().all(|line| line.ends_with(b"\n")));
}

#[test]
fn after_a_half_written_line_nothing_more_is_written() {
    let sink = Scripted {
        room: Some(20),
        ..Scripted::default()
    };
    let mut tape = Writer::new(sink, "t.jsonl", &Header::default()).unwrap();
    let request = Request::new(1, "GET", "/").into();
    insta::assert_snapshot!(
        tape.write(&request).unwrap_err(), @"t.jsonl: cannot write to the cassette: no storage space"
    );
    insta::assert_snapshot!(
        tape.write(&request).unwrap_err(),
        @"t.jsonl: an earlier write failed half-way, so nothing more is written"
    );
}

/// Keeps each write apart, and is full after `room` bytes.
#[derive(Debug, Default)]
struct Scripted {
    writes: Vec<Vec<u8>>,
    room: Option<usize>,
}

impl Write for Scripted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.room.map_or(bytes.len(), |room| room.min(bytes.len()));
        if taken == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.room = self.room.map(|room| room - taken);
        self.writes.push(bytes[..taken].to_vec());
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
