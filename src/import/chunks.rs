//! Fixtures of payloads, one JSON value a line, as the Vercel AI SDK keeps them (`*.chunks.txt`).
//!
//! The frames around the payloads are not in the file. They are written as server-sent events, with
//! an `event` line where the payload names its type, as the wires that have such lines do.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::draft::{Draft, Exchange};
use super::error::Wrong;
use super::{Importer, Note, Read};
use crate::cassette::Headers;

pub(super) static CHUNKS: Importer = Importer {
    name: "chunks",
    about: "payloads of a stream, one JSON value a line (Vercel AI SDK's fixtures)",
    docs: "https://github.com/vercel/ai/blob/main/CONTRIBUTING.md",
    endings: &[".chunks.txt", ".chunks.jsonl", ".ndjson", ".txt", ".jsonl"],
    read: Read::Text(read),
};

#[derive(Deserialize)]
struct Typed {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    rigtape: Option<Box<RawValue>>,
}

fn read(text: &str, draft: &mut Draft<'_>) -> Result<(), Wrong> {
    let mut body = String::with_capacity(text.len() + text.len() / 8);
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_end_matches('\r');
        if line.trim().is_empty() {
            continue;
        }
        frame(line, &mut body).map_err(|found| Wrong::at(index as u64 + 1, found))?;
    }
    if body.is_empty() {
        return Ok(());
    }
    let target = draft.options.target.as_deref().unwrap_or("/");
    let mut of = Exchange::new("POST", target);
    of.headers = Headers::from_iter([("content-type", "text/event-stream")]);
    of.body = Bytes::from(body);
    of.notes.extend([
        Note::RequestUnknown,
        Note::StatusUnknown,
        Note::HeadersUnknown,
        Note::FramingSupplied,
        Note::EndUnknown,
    ]);
    draft.add(of);
    Ok(())
}

fn frame(line: &str, body: &mut String) -> Result<(), String> {
    if line.trim() != "[DONE]" {
        if let Err(error) = serde_json::from_str::<&RawValue>(line) {
            let hint = match line {
                line if line.starts_with("data:") || line.starts_with("event:") => {
                    "; this is a stream with its frames: `rigtape import sse`"
                }
                _ => "",
            };
            return Err(format!("expected one JSON value: {error}{hint}"));
        }
        if let Ok(typed) = serde_json::from_str::<Typed>(line) {
            if typed.rigtape.is_some() {
                return Err("this is a cassette of rigtape already".to_owned());
            }
            let plain = |kind: &String| !kind.is_empty() && !kind.contains(['\r', '\n']);
            if let Some(kind) = typed.kind.filter(plain) {
                body.push_str("event: ");
                body.push_str(&kind);
                body.push('\n');
            }
        }
    }
    body.push_str("data: ");
    body.push_str(line);
    body.push_str("\n\n");
    Ok(())
}
