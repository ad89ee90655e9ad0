use std::net::{IpAddr, SocketAddr};

use http::header::{self, HeaderMap};
use http::request::Parts;
use http::{Method, StatusCode};

use super::Refusal;

/// What a server refuses before it looks at a request, and in whose name.
#[derive(Debug)]
pub(crate) struct Guard {
    pub(crate) addr: SocketAddr,
    /// Host names, in lower case, that clients may call the server by, beside `localhost` and its
    /// addresses.
    pub(crate) allowed_hosts: Vec<String>,
    /// What the server is: "a recording reverse proxy".
    pub(crate) what: &'static str,
    /// Why no WebSocket is opened.
    pub(crate) websocket: &'static str,
}

impl Guard {
    pub(crate) fn check(&self, head: &Parts) -> Result<(), Refusal> {
        if head.method == Method::CONNECT {
            let message = format!(
                "this is {} and opens no tunnels: set the client's base URL to it, not its HTTPS \
                 proxy",
                self.what
            );
            return Err(Refusal::new(StatusCode::FORBIDDEN, message));
        }
        if head.uri.scheme().is_some() || head.uri.authority().is_some() {
            let message = format!(
                "this is {}: set the client's base URL to it, not its HTTP proxy",
                self.what
            );
            return Err(Refusal::new(StatusCode::BAD_REQUEST, message));
        }
        self.check_host(&head.headers)?;
        let websocket = |value: &header::HeaderValue| {
            value
                .to_str()
                .is_ok_and(|value| value.eq_ignore_ascii_case("websocket"))
        };
        let mut upgrades = head.headers.get_all(header::UPGRADE).iter();
        if upgrades.any(websocket) {
            return Err(Refusal::new(StatusCode::NOT_IMPLEMENTED, self.websocket));
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
}
