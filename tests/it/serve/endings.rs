use std::io::ErrorKind;
use std::time::{Duration, Instant};

use rigtape::Offset;
use rigtape::cassette::{Cassette, End, Framing, How, Interaction, Request};
use rigtape::policy::Timing;
use rigtape::serve::{Delivery, MockServer};

use super::{Raw, client, stream, whole};

const PATH: &str = "/v1/chat/completions";

fn serve(tape: Interaction) -> MockServer {
    MockServer::start_blocking(tape).unwrap()
}

#[test]
fn a_body_that_broke_off_breaks_off_after_its_last_byte() {
    let pieces: Vec<String> = (0..40).map(|i| format!("data: {i}\n\n")).collect();
    let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
    let ends = [
        How::Eof,
        How::Timeout,
        How::Cancelled,
        How::Error,
        How::Lost,
    ];
    for how in ends.into_iter().map(Some).chain([None]) {
        let server = serve(stream(1, "{}", &pieces, how.clone()));
        let (answer, error) = Raw::post(server.addr(), PATH, "{}").rest();
        assert_eq!(error, None, "{how:?}");
        assert!(answer.ends_with("data: 39\n\n\r\n"), "{how:?}: {answer}");
        assert_eq!(answer.matches("data: ").count(), 40, "{how:?}");
        assert_eq!(server.received()[0].ended.unwrap().1, Delivery::Cut);
        assert!(server.finish().is_ok());
    }
}

#[test]
fn a_reset_is_a_reset_after_every_byte_before_it() {
    let piece = "~".repeat(1 << 16);
    let pieces = vec![piece.as_str(); 40];
    let server = serve(stream(1, "{}", &pieces, Some(How::Reset)));
    let (answer, error) = Raw::post(server.addr(), PATH, "{}").rest();
    assert_eq!(error, Some(ErrorKind::ConnectionReset));
    assert_eq!(answer.matches('~').count(), 40 << 16);
    let received = server.received();
    assert_eq!(received[0].taken, 40 << 16);
    assert_eq!(received[0].ended.unwrap().1, Delivery::Cut);
}

#[test]
fn a_reset_also_reaches_a_client_that_reads_slowly() {
    let pieces = ["data: 1\n\n", "data: 2\n\n"];
    let server = serve(stream(1, "{}", &pieces, Some(How::Reset)));
    let raw = Raw::post(server.addr(), PATH, "{}");
    // The server has long sent its reset when this client begins to read.
    while server
        .received()
        .first()
        .is_none_or(|of| of.ended.is_none())
    {
        std::thread::yield_now();
    }
    let (answer, error) = raw.rest();
    assert_eq!(error, Some(ErrorKind::ConnectionReset));
    assert!(answer.ends_with("data: 2\n\n\r\n"), "{answer}");
}

#[test]
fn without_a_recorded_head_the_connection_closes_without_an_answer() {
    let mut tape = Interaction::new(Request::new(1, "GET", "/v1/models"));
    tape.end = Some(End::new(1, Offset::from_micros(10), How::Failed));
    let server = serve(tape);
    let mut raw = Raw::connect(server.addr());
    raw.send(server.addr(), "GET", "/v1/models", "", "");
    assert_eq!(raw.rest(), (String::new(), None));
    assert_eq!(server.received()[0].status, None);
    assert!(server.finish().is_ok());
}

#[test]
fn a_promised_length_that_did_not_come_does_not_come() {
    let mut tape = whole(1, "GET", "/v1/models", 200, "half");
    let head = tape.response.as_mut().unwrap();
    head.headers.push("content-length", "8");
    head.framing = Some(Framing::Length);
    tape.end.as_mut().unwrap().how = How::Eof;
    let server = serve(tape);
    let mut raw = Raw::connect(server.addr());
    raw.send(server.addr(), "GET", "/v1/models", "", "");
    let (answer, error) = raw.rest();
    assert_eq!(error, None);
    assert!(answer.contains("content-length: 8\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nhalf"), "{answer}");
}

