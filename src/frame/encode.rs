//! Frames back to bytes, for hand-made streams and for faults.

use super::{Event, Frame, FrameKind};

impl<'a> Event<'a> {
    /// An event of `data` alone.
    pub fn new(data: &'a str) -> Self {
        Self {
            data: Some(data),
            ..Self::default()
        }
    }
}

impl Frame<'_> {
    /// Appends the frame in its wire form; see [`FrameKind::encode`].
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.kind.encode(out);
    }
}

impl FrameKind<'_> {
    /// Appends the frame in its wire form: an SSE block, an SSE comment line, or a JSON text and LF.
    ///
    /// A framer reads an SSE frame back as it was, number and span aside. Spelling is not kept: line ends become LF, each
    /// field gets one space after its colon. Where a line end cannot stand (a name, an id, an unknown field) it is left
    /// out; in a comment it starts another one.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Event(event) => encode_event(event, out),
            Self::Comment(text) => {
                for line in lines(text) {
                    out.push(b':');
                    out.extend_from_slice(line.as_bytes());
                    out.push(b'\n');
                }
            }
            Self::Json(text) => {
                out.extend_from_slice(text.as_bytes());
                out.push(b'\n');
            }
        }
    }
}

fn encode_event(event: &Event<'_>, out: &mut Vec<u8>) {
    let before = out.len();
    if !event.name.is_empty() {
        field(out, "event", event.name);
    }
    if let Some(id) = event.id {
        field(out, "id", id);
    }
    if let Some(retry) = event.retry {
        field(out, "retry", &retry.to_string());
    }
    for unknown in event.unknown {
        field(out, &unknown.name, &unknown.value);
    }
    for line in event.data.into_iter().flat_map(lines) {
        field(out, "data", line);
    }
    if out.len() == before {
        // A block without any line would be no event.
        field(out, "event", "");
    }
    out.push(b'\n');
}

fn field(out: &mut Vec<u8>, name: &str, value: &str) {
    let mut put =
        |text: &str| out.extend(text.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')));
    put(name);
    put(": ");
    put(value);
    out.push(b'\n');
}

/// The lines of `text`, an empty last one included, by any of the three line ends.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n')
        .flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}
