use std::path::Path;

use rigtape::cassette::Cassette;
use rigtape::dialect::{Answer, AnswerReader};
use rigtape::matching::Rules;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

fn tape(name: &str) -> Cassette {
    Cassette::open(Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("cassettes/{name}.jsonl")))
        .unwrap()
}

async fn ask(server: &MockServer, of: &Cassette, number: u64) -> reqwest::Response {
    let request = of.interaction(number).unwrap().unwrap().request;
    let url = format!("{}{}", server.uri(), request.target);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let body = request.body.as_bytes().to_vec();
    client.post(url).body(body).send().await.unwrap()
}

#[tokio::test]
async fn the_turns_of_a_tape_answer_once_each_in_any_order() {
    let server = MockServer::start().await;
    let of = tape("openai-chat/agent_loop");
    rigtape::wiremock::of(tape("openai-chat/agent_loop"), Rules::new())
        .expect(2)
        .mount(&server)
        .await;
    for number in [2, 1] {
        let interaction = of.interaction(number).unwrap().unwrap();
        let answer = ask(&server, &of, number).await;
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        assert_eq!(answer.bytes().await.unwrap(), interaction.body());
    }
    // Nobody else answers, so wiremock's own 404 it is.
    assert_eq!(ask(&server, &of, 1).await.status(), 404);
}

#[tokio::test]
async fn what_is_not_recorded_is_left_to_other_mocks() {
    let server = MockServer::start().await;
    rigtape::wiremock::of(tape("openai-chat/plain"), Rules::new())
        .with_priority(1)
        .mount(&server)
        .await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(418))
        .mount(&server)
        .await;
    assert_eq!(
        ask(&server, &tape("openai-chat/length"), 1).await.status(),
        418
    );
    assert_eq!(
        ask(&server, &tape("openai-chat/plain"), 1).await.status(),
        200
    );
}

#[tokio::test]
async fn a_recording_that_was_cut_off_comes_as_far_as_it_goes() {
    let server = MockServer::start().await;
    let of = tape("anthropic-messages/cut_off");
    let mock = rigtape::wiremock::of(tape("anthropic-messages/cut_off"), Rules::new());
    mock.mount(&server).await;
    let interaction = of.interaction(1).unwrap().unwrap();
    let body = ask(&server, &of, 1).await.bytes().await.unwrap();
    let mut reader =
        AnswerReader::new(&interaction.request, interaction.response.as_ref().unwrap());
    reader.feed(&body);
    let Answer::Transcript(said) = reader.finish() else {
        panic!("a known route");
    };
    assert_eq!(said.ending.to_string(), "truncated");
}

#[tokio::test]
async fn a_request_without_an_answer_says_that_wiremock_cannot_play_it() {
    let server = MockServer::start().await;
    let of = tape("openai-chat/no_response");
    rigtape::wiremock::of(tape("openai-chat/no_response"), Rules::new())
        .mount(&server)
        .await;
    let answer = ask(&server, &of, 1).await;
    assert_eq!(answer.status(), 502);
    assert!(answer.text().await.unwrap().contains("no response arrived"));
}
