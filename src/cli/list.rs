use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Serialize;

use super::interaction::Played;
use super::{Outcome, print};
use crate::cassette::Cassette;
use crate::dialect::Answer;
use crate::transcript::Transcript;

/// Show what is on tapes, a line for each interaction.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rigtape list cassettes
  rigtape list cassettes/openai-chat/*.jsonl --format json")]
pub(super) struct Args {
    /// Cassettes, or folders that hold some
    #[arg(required = true)]
    paths: Vec<PathBuf>,
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

/// One line of the table; `null` where nothing is known.
#[derive(Debug, Serialize)]
struct Row {
    cassette: String,
    interaction: u64,
    method: String,
    path: String,
    dialect: Option<&'static str>,
    model: Option<String>,
    status: Option<u16>,
    /// How the body ended; absent when the recorder died.
    end: Option<String>,
    /// Whether the wire said that the turn ended.
    ending: Option<&'static str>,
    chunks: usize,
    bytes: u64,
    /// Microseconds from the request to the end.
    duration_us: Option<u64>,
    /// Microseconds from the request to the first chunk.
    first_chunk_us: Option<u64>,
    output_tokens: Option<u64>,
    tool_calls: usize,
    violations: u64,
}

pub(super) fn run(args: Args) -> anyhow::Result<Outcome> {
    let mut tapes = Vec::new();
    for path in &args.paths {
        find(path, &mut tapes)?;
    }
    let mut rows = Vec::new();
    let mut broken = false;
    for tape in &tapes {
        if let Err(error) = read(tape, &mut rows) {
            print::error(&format!("{error:#}"));
            broken = true;
        }
    }
    let mut out = print::stdout();
    match args.format {
        Format::Json => {
            for row in &rows {
                writeln!(out, "{}", serde_json::to_string(row)?)?;
            }
        }
        Format::Text if rows.is_empty() && broken => {}
        Format::Text => table(&rows, &mut out)?,
    }
    Ok(if broken {
        Outcome::Unreadable
    } else {
        Outcome::Fine
    })
}

/// The cassettes at `path`, in the order of their names.
pub(super) fn find(path: &Path, tapes: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    if !path.is_dir() {
        tapes.push(path.to_owned());
        return Ok(());
    }
    let read =
        std::fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut entries: Vec<PathBuf> = read
        .collect::<Result<Vec<_>, _>>()?
        .iter()
        .map(std::fs::DirEntry::path)
        .filter(|entry| entry.is_dir() || entry.extension().is_some_and(|e| e == "jsonl"))
        .collect();
    entries.sort();
    entries.iter().try_for_each(|entry| find(entry, tapes))
}

fn read(path: &Path, rows: &mut Vec<Row>) -> anyhow::Result<()> {
    let cassette = Cassette::open(path)?;
    for fault in cassette.faults() {
        print::warning(&fault.to_string());
    }
    for entry in cassette.entries() {
        rows.push(row(&cassette, &Played::of(&cassette, entry)?)?);
    }
    Ok(())
}

fn row(cassette: &Cassette, played: &Played) -> anyhow::Result<Row> {
    let mut reader = played.reader(None);
    let (mut chunks, mut bytes, mut first) = (0, 0, None);
    for chunk in played.chunks()? {
        let chunk = chunk?;
        chunks += 1;
        bytes += chunk.bytes.len() as u64;
        first.get_or_insert(chunk.at.as_micros());
        if let Some(reader) = &mut reader {
            reader.feed(&chunk.bytes);
        }
    }
    let transcript = reader.and_then(|reader| match reader.finish() {
        Answer::Transcript(transcript) => Some(transcript),
        Answer::Opaque(_) => None,
    });
    let said = transcript.as_ref();
    let heads = played.heads.as_ref();
    let end = heads.and_then(|heads| heads.end.as_ref());
    Ok(Row {
        cassette: cassette.path().display().to_string(),
        interaction: played.number,
        method: heads.map_or_else(String::new, |heads| heads.request.method.clone()),
        path: heads.map_or_else(String::new, |heads| heads.request.path().to_owned()),
        dialect: said.map(|said| said.dialect),
        model: said.and_then(|said| said.model.clone()),
        status: heads.and_then(crate::cassette::Interaction::status),
        end: end.map(|end| end.how.as_str().to_owned()),
        ending: said.map(|said| said.ending.as_str()),
        chunks,
        bytes,
        duration_us: end.map(|end| end.at.as_micros()),
        first_chunk_us: first,
        output_tokens: said.and_then(|said| said.usage.output_tokens),
        tool_calls: said.map_or(0, |said| Transcript::tool_calls(said).count()),
        violations: said.map_or(0, |said| said.violations_total),
    })
}

const COLUMNS: [&str; 11] = [
    "tape", "#", "dialect", "model", "status", "ending", "chunks", "bytes", "first", "total",
    "tokens",
];

fn table(rows: &[Row], out: &mut impl Write) -> std::io::Result<()> {
    let cells: Vec<[String; 11]> = rows.iter().map(cells).collect();
    let width = |column: usize| {
        let widths = cells.iter().map(|row| row[column].chars().count());
        widths.max().unwrap_or(0).max(COLUMNS[column].len())
    };
    let widths: [usize; 11] = std::array::from_fn(width);
    let bold = print::BOLD;
    for (name, width) in COLUMNS.iter().zip(widths) {
        write!(out, "{bold}{name:width$}{bold:#}  ")?;
    }
    writeln!(out)?;
    for (row, cells) in rows.iter().zip(&cells) {
        for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
            let style = match (column, row.ending) {
                (5, Some("complete")) => print::GOOD,
                (5, Some(_)) => print::BAD,
                _ => anstyle::Style::new(),
            };
            write!(out, "{style}{cell:width$}{style:#}  ")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn cells(row: &Row) -> [String; 11] {
    let dash = || "-".to_owned();
    let time =
        |us: Option<u64>| us.map_or_else(dash, |us| crate::Offset::from_micros(us).to_string());
    let ending = match (row.ending, row.end.as_deref()) {
        (Some(ending), Some("complete")) => ending.to_owned(),
        (Some(ending), end) => format!("{ending} ({})", end.unwrap_or("no end")),
        (None, end) => end.unwrap_or("no end").to_owned(),
    };
    [
        print::one_line(&row.cassette),
        row.interaction.to_string(),
        row.dialect
            .map_or_else(|| print::one_line(&row.path), str::to_owned),
        row.model.as_deref().map_or_else(dash, print::one_line),
        row.status.map_or_else(dash, |status| status.to_string()),
        ending,
        row.chunks.to_string(),
        print::size(row.bytes),
        time(row.first_chunk_us),
        time(row.duration_us),
        row.output_tokens
            .map_or_else(dash, |tokens| tokens.to_string()),
    ]
}
