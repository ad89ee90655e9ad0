//! The tape under construction: what all importers do alike.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use memchr::memmem;
use serde_json::value::{RawValue, to_raw_value};

use super::{Error, Imported, Note, Options, Skipped, coding};
use crate::Offset;
use crate::cassette::{
    Body, Chunk, End, Extra, Header, Headers, How, Interaction, Request, Response,
};

/// The longest request body that fits into a line of a tape in any spelling, and the longest piece
/// of a response body.
const MAX_BODY: usize = 8 << 20;

/// One recording as an importer found it.
pub(super) struct Exchange {
    pub(super) line: Option<u64>,
    pub(super) method: String,
    pub(super) target: String,
    pub(super) url: Option<String>,
    pub(super) started: Option<String>,
    pub(super) request_headers: Headers,
    pub(super) request_body: Bytes,
    pub(super) status: u16,
    pub(super) version: Option<String>,
    pub(super) headers: Headers,
    /// As the file has it; a declared coding is still to be undone, unless `decoded`.
    pub(super) body: Bytes,
    /// The recorder has undone the content coding already.
    pub(super) decoded: bool,
    /// Microseconds from the tape's start to the request.
    pub(super) at: u64,
    /// Microseconds from the request to the head, and to the end of the body.
    pub(super) head_at: u64,
    pub(super) end_at: u64,
    pub(super) notes: Vec<Note>,
}

impl Exchange {
    pub(super) fn new(method: impl Into<String>, target: impl Into<String>) -> Exchange {
        Exchange {
            line: None,
            method: method.into(),
            target: target.into(),
            url: None,
            started: None,
            request_headers: Headers::new(),
            request_body: Bytes::new(),
            status: 200,
            version: None,
            headers: Headers::new(),
            body: Bytes::new(),
            decoded: false,
            at: 0,
            head_at: 0,
            end_at: 0,
            notes: Vec::new(),
        }
    }

    fn knows(&self, note: Note) -> bool {
        !self.notes.contains(&note)
    }
}

/// The tape of one file.
pub(super) struct Draft<'o> {
    pub(super) options: &'o Options,
    pub(super) created: Option<String>,
    interactions: Vec<Interaction>,
    notes: BTreeMap<Note, Vec<u64>>,
    skipped: Vec<Skipped>,
    placeholders: u64,
}

impl Draft<'_> {
    pub(super) fn new(options: &Options) -> Draft<'_> {
        Draft {
            options,
            created: None,
            interactions: Vec::new(),
            notes: BTreeMap::new(),
            skipped: Vec::new(),
            placeholders: 0,
        }
    }

    /// Leaves a recording out.
    pub(super) fn skip(&mut self, line: impl Into<Option<u64>>, reason: impl Into<String>) {
        let (line, reason) = (line.into(), reason.into());
        self.skipped.push(Skipped { line, reason });
    }

    /// Takes a recording, or leaves it out when no tape can hold it.
    pub(super) fn add(&mut self, mut of: Exchange) {
        if let Some(reason) = unfit(&of) {
            return self.skip(of.line, reason);
        }
        let number = self.interactions.len() as u64 + 1;
        let response = response(number, &mut of);
        let placeholders = placeholders(&of);
        if placeholders > 0 {
            self.placeholders += placeholders;
            of.notes.push(Note::Placeholders);
        }
        let mut interaction = Interaction::new(request(number, &of));
        interaction.response = Some(response);
        interaction.chunks = pieces(number, Offset::from_micros(of.end_at), &of.body);
        let mut end = End::new(number, Offset::from_micros(of.end_at), How::Complete);
        end.chunks = Some(interaction.chunks.len() as u64);
        end.bytes = Some(of.body.len() as u64);
        interaction.end = Some(end);
        self.interactions.push(interaction);
        of.notes.sort_unstable();
        of.notes.dedup();
        for note in of.notes {
            self.notes.entry(note).or_default().push(number);
        }
    }

    pub(super) fn finish(self, format: &'static str, path: &Path) -> Result<Imported, Error> {
        if self.interactions.is_empty() {
            let more = self.skipped.len().saturating_sub(1);
            let reason = match self.skipped.first() {
                None => "it holds no recording".to_owned(),
                Some(first) if more > 0 => format!("{first} (and {more} more)"),
                Some(first) => first.to_string(),
            };
            return Err(Error::Nothing {
                path: path.to_owned(),
                reason,
            });
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mut imported = serde_json::json!({"format": format, "from": name});
        if self.placeholders > 0 {
            imported["placeholders"] = self.placeholders.into();
        }
        if !self.notes.is_empty() {
            let notes = self.notes.iter();
            imported["notes"] = notes
                .map(|(note, numbers)| (note.as_str().to_owned(), numbers.clone().into()))
                .collect::<serde_json::Map<_, _>>()
                .into();
        }
        if !self.skipped.is_empty() {
            let skipped = self.skipped.iter();
            imported["skipped"] = skipped
                .map(|of| serde_json::json!({"line": of.line, "reason": of.reason}))
                .collect();
        }
        let mut header = Header::new();
        header.created = self.created;
        header.timing_unknown = true;
        header.extra.extend(extra("imported", &imported));
        Ok(Imported {
            header,
            interactions: self.interactions,
            notes: self.notes.into_iter().collect(),
            skipped: self.skipped,
            placeholders: self.placeholders,
        })
    }
}

