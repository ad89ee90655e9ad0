//! One interaction to be played, in memory or read while it plays.

use std::fmt;
use std::sync::Arc;

use super::ReplayError;
use crate::cassette::{self, End, Interaction, Record, Response};
use crate::policy::TimedChunk;

/// One interaction to be played: from memory (`&Interaction`), or read from a cassette while it
/// plays ([`Source::read`]).
pub struct Source {
    pub(super) interaction: u64,
    pub(super) url: Option<String>,
    pub(super) head: Option<Response>,
    pub(super) chunks: Chunks,
}

/// The chunks of an interaction; the first error ends them, and an end counts as one.
pub(super) type Chunks = Box<dyn Iterator<Item = Result<TimedChunk, Stop>> + Send>;

/// What ends the chunks of an interaction.
#[derive(Debug)]
pub(super) enum Stop {
    End(Box<End>),
    Unreadable(cassette::Error),
}

impl Source {
    /// Interaction `interaction` of a cassette's records, read while it plays: the memory it takes
    /// is that of a few lines. Lines of other interactions are passed over.
    ///
    /// Reading happens where the stream is polled, so it blocks that thread for as long as a line
    /// takes to read.
    ///
    /// # Errors
    ///
    /// [`ReplayError::Unreadable`] when a line before the response head cannot be read. Later
    /// lines that cannot be read are an error of the stream, after the bytes before them.
    pub fn read<I>(interaction: u64, records: I) -> Result<Source, ReplayError>
    where
        I: IntoIterator<Item = Result<Record, cassette::Error>>,
        I::IntoIter: Send + 'static,
    {
        let mut records = records.into_iter();
        let mut url = None;
        let mut first = None;
        for record in records.by_ref() {
            match record? {
                Record::Request(request) if request.interaction == interaction => {
                    url = request.url;
                }
                Record::Response(head) if head.interaction == interaction => {
                    return Ok(Source {
                        interaction,
                        url,
                        head: Some(head),
                        chunks: Box::new(
                            records.filter_map(move |record| step(interaction, record)),
                        ),
                    });
                }
                record => first = step(interaction, Ok(record)),
            }
            if first.is_some() {
                break;
            }
        }
        Ok(Source {
            interaction,
            url,
            head: None,
            chunks: Box::new(
                first
                    .into_iter()
                    .chain(records.filter_map(move |record| step(interaction, record))),
            ),
        })
    }
}

fn step(
    interaction: u64,
    record: Result<Record, cassette::Error>,
) -> Option<Result<TimedChunk, Stop>> {
    match record {
        Ok(Record::Chunk(chunk)) if chunk.interaction == interaction => Some(Ok(chunk.into())),
        Ok(Record::End(end)) if end.interaction == interaction => {
            Some(Err(Stop::End(Box::new(end))))
        }
        Ok(_) => None,
        Err(error) => Some(Err(Stop::Unreadable(error))),
    }
}

impl From<&Interaction> for Source {
    /// Shares the recorded bytes, copies none.
    fn from(interaction: &Interaction) -> Source {
        let chunks: Vec<TimedChunk> = interaction.chunks.iter().map(TimedChunk::from).collect();
        let end = interaction
            .end
            .clone()
            .map(|end| Err(Stop::End(Box::new(end))));
        Source {
            interaction: interaction.request.interaction,
            url: interaction.request.url.clone(),
            head: interaction.response.clone(),
            chunks: Box::new(chunks.into_iter().map(Ok).chain(end)),
        }
    }
}

impl From<Arc<Interaction>> for Source {
    /// Shares the recorded bytes, copies none.
    fn from(interaction: Arc<Interaction>) -> Source {
        let (number, url) = (interaction.number(), interaction.request.url.clone());
        let head = interaction.response.clone();
        let mut next = 0;
        let chunks = std::iter::from_fn(move || {
            let at = next;
            next += 1;
            match interaction.chunks.get(at) {
                Some(chunk) => Some(Ok(TimedChunk::from(chunk))),
                None if at == interaction.chunks.len() => {
                    let end = interaction.end.clone()?;
                    Some(Err(Stop::End(Box::new(end))))
                }
                None => None,
            }
        });
        Source {
            interaction: number,
            url,
            head,
            chunks: Box::new(chunks),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("interaction", &self.interaction)
            .field("url", &self.url)
            .field("head", &self.head)
            .finish_non_exhaustive()
    }
}
