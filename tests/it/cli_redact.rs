use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rigtape::dialect::Answer;
use serde_json::{Value, json};

use crate::redact::fake_key;
use crate::support::place::{Place, Ran, client};
use crate::support::upstream::{Script, Upstream};

const PATH: &str = "/v1/chat/completions";

/// One frame of a Chat Completions stream.
fn frame(delta: &Value) -> String {
    let choice = json!({"index": 0, "delta": delta, "finish_reason": null});
    let chunk =
        json!({"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [choice]});
    format!("data: {chunk}\n\n")
}

/// A stream that says these pieces, a chunk each.
fn says(pieces: &[&str]) -> Script {
    let deltas: Vec<Value> = pieces.iter().map(|text| json!({"content": text})).collect();
    stream(&deltas)
}

fn stream(deltas: &[Value]) -> Script {
    let chunks = deltas.iter().map(frame);
    let script = chunks.fold(Script::chunked(), |script, frame| script.chunk(frame));
    let finish = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
    script
        .chunk(format!("data: {finish}\n\ndata: [DONE]\n\n"))
        .last_chunk()
}

/// Records one answer with `secret` as the request's credential.
async fn record(place: &Place, script: Script, secret: &str, more: &[&str]) -> Ran {
    let upstream = Upstream::start(script).await;
    let url = upstream.url(PATH);
    let header = format!("authorization: Bearer {secret}");
    let args = [
        "record", &url, "--json", "{}", "-H", &header, "-o", "t.jsonl",
    ];
    let args: Vec<&str> = args.into_iter().chain(more.iter().copied()).collect();
    let ran = place.rigtape(&args).await;
    assert!(!ran.stderr.contains(secret), "{ran:?}");
    ran
}

/// What the first interaction of a tape says, as JSON.
fn said(place: &Place, name: &str) -> Value {
    let tape = place.tape(name);
    match Answer::of(&tape[0]) {
        Some(Answer::Transcript(transcript)) => serde_json::to_value(transcript).unwrap(),
        other => panic!("{other:?}"),
    }
}

/// No file of the folder holds `secret`, nor any twelve bytes of it in a row.
fn assert_gone(place: &Place, secret: &str) {
    for entry in std::fs::read_dir(place.folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        let found = secret.as_bytes().windows(12).find(|part| {
            let part = std::str::from_utf8(part).unwrap();
            text.contains(part)
        });
        assert!(found.is_none(), "{} holds {found:?}", path.display());
    }
}

#[tokio::test]
async fn an_echoed_credential_is_not_on_disk_in_any_spelling() {
    let secret = "p\u{e4}ss/w+rd=\"q7Zr2Lk9Xw4Tn8Vb\"";
    let percent = percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC);
    let spellings = [
        secret.to_owned(),
        json!(secret).to_string(),
        percent.to_string(),
        STANDARD.encode(format!("key={secret}")),
        URL_SAFE_NO_PAD.encode(secret),
    ];
    // The header carries it in base64, as `user:password`.
    let basic = STANDARD.encode(format!("user:{secret}"));
    for spelling in spellings {
        let place = Place::new();
        let middle = spelling.len() / 2;
        let middle = (middle..)
            .find(|at| spelling.is_char_boundary(*at))
            .unwrap();
        let (head, tail) = spelling.split_at(middle);
        let script = Script::chunked()
            .chunk(format!("data: {head}"))
            .at(20)
            .chunk(format!("{tail}\n\n"))
            .last_chunk();
        let upstream = Upstream::start(script).await;
        let header = format!("authorization: Basic {basic}");
        let args = [
            "record",
            &upstream.url(PATH),
            "-H",
            &header,
            "-o",
            "t.jsonl",
        ];
        place.rigtape(&args).await.expect(0);
        let tape = place.tape("t.jsonl");
        let size: usize = tape[0].chunks.iter().map(|chunk| chunk.bytes.len()).sum();
        assert_eq!(size, "data: \n\n".len() + spelling.len());
        assert!(
            place.read("t.jsonl").contains("REDACTED"),
            "{}",
            place.read("t.jsonl")
        );
        assert_gone(&place, "q7Zr2Lk9Xw4Tn8Vb");
        assert_gone(&place, &STANDARD.encode(secret)[4..28]);
    }
}

#[tokio::test]
async fn a_key_cut_over_two_deltas_quarantines_the_tape_and_can_be_masked() {
    let key = fake_key("sk-proj-", 40);
    let (head, tail) = key.split_at(14);
    let place = Place::new();
    place.write("t.rejected.jsonl", "an older one");
    let script = says(&["The key is ", head, tail, ", keep it."]);
    let ran = record(&place, script, "another-credential", &[])
        .await
        .expect(1);
    let ran = ran
        .says("t.jsonl holds a secret")
        .says("moved to t.2.rejected.jsonl");
    let ran = ran.says("interaction 1, choice 0, part 0 (text), byte 11: a key that begins with sk-proj- (48 bytes)");
    let ran = ran.says("`rigtape redact t.2.rejected.jsonl`");
    assert!(
        !ran.stderr.contains(head) && !ran.stderr.contains(tail),
        "{ran:?}"
    );
    assert!(!place.path("t.jsonl").exists());
    assert_eq!(place.read("t.rejected.jsonl"), "an older one");

    let tape = "t.2.rejected.jsonl";
    let before = place.tape(tape);
    let ran = place.rigtape(&["redact", "--check", tape]).await.expect(1);
    assert!(
        ran.stdout
            .contains("byte 11: key sk-proj- (48 bytes) found"),
        "{ran:?}"
    );
    let ran = place
        .rigtape(&["redact", tape, "--format", "json"])
        .await
        .expect(0);
    let row: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(row["rewritten"], true);
    assert_eq!(row["findings"][0]["masked"], true);

    let after = place.tape(tape);
    let shape = |tape: &[rigtape::cassette::Interaction]| -> Vec<(u64, usize)> {
        let chunks = tape[0].chunks.iter();
        chunks.map(|c| (c.at.as_micros(), c.bytes.len())).collect()
    };
    assert_eq!(shape(&before), shape(&after));
    assert_eq!(after[0].chunks[1].redacted[0].placeholder, 1);
    let text = said(&place, tape)["choices"][0]["parts"][0]["text"].clone();
    let placeholder = format!("sk-proj-1-REDACTED-{}", "x".repeat(48 - 19));
    assert_eq!(text, format!("The key is {placeholder}, keep it."));
    place.rigtape(&["redact", "--check", tape]).await.expect(0);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(place.path(tape))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[tokio::test]
async fn in_process_the_report_tells_and_a_dropped_recorder_rejects_too() {
    use rigtape::record::{Existing, Options, Recorder};
    let key = fake_key("sk-proj-", 40);
    let (head, tail) = key.split_at(20);
    let upstream = Upstream::start(says(&[head, tail])).await;
    let place = Place::new();
    let tape = place.path("t.jsonl");
    for round in 1..=2 {
        let recorder = Recorder::to_file(&tape, Existing::Refuse, Options::default()).unwrap();
        let request = client().post(upstream.url(PATH)).build().unwrap();
        recorder.send(request).await.unwrap().bytes().await.unwrap();
        if round == 1 {
            let report = recorder.close().await;
            assert!(!report.is_complete());
            assert_eq!(report.tapes[0].findings.len(), 1);
            assert_eq!(report.tapes[0].findings[0].length, key.len());
            let rejected = place.path("t.rejected.jsonl");
            assert_eq!(report.tapes[0].rejected.as_deref(), Some(&*rejected));
            assert!(report.to_string().contains("holds a secret"), "{report}");
        }
        drop(recorder);
    }
    assert!(!tape.exists() && place.path("t.2.rejected.jsonl").exists());
}

#[tokio::test]
async fn arguments_reasoning_and_refusals_are_audited_too() {
    let key = fake_key("sk-proj-", 40);
    let (head, tail) = key.split_at(20);
    let call = |text: &str| json!({"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "f", "arguments": text}}]});
    let more = |text: &str| json!({"tool_calls": [{"index": 0, "function": {"arguments": text}}]});
    for (what, deltas) in [
        (
            "arguments",
            [
                call(&format!("{{\"k\":\"{head}")),
                more(&format!("{tail}\"}}")),
            ],
        ),
        (
            "reasoning",
            [
                json!({"reasoning_content": head}),
                json!({"reasoning_content": tail}),
            ],
        ),
        (
            "refusal",
            [json!({"refusal": head}), json!({"refusal": tail})],
        ),
    ] {
        let place = Place::new();
        let ran = record(&place, stream(&deltas), "another-credential", &[]).await;
        ran.expect(1).says(&format!("({what}), byte "));
        place
            .rigtape(&["redact", "t.rejected.jsonl"])
            .await
            .expect(0);
        assert_gone(&place, &key["sk-proj-".len()..]);
        assert!(
            said(&place, "t.rejected.jsonl")
                .to_string()
                .contains("sk-proj-1-REDACTED-")
        );
    }
}

#[tokio::test]
async fn a_credential_cut_over_deltas_is_masked_when_its_variable_is_named() {
    let secret = "plain words and 7 more";
    let place = Place::new();
    let script = says(&["plain wo", "rds and", " 7 more"]);
    let ran = record(&place, script, secret, &[]).await.expect(1);
    ran.says("a credential (22 bytes)").says("--env VARIABLE");
    let tape = "t.rejected.jsonl";
    // Nothing on the tape tells that these words are one.
    place.rigtape(&["redact", "--check", tape]).await.expect(0);
    let mut command = place.command(
        env!("CARGO_BIN_EXE_rigtape"),
        &["redact", tape, "--env", "MINE"],
    );
    command.env("MINE", secret);
    crate::support::place::run(command).await.expect(0);
    assert!(
        !place.read(tape).contains("plain wo"),
        "{}",
        place.read(tape)
    );
    let ran = place
        .rigtape(&["redact", tape, "--env", "MINE"])
        .await
        .expect(2);
    ran.says("--env MINE");
}

#[tokio::test]
async fn what_cannot_be_told_apart_has_to_be_recorded_again() {
    let key = fake_key("sk-proj-", 40);
    let (head, tail) = key.split_at(20);
    let logged = |text: &str| {
        let tokens = json!([{"token": text, "logprob": -0.1, "bytes": text.as_bytes()}]);
        let choice =
            json!({"index": 0, "delta": {"content": text}, "logprobs": {"content": tokens}});
        format!(
            "data: {}\n\n",
            json!({"object": "chat.completion.chunk", "choices": [choice]})
        )
    };
    let script = Script::chunked().chunk(logged(head)).chunk(logged(tail));
    let place = Place::new();
    record(&place, script.last_chunk(), "another-credential", &[])
        .await
        .expect(1);
    let ran = place
        .rigtape(&["redact", "t.rejected.jsonl"])
        .await
        .expect(1);
    ran.says("delete this tape and record it again");
}

#[tokio::test]
async fn an_old_tape_is_masked_and_a_clean_one_is_left_alone() {
    let key = fake_key("sk-", 40);
    let place = Place::new();
    let tape = format!(
        concat!(
            "{{\"rigtape\":1,\"x-own\":true}}\n",
            "{{\"request\":1,\"at\":0,\"method\":\"POST\",\"target\":\"/v1/chat/completions?key=0123456789abcdef\",",
            "\"headers\":[[\"authorization\",\"Bearer {key}\"]],\"body\":{{\"json\":{{\"k\":\"{key}\"}}}}}}\n",
            "{{\"response\":1,\"at\":5,\"status\":200}}\n",
            "[1,6,\"{key} 0123456789abcdef\"]\n",
            "{{\"end\":1,\"at\":7,\"how\":\"complete\"}}\n",
            "{{\"comment\":\"kept\"}}\n",
        ),
        key = key
    );
    place.write("old.jsonl", &tape);
    place.write(
        "broken.jsonl",
        format!("{{\"rigtape\":1}}\nnonsense {key}\n"),
    );
    let ran = place
        .rigtape(&["redact", "--check", "old.jsonl"])
        .await
        .expect(1);
    assert_eq!(place.read("old.jsonl"), tape);
    assert!(
        ran.stdout.contains("request header authorization"),
        "{ran:?}"
    );

    // A tape that cannot be read to its end is not touched, and the others are mended all the same.
    let ran = place
        .rigtape(&["redact", "."])
        .await
        .expect(2)
        .says("broken.jsonl:2");
    assert!(ran.stdout.contains("old.jsonl: interaction 1"), "{ran:?}");
    std::fs::remove_file(place.path("broken.jsonl")).unwrap();
    assert_gone(&place, &key["sk-".len()..]);
    assert_gone(&place, "0123456789abcdef");
    let text = place.read("old.jsonl");
    assert!(
        text.contains("\"x-own\":true") && text.ends_with("{\"comment\":\"kept\"}\n"),
        "{text}"
    );

    let written = std::fs::metadata(place.path("old.jsonl"))
        .unwrap()
        .modified()
        .unwrap();
    let ran = place.rigtape(&["redact", "."]).await.expect(0);
    assert_eq!(ran.stdout, "");
    let again = std::fs::metadata(place.path("old.jsonl"))
        .unwrap()
        .modified()
        .unwrap();
    assert_eq!(written, again);
}

#[tokio::test]
async fn a_projects_rules_hold_for_recording_and_for_masking() {
    let place = Place::new();
    let key = fake_key("acme_", 30);
    let rules = "[redact]\nkeep-headers = [\"x-team\"]\n[[redact.keys]]\nprefix = \"acme_\"\nmin = 24\nchars = \"alnum\"\n";
    place.write("rigtape.toml", format!("{rules}\n[other]\nset = 1\n"));
    let script = says(&[&key]);
    record(
        &place,
        script.clone(),
        "another-credential",
        &["-H", "x-team: red"],
    )
    .await
    .expect(0);
    let text = place.read("t.jsonl");
    assert!(
        text.contains("acme_1-REDACTED-") && text.contains("[\"x-team\",\"red\"]"),
        "{text}"
    );

    place.write("none.toml", "");
    record(
        &place,
        script,
        "another-credential",
        &["--force", "--config", "none.toml"],
    )
    .await
    .expect(0);
    assert!(place.read("t.jsonl").contains(&key));
    // The nearest file above holds, too.
    std::fs::create_dir(place.path("deep")).unwrap();
    let mut command = place.command(env!("CARGO_BIN_EXE_rigtape"), &["redact", "../t.jsonl"]);
    command.current_dir(place.path("deep"));
    crate::support::place::run(command).await.expect(0);
    assert!(!place.read("t.jsonl").contains(&key));
}

#[tokio::test]
async fn a_mistake_in_the_rules_is_told_with_its_place() {
    for (text, said) in [
        (
            "[redact]\nkeep-header = []\n",
            "unknown field `keep-header`",
        ),
        (
            "[redact]\npointers = [\"no-slash\"]\n",
            "`no-slash` is no JSON pointer",
        ),
        ("[redact\n", "line 1"),
    ] {
        let place = Place::new();
        place.write("rigtape.toml", text);
        for args in [
            &["record", "http://127.0.0.1:9", "-o", "t.jsonl"][..],
            &["redact", "."],
        ] {
            let ran = place.rigtape(args).await.expect(2);
            ran.says("rigtape.toml: ").says(said);
        }
        assert!(!place.path("t.jsonl").exists());
    }
}
