//! What a fault sees of an interaction: the body so far, its frames, and what each of them says.

use std::ops::Range;

use bytes::Bytes;

use super::args::Args;
use super::http::CODING;
use super::performance::{Edit, Performance};
use crate::cassette::Interaction;
use crate::dialect::{Answer, AnswerReader, Dialect, Marks};
use crate::frame::{DEFAULT_LIMIT, Event, Frame, FrameKind, Framer, Framing, Last};
use crate::json::Raw;
use crate::policy::rng::Rng;
use crate::transcript::Delta;

/// Why a fault does not apply, in words.
pub(super) type Reason = String;

pub(super) struct Scene<'a> {
    pub interaction: &'a Interaction,
    pub performance: Performance,
}

/// The frames of a body.
pub(super) struct Index {
    pub dialect: Option<&'static Dialect>,
    pub framing: Framing,
    pub body: Bytes,
    pub frames: Vec<Shown>,
}

/// One frame and what it says.
pub(super) struct Shown {
    pub number: u64,
    /// Where it stands in the body.
    pub span: Range<usize>,
    name: String,
    /// Its data; none for a comment and for an event without.
    data: Option<String>,
    pub is_finish: bool,
    pub is_terminator: bool,
    pub has_usage: bool,
    /// The tool calls that it opens or goes on with, by number of the part.
    pub calls: Vec<usize>,
    /// It says something that is neither a call nor one of the above.
    pub says_more: bool,
}

impl<'a> Scene<'a> {
    pub(super) fn new(interaction: &'a Interaction, performance: Performance) -> Scene<'a> {
        Scene {
            interaction,
            performance,
        }
    }

    /// What the body says so far, and the dialect that tells.
    pub(super) fn read(&self) -> Option<(Option<&'static Dialect>, Answer)> {
        let head = self.performance.head.as_ref()?;
        let mut reader = AnswerReader::new(&self.interaction.request, head);
        for chunk in &self.performance.chunks {
            reader.feed(&chunk.bytes);
        }
        Some((reader.dialect(), reader.finish()))
    }

    /// The frames of the body; none where it is no stream.
    pub(super) fn index(&self) -> Index {
        let body = self.performance.body();
        let head = self.performance.head.as_ref();
        let is_compressed = head.is_some_and(|head| head.headers.get(CODING).is_some());
        let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
        let as_stream = match first {
            Some(b'[') => Framing::JsonArray,
            Some(b'{') => Framing::NdJson,
            _ => Framing::Sse,
        };
        let (dialect, framing) = match self.read() {
            _ if is_compressed => (None, Framing::Whole),
            Some((dialect, Answer::Transcript(said))) if said.streamed => (dialect, as_stream),
            Some((dialect, Answer::Opaque(opaque))) => {
                let content_type = opaque.content_type.unwrap_or_default();
                let is_stream = content_type.contains("event-stream");
                (
                    dialect,
                    if is_stream {
                        Framing::Sse
                    } else {
                        Framing::Whole
                    },
                )
            }
            read => (read.and_then(|(dialect, _)| dialect), Framing::Whole),
        };
        let frames = match framing {
            Framing::Whole => Vec::new(),
            framing => frames(&body, framing, dialect),
        };
        Index {
            dialect,
            framing,
            body,
            frames,
        }
    }

    /// The frames of a body that must be a stream.
    pub(super) fn stream(&self) -> Result<Index, Reason> {
        let index = self.index();
        match index.frames.is_empty() {
            true => Err("the answer is no stream of frames".to_owned()),
            false => Ok(index),
        }
    }

    /// The frames of a body that must be a stream of server-sent events.
    pub(super) fn events(&self) -> Result<Index, Reason> {
        let index = self.stream()?;
        match index.framing {
            Framing::Sse => Ok(index),
            _ => Err("the body is JSON, no event stream".to_owned()),
        }
    }
}

impl Index {
    /// The wire whose frames these are.
    pub(super) fn dialect(&self) -> Result<&'static Dialect, Reason> {
        self.dialect
            .ok_or_else(|| "the wire is of no known dialect".to_owned())
    }

