//! The command whose clients are pointed at the recorder.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::ExitStatus;

use tokio::process::{Child, Command};

use super::super::print;
use super::signals::{Asked, Signals};
use crate::provider::PROVIDERS;

/// Runs the command to its end; its status as a shell would state it.
pub(super) async fn run(
    command: &[OsString],
    url: &str,
    extra: &BTreeMap<String, String>,
    signals: &mut Signals,
) -> anyhow::Result<u8> {
    let (program, arguments) = match command.split_first() {
        Some(split) => split,
        None => anyhow::bail!("no command behind --"),
    };
    let mut child = Command::new(program);
    child.args(arguments).envs(environment(url, extra));
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

fn environment(url: &str, extra: &BTreeMap<String, String>) -> Vec<(String, String)> {
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
    variables
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
