//! The control API: what a test in another process may ask and tell.
//!
//! Everything stands under `/__rigtape/` and needs the header `x-rigtape-control`, with any value,
//! which no page in a browser can send to another origin. A scope is named as elsewhere, by the
//! path (`/@NAME/__rigtape/…`) or by `x-rigtape-scope`; without one, all scopes are meant.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, Response, StatusCode};
use serde::{Deserialize, Serialize};

use super::answer;
use super::journal::{Outcome, Received};
use super::playing::Outgoing;
use super::report::Report;
use super::service::Service;
use crate::listen::Refusal;

const HEADER: &str = "x-rigtape-control";

/// The path below the reserved one, when `target` is there.
pub(super) fn path(target: &str) -> Option<&str> {
    let rest = target.strip_prefix("/__rigtape")?;
    let path = rest.split('?').next().unwrap_or_default();
    (path.is_empty() || path.starts_with('/')).then_some(path)
}

pub(super) fn answer(
    service: &Service,
    method: &Method,
    headers: &HeaderMap,
    scope: Option<&str>,
    path: &str,
    body: &[u8],
) -> Result<Response<Outgoing>, Refusal> {
    if !headers.contains_key(HEADER) {
        let message = format!("the control API needs the header `{HEADER}: 1`");
        return Err(Refusal::new(StatusCode::FORBIDDEN, message));
    }
    let state = &service.state;
    match (method, path) {
        (&Method::GET, "/health") => json(&Health {
            rigtape: env!("CARGO_PKG_VERSION"),
            requests: state.journal.count(),
        }),
        (&Method::GET, "/journal") => {
            let received = state.journal.received();
            let of_scope = received
                .iter()
                .filter(|received| scope.is_none() || received.scope.as_deref() == scope);
            json(&of_scope.map(Line::from).collect::<Vec<_>>())
        }
        (&Method::GET, "/report") => json(&Summary::from(&of_scope(state.report(), scope))),
        (&Method::POST, "/reset") => {
            state.reset(scope);
            json(&Done { ok: true })
        }
        (&Method::POST, "/allow") => {
            let wanted: Wanted = serde_json::from_slice(body).map_err(|error| {
                let message = format!(
                    "expected {{\"unused\":true|false,\"misses\":true|false}}, either may be left \
                     out: {error}"
                );
                Refusal::new(StatusCode::BAD_REQUEST, message)
            })?;
            let allowed = state.allow(scope, |allowed| {
                allowed.unused = wanted.unused.unwrap_or(allowed.unused);
                allowed.misses = wanted.misses.unwrap_or(allowed.misses);
            })?;
            json(&Wanted {
                unused: Some(allowed.unused),
                misses: Some(allowed.misses),
            })
        }
        _ => Err(Refusal::new(
            StatusCode::NOT_FOUND,
            format!(
                "there is no {method} /__rigtape{path}; there are GET health, journal and report, \
                 POST reset and allow"
            ),
        )),
    }
}

fn of_scope(mut report: Report, scope: Option<&str>) -> Report {
    if scope.is_some() {
        report
            .missed
            .retain(|missed| missed.scope.as_deref() == scope);
        report.missed_total = report.missed.len() as u64;
        report
            .unused
            .retain(|unused| unused.scope.as_deref() == scope);
    }
    report
}

fn json(value: &impl Serialize) -> Result<Response<Outgoing>, Refusal> {
    let bytes = serde_json::to_vec(value)
        .map_err(|e| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, e.to_string()))?;
    let mut response = Response::new(Bytes::from(bytes));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(answer::own(response))
}

#[derive(Serialize)]
struct Health {
    rigtape: &'static str,
    requests: u64,
}

#[derive(Serialize)]
struct Done {
    ok: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[serde(default)]
    unused: Option<bool>,
    #[serde(default)]
    misses: Option<bool>,
}

#[derive(Serialize)]
struct Line<'a> {
    number: u64,
    at: u64,
    started: &'a str,
    scope: Option<&'a str>,
    method: &'a str,
    target: &'a str,
    headers: Vec<(&'a str, String)>,
    body: String,
    body_bytes: u64,
    outcome: &'static str,
    tape: Option<String>,
    interaction: Option<u64>,
    message: Option<&'a str>,
    status: Option<u16>,
    head_at: Option<u64>,
    taken: u64,
    ended_at: Option<u64>,
    ended: Option<&'static str>,
}

impl<'a> From<&'a Received> for Line<'a> {
    fn from(of: &'a Received) -> Line<'a> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (outcome, tape, interaction, message) = match &of.outcome {
            Outcome::Pending => ("pending", None, None, None),
            Outcome::Played { tape, interaction } => (
                "played",
                Some(tape.display().to_string()),
                Some(*interaction),
                None,
            ),
            Outcome::Missed { message } => ("missed", None, None, Some(&**message)),
            Outcome::Recorded => ("recorded", None, None, None),
            Outcome::Passed => ("passed", None, None, None),
        };
        Line {
            number: of.number,
            at: of.at.as_micros(),
            started: &of.started,
            scope: of.scope.as_deref(),
            method: &of.request.method,
            target: &of.request.target,
            headers: of
                .request
                .headers
                .iter()
                .map(|(n, v)| (n, text(v)))
                .collect(),
            body: text(of.request.body.as_bytes()),
            body_bytes: of.body_bytes,
            outcome,
            tape,
            interaction,
            message,
            status: of.status,
            head_at: of.head_at.map(|at| at.as_micros()),
            taken: of.taken,
            ended_at: of.ended.map(|(at, _)| at.as_micros()),
            ended: of.ended.map(|(_, how)| how.as_str()),
        }
    }
}

#[derive(Serialize)]
struct Summary {
    ok: bool,
    requests: u64,
    played: u64,
    passed: u64,
    missed: Vec<MissedLine>,
    missed_total: u64,
    unused: Vec<UnusedLine>,
    refused: Vec<String>,
    refused_total: u64,
    problems: Vec<String>,
}

#[derive(Serialize)]
struct MissedLine {
    scope: Option<String>,
    method: String,
    target: String,
    message: String,
}

#[derive(Serialize)]
struct UnusedLine {
    scope: Option<String>,
    tape: String,
    interaction: u64,
    line: u64,
    method: String,
    target: String,
    summary: Option<String>,
}

impl From<&Report> for Summary {
    fn from(report: &Report) -> Summary {
        let missed = report.missed.iter().map(|of| MissedLine {
            scope: of.scope.clone(),
            method: of.method.clone(),
            target: of.target.clone(),
            message: of.message.clone(),
        });
        let unused = report.unused.iter().map(|of| UnusedLine {
            scope: of.scope.clone(),
            tape: of.tape.display().to_string(),
            interaction: of.interaction,
            line: of.line,
            method: of.method.clone(),
            target: of.target.clone(),
            summary: of.summary.clone(),
        });
        Summary {
            ok: report.is_ok(),
            requests: report.requests,
            played: report.played,
            passed: report.passed,
            missed: missed.collect(),
            missed_total: report.missed_total,
            unused: unused.collect(),
            refused: report.refused.clone(),
            refused_total: report.refused_total,
            problems: report.problems.clone(),
        }
    }
}

impl Serialize for Report {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Summary::from(self).serialize(serializer)
    }
}
