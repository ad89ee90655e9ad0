//! `ollama`: lines, whole messages, and what is read where the wire is odd.

use rigtape::Offset;
use rigtape::cassette::{Body, Request, Response};
use rigtape::dialect::{Answer, AnswerReader};
use rigtape::transcript::{Ending, Transcript};

use crate::support::stream::{
    calls, never_complete_before, parts, read, survives_damage, violations, whole,
};

fn ollama(lines: &[&str]) -> Transcript {
    read("ollama", &body(lines))
}

fn body(lines: &[&str]) -> Vec<u8> {
    let mut body = lines.join("\n").into_bytes();
    body.push(b'\n');
    body
}

/// A line with these members of the message.
fn line(message: &str) -> String {
    format!(r#"{{"model":"m","message":{{"role":"assistant",{message}}},"done":false}}"#)
}

const DONE: &str = r#"{"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","total_duration":9,"prompt_eval_count":26,"eval_count":7}"#;

#[test]
fn lines_are_folded_and_the_last_one_says_done() {
    let transcript = ollama(&[
        &line(r#""content":"","thinking":"Hm""#),
        &line(r#""content":"","thinking":"m.""#),
        &line(r#""content":"He""#),
        &line(r#""content":"re""#),
        &line(
            r#""content":"","tool_calls":[{"function":{"name":"f","arguments":{ "a" : 1 }}},{"id":"c","function":{"index":4,"name":"g"}}]"#,
        ),
        &line(r#""content":"!""#),
        DONE,
    ]);
    assert_eq!(
        parts(&transcript),
        [
            "reasoning: Hmm.",
            "text: Here",
            r#"call: { "a" : 1 }"#,
            "call: {}",
            "text: !"
        ]
    );
    assert_eq!(calls(&transcript), [r#"0 - f { "a" : 1 }"#, "4 c g {}"]);
    assert_eq!(transcript.model.as_deref(), Some("m"));
    assert_eq!(transcript.choices[0].finish_reason.as_deref(), Some("stop"));
    assert_eq!(transcript.terminator, Some(true));
    assert_eq!(transcript.usage.input_tokens, Some(26));
    assert_eq!(transcript.usage.output_tokens, Some(7));
    assert_eq!(
        transcript.usage_raw.as_ref().unwrap().as_str(),
        r#"{"total_duration":9,"prompt_eval_count":26,"eval_count":7}"#
    );
    assert!(transcript.streamed);
    assert!(transcript.is_clean());
}

#[test]
fn done_without_a_reason_is_the_word_too() {
    let transcript = ollama(&[&line(r#""content":"a""#), r#"{"model":"m","done":true}"#]);
    assert_eq!(transcript.ending, Ending::Complete);
    assert_eq!(transcript.choices[0].finish_reason, None);
    assert_eq!(transcript.usage_raw, None);
    let undone = ollama(&[&line(r#""content":"a""#), r#"{"done":"true"}"#]);
    assert_eq!(undone.ending, Ending::Truncated);
    assert_eq!(violations(&undone), ["2 wrong_type"]);
}

#[test]
fn an_error_line_is_an_error_and_keeps_what_came_before() {
    for error in [r#"{"error":"boom"}"#, r#"{"error":{"message":"boom"}}"#] {
        let transcript = ollama(&[&line(r#""content":"a""#), error]);
        assert_eq!(transcript.ending, Ending::Errored);
        assert_eq!(transcript.text(), "a");
    }
    let transcript = ollama(&[&line(r#""content":"a""#), DONE, r#"{"error":"late"}"#]);
    assert_eq!(
        transcript.ending,
        Ending::Errored,
        "after the last line too"
    );
    assert!(ollama(&[DONE, ""]).is_clean());
}

#[test]
fn lines_after_the_last_are_unused_and_noted() {
    let transcript = ollama(&[&line(r#""content":"a""#), DONE, &line(r#""content":"b""#)]);
    assert_eq!(transcript.text(), "a");
    assert_eq!(violations(&transcript), ["3 after_terminator"]);
}

#[test]
fn values_of_the_wrong_type_count_as_absent() {
    for (odd, expected) in [
        (r#"{"message":"b"}"#, "wrong_type"),
        (r#"{"message":{"content":7}}"#, "wrong_type"),
        (r#"{"message":{"thinking":[]}}"#, "wrong_type"),
        (r#"{"message":{"tool_calls":{}}}"#, "wrong_type"),
        (r#"{"message":{"tool_calls":[7]}}"#, "wrong_type"),
        (r#"{"model":7}"#, "wrong_type"),
        (r#"{"error":7}"#, "wrong_type"),
        ("42", "not_an_object"),
        (r#"{"message":{"#, "invalid_json"),
    ] {
        let transcript = ollama(&[&line(r#""content":"a""#), odd, DONE]);
        assert_eq!(violations(&transcript), [format!("2 {expected}")], "{odd}");
        assert_eq!(transcript.text(), "a", "{odd}");
        assert_eq!(transcript.ending, Ending::Complete, "{odd}");
    }
    let transcript = ollama(&[
        &line(r#""tool_calls":[{"function":{"name":"f","arguments":"{}"}},{}]"#),
        DONE,
    ]);
    assert_eq!(calls(&transcript), ["0 - f {}", "1 - - {}"]);
    assert_eq!(violations(&transcript), ["1 wrong_type", "1 unopened_call"]);
}

#[test]
fn of_duplicate_members_the_last_wins_and_surrogate_halves_meet() {
    let transcript = ollama(&[
        &line(r#""content":"x","content":"\ud83d""#),
        &line(r#""content":"\ude00""#),
        &line(r#""content":"\ude00""#),
        DONE,
    ]);
    assert_eq!(transcript.text(), "😀\u{FFFD}");
    assert_eq!(violations(&transcript), ["3 lone_surrogate"]);
}

#[test]
fn a_last_line_without_its_end_counts_if_it_parses() {
    let mut complete = body(&[&line(r#""content":"a""#), DONE]);
    complete.pop();
    assert!(read("ollama", &complete).is_clean());
    complete.pop();
    let transcript = read("ollama", &complete);
    assert_eq!(transcript.ending, Ending::Truncated);
    assert_eq!(violations(&transcript), ["2 torn_tail"]);
}

#[test]
fn a_whole_message_is_no_stream_and_other_json_is_opaque() {
    let message = r#"{"model":"m","message":{"role":"assistant","content":"a"},"done_reason":"stop","done":true,"eval_count":2}"#;
    let pretty = message.replace(',', ",\n  ");
    for body in [message, &pretty] {
        let answer = answer(body, "application/json; charset=utf-8", "{}");
        let Answer::Transcript(transcript) = answer else {
            panic!("opaque: {body}")
        };
        assert!(!transcript.streamed);
        assert_eq!(transcript.terminator, None);
        assert!(transcript.is_clean());
    }
    for other in [r#"{"models":[]}"#, r#"{"message":"no"}"#] {
        let answer = answer(other, "application/json", "{}");
        assert!(matches!(answer, Answer::Opaque(_)), "{other}");
    }
    assert!(matches!(whole("ollama", "[]"), Answer::Opaque(_)));
}

#[test]
fn content_type_and_request_tell_a_stream_from_a_whole_message() {
    let streamed =
        |content_type: &'static str, request: &str| match answer(DONE, content_type, request) {
            Answer::Transcript(transcript) => transcript.streamed,
            Answer::Opaque(opaque) => panic!("{opaque:?}"),
        };
    assert!(streamed("application/x-ndjson", "{}"));
    assert!(!streamed("application/json", "{}"));
    assert!(!streamed("application/x-ndjson", r#"{"stream":false}"#));
    let lines = format!("{}\n{DONE}\n", line(r#""content":"a""#));
    let Answer::Transcript(transcript) = answer(&lines, "application/json", "{}") else {
        panic!("opaque")
    };
    assert!(
        transcript.streamed,
        "several lines are a stream whatever the head says"
    );
    assert!(transcript.is_clean());
}

#[test]
fn a_bare_body_tells_its_dialect_and_its_form() {
    for (body, streamed) in [
        (DONE.to_owned(), false),
        (format!("{}\n{DONE}\n", line(r#""content":"a""#)), true),
        (format!("{}\n{{\"mod", line(r#""content":"a""#)), true),
    ] {
        let mut reader = AnswerReader::bare();
        reader.feed(body.as_bytes());
        let Answer::Transcript(transcript) = reader.finish() else {
            panic!("opaque: {body}")
        };
        assert_eq!(transcript.dialect, "ollama");
        assert_eq!(transcript.streamed, streamed, "{body}");
    }
}

#[test]
fn no_cut_before_done_is_complete_and_no_damage_panics() {
    let body = body(&[
        &line(r#""content":"","thinking":"\ud83d""#),
        &line(r#""content":"a ü""#),
        &line(
            r#""tool_calls":[{"function":{"name":"f","arguments":{"a":[1]}}}],"images":["eA=="]"#,
        ),
        DONE,
    ]);
    never_complete_before("ollama", &body, r#""done":true"#);
    survives_damage("ollama", &body);
}

fn answer(body: &str, content_type: &'static str, request: &str) -> Answer {
    let mut asked = Request::new(1, "POST", "/api/chat");
    asked.body = Body::from_bytes(request.to_owned());
    let mut head = Response::new(1, Offset::ZERO, 200);
    head.headers.push("content-type", content_type);
    let mut reader = AnswerReader::new(&asked, &head);
    reader.feed(body.as_bytes());
    reader.finish()
}
