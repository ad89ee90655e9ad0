//! An ordinary chunk is read in one pass, an odd one by name; both must read the same. An escape in
//! a member's name makes any chunk an odd one.

use proptest::prelude::*;
use rigtape::transcript::Transcript;

use crate::support::corpus::sessions;
use crate::support::stream::{deltas, sse};

/// The same object, read the other way.
fn odd(data: &str) -> String {
    match data.strip_prefix('{') {
        Some(rest) if rest.trim_start().starts_with('}') => data.to_owned(),
        Some(rest) => format!("{{\"\\u007a\":0,{rest}"),
        None => data.to_owned(),
    }
}

fn read(data: &[&str]) -> Transcript {
    let mut transcript = deltas("openai-chat", &sse(data)).1;
    for violation in &mut transcript.violations {
        if violation.kind.as_str() == "invalid_json" {
            // The place that the parser names has moved.
            violation.detail.clear();
        }
    }
    transcript
}

fn assert_same(data: &[&str]) {
    let odd: Vec<String> = data.iter().map(|data| odd(data)).collect();
    let odd: Vec<&str> = odd.iter().map(String::as_str).collect();
    assert_eq!(read(data), read(&odd), "{data:#?}");
}

#[test]
fn every_session_of_the_corpus() {
    for session in sessions().into_iter().flatten() {
        if session.dialect == "openai-chat" {
            let body = String::from_utf8(session.body).unwrap();
            let data: Vec<&str> = body
                .lines()
                .filter_map(|line| line.strip_prefix("data: "))
                .collect();
            assert_same(&data);
        }
    }
}

const CHUNKS: [&str; 6] = [
    r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"Hi \"there\"\n"},"logprobs":null,"finish_reason":null}],"usage":null}"#,
    r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":"{\"x\":"}},{"index":1,"id":"b","custom":{"name":"g","input":"i"}}]}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"reasoning_content":"r","reasoning":"s","refusal":null,"function_call":{"name":"h","arguments":""}},"logprobs":{"content":[{"token":"a","logprob":-1.5}]}}],"x_groq":{"usage":{"prompt_tokens":1}}}"#,
    r#"{"choices":[{"index":1,"message":{"content":"whole"},"finish_reason":"stop"},{"index":0,"delta":{},"finish_reason":"length"}],"usage":{"prompt_tokens":1,"completion_tokens":2.5,"total_tokens":18446744073709551616}}"#,
    r#"{"choices":[],"error":{"message":"x"}}"#,
    r#"{"choices":[{"index":0,"delta":{"content":"a"},"delta":null,"delta":{"content":"b"}},{"index":0,"delta":{"content":[{"type":"text","text":"c"}],"tool_calls":null}}],"choices":[{"index":0,"finish_reason":"stop","finish_reason":null,"delta":{"content":"d","content":"\ud83d"}}]}"#,
];

#[test]
fn the_chunks_as_they_are() {
    assert_same(&CHUNKS);
    CHUNKS.iter().for_each(|chunk| assert_same(&[chunk]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn chunks_with_damage(
        which in 0usize..6,
        damage in prop::collection::vec(
            (any::<prop::sample::Index>(), 0usize..3, prop::sample::select(
                br#"{}[]",:\ 0129.-eEntu/u"#.to_vec())),
            1..4,
        ),
    ) {
        let mut bytes = CHUNKS[which].as_bytes().to_vec();
        for (at, how, byte) in damage {
            // The opening brace stays, and with it the way to make the chunk odd.
            let at = 1 + at.index(bytes.len() - 1);
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => _ = bytes.remove(at),
            }
        }
        let text = String::from_utf8(bytes).unwrap();
        assert_same(&[&text, CHUNKS[0]]);
    }
}
