//! `gemini`: the `generateContent` wire of the Gemini API and of Vertex AI.
//!
//! Described at <https://ai.google.dev/api/generate-content>. A stream is SSE when it was asked for
//! with `alt=sse`, else one JSON array; its messages are the same either way. There is no closing
//! marker, and after a finish reason more content may come (it does with code execution).
//!
//! - Parts of text that follow one another are one part; so are thoughts, up to a thought's
//!   signature. The signature of any other part is an `other` part `thoughtSignature` behind it,
//!   which does not part the text around it.
//! - A call whose arguments come in pieces (`partialArgs`, `willContinue`) is kept piece by piece as
//!   `other` parts `functionCall`.
//! - What stands beside a candidate's content (citations, grounding) is an `other` part each time.

mod message;
mod write;

use std::borrow::Cow;
use std::collections::HashMap;

use super::flow::{Flow, FlowKind};
use super::{Dialect, fields};
use crate::cassette::Request;
use crate::frame::{Event, Field, Frame, FrameKind, Framing};
use crate::json::{Json, Kind, Raw, Str};
use crate::transcript::{Emitter, PartKind, Quirks, Reader, Usage, ViolationKind};
use message::{COUNTS, TextMessage};

pub(super) use write::error_body;

pub(super) static GEMINI: Dialect = Dialect {
    name: "gemini",
    provider: "gcp.gemini",
    docs: "https://ai.google.dev/api/generate-content",
    framing: Framing::Sse,
    json_framing: |first| match first {
        b'[' => Framing::JsonArray,
        _ => Framing::Whole,
    },
    has_terminator: false,
    quirks: Quirks {
        content_after_finish: true,
    },
    writing: &write::WRITING,
    claims,
    recognises,
    // The route and its query ask for a stream here, not the body.
    ask_to_stream: |_| {},
    reader: |streamed| {
        Box::new(GeminiReader {
            streamed,
            ..GeminiReader::default()
        })
    },
};

fn claims(request: &Request) -> bool {
    let path = request.target.split('?').next().unwrap_or_default();
    // The same under /v1, /v1beta and Vertex's long paths; some clients escape the colon.
    let method = path.rsplit('/').next().unwrap_or_default();
    let method = method
        .rsplit_once(':')
        .or_else(|| method.rsplit_once("%3A"))
        .or_else(|| method.rsplit_once("%3a"));
    request.method == "POST"
        && method.is_some_and(|(_, method)| {
            matches!(method, "streamGenerateContent" | "generateContent")
        })
}

fn recognises(_event: &str, data: Raw<'_>) -> bool {
    let [candidates, feedback, usage, version, error] = data.pick([
        "candidates",
        "promptFeedback",
        "usageMetadata",
        "modelVersion",
        "error",
    ]);
    candidates.is_some_and(|raw| raw.kind() == Kind::Array)
        || feedback.is_some_and(|raw| raw.kind() == Kind::Object)
        || (usage.is_some() && version.is_some())
        || error.is_some_and(is_google_error)
}

/// Whether an error is of the form that Google's services share: its status is one of
/// `google.rpc.Code`.
fn is_google_error(error: Raw<'_>) -> bool {
    const STATUSES: [&str; 16] = [
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "UNAUTHENTICATED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
    ];
    let [code, status] = error.pick(["code", "status"]);
    let status = status.and_then(Raw::str).map(Str::plain);
    code.is_some_and(|code| code.u64().is_some())
        && status.is_some_and(|status| STATUSES.contains(&&*status))
}

/// State of one stream: what each candidate is writing, and usage as it stands.
#[derive(Debug, Clone, Default)]
struct GeminiReader {
    streamed: bool,
    candidates: HashMap<u64, Candidate>,
    usage: Usage,
}

#[derive(Debug, Clone, Default)]
struct Candidate {
    index: u64,
    flow: Flow,
    calls: u64,
    /// A call whose arguments come in pieces is not over yet.
    call_continues: bool,
}

const MESSAGE: [&str; 7] = [
    "candidates",
    "usageMetadata",
    "modelVersion",
    "responseId",
    "promptFeedback",
    "error",
    "response",
];

impl Reader for GeminiReader {
    fn read(&mut self, frame: &Frame<'_>, out: &mut Emitter<'_>) -> bool {
        match &frame.kind {
            FrameKind::Event(event) => self.read_event(event, out),
            FrameKind::Json(text) if self.streamed => self.read_data(text, out),
            FrameKind::Json(text) => return self.read_whole(text, out),
            FrameKind::Comment(_) => {}
        }
        true
    }

    fn boxed_clone(&self) -> Box<dyn Reader> {
        Box::new(self.clone())
    }
}

impl GeminiReader {
    fn read_event(&mut self, event: &Event<'_>, out: &mut Emitter<'_>) {
        read_bare_error(event.unknown, out);
        let data = event.data.map_or("", str::trim);
        // Gateways that end every stream of theirs with `[DONE]` do so here too.
        if !data.is_empty() && data != "[DONE]" {
            self.read_data(data, out);
        }
    }

