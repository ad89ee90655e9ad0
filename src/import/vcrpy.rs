//! Cassettes of vcrpy (Python): YAML or JSON, one document with a list of `interactions`.

use bytes::Bytes;

use super::draft::{Draft, Exchange};
use super::error::Wrong;
use super::yaml::{self, Node, to_json, unbase64};
use super::{Importer, Note, Read, target};
use crate::cassette::Headers;

pub(super) static VCRPY: Importer = Importer {
    name: "vcrpy",
    about: "vcrpy's cassettes: YAML or JSON, also with pydantic-ai's parsed_body",
    docs: "https://vcrpy.readthedocs.io/en/latest/usage.html",
    endings: &[".yaml", ".yml", ".json"],
    read: Read::Text(read),
};

fn read(text: &str, draft: &mut Draft<'_>) -> Result<(), Wrong> {
    for document in yaml::documents(text)? {
        if document.is_null() {
            continue;
        }
        let Some(interactions) = document.get("interactions").filter(|list| list.is_list()) else {
            return Err(foreign(&document));
        };
        for item in interactions.items() {
            match exchange(item)? {
                Ok(exchange) => draft.add(exchange),
                Err(reason) => draft.skip(item.line, reason),
            }
        }
    }
    Ok(())
}

fn foreign(document: &Node<'_>) -> Wrong {
    let hint = if document.get("when").is_some() {
        "; a document with `when` is a recording of httpmock: `rigtape import httpmock`"
    } else if document.get("log").is_some() {
        "; a document with `log` is a HAR file: `rigtape import har`"
    } else if document.get("http_interactions").is_some() {
        "; a document with `http_interactions` is a cassette of Ruby's vcr, which is not read"
    } else {
        ""
    };
    Wrong::at(
        document.line,
        format!("expected a cassette of vcrpy, a mapping with a list `interactions`{hint}"),
    )
}

/// The recording, or why it is left out.
fn exchange(item: &Node<'_>) -> Result<Result<Exchange, String>, Wrong> {
    let (Some(request), Some(response)) = (item.get("request"), item.get("response")) else {
        return Ok(Err("it lacks `request` or `response`".to_owned()));
    };
    let text = |key| request.get(key).and_then(Node::text);
    let Some(method) = text("method") else {
        return Ok(Err("`request` names no `method`".to_owned()));
    };
    let Some(uri) = text("uri").or_else(|| text("url")) else {
        return Ok(Err("`request` names no `uri`".to_owned()));
    };
    let (url, target) = match target::split(uri) {
        Ok(split) => split,
        Err(reason) => return Ok(Err(reason)),
    };
    let mut of = Exchange::new(method, target);
    of.line = Some(item.line);
    of.url = url;
    of.request_headers = headers(request.get("headers"))?;
    match body(request)? {
        Found::Bytes(bytes) => of.request_body = bytes,
        Found::Parsed(json) => {
            of.request_body = json.into();
            of.notes.push(Note::RequestReserialised);
        }
        Found::Nothing => {}
        Found::Unreadable => of.notes.push(Note::RequestBodyUnknown),
    }
    Ok(match answer(response, &mut of)? {
        Ok(()) => Ok(of),
        Err(reason) => Err(reason),
    })
}

fn answer(response: &Node<'_>, of: &mut Exchange) -> Result<Result<(), String>, Wrong> {
    // What the stub for httpx wrote before version 6 has other names.
    let status = response.get("status");
    let code = status.and_then(|status| status.get("code").or(Some(status)));
    let code = code.or_else(|| response.get("status_code"));
    let Some(code) = code.and_then(Node::text).and_then(|code| code.parse().ok()) else {
        return Ok(Err("`response` has no status code".to_owned()));
    };
    of.status = code;
    let version = response.get("http_version").or(response.get("protocol"));
    let version = version.and_then(Node::text);
    of.version = version
        .filter(|version| version.starts_with("HTTP/"))
        .map(str::to_owned);
    of.headers = headers(response.get("headers"))?;
    match body(response)? {
        Found::Bytes(bytes) => of.body = bytes,
        Found::Parsed(json) => {
            of.body = json.into();
            of.decoded = true;
            of.notes.push(Note::ResponseReserialised);
        }
        Found::Nothing => {}
        Found::Unreadable => return Ok(Err("its response body is no text".to_owned())),
    }
    Ok(Ok(()))
}

enum Found {
    Bytes(Bytes),
    /// JSON that was written from its parsed form.
    Parsed(String),
    Nothing,
    /// Some object of Python's.
    Unreadable,
}

/// A text, `string`, `base64_string`, `content`, or `parsed_body` beside it.
fn body(side: &Node<'_>) -> Result<Found, Wrong> {
    if let Some(parsed) = side.get("parsed_body") {
        return Ok(Found::Parsed(to_json(parsed)?));
    }
    let Some(body) = side.get("body").or_else(|| side.get("content")) else {
        return Ok(Found::Nothing);
    };
    let encoded = body.get("base64_string").or(side.get("base64_string"));
    if let Some(encoded) = encoded {
        let text = encoded.text().unwrap_or_default();
        let bytes = unbase64(text).map_err(|found| Wrong::at(encoded.line, found))?;
        return Ok(Found::Bytes(bytes.into()));
    }
    let text = if body.is_map() {
        body.get("string")
    } else {
        Some(body)
    };
    let Some(text) = text else {
        let known = body.entries().all(|(key, _)| key.text() == Some("string"));
        return Ok(if known {
            Found::Nothing
        } else {
            Found::Unreadable
        });
    };
    match text.bytes() {
        Some(bytes) => Ok(Found::Bytes(Bytes::copy_from_slice(&bytes?))),
        None => Ok(Found::Unreadable),
    }
}

/// Names to one value or a list of values; older cassettes have a list of pairs.
fn headers(fields: Option<&Node<'_>>) -> Result<Headers, Wrong> {
    let mut headers = Headers::new();
    let Some(fields) = fields else {
        return Ok(headers);
    };
    let mut put = |name: &Node<'_>, value: &Node<'_>| {
        let (Some(name_text), Some(bytes)) = (name.text(), value.bytes()) else {
            return Err(Wrong::at(
                name.line,
                "expected a header's name and its value or values",
            ));
        };
        headers.push(name_text, Bytes::copy_from_slice(&bytes?));
        Ok(())
    };
    for (name, value) in fields.entries() {
        if value.is_list() {
            value.items().try_for_each(|value| put(name, value))?;
        } else if !value.is_null() {
            put(name, value)?;
        }
    }
    for pair in fields.items() {
        let mut parts = pair.items();
        if let (Some(name), Some(value)) = (parts.next(), parts.next()) {
            put(name, value)?;
        }
    }
    Ok(headers)
}
