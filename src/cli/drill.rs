use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::child::{self, Environment};
use super::signals::Signals;
use super::{Outcome, config, print};
use crate::drill::{Drill, Error, Made, Progress, Report, drill};
use crate::matching::{Options, RuleError, Rules};
use crate::policy::fault::{FAULTS, Fault, FaultInfo, Sweep};
use crate::serve::Tapes;

mod junit;
mod process;
mod table;

/// Put a client through everything that can go wrong with a tape.
///
/// The command runs once undisturbed, against a server that plays the tapes; what it prints then is
/// what it has to print. Then it runs once for each mutant, with one thing wrong in one answer. After
/// a benign fault it has to print the same and to succeed; after a harmful one it must not succeed;
/// and it has to end. Each conviction comes with the line that does it again.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rigtape drill cassettes/weather.jsonl -- python agent.py
      the whole catalogue, and a cut behind every frame
  rigtape drill weather.jsonl --budget 60 --junit drill.xml -- node agent.mjs
      a minute of it, in continuous integration
  rigtape drill weather.jsonl --exhaustive --only cut -- ./client
      a cut at every byte
  rigtape drill weather.jsonl --fault crlf --fault split:at=crlf -- ./client
      one mutant, in which both go wrong
  rigtape drill weather.jsonl --error-marker 'the answer broke off' -- ./client
      a client that says so, and ends with status 0

`rigtape faults` lists what goes wrong. The command finds the server as it does under `rigtape serve`. A
request that is sent again meets the same fault again: a client that tries three times has to give up
in the end.

Exit status: 0 when the client did nothing wrong; 1 when it did; 2 when it cannot be drilled, because
it fails undisturbed, for one; 127 when there is no such command.")]
pub(super) struct Args {
    /// Cassettes, folders of them, or globs
    #[arg(required = true, value_name = "TAPE")]
    paths: Vec<String>,
    /// A run that takes longer hangs, and is killed with all that it has started
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    timeout: Duration,
    /// Stop after so long, and say what is left
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    budget: Option<Duration>,
    /// How many runs at once; as many as there are cores unless said
    #[arg(short, long, value_name = "N")]
    jobs: Option<usize>,
    /// From what places are drawn
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Cut the body at every byte
    #[arg(long)]
    exhaustive: bool,
    /// Cut the body at so many bytes, drawn from the seed
    #[arg(
        long,
        value_name = "N",
        default_value_t = 8,
        conflicts_with = "exhaustive"
    )]
    bytes: usize,
    /// Try this fault only, by its name; may be given again
    #[arg(long, value_name = "NAME", value_parser = name)]
    only: Vec<&'static str>,
    /// Try this mutant only; given again, these go wrong together
    #[arg(long = "fault", value_name = "FAULT", conflicts_with = "only")]
    faults: Vec<Fault>,
    /// A client that says this, on stdout or stderr, has reported a failure; may be given again
    #[arg(long = "error-marker", value_name = "TEXT")]
    markers: Vec<String>,
    /// How an answer is chosen, such as ignore=/user; may be given again
    #[arg(long = "match", value_name = "KEY=VALUE")]
    rules: Vec<Said>,
    /// Set another variable of the command to a provider's base URL
    #[arg(long = "env", value_name = "NAME=PROVIDER")]
    variables: Vec<String>,
    /// Leave the command its way to the network, and its keys
    #[arg(long)]
    allow_network: bool,
    /// How the report is written
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Write the runs as JUnit's XML, too
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    #[command(flatten)]
    config: config::Source,
    /// The client
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Convictions and the matrix, for people
    Text,
    /// One JSON object
    Json,
}

/// Rules, and how they were spelled.
#[derive(Debug, Clone)]
struct Said {
    text: String,
    rules: Rules,
}

