//! An ordinary delta is read in one pass, an odd one by name; both must read the same. An escape in
//! a member's name makes any frame an odd one. (Those of Chat Completions: `chat::two_ways`.)

use proptest::prelude::*;
use rigtape::transcript::Transcript;

use crate::support::corpus::sessions;
use crate::support::stream::read_once;

/// A stream of one dialect: what opens it, and frames that any order may follow in. In their data
/// stands all that the fast way looks at.
struct Stream {
    dialect: &'static str,
    opening: &'static [&'static str],
    frames: &'static [&'static str],
}

const STREAMS: [Stream; 4] = [
    Stream {
        dialect: "anthropic-messages",
        opening: &[
            r#"{"type":"message_start","message":{"id":"m","model":"n","content":[]}}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
            r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"i","name":"f","input":{}}}"#,
            r#"{"type":"content_block_start","index":2,"content_block":{"type":"thinking","thinking":""}}"#,
            r#"{"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"j","name":"g","input":{"a":1}}}"#,
            r#"{"type":"content_block_start","index":4,"content_block":{"type":"server_tool_use","id":"k","input":{}}}"#,
        ],
        frames: &[
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi \"you\"\n"}}"#,
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"x\":1}"}}"#,
            r#"{"type":"content_block_delta","index":2,"delta":{"type":"thinking_delta","thinking":"hm","text":null}}"#,
            r#"{"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"{}"},"usage":{"output_tokens":1}}"#,
            r#"{"type":"content_block_delta","index":4,"delta":{"type":"input_json_delta","partial_json":"{}"},"error":null}"#,
            r#"{"delta":{"text":"a","type":"text_delta"},"delta":{"text":"\ud83d","text":"b","type":"text_delta"},"type":"content_block_delta"}"#,
            r#"{"type":"content_block_delta","index":2,"delta":{"type":"signature_delta","signature":"s"}}"#,
            r#"{"type":"content_block_stop","index":0}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}"#,
            r#"{"type":"message_stop"}"#,
        ],
    },
    Stream {
        dialect: "cohere-v2",
        opening: &[
            r#"{"id":"c","type":"message-start","delta":{"message":{"role":"assistant"}}}"#,
            r#"{"type":"content-start","index":0,"delta":{"message":{"content":{"type":"text","text":""}}}}"#,
            r#"{"type":"content-start","index":1,"delta":{"message":{"content":{"type":"thinking","thinking":""}}}}"#,
            r#"{"type":"content-start","index":2,"delta":{"message":{"content":{"type":"image"}}}}"#,
            r#"{"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{"id":"i","function":{"name":"f","arguments":""}}}}}"#,
        ],
        frames: &[
            r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"Hi \"you\"\n"}}}}"#,
            r#"{"type":"content-delta","index":1,"delta":{"message":{"content":{"thinking":"hm","text":null}}}}"#,
            r#"{"type":"content-delta","index":2,"delta":{"message":{"content":{"url":"u"}}},"logprobs":{"text":"t","token_ids":[1]}}"#,
            r#"{"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"{\"x\":1}"}}}}}"#,
            r#"{"type":"tool-call-delta","delta":{"message":{"tool_calls":{"function":{"arguments":{"y":[]}}}}},"error":null}"#,
            r#"{"delta":{"message":{"content":{"text":"a"},"content":{"text":"b","text":"c"}},"message":{"content":{"text":"d"},"content":{}}},"type":"content-delta"}"#,
            r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"thinking":"e","text":"f"},"tool_calls":{"function":{"arguments":"g"}}}}}"#,
            r#"{"type":"content-end","index":0}"#,
            r#"{"type":"tool-call-end","index":0}"#,
            r#"{"type":"message-end","delta":{"finish_reason":"COMPLETE","usage":{"tokens":{"input_tokens":1}}}}"#,
        ],
    },
    Stream {
        dialect: "gemini",
        opening: &[],
        frames: &[
            r#"{"candidates":[{"content":{"parts":[{"text":"Hi \"you\"\n"}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":1,"totalTokenCount":10,"promptTokensDetails":[{"tokenCount":9}]},"modelVersion":"m","responseId":"r"}"#,
            r#"{"candidates":[{"content":{"parts":[{"text":"hm","thought":true,"videoMetadata":null}]}}],"usageMetadata":{ "thoughtsTokenCount" : 3 , "cachedContentTokenCount":null}}"#,
            r#"{"candidates":[{"content":{"parts":[{"text":"a"},{"text":"b"}]},"index":1,"finishReason":"STOP"},{"index":2,"content":{"parts":[{"text":"c","thoughtSignature":"s"}]}}]}"#,
            r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"x":1}}}]}}],"error":null}"#,
            r#"{"candidates":[{"content":{"parts":[{"text":"d"}],"parts":[]},"content":{"parts":[{"text":"e","text":null,"thought":false}]}}],"usageMetadata":{"totalTokenCount":4},"usageMetadata":null}"#,
            r#"{"candidates":[{"content":{"parts":[{"text":"\ud83d"}]}}],"candidates":[]}"#,
            r#"{"candidates":[{"index":0,"finishReason":"STOP","finishMessage":"x","citationMetadata":{}}]}"#,
            r#"{"candidates":[{"content":{"parts":[{"text":"f"}]},"finishReason":"MAX_TOKENS","logprobsResult":null}],"promptFeedback":{"blockReason":"SAFETY"}}"#,
            r#"{"response":{"candidates":[{"content":{"parts":[{"text":"g"}]}}]}}"#,
            r#"{"usageMetadata":{"promptTokenCount":1}}"#,
        ],
    },
    Stream {
        dialect: "gemini-interactions",
        opening: &[
            r#"{"event_type":"interaction.created","interaction":{"id":"i","model":"m","status":"in_progress"}}"#,
            r#"{"event_type":"step.start","index":0,"step":{"type":"model_output"}}"#,
            r#"{"event_type":"step.start","index":1,"step":{"type":"thought"}}"#,
            r#"{"event_type":"step.start","index":2,"step":{"type":"function_call","id":"c","name":"f","arguments":{}}}"#,
        ],
        frames: &[
            r#"{"event_type":"step.delta","index":0,"delta":{"type":"text","text":"Hi \"you\"\n"}}"#,
            r#"{"event_type":"content.delta","index":0,"event_id":"e","delta":{"text":"a","type":"text","annotations":[]}}"#,
            r#"{"event_type":"step.delta","index":1,"delta":{"type":"thought_summary","content":{"type":"text","text":"hm"}}}"#,
            r#"{"event_type":"step.delta","index":2,"delta":{"type":"arguments_delta","arguments":"{\"x\":1}"}}"#,
            r#"{"delta":{"type":"text","text":"b","text":"c"},"delta":{"text":"d","type":"image","type":"text"},"event_type":"step.delta"}"#,
            r#"{"event_type":"step.delta","index":7,"delta":{"type":"text","text":"\ud83d"},"error":null}"#,
            r#"{"event_type":"step.delta","index":1,"delta":{"type":"text","text":"e"},"error":"broken"}"#,
            r#"{"event_type":"step.delta","index":0,"delta":{"type":"image","data":"AAAA"}}"#,
            r#"{"event_type":"step.stop","index":0}"#,
            r#"{"event_type":"interaction.completed","interaction":{"id":"i","status":"completed","usage":{"total_tokens":3}}}"#,
        ],
    },
];

