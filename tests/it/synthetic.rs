use std::time::Duration;

use rigtape::cassette::{Cassette, How, Interaction};
use rigtape::dialect::{Answer, AnswerReader, DIALECTS, by_name};
use rigtape::policy::{Policy, Rechunk};
use rigtape::synthetic::{Pieces, Synthetic, SyntheticError, Tape};
use rigtape::transcript::{Ending, Part, Transcript};

fn said(interaction: &Interaction) -> Transcript {
    match Answer::of(interaction) {
        Some(Answer::Transcript(said)) => said,
        other => panic!("{other:?}"),
    }
}

/// Reads it in every cut; they agree.
fn read(interaction: &Interaction) -> Transcript {
    let whole = said(interaction);
    let head = interaction.response.as_ref().unwrap();
    for rechunk in [
        "recorded", "frame", "byte", "seed=1", "seed=2", "size=7", "whole",
    ] {
        let rechunk: Rechunk = rechunk.parse().unwrap();
        let mut reader = AnswerReader::new(&interaction.request, head);
        for piece in Policy::new().rechunk(rechunk).apply(&interaction.chunks) {
            reader.feed(&piece.bytes);
        }
        let Answer::Transcript(said) = reader.finish() else {
            panic!("opaque under {rechunk}");
        };
        assert_eq!(said, whole, "{rechunk}");
    }
    whole
}

fn parts(said: &Transcript) -> Vec<String> {
    let part = |part: &Part| match part {
        Part::Text { text } => format!("text {text}"),
        Part::Reasoning { text, .. } => format!("reasoning {text}"),
        Part::Refusal { text } => format!("refusal {text}"),
        Part::ToolCall(call) => format!(
            "call {} {} {}",
            call.id.as_deref().unwrap_or("-"),
            call.name.as_deref().unwrap_or("-"),
            call.arguments
        ),
        other => format!("{other:?}"),
    };
    said.choices[0].parts.iter().map(part).collect()
}

const SAID: [&str; 4] = [
    "reasoning Hm, \"Oslo\"…",
    "text Let me see:\n  two 🌧 calls.",
    "call call_1 get_weather {\"city\":\"Tromsø\"}",
    "call mine get_time {\"utc\":true}",
];

fn agent(dialect: &'static rigtape::dialect::Dialect) -> Synthetic {
    Synthetic::new(dialect)
        .model("m-1")
        .id("r-1")
        .reasoning("Hm, ")
        .reasoning("\"Oslo\"…")
        .text("Let me see:\n  two 🌧 calls.")
        .tool_call("get_weather", "{\"city\":\"Tromsø\"}")
        .tool_call_with_id("mine", "get_time", "{\"utc\":true}")
        .usage(84, 12)
}

#[test]
fn every_wire_says_exactly_what_was_said() {
    for dialect in DIALECTS {
        for pieces in [
            Pieces::Words,
            Pieces::Characters(1.try_into().unwrap()),
            Pieces::Whole,
        ] {
            for is_streamed in [true, false] {
                let mut answer = agent(dialect).pieces(pieces);
                if !is_streamed {
                    answer = answer.not_streamed();
                }
                let interaction = answer.build().unwrap();
                let said = read(&interaction);
                assert_eq!(parts(&said), SAID, "{dialect}, streamed: {is_streamed}");
                assert!(said.is_clean(), "{dialect}: {:?}", said.violations);
                assert_eq!(said.dialect, dialect.name());
                assert_eq!(said.streamed, is_streamed, "{dialect}");
                let terminator = said.terminator;
                assert_ne!(terminator, Some(false), "{dialect}");
                let usage = (said.usage.input_tokens, said.usage.output_tokens);
                assert_eq!(usage, (Some(84), Some(12)), "{dialect}");
                assert!(said.choices[0].finish_reason.is_some(), "{dialect}");
                // Cohere states no model and Ollama no id.
                for (stated, known) in [(&said.model, "m-1"), (&said.response_id, "r-1")] {
                    assert!(stated.as_deref().is_none_or(|stated| stated == known));
                }
            }
        }
    }
}

#[test]
fn each_wire_has_a_constructor_and_its_own_finish() {
    for (answer, name, stop, calls) in [
        (
            Synthetic::openai_chat(),
            "openai-chat",
            "stop",
            "tool_calls",
        ),
        (
            Synthetic::openai_responses(),
            "openai-responses",
            "completed",
            "completed",
        ),
        (
            Synthetic::anthropic_messages(),
            "anthropic-messages",
            "end_turn",
            "tool_use",
        ),
        (Synthetic::gemini(), "gemini", "STOP", "STOP"),
        (
            Synthetic::gemini_interactions(),
            "gemini-interactions",
            "completed",
            "requires_action",
        ),
        (Synthetic::cohere(), "cohere-v2", "COMPLETE", "TOOL_CALL"),
        (Synthetic::ollama(), "ollama", "stop", "stop"),
    ] {
        let finish = |answer: Synthetic| {
            let said = read(&answer.build().unwrap());
            assert_eq!(said.dialect, name);
            said.choices[0].finish_reason.clone().unwrap()
        };
        assert_eq!(finish(answer.clone().text("Oslo")), stop);
        assert_eq!(finish(answer.clone().tool_call("f", "{}")), calls);
    }
    let cut = Synthetic::openai_chat().text("a").finish_reason("length");
    let said = said(&cut.build().unwrap());
    assert_eq!(said.choices[0].finish_reason.as_deref(), Some("length"));
    let short = Synthetic::openai_responses()
        .text("a")
        .finish_reason("incomplete");
    let said = read(&short.build().unwrap());
    assert_eq!(said.choices[0].finish_reason.as_deref(), Some("incomplete"));
}

