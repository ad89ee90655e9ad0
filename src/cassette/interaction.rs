use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use percent_encoding::percent_decode_str;

use super::{Chunk, End, How, Request, Response};

/// One interaction with all its lines.
#[derive(Debug, Clone)]
pub struct Interaction {
    /// The request.
    pub request: Request,
    /// The response head; none when none arrived.
    pub response: Option<Response>,
    /// The response body as it arrived, in order.
    pub chunks: Vec<Chunk>,
    /// How it ended; none when the recorder died before.
    pub end: Option<End>,
}

impl Interaction {
    /// An interaction of which only the request is known yet.
    pub fn new(request: Request) -> Interaction {
        Interaction {
            request,
            response: None,
            chunks: Vec::new(),
            end: None,
        }
    }

    /// Its number on the tape.
    pub fn number(&self) -> u64 {
        self.request.interaction
    }

    /// Status code of the response; none when no head arrived.
    pub fn status(&self) -> Option<u16> {
        self.response.as_ref().map(|response| response.status)
    }

    /// `content-type` of the response, as sent.
    pub fn content_type(&self) -> Option<&str> {
        self.response.as_ref().and_then(Response::content_type)
    }

    /// The word for how it ended; none when the recorder died before.
    pub fn how(&self) -> Option<&How> {
        self.end.as_ref().map(|end| &end.how)
    }

    /// The response body: the bytes of all chunks, one after the other.
    pub fn body(&self) -> Bytes {
        if let [chunk] = &self.chunks[..] {
            return chunk.bytes.clone();
        }
        let length = self.chunks.iter().map(|chunk| chunk.bytes.len()).sum();
        let mut body = BytesMut::with_capacity(length);
        for chunk in &self.chunks {
            body.extend_from_slice(&chunk.bytes);
        }
        body.freeze()
    }

    /// The response body parsed as one JSON value.
    ///
    /// # Errors
    ///
    /// When the body is not JSON, or not a `T`.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_slice(&self.body())
    }
}

impl Request {
    /// The path of the target, as sent: percent-encoding is kept.
    pub fn path(&self) -> &str {
        self.split().0
    }

    /// The query's names and values in order, decoded; `+` is a space, as forms have it.
    pub fn query(&self) -> Query<'_> {
        Query(self.split().1)
    }

    /// The value of the first header called `name`, in whatever case, when it is UTF-8; see
    /// [`Headers::get`](super::Headers::get) for the bytes.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get_str(name)
    }

    /// `content-type` of the request, as sent.
    pub fn content_type(&self) -> Option<&str> {
        self.header("content-type")
    }

    /// The body parsed as JSON.
    ///
    /// # Errors
    ///
    /// When the body is not JSON (an absent one is not), or not a `T`.
    pub fn json<'a, T: serde::Deserialize<'a>>(&'a self) -> serde_json::Result<T> {
        self.body.json()
    }

    fn split(&self) -> (&str, &str) {
        let target = self.target.split('#').next().unwrap_or_default();
        target.split_once('?').unwrap_or((target, ""))
    }
}

impl Response {
    /// The value of the first header called `name`, in whatever case, when it is UTF-8; see
    /// [`Headers::get`](super::Headers::get) for the bytes.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get_str(name)
    }

    /// `content-type` as sent, parameters included.
    pub fn content_type(&self) -> Option<&str> {
        self.header("content-type")
    }
}

/// The names and values of a query, in order and decoded: see [`Request::query`].
#[derive(Debug, Clone)]
pub struct Query<'a>(&'a str);

impl<'a> Iterator for Query<'a> {
    type Item = (Cow<'a, str>, Cow<'a, str>);

    fn next(&mut self) -> Option<Self::Item> {
        while !self.0.is_empty() {
            let (pair, rest) = self.0.split_once('&').unwrap_or((self.0, ""));
            self.0 = rest;
            if !pair.is_empty() {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                return Some((decoded(name), decoded(value)));
            }
        }
        None
    }
}

fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('+') {
        return percent_decode_str(text).decode_utf8_lossy();
    }
    let spaced = text.replace('+', " ");
    Cow::Owned(percent_decode_str(&spaced).decode_utf8_lossy().into_owned())
}
