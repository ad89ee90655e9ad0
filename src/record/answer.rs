//! Answers that are the proxy's own, never an upstream's.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};

use super::client::Failure;
use super::route::Refusal;

/// The error shape that both OpenAI's and Anthropic's SDKs show in full.
pub(super) fn error(status: StatusCode, kind: &str, message: &str) -> Response<Bytes> {
    let body = serde_json::json!({
        "type": "error",
        "error": { "type": kind, "message": format!("rigtape: {message}") },
    });
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A refused request is refused again: SDKs are told not to retry.
pub(super) fn refusal(refusal: &Refusal) -> Response<Bytes> {
    let mut response = error(refusal.status, "rigtape_refused", &refusal.message);
    response
        .headers_mut()
        .insert("x-should-retry", HeaderValue::from_static("false"));
    response
}

/// No response head came: SDKs retry as they would without a proxy in between.
pub(super) fn failure(host: &str, failure: &Failure) -> Response<Bytes> {
    let message = format!("no answer from {host}: {failure}");
    error(failure.kind.status(), "rigtape_upstream_failed", &message)
}
