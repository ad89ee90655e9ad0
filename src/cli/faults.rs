use std::io::Write;

use super::Outcome;
use super::print::{self, BAD, BOLD, DIM, GOOD};
use crate::policy::fault::{Class, FAULTS, FaultInfo};

/// List what can be made to go wrong with a tape.
///
/// Each fault has a class: after a benign one a client must give the same answer, after a harmful
/// one it must not report a success; an undetectable one is reported, never judged.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rigtape faults
  rigtape faults --format json | jq -r .name
  rigtape replay weather.jsonl --fault cut:frame=7
  rigtape replay weather.jsonl --fault crlf --fault split:at=crlf

A fault is spelled NAME[:key=value[,key=value]]. Where it strikes: frame=N counts frames from 1
(behind it for faults that end something, else before it or the frame itself), byte=N is behind so
many bytes, time=T is so long after the request; seed=N draws a place, and 0 is the seed where
nothing is said.")]
pub(super) struct Args {
    /// How to print it
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    /// A table
    Text,
    /// One JSON object a line
    Json,
}

pub(super) fn run(args: Args) -> anyhow::Result<Outcome> {
    let mut out = print::stdout();
    match args.format {
        Format::Json => {
            for info in FAULTS {
                let row = serde_json::json!({
                    "name": info.name(),
                    "class": info.class().as_str(),
                    "does": info.does(),
                    "expects": info.expects(),
                    "keys": info.keys(),
                    "example": info.example(),
                });
                writeln!(out, "{row}")?;
            }
        }
        Format::Text => table(&mut out)?,
    }
    Ok(Outcome::Fine)
}

fn table(out: &mut impl Write) -> std::io::Result<()> {
    let width = |cell: fn(&FaultInfo) -> &str| {
        let widths = FAULTS.iter().map(|info| cell(info).len());
        widths.max().unwrap_or_default()
    };
    let (name, example) = (width(FaultInfo::name), width(FaultInfo::example));
    let class = Class::Undetectable.as_str().len();
    writeln!(
        out,
        "{BOLD}{:name$}  {:class$}  {:example$}  WHAT IT DOES{BOLD:#}",
        "FAULT", "CLASS", "EXAMPLE",
    )?;
    for info in FAULTS {
        let style = match info.class() {
            Class::Benign => GOOD,
            Class::Undetectable => DIM,
            Class::Harmful => BAD,
        };
        writeln!(
            out,
            "{:name$}  {style}{:class$}{style:#}  {:example$}  {}\n{:indent$}{DIM}→ {}{DIM:#}",
            info.name(),
            info.class(),
            info.example(),
            info.does(),
            "",
            info.expects(),
            indent = name + class + example + 6,
        )?;
    }
    Ok(())
}
