//! The HTTP client of a recording: it changes as little as it can.

use std::error::Error as _;
use std::fmt;
use std::net::IpAddr;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, HeaderValue};
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use reqwest::ResponseBuilderExt;
use url::{Host, Url};

use super::exchange::Exchange;
use super::options::{Options, Timeouts};
use super::tee::Tee;
use super::upstream::take_userinfo;
use super::{Error, Recorder, Sent, ending};
use crate::cassette::How;

/// No response head came from the upstream.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{kind}: {detail}")]
#[non_exhaustive]
pub struct Failure {
    /// What kind of failure.
    pub kind: FailureKind,
    /// In words, without the URL's query.
    pub detail: String,
}

/// Where a request stopped on its way to the response head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureKind {
    /// Nobody listens there.
    Refused,
    /// The name has no address.
    Dns,
    /// No TLS session, an invalid certificate for one.
    Tls,
    /// A time limit passed.
    Timeout,
    /// Any other failure to connect.
    Connect,
    /// The connection closed before a response head.
    Closed,
    /// What came is not HTTP.
    Protocol,
    /// Anything else.
    Other,
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FailureKind::Refused => "connection refused",
            FailureKind::Dns => "name lookup failed",
            FailureKind::Tls => "no TLS session",
            FailureKind::Timeout => "timed out",
            FailureKind::Connect => "cannot connect",
            FailureKind::Closed => "closed before a response",
            FailureKind::Protocol => "not an HTTP response",
            FailureKind::Other => "request failed",
        })
    }
}

impl FailureKind {
    /// What a proxy answers: 504 for a timeout, else 502.
    pub fn status(self) -> StatusCode {
        match self {
            FailureKind::Timeout => StatusCode::GATEWAY_TIMEOUT,
            _ => StatusCode::BAD_GATEWAY,
        }
    }
}

/// Clients for the network and for this machine.
#[derive(Debug)]
pub(super) struct HttpClient {
    network: reqwest::Client,
    /// Without the environment's proxies, which know nothing of this machine's own servers.
    loopback: reqwest::Client,
}

impl HttpClient {
    pub(super) fn new(timeouts: &Timeouts) -> Result<HttpClient, Error> {
        // A user's build may turn on decompression in reqwest; the recorder wants the wire.
        let builder = || {
            reqwest::Client::builder()
                .no_gzip()
                .no_brotli()
                .no_deflate()
                .no_zstd()
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .referer(false)
                .tcp_nodelay(true)
                .connect_timeout(timeouts.connect)
        };
        let start = |error: reqwest::Error| Error::Start {
            what: "HTTP client",
            detail: ending::words(&error),
        };
        Ok(HttpClient {
            network: builder().build().map_err(start)?,
            loopback: builder().no_proxy().build().map_err(start)?,
        })
    }

    fn of(&self, url: &Url) -> &reqwest::Client {
        if is_loopback(url) {
            &self.loopback
        } else {
            &self.network
        }
    }

    /// Sends a request whose interaction has begun; its body streams through the tee.
    pub(super) async fn exchange(
        &self,
        mut exchange: Exchange,
        request: reqwest::Request,
        options: &Options,
    ) -> Result<http::Response<Tee>, Failure> {
        let to_head = request.method() == Method::HEAD;
        let limit = [options.timeouts.idle, options.timeouts.total]
            .into_iter()
            .flatten()
            .min();
        let sending = self.of(request.url()).execute(request);
        let answer = match limit {
            None => sending.await.map_err(|error| failure(&error)),
            Some(limit) => match tokio::time::timeout(limit, sending).await {
                Ok(answer) => answer.map_err(|error| failure(&error)),
                Err(_) => Err(Failure {
                    kind: FailureKind::Timeout,
                    detail: format!("no response head within {limit:?}"),
                }),
            },
        };
        match answer {
            Ok(response) => {
                let (head, body) = http::Response::<reqwest::Body>::from(response).into_parts();
                exchange.response(&head);
                let tee = Tee::new(body, &head, to_head, exchange, options);
                Ok(http::Response::from_parts(head, tee))
            }
            Err(failure) => {
                exchange.end(How::Failed, Some(failure.to_string()), None);
                Err(failure)
            }
        }
    }
}

