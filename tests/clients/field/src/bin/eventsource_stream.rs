//! The loop that most Rust code on eventsource-stream is: events until `[DONE]`, or until they end.

use std::process::ExitCode;

use eventsource_stream::Eventsource as _;
use futures::StreamExt as _;
use rigtape_field::{Seen, base_url, body, say};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    say(ask().await.map_err(|error| error.to_string()), false)
}

async fn ask() -> Result<Seen, Box<dyn std::error::Error>> {
    let url = format!("{}/chat/completions", base_url());
    let client = reqwest::Client::new();
    let response = client.post(url).json(&body()).send().await?;
    let mut events = response.error_for_status()?.bytes_stream().eventsource();
    let mut seen = Seen::default();
    while let Some(event) = events.next().await {
        let event = event?;
        if event.data == "[DONE]" {
            break;
        }
        let chunk: Value = serde_json::from_str(&event.data)?;
        let choice = &chunk["choices"][0];
        let delta = &choice["delta"];
        seen.text += delta["content"].as_str().unwrap_or_default();
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            let index = call["index"].as_u64().unwrap_or(0) as usize;
            let function = &call["function"];
            let parts = [&call["id"], &function["name"], &function["arguments"]];
            seen.call(index, parts.map(Value::as_str));
        }
        if let Some(finish) = choice["finish_reason"].as_str() {
            seen.finish = Some(finish.to_owned());
        }
    }
    Ok(seen)
}
