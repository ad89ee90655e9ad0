use rigtape::cassette::{Cassette, Interaction};
use rigtape::snapshot::{TapeView, View};

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

#[cfg(feature = "insta")]
#[test]
fn a_tape_is_shown_as_what_was_asked_and_how_the_answer_came() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/cassettes/openai-chat/reset_midcall.jsonl"
    );
    let tape = Cassette::open(path).unwrap();
    rigtape::assert_tape!(&tape, @r#"
    request     POST /v1/chat/completions
      {
        "messages": [
          {
            "content": "Weather?",
            "role": "user"
          }
        ],
        "model": "gpt-4o-mini",
        "stream": true
      }
    response    200 text/event-stream; charset=utf-8, < 1 s
      at once  tool_call 0 get_weather, id 1
      at once  arguments of 0: "{\"ci"
      at once  violation: frame 3: torn_tail: the body ends inside a frame (bytes 520 to 550); it is not used
    end         reset
    "#);
    rigtape::assert_tape!("a_tape_by_name", tape.interaction(1).unwrap().unwrap());
}

#[test]
fn two_recordings_of_one_behaviour_are_one_view() {
    let tape = |id: &str, at: &[u64]| {
        let mut text = format!(
            "{{\"rigtape\":1}}\n{{\"request\":1,\"at\":0,\"method\":\"POST\",\"target\":\"/v1/chat/completions\",\"body\":{{\"json\":{{\"stream\":true}}}}}}\n{{\"response\":1,\"at\":{},\"status\":200,\"headers\":[[\"content-type\",\"text/event-stream\"]]}}\n",
            at[0]
        );
        for (word, at) in ["Hi", " you"].iter().zip(&at[1..]) {
            let chunk = format!(
                "data: {{\"id\":\"{id}\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{word}\"}}}}]}}\n\n"
            );
            let chunk = serde_json::to_string(&chunk).unwrap();
            text.push_str(&format!("[1,{at},{chunk}]\n"));
        }
        text.push_str("{\"end\":1,\"at\":9000000,\"how\":\"eof\",\"chunks\":2}\n");
        Cassette::read(text.as_bytes(), "t.jsonl")
            .unwrap()
            .tape_view()
    };
    let one = tape("chatcmpl-1", &[200_000, 1_500_000, 1_530_000]);
    let other = tape("chatcmpl-2", &[900_000, 8_000_000, 8_010_000]);
    assert_eq!(one, other);
    assert!(
        one.contains("  < 10 s   text in 2 steps: \"Hi you\"\n"),
        "{one}"
    );
    let slower = tape("chatcmpl-3", &[200_000, 1_500_000, 4_000_000]);
    assert_ne!(one, slower);
}
