use std::io::Write;
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rayon::prelude::*;
use serde::Serialize;

use super::{Outcome, config, list, print};
use crate::cassette::{self, Cassette};
use crate::dialect::Answer;
use crate::record::mend;
use crate::redact::Redactor;
use crate::transcript::Ending;
use crate::verify::{self, Options};

/// Check that tapes can be trusted.
///
/// Each tape has to parse; its interactions have to say the same however their bytes are cut; and
/// nothing on it may look like a secret. Where a decoder that many clients use would see something
/// else, that is said, and is no failure. Neither is a tape of a stream that was cut off.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rigtape verify cassettes                       every tape in a folder, on all cores
  rigtape verify weather.jsonl --exhaustive      cut at every byte, whatever its size
  rigtape verify cassettes --seed 7              another sample of cuts
  rigtape verify cassettes --format json | jq -r 'select(.ok == false).cassette'

Small bodies are cut at every byte; of larger ones a sample that the seed tells.

Exit status: 0 all can be trusted; 1 one cannot; 2 a path cannot be read.")]
pub(super) struct Args {
    /// Cassettes, or folders that hold some
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Cut every body at every byte; time grows with the square of its size
    #[arg(long)]
    exhaustive: bool,
    /// Which sample of cuts
    #[arg(long, default_value = "0", value_name = "N")]
    seed: u64,
    #[command(flatten)]
    config: config::Source,
    /// How to print it
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A line for each tape
    Text,
    /// One JSON object a line for each tape, and a last one with the sums
    Json,
}

/// One tape.
#[derive(Debug, Serialize)]
struct Row {
    cassette: String,
    ok: bool,
    interactions: u64,
    /// Interactions whose turn did not end, or whose end is not on the tape.
    truncated: u64,
    /// Whether the last line was cut off while it was written.
    torn: bool,
    /// How many different cuts were read.
    cuts: u64,
    /// Whether every body was cut at every byte.
    every_byte: bool,
    failures: Vec<Failure>,
    /// Where a decoder that clients use sees something else; no failure.
    clients: Vec<ClientNote>,
    #[serde(skip)]
    unreadable: bool,
}

#[derive(Debug, Serialize)]
struct Failure {
    /// `parse`, `law` or `secret`.
    kind: &'static str,
    interaction: Option<u64>,
    message: String,
}

#[derive(Debug, Serialize)]
struct ClientNote {
    interaction: u64,
    client: &'static str,
    message: String,
}

/// The sums over all tapes.
#[derive(Debug, Default, Serialize)]
struct Summary {
    tapes: u64,
    interactions: u64,
    failed: u64,
    truncated: u64,
    clients: u64,
    cuts: u64,
}

pub(super) fn run(args: Args) -> anyhow::Result<Outcome> {
    let redactor = args.config.redactor(&[])?;
    let options = Options::default()
        .seed(args.seed)
        .exhaustive(args.exhaustive);
    let mut tapes = Vec::new();
    for path in &args.paths {
        list::find(path, &mut tapes)?;
    }
    anyhow::ensure!(!tapes.is_empty(), "there is no cassette to verify");
    hush();
    let bar = progress(tapes.len());
    let (mut summary, mut unreadable) = (Summary::default(), false);
    let mut out = print::stdout();
    // Rows are printed in order, and before all tapes are done.
    for some in tapes.chunks(256) {
        let look = |path: &PathBuf| {
            let row = row(path, &redactor, &options);
            bar.inc(1);
            row
        };
        let rows: Vec<Row> = some.par_iter().with_max_len(1).map(look).collect();
        for row in rows {
            unreadable |= row.unreadable;
            summary.add(&row);
            bar.suspend(|| match args.format {
                Format::Json => Ok(writeln!(out, "{}", serde_json::to_string(&row)?)?),
                Format::Text => text(&row, &mut out).map_err(anyhow::Error::from),
            })?;
        }
    }
    bar.finish_and_clear();
    match args.format {
        Format::Json => {
            let line = serde_json::json!({ "summary": summary });
            writeln!(out, "{line}")?;
        }
        Format::Text => sums(&summary, &mut out)?,
    }
    Ok(match summary.failed {
        _ if unreadable => Outcome::Unreadable,
        0 => Outcome::Fine,
        _ => Outcome::Failed,
    })
}

/// The decoder of others is known to panic, and that is caught and told.
fn hush() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let theirs = panic
            .location()
            .is_some_and(|place| place.file().contains("eventsource-stream"));
        if !theirs {
            hook(panic);
        }
    }));
}

fn progress(tapes: usize) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(tapes as u64), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} tapes, {eta} left") {
        bar.set_style(style);
    }
    bar
}

