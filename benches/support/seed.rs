//! The path that most Rust clients take and that this project started from: eventsource-stream,
//! serde types that own their strings, tool calls in a hash map, an owned step a delta.

use std::collections::HashMap;
use std::convert::Infallible;
use std::hint::black_box;

use bytes::Bytes;
use eventsource_stream::Eventsource;
use futures::StreamExt;
use serde::Deserialize;

#[derive(Deserialize)]
struct Chunk {
    choices: Vec<Choice>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Choice {
    delta: Delta,
}

#[derive(Deserialize)]
struct Delta {
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<ToolCall>>,
}

#[derive(Deserialize, Clone)]
struct ToolCall {
    index: usize,
    id: Option<String>,
    function: Function,
}

#[derive(Deserialize, Clone)]
struct Function {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    arguments: String,
}

#[derive(Deserialize, Clone, Default)]
struct Usage {
    prompt_tokens: usize,
    total_tokens: usize,
}

/// What the caller of that path is handed for each step.
enum Step {
    Message(String),
    ToolCall(String, String, serde_json::Value),
}

/// Reads one body; a number that depends on all of it.
pub fn complete(chunks: &[Bytes]) -> usize {
    futures::executor::block_on(read(chunks))
}

/// Only the decoder, over one body.
pub fn decode(chunks: &[Bytes]) -> usize {
    futures::executor::block_on(events(chunks).fold(0, |sum, event| async move {
        sum + event.map_or(0, |event| black_box(event).data.len())
    }))
}

async fn read(chunks: &[Bytes]) -> usize {
    let mut events = std::pin::pin!(events(chunks));
    let mut calls: HashMap<usize, (String, String, String)> = HashMap::new();
    let mut text = String::new();
    let mut usage = Usage::default();
    while let Some(Ok(event)) = events.next().await {
        if event.data.trim().is_empty() || event.data == "[DONE]" {
            continue;
        }
        let Ok(chunk) = serde_json::from_str::<Chunk>(&event.data) else {
            continue;
        };
        if let Some(choice) = chunk.choices.first() {
            for call in choice.delta.tool_calls.iter().flatten() {
                follow(&mut calls, call);
            }
            if let Some(content) = &choice.delta.content {
                text += content;
                hand_over(Step::Message(content.clone()));
            }
        }
        if let Some(counts) = chunk.usage {
            usage = counts.clone();
        }
    }
    for (_, (id, name, arguments)) in calls {
        if let Ok(arguments) = serde_json::from_str(&arguments) {
            hand_over(Step::ToolCall(id, name, arguments));
        }
    }
    text.len() + usage.total_tokens - usage.prompt_tokens
}

fn follow(calls: &mut HashMap<usize, (String, String, String)>, call: &ToolCall) {
    let function = call.function.clone();
    match function.name {
        Some(name) if function.arguments.is_empty() => {
            calls.insert(
                call.index,
                (call.id.clone().unwrap_or_default(), name, String::new()),
            );
        }
        Some(name) if !name.is_empty() => {
            if let Ok(arguments) = serde_json::from_str(&function.arguments) {
                hand_over(Step::ToolCall(
                    call.id.clone().unwrap_or_default(),
                    name,
                    arguments,
                ));
            }
        }
        _ => {
            if let Some((id, name, arguments)) = calls.get(&call.index) {
                let arguments = format!("{arguments}{}", function.arguments);
                let call_so_far = (id.clone(), name.clone(), arguments);
                calls.insert(call.index, call_so_far);
            }
        }
    }
}

fn hand_over(step: Step) {
    match black_box(step) {
        Step::Message(text) => drop(text),
        Step::ToolCall(id, name, arguments) => drop((id, name, arguments)),
    }
}

fn events(
    chunks: &[Bytes],
) -> impl futures::Stream<
    Item = Result<eventsource_stream::Event, eventsource_stream::EventStreamError<Infallible>>,
> + '_ {
    futures::stream::iter(chunks.iter().cloned().map(Ok::<_, Infallible>)).eventsource()
}