    fn read_data(&mut self, data: &str, out: &mut Emitter<'_>) {
        let mut message = TextMessage::default();
        if message.parse(data).is_ok() {
            self.read_text_message(&message, out);
        } else if let Some(message) = fields::of_frame(data, MESSAGE, out) {
            self.read_message(message, out);
        }
    }

    fn read_text_message(&mut self, message: &TextMessage<'_>, out: &mut Emitter<'_>) {
        if let Some(id) = &message.id {
            out.response_id(id);
        }
        if let Some(model) = &message.model {
            out.model(model);
        }
        let index = message.index.unwrap_or(0);
        let candidate = self.candidate(index, out);
        if let Some(text) = &message.text {
            candidate.write(message.is_thought, text, out);
        }
        if let Some(reason) = &message.finish_reason {
            out.finish(index, reason);
        }
        if let Some((counts, raw)) = message.usage {
            self.count(counts, raw, out);
        }
    }

    /// Reads an answer that was not streamed.
    fn read_whole(&mut self, body: &str, out: &mut Emitter<'_>) -> bool {
        let Ok(Some(message)) = Raw::parse_pick(body, MESSAGE) else {
            return false;
        };
        let [candidates, usage, _, _, feedback, error, response] = message;
        let is_ours = candidates.or(usage).or(feedback).or(response).is_some()
            || fields::error(error).is_some();
        if is_ours {
            self.read_message(message, out);
        }
        is_ours
    }

    fn read_message(&mut self, message: [Option<Raw<'_>>; 7], out: &mut Emitter<'_>) {
        let [candidates, usage, model, id, feedback, error, response] = message;
        if candidates.is_none()
            && let Some(response) = response.filter(|raw| raw.kind() == Kind::Object)
        {
            // Google's own tools speak through a door that wraps each message once more.
            let mut message = response.pick(MESSAGE);
            message[6] = None;
            return self.read_message(message, out);
        }
        if let Some(id) = fields::text(id, "responseId", out) {
            out.response_id(&id.plain());
        }
        if let Some(model) = fields::text(model, "modelVersion", out) {
            out.model(&model.plain());
        }
        fields::elements(
            candidates,
            "candidates",
            out,
            |candidate, out| match candidate.kind() {
                Kind::Object => self.read_candidate(candidate, out),
                _ => out.wrong_type("candidates[]", "an object", candidate),
            },
        );
        if let Some(usage) = fields::object(usage, "usageMetadata", out) {
            self.read_usage(usage, out);
        }
        if let Some(feedback) = fields::object(feedback, "promptFeedback", out) {
            let [reason] = feedback.pick(["blockReason"]);
            let reason = fields::text(reason, "promptFeedback.blockReason", out);
            if reason.is_some_and(|reason| !reason.is_empty()) {
                out.error(Json::from_raw(feedback));
            }
        }
        match (fields::error(error), error) {
            (Some(error), _) => out.error(error),
            (None, Some(found)) if found.kind() != Kind::String => {
                out.wrong_type("error", "an object or a string", found);
            }
            _ => {}
        }
    }

    fn read_candidate(&mut self, raw: Raw<'_>, out: &mut Emitter<'_>) {
        const BESIDE: [&str; 3] = [
            "citationMetadata",
            "groundingMetadata",
            "urlContextMetadata",
        ];
        let [index, content, reason, message, logprobs, beside @ ..] = raw.pick([
            "index",
            "content",
            "finishReason",
            "finishMessage",
            "logprobsResult",
            BESIDE[0],
            BESIDE[1],
            BESIDE[2],
        ]);
        // Protobuf's JSON leaves out an index of 0.
        let index = fields::number(index, "candidates[].index", out).unwrap_or(0);
        let candidate = self.candidate(index, out);
        if let Some(content) = fields::object(content, "content", out) {
            let [parts] = content.pick(["parts"]);
            fields::elements(parts, "parts", out, |part, out| match part.kind() {
                Kind::Object => candidate.read_part(part, out),
                _ => out.wrong_type("parts[]", "an object", part),
            });
        }
        for (name, value) in BESIDE.into_iter().zip(beside) {
            if let Some(value) = value {
                out.other(index, name, value);
            }
        }
        if let Some(logprobs) = logprobs {
            // One entry a message, as it stands: its own lists belong together.
            let entry = format!("[{}]", logprobs.text());
            if let Ok(entries) = Raw::parse(&entry) {
                out.logprobs(index, false, entries);
            }
        }
        if let Some(reason) = fields::text(reason, "finishReason", out) {
            out.finish(index, &reason.plain());
        }
        if let Some(message) = message {
            out.finish_details(index, message);
        }
    }

    fn candidate(&mut self, index: u64, out: &mut Emitter<'_>) -> &mut Candidate {
        out.choice(index);
        let candidate = self.candidates.entry(index).or_default();
        candidate.index = index;
        candidate
    }

    fn read_usage(&mut self, raw: Raw<'_>, out: &mut Emitter<'_>) {
        let mut counts = [None; 5];
        for ((count, value), name) in counts.iter_mut().zip(raw.pick(COUNTS)).zip(COUNTS) {
            *count = fields::number(value, name, out);
        }
        self.count(counts, raw.text(), out);
    }

    /// Each message says how the counts stand now; one it leaves out has not changed.
    fn count(&mut self, counts: [Option<u64>; 5], raw: &str, out: &mut Emitter<'_>) {
        let Usage {
            input_tokens,
            output_tokens,
            total_tokens,
            cached_input_tokens,
            reasoning_tokens,
        } = &mut self.usage;
        let before = [
            input_tokens,
            output_tokens,
            total_tokens,
            cached_input_tokens,
            reasoning_tokens,
        ];
        for (count, now) in before.into_iter().zip(counts) {
            *count = now.or(*count);
        }
        out.usage(self.usage, raw);
    }
}

impl Candidate {
    fn read_part(&mut self, part: Raw<'_>, out: &mut Emitter<'_>) {
        let (mut text, mut thought, mut signature, mut call) = (None, None, None, None);
        let mut other = None;
        part.members(|name, value| match name {
            "text" => text = Some(value),
            "thought" => thought = Some(value),
            "thoughtSignature" => signature = Some(value),
            "functionCall" => call = Some(value),
            name if other.is_none() && !value.is_null() => other = Some(name.to_owned()),
            _ => {}
        });
        if let Some(kind) = &other {
            out.other(self.index, kind, part);
            self.flow.interrupt();
        }
        let is_thought = thought.is_some_and(|thought| match thought.kind() {
            Kind::Bool | Kind::Null => thought.is_true(),
            _ => {
                out.wrong_type("thought", "a boolean", thought);
                false
            }
        });
        if let Some(text) = fields::text(text.filter(|raw| !raw.is_null()), "text", out) {
            self.write(is_thought, &text, out);
        }
        let call = call.filter(|raw| !raw.is_null());
        if let Some(call) = fields::object(call, "functionCall", out) {
            self.flow.interrupt();
            self.read_call(call, part, out);
        }
        // An `other` part holds its signature itself.
        if let (Some(raw), None) = (signature.filter(|raw| !raw.is_null()), other) {
            match fields::text(Some(raw), "thoughtSignature", out) {
                Some(signature) if signature.is_empty() => {}
                Some(signature) if is_thought => {
                    self.flow.sign(self.index, &signature.plain(), out);
                }
                Some(_) => {
                    out.other(self.index, "thoughtSignature", raw);
                }
                None => {}
            }
        }
    }

