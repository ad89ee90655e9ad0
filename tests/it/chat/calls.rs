//! Which call a piece of one belongs to.

use super::{call, called, chat, delta, finished};
use crate::support::stream::{calls, deltas, parts, sse, violations};
use rigtape::transcript::Delta;

#[test]
fn pieces_that_interleave_go_to_their_slots() {
    let transcript = called(&[
        r#""index":0,"id":"a","function":{"name":"f","arguments":""}"#,
        r#""index":1,"id":"b","function":{"name":"g","arguments":""}"#,
        r#""index":0,"function":{"arguments":"[0"}"#,
        r#""index":1,"function":{"arguments":"[1"}"#,
        r#""index":0,"function":{"arguments":"]"}"#,
        r#""index":1,"function":{"arguments":"]"}"#,
    ]);
    assert_eq!(calls(&transcript), ["0 a f [0]", "1 b g [1]"]);
    assert!(transcript.is_clean());
}

#[test]
fn several_calls_in_one_delta_and_whole_calls_are_ordinary() {
    let transcript = finished(
        &[
            r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}},{"index":1,"id":"b","function":{"name":"g","arguments":"[]"}}]}"#,
            r#"{"tool_calls":null}"#,
        ],
        "tool_calls",
    );
    assert_eq!(calls(&transcript), ["0 a f {}", "1 b g []"]);
    assert!(transcript.is_clean());
}

#[test]
fn an_index_used_again_with_a_new_id_and_name_is_a_new_call() {
    let transcript = called(&[
        r#""index":0,"id":"a","function":{"name":"f","arguments":"{}"}"#,
        r#""index":0,"id":"b","function":{"name":"f","arguments":"[1"}"#,
        r#""index":0,"function":{"arguments":"]"}"#,
    ]);
    assert_eq!(calls(&transcript), ["0 a f {}", "0 b f [1]"]);
    assert!(transcript.is_clean());
}

#[test]
fn two_calls_of_one_id_stay_two() {
    let transcript = called(&[
        r#""index":0,"id":"same","function":{"name":"f","arguments":"{}"}"#,
        r#""index":1,"id":"same","function":{"name":"g","arguments":"[]"}"#,
    ]);
    assert_eq!(calls(&transcript), ["0 same f {}", "1 same g []"]);
}

#[test]
fn a_nameless_piece_with_the_id_of_another_call_goes_there() {
    let transcript = called(&[
        r#""index":0,"id":"a","function":{"name":"f","arguments":"[1"}"#,
        r#""index":1,"id":"b","function":{"name":"g","arguments":"[2"}"#,
        r#""index":1,"id":"a","function":{"arguments":"]"}"#,
        r#""index":0,"id":"b","function":{"arguments":"]"}"#,
        r#""index":7,"id":"b","function":{"arguments":" "}"#,
    ]);
    assert_eq!(calls(&transcript), ["0 a f [1]", "1 b g [2] "]);
    assert!(transcript.is_clean());
}

#[test]
fn an_id_that_changes_in_mid_call_is_noted_and_the_first_stays() {
    let transcript = called(&[
        r#""index":0,"id":"a","function":{"name":"f","arguments":"["}"#,
        r#""index":0,"id":"x","function":{"arguments":"]"}"#,
    ]);
    assert_eq!(calls(&transcript), ["0 a f []"]);
    assert_eq!(violations(&transcript), ["2 call_id_changed"]);
}

#[test]
fn a_late_id_or_name_fills_in_and_a_different_one_is_noted() {
    let transcript = called(&[
        r#""index":0,"function":{"name":"f","arguments":"["}"#,
        r#""index":0,"id":"late","function":{"arguments":"1"}"#,
        r#""index":0,"id":"late","function":{"name":"f","arguments":"]"}"#,
        r#""index":0,"id":"","function":{"name":"","arguments":""}"#,
        r#""index":0,"function":{"name":"other"}"#,
    ]);
    assert_eq!(calls(&transcript), ["0 late f [1]"]);
    assert_eq!(violations(&transcript), ["5 call_name_changed"]);
}

#[test]
fn without_an_index_a_new_id_with_a_name_opens_a_call() {
    let transcript = called(&[
        r#""id":"a","function":{"name":"f","arguments":"["}"#,
        r#""function":{"arguments":"1]"}"#,
        r#""id":"b","function":{"name":"g","arguments":"["}"#,
        r#""id":"a","function":{"arguments":" "}"#,
        r#""function":{"arguments":"2]"}"#,
    ]);
    assert_eq!(calls(&transcript), ["0 a f [1] ", "1 b g [2]"]);
    assert!(transcript.is_clean());
}