#[tokio::test]
async fn clients_see_every_shipped_ending_as_it_was() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/cassettes/openai-chat");
    for (name, fails) in [
        ("reset_midcall", true),
        ("server_killed", true),
        ("plain", false),
    ] {
        let path = format!("{folder}/{name}.jsonl");
        let server = MockServer::builder().tapes(&*path).allow_unused(true);
        let server = server.start().await.unwrap();
        let tape = Cassette::open(&path).unwrap();
        let of = tape.interactions().next().unwrap().unwrap();
        let body = of.request.body.as_bytes().to_vec();
        let request = client().post(server.base_url("openai") + "/chat/completions");
        let mut answer = request.body(body).send().await.unwrap();
        let mut all = Vec::new();
        let error = loop {
            match answer.chunk().await {
                Ok(Some(bytes)) => all.extend_from_slice(&bytes),
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        assert_eq!(all, of.body(), "{name}");
        assert_eq!(error.is_some(), fails, "{name}: {error:?}");
    }
}

#[test]
fn a_client_that_leaves_is_noted_with_what_it_took() {
    let piece = "x".repeat(1000);
    let mut tape = stream(1, "{}", &[&piece, &piece], Some(How::Complete));
    tape.chunks[1].at = Offset::from_micros(60_000_000);
    tape.end.as_mut().unwrap().at = Offset::from_micros(60_000_000);
    let server = MockServer::builder().tapes(tape).timing(Timing::Recorded);
    let server = server.start_blocking().unwrap();
    let mut raw = Raw::post(server.addr(), PATH, "{}");
    raw.until(&piece);
    assert_eq!(server.received()[0].ended, None);
    assert_eq!(server.received()[0].taken, 1000);
    drop(raw);
    let deadline = Instant::now() + Duration::from_secs(20);
    while server.received()[0].ended.is_none() {
        assert!(
            Instant::now() < deadline,
            "nobody noticed that the client left"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
    let received = server.received();
    assert_eq!(received[0].ended.unwrap().1, Delivery::Left);
    assert_eq!(received[0].taken, 1000);
    assert!(server.finish().is_ok());
}

#[test]
fn a_stop_does_not_wait_for_a_client_that_never_reads() {
    let piece = "x".repeat(1 << 20);
    let pieces = vec![piece.as_str(); 64];
    let server = serve(stream(1, "{}", &pieces, Some(How::Complete)));
    let raw = Raw::post(server.addr(), PATH, "{}");
    while server.received().first().is_none_or(|of| of.taken == 0) {
        std::thread::sleep(Duration::from_millis(1));
    }
    let begun = Instant::now();
    let report = server.finish();
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    assert!(report.is_ok(), "{report}");
    drop(raw);
}

#[test]
fn faults_of_the_policy_reach_the_wire() {
    let pieces = [
        "data: {\"a\":1}\n\n",
        "data: {\"a\":2}\n\n",
        "data: [DONE]\n\n",
    ];
    let tape = || whole_stream(&pieces);
    let faulty = |fault: &str| {
        let policy = rigtape::policy::Policy::new().fault(fault.parse().unwrap());
        let server = MockServer::builder().tapes(tape()).policy(policy);
        server.start_blocking().unwrap()
    };
    let server = faulty("reset:frame=1");
    let (answer, error) = Raw::post(server.addr(), PATH, "{}").rest();
    assert_eq!(error, Some(ErrorKind::ConnectionReset), "{answer}");
    assert!(
        answer.contains("\"a\":1") && !answer.contains("[DONE]"),
        "{answer}"
    );
    server.finish();

    let server = faulty("stall:frame=1");
    let mut raw = Raw::post(server.addr(), PATH, "{}");
    raw.until("\"a\":1");
    let begun = Instant::now();
    server.finish();
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "a stall keeps the server from stopping"
    );
}

/// Sent with its length, which no fault keeps to.
fn whole_stream(pieces: &[&str]) -> Interaction {
    let mut tape = stream(1, "{}", pieces, Some(How::Complete));
    tape.response.as_mut().unwrap().framing = Some(Framing::Length);
    tape
}