/// The in-process form: records `request` as it is and sends it.
pub(super) async fn send(
    recorder: &Recorder,
    scope: Option<&str>,
    mut request: reqwest::Request,
) -> Result<reqwest::Response, Error> {
    let body = match request.body_mut().take() {
        None => None,
        Some(body) => Some(match body.as_bytes() {
            Some(bytes) => Bytes::copy_from_slice(bytes),
            None => {
                let whole = body.collect().await;
                whole
                    .map_err(|error| Error::RequestBody(ending::words(&error)))?
                    .to_bytes()
            }
        }),
    };
    if let Some(credentials) = take_userinfo(request.url_mut()) {
        request
            .headers_mut()
            .entry(AUTHORIZATION)
            .or_insert(credentials);
    }
    request
        .headers_mut()
        .entry(ACCEPT_ENCODING)
        .or_insert(IDENTITY);
    let target = target(request.url());
    let mut sent = Sent::new(request.method(), &target, request.headers());
    sent.url = Some(request.url().as_str());
    sent.body = body.clone().unwrap_or_default();
    let client = recorder.client()?;
    let exchange = recorder.begin(scope, sent)?;
    *request.body_mut() = body.map(reqwest::Body::from);

    let url = request.url().clone();
    let response = client
        .exchange(exchange, request, recorder.options())
        .await?;
    let (head, tee) = response.into_parts();
    let mut built = http::Response::builder()
        .status(head.status)
        .version(head.version)
        .url(url);
    if let Some(headers) = built.headers_mut() {
        *headers = head.headers;
    }
    let response = built
        .body(reqwest::Body::wrap(tee))
        .map_err(|error| Error::Start {
            what: "response",
            detail: error.to_string(),
        })?;
    Ok(response.into())
}

pub(super) const IDENTITY: HeaderValue = HeaderValue::from_static("identity");

/// Path and query as they stand on the request line.
fn target(url: &Url) -> String {
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip).to_canonical().is_loopback(),
        None => false,
    }
}

fn failure(error: &reqwest::Error) -> Failure {
    let detail = ending::words(error);
    let io = || ending::chain(error).filter_map(|e| e.downcast_ref::<std::io::Error>());
    let says = |words: &[&str]| words.iter().any(|word| detail.contains(word));
    let has_kind = |kind| io().any(|error| error.kind() == kind);
    let kind = if error.is_timeout() || has_kind(std::io::ErrorKind::TimedOut) {
        FailureKind::Timeout
    } else if has_kind(std::io::ErrorKind::ConnectionRefused) {
        FailureKind::Refused
    } else if says(&["dns error", "failed to lookup"]) {
        // The connector's error type is private; its words are all there is.
        FailureKind::Dns
    } else if says(&[
        "certificate",
        "handshake",
        "TLS",
        "tls",
        "InvalidContentType",
        "corrupt message",
    ]) {
        FailureKind::Tls
    } else if error.is_connect() {
        FailureKind::Connect
    } else {
        let hyper = ending::chain(error).find_map(|e| e.downcast_ref::<hyper::Error>());
        match hyper {
            Some(e) if e.is_parse() => FailureKind::Protocol,
            Some(e) if e.is_incomplete_message() || e.is_closed() || e.is_canceled() => {
                FailureKind::Closed
            }
            _ if has_kind(std::io::ErrorKind::ConnectionReset) => FailureKind::Closed,
            _ if error.source().is_none() => FailureKind::Other,
            _ => FailureKind::Other,
        }
    };
    Failure { kind, detail }
}
