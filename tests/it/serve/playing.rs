use std::sync::{Arc, Barrier};

use rigtape::cassette::{Cassette, How};
use rigtape::policy::Timing;
use rigtape::serve::{Delivery, MockServer, Outcome, Tapes};
use tokio::time::Instant;

use super::{Raw, client, stream, whole};

#[test]
fn one_recorded_chunk_is_one_http_chunk() {
    let tape = stream(
        1,
        "{}",
        &["data: 1\n\nda", "ta: 2\n\n"],
        Some(How::Complete),
    );
    let server = MockServer::start_blocking(tape).unwrap();
    let mut raw = Raw::post(server.addr(), "/v1/chat/completions", "{}");
    let answer = raw.until("0\r\n\r\n");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("content-type: text/event-stream"), "{head}");
    assert!(head.contains("transfer-encoding: chunked"), "{head}");
    assert_eq!(body, "B\r\ndata: 1\n\nda\r\n7\r\nta: 2\n\n\r\n0\r\n\r\n");
    assert!(server.finish().is_ok());
}

#[tokio::test]
async fn a_recorded_tape_answers_the_request_it_was_recorded_from() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/cassettes/openai-chat/agent_loop.jsonl"
    );
    let server = MockServer::start(path).await.unwrap();
    for interaction in Cassette::open(path).unwrap().interactions() {
        let interaction = interaction.unwrap();
        let request = client()
            .post(format!("{}/chat/completions", server.base_url("openai")))
            .header("content-type", "application/json")
            .bearer_auth("some-key-of-a-test")
            .body(interaction.request.body.as_bytes().to_vec());
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), interaction.status().unwrap());
        assert_eq!(answer.bytes().await.unwrap(), interaction.body());
    }
    let received = server.received();
    assert_eq!(received.len(), 2);
    assert!(received[0].request.header("authorization").is_none());
    let report = server.finish();
    assert!(report.is_ok(), "{report}");
    assert_eq!((report.requests, report.played), (2, 2));
}

