use std::fmt;

use serde::{Serialize, Serializer};

/// Something a wire did that its protocol forbids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Violation {
    /// Number of the frame that shows it; the first frame is 1. `None` when it belongs to no frame.
    pub frame: Option<u64>,
    /// What kind of thing it is.
    pub kind: ViolationKind,
    /// What was expected and what was there.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.frame {
            Some(frame) => write!(f, "frame {frame}: {}: {}", self.kind, self.detail),
            None => write!(f, "{}: {}", self.kind, self.detail),
        }
    }
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $variant:ident = $word:literal,)*) => {
        /// The kinds of [`Violation`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ViolationKind {
            $($(#[doc = $doc])* $variant,)*
        }

        impl ViolationKind {
            /// The word for it, in snake case.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(ViolationKind::$variant => $word,)*
                }
            }
        }
    };
}

kinds! {
    /// A frame holds bytes that are not UTF-8; U+FFFD stands in their place.
    InvalidUtf8 = "invalid_utf8",
    /// A frame's data is not JSON.
    InvalidJson = "invalid_json",
    /// A frame's data is JSON, but no object.
    NotAnObject = "not_an_object",
    /// A field holds a value of the wrong type, and counts as absent.
    WrongType = "wrong_type",
    /// An SSE field that the standard does not know.
    UnknownField = "unknown_field",
    /// An event type that the dialect does not know.
    UnknownEvent = "unknown_event",
    /// The `event:` line and the data disagree about the event's type.
    EventMismatch = "event_mismatch",
    /// The stream ended inside a block that holds data.
    TornTail = "torn_tail",
    /// Something came after the closing marker.
    AfterTerminator = "after_terminator",
    /// Content came after a choice had finished.
    AfterFinish = "after_finish",
    /// A second finish reason differs from the first.
    FinishChanged = "finish_changed",
    /// A fragment for a tool call that nothing had opened.
    UnopenedCall = "unopened_call",
    /// A tool call's id changed in mid-call.
    CallIdChanged = "call_id_changed",
    /// A tool call's name changed in mid-call.
    CallNameChanged = "call_name_changed",
    /// The arguments of a call that the provider calls complete are not JSON.
    InvalidArguments = "invalid_arguments",
    /// Half of a surrogate pair stands alone.
    LoneSurrogate = "lone_surrogate",
    /// A delta for a block that nothing had opened.
    UnopenedBlock = "unopened_block",
    /// A later statement of the whole differs from its deltas.
    DeltaMismatch = "delta_mismatch",
    /// Sequence numbers skip or go back.
    SequenceGap = "sequence_gap",
}

impl fmt::Display for ViolationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for ViolationKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The violations of one stream: the first [`Violations::KEPT`] in detail, the rest counted.
#[derive(Debug, Clone, Default)]
pub struct Violations {
    kept: Vec<Violation>,
    total: u64,
}

impl Violations {
    /// How many are kept in detail.
    pub const KEPT: usize = 100;

    /// Adds one; `detail` is only called for those that are kept.
    pub fn push(
        &mut self,
        frame: Option<u64>,
        kind: ViolationKind,
        detail: impl FnOnce() -> String,
    ) -> Option<&Violation> {
        self.total += 1;
        if self.kept.len() == Violations::KEPT {
            return None;
        }
        self.kept.push(Violation {
            frame,
            kind,
            detail: detail(),
        });
        self.kept.last()
    }

    /// How many there were in all.
    pub fn total(&self) -> u64 {
        self.total
    }

    pub(super) fn into_parts(self) -> (Vec<Violation>, u64) {
        (self.kept, self.total)
    }
}
