//! A cassette's interactions on a `wiremock::MockServer`, for tests that have one already.
//!
//! wiremock answers with one block of bytes. So what it cannot play is lost here: chunk borders,
//! times, and how a stream ended. A recording that was cut off is sent as a complete response with the
//! bytes that had arrived. Where these matter, use `serve::MockServer`.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use wiremock::{Match, Mock, Request, Respond, ResponseTemplate};

use crate::cassette::{self, Body, Cassette, Interaction};
use crate::dialect;
use crate::matching::{Library, Miss, Options, Rules, Uses};
use crate::redact::{self, Redactor};

/// Headers that describe a transfer which is over.
const TRANSFER: [&str; 3] = ["content-length", "transfer-encoding", "content-encoding"];

/// A mock that answers each request with the recorded interaction that fits it, once.
///
/// It is an ordinary [`Mock`]: give it expectations and a priority, mount it beside others. Requests
/// that nothing recorded fits are not its own and go on to the next mock.
///
/// # Errors
///
/// When the tape cannot be read.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let tape = concat!(env!("CARGO_MANIFEST_DIR"), "/cassettes/openai-chat/error_400.jsonl");
/// let server = wiremock::MockServer::start().await;
/// let mock = rigtape::wiremock::mock(tape)?;
/// mock.expect(1).mount(&server).await;
///
/// # let asked = rigtape::cassette::Cassette::open(tape)?.interaction(1)?.unwrap().request;
/// let url = format!("{}/v1/chat/completions", server.uri());
/// let request = reqwest::Client::new().post(url).body(asked.body.as_bytes().to_vec());
/// assert_eq!(request.send().await?.status(), 400);
/// # Ok(())
/// # }
/// ```
pub fn mock(tape: impl AsRef<Path>) -> Result<Mock, cassette::Error> {
    Ok(of(Cassette::open(tape)?, Rules::new()))
}

/// [`mock`] for a cassette that is open, with rules that go before its own.
pub fn of(cassette: Cassette, rules: Rules) -> Mock {
    let tape = Arc::new(Tape {
        library: Options::new().rules(rules).cassettes([cassette]),
        redactor: Redactor::new(),
        uses: Mutex::default(),
    });
    Mock::given(Asked(tape.clone())).respond_with(Recorded(tape))
}

struct Tape {
    library: Library,
    redactor: Redactor,
    uses: Mutex<Uses>,
}

struct Asked(Arc<Tape>);

struct Recorded(Arc<Tape>);

impl Match for Asked {
    fn matches(&self, request: &Request) -> bool {
        let Ok(asked) = self.0.masked(request) else {
            return false;
        };
        // wiremock asks first and answers later: what is chosen here is not played yet.
        let mut uses = self.0.uses().clone();
        self.0.library.choose(&mut uses, &asked).is_ok()
    }
}

impl Respond for Recorded {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        match self.0.masked(request) {
            Ok(asked) => match self.0.choose(&asked) {
                Ok(interaction) => template(&interaction),
                Err(miss) => error(&asked, 404, &miss.to_string()),
            },
            Err(reason) => ResponseTemplate::new(413).set_body_string(reason.to_string()),
        }
    }
}

impl Tape {
    /// The request as it would stand on a tape.
    fn masked(&self, request: &Request) -> Result<cassette::Request, redact::Error> {
        let target = match request.url.query() {
            Some(query) => format!("{}?{query}", request.url.path()),
            None => request.url.path().to_owned(),
        };
        let mut asked = cassette::Request::new(1, request.method.as_str(), target);
        for (name, value) in &request.headers {
            let value = Bytes::copy_from_slice(value.as_bytes());
            asked.headers.push(name.as_str(), value);
        }
        asked.body = Body::from_bytes(Bytes::copy_from_slice(&request.body));
        Ok(self.redactor.for_request(&asked)?.request(asked))
    }

    fn choose(&self, asked: &cassette::Request) -> Result<Arc<Interaction>, Box<Miss>> {
        let chosen = self.library.choose(&mut self.uses(), asked)?;
        Ok(chosen.interaction)
    }

    fn uses(&self) -> MutexGuard<'_, Uses> {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn template(interaction: &Interaction) -> ResponseTemplate {
    let Some(head) = &interaction.response else {
        let message = "no response arrived while this was recorded, and wiremock cannot play that";
        return error(&interaction.request, 502, message);
    };
    let mut template = ResponseTemplate::new(head.status).set_body_bytes(interaction.body());
    for (name, value) in head.headers.iter() {
        let is_http = http::HeaderName::from_bytes(name.as_bytes()).is_ok();
        let value = http::HeaderValue::from_bytes(value);
        if let Ok(value) = value
            && is_http
            && !TRANSFER.contains(&name)
        {
            template = template.append_header(name, value);
        }
    }
    template
}

fn error(request: &cassette::Request, status: u16, message: &str) -> ResponseTemplate {
    let body = dialect::error_body(dialect::by_request(request), status, message);
    ResponseTemplate::new(status)
        .insert_header("x-should-retry", "false")
        .set_body_raw(body.as_str().to_owned(), "application/json")
}
