//! `multipart/…` bodies (RFC 2046), part by part and without their boundary.

use super::value::Value;

/// The parts of a body as an array of objects; none when it is not multipart, or not well formed.
pub(super) fn read(content_type: Option<&str>, body: &[u8]) -> Option<Value> {
    let boundary = match content_type {
        Some(of) if of.to_ascii_lowercase().starts_with("multipart/") => {
            parameter(of, "boundary")?.as_bytes().to_vec()
        }
        // A tape may lack the header; its boundary is then what the body begins with.
        None if body.starts_with(b"--") => {
            let end = memchr::memchr(b'\r', body)?;
            body[2..end].to_vec()
        }
        _ => return None,
    };
    if boundary.is_empty() || boundary.len() > 70 {
        return None;
    }
    let delimiter = [b"\r\n--", &boundary[..]].concat();
    let mut parts = Vec::new();
    // The first delimiter may lack its line break.
    let mut rest = match body.strip_prefix(&delimiter[2..]) {
        Some(rest) => rest,
        None => &body[memchr::memmem::find(body, &delimiter)? + delimiter.len()..],
    };
    let finder = memchr::memmem::Finder::new(&delimiter);
    loop {
        if rest.starts_with(b"--") {
            return Some(Value::Array(parts));
        }
        let line = memchr::memmem::find(rest, b"\r\n")?;
        rest = &rest[line + 2..];
        // A part without fields begins with the empty line, so its CRLF counts as a delimiter's too.
        let end = finder.find(rest)?;
        parts.push(part(&rest[..end]));
        rest = &rest[end + delimiter.len()..];
    }
}

fn part(bytes: &[u8]) -> Value {
    let (head, body) = match memchr::memmem::find(bytes, b"\r\n\r\n") {
        _ if bytes.starts_with(b"\r\n") => (&b""[..], &bytes[2..]),
        Some(at) => (&bytes[..at], &bytes[at + 4..]),
        None => (bytes, &b""[..]),
    };
    let head = String::from_utf8_lossy(head);
    let field = |name: &str| {
        let fields = head.lines().filter_map(|line| line.split_once(':'));
        let mut named = fields.filter(|(own, _)| own.trim().eq_ignore_ascii_case(name));
        named.next().map(|(_, value)| value.trim())
    };
    let mut members: Vec<(Box<str>, Value)> = Vec::new();
    let content_type = field("content-type");
    let is_json = content_type.is_some_and(|of| of.to_ascii_lowercase().contains("json"));
    let body = match std::str::from_utf8(body) {
        Ok(text) => match Value::parse(text).filter(|_| is_json) {
            Some(json) => json,
            None => Value::Text(text.into()),
        },
        Err(_) => Value::Bytes(body.into()),
    };
    members.push(("body".into(), body));
    if let Some(of) = content_type {
        members.push(("content-type".into(), Value::Text(of.into())));
    }
    let disposition = field("content-disposition").unwrap_or_default();
    for name in ["filename", "name"] {
        if let Some(value) = parameter(disposition, name) {
            members.push((name.into(), Value::Text(value.into())));
        }
    }
    Value::Object(members)
}

/// A parameter of a field, `form-data; name="file"`.
fn parameter<'f>(field: &'f str, name: &str) -> Option<&'f str> {
    field.split(';').skip(1).find_map(|pair| {
        let (own, value) = pair.split_once('=')?;
        let value = value.trim();
        let bare = value
            .strip_prefix('"')
            .and_then(|value| value.strip_suffix('"'));
        own.trim()
            .eq_ignore_ascii_case(name)
            .then_some(bare.unwrap_or(value))
    })
}
