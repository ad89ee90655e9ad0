//! async-openai streams chunks; joining them is its user's work, done here as its examples do.

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use async_openai::types::chat::CreateChatCompletionRequest;
use futures::StreamExt as _;
use rigtape::vcr::Vcr;
use serde_json::{Value, json};

use crate::{Call, Said, Seen, TOOL, schema};

pub type Model = Client<OpenAIConfig>;

pub fn at(base_url: &str, key: &str) -> Model {
    let config = OpenAIConfig::new()
        .with_api_base(base_url)
        .with_api_key(key);
    Client::with_config(config)
}

/// Without a socket: below its own code, a service in place of its transport.
pub fn inside(vcr: &Vcr) -> Model {
    let service = vcr.service(|factory: HttpRequestFactory| async move { factory.build().await });
    at("http://model.test/v1", "none").with_http_service(service)
}

pub async fn turn(client: &Model, said: &[Said]) -> Seen {
    match request(said) {
        Ok(request) => ask(client, request).await,
        Err(error) => Seen::failed(error),
    }
}

async fn ask(client: &Model, request: CreateChatCompletionRequest) -> Seen {
    let mut stream = match client.chat().create_stream(request).await {
        Ok(stream) => stream,
        Err(error) => return Seen::failed(words(error)),
    };
    let mut seen = Seen::default();
    while let Some(chunk) = stream.next().await {
        let chunk = match chunk {
            Ok(chunk) => chunk,
            Err(error) => return seen.and_failed(words(error)),
        };
        for choice in chunk.choices.into_iter().filter(|choice| choice.index == 0) {
            seen.text += choice.delta.content.as_deref().unwrap_or_default();
            for piece in choice.delta.tool_calls.into_iter().flatten() {
                let at = piece.index as usize;
                while seen.calls.len() <= at {
                    seen.calls.push(Call::default());
                }
                let call = &mut seen.calls[at];
                call.id += piece.id.as_deref().unwrap_or_default();
                if let Some(function) = piece.function {
                    call.name += function.name.as_deref().unwrap_or_default();
                    call.arguments += function.arguments.as_deref().unwrap_or_default();
                }
            }
            if let Some(finish) = choice.finish_reason {
                let word = serde_json::to_value(finish).unwrap_or_default();
                seen.finish = word.as_str().map(str::to_owned);
            }
        }
    }
    seen
}

fn words(error: OpenAIError) -> String {
    match error {
        OpenAIError::StreamError(error) => format!("{error:?}"),
        error => error.to_string(),
    }
}

fn request(said: &[Said]) -> Result<CreateChatCompletionRequest, serde_json::Error> {
    let messages: Vec<Value> = said
        .iter()
        .map(|said| match said {
            Said::User(text) => json!({"role": "user", "content": text}),
            Said::Called(calls) => {
                let calls = calls.iter().map(|call| {
                    json!({"id": call.id, "type": "function",
                        "function": {"name": call.name, "arguments": call.arguments}})
                });
                json!({"role": "assistant", "tool_calls": calls.collect::<Vec<_>>()})
            }
            Said::Result { call, content } => {
                json!({"role": "tool", "tool_call_id": call.id, "content": content})
            }
        })
        .collect();
    serde_json::from_value(json!({
        "model": "smollm2-135m-instruct",
        "stream": true,
        "messages": messages,
        "tools": [{"type": "function", "function": {"name": TOOL, "parameters": schema()}}],
    }))
}
