//! `MockServer`, through its sockets.

mod control;
mod endings;
mod faults;
mod modes;
mod playing;
mod refusals;
mod report;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rigtape::Offset;
use rigtape::cassette::{Body, Chunk, End, Framing, How, Interaction, Request, Response};

/// An interaction with this request body and these pieces of an event stream.
pub fn stream(number: u64, asks: &str, pieces: &[&str], how: Option<How>) -> Interaction {
    let at = |i: usize| Offset::from_micros(1_000 * (i as u64 + 1));
    let mut request = Request::new(number, "POST", "/v1/chat/completions");
    request.body = Body::from_bytes(asks.to_owned());
    let mut of = Interaction::new(request);
    let mut head = Response::new(number, at(0), 200);
    head.framing = Some(Framing::Chunked);
    head.headers.push("content-type", "text/event-stream");
    of.response = Some(head);
    let chunks = pieces.iter().enumerate();
    of.chunks = chunks
        .map(|(i, piece)| Chunk::new(number, at(i + 1), piece.to_string()))
        .collect();
    of.end = how.map(|how| End::new(number, at(pieces.len() + 1), how));
    of
}

/// A whole answer with a length.
pub fn whole(number: u64, method: &str, target: &str, status: u16, body: &str) -> Interaction {
    let mut of = Interaction::new(Request::new(number, method, target));
    let mut head = Response::new(number, Offset::from_micros(500), status);
    head.framing = Some(Framing::Length);
    head.headers.push("content-type", "application/json");
    of.response = Some(head);
    if !body.is_empty() {
        let at = Offset::from_micros(600);
        of.chunks = vec![Chunk::new(number, at, body.to_owned())];
    }
    of.end = Some(End::new(number, Offset::from_micros(700), How::Complete));
    of
}

/// A client that sees bytes and how the connection ended.
pub struct Raw(pub TcpStream);

impl Raw {
    pub fn connect(addr: SocketAddr) -> Raw {
        let stream = TcpStream::connect(addr).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        Raw(stream)
    }

    pub fn post(addr: SocketAddr, path: &str, body: &str) -> Raw {
        let mut raw = Raw::connect(addr);
        raw.send(addr, "POST", path, "", body);
        raw
    }

    pub fn send(&mut self, addr: SocketAddr, method: &str, path: &str, headers: &str, body: &str) {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {addr}\r\n{headers}content-length: {length}\r\n\r\n{body}"
        );
        self.0.write_all(request.as_bytes()).unwrap();
    }

    /// Everything to the connection's end, and the error that ended it.
    pub fn rest(mut self) -> (String, Option<std::io::ErrorKind>) {
        let mut all = Vec::new();
        let error = self.0.read_to_end(&mut all).err().map(|e| e.kind());
        (String::from_utf8_lossy(&all).into_owned(), error)
    }

    /// Reads until `text` has come.
    pub fn until(&mut self, text: &str) -> String {
        let mut all = Vec::new();
        let mut buffer = [0; 4096];
        while !String::from_utf8_lossy(&all).contains(text) {
            let read = self.0.read(&mut buffer).unwrap();
            assert!(
                read > 0,
                "{text:?} is not in {:?}",
                String::from_utf8_lossy(&all)
            );
            all.extend_from_slice(&buffer[..read]);
        }
        String::from_utf8_lossy(&all).into_owned()
    }
}

pub fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}
