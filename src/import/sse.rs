//! Bare bodies, and what `curl -N` and `curl -iN` print: a body, with its heads before it or not.

use bytes::Bytes;

use super::draft::{Draft, Exchange, looks_like_sse};
use super::error::Wrong;
use super::{Importer, Note, Read};
use crate::cassette::Headers;

pub(super) static SSE: Importer = Importer {
    name: "sse",
    about: "bare streams: bodies, and what curl -N and curl -iN print",
    docs: "https://curl.se/docs/manpage.html#-i",
    endings: &[".sse", ".txt", ".http"],
    read: Read::Bytes(read),
};

fn read(bytes: &[u8], draft: &mut Draft<'_>) -> Result<(), Wrong> {
    let target = draft.options.target.as_deref().unwrap_or("/");
    let mut of = Exchange::new("POST", target);
    of.notes.extend([Note::RequestUnknown, Note::EndUnknown]);
    let mut rest = bytes;
    let mut line = 1;
    // Provisional heads and those of a proxy come before the answer's own.
    while rest.starts_with(b"HTTP/") {
        rest = head(rest, &mut line, &mut of)?;
    }
    if of.version.is_none() {
        of.notes.extend([Note::StatusUnknown, Note::HeadersUnknown]);
        let text = rest.trim_ascii_start();
        if text.is_empty() {
            return Ok(());
        }
        if !text.starts_with(b"{") && !text.starts_with(b"[") && !looks_like_sse(text) {
            return Err(Wrong::at(
                1,
                "expected a stream (`data: …`), JSON, or a status line before one (`HTTP/1.1 200 OK`)",
            ));
        }
    }
    of.body = Bytes::copy_from_slice(rest);
    draft.add(of);
    Ok(())
}

/// Reads a head into `of`; what stands behind its blank line.
fn head<'b>(bytes: &'b [u8], line: &mut u64, of: &mut Exchange) -> Result<&'b [u8], Wrong> {
    let (status, mut rest) = first_line(bytes);
    let status = String::from_utf8_lossy(status);
    let mut words = status.split_ascii_whitespace();
    of.version = words.next().map(str::to_owned);
    let code = words.next().and_then(|code| code.parse().ok());
    of.status =
        code.ok_or_else(|| Wrong::at(*line, "expected a status line, `HTTP/1.1 200 OK`"))?;
    of.headers = Headers::new();
    *line += 1;
    while !rest.is_empty() {
        let (field, behind) = first_line(rest);
        rest = behind;
        if field.is_empty() {
            *line += 1;
            break;
        }
        let colon = field.iter().position(|byte| *byte == b':');
        let Some(colon) = colon else {
            let expected = "expected a header field, `name: value`, or a blank line";
            return Err(Wrong::at(*line, expected));
        };
        let name = String::from_utf8_lossy(&field[..colon]);
        let value = field[colon + 1..].trim_ascii();
        of.headers.push(name.trim(), Bytes::copy_from_slice(value));
        *line += 1;
    }
    Ok(rest)
}

/// The first line without its end, and the rest.
fn first_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = memchr::memchr(b'\n', bytes);
    let (line, rest) = end.map_or((bytes, &[][..]), |end| (&bytes[..end], &bytes[end + 1..]));
    (line.strip_suffix(b"\r").unwrap_or(line), rest)
}
