use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use rigtape::cassette::How;
use rigtape::serve::MockServer;

use super::{Raw, client, stream, whole};

fn panic_of(act: impl FnOnce()) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(act)).err()?;
    Some(panic.downcast_ref::<String>().expect("words").clone())
}

#[tokio::test]
async fn a_miss_says_the_same_to_client_callback_report_and_panic() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = heard.clone();
    let server = MockServer::builder()
        .tapes(whole(1, "GET", "/v1/models", 200, "{}"))
        .on_miss(move |message| hears.lock().unwrap().push(message.to_owned()));
    let server = server.start().await.unwrap();
    let url = format!("{}/embeddings", server.base_url("openai"));
    let answer = client().post(url).body("{}").send().await.unwrap();
    assert_eq!(answer.status(), 404);
    assert_eq!(answer.headers()["x-should-retry"], "false");
    let body = answer.bytes().await.unwrap();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let said = body["error"]["message"].as_str().unwrap().to_owned();
    let heard = heard.lock().unwrap()[0].clone();
    assert!(said.contains(&heard), "{said} / {heard}");
    assert!(heard.contains("/v1/embeddings"), "{heard}");
    let report = server.report();
    assert!(report.failures()[0].contains(&heard), "{report}");
    let panic = panic_of(|| drop(server)).expect("a miss panics");
    assert!(panic.contains(&heard), "{panic}");
}

#[test]
fn what_is_unused_on_a_touched_tape_panics_and_an_untouched_tape_does_not() {
    let touched = vec![
        whole(1, "GET", "/v1/models", 200, "{}"),
        whole(2, "GET", "/v1/models/gpt", 200, "{}"),
    ];
    let untouched = whole(1, "GET", "/v1/files", 200, "{}");
    let tapes = || rigtape::serve::Tapes::from(touched.clone()).and(untouched.clone());
    let ask = |server: &MockServer| {
        let mut raw = Raw::connect(server.addr());
        raw.send(server.addr(), "GET", "/v1/models", "", "");
        raw.until("{}");
    };
    let server = MockServer::start_blocking(tapes()).unwrap();
    ask(&server);
    let panic = panic_of(|| drop(server)).expect("unused panics");
    assert!(panic.contains("GET /v1/models/gpt"), "{panic}");
    assert!(!panic.contains("/v1/files"), "{panic}");

    let server = MockServer::builder().tapes(tapes()).allow_unused(true);
    let server = server.start_blocking().unwrap();
    ask(&server);
    drop(server);

    let server = MockServer::start_blocking(tapes()).unwrap();
    ask(&server);
    let report = server.finish();
    assert!(!report.is_ok());
    assert_eq!(report.unused.len(), 1);
    assert_eq!(report.unused[0].interaction, 2);
}

#[test]
fn a_server_dropped_by_a_panic_keeps_quiet() {
    let server = MockServer::start_blocking(whole(1, "GET", "/v1/models", 200, "{}")).unwrap();
    let mut raw = Raw::connect(server.addr());
    raw.send(server.addr(), "GET", "/v1/other", "", "");
    raw.until("\r\n\r\n");
    let panic = catch_unwind(AssertUnwindSafe(move || {
        let _server = server;
        panic!("the test's own");
    }));
    assert_eq!(
        *panic.unwrap_err().downcast_ref::<&str>().unwrap(),
        "the test's own"
    );
}

#[test]
fn scopes_do_not_eat_each_others_interactions() {
    let tape = stream(1, "{}", &["data: 1\n\n"], Some(How::Complete));
    let server = MockServer::start_blocking(tape).unwrap();
    for scope in ["a", "b"] {
        let path = format!("/@{scope}/v1/chat/completions");
        let mut raw = Raw::post(server.addr(), &path, "{}");
        raw.until("0\r\n\r\n");
    }
    let mut raw = Raw::connect(server.addr());
    let header = "x-rigtape-scope: c\r\n";
    raw.send(server.addr(), "POST", "/v1/chat/completions", header, "{}");
    raw.until("0\r\n\r\n");
    // In its own scope the interaction is used up.
    raw.send(server.addr(), "POST", "/v1/chat/completions", header, "{}");
    assert!(raw.until("\r\n\r\n").starts_with("HTTP/1.1 404"));
    let report = server.finish();
    assert_eq!(report.missed_total, 1, "{report}");
    assert_eq!(report.missed[0].scope.as_deref(), Some("c"));
    assert!(report.unused.is_empty());
}

#[test]
fn a_request_may_say_that_it_may_miss() {
    let server = MockServer::start_blocking(whole(1, "GET", "/v1/models", 200, "{}")).unwrap();
    let mut raw = Raw::connect(server.addr());
    let header = "x-rigtape-allow-miss: 1\r\n";
    raw.send(server.addr(), "GET", "/v1/other", header, "");
    assert!(raw.until("\r\n\r\n").starts_with("HTTP/1.1 404"));
    assert!(server.finish().is_ok());
}

#[test]
fn a_tape_that_does_not_parse_is_told_and_the_others_serve() {
    let folder = tempfile::tempdir().unwrap();
    let good = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/cassettes/openai-chat/error_400.jsonl"
    );
    std::fs::copy(good, folder.path().join("good.jsonl")).unwrap();
    std::fs::write(folder.path().join("bad.jsonl"), "not a tape\n").unwrap();
    let server = MockServer::start_blocking(folder.path()).unwrap();
    let tape = rigtape::cassette::Cassette::open(good).unwrap();
    let asks = tape.interactions().next().unwrap().unwrap().request;
    let body = std::str::from_utf8(asks.body.as_bytes()).unwrap();
    let mut raw = Raw::post(server.addr(), &asks.target, body);
    assert!(raw.until("\r\n\r\n").starts_with("HTTP/1.1 400"));
    let report = server.finish();
    assert_eq!(report.played, 1);
    assert!(!report.is_ok());
    assert!(report.to_string().contains("bad.jsonl"), "{report}");
}
