//! A small agent on Chat Completions: the model calls a tool, gets its result, and answers.

use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

use futures::StreamExt as _;
use rigtape::live::TranscriptStream;
use rigtape::transcript::{Delta, Ending, Transcript};
use serde_json::{Value, json};

pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// An agent that asks the model at `base_url`.
pub struct Agent {
    pub base_url: String,
    pub api_key: String,
}

/// What an agent did for one question.
#[derive(Debug, PartialEq)]
pub struct Done {
    /// `name(arguments)` of each call.
    pub calls: Vec<String>,
    pub answer: String,
}

impl Agent {
    /// Asks until the model answers without calling a tool, five turns at most.
    pub async fn ask(&self, question: &str) -> Result<Done> {
        let mut messages = vec![json!({"role": "user", "content": question})];
        let mut calls = Vec::new();
        for _ in 0..5 {
            let said = self.turn(&messages).await?;
            if said.tool_calls().next().is_none() {
                let answer = said.text();
                return Ok(Done { calls, answer });
            }
            messages.push(assistant(&said));
            for call in said.tool_calls() {
                let name = call.name.as_deref().unwrap_or_default();
                calls.push(format!("{name}({})", call.arguments));
                let content = get_weather(&call.arguments)?.to_string();
                messages.push(json!({"role": "tool", "tool_call_id": call.id, "content": content}));
            }
        }
        Err("the model only ever calls tools".into())
    }

    async fn turn(&self, messages: &[Value]) -> Result<Transcript> {
        let body = json!({
            "model": "smollm2-135m-instruct",
            "stream": true,
            "stream_options": {"include_usage": true},
            "messages": messages,
            "tools": [{"type": "function", "function": {
                "name": "get_weather",
                "description": "Current weather of a city",
                "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
            }}],
        });
        let response = reqwest::Client::new()
            .post(format!("{}/chat/completions", self.base_url))
            .bearer_auth(&self.api_key)
            .header("content-type", "application/json")
            .body(body.to_string())
            .send()
            .await?;
        let status = response.status();
        if !status.is_success() {
            return Err(format!("{status}: {}", response.text().await?).into());
        }
        let chat = rigtape::dialect::by_name("openai-chat").ok_or("no such dialect")?;
        let mut deltas = TranscriptStream::new(response.bytes_stream(), chat.assembler());
        while let Some(delta) = deltas.next().await {
            if let Delta::Text { text, .. } = delta? {
                // Where a user would watch the answer grow.
                let _ = text;
            }
        }
        let said = deltas.into_transcript();
        match said.ending {
            Ending::Complete => Ok(said),
            ending => Err(format!("the answer is {ending}").into()),
        }
    }
}

fn assistant(said: &Transcript) -> Value {
    let calls = said.tool_calls().map(|call| {
        json!({"id": call.id, "type": "function", "function": {
            "name": call.name, "arguments": call.arguments,
        }})
    });
    json!({"role": "assistant", "content": null, "tool_calls": calls.collect::<Vec<_>>()})
}

/// The tool. Its result holds a time, which differs with each run of the test.
fn get_weather(arguments: &str) -> Result<Value> {
    let arguments: Value = serde_json::from_str(arguments)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros() as u64;
    let weather = match arguments["city"].as_str() {
        Some("Oslo") => "7 degrees, rain",
        _ => "no such city",
    };
    Ok(json!({"weather": weather, "now": now}))
}
