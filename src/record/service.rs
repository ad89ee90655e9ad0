//! What a recording proxy does with one request.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName};
use http::{Method, Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::answer;
use super::client::{Failure, IDENTITY};
use super::route::{Refusal, Route, Routes};
use super::socket::{Flushes, Outgoing};
use super::tee::Tee;

use super::{Error, Recorder, Sent};

/// Reasons kept word for word in a report.
const MAX_REFUSED: usize = 20;

/// How long the rest of a body that is too large is read, so that the client hears why.
const PATIENCE: Duration = Duration::from_secs(2);

/// Headers for one connection only (RFC 9110, section 7.6.1), and those that the HTTP client sets
/// itself. `te` among them: trailers are taken anyway.
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

pub(super) struct Service {
    pub(super) recorder: Recorder,
    pub(super) routes: Routes,
    pub(super) addr: SocketAddr,
    pub(super) allowed_hosts: Vec<String>,
    pub(super) max_request_body: usize,
    pub(super) refused: Mutex<(Vec<String>, u64)>,
}

impl Service {
    pub(super) async fn respond(
        self: Arc<Service>,
        request: Request<Incoming>,
        flushes: Arc<Flushes>,
    ) -> Result<Response<Outgoing>, Infallible> {
        let asked = format!("{} {}", request.method(), request.uri().path());
        Ok(match self.pass(request).await {
            Ok(response) => {
                let (mut head, tee) = response.into_parts();
                strip_hop_by_hop(&mut head.headers);
                head.version = http::Version::HTTP_11;
                Response::from_parts(head, Outgoing::recorded(tee, flushes))
            }
            Err(Stopped::Failed(host, failure)) => own(answer::failure(&host, &failure)),
            Err(Stopped::Refused(refusal)) => {
                self.note(format!("{asked}: {refusal}"));
                own(answer::refusal(&refusal))
            }
        })
    }

    async fn pass(
        self: &Arc<Service>,
        request: Request<Incoming>,
    ) -> Result<Response<Tee>, Stopped> {
        self.check(&request)?;
        let (head, body) = request.into_parts();
        let target = head
            .uri
            .path_and_query()
            .map_or("/", |target| target.as_str());
        let route = self.routes.route(target, &head.headers)?;
        let body = self.collect(body).await?;
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

    /// What no upstream should see.
    fn check(&self, request: &Request<Incoming>) -> Result<(), Refusal> {
        if request.method() == Method::CONNECT {
            return Err(Refusal::new(
                StatusCode::FORBIDDEN,
                "this is a recording reverse proxy and opens no tunnels: set the client's base URL \
                 to it, not its HTTPS proxy",
            ));
        }
        if request.uri().scheme().is_some() || request.uri().authority().is_some() {
            return Err(Refusal::new(
                StatusCode::BAD_REQUEST,
                "this is a recording reverse proxy: set the client's base URL to it, not its HTTP \
                 proxy",
            ));
        }
        self.check_host(request.headers())?;
        let websocket = |value: &header::HeaderValue| {
            value
                .to_str()
                .is_ok_and(|value| value.eq_ignore_ascii_case("websocket"))
        };
        if request
            .headers()
            .get_all(header::UPGRADE)
            .iter()
            .any(websocket)
        {
            return Err(Refusal::new(
                StatusCode::NOT_IMPLEMENTED,
                "WebSockets cannot be recorded: a tape holds HTTP requests and their bodies",
            ));
        }
        Ok(())
    }

    /// A page in a browser can have a name point at this machine (DNS rebinding), but it cannot
    /// say another name.
    fn check_host(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = hosts
            .next()
            .and_then(|host| host.to_str().ok())
            .unwrap_or_default();
        if hosts.next().is_none() && self.is_ours(host) {
            return Ok(());
        }
        Err(Refusal::new(
            StatusCode::MISDIRECTED_REQUEST,
            format!("the Host header says \"{host}\", and this is {}", self.addr),
        ))
    }

    fn is_ours(&self, host: &str) -> bool {
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if !port.contains(']') => (name, port.parse().ok()),
            _ => (host, Some(80)),
        };
        if port != Some(self.addr.port()) {
            return false;
        }
        let name = name.to_ascii_lowercase();
        let literal = name
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<IpAddr>()
            .ok();
        match literal {
            Some(ip) => ip.is_loopback() || ip == self.addr.ip() || self.addr.ip().is_unspecified(),
            None => name == "localhost" || self.allowed_hosts.contains(&name),
        }
    }

    async fn collect(&self, mut body: Incoming) -> Result<Bytes, Refusal> {
        let limit = self.max_request_body;
        let too_large = || {
            let message = format!("the request body is larger than {limit} bytes");
            Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, message)
        };
        if body.size_hint().lower() > limit as u64 {
            return Err(too_large());
        }
        let mut whole = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                let message = format!("the request body broke off: {error}");
                Refusal::new(StatusCode::BAD_REQUEST, message)
            })?;
            let Some(data) = frame.data_ref() else {
                continue;
            };
            if whole.len() + data.len() > limit {
                let discard = async { while let Some(Ok(_)) = body.frame().await {} };
                let _ = tokio::time::timeout(PATIENCE, discard).await;
                return Err(too_large());
            }
            whole.extend_from_slice(data);
        }
        Ok(whole.into())
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

/// Takes out what belongs to one connection, including what `connection` names.
fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::try_from(name.trim()).ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service")
            .field("addr", &self.addr)
            .finish_non_exhaustive()
    }
}
