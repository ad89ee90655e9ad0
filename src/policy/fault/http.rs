//! Faults of the response head and of the coding of the body.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{GzDecoder, GzEncoder};

use super::args::Args;
use super::performance::{Ending, Performance};
use super::scene::{Reason, Scene};
use crate::Offset;
use crate::cassette::{Headers, Response};
use crate::dialect::{by_request, error_body};
use crate::policy::TimedChunk;

pub(super) const CODING: &str = "content-encoding";

/// An error instead of the answer.
pub(super) fn status(args: &Args, scene: &mut Scene<'_>) -> Result<(), Reason> {
    // The form takes nothing beyond 599.
    let code = args
        .number("code")
        .and_then(|code| u16::try_from(code).ok());
    let code = code.unwrap_or(500);
    let dialect = match scene.read() {
        Some((Some(dialect), _)) => Some(dialect),
        _ => by_request(&scene.interaction.request),
    };
    let played = &mut scene.performance;
    let at = played.head.as_ref().map_or(Offset::ZERO, |head| head.at);
    let mut head = Response::new(scene.interaction.number(), at, code);
    head.headers.push("content-type", "application/json");
    if let Some(wait) = args.time("retry-after") {
        let seconds = wait.as_micros().div_ceil(1_000_000);
        head.headers.push("retry-after", seconds.to_string());
        played.sets_retry_after = true;
    }
    let message = format!("The server answers {code} instead of what it said.");
    let body = error_body(dialect, code, &message).as_str().to_owned();
    played.head = Some(head);
    played.chunks = vec![TimedChunk::new(at, body)];
    played.ending = Ending::Complete;
    played.end_at = at;
    Ok(())
}

pub(super) fn content_type(args: &Args, scene: &mut Scene<'_>) -> Result<(), Reason> {
    let wrong = args.word("as").unwrap_or("text/plain").to_owned();
    let head = scene.performance.head.as_mut().ok_or("no response came")?;
    let said = head.content_type().unwrap_or_default();
    if said.split(';').next() == Some(&wrong) {
        return Err(format!("the content type is {wrong} already"));
    }
    head.headers = without(&head.headers, "content-type");
    head.headers.push("content-type", wrong);
    Ok(())
}

/// The body compressed; each piece can be read when it comes.
pub(super) fn gzip(_: &Args, scene: &mut Scene<'_>) -> Result<(), Reason> {
    let played = &mut scene.performance;
    let head = played.head.as_mut().ok_or("no response came")?;
    if head.headers.get(CODING).is_some() {
        return Err("the body is compressed already".to_owned());
    }
    if played.chunks.is_empty() {
        return Err("the body is empty".to_owned());
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let failed = |error: std::io::Error| error.to_string();
    for chunk in &mut played.chunks {
        encoder.write_all(&chunk.bytes).map_err(failed)?;
        encoder.flush().map_err(failed)?;
        chunk.bytes = std::mem::take(encoder.get_mut()).into();
    }
    let trailer = encoder.finish().map_err(failed)?;
    let at = played.chunks.last().map_or(Offset::ZERO, |last| last.at);
    played.chunks.push(TimedChunk::new(at, trailer));
    head.headers.push(CODING, "gzip");
    Ok(())
}

impl Performance {
    /// The same with its body decompressed, as an HTTP library hands it to its user.
    #[must_use]
    pub fn decoded(mut self) -> Performance {
        let Some(head) = &mut self.head else {
            return self;
        };
        if head.headers.get_str(CODING) != Some("gzip") {
            return self;
        }
        head.headers = without(&head.headers, CODING);
        let mut decoder = GzDecoder::new(Vec::new());
        for chunk in &mut self.chunks {
            // What cannot be decoded (it was cut) is as good as not there.
            let _ = decoder
                .write_all(&chunk.bytes)
                .and_then(|()| decoder.flush());
            chunk.bytes = Bytes::from(std::mem::take(decoder.get_mut()));
        }
        self.chunks.retain(|chunk| !chunk.bytes.is_empty());
        self
    }
}

fn without(headers: &Headers, name: &str) -> Headers {
    let kept = headers.iter().filter(|(known, _)| *known != name);
    kept.map(|(name, value)| (name, value.clone())).collect()
}
