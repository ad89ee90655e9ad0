use std::ffi::OsString;
use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use super::child::{self, Environment};
use super::signals::Signals;
use super::{Outcome, config, print, upstream};
use crate::matching::{Options, Rules};
use crate::policy::fault::Fault;
use crate::policy::{Policy, Rechunk, Timing};
use crate::record::{self, Routes, Upstream};
use crate::serve::{Aim, MockServer, Mode, Report, Tapes};

/// How often `--watch` looks whether a tape has changed.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// Play tapes to any client, in the provider's place.
///
/// Each request gets the recorded answer that fits it: the same bytes in the same chunks, at once or
/// at the recorded pace, with the recorded ending. Each recorded answer is given once. A request that
/// nothing fits gets a 404 that says why, and fails the run.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rigtape serve cassettes -- pytest
      the command's OPENAI_BASE_URL, ANTHROPIC_BASE_URL, … point at the tapes; its keys are replaced
      by one that is none, and its HTTPS proxy by one that lets nothing through
  rigtape serve cassettes/weather.jsonl --timing recorded
      a server until Ctrl-C; `listening on http://…` says where
  rigtape serve --mode auto cassettes/weather.jsonl -- pytest -k weather
      records the tape when there is none, replays it when there is; with CI set it only replays
  RIGTAPE_MODE=record rigtape serve cassettes/weather.jsonl -- pytest -k weather
      records it anew, and keeps the old one unless the command succeeds
  rigtape serve 'cassettes/**/chat-*.jsonl' --match reuse=repeat-last
      an answer may be given more than once

Tests that run side by side say which they are by a prefix in the path (/@NAME/v1/…) or the header
x-rigtape-scope; each has all the tapes to itself.

Exit status: the command's own first; 1 for a request that nothing fitted, an answer that nobody
asked for on a tape that was used, or no request at all; 2 when there is no tape to serve.")]
pub(super) struct Args {
    /// Cassettes, folders of them, or globs
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
    /// What to do with a request: replay, auto, append, record, live; else RIGTAPE_MODE, else replay
    #[arg(long)]
    mode: Option<Mode>,
    /// When the pieces come: instant, recorded, 2x, max-gap=500ms, gap=20ms
    #[arg(long, default_value = "instant")]
    timing: Timing,
    /// In what pieces: recorded, frame, byte, whole, size=N, seed=N
    #[arg(long, default_value = "recorded")]
    rechunk: Rechunk,
    /// What goes wrong, such as cut:frame=7; `rigtape faults` lists all; may be given again
    #[arg(long = "fault", value_name = "FAULT")]
    faults: Vec<Fault>,
    /// The one answer that faults strike, by its number on the tape; all of them otherwise
    #[arg(long, value_name = "[TAPE:]N", requires = "faults")]
    fault_at: Option<Aim>,
    /// How an answer is chosen, such as reuse=repeat-last or ignore=/user; may be given again
    #[arg(long = "match", value_name = "KEY=VALUE")]
    rules: Vec<Rules>,
    /// Serve tapes that change on the disk as they are then
    #[arg(long)]
    watch: bool,
    /// Send recorded retry-after headers as they are, where --timing instant would say 0
    #[arg(long)]
    keep_retry_after: bool,
    /// Answers that nobody asked for are no failure
    #[arg(long)]
    allow_unused: bool,
    /// Where to listen
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Listen on an address that other machines may reach
    #[arg(long)]
    allow_remote: bool,
    /// Another name by which clients may call this machine in the Host header
    #[arg(long, value_name = "HOST")]
    allow_host: Vec<String>,
    /// Where requests go on to in a mode that records: URL for all, or NAME=URL for one provider
    #[arg(long, value_name = "[NAME=]URL", value_parser = upstream::parse)]
    upstream: Vec<Upstream>,
    /// Set another variable of the command to a provider's base URL
    #[arg(long = "env", value_name = "NAME=PROVIDER", requires = "command")]
    variables: Vec<String>,
    /// Leave the command its way to the network, and its keys
    #[arg(long, requires = "command")]
    allow_network: bool,
    /// How the address and the report are written
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    #[command(flatten)]
    config: config::Source,
    /// Run this command with its clients pointed at the server
    #[arg(last = true, value_name = "CMD")]
    command: Vec<OsString>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One JSON object for the address, one for the report
    Json,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    super::runtime()?.block_on(async {
        let mode = args.mode()?;
        let extra = child::variables(&args.variables)?;
        let mut signals = Signals::listen()?;
        let server = args.server(mode)?;
        let url = server.url();
        args.say(
            &format!("listening on {url}"),
            || serde_json::json!({ "listening": url }),
        )?;
        if args.command.is_empty() {
            args.watching(&server, signals.asked()).await?;
            return args.close(server.finish());
        }
        let mut environment = Environment::new(&url, &extra);
        // What is recorded needs real keys and the network.
        if mode == Mode::Replay && !args.allow_network {
            environment = environment.without_keys().without_network(&url);
        }
        let status = args.watching(
            &server,
            child::run(&args.command, environment, &mut signals),
        );
        let status = status.await?;
        let outcome = args.close(server.finish_as(status == 0))?;
        Ok(match status {
            0 => outcome,
            status => Outcome::Child(status),
        })
    })
}

