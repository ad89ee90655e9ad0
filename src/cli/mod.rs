//! The shell: arguments, output and exit statuses of the `rigtape` command. What it does lies on
//! the floors below.

mod child;
mod config;
mod demo;
mod diff;
mod drill;
mod export;
mod faults;
mod import;
mod inspect;
mod interaction;
mod list;
mod manual;
mod print;
mod record;
mod redact;
mod replay;
mod rules;
mod serve;
mod signals;
mod upstream;
mod verify;

use std::io;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::dialect::{DIALECTS, Dialect, by_name};

/// Record and replay streaming LLM APIs.
///
/// A tape holds every byte of a stream, its chunk borders and times, and how it ended. It is read
/// back by the same assembler that reads live streams.
#[derive(Debug, Parser)]
#[command(name = "rigtape", version, max_term_width = 100, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  rigtape demo                                      the whole loop, without a key or a network
  rigtape record -o weather.jsonl -- cargo test     record what a command says to its provider
  rigtape replay weather.jsonl                      what the model said
  rigtape replay weather.jsonl --format json        one transcript a line
  rigtape verify cassettes                          can these tapes be trusted?
  rigtape inspect weather.jsonl                     one tape, frame by frame
  rigtape serve weather.jsonl -- pytest             the tape in the provider's place
  rigtape replay weather.jsonl --fault cut:frame=7  what is left of it when the connection breaks
  rigtape drill weather.jsonl -- ./client           is a broken answer taken for a whole one?
  rigtape redact --check cassettes                  is a secret on a tape?
  rigtape import vcrpy tests/cassettes -o cassettes other recorders' files made tapes

Exit status: 0 fine; 1 a check failed, or nothing was recorded; 2 wrong usage or unreadable input.
With a command behind `--`, its own status comes first.";

#[derive(Debug, Subcommand)]
enum Command {
    Record(Box<record::Args>),
    Replay(replay::Args),
    Serve(Box<serve::Args>),
    List(list::Args),
    Inspect(inspect::Args),
    Diff(diff::Args),
    Verify(verify::Args),
    Redact(redact::Args),
    Rules(rules::Args),
    Drill(Box<drill::Args>),
    Faults(faults::Args),
    Import(import::Args),
    Export(export::Args),
    Demo(demo::Args),
    Completions(manual::Completions),
    Man(manual::Man),
}

/// What a command came to.
enum Outcome {
    Fine,
    /// The check that the command stands for failed.
    Failed,
    /// Something could not be read; what it was has been said.
    Unreadable,
    /// A child's own status.
    Child(u8),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let ran = match cli.command {
        Command::Record(args) => record::run(*args),
        Command::Replay(args) => replay::run(args),
        Command::Serve(args) => serve::run(&args),
        Command::List(args) => list::run(args),
        Command::Inspect(args) => inspect::run(args),
        Command::Diff(args) => diff::run(args),
        Command::Verify(args) => verify::run(args),
        Command::Redact(args) => redact::run(args),
        Command::Rules(args) => rules::run(args),
        Command::Drill(args) => drill::run(&args),
        Command::Faults(args) => faults::run(args),
        Command::Import(args) => import::run(args),
        Command::Export(args) => export::run(args),
        Command::Demo(args) => demo::run(args),
        Command::Completions(args) => manual::completions(&args),
        Command::Man(args) => manual::man(&args),
    };
    match ran {
        Ok(Outcome::Fine) => ExitCode::SUCCESS,
        Ok(Outcome::Failed) => ExitCode::from(1),
        Ok(Outcome::Unreadable) => ExitCode::from(2),
        Ok(Outcome::Child(status)) => ExitCode::from(status),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            print::error(&format!("{error:#}"));
            ExitCode::from(2)
        }
    }
}

/// Whoever read our output has gone; that is their success.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?)
}

/// Reads the name of a dialect.
fn dialect(name: &str) -> Result<&'static Dialect, String> {
    by_name(name).ok_or_else(|| format!("the dialects are {}", dialect_names()))
}

fn dialect_names() -> String {
    let names: Vec<&str> = DIALECTS.iter().map(|dialect| dialect.name()).collect();
    names.join(", ")
}
