mod html;
mod text;
mod timeline;
mod trace;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::interaction::{Played, Tape, open};
use super::{Outcome, print};
use crate::dialect::Dialect;
use trace::{Title, Trace};

/// Show one tape in detail: request, head, frames with their times, what they add up to.
///
/// Also reads a bare response body, as `curl -N` writes it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rigtape inspect weather.jsonl
  rigtape inspect weather.jsonl --interaction 2 --full
  rigtape inspect weather.jsonl --html timeline.html     a page that plays the stream
  rigtape inspect weather.jsonl --format json | jq '.frames[].gap_us'")]
pub(super) struct Args {
    /// A cassette, or a file with a bare response body
    file: PathBuf,
    /// Only the interaction with this number
    #[arg(short, long, value_name = "N")]
    interaction: Option<u64>,
    /// Write one self-contained page, which needs no network
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Whole bodies and whole frames
    #[arg(long)]
    full: bool,
    /// The wire, where the tape does not tell it
    #[arg(long, value_parser = super::dialect)]
    dialect: Option<&'static Dialect>,
    /// How to print it
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One JSON object a line for each interaction
    Json,
}

pub(super) fn run(args: Args) -> anyhow::Result<Outcome> {
    let (title, traces, whole) = read(&args)?;
    if let Some(path) = &args.html {
        let page = html::page(&title, &traces)?;
        std::fs::write(path, page).with_context(|| format!("cannot write {}", path.display()))?;
        print::note(&format!("written: {}", path.display()));
    } else {
        let mut out = print::stdout();
        for trace in &traces {
            match args.format {
                Format::Text => text::write(&title, trace, args.full, &mut out)?,
                Format::Json => writeln!(out, "{}", serde_json::to_string(trace)?)?,
            }
        }
    }
    Ok(if whole {
        Outcome::Fine
    } else {
        Outcome::Unreadable
    })
}

/// What is on the tape, and whether all of it could be read.
fn read(args: &Args) -> anyhow::Result<(Title, Vec<Trace>, bool)> {
    let cassette = match open(&args.file)? {
        Tape::Bare(path, body) => {
            let title = Title::bare(&path);
            let trace = Trace::of(&Played::bare(path, body), args.dialect)?;
            return Ok((title, vec![trace], true));
        }
        Tape::Cassette(cassette) => cassette,
    };
    for fault in cassette.faults() {
        print::error(&fault.to_string());
    }
    if cassette.torn_tail().is_some() {
        print::warning(&format!(
            "{}: the last line is torn: the recorder died while writing it",
            args.file.display()
        ));
    }
    let wanted = |number: u64| args.interaction.is_none_or(|only| only == number);
    let mut traces = Vec::new();
    for entry in cassette
        .entries()
        .iter()
        .filter(|entry| wanted(entry.interaction))
    {
        traces.push(Trace::of(&Played::of(&cassette, entry)?, args.dialect)?);
    }
    if let Some(number) = args.interaction.filter(|_| traces.is_empty()) {
        anyhow::bail!("{}", no_such(&args.file, number, cassette.entries()));
    }
    if traces.is_empty() {
        print::warning(&format!(
            "{}: no interaction was recorded",
            args.file.display()
        ));
    }
    Ok((Title::of(&cassette), traces, cassette.faults().is_empty()))
}

fn no_such(path: &Path, number: u64, entries: &[crate::cassette::Entry]) -> String {
    let numbers: Vec<String> = entries
        .iter()
        .take(20)
        .map(|entry| entry.interaction.to_string())
        .collect();
    format!(
        "{} has no interaction {number}; it has {}",
        path.display(),
        if numbers.is_empty() {
            "none".to_owned()
        } else {
            numbers.join(", ")
        }
    )
}
