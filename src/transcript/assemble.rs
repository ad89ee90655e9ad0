use std::fmt;
use std::ops::Range;

use super::draft::{Draft, Emitter, Quirks};
use super::{Delta, Transcript, ViolationKind};
use crate::frame::{Frame, FrameKind, Framer, Framing, Last};
use crate::json::Json;

/// One dialect's reading of frames; its state lives as long as one stream.
pub(crate) trait Reader: fmt::Debug + Send {
    /// Reads one frame: an event of the stream, or the one whole message of an answer that was not
    /// streamed. Returns `false` for a whole message that is none of this dialect; nothing may
    /// have been written then.
    fn read(&mut self, frame: &Frame<'_>, out: &mut Emitter<'_>) -> bool;

    /// A copy of this reader as it stands now.
    fn boxed_clone(&self) -> Box<dyn Reader>;
}

/// The streaming assembler: bytes of a body in, in any cut; at the end a [`Transcript`].
///
/// It is sans-IO and has no clock. Live streams and tapes go through this same code, so what a test
/// sees of a tape is what a client sees of the wire. Get one from
/// [`Dialect::assembler`](crate::dialect::Dialect::assembler).
#[derive(Debug)]
pub struct Assembler {
    dialect: &'static str,
    has_terminator: bool,
    framing: Framing,
    status: Option<u16>,
    framer: Framer,
    reader: Box<dyn Reader>,
    draft: Draft,
    failed: bool,
    recognised: bool,
}

impl Clone for Assembler {
    fn clone(&self) -> Assembler {
        Assembler {
            framer: self.framer.clone(),
            reader: self.reader.boxed_clone(),
            draft: self.draft.clone(),
            ..*self
        }
    }
}

/// What an [`Assembler`] has to know of its dialect.
pub(crate) struct Setup {
    pub dialect: &'static str,
    pub reader: Box<dyn Reader>,
    pub framing: Framing,
    /// The longest frame in bytes.
    pub frame_limit: usize,
    pub has_terminator: bool,
    pub quirks: Quirks,
}

impl Assembler {
    pub(crate) fn new(setup: Setup) -> Assembler {
        Assembler {
            dialect: setup.dialect,
            has_terminator: setup.has_terminator && setup.framing != Framing::Whole,
            framing: setup.framing,
            status: None,
            framer: Framer::with_limit(setup.framing, setup.frame_limit),
            reader: setup.reader,
            draft: Draft::new(setup.quirks),
            failed: false,
            recognised: true,
        }
    }

    /// The same assembler, for the body of a response with that HTTP status.
    pub fn with_status(mut self, status: u16) -> Assembler {
        self.status = Some(status);
        self
    }

    /// How the body is framed.
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// Takes the next bytes of the body.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.feed_with(bytes, &mut |_| {});
    }

    /// Takes the next bytes of the body and shows each step they lead to.
    pub fn feed_with(&mut self, bytes: &[u8], observe: &mut dyn FnMut(Delta<'_>)) {
        let mut input = bytes;
        while !self.failed {
            match self.framer.next(&mut input) {
                Ok(Some(frame)) => {
                    self.recognised &= read(&mut *self.reader, &mut self.draft, &frame, observe);
                }
                Ok(None) => return,
                Err(error) => {
                    self.failed = true;
                    self.draft
                        .emitter(None, observe)
                        .error(own_error("frame_too_long", &error.to_string()));
                }
            }
        }
    }

    /// Takes an error that stands outside the dialect's own form.
    pub(crate) fn fail(&mut self, error: Json, observe: &mut dyn FnMut(Delta<'_>)) {
        self.draft.emitter(None, observe).error(error);
    }

    /// Ends the body and hands over the transcript.
    pub fn finish(self) -> Transcript {
        self.finish_with(&mut |_| {})
    }

    /// Ends the body, shows the steps that only its end brings, and hands over the transcript.
    pub fn finish_with(mut self, observe: &mut dyn FnMut(Delta<'_>)) -> Transcript {
        self.end(observe);
        self.into_transcript()
    }

    /// Ends the body; the transcript when the body was one of this dialect. Only a whole message can
    /// turn out not to be.
    pub(crate) fn finish_if_recognised(
        mut self,
        observe: &mut dyn FnMut(Delta<'_>),
    ) -> Option<Transcript> {
        self.end(observe);
        self.recognised.then(|| self.into_transcript())
    }

    fn end(&mut self, observe: &mut dyn FnMut(Delta<'_>)) {
        if !self.failed {
            while let Some(last) = self.framer.finish() {
                match last {
                    Last::Frame(frame) => {
                        self.recognised &=
                            read(&mut *self.reader, &mut self.draft, &frame, observe);
                    }
                    Last::Torn(tail) if tail.holds_data() => {
                        let Range { start, end } = tail.span;
                        self.draft.emitter(Some(tail.number), observe).violation(
                            ViolationKind::TornTail,
                            || format!("the body ends inside a frame (bytes {start} to {end}); it is not used"),
                        );
                    }
                    Last::Torn(_) => {}
                }
            }
        }
        self.draft.settle(observe);
    }

    fn into_transcript(self) -> Transcript {
        self.draft.into_transcript(
            self.dialect,
            self.framing != Framing::Whole,
            self.status,
            self.has_terminator,
        )
    }
}

/// Reads one frame; whether it was one that the dialect knows.
fn read(
    reader: &mut dyn Reader,
    draft: &mut Draft,
    frame: &Frame<'_>,
    observe: &mut dyn FnMut(Delta<'_>),
) -> bool {
    note_unknown_fields(draft, frame, observe);
    if frame.lossy && !matches!(frame.kind, FrameKind::Comment(_)) {
        draft
            .emitter(Some(frame.number), observe)
            .violation(ViolationKind::InvalidUtf8, || {
                "bytes that are not UTF-8; U+FFFD is in their place".to_owned()
            });
    }
    if !draft.is_terminated() {
        return reader.read(frame, &mut draft.emitter(Some(frame.number), observe));
    }
    if is_silent(frame) {
        return true;
    }
    draft.mute();
    reader.read(frame, &mut draft.emitter(Some(frame.number), observe));
    if !draft.unmute() {
        draft
            .emitter(Some(frame.number), observe)
            .violation(ViolationKind::AfterTerminator, || {
                "a frame after the closing marker; it is not used".to_owned()
            });
    }
    true
}

/// Whether a frame says nothing: a comment, a blank event.
fn is_silent(frame: &Frame<'_>) -> bool {
    match &frame.kind {
        FrameKind::Comment(_) => true,
        FrameKind::Event(event) => {
            event.unknown.is_empty() && event.data.is_none_or(|data| data.trim().is_empty())
        }
        FrameKind::Json(text) => text.trim().is_empty(),
    }
}

fn note_unknown_fields(draft: &mut Draft, frame: &Frame<'_>, observe: &mut dyn FnMut(Delta<'_>)) {
    if let FrameKind::Event(event) = &frame.kind {
        for field in event.unknown {
            let shown: String = field.name.chars().take(40).collect();
            draft
                .emitter(Some(frame.number), observe)
                .violation(ViolationKind::UnknownField, || {
                    format!("the event-stream standard knows no field {shown:?}")
                });
        }
    }
}

/// An error of rigtape's own in the form in which wires send theirs.
fn own_error(kind: &str, message: &str) -> Json {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let text = format!(
        "{{\"type\":{},\"message\":{}}}",
        quoted(kind),
        quoted(message)
    );
    // Built from two quoted strings just above, so it parses.
    Json::parse(&text).unwrap_or_else(|_| Json::null())
}