/// The same body with every object in its `data` lines made one to be read the other way.
fn odd(body: &str) -> String {
    let mut odd = String::new();
    for line in body.lines() {
        match line.strip_prefix("data: {") {
            Some(rest) if !rest.trim_start().starts_with('}') => {
                odd.push_str("data: {\"\\u007a\":0,");
                odd.push_str(rest);
            }
            _ => odd.push_str(line),
        }
        odd.push('\n');
    }
    odd
}

fn read(dialect: &str, body: &str) -> Transcript {
    let mut transcript = read_once(dialect, body.as_bytes());
    for violation in &mut transcript.violations {
        if violation.kind.as_str() == "invalid_json" {
            // The place that the parser names has moved.
            violation.detail.clear();
        }
    }
    transcript
}

fn assert_same(dialect: &str, body: &str) {
    assert_eq!(
        read(dialect, body),
        read(dialect, &odd(body)),
        "{dialect}: {body}"
    );
}

impl Stream {
    /// The body of the opening and these frames, each under an `event:` line unless that is empty.
    fn body<'a>(&self, frames: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
        let opening = self.opening.iter().map(|data| ("", *data));
        let mut body = String::new();
        for (line, data) in opening.chain(frames) {
            if !line.is_empty() {
                body.push_str("event: ");
                body.push_str(line);
                body.push('\n');
            }
            body.push_str("data: ");
            body.push_str(data);
            body.push_str("\n\n");
        }
        body
    }
}

#[test]
fn every_session_of_the_corpus() {
    for session in sessions().into_iter().flatten() {
        if STREAMS.iter().any(|s| s.dialect == session.dialect) {
            assert_same(&session.dialect, &String::from_utf8(session.body).unwrap());
        }
    }
}

#[test]
fn the_frames_as_they_are() {
    for stream in &STREAMS {
        let frames = stream.frames;
        assert_same(
            stream.dialect,
            &stream.body(frames.iter().map(|data| ("", *data))),
        );
        for first in frames {
            for second in frames {
                assert_same(stream.dialect, &stream.body([("", *first), ("", *second)]));
            }
        }
    }
}

#[test]
fn the_event_line_agrees_or_not() {
    let lines = [
        "message",
        "content_block_delta",
        "content-delta",
        "tool-call-delta",
        "step.delta",
        "content.delta",
        "ping",
    ];
    for stream in &STREAMS {
        for line in lines {
            let frames = stream.frames.iter().map(|data| (line, *data));
            assert_same(stream.dialect, &stream.body(frames));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6000))]

    #[test]
    fn frames_with_damage(
        stream in 0usize..4,
        which in any::<prop::sample::Index>(),
        damage in prop::collection::vec(
            (any::<prop::sample::Index>(), 0usize..3, prop::sample::select(
                br#"{}[]",:\ 0129.-eEntu/u"#.to_vec())),
            1..4,
        ),
    ) {
        let stream = &STREAMS[stream];
        let data = stream.frames[which.index(stream.frames.len())];
        let mut bytes = data.as_bytes().to_vec();
        for (at, how, byte) in damage {
            // The opening brace stays, and with it the way to make the frame odd.
            let at = 1 + at.index(bytes.len() - 1);
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => _ = bytes.remove(at),
            }
        }
        let damaged = String::from_utf8(bytes).unwrap();
        assert_same(stream.dialect, &stream.body([("", &*damaged), ("", data)]));
    }
}
