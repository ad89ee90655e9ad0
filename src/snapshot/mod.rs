//! A stable view of what a model said, for snapshot tests.
//!
//! Two recordings of one conversation differ in ids, times and fingerprints, and two builds may
//! differ in the order of JSON keys. The view leaves the first out, numbers the ids in the order in
//! which they appear, and fixes the second; everything that a reviewer should see stays: parts in
//! order, arguments, usage, ending and violations.

#[cfg(feature = "insta")]
mod assert;
mod json;
mod tape;

use std::fmt::Write as _;

use crate::cassette::Interaction;
use crate::dialect::{Answer, Opaque};
use crate::transcript::{Choice, Part, ToolCall, Transcript, Usage};
use json::Ids;

pub use tape::TapeView;

/// What can be shown as a stable view.
///
/// ```
/// use rigtape::snapshot::View;
///
/// let mut assembler = rigtape::dialect::by_name("openai-chat").unwrap().assembler();
/// assembler.feed(b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}]}\n\n");
/// assert_eq!(assembler.finish().view(), "\
/// dialect     openai-chat
/// ending      complete, but no terminator
/// choice 0    stop
///   text
///     | Hi
/// usage       none
/// violations  none
/// ");
/// ```
pub trait View {
    /// The view: lines of text, the last one ended too.
    fn view(&self) -> String;
}

impl<T: View + ?Sized> View for &T {
    fn view(&self) -> String {
        (**self).view()
    }
}

impl View for Transcript {
    fn view(&self) -> String {
        let mut page = Page::default();
        page.transcript(self);
        page.text
    }
}

impl View for Opaque {
    fn view(&self) -> String {
        let mut page = Page::default();
        page.opaque(self);
        page.text
    }
}

impl View for Answer {
    fn view(&self) -> String {
        let mut page = Page::default();
        page.answer(self);
        page.text
    }
}

/// The request line, the answer, and how the body ended where it was not complete.
impl View for Interaction {
    fn view(&self) -> String {
        let mut page = Page::default();
        page.interaction(self);
        page.text
    }
}

/// One interaction after the other; ids that link them keep their numbers.
impl View for [Interaction] {
    fn view(&self) -> String {
        let mut page = Page::default();
        for (position, interaction) in self.iter().enumerate() {
            if position > 0 {
                page.text.push('\n');
            }
            page.interaction(interaction);
        }
        page.text
    }
}

impl View for Vec<Interaction> {
    fn view(&self) -> String {
        self.as_slice().view()
    }
}

#[derive(Default)]
struct Page {
    text: String,
    ids: Ids,
}

impl Page {
    fn interaction(&mut self, interaction: &Interaction) {
        let request = &interaction.request;
        self.field("request", &format!("{} {}", request.method, request.path()));
        match Answer::of(interaction) {
            Some(answer) => self.answer(&answer),
            None => self.field("response", "none"),
        }
        match interaction.how() {
            Some(how) if how.as_str() == "complete" => {}
            Some(how) => self.field("body", how.as_str()),
            None => self.field("body", "no end: the recorder died"),
        }
    }

    fn answer(&mut self, answer: &Answer) {
        match answer {
            Answer::Transcript(transcript) => self.transcript(transcript),
            Answer::Opaque(opaque) => self.opaque(opaque),
        }
    }

    fn transcript(&mut self, of: &Transcript) {
        let whole = if of.streamed { "" } else { ", not streamed" };
        self.field("dialect", &format!("{}{whole}", of.dialect));
        if let Some(status) = of.status {
            self.field("status", &status.to_string());
        }
        if let Some(model) = &of.model {
            self.field("model", model);
        }
        let ending = match of.terminator {
            Some(false) => format!("{}, but no terminator", of.ending),
            _ => of.ending.to_string(),
        };
        self.field("ending", &ending);
        if let Some(error) = &of.error {
            self.field("error", "");
            self.json("error", error.as_str(), 2);
        }
        for choice in &of.choices {
            self.choice(choice);
        }
        self.field("usage", &usage(&of.usage));
        if of.violations_total == 0 {
            self.field("violations", "none");
        } else {
            self.field("violations", &of.violations_total.to_string());
        }
        for violation in &of.violations {
            self.line(2, &violation.to_string());
        }
    }

