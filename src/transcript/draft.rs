//! A transcript in the making, and the hand that writes it.

mod later;

use std::borrow::Cow;
use std::collections::HashMap;

use super::{
    Choice, Delta, Ending, Logprobs, Part, ToolCall, Transcript, Usage, ViolationKind, Violations,
};
use crate::json::{Json, ObjectDraft, Raw, Str, Wtf8Piece, Wtf8Pieces, join_surrogates};
pub(crate) use later::Member;

/// Number of a part within its stream, from 0 in order of first appearance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PartId(usize);

/// What a part is opened as.
#[derive(Debug, Clone, Copy)]
pub(crate) enum PartKind<'a> {
    Text,
    Reasoning,
    Refusal,
    ToolCall {
        index: u64,
        id: Option<&'a str>,
        name: Option<&'a str>,
        /// Whether the arguments are free text rather than JSON.
        free_form: bool,
    },
    Other {
        kind: &'a str,
    },
}

/// How one dialect's wire deviates from the common laws.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Quirks {
    /// Content after a choice's finish is ordinary (gemini).
    pub content_after_finish: bool,
}

#[derive(Debug, Clone)]
struct PartDraft {
    choice: usize,
    text: String,
    /// A high surrogate that waits for its other half.
    half: Option<u16>,
    last_frame: u64,
    form: Form,
}

#[derive(Debug, Clone)]
enum Form {
    Text,
    Reasoning {
        signature: Option<String>,
    },
    Refusal,
    ToolCall {
        index: u64,
        id: Option<String>,
        name: Option<String>,
        free_form: bool,
    },
    Other {
        kind: String,
        raw: Option<Json>,
        /// The member of the JSON whose value comes in pieces; the part's text holds them.
        member: Option<Member>,
    },
}

#[derive(Debug, Clone, Default)]
struct ChoiceDraft {
    index: u64,
    finish: Option<String>,
    /// The wire said that the turn ended, in a form that needs no reason.
    ended: bool,
    finish_details: Option<Json>,
    /// The frame whose content after the finish was noted last.
    noted_after_finish: u64,
    content_logprobs: Option<String>,
    refusal_logprobs: Option<String>,
}

/// A transcript in the making.
#[derive(Debug, Clone, Default)]
pub(crate) struct Draft {
    quirks: Quirks,
    frame: u64,
    response_id: Option<String>,
    model: Option<String>,
    choices: Vec<ChoiceDraft>,
    /// Position in `choices` by wire index; looked up, never walked.
    positions: HashMap<u64, usize>,
    parts: Vec<PartDraft>,
    usage: Usage,
    usage_raw: Option<String>,
    /// Usage that comes in pieces.
    usage_pieces: Option<ObjectDraft>,
    error: Option<Json>,
    errored: bool,
    terminated: bool,
    /// After the terminator only an error still counts.
    muted: bool,
    /// Whether the muted frame was one that may come after the terminator.
    excused: bool,
    violations: Violations,
}

/// Writes a [`Draft`], step by step, and shows each step to an observer.
///
/// The laws that all dialects share are applied here: the terminal latch, honest endings, joined
/// surrogates, capped violations.
pub(crate) struct Emitter<'e> {
    draft: &'e mut Draft,
    observe: &'e mut dyn FnMut(Delta<'_>),
}

impl Draft {
    pub(super) fn new(quirks: Quirks) -> Draft {
        Draft {
            quirks,
            ..Draft::default()
        }
    }

