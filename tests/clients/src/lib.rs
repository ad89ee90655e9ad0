//! Public client libraries, asked one turn at a time, and what each of them says it got.

pub mod async_openai;
pub mod genai;
pub mod rig;

use ::rigtape::cassette::Cassette;
use ::rigtape::dialect::Answer;
use ::rigtape::transcript::{Ending, Transcript};
use serde_json::Value;

/// What a client made of one turn.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seen {
    pub text: String,
    pub calls: Vec<Call>,
    /// The wire's word, or the client's own for it; none when it saw none.
    pub finish: Option<String>,
    pub error: Option<String>,
}

/// A tool call.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Call {
    pub id: String,
    pub name: String,
    /// JSON, as far as it is.
    pub arguments: String,
}

impl Call {
    pub fn new(
        id: impl Into<String>,
        name: impl Into<String>,
        arguments: impl Into<String>,
    ) -> Call {
        Call {
            id: id.into(),
            name: name.into(),
            arguments: arguments.into(),
        }
    }

    /// Name and arguments by value: clients may give back JSON they have parsed.
    fn meaning(&self) -> (&str, Value) {
        // No arguments at all are an empty object to every client.
        let written = if self.arguments.is_empty() {
            "{}"
        } else {
            &self.arguments
        };
        let parsed = serde_json::from_str(written);
        let arguments = parsed.unwrap_or_else(|_| Value::String(self.arguments.clone()));
        (&self.name, arguments)
    }
}

impl Seen {
    pub fn failed(error: impl std::fmt::Display) -> Seen {
        Seen::default().and_failed(error)
    }

    pub fn and_failed(mut self, error: impl std::fmt::Display) -> Seen {
        self.error = Some(error.to_string());
        self
    }
}

/// One message of a conversation.
#[derive(Debug, Clone)]
pub enum Said {
    User(String),
    Called(Vec<Call>),
    Result { call: Call, content: String },
}

/// The tool that all tests offer.
pub const TOOL: &str = "get_weather";

pub fn schema() -> Value {
    serde_json::json!({
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    })
}

/// What it answers.
pub fn weather(call: &Call) -> String {
    let arguments: Value = serde_json::from_str(&call.arguments).unwrap_or_default();
    match arguments["city"].as_str() {
        Some("Oslo") => "7 degrees, rain".to_owned(),
        _ => "no such city".to_owned(),
    }
}

/// A tape of the repository.
pub fn tape(name: &str) -> String {
    format!(
        "{}/../../cassettes/{name}.jsonl",
        env!("CARGO_MANIFEST_DIR")
    )
}

/// What the tape says, by our reader.
pub fn transcripts(name: &str) -> Vec<Transcript> {
    let tape = Cassette::open(tape(name)).expect("a tape of the repository");
    let read = tape
        .interactions()
        .map(|interaction| interaction.expect("it reads"));
    read.filter_map(|interaction| match Answer::of(&interaction) {
        Some(Answer::Transcript(transcript)) => Some(transcript),
        _ => None,
    })
    .collect()
}

/// How a client's account of a turn compares with the transcript, in a few words.
pub fn verdict(seen: &Seen, said: &Transcript) -> String {
    let is_success = said.ending == Ending::Complete;
    if let Some(error) = &seen.error {
        let words: String = error
            .lines()
            .next()
            .unwrap_or_default()
            .chars()
            .take(90)
            .collect();
        return match is_success {
            true => format!("ERROR on a complete answer: {words}"),
            false => "error".to_owned(),
        };
    }
    let mut differs = Vec::new();
    if seen.text != said.text() {
        differs.push(format!(
            "text {:?} for {:?}",
            short(&seen.text),
            short(&said.text())
        ));
    }
    let calls = said.tool_calls().map(|call| {
        let name = call.name.clone().unwrap_or_default();
        Call::new("", name, call.arguments.clone())
    });
    let calls: Vec<Call> = calls.collect();
    let meaning =
        |calls: &[Call]| format!("{:?}", calls.iter().map(Call::meaning).collect::<Vec<_>>());
    if meaning(&seen.calls) != meaning(&calls) {
        differs.push(format!(
            "calls {} for {}",
            meaning(&seen.calls),
            meaning(&calls)
        ));
    }
    if !is_success {
        differs.push(match &seen.finish {
            Some(finish) => format!("{} TAKEN FOR {finish}", said.ending),
            None => format!("{}, told only by a missing finish", said.ending),
        });
    }
    if differs.is_empty() {
        "equal".to_owned()
    } else {
        differs.join("; ")
    }
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}
