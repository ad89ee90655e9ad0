//! One request passed on to its upstream.

use std::sync::Arc;

use bytes::Bytes;
use http::{Response, StatusCode, header};

use super::client::{Failure, IDENTITY};
use super::outgoing::Outgoing;
use super::route::Route;
use super::tee::Tee;
use super::{Error, Recorder, Sent};
use crate::listen::{Refusal, Wire, error_body, strip_hop_by_hop};

/// Passes a request on to its upstream and records what comes.
pub(crate) async fn forward(
    recorder: &Recorder,
    head: http::request::Parts,
    route: Route,
    body: Bytes,
) -> Result<Response<Tee>, Stopped> {
    let host = route.url.host_str().unwrap_or_default().to_owned();
    let mut recorded = head.headers;
    if let Some(credentials) = route.credentials {
        recorded.entry(header::AUTHORIZATION).or_insert(credentials);
    }
    let mut headers = recorded.clone();
    strip_hop_by_hop(&mut headers);
    for name in [
        header::HOST,
        header::CONTENT_LENGTH,
        header::EXPECT,
        header::TRAILER,
    ] {
        headers.remove(name);
    }
    headers.insert(header::ACCEPT_ENCODING, IDENTITY);

    let has_body = !body.is_empty() || recorded.contains_key(header::CONTENT_LENGTH);
    let mut request = reqwest::Request::new(head.method, route.url);
    *request.headers_mut() = headers;
    *request.body_mut() = has_body.then(|| body.clone().into());

    let internal =
        |error: Error| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string());
    let client = recorder.client().map_err(internal)?;
    let mut sent = Sent::new(request.method(), &route.target, &recorded);
    sent.url = Some(request.url().as_str());
    sent.body = body;
    let exchange = recorder
        .begin(route.scope.as_deref(), sent)
        .map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, error.to_string()))?;
    let answer = client.exchange(exchange, request, recorder.options()).await;
    answer.map_err(|failure| Stopped::Failed(host, failure))
}

/// Why the client gets an answer of the proxy's own.
pub(crate) enum Stopped {
    Refused(Refusal),
    Failed(String, Failure),
}

impl From<Refusal> for Stopped {
    fn from(refusal: Refusal) -> Stopped {
        Stopped::Refused(refusal)
    }
}

impl Stopped {
    /// What the client is told.
    pub(crate) fn answer(&self) -> Response<Bytes> {
        match self {
            Stopped::Refused(refusal) => refusal.answer(),
            // SDKs retry as they would without a server in between.
            Stopped::Failed(host, failure) => {
                let message = format!("no answer from {host}: {failure}");
                error_body(failure.kind.status(), "rigtape_upstream_failed", &message)
            }
        }
    }
}

/// A recorded response as it goes to the client.
pub(crate) fn outgoing(response: Response<Tee>, wire: Arc<Wire>) -> Response<Outgoing> {
    let (mut head, tee) = response.into_parts();
    strip_hop_by_hop(&mut head.headers);
    head.version = http::Version::HTTP_11;
    Response::from_parts(head, Outgoing::recorded(tee, wire))
}
