use serde::Serialize;

use crate::Offset;
use crate::cassette::{Interaction, Request};
use crate::dialect::{Answer, AnswerReader};

/// What is compared of an interaction: its request and what its response said, without the chunks.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Heard {
    /// Its number.
    pub interaction: u64,
    /// The request; `None` for a bare body.
    pub request: Option<Request>,
    /// What the response said; `None` when none arrived.
    pub answer: Option<Answer>,
    /// The word for how the body ended; `None` when the recorder died, and for a bare body.
    pub how: Option<String>,
    /// When it came.
    pub timing: Timing,
}

/// When an answer came, in microseconds from the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Timing {
    /// Its first chunk.
    pub first_chunk_us: Option<u64>,
    /// Its end.
    pub duration_us: Option<u64>,
    /// The longest time between two chunks.
    pub longest_gap_us: Option<u64>,
    /// Number of chunks.
    pub chunks: u64,
    /// Bytes of the body.
    pub bytes: u64,
}

impl Heard {
    /// Reads a loaded interaction.
    pub fn of(interaction: &Interaction) -> Heard {
        let mut listener = Listener::new(interaction);
        for chunk in &interaction.chunks {
            listener.feed(chunk.at, &chunk.bytes);
        }
        listener.finish()
    }
}

/// Reads an interaction chunk by chunk, for those too large to be loaded.
#[derive(Debug)]
pub struct Listener {
    heard: Heard,
    reader: Option<AnswerReader>,
    last: Option<Offset>,
}

impl Listener {
    /// Begins with the request, the head and the end of `heads`; its chunks are not looked at.
    pub fn new(heads: &Interaction) -> Listener {
        let response = heads.response.as_ref();
        let mut listener = Listener::with_reader(
            heads.number(),
            response.map(|head| AnswerReader::new(&heads.request, head)),
        );
        listener.heard.request = Some(heads.request.clone());
        listener.heard.how = heads.how().map(|how| how.as_str().to_owned());
        let end = heads.end.as_ref().map(|end| end.at.as_micros());
        listener.heard.timing.duration_us = end;
        listener
    }

    /// Begins with a body of which nothing else is known.
    pub fn bare(reader: AnswerReader) -> Listener {
        Listener::with_reader(1, Some(reader))
    }

    fn with_reader(interaction: u64, reader: Option<AnswerReader>) -> Listener {
        let heard = Heard {
            interaction,
            request: None,
            answer: None,
            how: None,
            timing: Timing::default(),
        };
        Listener {
            heard,
            reader,
            last: None,
        }
    }

    /// Takes the next chunk.
    pub fn feed(&mut self, at: Offset, bytes: &[u8]) {
        let timing = &mut self.heard.timing;
        timing.chunks += 1;
        timing.bytes += bytes.len() as u64;
        timing.first_chunk_us.get_or_insert(at.as_micros());
        if let Some(last) = self.last.replace(at) {
            let gap = at.as_micros().saturating_sub(last.as_micros());
            timing.longest_gap_us = timing.longest_gap_us.max(Some(gap));
        }
        if let Some(reader) = &mut self.reader {
            reader.feed(bytes);
        }
    }

    /// The body ended.
    pub fn finish(mut self) -> Heard {
        self.heard.answer = self.reader.map(AnswerReader::finish);
        self.heard
    }
}
