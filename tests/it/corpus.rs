use std::collections::BTreeMap;

use rigtape::transcript::{Ending, Part, Transcript};
use serde_json::{Value, json};

use crate::support::corpus::{Session, of_dialect};

/// What `expected.json` states, taken from our transcript.
fn view(transcript: &Transcript) -> BTreeMap<&'static str, Value> {
    let empty = Vec::new();
    let first = transcript.choices.first();
    let parts = first.map_or(&empty, |choice| &choice.parts);
    let join = |pick: fn(&Part) -> Option<&str>| -> Option<String> {
        let texts: Vec<&str> = parts.iter().filter_map(pick).collect();
        (!texts.is_empty()).then(|| texts.concat())
    };
    let text = join(|part| match part {
        Part::Text { text } => Some(text),
        _ => None,
    });
    let refusal = join(|part| match part {
        Part::Refusal { text } => Some(text),
        _ => None,
    });
    let reasoning = join(|part| match part {
        Part::Reasoning { text, .. } => Some(text),
        _ => None,
    });
    let calls: Vec<Value> = parts
        .iter()
        .filter_map(|part| match part {
            Part::ToolCall(call) => Some(json!({
                "index": call.index,
                "id": call.id,
                "name": call.name,
                "arguments": call.arguments,
                "arguments_json": call.arguments_json.as_ref().map(|json| json.read::<Value>().unwrap()),
            })),
            _ => None,
        })
        .collect();
    BTreeMap::from([
        ("text", json!(text.unwrap_or_default())),
        ("refusal", json!(refusal)),
        ("reasoning", json!(reasoning)),
        ("tool_calls", json!(calls)),
        (
            "finish_reason",
            json!(first.and_then(|choice| choice.finish_reason.clone())),
        ),
        ("model", json!(transcript.model)),
        ("response_id", json!(transcript.response_id)),
        ("usage", serde_json::to_value(transcript.usage).unwrap()),
        (
            "usage_raw",
            transcript
                .usage_raw
                .as_ref()
                .map_or(Value::Null, |json| json.read().unwrap()),
        ),
        ("choices", json!(transcript.choices.len())),
        (
            "error",
            transcript
                .error
                .as_ref()
                .map_or(Value::Null, |json| json.read().unwrap()),
        ),
    ])
}

fn assemble(session: &Session) -> Transcript {
    let dialect = rigtape::dialect::by_name(&session.dialect).unwrap();
    let mut assembler = dialect.assembler();
    assembler.feed(&session.body);
    assembler.finish()
}

#[test]
fn every_chat_session_gives_what_the_official_sdks_assemble() {
    let Some(sessions) = of_dialect("openai-chat") else {
        return;
    };
    let mut differences = Vec::new();
    let mut equal: BTreeMap<&str, usize> = BTreeMap::new();
    for session in &sessions {
        let transcript = assemble(session);
        for (field, ours) in view(&transcript) {
            // The id that perplexity changes in every chunk is an artefact of the corpus.
            if field == "response_id" && session.provider == "perplexity" {
                continue;
            }
            let theirs = &session.expected[field];
            if ours == *theirs {
                *equal.entry(field).or_default() += 1;
            } else {
                differences.push(format!(
                    "{} {field}\n  ours   {ours}\n  theirs {theirs}",
                    session.name
                ));
            }
        }
        let sentinel = session.expected["done_sentinel"].as_bool();
        if transcript.terminator != sentinel {
            differences.push(format!("{} done_sentinel", session.name));
        }
        if transcript.ending != Ending::Complete {
            differences.push(format!("{} is {}", session.name, transcript.ending));
        }
    }
    for (field, count) in equal {
        eprintln!("{field:16}{count:4} of {}", sessions.len());
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert_eq!(sessions.len(), 164, "openai-chat sessions in the corpus");
}