/// Whether the answer is a stream, by its content type or, without one, its first bytes.
pub(super) fn is_stream(of: &Interaction) -> bool {
    const TYPES: [&str; 3] = ["event-stream", "ndjson", "jsonl"];
    match of.content_type() {
        Some(content_type) => TYPES.iter().any(|known| content_type.contains(known)),
        None => of
            .chunks
            .first()
            .is_some_and(|chunk| looks_like_sse(&chunk.bytes)),
    }
}

pub(super) fn looks_like_sse(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let body = body.trim_ascii_start();
    [&b"data:"[..], b"event:", b"id:", b"retry:", b":"]
        .iter()
        .any(|field| body.starts_with(field))
}

/// Why no tape can hold it.
fn unfit(of: &Exchange) -> Option<String> {
    let token = |c: char| c.is_ascii_graphic() && !"()<>@,;:\\\"/[]?={}".contains(c);
    if of.method.is_empty() || !of.method.chars().all(token) {
        return Some("its method is none of HTTP's".to_owned());
    }
    if !(200..=999).contains(&of.status) {
        return Some(match of.status {
            0 => "no response was recorded".to_owned(),
            status => format!("status {status} is no answer"),
        });
    }
    (of.request_body.len() > MAX_BODY).then(|| {
        let length = of.request_body.len();
        format!("its request body of {length} bytes is longer than the {MAX_BODY} of a tape's line")
    })
}

fn request(number: u64, of: &Exchange) -> Request {
    let mut request = Request::new(number, &*of.method, &*of.target);
    request.at = Offset::from_micros(of.at);
    request.started.clone_from(&of.started);
    request.url.clone_from(&of.url);
    request.headers = of.request_headers.clone();
    request.body = Body::from_bytes(of.request_body.clone());
    let unknown: &[&str] = match () {
        () if !of.knows(Note::RequestUnknown) => &["method", "target", "headers", "body"],
        () if !of.knows(Note::RequestBodyUnknown) => &["body"],
        () => &[],
    };
    request.extra = unknown_keys(unknown);
    request
}

/// The head; undoes the body's coding on the way.
fn response(number: u64, of: &mut Exchange) -> Response {
    let mut response = Response::new(number, Offset::from_micros(of.head_at), of.status);
    response.version.clone_from(&of.version);
    let declared = coding::declared(of.headers.get_all("content-encoding"));
    if of.decoded {
        if !of.body.is_empty() {
            response.decoded = declared;
        }
    } else {
        let decoded = coding::decode(of.body.clone(), &declared);
        of.body = decoded.bytes;
        response.decoded = decoded.codings;
        if let Some(why) = decoded.kept {
            of.notes.push(Note::CodingMismatch);
            let why = format!("content-encoding: {why}");
            response.extra.extend(extra("note", &why.into()));
        }
    }
    // These never go back on a wire as they stand here.
    let framing = ["content-encoding", "content-length", "transfer-encoding"];
    let fields = of.headers.iter();
    let (kept, dropped): (Vec<_>, Vec<_>) = fields.partition(|(name, _)| !framing.contains(name));
    response.headers = kept
        .into_iter()
        .map(|(name, value)| (name, value.clone()))
        .collect();
    for (name, _) in dropped {
        if !response.dropped.iter().any(|known| known == name) {
            response.dropped.push(name.to_owned());
        }
    }
    let unknown: Vec<&str> = [
        (Note::StatusUnknown, "status"),
        (Note::HeadersUnknown, "headers"),
    ]
    .into_iter()
    .filter(|(note, _)| !of.knows(*note))
    .map(|(_, key)| key)
    .collect();
    response.extra.extend(unknown_keys(&unknown));
    response
}

/// The body in one chunk, or in several where a tape's line would be too long for it.
fn pieces(number: u64, at: Offset, body: &Bytes) -> Vec<Chunk> {
    let starts = (0..body.len()).step_by(MAX_BODY);
    let piece = |start: usize| body.slice(start..body.len().min(start + MAX_BODY));
    starts
        .map(|start| Chunk::new(number, at, piece(start)))
        .collect()
}

fn placeholders(of: &Exchange) -> u64 {
    let count = |bytes: &[u8]| memmem::find_iter(bytes, b"REDACTED").count() as u64;
    count(of.target.as_bytes()) + count(&of.request_body) + count(&of.body)
}

fn unknown_keys(keys: &[&str]) -> Extra {
    if keys.is_empty() {
        return Extra::new();
    }
    extra("unknown", &keys.into()).into_iter().collect()
}

fn extra(key: &str, value: &serde_json::Value) -> Option<(String, Box<RawValue>)> {
    // A `Value` is always JSON; should it not be, an extra key less harms nobody.
    Some((key.to_owned(), to_raw_value(value).ok()?))
}
