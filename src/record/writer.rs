//! The writer's side of a recording: decoding, masking, and one line after the other to the tape.
//!
//! It runs on its own thread, so none of this delays a client.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::decode::{self, Coding, Decoder};
use super::options::{Inflate, Options};
use super::report::{Lost, TapeReport};
use super::sink::{Message, TapeId};
use super::tape::Tape;
use crate::Offset;
use crate::cassette::{self, Chunk, End, How, Record, Request, Response};
use crate::redact::{InteractionRedactor, Masker, Redactor};

/// A decoded piece has no border of the wire's to keep, so a large one becomes several lines.
const DECODED_LINE: usize = 1 << 20;

const CLOSED_EARLY: &str = "the recorder was closed before the stream ended";

pub(super) struct Writer {
    tapes: Vec<Reel>,
    inflate: Inflate,
    redactor: Redactor,
}

impl Writer {
    pub(super) fn new(options: &Options) -> Writer {
        let (inflate, redactor) = (options.inflate.clone(), options.redactor.clone());
        Writer {
            tapes: Vec::new(),
            inflate,
            redactor,
        }
    }

    pub(super) fn handle(&mut self, message: Message) {
        match message {
            Message::Open(tape) => {
                let redactor = self.redactor.for_cassette();
                self.tapes
                    .push(Reel::new(tape, redactor, self.inflate.clone()));
            }
            Message::Line(tape, record) => {
                if let Some(reel) = self.reel(tape) {
                    reel.line(record);
                }
            }
            Message::Lost(tape, interaction, detail) => {
                if let Some(reel) = self.reel(tape) {
                    reel.lose(interaction, detail);
                }
            }
        }
    }

    pub(super) fn finish(&mut self) -> Vec<TapeReport> {
        self.tapes.drain(..).map(Reel::finish).collect()
    }

    fn reel(&mut self, tape: TapeId) -> Option<&mut Reel> {
        self.tapes.get_mut(tape)
    }
}

/// One tape and its open interactions.
struct Reel {
    tape: Tape,
    open: BTreeMap<u64, Track>,
    /// Lost interactions whose `end` could not be written when the disk failed.
    owed: Vec<End>,
    redactor: Redactor,
    inflate: Inflate,
    report: TapeReport,
}

/// One open interaction.
struct Track {
    redactor: InteractionRedactor,
    masker: Masker,
    decoder: Option<Decoder>,
    chunks: u64,
    bytes: u64,
    last: Offset,
}

impl Track {
    fn new(redactor: InteractionRedactor) -> Track {
        let masker = redactor.masker();
        Track {
            redactor,
            masker,
            decoder: None,
            chunks: 0,
            bytes: 0,
            last: Offset::ZERO,
        }
    }
}

impl Reel {
    fn new(tape: Tape, redactor: Redactor, inflate: Inflate) -> Reel {
        let report = TapeReport {
            path: tape.path().map(Into::into),
            ..TapeReport::default()
        };
        redactor.reserve(tape.placeholders());
        Reel {
            tape,
            open: BTreeMap::new(),
            owed: Vec::new(),
            redactor,
            inflate,
            report,
        }
    }

    fn line(&mut self, record: Record) {
        match record {
            Record::Request(request) => self.request(request),
            Record::Response(response) => self.response(response),
            Record::Chunk(chunk) => self.chunk(chunk),
            Record::End(end) => self.end(end),
            Record::Header(_) | Record::Other(_) => {}
        }
    }

    fn request(&mut self, request: Request) {
        self.report.interactions += 1;
        let interaction = request.interaction;
        if self.report.error.is_some() {
            self.report.lost.push(Lost {
                interaction,
                detail: "the disk had failed".into(),
            });
            return;
        }
        // Without its redactor nothing of an interaction may be written.
        let redactor = match self.redactor.for_request(&request) {
            Ok(redactor) => redactor,
            Err(error) => {
                self.report.lost.push(Lost {
                    interaction,
                    detail: error.to_string(),
                });
                return;
            }
        };
        let request = redactor.request(request);
        self.report.redactors.insert(interaction, redactor.clone());
        self.open.insert(interaction, Track::new(redactor));
        self.write(Record::Request(request));
    }

    fn response(&mut self, mut response: Response) {
        let Some(track) = self.open.get_mut(&response.interaction) else {
            return;
        };
        track.last = response.at;
        if let Some(coding) = response
            .headers
            .get("content-encoding")
            .and_then(|v| Coding::of(v))
        {
            response.decoded.push(coding.name().to_owned());
            track.decoder = Some(Decoder::new(coding, self.inflate.clone()));
        }
        let response = track.redactor.response(response);
        self.write(Record::Response(response));
    }

    fn chunk(&mut self, chunk: Chunk) {
        let Some(track) = self.open.get_mut(&chunk.interaction) else {
            return;
        };
        track.last = chunk.at;
        match &mut track.decoder {
            None => self.store(chunk),
            Some(decoder) => match decoder.feed(&chunk.bytes) {
                Ok(decoded) => self.store_decoded(chunk.interaction, chunk.at, decoded),
                Err(error) => self.give_up(chunk.interaction, &error),
            },
        }
    }

