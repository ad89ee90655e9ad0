use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::interaction::Log;
use super::{Error, Finding, InteractionRedactor, Masker, Place, Redactor};
use crate::cassette::{End, Record, Request, Response};

/// Masks what an existing cassette should not hold, record by record, and says where it was.
///
/// Chunks are held back as while recording ([`Masker`]); the order of an interaction's own records
/// never changes. Unlike a recorder it leaves header fields outside the allow-lists where they are,
/// unless they hold credentials.
///
/// ```
/// use rigtape::cassette::{Record, Request};
/// use rigtape::redact::{Mender, Redactor};
///
/// let mut request = Request::new(1, "GET", "/v1/models?key=0123456789abcdef");
/// request.headers.push("x-api-key", "0123456789abcdef");
///
/// let mut mender = Mender::new(Redactor::new());
/// let mended = mender.push(Record::Request(request))?;
/// let Record::Request(request) = &mended[0] else { unreachable!() };
/// assert_eq!(request.target, "/v1/models?key=1-REDACTED-xxxxx");
/// assert_eq!(request.dropped, ["x-api-key"]);
/// assert_eq!(mender.findings().len(), 2);
/// # Ok::<(), rigtape::redact::Error>(())
/// ```
#[derive(Debug)]
pub struct Mender {
    redactor: Redactor,
    open: BTreeMap<u64, Open>,
    findings: Vec<Finding>,
}

#[derive(Debug)]
struct Open {
    own: InteractionRedactor,
    masker: Masker,
}

impl Mender {
    /// Mends one cassette. When placeholders stand on it already, [`reserve`](Redactor::reserve)
    /// their numbers first ([`last_placeholder`]).
    pub fn new(redactor: Redactor) -> Mender {
        Mender {
            redactor,
            open: BTreeMap::new(),
            findings: Vec::new(),
        }
    }

    /// Takes the next record; returns those that are mended by now.
    ///
    /// # Errors
    ///
    /// As [`Redactor::for_request`].
    pub fn push(&mut self, record: Record) -> Result<Vec<Record>, Error> {
        Ok(match record {
            Record::Request(request) => self.request(request)?,
            Record::Response(response) => {
                let number = response.interaction;
                let response = self.response(response)?;
                self.ahead(number, Record::Response(response))
            }
            Record::Chunk(chunk) => {
                let released = self.open(chunk.interaction)?.masker.push(chunk);
                released.into_iter().map(Record::Chunk).collect()
            }
            Record::End(end) => {
                let number = end.interaction;
                let end = self.end(end)?;
                let mut records = self.close(number);
                records.push(Record::End(end));
                records
            }
            other => vec![other],
        })
    }

    /// The cassette ended; returns what was held back for interactions without an end.
    pub fn finish(&mut self) -> Vec<Record> {
        let numbers: Vec<u64> = self.open.keys().copied().collect();
        numbers
            .into_iter()
            .flat_map(|number| self.close(number))
            .collect()
    }

    /// What was found so far; what stands in chunks comes with the end of their interaction.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    fn request(&mut self, mut request: Request) -> Result<Vec<Record>, Error> {
        let number = request.interaction;
        let own = self.redactor.for_request(&request)?;
        let mut records = self.close(number);
        let mut log = Log::new(number);
        own.strip(
            &mut request.headers,
            &mut request.dropped,
            &mut log,
            |name| Place::RequestHeader { name },
        );
        let request = own.mask_request(request, &mut log);
        self.findings.append(&mut log.findings);
        let masker = own.masker();
        self.open.insert(number, Open { own, masker });
        records.push(Record::Request(request));
        Ok(records)
    }

    fn response(&mut self, mut response: Response) -> Result<Response, Error> {
        let mut log = Log::new(response.interaction);
        let own = self.open(response.interaction)?.own.clone();
        own.strip(
            &mut response.headers,
            &mut response.dropped,
            &mut log,
            |name| Place::ResponseHeader { name },
        );
        let response = own.mask_response(response, &mut log);
        self.findings.append(&mut log.findings);
        Ok(response)
    }

    fn end(&mut self, mut end: End) -> Result<End, Error> {
        let mut log = Log::new(end.interaction);
        let own = self.open(end.interaction)?.own.clone();
        own.strip(&mut end.trailers, &mut Vec::new(), &mut log, |name| {
            Place::Trailer { name }
        });
        let end = own.mask_end(end, &mut log);
        self.findings.append(&mut log.findings);
        Ok(end)
    }

    /// `record`, after what its interaction held back.
    fn ahead(&mut self, number: u64, record: Record) -> Vec<Record> {
        let held = self.open.get_mut(&number).map(|open| open.masker.finish());
        let held = held.unwrap_or_default().into_iter().map(Record::Chunk);
        held.chain([record]).collect()
    }

    /// A tape may lack a request line; what follows is masked all the same.
    fn open(&mut self, number: u64) -> Result<&mut Open, Error> {
        match self.open.entry(number) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => {
                let own = self.redactor.for_request(&Request::new(number, "", ""))?;
                let masker = own.masker();
                Ok(entry.insert(Open { own, masker }))
            }
        }
    }

    fn close(&mut self, number: u64) -> Vec<Record> {
        let Some(mut open) = self.open.remove(&number) else {
            return Vec::new();
        };
        let released = open.masker.finish();
        self.findings.extend_from_slice(open.masker.findings());
        released.into_iter().map(Record::Chunk).collect()
    }
}

/// The highest placeholder number that `record` notes, 0 if it notes none.
///
/// For [`Redactor::reserve`], before a tape that holds placeholders is mended or recorded onto.
pub fn last_placeholder(record: &Record) -> u64 {
    let Record::Chunk(chunk) = record else {
        return 0;
    };
    chunk
        .redacted
        .iter()
        .map(|range| range.placeholder)
        .max()
        .unwrap_or(0)
}

/// Findings in `records`, which are a whole cassette.
///
/// # Errors
///
/// As [`Redactor::for_request`].
pub fn audit(
    redactor: &Redactor,
    records: impl IntoIterator<Item = Record>,
) -> Result<Vec<Finding>, Error> {
    let mut mender = Mender::new(redactor.for_cassette());
    for record in records {
        mender.push(record)?;
    }
    mender.finish();
    Ok(mender.findings)
}
