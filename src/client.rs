//! A streaming request: sends a caller's request with reqwest and reads the answer as it streams.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use futures_util::StreamExt;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use tracing::Span;
use tracing::field::Empty;

use crate::dialect::{Dialect, by_name};
use crate::live::TranscriptStream;
use crate::transcript::{Delta, Part, Transcript};

/// How much of an answer that is no stream is kept in the error that carries it: 1 MiB.
const ERROR_BODY_LIMIT: usize = 1 << 20;

type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, reqwest::Error>> + Send>>;

/// A request for a streamed answer.
///
/// `stream: true`, and what the dialect needs to report usage, are merged into the body; whatever
/// the caller had set stays. A `gen_ai.*` span of the OpenTelemetry GenAI conventions follows the
/// answer to its end.
///
/// ```no_run
/// use futures::StreamExt;
/// use rigtape::client::StreamRequest;
/// use rigtape::transcript::Delta;
/// use serde_json::json;
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let client = reqwest::Client::new();
/// let mut answer = StreamRequest::chat(
///     client.post("https://api.openai.com/v1/chat/completions").bearer_auth("…"),
///     json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}),
/// )
/// .send()
/// .await?;
/// while let Some(delta) = answer.next().await {
///     if let Delta::Text { text, .. } = delta? {
///         print!("{text}");
///     }
/// }
/// println!("{:?}", answer.into_transcript().usage);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct StreamRequest {
    dialect: &'static Dialect,
    request: reqwest::RequestBuilder,
    body: Value,
    provider: String,
    record_messages: bool,
}

impl StreamRequest {
    /// A Chat Completions request; `request` carries method, URL and credentials.
    pub fn chat(request: reqwest::RequestBuilder, body: Value) -> StreamRequest {
        // The table always holds it; a test walks it.
        let dialect = by_name("openai-chat").unwrap_or(crate::dialect::DIALECTS[0]);
        StreamRequest::new(dialect, request, body)
    }

    /// A request of any dialect.
    pub fn new(
        dialect: &'static Dialect,
        request: reqwest::RequestBuilder,
        body: Value,
    ) -> StreamRequest {
        StreamRequest {
            dialect,
            request,
            body,
            provider: dialect.provider().to_owned(),
            record_messages: false,
        }
    }

    /// Names the provider in the span (`gen_ai.provider.name`) where it is not the dialect's own.
    pub fn provider(mut self, name: impl Into<String>) -> StreamRequest {
        self.provider = name.into();
        self
    }

    /// Puts the contents of messages into the span as well. They may be private, so they are left
    /// out unless asked for.
    pub fn record_messages(mut self, yes: bool) -> StreamRequest {
        self.record_messages = yes;
        self
    }

    /// Sends the request and waits for the head of its answer.
    ///
    /// # Errors
    ///
    /// When the body is no JSON object, the request cannot be sent, the status is not 2xx, or the
    /// body is not a stream; the last two carry what came instead.
    pub async fn send(mut self) -> Result<StreamResponse, Error> {
        let body = self
            .dialect
            .streaming_body(self.body.take())
            .map_err(|found| Error::Body { found })?;
        let span = self.span(&body);
        let request = self
            .request
            .header(CONTENT_TYPE, "application/json")
            .body(body.to_string());
        if let Some(messages) = body.get("messages").filter(|_| self.record_messages) {
            span.record("gen_ai.input.messages", messages.to_string());
        }
        let response = request.send().await;
        let response = match checked(response).await {
            Ok(response) => response,
            Err(error) => {
                span.record("error.type", error.kind());
                return Err(error);
            }
        };
        let assembler = self
            .dialect
            .assembler()
            .with_status(response.status().as_u16());
        let bytes: ByteStream = Box::pin(response.bytes_stream());
        Ok(StreamResponse {
            stream: TranscriptStream::new(bytes, assembler),
            record: Some(SpanRecord {
                span,
                messages: self.record_messages,
            }),
        })
    }

    fn span(&self, body: &Value) -> Span {
        let model = body.get("model").and_then(Value::as_str);
        tracing::info_span!(
            target: "rigtape::client",
            "chat",
            gen_ai.operation.name = "chat",
            gen_ai.provider.name = self.provider,
            gen_ai.request.model = model,
            gen_ai.response.id = Empty,
            gen_ai.response.model = Empty,
            gen_ai.response.finish_reasons = Empty,
            gen_ai.usage.input_tokens = Empty,
            gen_ai.usage.output_tokens = Empty,
            gen_ai.input.messages = Empty,
            gen_ai.output.messages = Empty,
            error.type = Empty,
        )
    }
}

/// The answer to a [`StreamRequest`]: a stream of deltas, and at its end a transcript.
///
/// The span ends when the stream does, or when this is dropped.
pub struct StreamResponse {
    stream: TranscriptStream<ByteStream>,
    /// Taken when the span has been filled in.
    record: Option<SpanRecord>,
}

struct SpanRecord {
    span: Span,
    messages: bool,
}

impl StreamResponse {
    /// The transcript of what was read. Before the end of the stream it is that of a stream cut
    /// here.
    pub fn into_transcript(mut self) -> Transcript {
        let transcript = self.stream.so_far();
        self.close(&transcript);
        transcript
    }

    fn close(&mut self, transcript: &Transcript) {
        if let Some(record) = self.record.take() {
            record.fill(transcript);
        }
    }
}

