use rigtape::cassette::{Cassette, Interaction};
use rigtape::snapshot::View;

use crate::support::stream::{deltas, sse};

fn said(id: &str, created: u64, arguments: &str) -> String {
    let chunk = format!(
        r#"{{"id":"{id}","created":{created},"system_fingerprint":"fp_{created}","model":"m","choices":[{{"index":0,"delta":{{"tool_calls":[{{"index":0,"id":"call_{id}","function":{{"name":"f","arguments":{arguments:?}}}}}]}},"finish_reason":"tool_calls"}}]}}"#
    );
    deltas("openai-chat", &sse(&[&chunk, "[DONE]"])).1.view()
}

#[test]
fn what_differs_from_recording_to_recording_is_left_out() {
    let one = said("chatcmpl-1", 1, r#"{"b":1.50,"a":[]}"#);
    let other = said("chatcmpl-2", 2, "{ \"a\": [],\n \"b\": 1.5 }");
    assert_eq!(one, other);
    insta::assert_snapshot!(one, @r#"
    dialect     openai-chat
    model       m
    ending      complete
    choice 0    tool_calls
      tool_call 0 f, id 1
        {
          "a": [],
          "b": 1.5
        }
    usage       none
    violations  none
    "#);
}

#[test]
fn ids_are_numbered_over_the_turns_of_a_tape() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/cassettes/openai-chat/tools_interleaved.jsonl"
    );
    let tape = Cassette::open(path).unwrap();
    let turn = tape.interaction(1).unwrap().unwrap();
    let turns: Vec<Interaction> = vec![turn.clone(), turn];
    let view = turns.view();
    assert_eq!(view.matches("get_weather, id 1").count(), 2, "{view}");
    assert_eq!(view.matches("get_weather, id 2").count(), 2, "{view}");
}

#[test]
fn violations_the_ending_and_control_characters_are_shown() {
    let body = sse(&[
        "nope",
        r#"{"choices":[{"index":0,"delta":{"content":"a\u001b[2J \n b"}}]}"#,
    ]);
    let view = deltas("openai-chat", &body).1.view();
    insta::assert_snapshot!(view, @r"
    dialect     openai-chat
    ending      truncated, but no terminator
    choice 0    no finish
      text
        | a\u{1b}[2J
        |  b
    usage       none
    violations  1
      frame 1: invalid_json: expected ident at line 1 column 2
    ");
}

#[cfg(feature = "insta")]
#[test]
fn the_macro_takes_what_insta_takes() {
    let transcript = deltas("openai-chat", &sse(&["[DONE]"])).1;
    rigtape::assert_transcript!(transcript, @r"
    dialect     openai-chat
    ending      truncated
    usage       none
    violations  none
    ");
    rigtape::assert_transcript!("the_macro_by_name", &transcript);
    rigtape::assert_transcript!(&transcript);
}
