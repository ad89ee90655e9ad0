//! rig-core, through its bundled reqwest client or over a client of the user's own.

use futures::StreamExt as _;
use rig_core::Model as RigModel;
use rig_core::completion::{CompletionRequest, FinishReason, ToolDefinition};
use rig_core::message::{AssistantContent, CallId, Message};
use rig_core::providers::openai::OpenAIConfig;
use rig_core::providers::openai::wire::Chat;
use rigtape::vcr::Vcr;

use crate::{Call, Said, Seen, TOOL, schema};

rigtape::rig_http_client!(rig_core);

pub type Model = RigModel<Chat>;

pub fn at(base_url: &str, key: &str) -> Model {
    let config = OpenAIConfig::new(key).with_base_url(base_url);
    config.client().chat("smollm2-135m-instruct")
}

/// Without a socket: rig's client trait, answered from a tape.
pub fn inside(vcr: &Vcr) -> Model {
    let config = OpenAIConfig::new("none").with_base_url("http://model.test/v1");
    config
        .connect(VcrHttpClient::new(vcr))
        .chat("smollm2-135m-instruct")
}

pub async fn turn(model: &Model, said: &[Said]) -> Seen {
    let request = match request(said) {
        Ok(request) => request,
        Err(error) => return Seen::failed(error),
    };
    let mut stream = match model.stream(request) {
        Ok(stream) => stream,
        Err(error) => return Seen::failed(error),
    };
    while let Some(item) = stream.next().await {
        if let Err(error) = item {
            return seen(&stream.partial()).and_failed(error);
        }
    }
    let partial = stream.partial();
    match stream.finish().await {
        Ok(response) => seen(&response),
        Err(error) => seen(&partial).and_failed(error),
    }
}

fn seen(response: &rig_core::completion::CompletionResponse) -> Seen {
    let calls = response.tool_calls().map(|call| {
        Call::new(
            call.id.to_string(),
            call.function.name.to_string(),
            serde_json::Value::Object(call.function.arguments.clone()).to_string(),
        )
    });
    Seen {
        text: response.text(),
        calls: calls.collect(),
        finish: response.finish_reason().map(|finish| match finish {
            FinishReason::Stop => "stop".to_owned(),
            FinishReason::Length => "length".to_owned(),
            FinishReason::ToolCalls => "tool_calls".to_owned(),
            FinishReason::ContentFilter => "content_filter".to_owned(),
            FinishReason::Other(word) => word,
            other => format!("{other:?}"),
        }),
        error: None,
    }
}

fn request(said: &[Said]) -> Result<CompletionRequest, Box<dyn std::error::Error + Send + Sync>> {
    let mut messages = Vec::new();
    for said in said {
        messages.push(match said {
            Said::User(text) => Message::user(text),
            Said::Called(calls) => {
                let mut content = Vec::new();
                for call in calls {
                    let name = call.name.as_str().try_into()?;
                    let arguments = serde_json::from_str(&call.arguments)?;
                    content.push(AssistantContent::tool_call(&call.id, name, arguments));
                }
                Message::from(content)
            }
            Said::Result { call, content } => Message::tool_result(
                CallId::from_wire(&call.id),
                call.name.as_str().try_into()?,
                content,
            ),
        });
    }
    let last = messages.pop().ok_or("no message")?;
    let definition = ToolDefinition::new(TOOL.try_into()?, "Current weather of a city", schema());
    Ok(CompletionRequest::new(last)
        .messages(messages)
        .tool(definition))
}