    pub(super) fn marks(&self) -> Result<&'static Marks, Reason> {
        Ok(self.dialect()?.marks())
    }

    /// The frame that the arguments say, or one drawn among those that fit.
    pub(super) fn pick(
        &self,
        args: &Args,
        fitting: &str,
        fits: impl Fn(&Shown) -> bool,
    ) -> Result<usize, Reason> {
        if let Some(number) = args.number("frame") {
            let frame = self.frame(number)?;
            return match fits(&self.frames[frame]) {
                true => Ok(frame),
                false => Err(format!("frame {number} is not {fitting}")),
            };
        }
        let places = (0..self.frames.len()).filter(|place| fits(&self.frames[*place]));
        let places: Vec<usize> = places.collect();
        match places.len() as u64 {
            0 => Err(format!("no frame is {fitting}")),
            count => Ok(places[(Rng::new(args.seed()).next_u64() % count) as usize]),
        }
    }

    fn frame(&self, number: u64) -> Result<usize, Reason> {
        let place = self.frames.iter().position(|frame| frame.number == number);
        place.ok_or_else(|| {
            let count = self.frames.len();
            format!("there is no frame {number}; the body has {count}, counted from 1")
        })
    }

    /// The byte behind frame `number`; 0 is before the first.
    pub(super) fn behind(&self, number: u64) -> Result<usize, Reason> {
        match number {
            0 => Ok(self.frames.first().map_or(0, |frame| frame.span.start)),
            number => Ok(self.frames[self.frame(number)?].span.end),
        }
    }

    /// The change that gives a frame other JSON.
    pub(super) fn rewrite(&self, frame: &Shown, data: &str) -> Edit {
        let bytes = &self.body[frame.span.clone()];
        let before = frame.data.as_deref().unwrap_or_default();
        if let Some(at) = memchr::memmem::find(bytes, before.as_bytes()) {
            let start = frame.span.start + at;
            return Edit::replace(start..start + before.len(), data);
        }
        // Its data stands in several lines.
        let mut out = Vec::new();
        let event = Event {
            name: &frame.name,
            ..Event::new(data)
        };
        FrameKind::Event(event).encode(&mut out);
        Edit::replace(frame.span.clone(), out)
    }

    /// The bytes of a frame.
    pub(super) fn bytes(&self, frame: &Shown) -> &[u8] {
        &self.body[frame.span.clone()]
    }

    /// The changes that take frames out, with the commas of an array.
    pub(super) fn without(&self, gone: &[usize]) -> Vec<Edit> {
        let is_array = self.framing == Framing::JsonArray;
        let kept = |place: &usize| !gone.contains(place);
        let mut edits: Vec<Edit> = Vec::new();
        for place in gone {
            let mut span = self.frames[*place].span.clone();
            if is_array {
                let next = self.frames.get(place + 1);
                let before = (0..*place).rev().find(kept);
                match (next, before) {
                    (Some(next), _) => span.end = next.span.start,
                    (None, Some(before)) => span.start = self.frames[before].span.end,
                    (None, None) => {}
                }
            }
            // Frames that end the array leave one gap.
            match edits.last_mut() {
                Some(last) if last.at.end > span.start => {
                    last.at = last.at.start.min(span.start)..span.end;
                }
                _ => edits.push(Edit::replace(span, "")),
            }
        }
        edits
    }
}

impl Shown {
    /// Its data as JSON.
    pub(super) fn json(&self) -> Option<Raw<'_>> {
        self.data.as_deref().and_then(|data| Raw::parse(data).ok())
    }

    pub(super) fn has_data(&self) -> bool {
        self.data.is_some()
    }

    pub(super) fn data(&self) -> &str {
        self.data.as_deref().unwrap_or_default()
    }

    /// Whether its data is a JSON object.
    pub(super) fn is_object(&self) -> bool {
        self.json().is_some() && self.data().trim_start().starts_with('{')
    }
}

fn frames(body: &[u8], framing: Framing, dialect: Option<&'static Dialect>) -> Vec<Shown> {
    let mut frames = Vec::new();
    let mut assembler = dialect.map(|dialect| dialect.assembler_for(framing, DEFAULT_LIMIT));
    let mut framer = Framer::new(framing);
    let (mut input, mut fed) = (body, 0);
    while let Ok(Some(frame)) = framer.next(&mut input) {
        let mut shown = Shown::of(&frame);
        if let Some(assembler) = &mut assembler {
            assembler.feed_with(&body[fed..shown.span.end], &mut |delta| shown.note(&delta));
            fed = shown.span.end;
        }
        frames.push(shown);
    }
    if let Some(Last::Frame(frame)) = framer.finish() {
        let mut shown = Shown::of(&frame);
        if let Some(mut assembler) = assembler {
            assembler.feed_with(&body[fed..], &mut |delta| shown.note(&delta));
            assembler.finish_with(&mut |delta| shown.note(&delta));
        }
        frames.push(shown);
    }
    frames
}

impl Shown {
    fn of(frame: &Frame<'_>) -> Shown {
        let (name, data) = match &frame.kind {
            FrameKind::Event(event) => (event.name, event.data),
            FrameKind::Comment(_) => ("", None),
            FrameKind::Json(text) => ("", Some(*text)),
        };
        // A body in memory is not longer than memory.
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        Shown {
            number: frame.number,
            span: place(frame.span.start)..place(frame.span.end),
            name: name.to_owned(),
            data: data.map(str::to_owned),
            is_finish: false,
            is_terminator: false,
            has_usage: false,
            calls: Vec::new(),
            says_more: false,
        }
    }

    fn note(&mut self, delta: &Delta<'_>) {
        match delta {
            Delta::Finish { .. } => self.is_finish = true,
            Delta::Terminator => self.is_terminator = true,
            Delta::Usage(_) => self.has_usage = true,
            Delta::ToolCall { part, .. } if self.calls.contains(part) => {}
            Delta::ToolCall { part, .. } => self.calls.push(*part),
            Delta::ResponseId(_) | Delta::Model(_) | Delta::Violation(_) => {}
            _ => self.says_more = true,
        }
    }
}
