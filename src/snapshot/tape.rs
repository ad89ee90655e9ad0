//! The stable view of a tape: what was asked, and the steps of what came, with how long each took.

use std::time::Duration;

use crate::Offset;
use crate::cassette::{Cassette, Error, Interaction};
use crate::dialect::AnswerReader;
use crate::json::Raw;
use crate::transcript::Delta;

use super::{Page, usage};

/// What can be shown as a stable view of a tape: requests with their bodies, and the steps of each
/// answer. Where [`View`](super::View) says what came of it, this says how it came.
///
/// Steps of one part that follow each other within a second stand on one line, with their number.
/// Waits are told in steps of ten, so that a new recording of the same behaviour is the same text.
///
/// ```
/// use rigtape::cassette::Cassette;
/// use rigtape::snapshot::TapeView;
///
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/cassettes/openai-chat/agent_loop.jsonl");
/// let view = Cassette::open(path)?.tape_view();
/// let answer = "  < 10 s   text in 10 steps: \"In Oslo it is 7 degrees and rain.\"";
/// assert!(view.contains(answer), "{view}");
/// # Ok::<(), rigtape::cassette::Error>(())
/// ```
pub trait TapeView {
    /// The view: lines of text, the last one ended too.
    fn tape_view(&self) -> String;
}

impl<T: TapeView + ?Sized> TapeView for &T {
    fn tape_view(&self) -> String {
        (**self).tape_view()
    }
}

impl TapeView for Interaction {
    fn tape_view(&self) -> String {
        view([Ok(self)])
    }
}

impl TapeView for [Interaction] {
    fn tape_view(&self) -> String {
        view(self.iter().map(Ok))
    }
}

impl TapeView for Vec<Interaction> {
    fn tape_view(&self) -> String {
        self.as_slice().tape_view()
    }
}

/// All interactions; one that cannot be read shows why.
impl TapeView for Cassette {
    fn tape_view(&self) -> String {
        view(self.interactions())
    }
}

fn view<I: std::borrow::Borrow<Interaction>>(
    interactions: impl IntoIterator<Item = Result<I, Error>>,
) -> String {
    let mut page = Page::default();
    for (position, interaction) in interactions.into_iter().enumerate() {
        if position > 0 {
            page.text.push('\n');
        }
        match interaction {
            Ok(interaction) => page.tape_of(interaction.borrow()),
            Err(error) => page.field("unreadable", &error.to_string()),
        }
    }
    page.text
}

/// Steps of one part that came one after the other.
struct Run {
    wait: &'static str,
    what: String,
    text: Option<String>,
    steps: usize,
}

impl Page {
    fn tape_of(&mut self, of: &Interaction) {
        let request = &of.request;
        self.field("request", &format!("{} {}", request.method, request.path()));
        if let Ok(body) = std::str::from_utf8(request.body.as_bytes())
            && Raw::parse(body).is_ok()
        {
            self.json("body", body, 2);
        } else if !request.body.as_bytes().is_empty() {
            self.line(2, &format!("{} bytes", request.body.as_bytes().len()));
        }
        let Some(head) = &of.response else {
            return self.field("response", "none");
        };
        let kind = of.content_type().unwrap_or("no content type");
        let wait = wait(head.at.since(Offset::ZERO));
        self.field("response", &format!("{} {kind}, {wait}", head.status));
        self.steps(of, head.at);
        match of.how() {
            Some(how) => self.field("end", how.as_str()),
            None => self.field("end", "none: the recorder died"),
        }
    }

    fn steps(&mut self, of: &Interaction, head_at: Offset) {
        let Some(head) = &of.response else { return };
        let mut reader = AnswerReader::new(&of.request, head);
        let mut runs: Vec<Run> = Vec::new();
        let mut last = head_at;
        for chunk in &of.chunks {
            // The first step of a chunk has waited; those behind it came with it.
            let mut waited = wait(chunk.at.since(last));
            let mut stepped = false;
            reader.feed_with(&chunk.bytes, &mut |delta| {
                if self.step(&mut runs, waited, delta) {
                    waited = SOON;
                    stepped = true;
                }
            });
            if stepped {
                last = chunk.at;
            }
        }
        reader.finish_with(&mut |delta| {
            self.step(&mut runs, SOON, delta);
        });
        for run in runs {
            let steps = match run.steps {
                1 => String::new(),
                steps => format!(" in {steps} steps"),
            };
            let text = run
                .text
                .map_or_else(String::new, |text| format!(": {text:?}"));
            self.line(2, &format!("{:8} {}{steps}{text}", run.wait, run.what));
        }
    }

    /// Whether there is something to show.
    fn step(&mut self, runs: &mut Vec<Run>, mut wait: &'static str, delta: Delta<'_>) -> bool {
        let (what, text) = match delta {
            // The transcript's view has them.
            Delta::ResponseId(_) | Delta::Model(_) => return false,
            Delta::Text { choice, text, .. } => (of(choice, "text"), Some(text)),
            Delta::Reasoning { choice, text, .. } => (of(choice, "reasoning"), Some(text)),
            Delta::Refusal { choice, text, .. } => (of(choice, "refusal"), Some(text)),
            Delta::ToolCall {
                choice,
                index,
                id,
                name,
                arguments,
                ..
            } => {
                if id.is_some() || name.is_some() {
                    let id = id.map(|id| format!(", {}", self.ids.number(&id)));
                    let name = name.unwrap_or("(no name)".into());
                    let id = id.unwrap_or_default();
                    let what = of(choice, &format!("tool_call {index} {name}{id}"));
                    push(runs, std::mem::replace(&mut wait, SOON), what, None);
                    if arguments.is_empty() {
                        return true;
                    }
                }
                (
                    of(choice, &format!("arguments of {index}")),
                    Some(arguments),
                )
            }
            Delta::Other { choice, kind, .. } => (of(choice, &kind), None),
            Delta::Replace { choice, text, .. } => (of(choice, "replaced by"), Some(text)),
            Delta::Usage(counts) => (format!("usage: {}", usage(&counts)), None),
            Delta::Finish { choice, reason } => (of(choice, &format!("finish: {reason}")), None),
            Delta::Error(error) => (format!("error: {}", error.as_str()), None),
            Delta::Terminator => ("terminator".to_owned(), None),
            Delta::Violation(violation) => (format!("violation: {violation}"), None),
        };
        push(runs, wait, what, text.map(Into::into));
        true
    }
}

fn push(runs: &mut Vec<Run>, wait: &'static str, what: String, text: Option<String>) {
    if let Some(run) = runs.last_mut()
        && run.what == what
        && (wait == SOON || wait == SECOND)
        && let (Some(whole), Some(text)) = (&mut run.text, &text)
    {
        whole.push_str(text);
        run.steps += 1;
        return;
    }
    runs.push(Run {
        wait,
        what,
        text,
        steps: 1,
    });
}

fn of(choice: u64, what: &str) -> String {
    match choice {
        0 => what.to_owned(),
        choice => format!("choice {choice}, {what}"),
    }
}

const SOON: &str = "at once";
const SECOND: &str = "< 1 s";

/// A wait, told in steps of ten.
fn wait(gap: Duration) -> &'static str {
    match gap.as_millis() {
        0..100 => SOON,
        100..1_000 => SECOND,
        1_000..10_000 => "< 10 s",
        10_000..100_000 => "< 100 s",
        _ => "longer",
    }
}
