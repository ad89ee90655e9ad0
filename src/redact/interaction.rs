use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::carry::{Found, Masker, Spot};
use super::headers::{Side, Split};
use super::pointer::ranges;
use super::scan::{Literals, What};
use super::{Finding, Kind, Place, Shared, url};
use crate::cassette::{Body, End, Headers, Redacted, Request, Response};

/// Masks one interaction: knows its request's own credentials.
#[derive(Clone)]
pub struct InteractionRedactor {
    shared: Arc<Shared>,
    literals: Arc<Literals>,
}

impl InteractionRedactor {
    pub(super) fn new(shared: Arc<Shared>, literals: Arc<Literals>) -> InteractionRedactor {
        InteractionRedactor { shared, literals }
    }

    /// The request as it may be written: headers from the allow-list, secrets masked.
    ///
    /// In a body, a target or a URL no note tells where: a placeholder there is known by its text.
    pub fn request(&self, mut request: Request) -> Request {
        let split = self
            .shared
            .compiled
            .headers
            .split(Side::Request, &request.headers);
        self.take(split, &mut request.headers, &mut request.dropped);
        let mut log = Log::new(request.interaction);
        self.mask_request(request, &mut log)
    }

    /// The response head as it may be written: headers from the allow-list, secrets masked.
    pub fn response(&self, mut response: Response) -> Response {
        let split = self
            .shared
            .compiled
            .headers
            .split(Side::Response, &response.headers);
        self.take(split, &mut response.headers, &mut response.dropped);
        let mut log = Log::new(response.interaction);
        self.mask_response(response, &mut log)
    }

    /// Masks the chunks of the response's body.
    pub fn masker(&self) -> Masker {
        Masker::new(self.shared.clone(), self.shared.scanner(&self.literals))
    }

    /// The end as it may be written: trailers from the allow-list, secrets masked.
    pub fn end(&self, mut end: End) -> End {
        end.trailers = self
            .shared
            .compiled
            .headers
            .split(Side::Response, &end.trailers)
            .kept;
        let mut log = Log::new(end.interaction);
        self.mask_end(end, &mut log)
    }

    /// Secrets in `text` that was assembled from the stream: a key that came in two deltas is whole
    /// only there. Placeholders are no findings.
    pub fn audit_text(&self, text: &str) -> Vec<Finding> {
        let finding = |(_, finding)| finding;
        self.mask_assembled(text)
            .1
            .into_iter()
            .map(finding)
            .collect()
    }

    /// `text`, which was assembled from the stream, with placeholders of the same length in its
    /// secrets' places, and these places.
    pub fn mask_assembled(&self, text: &str) -> (String, Vec<(Redacted, Finding)>) {
        let whole = self
            .masker()
            .mask_whole(Bytes::copy_from_slice(text.as_bytes()), &[]);
        let finding = |Found { place, kind }| {
            let finding = Finding {
                interaction: None,
                place: Place::Text {
                    offset: place.offset,
                },
                kind,
                length: place.length,
            };
            (place, finding)
        };
        // As in a request's text: a replacement character would be all that is lost.
        let masked = String::from_utf8_lossy(&whole.bytes).into_owned();
        (masked, whole.found.into_iter().map(finding).collect())
    }

    /// Takes the fields that hold credentials out of a head that was recorded with them.
    pub(super) fn strip(
        &self,
        headers: &mut Headers,
        dropped: &mut Vec<String>,
        log: &mut Log,
        place: impl Fn(String) -> Place,
    ) {
        let lists = &self.shared.compiled.headers;
        for (name, value) in headers.iter().filter(|(name, _)| lists.drops(name)) {
            log.add(place(name.to_owned()), Kind::Header, value.len());
        }
        let split = lists.without_credentials(headers);
        self.take(split, headers, dropped);
    }

    pub(super) fn mask_request(&self, mut request: Request, log: &mut Log) -> Request {
        let target = parameters(&request.target);
        request.target = self.mask_text(request.target, &target, log, Place::target);
        if let Some(url) = request.url.take() {
            let ranges = parameters(&url);
            request.url = Some(self.mask_text(url, &ranges, log, Place::url));
        }
        request.headers =
            self.mask_headers(&request.headers, log, |name| Place::RequestHeader { name });
        request.body = self.mask_body(request.body, log);
        request
    }

