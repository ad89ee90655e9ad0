//! What a mock server does with one request.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue,
};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;

use super::journal::{Delivery, Entry, Outcome};
use super::lately::Lately;
use super::playing::{Delivering, Outgoing, Playing, broken, ending};
use super::recording::Recording;
use super::report::Missed;
use super::state::State;
use super::{answer, control};
use crate::cassette::{self, Body, Framing, How, Interaction};
use crate::listen::{
    Guard, Refusal, Respond, Wire, check_scope, collect, split_scope, strip_hop_by_hop,
};
use crate::matching::{Asked, Chosen, Miss};
use crate::redact::Redactor;
use crate::replay::{Player, ReplayError, Source};

const SCOPE: HeaderName = HeaderName::from_static("x-rigtape-scope");
const ALLOW_MISS: HeaderName = HeaderName::from_static("x-rigtape-allow-miss");

#[derive(Debug)]
pub(super) struct Service {
    pub(super) state: State,
    pub(super) guard: Guard,
    pub(super) player: Player,
    /// What is no fault's aim is played by it.
    pub(super) healthy: Player,
    pub(super) redactor: Redactor,
    pub(super) lately: Lately,
    pub(super) max_request_body: usize,
    /// What stands below the message of each miss.
    pub(super) hint: Option<String>,
    /// In a mode that passes requests on.
    pub(super) recording: Option<Recording>,
}

impl Respond for Service {
    type Body = Outgoing;

    async fn respond(
        self: Arc<Service>,
        request: Request<Incoming>,
        wire: Arc<Wire>,
    ) -> Response<Outgoing> {
        let (head, body) = request.into_parts();
        match self.answer(&head, body, wire).await {
            Ok(response) => response,
            Err(refusal) => {
                let path = head.uri.path();
                self.state
                    .refused(format!("{} {path}: {refusal}", head.method));
                answer::own(refusal.answer())
            }
        }
    }
}

impl Service {
    async fn answer(
        &self,
        head: &Parts,
        body: Incoming,
        wire: Arc<Wire>,
    ) -> Result<Response<Outgoing>, Refusal> {
        self.guard.check(head)?;
        let target = head
            .uri
            .path_and_query()
            .map_or("/", |target| target.as_str());
        let (scope, target) = split_scope(target)?;
        let scope = match scope {
            Some(scope) => Some(scope),
            None => named_scope(&head.headers)?,
        };
        let body = collect(body, self.max_request_body).await?;
        if let Some(path) = control::path(target) {
            return control::answer(self, &head.method, &head.headers, scope, path, &body);
        }
        let asked = self.asked(head, target, None, &body)?;
        let entry = self.state.journal.note(scope, asked.clone());
        let delivering = Delivering::new(entry.clone(), self.state.stopping.clone());
        let replays = self.recording.as_ref().is_none_or(Recording::replays);
        if replays {
            match self.state.choose(scope, &asked)? {
                Ok(chosen) => return Ok(self.play(chosen, head, &entry, delivering, wire).await),
                Err(miss) if self.recording.is_none() => {
                    let missed = self.missed(scope, asked.request(), miss);
                    let response = answer::miss(asked.request(), &missed.message);
                    return self.miss(missed, response, head, &entry, &delivering);
                }
                Err(_) => {}
            }
        }
        match &self.recording {
            Some(recording) => {
                self.state.passed.fetch_add(1, Ordering::Relaxed);
                recording
                    .pass(head, target, body, &entry, delivering, wire)
                    .await
            }
            // A server that does not replay has a recording.
            None => Err(Refusal::new(
                StatusCode::NOT_FOUND,
                "nothing to answer with",
            )),
        }
    }

