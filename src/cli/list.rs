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
    input_tokens: Option<u64>,
    /// Of the response, without its parameters.
    content_type: Option<String>,
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
    let content_type = heads.and_then(crate::cassette::Interaction::content_type);
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
        input_tokens: said.and_then(|said| said.usage.input_tokens),
        content_type: content_type.map(|of| of.split(';').next().unwrap_or(of).trim().to_owned()),
    })
}

const COLUMNS: [&str; 13] = [
    "tape", "#", "dialect", "model", "status", "ending", "chunks", "bytes", "first", "total", "in",
    "out", "calls",
];
const MODEL: usize = 3;
const ENDING: usize = 5;

/// Columns that a narrow terminal does without, the first to go first.
const SPARED: [usize; 9] = [7, 6, 10, 1, 9, 12, 11, 8, MODEL];

/// Columns that are shortened before any goes, and how narrow they are made.
const SHORTENED: [(usize, usize); 4] = [(0, 16), (2, 12), (MODEL, 16), (ENDING, 10)];

fn table(rows: &[Row], out: &mut impl Write) -> std::io::Result<()> {
    let mut cells: Vec<[String; 13]> = rows.iter().map(cells).collect();
    let longest = |column: usize| {
        let widths = cells.iter().map(|row| row[column].chars().count());
        widths.max().unwrap_or(0).max(COLUMNS[column].len())
    };
    let mut widths: [usize; 13] = std::array::from_fn(longest);
    let shown = print::width().map_or([true; 13], |columns| fit(&mut widths, columns));
    for row in &mut cells {
        // The end of a path tells most.
        row[0] = print::ending(&row[0], widths[0]);
        for (column, _) in &SHORTENED[1..] {
            row[*column] = print::beginning(&row[*column], widths[*column]);
        }
    }
    let bold = print::BOLD;
    let visible = || (0..COLUMNS.len()).filter(|column| shown[*column]);
    for column in visible() {
        let (name, width) = (COLUMNS[column], widths[column]);
        write!(out, "{bold}{name:width$}{bold:#}  ")?;
    }
    writeln!(out)?;
    for (row, cells) in rows.iter().zip(&cells) {
        for column in visible() {
            let style = match (column, row.ending) {
                (ENDING, Some("complete")) => print::GOOD,
                (ENDING, Some(_)) => print::BAD,
                _ => anstyle::Style::new(),
            };
            let (cell, width) = (&cells[column], widths[column]);
            write!(out, "{style}{cell:width$}{style:#}  ")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// Makes the table as narrow as the terminal: names first, then whole columns.
fn fit(widths: &mut [usize; 13], columns: usize) -> [bool; 13] {
    let mut shown = [true; 13];
    let mut spared = SPARED.iter();
    loop {
        let visible = (0..13).filter(|column| shown[*column]);
        let width: usize = visible.map(|column| widths[column] + 2).sum();
        let over = width.saturating_sub(columns);
        if over == 0 {
            return shown;
        }
        let spare = |(column, narrow): &(usize, usize)| {
            let spare = if shown[*column] {
                widths[*column].saturating_sub(*narrow)
            } else {
                0
            };
            (spare, *column)
        };
        let widest = SHORTENED.iter().map(spare).max();
        match widest.filter(|(spare, _)| *spare > 0) {
            Some((spare, column)) => widths[column] -= over.min(spare),
            None => match spared.next() {
                Some(column) => shown[*column] = false,
                None => return shown,
            },
        }
    }
}

fn cells(row: &Row) -> [String; 13] {
    let dash = || "-".to_owned();
    let count = |of: Option<u64>| of.map_or_else(dash, |of| of.to_string());
    let time =
        |us: Option<u64>| us.map_or_else(dash, |us| crate::Offset::from_micros(us).to_string());
    let ending = match (row.ending, row.end.as_deref()) {
        (Some(ending), Some("complete")) => ending.to_owned(),
        (Some(ending), end) => format!("{ending} ({})", end.unwrap_or("no end")),
        (None, end) => end.unwrap_or("no end").to_owned(),
    };
    // Of an answer that is no model's, the type stands where the model would.
    let opaque = row.content_type.as_ref().filter(|_| row.dialect.is_none());
    let model = row.model.as_ref().or(opaque);
    [
        print::one_line(&row.cassette),
        row.interaction.to_string(),
        row.dialect
            .map_or_else(|| print::one_line(&row.path), str::to_owned),
        model.map_or_else(dash, |model| print::one_line(model)),
        row.status.map_or_else(dash, |status| status.to_string()),
        print::one_line(&ending),
        row.chunks.to_string(),
        print::size(row.bytes),
        time(row.first_chunk_us),
        time(row.duration_us),
        count(row.input_tokens),
        count(row.output_tokens),
        match row.tool_calls {
            0 => dash(),
            calls => calls.to_string(),
        },
    ]
}
