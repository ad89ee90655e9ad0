//! Tapes played on tokio's clock, as a byte stream or an HTTP response.
//!
//! A [`Player`] hands a recorded interaction to code that expects a live one. The pieces come as
//! its [`Policy`] says, and the body ends as the recorded one did: a connection that was reset
//! while recording is an error of kind [`ConnectionReset`](std::io::ErrorKind::ConnectionReset)
//! when played.
//!
//! ```
//! use rigtape::Offset;
//! use rigtape::cassette::{Chunk, End, How, Interaction, Request, Response};
//! use rigtape::replay::Player;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let at = Offset::from_micros;
//! let mut tape = Interaction::new(Request::new(1, "POST", "/v1/chat/completions"));
//! tape.response = Some(Response::new(1, at(400), 200));
//! tape.chunks = vec![Chunk::new(1, at(500), "data: {}\n\n"), Chunk::new(1, at(900), "da")];
//! tape.end = Some(End::new(1, at(1_000), How::Reset));
//!
//! let mut response: reqwest::Response = Player::default().response(&tape).await?;
//! assert_eq!(response.status(), 200);
//! assert_eq!(response.chunk().await?.unwrap(), "data: {}\n\n");
//! assert_eq!(response.chunk().await?.unwrap(), "da");
//! assert!(response.chunk().await.is_err());
//! # Ok(())
//! # }
//! ```
//!
//! # Faults
//!
//! A policy's [faults](crate::policy::fault) are played too: a reset is an error of kind
//! `ConnectionReset`, an early close one of kind `UnexpectedEof`, a stall never ends. The
//! interaction is read whole for that, where it otherwise takes the memory of a few lines. A fault
//! that means nothing on the tape is [`ReplayError::NotApplicable`].
//!
//! # Time
//!
//! Under the default timing, `instant`, nothing waits and, without faults, no runtime is needed. Under any other,
//! every piece waits for an absolute instant of tokio's clock, so lateness never adds up. tokio's
//! timer counts whole milliseconds: a piece is never early, and late by less than one millisecond
//! (plus what the machine adds).
//!
//! With `tokio::time::pause`, or `#[tokio::test(start_paused = true)]`, a tape of 40 seconds plays
//! in no time at all, and every piece comes at exactly its offset rounded up to the next
//! millisecond. That holds inside one paused runtime. Over a socket it holds only when server and
//! client share it; a paused client of a server on another thread sees its own timeouts at once.
//!
//! A player that is polled under another timing outside a tokio runtime, or in one without its
//! time driver, panics, as every tokio timer does.

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version};
use reqwest::{ResponseBuilderExt, Url};

use crate::cassette::Response;
use crate::policy::{Policy, Timing};

mod error;
mod pace;
mod source;
mod stream;

pub use error::ReplayError;
pub use source::Source;
pub use stream::ByteStream;

/// Plays tapes to code that expects a live response.
#[derive(Debug, Clone, Default)]
pub struct Player {
    policy: Policy,
    quiet: bool,
    keep_retry_after: bool,
}

impl Player {
    /// A player that follows `policy`.
    pub fn new(policy: Policy) -> Player {
        Player {
            policy,
            ..Player::default()
        }
    }

    /// Whether every body ends as if it were complete, however the recorded one did. Off by
    /// default.
    #[must_use]
    pub fn end_quietly(mut self, quiet: bool) -> Player {
        self.quiet = quiet;
        self
    }

    /// Whether recorded `retry-after*` headers are played as they are under
    /// [`Timing::Instant`]. Off by default: there they say `0`, so that a client under test does
    /// not wait in earnest. Under any other timing they are always played as they are.
    #[must_use]
    pub fn keep_retry_after(mut self, keep: bool) -> Player {
        self.keep_retry_after = keep;
        self
    }

    /// The body alone, its clock started by the first poll. A tape without response head plays as
    /// one whose body broke off.
    pub fn stream(&self, source: impl Into<Source>) -> ByteStream {
        ByteStream::new(&self.policy, self.quiet, self.prepared(source.into()))
    }