    /// The request as it would stand on a tape.
    pub(super) fn asked(
        &self,
        head: &Parts,
        target: &str,
        url: Option<&str>,
        body: &Bytes,
    ) -> Result<Arc<Asked>, Refusal> {
        if let Some(asked) = self.lately.find(head, target, url, body) {
            return Ok(asked);
        }
        let mut request = cassette::Request::new(1, head.method.as_str(), target);
        request.url = url.map(str::to_owned);
        let value = |value: &HeaderValue| Bytes::copy_from_slice(value.as_bytes());
        let fields = head.headers.iter();
        request.headers = fields.map(|(name, v)| (name.as_str(), value(v))).collect();
        request.body = Body::from_bytes(body.clone());
        let redactor = self
            .redactor
            .for_request(&request)
            .map_err(|error| Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, error.to_string()))?;
        let asked = Arc::new(Asked::new(redactor.request(request)));
        self.lately.keep(head, target, url, body, &asked);
        Ok(asked)
    }

    /// The miss of a request, in the words that client, log and panic share.
    pub(super) fn missed(
        &self,
        scope: Option<&str>,
        request: &cassette::Request,
        miss: Box<Miss>,
    ) -> Missed {
        // Words that are found again in a client's traceback.
        let message = match &self.hint {
            Some(hint) => format!("rigtape: {miss}\n\n{hint}"),
            None => format!("rigtape: {miss}"),
        };
        Missed {
            scope: scope.map(str::to_owned),
            method: request.method.clone(),
            target: request.target.clone(),
            message,
            miss,
        }
    }

    fn miss(
        &self,
        missed: Missed,
        response: Response<Outgoing>,
        head: &Parts,
        entry: &Entry,
        delivering: &Delivering,
    ) -> Result<Response<Outgoing>, Refusal> {
        entry.outcome(Outcome::Missed {
            message: missed.message.as_str().into(),
        });
        entry.head(response.status().as_u16());
        delivering.end(Delivery::Complete);
        let allowed = head.headers.contains_key(ALLOW_MISS);
        self.state.missed(missed, allowed)?;
        Ok(response)
    }

    async fn play(
        &self,
        chosen: Chosen,
        head: &Parts,
        entry: &Entry,
        delivering: Delivering,
        wire: Arc<Wire>,
    ) -> Response<Outgoing> {
        self.state.played.fetch_add(1, Ordering::Relaxed);
        let interaction = chosen.interaction;
        entry.outcome(Outcome::Played {
            tape: chosen.tape.path().to_owned(),
            interaction: interaction.number(),
        });
        let player = match self
            .state
            .is_struck(chosen.tape.path(), interaction.number())
        {
            true => &self.player,
            false => &self.healthy,
        };
        let source = player.prepared(Source::from(interaction.clone()));
        let fault = source.performed_ending();
        let response = match player.http_response(source).await {
            Ok(response) if response.status().as_u16() >= 200 => response,
            Ok(response) => {
                let what = format!("status {} is no final one", response.status());
                return self.unplayable(chosen.tape.path(), &what, entry, &delivering);
            }
            Err(error @ ReplayError::NoResponse { .. }) => {
                delivering.end(Delivery::Cut);
                wire.end(ending(&error));
                return std::future::pending().await;
            }
            Err(error) => {
                return self.unplayable(chosen.tape.path(), &error.to_string(), entry, &delivering);
            }
        };
        if fault.is_some() && !takes_coding(&head.headers, response.headers()) {
            let what = "fault `gzip` does not apply: the client does not accept gzip";
            return self.unplayable(chosen.tape.path(), what, entry, &delivering);
        }
        entry.head(response.status().as_u16());
        let (mut parts, bytes) = response.into_parts();
        parts.version = Version::HTTP_11;
        parts.extensions = http::Extensions::new();
        strip_hop_by_hop(&mut parts.headers);
        // What a fault leaves of a body has no length that anybody knows.
        let mut length = told_length(&interaction).filter(|_| fault.is_none());
        let bodyless = head.method == Method::HEAD || matches!(parts.status.as_u16(), 204 | 304);
        if bodyless {
            // The length of what a GET would get, where it was recorded.
            if let Some(told) = recorded_length(&interaction).filter(|_| parts.status != 204) {
                parts.headers.insert(CONTENT_LENGTH, told.into());
            }
            length = Some(0);
        }
        let playing = Playing::new(bytes, length, broken(fault), wire, delivering);
        Response::from_parts(parts, Outgoing::Playing(playing))
    }

    fn unplayable(
        &self,
        tape: &std::path::Path,
        what: &str,
        entry: &Entry,
        delivering: &Delivering,
    ) -> Response<Outgoing> {
        let message = format!("{}: {what}", tape.display());
        let response = answer::unplayable(&message);
        entry.head(response.status().as_u16());
        delivering.end(Delivery::Complete);
        self.state.problem(message);
        response
    }
}

fn named_scope(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let Some(scope) = headers.get(SCOPE) else {
        return Ok(None);
    };
    let scope = scope.to_str().unwrap_or("?");
    let checked = check_scope(scope).map(|()| Some(scope));
    checked.map_err(|bad| Refusal::new(StatusCode::BAD_REQUEST, bad.to_string()))
}

/// Whether a client has said that it takes what the answer is coded in. One that says nothing may
/// get anything (RFC 9110, section 12.5.3), and mostly reads nothing.
fn takes_coding(asked: &HeaderMap, answer: &HeaderMap) -> bool {
    let Some(coding) = answer
        .get(CONTENT_ENCODING)
        .and_then(|coding| coding.to_str().ok())
    else {
        return true;
    };
    let fields = asked.get_all(ACCEPT_ENCODING).iter();
    let mut said = fields.filter_map(|field| field.to_str().ok());
    said.any(|field| field.to_ascii_lowercase().contains(coding))
}

/// The length that the client is told, as the recorded one was.
fn told_length(interaction: &Interaction) -> Option<u64> {
    let head = interaction.response.as_ref()?;
    if head.framing != Some(Framing::Length) {
        return None;
    }
    let played: u64 = interaction
        .chunks
        .iter()
        .map(|chunk| chunk.bytes.len() as u64)
        .sum();
    match interaction.how() {
        Some(How::Complete) => Some(played),
        // What was promised and did not come.
        _ => recorded_length(interaction).filter(|told| *told > played),
    }
}

fn recorded_length(interaction: &Interaction) -> Option<u64> {
    let head = interaction.response.as_ref()?;
    let plain = head.decoded.is_empty();
    head.header("content-length")
        .filter(|_| plain)?
        .parse()
        .ok()
}
