use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{Outcome, config, list, print};
use crate::record::mend::{self, Mended};
use crate::redact::{Finding, Kind, Redactor};

/// Mask secrets on tapes that exist.
///
/// A tape with findings is written anew, at once or not at all; placeholders are as long as what
/// they hide. A tape without findings is not touched.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rigtape redact cassettes                           every tape in a folder
  rigtape redact --check cassettes                   only look; for CI
  rigtape redact --env MY_TOKEN weather.rejected.jsonl
      the value of MY_TOKEN is a secret too

Exit status: 0 no secret is left; 1 one is (with --check: was found); 2 a tape cannot be read.")]
pub(super) struct Args {
    /// Cassettes, or folders that hold some
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Only report; exit with 1 when there is a finding
    #[arg(long)]
    check: bool,
    /// The value of this environment variable is a secret, beside those that the rules name
    #[arg(long = "env", value_name = "VARIABLE")]
    variables: Vec<String>,
    #[command(flatten)]
    config: config::Source,
    /// How to print it
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    /// A line for each finding
    Text,
    /// One JSON object a line for each tape
    Json,
}

/// One tape.
#[derive(Debug, Serialize)]
struct Row {
    cassette: String,
    /// Whether the file was written anew.
    rewritten: bool,
    findings: Vec<Found>,
}

#[derive(Debug, Serialize)]
struct Found {
    interaction: Option<u64>,
    place: String,
    kind: String,
    /// Length in bytes.
    length: usize,
    /// Whether a placeholder hides it now.
    masked: bool,
}

pub(super) fn run(args: Args) -> anyhow::Result<Outcome> {
    let redactor = args.config.redactor(&args.variables)?;
    let mut tapes = Vec::new();
    for path in &args.paths {
        list::find(path, &mut tapes)?;
    }
    let mut outcome = Outcome::Fine;
    let mut out = print::stdout();
    for path in &tapes {
        let mended = match look(path, &redactor, args.check) {
            Ok(mended) => mended,
            Err(error) => {
                print::error(&error.to_string());
                outcome = Outcome::Unreadable;
                continue;
            }
        };
        if !mended.left.is_empty() && !matches!(outcome, Outcome::Unreadable) {
            outcome = Outcome::Failed;
        }
        let row = row(path, &mended);
        match args.format {
            Format::Json => writeln!(out, "{}", serde_json::to_string(&row)?)?,
            Format::Text => text(&row, &mut out)?,
        }
        out.flush()?;
        if !args.check && !mended.left.is_empty() {
            print::error(&format!(
                "{}: {} cannot be masked here, since the pieces cannot be told apart from what \
                 stands around them: delete this tape and record it again",
                path.display(),
                secrets(mended.left.len())
            ));
        }
    }
    Ok(outcome)
}

/// With `check` nothing is written, and everything that was found is left.
fn look(path: &Path, redactor: &Redactor, check: bool) -> Result<Mended, mend::Error> {
    if !check {
        return mend::tape(path, redactor);
    }
    Ok(Mended {
        left: mend::find(path, redactor)?,
        ..Mended::default()
    })
}

fn row(path: &Path, mended: &Mended) -> Row {
    let found = |finding: &Finding, masked| Found {
        interaction: finding.interaction,
        place: finding.place.to_string(),
        kind: match &finding.kind {
            Kind::Credential => "credential".to_owned(),
            Kind::Key(prefix) => format!("key {prefix}"),
            Kind::Header => "header".to_owned(),
            Kind::Pointer => "pointer".to_owned(),
        },
        length: finding.length,
        masked,
    };
    let masked = mended.masked.iter().map(|finding| found(finding, true));
    let left = mended.left.iter().map(|finding| found(finding, false));
    Row {
        cassette: path.display().to_string(),
        rewritten: mended.rewritten,
        findings: masked.chain(left).collect(),
    }
}

fn text(row: &Row, out: &mut impl Write) -> std::io::Result<()> {
    for found in &row.findings {
        let done = if found.masked { "masked" } else { "found" };
        let interaction = found.interaction.unwrap_or_default();
        writeln!(
            out,
            "{}: interaction {interaction}, {}: {} ({} bytes) {done}",
            print::one_line(&row.cassette),
            print::one_line(&found.place),
            print::one_line(&found.kind),
            found.length,
        )?;
    }
    Ok(())
}

fn secrets(count: usize) -> String {
    match count {
        1 => "a secret".to_owned(),
        count => format!("{count} secrets"),
    }
}
