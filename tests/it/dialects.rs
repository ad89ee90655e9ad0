//! Laws that walk the table of dialects, and every tape of each.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rigtape::cassette::{Cassette, Interaction, Request};
use rigtape::dialect::{Answer, AnswerReader, DIALECTS, Dialect, by_name, by_request};
use rigtape::frame::{FrameKind, Framer};
use rigtape::transcript::{Ending, Transcript};

use crate::support::corpus::sessions;

#[test]
fn names_are_unique_and_kebab_case_and_docs_are_linked() {
    let names: BTreeSet<&str> = DIALECTS.iter().map(|dialect| dialect.name()).collect();
    assert_eq!(names.len(), DIALECTS.len());
    for dialect in DIALECTS {
        let name = dialect.name();
        let is_kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(name.chars().all(is_kebab), "{name}");
        assert!(!name.starts_with('-') && !name.ends_with('-') && !name.contains("--"));
        assert!(dialect.docs().starts_with("https://"), "{name}");
        assert!(!dialect.provider().is_empty(), "{name}");
        assert_eq!(by_name(name), Some(*dialect));
    }
}

/// Requests of every route, through gateways too, and the dialect that claims each.
const REQUESTS: &[(&str, &str, &str)] = &[
    ("POST", "/v1/chat/completions", "openai-chat"),
    ("POST", "/chat/completions", "openai-chat"),
    ("POST", "/api/v1/chat/completions", "openai-chat"),
    ("POST", "/api/chat/completions", "openai-chat"),
    ("POST", "/openai/v1/chat/completions", "openai-chat"),
    ("POST", "/v1beta/openai/chat/completions", "openai-chat"),
    ("POST", "/compatibility/v1/chat/completions", "openai-chat"),
    (
        "POST",
        "/openai/deployments/d/chat/completions?api-version=2024-10-21",
        "openai-chat",
    ),
    ("POST", "/v1/responses", "openai-responses"),
    ("POST", "/responses", "openai-responses"),
    ("POST", "/openai/v1/responses", "openai-responses"),
    ("POST", "/v1/messages", "anthropic-messages"),
    ("POST", "/messages", "anthropic-messages"),
    ("POST", "/v1/v1/messages", "anthropic-messages"),
    ("POST", "/anthropic/v1/messages", "anthropic-messages"),
    (
        "POST",
        "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
        "gemini",
    ),
    (
        "POST",
        "/v1/models/gemini-2.5-flash:streamGenerateContent?alt=sse&key=k",
        "gemini",
    ),
    (
        "POST",
        "/v1beta/models/gemini-2.5-flash:streamGenerateContent",
        "gemini",
    ),
    (
        "POST",
        "/v1beta/models/gemini-2.5-flash:generateContent",
        "gemini",
    ),
    (
        "POST",
        "/v1beta/models/gemini-2.5-flash%3AgenerateContent",
        "gemini",
    ),
    ("POST", "/v1beta/tunedModels/mine:generateContent", "gemini"),
    (
        "POST",
        "/v1/projects/p/locations/l/publishers/google/models/g:streamGenerateContent",
        "gemini",
    ),
    (
        "POST",
        "/gemini/v1beta/models/g:streamGenerateContent?alt=sse",
        "gemini",
    ),
    (
        "POST",
        "/v1internal:streamGenerateContent?alt=sse",
        "gemini",
    ),
    ("POST", "/v1beta/interactions", "gemini-interactions"),
    (
        "POST",
        "/v1beta/interactions?alt=sse",
        "gemini-interactions",
    ),
    ("POST", "/gemini/v1beta/interactions", "gemini-interactions"),
    (
        "GET",
        "/v1beta/interactions/v1_abc?stream=true",
        "gemini-interactions",
    ),
    ("POST", "/v2/chat", "cohere-v2"),
    ("POST", "/cohere/v2/chat", "cohere-v2"),
    ("POST", "/api/chat", "ollama"),
    ("POST", "/ollama/api/chat", "ollama"),
    ("GET", "/v1/chat/completions", ""),
    ("GET", "/v1/models", ""),
    ("POST", "/v1/embeddings", ""),
    ("POST", "/v1/threads/t/messages", ""),
    ("POST", "/v1beta/models/g:countTokens", ""),
    ("POST", "/v1beta/models/g:embedContent", ""),
    ("POST", "/v1beta/models/g:streamGenerateContentX", ""),
    ("GET", "/v1beta/interactions", ""),
    ("POST", "/v1beta/interactions/i/cancel", ""),
    ("POST", "/interactions", ""),
    ("POST", "/v1/chat", ""),
    ("POST", "/v2/embed", ""),
    ("POST", "/api/generate", ""),
    ("GET", "/api/tags", ""),
];

