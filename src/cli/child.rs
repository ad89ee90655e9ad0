//! The command behind `--`, whose clients are pointed at our server.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::ExitStatus;

use tokio::process::{Child, Command};

use anyhow::bail;

use super::print;
use super::signals::{Asked, Signals};
use crate::provider::{NO_KEY, PROVIDERS, Provider};

/// What a command finds in its environment beside its caller's own.
#[derive(Debug)]
pub(super) struct Environment(Vec<(String, String)>);

impl Environment {
    /// The usual base URLs, pointed at the server at `url`; those of `extra` too.
    pub(super) fn new(url: &str, extra: &BTreeMap<String, String>) -> Environment {
        let known = PROVIDERS.iter().flat_map(|provider| provider.variables);
        let mut variables: Vec<(String, String)> = known
            .map(|variable| {
                (
                    variable.name.to_owned(),
                    format!("{url}{}", variable.suffix),
                )
            })
            .collect();
        for (name, suffix) in extra {
            variables.push((name.clone(), format!("{url}{suffix}")));
        }
        variables.push(("RIGTAPE_URL".to_owned(), url.to_owned()));
        for name in ["NO_PROXY", "no_proxy"] {
            variables.push((name.to_owned(), no_proxy(std::env::var(name).ok())));
        }
        Environment(variables)
    }

    /// Each with its value.
    pub(super) fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Keys that are none, so that a client which does not read its base URL gets a refusal and no
    /// bill.
    pub(super) fn without_keys(mut self) -> Environment {
        let keys = PROVIDERS.iter().flat_map(|provider| provider.keys);
        self.0
            .extend(keys.map(|name| ((*name).to_owned(), NO_KEY.to_owned())));
        self
    }

    /// A proxy for everything beyond this machine that lets nothing through: the server at `url`,
    /// which refuses to open tunnels, and says why.
    pub(super) fn without_network(mut self, url: &str) -> Environment {
        for name in ["HTTPS_PROXY", "https_proxy"] {
            self.0.push((name.to_owned(), url.to_owned()));
        }
        self
    }
}

/// What `--env NAME=PROVIDER` adds: a variable and the suffix of its provider's base URL.
pub(super) fn variables(flags: &[String]) -> anyhow::Result<BTreeMap<String, String>> {
    let mut variables = BTreeMap::new();
    for text in flags {
        let Some((name, provider)) = text.split_once('=') else {
            bail!("--env: expected NAME=PROVIDER, found {text}");
        };
        let Some(provider) = Provider::by_name(provider) else {
            let known: Vec<&str> = PROVIDERS.iter().map(|p| p.name).collect();
            bail!("--env {text}: the providers are {}", known.join(", "));
        };
        variables.insert(name.to_owned(), provider.suffix());
    }
    Ok(variables)
}

/// What to do about a command none of whose requests arrived.
pub(super) fn hint() -> String {
    let names: Vec<&str> = PROVIDERS
        .iter()
        .flat_map(|provider| provider.variables)
        .map(|variable| variable.name)
        .collect();
    format!(
        ": the command's client would have to read its base URL from one of {}, or from \
         RIGTAPE_URL; --env NAME=PROVIDER sets another variable",
        names.join(", ")
    )
}

/// Runs the command to its end; its status as a shell would state it.
pub(super) async fn run(
    command: &[OsString],
    environment: Environment,
    signals: &mut Signals,
) -> anyhow::Result<u8> {
    let Some((program, arguments)) = command.split_first() else {
        bail!("no command behind --");
    };
    let mut child = Command::new(program);
    child.args(arguments).envs(environment.0);
    let mut child = match child.spawn() {
        Ok(child) => child,
        Err(error) => {
            print::error(&format!(
                "cannot start {}: {error}",
                program.to_string_lossy()
            ));
            return Ok(match error.kind() {
                std::io::ErrorKind::NotFound => 127,
                _ => 126,
            });
        }
    };
    // Ctrl-C reaches the child too, as one of the terminal's group: it ends, and then we do. Other
    // requests to end reach only us.
    let status = loop {
        tokio::select! {
            status = child.wait() => break status?,
            asked = signals.asked() => if asked? == Asked::Terminate {
                terminate(&mut child);
            },
        }
    };
    Ok(code(status))
}

#[cfg(unix)]
fn terminate(child: &mut Child) {
    let id = child.id().and_then(|id| i32::try_from(id).ok());
    if let Some(id) = id.and_then(rustix::process::Pid::from_raw) {
        // It may have ended in between.
        let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
    }
}

#[cfg(not(unix))]
fn terminate(child: &mut Child) {
    let _ = child.start_kill();
}

fn no_proxy(own: Option<String>) -> String {
    const LOOPBACK: &str = "127.0.0.1,localhost,::1";
    match own.filter(|own| !own.is_empty()) {
        Some(own) => format!("{own},{LOOPBACK}"),
        None => LOOPBACK.to_owned(),
    }
}

fn code(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        if let Some(signal) = status.signal() {
            return 128u8.saturating_add(u8::try_from(signal).unwrap_or(127));
        }
    }
    status
        .code()
        .map_or(1, |code| u8::try_from(code).unwrap_or(1))
}
