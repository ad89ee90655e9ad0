//! The whole loop on an embedded provider: play, record, replay.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;

mod provider;

use super::print::{self, BOLD, DIM};
use super::replay::{Page, summary};
use super::{Outcome, runtime};
use crate::cassette::{Body, Cassette, Interaction};
use crate::dialect::{Answer, AnswerReader};
use crate::record::{Existing, Options, Proxy, ProxyConfig, Recorder, Routes, Upstream};

/// The tape that the embedded provider plays: an agent's two turns, a tool call and its answer.
const SHIPPED: &str = include_str!("../../cassettes/openai-chat/agent_loop.jsonl");

/// Show the whole loop in a few seconds: record a live stream, replay the tape.
///
/// An embedded provider on loopback plays a shipped recording of a real model at its recorded pace
/// (waits of more than a second are cut to one); `demo` records it over real HTTP through the proxy,
/// replays the new tape, and says where it lies. No key, no network.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rigtape demo
  rigtape demo -o demo.jsonl && rigtape replay demo.jsonl --format frames")]
pub(super) struct Args {
    /// Where the new tape goes; a folder for temporary files when left out
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write over a tape that exists
    #[arg(long, requires = "output")]
    force: bool,
}

pub(super) fn run(args: Args) -> anyhow::Result<Outcome> {
    let shipped = Cassette::read(SHIPPED.as_bytes(), "the shipped tape")?;
    let turns: Vec<Interaction> = shipped.interactions().collect::<Result<_, _>>()?;
    let path = match args.output {
        Some(path) => path,
        None => tempfile::Builder::new()
            .prefix("rigtape-demo-")
            .tempdir()?
            .keep()
            .join("demo.jsonl"),
    };
    let existing = if args.force {
        Existing::Replace
    } else {
        Existing::Refuse
    };
    runtime()?.block_on(record(&turns, &path, existing))?;
    replay(&path)?;
    Ok(Outcome::Fine)
}

async fn record(turns: &[Interaction], path: &PathBuf, existing: Existing) -> anyhow::Result<()> {
    let provider = provider::start(turns.to_vec()).await?;
    let options = Options {
        title: Some("rigtape demo".to_owned()),
        ..Options::default()
    };
    let recorder = Recorder::to_file(path, existing, options)?;
    let routes = Routes::new([Upstream::parse(&provider)?])?;
    let proxy = Proxy::start(recorder, ProxyConfig::new(routes)).await?;
    say(&format!(
        "A provider plays on {provider}, the recorder listens on {}.",
        proxy.url()
    ));
    let client = reqwest::Client::builder().no_proxy().build()?;
    for turn in turns {
        say(&format!(
            "\n{BOLD}{} {}{BOLD:#}",
            turn.request.method, turn.request.target
        ));
        let mut request = client
            .post(format!("{}{}", proxy.url(), turn.request.target))
            .bearer_auth("not-a-key")
            .header("content-type", "application/json");
        if !matches!(turn.request.body, Body::Absent) {
            request = request.body(turn.request.body.as_bytes().to_vec());
        }
        watch(turn, request.send().await?).await?;
    }
    let report = proxy.shutdown(Duration::from_secs(5)).await;
    anyhow::ensure!(report.is_complete(), "{report}");
    Ok(())
}

/// Shows a live answer as it streams.
async fn watch(turn: &Interaction, mut response: reqwest::Response) -> anyhow::Result<()> {
    let head = turn
        .response
        .as_ref()
        .context("the shipped turn has an answer")?;
    let mut reader = AnswerReader::new(&turn.request, head);
    let mut page = Page::default();
    let mut out = print::stdout();
    while let Some(chunk) = response.chunk().await? {
        let mut shown = Ok(());
        reader.feed_with(&chunk, &mut |delta| {
            if shown.is_ok() {
                shown = page.step(&delta, &mut out);
            }
        });
        shown?;
        std::io::Write::flush(&mut out)?;
    }
    Ok(page.end_line(&mut out)?)
}

/// Reads the new tape back, and holds what it says against nothing but itself.
fn replay(path: &PathBuf) -> anyhow::Result<()> {
    say(&format!("\n{BOLD}Recorded. What the tape says:{BOLD:#}"));
    let cassette = Cassette::open(path)?;
    for interaction in cassette.interactions() {
        let interaction = interaction?;
        let frames = interaction.chunks.len();
        let end = interaction.end.as_ref().map(|end| end.at);
        let Some(Answer::Transcript(transcript)) = Answer::of(&interaction) else {
            anyhow::bail!("the new tape holds no transcript");
        };
        let mut out = print::stdout();
        for call in transcript.tool_calls() {
            let name = call.name.as_deref().unwrap_or_default();
            say(&format!(
                "  tool call  {name} {}",
                print::one_line(&call.arguments)
            ));
        }
        if !transcript.text().is_empty() {
            say(&format!(
                "  text       {}",
                print::one_line(&transcript.text())
            ));
        }
        say(&format!(
            "  wire       {frames} chunks in {}",
            end.map(|at| at.to_string()).unwrap_or_default()
        ));
        std::io::Write::write_all(&mut out, b"  ending     ")?;
        summary(&transcript, &mut out)?;
        say("");
    }
    let shown = path.display();
    say(&format!("The tape lies at {BOLD}{shown}{BOLD:#}"));
    say(&format!(
        "{DIM}rigtape replay {shown} --timing recorded{DIM:#}"
    ));
    say(&format!("{DIM}rigtape replay {shown} --format json{DIM:#}"));
    Ok(())
}

fn say(line: &str) {
    // A reader that has gone is told at the next write that matters.
    let _ = std::io::Write::write_fmt(&mut print::stdout(), format_args!("{line}\n"));
}
