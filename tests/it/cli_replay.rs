use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::command::{Ran, run};
use crate::support::corpus::shared;

fn cassettes() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/cassettes"))
}

/// A folder with one file.
fn folder(name: &str, content: impl AsRef<[u8]>) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), content).unwrap();
    folder
}

/// Replays one file with this content.
fn replay(name: &str, content: impl AsRef<[u8]>) -> Ran {
    run(folder(name, content).path(), &["replay", name])
}

const TAPE: &str = concat!(
    "{\"rigtape\":1,\"synthetic\":true}\n",
    "{\"request\":1,\"at\":0,\"method\":\"POST\",\"target\":\"/v1/chat/completions\"}\n",
    "{\"response\":1,\"at\":10,\"status\":200,\"headers\":[[\"content-type\",\"text/event-stream\"]]}\n",
    "[1,20,\"data: {\\\"choices\\\":[{\\\"index\\\":0,\\\"delta\\\":{\\\"content\\\":\\\"Hi\\\"}}]}\\n\\n\"]\n",
    "[1,30,\"data: {\\\"choices\\\":[{\\\"index\\\":0,\\\"delta\\\":{},\\\"finish_reason\\\":\\\"stop\\\"}]}\\n\\n\"]\n",
    "{\"end\":1,\"at\":40,\"how\":\"complete\",\"chunks\":2,\"bytes\":125}\n",
);

#[test]
fn text_shows_what_the_model_said() {
    let ran = run(cassettes(), &["replay", "openai-chat/agent_loop.jsonl"]);
    assert_eq!(ran.status, Some(0));
    insta::assert_snapshot!(ran.stdout, @r#"
    POST /v1/chat/completions → 200
    → get_weather {"city": "Oslo"}
    complete · finish tool_calls · 327 tokens in · 32 tokens out · smollm2-135m-instruct
    POST /v1/chat/completions → 200
    In Oslo it is 7 degrees and rain.
    complete · finish stop · 373 tokens in · 11 tokens out · smollm2-135m-instruct
    "#);
    assert_eq!(ran.stderr, "");
}

#[test]
fn json_is_one_object_a_line_with_stable_keys() {
    let ran = run(
        cassettes(),
        &["replay", "openai-chat/agent_loop.jsonl", "--format", "json"],
    );
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines.len(), 2);
    let first: Value = serde_json::from_str(lines[0]).unwrap();
    assert_eq!(first["cassette"], "openai-chat/agent_loop.jsonl");
    assert_eq!(first["interaction"], 1);
    assert_eq!(first["choices"][0]["parts"][0]["type"], "tool_call");
    assert_eq!(
        first["choices"][0]["parts"][0]["arguments_json"]["city"],
        "Oslo"
    );
    assert_eq!(first["ending"], "complete");
    assert_eq!(first["terminator"], true);
    assert_eq!(first["error"], Value::Null);
    let keys = [
        "cassette",
        "interaction",
        "dialect",
        "streamed",
        "status",
        "response_id",
        "model",
        "choices",
        "usage",
        "usage_raw",
        "ending",
        "terminator",
        "error",
        "violations",
    ];
    let places: Vec<usize> = keys
        .iter()
        .map(|key| lines[0].find(&format!("\"{key}\":")).unwrap())
        .collect();
    assert!(
        places.is_sorted(),
        "the keys stand in the documented order: {}",
        lines[0]
    );
}

#[test]
fn raw_is_the_exact_body() {
    let ran = run(
        cassettes(),
        &["replay", "openai-chat/utf8_torn.jsonl", "--format", "raw"],
    );
    let tape = rigtape::cassette::Cassette::open(cassettes().join("openai-chat/utf8_torn.jsonl"));
    let body = tape.unwrap().interaction(1).unwrap().unwrap().body();
    assert_eq!(ran.raw, body);
    for policy in ["byte", "frame", "whole", "size=7", "seed=3"] {
        let tape = "openai-chat/utf8_torn.jsonl";
        let arguments = ["replay", tape, "--format", "raw", "--rechunk", policy];
        assert_eq!(run(cassettes(), &arguments).raw, body, "{policy}");
    }
}

