use std::path::Path;

use serde_json::Value;

use crate::support::command::run;

fn chat() -> &'static Path {
    Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/cassettes/openai-chat"
    ))
}

#[test]
fn text_shows_words_paths_counts_and_times() {
    let ran = run(chat(), &["diff", "a.jsonl", "b.jsonl"]);
    assert_eq!(ran.status, Some(1));
    assert_eq!(ran.stderr, "");
    insta::assert_snapshot!(ran.stdout, @r##"
    a.jsonl → b.jsonl
    interaction 1  POST /v1/chat/completions
      part  choice 0, part 0 (text)
        Let me check the [-forecast-]{+weather+} for Oslo.
      tool_call  choice 0, part 1 (call get_forecast)
        $.days  2 → 3
      usage  output_tokens  27 → 28
      usage  total_tokens  98 → 99
      timing  first 389.3ms, longest gap 40.1ms, total 837.2ms, 22 chunks, 4.7 kB
            → first 413.9ms, longest gap 47.8ms, total 869.3ms, 22 chunks, 4.7 kB
    4 differences (2 ids differ in their letters only)
    "##);
    let ran = run(chat(), &["diff", "a.jsonl", "a.jsonl"]);
    assert_eq!(
        (ran.status, ran.stdout.as_str()),
        (Some(0), "same a.jsonl a.jsonl\n")
    );
}

#[test]
fn markdown_is_a_review_comment() {
    let ran = run(
        chat(),
        &["diff", "a.jsonl", "b.jsonl", "--format", "markdown"],
    );
    assert_eq!(ran.status, Some(1));
    insta::assert_snapshot!(ran.stdout, @r##"
    ### `a.jsonl` → `b.jsonl`: 4 differences

    **Interaction 1** `POST /v1/chat/completions`

    | what | where | before | after |
    |---|---|---|---|
    | tool_call | `choice 0, part 1 (call get_forecast)` `$.days` | `2` | `3` |
    | usage | `output_tokens` | `27` | `28` |
    | usage | `total_tokens` | `98` | `99` |

    part, `choice 0, part 0 (text)`:

    ```diff
    - Let me check the forecast for Oslo.
    + Let me check the weather for Oslo.
    ```

    <sub>Timing: first 389.3ms, longest gap 40.1ms, total 837.2ms, 22 chunks, 4.7 kB → first 413.9ms, longest gap 47.8ms, total 869.3ms, 22 chunks, 4.7 kB</sub>

    <sub>Ids that differ in their letters only: 2.</sub>
    "##);
}

#[test]
fn json_has_stable_keys() {
    let ran = run(chat(), &["diff", "a.jsonl", "b.jsonl", "--format", "json"]);
    let value: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(value["same"], false);
    assert_eq!(value["ids_aligned"], 2);
    let one = &value["interactions"][0];
    assert_eq!((&one["a"], &one["b"]), (&1.into(), &1.into()));
    let days = one["differences"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["path"] == "$.days");
    assert_eq!(
        days.unwrap().to_string(),
        serde_json::json!({"aspect": "tool_call", "where": "choice 0, part 1 (call get_forecast)",
            "path": "$.days", "a": 2, "b": 3, "words": null})
        .to_string()
    );
    assert_eq!(one["timing_a"]["first_chunk_us"], 389_330);
}

/// A tape whose request and answer hold everything that steers terminals and markup.
fn hostile(said: &str) -> String {
    let text = serde_json::to_string(said).unwrap();
    let event = format!(
        "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":{text}}},\"finish_reason\":\"stop\"}}]}}\n\n"
    );
    let event = serde_json::to_string(&event).unwrap();
    format!(
        "{{\"rigtape\":1}}\n{{\"request\":1,\"at\":0,\"method\":\"POST\",\"target\":\"/v1/chat/completions?`|<b>@you\"}}\n\
         {{\"response\":1,\"at\":1,\"status\":200,\"headers\":[[\"content-type\",\"text/event-stream\"]]}}\n\
         [1,2,{event}]\n{{\"end\":1,\"at\":3,\"how\":\"complete\"}}\n"
    )
}

