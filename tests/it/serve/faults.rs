//! Faults as a client meets them on the wire.

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use rigtape::cassette::{Cassette, How, Interaction};
use rigtape::policy::Policy;
use rigtape::serve::{Aim, Delivery, MockServer, MockServerBuilder};

use super::{Raw, stream, whole};

const PATH: &str = "/v1/chat/completions";

const CHAT: &[&str] = &[
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"b\"}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
    "data: [DONE]\n\n",
];

fn tape() -> Interaction {
    stream(1, "{}", CHAT, Some(How::Complete))
}

fn builder(tape: Interaction, faults: &[&str]) -> MockServerBuilder {
    let policy = faults.iter().fold(Policy::new(), |policy, fault| {
        policy.fault(fault.parse().unwrap())
    });
    MockServer::builder().tapes(tape).policy(policy)
}

fn serve(faults: &[&str]) -> MockServer {
    builder(tape(), faults).start_blocking().unwrap()
}

/// All that a client gets, as bytes on the wire, and the error that ended the connection.
fn met(faults: &[&str]) -> (String, Option<ErrorKind>) {
    let server = serve(faults);
    let met = Raw::post(server.addr(), PATH, "{}").rest();
    let report = server.finish();
    assert!(report.is_ok(), "{report}");
    met
}

#[test]
fn an_early_close_lacks_the_last_chunk() {
    for frame in 0..4 {
        let (answer, error) = met(&[&format!("cut:frame={frame}")]);
        assert_eq!(error, None);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(
            answer.contains("transfer-encoding: chunked\r\n"),
            "{answer}"
        );
        assert_eq!(answer.matches("data: ").count(), frame, "{answer}");
        assert!(!answer.contains("\r\n0\r\n"), "{answer}");
    }
}

#[test]
fn a_body_that_is_truncated_in_good_order_has_its_last_chunk() {
    let server = serve(&["truncate:frame=2"]);
    let mut raw = Raw::connect(server.addr());
    raw.send(server.addr(), "POST", PATH, "connection: close\r\n", "{}");
    let (answer, error) = raw.rest();
    assert_eq!(error, None);
    assert_eq!(answer.matches("data: ").count(), 2, "{answer}");
    assert!(answer.ends_with("\r\n0\r\n\r\n"), "{answer}");
}

#[test]
fn a_reset_is_an_rst_behind_the_last_byte() {
    for frame in 0..4 {
        let (answer, error) = met(&[&format!("reset:frame={frame}")]);
        assert_eq!(error, Some(ErrorKind::ConnectionReset), "{answer}");
        assert_eq!(answer.matches("data: ").count(), frame, "{answer}");
    }
}

#[test]
fn a_half_closed_connection_is_read_on() {
    let server = serve(&["half-close:frame=2"]);
    let mut raw = Raw::post(server.addr(), PATH, "{}");
    let mut answer = Vec::new();
    raw.0.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert_eq!(answer.matches("data: ").count(), 2, "{answer}");
    assert!(!answer.contains("\r\n0\r\n"), "{answer}");
    // Nobody answers any more, and nobody resets: what is sent is read.
    for _ in 0..3 {
        raw.0.write_all(&[b'~'; 100_000]).unwrap();
    }
    assert_eq!(raw.0.read(&mut [0]).unwrap(), 0);
    drop(raw);
    assert!(server.finish().is_ok());
}

#[test]
fn a_closed_connection_is_not_read_on() {
    let server = serve(&["cut:frame=2"]);
    let mut raw = Raw::post(server.addr(), PATH, "{}");
    raw.0.read_to_end(&mut Vec::new()).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while raw.0.write_all(b"~").is_ok() {
        assert!(Instant::now() < deadline, "the connection is still read");
    }
}

#[test]
fn a_stall_keeps_the_connection_open_and_a_stop_from_hanging() {
    let server = serve(&["stall:frame=2"]);
    let mut raw = Raw::post(server.addr(), PATH, "{}");
    let came = raw.until("\"b\"");
    assert_eq!(came.matches("data: ").count(), 2, "{came}");
    let wait = Duration::from_millis(200);
    raw.0.set_read_timeout(Some(wait)).unwrap();
    loop {
        match raw.0.read(&mut [0; 64]) {
            Ok(0) => panic!("the connection was closed"),
            // The rest of the second frame.
            Ok(_) => {}
            Err(error) => {
                let kind = error.kind();
                assert!(
                    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut),
                    "{error}"
                );
                break;
            }
        }
    }
    let started = Instant::now();
    let report = server.finish();
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(report.is_ok(), "{report}");
}

#[test]
fn a_client_that_leaves_a_stall_is_noticed() {
    let server = serve(&["stall:frame=1"]);
    let mut raw = Raw::post(server.addr(), PATH, "{}");
    raw.until("\"a\"");
    drop(raw);
    let deadline = Instant::now() + Duration::from_secs(20);
    let ended = loop {
        match server.received()[0].ended {
            Some((_, how)) => break how,
            None => assert!(Instant::now() < deadline),
        }
        std::thread::yield_now();
    };
    assert_eq!(ended, Delivery::Left);
}