#[test]
fn frames_carry_the_recorded_times() {
    let ran = run(
        folder("t.jsonl", TAPE).path(),
        &["replay", "t.jsonl", "--format", "frames"],
    );
    insta::assert_snapshot!(ran.stdout, @r#"
    POST /v1/chat/completions → 200
        1       20µs event {"choices":[{"index":0,"delta":{"content":"Hi"}}]}
        2       30µs event {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}
    "#);
}

#[test]
fn every_policy_gives_the_same_transcript() {
    let expected = run(
        cassettes(),
        &[
            "replay",
            "openai-chat/parallel_tools.jsonl",
            "--format",
            "json",
        ],
    );
    for policy in ["byte", "frame", "whole", "size=7", "seed=3"] {
        let tape = "openai-chat/parallel_tools.jsonl";
        let ran = run(
            cassettes(),
            &["replay", tape, "--format", "json", "--rechunk", policy],
        );
        assert_eq!(ran.stdout, expected.stdout, "{policy}");
    }
}

#[test]
fn verbose_says_why_a_wire_was_chosen() {
    let ran = run(cassettes(), &["replay", "-v", "openai-chat/plain.jsonl"]);
    insta::assert_snapshot!(ran.stderr, @"openai-chat/plain.jsonl, interaction 1: read as openai-chat, by the request's route");
}

#[test]
fn a_truncated_tape_is_fine_unless_strict() {
    let tape = "openai-chat/server_killed.jsonl";
    assert_eq!(run(cassettes(), &["replay", tape]).status, Some(0));
    assert_eq!(
        run(cassettes(), &["replay", tape, "--strict"]).status,
        Some(1)
    );
    assert_eq!(
        run(
            cassettes(),
            &["replay", "openai-chat/plain.jsonl", "--strict"]
        )
        .status,
        Some(0)
    );
}

#[test]
fn a_bare_body_tells_its_wire_or_is_refused() {
    let body = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\n\n";
    let ran = replay("body.sse", body);
    assert_eq!(ran.status, Some(0));
    insta::assert_snapshot!(ran.stdout, @r"
    Hi
    truncated · no terminator
    ");
    let ran = replay("odd.sse", "data: hello\n\n");
    assert_eq!(ran.status, Some(2));
    assert!(
        ran.stderr.contains("odd.sse is no cassette"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("--dialect: openai-chat, "),
        "{}",
        ran.stderr
    );
    let folder = folder("odd.sse", "data: hello\n\n");
    let asked = [
        "replay",
        "odd.sse",
        "--dialect",
        "openai-chat",
        "--format",
        "json",
    ];
    let ran = run(folder.path(), &asked);
    assert_eq!(ran.status, Some(0));
    let said: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(said["violations"][0]["kind"], "invalid_json");
    assert_eq!(said["ending"], "truncated");
}

#[test]
fn sessions_of_the_corpus_replay_a_line_each() {
    let Some(corpus) = shared("RIGTAPE_CORPUS", "corpus") else {
        return;
    };
    let mut sessions: Vec<String> = std::fs::read_dir(corpus.join("deepseek"))
        .unwrap()
        .map(|entry| {
            entry
                .unwrap()
                .path()
                .join("response.sse")
                .display()
                .to_string()
        })
        .collect();
    sessions.sort();
    let mut arguments = vec!["replay", "--dialect", "openai-chat", "--format", "json"];
    arguments.extend(sessions.iter().map(String::as_str));
    let ran = run(cassettes(), &arguments);
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert_eq!(ran.stdout.lines().count(), sessions.len());
}

#[test]
fn files_that_are_no_tape_are_refused_in_words() {
    let missing = run(cassettes(), &["replay", "nowhere.jsonl"]);
    assert_eq!(missing.status, Some(2));
    assert!(
        missing.stderr.contains("nowhere.jsonl"),
        "{}",
        missing.stderr
    );
    for (content, words) in [
        ("", "empty"),
        ("{\"log\":{\"version\":\"1.2\"}}\n", "not a cassette"),
        ("{\"rigtape\":2}\n", "version `2`"),
    ] {
        let ran = replay("t.jsonl", content);
        assert_eq!(ran.status, Some(2), "{content:?}");
        assert_eq!(ran.stdout, "");
        assert!(ran.stderr.contains(words), "{content:?}: {}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    }
}

#[test]
fn a_half_written_tape_gives_what_had_arrived() {
    let cut = TAPE.len() - 40;
    let ran = replay("t.jsonl", &TAPE[..cut]);
    assert_eq!(ran.status, Some(0));
    assert!(
        ran.stdout.contains("no end: the recorder died"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains("Hi\ncomplete"), "{}", ran.stdout);
    assert!(ran.stderr.contains("torn"), "{}", ran.stderr);
}

#[test]
fn a_broken_line_in_the_middle_is_named_and_the_rest_is_shown() {
    let ran = replay("t.jsonl", TAPE.replace("[1,20,", "[1,twenty,"));
    assert_eq!(ran.status, Some(2));
    assert!(
        ran.stderr.contains("t.jsonl") && ran.stderr.contains('4'),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stdout.contains("complete"),
        "what can be read is shown: {}",
        ran.stdout
    );
}

#[test]
fn a_command_behind_replay_is_told_about_serve() {
    let ran = run(cassettes(), &["replay", "t.jsonl", "--", "pytest"]);
    assert_eq!(ran.status, Some(2));
    insta::assert_snapshot!(ran.stderr, @"error: replay plays tapes to you; `rigtape serve t.jsonl -- pytest` plays them to a command");
}

#[test]
fn recorded_text_cannot_steer_a_terminal() {
    let ran = replay(
        "b.sse",
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\\u001b[2Jgone\\u0007\"},\"finish_reason\":\"stop\"}]}\n\n",
    );
    assert!(
        !ran.stdout.contains('\u{1b}') && !ran.stdout.contains('\u{7}'),
        "{:?}",
        ran.stdout
    );
    assert!(ran.stdout.contains("gone"));
}

#[test]
fn list_shows_a_line_for_each_interaction() {
    let folder = folder("t.jsonl", TAPE);
    let ran = run(folder.path(), &["list", "."]);
    assert_eq!(ran.status, Some(0));
    let lines: Vec<&str> = ran.stdout.lines().map(str::trim_end).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    tape       #  dialect      model  status  ending    chunks  bytes  first  total  in  out  calls
    ./t.jsonl  1  openai-chat  -      200     complete  2       125 B  20µs   40µs   -   -    -
    ");
    let ran = run(folder.path(), &["list", "t.jsonl", "--format", "json"]);
    let row: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(row["first_chunk_us"], 20);
    assert_eq!(row["ending"], "complete");
}

#[test]
fn a_missing_tape_is_named_once_by_every_command() {
    for command in ["list", "redact", "replay"] {
        let ran = run(cassettes(), &[command, "nowhere.jsonl"]);
        assert_eq!(ran.status, Some(2), "{command}");
        assert_eq!(ran.stdout, "", "{command}");
        assert_eq!(ran.stderr.lines().count(), 1, "{command}: {}", ran.stderr);
        assert!(
            ran.stderr.contains("nowhere.jsonl: cannot open"),
            "{command}: {}",
            ran.stderr
        );
    }
}

#[test]
fn demo_shows_the_whole_loop() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run(folder.path(), &["demo", "-o", "demo.jsonl"]);
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    for words in [
        "get_weather",
        "tool call",
        "text",
        "tokens in",
        "demo.jsonl",
    ] {
        assert!(ran.stdout.contains(words), "{words}: {}", ran.stdout);
    }
    let again = run(folder.path(), &["demo", "-o", "demo.jsonl"]);
    assert_eq!(
        again.status,
        Some(2),
        "a tape that exists is not written over"
    );
    let replayed = run(folder.path(), &["replay", "demo.jsonl", "--strict"]);
    assert_eq!(replayed.status, Some(0), "{}", replayed.stderr);
}

#[test]
fn faults_strike_what_is_replayed() {
    let replayed = |faults: &[&str]| {
        let tape = folder("tape.jsonl", TAPE);
        let mut args = vec!["replay", "tape.jsonl", "--format", "json"];
        args.extend(faults.iter().flat_map(|fault| ["--fault", *fault]));
        run(tape.path(), &args)
    };
    let said = |faults: &[&str]| -> Value {
        let ran = replayed(faults);
        assert_eq!(ran.status, Some(0), "{}", ran.stderr);
        serde_json::from_str(&ran.stdout).unwrap()
    };
    assert_eq!(said(&["cut:frame=1"])["ending"], "truncated");
    assert_eq!(said(&["error:frame=1"])["ending"], "errored");
    assert_eq!(said(&["status:code=429"])["status"], 429);
    let whole = said(&[]);
    for benign in [&["crlf", "split:at=crlf"][..], &["gzip"], &["bom"]] {
        assert_eq!(said(benign), whole);
    }
    let ran = replayed(&["ping"]);
    assert_eq!(ran.status, Some(2));
    assert_eq!(
        ran.stderr,
        "error: tape.jsonl: fault `ping` does not apply: the wire has no ping\n"
    );
    let ran = replayed(&["cut:chunk=1"]);
    assert_eq!(ran.status, Some(2));
    assert!(
        ran.stderr.contains("fault `cut` takes no `chunk`"),
        "{}",
        ran.stderr
    );
}

#[test]
fn the_catalogue_of_faults_is_listed() {
    let here = Path::new(".");
    let ran = run(here, &["faults"]);
    assert_eq!(ran.status, Some(0));
    assert!(ran.stdout.starts_with("FAULT "), "{}", ran.stdout);
    let ran = run(here, &["faults", "--format", "json"]);
    let rows: Vec<Value> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows[0]["name"], "cut");
    assert_eq!(rows[0]["class"], "harmful");
    assert_eq!(rows.len(), rigtape::policy::fault::FAULTS.len());
}
