//! The Responses wire: what is stated in pieces, whole, twice, elsewhere or not at all.

use rigtape::cassette::Request;
use rigtape::dialect::{Answer, AnswerReader, by_name, by_request};
use rigtape::transcript::{Delta, Ending, Part, Transcript};

use crate::support::stream::{
    calls, deltas, never_complete_before, parts, read, read_once, sse, survives_damage, violations,
    whole,
};

const DIALECT: &str = "openai-responses";

const CREATED: &str = r#"{"type":"response.created","response":{"id":"resp_1","model":"gpt-5","status":"in_progress","output":[]}}"#;
const COMPLETED: &str = r#"{"type":"response.completed","response":{"id":"resp_1","model":"gpt-5","status":"completed","output":[]}}"#;
const MESSAGE: &str = r#"{"type":"response.output_item.added","output_index":0,"item":{"id":"msg_1","type":"message","content":[]}}"#;
const CALL: &str = r#"{"type":"response.output_item.added","output_index":0,"item":{"id":"fc_1","type":"function_call","call_id":"call_1","name":"get_weather","arguments":""}}"#;

fn responses(events: &[&str]) -> Transcript {
    read(DIALECT, &sse(events))
}

/// A turn of these events between its first and its terminal one, which repeats nothing.
fn turn(events: &[&str]) -> Transcript {
    responses(&[&[CREATED], events, &[COMPLETED]].concat())
}

fn text(delta: &str) -> String {
    format!(
        r#"{{"type":"response.output_text.delta","item_id":"msg_1","output_index":0,"content_index":0,"delta":{delta}}}"#
    )
}

fn arguments(delta: &str) -> String {
    format!(
        r#"{{"type":"response.function_call_arguments.delta","item_id":"fc_1","output_index":0,"delta":{delta}}}"#
    )
}

/// One stream with a bit of everything.
fn rich() -> Vec<u8> {
    let events = [
        r#"{"type":"response.created","sequence_number":0,"response":{"id":"resp_1","model":"gpt-5","status":"in_progress"}}"#,
        r#"{"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{"id":"rs_1","type":"reasoning","summary":[]}}"#,
        r#"{"type":"response.reasoning_summary_text.delta","sequence_number":2,"item_id":"rs_1","output_index":0,"summary_index":0,"delta":"Let me s\u00e9e"}"#,
        r#"{"type":"response.output_item.done","sequence_number":3,"output_index":0,"item":{"id":"rs_1","type":"reasoning","summary":[{"type":"summary_text","text":"Let me sée"}],"encrypted_content":"gAAA"}}"#,
        r#"{"type":"response.output_item.added","sequence_number":4,"output_index":1,"item":{"id":"msg_1","type":"message","content":[]}}"#,
        r#"{"type":"response.output_text.delta","sequence_number":5,"item_id":"msg_1","output_index":1,"content_index":0,"delta":"Zürich 🏔️"}"#,
        r#"{"type":"response.output_item.added","sequence_number":6,"output_index":2,"item":{"id":"fc_1","type":"function_call","call_id":"call_1","name":"f","arguments":""}}"#,
        r#"{"type":"response.function_call_arguments.delta","sequence_number":7,"item_id":"fc_1","output_index":2,"delta":"{\"a\":1}"}"#,
        r#"{"type":"response.output_item.done","sequence_number":8,"output_index":3,"item":{"id":"ws_1","type":"web_search_call","status":"completed"}}"#,
        r#"{"type":"response.completed","sequence_number":9,"response":{"id":"resp_1","status":"completed","output":[],"usage":{"input_tokens":1,"output_tokens":2,"total_tokens":3}}}"#,
    ];
    sse(&events)
}

#[test]
fn every_cut_gives_one_transcript_and_no_early_end() {
    let transcript = read(DIALECT, &rich());
    assert!(transcript.is_clean(), "{:?}", transcript.violations);
    assert_eq!(
        parts(&transcript),
        [
            "reasoning: Let me sée",
            "text: Zürich 🏔️",
            "call: {\"a\":1}",
            r#"web_search_call: {"id":"ws_1","type":"web_search_call","status":"completed"}"#,
        ]
    );
    never_complete_before(DIALECT, &rich(), "response.completed\"");
}

#[test]
fn damage_of_any_byte_is_survived() {
    survives_damage(DIALECT, &rich());
}

