//! Answers that are the server's own.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};

use super::playing::Outgoing;
use crate::listen::error_body;
use crate::provider::provider_of;

/// A miss: 404, which no SDK retries, with the message in the shape in which the client of this
/// route shows errors.
pub(super) fn miss(path: &str, message: &str) -> Response<Outgoing> {
    own(miss_words(path, message))
}

/// The same for who is not behind a socket.
pub(super) fn miss_words(path: &str, message: &str) -> Response<Bytes> {
    unretried(body_for(provider_of(path, |_| false), message))
}

/// A recording that cannot be played.
pub(super) fn unplayable(message: &str) -> Response<Outgoing> {
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    own(unretried(error_body(status, "rigtape_unplayable", message)))
}

pub(super) fn own(response: Response<Bytes>) -> Response<Outgoing> {
    response.map(|bytes| Outgoing::Words(Some(bytes)))
}

/// The one shape that the SDKs of all providers show so far.
fn body_for(_provider: Option<&str>, message: &str) -> Response<Bytes> {
    error_body(StatusCode::NOT_FOUND, "rigtape_miss", message)
}

fn unretried(mut response: Response<Bytes>) -> Response<Bytes> {
    let headers = response.headers_mut();
    headers.insert("x-should-retry", HeaderValue::from_static("false"));
    response
}
