use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, response};

use super::recorder::Shared;
use super::sink::{BUFFER_FULL, Message, TapeId};
use crate::Offset;
use crate::cassette::{Chunk, End, Framing, Headers, How, Record, Response};

/// One interaction that is being recorded, from the request's sending to the body's end.
///
/// The times on the tape are the instants of the calls. Dropping it before [`end`](Exchange::end)
/// writes an end with `cancelled`. No call waits for the disk.
#[derive(Debug)]
pub struct Exchange {
    shared: Arc<Shared>,
    tape: TapeId,
    number: u64,
    sent: Instant,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    /// The tape has no room for more of it.
    Lost,
    Ended,
}

impl Exchange {
    pub(super) fn new(shared: Arc<Shared>, tape: TapeId, number: u64, sent: Instant) -> Exchange {
        shared.begun();
        Exchange {
            shared,
            tape,
            number,
            sent,
            state: State::Running,
        }
    }

    /// Its number on the tape.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Time since the request was sent.
    pub fn elapsed(&self) -> Offset {
        Offset::from(self.sent.elapsed())
    }

    /// The response head has arrived.
    pub fn response(&mut self, head: &response::Parts) {
        let mut response = Response::new(self.number, self.elapsed(), head.status.as_u16());
        response.version = Some(version(head.version).to_owned());
        response.framing = framing(head);
        response.headers = headers(&head.headers);
        self.push(Record::Response(response), 0);
    }

    /// A piece of the body has arrived. Empty pieces are not recorded.
    pub fn chunk(&mut self, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        self.shared.arrived(bytes.len());
        let size = bytes.len();
        self.push(
            Record::Chunk(Chunk::new(self.number, self.elapsed(), bytes)),
            size,
        );
    }

    /// The body has ended. Every call after the first is ignored.
    pub fn end(&mut self, how: How, detail: Option<String>, trailers: Option<&HeaderMap>) {
        let before = std::mem::replace(&mut self.state, State::Ended);
        if before == State::Ended {
            return;
        }
        if before == State::Running {
            let mut end = End::new(self.number, self.elapsed(), how);
            end.detail = detail;
            end.trailers = trailers.map(headers).unwrap_or_default();
            self.shared
                .sink
                .push_last(Message::Line(self.tape, Record::End(end)));
        }
        self.shared.ended();
    }

    pub(super) fn has_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// Nothing of this interaction could be queued, not even its request.
    pub(super) fn lose(&mut self) {
        self.state = State::Lost;
        self.shared
            .sink
            .push_last(Message::Lost(self.tape, self.number, BUFFER_FULL));
    }

    fn push(&mut self, record: Record, size: usize) {
        if self.state == State::Running && self.shared.sink.push(self.tape, record, size).is_err() {
            self.lose();
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.end(How::Cancelled, None, None);
    }
}

fn version(version: http::Version) -> &'static str {
    match version {
        http::Version::HTTP_09 => "HTTP/0.9",
        http::Version::HTTP_10 => "HTTP/1.0",
        http::Version::HTTP_2 => "HTTP/2",
        http::Version::HTTP_3 => "HTTP/3",
        _ => "HTTP/1.1",
    }
}

/// RFC 9112, section 6.3: transfer-encoding beats content-length, and a body with neither runs to
/// the connection's close. HTTP/2 has its own framing: a length, or nothing to tell.
fn framing(head: &response::Parts) -> Option<Framing> {
    let http1 = head.version < http::Version::HTTP_2;
    if http1 && head.headers.contains_key(http::header::TRANSFER_ENCODING) {
        Some(Framing::Chunked)
    } else if head.headers.contains_key(http::header::CONTENT_LENGTH) {
        Some(Framing::Length)
    } else {
        http1.then_some(Framing::Close)
    }
}

pub(super) fn headers(map: &HeaderMap) -> Headers {
    map.iter()
        .map(|(name, value)| {
            (
                name.as_str().to_owned(),
                Bytes::copy_from_slice(value.as_bytes()),
            )
        })
        .collect()
}