#[test]
fn a_refusal_needs_a_wire_that_has_one() {
    for dialect in DIALECTS {
        let answer = Synthetic::new(dialect).refusal("I can't do that.");
        match answer.build() {
            Ok(interaction) => {
                let said = read(&interaction);
                assert_eq!(parts(&said), ["refusal I can't do that."], "{dialect}");
                assert!(said.is_clean());
            }
            Err(error) => assert_eq!(
                error.to_string(),
                format!(
                    "{dialect} has no form for a refusal: say it as text, with the finish reason \
                     that the provider gives then"
                )
            ),
        }
    }
    let openai = ["openai-chat", "openai-responses"].map(|name| by_name(name).unwrap());
    for dialect in openai {
        assert!(Synthetic::new(dialect).refusal("No.").build().is_ok());
    }
}

#[test]
fn arguments_that_are_no_object_need_a_wire_of_fragments() {
    let torn = |answer: Synthetic| answer.tool_call("f", "{\"a\":").build();
    let error = torn(Synthetic::gemini()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "gemini: the arguments of `f` are a JSON object on this wire, nothing else"
    );
    let interaction = torn(Synthetic::openai_chat()).unwrap();
    assert_eq!(
        said(&interaction).tool_calls().next().unwrap().arguments,
        "{\"a\":"
    );
}

#[test]
fn a_stream_fails_in_its_middle_or_is_cut() {
    for dialect in DIALECTS {
        let failed = agent(dialect).error_midstream("it broke").build().unwrap();
        let said = read(&failed);
        assert_eq!(said.ending, Ending::Errored, "{dialect}");
        assert!(
            said.error.as_ref().unwrap().as_str().contains("it broke"),
            "{dialect}"
        );
        assert_eq!(parts(&said), SAID, "{dialect}");

        let cut = agent(dialect).cut_off(How::Reset).build().unwrap();
        let said = read(&cut);
        assert_eq!(said.ending, Ending::Truncated, "{dialect}");
        assert_eq!(parts(&said), SAID, "{dialect}");
        assert_eq!(cut.how(), Some(&How::Reset));
    }
}

#[test]
fn an_error_status_has_the_provider_s_own_body() {
    for dialect in DIALECTS {
        let answer = Synthetic::new(dialect)
            .text("never said")
            .error(429, "Slow down.")
            .header("Retry-After", "2");
        let interaction = answer.build().unwrap();
        assert_eq!(interaction.status(), Some(429));
        let head = interaction.response.as_ref().unwrap();
        assert_eq!(head.header("retry-after"), Some("2"));
        assert_eq!(
            interaction.body(),
            dialect.error_body(429, "Slow down.").as_str()
        );
        assert_eq!(read(&interaction).ending, Ending::Errored, "{dialect}");
    }
}

#[test]
fn pieces_come_at_their_times() {
    let answer = Synthetic::openai_chat()
        .text("one  two three")
        .first_after(Duration::from_millis(5))
        .gap(Duration::from_millis(1));
    let interaction = answer.build().unwrap();
    let times: Vec<u64> = interaction
        .chunks
        .iter()
        .map(|chunk| chunk.at.as_micros())
        .collect();
    // The role, three words, the finish, the marker.
    assert_eq!(times, [5_000, 6_000, 7_000, 8_000, 9_000, 10_000]);
    assert!(
        interaction.chunks[2]
            .bytes
            .windows(7)
            .any(|at| at == b"\"  two\"")
    );
    let again = answer.build().unwrap();
    assert_eq!(again.body(), interaction.body());
}

#[test]
fn a_request_is_any_unless_said() {
    let any = Synthetic::gemini().model("g").text("a").build().unwrap();
    assert_eq!(
        any.request.target,
        "/v1beta/models/g:streamGenerateContent?alt=sse"
    );
    assert_eq!(any.request.body.as_bytes(), b"");
    let strict = Synthetic::openai_chat()
        .text("a")
        .target("/openai/v1/chat/completions")
        .request(&serde_json::json!({"model": "m", "stream": true}))
        .build()
        .unwrap();
    assert_eq!(strict.request.target, "/openai/v1/chat/completions");
    let body: serde_json::Value = strict.request.json().unwrap();
    assert_eq!(body["model"], "m");
    assert!(said(&strict).is_clean());
}

#[test]
fn several_turns_stand_on_one_tape() {
    let tape = Tape::new()
        .title("two turns")
        .turn(Synthetic::openai_chat().tool_call("f", "{}"))
        .turn(Synthetic::openai_chat().text("Done."));
    let in_memory = tape.cassette().unwrap();
    assert!(in_memory.header().synthetic);
    assert_eq!(in_memory.header().title.as_deref(), Some("two turns"));
    assert_eq!(in_memory.faults().len(), 0);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("two.jsonl");
    tape.write_to(&path).unwrap();
    let on_disk = Cassette::open(&path).unwrap();
    let bodies = |cassette: &Cassette| -> Vec<_> {
        let bodies = cassette.interactions().map(|turn| turn.unwrap().body());
        bodies.collect()
    };
    assert_eq!(bodies(&on_disk), bodies(&in_memory));
    assert_eq!(on_disk.len(), 2);
    let twice = tape.write_to(&path);
    assert!(matches!(twice, Err(SyntheticError::Cassette(_))));
    let one = Synthetic::ollama().text("a").tape().cassette().unwrap();
    assert_eq!(one.len(), 1);
}
