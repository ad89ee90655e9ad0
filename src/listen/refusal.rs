use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};

/// Why a server answers a request itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct Refusal {
    /// The status of the answer.
    pub status: StatusCode,
    /// In words.
    pub message: String,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Refusal {
        Refusal {
            status,
            message: message.into(),
        }
    }

    /// The answer that says so. A refused request is refused again: SDKs are told not to retry.
    pub(crate) fn answer(&self) -> Response<Bytes> {
        let mut response = error_body(self.status, "rigtape_refused", &self.message);
        response
            .headers_mut()
            .insert("x-should-retry", HeaderValue::from_static("false"));
        response
    }
}

/// The error shape that both OpenAI's and Anthropic's SDKs show in full.
pub(crate) fn error_body(status: StatusCode, kind: &str, message: &str) -> Response<Bytes> {
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
