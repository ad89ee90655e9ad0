//! Two interactions, aspect by aspect.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};
use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::ids::Ids;
use super::value::{self, Author, Leaf};
use super::words::{self, Word};
use super::{Aspect, Difference, Heard, Pair};
use crate::cassette::{Body, Request};
use crate::dialect::{Answer, Opaque};
use crate::json::Json;
use crate::transcript::{Choice, Part, ToolCall, Transcript, Usage};

pub(super) fn compare(a: &Heard, b: &Heard, ids: &mut Ids) -> Pair {
    let mut found = Found {
        ids,
        differences: Vec::new(),
    };
    match (&a.request, &b.request) {
        (Some(of_a), Some(of_b)) => found.request(of_a, of_b),
        (None, None) => {}
        (of_a, of_b) => {
            let said = |of: &Option<Request>| {
                let line = of.as_ref().map(|of| format!("{} {}", of.method, of.target));
                line.map(|line| value::string(&line))
            };
            found.add(Aspect::Request, "request line", said(of_a), said(of_b));
        }
    }
    match (&a.answer, &b.answer) {
        (Some(Answer::Transcript(of_a)), Some(Answer::Transcript(of_b))) => {
            found.transcript(of_a, of_b);
        }
        (Some(Answer::Opaque(of_a)), Some(Answer::Opaque(of_b))) => found.opaque(of_a, of_b),
        (None, None) => {}
        (of_a, of_b) => {
            let (of_a, of_b) = (kind_of(of_a.as_ref()), kind_of(of_b.as_ref()));
            found.words(Aspect::Response, "kind of answer", of_a, of_b);
        }
    }
    found.words(Aspect::Ending, "body", a.how.as_deref(), b.how.as_deref());
    let request = a.request.as_ref();
    Pair {
        a: a.interaction,
        b: b.interaction,
        method: request.map_or_else(String::new, |request| request.method.clone()),
        target: request.map_or_else(String::new, |request| request.target.clone()),
        differences: found.differences,
        timing_a: a.timing,
        timing_b: b.timing,
    }
}

fn kind_of(answer: Option<&Answer>) -> Option<&'static str> {
    match answer? {
        Answer::Transcript(_) => Some("a model's answer"),
        Answer::Opaque(_) => Some("another body"),
    }
}

struct Found<'i> {
    ids: &'i mut Ids,
    differences: Vec<Difference>,
}

