//! The audit when a recording ends: what its interactions say, with their pieces joined.
//!
//! Streams are never decoded while they are recorded. This reads the finished tape back, so a
//! dialect's fault can keep a tape from being audited and never from being recorded.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::cassette::{self, Body, Reader, Record, Redacted, Request};
use crate::dialect::{Answer, AnswerReader};
use crate::json::Json;
use crate::redact::{Finding, InteractionRedactor, Place};
use crate::transcript::Delta;

use super::report::TapeReport;

/// Audits one tape and moves it out of the way when it holds a secret.
pub(super) fn tape(tape: &mut TapeReport) {
    let Some(path) = tape.path.clone() else {
        return;
    };
    match listen(&path, &tape.redactors) {
        Err(error) => tape.audit_error = Some(error.to_string()),
        Ok(findings) if findings.is_empty() => {}
        Ok(findings) => {
            tape.findings = findings;
            match quarantine(&path) {
                Ok(to) => tape.rejected = Some(to),
                Err(error) => tape.audit_error = Some(format!("it cannot be moved: {error}")),
            }
        }
    }
}

fn listen(
    path: &Path,
    redactors: &BTreeMap<u64, InteractionRedactor>,
) -> Result<Vec<Finding>, cassette::Error> {
    let mut listener = Listener::default();
    let mut spoken = Vec::new();
    if redactors.is_empty() {
        return Ok(Vec::new());
    }
    for record in Reader::open(path)? {
        let record = match record {
            Ok(record) => record,
            Err(error) if error.is_line() => continue,
            Err(error) => return Err(error),
        };
        if let Record::Request(request) = &record
            && let Some(own) = redactors.get(&request.interaction)
        {
            listener.begin(request, own.clone());
        }
        listener.push(&record, &mut spoken);
    }
    listener.finish(&mut spoken);
    Ok(spoken.into_iter().map(|spoken| spoken.finding).collect())
}

/// Moves `NAME.jsonl` to `NAME.rejected.jsonl`, or to the first of `NAME.2.rejected.jsonl`, … that
/// is free: a tape that was rejected before is never written over.
fn quarantine(path: &Path) -> io::Result<PathBuf> {
    let file = File::open(path)?;
    match file.try_lock() {
        Err(std::fs::TryLockError::WouldBlock) => {
            return Err(io::Error::other("another recorder is writing to it"));
        }
        // Without locks there is no other recorder to be told of.
        Ok(()) | Err(std::fs::TryLockError::Error(_)) => {}
    }
    reject(path, path)
}

/// Moves the tape at `path` to `NAME.rejected.jsonl`, or the first free name after that, where NAME
/// is the one of `of`.
pub(crate) fn reject(path: &Path, of: &Path) -> io::Result<PathBuf> {
    let stem = of.file_stem().unwrap_or_default().to_string_lossy();
    for number in 1u32.. {
        let name = match number {
            1 => format!("{stem}.rejected.jsonl"),
            _ => format!("{stem}.{number}.rejected.jsonl"),
        };
        let to = of.with_file_name(name);
        // The name is taken before the tape moves onto it, so two recorders cannot choose one.
        match OpenOptions::new().write(true).create_new(true).open(&to) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(error),
        }
        if let Err(error) = std::fs::rename(path, &to) {
            // The taken name alone helps nobody.
            let _ = std::fs::remove_file(&to);
            return Err(error);
        }
        return Ok(to);
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// A secret in the joined pieces of a part.
#[derive(Debug)]
pub(super) struct Spoken {
    pub(super) interaction: u64,
    pub(super) part: PartKey,
    pub(super) place: Redacted,
    /// What to write in its place, as long as it is.
    pub(super) placeholder: String,
    pub(super) finding: Finding,
}

/// Choice and number of a part; logprobs have no number.
pub(super) type PartKey = (u64, Option<usize>);

/// Joins the pieces of each interaction's parts and looks for secrets in them.
///
/// The pieces count, not what a provider says later about the whole: that is one piece of bytes,
/// and may have been masked where the pieces were not.
#[derive(Default)]
pub(super) struct Listener {
    open: BTreeMap<u64, Said>,
}

struct Said {
    own: InteractionRedactor,
    request: Request,
    reader: Option<AnswerReader>,
    parts: Parts,
}

type Parts = BTreeMap<(u64, usize), Part>;

#[derive(Default)]
struct Part {
    what: &'static str,
    /// Its pieces.
    joined: String,
    /// What the wire said later about the whole.
    restated: Option<String>,
}

impl Listener {
    /// An interaction begins; `own` knows its credentials.
    pub(super) fn begin(&mut self, request: &Request, own: InteractionRedactor) {
        let mut head = request.clone();
        head.body = Body::Absent;
        let said = Said {
            own,
            request: head,
            reader: None,
            parts: Parts::new(),
        };
        self.open.insert(request.interaction, said);
    }

    /// Takes the next record; adds what was found in an interaction that it ends.
    pub(super) fn push(&mut self, record: &Record, found: &mut Vec<Spoken>) {
        let Some(number) = record.interaction() else {
            return;
        };
        let Some(said) = self.open.get_mut(&number) else {
            return;
        };
        match record {
            Record::Response(head) => said.reader = Some(AnswerReader::new(&said.request, head)),
            Record::Chunk(chunk) => {
                let parts = &mut said.parts;
                if let Some(reader) = &mut said.reader {
                    reader.feed_with(&chunk.bytes, &mut |delta| hear(parts, &delta));
                }
            }
            Record::End(_) => {
                if let Some(said) = self.open.remove(&number) {
                    said.audit(number, found);
                }
            }
            _ => {}
        }
    }

    /// The tape ended.
    pub(super) fn finish(self, found: &mut Vec<Spoken>) {
        for (number, said) in self.open {
            said.audit(number, found);
        }
    }
}

fn hear(parts: &mut Parts, delta: &Delta<'_>) {
    if let Some((choice, part, what, text)) = piece(delta) {
        let part = parts.entry((choice, part)).or_default();
        part.what = what;
        part.joined.push_str(text);
    } else if let Delta::Replace { choice, part, text } = delta {
        let part = parts.entry((*choice, *part)).or_default();
        part.restated = Some(text.to_string());
    }
}

/// Choice, part, kind and text of a piece.
pub(super) fn piece<'a>(delta: &'a Delta<'_>) -> Option<(u64, usize, &'static str, &'a str)> {
    match delta {
        Delta::Text { choice, part, text } => Some((*choice, *part, "text", text)),
        Delta::Reasoning { choice, part, text } => Some((*choice, *part, "reasoning", text)),
        Delta::Refusal { choice, part, text } => Some((*choice, *part, "refusal", text)),
        Delta::ToolCall {
            choice,
            part,
            arguments,
            ..
        } => Some((*choice, *part, "arguments", arguments)),
        _ => None,
    }
}

