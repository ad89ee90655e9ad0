//! A [`Record`] to one JSON line, in its one spelling.

use std::io::Write as _;

use serde_json::value::RawValue;

use super::payload::{self, write_str};
use super::{Body, Chunk, End, Extra, Header, Headers, Record, Request, Response, VERSION};

/// Appends the line, LF included.
pub(super) fn encode(record: &Record, out: &mut Vec<u8>) {
    match record {
        Record::Header(header) => encode_header(header, out),
        Record::Request(request) => encode_request(request, out),
        Record::Response(response) => encode_response(response, out),
        Record::Chunk(chunk) => encode_chunk(chunk, out),
        Record::End(end) => encode_end(end, out),
        Record::Other(raw) => write_raw(out, raw),
    }
    out.push(b'\n');
}

pub(super) fn encode_header(header: &Header, out: &mut Vec<u8>) {
    let mut object = Object::open(out, "rigtape", VERSION);
    object.text("created", header.created.as_deref());
    object.text("creator", header.creator.as_deref());
    object.text("title", header.title.as_deref());
    if header.synthetic {
        object.key("synthetic").extend_from_slice(b"true");
    }
    if header.timing_unknown {
        object.text("timing", Some("unknown"));
    }
    if let Some(rules) = &header.rules {
        write_raw(object.key("match"), rules);
    }
    object.close(&header.extra);
}

fn encode_request(request: &Request, out: &mut Vec<u8>) {
    let mut object = Object::open(out, "request", request.interaction);
    object.number("at", request.at.as_micros());
    object.text("started", request.started.as_deref());
    object.text("method", Some(&request.method));
    object.text("target", Some(&request.target));
    object.text("url", request.url.as_deref());
    object.headers("headers", &request.headers);
    object.texts("dropped", &request.dropped);
    match &request.body {
        Body::Absent => {}
        // A line break would end the tape's line. As a string, the body keeps its bytes.
        Body::Json(raw) if has_line_break(raw) => write_str(object.key("body"), raw.get()),
        Body::Json(raw) => {
            let out = object.key("body");
            out.extend_from_slice(b"{\"json\":");
            out.extend_from_slice(raw.get().as_bytes());
            out.push(b'}');
        }
        Body::Bytes(bytes) => payload::write(object.key("body"), bytes),
    }
    object.close(&request.extra);
}

fn encode_response(response: &Response, out: &mut Vec<u8>) {
    let mut object = Object::open(out, "response", response.interaction);
    object.number("at", response.at.as_micros());
    object.number("status", u64::from(response.status));
    object.text("version", response.version.as_deref());
    object.text("framing", response.framing.map(|framing| framing.as_str()));
    object.headers("headers", &response.headers);
    object.texts("dropped", &response.dropped);
    object.texts("decoded", &response.decoded);
    object.close(&response.extra);
}

pub(super) fn encode_chunk(chunk: &Chunk, out: &mut Vec<u8>) {
    out.push(b'[');
    write_number(out, chunk.interaction);
    out.push(b',');
    write_number(out, chunk.at.as_micros());
    out.push(b',');
    payload::write(out, &chunk.bytes);
    if !chunk.redacted.is_empty() {
        out.extend_from_slice(b",{\"redacted\":[");
        for (index, range) in chunk.redacted.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            // Writing to memory does not fail.
            let _ = write!(
                out,
                "{comma}[{},{},{}]",
                range.offset, range.length, range.placeholder
            );
        }
        out.extend_from_slice(b"]}");
    }
    for note in &chunk.extra {
        out.push(b',');
        write_raw(out, note);
    }
    out.push(b']');
}

fn encode_end(end: &End, out: &mut Vec<u8>) {
    let mut object = Object::open(out, "end", end.interaction);
    object.number("at", end.at.as_micros());
    object.text("how", Some(end.how.as_str()));
    if let Some(chunks) = end.chunks {
        object.number("chunks", chunks);
    }
    if let Some(bytes) = end.bytes {
        object.number("bytes", bytes);
    }
    object.text("detail", end.detail.as_deref());
    object.headers("trailers", &end.trailers);
    object.close(&end.extra);
}

/// An object being written; fields that say nothing are left out.
struct Object<'a>(&'a mut Vec<u8>);

impl<'a> Object<'a> {
    fn open(out: &'a mut Vec<u8>, kind: &str, number: u64) -> Object<'a> {
        out.extend_from_slice(b"{\"");
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(b"\":");
        write_number(out, number);
        Object(out)
    }

    fn key(&mut self, key: &str) -> &mut Vec<u8> {
        self.0.push(b',');
        write_str(self.0, key);
        self.0.push(b':');
        self.0
    }

    fn number(&mut self, key: &str, value: u64) {
        write_number(self.key(key), value);
    }

    fn text(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            write_str(self.key(key), value);
        }
    }

    fn texts(&mut self, key: &str, values: &[String]) {
        if values.is_empty() {
            return;
        }
        let out = self.key(key);
        list(out, values, |out, value| write_str(out, value));
    }

    fn headers(&mut self, key: &str, headers: &Headers) {
        if headers.is_empty() {
            return;
        }
        list(self.key(key), headers.iter(), |out, (name, value)| {
            out.push(b'[');
            write_str(out, name);
            out.push(b',');
            payload::write(out, value);
            out.push(b']');
        });
    }

    fn close(mut self, extra: &Extra) {
        for (key, raw) in extra {
            write_raw(self.key(key), raw);
        }
        self.0.push(b'}');
    }
}

fn list<T>(out: &mut Vec<u8>, items: impl IntoIterator<Item = T>, write: impl Fn(&mut Vec<u8>, T)) {
    out.push(b'[');
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(b']');
}

fn write_number(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    let mut rest = number;
    loop {
        start -= 1;
        // The remainder is below ten.
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

/// JSON as written. Line breaks, which can only be white space between its tokens, become spaces.
fn write_raw(out: &mut Vec<u8>, raw: &RawValue) {
    let start = out.len();
    out.extend_from_slice(raw.get().as_bytes());
    if has_line_break(raw) {
        for byte in &mut out[start..] {
            if matches!(byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
    }
}

fn has_line_break(raw: &RawValue) -> bool {
    memchr::memchr2(b'\n', b'\r', raw.get().as_bytes()).is_some()
}