fn row(path: &Path, redactor: &Redactor, options: &Options) -> Row {
    let mut row = Row {
        cassette: path.display().to_string(),
        ok: true,
        interactions: 0,
        truncated: 0,
        torn: false,
        cuts: 0,
        every_byte: true,
        failures: Vec::new(),
        clients: Vec::new(),
        unreadable: false,
    };
    if let Err(error) = row.look(path, options) {
        row.unreadable |= matches!(error, cassette::Error::Io { .. });
        row.fail("parse", None, error.to_string());
    }
    if !row.failures.iter().any(|failure| failure.kind == "parse") {
        match mend::find(path, redactor) {
            Ok(findings) => {
                for finding in findings {
                    let number = finding.interaction;
                    let what = format!("{}: {}", finding.place, finding.kind);
                    row.fail(
                        "secret",
                        number,
                        format!("{what} ({} bytes)", finding.length),
                    );
                }
            }
            Err(error) => row.fail("secret", None, format!("cannot look for secrets: {error}")),
        }
    }
    row.ok = row.failures.is_empty();
    row
}

impl Row {
    fn look(&mut self, path: &Path, options: &Options) -> Result<(), cassette::Error> {
        let cassette = Cassette::open(path)?;
        for fault in cassette.faults() {
            self.fail("parse", None, fault.to_string());
        }
        self.torn = cassette.torn_tail().is_some();
        for entry in cassette.entries() {
            let interaction = cassette.load(entry)?;
            let number = interaction.number();
            let checked = verify::interaction(&interaction, options);
            self.interactions += 1;
            self.cuts += checked.cuts;
            let is_answer = match &checked.answer {
                Some(Answer::Transcript(transcript)) => {
                    let cut = transcript.ending == Ending::Truncated;
                    self.truncated += u64::from(cut || interaction.end.is_none());
                    true
                }
                _ => {
                    self.truncated += u64::from(interaction.end.is_none());
                    false
                }
            };
            self.every_byte &= checked.every_byte || !is_answer;
            for breach in checked.breaches {
                self.fail("law", Some(number), breach.to_string());
            }
            for broken in verify::clients(&interaction) {
                self.clients.push(ClientNote {
                    interaction: number,
                    client: broken.client.name(),
                    message: broken.to_string(),
                });
            }
        }
        Ok(())
    }

    fn fail(&mut self, kind: &'static str, interaction: Option<u64>, message: String) {
        self.failures.push(Failure {
            kind,
            interaction,
            message,
        });
    }
}

impl Summary {
    fn add(&mut self, row: &Row) {
        self.tapes += 1;
        self.interactions += row.interactions;
        self.failed += u64::from(!row.ok);
        self.truncated += u64::from(row.truncated > 0 || row.torn);
        self.clients += u64::from(!row.clients.is_empty());
        self.cuts += row.cuts;
    }
}

/// Messages shown of one tape.
const SHOWN: usize = 10;

fn text(row: &Row, out: &mut impl Write) -> std::io::Result<()> {
    let (style, word) = match row.ok {
        true => (print::GOOD, "ok  "),
        false => (print::BAD, "FAIL"),
    };
    let dim = print::DIM;
    let name = print::one_line(&row.cassette);
    write!(out, "{style}{word}{style:#} {name}  {dim}")?;
    write!(out, "{}", count(row.interactions, "interaction"))?;
    match row.truncated {
        0 => {}
        1 => write!(out, ", truncated")?,
        cut => write!(out, ", {cut} of them truncated")?,
    }
    if row.torn {
        write!(out, ", last line torn")?;
    }
    if row.cuts > 0 {
        let every = if row.every_byte { ", every byte" } else { "" };
        write!(out, ", {}{every}", count(row.cuts, "cut"))?;
    }
    writeln!(out, "{dim:#}")?;
    let place = |number: Option<u64>| {
        number.map_or_else(String::new, |number| format!("interaction {number}: "))
    };
    for failure in row.failures.iter().take(SHOWN) {
        let message = format!("{}{}", place(failure.interaction), failure.message);
        let bad = print::BAD;
        writeln!(out, "     {bad}!{bad:#} {}", print::one_line(&message))?;
    }
    if row.failures.len() > SHOWN {
        writeln!(out, "     and {} more", row.failures.len() - SHOWN)?;
    }
    for note in row.clients.iter().take(SHOWN) {
        let message = format!("{}{}", place(Some(note.interaction)), note.message);
        writeln!(out, "     {dim}client {}{dim:#}", print::one_line(&message))?;
    }
    Ok(())
}

fn sums(of: &Summary, out: &mut impl Write) -> std::io::Result<()> {
    let style = if of.failed == 0 {
        print::GOOD
    } else {
        print::BAD
    };
    let passed = of.tapes - of.failed;
    write!(
        out,
        "{style}{passed} of {} can be trusted{style:#}: {}, {}",
        count(of.tapes, "tape"),
        count(of.interactions, "interaction"),
        count(of.cuts, "cut")
    )?;
    for (tapes, what) in [
        (of.failed, "failed"),
        (of.truncated, "truncated"),
        (of.clients, "that a client's decoder reads otherwise"),
    ] {
        if tapes > 0 {
            write!(out, "; {tapes} {what}")?;
        }
    }
    writeln!(out)
}

fn count(number: u64, thing: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{s}")
}