    fn write(&mut self, is_thought: bool, text: &Str<'_>, out: &mut Emitter<'_>) {
        let kind = if is_thought {
            FlowKind::Reasoning
        } else {
            FlowKind::Text
        };
        self.flow.write(self.index, kind, text, out);
    }

    fn read_call(&mut self, call: Raw<'_>, part: Raw<'_>, out: &mut Emitter<'_>) {
        let [id, name, args, pieces, continues] =
            call.pick(["id", "name", "args", "partialArgs", "willContinue"]);
        let continues = continues.is_some_and(Raw::is_true);
        if continues || pieces.is_some() || (self.call_continues && name.is_none()) {
            out.other(self.index, "functionCall", part);
            self.call_continues = continues;
            return;
        }
        let id = fields::text(id, "functionCall.id", out).filter(|id| !id.is_empty());
        let name = fields::text(name, "functionCall.name", out).filter(|name| !name.is_empty());
        if name.is_none() {
            out.violation(ViolationKind::UnopenedCall, || {
                "a functionCall without a name".to_owned()
            });
        }
        let args = fields::object(args, "functionCall.args", out).map_or("{}", Raw::text);
        let call = out.open(
            self.index,
            PartKind::ToolCall {
                index: self.calls,
                id: id.map(Str::plain).as_deref(),
                name: name.map(Str::plain).as_deref(),
                free_form: false,
            },
        );
        out.append(call, &Str::Text(Cow::Borrowed(args)));
        self.calls += 1;
    }
}

/// Google's front end breaks a stream off with its error as bare lines of JSON, without `data:`.
fn read_bare_error(lines: &[Field], out: &mut Emitter<'_>) {
    if !lines
        .first()
        .is_some_and(|line| line.name.trim_start().starts_with('{'))
    {
        return;
    }
    let mut text = String::new();
    for Field { name, value } in lines {
        text.push_str(name);
        if !value.is_empty() {
            text.push(':');
            text.push_str(value);
        }
        text.push('\n');
    }
    let error = Raw::parse(&text).ok().and_then(|raw| raw.get("error"));
    if let Some(error) = fields::error(error) {
        out.error(error);
    }
}
