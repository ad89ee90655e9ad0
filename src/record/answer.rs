//! Answers that are the proxy's own, never an upstream's.

use bytes::Bytes;
use http::Response;

use super::client::Failure;
use crate::listen::error_body;

/// No response head came: SDKs retry as they would without a proxy in between.
pub(super) fn failure(host: &str, failure: &Failure) -> Response<Bytes> {
    let message = format!("no answer from {host}: {failure}");
    error_body(failure.kind.status(), "rigtape_upstream_failed", &message)
}
