//! genai, which takes a base URL and nothing below it.

use futures::StreamExt as _;
use genai::adapter::AdapterKind;
use genai::chat::{
    ChatMessage, ChatOptions, ChatRequest, ChatStreamEvent, StreamEnd, Tool, ToolCall, ToolResponse,
};
use genai::resolver::{AuthData, Endpoint, ServiceTargetResolver};
use genai::{Client, ModelIden, ServiceTarget};

use crate::{Call, Said, Seen, TOOL, schema};

pub type Model = Client;

/// The URL ends in a slash, or genai drops its last segment.
pub fn at(base_url: &str, key: &str) -> Model {
    let (url, key) = (format!("{base_url}/"), key.to_owned());
    let resolver = ServiceTargetResolver::from_resolver_fn(
        move |target: ServiceTarget| -> Result<ServiceTarget, genai::resolver::Error> {
            Ok(ServiceTarget {
                endpoint: Endpoint::from_owned(url.clone()),
                auth: AuthData::from_single(key.clone()),
                model: ModelIden::new(AdapterKind::OpenAI, target.model.model_name),
            })
        },
    );
    Client::builder()
        .with_service_target_resolver(resolver)
        .build()
        .expect("a client")
}

pub async fn turn(client: &Model, said: &[Said]) -> Seen {
    let options = ChatOptions::default()
        .with_capture_content(true)
        .with_capture_tool_calls(true)
        .with_capture_usage(true);
    let asked = client.exec_chat_stream("smollm2-135m-instruct", request(said), Some(&options));
    let mut stream = match asked.await {
        Ok(answer) => answer.stream,
        Err(error) => return Seen::failed(error),
    };
    let mut seen = Seen::default();
    while let Some(event) = stream.next().await {
        match event {
            Ok(ChatStreamEvent::Chunk(chunk)) => seen.text += &chunk.content,
            Ok(ChatStreamEvent::End(end)) => ended(&mut seen, end),
            Ok(_) => {}
            Err(error) => return seen.and_failed(error),
        }
    }
    seen
}

fn ended(seen: &mut Seen, end: StreamEnd) {
    seen.finish = end
        .captured_stop_reason
        .as_ref()
        .map(|reason| format!("{reason:?}"));
    let calls = end
        .captured_content
        .map(|content| content.into_tool_calls());
    let calls = calls.into_iter().flatten().map(|call| {
        let arguments = match call.fn_arguments {
            serde_json::Value::String(text) => text,
            value => value.to_string(),
        };
        Call::new(call.call_id, call.fn_name, arguments)
    });
    seen.calls = calls.collect();
}

fn request(said: &[Said]) -> ChatRequest {
    let messages = said.iter().map(|said| match said {
        Said::User(text) => ChatMessage::user(text.as_str()),
        Said::Called(calls) => {
            let calls = calls.iter().map(|call| ToolCall {
                call_id: call.id.clone(),
                fn_name: call.name.clone(),
                fn_arguments: serde_json::from_str(&call.arguments).unwrap_or_default(),
                thought_signatures: None,
            });
            ChatMessage::from(calls.collect::<Vec<_>>())
        }
        Said::Result { call, content } => {
            ChatMessage::from(ToolResponse::new(call.id.clone(), content.clone()))
        }
    });
    let tool = Tool::new(TOOL).with_schema(schema());
    ChatRequest::new(messages.collect()).with_tools(vec![tool])
}