#[test]
fn recorded_text_steers_neither_terminal_nor_markup() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, said: &str| {
        std::fs::write(folder.path().join(name), hostile(said)).unwrap();
    };
    write(
        "a.jsonl",
        "one \u{1b}[2J two\n```\n@everyone <img src=x> | tail",
    );
    write(
        "b.jsonl",
        "one \u{1b}[2J three\n```\n@everyone <img src=x> | tail",
    );
    let ran = run(folder.path(), &["diff", "a.jsonl", "b.jsonl"]);
    assert_eq!(ran.status, Some(1));
    assert!(!ran.stdout.contains('\u{1b}'), "{}", ran.stdout);
    assert!(ran.stdout.contains("[-two-]{+three+}"), "{}", ran.stdout);

    let ran = run(
        folder.path(),
        &["diff", "a.jsonl", "b.jsonl", "--format", "markdown"],
    );
    assert!(!ran.stdout.contains('\u{1b}'));
    let fence = ran
        .stdout
        .lines()
        .find(|line| line.ends_with("diff"))
        .unwrap();
    assert_eq!(
        fence, "````diff",
        "longer than any run of back ticks inside"
    );
    assert!(
        ran.stdout
            .contains(r"``POST /v1/chat/completions?`\|<b>@you``"),
        "{}",
        ran.stdout
    );
}

#[test]
fn folders_pair_by_name_and_the_rest_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let copy = |from: &str, to: &str| {
        let to = folder.path().join(to);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(chat().join(from), to).unwrap();
    };
    copy("a.jsonl", "old/x/weather.jsonl");
    copy("b.jsonl", "new/x/weather.jsonl");
    copy("plain.jsonl", "old/same.jsonl");
    copy("plain.jsonl", "new/same.jsonl");
    copy("plain.jsonl", "old/gone.jsonl");
    copy("plain.jsonl", "new/came.jsonl");
    let ran = run(folder.path(), &["diff", "old", "new"]);
    assert_eq!(ran.status, Some(1));
    let heads: Vec<&str> = ran
        .stdout
        .lines()
        .filter(|line| !line.starts_with(' '))
        .collect();
    assert_eq!(
        heads,
        [
            "+ new/came.jsonl",
            "- old/gone.jsonl",
            "same old/same.jsonl new/same.jsonl",
            "old/x/weather.jsonl → new/x/weather.jsonl",
            "interaction 1  POST /v1/chat/completions",
            "4 differences (2 ids differ in their letters only)",
            "3 of 4 tapes differ",
        ]
    );
    let ran = run(folder.path(), &["diff", "old", "new", "--format", "json"]);
    let first: Value = serde_json::from_str(ran.stdout.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&first["a"], &first["b"]),
        (&Value::Null, &"new/came.jsonl".into())
    );
    let ran = run(folder.path(), &["diff", "old", "new/came.jsonl"]);
    assert_eq!(ran.status, Some(2));
    assert!(
        ran.stderr.contains("compare two files or two folders"),
        "{}",
        ran.stderr
    );
}

#[test]
fn what_cannot_be_read_is_status_2_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    for side in ["old", "new"] {
        std::fs::create_dir(folder.path().join(side)).unwrap();
        std::fs::copy(
            chat().join("plain.jsonl"),
            folder.path().join(side).join("z.jsonl"),
        )
        .unwrap();
    }
    std::fs::write(folder.path().join("old/a.jsonl"), "nonsense\n").unwrap();
    std::fs::write(folder.path().join("new/a.jsonl"), "{\"rigtape\":1}\n").unwrap();
    let ran = run(folder.path(), &["diff", "old", "new"]);
    assert_eq!(ran.status, Some(2));
    assert!(ran.stderr.contains("old/a.jsonl"), "{}", ran.stderr);
    assert!(
        ran.stdout.contains("same old/z.jsonl new/z.jsonl"),
        "{}",
        ran.stdout
    );
    let ran = run(folder.path(), &["diff", "missing.jsonl", "old/z.jsonl"]);
    assert_eq!(ran.status, Some(2));
}
