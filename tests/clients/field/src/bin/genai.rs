//! genai, its streamed answer captured by itself.

use std::process::ExitCode;

use futures::StreamExt as _;
use genai::adapter::AdapterKind;
use genai::chat::{ChatMessage, ChatOptions, ChatRequest, ChatStreamEvent, Tool};
use genai::resolver::{AuthData, Endpoint, ServiceTargetResolver};
use genai::{Client, ModelIden, ServiceTarget};
use rigtape_field::{MODEL, QUESTION, Seen, TOOL, base_url, say, schema};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    say(ask().await.map_err(|error| error.to_string()), true)
}

async fn ask() -> Result<Seen, Box<dyn std::error::Error>> {
    // Without the slash, genai drops the URL's last segment.
    let url = format!("{}/", base_url());
    let resolver = ServiceTargetResolver::from_resolver_fn(
        move |target: ServiceTarget| -> Result<ServiceTarget, genai::resolver::Error> {
            Ok(ServiceTarget {
                endpoint: Endpoint::from_owned(url.clone()),
                auth: AuthData::from_single("none"),
                model: ModelIden::new(AdapterKind::OpenAI, target.model.model_name),
            })
        },
    );
    let client = Client::builder()
        .with_service_target_resolver(resolver)
        .build()?;
    let tool = Tool::new(TOOL).with_schema(schema());
    let request = ChatRequest::new(vec![ChatMessage::user(QUESTION)]).with_tools(vec![tool]);
    let options = ChatOptions::default()
        .with_capture_content(true)
        .with_capture_tool_calls(true);
    let answer = client.exec_chat_stream(MODEL, request, Some(&options));
    let mut stream = answer.await?.stream;
    let mut seen = Seen::default();
    while let Some(event) = stream.next().await {
        match event? {
            ChatStreamEvent::Chunk(chunk) => seen.text += &chunk.content,
            ChatStreamEvent::End(end) => {
                let finish = end.captured_stop_reason.as_ref();
                seen.finish = finish.map(|reason| format!("{reason:?}"));
                let calls = end.captured_content.map(|content| content.into_tool_calls());
                for call in calls.into_iter().flatten() {
                    seen.calls
                        .push([call.call_id, call.fn_name, call.fn_arguments.to_string()]);
                }
            }
            _ => {}
        }
    }
    Ok(seen)
}
