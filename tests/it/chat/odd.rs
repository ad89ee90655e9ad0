//! What is read where the wire is odd.

use super::{chat, delta, finished};
use crate::support::stream::{parts, read, sse, violations};
use rigtape::transcript::{Ending, Transcript};

#[test]
fn a_cut_between_finish_and_terminator_is_complete() {
    let transcript = chat(&[
        r#"{"id":"r","model":"m","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}"#,
    ]);
    assert_eq!(transcript.ending, Ending::Complete);
    assert_eq!(transcript.terminator, Some(false));
    assert_eq!(transcript.usage.total_tokens, None);
    assert!(transcript.is_clean());
}

#[test]
fn one_choice_without_a_finish_leaves_the_turn_truncated() {
    let transcript = chat(&[
        r#"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}"#,
        r#"{"choices":[{"index":1,"delta":{"content":"b"}}]}"#,
        "[DONE]",
    ]);
    assert_eq!(transcript.ending, Ending::Truncated);
}

#[test]
fn zero_choices_are_never_complete() {
    let transcript = chat(&[
        r#"{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":0,"total_tokens":1}}"#,
        "[DONE]",
    ]);
    assert_eq!(transcript.ending, Ending::Truncated);
    assert_eq!(transcript.usage.total_tokens, Some(1));
}

#[test]
fn errors_on_the_wire_in_all_their_places() {
    let started = delta(r#"{"content":"a"}"#);
    let finish = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
    for error in [
        r#"{"error":{"message":"x"}}"#,
        r#"{"error":"x"}"#,
        r#"{"choices":[],"error":{"message":"x"}}"#,
        r#"{"choices":[{"index":0,"delta":{"content":""},"error":{"code":502}}]}"#,
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"error"}]}"#,
    ] {
        let transcript = chat(&[&started, finish, error, "[DONE]"]);
        assert_eq!(transcript.ending, Ending::Errored, "{error}");
        assert_eq!(transcript.text(), "a", "{error}");
    }
    for nothing in [
        r#"{"choices":[],"error":null}"#,
        r#"{"choices":[],"error":""}"#,
    ] {
        let transcript = chat(&[&started, finish, nothing, "[DONE]"]);
        assert!(transcript.is_clean(), "{nothing}");
    }
}

