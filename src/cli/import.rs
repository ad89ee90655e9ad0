use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use indicatif::{ParallelProgressIterator as _, ProgressBar, ProgressDrawTarget, ProgressStyle};
use rayon::prelude::*;
use serde::Serialize;

use super::{Outcome, config, print};
use crate::import::{IMPORTERS, Importer, Options, Skipped, by_name};

mod plan;
mod tape;

use plan::{Job, Plan};

/// Make tapes of other recorders' files.
///
/// A folder becomes a folder with the same names. Bodies come over byte by byte; secrets are masked
/// as while recording. Times and chunk borders are not in such files, and each tape says so.
#[derive(Debug, clap::Args)]
#[command(after_help = after_help())]
pub(super) struct Args {
    /// What the files are
    #[arg(value_parser = importer, value_name = "FORMAT")]
    format: &'static Importer,
    /// Files, or folders that hold some
    #[arg(required = true, value_name = "SRC")]
    sources: Vec<PathBuf>,
    /// The folder for the tapes
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Replace tapes that are there already
    #[arg(long)]
    force: bool,
    /// The target of requests, for formats that hold none
    #[arg(long, value_name = "PATH", value_parser = target)]
    target: Option<String>,
    /// The value of this environment variable is a secret, beside those that the rules name
    #[arg(long = "env", value_name = "VARIABLE")]
    variables: Vec<String>,
    #[command(flatten)]
    config: config::Source,
    /// How to print it
    #[arg(long = "format", value_enum, default_value = "text")]
    print: Format,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    /// A summary
    Text,
    /// One JSON object a line for each file
    Json,
}

fn after_help() -> String {
    let formats = IMPORTERS.iter();
    let formats: String = formats
        .map(|format| format!("  {:10} {}\n", format.name(), format.about()))
        .collect();
    format!(
        "\
Formats:
{formats}
Examples:
  rigtape import httpmock tests/recordings -o cassettes
  rigtape import vcrpy tests/cassettes -o cassettes --format json
  rigtape import har session.har -o cassettes
  curl -iN https://… > answer.sse
  rigtape import sse answer.sse -o cassettes --target /v1/chat/completions

Exit status: 0 fine; 1 a file could not be imported, the others are; 2 wrong usage, or a SRC that
cannot be read."
    )
}

fn importer(name: &str) -> Result<&'static Importer, String> {
    by_name(name).ok_or_else(|| {
        let names: Vec<&str> = IMPORTERS.iter().map(|format| format.name()).collect();
        format!("the formats are {}", names.join(", "))
    })
}

fn target(text: &str) -> Result<String, String> {
    let plain = text.starts_with('/') && !text.contains(|c: char| c.is_control() || c == ' ');
    plain.then(|| text.to_owned()).ok_or_else(|| {
        "a target begins with `/` and has no spaces: `/v1/chat/completions`".to_owned()
    })
}

/// What came of one file.
#[derive(Debug, Default, Serialize)]
struct Row {
    source: String,
    /// The tape; absent when there is none.
    cassette: Option<String>,
    interactions: usize,
    streams: usize,
    /// Placeholders of the other recorder.
    placeholders: u64,
    /// Secrets that were masked on the way.
    masked: u64,
    /// What the file did not tell, and of how many interactions.
    notes: BTreeMap<&'static str, usize>,
    /// Recordings in the file that were left out.
    left_out: Vec<LeftOut>,
    /// Why the whole file was.
    skipped: Option<String>,
    /// What went wrong.
    error: Option<String>,
    #[serde(skip)]
    quiet: bool,
}

#[derive(Debug, Serialize)]
struct LeftOut {
    line: Option<u64>,
    reason: String,
}

impl From<&Skipped> for LeftOut {
    fn from(skipped: &Skipped) -> LeftOut {
        LeftOut {
            line: skipped.line,
            reason: skipped.reason.clone(),
        }
    }
}

