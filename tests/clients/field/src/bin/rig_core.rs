//! rig-core, its streamed answer joined by itself.

use std::process::ExitCode;

use futures::StreamExt as _;
use rig_core::completion::{CompletionRequest, ToolDefinition};
use rig_core::message::Message;
use rig_core::providers::openai::OpenAIConfig;
use rigtape_field::{MODEL, QUESTION, Seen, TOOL, base_url, say, schema};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    say(ask().await.map_err(|error| error.to_string()), true)
}

async fn ask() -> Result<Seen, Box<dyn std::error::Error>> {
    let config = OpenAIConfig::new("none").with_base_url(base_url());
    let model = config.client().chat(MODEL);
    let tool = ToolDefinition::new(TOOL.try_into()?, "Current weather of a city", schema());
    let request = CompletionRequest::new(Message::user(QUESTION)).tool(tool);
    let mut stream = model.stream(request)?;
    while let Some(item) = stream.next().await {
        item?;
    }
    let response = stream.finish().await?;
    let calls = response.tool_calls().map(|call| {
        let arguments = serde_json::Value::Object(call.function.arguments.clone());
        [
            call.id.to_string(),
            call.function.name.to_string(),
            arguments.to_string(),
        ]
    });
    Ok(Seen {
        calls: calls.collect(),
        text: response.text(),
        finish: response.finish_reason().map(|finish| format!("{finish:?}")),
    })
}
