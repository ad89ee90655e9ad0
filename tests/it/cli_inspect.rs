use std::path::Path;

use serde_json::Value;

use crate::support::command::{Ran, rigtape, run};

fn chat() -> &'static Path {
    Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/cassettes/openai-chat"
    ))
}

/// `rigtape` in a terminal of that many columns.
fn narrow(folder: &Path, columns: u32, arguments: &[&str]) -> Ran {
    let mut command = rigtape(folder);
    let output = command
        .env("COLUMNS", columns.to_string())
        .args(arguments)
        .output()
        .unwrap();
    Ran {
        status: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        raw: output.stdout,
    }
}

const HOSTILE: &str = "</script><script>alert(1)</script><img src=x onerror=alert(2)>&lt;b\u{1b}[2J\u{7}\u{202e}\u{2028}-->";

/// A tape whose every text tries to leave its place.
fn hostile() -> String {
    let text = serde_json::to_string(HOSTILE).unwrap();
    let event = format!(
        "event: {HOSTILE}\ndata: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":{text}}}}}]}}\n\n"
    );
    let event = serde_json::to_string(&event).unwrap();
    format!(
        "{{\"rigtape\":1,\"title\":{text}}}\n\
         {{\"request\":1,\"at\":0,\"method\":\"POST\",\"target\":{text},\"headers\":[[\"x-a\",{text}]],\"body\":{text}}}\n\
         {{\"response\":1,\"at\":1,\"status\":200,\"headers\":[[\"content-type\",\"text/event-stream\"],[\"x-b\",{text}]]}}\n\
         [1,2,{event}]\n{{\"end\":1,\"at\":3,\"how\":\"reset\",\"detail\":{text}}}\n"
    )
}

