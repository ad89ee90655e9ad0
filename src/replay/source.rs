//! One interaction to be played, in memory or read while it plays.

use std::fmt;
use std::sync::Arc;

use super::ReplayError;
use crate::Offset;
use crate::cassette::{self, Chunk, End, How, Interaction, Record, Request, Response};
use crate::policy::fault::{Ending, NotApplicable, Performance};
use crate::policy::{Policy, TimedChunk};

/// One interaction to be played: from memory (`&Interaction`), or read from a cassette while it
/// plays ([`Source::read`]).
pub struct Source {
    pub(super) interaction: u64,
    pub(super) url: Option<String>,
    pub(super) head: Option<Response>,
    pub(super) chunks: Chunks,
    /// Faults look at what was asked.
    request: Option<Request>,
    /// The interaction itself, where it is in memory and shared.
    pub(super) whole: Option<Arc<Interaction>>,
    /// Whether a fault gave the head a `retry-after`.
    pub(super) keeps_retry_after: bool,
    /// How it ends once a policy's faults were performed on it.
    pub(super) performed: Option<Ending>,
}

/// The chunks of an interaction; the first error ends them, and an end counts as one.
pub(super) type Chunks = Box<dyn Iterator<Item = Result<TimedChunk, Stop>> + Send>;

/// What ends the chunks of an interaction.
#[derive(Debug)]
pub(super) enum Stop {
    End(Box<End>),
    Unreadable(cassette::Error),
    NotApplicable(Box<NotApplicable>),
    /// Nothing comes any more, and no end either.
    Stall(Offset),
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
        let mut asked = None;
        let mut first = None;
        for record in records.by_ref() {
            match record? {
                Record::Request(request) if request.interaction == interaction => {
                    asked = Some(request);
                }
                Record::Response(head) if head.interaction == interaction => {
                    let chunks = records.filter_map(move |record| step(interaction, record));
                    return Ok(Source::of(interaction, asked, Some(head), chunks));
                }
                record => first = step(interaction, Ok(record)),
            }
            if first.is_some() {
                break;
            }
        }
        let chunks = first
            .into_iter()
            .chain(records.filter_map(move |record| step(interaction, record)));
        Ok(Source::of(interaction, asked, None, chunks))
    }

    fn of(
        interaction: u64,
        request: Option<Request>,
        head: Option<Response>,
        chunks: impl Iterator<Item = Result<TimedChunk, Stop>> + Send + 'static,
    ) -> Source {
        Source {
            interaction,
            url: request.as_ref().and_then(|request| request.url.clone()),
            head,
            chunks: Box::new(chunks),
            request,
            whole: None,
            keeps_retry_after: false,
            performed: None,
        }
    }

    /// How it ends under its faults; none where it has none, or where they do not apply.
    #[cfg(feature = "serve")]
    pub(crate) fn performed_ending(&self) -> Option<Ending> {
        self.performed
    }

    /// What a policy with faults makes of it; it is read whole for that. Its times are those of
    /// the policy.
    pub(super) fn performed(mut self, policy: &Policy) -> Source {
        let number = self.interaction;
        if let Some(whole) = &self.whole {
            return Source::perform(whole, policy);
        }
        let request = self.request.take();
        let request = request.unwrap_or_else(|| Request::new(number, "GET", "/"));
        let mut interaction = Interaction::new(request);
        interaction.response = self.head.take();
        for chunk in self.chunks {
            match chunk {
                Ok(TimedChunk { at, bytes }) => {
                    interaction.chunks.push(Chunk::new(number, at, bytes));
                }
                Err(Stop::End(end)) => interaction.end = Some(*end),
                Err(stop) => return Source::of(number, None, None, std::iter::once(Err(stop))),
            }
        }
        Source::perform(&interaction, policy)
    }

    fn perform(interaction: &Interaction, policy: &Policy) -> Source {
        match policy.perform(interaction) {
            Ok(performance) => Source::played(interaction.request.clone(), performance, policy),
            Err(reason) => {
                let stop = Err(Stop::NotApplicable(Box::new(reason)));
                Source::of(interaction.number(), None, None, std::iter::once(stop))
            }
        }
    }

    fn played(request: Request, played: Performance, policy: &Policy) -> Source {
        let number = request.interaction;
        let how = match played.ending {
            Ending::Complete => Some(How::Complete),
            Ending::Close | Ending::HalfClose => Some(How::Eof),
            Ending::Reset => Some(How::Reset),
            Ending::Recorded | Ending::Stall => None,
        };
        let end = how.map(|how| {
            let faults: Vec<String> = policy.faults.iter().map(ToString::to_string).collect();
            End {
                detail: Some(format!("fault {}", faults.join(" "))),
                ..End::new(number, played.end_at, how)
            }
        });
        let recorded = played.recorded.map(|end| End {
            at: played.end_at,
            ..end
        });
        let stop = match (played.ending, end.or(recorded)) {
            (Ending::Stall, _) => Some(Stop::Stall(played.end_at)),
            (_, end) => end.map(|end| Stop::End(Box::new(end))),
        };
        let chunks = played.chunks.into_iter().map(Ok).chain(stop.map(Err));
        Source {
            keeps_retry_after: played.sets_retry_after,
            performed: Some(played.ending),
            ..Source::of(number, Some(request), played.head, chunks)
        }
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
        Source::of(
            interaction.number(),
            Some(interaction.request.clone()),
            interaction.response.clone(),
            chunks.into_iter().map(Ok).chain(end),
        )
    }
}

impl From<Arc<Interaction>> for Source {
    /// Shares the recorded bytes, copies none.
    fn from(interaction: Arc<Interaction>) -> Source {
        let (number, url) = (interaction.number(), interaction.request.url.clone());
        let head = interaction.response.clone();
        let whole = interaction.clone();
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
            request: None,
            whole: Some(whole),
            keeps_retry_after: false,
            performed: None,
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
