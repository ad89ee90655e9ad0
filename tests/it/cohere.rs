//! `cohere-v2`: blocks, calls, plans and citations, and what is read where the wire is odd.

use rigtape::dialect::Answer;
use rigtape::transcript::{Delta, Ending, Transcript};

use crate::support::stream::{
    calls, deltas, never_complete_before, parts, read, sse, survives_damage, violations, whole,
};

fn cohere(data: &[&str]) -> Transcript {
    read("cohere-v2", &sse(data))
}

fn event(kind: &str, index: u64, message: &str) -> String {
    format!(r#"{{"type":"{kind}","index":{index},"delta":{{"message":{message}}}}}"#)
}

fn start(index: u64, kind: &str) -> String {
    event(
        "content-start",
        index,
        &format!(r#"{{"content":{{"type":"{kind}","{kind}":""}}}}"#),
    )
}

fn content(index: u64, kind: &str, text: &str) -> String {
    event(
        "content-delta",
        index,
        &format!(r#"{{"content":{{"{kind}":"{text}"}}}}"#),
    )
}

fn call(index: u64, id: &str, name: &str) -> String {
    event(
        "tool-call-start",
        index,
        &format!(
            r#"{{"tool_calls":{{"id":"{id}","type":"function","function":{{"name":"{name}","arguments":""}}}}}}"#
        ),
    )
}

fn arguments(index: u64, text: &str) -> String {
    event(
        "tool-call-delta",
        index,
        &format!(r#"{{"tool_calls":{{"function":{{"arguments":"{text}"}}}}}}"#),
    )
}

fn end(reason: &str) -> String {
    format!(
        r#"{{"type":"message-end","delta":{{"finish_reason":"{reason}","usage":{{"billed_units":{{"input_tokens":1,"output_tokens":1}},"tokens":{{"input_tokens":70,"output_tokens":9,"reasoning_tokens":5}},"cached_tokens":64}}}}}}"#
    )
}

const START: &str = r#"{"id":"c","type":"message-start","delta":{"message":{"role":"assistant"}}}"#;

#[test]
fn blocks_are_parts_and_usage_is_what_the_model_saw() {
    let transcript = cohere(&[
        START,
        &start(0, "thinking"),
        &content(0, "thinking", "Hm"),
        &content(0, "thinking", "m."),
        r#"{"type":"content-end","index":0}"#,
        &start(1, "text"),
        &content(1, "text", "No."),
        r#"{"type":"content-end","index":1}"#,
        &end("COMPLETE"),
        "[DONE]",
    ]);
    assert_eq!(parts(&transcript), ["reasoning: Hmm.", "text: No."]);
    assert_eq!(transcript.response_id.as_deref(), Some("c"));
    let usage = transcript.usage;
    assert_eq!(
        (usage.input_tokens, usage.output_tokens),
        (Some(70), Some(9))
    );
    assert_eq!(usage.cached_input_tokens, Some(64));
    assert_eq!(usage.reasoning_tokens, Some(5));
    assert_eq!(usage.total_tokens, None, "the wire states none");
    assert_eq!(transcript.terminator, Some(true));
    assert!(transcript.is_clean());
}

#[test]
fn blocks_that_interleave_stay_apart() {
    let transcript = cohere(&[
        &start(0, "text"),
        &start(1, "thinking"),
        &content(1, "thinking", "x"),
        &content(0, "text", "a"),
        &content(1, "thinking", "y"),
        &content(0, "text", "b"),
        &end("COMPLETE"),
    ]);
    assert_eq!(parts(&transcript), ["text: ab", "reasoning: xy"]);
    assert!(transcript.is_clean());
}

#[test]
fn calls_keep_their_indexes_and_their_pieces() {
    let transcript = cohere(&[
        START,
        &call(0, "a", "f"),
        &call(1, "b", "g"),
        &arguments(0, r#"{\"x\":"#),
        &arguments(1, "{}"),
        &arguments(0, "1}"),
        r#"{"type":"tool-call-end","index":0}"#,
        r#"{"type":"tool-call-end","index":1}"#,
        &call(1, "b", "g"),
        &end("TOOL_CALL"),
    ]);
    assert_eq!(
        calls(&transcript),
        [r#"0 a f {"x":1}"#, "1 b g {}", "1 b g "],
        "one index, opened twice, is two calls"
    );
    assert!(transcript.is_clean());
}

#[test]
fn a_plan_is_one_part_however_many_pieces_it_has() {
    let plan = |text: &str| {
        format!(r#"{{"type":"tool-plan-delta","delta":{{"message":{{"tool_plan":"{text}"}}}}}}"#)
    };
    let body = sse(&[
        START,
        &plan("I will \\ud83d"),
        &plan("\\ude00"),
        &plan(" look."),
        &call(0, "a", "f"),
        &end("TOOL_CALL"),
    ]);
    let transcript = read("cohere-v2", &body);
    assert_eq!(
        parts(&transcript),
        [r#"tool_plan: {"tool_plan":"I will 😀 look."}"#, "call: "]
    );
    assert!(transcript.is_clean());
    let (steps, _) = deltas("cohere-v2", &body);
    let shown = |delta: &&Delta<'_>| matches!(delta, Delta::Other { .. });
    assert_eq!(
        steps.iter().filter(shown).count(),
        1,
        "shown when it is whole"
    );
}

#[test]
fn a_citation_is_kept_and_does_not_part_the_text() {
    let citation = event(
        "citation-start",
        0,
        r#"{"citations":{"start":0,"end":1,"text":"a"}}"#,
    );
    let transcript = cohere(&[
        &start(0, "text"),
        &content(0, "text", "a"),
        &citation,
        r#"{"type":"citation-end","index":0}"#,
        &content(0, "text", "b"),
        &end("COMPLETE"),
    ]);
    assert_eq!(
        parts(&transcript),
        ["text: ab", r#"citation: {"start":0,"end":1,"text":"a"}"#]
    );
    assert!(transcript.is_clean());
}

#[test]
fn only_message_end_ends_the_turn() {
    let said = [START, &start(0, "text"), &content(0, "text", "a")];
    let transcript = cohere(&[&said[..], &["[DONE]"]].concat());
    assert_eq!(transcript.ending, Ending::Truncated);
    assert_eq!(violations(&transcript), ["4 unknown_event"]);
    let reasonless = r#"{"type":"message-end","delta":{}}"#;
    let transcript = cohere(&[&said[..], &[reasonless]].concat());
    assert_eq!(transcript.ending, Ending::Complete);
    assert_eq!(transcript.choices[0].finish_reason, None);
    let after = content(0, "text", "b");
    let transcript = cohere(&[&said[..], &[&end("COMPLETE"), "[DONE]", &after]].concat());
    assert_eq!(violations(&transcript), ["6 after_terminator"]);
    assert_eq!(transcript.text(), "a");
}

#[test]
fn errors_in_all_their_places() {
    let said = [START, &start(0, "text"), &content(0, "text", "a")];
    for error in [
        &*end("ERROR"),
        r#"{"type":"message-end","delta":{"finish_reason":"ERROR","error":"boom"}}"#,
        r#"{"type":"message-end","delta":{"error":"boom"}}"#,
        r#"{"error":{"message":"boom"}}"#,
        r#"{"type":"error","message":"boom"}"#,
    ] {
        let transcript = cohere(&[&said[..], &[error]].concat());
        assert_eq!(transcript.ending, Ending::Errored, "{error}");
        assert_eq!(transcript.text(), "a", "{error}");
    }
}

#[test]
fn pieces_for_what_was_never_opened_are_kept_and_noted() {
    let transcript = cohere(&[
        &content(0, "text", "a"),
        &content(0, "text", "b"),
        &content(0, "thinking", "c"),
        &arguments(3, "{}"),
        &end("COMPLETE"),
    ]);
    assert_eq!(parts(&transcript), ["text: ab", "reasoning: c", "call: {}"]);
    assert_eq!(calls(&transcript), ["3 - - {}"]);
    assert_eq!(
        violations(&transcript),
        ["1 unopened_block", "3 unopened_block", "4 unopened_call"]
    );
}

#[test]
fn values_of_the_wrong_type_count_as_absent() {
    for (odd, expected) in [
        (
            r#"{"type":"content-delta","index":"0","delta":{"message":{"content":{"text":"b"}}}}"#,
            "wrong_type",
        ),
        (
            r#"{"type":"content-delta","index":0,"delta":{"message":{"content":"b"}}}"#,
            "wrong_type",
        ),
        (
            r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":7}}}}"#,
            "wrong_type",
        ),
        (
            r#"{"type":"content-delta","index":0,"delta":[]}"#,
            "wrong_type",
        ),
        (
            r#"{"type":"tool-plan-delta","delta":{"message":{"tool_plan":7}}}"#,
            "wrong_type",
        ),
        (r#"{"type":"content-surprise"}"#, "unknown_event"),
        ("[]", "not_an_object"),
        (r#"{"type":"content-delta""#, "invalid_json"),
    ] {
        let transcript = cohere(&[
            &start(0, "text"),
            &content(0, "text", "a"),
            odd,
            &end("COMPLETE"),
        ]);
        assert_eq!(violations(&transcript), [format!("3 {expected}")], "{odd}");
        assert!(transcript.text().starts_with('a'), "{odd}");
        assert_eq!(transcript.ending, Ending::Complete, "{odd}");
    }
}

#[test]
fn an_index_without_bound_costs_no_memory_and_the_last_duplicate_wins() {
    let huge = u64::MAX;
    let transcript = cohere(&[
        &start(huge, "text"),
        &format!(
            r#"{{"type":"content-delta","index":0,"index":{huge},"delta":{{"message":{{"content":{{"text":"x","text":"a\ud83d"}}}}}}}}"#
        ),
        &call(huge, "c", "f"),
        &end("COMPLETE"),
    ]);
    assert_eq!(transcript.text(), "a\u{FFFD}");
    assert_eq!(calls(&transcript), [format!("{huge} c f ")]);
    assert_eq!(violations(&transcript), ["2 lone_surrogate"]);
}

#[test]
fn arguments_cut_by_the_turns_limit_are_no_violation() {
    let cut = [call(0, "c", "f"), arguments(0, "{")];
    let read = |reason: &str| cohere(&[&cut[0], &cut[1], &end(reason)]);
    assert!(read("MAX_TOKENS").is_clean());
    assert_eq!(violations(&read("TOOL_CALL")), ["2 invalid_arguments"]);
}

#[test]
fn a_whole_message_is_no_stream_and_other_json_is_opaque() {
    let message = r#"{"id":"c","finish_reason":"TOOL_CALL","message":{"role":"assistant","tool_plan":"p","content":[{"type":"thinking","thinking":"t"},{"type":"text","text":"a"}],"tool_calls":[{"id":"x","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"y","type":"function","function":{"name":"g","arguments":"{}"}}],"citations":[{"start":0}]},"usage":{"tokens":{"input_tokens":3}}}"#;
    let Answer::Transcript(transcript) = whole("cohere-v2", message) else {
        panic!("opaque")
    };
    assert_eq!(
        parts(&transcript),
        [
            r#"tool_plan: {"tool_plan":"p"}"#,
            "reasoning: t",
            "text: a",
            "call: {}",
            "call: {}",
            r#"citation: {"start":0}"#
        ]
    );
    assert_eq!(calls(&transcript), ["0 x f {}", "1 y g {}"]);
    assert!(!transcript.streamed);
    assert_eq!(transcript.terminator, None);
    assert!(transcript.is_clean());
    assert!(matches!(
        whole("cohere-v2", r#"{"message":"no"}"#),
        Answer::Opaque(_)
    ));
}

#[test]
fn no_cut_before_the_end_is_complete_and_no_damage_panics() {
    let body = sse(&[
        START,
        &start(0, "thinking"),
        &content(0, "thinking", "\\ud83d"),
        &start(1, "text"),
        &content(1, "text", "a ü"),
        r#"{"type":"tool-plan-delta","delta":{"message":{"tool_plan":"p"}}}"#,
        &call(0, "c", "f"),
        &arguments(0, "{}"),
        &end("COMPLETE"),
        "[DONE]",
    ]);
    never_complete_before("cohere-v2", &body, "COMPLETE");
    survives_damage("cohere-v2", &body);
}
