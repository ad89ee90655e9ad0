use rigtape::cassette::How;
use tokio::net::TcpListener;

use crate::support::place::{Place, RIGTAPE, Ran, client, run};
use crate::support::upstream::{Script, Upstream};

const STREAM: &str = "data: {\"choices\":[]}\n\n";

async fn upstream() -> Upstream {
    Upstream::start(Script::chunked().chunk(STREAM).last_chunk()).await
}

/// Records around `script`, run by a shell; `$RIGTAPE` is the binary, which is the client too.
async fn around(place: &Place, upstream: &Upstream, script: &str) -> Ran {
    let url = upstream.url("");
    let args = ["record", "-o", "t.jsonl", "--upstream", &url, "--", "sh"];
    let args: Vec<&str> = args.into_iter().chain(["-c", script]).collect();
    let mut command = place.command(RIGTAPE, &args);
    command.env("RIGTAPE", RIGTAPE);
    run(command).await
}

const CALL: &str = r#""$RIGTAPE" record "$OPENAI_BASE_URL/chat/completions" --json '{"stream":true}' -o inner.jsonl 2>/dev/null"#;

#[tokio::test]
async fn a_command_is_pointed_at_the_recorder_and_its_output_is_its_own() {
    let (place, upstream) = (Place::new(), upstream().await);
    let script = format!("{CALL}; echo out; echo $NO_PROXY; cat");
    let ran = around(&place, &upstream, &script).await.expect(0);
    assert_eq!(ran.stdout, "out\n127.0.0.1,localhost,::1\n");
    let ran = ran.says("listening on http://127.0.0.1:");
    ran.says("recorded 1 interaction (1 chunks, 22 B) on t.jsonl");
    let tape = place.tape("t.jsonl");
    assert_eq!(tape[0].request.target, "/v1/chat/completions");
    assert_eq!(tape[0].body(), STREAM);
    assert_eq!(tape[0].how(), Some(&How::Complete));
    // What the client got is what the tape holds.
    assert_eq!(place.tape("inner.jsonl")[0].body(), STREAM);
}

#[tokio::test]
async fn the_commands_own_status_comes_first() {
    let upstream = upstream().await;
    for (script, status) in [
        (format!("{CALL}; exit 3"), 3),
        (format!("{CALL}; kill -TERM $$"), 143),
        (format!("{CALL}; kill -KILL $$"), 137),
        ("exit 7".to_owned(), 7),
    ] {
        let place = Place::new();
        around(&place, &upstream, &script).await.expect(status);
        assert!(place.path("t.jsonl").exists());
    }
}

#[tokio::test]
async fn a_command_that_cannot_be_started_is_told_as_a_shell_does() {
    let place = Place::new();
    place.write("plain", "text");
    for (program, status) in [("./missing", 127), ("./plain", 126)] {
        let args = ["record", "-o", "t.jsonl", "--force", "--", program];
        let ran = place.rigtape(&args).await.expect(status);
        ran.says(&format!("error: cannot start {program}: "));
    }
}

#[tokio::test]
async fn silence_is_an_error_with_a_hint() {
    let (place, upstream) = (Place::new(), upstream().await);
    let ran = around(&place, &upstream, "true").await.expect(1);
    let ran = ran
        .says("nothing reached the recorder")
        .says("OPENAI_BASE_URL");
    ran.says("--env NAME=PROVIDER");
}

#[tokio::test]
async fn a_base_url_that_was_set_is_the_upstream() {
    let (place, upstream) = (Place::new(), upstream().await);
    let script = format!("{CALL}; echo $NO_PROXY");
    let args = ["record", "-o", "t.jsonl", "--", "sh", "-c", &script];
    let mut command = place.command(RIGTAPE, &args);
    command
        .env("RIGTAPE", RIGTAPE)
        .env("OPENAI_BASE_URL", upstream.url("/gateway/v1"))
        .env("OPENAI_API_KEY", "left-as-it-was")
        .env("NO_PROXY", "intranet");
    let ran = run(command).await.expect(0);
    assert_eq!(ran.stdout, "intranet,127.0.0.1,localhost,::1\n");
    let requests = upstream.requests();
    assert!(
        requests[0].starts_with("POST /gateway/v1/chat/completions "),
        "{requests:?}"
    );
}

