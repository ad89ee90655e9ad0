//! What the tests of faults share: a small stream, and what a fault makes of it.

// Spelling, and the description of the catalogue.
mod spelling;
// Each fault's bytes, pieces, times and refusals, by small examples.
mod strikes;
// Classes, sweeps, and the whole catalogue on every tape.
mod tapes;
// Played in process: errors, stalls, heads.
#[cfg(feature = "replay")]
mod in_process;

use std::io::Read as _;

use rigtape::Offset;
use rigtape::cassette::{Chunk, End, How, Interaction, Request, Response};
use rigtape::policy::Policy;
use rigtape::policy::fault::{Fault, NotApplicable, Performance};

fn faults(spelled: &str) -> Vec<Fault> {
    let faults = spelled.split_whitespace();
    faults.map(|fault| fault.parse().unwrap()).collect()
}

fn policy(spelled: &str) -> Policy {
    faults(spelled)
        .into_iter()
        .fold(Policy::new(), Policy::fault)
}

fn perform(interaction: &Interaction, spelled: &str) -> Result<Performance, NotApplicable> {
    policy(spelled).perform(interaction)
}

/// A stream of these chunks to a chat request, 100 µs apart.
fn chat(chunks: &[&str]) -> Interaction {
    let at = Offset::from_micros;
    let mut tape = Interaction::new(Request::new(1, "POST", "/v1/chat/completions"));
    let mut head = Response::new(1, at(50), 200);
    head.headers.push("content-type", "text/event-stream");
    head.headers.push("transfer-encoding", "chunked");
    tape.response = Some(head);
    for (place, chunk) in (1..).zip(chunks) {
        tape.chunks
            .push(Chunk::new(1, at(place * 100), (*chunk).to_owned()));
    }
    let end = chunks.len() as u64 * 100 + 50;
    tape.end = Some(End::new(1, at(end), How::Complete));
    tape
}

const ROLE: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"}}]}\n\n";
const TEXT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hé\"}}]}\n\n";
const STOP: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const USAGE: &str = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

fn plain() -> Interaction {
    chat(&[ROLE, TEXT, STOP, USAGE, DONE])
}

fn body(interaction: &Interaction, spelled: &str) -> String {
    let played = perform(interaction, spelled).unwrap();
    String::from_utf8(played.body().to_vec()).unwrap()
}

fn chunks(interaction: &Interaction, spelled: &str) -> Vec<Vec<u8>> {
    let played = perform(interaction, spelled).unwrap();
    played
        .chunks
        .iter()
        .map(|chunk| chunk.bytes.to_vec())
        .collect()
}

fn refused(interaction: &Interaction, spelled: &str) -> String {
    perform(interaction, spelled).unwrap_err().to_string()
}

fn gunzip(bytes: &[u8]) -> String {
    let mut out = Vec::new();
    let mut decoder = flate2::read::GzDecoder::new(bytes);
    let mut buffer = [0; 1024];
    while let Ok(read @ 1..) = decoder.read(&mut buffer) {
        out.extend_from_slice(&buffer[..read]);
    }
    String::from_utf8_lossy(&out).into_owned()
}