    pub(super) fn emitter<'e>(
        &'e mut self,
        frame: Option<u64>,
        observe: &'e mut dyn FnMut(Delta<'_>),
    ) -> Emitter<'e> {
        self.frame = frame.unwrap_or(self.frame);
        Emitter {
            draft: self,
            observe,
        }
    }

    pub(super) fn is_terminated(&self) -> bool {
        self.terminated
    }

    pub(super) fn mute(&mut self) {
        self.muted = true;
        self.excused = false;
    }

    /// Ends muting; tells whether the muted frame was one that may come after the terminator.
    pub(super) fn unmute(&mut self) -> bool {
        self.muted = false;
        self.excused
    }

    fn ending(&self) -> Ending {
        if self.errored || self.error.is_some() {
            Ending::Errored
        } else if !self.choices.is_empty() && self.choices.iter().all(ChoiceDraft::has_ended) {
            Ending::Complete
        } else {
            Ending::Truncated
        }
    }

    /// Lets the last words fall: surrogate halves that stayed alone, arguments that do not parse.
    pub(super) fn settle(&mut self, observe: &mut dyn FnMut(Delta<'_>)) {
        for at in 0..self.parts.len() {
            let frame = self.parts[at].last_frame;
            let mut out = self.emitter(Some(frame), observe);
            out.settle_half(at);
            out.settle_member(PartId(at));
            out.check_arguments(at);
        }
    }

    pub(super) fn into_transcript(
        self,
        dialect: &'static str,
        streamed: bool,
        status: Option<u16>,
        has_terminator: bool,
    ) -> Transcript {
        let ending = self.ending();
        let mut choices: Vec<Choice> = self.choices.into_iter().map(ChoiceDraft::close).collect();
        for part in self.parts {
            if let Some(choice) = choices.get_mut(part.choice) {
                let was_cut = choice.finish_reason.as_deref().is_some_and(says_cut);
                choice.parts.push(part.close(was_cut));
            }
        }
        choices.sort_by_key(|choice| choice.index);
        let (violations, violations_total) = self.violations.into_parts();
        let pieces = self.usage_pieces.map(|pieces| pieces.text());
        let usage_raw = pieces.or(self.usage_raw);
        Transcript {
            dialect,
            streamed,
            status,
            response_id: self.response_id,
            model: self.model,
            choices,
            usage: self.usage,
            usage_raw: usage_raw.as_deref().and_then(|raw| Json::parse(raw).ok()),
            ending,
            terminator: has_terminator.then_some(self.terminated),
            error: self.error,
            violations,
            violations_total,
        }
    }
}

impl ChoiceDraft {
    fn has_ended(&self) -> bool {
        self.ended || self.finish.is_some()
    }

    fn close(self) -> Choice {
        let list = |entries: Option<String>| Json::parse(&format!("[{}]", entries?)).ok();
        let content = list(self.content_logprobs);
        let refusal = list(self.refusal_logprobs);
        Choice {
            index: self.index,
            parts: Vec::new(),
            finish_reason: self.finish,
            finish_details: self.finish_details,
            logprobs: (content.is_some() || refusal.is_some())
                .then_some(Logprobs { content, refusal }),
        }
    }
}

impl PartDraft {
    fn close(self, was_cut: bool) -> Part {
        let text = self.text;
        match self.form {
            Form::Text => Part::Text { text },
            Form::Reasoning { signature } => Part::Reasoning { text, signature },
            Form::Refusal => Part::Refusal { text },
            Form::ToolCall {
                index, id, name, ..
            } => Part::ToolCall(ToolCall {
                index,
                id,
                name,
                arguments_json: parse_arguments(&text, was_cut),
                arguments: text,
            }),
            Form::Other { kind, raw, .. } => Part::Other {
                kind,
                raw: raw.unwrap_or_else(Json::null),
            },
        }
    }
}

/// An empty string is a call without arguments, unless the turn was cut before they came.
fn parse_arguments(arguments: &str, was_cut: bool) -> Option<Json> {
    match arguments {
        "" if was_cut => None,
        "" => Json::parse("{}").ok(),
        _ => Json::parse(arguments).ok(),
    }
}

