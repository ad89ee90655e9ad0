use std::path::Path;

use rigtape::cassette::{Cassette, How};
use rigtape::record::{Routes, Upstream as Target};
use rigtape::serve::{Error, MockServer, MockServerBuilder, Mode, Outcome};

use super::{Raw, client, stream};
use crate::support::upstream::{Script, Upstream};

const ASKS: &str = r#"{"model":"m","stream":true}"#;

#[test]
fn modes_are_a_closed_list_and_ci_only_replays_unless_told() {
    for mode in Mode::ALL {
        assert_eq!(mode.to_string().parse(), Ok(mode));
        let explicit = Mode::resolve(Some(mode.as_str()), Mode::Replay, true).unwrap();
        let expected = if mode == Mode::Auto {
            Mode::Replay
        } else {
            mode
        };
        assert_eq!(explicit, expected);
        assert_eq!(Mode::resolve(None, mode, true), Ok(Mode::Replay));
        assert_eq!(Mode::resolve(None, mode, false), Ok(mode));
        assert_eq!(
            Mode::resolve(Some(mode.as_str()), Mode::Replay, false),
            Ok(mode)
        );
    }
    let wrong = Mode::resolve(Some("rerecord"), Mode::Replay, true).unwrap_err();
    assert!(wrong.to_string().contains("`append`"), "{wrong}");
}

/// An upstream that says what it was asked for.
async fn upstream() -> Upstream {
    Upstream::choose(|request| {
        let path = request.split(' ').nth(1).unwrap_or_default();
        Script::chunked()
            .chunk(format!("data: {path}\n\n"))
            .chunk("data: [DONE]\n\n")
            .last_chunk()
    })
    .await
}

fn builder(mode: Mode, tape: &Path, upstream: &Upstream) -> MockServerBuilder {
    let target = Target::parse(&upstream.url("")).unwrap();
    MockServer::builder()
        .tapes(tape)
        .mode(mode)
        .routes(Routes::new([target]).unwrap())
}