pub(super) fn run(args: Args) -> anyhow::Result<Outcome> {
    let redactor = args.config.redactor(&args.variables)?;
    let output = &args.output;
    std::fs::create_dir_all(output)
        .with_context(|| format!("cannot make the folder {}", output.display()))?;
    let Plan {
        jobs,
        mut rows,
        unreadable,
    } = Plan::of(args.format, &args.sources, output);
    for error in &unreadable {
        print::error(&print::one_line(error));
    }
    let options = Options {
        target: args.target,
    };
    let import = |job: &Job| {
        tape::write(args.format, job, output, &options, &redactor, args.force).unwrap_or_else(
            |error| Row {
                source: job.source.display().to_string(),
                error: Some(format!("{error:#}")),
                ..Row::default()
            },
        )
    };
    let bar = bar(jobs.len() as u64);
    rows.par_extend(jobs.par_iter().progress_with(bar.clone()).map(import));
    bar.finish_and_clear();
    rows.sort_by(|a, b| a.source.cmp(&b.source));
    say(&rows);
    let mut out = print::stdout();
    match args.print {
        Format::Json => {
            for row in &rows {
                writeln!(out, "{}", serde_json::to_string(row)?)?;
            }
        }
        Format::Text => summary(&rows, output, &mut out)?,
    }
    let failed = rows.iter().any(|row| row.error.is_some());
    Ok(match (unreadable.is_empty(), failed) {
        (false, _) => Outcome::Unreadable,
        (true, true) => Outcome::Failed,
        (true, false) => Outcome::Fine,
    })
}

fn bar(files: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(files), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{bar:32} {pos}/{len} files · {eta}") {
        bar.set_style(style);
    }
    bar
}

/// A line on stderr for all that did not come over.
fn say(rows: &[Row]) {
    for row in rows {
        let source = print::one_line(&row.source);
        if let Some(error) = &row.error {
            print::error(&print::one_line(error));
        }
        if let Some(reason) = row.skipped.as_ref().filter(|_| !row.quiet) {
            print::warning(&format!("{source}: skipped: {}", print::one_line(reason)));
        }
        for LeftOut { line, reason } in &row.left_out {
            let line = line.map(|line| format!("{line}:")).unwrap_or_default();
            print::warning(&format!(
                "{source}:{line} left out: {}",
                print::one_line(reason)
            ));
        }
    }
}

fn summary(rows: &[Row], output: &Path, out: &mut impl Write) -> std::io::Result<()> {
    let tapes = rows.iter().filter(|row| row.cassette.is_some()).count();
    let failed = rows.iter().filter(|row| row.error.is_some()).count();
    let sum = |of: fn(&Row) -> u64| rows.iter().map(of).sum::<u64>();
    let holding = |of: fn(&Row) -> u64| rows.iter().filter(|row| of(row) > 0).count();
    let (bold, bad) = (print::BOLD, print::BAD);
    let mut line = |name: &str, count: u64, more: &str| {
        writeln!(out, "{bold}{name:14}{bold:#}{count:>8}  {more}")
    };
    let folder = print::one_line(&output.display().to_string());
    line("tapes", tapes as u64, &format!("in {folder}"))?;
    let streams = sum(|row| row.streams as u64);
    let interactions = sum(|row| row.interactions as u64);
    line(
        "interactions",
        interactions,
        &format!("{streams} of them streams"),
    )?;
    if sum(|row| row.placeholders) > 0 {
        let tapes = holding(|row| row.placeholders);
        let more = format!("of the other recorder, on {tapes} tapes");
        line("placeholders", sum(|row| row.placeholders), &more)?;
    }
    if sum(|row| row.masked) > 0 {
        let more = format!("masked, on {} tapes", holding(|row| row.masked));
        line("secrets", sum(|row| row.masked), &more)?;
    }
    for (note, count) in counted(rows.iter().flat_map(|row| {
        let notes = row.notes.iter();
        notes.map(|(note, count)| ((*note).to_owned(), *count as u64))
    })) {
        line("noted", count, &note)?;
    }
    let left_out = rows.iter().flat_map(|row| &row.left_out);
    for (reason, count) in counted(left_out.map(|of| (print::one_line(&of.reason), 1))) {
        line("left out", count, &reason)?;
    }
    let skipped = rows.iter().filter_map(|row| row.skipped.as_deref());
    for (reason, count) in counted(skipped.map(|reason| (print::one_line(reason), 1))) {
        line("skipped", count, &reason)?;
    }
    if failed > 0 {
        let more = format!("{bad}not imported{bad:#}, for the reasons on stderr");
        line("files", failed as u64, &more)?;
    }
    Ok(())
}

fn counted(of: impl Iterator<Item = (String, u64)>) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for (what, count) in of {
        *counts.entry(what).or_default() += count;
    }
    counts
}