/// Whether a finish reason says that the turn was cut, so that half-written arguments are no
/// violation.
fn says_cut(reason: &str) -> bool {
    const CUT: [&str; 15] = [
        "length",
        "max_tokens",
        "MAX_TOKENS",
        "incomplete",
        "content_filter",
        "model_length",
        "max_output_tokens",
        "model_context_window_exceeded",
        "ERROR_LIMIT",
        "error",
        "ERROR",
        "SAFETY",
        "failed",
        "cancelled",
        "refusal",
    ];
    CUT.contains(&reason)
}

impl Emitter<'_> {
    pub(crate) fn response_id(&mut self, id: &str) {
        if !self.draft.muted && self.draft.response_id.as_deref() != Some(id) {
            self.draft.response_id = Some(id.to_owned());
            (self.observe)(Delta::ResponseId(Cow::Borrowed(id)));
        }
    }

    pub(crate) fn has_response_id(&self) -> bool {
        self.draft.response_id.is_some()
    }

    pub(crate) fn model(&mut self, model: &str) {
        if !self.draft.muted && self.draft.model.as_deref() != Some(model) {
            self.draft.model = Some(model.to_owned());
            (self.observe)(Delta::Model(Cow::Borrowed(model)));
        }
    }

    pub(crate) fn has_model(&self) -> bool {
        self.draft.model.is_some()
    }

    /// Notes that a choice was seen.
    pub(crate) fn choice(&mut self, index: u64) {
        if !self.draft.muted {
            self.position(index);
        }
    }

    /// Opens a part in a choice. A tool call's opening is a step of its own.
    pub(crate) fn open(&mut self, choice: u64, kind: PartKind<'_>) -> PartId {
        if self.draft.muted {
            return PartId(usize::MAX);
        }
        let position = self.position(choice);
        self.note_after_finish(position);
        let part = self.draft.parts.len();
        let form = match kind {
            PartKind::Text => Form::Text,
            PartKind::Reasoning => Form::Reasoning { signature: None },
            PartKind::Refusal => Form::Refusal,
            PartKind::ToolCall {
                index,
                id,
                name,
                free_form,
            } => Form::ToolCall {
                index,
                id: id.map(str::to_owned),
                name: name.map(str::to_owned),
                free_form,
            },
            PartKind::Other { kind } => Form::Other {
                kind: kind.to_owned(),
                raw: None,
                member: None,
            },
        };
        self.draft.parts.push(PartDraft {
            choice: position,
            text: String::new(),
            half: None,
            last_frame: self.draft.frame,
            form,
        });
        if let PartKind::ToolCall {
            index, id, name, ..
        } = kind
        {
            (self.observe)(Delta::ToolCall {
                choice,
                part,
                index,
                id: id.map(Cow::Borrowed),
                name: name.map(Cow::Borrowed),
                arguments: Cow::Borrowed(""),
            });
        }
        PartId(part)
    }

    /// Adds text, or a fragment of arguments, to a part.
    pub(crate) fn append(&mut self, part: PartId, text: &Str<'_>) {
        if self.draft.muted || text.is_empty() {
            return;
        }
        let Some(draft) = self.draft.parts.get_mut(part.0) else {
            return;
        };
        draft.last_frame = self.draft.frame;
        let position = draft.choice;
        if let (Str::Text(text), None) = (text, draft.half) {
            draft.text.push_str(text);
            self.note_after_finish(position);
            self.show(part.0, text);
        } else {
            self.note_after_finish(position);
            self.append_halves(part.0, text);
        }
    }

    /// Puts a later statement of the whole in the place of what a part holds.
    pub(crate) fn replace(&mut self, part: PartId, text: &Str<'_>) {
        if self.draft.muted {
            return;
        }
        let Some(draft) = self.draft.parts.get_mut(part.0) else {
            return;
        };
        draft.text = text.clone().plain().into_owned();
        draft.half = None;
        draft.last_frame = self.draft.frame;
        let choice = self.draft.choices[draft.choice].index;
        (self.observe)(Delta::Replace {
            choice,
            part: part.0,
            text: Cow::Borrowed(&draft.text),
        });
    }

    /// What a part holds so far.
    pub(crate) fn text_of(&self, part: PartId) -> &str {
        self.draft.parts.get(part.0).map_or("", |part| &part.text)
    }

    /// The id of a call that a tool-call part was opened with or given since.
    pub(crate) fn call_id(&self, part: PartId) -> Option<&str> {
        match &self.draft.parts.get(part.0)?.form {
            Form::ToolCall { id, .. } => id.as_deref(),
            _ => None,
        }
    }

    /// The name of the tool that a tool-call part was opened with or given since.
    pub(crate) fn call_name(&self, part: PartId) -> Option<&str> {
        match &self.draft.parts.get(part.0)?.form {
            Form::ToolCall { name, .. } => name.as_deref(),
            _ => None,
        }
    }

    /// Fills in a call's id or name that came late.
    pub(crate) fn fill_call(
        &mut self,
        part: PartId,
        late_id: Option<&str>,
        late_name: Option<&str>,
    ) {
        if self.draft.muted || (late_id.is_none() && late_name.is_none()) {
            return;
        }
        let Some(draft) = self.draft.parts.get_mut(part.0) else {
            return;
        };
        let choice = self.draft.choices[draft.choice].index;
        let Form::ToolCall {
            index, id, name, ..
        } = &mut draft.form
        else {
            return;
        };
        if let Some(late) = late_id {
            *id = Some(late.to_owned());
        }
        if let Some(late) = late_name {
            *name = Some(late.to_owned());
        }
        (self.observe)(Delta::ToolCall {
            choice,
            part: part.0,
            index: *index,
            id: late_id.map(Cow::Borrowed),
            name: late_name.map(Cow::Borrowed),
            arguments: Cow::Borrowed(""),
        });
    }

    /// Adds a piece of a reasoning part's signature.
    pub(crate) fn sign(&mut self, part: PartId, piece: &str) {
        if self.draft.muted {
            return;
        }
        if let Some(PartDraft {
            form: Form::Reasoning { signature },
            ..
        }) = self.draft.parts.get_mut(part.0)
        {
            signature.get_or_insert_default().push_str(piece);
        }
    }

    /// Adds a part that has no form of its own.
    pub(crate) fn other(&mut self, choice: u64, kind: &str, raw: Raw<'_>) -> PartId {
        let part = self.open(choice, PartKind::Other { kind });
        self.set_raw(part, raw);
        part
    }

    /// Gives an `other` part its JSON, or replaces it by a later and fuller one.
    pub(crate) fn set_raw(&mut self, part: PartId, json: Raw<'_>) {
        if self.draft.muted {
            return;
        }
        let Some(draft) = self.draft.parts.get_mut(part.0) else {
            return;
        };
        let choice = self.draft.choices[draft.choice].index;
        if let Form::Other { kind, raw, member } = &mut draft.form {
            let json = Json::from_raw(json);
            if member.take().is_some() {
                // The fuller JSON holds what the pieces held.
                draft.text.clear();
                draft.half = None;
            } else if raw.as_ref() == Some(&json) {
                return;
            }
            *raw = Some(json.clone());
            (self.observe)(Delta::Other {
                choice,
                part: part.0,
                kind: Cow::Borrowed(kind),
                raw: json,
            });
        }
    }

    /// Adds the entries of a log probability array, as they stand.
    pub(crate) fn logprobs(&mut self, choice: u64, of_refusal: bool, entries: Raw<'_>) {
        let inner = entries.text().strip_prefix('[');
        let Some(inner) = inner.and_then(|text| text.strip_suffix(']')) else {
            return;
        };
        if self.draft.muted {
            return;
        }
        let position = self.position(choice);
        let choice = &mut self.draft.choices[position];
        let list = if of_refusal {
            choice.refusal_logprobs.get_or_insert_default()
        } else {
            choice.content_logprobs.get_or_insert_default()
        };
        if !list.is_empty() && !inner.trim().is_empty() {
            list.push(',');
        }
        list.push_str(inner.trim());
    }

    /// Takes token counts as they stand now, beside the wire's own object.
    pub(crate) fn usage(&mut self, usage: Usage, raw: &str) {
        if self.draft.muted {
            return;
        }
        let text = self.draft.usage_raw.get_or_insert_default();
        text.clear();
        text.push_str(raw);
        if self.draft.usage != usage {
            self.draft.usage = usage;
            (self.observe)(Delta::Usage(usage));
        }
    }

    /// Ends a choice. An empty reason is none.
    pub(crate) fn finish(&mut self, choice: u64, reason: &str) {
        if self.draft.muted || reason.is_empty() {
            return;
        }
        let position = self.position(choice);
        match &self.draft.choices[position].finish {
            Some(first) if first == reason => return,
            Some(first) => {
                let detail = format!("{reason:?} after {first:?}");
                self.violation(ViolationKind::FinishChanged, || detail);
            }
            None => {}
        }
        self.draft.choices[position].finish = Some(reason.to_owned());
        (self.observe)(Delta::Finish {
            choice,
            reason: Cow::Borrowed(reason),
        });
    }

    /// The wire says that a choice ended, in a form that needs no reason.
    pub(crate) fn ended(&mut self, choice: u64) {
        if !self.draft.muted {
            let position = self.position(choice);
            self.draft.choices[position].ended = true;
        }
    }

    /// The wire sent an error; the first one is kept. Counts after the terminator too.
    pub(crate) fn error(&mut self, error: Json) {
        self.draft.excused = true;
        self.draft.errored = true;
        if self.draft.error.is_none() {
            self.draft.error = Some(error.clone());
        }
        (self.observe)(Delta::Error(error));
    }

    /// The wire says by a word of its own, without an error object, that the turn failed.
    pub(crate) fn failed(&mut self) {
        self.draft.excused = true;
        self.draft.errored = true;
    }

    /// The closing marker came. A second one is ordinary.
    pub(crate) fn terminator(&mut self) {
        self.draft.excused = true;
        if !self.draft.terminated {
            self.draft.terminated = true;
            (self.observe)(Delta::Terminator);
        }
    }

    /// Whether the closing marker has come.
    pub(crate) fn is_terminated(&self) -> bool {
        self.draft.terminated
    }

    /// Marks this frame as one that may come after the closing marker.
    pub(crate) fn excuse(&mut self) {
        self.draft.excused = true;
    }

    /// Notes something the protocol forbids, at the frame being read.
    pub(crate) fn violation(&mut self, kind: ViolationKind, detail: impl FnOnce() -> String) {
        if self.draft.muted {
            return;
        }
        let frame = (self.draft.frame > 0).then_some(self.draft.frame);
        if let Some(violation) = self.draft.violations.push(frame, kind, detail) {
            (self.observe)(Delta::Violation(violation.clone()));
        }
    }

    /// Notes a value of the wrong type, which counts as absent.
    pub(crate) fn wrong_type(&mut self, field: &str, expected: &str, found: Raw<'_>) {
        self.violation(ViolationKind::WrongType, || {
            let text = found.text();
            let shown: String = text.chars().take(40).collect();
            let more = if shown.len() < text.len() { "…" } else { "" };
            let kind = found.kind().words();
            format!("{field}: expected {expected}, found {kind}: {shown}{more}")
        });
    }

    fn position(&mut self, index: u64) -> usize {
        if let Some(first) = self.draft.choices.first()
            && first.index == index
        {
            return 0;
        }
        let choices = &mut self.draft.choices;
        *self.draft.positions.entry(index).or_insert_with(|| {
            choices.push(ChoiceDraft {
                index,
                ..ChoiceDraft::default()
            });
            choices.len() - 1
        })
    }

    fn note_after_finish(&mut self, position: usize) {
        let frame = self.draft.frame;
        let choice = &mut self.draft.choices[position];
        if let Some(finish) = &choice.finish
            && !self.draft.quirks.content_after_finish
            && choice.noted_after_finish != frame
        {
            choice.noted_after_finish = frame;
            let detail = format!(
                "content for choice {} after its finish {finish:?}",
                choice.index
            );
            self.violation(ViolationKind::AfterFinish, || detail);
        }
    }

    fn show(&mut self, part: usize, text: &str) {
        let draft = &self.draft.parts[part];
        let choice = self.draft.choices[draft.choice].index;
        let text = Cow::Borrowed(text);
        (self.observe)(match &draft.form {
            Form::Text => Delta::Text { choice, part, text },
            Form::Reasoning { .. } => Delta::Reasoning { choice, part, text },
            Form::Refusal => Delta::Refusal { choice, part, text },
            Form::ToolCall { index, .. } => Delta::ToolCall {
                choice,
                part,
                index: *index,
                id: None,
                name: None,
                arguments: text,
            },
            Form::Other { .. } => return,
        });
    }

    /// Appends text that begins or ends with half of a surrogate pair, or follows such text.
    fn append_halves(&mut self, part: usize, text: &Str<'_>) {
        let bytes = match text {
            Str::Text(text) => text.as_bytes(),
            Str::Wtf8(bytes) => bytes,
        };
        let mut added = String::new();
        let mut alone = 0u64;
        let mut waiting = self.draft.parts[part].half.take();
        for piece in Wtf8Pieces(bytes) {
            let joined = match (waiting.take(), &piece) {
                (Some(high), Wtf8Piece::Half(low)) => {
                    let joined = join_surrogates(high, *low);
                    if joined.is_none() {
                        alone += 1;
                        added.push(char::REPLACEMENT_CHARACTER);
                    }
                    joined
                }
                (Some(_), Wtf8Piece::Text(_)) => {
                    alone += 1;
                    added.push(char::REPLACEMENT_CHARACTER);
                    None
                }
                (None, _) => None,
            };
            match (joined, piece) {
                (Some(c), _) => added.push(c),
                (None, Wtf8Piece::Text(text)) => added.push_str(text),
                (None, Wtf8Piece::Half(half @ 0xD800..=0xDBFF)) => waiting = Some(half),
                (None, Wtf8Piece::Half(_)) => {
                    alone += 1;
                    added.push(char::REPLACEMENT_CHARACTER);
                }
            }
        }
        let draft = &mut self.draft.parts[part];
        draft.half = waiting;
        draft.text.push_str(&added);
        for _ in 0..alone {
            self.violation(ViolationKind::LoneSurrogate, lone_surrogate);
        }
        if !added.is_empty() {
            self.show(part, &added);
        }
    }

    fn settle_half(&mut self, part: usize) {
        if self.draft.parts[part].half.take().is_some() {
            self.draft.parts[part]
                .text
                .push(char::REPLACEMENT_CHARACTER);
            self.violation(ViolationKind::LoneSurrogate, lone_surrogate);
            self.show(part, "\u{FFFD}");
        }
    }

    fn check_arguments(&mut self, part: usize) {
        let draft = &self.draft.parts[part];
        let name = match &draft.form {
            Form::ToolCall {
                free_form: false,
                name,
                ..
            } => name.as_deref(),
            Form::Other {
                kind,
                member: Some(member),
                ..
            } if member.is_json() => Some(kind.as_str()),
            _ => return,
        };
        let finish = self.draft.choices[draft.choice].finish.as_deref();
        if finish.is_some_and(|reason| !says_cut(reason))
            && let Err(error) = Json::parse(if draft.text.is_empty() {
                "{}"
            } else {
                &draft.text
            })
        {
            let name = name.unwrap_or("(no name)");
            let detail = format!("arguments of {name} are not JSON: {error}");
            self.violation(ViolationKind::InvalidArguments, || detail);
        }
    }
}

fn lone_surrogate() -> String {
    "half of a surrogate pair stands alone; U+FFFD is in its place".to_owned()
}
