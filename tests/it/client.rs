use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use futures::StreamExt;
use rigtape::client::{Error, StreamRequest, StreamResponse};
use rigtape::transcript::Ending;
use serde_json::{Value, json};
use tracing::field::{Field, Visit};
use tracing::instrument::WithSubscriber;
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use wiremock::matchers::{body_json, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const STREAM: &str = concat!(
    "data: {\"id\":\"chatcmpl-7\",\"model\":\"m-2026\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\" there\"},\"finish_reason\":\"stop\"}]}\n\n",
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2,\"total_tokens\":3}}\n\n",
    "data: [DONE]\n\n",
);

fn ask() -> Value {
    json!({"model": "m", "messages": [{"role": "user", "content": "secret plans"}],
           "stream_options": {"include_obfuscation": false}})
}

async fn server(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/v1/chat/completions"))
        .respond_with(answer)
        .mount(&server)
        .await;
    server
}

fn request(server: &MockServer, body: Value) -> StreamRequest {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/v1/chat/completions", server.uri());
    StreamRequest::chat(client.post(url).bearer_auth("key"), body)
}

fn stream() -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(STREAM, "text/event-stream")
}

async fn drain(mut answer: StreamResponse) -> rigtape::transcript::Transcript {
    while let Some(delta) = answer.next().await {
        delta.unwrap();
    }
    answer.into_transcript()
}

#[tokio::test]
async fn the_request_asks_for_a_stream_and_keeps_what_the_caller_set() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(header("authorization", "Bearer key"))
        .and(header("content-type", "application/json"))
        .and(body_json(json!({
            "model": "m", "messages": [{"role": "user", "content": "secret plans"}],
            "stream": true,
            "stream_options": {"include_obfuscation": false, "include_usage": true}
        })))
        .respond_with(stream())
        .expect(1)
        .mount(&server)
        .await;
    let answer = request(&server, ask()).send().await.unwrap();
    let transcript = drain(answer).await;
    assert_eq!(transcript.text(), "Hi there");
    assert_eq!(transcript.status, Some(200));
    assert!(transcript.is_clean());
}

#[tokio::test]
async fn an_answer_that_is_no_stream_is_an_error_that_carries_it() {
    let refused =
        ResponseTemplate::new(401).set_body_json(json!({"error": {"message": "bad key"}}));
    let error = request(&server(refused).await, ask())
        .send()
        .await
        .unwrap_err();
    insta::assert_snapshot!(error, @r#"the server answered 401: {"error":{"message":"bad key"}}"#);
    let Error::Status {
        status: 401, body, ..
    } = error
    else {
        panic!("{error:?}")
    };
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["error"]["message"], "bad key");

    let page = ResponseTemplate::new(200).set_body_raw("<h1>Down</h1>", "text/html");
    let error = request(&server(page).await, ask())
        .send()
        .await
        .unwrap_err();
    insta::assert_snapshot!(error, @"expected an event stream, the server answered 200 with text/html: <h1>Down</h1>");
    assert!(matches!(error, Error::NotAStream { .. }));

    let error = request(&server(stream()).await, json!("hi"))
        .send()
        .await
        .unwrap_err();
    insta::assert_snapshot!(error, @"the request body must be a JSON object, found a string");
}

#[tokio::test]
async fn an_unreachable_server_is_an_error_without_the_url() {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    // A port that was free a moment ago; nothing listens there.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let url = format!("http://127.0.0.1:{port}/v1?key=hidden");
    let error = StreamRequest::chat(client.post(url), ask())
        .send()
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Request(_)));
    assert!(!format!("{error} {error:?}").contains("hidden"));
}

/// Fields of the spans that ended, by name.
#[derive(Clone, Default)]
struct Fields(Arc<Mutex<BTreeMap<String, String>>>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let value = format!("{value:?}");
        self.0
            .lock()
            .unwrap()
            .insert(field.name().to_owned(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0
            .lock()
            .unwrap()
            .insert(field.name().to_owned(), value.to_owned());
    }
}

impl<S: tracing::Subscriber> Layer<S> for Fields {
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        if attributes.metadata().target() == "rigtape::client" {
            attributes.record(&mut self.clone());
        }
    }

    fn on_record(&self, _: &Id, values: &Record<'_>, _: Context<'_, S>) {
        values.record(&mut self.clone());
    }
}

impl Fields {
    fn get(&self, name: &str) -> Option<String> {
        self.0.lock().unwrap().get(name).cloned()
    }
}

async fn watched(run: impl std::future::Future<Output = ()>) -> Fields {
    let fields = Fields::default();
    let subscriber = tracing_subscriber::registry().with(fields.clone());
    run.with_subscriber(subscriber).await;
    fields
}

#[tokio::test]
async fn the_span_says_what_was_asked_and_answered_but_not_the_messages() {
    let server = server(stream()).await;
    let fields = watched(async {
        drain(request(&server, ask()).send().await.unwrap()).await;
    })
    .await;
    for (name, value) in [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "openai"),
        ("gen_ai.request.model", "m"),
        ("gen_ai.response.id", "chatcmpl-7"),
        ("gen_ai.response.model", "m-2026"),
        ("gen_ai.response.finish_reasons", r#"["stop"]"#),
        ("gen_ai.usage.input_tokens", "9"),
        ("gen_ai.usage.output_tokens", "2"),
    ] {
        assert_eq!(fields.get(name).as_deref(), Some(value), "{name}");
    }
    for absent in [
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        "error.type",
    ] {
        assert_eq!(fields.get(absent), None, "{absent}");
    }
}

#[tokio::test]
async fn messages_go_into_the_span_when_asked_for() {
    let server = server(stream()).await;
    let fields = watched(async {
        let request = request(&server, ask())
            .record_messages(true)
            .provider("local");
        drain(request.send().await.unwrap()).await;
    })
    .await;
    assert_eq!(fields.get("gen_ai.provider.name").as_deref(), Some("local"));
    let input = fields.get("gen_ai.input.messages").unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(&input).unwrap(),
        ask()["messages"]
    );
    let output = fields.get("gen_ai.output.messages").unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(&output).unwrap(),
        json!([{"role": "assistant", "finish_reason": "stop",
                "parts": [{"type": "text", "content": "Hi there"}]}])
    );
}

#[tokio::test]
async fn a_stream_that_is_left_still_fills_the_span() {
    let server = server(stream()).await;
    let fields = watched(async {
        let mut answer = request(&server, ask()).send().await.unwrap();
        answer.next().await.unwrap().unwrap();
        assert_eq!(
            answer.into_transcript().ending,
            Ending::Complete,
            "it came in one piece"
        );
    })
    .await;
    assert_eq!(
        fields.get("gen_ai.response.id").as_deref(),
        Some("chatcmpl-7")
    );
}
