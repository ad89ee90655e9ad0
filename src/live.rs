//! Live streams: typed deltas and a transcript from any stream of bytes.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use crate::transcript::{Assembler, Delta, Transcript};

/// A stream of [`Delta`]s read from a stream of bytes, such as `reqwest::Response::bytes_stream`.
///
/// The bytes go through the same [`Assembler`] that reads tapes. An error of the byte stream is
/// handed on once and ends this stream; what had arrived by then is in the transcript.
///
/// ```
/// use futures::{StreamExt, executor::block_on, stream};
/// use rigtape::live::TranscriptStream;
/// use rigtape::transcript::Delta;
///
/// let chat = rigtape::dialect::by_name("openai-chat").unwrap();
/// let body = stream::iter([
///     Ok::<_, std::io::Error>("data: {\"choices\":[{\"index\":0,\"delta\":{\"con"),
///     Ok("tent\":\"Hi\"},\"finish_reason\":\"stop\"}]}\n\n"),
/// ]);
/// let mut deltas = TranscriptStream::new(body, chat.assembler());
/// block_on(async {
///     while let Some(delta) = deltas.next().await {
///         if let Delta::Text { text, .. } = delta? {
///             print!("{text}");
///         }
///     }
///     assert_eq!(deltas.into_transcript().text(), "Hi");
///     Ok::<_, std::io::Error>(())
/// })
/// # .unwrap();
/// ```
#[derive(Debug)]
pub struct TranscriptStream<S> {
    bytes: S,
    state: State,
    ready: VecDeque<Delta<'static>>,
}

#[derive(Debug)]
enum State {
    Reading(Box<Assembler>),
    Ended(Box<Transcript>),
}

impl<S> TranscriptStream<S> {
    /// Reads `bytes` with `assembler`.
    pub fn new(bytes: S, assembler: Assembler) -> TranscriptStream<S> {
        TranscriptStream {
            bytes,
            state: State::Reading(Box::new(assembler)),
            ready: VecDeque::new(),
        }
    }

    /// The transcript of what was read so far, as of a stream cut here.
    pub fn so_far(&self) -> Transcript {
        match &self.state {
            State::Reading(assembler) => assembler.as_ref().clone().finish(),
            State::Ended(transcript) => transcript.as_ref().clone(),
        }
    }

    /// The transcript of what was read. Before the end of the stream it is that of a stream cut
    /// here.
    pub fn into_transcript(self) -> Transcript {
        match self.state {
            State::Reading(assembler) => assembler.finish(),
            State::Ended(transcript) => *transcript,
        }
    }

    /// The transcript once the stream has ended.
    pub fn transcript(&self) -> Option<&Transcript> {
        match &self.state {
            State::Ended(transcript) => Some(transcript),
            State::Reading(_) => None,
        }
    }

    fn end(&mut self) {
        if let State::Reading(assembler) = &self.state {
            let ready = &mut self.ready;
            let transcript = assembler
                .clone()
                .finish_with(&mut |delta| ready.push_back(delta.into_owned()));
            self.state = State::Ended(Box::new(transcript));
        }
    }
}

impl<S, B, E> Stream for TranscriptStream<S>
where
    S: Stream<Item = Result<B, E>> + Unpin,
    B: AsRef<[u8]>,
{
    type Item = Result<Delta<'static>, E>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some(delta) = this.ready.pop_front() {
                return Poll::Ready(Some(Ok(delta)));
            }
            let State::Reading(assembler) = &mut this.state else {
                return Poll::Ready(None);
            };
            match ready!(Pin::new(&mut this.bytes).poll_next(cx)) {
                Some(Ok(bytes)) => {
                    let ready = &mut this.ready;
                    assembler.feed_with(bytes.as_ref(), &mut |delta| {
                        ready.push_back(delta.into_owned());
                    });
                }
                Some(Err(error)) => {
                    this.end();
                    this.ready.clear();
                    return Poll::Ready(Some(Err(error)));
                }
                None => this.end(),
            }
        }
    }
}

impl<S, B, E> TranscriptStream<S>
where
    S: Stream<Item = Result<B, E>> + Unpin,
    B: AsRef<[u8]>,
{
    /// Reads to the end without handing out deltas; the error is the one that cut the stream.
    pub async fn finish(mut self) -> (Transcript, Option<E>) {
        let mut cut = None;
        while let State::Reading(assembler) = &mut self.state {
            let bytes = &mut self.bytes;
            match std::future::poll_fn(|cx| Pin::new(&mut *bytes).poll_next(cx)).await {
                Some(Ok(bytes)) => assembler.feed(bytes.as_ref()),
                Some(Err(error)) => {
                    cut = Some(error);
                    self.end();
                }
                None => self.end(),
            }
        }
        (self.into_transcript(), cut)
    }
}
