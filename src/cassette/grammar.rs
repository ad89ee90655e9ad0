//! What may follow what on a tape.

use std::collections::BTreeMap;

use super::{Chunk, End, Fault, How, Record};
use crate::Offset;

/// Follows the lines of a tape and names what breaks its grammar.
///
/// Reading, a fault is named once: what has to be missing after it is taken as given. Writing,
/// each line is judged by what stands on the tape. Its memory grows with the interactions that are open at a time, not with the tape.
#[derive(Debug, Default)]
pub(super) struct Grammar {
    open: BTreeMap<u64, Open>,
    closed: Ranges,
    last: u64,
    header: bool,
    strict: bool,
    /// A line could not be read. It may have been any line, so what is missing from now on is
    /// not a new fault.
    pub(super) damaged: bool,
}

#[derive(Debug, Default)]
struct Open {
    request: bool,
    response: bool,
    last: Offset,
    chunks: u64,
    bytes: u64,
}

impl Grammar {
    /// From now on the lines are being written.
    pub(super) fn writing(self) -> Grammar {
        Grammar {
            strict: true,
            ..self
        }
    }

    /// Takes in the next line.
    pub(super) fn check(&mut self, record: &Record) -> Result<(), Fault> {
        match record {
            Record::Header(_) if self.header => Err(Fault::SecondHeader),
            Record::Header(_) => {
                self.header = true;
                Ok(())
            }
            Record::Request(request) => self.request(request.interaction),
            Record::Response(response) => {
                let interaction = response.interaction;
                if !(100..=999).contains(&response.status) {
                    return Err(Fault::Status {
                        interaction,
                        status: response.status,
                    });
                }
                let open = self.enter("response", interaction, response.at)?;
                if std::mem::replace(&mut open.response, true) && open.request {
                    return Err(Fault::SecondResponse { interaction });
                }
                Ok(())
            }
            Record::Chunk(chunk) => self.chunk(chunk),
            Record::End(end) => {
                self.enter("end", end.interaction, end.at)?;
                self.open.remove(&end.interaction);
                self.closed.insert(end.interaction);
                Ok(())
            }
            Record::Other(_) => Ok(()),
        }
    }

    pub(super) fn chunk(&mut self, chunk: &Chunk) -> Result<(), Fault> {
        let interaction = chunk.interaction;
        if chunk.bytes.is_empty() {
            return Err(Fault::EmptyChunk { interaction });
        }
        for range in &chunk.redacted {
            let inside = range
                .offset
                .checked_add(range.length)
                .is_some_and(|end| end <= chunk.bytes.len());
            if !inside {
                return Err(Fault::RedactedOutside {
                    interaction,
                    offset: range.offset,
                    length: range.length,
                    bytes: chunk.bytes.len(),
                });
            }
        }
        let (strict, damaged) = (self.strict, self.damaged);
        let open = self.enter("chunk", interaction, chunk.at)?;
        if !open.response && open.request {
            open.response = !strict;
            if !damaged {
                return Err(Fault::BeforeResponse { interaction });
            }
        }
        open.chunks += 1;
        open.bytes += chunk.bytes.len() as u64;
        Ok(())
    }

    /// Takes back a line that did not get onto the tape, so that none can follow which needs it.
    /// Nothing follows an end or needs a chunk.
    pub(super) fn undo(&mut self, record: &Record) {
        match record {
            Record::Request(request) => {
                self.open.remove(&request.interaction);
            }
            Record::Response(response) => {
                if let Some(open) = self.open.get_mut(&response.interaction) {
                    open.response = false;
                }
            }
            _ => {}
        }
    }

    /// A number above all that were seen or reserved.
    pub(super) fn reserve(&mut self) -> u64 {
        self.last = self.last.saturating_add(1);
        self.last
    }

    /// The ends that the interactions still open are due, in the order of their numbers.
    pub(super) fn lost(&self) -> Vec<End> {
        let end = |(interaction, open): (&u64, &Open)| End {
            chunks: Some(open.chunks),
            bytes: Some(open.bytes),
            ..End::new(*interaction, open.last, How::Lost)
        };
        self.open.iter().map(end).collect()
    }

    fn request(&mut self, interaction: u64) -> Result<(), Fault> {
        self.last = self.last.max(interaction);
        if self.closed.contains(interaction) {
            return Err(Fault::SecondRequest { interaction });
        }
        let open = self.open.entry(interaction).or_default();
        if std::mem::replace(&mut open.request, true) {
            return Err(Fault::SecondRequest { interaction });
        }
        Ok(())
    }

    fn enter(
        &mut self,
        record: &'static str,
        interaction: u64,
        at: Offset,
    ) -> Result<&mut Open, Fault> {
        if !self.open.contains_key(&interaction) {
            self.last = self.last.max(interaction);
            if self.closed.contains(interaction) {
                return Err(Fault::AfterEnd {
                    record,
                    interaction,
                });
            }
            if !self.strict {
                self.open.insert(interaction, Open::default());
            }
            if !self.damaged {
                return Err(Fault::UnknownInteraction {
                    record,
                    interaction,
                });
            }
        }
        let open = self.open.entry(interaction).or_default();
        if at < open.last {
            return Err(Fault::FallingOffset {
                record,
                interaction,
                at,
                last: open.last,
            });
        }
        open.last = at;
        Ok(open)
    }
}

/// A set of numbers that costs memory for its gaps only: tapes count their interactions upwards.
#[derive(Debug, Default)]
struct Ranges(BTreeMap<u64, u64>);

impl Ranges {
    fn contains(&self, number: u64) -> bool {
        self.0
            .range(..=number)
            .next_back()
            .is_some_and(|(_, last)| number <= *last)
    }

    fn insert(&mut self, number: u64) {
        if self.contains(number) {
            return;
        }
        let follower = number.checked_add(1).and_then(|next| self.0.remove(&next));
        let last = follower.unwrap_or(number);
        match self.0.range_mut(..number).next_back() {
            Some((_, end)) if *end + 1 == number => *end = last,
            _ => {
                self.0.insert(number, last);
            }
        }
    }
}
