//! Each client runs a tool loop through `Vcr`: it calls, gets the result, and answers. What it says
//! is held against our transcript of the same tape.
//!
//! The tapes are in `cassettes/`, recorded from an embedded provider that plays one of a real
//! model: `RIGTAPE_MODE=record cargo test --manifest-path tests/clients/Cargo.toml`.

use rigtape::cassette::Cassette;
use rigtape::serve::MockServer;
use rigtape::vcr::Vcr;
use rigtape_clients::{Said, Seen, transcripts, verdict, weather};

const ORIGIN: &str = "openai-chat/agent_loop";

/// A provider that answers whatever it is asked with the next interaction of a real tape.
fn provider() -> MockServer {
    MockServer::builder()
        .tapes(Cassette::open(rigtape_clients::tape(ORIGIN)).unwrap())
        .rules("ignore=/**".parse().unwrap())
        .start_blocking()
        .unwrap()
}

/// Both turns of the loop, held against the transcripts.
async fn run(turn: impl AsyncFn(&[Said]) -> Seen) {
    let said = transcripts(ORIGIN);
    let mut messages = vec![Said::User("What is the weather in Oslo?".to_owned())];

    let asked = turn(&messages).await;
    assert_eq!(verdict(&asked, &said[0]), "equal", "{asked:?}");
    assert_eq!(asked.calls.len(), 1);
    let call = asked.calls[0].clone();
    messages.push(Said::Called(asked.calls));
    let content = weather(&call);
    messages.push(Said::Result { call, content });

    let answered = turn(&messages).await;
    assert_eq!(verdict(&answered, &said[1]), "equal", "{answered:?}");
    assert_eq!(answered.text, "In Oslo it is 7 degrees and rain.");
}

macro_rules! by_base_url {
    ($client:ident) => {
        mod $client {
            use super::*;
            use rigtape_clients::$client::{at, turn};

            #[tokio::test]
            async fn runs_a_tool_loop_by_base_url() {
                let provider = provider();
                let vcr: Vcr = rigtape::vcr!().upstream(provider.url()).await.unwrap();
                let model = at(&vcr.base_url("openai"), &vcr.api_key("openai"));
                run(async |said| turn(&model, said).await).await;
                vcr.finish().unwrap();
            }

            #[tokio::test]
            async fn runs_a_tool_loop_on_a_mock_server() {
                let server = provider();
                let model = at(&server.base_url("openai"), "none");
                run(async |said| turn(&model, said).await).await;
                assert!(server.finish().is_ok());
            }
        }
    };
}

by_base_url!(async_openai);
by_base_url!(rig);
by_base_url!(genai);

/// Without a socket. What is played is what the same client recorded by its base URL.
macro_rules! in_process {
    ($client:ident, $test:ident) => {
        #[tokio::test]
        async fn $test() {
            use rigtape_clients::$client::{inside, turn};
            let vcr = rigtape::vcr!()
                .tape(concat!(
                    "loops/",
                    stringify!($client),
                    "/runs_a_tool_loop_by_base_url"
                ))
                .mode(rigtape::vcr::Mode::Replay)
                .in_process()
                .await
                .unwrap();
            let model = inside(&vcr);
            run(async |said| turn(&model, said).await).await;
            vcr.finish().unwrap();
        }
    };
}

in_process!(async_openai, async_openai_runs_it_as_a_tower_service);
in_process!(rig, rig_runs_it_over_its_own_client_trait);
