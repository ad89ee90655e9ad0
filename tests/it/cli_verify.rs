use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::command::run;

fn cassettes() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/cassettes"))
}

/// A folder with a good tape, and one of the name with this content.
fn beside_a_good_one(name: &str, content: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let good = cassettes().join("openai-chat/error_401.jsonl");
    std::fs::copy(good, folder.path().join("good.jsonl")).unwrap();
    std::fs::write(folder.path().join(name), content).unwrap();
    folder
}

fn chat(text: &str) -> String {
    let event =
        format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":{text:?}}}}}]}}\n\n");
    serde_json::to_string(&event).unwrap()
}

fn tape(chunks: &[String], end: &str) -> String {
    let mut tape = String::from(
        "{\"rigtape\":1}\n{\"request\":1,\"at\":0,\"method\":\"POST\",\"target\":\"/v1/chat/completions\"}\n\
         {\"response\":1,\"at\":1,\"status\":200,\"headers\":[[\"content-type\",\"text/event-stream\"]]}\n",
    );
    for chunk in chunks {
        tape.push_str(&format!("[1,2,{chunk}]\n"));
    }
    tape + end
}

const END: &str = "{\"end\":1,\"at\":3,\"how\":\"complete\"}\n";

#[test]
fn every_tape_of_the_project_can_be_trusted() {
    let ran = run(cassettes(), &["verify", "."]);
    assert_eq!(
        (ran.status, ran.stderr.as_str()),
        (Some(0), ""),
        "{}",
        ran.stdout
    );
    let last = ran.stdout.lines().last().unwrap();
    assert!(last.contains("tapes can be trusted: "), "{last}");
    let cut_off = ran
        .stdout
        .lines()
        .find(|line| line.contains("openai-responses/cut_off"));
    assert!(
        cut_off.unwrap().starts_with("ok   "),
        "truncated is no failure"
    );
    assert!(cut_off.unwrap().contains(", truncated"));
}

#[test]
fn a_broken_line_fails_its_tape_and_the_rest_goes_on() {
    let folder = beside_a_good_one("bad.jsonl", "{\"rigtape\":1}\nnonsense\n");
    let ran = run(folder.path(), &["verify", "."]);
    assert_eq!(ran.status, Some(1));
    insta::assert_snapshot!(ran.stdout, @r"
    FAIL ./bad.jsonl  0 interactions
         ! ./bad.jsonl:2: expected an object or a chunk [interaction, offset, bytes], found `nonsense`
    ok   ./good.jsonl  1 interaction, 217 cuts, every byte
    1 of 2 tapes can be trusted: 1 interaction, 217 cuts; 1 failed
    ");
}

#[test]
fn a_key_in_the_bytes_or_over_two_deltas_fails() {
    let key = ["sk-", "proj-", "abcdefghijklmnopqrstuvwxyz0123456789ABCD"].concat();
    let whole = tape(&[chat(&format!("it is {key}"))], END);
    let folder = beside_a_good_one("whole.jsonl", &whole);
    let (head, tail) = key.split_at(20);
    std::fs::write(
        folder.path().join("split.jsonl"),
        tape(&[chat(head), chat(tail)], END),
    )
    .unwrap();
    let ran = run(folder.path(), &["verify", ".", "--format", "json"]);
    assert_eq!(ran.status, Some(1));
    assert!(
        !ran.stdout.contains(&key),
        "the finding does not spread the secret"
    );
    let rows: Vec<Value> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |name: &str| {
        rows.iter()
            .find(|row| row["cassette"].as_str().is_some_and(|c| c.contains(name)))
            .unwrap()
    };
    assert_eq!(of("good")["ok"], true);
    for name in ["whole", "split"] {
        assert_eq!(
            (&of(name)["ok"], &of(name)["failures"][0]["kind"]),
            (&false.into(), &"secret".into())
        );
        assert_eq!(of(name)["failures"][0]["interaction"], 1);
    }
    assert!(
        of("split")["failures"][0]["message"]
            .as_str()
            .unwrap()
            .starts_with("choice 0, part 0 (text)")
    );
    assert_eq!(
        (&rows[3]["summary"]["tapes"], &rows[3]["summary"]["failed"]),
        (&3.into(), &2.into())
    );
}

#[test]
fn lost_lines_fail_and_a_recorder_that_died_does_not() {
    let short = tape(
        &[chat("Hi")],
        "{\"end\":1,\"at\":3,\"how\":\"complete\",\"chunks\":2}\n",
    );
    let folder = beside_a_good_one("short.jsonl", &short);
    let ran = run(folder.path(), &["verify", "short.jsonl"]);
    assert_eq!(ran.status, Some(1));
    assert!(
        ran.stdout
            .contains("its end says 2 chunks, the tape holds 1"),
        "{}",
        ran.stdout
    );

    std::fs::write(
        folder.path().join("died.jsonl"),
        tape(&[chat("Hi")], "[1,9,\"da"),
    )
    .unwrap();
    let ran = run(folder.path(), &["verify", "died.jsonl"]);
    assert_eq!(ran.status, Some(0), "{}", ran.stdout);
    assert!(
        ran.stdout
            .contains("1 interaction, truncated, last line torn"),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_decoder_that_breaks_is_told_without_its_panic_and_is_no_failure() {
    let bom = serde_json::to_string("\u{FEFF}").unwrap();
    let folder = beside_a_good_one("bom.jsonl", &tape(&[bom, chat("Hi")], END));
    let ran = run(folder.path(), &["verify", "bom.jsonl"]);
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
    assert!(
        ran.stdout
            .contains("client interaction 1: eventsource-stream panics after 0 events"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout
            .contains("1 that a client's decoder reads otherwise")
    );
}

#[test]
fn paths_that_cannot_be_read_are_status_2() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(
        run(folder.path(), &["verify", "missing.jsonl"]).status,
        Some(2)
    );
    let ran = run(folder.path(), &["verify", "."]);
    assert_eq!(ran.status, Some(2));
    assert!(
        ran.stderr.contains("there is no cassette to verify"),
        "{}",
        ran.stderr
    );
}

#[test]
fn hostile_names_and_text_do_not_steer_the_terminal() {
    let folder = beside_a_good_one("x.jsonl", "{\"rigtape\":1}\n\u{1b}[2J\u{7}\n");
    let ran = run(folder.path(), &["verify", "."]);
    assert_eq!(ran.status, Some(1));
    assert!(!ran.stdout.contains(['\u{1b}', '\u{7}']), "{}", ran.stdout);
}
