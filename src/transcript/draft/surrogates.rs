//! Halves of surrogate pairs: two that meet in consecutive deltas of a part join, one that stays
//! alone becomes U+FFFD and is noted.

use super::Emitter;
use crate::json::{Str, Wtf8Piece, Wtf8Pieces, join_surrogates};
use crate::transcript::ViolationKind;

impl Emitter<'_> {
    /// Appends text that begins or ends with half of a surrogate pair, or follows such text.
    pub(super) fn append_halves(&mut self, part: usize, text: &Str<'_>) {
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

    pub(super) fn settle_half(&mut self, part: usize) {
        if self.draft.parts[part].half.take().is_some() {
            self.draft.parts[part]
                .text
                .push(char::REPLACEMENT_CHARACTER);
            self.violation(ViolationKind::LoneSurrogate, lone_surrogate);
            self.show(part, "\u{FFFD}");
        }
    }
}

pub(super) fn lone_surrogate() -> String {
    "half of a surrogate pair stands alone; U+FFFD is in its place".to_owned()
}
