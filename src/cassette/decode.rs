//! One JSON line to a [`Record`].

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::shown;
use super::payload;
use super::{Body, Chunk, End, Fault, Framing, Header, Headers, How, Record, Redacted};
use super::{Request, Response};
use crate::Offset;
use fields::{Fields, Item};

mod fields;

const MICROS: &str = "whole microseconds";
const NUMBER: &str = "a whole number";
const PAYLOAD: &str = "a string or {\"base64\":\"…\"}";
const FORMS: &str = "{\"json\":…}, a string, {\"base64\":\"…\"} or absent";

/// Reads one line, outer white space removed. `scratch` is working memory to be used again.
pub(super) fn decode(line: &[u8], scratch: &mut Vec<u8>) -> Result<Record, Fault> {
    match line.first() {
        Some(b'[') => chunk(line, scratch).map(Record::Chunk),
        Some(b'{') => object(utf8(line)?),
        _ => Err(Fault::NotARecord { found: shown(line) }),
    }
}

/// The value of the key `rigtape`, as written, when the line is an object that has it: the one
/// thing of a header that every version shares, so it is looked at before all else.
pub(super) fn version(line: &[u8]) -> Option<String> {
    let mut fields = Fields::parse("header", utf8(line).ok()?).ok()?;
    fields
        .take("rigtape")
        .ok()
        .flatten()
        .map(|item| item.raw.get().to_owned())
}

/// A line's kind is told by its first key that is one of these.
const KINDS: [&str; 5] = ["rigtape", "request", "response", "end", "comment"];

fn object(line: &str) -> Result<Record, Fault> {
    let mut fields = Fields::parse("record", line)?;
    let kind = fields
        .keys()
        .find_map(|key| KINDS.into_iter().find(|kind| *kind == key));
    fields.record = kind.unwrap_or("record");
    Ok(match kind {
        Some("rigtape") => Record::Header(header(fields)?),
        Some("request") => Record::Request(request(fields)?),
        Some("response") => Record::Response(response(fields)?),
        Some("end") => Record::End(end(fields)?),
        _ => Record::Other(serde_json::from_str(line)?),
    })
}

fn header(mut fields: Fields<'_>) -> Result<Header, Fault> {
    fields.record = "header";
    fields.take("rigtape")?;
    let timing_unknown = fields.take_if("timing", |item| item.text().as_deref() == Some("unknown"));
    Ok(Header {
        created: fields.text("created")?,
        creator: fields.text("creator")?,
        title: fields.text("title")?,
        synthetic: fields.flag("synthetic")?,
        timing_unknown,
        rules: fields.take("match")?.map(|item| item.raw.to_owned()),
        extra: fields.rest(),
    })
}

fn request(mut fields: Fields<'_>) -> Result<Request, Fault> {
    Ok(Request {
        interaction: fields.number("request", NUMBER)?,
        at: Offset::from_micros(fields.number("at", MICROS)?),
        started: fields.text("started")?,
        method: fields.required_text("method")?,
        target: fields.required_text("target")?,
        url: fields.text("url")?,
        headers: fields
            .take("headers")?
            .map_or(Ok(Headers::new()), |item| headers(&item))?,
        dropped: fields.texts("dropped")?,
        body: fields
            .take("body")?
            .map_or(Ok(Body::Absent), |item| body(&item))?,
        extra: fields.rest(),
    })
}

fn response(mut fields: Fields<'_>) -> Result<Response, Fault> {
    let mut framing = None;
    // An unknown word stays where it is, among the keys that are kept as written.
    fields.take_if("framing", |item| {
        framing = item.text().and_then(|word| Framing::from_word(&word));
        framing.is_some()
    });
    Ok(Response {
        interaction: fields.number("response", NUMBER)?,
        at: Offset::from_micros(fields.number("at", MICROS)?),
        status: fields.status()?,
        version: fields.text("version")?,
        framing,
        headers: fields
            .take("headers")?
            .map_or(Ok(Headers::new()), |item| headers(&item))?,
        dropped: fields.texts("dropped")?,
        decoded: fields.texts("decoded")?,
        extra: fields.rest(),
    })
}

fn end(mut fields: Fields<'_>) -> Result<End, Fault> {
    Ok(End {
        interaction: fields.number("end", NUMBER)?,
        at: Offset::from_micros(fields.number("at", MICROS)?),
        how: How::from(&*fields.required_text("how")?),
        chunks: fields.optional_number("chunks")?,
        bytes: fields.optional_number("bytes")?,
        detail: fields.text("detail")?,
        trailers: fields
            .take("trailers")?
            .map_or(Ok(Headers::new()), |item| headers(&item))?,
        extra: fields.rest(),
    })
}