async fn ask(server: &MockServer, path: &str) -> (u16, String) {
    let key = ["sk-", "proj-", "0123456789abcdefghijABCDEFGHIJ0123456789"].concat();
    let request = client()
        .post(server.url() + path)
        .header("content-type", "application/json")
        .header("x-rigtape-allow-miss", "1")
        .bearer_auth(key)
        .body(ASKS);
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn auto_records_once_and_replays_for_ever() {
    let upstream = upstream().await;
    let folder = tempfile::tempdir().unwrap();
    let tape = folder.path().join("new/weather.jsonl");
    let server = builder(Mode::Auto, &tape, &upstream).start().await.unwrap();
    let (status, live) = ask(&server, "/v1/chat/completions").await;
    assert_eq!(status, 200);
    assert!(
        !tape.exists(),
        "the tape is there before the run has succeeded"
    );
    assert_eq!(server.received()[0].outcome, Outcome::Recorded);
    assert_eq!(server.received()[0].taken, live.len() as u64);
    let report = server.finish();
    assert!(report.is_ok(), "{report}");
    assert_eq!((report.passed, report.saved.as_deref()), (1, Some(&*tape)));
    let text = std::fs::read_to_string(&tape).unwrap();
    assert!(
        !text.contains("sk-proj") && !text.contains("x-rigtape"),
        "{text}"
    );
    let files = std::fs::read_dir(tape.parent().unwrap()).unwrap().count();
    assert_eq!(files, 1, "the attempt's own file is gone");

    let server = builder(Mode::Auto, &tape, &upstream).start().await.unwrap();
    assert_eq!(ask(&server, "/v1/chat/completions").await, (200, live));
    // A miss on a tape that exists stays one.
    assert_eq!(ask(&server, "/v1/responses").await.0, 404);
    assert!(server.finish().is_ok());
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn append_records_the_misses_into_the_tape() {
    let upstream = upstream().await;
    let folder = tempfile::tempdir().unwrap();
    let tape = folder.path().join("t.jsonl");
    for path in ["/v1/chat/completions", "/v1/responses"] {
        let server = builder(Mode::Append, &tape, &upstream).allow_unused(true);
        let server = server.start().await.unwrap();
        ask(&server, "/v1/chat/completions").await;
        ask(&server, path).await;
        let report = server.finish();
        assert!(report.is_ok(), "{report}");
    }
    // The second run has played the first request, and recorded only the other one.
    let targets: Vec<_> = Cassette::open(&tape)
        .unwrap()
        .entries()
        .iter()
        .map(|entry| entry.target.clone())
        .collect();
    assert_eq!(targets.last().unwrap(), "/v1/responses");
    assert_eq!(targets.len(), 3);
    assert_eq!(upstream.requests().len(), 3);
}

#[tokio::test]
async fn record_swaps_the_new_tape_in_when_the_run_has_succeeded() {
    let upstream = upstream().await;
    let folder = tempfile::tempdir().unwrap();
    let tape = folder.path().join("t.jsonl");
    let old = "{\"rigtape\":1,\"title\":\"old\",\"match\":{\"ignore\":[\"/seed\"]}}\n";
    std::fs::write(&tape, old).unwrap();

    let server = builder(Mode::Record, &tape, &upstream)
        .start()
        .await
        .unwrap();
    ask(&server, "/v1/chat/completions").await;
    let report = server.finish_as(false);
    assert_eq!(report.saved, None);
    assert_eq!(std::fs::read_to_string(&tape).unwrap(), old);
    assert!(folder.path().join("t.rejected.jsonl").exists());

    let server = builder(Mode::Record, &tape, &upstream)
        .start()
        .await
        .unwrap();
    ask(&server, "/v1/chat/completions").await;
    assert_eq!(std::fs::read_to_string(&tape).unwrap(), old);
    let report = server.finish();
    assert!(report.is_ok(), "{report}");
    let new = Cassette::open(&tape).unwrap();
    assert_eq!(new.len(), 1);
    assert_eq!(new.header().title, None);
    assert_eq!(
        new.header().rules.as_ref().unwrap().get(),
        "{\"ignore\":[\"/seed\"]}"
    );

    // Nothing was asked, so there is nothing that could take its place.
    let before = std::fs::read(&tape).unwrap();
    let server = builder(Mode::Record, &tape, &upstream)
        .start()
        .await
        .unwrap();
    assert!(server.finish().is_ok());
    assert_eq!(std::fs::read(&tape).unwrap(), before);
}

#[tokio::test]
async fn a_test_that_panics_leaves_the_old_tape() {
    let upstream = upstream().await;
    let folder = tempfile::tempdir().unwrap();
    let tape = folder.path().join("t.jsonl");
    let server = builder(Mode::Record, &tape, &upstream)
        .start()
        .await
        .unwrap();
    ask(&server, "/v1/chat/completions").await;
    let test = std::thread::spawn(move || {
        let _server = server;
        panic!("the test's own");
    });
    assert!(test.join().is_err());
    assert!(!tape.exists());
    assert!(folder.path().join("t.rejected.jsonl").exists());
}

#[tokio::test]
async fn live_passes_on_and_records_nothing() {
    let upstream = upstream().await;
    let target = Target::parse(&upstream.url("")).unwrap();
    let builder = MockServer::builder().mode(Mode::Live);
    let server = builder
        .routes(Routes::new([target]).unwrap())
        .start()
        .await
        .unwrap();
    let (status, live) = ask(&server, "/v1/chat/completions").await;
    assert_eq!(status, 200);
    assert!(live.contains("/v1/chat/completions"));
    assert_eq!(server.received()[0].outcome, Outcome::Passed);
    let report = server.finish();
    assert!(report.is_ok(), "{report}");
    assert_eq!(report.saved, None);
}

#[tokio::test]
async fn a_mode_that_records_takes_one_tape() {
    let folder = tempfile::tempdir().unwrap();
    for mode in [Mode::Auto, Mode::Append, Mode::Record] {
        let wrong = MockServer::builder().mode(mode).tapes(folder.path());
        let error = wrong.start().await.unwrap_err();
        assert!(matches!(error, Error::OneTape { .. }), "{error}");
        let made = stream(1, "{}", &["a"], Some(How::Complete));
        let wrong = MockServer::builder().mode(mode).tapes(made);
        let error = wrong.start().await.unwrap_err();
        assert!(error.to_string().contains("a tape in memory"), "{error}");
    }
}

#[test]
fn an_upstream_that_does_not_answer_is_said_so() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let folder = tempfile::tempdir().unwrap();
    let target = Target::parse(&url).unwrap();
    let builder = MockServer::builder()
        .tapes(folder.path().join("t.jsonl"))
        .mode(Mode::Record)
        .routes(Routes::new([target]).unwrap());
    let server = runtime.block_on(builder.start()).unwrap();
    let mut raw = Raw::connect(server.addr());
    raw.send(server.addr(), "POST", "/v1/chat/completions", "", "{}");
    assert!(raw.until("\r\n\r\n").starts_with("HTTP/1.1 502"));
    server.finish_as(false);
}