#[tokio::test]
async fn answers_that_are_no_streams_come_with_their_length() {
    let tapes = vec![
        whole(1, "GET", "/v1/models", 200, r#"{"data":[]}"#),
        whole(2, "POST", "/v1/embeddings", 429, r#"{"error":{}}"#),
        whole(3, "DELETE", "/v1/files/1", 204, ""),
        whole(4, "HEAD", "/v1/models", 200, ""),
    ];
    let server = MockServer::start(tapes).await.unwrap();
    let url = server.url();
    let models = client()
        .get(format!("{url}/v1/models"))
        .send()
        .await
        .unwrap();
    assert_eq!(models.headers()["content-length"], "11");
    assert_eq!(models.text().await.unwrap(), r#"{"data":[]}"#);
    let limited = client()
        .post(format!("{url}/v1/embeddings"))
        .send()
        .await
        .unwrap();
    assert_eq!(limited.status(), 429);
    let gone = client()
        .delete(format!("{url}/v1/files/1"))
        .send()
        .await
        .unwrap();
    assert_eq!(gone.status(), 204);
    assert_eq!(gone.text().await.unwrap(), "");
    let head = client()
        .head(format!("{url}/v1/models"))
        .send()
        .await
        .unwrap();
    assert_eq!(head.status(), 200);
    assert!(server.finish().is_ok());
}

#[tokio::test]
async fn retry_after_is_not_waited_for_unless_asked() {
    let mut tape = whole(1, "GET", "/v1/models", 429, "{}");
    tape.response
        .as_mut()
        .unwrap()
        .headers
        .push("retry-after", "20");
    for (keep, said) in [(false, "0"), (true, "20")] {
        let builder = MockServer::builder()
            .tapes(tape.clone())
            .keep_retry_after(keep);
        let server = builder.start().await.unwrap();
        let url = format!("{}/v1/models", server.url());
        let answer = client().get(url).send().await.unwrap();
        assert_eq!(answer.headers()["retry-after"], said);
    }
}

#[tokio::test(start_paused = true)]
async fn on_a_paused_runtime_a_long_tape_is_served_in_no_time() {
    let mut tape = stream(1, "{}", &["a", "b"], Some(How::Complete));
    tape.chunks[0].at = rigtape::Offset::from_micros(5_000_000);
    tape.chunks[1].at = rigtape::Offset::from_micros(40_000_000);
    tape.end.as_mut().unwrap().at = rigtape::Offset::from_micros(40_000_000);
    let builder = MockServer::builder().tapes(tape).timing(Timing::Recorded);
    let server = builder.on_current_runtime().start().await.unwrap();
    let (real, begun) = (std::time::Instant::now(), Instant::now());
    let url = format!("{}/v1/chat/completions", server.url());
    let mut answer = client().post(url).body("{}").send().await.unwrap();
    assert_eq!(answer.chunk().await.unwrap().unwrap(), "a");
    let first = begun.elapsed().as_millis();
    assert_eq!(answer.chunk().await.unwrap().unwrap(), "b");
    let second = begun.elapsed().as_millis();
    assert_eq!(answer.chunk().await.unwrap(), None);
    assert!((5_000..5_010).contains(&first), "{first}");
    assert!((40_000..40_010).contains(&second), "{second}");
    assert!(real.elapsed().as_secs() < 20);
    drop(answer);
    assert!(server.finish().is_ok());
}

#[test]
fn many_servers_run_at_once_each_with_a_port_of_its_own() {
    let barrier = Arc::new(Barrier::new(8));
    let threads: Vec<_> = (0..8)
        .map(|i| {
            let barrier = barrier.clone();
            std::thread::spawn(move || {
                let said = format!("data: {i}\n\n");
                let tape = stream(1, "{}", &[&said], Some(How::Complete));
                let server = MockServer::start_blocking(tape).unwrap();
                barrier.wait();
                let mut raw = Raw::post(server.addr(), "/v1/chat/completions", "{}");
                assert!(raw.until("0\r\n\r\n").contains(&said));
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn tapes_come_from_folders_and_globs() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/cassettes/openai-chat");
    let models = whole(1, "GET", "/v1/models", 200, "{}");
    for tapes in [
        Tapes::from(folder),
        Tapes::from(format!("{folder}/agent_*.jsonl")),
        Tapes::from(format!("{folder}/**/agent_loop.jsonl")),
        Tapes::from(models.clone()).and(format!("{folder}/agent_loop.jsonl")),
    ] {
        let server = MockServer::start_blocking(tapes).unwrap();
        let tape = Cassette::open(format!("{folder}/agent_loop.jsonl")).unwrap();
        let asks = tape.interaction(1).unwrap().unwrap();
        let body = std::str::from_utf8(asks.request.body.as_bytes()).unwrap();
        let mut raw = Raw::post(server.addr(), "/v1/chat/completions", body);
        assert!(raw.until("\r\n\r\n").starts_with("HTTP/1.1 200"));
        let report = server.finish();
        assert_eq!(report.played, 1, "{report}");
    }
    let none = MockServer::start_blocking(format!("{folder}/nothing-*.jsonl")).unwrap_err();
    assert!(none.to_string().contains("nothing-*.jsonl"), "{none}");
    let none = MockServer::start_blocking("no/such/tape.jsonl").unwrap_err();
    assert!(none.to_string().contains("no/such/tape.jsonl"), "{none}");
}

#[tokio::test]
async fn base_urls_are_what_the_clients_of_each_provider_take() {
    let server = MockServer::start(whole(1, "GET", "/v1/models", 200, "{}"))
        .await
        .unwrap();
    let url = server.url();
    assert_eq!(server.base_url("openai"), format!("{url}/v1"));
    assert_eq!(server.base_url("anthropic"), url);
    assert_eq!(server.base_url("groq"), format!("{url}/v1"));
    assert_eq!(server.scoped_url("a", "openai"), format!("{url}/@a/v1"));
    let answer = client()
        .get(format!("{url}/openai/v1/models"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    server.finish();
}

#[test]
fn the_journal_says_what_came_what_it_got_and_what_the_client_took() {
    let tape = stream(
        7,
        "{\"a\":1}",
        &["data: 1\n\n", "data: 2\n\n"],
        Some(How::Complete),
    );
    let server = MockServer::start_blocking(tape).unwrap();
    let key = ["sk-", "proj-", "0123456789abcdefghijABCDEFGHIJ0123456789"].concat();
    let mut raw = Raw::connect(server.addr());
    let headers = format!("authorization: Bearer {key}\r\ncontent-type: application/json\r\n");
    raw.send(
        server.addr(),
        "POST",
        "/@me/v1/chat/completions",
        &headers,
        "{\"a\":1}",
    );
    raw.until("0\r\n\r\n");
    let bad = format!("{{\"key\":\"{key}\"}}");
    raw.send(
        server.addr(),
        "POST",
        "/@me/v1/chat/completions",
        &headers,
        &bad,
    );
    raw.until("\r\n\r\n");
    let received = server.received();
    let [first, second] = &received[..] else {
        panic!("{received:?}");
    };
    assert_eq!((first.number, second.number), (1, 2));
    assert_eq!(first.scope.as_deref(), Some("me"));
    assert_eq!(first.request.target, "/v1/chat/completions");
    assert_eq!(first.status, Some(200));
    assert_eq!(first.taken, 18);
    assert_eq!(first.ended.unwrap().1, Delivery::Complete);
    assert!(matches!(
        &first.outcome,
        Outcome::Played { interaction: 7, .. }
    ));
    assert_eq!(second.status, Some(404));
    assert!(matches!(&second.outcome, Outcome::Missed { .. }));
    assert_eq!(second.body_bytes, bad.len() as u64);
    assert!(!format!("{received:?}").contains(&key), "{received:?}");
    server.finish();
}

#[test]
fn the_journal_keeps_the_last_requests_only() {
    let tapes: Vec<_> = (1..=5)
        .map(|n| whole(n, "GET", "/v1/models", 200, "{}"))
        .collect();
    let server = MockServer::builder()
        .tapes(tapes)
        .journal(2)
        .start_blocking()
        .unwrap();
    let mut raw = Raw::connect(server.addr());
    for _ in 0..5 {
        raw.send(server.addr(), "GET", "/v1/models", "", "");
        raw.until("{}");
    }
    let numbers: Vec<_> = server.received().iter().map(|r| r.number).collect();
    assert_eq!(numbers, [4, 5]);
    let report = server.finish();
    assert_eq!(report.requests, 5);
    assert!(report.is_ok(), "{report}");
}