impl Said {
    fn audit(mut self, number: u64, found: &mut Vec<Spoken>) {
        let mut parts = std::mem::take(&mut self.parts);
        let answer = self
            .reader
            .take()
            .map(|reader| reader.finish_with(&mut |delta| hear(&mut parts, &delta)));
        for ((choice, part), said) in &parts {
            self.look(number, (*choice, Some(*part)), said, found);
        }
        let Some(Answer::Transcript(transcript)) = answer else {
            return;
        };
        for choice in &transcript.choices {
            let Some(logprobs) = &choice.logprobs else {
                continue;
            };
            for tokens in [&logprobs.content, &logprobs.refusal].into_iter().flatten() {
                let said = Part {
                    what: "logprobs",
                    joined: tokens_of(tokens),
                    restated: None,
                };
                self.look(number, (choice.index, None), &said, found);
            }
        }
    }

    fn look(&self, number: u64, part: PartKey, said: &Part, found: &mut Vec<Spoken>) {
        let (masked, places) = self.own.mask_assembled(&said.joined);
        for (mut place, mut finding) in places {
            finding.place = Place::Part {
                choice: part.0,
                part: part.1.unwrap_or_default(),
                what: said.what,
                offset: place.offset,
            };
            let range = place.offset..place.offset + place.length;
            let Some(mut placeholder) = masked.get(range.clone()) else {
                continue;
            };
            // Where the whole was masked in one piece, its pieces take the same placeholder.
            let restated = said.restated.as_deref().and_then(|whole| whole.get(range));
            if let Some((same, its)) = restated.and_then(|text| Some((text, numbered(text)?))) {
                (placeholder, place.placeholder) = (same, its);
            }
            found.push(Spoken {
                interaction: number,
                part,
                place,
                placeholder: placeholder.to_owned(),
                finding: finding.in_interaction(number),
            });
        }
    }
}

/// The number in a placeholder.
fn numbered(placeholder: &str) -> Option<u64> {
    // It goes into JSON strings as it is.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let (before, _) = placeholder.split_once("REDACTED")?;
    if !placeholder.bytes().all(plain) {
        return None;
    }
    let before = before.strip_suffix('-').unwrap_or(before);
    let digits = before.rsplit(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// The tokens of log probabilities, joined: they spell the text once more.
fn tokens_of(logprobs: &Json) -> String {
    #[derive(serde::Deserialize)]
    struct Token {
        token: Option<String>,
    }
    let tokens: Vec<Token> = logprobs.read().unwrap_or_default();
    tokens.into_iter().filter_map(|token| token.token).collect()
}
