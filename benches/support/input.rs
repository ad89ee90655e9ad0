//! Bodies to read: generated in the shape of real chat streams, or the recorded corpus.

use std::fmt;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::contest::Measured;

/// Some bodies, each cut into the chunks it is fed in.
pub struct Input {
    what: String,
    cut: String,
    pub bodies: Vec<Vec<Bytes>>,
    pub events: usize,
}

impl Input {
    /// About `bytes` of sessions: text deltas, and in every fourth session two tool calls.
    pub fn generated(bytes: usize) -> Input {
        let mut random = Random(0x9E37_79B9_7F4A_7C15);
        let mut bodies = Vec::new();
        let mut total = 0;
        while total < bytes {
            let body = session(&mut random, 80, bodies.len() % 4 == 0);
            total += body.len();
            bodies.push(body);
        }
        Input::new("generated chat streams", bodies)
    }

    /// One body of `events` text deltas.
    pub fn one_session(events: usize) -> Input {
        Input::new(
            "one long chat stream",
            vec![session(&mut Random(7), events, false)],
        )
    }

    /// `count` bodies, each one text delta of about `bytes`.
    pub fn large_events(count: usize, bytes: usize) -> Input {
        let text = "The quick brown fox jumps over the lazy dog. ".repeat(bytes / 45);
        let mut body = Vec::new();
        push_event(
            &mut body,
            0,
            &format!(r#"{{"content":"{text}"}}"#),
            r#""stop""#,
            "",
        );
        body.extend_from_slice(b"data: [DONE]\n\n");
        Input::new("large events", vec![body; count])
    }

    /// The recorded chat sessions beside the repository, when they are there.
    pub fn corpus() -> Option<Input> {
        let bodies = recorded("openai-chat")?;
        (!bodies.is_empty()).then(|| Input::new("recorded chat streams", bodies))
    }

    /// The same bodies over and over, until there are about `bytes`.
    pub fn repeated_to(mut self, bytes: usize) -> Input {
        let (times, once) = (bytes / self.bytes().max(1), self.bodies.clone());
        for _ in 1..times {
            self.bodies.extend_from_slice(&once);
        }
        self.events *= times.max(1);
        self
    }

    /// Cut as most wires are.
    pub fn one_event_a_chunk(self) -> Input {
        self.recut("one event a chunk", |body| {
            let mut chunks = Vec::new();
            let mut from = 0;
            for blank in memchr::memmem::find_iter(&body, b"\n\n") {
                chunks.push(body.slice(from..blank + 2));
                from = blank + 2;
            }
            chunks.push(body.slice(from..));
            chunks
        })
    }

    /// Cut into chunks of one size.
    pub fn in_chunks_of(self, size: usize) -> Input {
        self.recut(&format!("{size} bytes a chunk"), |body| {
            let starts = (0..body.len()).step_by(size);
            starts
                .map(|from| body.slice(from..body.len().min(from + size)))
                .collect()
        })
    }

    fn new(what: &str, bodies: Vec<Vec<u8>>) -> Input {
        let events = |body: &Vec<u8>| memchr::memmem::find_iter(body, b"\n\n").count();
        Input {
            what: what.to_owned(),
            cut: "whole".to_owned(),
            events: bodies.iter().map(events).sum(),
            bodies: bodies
                .into_iter()
                .map(|body| vec![Bytes::from(body)])
                .collect(),
        }
    }

    fn recut(mut self, name: &str, cut: impl Fn(Bytes) -> Vec<Bytes>) -> Input {
        for body in &mut self.bodies {
            let whole = Bytes::from(body.concat());
            *body = cut(whole)
                .into_iter()
                .filter(|chunk| !chunk.is_empty())
                .collect();
        }
        self.cut = name.to_owned();
        self
    }
}

/// The recorded streams of one dialect, when the corpus is there.
pub fn recorded(dialect: &str) -> Option<Vec<Vec<u8>>> {
    let root = std::env::var_os("RIGTAPE_CORPUS").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    let mut bodies = Vec::new();
    for provider in sorted(&root.unwrap_or(beside))? {
        for session in sorted(&provider).unwrap_or_default() {
            let meta = std::fs::read_to_string(session.join("meta.json")).unwrap_or_default();
            if meta.contains(&format!("\"{dialect}\"")) {
                bodies.push(std::fs::read(session.join("response.sse")).ok()?);
            }
        }
    }
    Some(bodies)
}

impl Measured for Input {
    fn bytes(&self) -> usize {
        self.bodies.iter().flatten().map(Bytes::len).sum()
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bytes, events) = (self.bytes(), self.events);
        write!(
            f,
            "{}, {}: {:.1} MB, {} bodies, {events} events of {} bytes",
            self.what,
            self.cut,
            bytes as f64 / 1e6,
            self.bodies.len(),
            bytes / events.max(1),
        )
    }
}

