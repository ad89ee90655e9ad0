//! The Messages wire: blocks, usage in pieces, and what gateways make of them.

use rigtape::cassette::Request;
use rigtape::dialect::{Answer, AnswerReader, by_name, by_request};
use rigtape::transcript::{Delta, Ending, Part, Transcript};

use crate::support::stream::{
    calls, deltas, never_complete_before, parts, read, read_once, sse, survives_damage, violations,
    whole,
};

const DIALECT: &str = "anthropic-messages";

const START: &str = r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[],"stop_reason":null,"usage":{"input_tokens":10,"output_tokens":1}}}"#;
const TEXT: &str =
    r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#;
const CALL: &str = r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"toolu_1","name":"f","input":{}}}"#;
const STOP: &str = r#"{"type":"content_block_stop","index":0}"#;
const END: &str = r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":7}}"#;
const CLOSE: &str = r#"{"type":"message_stop"}"#;

fn messages(events: &[&str]) -> Transcript {
    read(DIALECT, &sse(events))
}

/// A turn of these events between its start and its end.
fn turn(events: &[&str]) -> Transcript {
    messages(&[&[START], events, &[END, CLOSE]].concat())
}

fn delta(index: u64, delta: &str) -> String {
    format!(r#"{{"type":"content_block_delta","index":{index},"delta":{delta}}}"#)
}

fn text(index: u64, text: &str) -> String {
    delta(index, &format!(r#"{{"type":"text_delta","text":{text}}}"#))
}

fn input(index: u64, json: &str) -> String {
    delta(
        index,
        &format!(r#"{{"type":"input_json_delta","partial_json":{json}}}"#),
    )
}

/// One stream with a bit of everything.
fn rich() -> Vec<u8> {
    sse(&[
        START,
        r#"{"type":"ping"}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"H\u00f6he?"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"sig"}}"#,
        STOP,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}"#,
        &text(1, r#""Über 🏔️""#),
        r#"{"type":"content_block_stop","index":1}"#,
        r#"{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"toolu_1","name":"f","input":{}}}"#,
        &input(2, r#""{\"a\":""#),
        &input(2, r#""1}""#),
        r#"{"type":"content_block_stop","index":2}"#,
        r#"{"type":"content_block_start","index":3,"content_block":{"type":"server_tool_use","id":"srv","name":"web_search","input":{}}}"#,
        &input(3, r#""{\"query\":\"fjord\"}""#),
        r#"{"type":"content_block_stop","index":3}"#,
        END,
        CLOSE,
    ])
}

#[test]
fn every_cut_gives_one_transcript_and_no_early_end() {
    let transcript = read(DIALECT, &rich());
    assert!(transcript.is_clean(), "{:?}", transcript.violations);
    assert_eq!(
        parts(&transcript),
        [
            "reasoning: Höhe?",
            "text: Über 🏔️",
            "call: {\"a\":1}",
            r#"server_tool_use: {"type":"server_tool_use","id":"srv","name":"web_search","input":{"query":"fjord"}}"#,
        ]
    );
    let Part::Reasoning { signature, .. } = &transcript.choices[0].parts[0] else {
        panic!("a reasoning part")
    };
    assert_eq!(signature.as_deref(), Some("sig"));
    assert_eq!(transcript.response_id.as_deref(), Some("msg_1"));
    assert_eq!(transcript.model.as_deref(), Some("claude"));
    never_complete_before(DIALECT, &rich(), r#"{"output_tokens":7}"#);
}

#[test]
fn damage_of_any_byte_is_survived() {
    survives_damage(DIALECT, &rich());
}

#[test]
fn a_cut_between_stop_reason_and_message_stop_is_complete() {
    let transcript = messages(&[START, TEXT, &text(0, r#""Hi""#), STOP, END]);
    assert!(transcript.is_clean());
    assert_eq!(transcript.terminator, Some(false));
}

#[test]
fn message_stop_without_a_stop_reason_is_truncated() {
    for end in [
        r#"{"type":"message_delta","delta":{"stop_reason":null},"usage":{"output_tokens":3}}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":""}}"#,
        r#"{"type":"message_delta","delta":{}}"#,
    ] {
        let transcript = messages(&[START, TEXT, &text(0, r#""Hi""#), STOP, end, CLOSE]);
        assert_eq!(transcript.ending, Ending::Truncated, "{end}");
        assert_eq!(transcript.terminator, Some(true));
        assert_eq!(transcript.violations_total, 0);
    }
    assert_eq!(messages(&[]).ending, Ending::Truncated);
}

#[test]
fn an_answer_without_blocks_is_complete() {
    let transcript = turn(&[]);
    assert!(transcript.is_clean());
    assert_eq!(transcript.choices.len(), 1);
    assert!(transcript.choices[0].parts.is_empty());
}

#[test]
fn usage_comes_in_pieces_and_the_last_value_of_each_field_stands() {
    let transcript = messages(&[
        r#"{"type":"message_start","message":{"usage":{"input_tokens":10,"cache_read_input_tokens":4,"output_tokens":1,"service_tier":"standard","iterations":null}}}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":7,"service_tier":null,"output_tokens_details":{"thinking_tokens":5}}}"#,
        r#"{"type":"message_delta","delta":{},"usage":{"input_tokens":12,"output_tokens":9}}"#,
        CLOSE,
    ]);
    assert!(transcript.is_clean());
    let usage = transcript.usage;
    assert_eq!(usage.input_tokens, Some(12));
    assert_eq!(usage.output_tokens, Some(9));
    assert_eq!(usage.cached_input_tokens, Some(4));
    assert_eq!(usage.reasoning_tokens, Some(5));
    assert_eq!(usage.total_tokens, None);
    assert_eq!(
        transcript.usage_raw.unwrap().as_str(),
        r#"{"input_tokens":12,"cache_read_input_tokens":4,"output_tokens":9,"service_tier":"standard","iterations":null,"output_tokens_details":{"thinking_tokens":5}}"#
    );
}

#[test]
fn the_stop_sequence_that_fired_stands_beside_the_reason() {
    let transcript = messages(&[
        START,
        r#"{"type":"message_delta","delta":{"stop_reason":"stop_sequence","stop_sequence":"END"}}"#,
        CLOSE,
    ]);
    let choice = &transcript.choices[0];
    assert_eq!(choice.finish_reason.as_deref(), Some("stop_sequence"));
    assert_eq!(choice.finish_details.as_ref().unwrap().as_str(), r#""END""#);
}

#[test]
fn a_second_stop_reason_that_differs_wins_and_is_noted() {
    let transcript = messages(&[
        START,
        END,
        END,
        r#"{"type":"message_delta","delta":{"stop_reason":"max_tokens"}}"#,
        CLOSE,
    ]);
    assert_eq!(
        transcript.choices[0].finish_reason.as_deref(),
        Some("max_tokens")
    );
    assert_eq!(violations(&transcript), ["4 finish_changed"]);
}

#[test]
fn errors_on_the_wire_keep_what_came_before() {
    for error in [
        r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
        r#"{"error":{"type":"overloaded_error","message":"Overloaded"}}"#,
    ] {
        for end in [&[][..], &[END], &[END, CLOSE]] {
            let said = text(0, r#""Hi""#);
            let mut events = vec![START, TEXT, &said];
            events.extend(end);
            events.push(error);
            let transcript = messages(&events);
            assert_eq!(transcript.ending, Ending::Errored);
            assert_eq!(transcript.text(), "Hi");
            assert_eq!(
                transcript.error.unwrap().as_str(),
                r#"{"type":"overloaded_error","message":"Overloaded"}"#
            );
        }
    }
    let bare = messages(&[START, r#"{"type":"error","message":"x"}"#]);
    assert_eq!(
        bare.error.unwrap().as_str(),
        r#"{"type":"error","message":"x"}"#
    );
}

#[test]
fn redacted_thinking_is_kept_as_it_stood() {
    let block = r#"{"type":"redacted_thinking","data":"EmwKAhgB"}"#;
    let start = format!(r#"{{"type":"content_block_start","index":0,"content_block":{block}}}"#);
    let transcript = turn(&[&start, STOP]);
    assert!(transcript.is_clean());
    assert_eq!(parts(&transcript), [format!("redacted_thinking: {block}")]);
}

#[test]
fn a_call_without_arguments_is_an_empty_object() {
    for events in [&[CALL, STOP][..], &[CALL, &input(0, r#""""#), STOP]] {
        let transcript = turn(events);
        assert!(transcript.is_clean());
        let call = transcript.tool_calls().next().unwrap();
        assert_eq!(call.arguments, "");
        assert_eq!(call.arguments_json.as_ref().unwrap().as_str(), "{}");
    }
}

#[test]
fn a_whole_input_at_the_start_is_the_arguments() {
    let start = CALL.replace("{}", r#"{"city": "Oslo"}"#);
    let transcript = turn(&[&start, &input(0, r#""""#), STOP]);
    assert!(transcript.is_clean());
    assert_eq!(calls(&transcript), [r#"0 toolu_1 f {"city": "Oslo"}"#]);

    let transcript = turn(&[
        &start,
        &input(0, r#""{\"city\":""#),
        &input(0, r#""\"Bergen\"}""#),
        STOP,
    ]);
    assert_eq!(calls(&transcript), [r#"0 toolu_1 f {"city":"Bergen"}"#]);
    assert_eq!(violations(&transcript), ["3 delta_mismatch"]);
}

#[test]
fn blocks_that_interleave_are_one_part_each() {
    let second = TEXT.replace(r#""index":0"#, r#""index":1"#);
    let call = CALL.replace(r#""index":0"#, r#""index":2"#);
    let transcript = turn(&[
        TEXT,
        &text(0, r#""a""#),
        &second,
        &call,
        &text(1, r#""x""#),
        &input(2, r#""{""#),
        &text(0, r#""b""#),
        &input(2, r#""}""#),
        &text(1, r#""y""#),
    ]);
    assert!(transcript.is_clean());
    assert_eq!(parts(&transcript), ["text: ab", "text: xy", "call: {}"]);
}

#[test]
fn a_delta_for_what_nothing_opened_opens_a_part_of_its_kind() {
    let transcript = turn(&[
        &text(0, r#""a""#),
        &text(0, r#""b""#),
        &delta(1, r#"{"type":"thinking_delta","thinking":"c"}"#),
        &input(2, r#""{}""#),
        // A piece of another kind than its block.
        &delta(1, r#"{"type":"text_delta","text":"d"}"#),
    ]);
    assert_eq!(
        parts(&transcript),
        ["text: ab", "reasoning: c", "call: {}", "text: d"]
    );
    assert_eq!(
        violations(&transcript),
        [
            "2 unopened_block",
            "4 unopened_block",
            "5 unopened_block",
            "6 unopened_block"
        ]
    );
    assert_eq!(calls(&transcript), ["2 - - {}"]);
}

#[test]
fn a_delta_after_its_block_stopped_is_kept_and_noted() {
    let transcript = turn(&[TEXT, &text(0, r#""a""#), STOP, &text(0, r#""b""#)]);
    assert_eq!(parts(&transcript), ["text: ab"]);
    assert_eq!(violations(&transcript), ["5 unopened_block"]);
    assert_eq!(violations(&turn(&[STOP])), ["2 unopened_block"]);
}

#[test]
fn a_block_started_twice_under_one_index_is_two() {
    let transcript = turn(&[
        TEXT,
        &text(0, r#""a""#),
        STOP,
        TEXT,
        &text(0, r#""b""#),
        STOP,
    ]);
    assert!(transcript.is_clean());
    assert_eq!(parts(&transcript), ["text: a", "text: b"]);
}

#[test]
fn server_tools_and_their_results_keep_their_raw_json() {
    let result = r#"{"type":"web_search_tool_result","tool_use_id":"srv","content":[{"url":"https://example.org","age":1e400}]}"#;
    let transcript = turn(&[
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","id":"srv","name":"web_search","input":{}}}"#,
        &input(0, r#""{\"query\": \"fjo""#),
        &input(0, r#""rd\"}""#),
        STOP,
        &format!(r#"{{"type":"content_block_start","index":1,"content_block":{result}}}"#),
        r#"{"type":"content_block_stop","index":1}"#,
    ]);
    assert!(transcript.is_clean());
    assert_eq!(
        parts(&transcript),
        [
            r#"server_tool_use: {"type":"server_tool_use","id":"srv","name":"web_search","input":{"query":"fjord"}}"#.to_owned(),
            format!("web_search_tool_result: {result}"),
        ]
    );
}

#[test]
fn the_input_of_a_server_tool_that_was_cut_is_kept_as_text() {
    let events = [
        START,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","id":"srv","input":{}}}"#,
        &input(0, r#""{\"query\": \"fjo""#),
    ];
    let transcript = messages(&events);
    assert_eq!(
        parts(&transcript),
        [r#"server_tool_use: {"type":"server_tool_use","id":"srv","input":"{\"query\": \"fjo"}"#]
    );
    let (steps, _) = deltas(DIALECT, &sse(&events));
    assert!(matches!(steps.last(), Some(Delta::Other { raw, .. }) if raw.as_str().contains("fjo")));
}

#[test]
fn citations_are_parts_of_their_own() {
    let citation = r#"{"type":"char_location","cited_text":"Snow","document_index":0}"#;
    let transcript = turn(&[
        TEXT,
        &text(0, r#""Snow ""#),
        &delta(
            0,
            &format!(r#"{{"type":"citations_delta","citation":{citation}}}"#),
        ),
        &text(0, r#""falls""#),
    ]);
    assert!(transcript.is_clean());
    assert_eq!(
        parts(&transcript),
        [
            "text: Snow falls".to_owned(),
            format!("char_location: {citation}")
        ]
    );
}

#[test]
fn deltas_and_events_of_unknown_types_are_kept_or_noted() {
    let transcript = turn(&[
        TEXT,
        &delta(0, r#"{"type":"gesture_delta","wave":1}"#),
        r#"{"type":"applause"}"#,
    ]);
    assert_eq!(
        parts(&transcript),
        [
            "text: ",
            r#"gesture_delta: {"type":"gesture_delta","wave":1}"#
        ]
    );
    assert_eq!(
        violations(&transcript),
        ["3 unknown_event", "4 unknown_event"]
    );
}

#[test]
fn the_type_in_the_data_decides_over_the_event_line() {
    let of = |line: &str, data: &str| {
        let body = format!("data: {START}\n\nevent: {line}\ndata: {data}\n\n");
        read(DIALECT, body.as_bytes())
    };
    assert!(of("message_delta", END).is_clean());
    assert!(of("message", END).is_clean());
    let differs = of("content_block_delta", END);
    assert_eq!(differs.ending, Ending::Complete);
    assert_eq!(violations(&differs), ["2 event_mismatch"]);
    let untyped = of("message_delta", r#"{"delta":{"stop_reason":"end_turn"}}"#);
    assert_eq!(untyped.ending, Ending::Complete);
    assert_eq!(violations(&untyped), ["2 event_mismatch"]);
}

#[test]
fn after_message_stop_a_marker_is_ordinary_and_content_is_not() {
    let done = sse(&[START, END, CLOSE]);
    let body = [&done[..], b"event: data\ndata: [DONE]\n\ndata: [DONE]\n\n"].concat();
    assert!(read(DIALECT, &body).is_clean());
    assert!(messages(&[START, END, CLOSE, CLOSE, r#"{"type":"ping"}"#]).is_clean());
    let late = messages(&[START, END, CLOSE, TEXT, &text(0, r#""late""#)]);
    assert_eq!(
        violations(&late),
        ["4 after_terminator", "5 after_terminator"]
    );
    assert!(late.choices[0].parts.is_empty());
    assert_eq!(
        violations(&messages(&[START, "[DONE]", END])),
        ["2 unknown_event"]
    );
}

#[test]
fn a_missing_last_blank_line_tears_the_last_event() {
    let mut body = sse(&[START, TEXT, &text(0, r#""Hi""#), END, CLOSE]);
    body.truncate(body.len() - 2);
    let transcript = read(DIALECT, &body);
    assert_eq!(transcript.ending, Ending::Complete);
    assert_eq!(transcript.terminator, Some(false));
    assert_eq!(violations(&transcript), ["5 torn_tail"]);
}

#[test]
fn content_after_the_stop_reason_is_kept_and_noted() {
    let transcript = messages(&[START, TEXT, END, &text(0, r#""more""#), CLOSE]);
    assert_eq!(transcript.text(), "more");
    assert_eq!(violations(&transcript), ["4 after_finish"]);
}

#[test]
fn half_written_arguments_are_a_fault_only_where_the_turn_was_not_cut() {
    let half = input(0, r#""{\"a\"""#);
    assert_eq!(
        violations(&turn(&[CALL, &half, STOP])),
        ["3 invalid_arguments"]
    );
    for reason in ["max_tokens", "refusal", "model_context_window_exceeded"] {
        let end = END.replace("end_turn", reason);
        let transcript = messages(&[START, CALL, &half, STOP, &end, CLOSE]);
        assert!(transcript.is_clean(), "{reason}");
        assert_eq!(transcript.tool_calls().next().unwrap().arguments_json, None);
    }
}

#[test]
fn fields_of_the_wrong_type_count_as_absent() {
    for (event, seen) in [
        (
            r#"{"type":"content_block_delta","index":"0","delta":{"type":"text_delta","text":"!"}}"#,
            "text: Hi!",
        ),
        (
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":7}}"#,
            "text: Hi",
        ),
        (
            r#"{"type":"content_block_delta","index":0,"delta":"x"}"#,
            "text: Hi",
        ),
        (
            r#"{"type":"content_block_start","index":1,"content_block":[]}"#,
            "text: Hi",
        ),
        (r#"{"type":"message_delta","delta":7}"#, "text: Hi"),
        (r#"{"type":"message_delta","usage":"7"}"#, "text: Hi"),
        (
            r#"{"type":"message_delta","usage":{"output_tokens":-1}}"#,
            "text: Hi",
        ),
    ] {
        let transcript = turn(&[TEXT, &text(0, r#""Hi""#), event]);
        assert_eq!(parts(&transcript), [seen], "{event}");
        assert_eq!(violations(&transcript), ["4 wrong_type"], "{event}");
        assert_eq!(transcript.ending, Ending::Complete);
    }
}

#[test]
fn of_duplicate_members_the_last_wins() {
    let transcript = turn(&[
        TEXT,
        r#"{"type":"ping","index":9,"delta":{"type":"text_delta","text":"a","text":"b"},"index":0,"type":"content_block_delta"}"#,
    ]);
    assert!(transcript.is_clean());
    assert_eq!(transcript.text(), "b");
}

#[test]
fn frames_that_are_no_events_are_noted_and_reading_goes_on() {
    let transcript = turn(&["{bad", "42", "{}", TEXT, &text(0, r#""Hi""#)]);
    assert_eq!(
        violations(&transcript),
        ["2 invalid_json", "3 not_an_object", "4 unknown_event"]
    );
    assert_eq!(transcript.text(), "Hi");
}

#[test]
fn surrogate_halves_meet_across_deltas() {
    let transcript = turn(&[TEXT, &text(0, r#""\ud83d""#), &text(0, r#""\ude00""#)]);
    assert!(transcript.is_clean());
    assert_eq!(transcript.text(), "😀");
    let transcript = turn(&[TEXT, &text(0, r#""a\ud83d""#)]);
    assert_eq!(transcript.text(), "a\u{FFFD}");
    assert_eq!(violations(&transcript), ["3 lone_surrogate"]);
}

#[test]
fn huge_indexes_and_many_blocks_cost_no_more_than_their_bytes() {
    let huge = TEXT.replace(r#""index":0"#, &format!(r#""index":{}"#, u64::MAX));
    let transcript = turn(&[&huge, &text(u64::MAX, r#""Hi""#)]);
    assert!(transcript.is_clean());
    assert_eq!(transcript.text(), "Hi");

    let mut body = sse(&[START]);
    for index in 0..20_000u64 {
        body.extend(sse(&[
            &TEXT.replace(r#""index":0"#, &format!(r#""index":{index}"#))
        ]));
    }
    for index in 0..20_000u64 {
        body.extend(sse(&[
            &text(index, r#""x""#),
            r#"{"type":"message_delta","delta":{},"usage":{"output_tokens":1}}"#,
        ]));
    }
    let transcript = read_once(DIALECT, &body);
    assert_eq!(transcript.choices[0].parts.len(), 20_000);
    assert_eq!(transcript.text().len(), 20_000);
}

#[test]
fn usage_of_many_members_in_many_pieces_is_merged_in_linear_time() {
    let members: Vec<String> = (0..50_000).map(|n| format!("\"k{n}\":{n}")).collect();
    let wide = format!(
        r#"{{"type":"message_delta","delta":{{}},"usage":{{{}}}}}"#,
        members.join(",")
    );
    let mut body = sse(&[&wide]);
    for _ in 0..20_000 {
        body.extend(sse(&[
            r#"{"type":"message_delta","delta":{},"usage":{"output_tokens":1}}"#,
        ]));
    }
    let usage = read_once(DIALECT, &body).usage_raw.unwrap();
    assert!(
        usage
            .as_str()
            .ends_with(r#""k49999":49999,"output_tokens":1}"#)
    );
}

#[test]
fn a_whole_message_gives_the_same_transcript() {
    let body = r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[
        {"type":"thinking","thinking":"Hm","signature":"sig"},
        {"type":"text","text":"Hi","citations":[{"type":"char_location","cited_text":"Hi"}]},
        {"type":"tool_use","id":"toolu_1","name":"f","input":{"a": 1}},
        {"type":"tool_use","id":"toolu_2","name":"g","input":{}}],
        "stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":2}}"#;
    let Answer::Transcript(transcript) = whole(DIALECT, body) else {
        panic!("a known answer")
    };
    assert!(transcript.is_clean());
    assert!(!transcript.streamed);
    assert_eq!(transcript.terminator, None);
    assert_eq!(
        parts(&transcript),
        [
            "reasoning: Hm",
            "text: Hi",
            r#"char_location: {"type":"char_location","cited_text":"Hi"}"#,
            r#"call: {"a": 1}"#,
            "call: {}",
        ]
    );
    assert_eq!(transcript.usage.output_tokens, Some(2));
}

#[test]
fn other_whole_bodies_are_errors_or_opaque() {
    let body = r#"{"type":"error","error":{"type":"not_found_error","message":"model: x"},"request_id":"req_1"}"#;
    let Answer::Transcript(transcript) = whole(DIALECT, body) else {
        panic!("a known answer")
    };
    assert_eq!(transcript.ending, Ending::Errored);
    assert_eq!(
        transcript.error.unwrap().as_str(),
        r#"{"type":"not_found_error","message":"model: x"}"#
    );
    for body in [r#"{"input_tokens":12}"#, r#"{"type":"message"}"#, "[]", "{"] {
        assert!(matches!(whole(DIALECT, body), Answer::Opaque(_)), "{body}");
    }
}

#[test]
fn requests_and_streams_are_told_apart_from_those_of_other_dialects() {
    for (method, target, is_ours) in [
        ("POST", "/v1/messages", true),
        ("POST", "/messages", true),
        ("POST", "/v1/v1/messages", true),
        ("POST", "/anthropic/v1/messages?beta=true", true),
        (
            "POST",
            "/v1/projects/p/locations/l/publishers/anthropic/models/claude:streamRawPredict",
            true,
        ),
        ("GET", "/v1/messages", false),
        ("POST", "/v1/messages/count_tokens", false),
        ("POST", "/v1/messages/batches", false),
        ("POST", "/v1/threads/thread_1/messages", false),
        ("POST", "/v1/chat/completions", false),
    ] {
        let found = by_request(&Request::new(1, method, target));
        assert_eq!(found == by_name(DIALECT), is_ours, "{method} {target}");
    }
    let mut reader = AnswerReader::bare();
    reader.feed(&rich());
    assert_eq!(reader.dialect(), by_name(DIALECT));
}
