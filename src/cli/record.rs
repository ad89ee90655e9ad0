use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;

use super::child::{self, Environment};
use super::signals::Signals;
use super::{Outcome, config, print, upstream};
use crate::dialect::Dialect;
use crate::record::{Existing, Options, Proxy, ProxyConfig, Recorder, Report, Routes, Upstream};

mod once;
mod progress;

/// Record what a program says to its provider, every byte and chunk border.
///
/// Three forms: one request (`record URL`), a reverse proxy that any client can be pointed at
/// (`record`), and the proxy around a command (`record … -- CMD`), whose environment points the
/// usual clients at it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rigtape record -o weather.jsonl -- cargo test weather
      the command's OPENAI_BASE_URL, ANTHROPIC_BASE_URL, … point at the recorder; a base URL that
      was set before is where requests go on to; keys pass through and never reach the tape
  rigtape record https://api.openai.com/v1/chat/completions --json @body.json \\
      -H \"authorization: Bearer $OPENAI_API_KEY\" -o weather.jsonl
      one request, as curl would send it
  rigtape record --upstream http://127.0.0.1:8080 -o weather.jsonl
      a proxy until Ctrl-C; `listening on http://…` says where
  rigtape record -o tapes/ -- pytest -n 4
      a folder: requests under /@NAME/ go to tapes/NAME.jsonl

Exit status: the command's own first; 1 when nothing reached the recorder or a tape is not whole.")]
pub(super) struct Args {
    /// Send one request to this URL
    #[arg(conflicts_with_all = ["upstream", "listen", "command"])]
    url: Option<String>,
    /// The request's JSON body, or @FILE; sets the content type and the method as curl does
    #[arg(long, value_name = "JSON|@FILE", requires = "url")]
    json: Option<String>,
    /// A header of the request; may be given several times
    #[arg(
        short = 'H',
        long = "header",
        value_name = "NAME: VALUE",
        requires = "url"
    )]
    headers: Vec<String>,
    /// The request's method; POST with --json, else GET
    #[arg(short = 'X', long, requires = "url")]
    method: Option<String>,
    /// The tape, or a folder (one that exists, or a path that ends in /) for a tape a scope
    #[arg(short, long, value_name = "FILE|DIR")]
    output: PathBuf,
    /// Write over a tape that exists
    #[arg(long, conflicts_with = "append")]
    force: bool,
    /// Go on with a tape that exists
    #[arg(long)]
    append: bool,
    /// Title in the tape's header
    #[arg(long)]
    title: Option<String>,
    /// Where requests go on to: URL for all of them, or NAME=URL for one provider
    #[arg(long, value_name = "[NAME=]URL", value_parser = upstream::parse)]
    upstream: Vec<Upstream>,
    /// Where to listen
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Listen on an address that other machines may reach
    #[arg(long)]
    allow_remote: bool,
    /// Another name by which clients may call this machine in the Host header
    #[arg(long, value_name = "HOST")]
    allow_host: Vec<String>,
    /// Set another variable of the command to a provider's base URL
    #[arg(long = "env", value_name = "NAME=PROVIDER", requires = "command")]
    variables: Vec<String>,
    /// When a client leaves, record the rest of the answer instead of stopping the upstream
    #[arg(long)]
    drain: bool,
    /// Give up on an upstream that is silent for this long; 0 waits for ever
    #[arg(long, value_name = "SECONDS", default_value_t = 600.0)]
    idle_timeout: f64,
    /// Give up on an answer that takes longer than this in all
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<f64>,
    /// The wire, for the text shown while one request is recorded
    #[arg(long, value_parser = super::dialect, requires = "url")]
    dialect: Option<&'static Dialect>,
    #[command(flatten)]
    config: config::Source,
    /// Run this command with its clients pointed at the recorder
    #[arg(last = true, value_name = "CMD")]
    command: Vec<OsString>,
}

pub(super) fn run(args: Args) -> anyhow::Result<Outcome> {
    super::runtime()?.block_on(async {
        match &args.url {
            Some(url) => once::run(url, &args).await,
            None => proxy(&args).await,
        }
    })
}

