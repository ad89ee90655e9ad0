//! async-openai, its chunks joined as its examples join them.

use std::process::ExitCode;

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::types::chat::CreateChatCompletionRequest;
use futures::StreamExt as _;
use rigtape_field::{Seen, base_url, body, say};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    say(ask().await.map_err(|error| error.to_string()), true)
}

async fn ask() -> Result<Seen, Box<dyn std::error::Error>> {
    let config = OpenAIConfig::new()
        .with_api_base(base_url())
        .with_api_key("none");
    let request: CreateChatCompletionRequest = serde_json::from_value(body())?;
    let client = Client::with_config(config);
    let mut stream = client.chat().create_stream(request).await?;
    let mut seen = Seen::default();
    while let Some(chunk) = stream.next().await {
        for choice in chunk?.choices {
            seen.text += choice.delta.content.as_deref().unwrap_or_default();
            for call in choice.delta.tool_calls.into_iter().flatten() {
                let function = call.function.as_ref();
                let name = function.and_then(|function| function.name.as_deref());
                let arguments = function.and_then(|function| function.arguments.as_deref());
                let parts = [call.id.as_deref(), name, arguments];
                seen.call(call.index as usize, parts);
            }
            if let Some(finish) = choice.finish_reason {
                seen.finish = Some(serde_json::to_value(finish)?.to_string());
            }
        }
    }
    Ok(seen)
}
