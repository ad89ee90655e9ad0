//! An agent under test: recorded once, replayed, and caught when it changes.
//!
//! ```text
//! cargo run --example agent_test
//! ```
//!
//! The provider is an embedded one, which plays a tape of a real model: nothing leaves this
//! machine, and the tape goes to a temporary folder.

mod agent;

use agent::{Agent, Result};
use rigtape::cassette::Cassette;
use rigtape::serve::MockServer;
use rigtape::vcr::{Mode, Vcr, VcrBuilder};

const QUESTION: &str = "What is the weather in Oslo?";

#[tokio::main]
async fn main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let tape = folder.path().join("weather.jsonl");
    let provider = provider()?;
    // The tool's result holds the time, so it differs with each run.
    let vcr = || {
        Vcr::builder(&tape)
            .upstream(provider.url())
            .ignore("/messages/*[role=tool]/content/#json/now")
    };

    println!("1. RIGTAPE_MODE=record: the agent talks to the provider");
    test(vcr().mode(Mode::Record), QUESTION).await?;
    for entry in Cassette::open(&tape)?.entries() {
        println!("   on the tape: {} {}", entry.method, entry.target);
    }
    drop(provider);

    println!("\n2. RIGTAPE_MODE=replay, the default: the provider is gone");
    let replay = Vcr::builder(&tape).ignore("/messages/*[role=tool]/content/#json/now");
    test(replay.mode(Mode::Replay), QUESTION).await?;

    println!("\n3. Somebody changes the question, and the test says so");
    let changed = Vcr::builder(&tape).mode(Mode::Replay).await?;
    let failed = ask(&changed, "What is the weather in Bergen?").await;
    let got = failed
        .err()
        .map(|error| error.to_string())
        .unwrap_or_default();
    println!(
        "   the agent got: {}…",
        got.chars().take(90).collect::<String>()
    );
    let report = changed.finish();
    for line in report.to_string().lines() {
        println!("   | {line}");
    }
    assert!(!report.is_ok());
    Ok(())
}

/// What stands in a `#[tokio::test]`, where `rigtape::vcr!()` names the tape.
async fn test(vcr: VcrBuilder, question: &str) -> Result<()> {
    let vcr = vcr.await?;
    let done = ask(&vcr, question).await?;
    println!("   the model calls: {}", done.calls.join(", "));
    println!("   and answers:     {}", done.answer);
    assert_eq!(done.answer, "In Oslo it is 7 degrees and rain.");
    println!("   {}", vcr.finish().unwrap());
    Ok(())
}

async fn ask(vcr: &Vcr, question: &str) -> Result<agent::Done> {
    let agent = Agent {
        base_url: vcr.base_url("openai"),
        api_key: vcr.api_key("openai"),
    };
    agent.ask(question).await
}

/// A provider that answers each turn with the next one of a real tape.
fn provider() -> Result<MockServer> {
    let tape = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/cassettes/openai-chat/agent_loop.jsonl"
    );
    let server = MockServer::builder()
        .tapes(Cassette::open(tape)?)
        .rules("ignore=/**".parse()?)
        .start_blocking()?;
    Ok(server)
}