fn sorted(folder: &Path) -> Option<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).ok()?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    Some(paths)
}

/// What tokens look like: mostly short words, now and then an escape or more than one byte a letter.
const TOKENS: [&str; 16] = [
    " the",
    " of",
    " lighthouse",
    " and",
    ",",
    " was",
    ".",
    r"\n\n",
    " keeper",
    "ing",
    " naïve",
    r#"\""#,
    " storm",
    " 1894",
    " 東京",
    "'s",
];
const ARGUMENTS: [&str; 8] = [
    r#"{\""#,
    "city",
    r#"\":\""#,
    "Os",
    "lo",
    r#"\",\""#,
    "unit",
    r#"\":\"celsius\"}"#,
];

fn session(random: &mut Random, events: usize, calls: bool) -> Vec<u8> {
    let id = random.next();
    let mut body = Vec::with_capacity(events * 330);
    let mut push = |delta: &str, finish: &str, random: &mut Random| {
        let padding = "x7fQ0aLm2ZpR9"
            .split_at((random.next() % 13) as usize)
            .0
            .to_owned();
        push_event(&mut body, id, delta, finish, &padding);
    };
    push(
        r#"{"role":"assistant","content":"","refusal":null}"#,
        "null",
        random,
    );
    for _ in 0..events {
        let token = TOKENS[(random.next() % 16) as usize];
        push(&format!(r#"{{"content":"{token}"}}"#), "null", random);
    }
    if calls {
        for index in 0..2 {
            push(&open_call(index, random.next()), "null", random);
            for piece in ARGUMENTS {
                let call = format!(
                    r#"{{"tool_calls":[{{"index":{index},"function":{{"arguments":"{piece}"}}}}]}}"#
                );
                push(&call, "null", random);
            }
        }
    }
    push(
        "{}",
        if calls {
            r#""tool_calls""#
        } else {
            r#""stop""#
        },
        random,
    );
    push_usage(&mut body, id, events);
    body.extend_from_slice(b"data: [DONE]\n\n");
    body
}

fn open_call(index: usize, id: u64) -> String {
    format!(
        r#"{{"tool_calls":[{{"index":{index},"id":"call_{id:016x}","type":"function","function":{{"name":"get_weather","arguments":""}}}}]}}"#
    )
}

fn push_event(body: &mut Vec<u8>, id: u64, delta: &str, finish: &str, padding: &str) {
    let head = head(id);
    let event = format!(
        "data: {{{head},\"choices\":[{{\"index\":0,\"delta\":{delta},\"logprobs\":null,\"finish_reason\":{finish}}}],\"usage\":null,\"obfuscation\":\"{padding}\"}}\n\n"
    );
    body.extend_from_slice(event.as_bytes());
}

fn push_usage(body: &mut Vec<u8>, id: u64, tokens: usize) {
    let head = head(id);
    let usage = format!(
        "data: {{{head},\"choices\":[],\"usage\":{{\"prompt_tokens\":84,\"completion_tokens\":{tokens},\"total_tokens\":{},\"prompt_tokens_details\":{{\"cached_tokens\":0,\"audio_tokens\":0}},\"completion_tokens_details\":{{\"reasoning_tokens\":0,\"audio_tokens\":0}}}}}}\n\n",
        tokens + 84
    );
    body.extend_from_slice(usage.as_bytes());
}

fn head(id: u64) -> String {
    format!(
        r#""id":"chatcmpl-{id:016x}QfWn3","object":"chat.completion.chunk","created":1790000000,"model":"example-4o-2026-08-06","service_tier":"default","system_fingerprint":"fp_44709d6fcb""#
    )
}

/// SplitMix64: the same stream on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}