#[test]
fn no_two_dialects_claim_one_request() {
    for (method, target, expected) in REQUESTS {
        for prefix in ["", "/@scope"] {
            let request = Request::new(1, *method, format!("{prefix}{target}"));
            let claimed: Vec<&str> = DIALECTS
                .iter()
                .filter(|dialect| dialect.claims(&request))
                .map(|dialect| dialect.name())
                .collect();
            let expected = Some(*expected).filter(|name| !name.is_empty());
            assert_eq!(
                claimed,
                Vec::from_iter(expected),
                "{method} {prefix}{target}"
            );
        }
    }
    for dialect in DIALECTS {
        let name = dialect.name();
        assert!(
            REQUESTS.iter().any(|(_, _, of)| *of == name),
            "a request of {name}"
        );
    }
}

#[test]
fn no_two_dialects_recognise_one_frame() {
    for tape in tapes() {
        let Some(dialect) = tape.dialect() else {
            continue;
        };
        let framing = tape.reader_at(tape.body.len()).framing();
        let mut framer = Framer::new(framing.unwrap_or(rigtape::frame::Framing::Sse));
        let mut input = &tape.body[..];
        while let Ok(Some(frame)) = framer.next(&mut input) {
            let (event, data) = match &frame.kind {
                FrameKind::Event(event) => (event.name, event.data.unwrap_or_default()),
                FrameKind::Json(text) => ("", *text),
                _ => continue,
            };
            let recognised: Vec<&Dialect> = DIALECTS
                .iter()
                .copied()
                .filter(|dialect| dialect.recognises(event, data))
                .collect();
            let fits = recognised.is_empty() || recognised == [dialect];
            assert!(fits, "{}: {recognised:?} recognise {data}", tape.name);
        }
    }
}

#[test]
fn every_session_tells_its_dialect_by_its_content() {
    for session in sessions().into_iter().flatten() {
        let mut reader = AnswerReader::bare();
        reader.feed(&session.body);
        match reader.finish() {
            Answer::Transcript(transcript) => {
                assert_eq!(transcript.dialect, session.dialect, "{}", session.name);
            }
            Answer::Opaque(_) => panic!("{} is opaque", session.name),
        }
    }
}

#[test]
fn every_dialect_has_tapes_of_each_family() {
    let tapes = tapes();
    for dialect in DIALECTS {
        let name = dialect.name();
        let has = |family: &str, holds: &dyn Fn(&Transcript) -> bool| {
            let found = tapes.iter().any(|tape| {
                tape.name.starts_with(&format!("{name}/"))
                    && matches!(tape.answer(&tape.body), Answer::Transcript(t) if t.dialect == name && holds(&t))
            });
            assert!(found, "cassettes/{name} has no tape of {family}");
        };
        has("text", &|t| {
            t.is_clean() && t.streamed && !t.text().is_empty()
        });
        has("a tool call", &|t| t.tool_calls().next().is_some());
        has("one whole message", &|t| {
            !t.streamed && t.ending == Ending::Complete
        });
        has("a stream that was cut off", &|t| {
            t.ending == Ending::Truncated
        });
        has("an error", &|t| t.ending == Ending::Errored);
    }
}

#[test]
fn every_tape_is_of_the_dialect_whose_folder_it_is_in() {
    // Tapes of tests bear the names of their tests.
    let of_dialects = |tape: &Tape| !tape.name.starts_with("vcr/");
    for tape in tapes().into_iter().filter(of_dialects) {
        let folder = tape.name.split('/').next().unwrap();
        if let Some(dialect) = tape.dialect() {
            assert_eq!(dialect.name(), folder, "{}", tape.name);
        }
    }
}

