use rigtape::Offset;
use rigtape::cassette::{Request, Response};
use rigtape::dialect::{Answer, AnswerReader, DIALECTS, Dialect, by_name, error_body};
use rigtape::transcript::{Ending, Transcript};

const STATUSES: [u16; 9] = [400, 401, 404, 408, 429, 500, 502, 503, 529];

fn routes() -> [(&'static str, &'static str); 7] {
    [
        ("openai-chat", "/v1/chat/completions"),
        ("openai-responses", "/v1/responses"),
        ("anthropic-messages", "/v1/messages"),
        ("gemini", "/v1beta/models/m:streamGenerateContent?alt=sse"),
        ("gemini-interactions", "/v1beta/interactions"),
        ("cohere-v2", "/v2/chat"),
        ("ollama", "/api/chat"),
    ]
}

fn answer(target: &str, status: u16, body: &str) -> Answer {
    let mut head = Response::new(1, Offset::ZERO, status);
    head.headers.push("content-type", "application/json");
    let mut reader = AnswerReader::new(&Request::new(1, "POST", target), &head);
    reader.feed(body.as_bytes());
    reader.finish()
}

fn read(dialect: &Dialect, body: &[u8]) -> Transcript {
    let mut assembler = dialect.assembler();
    assembler.feed(body);
    assembler.finish()
}

#[test]
fn every_dialect_reads_its_own_error_bodies_as_errors() {
    assert_eq!(routes().len(), DIALECTS.len());
    for (name, target) in routes() {
        let dialect = by_name(name).unwrap();
        for status in STATUSES {
            let body = dialect.error_body(status, "it \"failed\"\n");
            assert_eq!(error_body(Some(dialect), status, "it \"failed\"\n"), body);
            let Answer::Transcript(said) = answer(target, status, body.as_str()) else {
                panic!("{name} {status}: opaque");
            };
            assert_eq!(said.dialect, name);
            assert_eq!(said.ending, Ending::Errored, "{name} {status}: {body}");
            let error = said.error.unwrap();
            assert!(error.as_str().contains(r#"it \"failed\"\n"#), "{error}");
        }
    }
}

#[test]
fn every_dialect_reads_its_own_error_frame_as_an_error() {
    for dialect in DIALECTS {
        let frame = dialect.error_frame("it \"failed\"\n");
        let said = read(dialect, &frame);
        assert_eq!(said.ending, Ending::Errored, "{dialect}");
        assert_eq!(said.violations, [], "{dialect}");
        let error = said.error.unwrap();
        assert!(error.as_str().contains(r#"it \"failed\"\n"#), "{error}");
    }
}

#[test]
fn the_words_of_an_error_fit_its_status() {
    for (name, status, word) in [
        ("openai-chat", 429, r#""code":"rate_limit_exceeded""#),
        ("openai-responses", 500, r#""type":"server_error""#),
        ("anthropic-messages", 529, r#""type":"overloaded_error""#),
        (
            "anthropic-messages",
            401,
            r#""type":"authentication_error""#,
        ),
        (
            "gemini",
            503,
            r#""code":503,"message":"no","status":"UNAVAILABLE""#,
        ),
        ("gemini-interactions", 400, r#""status":"INVALID_ARGUMENT""#),
        ("cohere-v2", 400, r#"{"message":"no"}"#),
        ("ollama", 404, r#"{"error":"no"}"#),
    ] {
        let body = by_name(name).unwrap().error_body(status, "no");
        assert!(body.as_str().contains(word), "{body}");
    }
}

#[test]
fn an_error_for_no_dialect_is_one_that_common_sdks_show() {
    let body = error_body(None, 503, "away");
    assert_eq!(
        body.as_str(),
        r#"{"type":"error","error":{"type":"server_error","message":"away"}}"#
    );
}