    fn choice(&mut self, choice: &Choice) {
        let finish = choice.finish_reason.as_deref().unwrap_or("no finish");
        self.field(&format!("choice {}", choice.index), finish);
        if let Some(details) = &choice.finish_details {
            self.line(2, "finish details");
            self.json("finish_details", details.as_str(), 4);
        }
        for part in &choice.parts {
            self.part(part);
        }
        if let Some(logprobs) = &choice.logprobs {
            let count = |list: &Option<crate::json::Json>| {
                let list = list.as_ref().and_then(|json| json.read::<Vec<Skip>>().ok());
                list.map_or(0, |entries| entries.len())
            };
            let (content, refusal) = (count(&logprobs.content), count(&logprobs.refusal));
            self.line(2, &format!("logprobs of {} tokens", content + refusal));
        }
    }

    fn part(&mut self, part: &Part) {
        match part {
            Part::Text { text } => self.block("text", text),
            Part::Refusal { text } => self.block("refusal", text),
            Part::Reasoning { text, signature } => {
                let signed = signature.as_ref().map_or("", |_| ", signed");
                self.block(&format!("reasoning{signed}"), text);
            }
            Part::ToolCall(call) => self.call(call),
            Part::Other { kind, raw } => {
                self.line(2, kind);
                self.json(kind, raw.as_str(), 4);
            }
        }
    }

    fn call(&mut self, call: &ToolCall) {
        let name = call.name.as_deref().unwrap_or("(no name)");
        let id = match &call.id {
            Some(id) => self.ids.number(id),
            None => "no id".to_owned(),
        };
        self.line(2, &format!("tool_call {} {name}, {id}", call.index));
        match &call.arguments_json {
            Some(json) => self.json("arguments", json.as_str(), 4),
            None => self.quote(&call.arguments),
        }
    }

    fn opaque(&mut self, of: &Opaque) {
        if let Some(status) = of.status {
            self.field("status", &status.to_string());
        }
        let content_type = of.content_type.as_deref().unwrap_or("no content type");
        self.field("opaque", &format!("{content_type}, {} bytes", of.bytes));
        self.field("sha256", &of.sha256);
    }

    fn block(&mut self, title: &str, text: &str) {
        self.line(2, title);
        self.quote(text);
    }

    /// Text behind a bar, so that its own white space can be seen.
    fn quote(&mut self, text: &str) {
        for line in text.split('\n') {
            self.line(4, &format!("| {}", printable(line)));
        }
    }

    fn json(&mut self, name: &str, text: &str, indent: usize) {
        let stable = json::stable(text, name, &mut self.ids);
        for line in stable.lines() {
            self.line(indent, &printable(line));
        }
    }

    fn field(&mut self, name: &str, value: &str) {
        self.line(0, &format!("{name:12}{}", printable(value)));
    }

    fn line(&mut self, indent: usize, text: &str) {
        // Writing to a string does not fail.
        let _ = writeln!(self.text, "{:indent$}{}", "", text.trim_end());
    }
}

struct Skip;

impl<'de> serde::Deserialize<'de> for Skip {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Skip, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Skip)
    }
}

fn usage(usage: &Usage) -> String {
    let counts = [
        ("input", usage.input_tokens),
        ("output", usage.output_tokens),
        ("total", usage.total_tokens),
        ("cached", usage.cached_input_tokens),
        ("reasoning", usage.reasoning_tokens),
    ];
    let known: Vec<String> = counts
        .iter()
        .filter_map(|(name, count)| count.map(|count| format!("{name} {count}")))
        .collect();
    if known.is_empty() {
        "none".to_owned()
    } else {
        known.join(", ")
    }
}

/// The text with control characters spelled out: recorded text must not steer a terminal.
fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}