impl Args {
    fn mode(&self) -> anyhow::Result<Mode> {
        Ok(match self.mode {
            Some(mode) => Mode::said(mode),
            None => Mode::from_env()?,
        })
    }

    fn server(&self, mode: Mode) -> anyhow::Result<MockServer> {
        let redactor = self.config.redactor(&[])?;
        let tapes: Tapes = self.paths.iter().map(String::as_str).collect();
        let rules = self
            .rules
            .iter()
            .fold(Rules::new(), |all, one| all.over(one));
        let mut policy = Policy::new().timing(self.timing).rechunk(self.rechunk);
        policy.faults = self.faults.clone();
        let mut server = MockServer::builder()
            .tapes(tapes)
            .matching(Options::new().project(self.config.project()?))
            .rules(rules)
            .mode(mode)
            .policy(policy)
            .keep_retry_after(self.keep_retry_after)
            .allow_unused(self.allow_unused)
            .listen(self.listen)
            .allow_remote(self.allow_remote)
            .redactor(redactor)
            .grace(Duration::from_secs(1))
            .workers(2)
            .record_options(record::Options::default())
            .on_miss(print::error);
        if let Some(aim) = &self.fault_at {
            server = server.faults_at(aim.clone());
        }
        for host in &self.allow_host {
            server = server.allow_host(host);
        }
        if mode != Mode::Replay {
            server = server.routes(Routes::new(upstream::all(&self.upstream)?)?);
        }
        Ok(server.start_blocking()?)
    }

    /// Waits for `end`, and looks at the tapes now and then where that was asked for. An unchanged
    /// tape costs a look at its size and time.
    async fn watching<T>(&self, server: &MockServer, end: impl Future<Output = T>) -> T {
        let mut end = std::pin::pin!(end);
        if !self.watch {
            return end.await;
        }
        loop {
            tokio::select! {
                ended = &mut end => return ended,
                () = tokio::time::sleep(LOOK_EVERY) => server.reload(),
            }
        }
    }

    /// Says how it went.
    fn close(&self, report: Report) -> anyhow::Result<Outcome> {
        for refused in &report.refused {
            print::warning(&format!("refused: {refused}"));
        }
        let idle = report.requests == 0 && report.refused_total == 0 && !self.command.is_empty();
        if self.format == Format::Text {
            // Misses were said when they happened.
            for failure in report.failures_but_misses() {
                print::error(&failure);
            }
            print::note(&report.summary());
        } else {
            self.say("", || serde_json::json!(report))?;
        }
        if idle {
            print::error(&format!("no request reached rigtape{}", child::hint()));
        }
        Ok(match report.is_ok() && !idle {
            true => Outcome::Fine,
            false => Outcome::Failed,
        })
    }

    /// On stdout; on stderr while a command has that to itself.
    fn say(&self, text: &str, json: impl FnOnce() -> serde_json::Value) -> anyhow::Result<()> {
        let line = match self.format {
            Format::Text => text.to_owned(),
            Format::Json => json().to_string(),
        };
        if self.command.is_empty() {
            let mut out = std::io::stdout().lock();
            writeln!(out, "{line}")?;
            out.flush()?;
        } else {
            writeln!(std::io::stderr(), "{line}")?;
        }
        Ok(())
    }
}
