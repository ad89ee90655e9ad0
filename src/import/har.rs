//! HTTP archives 1.2, as browsers and proxies write them: one JSON object with a list of entries.

use std::borrow::Cow;

use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;

use super::draft::{Draft, Exchange};
use super::error::Wrong;
use super::yaml::unbase64;
use super::{Importer, Note, Read, target};
use crate::cassette::Headers;

pub(super) static HAR: Importer = Importer {
    name: "har",
    about: "HTTP archives (HAR 1.2) of browsers and proxies",
    docs: "http://www.softwareishard.com/blog/har-12-spec/",
    endings: &[".har", ".har.json"],
    read: Read::Text(read),
};

#[derive(Deserialize)]
struct Archive<'a> {
    #[serde(borrow)]
    log: Log<'a>,
}

#[derive(Deserialize)]
struct Log<'a> {
    #[serde(borrow)]
    entries: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    #[serde(borrow, default)]
    started_date_time: Option<Cow<'a, str>>,
    /// Milliseconds.
    #[serde(default)]
    time: Option<f64>,
    #[serde(borrow)]
    request: Request<'a>,
    #[serde(borrow)]
    response: Response<'a>,
    #[serde(default)]
    timings: Option<Timings>,
    #[serde(borrow, rename = "_webSocketMessages", default)]
    web_socket: Option<Vec<&'a serde_json::value::RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    url: Cow<'a, str>,
    #[serde(borrow, default)]
    headers: Vec<Pair<'a>>,
    #[serde(borrow, default)]
    post_data: Option<PostData<'a>>,
    #[serde(default)]
    body_size: Option<f64>,
}

#[derive(Deserialize)]
struct PostData<'a> {
    #[serde(borrow, default)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow, default, alias = "_encoding")]
    encoding: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    #[serde(default)]
    status: i64,
    #[serde(borrow, default)]
    http_version: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    headers: Vec<Pair<'a>>,
    #[serde(borrow, default)]
    content: Option<Content<'a>>,
    #[serde(borrow, rename = "_error", default)]
    error: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(default)]
    size: Option<f64>,
    #[serde(borrow, default)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    encoding: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Pair<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    value: Cow<'a, str>,
}

/// Milliseconds; `-1` where a phase did not happen.
#[derive(Deserialize)]
struct Timings {
    #[serde(default)]
    blocked: Option<f64>,
    #[serde(default)]
    dns: Option<f64>,
    #[serde(default)]
    connect: Option<f64>,
    #[serde(default)]
    send: Option<f64>,
    #[serde(default)]
    wait: Option<f64>,
}

fn read(text: &str, draft: &mut Draft<'_>) -> Result<(), Wrong> {
    let archive: Archive<'_> = serde_json::from_str(text).map_err(|error| {
        let line = error.line() as u64;
        Wrong::at(
            line,
            format!("expected a HAR file, a JSON object with `log`: {error}"),
        )
    })?;
    let starts = archive.log.entries.iter().filter_map(Entry::start);
    let first = starts.min();
    draft.created = first.map(|first| first.to_string());
    for (index, entry) in archive.log.entries.into_iter().enumerate() {
        let number = index + 1;
        match exchange(entry, first) {
            Ok(exchange) => draft.add(exchange),
            Err(reason) => draft.skip(None, format!("entry {number}: {reason}")),
        }
    }
    Ok(())
}

