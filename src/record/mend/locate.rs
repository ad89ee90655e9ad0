//! Finds the bytes of a secret's pieces: each is a JSON string, or a part of one, in a frame.

use std::collections::BTreeMap;

use super::super::audit::{PartKey, Spoken, piece};
use super::{Edit, Edits, Track};
use crate::cassette::{Body, Record, Request};
use crate::dialect::AnswerReader;

/// Follows the interactions that say a secret and notes where its pieces stand.
///
/// A frame is read when its last line has come, so the pieces it holds stand in the lines since
/// the frame before. A piece is taken for found when exactly one JSON string there has its text.
pub(super) struct Locator<'a> {
    of: BTreeMap<u64, Scene<'a>>,
}

struct Scene<'a> {
    wanted: Vec<Wanted<'a>>,
    request: Option<Request>,
    reader: Option<AnswerReader>,
    /// Bytes of each part so far.
    said: BTreeMap<PartKey, usize>,
    /// The lines since the last frame, and where in the body they begin.
    window: Vec<u8>,
    base: usize,
}

struct Wanted<'a> {
    spoken: &'a Spoken,
    edits: Vec<Edit>,
    /// Bytes of it that were found.
    found: usize,
    lost: bool,
}

impl<'a> Locator<'a> {
    pub(super) fn new(spoken: &'a [Spoken]) -> Locator<'a> {
        let mut of: BTreeMap<u64, Scene<'a>> = BTreeMap::new();
        for spoken in spoken {
            let scene = of.entry(spoken.interaction).or_insert_with(Scene::new);
            scene.wanted.push(Wanted {
                spoken,
                edits: Vec::new(),
                found: 0,
                lost: false,
            });
        }
        Locator { of }
    }

    pub(super) fn push(&mut self, record: &Record) {
        let number = record.interaction().unwrap_or_default();
        let Some(scene) = self.of.get_mut(&number) else {
            return;
        };
        match record {
            Record::Request(request) => {
                let mut head = request.clone();
                head.body = Body::Absent;
                scene.request = Some(head);
            }
            Record::Response(response) => {
                let none = Request::new(number, "", "");
                let request = scene.request.as_ref().unwrap_or(&none);
                scene.reader = Some(AnswerReader::new(request, response));
            }
            Record::Chunk(chunk) => {
                for line in chunk.bytes.split_inclusive(|byte| *byte == b'\n') {
                    scene.feed(line);
                }
            }
            _ => {}
        }
    }

    /// What to write where, for the secrets of which every piece was found.
    pub(super) fn finish(self) -> Edits {
        let mut edits = Edits::default();
        for (number, scene) in self.of {
            let found = scene.wanted.into_iter().filter(Wanted::is_found);
            let track = Track {
                at: 0,
                edits: found.flat_map(|wanted| wanted.edits).collect(),
            };
            edits.of.insert(number, track);
        }
        edits
    }
}

impl Wanted<'_> {
    fn is_found(&self) -> bool {
        !self.lost && self.found == self.spoken.place.length
    }

    /// Takes the bytes that stand for `text`, which begins `from` bytes into the part.
    fn take(&mut self, from: usize, text: &str, literals: &[Literal]) {
        let place = self.spoken.place;
        let first = place.offset.max(from);
        let end = (place.offset + place.length).min(from + text.len());
        if first >= end {
            return;
        }
        let mut same = literals.iter().filter(|literal| literal.text == text);
        let (Some(literal), None) = (same.next(), same.next()) else {
            self.lost = true;
            return;
        };
        for at in first..end {
            let byte = self.spoken.placeholder.as_bytes()[at - place.offset];
            self.found += 1;
            if text.as_bytes()[at - from] == byte {
                continue;
            }
            // What stands there as an escape is longer than a byte of a placeholder.
            let Some(Some(raw)) = literal.raw.get(at - from).copied() else {
                self.lost = true;
                return;
            };
            match self.edits.last_mut() {
                Some(edit) if edit.at + edit.bytes.len() == raw => edit.bytes.push(byte),
                _ => self.edits.push(Edit {
                    at: raw,
                    bytes: vec![byte],
                    placeholder: place.placeholder,
                }),
            }
        }
    }
}

impl Scene<'_> {
    fn new() -> Self {
        Scene {
            wanted: Vec::new(),
            request: None,
            reader: None,
            said: BTreeMap::new(),
            window: Vec::new(),
            base: 0,
        }
    }

    fn feed(&mut self, line: &[u8]) {
        self.window.extend_from_slice(line);
        let Some(reader) = &mut self.reader else {
            return;
        };
        let (said, wanted) = (&mut self.said, &mut self.wanted);
        let (window, base) = (&self.window, self.base);
        let mut spoke = false;
        let mut literals: Option<Vec<Literal>> = None;
        reader.feed_with(line, &mut |delta| {
            spoke = true;
            let Some((choice, part, _, text)) = piece(&delta) else {
                return;
            };
            let key = (choice, Some(part));
            let length = said.entry(key).or_default();
            let from = *length;
            *length += text.len();
            for wanted in wanted.iter_mut().filter(|w| w.spoken.part == key) {
                let place = wanted.spoken.place;
                if place.offset < from + text.len() && from < place.offset + place.length {
                    let literals = literals.get_or_insert_with(|| Literal::all(window, base));
                    wanted.take(from, text, literals);
                }
            }
        });
        if spoke || line == b"\n" || line == b"\r\n" {
            self.base += self.window.len();
            self.window.clear();
        }
    }
}

/// A JSON string as it stands in a body.
struct Literal {
    text: String,
    /// For each byte of the text its place in the body; none where an escape stands for it.
    raw: Vec<Option<usize>>,
}

impl Literal {
    /// The strings in `window`, whose first byte is byte `base` of the body.
    fn all(window: &[u8], base: usize) -> Vec<Literal> {
        let mut literals = Vec::new();
        let mut at = 0;
        while let Some(open) = memchr::memchr(b'"', &window[at..]) {
            let start = at + open;
            let Some(end) = closing(window, start + 1) else {
                break;
            };
            at = end + 1;
            literals.extend(Literal::read(&window[start..at], base + start));
        }
        literals
    }

    fn read(quoted: &[u8], base: usize) -> Option<Literal> {
        let text: String = serde_json::from_slice(quoted).ok()?;
        let mut raw = Vec::with_capacity(text.len());
        let mut at = 1;
        while raw.len() < text.len() {
            if quoted.get(at)? != &b'\\' {
                raw.push(Some(base + at));
                at += 1;
                continue;
            }
            let c = text.get(raw.len()..)?.chars().next()?;
            raw.extend(std::iter::repeat_n(None, c.len_utf8()));
            let unicode = quoted.get(at + 1)? == &b'u';
            at += match unicode {
                true => 6 * c.len_utf16(),
                false => 2,
            };
        }
        Some(Literal { text, raw })
    }
}

fn closing(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}