#[tokio::test]
async fn a_stream_that_the_command_leaves_running_is_recorded_to_its_end() {
    let script = Script::chunked().chunk(STREAM).at(400).chunk(STREAM);
    let (place, upstream) = (Place::new(), Upstream::start(script.last_chunk()).await);
    // The shell ends as soon as the request is on its way.
    let script = format!(
        "({CALL}) & while ! [ -s t.jsonl ] || ! grep -q '^.\"request\"' t.jsonl; do :; done"
    );
    around(&place, &upstream, &script).await.expect(0);
    assert_eq!(place.tape("t.jsonl")[0].chunks.len(), 2);
}

#[tokio::test]
async fn a_tape_that_exists_is_kept_unless_told_otherwise() {
    let (place, upstream) = (Place::new(), upstream().await);
    let url = upstream.url("/v1/chat/completions");
    let once = ["record", &url, "-o", "new/folder/t.jsonl"];
    let tape = "new/folder/t.jsonl";
    place.rigtape(&once).await.expect(0);
    let before = place.read(tape);

    let ran = place.rigtape(&once).await.expect(2);
    ran.says("t.jsonl")
        .says("--force writes over it, --append goes on with it");
    assert_eq!(place.read(tape), before);

    let append: Vec<&str> = once.into_iter().chain(["--append"]).collect();
    place.rigtape(&append).await.expect(0);
    assert!(place.read(tape).starts_with(&before));
    let numbers: Vec<u64> = place.tape(tape).iter().map(|i| i.number()).collect();
    assert_eq!(numbers, [1, 2]);

    let force: Vec<&str> = once.into_iter().chain(["--force"]).collect();
    place.rigtape(&force).await.expect(0);
    assert_eq!(place.tape(tape).len(), 1);
}

#[tokio::test]
async fn two_recorders_do_not_share_a_tape() {
    let (place, upstream) = (Place::new(), upstream().await);
    let url = upstream.url("");
    let args = ["record", "--upstream", &url, "-o", "t.jsonl"];
    let first = place.proxy(&args).await;
    for flag in ["--append", "--force"] {
        let second: Vec<&str> = args.into_iter().chain([flag]).collect();
        let ran = place.rigtape(&second).await.expect(2);
        assert!(
            ran.stderr.contains("t.jsonl") && ran.stderr.contains("another"),
            "{ran:?}"
        );
    }
    let ran = place.rigtape(&["redact", "t.jsonl"]).await.expect(2);
    ran.says("a recorder is writing to it");
    let url = format!("{}/v1/chat/completions", first.url);
    client()
        .post(url)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    first.interrupt().await.expect(0);
    assert_eq!(place.tape("t.jsonl").len(), 1);
}

