mod markdown;
mod text;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::interaction::{Played, Tape, open};
use super::{Outcome, list, print};
use crate::dialect::AnswerReader;
use crate::diff::{self, Heard, Listener, TapeDiff};

/// Say what changed in meaning between two recordings.
///
/// Compared are the request, the parts of the answer, tool calls by JSON path, usage, finish, ending
/// and violations. Times stand beside it and never make a difference; ids that providers make up
/// count as the same when they link the same.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rigtape diff before.jsonl after.jsonl
  rigtape diff cassettes /tmp/recorded-again             folders: tapes of one name are compared
  rigtape diff old new --format markdown > comment.md    for a review
  rigtape diff a.jsonl b.jsonl --ids                     the letters of ids count too

Exit status: 0 they mean the same; 1 they differ; 2 one cannot be read.")]
pub(super) struct Args {
    /// A cassette, a bare response body, or a folder of cassettes
    a: PathBuf,
    /// What to compare it with, of the same kind
    b: PathBuf,
    /// How to print it
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Compare the letters of ids that providers make up, not only what they link
    #[arg(long)]
    ids: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For a review comment
    Markdown,
    /// One JSON object a line for each pair of tapes
    Json,
}

/// Two tapes that were compared, or one that has no counterpart.
#[derive(Debug, Serialize)]
struct Compared {
    a: Option<String>,
    b: Option<String>,
    same: bool,
    #[serde(flatten)]
    diff: TapeDiff,
}

pub(super) fn run(args: Args) -> anyhow::Result<Outcome> {
    let options = diff::Options::default().ids(args.ids);
    let mut tally = Tally::default();
    let mut out = print::stdout();
    for (a, b) in pairs(&args.a, &args.b)? {
        let compared = match compare(a.as_deref(), b.as_deref(), &options) {
            Ok((compared, whole)) => {
                tally.broken |= !whole;
                compared
            }
            Err(error) => {
                print::error(&format!("{error:#}"));
                tally.broken = true;
                continue;
            }
        };
        tally.tapes += 1;
        tally.different += usize::from(!compared.same);
        match args.format {
            Format::Text => text::write(&compared, &mut out)?,
            Format::Markdown => markdown::write(&compared, &mut out)?,
            Format::Json => writeln!(out, "{}", serde_json::to_string(&compared)?)?,
        }
    }
    if args.format == Format::Text && tally.tapes > 1 {
        let Tally {
            tapes, different, ..
        } = tally;
        writeln!(out, "{different} of {tapes} tapes differ")?;
    }
    Ok(match tally {
        Tally { broken: true, .. } => Outcome::Unreadable,
        Tally { different: 0, .. } => Outcome::Fine,
        _ => Outcome::Failed,
    })
}

#[derive(Default)]
struct Tally {
    tapes: usize,
    different: usize,
    broken: bool,
}

type Path2 = (Option<PathBuf>, Option<PathBuf>);

/// The files to compare: in folders those of one name, the names in order.
fn pairs(a: &Path, b: &Path) -> anyhow::Result<Vec<Path2>> {
    match (a.is_dir(), b.is_dir()) {
        (false, false) => return Ok(vec![(Some(a.to_owned()), Some(b.to_owned()))]),
        (true, true) => {}
        (is_folder, _) => {
            let (folder, file) = if is_folder { (a, b) } else { (b, a) };
            anyhow::bail!(
                "{} is a folder and {} is none: compare two files or two folders",
                folder.display(),
                file.display()
            );
        }
    }
    let (of_a, of_b) = (names(a)?, names(b)?);
    let all: BTreeSet<&PathBuf> = of_a.union(&of_b).collect();
    if all.is_empty() {
        anyhow::bail!("no cassette in {} or {}", a.display(), b.display());
    }
    let path = |folder: &Path, of: &BTreeSet<PathBuf>, name: &PathBuf| {
        of.contains(name).then(|| folder.join(name))
    };
    Ok(all
        .into_iter()
        .map(|name| (path(a, &of_a, name), path(b, &of_b, name)))
        .collect())
}

fn names(folder: &Path) -> anyhow::Result<BTreeSet<PathBuf>> {
    let mut tapes = Vec::new();
    list::find(folder, &mut tapes)?;
    let name = |tape: PathBuf| tape.strip_prefix(folder).map(Path::to_owned).ok();
    Ok(tapes.into_iter().filter_map(name).collect())
}

/// Compares two files; whether both could be read whole stands beside it.
fn compare(
    a: Option<&Path>,
    b: Option<&Path>,
    options: &diff::Options,
) -> anyhow::Result<(Compared, bool)> {
    let name = |path: Option<&Path>| path.map(|path| path.display().to_string());
    let mut whole = true;
    let diff = match (a, b) {
        (Some(a), Some(b)) => diff::tapes(&hear(a, &mut whole)?, &hear(b, &mut whole)?, options),
        _ => TapeDiff::default(),
    };
    let compared = Compared {
        a: name(a),
        b: name(b),
        same: a.is_some() && b.is_some() && diff.is_same(),
        diff,
    };
    Ok((compared, whole))
}

fn hear(path: &Path, whole: &mut bool) -> anyhow::Result<Vec<Heard>> {
    let cassette = match open(path)? {
        Tape::Bare(path, body) => {
            let mut listener = Listener::bare(AnswerReader::bare());
            listener.feed(crate::Offset::ZERO, &body);
            let heard = listener.finish();
            anyhow::ensure!(
                matches!(heard.answer, Some(crate::dialect::Answer::Transcript(_))),
                "{} is no cassette, and as a bare response body it is of no wire that is known",
                path.display()
            );
            return Ok(vec![heard]);
        }
        Tape::Cassette(cassette) => cassette,
    };
    for fault in cassette.faults() {
        print::error(&fault.to_string());
        *whole = false;
    }
    if cassette.torn_tail().is_some() {
        print::warning(&format!(
            "{}: the last line is torn: the recorder died while writing it",
            path.display()
        ));
    }
    let mut all = Vec::new();
    for entry in cassette.entries() {
        let played = Played::of(&cassette, entry)?;
        let Some(heads) = &played.heads else { continue };
        let mut listener = Listener::new(heads);
        for chunk in played.chunks()? {
            let chunk = chunk?;
            listener.feed(chunk.at, &chunk.bytes);
        }
        all.push(listener.finish());
    }
    Ok(all)
}

/// The times of one side, in a line.
fn timing(of: &diff::Timing) -> String {
    let time = |us: Option<u64>| {
        us.map_or_else(
            || "-".to_owned(),
            |us| crate::Offset::from_micros(us).to_string(),
        )
    };
    format!(
        "first {}, longest gap {}, total {}, {} chunks, {}",
        time(of.first_chunk_us),
        time(of.longest_gap_us),
        time(of.duration_us),
        of.chunks,
        print::size(of.bytes)
    )
}

/// Words around a change that are shown.
const CONTEXT: usize = 6;

/// A run of words that did not change, its middle left out.
fn context(text: &str, is_first: bool, is_last: bool) -> String {
    let words: Vec<&str> = text.split_inclusive(char::is_whitespace).collect();
    let (head, tail) = match (is_first, is_last) {
        (true, true) => return text.to_owned(),
        (true, false) => (0, CONTEXT),
        (false, true) => (CONTEXT, 0),
        (false, false) => (CONTEXT, CONTEXT),
    };
    if words.len() <= head + tail + 1 {
        return text.to_owned();
    }
    let (before, after) = (&words[..head], &words[words.len() - tail..]);
    format!("{}… {}", before.concat(), after.concat())
}