    /// The source with the policy's faults performed on it, once.
    pub(crate) fn prepared(&self, source: Source) -> Source {
        match self.policy.faults.is_empty() || source.performed.is_some() {
            true => source,
            false => source.performed(&self.policy),
        }
    }

    /// The response, given back when its head is due; its body goes on from there.
    ///
    /// Status, version and headers are the tape's. `content-length`, `transfer-encoding` and
    /// `content-encoding` are not played: they describe a transfer that is over.
    ///
    /// # Errors
    ///
    /// [`ReplayError::NoResponse`] when the tape has no response head, once the recorded failure
    /// is due; [`ReplayError::Status`] and [`ReplayError::Header`] when the head is none that HTTP
    /// allows.
    pub async fn http_response(
        &self,
        source: impl Into<Source>,
    ) -> Result<http::Response<ByteStream>, ReplayError> {
        let source = self.prepared(source.into());
        let (number, head, url) = (source.interaction, source.head.clone(), source.url.clone());
        let keeps_retry_after = self.keep_retry_after || source.keeps_retry_after;
        let mut stream = ByteStream::new(&self.policy, self.quiet, source);
        let Some(head) = head else {
            return Err(stream.fail().await);
        };
        let status = StatusCode::from_u16(head.status).map_err(|_| ReplayError::Status {
            interaction: number,
            status: head.status,
        })?;
        let headers = self.headers(number, &head, keeps_retry_after)?;
        stream.wait_for_head().await;

        let mut response = http::Response::new(stream);
        *response.status_mut() = status;
        *response.version_mut() = version(head.version.as_deref());
        *response.headers_mut() = headers;
        *response.extensions_mut() = extensions(url.as_deref());
        Ok(response)
    }

    /// The response as [`reqwest::Response`], for code that expects one; its URL is the one the
    /// recorded request went to, where the tape knows it.
    ///
    /// # Errors
    ///
    /// As [`Player::http_response`].
    pub async fn response(
        &self,
        source: impl Into<Source>,
    ) -> Result<reqwest::Response, ReplayError> {
        let response = self.http_response(source).await?;
        Ok(response.map(reqwest::Body::wrap_stream).into())
    }

    fn headers(
        &self,
        interaction: u64,
        head: &Response,
        keeps_retry_after: bool,
    ) -> Result<HeaderMap, ReplayError> {
        let retry_at_once = self.policy.timing == Timing::Instant && !keeps_retry_after;
        // With faults the recorded ones are gone already: what is there is a fault's.
        let is_recorded = self.policy.faults.is_empty();
        let mut headers = HeaderMap::new();
        for (field, value) in head.headers.iter() {
            let wrong = || ReplayError::Header {
                interaction,
                name: field.to_owned(),
            };
            let name = HeaderName::from_bytes(field.as_bytes()).map_err(|_| wrong())?;
            let over = [CONTENT_LENGTH, TRANSFER_ENCODING, CONTENT_ENCODING];
            if is_recorded && over.contains(&name) {
                continue;
            }
            let value = if retry_at_once && name.as_str().starts_with("retry-after") {
                HeaderValue::from_static("0")
            } else {
                HeaderValue::from_maybe_shared(value.clone()).map_err(|_| wrong())?
            };
            // A map of more than 32,768 fields is refused, not grown.
            headers.try_append(name, value).map_err(|_| wrong())?;
        }
        Ok(headers)
    }
}

fn version(word: Option<&str>) -> Version {
    match word {
        Some("HTTP/1.0") => Version::HTTP_10,
        Some("HTTP/2" | "HTTP/2.0") => Version::HTTP_2,
        Some("HTTP/3" | "HTTP/3.0") => Version::HTTP_3,
        _ => Version::HTTP_11,
    }
}

/// Where reqwest keeps the URL of a response; its builder is the only door to it.
fn extensions(url: Option<&str>) -> http::Extensions {
    url.and_then(|url| Url::parse(url).ok())
        .and_then(|url| http::Response::builder().url(url).body(()).ok())
        .map(|response| response.into_parts().0.extensions)
        .unwrap_or_default()
}