    fn end(&mut self, end: End) {
        let interaction = end.interaction;
        let Some(track) = self.open.get_mut(&interaction) else {
            return;
        };
        track.last = end.at;
        if let Some(decoder) = &mut track.decoder
            && end.how == How::Complete
        {
            match decoder.finish() {
                Ok(rest) => self.store_decoded(interaction, end.at, rest),
                Err(error) => return self.give_up(interaction, &error),
            }
        }
        let Some(end) = self.close(end) else { return };
        let whole = end.how != How::Lost;
        if !whole {
            let detail = end.detail.clone().unwrap_or_default();
            self.report.lost.push(Lost {
                interaction,
                detail,
            });
        }
        if self.write(Record::End(end)) && whole {
            self.report.ended += 1;
        }
    }

    fn lose(&mut self, interaction: u64, detail: &str) {
        match self.open.get(&interaction) {
            Some(track) => {
                let end = lost(interaction, track.last, detail);
                self.end(end);
            }
            None if self
                .report
                .lost
                .iter()
                .any(|lost| lost.interaction == interaction) => {}
            None => {
                self.report.interactions += 1;
                self.report.lost.push(Lost {
                    interaction,
                    detail: detail.into(),
                });
            }
        }
    }

    /// The body cannot be decoded any further: the tape says so, the stream goes on.
    fn give_up(&mut self, interaction: u64, error: &decode::Error) {
        let Some(track) = self.open.get(&interaction) else {
            return;
        };
        let how = match error {
            decode::Error::Bomb { .. } => How::Lost,
            decode::Error::Corrupt { .. } | decode::Error::Torn { .. } => How::Error,
        };
        let mut end = End::new(interaction, track.last, how);
        end.detail = Some(error.to_string());
        let Some(end) = self.close(end) else { return };
        self.report.lost.push(Lost {
            interaction,
            detail: error.to_string(),
        });
        self.write(Record::End(end));
    }

    fn store_decoded(&mut self, interaction: u64, at: Offset, decoded: Vec<u8>) {
        let mut decoded = Bytes::from(decoded);
        while !decoded.is_empty() {
            let piece = decoded.split_to(decoded.len().min(DECODED_LINE));
            self.store(Chunk::new(interaction, at, piece));
        }
    }

    fn store(&mut self, chunk: Chunk) {
        let Some(track) = self.open.get_mut(&chunk.interaction) else {
            return;
        };
        for chunk in track.masker.push(chunk) {
            self.store_masked(chunk);
        }
    }

    fn store_masked(&mut self, chunk: Chunk) {
        let Some(track) = self.open.get_mut(&chunk.interaction) else {
            return;
        };
        let bytes = chunk.bytes.len() as u64;
        track.chunks += 1;
        track.bytes += bytes;
        if self.write(Record::Chunk(chunk)) {
            self.report.chunks += 1;
            self.report.bytes += bytes;
        }
    }

    /// Writes what the masker still held back, takes the interaction out and completes its end.
    fn close(&mut self, end: End) -> Option<End> {
        for chunk in self.open.get_mut(&end.interaction)?.masker.finish() {
            self.store_masked(chunk);
        }
        let track = self.open.remove(&end.interaction)?;
        let mut end = track.redactor.end(end);
        end.chunks = Some(track.chunks);
        end.bytes = Some(track.bytes);
        Some(end)
    }

    /// Whether the record is on the tape now.
    fn write(&mut self, record: Record) -> bool {
        if self.report.error.is_some() {
            return false;
        }
        match self.tape.write(&record) {
            Ok(()) => return true,
            // Nothing was written and the tape is sound: this interaction's fault alone.
            Err(error @ cassette::Error::Refused { .. }) => self.refuse(&record, error.to_string()),
            Err(error) => self.fail(error.to_string(), record),
        }
        false
    }

    fn refuse(&mut self, record: &Record, detail: String) {
        let Some(interaction) = record.interaction() else {
            return;
        };
        self.open.remove(&interaction);
        self.report.lost.push(Lost {
            interaction,
            detail,
        });
    }

    /// The disk failed: everything that is open is lost, and the tape says so if it still can.
    fn fail(&mut self, error: String, record: Record) {
        let detail = format!("the disk failed: {error}");
        self.report.error = Some(error);
        if let Record::End(end) = record {
            self.lost_to_disk(end.interaction, end.at, &detail);
        }
        for (interaction, track) in std::mem::take(&mut self.open) {
            self.lost_to_disk(interaction, track.last, &detail);
        }
        self.pay();
    }

    fn lost_to_disk(&mut self, interaction: u64, at: Offset, detail: &str) {
        self.owed.push(lost(interaction, at, detail));
        if !self
            .report
            .lost
            .iter()
            .any(|lost| lost.interaction == interaction)
        {
            self.report.lost.push(Lost {
                interaction,
                detail: detail.into(),
            });
        }
    }

    fn pay(&mut self) {
        while let Some(end) = self.owed.pop() {
            if self.tape.write(&Record::End(end.clone())).is_err() {
                self.owed.push(end);
                break;
            }
        }
    }

    fn finish(mut self) -> TapeReport {
        for interaction in self.open.keys().copied().collect::<Vec<_>>() {
            self.lose(interaction, CLOSED_EARLY);
        }
        self.pay();
        self.report
    }
}

fn lost(interaction: u64, at: Offset, detail: &str) -> End {
    let mut end = End::new(interaction, at, How::Lost);
    end.detail = Some(detail.to_owned());
    end
}