#[test]
fn a_status_comes_with_the_providers_error_and_its_retry_after() {
    let server = serve(&["status:code=429,retry-after=7s"]);
    let mut raw = Raw::connect(server.addr());
    raw.send(server.addr(), "POST", PATH, "connection: close\r\n", "{}");
    let (answer, _) = raw.rest();
    assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
    assert!(answer.contains("\r\nretry-after: 7\r\n"), "{answer}");
    assert!(
        answer.contains("\r\ncontent-type: application/json\r\n"),
        "{answer}"
    );
    assert!(answer.contains("\"error\":"), "{answer}");
    assert!(answer.ends_with("\r\n0\r\n\r\n"), "{answer}");
}

#[test]
fn heads_are_the_faults_own() {
    let (answer, _) = met(&["content-type:as=text/plain", "cut:frame=4"]);
    assert!(
        answer.contains("\r\ncontent-type: text/plain\r\n"),
        "{answer}"
    );
    assert!(!answer.contains("event-stream"), "{answer}");
    let server = serve(&["cut:frame=4", "gzip"]);
    let mut raw = Raw::connect(server.addr());
    let takes = "accept-encoding: deflate, gzip\r\n";
    raw.send(server.addr(), "POST", PATH, takes, "{}");
    let (answer, _) = raw.rest();
    assert!(
        answer.contains("\r\ncontent-encoding: gzip\r\n"),
        "{answer}"
    );
}

#[test]
fn a_whole_body_with_a_length_is_cut_as_well() {
    let mut tape = whole(1, "GET", "/v1/models", 200, "{\"data\":[]}");
    let head = tape.response.as_mut().unwrap();
    head.headers.push("content-length", "11");
    let server = builder(tape, &["cut:byte=4"]).start_blocking().unwrap();
    let mut raw = Raw::connect(server.addr());
    raw.send(server.addr(), "GET", "/v1/models", "", "");
    let (answer, error) = raw.rest();
    assert_eq!(error, None);
    assert!(answer.contains("{\"da"), "{answer}");
    assert!(!answer.contains("ta\""), "{answer}");
    assert!(!answer.contains("\r\n0\r\n"), "{answer}");
    assert!(server.finish().is_ok());
}

#[test]
fn a_coding_that_the_client_does_not_take_does_not_apply() {
    for headers in ["", "accept-encoding: identity\r\n"] {
        let server = serve(&["gzip"]);
        let mut raw = Raw::connect(server.addr());
        let headers = format!("{headers}connection: close\r\n");
        raw.send(server.addr(), "POST", PATH, &headers, "{}");
        let (answer, _) = raw.rest();
        assert!(answer.contains("fault `gzip` does not apply"), "{answer}");
        assert!(!server.finish().is_ok());
    }
}

#[test]
fn a_fault_that_does_not_apply_never_passes_for_healthy() {
    let server = serve(&["no-usage"]);
    let mut raw = Raw::connect(server.addr());
    raw.send(server.addr(), "POST", PATH, "connection: close\r\n", "{}");
    let (answer, _) = raw.rest();
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    assert!(
        answer.contains("fault `no-usage` does not apply"),
        "{answer}"
    );
    let report = server.finish();
    assert!(!report.is_ok());
    assert!(report.problems[0].contains("no-usage"), "{report}");
}

fn loop_of_two() -> (Cassette, Vec<Interaction>) {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/cassettes/openai-chat/agent_loop.jsonl"
    );
    let tape = Cassette::open(path).unwrap();
    let all = tape.interactions().map(Result::unwrap).collect();
    (tape, all)
}

#[test]
fn one_answer_of_several_is_struck() {
    let (tape, all) = loop_of_two();
    let path = tape.path().to_owned();
    for (aim, struck) in [
        (Aim::new(1), 0),
        (Aim::new(2), 1),
        (Aim::new(2).on(&path), 1),
    ] {
        let policy = Policy::new().fault("cut:frame=1".parse().unwrap());
        let server = MockServer::builder().tapes(&path).policy(policy);
        let server = server.faults_at(aim.clone()).start_blocking().unwrap();
        for (place, of) in all.iter().enumerate() {
            let body = std::str::from_utf8(of.request.body.as_bytes()).unwrap();
            let mut raw = Raw::connect(server.addr());
            raw.send(server.addr(), "POST", PATH, "connection: close\r\n", body);
            let (answer, _) = raw.rest();
            let is_whole = answer.ends_with("\r\n0\r\n\r\n");
            assert_eq!(is_whole, place != struck, "{aim}: {answer}");
        }
        assert!(server.finish().is_ok());
    }
}

#[test]
fn an_aim_that_nobody_asked_for_is_said() {
    for aim in [Aim::new(2), Aim::new(1).on("elsewhere.jsonl")] {
        let server = builder(tape(), &["cut:frame=1"]).faults_at(aim.clone());
        let server = server.start_blocking().unwrap();
        let mut raw = Raw::connect(server.addr());
        raw.send(server.addr(), "POST", PATH, "connection: close\r\n", "{}");
        assert!(raw.rest().0.ends_with("\r\n0\r\n\r\n"));
        let report = server.finish();
        let said = format!("no fault struck: interaction {aim} was not asked for");
        assert_eq!(report.problems, [said]);
    }
}
