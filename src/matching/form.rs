//! The form of a request in which it is compared.

use sha2::{Digest as _, Sha256};

use super::value::Value;
use super::{Rules, multipart, placeholder};
use crate::cassette::{Body, Request};
use crate::provider::{Provider, canonical_path};

/// What two requests of one route have to share.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Form {
    /// Sorted.
    pub(super) query: Vec<(String, String)>,
    /// Those that the rules name, sorted; none where a recorder left the field out.
    pub(super) headers: Vec<(String, Option<Vec<Value>>)>,
    pub(super) body: Content,
}

/// A body.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    Absent,
    Json(Value),
    /// An array of objects: name, filename, content-type and body of each part.
    Parts(Value),
    Other(Value),
}

pub(super) type Digest = [u8; 32];

impl Content {
    /// The body of `request`, before any rule.
    pub(super) fn of(request: &Request) -> Content {
        let bytes = match &request.body {
            Body::Absent => return Content::Absent,
            body => body.as_bytes(),
        };
        if bytes.is_empty() {
            return Content::Absent;
        }
        if let Some(parts) = multipart::read(request.content_type(), bytes) {
            return Content::Parts(parts);
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => match Value::parse(text) {
                Some(json) => Content::Json(json),
                None => Content::Other(Value::Text(text.into())),
            },
            Err(_) => Content::Other(Value::Bytes(bytes.into())),
        }
    }

    fn under(self, rules: &Rules) -> Content {
        match self {
            Content::Absent if ignores_all(rules) => Content::Other(Value::Ignored),
            Content::Absent => Content::Absent,
            Content::Json(value) | Content::Parts(value) | Content::Other(value)
                if ignores_all(rules) =>
            {
                drop(value);
                Content::Other(Value::Ignored)
            }
            Content::Json(value) => Content::Json(value.under(rules)),
            Content::Parts(value) => Content::Parts(value.under(rules)),
            Content::Other(value) => Content::Other(value.under(rules)),
        }
    }

    pub(super) fn value(&self) -> Option<&Value> {
        match self {
            Content::Absent => None,
            Content::Json(value) | Content::Parts(value) | Content::Other(value) => Some(value),
        }
    }

    /// What it is, in words.
    pub(super) fn words(&self) -> &'static str {
        match self {
            Content::Absent => "no body",
            Content::Json(_) => "a JSON body",
            Content::Parts(_) => "a multipart body",
            Content::Other(Value::Text(_)) => "a body of text that is not JSON",
            Content::Other(_) => "a body of bytes that are not text",
        }
    }
}

fn ignores_all(rules: &Rules) -> bool {
    rules.ignore.iter().any(|pointer| pointer.start().is_here())
}

impl Form {
    /// The form of `request`, whose body is `content`, under `rules`.
    pub(super) fn new(request: &Request, content: Content, rules: &Rules) -> Form {
        let is_compared = |name: &str, value: &str| {
            !rules.ignore_query.iter().any(|own| own == name) && !placeholder::is_in(value)
        };
        let mut query: Vec<(String, String)> = request
            .query()
            .filter(|(name, value)| is_compared(name, value))
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        query.sort();
        let mut headers: Vec<_> = rules
            .headers
            .iter()
            .map(|name| name.to_ascii_lowercase())
            .map(|name| (values_of(request, &name), name))
            .map(|(values, name)| (name, values))
            .collect();
        headers.sort_by(|(one, _), (other, _)| one.cmp(other));
        headers.dedup_by(|(one, _), (other, _)| one == other);
        Form {
            query,
            headers,
            body: content.under(rules),
        }
    }

    /// Whether it, recorded, also matches what is not equal to it.
    pub(super) fn is_wild(&self) -> bool {
        let is_wild = |values: &Option<Vec<Value>>| match values {
            None => true,
            Some(values) => values.iter().any(Value::has_placeholder),
        };
        self.headers.iter().any(|(_, values)| is_wild(values))
            || self.body.value().is_none_or(Value::has_placeholder)
    }

    /// Equal for equal forms, and for no others.
    pub(super) fn digest(&self) -> Digest {
        let mut bytes = Vec::with_capacity(4096);
        for (name, value) in &self.query {
            Value::write_text(name, &mut bytes);
            Value::write_text(value, &mut bytes);
        }
        bytes.push(b'h');
        for (name, values) in &self.headers {
            Value::write_text(name, &mut bytes);
            for value in values.iter().flatten() {
                value.write(&mut bytes);
            }
            bytes.push(b';');
        }
        bytes.push(match &self.body {
            Content::Absent => b'0',
            Content::Json(_) => b'1',
            Content::Parts(_) => b'2',
            Content::Other(_) => b'3',
        });
        if let Some(value) = self.body.value() {
            value.write(&mut bytes);
        }
        Sha256::digest(&bytes).into()
    }
}

/// The values of a header field; none where the tape says only that there was one.
fn values_of(request: &Request, name: &str) -> Option<Vec<Value>> {
    let value = |bytes: &bytes::Bytes| match std::str::from_utf8(bytes) {
        Ok(text) => Value::Text(text.trim().into()),
        Err(_) => Value::Bytes(bytes[..].into()),
    };
    let values: Vec<Value> = request.headers.get_all(name).map(value).collect();
    let left_out = values.is_empty()
        && request
            .dropped
            .iter()
            .any(|own| own.eq_ignore_ascii_case(name));
    (!left_out).then_some(values)
}

/// Method and path of a request, in the spelling that all of its spellings share.
pub(super) fn route(method: &str, target: &str) -> String {
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let (_, path) = canonical_path(path);
    format!("{} {path}", method.to_ascii_uppercase())
}

/// The host that a request is meant for, where its URL or a provider's name in its path tells.
pub(super) fn host_of(request: &Request) -> Option<Box<str>> {
    let authority = |url: &str| -> Option<Box<str>> {
        let (_, rest) = url.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next()?;
        let host = authority.rsplit('@').next()?;
        Some(host.to_ascii_lowercase().into())
    };
    let named = |provider: &'static Provider| authority(provider.upstream?);
    match &request.url {
        Some(url) => authority(url),
        None => canonical_path(request.path()).0.and_then(named),
    }
}
