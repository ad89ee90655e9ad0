//! What a recording proxy does with one request.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;

use super::Recorder;
use super::forward::{Stopped, forward, outgoing};
use super::outgoing::Outgoing;
use super::route::Routes;
use super::tee::Tee;
use crate::listen::{Guard, Refusal, Respond, Wire, collect};

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
            Ok(response) => outgoing(response, wire),
            Err(stopped) => {
                if let Stopped::Refused(refusal) = &stopped {
                    self.note(format!("{asked}: {refusal}"));
                }
                own(stopped.answer())
            }
        }
    }
}

impl Service {
    async fn pass(
        self: &Arc<Service>,
        request: Request<Incoming>,
    ) -> Result<Response<Tee>, Stopped> {
        let (head, body) = request.into_parts();
        self.guard.check(&head)?;
        let target = head
            .uri
            .path_and_query()
            .map_or("/", |target| target.as_str());
        let route = self.routes.route(target, &head.headers)?;
        let body = collect(body, self.max_request_body).await?;
        let service = self.clone();
        let exchange = async move { forward(&service.recorder, head, route, body).await };
        if !self.recorder.options().drain {
            return exchange.await;
        }
        // The exchange goes on when the client leaves while the upstream has not even answered.
        tokio::spawn(exchange).await.unwrap_or_else(|error| {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            Err(Refusal::new(status, error.to_string()).into())
        })
    }

    fn note(&self, reason: String) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.1 += 1;
        if refused.0.len() < MAX_REFUSED {
            refused.0.push(reason);
        }
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
