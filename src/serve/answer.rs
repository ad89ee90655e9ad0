//! Answers that are the server's own.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};

use super::playing::Outgoing;
use crate::cassette::Request;
use crate::dialect;
use crate::listen::error_body;

/// A miss: 404, which no SDK retries, with the message where the client of this route looks for
/// it.
pub(super) fn miss(request: &Request, message: &str) -> Response<Outgoing> {
    own(miss_words(request, message))
}

/// The same for who is not behind a socket.
pub(super) fn miss_words(request: &Request, message: &str) -> Response<Bytes> {
    let status = StatusCode::NOT_FOUND;
    let body = dialect::error_body(dialect::by_request(request), status.as_u16(), message);
    let mut response = Response::new(Bytes::from(body.as_str().to_owned()));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    unretried(response)
}

/// A recording that cannot be played.
pub(super) fn unplayable(message: &str) -> Response<Outgoing> {
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    own(unretried(error_body(status, "rigtape_unplayable", message)))
}

pub(super) fn own(response: Response<Bytes>) -> Response<Outgoing> {
    response.map(|bytes| Outgoing::Words(Some(bytes)))
}

fn unretried(mut response: Response<Bytes>) -> Response<Bytes> {
    let headers = response.headers_mut();
    headers.insert("x-should-retry", HeaderValue::from_static("false"));
    response
}
