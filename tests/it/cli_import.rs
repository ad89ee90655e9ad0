use std::path::Path;

use rigtape::cassette::Cassette;
use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::support::command::{Ran, run};

fn foreign(name: &str) -> String {
    format!("{}/cassettes/foreign/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn write(folder: &TempDir, name: &str, text: impl AsRef<[u8]>) {
    let path = folder.path().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn tape(folder: &TempDir, name: &str) -> Cassette {
    let tape = Cassette::open(folder.path().join(name)).unwrap();
    assert!(tape.faults().is_empty());
    tape
}

fn rows(ran: &Ran) -> Vec<Value> {
    let lines = ran.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A recording of vcrpy whose answer is `text`.
fn vcr(headers: &str, text: &str) -> String {
    format!(
        "interactions:\n- request:\n    method: POST\n    uri: https://api.example.com/v1/x?key=0123456789abcdef\n    \
         body: '{{}}'\n    headers: {{{headers}}}\n  response:\n    status: {{code: 200, message: OK}}\n    \
         headers: {{content-type: [text/plain], set-cookie: ['session=0123456789']}}\n    \
         body: {{string: {text}}}\n"
    )
}

#[test]
fn every_format_comes_over_and_holds_no_secret() {
    let folder = tempdir().unwrap();
    for format in ["httpmock", "vcrpy", "har", "sse", "chunks"] {
        let ran = run(
            folder.path(),
            &["import", format, &foreign(format), "-o", format],
        );
        assert_eq!(ran.status, Some(0), "{}", ran.stderr);
        assert!(ran.stdout.contains("interactions"), "{}", ran.stdout);
        assert!(!names(&folder.path().join(format)).is_empty());
    }
    let check = run(folder.path(), &["redact", "--check", "."]);
    assert_eq!((check.status, check.stdout.as_str()), (Some(0), ""));
    let list = run(folder.path(), &["list", ".", "--format", "json"]);
    assert_eq!(list.status, Some(0));
    assert!(list.stdout.lines().count() >= 15);
    assert_eq!(
        names(&folder.path().join("chunks")),
        ["chat.jsonl", "messages.jsonl"]
    );
}

#[test]
fn a_folder_comes_over_with_its_names_and_every_reason() {
    let folder = tempdir().unwrap();
    write(&folder, "in/a/b/good.yaml", vcr("", "fine"));
    write(&folder, "in/good.yml", vcr("", "yml"));
    write(&folder, "in/good.yaml", vcr("", "yaml"));
    write(&folder, "in/README.md", "# hello");
    write(
        &folder,
        "in/broken.yaml",
        "interactions:\n- request:\n  - 'x\n",
    );
    write(&folder, "in/latin.yaml", b"interactions: \xe9\n");
    write(&folder, "in/mock.yaml", "when: {}\nthen: {}\n");
    let ran = run(
        folder.path(),
        &["import", "vcrpy", "in", "-o", "out", "--format", "json"],
    );
    assert_eq!(ran.status, Some(1));
    assert_eq!(
        names(&folder.path().join("out")),
        ["a", "good-2.jsonl", "good.jsonl"]
    );
    assert_eq!(names(&folder.path().join("out/a/b")), ["good.jsonl"]);
    let body = |name: &str| {
        let tape = tape(&folder, name);
        tape.interaction(1).unwrap().unwrap().body()
    };
    assert_eq!(
        (body("out/good.jsonl"), body("out/good-2.jsonl")),
        ("yaml".into(), "yml".into())
    );
    let rows = rows(&ran);
    assert_eq!(rows.len(), 7);
    for row in &rows {
        let reasons = ["cassette", "skipped", "error"];
        let told = reasons.iter().filter(|key| !row[**key].is_null()).count();
        assert_eq!(told, 1, "{row}");
    }
    let errors: Vec<&str> = ran.stderr.lines().collect();
    assert_eq!(errors.len(), 3, "{}", ran.stderr);
    assert!(errors[0].contains("broken.yaml:"), "{}", errors[0]);
    assert!(
        errors[1].contains("latin.yaml: byte 14: not UTF-8"),
        "{}",
        errors[1]
    );
    assert!(errors[2].contains("import httpmock"), "{}", errors[2]);
    let text = run(folder.path(), &["import", "vcrpy", "in", "-o", "out2"]);
    assert!(text.stdout.contains("not .yaml or .yml"), "{}", text.stdout);
}

#[test]
fn secrets_are_masked_on_the_way_in() {
    let folder = tempdir().unwrap();
    let key = format!("sk-{}", "a1B2c3D4e5F6g7H8".repeat(3));
    let token = "tok-9f8e7d6c5b4a";
    let text = vcr(
        &format!("authorization: [Bearer {token}]"),
        &format!("'you are {token}, {key}'"),
    );
    write(&folder, "x.yaml", text);
    let ran = run(folder.path(), &["import", "vcrpy", "x.yaml", "-o", "out"]);
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains("secrets"), "{}", ran.stdout);
    let tape = std::fs::read_to_string(folder.path().join("out/x.jsonl")).unwrap();
    for secret in [token, &key, "0123456789"] {
        assert!(!tape.contains(secret), "{tape}");
    }
    assert!(tape.contains("\"dropped\":[\"authorization\"]"));
    let check = run(folder.path(), &["redact", "--check", "out"]);
    assert_eq!(check.status, Some(0), "{}", check.stdout);
}

#[test]
fn tapes_that_are_there_stay_unless_forced() {
    let folder = tempdir().unwrap();
    write(&folder, "x.yaml", vcr("", "new"));
    write(&folder, "out/x.jsonl", "mine");
    let ran = run(folder.path(), &["import", "vcrpy", "x.yaml", "-o", "out"]);
    assert_eq!(ran.status, Some(1));
    assert!(ran.stderr.contains("--force"), "{}", ran.stderr);
    assert_eq!(
        std::fs::read(folder.path().join("out/x.jsonl")).unwrap(),
        b"mine"
    );
    let ran = run(
        folder.path(),
        &["import", "vcrpy", "x.yaml", "-o", "out", "--force"],
    );
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert_eq!(tape(&folder, "out/x.jsonl").len(), 1);
    assert_eq!(
        names(&folder.path().join("out")),
        ["x.jsonl"],
        "nothing is left beside it"
    );
}

#[test]
fn wrong_usage_is_2() {
    let folder = tempdir().unwrap();
    write(&folder, "x.yaml", vcr("", "new"));
    for (arguments, says) in [
        (
            ["import", "polly", "x.yaml", "-o", "out"],
            "httpmock, vcrpy, har, sse, chunks",
        ),
        (
            ["import", "vcrpy", "nowhere", "-o", "out"],
            "cannot read nowhere",
        ),
        (
            ["import", "vcrpy", "x.yaml", "-o", "x.yaml"],
            "cannot make the folder",
        ),
    ] {
        let ran = run(folder.path(), &arguments);
        assert_eq!(ran.status, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains(says), "{}", ran.stderr);
    }
}

#[cfg(unix)]
#[test]
fn links_and_odd_names_lead_nowhere() {
    use std::os::unix::fs::symlink;
    let folder = tempdir().unwrap();
    write(&folder, "outside/secret.yaml", vcr("", "out"));
    write(&folder, "in/sub/real.yaml", vcr("", "in"));
    write(&folder, "in/\u{1b}[2Jevil:..\\name.yaml", vcr("", "odd"));
    write(
        &folder,
        "in/<b>html.yaml",
        "interactions:\n- request: {method: GET, uri: 'x:<script>'}\n  response: {}\n",
    );
    let path = |name: &str| folder.path().join(name);
    symlink(path("outside/secret.yaml"), path("in/leak.yaml")).unwrap();
    symlink(path("outside"), path("in/folder.yaml")).unwrap();
    symlink(path("in/sub/real.yaml"), path("in/alias.yaml")).unwrap();
    symlink(path("in"), path("in/sub/loop")).unwrap();
    symlink("nothing", path("in/dangling.yaml")).unwrap();
    std::fs::create_dir(path("out")).unwrap();
    symlink(path("outside"), path("out/sub")).unwrap();
    let ran = run(folder.path(), &["import", "vcrpy", "in", "-o", "out"]);
    assert_eq!(ran.status, Some(1), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("leads out of the folder"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("a link to nothing"), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("folder for the tapes"),
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains('\u{1b}') && !ran.stdout.contains('\u{1b}'));
    assert_eq!(names(&path("outside")), ["secret.yaml"]);
    let tapes = names(&path("out"));
    assert!(tapes.contains(&"alias.jsonl".to_owned()), "{tapes:?}");
    assert!(
        tapes.contains(&"_[2Jevil_.._name.jsonl".to_owned()),
        "{tapes:?}"
    );
}

#[test]
fn export_gives_back_what_came_in() {
    let folder = tempdir().unwrap();
    let bare = std::fs::read(foreign("sse/bare.sse")).unwrap();
    run(
        folder.path(),
        &["import", "sse", &foreign("sse"), "-o", "."],
    );
    let ran = run(folder.path(), &["export", "sse", "bare.jsonl"]);
    assert_eq!((ran.status, &ran.raw), (Some(0), &bare), "{}", ran.stderr);
    let ran = run(
        folder.path(),
        &[
            "export",
            "sse",
            "curl_i.jsonl",
            "--include",
            "-o",
            "again.sse",
        ],
    );
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    let again = std::fs::read_to_string(folder.path().join("again.sse")).unwrap();
    assert!(again.starts_with(
        "HTTP/1.1 200\r\ncontent-type: text/event-stream\r\nx-request-id: r1\r\n\r\ndata: "
    ));
    run(folder.path(), &["import", "sse", "again.sse", "-o", "."]);
    let body = |name: &str| tape(&folder, name).interaction(1).unwrap().unwrap().body();
    assert_eq!(body("again.jsonl"), body("curl_i.jsonl"));
    let ran = run(
        folder.path(),
        &["export", "sse", "bare.jsonl", "-o", "again.sse"],
    );
    assert_eq!(ran.status, Some(2));
    assert!(ran.stderr.contains("--force"));
    run(
        folder.path(),
        &["import", "httpmock", &foreign("httpmock"), "-o", "."],
    );
    let ran = run(folder.path(), &["export", "sse", "agent_loop.jsonl"]);
    assert_eq!(ran.status, Some(2));
    assert!(ran.stderr.contains("--interaction"), "{}", ran.stderr);
    let ran = run(
        folder.path(),
        &["export", "sse", "agent_loop.jsonl", "--interaction", "2"],
    );
    assert!(ran.stdout.ends_with("data: [DONE]\n\n"));
}