#[test]
fn an_error_sent_as_an_sse_field_is_an_error() {
    let body = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n\
        error: {\"code\":500,\"message\":\"slot lost\"}\n\ndata: [DONE]\n\n";
    let transcript = read("openai-chat", body);
    assert_eq!(transcript.ending, Ending::Errored);
    assert_eq!(
        transcript.error.unwrap().as_str(),
        r#"{"code":500,"message":"slot lost"}"#
    );
}

#[test]
fn an_error_after_done_still_counts_and_nothing_else_does() {
    let finish = r#"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}"#;
    let error = chat(&[finish, "[DONE]", r#"{"error":{"message":"late"}}"#]);
    assert_eq!(error.ending, Ending::Errored);
    let again = chat(&[finish, " [DONE] ", "[DONE]"]);
    assert!(again.is_clean());
    let content = chat(&[finish, "[DONE]", &delta(r#"{"content":"more"}"#), "42"]);
    assert_eq!(content.text(), "a");
    assert_eq!(content.ending, Ending::Complete);
    assert_eq!(
        violations(&content),
        ["3 after_terminator", "4 after_terminator"]
    );
}

#[test]
fn a_repeated_finish_is_ordinary_and_a_different_one_is_noted() {
    let with = |reason: &str| {
        format!(
            r#"{{"choices":[{{"index":0,"delta":{{"content":""}},"finish_reason":{reason}}}]}}"#
        )
    };
    let same = chat(&[
        &with(r#""stop""#),
        &with(r#""stop""#),
        &with("null"),
        &with(r#""""#),
    ]);
    assert!(same.is_clean());
    let other = chat(&[&with(r#""stop""#), &with(r#""length""#)]);
    assert_eq!(other.choices[0].finish_reason.as_deref(), Some("length"));
    assert_eq!(violations(&other), ["2 finish_changed"]);
    let empty = chat(&[&with(r#""""#)]);
    assert_eq!(empty.ending, Ending::Truncated);
}

#[test]
fn content_after_a_finish_is_content_and_noted() {
    let transcript = chat(&[
        r#"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}"#,
        &delta(r#"{"content":"b"}"#),
        "[DONE]",
    ]);
    assert_eq!(transcript.text(), "ab");
    assert_eq!(violations(&transcript), ["2 after_finish"]);
}

#[test]
fn fields_of_the_wrong_type_count_as_absent() {
    let transcript = chat(&[
        r#"{"id":7,"model":["m"],"choices":[{"index":"0","delta":{"content":12,"refusal":{},"role":5},"finish_reason":1}]}"#,
        r#"{"choices":{"index":0}}"#,
        "42",
        r#"[{"choices":[]}]"#,
        r#"{"choices":null,"usage":"many"}"#,
        r#"{"choices":[7,{"index":0,"delta":"text"},{"index":0,"delta":{"content":"ok"},"finish_reason":"stop"}],"usage":{"prompt_tokens":18446744073709551616,"completion_tokens":-1,"total_tokens":3}}"#,
    ]);
    assert_eq!(transcript.text(), "ok");
    assert_eq!(transcript.ending, Ending::Complete);
    assert_eq!(transcript.usage.total_tokens, Some(3));
    assert_eq!(transcript.usage.input_tokens, None);
    let kinds = violations(&transcript);
    let count = |of: &str| kinds.iter().filter(|kind| *kind == of).count();
    assert_eq!(count("1 wrong_type"), 6, "{kinds:?}");
    assert_eq!(count("2 wrong_type"), 1);
    assert_eq!(count("3 not_an_object"), 1);
    assert_eq!(count("4 not_an_object"), 1);
    assert_eq!(count("5 wrong_type"), 1, "choices: null is ordinary");
    assert_eq!(count("6 wrong_type"), 4);
}

#[test]
fn of_duplicate_members_the_last_wins() {
    let transcript = chat(&[
        r#"{"choices":[],"choices":[{"index":3,"index":0,"delta":{"content":"no"},"delta":{"content":"x","content":"yes"},"finish_reason":"stop"}]}"#,
    ]);
    assert_eq!(transcript.text(), "yes");
    assert_eq!(transcript.choices.len(), 1);
    assert!(transcript.is_clean());
}

#[test]
fn surrogate_halves_join_over_deltas_or_become_replacement_characters() {
    let joined = finished(
        &[r#"{"content":"a\ud83d"}"#, r#"{"content":"\ude00b"}"#],
        "stop",
    );
    assert_eq!(joined.text(), "a😀b");
    assert!(joined.is_clean());
    let alone = finished(
        &[
            r#"{"content":"\ude00a\ud83d"}"#,
            r#"{"content":"b"}"#,
            r#"{"content":"c\ud83d"}"#,
        ],
        "stop",
    );
    assert_eq!(alone.text(), "\u{FFFD}a\u{FFFD}bc\u{FFFD}");
    assert_eq!(
        violations(&alone),
        ["1 lone_surrogate", "2 lone_surrogate", "3 lone_surrogate"]
    );
}

#[test]
fn an_array_for_content_is_read_part_by_part() {
    let transcript = finished(
        &[
            r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"Hm"}]}]}"#,
            r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"m"}]},{"type":"text","text":"Yes"}]}"#,
            r#"{"content":[{"type":"text","text":"."},{"type":"reference","reference_ids":[1]}]}"#,
            r#"{"content":"Done"}"#,
        ],
        "stop",
    );
    assert_eq!(
        parts(&transcript),
        [
            "reasoning: Hmm",
            "text: Yes.",
            r#"reference: {"type":"reference","reference_ids":[1]}"#,
            "text: Done"
        ]
    );
}

#[test]
fn of_two_kinds_of_reasoning_in_one_delta_the_first_wins() {
    let transcript = finished(
        &[
            r#"{"reasoning":"a","reasoning_content":"b"}"#,
            r#"{"reasoning":"c","reasoning_content":null}"#,
            r#"{"reasoning":"d","reasoning_content":""}"#,
        ],
        "stop",
    );
    assert_eq!(parts(&transcript), ["reasoning: bcd"]);
}

#[test]
fn a_cumulative_message_beside_the_delta_is_not_added() {
    let transcript = chat(&[
        r#"{"choices":[{"index":0,"delta":{"content":"He"},"message":{"content":"He"}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"llo"},"message":{"content":"Hello"},"finish_reason":"stop"}]}"#,
    ]);
    assert_eq!(transcript.text(), "Hello");
}

#[test]
fn usage_is_read_in_all_its_places_and_the_last_counts() {
    let finish = r#""choices":[{"index":0,"delta":{},"finish_reason":"stop"}]"#;
    let total = |data: &[&str]| chat(data).usage.total_tokens;
    assert_eq!(
        total(&[
            &format!("{{{finish}}}"),
            r#"{"choices":[],"usage":{"total_tokens":5}}"#
        ]),
        Some(5)
    );
    assert_eq!(
        total(&[&format!(r#"{{{finish},"usage":{{"total_tokens":6}}}}"#)]),
        Some(6)
    );
    assert_eq!(
        total(&[&format!(
            r#"{{{finish},"x_groq":{{"usage":{{"total_tokens":7}}}}}}"#
        )]),
        Some(7)
    );
    assert_eq!(
        total(&[
            r#"{"choices":[{"index":0,"delta":{"content":"a"}}],"usage":{"total_tokens":1}}"#,
            &format!(r#"{{{finish},"usage":{{"total_tokens":2}}}}"#),
            r#"{"choices":[],"usage":null}"#,
        ]),
        Some(2)
    );
}

#[test]
fn log_probabilities_are_kept_as_written() {
    let with = |entries: &str| {
        format!(
            r#"{{"choices":[{{"index":0,"delta":{{"content":"x"}},"logprobs":{{"content":{entries},"refusal":null}}}}]}}"#
        )
    };
    let transcript = chat(&[
        &with(r#"[{"token":"a","logprob":-1.50}]"#),
        &with("[]"),
        &with(r#"[ {"token":"b","logprob":-0.0} , {"token":"c","logprob":1e-9} ]"#),
        r#"{"choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}"#,
    ]);
    let logprobs = transcript.choices[0].logprobs.as_ref().unwrap();
    assert_eq!(
        logprobs.content.as_ref().unwrap().as_str(),
        r#"[{"token":"a","logprob":-1.50},{"token":"b","logprob":-0.0},{"token":"c","logprob":1e-9}]"#
    );
    assert!(logprobs.refusal.is_none());
}

#[test]
fn a_torn_last_block_supplies_nothing_and_is_noted() {
    let mut body = sse(&[&delta(r#"{"content":"a"}"#)]);
    body.extend_from_slice(
        b"data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n",
    );
    let transcript = read("openai-chat", &body);
    assert_eq!(transcript.ending, Ending::Truncated);
    assert_eq!(violations(&transcript), ["2 torn_tail"]);
}

#[test]
fn comments_blank_data_and_deltaless_choices_are_ordinary() {
    let body = b"\n\n: OPENROUTER PROCESSING\n\ndata:\n\nevent: message\ndata: {\"choices\":[{\"index\":0,\"content_filter_results\":{}}]}\n\n: keepalive\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let transcript = read("openai-chat", body);
    assert_eq!(transcript.text(), "Hi");
    assert!(transcript.is_clean(), "{:?}", transcript.violations);
    let crlf = String::from_utf8_lossy(body).replace('\n', "\r\n");
    assert_eq!(read("openai-chat", crlf.as_bytes()), transcript);
}

#[test]
fn violations_are_capped_and_counted() {
    let transcript = chat(&["nope"; 250]);
    assert_eq!(transcript.violations.len(), 100);
    assert_eq!(transcript.violations_total, 250);
}

#[test]
fn an_unbounded_index_costs_no_memory() {
    let data: Vec<String> = [0, u64::MAX, 1 << 40]
        .iter()
        .map(|index| {
            format!(r#"{{"choices":[{{"index":{index},"delta":{{"content":"x"}},"finish_reason":"stop"}}]}}"#)
        })
        .collect();
    let data: Vec<&str> = data.iter().map(String::as_str).collect();
    let transcript = chat(&data);
    let indexes: Vec<u64> = transcript.choices.iter().map(|c| c.index).collect();
    assert_eq!(indexes, [0, 1 << 40, u64::MAX]);
}

#[test]
fn deep_nesting_and_huge_numbers_outside_our_fields_do_no_harm() {
    let deep = format!(
        r#"{{"x":{}{},"y":1e999,"choices":[{{"index":0,"delta":{{"content":"Hi"}},"finish_reason":"stop"}}]}}"#,
        "[".repeat(20_000),
        "]".repeat(20_000)
    );
    let mut assembler = rigtape::dialect::by_name("openai-chat")
        .unwrap()
        .assembler();
    assembler.feed(&sse(&[&deep]));
    assert!(assembler.finish().is_clean());
}

#[test]
fn a_frame_over_the_ceiling_makes_the_stream_errored() {
    let chat = rigtape::dialect::by_name("openai-chat").unwrap();
    let mut assembler = chat.assembler_for(rigtape::frame::Framing::Sse, 1000);
    assembler.feed(&sse(&[&delta(r#"{"content":"a"}"#)]));
    assembler.feed(&sse(&[&delta(&format!(
        r#"{{"content":"{}"}}"#,
        "x".repeat(2000)
    ))]));
    let transcript: Transcript = assembler.finish();
    assert_eq!(transcript.ending, Ending::Errored);
    assert_eq!(transcript.text(), "a");
    let error = transcript.error.unwrap().to_string();
    assert!(
        error.contains("frame 2") && error.contains("1000 bytes"),
        "{error}"
    );
}

#[test]
fn bytes_that_are_not_utf8_are_replaced_and_noted() {
    let body = b": \xff\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\xe2\x82\xffb\"},\"finish_reason\":\"stop\"}]}\n\n";
    let transcript = read("openai-chat", body);
    assert_eq!(transcript.text(), "a\u{FFFD}\u{FFFD}b");
    assert_eq!(transcript.ending, Ending::Complete);
    assert_eq!(violations(&transcript), ["2 invalid_utf8"]);
}