impl FromStr for Said {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Said, RuleError> {
        Ok(Said {
            text: text.to_owned(),
            rules: text.parse()?,
        })
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let extra = child::variables(&args.variables)?;
    super::runtime()?.block_on(async {
        let mut signals = Signals::listen()?;
        let bar = progress();
        let shown = bar.clone();
        let drill = args.drill()?.progress(move |at| show(&shown, at));
        let drilled = tokio::select! {
            drilled = drill.conduct(|url| args.client(url, &extra)) => drilled,
            // Whoever still runs is killed when it is dropped.
            _ = signals.asked() => {
                bar.finish_and_clear();
                print::error("interrupted");
                return Ok(Outcome::Child(130));
            }
        };
        bar.finish_and_clear();
        match drilled {
            Ok(report) => args.close(&report),
            Err(Error::Start(error)) => {
                let program = args.command[0].to_string_lossy();
                print::error(&format!("cannot start {program}: {error}"));
                Ok(Outcome::Child(match error.kind() {
                    std::io::ErrorKind::NotFound => 127,
                    _ => 126,
                }))
            }
            Err(Error::NoRequest) => {
                print::error(&format!("{}{}", Error::NoRequest, child::hint()));
                Ok(Outcome::Unreadable)
            }
            Err(error) => Err(error.into()),
        }
    })
}

impl Args {
    fn drill(&self) -> anyhow::Result<Drill> {
        let tapes: Tapes = self.paths.iter().map(String::as_str).collect();
        let rules = self
            .rules
            .iter()
            .fold(Rules::new(), |all, one| all.over(&one.rules));
        let mut sweep = Sweep::new();
        sweep.bytes = (!self.exhaustive).then_some(self.bytes);
        sweep.faults = self.only.iter().map(|name| (*name).to_owned()).collect();
        let mut drill = drill(tapes)
            .matching(Options::new().project(self.config.project()?).rules(rules))
            .redactor(self.config.redactor(&[])?)
            .sweep(sweep)
            .seed(self.seed)
            .time_limit(self.timeout)
            .reproduction(self.served(), words(&self.command));
        if !self.faults.is_empty() {
            drill = drill.faults(self.faults.iter().cloned());
        }
        if let Some(jobs) = self.jobs {
            drill = drill.jobs(jobs);
        }
        if let Some(budget) = self.budget {
            drill = drill.budget(budget);
        }
        Ok(drill)
    }

    /// What `rigtape serve` has to be told to play the tapes as they are played here.
    fn served(&self) -> Vec<String> {
        let mut words = self.paths.clone();
        for rule in &self.rules {
            words.extend(["--match".to_owned(), rule.text.clone()]);
        }
        for variable in &self.variables {
            words.extend(["--env".to_owned(), variable.clone()]);
        }
        if self.allow_network {
            words.push("--allow-network".to_owned());
        }
        words.extend(self.config.words());
        words
    }

    async fn client(&self, url: String, extra: &BTreeMap<String, String>) -> std::io::Result<Made> {
        let mut environment = Environment::new(&url, extra);
        if !self.allow_network {
            environment = environment.without_keys().without_network(&url);
        }
        process::run(&self.command, &environment, &self.markers).await
    }

    /// Says how it went.
    fn close(&self, report: &Report) -> anyhow::Result<Outcome> {
        if let Some(path) = &self.junit {
            let xml = junit::write(report);
            std::fs::write(path, xml).with_context(|| path.display().to_string())?;
        }
        let mut out = print::stdout();
        match self.format {
            Format::Text => table::write(&mut out, report)?,
            Format::Json => {
                let command = words(&self.command);
                let json = serde_json::json!({
                    "ok": report.is_ok(),
                    "command": command,
                    "tapes": self.paths,
                    "convicted": report.convicted(),
                    "matrix": report.matrix(),
                    "report": report,
                });
                writeln!(out, "{json}")?;
            }
        }
        out.flush()?;
        if self.format == Format::Json {
            print::note(&report.summary());
        }
        Ok(match report.is_ok() {
            true => Outcome::Fine,
            false => Outcome::Failed,
        })
    }
}

fn words(command: &[OsString]) -> Vec<String> {
    let words = command
        .iter()
        .map(|word| word.to_string_lossy().into_owned());
    words.collect()
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number: Option<f64> = text.trim_end_matches('s').parse().ok();
    let time = number.and_then(|number| Duration::try_from_secs_f64(number).ok());
    let time = time.filter(|time| !time.is_zero() && time.as_secs() < 1_000_000);
    time.ok_or_else(|| "expected seconds, such as 30 or 2.5".to_owned())
}

fn name(text: &str) -> Result<&'static str, String> {
    let known = FAULTS.iter().map(FaultInfo::name);
    let mut found = known.filter(|known| *known == text);
    found
        .next()
        .ok_or_else(|| "no fault of this name; `rigtape faults` lists them".to_owned())
}

/// Hidden where stderr is no terminal.
fn progress() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} runs, {msg}, {eta} left");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}

fn show(bar: &ProgressBar, at: Progress) {
    bar.set_length(at.total);
    bar.set_position(at.done);
    bar.set_message(format!("{} convicted", at.convicted));
}
