//! What a recording proxy does with one request.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use hyper::body::Incoming;

use super::answer;
use super::client::{Failure, IDENTITY};
use super::outgoing::Outgoing;
use super::route::{Route, Routes};
use super::tee::Tee;
use super::{Error, Recorder, Sent};
use crate::listen::{Guard, Refusal, Respond, Wire, collect, strip_hop_by_hop};

/// Reasons kept word for word in a report.
const MAX_REFUSED: usize = 20;

pub(super) struct Service {
    pub(super) recorder: Recorder,
    pub(super) routes: Routes,
    pub(super) guard: Guard,
    pub(super) max_request_body: usize,
    pub(super) refused: Mutex<(Vec<String>, u64)>,
}

impl Respond for Service {
    type Body = Outgoing;

    async fn respond(
        self: Arc<Service>,
        request: Request<Incoming>,
        wire: Arc<Wire>,
    ) -> Response<Outgoing> {
        let asked = format!("{} {}", request.method(), request.uri().path());
        match self.pass(request).await {
            Ok(response) => {
                let (mut head, tee) = response.into_parts();
                strip_hop_by_hop(&mut head.headers);
                head.version = http::Version::HTTP_11;
                Response::from_parts(head, Outgoing::recorded(tee, wire))
            }
            Err(Stopped::Failed(host, failure)) => own(answer::failure(&host, &failure)),
            Err(Stopped::Refused(refusal)) => {
                self.note(format!("{asked}: {refusal}"));
                own(refusal.answer())
            }
        }
    }
}

impl Service {
    async fn pass(
        self: &Arc<Service>,
        request: Request<Incoming>,
    ) -> Result<Response<Tee>, Stopped> {
        self.guard.check(&request)?;
        let (head, body) = request.into_parts();
        let target = head
            .uri
            .path_and_query()
            .map_or("/", |target| target.as_str());
        let route = self.routes.route(target, &head.headers)?;
        let body = collect(body, self.max_request_body).await?;
        let service = self.clone();
        let exchange = async move { service.exchange(head, route, body).await };
        if !self.recorder.options().drain {
            return exchange.await;
        }
        // The exchange goes on when the client leaves while the upstream has not even answered.
        tokio::spawn(exchange).await.unwrap_or_else(|error| {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            Err(Refusal::new(status, error.to_string()).into())
        })
    }

    async fn exchange(
        &self,
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
        let client = self.recorder.client().map_err(internal)?;
        let mut sent = Sent::new(request.method(), &route.target, &recorded);
        sent.url = Some(request.url().as_str());
        sent.body = body;
        let exchange = self
            .recorder
            .begin(route.scope.as_deref(), sent)
            .map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, error.to_string()))?;
        let answer = client
            .exchange(exchange, request, self.recorder.options())
            .await;
        answer.map_err(|failure| Stopped::Failed(host, failure))
    }

    fn note(&self, reason: String) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.1 += 1;
        if refused.0.len() < MAX_REFUSED {
            refused.0.push(reason);
        }
    }
}

/// Why the client gets an answer of the proxy's own.
enum Stopped {
    Refused(Refusal),
    Failed(String, Failure),
}

impl From<Refusal> for Stopped {
    fn from(refusal: Refusal) -> Stopped {
        Stopped::Refused(refusal)
    }
}

fn own(response: Response<Bytes>) -> Response<Outgoing> {
    response.map(|bytes| Outgoing::Answer(Some(bytes)))
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service")
            .field("guard", &self.guard)
            .finish_non_exhaustive()
    }
}