#[test]
fn a_fragment_for_an_empty_slot_opens_a_nameless_call() {
    let transcript = called(&[
        r#""index":3,"function":{"arguments":"{}"}"#,
        r#""index":3,"id":"late","function":{"name":"f"}"#,
    ]);
    assert_eq!(calls(&transcript), ["3 late f {}"]);
    assert_eq!(violations(&transcript), ["1 unopened_call"]);
    let nothing_before = called(&[r#""function":{"arguments":"{}"}"#]);
    assert_eq!(calls(&nothing_before), ["0 - - {}"]);
    assert_eq!(violations(&nothing_before), ["1 unopened_call"]);
}

#[test]
fn an_index_of_the_wrong_type_counts_as_absent() {
    let transcript = called(&[
        r#""index":"0","id":"a","function":{"name":"f","arguments":"{}"}"#,
        r#""index":18446744073709551615,"id":"b","function":{"name":"g","arguments":"{}"}"#,
        r#""index":1e99,"id":"c","function":{"name":"h","arguments":"{}"}"#,
    ]);
    assert_eq!(
        calls(&transcript),
        ["0 a f {}", "18446744073709551615 b g {}", "2 c h {}"]
    );
    assert_eq!(violations(&transcript), ["1 wrong_type", "3 wrong_type"]);
}

#[test]
fn arguments_sent_as_a_value_are_kept_as_written() {
    let transcript = called(&[
        r#""index":0,"id":"a","function":{"name":"f","arguments":{"b": 1.0, "a": "é"}}"#,
        r#""index":1,"id":"b","function":{"name":"g","arguments":null}"#,
    ]);
    assert_eq!(
        calls(&transcript),
        [r#"0 a f {"b": 1.0, "a": "é"}"#, "1 b g "]
    );
    let json: Vec<_> = transcript
        .tool_calls()
        .map(|call| call.arguments_json.as_ref().unwrap().to_string())
        .collect();
    assert_eq!(json, [r#"{"b":1.0,"a":"é"}"#, "{}"]);
    assert!(transcript.is_clean());
}

#[test]
fn a_legacy_function_call_is_a_call_without_id() {
    let transcript = finished(
        &[
            r#"{"function_call":{"name":"f","arguments":"{\"a\""}}"#,
            r#"{"function_call":{"arguments":":2}"}}"#,
        ],
        "function_call",
    );
    assert_eq!(calls(&transcript), [r#"0 - f {"a":2}"#]);
    assert!(transcript.is_clean());
}

#[test]
fn a_custom_call_has_free_text_for_arguments() {
    let transcript = called(&[
        r#""index":0,"id":"a","type":"custom","custom":{"name":"sql","input":"SELECT "}"#,
        r#""index":0,"custom":{"input":"1"}"#,
    ]);
    assert_eq!(calls(&transcript), ["0 a sql SELECT 1"]);
    assert!(
        transcript
            .tool_calls()
            .next()
            .unwrap()
            .arguments_json
            .is_none()
    );
    assert!(transcript.is_clean());
}

#[test]
fn arguments_that_do_not_parse_are_noted_unless_the_turn_was_cut() {
    let piece = call(r#""index":0,"id":"a","function":{"name":"f","arguments":"{\"a\":"}"#);
    for reason in ["tool_calls", "stop"] {
        assert_eq!(
            violations(&finished(&[&piece], reason)),
            ["1 invalid_arguments"],
            "{reason}"
        );
    }
    for reason in ["length", "content_filter", "max_tokens", "MAX_TOKENS"] {
        let transcript = finished(&[&piece], reason);
        assert!(transcript.is_clean(), "{reason}");
        assert!(
            transcript
                .tool_calls()
                .next()
                .unwrap()
                .arguments_json
                .is_none()
        );
    }
    assert_eq!(chat(&[&delta(&piece)]).violations_total, 0, "cut off");
}

#[test]
fn text_and_calls_stand_in_the_order_in_which_they_appeared() {
    let transcript = finished(
        &[
            r#"{"content":"Let me "}"#,
            r#"{"content":"see."}"#,
            r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"["}}]}"#,
            r#"{"content":"Wait."}"#,
            r#"{"tool_calls":[{"index":0,"function":{"arguments":"]"}}]}"#,
            r#"{"content":".."}"#,
        ],
        "tool_calls",
    );
    assert_eq!(
        parts(&transcript),
        ["text: Let me see.", "call: []", "text: Wait..."]
    );
}

#[test]
fn the_steps_of_a_call_carry_one_part_number() {
    let data = [
        delta(r#"{"content":"Hi"}"#),
        delta(&call(
            r#""index":4,"id":"a","function":{"name":"f","arguments":"["}"#,
        )),
        delta(&call(r#""index":4,"function":{"arguments":"]"}"#)),
    ];
    let data: Vec<&str> = data.iter().map(String::as_str).collect();
    let (steps, _) = deltas("openai-chat", &sse(&data));
    let pieces: Vec<_> = steps
        .iter()
        .filter_map(|step| match step {
            Delta::ToolCall {
                part,
                index,
                name,
                arguments,
                ..
            } => Some((*part, *index, name.as_deref(), &**arguments)),
            _ => None,
        })
        .collect();
    assert_eq!(
        pieces,
        [(1, 4, Some("f"), ""), (1, 4, None, "["), (1, 4, None, "]")]
    );
}
