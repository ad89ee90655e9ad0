//! The defects of the assembler that this one replaces, one test each.

use super::{call, called, chat, delta, finished};
use crate::support::stream::{calls, parts, violations};
use rigtape::dialect::by_name;
use rigtape::transcript::Ending;
use serde_json::json;

#[test]
fn calls_come_in_the_order_in_which_they_opened() {
    let pieces: Vec<String> = (0..40)
        .rev()
        .map(|n| {
            format!(
                r#""index":{n},"id":"call_{n}","function":{{"name":"f{n}","arguments":"{{}}"}}"#
            )
        })
        .collect();
    let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
    let transcript = called(&pieces);
    let expected: Vec<String> = (0..40)
        .rev()
        .map(|n| format!("{n} call_{n} f{n} {{}}"))
        .collect();
    assert_eq!(calls(&transcript), expected);
}

#[test]
fn an_error_chunk_ends_in_an_error() {
    let transcript = chat(&[
        &delta(r#"{"content":"Hal"}"#),
        r#"{"error":{"message":"overloaded","code":503}}"#,
    ]);
    assert_eq!(transcript.ending, Ending::Errored);
    assert_eq!(
        transcript.error.unwrap().as_str(),
        r#"{"message":"overloaded","code":503}"#
    );
    assert_eq!(
        transcript.choices[0].parts.len(),
        1,
        "what came before is kept"
    );
}

#[test]
fn a_chunk_that_does_not_parse_is_a_violation() {
    let transcript = chat(&[
        &delta(r#"{"content":"a"}"#),
        r#"{"choices":[{"index":0,"delta":{"content":"#,
        r#"{"choices":[{"index":0,"delta":{"content":"b"},"finish_reason":"stop"}]}"#,
        "[DONE]",
    ]);
    assert_eq!(violations(&transcript), ["2 invalid_json"]);
    assert_eq!(transcript.text(), "ab");
    assert_eq!(transcript.ending, Ending::Complete);
    assert!(!transcript.is_clean());
}

#[test]
fn empty_arguments_are_a_call_without_arguments() {
    let transcript = called(&[r#""index":0,"id":"c","function":{"name":"now","arguments":""}"#]);
    let call = transcript.tool_calls().next().unwrap();
    assert_eq!(call.arguments, "");
    assert_eq!(call.arguments_json.as_ref().unwrap().as_str(), "{}");
    assert!(transcript.is_clean());
}

#[test]
fn a_first_fragment_with_name_and_partial_arguments_is_kept() {
    let transcript = called(&[
        r#""index":0,"id":"c","function":{"name":"f","arguments":"{\"a\""}"#,
        r#""index":0,"function":{"arguments":":1}"}"#,
    ]);
    assert_eq!(calls(&transcript), [r#"0 c f {"a":1}"#]);
    assert!(transcript.is_clean());
}

#[test]
fn a_delta_with_neither_name_nor_arguments_does_no_harm() {
    let transcript = called(&[
        r#""index":0,"id":"c","function":{"name":"f","arguments":"{}"}"#,
        r#""index":0"#,
        r#""index":0,"function":{}"#,
        r#""index":0,"id":null,"function":null"#,
    ]);
    assert_eq!(calls(&transcript), ["0 c f {}"]);
    assert!(transcript.is_clean());
}

#[test]
fn counts_that_do_not_add_up_are_kept_as_the_wire_states_them() {
    let transcript = chat(&[
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":3}}"#,
    ]);
    assert_eq!(transcript.usage.input_tokens, Some(9));
    assert_eq!(transcript.usage.output_tokens, Some(2));
    assert_eq!(transcript.usage.total_tokens, Some(3));
}

#[test]
fn every_choice_is_read() {
    let transcript = chat(&[
        r#"{"choices":[{"index":1,"delta":{"content":"b"}},{"index":0,"delta":{"content":"a"}}]}"#,
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"},{"index":1,"delta":{},"finish_reason":"length"}]}"#,
    ]);
    let seen: Vec<_> = transcript
        .choices
        .iter()
        .map(|choice| {
            (
                choice.index,
                choice.parts[0].as_text(),
                choice.finish_reason.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [(0, Some("a"), Some("stop")), (1, Some("b"), Some("length"))]
    );
}

#[test]
fn refusal_reasoning_and_finish_reason_are_read() {
    let transcript = finished(
        &[
            r#"{"reasoning_content":"Hm"}"#,
            r#"{"reasoning_content":"m."}"#,
            r#"{"refusal":"I can"}"#,
            r#"{"refusal":"'t."}"#,
        ],
        "stop",
    );
    assert_eq!(parts(&transcript), ["reasoning: Hmm.", "refusal: I can't."]);
    assert_eq!(transcript.choices[0].finish_reason.as_deref(), Some("stop"));
}

#[test]
fn a_stream_cut_before_its_finish_is_truncated() {
    let cut = chat(&[&delta(r#"{"content":"The answer is"}"#)]);
    assert_eq!(cut.ending, Ending::Truncated);
    assert_eq!(cut.terminator, Some(false));
    let done_alone = chat(&[&delta(r#"{"content":"The answer is"}"#), "[DONE]"]);
    assert_eq!(
        done_alone.ending,
        Ending::Truncated,
        "[DONE] is not the word"
    );
    assert_eq!(done_alone.terminator, Some(true));
    let call = chat(&[&delta(&call(
        r#""index":0,"id":"c","function":{"name":"pay","arguments":"{}"}"#,
    ))]);
    assert_eq!(call.ending, Ending::Truncated);
    assert_eq!(chat(&[]).ending, Ending::Truncated, "not a byte");
}

#[test]
fn the_callers_stream_options_stay() {
    let chat = by_name("openai-chat").unwrap();
    let merged = |body| chat.streaming_body(body).unwrap();
    assert_eq!(
        merged(
            json!({"model": "m", "stream": false, "stream_options": {"include_obfuscation": false}})
        ),
        json!({"model": "m", "stream": true,
               "stream_options": {"include_obfuscation": false, "include_usage": true}})
    );
    assert_eq!(
        merged(json!({"stream_options": null})),
        json!({"stream": true, "stream_options": {"include_usage": true}})
    );
    let own = json!({"stream_options": {"include_usage": false}});
    assert_eq!(merged(own)["stream_options"]["include_usage"], false);
    assert_eq!(chat.streaming_body(json!([])), Err("an array"));
}