#[test]
fn text_shows_request_head_frames_timeline_and_result() {
    let ran = narrow(chat(), 72, &["inspect", "a.jsonl"]);
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
    let part = |from: &str, lines: usize| {
        let rest = &ran.stdout[ran.stdout.find(from).unwrap()..];
        let lines: Vec<&str> = rest.lines().take(lines).map(str::trim_end).collect();
        lines.join("\n")
    };
    insta::assert_snapshot!(part("POST", 6), @r#"
    POST /v1/chat/completions → https://api.openai.com/v1/chat/completions
      content-type: application/json
      {
        "model": "gpt-4o-mini",
        "stream": true,
        "stream_options": {
    "#);
    insta::assert_snapshot!(part("timeline", 6), @r#"
    timeline
      bytes        ··························▃ ▃ ▃  ▇ ▃ ▃  █ ▃ ▃  █ ▃ ▃  █ ▁
      text                                     ▂ ▂  █ ▂ ▃  ▁
      tool calls                                           ▃ ▃ ▃  █ ▂ ▁  ▁
                   0                           418.6ms               837.2ms
      22 chunks, 4.7 kB, first 389.3ms, gaps 28.5ms in the middle, 40.1ms at most, before chunk 19, 58.0 tokens a second
    "#);
    insta::assert_snapshot!(part("frames", 4), @r#"
    frames
        1   389.3ms   +389.3ms event     {"id":"chatcmpl-Monday0A1","objec…
        2   421.2ms    +31.8ms event     "Let"  {"id":"chatcmpl-Monday0A1"…
        3   449.6ms    +28.5ms event     " me"  {"id":"chatcmpl-Monday0A1"…
    "#);
    assert!(ran.stdout.contains("response id chatcmpl-Monday0A1"));
    assert!(ran.stdout.contains("complete at 837.2ms"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("\"strict\""));
    let full = narrow(chat(), 72, &["inspect", "a.jsonl", "--full"]);
    assert!(full.stdout.contains("\"required\"") && !ran.stdout.contains("\"required\""));
}

#[test]
fn every_step_belongs_to_the_frame_that_brought_it() {
    let ran = run(chat(), &["inspect", "a.jsonl", "--format", "json"]);
    let trace: Value = serde_json::from_str(&ran.stdout).unwrap();
    let frames = trace["frames"].as_array().unwrap();
    assert_eq!(frames.len(), 22);
    assert_eq!(frames[1]["steps"][0]["text"], "Let");
    assert_eq!(
        (&frames[1]["at_us"], &frames[1]["gap_us"]),
        (&421_170.into(), &31_840.into())
    );
    assert_eq!(frames[9]["steps"][0]["name"], "get_forecast");
    assert_eq!(frames[21]["steps"][0]["type"], "terminator");
    assert_eq!(trace["transcript"]["usage"]["output_tokens"], 27);
    assert_eq!(trace["request"]["method"], "POST");
}

#[test]
fn one_of_several_interactions_can_be_chosen() {
    let ran = run(
        chat(),
        &["inspect", "agent_loop.jsonl", "-i", "2", "--format", "json"],
    );
    assert_eq!(ran.stdout.lines().count(), 1);
    assert!(ran.stdout.starts_with("{\"interaction\":2,"));
    let ran = run(chat(), &["inspect", "agent_loop.jsonl", "-i", "9"]);
    assert_eq!(ran.status, Some(2));
    assert!(
        ran.stderr.contains("has no interaction 9; it has 1, 2"),
        "{}",
        ran.stderr
    );
}

#[test]
fn every_tape_can_be_inspected_and_bare_bodies_too() {
    let root = chat().parent().unwrap();
    for tape in [
        "no_response",
        "html_200",
        "utf8_torn",
        "whole",
        "two_streams",
        "invalid_json",
    ] {
        let ran = run(root, &["inspect", &format!("openai-chat/{tape}.jsonl")]);
        assert_eq!(ran.status, Some(0), "{tape}: {}", ran.stderr);
    }
    let torn = run(root, &["inspect", "openai-chat/utf8_torn.jsonl"]).stdout;
    assert!(torn.contains("torn"), "{torn}");
    let folder = tempfile::tempdir().unwrap();
    let body = run(chat(), &["replay", "a.jsonl", "--format", "raw"]).raw;
    std::fs::write(folder.path().join("body.sse"), body).unwrap();
    let ran = run(folder.path(), &["inspect", "body.sse"]);
    assert!(ran.stdout.contains("times unknown") && ran.stdout.contains("get_forecast"));
}

#[test]
fn a_hostile_tape_steers_neither_terminal_nor_page() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("h.jsonl"), hostile()).unwrap();
    for arguments in [
        &["inspect", "h.jsonl"][..],
        &["inspect", "h.jsonl", "--full"],
        &["list", "h.jsonl"],
    ] {
        let ran = run(folder.path(), arguments);
        assert_eq!(ran.status, Some(0), "{}", ran.stderr);
        assert!(!ran.stdout.contains(['\u{1b}', '\u{7}']), "{}", ran.stdout);
    }
    let ran = run(
        folder.path(),
        &["inspect", "h.jsonl", "--html", "page.html"],
    );
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    let page = std::fs::read_to_string(folder.path().join("page.html")).unwrap();
    assert!(!page.contains("alert(1)</script>") && !page.contains("<img"));
    assert_eq!(
        page.matches("<script").count(),
        2,
        "the data and the page's own"
    );
    assert_eq!(page.matches("</script").count(), 2);
    let data = page
        .split("id=\"tape\">")
        .nth(1)
        .unwrap()
        .split("</script>")
        .next()
        .unwrap();
    let data: Value = serde_json::from_str(data).unwrap();
    assert_eq!(
        data["tape"]["title"], HOSTILE,
        "as it stands on the tape, but inert"
    );
    assert_eq!(
        data["interactions"][0]["frames"][0]["steps"][0]["text"],
        HOSTILE
    );
}

#[test]
fn the_page_needs_no_network_and_lets_only_its_own_script_run() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    let ran = run(
        chat(),
        &[
            "inspect",
            "agent_loop.jsonl",
            "--html",
            page.to_str().unwrap(),
        ],
    );
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(0), ""));
    let page = std::fs::read_to_string(page).unwrap();
    let policy = page
        .split("content=\"default-src")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    assert!(
        policy.starts_with(" 'none'; script-src 'sha256-"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe"), "{policy}");
    for word in [
        " src=",
        " href=",
        "@import",
        "url(",
        "fetch(",
        "XMLHttp",
        "eval(",
        "innerHTML",
        " style=",
    ] {
        assert!(!page.contains(word), "{word}");
    }
}

#[test]
fn the_table_is_as_narrow_as_its_terminal() {
    for columns in [60, 80, 120] {
        let ran = narrow(chat(), columns, &["list", "."]);
        let widest = ran
            .stdout
            .lines()
            .map(|line| line.chars().count())
            .max()
            .unwrap();
        assert!(widest <= columns as usize, "{widest} > {columns}");
        let head = ran.stdout.lines().next().unwrap();
        assert!(
            head.contains("dialect") && head.contains("ending"),
            "{head}"
        );
    }
    let wide = run(chat(), &["list", "html_200.jsonl", "parallel_tools.jsonl"]);
    let lines: Vec<&str> = wide.stdout.lines().map(str::trim_end).collect();
    assert!(
        lines[1].contains("text/html"),
        "the type of what is no answer: {}",
        lines[1]
    );
    assert!(lines[2].ends_with("417  65   2"), "{}", lines[2]);
}

#[test]
fn completions_and_manual_pages_name_every_command() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = run(folder.path(), &["completions", shell]);
        assert_eq!(ran.status, Some(0), "{shell}");
        for command in ["replay", "verify", "inspect", "diff"] {
            assert!(ran.stdout.contains(command), "{shell}: {command}");
        }
    }
    let page = run(folder.path(), &["man"]).stdout;
    assert!(
        page.contains(".TH rigtape 1") && page.contains("rigtape\\-verify"),
        "{page}"
    );
    assert_eq!(run(folder.path(), &["man", "-o", "man1"]).status, Some(0));
    assert!(folder.path().join("man1/rigtape-inspect.1").is_file());
    assert_eq!(run(folder.path(), &["completions", "tcsh"]).status, Some(2));
}