impl Found<'_> {
    fn request(&mut self, a: &Request, b: &Request) {
        let line = |of: &Request| format!("{} {}", of.method, of.target);
        self.words(
            Aspect::Request,
            "request line",
            Some(&line(a)),
            Some(&line(b)),
        );
        let (of_a, of_b) = (fields(a), fields(b));
        let names = of_a
            .keys()
            .chain(of_b.keys().filter(|name| !of_a.contains_key(*name)));
        for name in names {
            let (of_a, of_b) = (of_a.get(name), of_b.get(name));
            let place = format!("header {name}");
            let text = |of: Option<&String>| of.map(String::as_str).map(str::to_owned);
            self.words(
                Aspect::Request,
                &place,
                text(of_a).as_deref(),
                text(of_b).as_deref(),
            );
        }
        let (of_a, of_b) = (&a.body, &b.body);
        match (json_of(of_a), json_of(of_b)) {
            (Some(of_a), Some(of_b)) => {
                self.json(Aspect::Request, "body", &of_a, &of_b, Author::Client);
            }
            _ if of_a.as_bytes() == of_b.as_bytes() => {}
            _ => match (text_of(of_a), text_of(of_b)) {
                (Some(of_a), Some(of_b)) => self.prose(Aspect::Request, "body", of_a, of_b),
                _ => {
                    let (of_a, of_b) = (digest(of_a), digest(of_b));
                    self.add(Aspect::Request, "body", of_a, of_b);
                }
            },
        }
    }

    fn transcript(&mut self, a: &Transcript, b: &Transcript) {
        let number = |of: Option<u16>| of.map(|of| plain(of.to_string()));
        let streamed = |of: &Transcript| Some(plain(of.streamed.to_string()));
        self.words(
            Aspect::Response,
            "dialect",
            Some(a.dialect),
            Some(b.dialect),
        );
        self.add(
            Aspect::Response,
            "status",
            number(a.status),
            number(b.status),
        );
        self.add(Aspect::Response, "streamed", streamed(a), streamed(b));
        self.words(
            Aspect::Response,
            "model",
            a.model.as_deref(),
            b.model.as_deref(),
        );
        self.id(
            Aspect::Response,
            "response id",
            a.response_id.as_deref(),
            b.response_id.as_deref(),
        );
        let (of_a, of_b) = (by_index(a), by_index(b));
        for (index, choice) in &of_a {
            match of_b.get(index) {
                Some(other) => self.choice(*index, choice, other),
                None => self.lone(*index, choice, true),
            }
        }
        for (index, choice) in of_b.iter().filter(|(index, _)| !of_a.contains_key(index)) {
            self.lone(*index, choice, false);
        }
        self.usage(&a.usage, &b.usage);
        let ending = |of: &Transcript| of.ending.as_str();
        self.words(Aspect::Ending, "turn", Some(ending(a)), Some(ending(b)));
        let marker = |of: &Transcript| of.terminator.map(|came| plain(came.to_string()));
        self.add(Aspect::Ending, "terminator", marker(a), marker(b));
        self.maybe_json(Aspect::Error, "error", a.error.as_ref(), b.error.as_ref());
        self.violations(a, b);
    }

    /// A choice that only one of them has.
    fn lone(&mut self, index: u64, choice: &Choice, is_a: bool) {
        for (position, part) in choice.parts.iter().enumerate() {
            self.lone_part(index, position, part, is_a);
        }
        let reason = choice.finish_reason.as_deref();
        let place = format!("choice {index}");
        let (a, b) = if is_a { (reason, None) } else { (None, reason) };
        self.words(Aspect::Finish, &place, a, b);
        if choice.parts.is_empty() && reason.is_none() {
            let empty = || Some(value::string("an empty choice"));
            let (a, b) = if is_a {
                (empty(), None)
            } else {
                (None, empty())
            };
            self.add(Aspect::Part, &place, a, b);
        }
    }

    fn choice(&mut self, index: u64, a: &Choice, b: &Choice) {
        let kinds = |of: &Choice| of.parts.iter().map(kind).collect::<Vec<_>>();
        for op in capture_diff_slices(Algorithm::Myers, &kinds(a), &kinds(b)) {
            let (old, new) = (op.old_range(), op.new_range());
            if let DiffOp::Equal { .. } = op {
                for (at, other) in old.zip(new) {
                    self.part(index, at, &a.parts[at], &b.parts[other]);
                }
                continue;
            }
            for at in old {
                self.lone_part(index, at, &a.parts[at], true);
            }
            for at in new {
                self.lone_part(index, at, &b.parts[at], false);
            }
        }
        let place = format!("choice {index}");
        let reason = |of: &Choice| of.finish_reason.clone();
        self.words(
            Aspect::Finish,
            &place,
            reason(a).as_deref(),
            reason(b).as_deref(),
        );
        let (of_a, of_b) = (a.finish_details.as_ref(), b.finish_details.as_ref());
        self.maybe_json(Aspect::Finish, &format!("{place}, details"), of_a, of_b);
    }

    /// Two parts of one kind.
    fn part(&mut self, choice: u64, position: usize, a: &Part, b: &Part) {
        let place = place_of(choice, position, a);
        match (a, b) {
            (Part::ToolCall(a), Part::ToolCall(b)) => self.call(&place, a, b),
            (Part::Other { raw: a, .. }, Part::Other { raw: b, .. }) => {
                self.json(Aspect::Part, &place, a, b, Author::Provider);
            }
            _ => {
                let (of_a, of_b) = (text(a), text(b));
                if of_a != of_b {
                    self.prose(Aspect::Part, &place, of_a, of_b);
                }
            }
        }
    }

    fn call(&mut self, place: &str, a: &ToolCall, b: &ToolCall) {
        self.id(
            Aspect::ToolCall,
            &format!("{place}, id"),
            a.id.as_deref(),
            b.id.as_deref(),
        );
        match (&a.arguments_json, &b.arguments_json) {
            (Some(a), Some(b)) => self.json(Aspect::ToolCall, place, a, b, Author::Client),
            _ if a.arguments == b.arguments => {}
            _ => self.prose(Aspect::ToolCall, place, &a.arguments, &b.arguments),
        }
    }

    fn lone_part(&mut self, choice: u64, position: usize, part: &Part, is_a: bool) {
        let (aspect, said) = match part {
            Part::ToolCall(call) => {
                let json = call.arguments_json.clone();
                (
                    Aspect::ToolCall,
                    json.unwrap_or_else(|| value::string(&call.arguments)),
                )
            }
            Part::Other { raw, .. } => (Aspect::Part, raw.clone()),
            part => (Aspect::Part, value::string(text(part))),
        };
        let place = place_of(choice, position, part);
        let (a, b) = if is_a {
            (Some(said), None)
        } else {
            (None, Some(said))
        };
        self.add(aspect, &place, a, b);
    }

    fn usage(&mut self, a: &Usage, b: &Usage) {
        for (name, of_a, of_b) in [
            ("input_tokens", a.input_tokens, b.input_tokens),
            ("output_tokens", a.output_tokens, b.output_tokens),
            ("total_tokens", a.total_tokens, b.total_tokens),
            (
                "cached_input_tokens",
                a.cached_input_tokens,
                b.cached_input_tokens,
            ),
            ("reasoning_tokens", a.reasoning_tokens, b.reasoning_tokens),
        ] {
            let count = |of: Option<u64>| of.map(|of| plain(of.to_string()));
            self.add(Aspect::Usage, name, count(of_a), count(of_b));
        }
    }

    /// Frames and bytes differ between any two recordings, so kinds are counted.
    fn violations(&mut self, a: &Transcript, b: &Transcript) {
        let mut counts: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for violation in &a.violations {
            counts.entry(violation.kind.as_str()).or_default().0 += 1;
        }
        for violation in &b.violations {
            counts.entry(violation.kind.as_str()).or_default().1 += 1;
        }
        for (kind, (of_a, of_b)) in counts {
            let count = |of: u64| (of > 0).then(|| plain(of.to_string()));
            self.add(Aspect::Violations, kind, count(of_a), count(of_b));
        }
        let beyond = |of: &Transcript| of.violations_total - of.violations.len() as u64;
        let count = |of: &Transcript| Some(plain(beyond(of).to_string()));
        self.add(Aspect::Violations, "beyond those kept", count(a), count(b));
    }

    fn opaque(&mut self, a: &Opaque, b: &Opaque) {
        let number = |of: Option<u16>| of.map(|of| plain(of.to_string()));
        self.add(
            Aspect::Response,
            "status",
            number(a.status),
            number(b.status),
        );
        let (of_a, of_b) = (a.content_type.as_deref(), b.content_type.as_deref());
        self.words(Aspect::Response, "content type", of_a, of_b);
        if a.sha256 != b.sha256 {
            let size = |of: &Opaque| Some(plain(of.bytes.to_string()));
            self.add(Aspect::Body, "bytes", size(a), size(b));
            let digest = |of: &Opaque| Some(value::string(&of.sha256));
            self.add(Aspect::Body, "sha256", digest(a), digest(b));
        }
    }

    /// An id that a provider made up.
    fn id(&mut self, aspect: Aspect, place: &str, a: Option<&str>, b: Option<&str>) {
        match (a, b) {
            (Some(of_a), Some(of_b)) if self.ids.same(of_a, of_b) => {}
            _ => self.words(aspect, place, a, b),
        }
    }

    fn maybe_json(&mut self, aspect: Aspect, place: &str, a: Option<&Json>, b: Option<&Json>) {
        match (a, b) {
            (Some(a), Some(b)) => self.json(aspect, place, a, b, Author::Provider),
            (a, b) => self.add(aspect, place, a.cloned(), b.cloned()),
        }
    }

    fn json(&mut self, aspect: Aspect, place: &str, a: &Json, b: &Json, author: Author) {
        for Leaf { path, a, b, words } in value::compare(a, b, author, self.ids) {
            self.push(aspect, place, Some(path), a, b, words);
        }
    }

    /// Two texts that differ, word by word.
    fn prose(&mut self, aspect: Aspect, place: &str, a: &str, b: &str) {
        let words = words::compare(a, b);
        let (a, b) = (Some(value::string(a)), Some(value::string(b)));
        self.push(aspect, place, None, a, b, Some(words));
    }

    /// Two words; nothing when they are the same.
    fn words(&mut self, aspect: Aspect, place: &str, a: Option<&str>, b: Option<&str>) {
        self.add(aspect, place, a.map(value::string), b.map(value::string));
    }

    /// Two values; nothing when they are the same.
    fn add(&mut self, aspect: Aspect, place: &str, a: Option<Json>, b: Option<Json>) {
        if a != b {
            self.push(aspect, place, None, a, b, None);
        }
    }

    fn push(
        &mut self,
        aspect: Aspect,
        place: &str,
        path: Option<String>,
        a: Option<Json>,
        b: Option<Json>,
        words: Option<Vec<Word>>,
    ) {
        self.differences.push(Difference {
            aspect,
            place: place.to_owned(),
            path,
            a,
            b,
            words,
        });
    }
}