impl Args {
    fn recorder(&self) -> anyhow::Result<Recorder> {
        let existing = match (self.force, self.append) {
            (true, _) => Existing::Replace,
            (_, true) => Existing::Append,
            _ => Existing::Refuse,
        };
        let mut options = Options {
            title: self.title.clone(),
            redactor: self.config.redactor(&[])?,
            drain: self.drain,
            ..Options::default()
        };
        options.timeouts.idle = seconds("--idle-timeout", self.idle_timeout)?;
        options.timeouts.total = match self.timeout {
            Some(limit) => seconds("--timeout", limit)?,
            None => None,
        };
        let folder = self.output.is_dir() || self.output.to_string_lossy().ends_with('/');
        if let Some(parent) = self
            .output
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
        {
            // `-o cassettes/weather.jsonl` in a fresh project should just work.
            std::fs::create_dir_all(parent)
                .with_context(|| format!("cannot make the folder {}", parent.display()))?;
        }
        let recorder = if folder {
            Recorder::to_directory(&self.output, existing, options)
        } else {
            Recorder::to_file(&self.output, existing, options)
        };
        recorder.map_err(|error| {
            let hint = match existing {
                Existing::Refuse if self.output.is_file() => {
                    "; --force writes over it, --append goes on with it"
                }
                _ => "",
            };
            anyhow::anyhow!("{error}{hint}")
        })
    }
}

fn seconds(flag: &str, limit: f64) -> anyhow::Result<Option<Duration>> {
    let limit = Duration::try_from_secs_f64(limit)
        .with_context(|| format!("{flag}: expected seconds, found {limit}"))?;
    Ok((!limit.is_zero()).then_some(limit))
}

async fn proxy(args: &Args) -> anyhow::Result<Outcome> {
    let upstreams = upstream::all(&args.upstream)?;
    let mut config = ProxyConfig::new(Routes::new(upstreams)?);
    config.listen = args.listen;
    config.allow_remote = args.allow_remote;
    config
        .allowed_hosts
        .extend(args.allow_host.iter().map(|host| host.to_ascii_lowercase()));
    let extra = child::variables(&args.variables)?;
    let mut signals = Signals::listen()?;
    let proxy = Proxy::start(args.recorder()?, config).await?;
    let url = proxy.url();
    if args.command.is_empty() {
        println!("listening on {url}");
        let shown = progress::show(proxy.recorder().clone(), None);
        signals.asked().await?;
        drop(shown);
        let report = proxy.shutdown(Duration::from_secs(5)).await;
        return Ok(close(&report, args));
    }
    print::note(&format!("listening on {url}"));
    let status = child::run(&args.command, Environment::new(&url, &extra), &mut signals).await?;
    // A child may leave a stream behind it; what was said is recorded to its end.
    let report = proxy.shutdown(Duration::from_secs(5)).await;
    let outcome = close(&report, args);
    Ok(match (status, outcome) {
        (0, outcome) => outcome,
        (status, _) => Outcome::Child(status),
    })
}

/// Says how the recording went.
fn close(report: &Report, args: &Args) -> Outcome {
    for refused in &report.refused {
        print::warning(&format!("refused: {refused}"));
    }
    for failure in report.failures() {
        print::error(&failure);
    }
    let recorded = report.interactions();
    if recorded == 0 {
        print::error(&format!("nothing reached the recorder{}", hint(args)));
        return Outcome::Failed;
    }
    for tape in &report.tapes {
        let path = tape.rejected.as_ref().or(tape.path.as_ref());
        let path = path.map(|path| path.display().to_string());
        print::note(&format!(
            "recorded {} interaction{} ({} chunks, {}) on {}",
            tape.interactions,
            if tape.interactions == 1 { "" } else { "s" },
            tape.chunks,
            print::size(tape.bytes),
            path.unwrap_or_default()
        ));
    }
    if report.is_complete() {
        Outcome::Fine
    } else {
        Outcome::Failed
    }
}

fn hint(args: &Args) -> String {
    if args.command.is_empty() {
        return ": point a client's base URL at it".to_owned();
    }
    child::hint()
}
