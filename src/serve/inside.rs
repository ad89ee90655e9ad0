//! The same service without a socket: a request goes in, a response comes out.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use reqwest::ResponseBuilderExt as _;

use super::journal::{Delivery, Outcome, Received};
use super::playing::Delivering;
use super::recording::Recording;
use super::report::{Missed, Report};
use super::service::Service;
use super::{answer, server};
use crate::record;
use crate::replay::ReplayError;

/// Why a request that was sent in process got no response.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The recorded body broke off before its head, or the recording cannot be played.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The upstream gave no response head, or the recorder cannot record.
    #[error(transparent)]
    Record(#[from] record::Error),
    /// The request cannot be looked at.
    #[error("{0}")]
    Refused(String),
}

/// A door to a server's tapes inside the process. Clones share what is used up.
#[derive(Debug, Clone)]
pub(crate) struct Inside {
    pub(super) service: Arc<Service>,
}

impl Inside {
    /// Answers `request` from the tapes, or sends and records it, as the server would.
    ///
    /// It goes to its own URL, not to an upstream of the server's.
    pub(crate) async fn send(
        &self,
        request: reqwest::Request,
    ) -> Result<reqwest::Response, SendError> {
        let answer = self.service.send(request).await;
        answer.inspect_err(|error| {
            if let SendError::Refused(reason) = error {
                self.service.state.refused(reason.clone());
            }
        })
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.service.state.journal.received()
    }

    pub(crate) fn report(&self) -> Report {
        self.service.state.report()
    }

    /// Whether requests may be passed on.
    pub(crate) fn records(&self) -> bool {
        self.service.recording.is_some()
    }

    /// Interactions begun in this run, where it records.
    pub(crate) fn recorded(&self) -> u64 {
        let recording = self.service.recording.as_ref();
        recording.map_or(0, Recording::interactions)
    }

    /// The end of a run without a server: see [`MockServer::finish_as`](super::MockServer).
    pub(crate) fn finish_as(&self, success: bool) -> Report {
        server::close_elsewhere(&self.service, success)
    }
}

impl Service {
    async fn send(&self, request: reqwest::Request) -> Result<reqwest::Response, SendError> {
        let refused = |error: &dyn std::fmt::Display| SendError::Refused(error.to_string());
        let url = request.url().clone();
        let request: http::Request<reqwest::Body> =
            request.try_into().map_err(|error| refused(&error))?;
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(|error| refused(&error))?;
        let body = body.to_bytes();
        let target = head.uri.path_and_query().map_or("/", |of| of.as_str());
        let asked = self
            .asked(&head, target, Some(url.as_str()), &body)
            .map_err(|refusal| refused(&refusal))?;
        let entry = self.state.journal.note(None, asked.clone());
        let delivering = Delivering::new(entry.clone(), self.state.stopping.clone());

        if self.recording.as_ref().is_none_or(Recording::replays) {
            let choice = self.state.choose(None, &asked);
            match choice.map_err(|refusal| refused(&refusal))? {
                Ok(chosen) => {
                    self.state.played.fetch_add(1, Ordering::Relaxed);
                    entry.outcome(Outcome::Played {
                        tape: chosen.tape.path().to_owned(),
                        interaction: chosen.interaction.number(),
                    });
                    let played = self.player.response(chosen.interaction.clone()).await;
                    let played = played.inspect_err(|_| delivering.end(Delivery::Cut))?;
                    return Ok(watched(played, delivering));
                }
                Err(miss) if self.recording.is_none() => {
                    let missed = self.missed(None, asked.request(), miss);
                    let words = answer::miss_words(asked.request(), &missed.message);
                    return self.miss_inside(missed, words, url, &delivering);
                }
                Err(_) => {}
            }
        }
        let Some(recording) = &self.recording else {
            return Err(SendError::Refused("nothing to answer with".to_owned()));
        };
        self.state.passed.fetch_add(1, Ordering::Relaxed);
        let mut request = reqwest::Request::new(head.method, url);
        *request.headers_mut() = head.headers;
        *request.body_mut() = (!body.is_empty()).then(|| body.into());
        let answer = recording.send(request, &entry).await;
        let answer = answer.inspect_err(|_| delivering.end(Delivery::Cut))?;
        Ok(watched(answer, delivering))
    }

    fn miss_inside(
        &self,
        missed: Missed,
        words: http::Response<Bytes>,
        url: reqwest::Url,
        delivering: &Delivering,
    ) -> Result<reqwest::Response, SendError> {
        delivering.entry().outcome(Outcome::Missed {
            message: missed.message.as_str().into(),
        });
        let (head, words) = words.into_parts();
        delivering.entry().head(head.status.as_u16());
        delivering.end(Delivery::Complete);
        self.state
            .missed(missed, false)
            .map_err(|refusal| SendError::Refused(refusal.to_string()))?;
        let mut built = http::Response::builder().status(head.status).url(url);
        if let Some(headers) = built.headers_mut() {
            *headers = head.headers;
        }
        let built = built.body(words);
        let built = built.map_err(|error| SendError::Refused(error.to_string()))?;
        Ok(built.into())
    }
}

/// The response, with its body's way noted in the journal.
fn watched(response: reqwest::Response, delivering: Delivering) -> reqwest::Response {
    delivering.entry().head(response.status().as_u16());
    let response: http::Response<reqwest::Body> = response.into();
    let watch = |body| reqwest::Body::wrap(Watched { body, delivering });
    response.map(watch).into()
}

struct Watched {
    body: reqwest::Body,
    delivering: Delivering,
}

impl Body for Watched {
    type Data = Bytes;
    type Error = reqwest::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, reqwest::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        match &polled {
            Poll::Ready(None) => self.delivering.end(Delivery::Complete),
            Poll::Ready(Some(Err(_))) => self.delivering.end(Delivery::Cut),
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                let taken = &self.delivering.entry().taken;
                taken.fetch_add(bytes as u64, Ordering::Relaxed);
            }
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
