//! Recordings of httpmock (Rust): YAML, a document for each exchange, `when` and `then`.
//!
//! A recording is a rule: `when` says which requests are meant. What a rule says exactly is the
//! request; what it says loosely (`path_contains`, `header_exists`, …) no tape can hold.

use bytes::Bytes;

use super::draft::{Draft, Exchange};
use super::error::Wrong;
use super::yaml::{self, Node, to_json, unbase64};
use super::{Importer, Note, Read, target};
use crate::cassette::Headers;

pub(super) static HTTPMOCK: Importer = Importer {
    name: "httpmock",
    about: "httpmock's recordings: YAML, when and then",
    docs: "https://httpmock.rs/record-and-playback/playback/",
    endings: &[".yaml", ".yml"],
    read: Read::Text(read),
};

/// What a rule says of the request exactly.
const EXACT: &[&str] = &[
    "scheme",
    "host",
    "port",
    "method",
    "path",
    "query_param",
    "header",
    "body",
    "body_base64",
    "body_encoding",
    "json_body",
    "form_urlencoded_tuple",
    "x_www_form_urlencoded_tuple",
];

fn read(text: &str, draft: &mut Draft<'_>) -> Result<(), Wrong> {
    for document in yaml::documents(text)? {
        if document.is_null() {
            continue;
        }
        if !document.is_map() || document.get("when").or(document.get("then")).is_none() {
            return Err(foreign(&document));
        }
        match exchange(&document)? {
            Ok(exchange) => draft.add(exchange),
            Err(reason) => draft.skip(document.line, reason),
        }
    }
    Ok(())
}

fn foreign(document: &Node<'_>) -> Wrong {
    let hint = if document.get("interactions").is_some() {
        "; a document with `interactions` is a cassette of vcrpy: `rigtape import vcrpy`"
    } else if document.get("http_interactions").is_some() {
        "; a document with `http_interactions` is a cassette of Ruby's vcr, which is not read"
    } else {
        ""
    };
    Wrong::at(
        document.line,
        format!("expected a recording of httpmock, a mapping with `when` and `then`{hint}"),
    )
}

/// The recording, or why it is left out.
fn exchange(document: &Node<'_>) -> Result<Result<Exchange, String>, Wrong> {
    let (Some(when), Some(then)) = (document.get("when"), document.get("then")) else {
        return Ok(Err("it lacks `when` or `then`".to_owned()));
    };
    let text = |key| when.get(key).and_then(Node::text);
    let Some(path) = text("path") else {
        return Ok(Err(format!("`when` names no `path`{}", loose(when))));
    };
    let Some(method) = text("method") else {
        return Ok(Err(format!("`when` names no `method`{}", loose(when))));
    };
    let query = pairs(when.get("query_param"))?;
    let target = target::of(path, &query);
    let mut of = Exchange::new(method.to_ascii_uppercase(), target);
    of.line = Some(document.line);
    if !query.is_empty() {
        of.notes.push(Note::QueryReserialised);
    }
    if let (Some(scheme), Some(host)) = (text("scheme"), text("host")) {
        let port = text("port").map(|port| format!(":{port}"));
        let port = port.unwrap_or_default();
        of.url = Some(format!("{scheme}://{host}{port}{}", of.target));
    }
    of.request_headers = headers(when.get("header"))?;
    request_body(when, &mut of)?;
    let loose = |(key, value): (&Node<'_>, &Node<'_>)| {
        !value.is_null() && !key.text().is_some_and(|key| EXACT.contains(&key))
    };
    if when.entries().any(loose) {
        of.notes.push(Note::ConditionsDropped);
    }
    if let Err(reason) = response(then, &mut of)? {
        return Ok(Err(reason));
    }
    Ok(Ok(of))
}

fn loose(when: &Node<'_>) -> String {
    let keys = when.entries().filter_map(|(key, _)| key.text());
    let keys: Vec<&str> = keys.filter(|key| !EXACT.contains(key)).take(3).collect();
    match keys.join(", ") {
        none if none.is_empty() => String::new(),
        keys => format!(": a rule ({keys}) is no request"),
    }
}

