use std::io::Write;

use rigtape::serve::{Error, MockServer};

use super::{Raw, whole};

fn server() -> MockServer {
    MockServer::start_blocking(whole(1, "GET", "/v1/models", 200, "{}")).unwrap()
}

fn said(server: &MockServer, request: &str) -> String {
    let mut raw = Raw::connect(server.addr());
    raw.0.write_all(request.as_bytes()).unwrap();
    raw.rest().0
}

#[test]
fn what_is_not_meant_for_it_is_refused_in_words() {
    let server = server();
    let host = server.addr();
    let foreign = said(
        &server,
        "GET /v1/models HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n",
    );
    assert!(foreign.starts_with("HTTP/1.1 421"), "{foreign}");
    let socket = format!(
        "GET /v1/realtime HTTP/1.1\r\nhost: {host}\r\nconnection: upgrade, close\r\nupgrade: websocket\r\n\r\n"
    );
    let socket = said(&server, &socket);
    assert!(socket.starts_with("HTTP/1.1 501"), "{socket}");
    assert!(socket.contains("WebSockets cannot be played"), "{socket}");
    let tunnel = said(
        &server,
        "CONNECT api.openai.com:443 HTTP/1.1\r\nhost: api.openai.com:443\r\nconnection: close\r\n\r\n",
    );
    assert!(tunnel.starts_with("HTTP/1.1 403"), "{tunnel}");
    let absolute = said(
        &server,
        "GET http://api.openai.com/v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    );
    assert!(absolute.starts_with("HTTP/1.1 400"), "{absolute}");
    let scope = said(
        &server,
        &format!("GET /@../v1/models HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"),
    );
    assert!(scope.starts_with("HTTP/1.1 400"), "{scope}");
    let malformed = said(&server, "what is this\r\n\r\n");
    assert!(malformed.starts_with("HTTP/1.1 400"), "{malformed}");
    let report = server.finish();
    assert_eq!(report.refused_total, 5, "{:?}", report.refused);
    assert_eq!(report.requests, 0);
}

#[test]
fn a_body_over_the_limit_is_answered_with_413() {
    let tape = whole(1, "POST", "/v1/files", 200, "{}");
    let server = MockServer::builder().tapes(tape).max_request_body(1000);
    let server = server.start_blocking().unwrap();
    let body = "x".repeat(2000);
    let announced = Raw::post(server.addr(), "/v1/files", &body).until("\r\n\r\n");
    assert!(announced.starts_with("HTTP/1.1 413"), "{announced}");
    let host = server.addr();
    let chunked = format!(
        "POST /v1/files HTTP/1.1\r\nhost: {host}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n7d0\r\n{body}\r\n0\r\n\r\n"
    );
    let chunked = said(&server, &chunked);
    assert!(chunked.starts_with("HTTP/1.1 413"), "{chunked}");
    assert!(chunked.contains("larger than 1000 bytes"), "{chunked}");
}

#[test]
fn an_address_that_is_taken_or_open_to_others_is_an_error() {
    let server = server();
    let taken = MockServer::builder()
        .tapes(whole(1, "GET", "/v1/models", 200, "{}"))
        .listen(server.addr());
    let error = taken.start_blocking().unwrap_err();
    assert!(matches!(error, Error::Listen { .. }), "{error}");
    assert!(error.to_string().contains("port 0"), "{error}");
    let open = MockServer::builder().listen("0.0.0.0:0".parse().unwrap());
    let error = open.start_blocking().unwrap_err();
    assert!(matches!(error, Error::NotLoopback(_)), "{error}");
}

#[test]
fn idle_connections_do_not_keep_it_from_answering_or_stopping() {
    let server = server();
    let idle: Vec<_> = (0..500).map(|_| Raw::connect(server.addr())).collect();
    let mut half = Raw::connect(server.addr());
    half.0.write_all(b"GET /v1/mo").unwrap();
    let mut raw = Raw::connect(server.addr());
    raw.send(server.addr(), "GET", "/v1/models", "", "");
    raw.until("{}");
    let begun = std::time::Instant::now();
    assert!(server.finish().is_ok());
    assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
    drop((idle, half));
}
