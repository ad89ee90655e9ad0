//! The stream that all servers send: 63 chunks of 320 bytes.

use std::time::Duration;

use bytes::Bytes;
use rigtape::Offset;
use rigtape::cassette::{Body, Chunk, End, Framing, How, Interaction, Request, Response, Writer};

pub const CHUNKS: usize = 63;
pub const CHUNK: usize = 320;

/// What a client asks, a few hundred bytes of it; `number` makes it one of many.
pub fn asks(number: usize) -> String {
    format!(
        r#"{{"model":"gpt-4o","stream":true,"temperature":0,"messages":[{{"role":"system","content":"You are a helpful assistant that answers in one short paragraph."}},{{"role":"user","content":"What is the weather in place {number}, and what should I wear?"}}]}}"#
    )
}

pub fn chunk(number: usize) -> Bytes {
    let start = format!(
        r#"data: {{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"gpt-4o","choices":[{{"index":0,"delta":{{"content":"word {number} "#
    );
    let width = CHUNK - start.len() - r#""},"finish_reason":null}]}"#.len() - 2;
    let text = format!("{start}{:x>width$}\"}},\"finish_reason\":null}}]}}\n\n", "");
    assert_eq!(text.len(), CHUNK);
    text.into()
}

/// An interaction of so many chunks, the first `gap` after its head.
pub fn interaction(number: usize, chunks: usize, gap: Duration) -> Interaction {
    let at = |i: usize| Offset::from(gap * i as u32);
    let mut request = Request::new(1, "POST", "/v1/chat/completions");
    request.headers.push("content-type", "application/json");
    request.body = Body::from_bytes(asks(number));
    let mut of = Interaction::new(request);
    let mut head = Response::new(1, at(0), 200);
    head.framing = Some(Framing::Chunked);
    head.headers.push("content-type", "text/event-stream");
    of.response = Some(head);
    of.chunks = (0..chunks)
        .map(|i| Chunk::new(1, at(i + 1), chunk(i)))
        .collect();
    of.end = Some(End::new(1, at(chunks), How::Complete));
    of
}

/// The tape of one interaction.
pub fn text(number: usize, chunks: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let header = rigtape::cassette::Header::new();
    let mut writer = Writer::new(&mut bytes, "a tape", &header).expect("memory");
    let of = interaction(number, chunks, Duration::ZERO);
    writer.write(&of.request.into()).expect("memory");
    writer
        .write(&of.response.expect("a head").into())
        .expect("memory");
    for chunk in of.chunks {
        writer.write(&chunk.into()).expect("memory");
    }
    writer
        .write(&of.end.expect("an end").into())
        .expect("memory");
    drop(writer);
    bytes
}
