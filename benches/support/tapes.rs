//! Contenders that write and read tapes.

use std::fmt;
use std::fs::File;
use std::hint::black_box;
use std::io::Write;

use rigtape::cassette::{
    Cassette, Chunk, End, Header, How, Reader, Record, Request, Response, Writer,
};
use rigtape::{Offset, dialect};
use tempfile::TempDir;

use super::contest::{Contender, Measured};
use super::input::Input;

/// A tape: its records, its file's bytes, and a folder to write others into.
pub struct Tape {
    records: Vec<Record>,
    file: Vec<u8>,
    folder: TempDir,
}

pub const WRITERS: [Contender<Tape>; 3] = [
    Contender {
        name: "the lines alone, to a file",
        run: |tape| tape.write_lines(),
    },
    Contender {
        name: "rigtape, to a file",
        run: |tape| tape.write_file(),
    },
    Contender {
        name: "rigtape, to memory",
        run: |tape| tape.written(Vec::with_capacity(tape.file.len())).len(),
    },
];

pub const READERS: [Contender<Tape>; 4] = [
    Contender {
        name: "a serde_json::Value a line",
        run: |tape| tape.values(),
    },
    Contender {
        name: "rigtape, record by record",
        run: |tape| {
            Reader::new(&tape.file[..], "tape")
                .map(|record| black_box(record).is_ok() as usize)
                .sum()
        },
    },
    Contender {
        name: "rigtape, interactions",
        run: |tape| tape.interactions(|body| body.len()),
    },
    Contender {
        name: "rigtape, interactions to transcripts",
        run: |tape| tape.interactions(transcribe),
    },
];

impl Tape {
    /// The input as a recorder would have written it, one interaction a body.
    pub fn of(input: &Input) -> Tape {
        let mut records = Vec::new();
        for (number, body) in (1..).zip(&input.bodies) {
            records.push(Request::new(number, "POST", "/v1/chat/completions").into());
            records.push(Response::new(number, Offset::from_micros(400), 200).into());
            let times = (500..).step_by(9_000).map(Offset::from_micros);
            let chunks = body.iter().zip(times);
            records.extend(chunks.map(|(bytes, at)| Chunk::new(number, at, bytes.clone()).into()));
            records.push(End::new(number, Offset::from_micros(900_000_000), How::Complete).into());
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut tape = Tape {
            records,
            file: Vec::new(),
            folder,
        };
        tape.file = tape.written(Vec::new());
        tape
    }

    fn written(&self, inner: Vec<u8>) -> Vec<u8> {
        let mut writer = Writer::new(inner, "tape", &Header::default()).expect("memory takes it");
        for record in &self.records {
            writer.write(record).expect("memory takes it");
        }
        writer.into_inner()
    }

    fn write_file(&self) -> usize {
        let path = self.folder.path().join("tape.jsonl");
        let mut writer =
            Writer::create_force(&path, &Header::default()).expect("the disk takes it");
        for record in &self.records {
            writer.write(record).expect("the disk takes it");
        }
        self.records.len()
    }

    fn write_lines(&self) -> usize {
        let mut file = File::create(self.folder.path().join("lines")).expect("the disk takes it");
        let lines = self.file.split_inclusive(|&byte| byte == b'\n');
        lines
            .map(|line| file.write(line).expect("the disk takes it"))
            .sum()
    }

    fn values(&self) -> usize {
        let lines = self
            .file
            .split(|&byte| byte == b'\n')
            .filter(|line| !line.is_empty());
        lines
            .map(|line| {
                black_box(serde_json::from_slice::<serde_json::Value>(line)).is_ok() as usize
            })
            .sum()
    }

    fn interactions(&self, read: impl Fn(&[u8]) -> usize) -> usize {
        let tape = Cassette::read(&self.file[..], "tape").expect("is a tape");
        tape.interactions()
            .flatten()
            .map(|interaction| read(&interaction.body()))
            .sum()
    }
}

impl Measured for Tape {
    fn bytes(&self) -> usize {
        self.file.len()
    }
}

impl fmt::Display for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a tape of {:.1} MB, {} lines",
            self.file.len() as f64 / 1e6,
            self.records.len() + 1
        )
    }
}

fn transcribe(body: &[u8]) -> usize {
    let mut assembler = dialect::by_name("openai-chat")
        .expect("is built in")
        .assembler();
    assembler.feed(body);
    assembler.finish().choices.len()
}
