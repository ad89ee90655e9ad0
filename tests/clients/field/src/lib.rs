//! What the clients share: what is asked, and how the answer is said.

use std::process::ExitCode;

use serde_json::{Value, json};

pub const MODEL: &str = "smollm2-135m-instruct";
pub const QUESTION: &str = "What is the weather in Oslo and in Bergen?";
pub const TOOL: &str = "get_weather";

pub fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    })
}

/// Where the model is.
pub fn base_url() -> String {
    std::env::var("OPENAI_BASE_URL").expect("OPENAI_BASE_URL is set")
}

/// The same question in the wire's own form.
pub fn body() -> Value {
    json!({
        "model": MODEL,
        "stream": true,
        "messages": [{"role": "user", "content": QUESTION}],
        "tools": [{"type": "function", "function": {"name": TOOL, "parameters": schema()}}],
    })
}

/// What a client made of an answer.
#[derive(Debug, Default)]
pub struct Seen {
    pub text: String,
    /// Each with its id, name and arguments.
    pub calls: Vec<[String; 3]>,
    pub finish: Option<String>,
}

impl Seen {
    /// Adds a fragment of the tool call at `index`.
    pub fn call(&mut self, index: usize, fragment: [Option<&str>; 3]) {
        while self.calls.len() <= index {
            self.calls.push(<[String; 3]>::default());
        }
        for (part, new) in self.calls[index].iter_mut().zip(fragment) {
            part.push_str(new.unwrap_or_default());
        }
    }
}

/// Says what came. A careful user takes an answer without a finish reason for one that broke off, and
/// parses arguments.
pub fn say(asked: Result<Seen, String>, is_careful: bool) -> ExitCode {
    match asked {
        Ok(seen) => {
            println!(
                "{}",
                json!({"text": seen.text, "calls": seen.calls, "finish": seen.finish})
            );
            if is_careful && seen.finish.is_none() {
                eprintln!("the answer broke off: it has no finish reason");
                return ExitCode::FAILURE;
            }
            for [_, name, arguments] in seen.calls.iter().filter(|_| is_careful) {
                if serde_json::from_str::<serde_json::Map<String, Value>>(arguments).is_err() {
                    eprintln!("the arguments of {name} are no JSON object: {arguments}");
                    return ExitCode::FAILURE;
                }
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
