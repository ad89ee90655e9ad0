mod frames;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use futures_util::StreamExt as _;

use super::interaction::{Played, Tape, open};
use super::print::{self, BAD, BOLD, CALL, DIM, GOOD};
use super::{Outcome, dialect_names};
use crate::Offset;
use crate::cassette::Interaction;
use crate::dialect::{Answer, AnswerReader, Dialect};
use crate::policy::fault::Fault;
use crate::policy::{Policy, Rechunk, Timing};
use crate::replay::Player;
use crate::transcript::{Delta, Ending, Transcript};

/// Play tapes through the assembler: what the model said.
///
/// Also reads a bare response body, as `curl -N` writes it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rigtape replay weather.jsonl
  rigtape replay weather.jsonl --timing recorded        at the pace of the recording
  rigtape replay weather.jsonl --format json | jq .usage
  rigtape replay weather.jsonl --format raw | sha256sum  the exact bytes of the body
  rigtape replay weather.jsonl --rechunk byte --strict   the same, cut into single bytes
  rigtape replay weather.jsonl --fault cut:frame=7       what is left when the connection breaks
  rigtape replay body.sse --dialect openai-chat

A truncated tape is played as far as it goes and is no failure; with --strict it is.")]
pub(super) struct Args {
    /// Cassettes, or files with a bare response body
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// What to print
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// When the pieces come: instant, recorded, 2x, max-gap=500ms, gap=20ms
    #[arg(long, default_value = "instant")]
    timing: Timing,
    /// In what pieces: recorded, frame, byte, whole, size=N, seed=N
    #[arg(long, default_value = "recorded")]
    rechunk: Rechunk,
    /// What goes wrong, such as cut:frame=7; `rigtape faults` lists all; may be given again
    #[arg(long = "fault", value_name = "FAULT")]
    faults: Vec<Fault>,
    /// The wire, where the tape does not tell it
    #[arg(long, value_parser = super::dialect)]
    dialect: Option<&'static Dialect>,
    /// Say on stderr which wire each answer was read as, and why
    #[arg(short, long)]
    verbose: bool,
    /// Fail (status 1) unless every answer is complete and without a violation
    #[arg(long)]
    strict: bool,
    /// A command belongs to `rigtape serve`
    #[arg(last = true, hide = true)]
    command: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// What the model said, for people
    Text,
    /// One transcript a line
    Json,
    /// One frame a line, with its time
    Frames,
    /// The exact bytes of the bodies
    Raw,
}

pub(super) fn run(args: Args) -> anyhow::Result<Outcome> {
    if !args.command.is_empty() {
        anyhow::bail!(
            "replay plays tapes to you; `rigtape serve {} -- {}` plays them to a command",
            args.paths[0].display(),
            args.command.join(" ")
        );
    }
    let runtime = super::runtime()?;
    let (mut unreadable, mut unclean) = (0, 0);
    for path in &args.paths {
        match runtime.block_on(play(path, &args)) {
            Ok(blemishes) => unclean += blemishes,
            Err(error) if super::is_broken_pipe(&error) => return Err(error),
            Err(error) => {
                print::error(&format!("{error:#}"));
                unreadable += 1;
            }
        }
    }
    match unreadable {
        0 if args.strict && unclean > 0 => Ok(Outcome::Failed),
        0 => Ok(Outcome::Fine),
        _ if args.paths.len() == 1 => Ok(Outcome::Unreadable),
        bad => anyhow::bail!(
            "{bad} of {} files could not be read whole",
            args.paths.len()
        ),
    }
}

/// Plays all interactions of one file; how many are not a clean success.
async fn play(path: &Path, args: &Args) -> anyhow::Result<u64> {
    let cassette = match open(path)? {
        Tape::Bare(path, body) => {
            let name = path.display().to_string();
            let played = Played::bare(path, body).performed(&args.policy())?;
            return one(&name, &played, args).await;
        }
        Tape::Cassette(cassette) => cassette,
    };
    let name = path.display().to_string();
    let mut unclean = 0;
    for entry in cassette.entries() {
        let played = Played::of(&cassette, entry)?.performed(&args.policy())?;
        unclean += one(&name, &played, args).await?;
    }
    if cassette.torn_tail().is_some() {
        print::warning(&format!(
            "{name}: the last line is torn: the recorder died while writing it"
        ));
    }
    let mut faults = cassette.faults().iter();
    if let Some(first) = faults.next() {
        faults.for_each(|fault| print::error(&fault.to_string()));
        anyhow::bail!("{first}");
    }
    if cassette.is_empty() {
        print::warning(&format!("{name}: no interaction was recorded"));
    }
    Ok(unclean)
}

