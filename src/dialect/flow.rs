use crate::json::Str;
use crate::transcript::{Emitter, PartId, PartKind};

/// Running text of one choice: it goes on in the part it began in, until text of the other kind or
/// a part of another form comes between.
#[derive(Debug, Clone, Default)]
pub(super) struct Flow {
    open: Option<(FlowKind, PartId)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FlowKind {
    Text,
    Reasoning,
}

impl Flow {
    /// Adds text; empty text opens nothing.
    pub(super) fn write(
        &mut self,
        choice: u64,
        kind: FlowKind,
        text: &Str<'_>,
        out: &mut Emitter<'_>,
    ) {
        if !text.is_empty() {
            let part = self.part(choice, kind, out);
            out.append(part, text);
        }
    }

    /// Adds the signature of a thought, and ends the thought: the next one has its own.
    pub(super) fn sign(&mut self, choice: u64, signature: &str, out: &mut Emitter<'_>) {
        let part = self.part(choice, FlowKind::Reasoning, out);
        out.sign(part, signature);
        self.open = None;
    }

    /// A part of another form comes between.
    pub(super) fn interrupt(&mut self) {
        self.open = None;
    }

    /// The part that text of that kind goes to now.
    pub(super) fn part(&mut self, choice: u64, kind: FlowKind, out: &mut Emitter<'_>) -> PartId {
        if let Some((open, part)) = self.open
            && open == kind
        {
            return part;
        }
        let part = out.open(
            choice,
            match kind {
                FlowKind::Text => PartKind::Text,
                FlowKind::Reasoning => PartKind::Reasoning,
            },
        );
        self.open = Some((kind, part));
        part
    }
}
