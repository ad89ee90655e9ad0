use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use tempfile::NamedTempFile;

use super::interaction::Played;
use super::{Outcome, print};
use crate::cassette::{Cassette, Response};

/// Write what is on a tape in another format.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rigtape export sse weather.jsonl                        the body, byte by byte, to stdout
  rigtape export sse agent.jsonl --interaction 2 -o answer.sse
  rigtape export sse weather.jsonl --include              with its head, as `curl -i` prints it

Exit status: 0 fine; 2 the tape cannot be read, or has no such answer.")]
pub(super) struct Args {
    /// The format
    #[arg(value_enum)]
    format: Format,
    /// The cassette
    tape: PathBuf,
    /// Number of the interaction; needed when there are several
    #[arg(long, value_name = "N")]
    interaction: Option<u64>,
    /// Write the status line and the recorded headers before the body
    #[arg(long)]
    include: bool,
    /// The file to write; `-` is stdout
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
    /// Replace a file that is there already
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    /// The bytes of the response body, a stream's or any other
    Sse,
}

pub(super) fn run(args: Args) -> anyhow::Result<Outcome> {
    let Format::Sse = args.format;
    let cassette = Cassette::open(&args.tape)?;
    for fault in cassette.faults() {
        print::warning(&fault.to_string());
    }
    let played = find(&cassette, args.interaction)?;
    let heads = played.heads.as_ref();
    let Some(response) = heads.and_then(|heads| heads.response.as_ref()) else {
        bail!("{}: the interaction has no response", args.tape.display());
    };
    let head = args.include.then_some(response);
    if args.output.as_os_str() == "-" {
        write(&played, head, &mut std::io::stdout().lock())?;
    } else {
        save(&played, head, &args.output, args.force)?;
    }
    let how = heads.and_then(|heads| heads.end.as_ref());
    match how.map(|end| end.how.as_str()) {
        Some("complete") => {}
        how => print::warning(&format!(
            "{}: the body was not recorded to its end ({})",
            args.tape.display(),
            how.unwrap_or("no end")
        )),
    }
    Ok(Outcome::Fine)
}

fn find(cassette: &Cassette, number: Option<u64>) -> anyhow::Result<Played> {
    let path = cassette.path().display();
    let entry = match (number, cassette.entries()) {
        (Some(number), entries) => {
            let found = entries.iter().find(|entry| entry.interaction == number);
            found.with_context(|| format!("{path}: there is no interaction {number}"))?
        }
        (None, [entry]) => entry,
        (None, []) => bail!("{path}: nothing was recorded"),
        (None, entries) => bail!(
            "{path}: it holds {} interactions; choose one with --interaction N",
            entries.len()
        ),
    };
    Played::of(cassette, entry)
}

/// Puts the whole file in its place at once.
fn save(played: &Played, head: Option<&Response>, path: &Path, force: bool) -> anyhow::Result<()> {
    let cannot = || format!("cannot write {}", path.display());
    if !force && path.symlink_metadata().is_ok() {
        bail!("{}: is there already; --force replaces it", path.display());
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let mut file = NamedTempFile::with_prefix_in(".rigtape-", folder).with_context(cannot)?;
    write(played, head, &mut file)?;
    file.flush().with_context(cannot)?;
    match force {
        true => file.persist(path).with_context(cannot)?,
        false => file.persist_noclobber(path).with_context(cannot)?,
    };
    Ok(())
}

fn write(played: &Played, head: Option<&Response>, out: &mut impl Write) -> anyhow::Result<()> {
    if let Some(head) = head {
        let version = head.version.as_deref().unwrap_or("HTTP/1.1");
        write!(out, "{version} {}\r\n", head.status)?;
        for (name, value) in head.headers.iter() {
            write!(out, "{name}: ")?;
            out.write_all(value)?;
            out.write_all(b"\r\n")?;
        }
        out.write_all(b"\r\n")?;
    }
    for chunk in played.chunks()? {
        out.write_all(&chunk?.bytes)?;
    }
    out.flush()?;
    Ok(())
}