impl Args {
    /// Timing and pieces; with faults of what they are applied to.
    fn policy(&self) -> Policy {
        // Frames are shown with their recorded times.
        let timing = match self.format {
            Format::Frames => Timing::Recorded,
            _ => self.timing,
        };
        let policy = Policy::new().timing(timing).rechunk(self.rechunk);
        self.faults.iter().cloned().fold(policy, Policy::fault)
    }
}

async fn one(name: &str, played: &Played, args: &Args) -> anyhow::Result<u64> {
    match args.format {
        Format::Text => text(played, args).await,
        Format::Json => json(name, played, args).await,
        Format::Frames => frames::frames(played, args),
        Format::Raw => raw(played, args).await,
    }
}

/// Hands each piece of the body to `take` when it is due.
async fn pieces(
    played: &Played,
    args: &Args,
    mut take: impl FnMut(Offset, &[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let policy = match played.waits {
        // Faults stand on the tape by now, and what they do to times.
        Some(waits) if waits => Policy::new().timing(Timing::Recorded),
        Some(_) => Policy::new(),
        None => args.policy(),
    };
    let source = match policy.timing {
        Timing::Instant => None,
        _ => played.source()?,
    };
    let Some(source) = source else {
        return policy
            .play(Offset::ZERO, played.chunks()?)
            .try_for_each(|piece| {
                let piece = piece?;
                take(piece.at, &piece.bytes)
            });
    };
    let started = Instant::now();
    let mut stream = Player::new(policy).end_quietly(true).stream(source);
    while let Some(piece) = stream.next().await {
        take(Offset::from(started.elapsed()), &piece?)?;
    }
    Ok(())
}

async fn raw(played: &Played, args: &Args) -> anyhow::Result<u64> {
    let mut out = std::io::stdout().lock();
    pieces(played, args, |_, bytes| {
        out.write_all(bytes)?;
        Ok(out.flush()?)
    })
    .await?;
    Ok(0)
}

async fn json(name: &str, played: &Played, args: &Args) -> anyhow::Result<u64> {
    let mut fields = vec![
        format!("\"cassette\":{}", serde_json::to_string(name)?),
        format!("\"interaction\":{}", played.number),
    ];
    let mut unclean = 0;
    match played.reader(args.dialect) {
        None => fields.push(no_response()),
        Some(mut reader) => {
            pieces(played, args, |_, bytes| {
                reader.feed(bytes);
                Ok(())
            })
            .await?;
            match finish(reader, name, played, args, &mut |_| {})? {
                Answer::Transcript(transcript) => {
                    unclean += u64::from(!transcript.is_clean());
                    let object = serde_json::to_string(&transcript)?;
                    fields.push(object[1..object.len() - 1].to_owned());
                }
                Answer::Opaque(opaque) => fields.push(format!(
                    "\"dialect\":null,\"streamed\":false,\"status\":{},\"opaque\":{}",
                    serde_json::to_string(&opaque.status)?,
                    serde_json::json!({
                        "content_type": opaque.content_type,
                        "bytes": opaque.bytes,
                        "sha256": opaque.sha256,
                    })
                )),
            }
        }
    }
    writeln!(print::stdout(), "{{{}}}", fields.join(","))?;
    Ok(unclean)
}

fn no_response() -> String {
    "\"dialect\":null,\"streamed\":false,\"status\":null".to_owned()
}

/// Ends the body; a bare one of an unknown wire is an error, because nothing else tells what it is.
fn finish(
    reader: AnswerReader,
    name: &str,
    played: &Played,
    args: &Args,
    observe: &mut dyn FnMut(Delta<'_>),
) -> anyhow::Result<Answer> {
    let (dialect, found_by) = (reader.dialect(), reader.found_by());
    if let Some(dialect) = dialect.filter(|_| args.verbose) {
        let number = played.number;
        print::note(&format!(
            "{name}, interaction {number}: read as {dialect}, {found_by}"
        ));
    }
    let answer = reader.finish_with(observe);
    if matches!(answer, Answer::Opaque(_)) && played.heads.is_none() {
        anyhow::bail!(
            "{name} is no cassette, and as a bare response body it is of no wire that is known; \
             say which with --dialect: {}",
            dialect_names()
        );
    }
    Ok(answer)
}

async fn text(played: &Played, args: &Args) -> anyhow::Result<u64> {
    let mut out = print::stdout();
    if let Some(heads) = &played.heads {
        writeln!(out, "{DIM}{}{DIM:#}", title(heads))?;
    }
    let Some(mut reader) = played.reader(args.dialect) else {
        writeln!(out, "{BAD}no response arrived{BAD:#}")?;
        return Ok(1);
    };
    let mut page = Page::default();
    pieces(played, args, |_, bytes| {
        let mut written = Ok(());
        reader.feed_with(bytes, &mut |delta| {
            if written.is_ok() {
                written = page.step(&delta, &mut out);
            }
        });
        written?;
        Ok(out.flush()?)
    })
    .await?;
    let name = played.path().display().to_string();
    let mut written = Ok(());
    let answer = finish(reader, &name, played, args, &mut |delta| {
        if written.is_ok() {
            written = page.step(&delta, &mut out);
        }
    })?;
    written?;
    match answer {
        Answer::Transcript(transcript) => {
            page.end_line(&mut out)?;
            summary(&transcript, &mut out)?;
            Ok(u64::from(!transcript.is_clean()))
        }
        Answer::Opaque(opaque) => {
            writeln!(
                out,
                "{} {} sha256 {}",
                print::one_line(opaque.content_type.as_deref().unwrap_or("no content type")),
                print::size(opaque.bytes),
                opaque.sha256
            )?;
            Ok(0)
        }
    }
}

fn title(heads: &Interaction) -> String {
    let request = &heads.request;
    let status = heads
        .status()
        .map_or_else(|| "no response".to_owned(), |status| status.to_string());
    let end = match heads.how().map(crate::cassette::How::as_str) {
        Some("complete") => String::new(),
        Some(how) => format!(" ({how})"),
        None => " (no end: the recorder died)".to_owned(),
    };
    print::one_line(&format!(
        "{} {} → {status}{end}",
        request.method,
        request.path()
    ))
}

/// What was shown so far of one answer.
#[derive(Default)]
pub(super) struct Page {
    part: Option<(u64, usize)>,
    in_line: bool,
}

impl Page {
    /// Shows one step as it comes.
    pub(super) fn step(&mut self, delta: &Delta<'_>, out: &mut impl Write) -> std::io::Result<()> {
        match delta {
            Delta::Text { choice, part, text } => self.add((*choice, *part), text, "", out),
            Delta::Reasoning { choice, part, text } => {
                let dim = DIM.render().to_string();
                self.add((*choice, *part), text, &dim, out)
            }
            Delta::Refusal { choice, part, text } => {
                let red = BAD.render().to_string();
                self.add((*choice, *part), text, &red, out)
            }
            Delta::ToolCall {
                choice,
                part,
                name,
                arguments,
                ..
            } => {
                let cyan = CALL.render().to_string();
                let place = (*choice, *part);
                if let Some(name) = name {
                    self.add(place, &format!("→ {name} "), &cyan, out)?;
                }
                self.add(place, arguments, &cyan, out)
            }
            Delta::Other { kind, .. } => {
                self.end_line(out)?;
                writeln!(out, "{DIM}[{}]{DIM:#}", print::one_line(kind))
            }
            Delta::Error(error) => {
                self.end_line(out)?;
                writeln!(out, "{BAD}error{BAD:#} {}", print::one_line(error.as_str()))
            }
            _ => Ok(()),
        }
    }

    fn add(
        &mut self,
        place: (u64, usize),
        text: &str,
        style: &str,
        out: &mut impl Write,
    ) -> std::io::Result<()> {
        if self.part != Some(place) {
            self.end_line(out)?;
            self.part = Some(place);
        }
        if text.is_empty() {
            return Ok(());
        }
        self.in_line = true;
        write!(out, "{style}{}{}", print::text(text), anstyle::Reset)
    }

    pub(super) fn end_line(&mut self, out: &mut impl Write) -> std::io::Result<()> {
        if std::mem::take(&mut self.in_line) {
            writeln!(out)?;
        }
        Ok(())
    }
}

/// The last line: how it ended, what it cost, what was wrong.
pub(super) fn summary(of: &Transcript, out: &mut impl Write) -> std::io::Result<()> {
    let style = if of.ending == Ending::Complete {
        GOOD
    } else {
        BAD
    };
    write!(out, "{style}{}{style:#}", of.ending)?;
    let mut facts = Vec::new();
    if of.terminator == Some(false) {
        facts.push("no terminator".to_owned());
    }
    let reasons = of.choices.iter().filter_map(|c| c.finish_reason.as_deref());
    let mut reasons: Vec<&str> = reasons.collect();
    reasons.dedup();
    if !reasons.is_empty() {
        facts.push(format!("finish {}", reasons.join(", ")));
    }
    for (name, count) in [
        ("in", of.usage.input_tokens),
        ("out", of.usage.output_tokens),
    ] {
        facts.extend(count.map(|count| format!("{count} tokens {name}")));
    }
    facts.extend(of.model.clone());
    for fact in &facts {
        write!(out, "{DIM} · {}{DIM:#}", print::one_line(fact))?;
    }
    writeln!(out)?;
    for violation in &of.violations {
        writeln!(
            out,
            "  {BOLD}!{BOLD:#} {}",
            print::one_line(&violation.to_string())
        )?;
    }
    let hidden = of
        .violations_total
        .saturating_sub(of.violations.len() as u64);
    if hidden > 0 {
        writeln!(out, "  {BOLD}!{BOLD:#} and {hidden} more")?;
    }
    Ok(())
}
