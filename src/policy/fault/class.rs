//! What a fault asks of a client.

use std::fmt;

use super::NotApplicable;
use super::performance::Ending;
use super::scene::Scene;
use crate::cassette::Interaction;
use crate::dialect::{Answer, Dialect};
use crate::policy::Policy;
use crate::transcript::{self, Choice, Part, Transcript};

/// What a fault asks of a client; see the [module's](super) notes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Parts and finish must be what they were.
    Benign,
    /// Nobody can say from outside what is right: to be reported, never judged.
    Undetectable,
    /// The client can know; a clean success is wrong.
    Harmful,
}

impl Class {
    /// The word for it: `benign`, `undetectable` or `harmful`.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::Benign => "benign",
            Class::Undetectable => "undetectable",
            Class::Harmful => "harmful",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The class of a policy's faults on one interaction: that of the worst of them.
///
/// It is computed from what is left of the tape, as the assembler reads it:
///
/// - A body that ends early under a broken connection is harmful, unless all that the answer says
///   came before: then an error is right, and so is none, and it is not judged. One that ends
///   early in good order is benign there.
/// - A message that comes twice, not at all or in the wrong place is harmful where the assembler
///   sees it *and* the answer is another one; else not judged.
/// - Tool calls whose index is repeated or missing are benign where ids and names still tell the
///   calls apart on a wire that is known to do that.
///
/// # Errors
///
/// [`NotApplicable`] when a fault means nothing on this tape.
pub fn classify(policy: &Policy, interaction: &Interaction) -> Result<Class, NotApplicable> {
    let mut scene = Scene::new(interaction, policy.stage(interaction));
    let mut worst = Class::Benign;
    let mut before = Said::of(&scene);
    for fault in &policy.faults {
        fault.apply(&mut scene)?;
        let after = Said::of(&scene);
        worst = worst.max((fault.info.judge)(&before, &after));
        before = after;
    }
    Ok(worst)
}

/// What an answer says at one point.
pub(super) struct Said {
    dialect: Option<&'static Dialect>,
    transcript: Option<Transcript>,
    content_type: String,
    /// The connection does not end well.
    is_broken: bool,
}

impl Said {
    fn of(scene: &Scene<'_>) -> Said {
        let plain = Scene::new(scene.interaction, scene.performance.clone().decoded());
        let head = plain.performance.head.as_ref();
        let content_type = head
            .and_then(|head| head.content_type())
            .unwrap_or_default();
        let (dialect, answer) = plain.read().unzip();
        Said {
            dialect: dialect.flatten(),
            transcript: match answer {
                Some(Answer::Transcript(said)) => Some(said),
                Some(Answer::Opaque(_)) | None => None,
            },
            content_type: content_type.to_owned(),
            is_broken: !matches!(
                scene.performance.ending,
                Ending::Recorded | Ending::Complete
            ),
        }
    }

    fn is_complete(&self) -> bool {
        let said = self.transcript.as_ref();
        said.is_some_and(|said| said.ending == transcript::Ending::Complete)
    }

    fn is_clean(&self) -> bool {
        self.transcript.as_ref().is_some_and(Transcript::is_clean)
    }

    fn says_the_same(&self, other: &Said) -> bool {
        match (&self.transcript, &other.transcript) {
            (Some(one), Some(other)) => same_choices(&one.choices, &other.choices),
            _ => false,
        }
    }
}

pub(super) type Judge = fn(before: &Said, after: &Said) -> Class;

pub(super) fn benign(_: &Said, _: &Said) -> Class {
    Class::Benign
}

pub(super) fn harmful(_: &Said, _: &Said) -> Class {
    Class::Harmful
}

pub(super) fn undetectable(_: &Said, _: &Said) -> Class {
    Class::Undetectable
}

/// The connection breaks, or only waits.
pub(super) fn broken(before: &Said, after: &Said) -> Class {
    match after.is_broken {
        false => Class::Benign,
        true if after.is_complete() && after.says_the_same(before) => Class::Undetectable,
        true => Class::Harmful,
    }
}

/// The connection is well, the answer may not be whole.
pub(super) fn shortened(before: &Said, after: &Said) -> Class {
    match (after.is_complete(), after.says_the_same(before)) {
        (true, true) => Class::Benign,
        (true, false) => Class::Undetectable,
        // What an opaque body should be is not known.
        (false, _) if before.transcript.is_none() => Class::Undetectable,
        (false, _) => Class::Harmful,
    }
}

/// The provider's error comes in the stream. Whoever has the whole answer need not read on.
pub(super) fn errored(before: &Said, after: &Said) -> Class {
    match before.is_complete() && after.says_the_same(before) {
        true => Class::Undetectable,
        false => Class::Harmful,
    }
}

/// Messages come twice, not at all, or in another order.
pub(super) fn shuffled(before: &Said, after: &Said) -> Class {
    match after.is_clean() || after.says_the_same(before) && after.is_complete() {
        true => Class::Undetectable,
        false => Class::Harmful,
    }
}

/// What tells tool calls apart is not what it should be.
pub(super) fn renumbered(before: &Said, after: &Said) -> Class {
    let is_loose = |dialect: &Dialect| dialect.marks().call_index_is_loose;
    match after.is_complete() && after.says_the_same(before) {
        true if after.dialect.is_some_and(is_loose) => Class::Benign,
        true => Class::Undetectable,
        false => shuffled(before, after),
    }
}

/// Fragments of calls come in turns; their index tells them apart.
pub(super) fn interleaved(before: &Said, after: &Said) -> Class {
    match after.is_complete() && after.says_the_same(before) {
        true => Class::Benign,
        false => shuffled(before, after),
    }
}

pub(super) fn uncounted(before: &Said, _: &Said) -> Class {
    let may_be = |dialect: &Dialect| dialect.marks().usage_is_optional;
    match before.dialect.is_some_and(may_be) {
        true => Class::Benign,
        false => Class::Undetectable,
    }
}

/// An event stream's incomplete last line is nothing; in JSON it may be anything.
pub(super) fn trailing(before: &Said, after: &Said) -> Class {
    let is_stream = before.content_type.contains("event-stream");
    match is_stream && after.says_the_same(before) {
        true => Class::Benign,
        false => Class::Undetectable,
    }
}

/// Parts and finish; the index of a call only tells its fragments apart.
fn same_choices(one: &[Choice], other: &[Choice]) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).all(|(one, other)| {
            one.index == other.index
                && one.finish_reason == other.finish_reason
                && one.parts.len() == other.parts.len()
                && one.parts.iter().zip(&other.parts).all(same_part)
        })
}

fn same_part((one, other): (&Part, &Part)) -> bool {
    match (one, other) {
        (Part::ToolCall(one), Part::ToolCall(other)) => {
            one.id == other.id && one.name == other.name && one.arguments == other.arguments
        }
        (one, other) => one == other,
    }
}
