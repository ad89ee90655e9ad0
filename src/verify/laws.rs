use std::collections::BTreeMap;

use super::{Breach, Options, cuts};
use crate::cassette::Interaction;
use crate::dialect::{Answer, AnswerReader};
use crate::transcript::{Delta, Ending, Part, Transcript};

pub(super) struct Held {
    pub(super) answer: Answer,
    pub(super) cuts: u64,
    pub(super) every_byte: bool,
    pub(super) breaches: Vec<Breach>,
}

/// Bodies up to this size are read byte by byte too.
const BYTE_BY_BYTE: usize = 1 << 20;

/// Reads the body in all its cuts; of breaches of one law the first is enough.
pub(super) fn hold(of: &Interaction, reader: &AnswerReader, options: &Options) -> Held {
    let body = of.body();
    let mut steps = Steps::default();
    let mut whole = reader.clone();
    whole.feed_with(&body, &mut |delta| steps.take(&delta));
    let answer = whole.finish_with(&mut |delta| steps.take(&delta));
    let mut held = Held {
        answer,
        cuts: 0,
        every_byte: true,
        breaches: Vec::new(),
    };
    if let Answer::Transcript(transcript) = &held.answer {
        held.breaches.extend(steps.conservation(transcript));
        if (steps.failed || transcript.error.is_some()) && transcript.ending != Ending::Errored {
            let ending = transcript.ending.as_str();
            held.breaches.push(Breach::Ending { ending });
        }
    }
    let recorded = of.chunks.iter().map(|chunk| &chunk.bytes[..]);
    let mut ways = Ways {
        reader,
        expected: &held.answer,
        tried: 0,
        broken: None,
    };
    ways.read(recorded, || "in its recorded chunks".to_owned());
    let is_answer = matches!(held.answer, Answer::Transcript(_));
    if body.len() <= BYTE_BY_BYTE && is_answer {
        ways.read(body.chunks(1), || "byte by byte".to_owned());
    }
    let (places, every_byte) = if is_answer {
        let cuts = cuts::cuts(&body, options.seed, options.exhaustive);
        (cuts.at, cuts.every_byte)
    } else {
        (cuts::few(&body, options.seed), false)
    };
    for at in places {
        let (head, tail) = body.split_at(at);
        ways.read([head, tail].into_iter(), || format!("cut at byte {at}"));
    }
    let (tried, broken) = (ways.tried, ways.broken);
    (held.cuts, held.every_byte) = (tried, every_byte);
    held.breaches.extend(broken.map(|how| Breach::Cut { how }));
    held
}

struct Ways<'a> {
    reader: &'a AnswerReader,
    expected: &'a Answer,
    tried: u64,
    broken: Option<String>,
}

impl Ways<'_> {
    fn read<'b>(&mut self, pieces: impl Iterator<Item = &'b [u8]>, how: impl Fn() -> String) {
        if self.broken.is_some() {
            return;
        }
        let mut reader = self.reader.clone();
        pieces.for_each(|piece| reader.feed(piece));
        self.tried += 1;
        if reader.finish() != *self.expected {
            self.broken = Some(how());
        }
    }
}

/// What the steps add up to.
#[derive(Default)]
struct Steps {
    texts: BTreeMap<(u64, usize), String>,
    calls: BTreeMap<(u64, usize), String>,
    failed: bool,
}

impl Steps {
    fn take(&mut self, delta: &Delta<'_>) {
        match delta {
            Delta::Text { choice, part, text }
            | Delta::Reasoning { choice, part, text }
            | Delta::Refusal { choice, part, text } => {
                let whole = self.texts.entry((*choice, *part)).or_default();
                whole.push_str(text);
            }
            Delta::ToolCall {
                choice,
                part,
                arguments,
                ..
            } => {
                let whole = self.calls.entry((*choice, *part)).or_default();
                whole.push_str(arguments);
            }
            Delta::Replace { choice, part, text } => {
                let key = (*choice, *part);
                let list = match self.calls.contains_key(&key) {
                    true => &mut self.calls,
                    false => &mut self.texts,
                };
                list.insert(key, text.to_string());
            }
            Delta::Error(_) => self.failed = true,
            _ => {}
        }
    }

    /// Every call is there once and in order, and so is every text that is not empty.
    fn conservation(&self, of: &Transcript) -> Vec<Breach> {
        let mut breaches = Vec::new();
        for choice in &of.choices {
            let own = |list: &BTreeMap<(u64, usize), String>| -> Vec<String> {
                let own = list.range((choice.index, 0)..=(choice.index, usize::MAX));
                own.map(|(_, text)| text.clone()).collect()
            };
            let mut texts = own(&self.texts);
            texts.retain(|text| !text.is_empty());
            let said = choice.parts.iter().filter_map(|part| match part {
                Part::Text { text } | Part::Refusal { text } | Part::Reasoning { text, .. } => {
                    Some(text)
                }
                Part::ToolCall(_) | Part::Other { .. } => None,
            });
            let called = choice.parts.iter().filter_map(|part| match part {
                Part::ToolCall(call) => Some(&call.arguments),
                _ => None,
            });
            let index = choice.index;
            let breach = |what| Breach::Conservation {
                choice: index,
                what,
            };
            if !said.filter(|text| !text.is_empty()).eq(texts.iter()) {
                breaches.push(breach("its texts"));
            }
            if !called.eq(own(&self.calls).iter()) {
                breaches.push(breach("its tool calls"));
            }
        }
        breaches
    }
}
