//! `gemini` and `gemini-interactions`: what is read where the wires are odd.

use rigtape::dialect::{Answer, by_name};
use rigtape::frame::{DEFAULT_LIMIT, Framing};
use rigtape::transcript::{Ending, Part, Transcript};

use crate::support::stream::{
    calls, never_complete_before, parts, read, sse, survives_damage, violations, whole,
};

fn gemini(data: &[&str]) -> Transcript {
    read("gemini", &sse(data))
}

/// A message of candidate 0 with these parts.
fn said(parts: &str) -> String {
    format!(r#"{{"candidates":[{{"content":{{"parts":[{parts}]}},"index":0}}]}}"#)
}

const STOP: &str = r#"{"candidates":[{"finishReason":"STOP","index":0}]}"#;

#[test]
fn parts_stand_in_wire_order_and_running_text_is_one_part() {
    let transcript = gemini(&[
        &said(r#"{"text":"Hm","thought":true},{"text":"m.","thought":true}"#),
        &said(r#"{"text":"He"}"#),
        &said(r#"{"text":""},{"text":"re:"}"#),
        &said(r#"{"executableCode":{"code":"1","language":"PYTHON"}}"#),
        &said(r#"{"codeExecutionResult":{"outcome":"OUTCOME_OK","output":"1"}}"#),
        &said(r#"{"text":"One."},{"inlineData":{"data":"eA=="},"thoughtSignature":"s"}"#),
        STOP,
    ]);
    assert_eq!(
        parts(&transcript),
        [
            "reasoning: Hmm.",
            "text: Here:",
            r#"executableCode: {"executableCode":{"code":"1","language":"PYTHON"}}"#,
            r#"codeExecutionResult: {"codeExecutionResult":{"outcome":"OUTCOME_OK","output":"1"}}"#,
            "text: One.",
            r#"inlineData: {"inlineData":{"data":"eA=="},"thoughtSignature":"s"}"#,
        ]
    );
    assert!(transcript.is_clean());
    assert_eq!(transcript.terminator, None);
}

#[test]
fn content_after_a_finish_is_content_and_an_equal_finish_is_ordinary() {
    let first = r#"{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}]}"#;
    let second = r#"{"candidates":[{"content":{"parts":[{"text":"b"}]},"finishReason":"STOP"}]}"#;
    let transcript = gemini(&[first, &said(r#"{"text":"-"}"#), second]);
    assert_eq!(transcript.text(), "a-b");
    assert!(transcript.is_clean());

    let other = r#"{"candidates":[{"finishReason":"MAX_TOKENS"}]}"#;
    let transcript = gemini(&[first, other]);
    assert_eq!(violations(&transcript), ["2 finish_changed"]);
    assert_eq!(
        transcript.choices[0].finish_reason.as_deref(),
        Some("MAX_TOKENS")
    );
}

#[test]
fn a_missing_index_is_zero_and_every_candidate_needs_its_finish() {
    let both = r#"{"candidates":[{"content":{"parts":[{"text":"a"}]}},{"content":{"parts":[{"text":"b"}]},"index":1}]}"#;
    let one = r#"{"candidates":[{"finishReason":"STOP","index":1}]}"#;
    let zero = r#"{"candidates":[{"content":{"role":"model"},"finishReason":"STOP"}]}"#;
    let transcript = gemini(&[both, one]);
    assert_eq!(transcript.ending, Ending::Truncated);
    assert_eq!(transcript.choices.len(), 2);
    let transcript = gemini(&[both, one, zero]);
    assert!(transcript.is_clean());
    assert_eq!(
        transcript.choices[1].parts[0].as_text(),
        Some("b"),
        "the candidates stay apart"
    );
}

#[test]
fn a_signature_stays_with_its_thought_and_stands_behind_any_other_part() {
    let transcript = gemini(&[
        &said(r#"{"text":"one","thought":true,"thoughtSignature":"s1"}"#),
        &said(
            r#"{"text":"two","thought":true},{"thought":true,"text":"","thoughtSignature":"s2"}"#,
        ),
        &said(r#"{"text":"Hel","thoughtSignature":"s3"},{"text":"lo"}"#),
        &said(r#"{"functionCall":{"name":"f","args":{}},"thoughtSignature":"s4"}"#),
        &said(r#"{"text":"","thoughtSignature":"s5"}"#),
        STOP,
    ]);
    let signature = |part: usize| match &transcript.choices[0].parts[part] {
        Part::Reasoning { signature, .. } => signature.as_deref(),
        part => panic!("a thought, not {part:?}"),
    };
    assert_eq!((signature(0), signature(1)), (Some("s1"), Some("s2")));
    assert_eq!(
        parts(&transcript),
        [
            "reasoning: one",
            "reasoning: two",
            "text: Hello",
            r#"thoughtSignature: "s3""#,
            "call: {}",
            r#"thoughtSignature: "s4""#,
            r#"thoughtSignature: "s5""#,
        ]
    );
    assert!(transcript.is_clean());
}

#[test]
fn calls_are_numbered_and_their_arguments_stand_as_written() {
    let transcript = gemini(&[
        &said(r#"{"functionCall":{"name":"f","args":{ "n" : 1e400, "a":[1,1.0], "n":2 }}}"#),
        &said(
            r#"{"functionCall":{"id":"c1","name":"g"}},{"functionCall":{"id":"","name":"h","args":null}}"#,
        ),
        STOP,
    ]);
    assert_eq!(
        calls(&transcript),
        [
            r#"0 - f { "n" : 1e400, "a":[1,1.0], "n":2 }"#,
            "1 c1 g {}",
            "2 - h {}"
        ]
    );
    assert!(transcript.is_clean());

    let transcript = gemini(&[
        &said(r#"{"functionCall":{"name":"f","args":"{}"}},{"functionCall":{}}"#),
        STOP,
    ]);
    assert_eq!(calls(&transcript), ["0 - f {}", "1 - - {}"]);
    assert_eq!(violations(&transcript), ["1 wrong_type", "1 unopened_call"]);
}

#[test]
fn a_call_whose_arguments_come_in_pieces_is_kept_piece_by_piece() {
    let pieces = [
        r#"{"functionCall":{"name":"f","willContinue":true}}"#,
        r#"{"functionCall":{"partialArgs":[{"jsonPath":"$.city","stringValue":"Os","willContinue":true}],"willContinue":true}}"#,
        r#"{"functionCall":{}}"#,
    ];
    let transcript = gemini(&[&said(pieces[0]), &said(pieces[1]), &said(pieces[2]), STOP]);
    let expected = pieces.map(|piece| format!("functionCall: {piece}"));
    assert_eq!(parts(&transcript), expected);
    assert!(transcript.is_clean());
}

#[test]
fn what_stands_beside_the_content_is_kept_and_does_not_part_the_text() {
    let transcript = gemini(&[
        &said(r#"{"text":"a"}"#),
        r#"{"candidates":[{"citationMetadata":{"citationSources":[]},"logprobsResult":{"avg":-1}}]}"#,
        &said(r#"{"text":"b"}"#),
        r#"{"candidates":[{"finishReason":"OTHER","finishMessage":"why","groundingMetadata":{}}]}"#,
    ]);
    assert_eq!(
        parts(&transcript),
        [
            "text: ab",
            r#"citationMetadata: {"citationSources":[]}"#,
            "groundingMetadata: {}"
        ]
    );
    let choice = &transcript.choices[0];
    assert_eq!(choice.finish_details.as_ref().unwrap().as_str(), r#""why""#);
    let logprobs = choice.logprobs.as_ref().unwrap().content.as_ref().unwrap();
    assert_eq!(logprobs.as_str(), r#"[{"avg":-1}]"#);
}

#[test]
fn a_blocked_prompt_is_an_error_and_nothing_at_all_is_truncated() {
    let blocked =
        r#"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":4}}"#;
    let transcript = gemini(&[blocked]);
    assert_eq!(transcript.ending, Ending::Errored);
    assert_eq!(
        transcript.error.unwrap().as_str(),
        r#"{"blockReason":"SAFETY"}"#
    );
    assert_eq!(transcript.usage.input_tokens, Some(4));

    let unblocked = r#"{"promptFeedback":{"safetyRatings":[]},"candidates":[]}"#;
    assert_eq!(gemini(&[unblocked]).ending, Ending::Truncated);
    assert_eq!(gemini(&[]).ending, Ending::Truncated);
    assert_eq!(
        gemini(&[r#"{"usageMetadata":{"promptTokenCount":4}}"#]).ending,
        Ending::Truncated
    );
}

#[test]
fn errors_in_all_their_places_keep_what_came_before() {
    let started = said(r#"{"text":"a"}"#);
    let error = r#"{"error":{"code":503,"status":"UNAVAILABLE"}}"#;
    for error in [error, r#"{"error":"x"}"#] {
        let transcript = gemini(&[&started, STOP, error]);
        assert_eq!(transcript.ending, Ending::Errored, "{error}");
        assert_eq!(transcript.text(), "a", "{error}");
    }
    for nothing in [r#"{"error":null}"#, r#"{"error":""}"#] {
        assert!(gemini(&[&started, STOP, nothing]).is_clean(), "{nothing}");
    }
    assert_eq!(
        violations(&gemini(&[STOP, r#"{"error":7}"#])),
        ["2 wrong_type"]
    );

    let mut bare = sse(&[&started]);
    bare.extend_from_slice(
        b"{\n  \"error\": {\n    \"code\": 503,\n    \"status\": \"UNAVAILABLE\"\n  }\n}\n\n",
    );
    let transcript = read("gemini", &bare);
    assert_eq!(transcript.ending, Ending::Errored);
    assert_eq!(
        transcript.error.unwrap().as_str(),
        r#"{"code":503,"status":"UNAVAILABLE"}"#
    );
}

#[test]
fn usage_is_what_was_last_said_of_each_count() {
    let transcript = gemini(&[
        r#"{"usageMetadata":{"promptTokenCount":4,"thoughtsTokenCount":9,"totalTokenCount":13}}"#,
        r#"{"usageMetadata":{"promptTokenCount":4,"candidatesTokenCount":2,"cachedContentTokenCount":1,"totalTokenCount":15}}"#,
    ]);
    let usage = transcript.usage;
    assert_eq!(
        (usage.input_tokens, usage.output_tokens),
        (Some(4), Some(2))
    );
    assert_eq!(usage.reasoning_tokens, Some(9));
    assert_eq!(usage.cached_input_tokens, Some(1));
    assert_eq!(usage.total_tokens, Some(15));
    let transcript = gemini(&[
        r#"{"usageMetadata":{"promptTokenCount":"4","candidatesTokenCount":99999999999999999999}}"#,
        r#"{"usageMetadata":"none"}"#,
    ]);
    assert_eq!(transcript.usage.input_tokens, None);
    assert_eq!(
        violations(&transcript),
        ["1 wrong_type", "1 wrong_type", "2 wrong_type"]
    );
}

#[test]
fn values_of_the_wrong_type_count_as_absent() {
    for (odd, expected) in [
        (r#"{"candidates":{}}"#, "wrong_type"),
        (r#"{"candidates":[7]}"#, "wrong_type"),
        (r#"{"candidates":[{"index":"0"}]}"#, "wrong_type"),
        (r#"{"candidates":[{"content":"a"}]}"#, "wrong_type"),
        (r#"{"candidates":[{"content":{"parts":{}}}]}"#, "wrong_type"),
        (
            r#"{"candidates":[{"content":{"parts":["a"]}}]}"#,
            "wrong_type",
        ),
        (
            r#"{"candidates":[{"content":{"parts":[{"text":1}]}}]}"#,
            "wrong_type",
        ),
        (
            r#"{"candidates":[{"content":{"parts":[{"thought":"yes"}]}}]}"#,
            "wrong_type",
        ),
        (r#"{"candidates":[{"finishReason":7}]}"#, "wrong_type"),
        (r#"{"modelVersion":[]}"#, "wrong_type"),
        (r#"{"responseId":1}"#, "wrong_type"),
        (r#"{"promptFeedback":"SAFETY"}"#, "wrong_type"),
        ("42", "not_an_object"),
        (r#"{"candidates":[{"#, "invalid_json"),
        (r#"{"candidates":[]} trailing"#, "invalid_json"),
    ] {
        let transcript = gemini(&[&said(r#"{"text":"a"}"#), odd, STOP]);
        assert_eq!(violations(&transcript), [format!("2 {expected}")], "{odd}");
        assert_eq!(transcript.text(), "a", "{odd}");
        assert_eq!(transcript.ending, Ending::Complete, "{odd}");
    }
    for ordinary in [
        r#"{"candidates":null}"#,
        r#"{"candidates":[{"content":null,"index":null,"finishReason":""}]}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":null,"thoughtSignature":null,"functionCall":null,"inlineData":null}]}}]}"#,
        "{}",
    ] {
        assert!(gemini(&[ordinary, STOP]).is_clean(), "{ordinary}");
    }
}

#[test]
fn an_index_without_bound_costs_no_memory() {
    let huge = r#"{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP","index":18446744073709551615}]}"#;
    let transcript = gemini(&[huge]);
    assert_eq!(transcript.choices[0].index, u64::MAX);
    assert!(transcript.is_clean());
}

#[test]
fn of_duplicate_members_the_last_wins_and_surrogate_halves_meet() {
    let transcript = gemini(&[
        r#"{"candidates":[],"candidates":[{"content":{"parts":[{"text":"x","text":"\ud83d"}]}}]}"#,
        &said(r#"{"text":"\ude00!"}"#),
        STOP,
    ]);
    assert_eq!(transcript.text(), "😀!");
    assert!(transcript.is_clean());
    let transcript = gemini(&[
        &said(r#"{"text":"a\ud83d"}"#),
        &said(r#"{"text":"b"}"#),
        STOP,
    ]);
    assert_eq!(transcript.text(), "a\u{FFFD}b");
    assert_eq!(violations(&transcript), ["2 lone_surrogate"]);
}

fn array(body: &[u8]) -> Transcript {
    let dialect = by_name("gemini").unwrap();
    let read = |piece: usize| {
        let mut assembler = dialect.assembler_for(Framing::JsonArray, DEFAULT_LIMIT);
        body.chunks(piece).for_each(|piece| assembler.feed(piece));
        assembler.finish()
    };
    let transcript = read(body.len().max(1));
    for piece in 1..body.len() {
        assert_eq!(read(piece), transcript, "in pieces of {piece}");
    }
    transcript
}

#[test]
fn the_elements_of_an_array_are_the_messages_of_a_stream() {
    let messages = [
        said(r#"{"text":"Grüß ","thought":false}"#),
        said(r#"{"text":"[dich], \"{du\""}"#),
        STOP.to_owned(),
    ];
    let streamed = gemini(&[&messages[0], &messages[1], &messages[2]]);
    let body = format!(
        "[{}\r\n,\r\n{}\n,\n{}\n]\n",
        messages[0], messages[1], messages[2]
    );
    let transcript = array(body.as_bytes());
    assert_eq!(transcript, streamed);
    assert!(transcript.streamed);

    let cut = &body.as_bytes()[..body.find("STOP").unwrap()];
    let transcript = array(cut);
    assert_eq!(transcript.ending, Ending::Truncated);
    assert_eq!(violations(&transcript), ["3 torn_tail"]);
    assert_eq!(transcript.text(), "Grüß [dich], \"{du\"");
}

#[test]
fn a_bare_array_tells_its_dialect() {
    let body = format!("[{},\n{STOP}]", said(r#"{"text":"a"}"#));
    for body in [&*body, &body[..body.len() - 1]] {
        let mut reader = rigtape::dialect::AnswerReader::bare();
        reader.feed(body.as_bytes());
        let Answer::Transcript(transcript) = reader.finish() else {
            panic!("opaque: {body}")
        };
        assert_eq!(transcript.dialect, "gemini");
        assert!(transcript.streamed);
        assert_eq!(transcript.text(), "a");
        assert_eq!(transcript.ending, Ending::Complete);
    }
}

#[test]
fn a_whole_message_is_no_stream_and_other_json_is_opaque() {
    let message = r#"{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}],"modelVersion":"m"}"#;
    let Answer::Transcript(transcript) = whole("gemini", message) else {
        panic!("opaque")
    };
    assert!(!transcript.streamed);
    assert!(transcript.is_clean());
    assert_eq!(transcript.terminator, None);
    for other in [
        r#"{"totalTokens":3}"#,
        r#"{"models":[]}"#,
        r#"{"candidates":[{"#,
    ] {
        assert!(
            matches!(whole("gemini", other), Answer::Opaque(_)),
            "{other}"
        );
    }
}

#[test]
fn messages_that_are_wrapped_once_more_are_read() {
    let wrapped = format!(
        r#"{{"response":{},"traceId":"t"}}"#,
        said(r#"{"text":"a"}"#)
    );
    let finish = format!(r#"{{"response":{STOP}}}"#);
    let transcript = gemini(&[&wrapped, &finish]);
    assert_eq!(transcript.text(), "a");
    assert!(transcript.is_clean());
}

#[test]
fn no_cut_before_the_finish_is_complete_and_no_damage_panics() {
    let mut body = sse(&[
        &said(r#"{"text":"Hm\ud83d","thought":true,"thoughtSignature":"s"},{"text":"a ü 😀"}"#),
        &said(r#"{"functionCall":{"id":"c","name":"f","args":{"x":[1]}}},{"executableCode":{}}"#),
        r#"{"candidates":[{"content":{"parts":[{"text":"b"}]},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":1}}"#,
    ]);
    body.extend_from_slice(b": ping\r\n\r\n{\r\n\"error\": 1\r\n}\r\n\r\n");
    never_complete_before("gemini", &body, "STOP");
    survives_damage("gemini", &body);
    let text = String::from_utf8(body).unwrap().replace("data: ", ",");
    let body = format!("[{}", &text[1..text.find(": ping").unwrap()]);
    array(body.as_bytes());
    for at in 0..body.len() {
        let mut spoiled = body.clone().into_bytes();
        spoiled[at] = b'"';
        for body in [&spoiled[..], &spoiled[at..]] {
            let mut assembler = by_name("gemini")
                .unwrap()
                .assembler_for(Framing::JsonArray, 1 << 20);
            assembler.feed(body);
            assembler.finish();
        }
    }
}

mod interactions {
    use super::*;

    fn interactions(data: &[&str]) -> Transcript {
        read("gemini-interactions", &sse(data))
    }

    fn start(index: u64, step: &str) -> String {
        format!(r#"{{"event_type":"step.start","index":{index},"step":{step}}}"#)
    }

    fn delta(index: u64, delta: &str) -> String {
        format!(r#"{{"event_type":"step.delta","index":{index},"delta":{delta}}}"#)
    }

    fn completed(status: &str) -> String {
        format!(
            r#"{{"event_type":"interaction.completed","interaction":{{"id":"i","model":"m","status":"{status}"}}}}"#
        )
    }

    #[test]
    fn steps_are_parts_and_the_status_is_the_finish() {
        let transcript = interactions(&[
            &start(0, r#"{"type":"thought"}"#),
            &delta(
                0,
                r#"{"type":"thought_summary","content":{"type":"text","text":"Hm."}}"#,
            ),
            &delta(0, r#"{"type":"thought_signature","signature":"s"}"#),
            &start(1, r#"{"type":"model_output"}"#),
            &delta(1, r#"{"type":"text","text":"He"}"#),
            &delta(1, r#"{"type":"text_annotation_delta","annotations":[]}"#),
            &delta(1, r#"{"type":"text","text":"re"}"#),
            &start(
                2,
                r#"{"type":"google_search_call","id":"g","arguments":{}}"#,
            ),
            &delta(
                2,
                r#"{"type":"google_search_call","arguments":{"queries":["q"]}}"#,
            ),
            &start(
                3,
                r#"{"type":"function_call","id":"c","name":"f","arguments":{}}"#,
            ),
            &delta(3, r#"{"type":"arguments_delta","arguments":"{\"a\""}"#),
            &delta(3, r#"{"type":"arguments_delta","arguments":":1}"}"#),
            &completed("requires_action"),
            "[DONE]",
        ]);
        assert_eq!(
            parts(&transcript),
            [
                "reasoning: Hm.",
                "text: Here",
                r#"text_annotation_delta: {"type":"text_annotation_delta","annotations":[]}"#,
                r#"google_search_call: {"type":"google_search_call","id":"g","arguments":{}}"#,
                r#"google_search_call: {"type":"google_search_call","arguments":{"queries":["q"]}}"#,
                r#"call: {"a":1}"#,
            ]
        );
        assert_eq!(calls(&transcript), [r#"3 c f {"a":1}"#]);
        assert_eq!(
            transcript.choices[0].finish_reason.as_deref(),
            Some("requires_action")
        );
        assert_eq!(transcript.terminator, Some(true));
        assert!(transcript.is_clean());
    }

    #[test]
    fn done_alone_is_not_the_word_and_completed_is() {
        let started = start(0, r#"{"type":"model_output"}"#);
        assert_eq!(
            interactions(&[&started, "[DONE]"]).ending,
            Ending::Truncated
        );
        let transcript = interactions(&[&started, &completed("completed")]);
        assert_eq!(transcript.ending, Ending::Complete);
        assert_eq!(transcript.terminator, Some(false));
        assert_eq!(
            interactions(&[&completed("in_progress"), "[DONE]"]).ending,
            Ending::Truncated
        );
    }

    #[test]
    fn a_failed_status_and_an_error_event_are_errors() {
        let status = r#"{"event_type":"interaction.status_update","status":"failed"}"#;
        let error = r#"{"event_type":"error","error":{"code":"x"}}"#;
        for failure in [
            &*completed("failed"),
            status,
            error,
            r#"{"event_type":"error"}"#,
        ] {
            let transcript = interactions(&[
                &start(
                    0,
                    r#"{"type":"model_output","content":[{"type":"text","text":"a"}]}"#,
                ),
                failure,
            ]);
            assert_eq!(transcript.ending, Ending::Errored, "{failure}");
            assert_eq!(transcript.text(), "a");
        }
    }

    #[test]
    fn steps_that_only_the_last_event_brings_are_taken_from_there() {
        let body = r#"{"event_type":"interaction.completed","interaction":{"status":"completed","steps":[{"type":"model_output","content":[{"type":"text","text":"a"},{"type":"image","data":"eA=="}]}]}}"#;
        let transcript = interactions(&[body, "[DONE]"]);
        assert_eq!(
            parts(&transcript),
            ["text: a", r#"image: {"type":"image","data":"eA=="}"#]
        );
        let streamed = interactions(&[
            &start(0, r#"{"type":"model_output"}"#),
            &delta(0, r#"{"type":"text","text":"a"}"#),
            body,
        ]);
        assert_eq!(parts(&streamed), ["text: a"], "not read twice");
    }

    #[test]
    fn pieces_for_what_was_never_opened_are_noted() {
        let transcript = interactions(&[
            &delta(4, r#"{"type":"text","text":"a"}"#),
            &delta(5, r#"{"type":"arguments_delta","arguments":"{}"}"#),
            &start(
                6,
                r#"{"type":"function_call","id":"c","name":"f","arguments":{"a":1}}"#,
            ),
            &delta(6, r#"{"type":"arguments_delta","arguments":"{}"}"#),
            r#"{"event_type":"step.surprise"}"#,
            &completed("completed"),
            "[DONE]",
            &delta(4, r#"{"type":"text","text":"b"}"#),
        ]);
        assert_eq!(calls(&transcript), ["5 - - {}", "6 c f {}"]);
        assert_eq!(
            violations(&transcript),
            [
                "1 unopened_block",
                "2 unopened_block",
                "2 unopened_call",
                "4 delta_mismatch",
                "5 unknown_event",
                "8 after_terminator",
            ]
        );
        assert_eq!(transcript.text(), "a");
    }

    #[test]
    fn the_first_edition_of_the_wire_is_read() {
        let transcript = interactions(&[
            r#"{"event_type":"interaction.start","interaction":{"id":"i","model":"m","status":"in_progress"}}"#,
            r#"{"event_type":"content.start","index":0,"content":{"type":"text"}}"#,
            r#"{"event_type":"content.delta","index":0,"delta":{"type":"text","text":"a"}}"#,
            r#"{"event_type":"content.stop","index":0}"#,
            r#"{"event_type":"content.delta","index":0,"delta":{"type":"function_call","id":"c","name":"f","arguments":{"a":1}}}"#,
            r#"{"event_type":"interaction.complete","interaction":{"status":"completed","usage":{"total_tokens":3}}}"#,
            "[DONE]",
        ]);
        assert_eq!(parts(&transcript), ["text: a", r#"call: {"a":1}"#]);
        assert_eq!(transcript.usage.total_tokens, Some(3));
        assert!(transcript.is_clean());
    }

    #[test]
    fn no_cut_before_the_finish_is_complete_and_no_damage_panics() {
        let body = sse(&[
            &start(
                0,
                r#"{"type":"thought","summary":[{"type":"text","text":"H"}]}"#,
            ),
            &delta(0, r#"{"type":"thought_signature","signature":"s"}"#),
            &delta(1, r#"{"type":"text","text":"a ü"}"#),
            &start(2, r#"{"type":"function_call","name":"f","arguments":{}}"#),
            &delta(2, r#"{"type":"arguments_delta","arguments":"{}"}"#),
            &start(3, r#"{"type":"x"}"#),
            &delta(3, r#"{"type":"arguments_delta","arguments":"{}"}"#),
            &completed("completed"),
            "[DONE]",
        ]);
        never_complete_before("gemini-interactions", &body, r#""completed""#);
        survives_damage("gemini-interactions", &body);
    }
}
