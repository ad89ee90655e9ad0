//! What tests of a user of `Vcr` look like. Their tapes are in `cassettes/vcr`:
//!
//! ```text
//! cargo test --all-features --test vcr                        # plays them
//! RIGTAPE_MODE=record cargo test --all-features --test vcr    # records them anew
//! ```
//!
//! The provider that is recorded is an embedded one, which plays tapes of a real model.

#[path = "../examples/agent/mod.rs"]
mod agent;

use agent::Agent;
use futures::StreamExt as _;
use rigtape::cassette::Cassette;
use rigtape::live::TranscriptStream;
use rigtape::serve::MockServer;
use rigtape::transcript::Transcript;
use rigtape::vcr::{Mode, Outcome, Vcr};

#[tokio::test]
async fn an_agent_calls_its_tool_and_answers() {
    let provider = provider("agent_loop");
    let vcr = rigtape::vcr!()
        .upstream(provider.url())
        .ignore("/messages/*[role=tool]/content/#json/now")
        .await
        .unwrap();
    let agent = Agent {
        base_url: vcr.base_url("openai"),
        api_key: vcr.api_key("openai"),
    };

    let done = agent.ask("What is the weather in Oslo?").await.unwrap();

    assert_eq!(done.calls, [r#"get_weather({"city": "Oslo"})"#]);
    assert_eq!(done.answer, "In Oslo it is 7 degrees and rain.");
    let report = vcr.finish().unwrap();
    let recorded = matches!(report.outcome(), Outcome::Recorded { .. });
    let wanted = Mode::from_env().unwrap() == Mode::Record;
    assert_eq!(recorded, wanted, "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_on_another_thread_has_the_tape_of_its_test() {
    let provider = provider("plain");
    let url = provider.url();
    // No thread of the runtime bears the test's name.
    let vcr = tokio::spawn(async move { rigtape::vcr!().upstream(url).await.unwrap() });
    let vcr = vcr.await.unwrap();
    let name = "a_task_on_another_thread_has_the_tape_of_its_test.jsonl";
    assert!(vcr.tape().ends_with(name), "{}", vcr.tape().display());
    let said = said(&reqwest::Client::new(), &vcr.base_url("openai")).await;
    assert!(!said.text().is_empty());
}

#[tokio::test]
async fn one_test_has_several_tapes() {
    let (first, second) = (provider("plain"), provider("length"));
    let planner = rigtape::vcr!("planner")
        .upstream(first.url())
        .await
        .unwrap();
    let worker = rigtape::vcr!("worker")
        .upstream(second.url())
        .await
        .unwrap();

    let client = reqwest::Client::new();
    let plan = said(&client, &planner.base_url("openai")).await;
    let work = said(&client, &worker.base_url("openai")).await;

    assert_eq!(plan.choices[0].finish_reason.as_deref(), Some("stop"));
    assert_eq!(work.choices[0].finish_reason.as_deref(), Some("length"));
}

#[tokio::test]
async fn in_process_nothing_listens() {
    let provider = provider("plain");
    let vcr = rigtape::vcr!().in_process().await.unwrap();
    let client = reqwest_middleware::ClientBuilder::new(reqwest::Client::new())
        .with(vcr.middleware())
        .build();
    // While it plays, the address may be anybody's.
    let url = match vcr.mode() {
        Mode::Replay => "http://127.0.0.1:9/v1".to_owned(),
        _ => provider.base_url("openai"),
    };
    let sent = client.post(format!("{url}/chat/completions")).body(ASKS);
    let response = sent.header("content-type", "application/json").send();
    let said = read(response.await.unwrap()).await;
    assert_eq!(said.choices[0].finish_reason.as_deref(), Some("stop"));
    vcr.finish().unwrap();
}

#[test]
fn a_test_need_not_be_async() {
    let provider = provider("plain");
    let vcr = rigtape::vcr!().upstream(provider.url()).start_blocking();
    let vcr: Vcr = vcr.unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let url = vcr.base_url("openai");
    let said = runtime.block_on(said(&reqwest::Client::new(), &url));
    assert!(!said.text().is_empty());
}

const ASKS: &str = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"Hi"}]}"#;

/// A provider that answers whatever it is asked with the next recorded interaction.
fn provider(tape: &str) -> MockServer {
    let path = format!(
        "{}/cassettes/openai-chat/{tape}.jsonl",
        env!("CARGO_MANIFEST_DIR")
    );
    MockServer::builder()
        .tapes(Cassette::open(path).unwrap())
        .rules("ignore=/**".parse().unwrap())
        .start_blocking()
        .unwrap()
}

async fn said(client: &reqwest::Client, base_url: &str) -> Transcript {
    let sent = client
        .post(format!("{base_url}/chat/completions"))
        .header("content-type", "application/json")
        .body(ASKS)
        .send();
    read(sent.await.unwrap()).await
}

async fn read(response: reqwest::Response) -> Transcript {
    assert_eq!(response.status(), 200);
    let chat = rigtape::dialect::by_name("openai-chat").unwrap();
    let mut deltas = TranscriptStream::new(response.bytes_stream(), chat.assembler());
    while let Some(delta) = deltas.next().await {
        delta.unwrap();
    }
    deltas.into_transcript()
}