#[tokio::test]
async fn scopes_become_tapes_of_a_folder_and_never_leave_it() {
    let (place, upstream) = (Place::new(), upstream().await);
    let url = upstream.url("");
    let proxy = place
        .proxy(&["record", "--upstream", &url, "-o", "tapes/"])
        .await;
    for scope in ["/@one", "/@two", "/@one", ""] {
        let url = format!("{}{scope}/v1/chat/completions", proxy.url);
        let response = client().post(url).send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), STREAM);
    }
    for bad in ["/@..%2fout", "/@%2e%2e", "/@.hidden", "/@a%2fb"] {
        let url = format!("{}{bad}/v1/chat/completions", proxy.url);
        assert_eq!(
            client().post(url).send().await.unwrap().status(),
            400,
            "{bad}"
        );
    }
    proxy.interrupt().await.expect(0).says("refused: ");
    let mut names: Vec<_> = std::fs::read_dir(place.path("tapes")).unwrap().collect();
    names.sort_by_key(|entry| entry.as_ref().unwrap().file_name());
    let names: Vec<_> = names.into_iter().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["default.jsonl", "one.jsonl", "two.jsonl"]);
    assert_eq!(place.tape("tapes/one.jsonl").len(), 2);
    assert_eq!(std::fs::read_dir(place.folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_place_that_cannot_be_written_to_is_told_before_anything_is_sent() {
    let (place, upstream) = (Place::new(), upstream().await);
    place.write("file", "");
    let url = upstream.url("/v1/chat/completions");
    let inside_a_file = place.rigtape(&["record", &url, "-o", "file/t.jsonl"]).await;
    inside_a_file.expect(2).says("file");
    let ran = place
        .rigtape(&["record", &url, "-o", "/proc/t.jsonl"])
        .await;
    ran.expect(2).says("/proc/t.jsonl");
    assert!(upstream.requests().is_empty());
}

#[tokio::test]
async fn one_request_is_sent_as_curl_would() {
    let (place, upstream) = (Place::new(), upstream().await);
    place.write("body.json", "{\"stream\":true}");
    let url = upstream.url("/v1/chat/completions");
    let args = ["record", &url, "--json", "@body.json", "-o", "t.jsonl"];
    let args: Vec<&str> = args.into_iter().chain(["-H", "x-mine: 1"]).collect();
    let ran = place.rigtape(&args).await.expect(0);
    assert_eq!(ran.stdout, "");
    let request = &upstream.requests()[0];
    assert!(
        request.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"),
        "{request}"
    );
    for line in [
        "content-type: application/json\r\n",
        "x-mine: 1\r\n",
        "{\"stream\":true}",
    ] {
        assert!(request.contains(line), "{request}");
    }
}

#[tokio::test]
async fn what_is_no_stream_is_recorded_with_a_word_about_it() {
    for (status, kind, body, said) in [
        (
            "401 Unauthorized",
            "application/json",
            "{\"error\":{\"message\":\"no key\"}}",
            "the server answered 401",
        ),
        (
            "200 OK",
            "text/html",
            "<html>hello</html>",
            "no model's answer that is known (text/html, 18 B)",
        ),
    ] {
        let (place, upstream) = (
            Place::new(),
            Upstream::start(Script::answer(status, kind, body)).await,
        );
        let url = upstream.url("/v1/chat/completions");
        let args = ["record", &url, "--json", "{}", "-o", "t.jsonl"];
        place.rigtape(&args).await.expect(0).says(said);
        assert_eq!(place.tape("t.jsonl")[0].body(), body);
    }
}

#[tokio::test]
async fn an_upstream_that_is_not_there_fails_and_is_on_the_tape() {
    let place = Place::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "http://{}/v1/chat/completions",
        listener.local_addr().unwrap()
    );
    drop(listener);
    let ran = place
        .rigtape(&["record", &url, "-o", "t.jsonl"])
        .await
        .expect(1);
    ran.says("error: no answer: connection refused");
    assert_eq!(place.tape("t.jsonl")[0].how(), Some(&How::Failed));
}

#[tokio::test]
async fn a_decompression_bomb_is_bounded() {
    use async_compression::tokio::write::GzipEncoder;
    use tokio::io::AsyncWriteExt;
    let mut encoder = GzipEncoder::new(Vec::new());
    encoder.write_all(&vec![b' '; 64 << 20]).await.unwrap();
    encoder.shutdown().await.unwrap();
    let bomb = encoder.into_inner();
    let head = Script::head(&format!(
        "HTTP/1.1 200 OK\ncontent-type: text/event-stream\ncontent-encoding: gzip\ncontent-length: {}",
        bomb.len()
    ));
    let (place, upstream) = (Place::new(), Upstream::start(head.write(&bomb)).await);
    let url = upstream.url("/v1/chat/completions");
    let ran = place
        .rigtape(&["record", &url, "-o", "t.jsonl"])
        .await
        .expect(1);
    ran.says("decodes to more than 250 times its size");
    assert_eq!(place.tape("t.jsonl")[0].how(), Some(&How::Lost));
    let size = std::fs::metadata(place.path("t.jsonl")).unwrap().len();
    assert!(size < 32 << 20, "{size} bytes on disk");
}

#[tokio::test]
async fn wrong_usage_is_told_before_anything_is_sent() {
    let (place, upstream) = (Place::new(), upstream().await);
    let url = upstream.url("/v1/chat/completions");
    for (args, said) in [
        (["--json", "@missing.json"], "cannot read missing.json"),
        (["-H", "no colon"], "--header: expected \"NAME: VALUE\""),
        (["-H", "b ad: 1"], "\"b ad\" is no header name"),
        (["--config", "missing.toml"], "cannot read missing.toml"),
    ] {
        let args: Vec<&str> = ["record", &url, "-o", "t.jsonl"]
            .into_iter()
            .chain(args)
            .collect();
        let ran = place.rigtape(&args).await.expect(2).says(said);
        assert_eq!(ran.stdout, "");
        assert!(!place.path("t.jsonl").exists(), "{args:?}");
    }
    let ran = place
        .rigtape(&["record", "not a url", "-o", "t.jsonl"])
        .await;
    ran.expect(2).says("\"not a url\" is no URL");
    assert!(upstream.requests().is_empty());
}
