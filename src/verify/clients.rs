//! The tape through the decoder inside most Rust clients, guarded against its panics and its
//! quadratic time.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use eventsource_stream::{Event, EventStream, EventStreamError};
use futures_core::Stream;

use crate::cassette::Interaction;
use crate::dialect::AnswerReader;
use crate::frame::{FrameKind, Framer, Framing};

/// Where a decoder that clients use sees something else on this wire.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientBreak {
    /// The decoder.
    pub client: Client,
    /// In what pieces it was fed: `recorded`, `byte`.
    pub pieces: &'static str,
    /// What happened.
    pub trouble: Trouble,
}

/// `eventsource-stream sees another event 7: …`
impl std::fmt::Display for ClientBreak {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.client.name())?;
        if self.pieces == "byte" {
            f.write_str(" (fed byte by byte)")?;
        }
        write!(f, " {}", self.trouble)
    }
}

/// A decoder that clients use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Client {
    /// `eventsource-stream` 0.2, under reqwest-eventsource, async-openai, rig and others.
    EventsourceStream,
}

impl Client {
    /// Its crate.
    pub fn name(self) -> &'static str {
        match self {
            Client::EventsourceStream => "eventsource-stream",
        }
    }
}

/// What a client's decoder does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Trouble {
    /// It panics.
    #[error("panics after {events} events")]
    Panics {
        /// How many events it gave before.
        events: usize,
    },
    /// It gives an error and nothing behind it.
    #[error("fails after {events} events: {error}")]
    Fails {
        /// How many events it gave before.
        events: usize,
        /// Its words.
        error: String,
    },
    /// It gives another event.
    #[error("sees another event {event}: {what}")]
    Differs {
        /// Number of the event among those with data; the first is 1.
        event: usize,
        /// What differs.
        what: String,
    },
    /// Its time grows with the square of the size; it was not run.
    #[error("takes quadratic time here (it would copy {copied} bytes) and was not run")]
    Quadratic {
        /// Bytes that it would copy.
        copied: u64,
    },
}

/// It is not run when it would copy more than this.
const COPIED: u64 = 256 << 20;

/// Bodies up to this size are fed byte by byte too.
const BYTE_BY_BYTE: usize = 16 << 10;

/// Feeds an event stream to the decoders that clients use and says where they see something else;
/// nothing for any other body. A panic of theirs is caught; the process's panic hook still runs.
pub fn clients(interaction: &Interaction) -> Vec<ClientBreak> {
    let Some(head) = &interaction.response else {
        return Vec::new();
    };
    let mut reader = AnswerReader::new(&interaction.request, head);
    for chunk in &interaction.chunks {
        reader.feed(&chunk.bytes);
        if reader.framing().is_some() {
            break;
        }
    }
    if reader.framing() != Some(Framing::Sse) {
        return Vec::new();
    }
    let body = interaction.body();
    let expected = expected(&body);
    let mut breaks = Vec::new();
    let recorded: Vec<&[u8]> = interaction
        .chunks
        .iter()
        .map(|chunk| &chunk.bytes[..])
        .collect();
    let mut look = |pieces: &'static str, fed: &[&[u8]]| {
        let found = feed(fed, &expected).map(|trouble| ClientBreak {
            client: Client::EventsourceStream,
            pieces,
            trouble,
        });
        let is_new = breaks.iter().all(|known: &ClientBreak| {
            found
                .as_ref()
                .is_none_or(|found| found.trouble != known.trouble)
        });
        breaks.extend(found.filter(|_| is_new));
    };
    look("recorded", &recorded);
    if body.len() <= BYTE_BY_BYTE {
        look("byte", &body.chunks(1).collect::<Vec<_>>());
    }
    breaks
}

/// An event as the standard dispatches it.
#[derive(PartialEq, Eq)]
struct Seen {
    name: String,
    data: String,
    id: String,
}

fn expected(body: &[u8]) -> Vec<Seen> {
    let mut framer = Framer::new(Framing::Sse);
    let mut input = body;
    let mut seen = Vec::new();
    while let Ok(Some(frame)) = framer.next(&mut input) {
        if let FrameKind::Event(event) = frame.kind
            && let Some(data) = event.data
        {
            let name = if event.name.is_empty() {
                "message"
            } else {
                event.name
            };
            seen.push(Seen {
                name: name.to_owned(),
                data: data.to_owned(),
                id: event.last_event_id.to_owned(),
            });
        }
    }
    seen
}

fn feed(pieces: &[&[u8]], expected: &[Seen]) -> Option<Trouble> {
    let copied = copied(pieces);
    if copied > COPIED {
        return Some(Trouble::Quadratic { copied });
    }
    let mut events = 0;
    // Whatever state a panic leaves behind is dropped with the stream.
    let run = catch_unwind(AssertUnwindSafe(|| decode(pieces, expected, &mut events)));
    run.unwrap_or(Some(Trouble::Panics { events }))
}

fn decode(pieces: &[&[u8]], expected: &[Seen], events: &mut usize) -> Option<Trouble> {
    let mut stream = EventStream::new(Pieces(pieces.iter()));
    let mut stream = Pin::new(&mut stream);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        let event = match stream.as_mut().poll_next(&mut context) {
            Poll::Ready(Some(Ok(event))) => event,
            Poll::Ready(Some(Err(error))) => {
                return Some(Trouble::Fails {
                    events: *events,
                    error: words(&error),
                });
            }
            // The pieces are never pending.
            Poll::Ready(None) | Poll::Pending => break,
        };
        let number = *events + 1;
        let differs = |what: String| {
            Some(Trouble::Differs {
                event: number,
                what,
            })
        };
        match expected.get(*events) {
            None => return differs(format!("the standard has {} events", expected.len())),
            Some(seen) => {
                if let Some(what) = difference(seen, &event) {
                    return differs(what.to_owned());
                }
            }
        }
        *events = number;
    }
    (*events < expected.len()).then(|| Trouble::Differs {
        event: *events + 1,
        what: format!("it ends there; the standard has {} events", expected.len()),
    })
}

fn difference(seen: &Seen, event: &Event) -> Option<&'static str> {
    if seen.data != event.data {
        Some("its data")
    } else if seen.name != event.event {
        Some("its name")
    } else if seen.id != event.id {
        Some("its id")
    } else {
        None
    }
}

fn words(error: &EventStreamError<Infallible>) -> String {
    match error {
        EventStreamError::Utf8(_) => "bytes that are not UTF-8".to_owned(),
        EventStreamError::Parser(_) => "a line that it cannot parse".to_owned(),
        EventStreamError::Transport(never) => match *never {},
    }
}

/// How many bytes it copies or scans again: its buffer for each line, and for each piece that ends
/// no line.
fn copied(pieces: &[&[u8]]) -> u64 {
    let (mut buffered, mut copied) = (0u64, 0u64);
    for piece in pieces {
        buffered += piece.len() as u64;
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', piece) {
            // The first line may have begun in earlier pieces.
            let rest = (piece.len() - end - 1) as u64;
            buffered = rest;
            copied += rest + (end - start) as u64;
            start = end + 1;
        }
        copied += buffered;
    }
    copied
}

struct Pieces<'a, 'p>(std::slice::Iter<'a, &'p [u8]>);

impl<'p> Stream for Pieces<'_, 'p> {
    type Item = Result<&'p [u8], Infallible>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.get_mut().0.next().map(|piece| Ok(*piece)))
    }
}
