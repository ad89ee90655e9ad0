use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Subcommand;

use serde::Serialize;

use super::{Outcome, config, list, print};
use crate::cassette::{Cassette, Interaction};
use crate::matching::{Learned, Options, Rules, learn};

/// Rules for the choice of an interaction: what of a request is volatile.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Learn(Learn),
    Show(Show),
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

/// Show the rules that hold for tapes: those of the tape's header and of rigtape.toml together.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rigtape rules show cassettes
  rigtape rules show weather.jsonl --format json

Exit status: 0 fine; 2 a tape or its rules cannot be read.")]
struct Show {
    /// Cassettes, or folders that hold some
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    config: config::Source,
    /// How to print it
    #[arg(long, value_enum, default_value = "toml")]
    format: Format,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    /// As in rigtape.toml
    Toml,
    /// One JSON object a line
    Json,
}

/// A tape's rules.
#[derive(Debug, Serialize)]
struct Row<'t> {
    cassette: String,
    rules: &'t Rules,
}

pub(super) fn run(args: Args) -> anyhow::Result<Outcome> {
    match args.command {
        Command::Learn(args) => learn_rules(&args),
        Command::Show(args) => show(&args),
    }
}

fn learn_rules(args: &Learn) -> anyhow::Result<Outcome> {
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

fn show(args: &Show) -> anyhow::Result<Outcome> {
    let options = Options::new().project(args.config.project()?);
    let library = options.open(&args.paths);
    let mut out = print::stdout();
    for tape in library.tapes() {
        let (cassette, rules) = (tape.path().display().to_string(), tape.rules());
        match args.format {
            Format::Json => writeln!(out, "{}", serde_json::to_string(&Row { cassette, rules })?)?,
            Format::Toml => {
                writeln!(out, "# {}", print::one_line(&cassette))?;
                writeln!(out, "{}", print::text(&rules.to_toml()))?;
            }
        }
    }
    let mut outcome = Outcome::Fine;
    for fault in library.faults() {
        if fault.leaves_out() {
            print::error(&fault.to_string());
            outcome = Outcome::Unreadable;
        } else {
            print::warning(&fault.to_string());
        }
    }
    Ok(outcome)
}

/// The requests of a tape, or of all tapes in a folder. Their answers are not kept.
fn read(path: &Path) -> anyhow::Result<Vec<Interaction>> {
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