/// The recording, or why it is left out.
fn exchange(entry: Entry<'_>, first: Option<Timestamp>) -> Result<Exchange, String> {
    let start = entry.start();
    let Entry {
        request, response, ..
    } = &entry;
    let (url, target) = target::split(&request.url)?;
    if entry.web_socket.is_some() || response.status == 101 {
        return Err("a WebSocket, which is outside the format of tapes".to_owned());
    }
    if response.status == 0 {
        let why = response.error.as_deref().unwrap_or_default();
        let why: String = why.chars().filter(|c| !c.is_control()).take(80).collect();
        let why = if why.is_empty() {
            why
        } else {
            format!(" ({why})")
        };
        return Err(format!("no response was recorded{why}"));
    }
    let mut of = Exchange::new(&*request.method, target);
    of.url = url;
    of.started = start.map(|start| start.to_string());
    of.at = match (start, first) {
        (Some(start), Some(first)) => {
            u64::try_from(start.as_microsecond() - first.as_microsecond()).unwrap_or(0)
        }
        _ => 0,
    };
    of.request_headers = headers(&request.headers);
    match request
        .post_data
        .as_ref()
        .map(PostData::bytes)
        .transpose()?
    {
        Some(Some(bytes)) => of.request_body = bytes,
        // A form with files, whose parts alone are listed.
        Some(None) => of.notes.push(Note::RequestBodyUnknown),
        None if request.body_size.is_some_and(|size| size > 0.0) => {
            of.notes.push(Note::RequestBodyUnknown);
        }
        None => {}
    }
    of.status = u16::try_from(response.status).unwrap_or_default();
    of.version = response.http_version.as_deref().and_then(version);
    of.headers = headers(&response.headers);
    of.head_at = entry.timings.as_ref().map_or(0, Timings::head);
    of.end_at = micros(entry.time).max(of.head_at);
    content(entry.response.content, &mut of)?;
    Ok(of)
}

/// The body; browsers store it with its codings undone and, if it is text, as UTF-8.
fn content(content: Option<Content<'_>>, of: &mut Exchange) -> Result<(), String> {
    let Some(content) = content else {
        return Ok(());
    };
    let size = content.size.unwrap_or(-1.0);
    let Some(text) = content.text else {
        if size > 0.0 {
            return Err("its response body was not recorded".to_owned());
        }
        return Ok(());
    };
    of.decoded = true;
    if content.encoding.as_deref() == Some("base64") {
        of.body = unbase64(&text)?.into();
    } else {
        let content_type = of.headers.get_str("content-type").unwrap_or_default();
        let charset = content_type.to_ascii_lowercase();
        let charset = charset.split_once("charset=").map(|(_, charset)| charset);
        let utf8 = |charset: &str| {
            let charset = charset.trim_matches(['"', '\'', ' ']);
            ["utf-8", "utf8", "us-ascii"]
                .iter()
                .any(|known| charset.starts_with(known))
        };
        if !charset.is_none_or(utf8) || text.contains('\u{fffd}') {
            of.notes.push(Note::Transcoded);
        }
        of.body = text.into_owned().into();
    }
    if size >= 0.0 && size != of.body.len() as f64 {
        of.notes.push(Note::SizeMismatch);
    }
    Ok(())
}

impl Entry<'_> {
    fn start(&self) -> Option<Timestamp> {
        self.started_date_time.as_deref()?.parse().ok()
    }
}

impl PostData<'_> {
    fn bytes(&self) -> Result<Option<Bytes>, String> {
        let Some(text) = self.text.as_deref() else {
            return Ok(None);
        };
        if self.encoding.as_deref() == Some("base64") {
            return Ok(Some(unbase64(text)?.into()));
        }
        Ok(Some(Bytes::copy_from_slice(text.as_bytes())))
    }
}

impl Timings {
    /// Microseconds to the first byte of the answer; `ssl` is a part of `connect`.
    fn head(&self) -> u64 {
        let phases = [self.blocked, self.dns, self.connect, self.send, self.wait];
        phases.into_iter().map(micros).sum()
    }
}

fn micros(millis: Option<f64>) -> u64 {
    const YEAR: f64 = 365.0 * 86_400.0 * 1e6;
    // Negative numbers become 0, and so does what is none.
    (millis.unwrap_or(0.0) * 1000.0).min(YEAR) as u64
}

fn version(text: &str) -> Option<String> {
    match text.to_ascii_lowercase().as_str() {
        "h2" | "http/2" | "http/2.0" => Some("HTTP/2".to_owned()),
        "h3" | "http/3" | "http/3.0" => Some("HTTP/3".to_owned()),
        "http/1.1" => Some("HTTP/1.1".to_owned()),
        "http/1.0" => Some("HTTP/1.0".to_owned()),
        _ => None,
    }
}

/// Without HTTP/2's pseudo-fields; Chrome joins fields of one name by line feeds.
fn headers(pairs: &[Pair<'_>]) -> Headers {
    let fields = pairs.iter().filter(|pair| !pair.name.starts_with(':'));
    let lines = fields.flat_map(|pair| pair.value.split('\n').map(|line| (&*pair.name, line)));
    lines
        .map(|(name, line)| (name, line.trim().to_owned()))
        .collect()
}
