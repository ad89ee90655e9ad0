//! Memory is bounded by the longest line, and chunks cost no allocation beyond their bytes.

use std::io::{BufReader, Read, Write};

use rigtape::Offset;
use rigtape::cassette::{Cassette, Chunk, End, Header, How, Reader, Request, Response, Writer};

const HEAD: &str = "{\"rigtape\":1}\n{\"request\":1,\"at\":0,\"method\":\"POST\",\"target\":\"/\"}\n\
                    {\"response\":1,\"at\":0,\"status\":200}\n";

/// An event as it stands on a tape.
const EVENT: &[u8] =
    br#"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"tokens\"}}]}\n\n"#;

#[test]
fn a_long_tape_is_read_in_the_memory_of_its_longest_line() {
    let lines = 200_000;
    let mut read = 0;
    let measured = allocation_counter::measure(|| {
        let reader = Reader::new(BufReader::new(Endless::new(lines)), "endless");
        read = reader.inspect(|record| assert!(record.is_ok())).count();
    });
    assert_eq!(read, lines + 3);
    assert!(
        measured.bytes_max < 64 << 10,
        "{} bytes",
        measured.bytes_max
    );
    assert!(
        measured.count_total < lines as u64 + 100,
        "{} allocations",
        measured.count_total
    );
}

#[test]
fn a_long_tape_is_opened_without_holding_it() {
    let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
    let header = Header::default();
    let mut tape = Writer::create_force(&path, &header).unwrap();
    for number in [1, 2] {
        tape.write(&Request::new(number, "POST", "/").into())
            .unwrap();
        tape.write(&Response::new(number, Offset::ZERO, 200).into())
            .unwrap();
    }
    // The long one and the short one take turns.
    for line in 0..20_000 {
        let at = Offset::from_micros(line);
        tape.write_chunk(&Chunk::new(1, at, vec![b'x'; 800]))
            .unwrap();
        if line % 2_000 == 0 {
            tape.write_chunk(&Chunk::new(2, at, "y")).unwrap();
        }
    }
    tape.write(&End::new(2, Offset::from_micros(30_000), How::Complete).into())
        .unwrap();
    drop(tape);

    let mut body = 0;
    let measured = allocation_counter::measure(|| {
        let cassette = Cassette::open(&path).unwrap();
        body = cassette.interaction(2).unwrap().unwrap().body().len();
    });
    assert_eq!(body, 10);
    assert!(
        measured.bytes_max < 512 << 10,
        "{} bytes",
        measured.bytes_max
    );
}

#[test]
fn writing_chunks_allocates_nothing_in_the_steady_state() {
    let mut tape = Writer::new(Sink, "sink", &Header::default()).unwrap();
    tape.write(&Request::new(1, "POST", "/").into()).unwrap();
    tape.write(&Response::new(1, Offset::ZERO, 200).into())
        .unwrap();
    let chunk = Chunk::new(1, Offset::ZERO, "data: {\"id\":\"x\"}\n\n");
    tape.write_chunk(&chunk).unwrap();
    let measured = allocation_counter::measure(|| {
        for _ in 0..1_000 {
            tape.write_chunk(&chunk).unwrap();
        }
    });
    assert_eq!(measured.count_total, 0);
}

/// A tape of many equal chunks, some 64 MB of it, made as it is read.
struct Endless {
    lines: usize,
    current: Vec<u8>,
    position: usize,
}

impl Endless {
    fn new(lines: usize) -> Endless {
        Endless {
            lines,
            current: HEAD.into(),
            position: 0,
        }
    }
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.position == self.current.len() && self.lines > 0 {
            self.lines -= 1;
            self.position = 0;
            self.current.clear();
            self.current.extend_from_slice(b"[1,7,\"");
            for _ in 0..4 {
                self.current.extend_from_slice(EVENT);
            }
            self.current.extend_from_slice(b"\"]\n");
        }
        let taken = (&self.current[self.position..]).read(buffer)?;
        self.position += taken;
        Ok(taken)
    }
}

#[derive(Debug)]
struct Sink;

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