    pub(super) fn mask_response(&self, mut response: Response, log: &mut Log) -> Response {
        response.headers = self.mask_headers(&response.headers, log, |name| {
            Place::ResponseHeader { name }
        });
        response
    }

    pub(super) fn mask_end(&self, mut end: End, log: &mut Log) -> End {
        end.trailers = self.mask_headers(&end.trailers, log, |name| Place::Trailer { name });
        if let Some(detail) = end.detail.take() {
            end.detail = Some(self.mask_text(detail, &[], log, Place::detail));
        }
        end
    }

    fn take(&self, split: Split, headers: &mut Headers, dropped: &mut Vec<String>) {
        *headers = split.kept;
        for name in split.dropped {
            if !dropped.contains(&name) {
                dropped.push(name);
            }
        }
    }

    /// Values of recorded fields can repeat a credential too: a request id made from a key, a
    /// location with a token in its query.
    fn mask_headers(
        &self,
        headers: &Headers,
        log: &mut Log,
        place: impl Fn(String) -> Place,
    ) -> Headers {
        let mask = |(name, value): (&str, &Bytes)| {
            let spots = match std::str::from_utf8(value) {
                Ok(text) if name == "location" => parameters(text),
                _ => Vec::new(),
            };
            let place = |_| place(name.to_owned());
            (
                name.to_owned(),
                self.mask_bytes(value.clone(), &spots, log, place),
            )
        };
        headers.iter().map(mask).collect()
    }

    fn mask_body(&self, body: Body, log: &mut Log) -> Body {
        match body {
            Body::Json(raw) => {
                let spots = self.pointed(raw.get());
                let text = raw.get().to_owned();
                let masked = self.mask_text(text, &spots, log, Place::body);
                if masked == raw.get() {
                    return Body::Json(raw);
                }
                // A placeholder is safe inside a JSON string, and a secret may stand outside one.
                match RawValue::from_string(masked.clone()) {
                    Ok(raw) => Body::Json(raw),
                    Err(_) => Body::Bytes(masked.into()),
                }
            }
            Body::Bytes(bytes) => {
                let spots = std::str::from_utf8(&bytes)
                    .map_or_else(|_| Vec::new(), |text| self.pointed(text));
                Body::Bytes(self.mask_bytes(bytes, &spots, log, Place::body))
            }
            Body::Absent => Body::Absent,
        }
    }

    fn pointed(&self, json: &str) -> Vec<Spot> {
        let pointers = self.shared.compiled.pointers.iter();
        pointers
            .flat_map(|pointer| ranges(pointer, json))
            .map(|range| Spot {
                range,
                what: What::Pointer,
            })
            .collect()
    }

    fn mask_text(
        &self,
        text: String,
        spots: &[Spot],
        log: &mut Log,
        place: impl Fn(usize) -> Place,
    ) -> String {
        let masked = self.mask_bytes(text.into(), spots, log, place);
        // Secrets of a text are whole characters, and placeholders are ASCII; should a secret be
        // a part of a character, the replacement character is all that is lost.
        String::from_utf8_lossy(&masked).into_owned()
    }

    fn mask_bytes(
        &self,
        bytes: Bytes,
        spots: &[Spot],
        log: &mut Log,
        place: impl Fn(usize) -> Place,
    ) -> Bytes {
        let whole = self.masker().mask_whole(bytes, spots);
        for Found { place: at, kind } in whole.found {
            log.add(place(at.offset), kind, at.length);
        }
        whole.bytes
    }
}

/// Findings of one interaction.
#[derive(Debug)]
pub(super) struct Log {
    interaction: u64,
    pub(super) findings: Vec<Finding>,
}

impl Log {
    pub(super) fn new(interaction: u64) -> Log {
        Log {
            interaction,
            findings: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, place: Place, kind: Kind, length: usize) {
        self.findings.push(Finding {
            interaction: Some(self.interaction),
            place,
            kind,
            length,
        });
    }
}

fn parameters(url: &str) -> Vec<Spot> {
    let spot = |range: Range<usize>| Spot {
        range,
        what: What::Parameter,
    };
    url::secret_ranges(url).into_iter().map(spot).collect()
}

impl fmt::Debug for InteractionRedactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InteractionRedactor")
            .finish_non_exhaustive()
    }
}
