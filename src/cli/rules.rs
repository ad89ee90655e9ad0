use std::io::Write;
use std::path::PathBuf;

use clap::Subcommand;

use super::{Outcome, list, print};
use crate::cassette::{Cassette, Interaction};
use crate::matching::{Learned, learn};

/// Rules for the choice of an interaction: what of a request is volatile.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Learn(Learn),
}

/// Learn from two recordings of one test what differs from run to run.
///
/// What differs between the requests of the two becomes rules, printed as a piece of rigtape.toml.
/// What cannot become a rule (a request that only one of them has, another number of messages) is
/// said there in comments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rigtape record -o first.jsonl -- pytest -k weather
  rigtape record -o second.jsonl -- pytest -k weather
  rigtape rules learn first.jsonl second.jsonl >> rigtape.toml

Exit status: 0 all that differs became rules; 1 something cannot; 2 a tape cannot be read.")]
struct Learn {
    /// A cassette, or a folder that holds some
    first: PathBuf,
    /// The same, recorded another time
    second: PathBuf,
    /// How to print it
    #[arg(long, value_enum, default_value = "toml")]
    format: Format,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    /// A piece of rigtape.toml
    Toml,
    /// One JSON object
    Json,
}

pub(super) fn run(args: Args) -> anyhow::Result<Outcome> {
    let Command::Learn(args) = args.command;
    let learned = learn(&read(&args.first)?, &read(&args.second)?);
    let mut out = print::stdout();
    match args.format {
        Format::Toml => write!(out, "{learned}")?,
        Format::Json => writeln!(out, "{}", serde_json::to_string(&learned)?)?,
    }
    Ok(outcome(&learned))
}

fn outcome(learned: &Learned) -> Outcome {
    if learned.left.is_empty() {
        Outcome::Fine
    } else {
        Outcome::Failed
    }
}

/// The requests of a tape, or of all tapes in a folder. Their answers are not kept.
fn read(path: &PathBuf) -> anyhow::Result<Vec<Interaction>> {
    let mut tapes = Vec::new();
    list::find(path, &mut tapes)?;
    let mut interactions = Vec::new();
    for tape in &tapes {
        let cassette = Cassette::open(tape)?;
        for interaction in cassette.interactions() {
            interactions.push(Interaction::new(interaction?.request));
        }
    }
    Ok(interactions)
}