fn by_index(of: &Transcript) -> BTreeMap<u64, &Choice> {
    of.choices
        .iter()
        .map(|choice| (choice.index, choice))
        .collect()
}

/// The values of each header, joined.
fn fields(of: &Request) -> BTreeMap<String, String> {
    let mut fields: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in of.headers.iter() {
        let joined = fields.entry(name.to_ascii_lowercase()).or_default();
        if !joined.is_empty() {
            joined.push_str(", ");
        }
        joined.push_str(&String::from_utf8_lossy(value));
    }
    fields
}

/// What parts are aligned by.
fn kind(part: &Part) -> String {
    match part {
        Part::Text { .. } => "text".to_owned(),
        Part::Reasoning { .. } => "reasoning".to_owned(),
        Part::Refusal { .. } => "refusal".to_owned(),
        Part::ToolCall(call) => format!("call {}", call.name.as_deref().unwrap_or("?")),
        Part::Other { kind, .. } => format!("other {kind}"),
    }
}

fn place_of(choice: u64, position: usize, part: &Part) -> String {
    format!("choice {choice}, part {position} ({})", kind(part))
}

fn text(part: &Part) -> &str {
    match part {
        Part::Text { text } | Part::Reasoning { text, .. } | Part::Refusal { text } => text,
        Part::ToolCall(call) => &call.arguments,
        Part::Other { raw, .. } => raw.as_str(),
    }
}

/// A number or a boolean.
fn plain(text: String) -> Json {
    Json::parse(&text).unwrap_or_else(|_| Json::null())
}

fn json_of(body: &Body) -> Option<Json> {
    Json::parse(text_of(body)?).ok()
}

fn text_of(body: &Body) -> Option<&str> {
    std::str::from_utf8(body.as_bytes()).ok()
}

fn digest(body: &Body) -> Option<Json> {
    let digest = Sha256::digest(body.as_bytes());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let bytes = body.as_bytes().len();
    Some(value::string(&format!("{bytes} bytes, sha256 {hex}")))
}
