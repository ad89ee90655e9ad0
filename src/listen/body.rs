use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::Refusal;

/// How long the rest of a body that is too large is read, so that the client hears why.
const PATIENCE: Duration = Duration::from_secs(2);

/// The whole body of a request, of at most `limit` bytes.
pub(crate) async fn collect(mut body: Incoming, limit: usize) -> Result<Bytes, Refusal> {
    let too_large = || {
        let message = format!("the request body is larger than {limit} bytes");
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, message)
    };
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    let mut first = Bytes::new();
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            let message = format!("the request body broke off: {error}");
            Refusal::new(StatusCode::BAD_REQUEST, message)
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if first.len() + whole.len() + data.len() > limit {
            let discard = async { while let Some(Ok(_)) = body.frame().await {} };
            let _ = tokio::time::timeout(PATIENCE, discard).await;
            return Err(too_large());
        }
        // A body that came in one piece, as most do, is not copied.
        if first.is_empty() && whole.is_empty() {
            first = data;
            continue;
        }
        if whole.is_empty() {
            whole.extend_from_slice(&std::mem::take(&mut first));
        }
        whole.extend_from_slice(&data);
    }
    Ok(if whole.is_empty() {
        first
    } else {
        whole.into()
    })
}