#[test]
fn the_finish_reason_is_the_status() {
    for (event, status, ending) in [
        ("completed", "completed", Ending::Complete),
        ("incomplete", "incomplete", Ending::Complete),
        ("failed", "failed", Ending::Errored),
        ("cancelled", "cancelled", Ending::Errored),
        // Where they differ the response's own status is the later word.
        ("completed", "incomplete", Ending::Complete),
        ("completed", "failed", Ending::Errored),
    ] {
        let last = format!(
            r#"{{"type":"response.{event}","response":{{"status":"{status}","error":null}}}}"#
        );
        let transcript = responses(&[CREATED, MESSAGE, &text(r#""Hi""#), &last]);
        let finish = transcript.choices[0].finish_reason.as_deref();
        assert_eq!((finish, transcript.ending), (Some(status), ending));
        assert_eq!(transcript.terminator, Some(true));
        assert_eq!(transcript.text(), "Hi");
    }
    // No status, or one of a turn that goes on: the event's word stands.
    for status in [
        "{}",
        r#"{"status":"in_progress"}"#,
        r#"{"status":null}"#,
        "null",
    ] {
        let last = format!(r#"{{"type":"response.completed","response":{status}}}"#);
        let transcript = responses(&[CREATED, &last]);
        assert!(transcript.is_clean(), "{status}");
    }
}

#[test]
fn a_stream_without_its_terminal_event_is_truncated() {
    let transcript = responses(&[CREATED, MESSAGE, &text(r#""Hi""#), "[DONE]"]);
    assert_eq!(transcript.ending, Ending::Truncated);
    assert_eq!(transcript.terminator, Some(false));
    assert_eq!(violations(&transcript), ["4 unknown_event"]);
    assert_eq!(responses(&[]).ending, Ending::Truncated);
}

#[test]
fn an_incomplete_answer_says_why_and_keeps_half_written_arguments() {
    let transcript = responses(&[
        CREATED,
        CALL,
        &arguments(r#""{\"ci""#),
        r#"{"type":"response.incomplete","response":{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"output":[]}}"#,
    ]);
    assert!(transcript.is_clean(), "{:?}", transcript.violations);
    let details = transcript.choices[0].finish_details.as_ref().unwrap();
    assert_eq!(details.as_str(), r#"{"reason":"max_output_tokens"}"#);
    assert_eq!(calls(&transcript), [r#"0 call_1 get_weather {"ci"#]);
    assert_eq!(transcript.tool_calls().next().unwrap().arguments_json, None);
}

#[test]
fn errors_on_the_wire_in_all_their_places() {
    for (error, raw) in [
        (
            r#"{"type":"error","code":"server_error","message":"x","param":null}"#,
            r#"{"type":"error","code":"server_error","message":"x","param":null}"#,
        ),
        (
            r#"{"type":"error","error":{"message":"x"}}"#,
            r#"{"message":"x"}"#,
        ),
        (r#"{"error":{"message":"x"}}"#, r#"{"message":"x"}"#),
        (
            r#"{"type":"response.failed","response":{"status":"failed","error":{"code":"server_error"}}}"#,
            r#"{"code":"server_error"}"#,
        ),
    ] {
        for after in [None, Some(COMPLETED)] {
            let said = text(r#""Hi""#);
            let mut events = vec![CREATED, MESSAGE, &said];
            events.extend(after);
            events.push(error);
            let transcript = responses(&events);
            assert_eq!(transcript.ending, Ending::Errored, "{error}");
            assert_eq!(transcript.error.unwrap().as_str(), raw);
            assert_eq!(transcript.choices[0].parts.len(), 1);
        }
    }
}

#[test]
fn text_that_comes_only_whole_is_taken_from_where_it_stands() {
    for event in [
        r#"{"type":"response.output_text.done","output_index":0,"content_index":0,"text":"Hi"}"#,
        r#"{"type":"response.content_part.done","output_index":0,"content_index":0,"part":{"type":"output_text","text":"Hi","annotations":[]}}"#,
        r#"{"type":"response.output_item.done","output_index":0,"item":{"id":"msg_1","type":"message","content":[{"type":"output_text","text":"Hi"}]}}"#,
    ] {
        let transcript = turn(&[MESSAGE, event]);
        assert!(transcript.is_clean(), "{:?}", transcript.violations);
        assert_eq!(parts(&transcript), ["text: Hi"], "{event}");
    }
    let listed = r#"{"type":"response.completed","response":{"status":"completed","output":[{"type":"reasoning","summary":[{"type":"summary_text","text":"Hm"}]},{"type":"message","content":[{"type":"output_text","text":"Hi"},{"type":"refusal","refusal":"no"}]},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}]}}"#;
    let transcript = responses(&[CREATED, listed]);
    assert!(transcript.is_clean());
    assert_eq!(
        parts(&transcript),
        ["reasoning: Hm", "text: Hi", "refusal: no", "call: {}"]
    );
    assert_eq!(calls(&transcript), ["2 c f {}"]);
}

#[test]
fn arguments_that_come_only_whole_are_taken_from_where_they_stand() {
    for event in [
        r#"{"type":"response.function_call_arguments.done","item_id":"fc_1","output_index":0,"arguments":"{\"a\":1}"}"#,
        r#"{"type":"response.output_item.done","output_index":0,"item":{"id":"fc_9","type":"function_call","call_id":"call_1","name":"get_weather","arguments":"{\"a\":1}"}}"#,
        r#"{"type":"response.output_item.done","output_index":0,"item":{"id":"fc_9","type":"function_call","call_id":"call_1","name":"get_weather","arguments":{"a":1}}}"#,
    ] {
        let transcript = turn(&[CALL, event]);
        assert!(transcript.is_clean(), "{:?}", transcript.violations);
        assert_eq!(calls(&transcript), [r#"0 call_1 get_weather {"a":1}"#]);
    }
}

#[test]
fn a_later_statement_that_differs_wins_and_is_noted() {
    let done =
        r#"{"type":"response.output_text.done","output_index":0,"content_index":0,"text":"Hello"}"#;
    let transcript = turn(&[MESSAGE, &text(r#""Hel""#), done]);
    assert_eq!(parts(&transcript), ["text: Hello"]);
    assert_eq!(violations(&transcript), ["4 delta_mismatch"]);

    let body = sse(&[CREATED, MESSAGE, &text(r#""Hel""#), done, COMPLETED]);
    let (steps, _) = deltas(DIALECT, &body);
    assert!(
        steps
            .iter()
            .any(|step| matches!(step, Delta::Replace { text, .. } if text == "Hello"))
    );

    let listed = r#"{"type":"response.completed","response":{"status":"completed","output":[{"id":"fc_1","type":"function_call","call_id":"call_1","name":"get_weather","arguments":"{}"}]}}"#;
    let transcript = responses(&[CREATED, CALL, &arguments(r#""{\"a\"""#), listed]);
    assert_eq!(calls(&transcript), ["0 call_1 get_weather {}"]);
    assert_eq!(violations(&transcript), ["4 delta_mismatch"]);
}

#[test]
fn an_empty_output_in_the_terminal_event_takes_nothing_back() {
    let transcript = turn(&[MESSAGE, &text(r#""Hi""#)]);
    assert!(transcript.is_clean());
    assert_eq!(parts(&transcript), ["text: Hi"]);
}

#[test]
fn ids_that_change_between_the_events_of_one_item_split_nothing() {
    let transcript = responses(&[
        r#"{"type":"response.created","response":{"id":"a"}}"#,
        r#"{"type":"response.output_item.added","output_index":0,"item":{"id":"m1","type":"message","content":[]}}"#,
        r#"{"type":"response.output_text.delta","item_id":"m2","output_index":0,"content_index":0,"delta":"H"}"#,
        r#"{"type":"response.output_text.delta","item_id":"m3","output_index":0,"content_index":0,"delta":"i"}"#,
        r#"{"type":"response.output_item.done","output_index":0,"item":{"id":"m4","type":"message","content":[{"type":"output_text","text":"Hi"}]}}"#,
        r#"{"type":"response.completed","response":{"id":"b","status":"completed","output":[{"id":"m5","type":"message","content":[{"type":"output_text","text":"Hi"}]}]}}"#,
    ]);
    assert!(transcript.is_clean(), "{:?}", transcript.violations);
    assert_eq!(parts(&transcript), ["text: Hi"]);
    assert_eq!(transcript.response_id.as_deref(), Some("b"));
}

#[test]
fn events_without_an_output_index_go_by_item_id() {
    // As llama.cpp sends them.
    let transcript = turn(&[
        r#"{"type":"response.output_item.added","item":{"id":"fc_a","type":"function_call","call_id":"a","name":"f","arguments":""}}"#,
        r#"{"type":"response.output_item.added","item":{"id":"fc_b","type":"function_call","call_id":"b","name":"g","arguments":""}}"#,
        r#"{"type":"response.function_call_arguments.delta","item_id":"fc_a","delta":"{\"x\":"}"#,
        r#"{"type":"response.function_call_arguments.delta","item_id":"fc_b","delta":"{}"}"#,
        r#"{"type":"response.function_call_arguments.delta","item_id":"fc_a","delta":"1}"}"#,
    ]);
    assert!(transcript.is_clean());
    assert_eq!(calls(&transcript), [r#"0 a f {"x":1}"#, "1 b g {}"]);
}

#[test]
fn items_at_one_used_place_stay_apart() {
    let other = CALL.replace("fc_1", "fc_2").replace("call_1", "call_2");
    let transcript = turn(&[
        CALL,
        &other,
        &arguments(r#""{}""#),
        r#"{"type":"response.output_item.done","output_index":0,"item":{"id":"fc_2","type":"function_call","call_id":"call_2","name":"get_weather","arguments":"{\"b\":2}"}}"#,
    ]);
    assert!(transcript.is_clean(), "{:?}", transcript.violations);
    assert_eq!(
        calls(&transcript),
        ["0 call_1 get_weather {}", r#"0 call_2 get_weather {"b":2}"#]
    );
}

#[test]
fn two_calls_of_one_id_stay_two() {
    let second = CALL
        .replace(r#""output_index":0"#, r#""output_index":1"#)
        .replace("fc_1", "fc_2");
    let listed = r#"{"type":"response.completed","response":{"status":"completed","output":[{"type":"function_call","call_id":"call_1","name":"get_weather","arguments":"{\"n\":1}"},{"type":"function_call","call_id":"call_1","name":"get_weather","arguments":"{\"n\":2}"}]}}"#;
    let transcript = responses(&[CREATED, CALL, &second, listed]);
    assert!(transcript.is_clean(), "{:?}", transcript.violations);
    assert_eq!(
        calls(&transcript),
        [
            r#"0 call_1 get_weather {"n":1}"#,
            r#"1 call_1 get_weather {"n":2}"#
        ]
    );
}

#[test]
fn a_list_that_leaves_items_out_shifts_nothing() {
    let events = [
        CREATED,
        r#"{"type":"response.output_item.added","output_index":0,"item":{"id":"rs","type":"reasoning","summary":[]}}"#,
        r#"{"type":"response.output_item.added","output_index":1,"item":{"id":"m","type":"message","content":[]}}"#,
        r#"{"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":"Hi"}"#,
        r#"{"type":"response.completed","response":{"status":"completed","output":[{"id":"other","type":"message","content":[{"type":"output_text","text":"Hi"}]}]}}"#,
    ];
    let transcript = responses(&events);
    assert!(transcript.is_clean(), "{:?}", transcript.violations);
    assert_eq!(parts(&transcript), ["reasoning: ", "text: Hi"]);
}

#[test]
fn parts_that_interleave_are_one_each_in_order_of_first_appearance() {
    let at = |item: u64, part: u64, delta: &str| {
        format!(
            r#"{{"type":"response.output_text.delta","output_index":{item},"content_index":{part},"delta":"{delta}"}}"#
        )
    };
    let second = MESSAGE
        .replace(r#""output_index":0"#, r#""output_index":7"#)
        .replace("msg_1", "m7");
    let transcript = turn(&[
        MESSAGE,
        &second,
        &at(0, 0, "a"),
        &at(7, 0, "x"),
        &at(0, 1, "1"),
        &at(7, 0, "y"),
        &at(0, 0, "b"),
    ]);
    assert!(transcript.is_clean());
    assert_eq!(parts(&transcript), ["text: ab", "text: xy", "text: 1"]);
}

#[test]
fn a_gap_in_the_sequence_is_noted() {
    let event = |n: &str| {
        format!(r#"{{"type":"response.in_progress","sequence_number":{n},"response":{{}}}}"#)
    };
    let of = |numbers: &[&str]| {
        let events: Vec<String> = numbers.iter().map(|n| event(n)).collect();
        let events: Vec<&str> = events.iter().map(String::as_str).collect();
        violations(&responses(&events))
    };
    assert!(of(&["0", "1", "2"]).is_empty());
    assert!(of(&["null", "5", "6", "null", "7"]).is_empty());
    assert_eq!(of(&["0", "2", "3"]), ["2 sequence_gap"]);
    assert_eq!(of(&["1", "0", "0"]), ["2 sequence_gap", "3 sequence_gap"]);
    assert_eq!(of(&["18446744073709551615", "0"]), ["2 sequence_gap"]);
    assert_eq!(of(&["\"0\"", "1"]), ["1 wrong_type"]);
}

#[test]
fn a_refusal_is_a_part_of_its_own() {
    let transcript = turn(&[
        MESSAGE,
        r#"{"type":"response.content_part.added","output_index":0,"content_index":0,"part":{"type":"refusal","refusal":""}}"#,
        r#"{"type":"response.refusal.delta","output_index":0,"content_index":0,"delta":"I can"}"#,
        r#"{"type":"response.refusal.delta","output_index":0,"content_index":0,"delta":"not."}"#,
        r#"{"type":"response.refusal.done","output_index":0,"content_index":0,"refusal":"I cannot."}"#,
    ]);
    assert!(transcript.is_clean());
    assert_eq!(parts(&transcript), ["refusal: I cannot."]);
}

#[test]
fn reasoning_keeps_its_summaries_its_text_and_its_encrypted_form() {
    let transcript = turn(&[
        r#"{"type":"response.output_item.added","output_index":0,"item":{"id":"rs","type":"reasoning","summary":[],"encrypted_content":"early"}}"#,
        r#"{"type":"response.reasoning_summary_part.added","output_index":0,"summary_index":0,"part":{"type":"summary_text","text":""}}"#,
        r#"{"type":"response.reasoning_summary_text.delta","output_index":0,"summary_index":0,"delta":"One"}"#,
        r#"{"type":"response.reasoning_summary_part.added","output_index":0,"summary_index":1,"part":{"type":"summary_text","text":""}}"#,
        r#"{"type":"response.reasoning_summary_text.done","output_index":0,"summary_index":1,"text":"Two"}"#,
        r#"{"type":"response.reasoning_text.delta","output_index":0,"content_index":0,"delta":"Raw"}"#,
        r#"{"type":"response.output_item.done","output_index":0,"item":{"id":"rs","type":"reasoning","summary":[{"type":"summary_text","text":"One"},{"type":"summary_text","text":"Two"}],"content":[{"type":"reasoning_text","text":"Raw"}],"encrypted_content":"late"}}"#,
    ]);
    assert!(transcript.is_clean(), "{:?}", transcript.violations);
    assert_eq!(
        parts(&transcript),
        ["reasoning: One", "reasoning: Two", "reasoning: Raw"]
    );
    let Part::Reasoning { signature, .. } = &transcript.choices[0].parts[0] else {
        panic!("a reasoning part")
    };
    assert_eq!(signature.as_deref(), Some("late"));
}

#[test]
fn hidden_reasoning_keeps_its_place() {
    let transcript = turn(&[
        r#"{"type":"response.output_item.done","output_index":0,"item":{"id":"rs","type":"reasoning","summary":[],"encrypted_content":"gAAA"}}"#,
        &MESSAGE.replace(r#""output_index":0"#, r#""output_index":1"#),
        r#"{"type":"response.output_text.done","output_index":1,"content_index":0,"text":"Hi"}"#,
    ]);
    assert!(transcript.is_clean());
    let Part::Reasoning { signature, .. } = &transcript.choices[0].parts[0] else {
        panic!("a reasoning part")
    };
    assert_eq!(signature.as_deref(), Some("gAAA"));
    assert_eq!(parts(&transcript), ["reasoning: ", "text: Hi"]);
}

#[test]
fn a_custom_call_has_free_text_for_arguments() {
    let transcript = turn(&[
        r#"{"type":"response.output_item.added","output_index":0,"item":{"id":"ct","type":"custom_tool_call","call_id":"c","name":"run","input":""}}"#,
        r#"{"type":"response.custom_tool_call_input.delta","output_index":0,"delta":"print("}"#,
        r#"{"type":"response.custom_tool_call_input.delta","output_index":0,"delta":"1)"}"#,
        r#"{"type":"response.custom_tool_call_input.done","output_index":0,"input":"print(1)"}"#,
    ]);
    assert!(transcript.is_clean());
    assert_eq!(calls(&transcript), ["0 c run print(1)"]);
}

#[test]
fn arguments_that_do_not_parse_are_noted() {
    let transcript = turn(&[CALL, &arguments(r#""{\"a\"""#)]);
    assert_eq!(violations(&transcript), ["3 invalid_arguments"]);
    assert_eq!(transcript.ending, Ending::Complete);
}

#[test]
fn an_empty_argument_string_is_an_empty_object() {
    let transcript = turn(&[CALL, &arguments(r#""""#)]);
    assert!(transcript.is_clean());
    let call = transcript.tool_calls().next().unwrap();
    assert_eq!(call.arguments, "");
    assert_eq!(call.arguments_json.as_ref().unwrap().as_str(), "{}");
}

#[test]
fn server_tools_keep_their_item_as_it_stood() {
    let item = r#"{"id":"ws","type":"web_search_call","status":"completed","action":{"query":"fjord","n":1e400}}"#;
    let done = format!(r#"{{"type":"response.output_item.done","output_index":0,"item":{item}}}"#);
    let transcript = turn(&[
        r#"{"type":"response.output_item.added","output_index":0,"item":{"id":"ws","type":"web_search_call","status":"in_progress"}}"#,
        r#"{"type":"response.web_search_call.searching","output_index":0,"item_id":"ws"}"#,
        r#"{"type":"response.web_search_call.completed","output_index":0,"item_id":"ws"}"#,
        &done,
    ]);
    assert!(transcript.is_clean(), "{:?}", transcript.violations);
    assert_eq!(parts(&transcript), [format!("web_search_call: {item}")]);
}

#[test]
fn code_that_was_cut_before_its_item_was_done_is_in_the_raw_item() {
    let added = r#"{"type":"response.output_item.added","output_index":0,"item":{"id":"ci","type":"code_interpreter_call","code":""}}"#;
    let delta = |text: &str| {
        format!(
            r#"{{"type":"response.code_interpreter_call_code.delta","output_index":0,"item_id":"ci","delta":"{text}"}}"#
        )
    };
    let transcript = responses(&[CREATED, added, &delta("a ="), &delta(" 1")]);
    assert_eq!(
        parts(&transcript),
        [r#"code_interpreter_call: {"id":"ci","type":"code_interpreter_call","code":"a = 1"}"#]
    );
    let done = r#"{"type":"response.output_item.done","output_index":0,"item":{"id":"ci","type":"code_interpreter_call","code":"a = 1","outputs":[]}}"#;
    let transcript = turn(&[added, &delta("a ="), &delta(" 1"), done]);
    assert!(transcript.is_clean());
    assert_eq!(
        parts(&transcript),
        [
            r#"code_interpreter_call: {"id":"ci","type":"code_interpreter_call","code":"a = 1","outputs":[]}"#
        ]
    );
}

#[test]
fn annotations_are_kept_once_however_often_they_are_stated() {
    let part = r#"{"type":"output_text","text":"Hi","annotations":[{"type":"url_citation","url":"u1"},{"type":"url_citation","url":"u2"}]}"#;
    let transcript = turn(&[
        MESSAGE,
        &text(r#""Hi""#),
        r#"{"type":"response.output_text.annotation.added","output_index":0,"content_index":0,"annotation_index":0,"annotation":{"type":"url_citation","url":"u1"}}"#,
        &format!(
            r#"{{"type":"response.content_part.done","output_index":0,"content_index":0,"part":{part}}}"#
        ),
        &format!(
            r#"{{"type":"response.output_item.done","output_index":0,"item":{{"type":"message","content":[{part}]}}}}"#
        ),
    ]);
    assert!(transcript.is_clean());
    assert_eq!(
        parts(&transcript),
        [
            "text: Hi",
            r#"url_citation: {"type":"url_citation","url":"u1"}"#,
            r#"url_citation: {"type":"url_citation","url":"u2"}"#
        ]
    );
}

#[test]
fn log_probabilities_are_taken_once() {
    let delta = r#"{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"Hi","logprobs":[{"token":"Hi","logprob":-0.10}]}"#;
    let done = r#"{"type":"response.output_text.done","output_index":0,"content_index":0,"text":"Hi","logprobs":[{"token":"Hi","logprob":-0.10}]}"#;
    for events in [[MESSAGE, delta, done], [MESSAGE, MESSAGE, done]] {
        let transcript = turn(&events);
        assert!(transcript.is_clean());
        let logprobs = transcript.choices[0].logprobs.as_ref().unwrap();
        assert_eq!(
            logprobs.content.as_ref().unwrap().as_str(),
            r#"[{"token":"Hi","logprob":-0.10}]"#
        );
    }
    assert_eq!(turn(&[MESSAGE, &text(r#""Hi""#)]).choices[0].logprobs, None);
}

#[test]
fn deltas_for_what_nothing_opened_are_kept_and_noted() {
    let transcript = turn(&[&text(r#""Hi""#), &text(r#"" you""#)]);
    assert_eq!(parts(&transcript), ["text: Hi you"]);
    assert_eq!(violations(&transcript), ["2 unopened_block"]);

    let transcript = turn(&[
        &arguments(r#""{}""#),
        r#"{"type":"response.output_item.done","output_index":0,"item":{"id":"fc_1","type":"function_call","call_id":"c","name":"f","arguments":"{}"}}"#,
    ]);
    assert_eq!(calls(&transcript), ["0 c f {}"]);
    assert_eq!(violations(&transcript), ["2 unopened_call"]);
}

#[test]
fn fields_of_the_wrong_type_count_as_absent() {
    for (event, seen) in [
        (
            r#"{"type":"response.output_text.delta","output_index":"0","content_index":0,"delta":"!"}"#,
            "text: Hi!",
        ),
        (
            r#"{"type":"response.output_text.delta","output_index":0,"content_index":[],"delta":"!"}"#,
            "text: Hi!",
        ),
        (
            r#"{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":7}"#,
            "text: Hi",
        ),
        (
            r#"{"type":"response.output_item.done","output_index":0,"item":7}"#,
            "text: Hi",
        ),
        (
            r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"message","content":7}}"#,
            "text: Hi",
        ),
        (
            r#"{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"x","delta":"!"}"#,
            "text: Hi!",
        ),
    ] {
        let transcript = turn(&[MESSAGE, &text(r#""Hi""#), event]);
        assert_eq!(parts(&transcript), [seen], "{event}");
        let noted = violations(&transcript);
        if event.contains("\"x\"") {
            assert!(noted.is_empty());
        } else {
            assert_eq!(noted, ["4 wrong_type"], "{event}");
        }
    }
    let usage = r#"{"type":"response.completed","response":{"status":"completed","usage":{"input_tokens":"1","output_tokens":18446744073709551616,"total_tokens":3,"input_tokens_details":7}}}"#;
    let transcript = responses(&[usage]);
    assert_eq!(transcript.usage.total_tokens, Some(3));
    assert_eq!(transcript.usage.input_tokens, None);
    assert_eq!(violations(&transcript), ["1 wrong_type"; 3]);
}

#[test]
fn frames_that_are_no_events_are_noted_and_reading_goes_on() {
    let transcript = turn(&[MESSAGE, "{bad", "42", "{}", &text(r#""Hi""#)]);
    assert_eq!(
        violations(&transcript),
        ["3 invalid_json", "4 not_an_object", "5 unknown_event"]
    );
    assert_eq!(transcript.ending, Ending::Complete);
    assert_eq!(transcript.text(), "Hi");
}

#[test]
fn the_type_in_the_data_decides_over_the_event_line() {
    let body = format!("event: response.created\ndata: {COMPLETED}\n\n");
    let transcript = read(DIALECT, body.as_bytes());
    assert_eq!(transcript.ending, Ending::Complete);
    assert_eq!(violations(&transcript), ["1 event_mismatch"]);

    let body = "event: response.completed\ndata: {\"response\":{\"status\":\"completed\"}}\n\n";
    let transcript = read(DIALECT, body.as_bytes());
    assert_eq!(transcript.ending, Ending::Complete);
    assert_eq!(violations(&transcript), ["1 event_mismatch"]);
}

#[test]
fn surrogate_halves_meet_across_deltas_and_do_not_break_the_whole() {
    let whole = r#"{"type":"response.output_text.done","output_index":0,"content_index":0,"text":"\ud83d\ude00"}"#;
    let transcript = turn(&[MESSAGE, &text(r#""\ud83d""#), &text(r#""\ude00""#), whole]);
    assert!(transcript.is_clean());
    assert_eq!(parts(&transcript), ["text: 😀"]);

    let alone = r#"{"type":"response.output_text.done","output_index":0,"content_index":0,"text":"a\ud83d"}"#;
    let transcript = turn(&[MESSAGE, &text(r#""a\ud83d""#), alone]);
    assert_eq!(parts(&transcript), ["text: a\u{FFFD}"]);
    assert_eq!(violations(&transcript), ["3 lone_surrogate"]);
}

#[test]
fn after_the_terminal_event_only_a_marker_is_ordinary() {
    assert!(turn(&["[DONE]"]).violations_total == 1);
    assert!(responses(&[CREATED, COMPLETED, "[DONE]", "[DONE]"]).is_clean());
    let transcript = responses(&[CREATED, COMPLETED, MESSAGE, &text(r#""late""#)]);
    assert_eq!(
        violations(&transcript),
        ["3 after_terminator", "4 after_terminator"]
    );
    assert_eq!(transcript.choices[0].parts.len(), 0);
}

#[test]
fn huge_indexes_cost_nothing() {
    let huge = u64::MAX;
    let transcript = turn(&[
        &format!(
            r#"{{"type":"response.output_item.added","output_index":{huge},"item":{{"id":"m","type":"message","content":[]}}}}"#
        ),
        &format!(
            r#"{{"type":"response.output_text.delta","output_index":{huge},"content_index":{huge},"delta":"Hi"}}"#
        ),
    ]);
    assert!(transcript.is_clean());
    assert_eq!(transcript.text(), "Hi");
}

#[test]
fn many_items_are_read_in_linear_time() {
    let mut body = String::new();
    let mut listed = Vec::new();
    for n in 0..20_000 {
        body.push_str(&format!(
            "data: {{\"type\":\"response.output_item.added\",\"output_index\":{n},\"item\":{{\"type\":\"message\",\"content\":[]}}}}\n\n"
        ));
        listed.push(r#"{"type":"function_call","name":"f","arguments":"{}"}"#);
    }
    body.push_str(&format!(
        "data: {{\"type\":\"response.completed\",\"response\":{{\"status\":\"completed\",\"output\":[{}]}}}}\n\n",
        listed.join(",")
    ));
    let transcript = read_once(DIALECT, body.as_bytes());
    assert_eq!(transcript.tool_calls().count(), 20_000);
}

#[test]
fn a_whole_response_gives_the_same_transcript() {
    let body = r#"{"id":"resp_1","object":"response","status":"completed","model":"gpt-5","error":null,"output":[
        {"id":"rs","type":"reasoning","summary":[{"type":"summary_text","text":"Hm"}]},
        {"id":"ws","type":"web_search_call","status":"completed"},
        {"id":"m","type":"message","content":[{"type":"output_text","text":"Hi","annotations":[]}]},
        {"id":"fc","type":"function_call","call_id":"c","name":"f","arguments":"{\"a\":1}"}],
        "usage":{"input_tokens":1,"input_tokens_details":{"cached_tokens":4},"output_tokens":2,"output_tokens_details":{"reasoning_tokens":5},"total_tokens":3}}"#;
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
            r#"web_search_call: {"id":"ws","type":"web_search_call","status":"completed"}"#,
            "text: Hi",
            r#"call: {"a":1}"#
        ]
    );
    assert_eq!(transcript.usage.cached_input_tokens, Some(4));
    assert_eq!(transcript.usage.reasoning_tokens, Some(5));
    assert_eq!(
        transcript.choices[0].finish_reason.as_deref(),
        Some("completed")
    );
}

#[test]
fn a_whole_response_that_still_runs_is_not_complete() {
    for status in ["queued", "in_progress"] {
        let body = format!(r#"{{"object":"response","id":"r","status":"{status}","output":[]}}"#);
        let Answer::Transcript(transcript) = whole(DIALECT, &body) else {
            panic!("a known answer")
        };
        assert_eq!(transcript.ending, Ending::Truncated);
    }
    let Answer::Transcript(failed) = whole(DIALECT, r#"{"error":{"message":"no"}}"#) else {
        panic!("a known answer")
    };
    assert_eq!(failed.ending, Ending::Errored);
    assert!(matches!(
        whole(DIALECT, r#"{"object":"list","data":[]}"#),
        Answer::Opaque(_)
    ));
}

#[test]
fn requests_and_streams_are_told_apart_from_those_of_other_dialects() {
    for (method, target, is_ours) in [
        ("POST", "/v1/responses", true),
        ("POST", "/responses?stream=true", true),
        ("POST", "/backend-api/codex/responses", true),
        ("GET", "/v1/responses/resp_1?stream=true", true),
        ("POST", "/v1/responses/resp_1/cancel", false),
        ("GET", "/v1/responses/resp_1/input_items", false),
        ("GET", "/v1/responses", false),
        ("POST", "/v1/chat/completions", false),
    ] {
        let found = by_request(&Request::new(1, method, target));
        let is_found = found == by_name(DIALECT);
        assert_eq!(is_found, is_ours, "{method} {target}");
    }
    let mut reader = AnswerReader::bare();
    reader.feed(&rich());
    assert_eq!(reader.dialect(), by_name(DIALECT));
}