fn request_body(when: &Node<'_>, of: &mut Exchange) -> Result<(), Wrong> {
    if let Some(body) = body(when)? {
        of.request_body = body;
        return Ok(());
    }
    if let Some(json) = when.get("json_body") {
        // Older versions wrote the JSON as a text, which are the bytes that were meant.
        let text = json
            .text()
            .filter(|text| text.trim_start().starts_with(['{', '[']));
        of.request_body = match text {
            Some(text) => Bytes::copy_from_slice(text.as_bytes()),
            None => to_json(json)?.into(),
        };
        of.notes.push(Note::RequestReserialised);
        return Ok(());
    }
    let form = when.get("form_urlencoded_tuple");
    let form = form.or_else(|| when.get("x_www_form_urlencoded_tuple"));
    if form.is_some() {
        of.request_body = target::form(&pairs(form)?).into();
        of.notes.push(Note::RequestReserialised);
        return Ok(());
    }
    // A type without a body, as of multipart requests, or a condition on a body that is not here.
    let typed = of.request_headers.get("content-type").is_some();
    let conditions = |key: &str| key.contains("body") || key.contains("form_urlencoded");
    let keys = when.entries().filter_map(|(key, _)| key.text());
    let conditions = keys.filter(|key| conditions(key)).count() > 0;
    let has_bodies = matches!(&*of.method, "POST" | "PUT" | "PATCH");
    if conditions || (typed && has_bodies) {
        of.notes.push(Note::RequestBodyUnknown);
    }
    Ok(())
}

fn response(then: &Node<'_>, of: &mut Exchange) -> Result<Result<(), String>, Wrong> {
    match then.get("status").and_then(Node::text) {
        None => of.notes.push(Note::StatusUnknown),
        Some(status) => match status.parse() {
            Ok(status) => of.status = status,
            Err(_) => return Ok(Err("its status is no number".to_owned())),
        },
    }
    of.headers = headers(then.get("header"))?;
    if then.get("header").is_none() {
        of.notes.push(Note::HeadersUnknown);
    }
    if let Some(body) = body(then)? {
        of.body = body;
    } else if let Some(json) = then.get("json_body") {
        of.body = match json.text() {
            Some(text) => Bytes::copy_from_slice(text.as_bytes()),
            None => to_json(json)?.into(),
        };
        of.notes.push(Note::ResponseReserialised);
    }
    // Milliseconds until the answer, when httpmock was told to record them.
    let delay = then.get("delay").and_then(Node::text);
    if let Some(delay) = delay.and_then(|delay| delay.parse::<u64>().ok()) {
        of.head_at = delay.saturating_mul(1000);
        of.end_at = of.head_at;
    }
    Ok(Ok(()))
}

/// The bytes of `body` or `body_base64`.
fn body(of: &Node<'_>) -> Result<Option<Bytes>, Wrong> {
    let encoded = of.get("body_encoding").and_then(Node::text);
    let (body, encoded) = match (of.get("body_base64"), of.get("body")) {
        (Some(body), _) => (body, Some("base64")),
        (None, Some(body)) => (body, encoded),
        (None, None) => return Ok(None),
    };
    let wrong = |found: String| Wrong::at(body.line, found);
    match encoded {
        None | Some("" | "utf-8" | "utf8" | "text" | "plain") => match body.bytes() {
            Some(bytes) => Ok(Some(Bytes::copy_from_slice(&bytes?))),
            None => Err(wrong(
                "expected the text of a body, found a list or mapping".to_owned(),
            )),
        },
        Some("base64") => {
            let text = body
                .text()
                .ok_or_else(|| wrong("expected base64".to_owned()))?;
            Ok(Some(unbase64(text).map_err(wrong)?.into()))
        }
        Some(_) => Err(wrong("expected `body_encoding: base64` or none".to_owned())),
    }
}

fn headers(list: Option<&Node<'_>>) -> Result<Headers, Wrong> {
    Ok(pairs(list)?.into_iter().collect())
}

/// `- name: … value: …`, or a mapping of names to values.
fn pairs(list: Option<&Node<'_>>) -> Result<Vec<(String, String)>, Wrong> {
    let Some(list) = list else {
        return Ok(Vec::new());
    };
    let mut pairs = Vec::new();
    let mut put = |name: Option<&Node<'_>>, value: Option<&Node<'_>>, line| {
        let name = name.and_then(Node::text);
        let value = value.map_or(Some(""), Node::text);
        let (Some(name), Some(value)) = (name, value) else {
            return Err(Wrong::at(
                line,
                "expected a `name` and a `value`, both texts",
            ));
        };
        pairs.push((name.to_owned(), value.to_owned()));
        Ok(())
    };
    for item in list.items() {
        put(item.get("name"), item.get("value"), item.line)?;
    }
    for (name, value) in list.entries() {
        put(Some(name), Some(value), name.line)?;
    }
    Ok(pairs)
}