#[test]
fn the_same_bytes_give_the_same_answer_in_every_cut() {
    for tape in tapes() {
        let whole = tape.answer(&tape.body);
        let mut reader = tape.reader();
        for cut in 0..tape.body.len() {
            if cut % tape.step(8 << 20) == 0 {
                let mut rest = reader.clone();
                rest.feed(&tape.body[cut..]);
                assert_eq!(rest.finish(), whole, "{} cut at byte {cut}", tape.name);
            }
            reader.feed(&tape.body[cut..=cut]);
        }
        assert_eq!(reader.finish(), whole, "{} byte by byte", tape.name);
    }
}

/// What stands on a dialect's wire when it says that the turn ended, without white space.
fn finish_word(dialect: &Dialect) -> &'static [&'static str] {
    match dialect.name() {
        "openai-chat" => &["\"finish_reason\":\""],
        "openai-responses" => &[
            "response.completed",
            "response.incomplete",
            "\"status\":\"completed\"",
            "\"status\":\"incomplete\"",
        ],
        "anthropic-messages" => &["\"stop_reason\":\""],
        "gemini" => &["\"finishReason\":\""],
        "gemini-interactions" => &["interaction.completed", "\"status\":\""],
        "cohere-v2" => &["message-end", "\"finish_reason\":\""],
        "ollama" => &["\"done\":true"],
        name => panic!("say how {name} ends a turn"),
    }
}

#[test]
fn no_tape_is_complete_before_its_wire_says_so() {
    for tape in tapes() {
        let mut reader = tape.reader();
        for cut in 0..tape.body.len() {
            if cut % tape.step(8 << 20) == 0
                && let Answer::Transcript(transcript) = reader.clone().finish()
                && transcript.ending == Ending::Complete
            {
                let head = String::from_utf8_lossy(&tape.body[..cut]);
                let head: String = head.split_ascii_whitespace().collect();
                let words = finish_word(by_name(transcript.dialect).unwrap());
                let said = words.iter().any(|word| head.contains(word));
                assert!(said, "{} is complete at byte {cut}", tape.name);
                break;
            }
            reader.feed(&tape.body[cut..=cut]);
        }
    }
}

#[test]
fn no_prefix_suffix_or_spoiled_byte_panics() {
    for tape in tapes() {
        let step = tape.step(1 << 20);
        for at in (0..tape.body.len()).step_by(step) {
            tape.answer(&tape.body[at..]);
            tape.answer(&tape.body[..at]);
            let spoilt = tape.body[at] ^ [0x01, 0x04, 0x20, 0x80][at / step % 4];
            let mut reader = tape.reader();
            reader.feed(&tape.body[..at]);
            reader.feed(&[spoilt]);
            reader.feed(&tape.body[at + 1..]);
            reader.finish();
        }
    }
}

/// One interaction that has a response.
struct Tape {
    /// `dialect/property` and the interaction's number.
    name: String,
    interaction: Interaction,
    body: Vec<u8>,
}

impl Tape {
    fn dialect(&self) -> Option<&'static Dialect> {
        by_request(&self.interaction.request)
    }

    fn reader(&self) -> AnswerReader {
        let response = self.interaction.response.as_ref().unwrap();
        AnswerReader::new(&self.interaction.request, response)
    }

    fn reader_at(&self, end: usize) -> AnswerReader {
        let mut reader = self.reader();
        reader.feed(&self.body[..end]);
        reader
    }

    fn answer(&self, body: &[u8]) -> Answer {
        let mut reader = self.reader();
        reader.feed(body);
        reader.finish()
    }

    /// From one place to the next, so that walking the whole tape reads about `budget` bytes.
    fn step(&self, budget: usize) -> usize {
        let length = self.body.len();
        (length * length / budget).max(1)
    }
}

fn tapes() -> Vec<Tape> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("cassettes");
    let mut paths = Vec::new();
    find(&root, &mut paths);
    paths.sort();
    assert!(!paths.is_empty());
    let mut tapes = Vec::new();
    for path in paths {
        let cassette = Cassette::open(&path).unwrap();
        let name = path.strip_prefix(&root).unwrap().with_extension("");
        for interaction in cassette.interactions() {
            let interaction = interaction.unwrap();
            if interaction.response.is_some() {
                tapes.push(Tape {
                    name: format!("{} #{}", name.display(), interaction.number()),
                    body: interaction.body().to_vec(),
                    interaction,
                });
            }
        }
    }
    tapes
}

fn find(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            find(&path, paths);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "jsonl")
        {
            paths.push(path);
        }
    }
}