fn chunk(line: &[u8], scratch: &mut Vec<u8>) -> Result<Chunk, Fault> {
    scratch.clear();
    if let Some((interaction, at)) = plain_chunk(line, scratch) {
        return Ok(Chunk::new(interaction, at, Bytes::copy_from_slice(scratch)));
    }
    let elements: Vec<&RawValue> = serde_json::from_str(utf8(line)?)?;
    let [interaction, at, bytes, notes @ ..] = &elements[..] else {
        return Err(Fault::ShortChunk {
            found: elements.len(),
        });
    };
    let item = |key, raw| Item {
        record: "chunk",
        key,
        raw,
    };
    let mut chunk = Chunk::new(
        item("interaction", interaction).number(NUMBER)?,
        Offset::from_micros(item("offset", at).number(MICROS)?),
        bytes_of(&item("bytes", bytes))?,
    );
    for note in notes {
        if note.get().starts_with('{') {
            annotate(&mut chunk, Fields::parse("chunk", note.get())?)?;
        } else {
            chunk.extra.push((*note).to_owned());
        }
    }
    Ok(chunk)
}

/// The common chunk line, `[1,412310,"…"]` without notes, in one pass; `None` for any other.
fn plain_chunk(line: &[u8], bytes: &mut Vec<u8>) -> Option<(u64, Offset)> {
    let (interaction, rest) = digits(line.strip_prefix(b"[")?)?;
    let (at, rest) = digits(rest.strip_prefix(b",")?)?;
    let rest = payload::read_str(rest.strip_prefix(b",\"")?, bytes)?;
    let whole = rest == b"]" && std::str::from_utf8(bytes).is_ok();
    whole.then_some((interaction, Offset::from_micros(at)))
}

fn digits(text: &[u8]) -> Option<(u64, &[u8])> {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if length == 0 || (length > 1 && text[0] == b'0') {
        return None;
    }
    let mut number = 0u64;
    for digit in &text[..length] {
        number = number
            .checked_mul(10)?
            .checked_add(u64::from(digit - b'0'))?;
    }
    Some((number, &text[length..]))
}

/// Takes what is known out of one note; what is not stays as a note of its own.
fn annotate(chunk: &mut Chunk, mut note: Fields<'_>) -> Result<(), Fault> {
    if let Some(item) = note.take("redacted")? {
        let ranges: Vec<(usize, usize, u64)> = serde_json::from_str(item.raw.get())
            .map_err(|_| item.wrong("a list of [offset, length, placeholder number]"))?;
        chunk.redacted.extend(
            ranges
                .into_iter()
                .map(|(offset, length, placeholder)| Redacted {
                    offset,
                    length,
                    placeholder,
                }),
        );
    }
    if !note.is_empty() {
        chunk.extra.push(note.to_raw()?);
    }
    Ok(())
}

fn headers(item: &Item<'_>) -> Result<Headers, Fault> {
    let wrong = |_| item.wrong("a list of [name, value]");
    let fields: Vec<(String, &RawValue)> = serde_json::from_str(item.raw.get()).map_err(wrong)?;
    let bytes = |raw| bytes_of(&Item { raw, ..*item });
    fields
        .into_iter()
        .map(|(name, value)| Ok((name, bytes(value)?)))
        .collect()
}

fn bytes_of(item: &Item<'_>) -> Result<Bytes, Fault> {
    if let Some(text) = item.text() {
        return Ok(Bytes::from(text.into_owned().into_bytes()));
    }
    let decoded = base64(item.raw).and_then(|text| payload::read_base64(&text));
    decoded.map(Bytes::from).ok_or_else(|| item.wrong(PAYLOAD))
}

fn base64(raw: &RawValue) -> Option<Cow<'_, str>> {
    let mut form = Fields::parse("bytes", raw.get()).ok()?;
    let item = form.take("base64").ok()??;
    if form.is_empty() { item.text() } else { None }
}

fn body(item: &Item<'_>) -> Result<Body, Fault> {
    if !item.raw.get().starts_with('{') {
        let text = item.text().ok_or_else(|| item.wrong(FORMS))?;
        return Ok(Body::Bytes(text.into_owned().into()));
    }
    let mut form = Fields::parse(item.record, item.raw.get())?;
    for reserved in ["omitted", "ref"] {
        if form.keys().any(|key| key == reserved) {
            return Err(Fault::Reserved {
                record: item.record,
                form: reserved,
            });
        }
    }
    let key = form.keys().next().map(str::to_owned);
    match (key.as_deref(), form.len()) {
        (Some("json"), 1) => Ok(form.embedded("json").map_or(Body::Absent, Body::Json)),
        (Some("base64"), 1) => bytes_of(item).map(Body::Bytes),
        _ => Err(item.wrong(FORMS)),
    }
}

fn utf8(line: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(line).map_err(|error| Fault::NotUtf8 {
        column: error.valid_up_to() + 1,
    })
}

/// A string's value; `None` for any other JSON.
fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    #[serde(transparent)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    raw.get()
        .starts_with('"')
        .then(|| serde_json::from_str::<Text<'_>>(raw.get()).ok())?
        .map(|text| text.0)
}
