//! Several turns on one tape.

use std::path::Path;

use super::{Synthetic, SyntheticError};
use crate::Offset;
use crate::cassette::{Cassette, Header, Interaction, Record, Writer};

/// A synthetic cassette in the making: one answer after the other.
///
/// ```
/// use rigtape::synthetic::{Synthetic, Tape};
///
/// let cassette = Tape::new()
///     .title("weather, asked and told")
///     .turn(Synthetic::ollama().tool_call("get_weather", r#"{"city":"Oslo"}"#))
///     .turn(Synthetic::ollama().text("Rain."))
///     .cassette()?;
/// assert!(cassette.header().synthetic);
/// assert_eq!(cassette.len(), 2);
/// # Ok::<(), rigtape::synthetic::SyntheticError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Tape {
    title: Option<String>,
    turns: Vec<Synthetic>,
}

impl Tape {
    /// A tape without a turn.
    pub fn new() -> Tape {
        Tape::default()
    }

    /// What the tape shows, for people.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Tape {
        self.title = Some(title.into());
        self
    }

    /// One answer more, behind those there are.
    #[must_use]
    pub fn turn(mut self, turn: Synthetic) -> Tape {
        self.turns.push(turn);
        self
    }

    /// The cassette, in memory.
    ///
    /// # Errors
    ///
    /// [`SyntheticError`] when a wire has no form for something that was said.
    pub fn cassette(&self) -> Result<Cassette, SyntheticError> {
        let writer = Writer::new(Vec::new(), NAME, &self.header())?;
        let bytes = self.write(writer)?.into_inner();
        Ok(Cassette::read(&bytes[..], NAME)?)
    }

    /// Writes the cassette to a file that must not exist yet.
    ///
    /// # Errors
    ///
    /// [`SyntheticError`] when a wire has no form for something that was said, or the file cannot
    /// be written.
    pub fn write_to(&self, path: impl AsRef<Path>) -> Result<(), SyntheticError> {
        let turns = self.interactions()?;
        let mut writer = Writer::create(path, &self.header())?;
        write(&turns, &mut writer)
    }

    fn write<W: std::io::Write>(&self, mut writer: Writer<W>) -> Result<Writer<W>, SyntheticError> {
        write(&self.interactions()?, &mut writer)?;
        Ok(writer)
    }

    fn interactions(&self) -> Result<Vec<Interaction>, SyntheticError> {
        // One turn begins when the one before is over.
        let mut start = Offset::ZERO;
        let turns = (1..).zip(&self.turns).map(|(number, turn)| {
            let mut interaction = turn.numbered(number)?;
            interaction.request.at = start;
            let length = interaction.end.as_ref().map_or(0, |end| end.at.as_micros());
            start = Offset::from_micros(start.as_micros().saturating_add(length));
            Ok(interaction)
        });
        turns.collect()
    }

    fn header(&self) -> Header {
        let mut header = Header::new();
        header.title.clone_from(&self.title);
        header.synthetic = true;
        header
    }
}

/// What errors call a tape in memory.
const NAME: &str = "synthetic";

fn write<W: std::io::Write>(
    turns: &[Interaction],
    writer: &mut Writer<W>,
) -> Result<(), SyntheticError> {
    for turn in turns {
        writer.write(&Record::Request(turn.request.clone()))?;
        if let Some(head) = &turn.response {
            writer.write(&Record::Response(head.clone()))?;
        }
        for chunk in &turn.chunks {
            writer.write_chunk(chunk)?;
        }
        if let Some(end) = &turn.end {
            writer.write(&Record::End(end.clone()))?;
        }
    }
    Ok(())
}
