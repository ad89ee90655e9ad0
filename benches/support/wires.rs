//! The complete path of each dialect, against that of Chat Completions.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use rigtape::cassette::Cassette;
use rigtape::dialect::{Answer, AnswerReader, DIALECTS, Dialect};
use rigtape::transcript::Delta;

const ROUNDS: usize = 9;
const BYTES: usize = 4 << 20;

/// Prints ns per byte of every dialect in the table, and the ratio to the first one's.
pub fn compare() {
    let inputs: Vec<(&Dialect, Vec<u8>)> = DIALECTS
        .iter()
        .map(|dialect| (*dialect, long_answer(dialect)))
        .collect();
    let mut best = vec![f64::INFINITY; inputs.len()];
    for _ in 0..ROUNDS {
        for ((dialect, body), best) in inputs.iter().zip(&mut best) {
            *best = best.min(ns_per_byte(dialect, body));
        }
    }
    println!("\ncomplete path of each wire, long answers in 16 KB chunks (goal: ratio under 2)\n");
    println!(
        "  {:<24}{:>10}{:>12}{:>8}",
        "dialect", "bytes", "ns/byte", "ratio"
    );
    for ((dialect, body), ns) in inputs.iter().zip(&best) {
        let bytes = body.len();
        println!(
            "  {:<24}{bytes:>10}{ns:>12.2}{:>8.2}",
            dialect.name(),
            ns / best[0]
        );
    }
    println!();
}

/// A long answer of this dialect: that of its plain tape, with a piece of text from its middle said
/// over and over. So what is compared is reading, and not setting up for short bodies.
fn long_answer(dialect: &Dialect) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("cassettes")
        .join(dialect.name());
    let tape = Cassette::open(folder.join("plain.jsonl")).expect("each dialect has a plain tape");
    let turn = tape
        .interactions()
        .next()
        .expect("one turn")
        .expect("a whole tape");
    let body = turn.body();
    let end: &[u8] = if memchr::memmem::find(&body, b"\n\n").is_some() {
        b"\n\n"
    } else {
        b"\n"
    };
    let ends: Vec<usize> = memchr::memmem::find_iter(&body, end)
        .map(|at| at + end.len())
        .collect();
    let frames = ends.windows(2).map(|ends| (ends[0], ends[1]));
    let (from, to) = frames
        .skip(ends.len() / 2 - 1)
        .find(|&(from, to)| adds_text(dialect, &body[..from], &body[from..to]))
        .expect("a piece of text in the second half");
    let mut long = body[..from].to_vec();
    while long.len() < BYTES {
        long.extend_from_slice(&body[from..to]);
    }
    long.extend_from_slice(&body[to..]);
    long
}

fn adds_text(dialect: &Dialect, before: &[u8], frame: &[u8]) -> bool {
    let mut assembler = dialect.assembler();
    assembler.feed(before);
    let mut adds = false;
    assembler.feed_with(frame, &mut |delta| {
        adds |= matches!(delta, Delta::Text { .. })
    });
    adds
}

fn ns_per_byte(dialect: &'static Dialect, body: &[u8]) -> f64 {
    let began = Instant::now();
    let mut reader = AnswerReader::bare().with_dialect(dialect);
    for chunk in body.chunks(16 << 10) {
        reader.feed(chunk);
    }
    let Answer::Transcript(said) = reader.finish() else {
        panic!("{dialect}: a long answer is an answer");
    };
    let taken = began.elapsed();
    black_box(said);
    taken.as_secs_f64() * 1e9 / body.len() as f64
}
