//! What happened in one interaction, frame by frame.

use std::path::Path;

use serde::Serialize;

use crate::Offset;
use crate::cassette::{Cassette, Headers, Interaction};
use crate::cli::interaction::Played;
use crate::dialect::{Answer, AnswerReader, Dialect};
use crate::frame::{Frame, FrameKind, Framer, Last};
use crate::transcript::{Delta, Transcript};

/// The longest text kept of one frame, in bytes.
const LONGEST: usize = 64 << 10;

/// What the tape says of itself.
#[derive(Debug, Serialize)]
pub(super) struct Title {
    pub(super) cassette: String,
    pub(super) title: Option<String>,
    pub(super) created: Option<String>,
    pub(super) synthetic: bool,
    pub(super) timing_unknown: bool,
}

impl Title {
    pub(super) fn of(cassette: &Cassette) -> Title {
        let header = cassette.header();
        Title {
            cassette: cassette.path().display().to_string(),
            title: header.title.clone(),
            created: header.created.clone(),
            synthetic: header.synthetic,
            timing_unknown: header.timing_unknown,
        }
    }

    pub(super) fn bare(path: &Path) -> Title {
        Title {
            cassette: path.display().to_string(),
            title: None,
            created: None,
            synthetic: false,
            timing_unknown: true,
        }
    }
}

/// One interaction; every time is in microseconds from the request.
#[derive(Debug, Serialize)]
pub(super) struct Trace {
    pub(super) interaction: u64,
    pub(super) request: Option<Asked>,
    pub(super) response: Option<Head>,
    /// Time and size of each chunk.
    pub(super) chunks: Vec<(u64, usize)>,
    pub(super) frames: Vec<FrameMark>,
    /// What only the end of the body brought.
    pub(super) at_end: Vec<Step>,
    pub(super) transcript: Option<Transcript>,
    pub(super) opaque: Option<OpaqueMark>,
    pub(super) end: Option<EndMark>,
    #[serde(skip)]
    pub(super) answer: Option<Answer>,
}