impl Stream for StreamResponse {
    type Item = Result<Delta<'static>, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let polled = match &this.record {
            Some(record) => record.span.in_scope(|| this.stream.poll_next_unpin(cx)),
            None => this.stream.poll_next_unpin(cx),
        };
        if let Poll::Ready(Some(Err(_))) = &polled
            && let Some(record) = &this.record
        {
            record.span.record("error.type", "stream_cut");
        }
        if let Some(transcript) = this.stream.transcript()
            && let Some(record) = this.record.take()
        {
            record.fill(transcript);
        }
        polled.map(|item| item.map(|delta| delta.map_err(Error::Stream)))
    }
}

impl Drop for StreamResponse {
    fn drop(&mut self) {
        if self.record.is_some() {
            let transcript = self.stream.so_far();
            self.close(&transcript);
        }
    }
}

impl std::fmt::Debug for StreamResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamResponse").finish_non_exhaustive()
    }
}

impl SpanRecord {
    fn fill(self, transcript: &Transcript) {
        let span = &self.span;
        if let Some(id) = &transcript.response_id {
            span.record("gen_ai.response.id", id.as_str());
        }
        if let Some(model) = &transcript.model {
            span.record("gen_ai.response.model", model.as_str());
        }
        if let Some(tokens) = transcript.usage.input_tokens {
            span.record("gen_ai.usage.input_tokens", tokens);
        }
        if let Some(tokens) = transcript.usage.output_tokens {
            span.record("gen_ai.usage.output_tokens", tokens);
        }
        let reasons: Vec<&str> = transcript
            .choices
            .iter()
            .filter_map(|choice| choice.finish_reason.as_deref())
            .collect();
        if !reasons.is_empty() {
            span.record(
                "gen_ai.response.finish_reasons",
                Value::from(reasons).to_string(),
            );
        }
        if transcript.ending != crate::transcript::Ending::Complete {
            span.record("error.type", transcript.ending.as_str());
        }
        if self.messages {
            span.record(
                "gen_ai.output.messages",
                output_messages(transcript).to_string(),
            );
        }
    }
}

/// The answer in the form of the OpenTelemetry GenAI conventions.
fn output_messages(transcript: &Transcript) -> Value {
    let message = |choice: &crate::transcript::Choice| {
        let parts: Vec<Value> = choice.parts.iter().filter_map(output_part).collect();
        json!({"role": "assistant", "parts": parts, "finish_reason": choice.finish_reason})
    };
    transcript.choices.iter().map(message).collect()
}

fn output_part(part: &Part) -> Option<Value> {
    Some(match part {
        Part::Text { text } | Part::Refusal { text } => json!({"type": "text", "content": text}),
        Part::Reasoning { text, .. } => json!({"type": "reasoning", "content": text}),
        Part::ToolCall(call) => {
            let parsed = call
                .arguments_json
                .as_ref()
                .and_then(|json| json.read().ok());
            let arguments: Value = parsed.unwrap_or_else(|| call.arguments.as_str().into());
            json!({"type": "tool_call", "id": call.id, "name": call.name, "arguments": arguments})
        }
        Part::Other { .. } => return None,
    })
}

/// Why there is no stream.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The caller's body is no JSON object.
    #[error("the request body must be a JSON object, found {found}")]
    Body {
        /// What the body was.
        found: &'static str,
    },
    /// The request could not be sent, or no head came back.
    #[error("the request was not answered: {}", root_cause(.0))]
    Request(#[source] reqwest::Error),
    /// The status is not 2xx.
    #[error("the server answered {status}: {}", shown(.body))]
    Status {
        /// HTTP status.
        status: u16,
        /// The answer's content type.
        content_type: Option<String>,
        /// The answer's body, its first mebibyte.
        body: Bytes,
    },
    /// The status is 2xx, but the body is not a stream.
    #[error(
        "expected an event stream, the server answered {status} with {}: {}",
        content_type.as_deref().unwrap_or("no content type"), shown(.body)
    )]
    NotAStream {
        /// HTTP status.
        status: u16,
        /// The answer's content type.
        content_type: Option<String>,
        /// The answer's body, its first mebibyte.
        body: Bytes,
    },
    /// The stream broke off; what had arrived is in the transcript.
    #[error("the stream broke off: {}", root_cause(.0))]
    Stream(#[source] reqwest::Error),
}

impl Error {
    fn kind(&self) -> &'static str {
        match self {
            Error::Body { .. } => "invalid_body",
            Error::Request(_) => "request_failed",
            Error::Status { .. } => "http_status",
            Error::NotAStream { .. } => "not_a_stream",
            Error::Stream(_) => "stream_cut",
        }
    }
}

async fn checked(
    response: Result<reqwest::Response, reqwest::Error>,
) -> Result<reqwest::Response, Error> {
    // A URL can carry a key in its query.
    let response = response.map_err(|error| Error::Request(error.without_url()))?;
    let status = response.status();
    let content_type = response
        .headers()
        .get(CONTENT_TYPE)
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let streams = content_type.as_deref().is_none_or(|of| {
        let of = of.to_ascii_lowercase();
        of.contains("event-stream") || of.contains("ndjson") || of.contains("stream+json")
    });
    if status.is_success() && streams {
        return Ok(response);
    }
    let mut body = Vec::new();
    let mut chunks = response.bytes_stream();
    while let Some(Ok(chunk)) = chunks.next().await {
        let room = ERROR_BODY_LIMIT - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == ERROR_BODY_LIMIT {
            break;
        }
    }
    let (status, body) = (status.as_u16(), Bytes::from(body));
    Err(if (200..300).contains(&status) {
        Error::NotAStream {
            status,
            content_type,
            body,
        }
    } else {
        Error::Status {
            status,
            content_type,
            body,
        }
    })
}

fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// The beginning of a body, on one line.
fn shown(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(1200)]);
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(300)
        .collect();
    if line.trim().is_empty() {
        "(an empty body)".to_owned()
    } else {
        line
    }
}