#[derive(Debug, Serialize)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) url: Option<String>,
    pub(super) started: Option<String>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) dropped: Vec<String>,
    pub(super) body: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Head {
    pub(super) at_us: u64,
    pub(super) status: u16,
    pub(super) version: Option<String>,
    pub(super) framing: Option<&'static str>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) dropped: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct EndMark {
    pub(super) at_us: u64,
    pub(super) how: String,
    pub(super) detail: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct OpaqueMark {
    pub(super) content_type: Option<String>,
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

/// One frame.
#[derive(Debug, Serialize)]
pub(super) struct FrameMark {
    pub(super) number: u64,
    /// When its last byte came.
    pub(super) at_us: u64,
    /// Time since the frame before; of the first since the request.
    pub(super) gap_us: u64,
    pub(super) bytes: u64,
    /// Its event's name; `event`, `json` or `comment` where it has none.
    pub(super) kind: String,
    pub(super) text: String,
    /// Whether the body ended inside it.
    pub(super) torn: bool,
    pub(super) steps: Vec<Step>,
}

/// One step of the transcript.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Step {
    Text(Piece),
    Reasoning(Piece),
    Refusal(Piece),
    ToolCall(Piece),
    Other(Piece),
    Replace(Piece),
    Finish { choice: u64, reason: String },
    Usage { text: String },
    Error { text: String },
    Terminator,
    Violation { text: String },
}

#[derive(Debug, Serialize)]
pub(super) struct Piece {
    pub(super) choice: u64,
    pub(super) part: usize,
    /// Name of a tool, or kind of a part, when this piece brought it.
    pub(super) name: Option<String>,
    pub(super) text: String,
}

impl Trace {
    pub(super) fn of(played: &Played, dialect: Option<&'static Dialect>) -> anyhow::Result<Trace> {
        let heads = played.heads.as_ref();
        let mut trace = Trace {
            interaction: played.number,
            request: heads.map(Asked::of),
            response: heads.and_then(Head::of),
            chunks: Vec::new(),
            frames: Vec::new(),
            at_end: Vec::new(),
            transcript: None,
            opaque: None,
            end: heads
                .and_then(|heads| heads.end.as_ref())
                .map(|end| EndMark {
                    at_us: end.at.as_micros(),
                    how: end.how.as_str().to_owned(),
                    detail: end.detail.clone(),
                }),
            answer: None,
        };
        let Some(reader) = played.reader(dialect) else {
            return Ok(trace);
        };
        let mut listener = Listener {
            probe: Some(reader.clone()),
            reader,
            framer: None,
            waiting: Vec::new(),
            last: Offset::ZERO,
        };
        for chunk in played.chunks()? {
            let chunk = chunk?;
            trace.chunks.push((chunk.at.as_micros(), chunk.bytes.len()));
            listener.feed(chunk.at, &chunk.bytes, &mut trace.frames)?;
        }
        let answer = listener.finish(&mut trace);
        match &answer {
            Answer::Transcript(transcript) => trace.transcript = Some(transcript.clone()),
            Answer::Opaque(opaque) => {
                trace.opaque = Some(OpaqueMark {
                    content_type: opaque.content_type.clone(),
                    bytes: opaque.bytes,
                    sha256: opaque.sha256.clone(),
                });
            }
        }
        trace.answer = Some(answer);
        Ok(trace)
    }

    /// The last moment that the tape knows of.
    pub(super) fn duration(&self) -> u64 {
        let chunk = self.chunks.last().map_or(0, |(at, _)| *at);
        let head = self.response.as_ref().map_or(0, |head| head.at_us);
        let end = self.end.as_ref().map_or(0, |end| end.at_us);
        chunk.max(head).max(end)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.chunks.iter().map(|(_, bytes)| *bytes as u64).sum()
    }
}

/// Reads the body cut at the ends of its frames, so that each step belongs to a frame. The answer
/// is the same in every cut.
struct Listener {
    /// Finds out how the body is framed; none when it is known.
    probe: Option<AnswerReader>,
    reader: AnswerReader,
    framer: Option<Framer>,
    /// Bytes of before the framing was known.
    waiting: Vec<u8>,
    last: Offset,
}

impl Listener {
    fn feed(
        &mut self,
        at: Offset,
        bytes: &[u8],
        frames: &mut Vec<FrameMark>,
    ) -> anyhow::Result<()> {
        self.last = at;
        if let Some(probe) = &mut self.probe {
            probe.feed(bytes);
            self.waiting.extend_from_slice(bytes);
            let Some(framing) = probe.framing() else {
                return Ok(());
            };
            self.framer = Some(Framer::new(framing));
            self.probe = None;
            let waiting = std::mem::take(&mut self.waiting);
            return self.frames(at, &waiting, frames);
        }
        self.frames(at, bytes, frames)
    }

    fn frames(
        &mut self,
        at: Offset,
        bytes: &[u8],
        frames: &mut Vec<FrameMark>,
    ) -> anyhow::Result<()> {
        let Some(framer) = &mut self.framer else {
            return Ok(());
        };
        let mut input = bytes;
        let mut fed = 0;
        while let Some(frame) = framer.next(&mut input)? {
            let mut mark = FrameMark::of(&frame, at, frames.last(), false);
            let taken = bytes.len() - input.len();
            let steps = &mut mark.steps;
            self.reader.feed_with(&bytes[fed..taken], &mut |delta| {
                steps.extend(Step::of(&delta))
            });
            fed = taken;
            frames.push(mark);
        }
        let rest = &bytes[fed..];
        let mut late = Vec::new();
        self.reader
            .feed_with(rest, &mut |delta| late.extend(Step::of(&delta)));
        if let Some(last) = frames.last_mut() {
            last.steps.append(&mut late);
        }
        Ok(())
    }

    fn finish(mut self, trace: &mut Trace) -> Answer {
        if let Some(framer) = &mut self.framer {
            while let Some(last) = framer.finish() {
                let (frame, torn) = match last {
                    Last::Frame(frame) => (frame, false),
                    Last::Torn(frame) => (frame, true),
                };
                let mark = FrameMark::of(&frame, self.last, trace.frames.last(), torn);
                trace.frames.push(mark);
            }
        } else if !self.waiting.is_empty() {
            self.reader.feed(&self.waiting);
        }
        let at_end = &mut trace.at_end;
        self.reader
            .finish_with(&mut |delta| at_end.extend(Step::of(&delta)))
    }
}

impl FrameMark {
    fn of(frame: &Frame<'_>, at: Offset, before: Option<&FrameMark>, torn: bool) -> FrameMark {
        let (kind, text) = match &frame.kind {
            FrameKind::Comment(text) => ("comment", (*text).to_owned()),
            FrameKind::Json(text) => ("json", (*text).to_owned()),
            FrameKind::Event(event) => {
                let name = if event.name.is_empty() {
                    "event"
                } else {
                    event.name
                };
                let mut text = event.data.unwrap_or_default().to_owned();
                text.extend(event.id.map(|id| format!(" id={id}")));
                text.extend(event.retry.map(|retry| format!(" retry={retry}")));
                for field in event.unknown {
                    text.push_str(&format!(" {}: {}", field.name, field.value));
                }
                (name, text)
            }
        };
        let at_us = at.as_micros();
        FrameMark {
            number: frame.number,
            at_us,
            gap_us: at_us.saturating_sub(before.map_or(0, |before| before.at_us)),
            bytes: frame.span.end - frame.span.start,
            kind: kind.to_owned(),
            text: kept(text),
            torn,
            steps: Vec::new(),
        }
    }
}

/// The beginning of a very long text.
fn kept(mut text: String) -> String {
    if text.len() > LONGEST {
        let mut end = LONGEST;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let length = text.len();
        text.truncate(end);
        text.push_str(&format!("… ({length} bytes)"));
    }
    text
}

impl Step {
    fn of(delta: &Delta<'_>) -> Option<Step> {
        let piece = |choice: &u64, part: &usize, name: Option<String>, text: &str| Piece {
            choice: *choice,
            part: *part,
            name,
            text: text.to_owned(),
        };
        Some(match delta {
            Delta::Text { choice, part, text } => Step::Text(piece(choice, part, None, text)),
            Delta::Reasoning { choice, part, text } => {
                Step::Reasoning(piece(choice, part, None, text))
            }
            Delta::Refusal { choice, part, text } => Step::Refusal(piece(choice, part, None, text)),
            Delta::ToolCall {
                choice,
                part,
                name,
                arguments,
                ..
            } => {
                let name = name.as_ref().map(ToString::to_string);
                Step::ToolCall(piece(choice, part, name, arguments))
            }
            Delta::Other {
                choice,
                part,
                kind,
                raw,
            } => Step::Other(piece(choice, part, Some(kind.to_string()), raw.as_str())),
            Delta::Replace { choice, part, text } => Step::Replace(piece(choice, part, None, text)),
            Delta::Finish { choice, reason } => Step::Finish {
                choice: *choice,
                reason: reason.to_string(),
            },
            Delta::Usage(usage) => Step::Usage {
                text: serde_json::to_string(usage).ok()?,
            },
            Delta::Error(error) => Step::Error {
                text: error.as_str().to_owned(),
            },
            Delta::Terminator => Step::Terminator,
            Delta::Violation(violation) => Step::Violation {
                text: format!("{}: {}", violation.kind, violation.detail),
            },
            Delta::ResponseId(_) | Delta::Model(_) => return None,
        })
    }
}

impl Asked {
    fn of(heads: &Interaction) -> Asked {
        let request = &heads.request;
        Asked {
            method: request.method.clone(),
            target: request.target.clone(),
            url: request.url.clone(),
            started: request.started.clone(),
            headers: fields(&request.headers),
            dropped: request.dropped.clone(),
            body: kept(String::from_utf8_lossy(request.body.as_bytes()).into_owned()),
        }
    }
}

impl Head {
    fn of(heads: &Interaction) -> Option<Head> {
        let head = heads.response.as_ref()?;
        Some(Head {
            at_us: head.at.as_micros(),
            status: head.status,
            version: head.version.clone(),
            framing: head.framing.map(|framing| framing.as_str()),
            headers: fields(&head.headers),
            dropped: head.dropped.clone(),
        })
    }
}

fn fields(headers: &Headers) -> Vec<(String, String)> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let fields = headers.iter();
    fields
        .map(|(name, value)| (name.to_owned(), text(value)))
        .collect()
}
