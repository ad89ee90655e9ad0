//! A command as a client: its own group of processes, what it prints, how it ends.

use std::ffi::OsString;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;

use super::super::child::Environment;
use crate::drill::{Ended, Heard, Made};

/// How long what a command has left behind may hold its output open.
const LEFTOVERS: Duration = Duration::from_millis(250);

/// How much of the end of stderr is kept.
const TAIL: usize = 4 << 10;

/// Runs the command to its end. Dropped before, it is killed with all that it has started.
pub(super) async fn run(
    command: &[OsString],
    environment: &Environment,
    markers: &[String],
) -> io::Result<Made> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .envs(environment.variables())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    #[cfg(unix)]
    command.process_group(0);
    let mut child = command.spawn()?;
    let group = Group::of(&child);
    let (mut stdout, mut stderr) = (Stream::new(markers), Stream::new(markers));
    let status = {
        let streams = (child.stdout.take(), child.stderr.take());
        let hearing = async {
            tokio::join!(stdout.hear(streams.0), stderr.hear(streams.1));
        };
        let mut hearing = std::pin::pin!(hearing);
        let mut heard = false;
        let status = loop {
            tokio::select! {
                status = child.wait() => break status?,
                () = &mut hearing, if !heard => heard = true,
            }
        };
        // Something that it has started may hold its output open: a server, a daemon.
        if !heard && tokio::time::timeout(LEFTOVERS, &mut hearing).await.is_err() {
            group.kill();
            let _ = tokio::time::timeout(LEFTOVERS, &mut hearing).await;
        }
        status
    };
    drop(group);
    let marker = stdout.marker.or(stderr.marker);
    let ended = match (marker, status.success()) {
        (Some(marker), true) => Ended::Failure(format!("it said `{marker}`")),
        (None, true) => Ended::Success,
        (_, false) => failure(status, &stderr.tail),
    };
    Ok(Made {
        output: stdout.heard.output(),
        ended,
    })
}

fn failure(status: ExitStatus, stderr: &[u8]) -> Ended {
    let text = String::from_utf8_lossy(stderr);
    let last = told(&text).map_or(String::new(), |told| {
        let told: String = told.chars().take(200).collect();
        format!(": {told}")
    });
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt as _;
        if let Some(signal) = status.signal() {
            return Ended::Crash(format!("killed by signal {signal}{last}"));
        }
    }
    let code = status.code().unwrap_or(1);
    Ended::Failure(format!("exit status {code}{last}"))
}

/// The line of an error in what was said on stderr: a panic's own, or the last.
fn told(stderr: &str) -> Option<String> {
    let mut lines = stderr.lines().map(str::trim);
    if let Some(panic) = lines.find(|line| line.contains("panicked at ")) {
        return Some(format!("{panic} {}", lines.next().unwrap_or_default()));
    }
    let mut lines = stderr.lines().map(str::trim);
    let last = lines.rfind(|line| !line.is_empty() && !line.starts_with("note: "));
    last.map(str::to_owned)
}

/// What is read of one of a command's streams; what is kept of it is bounded.
struct Stream<'a> {
    heard: Heard,
    markers: &'a [String],
    /// The first marker that came.
    marker: Option<&'a str>,
    /// The last bytes: people look there for an error, and a marker may come in two pieces.
    tail: Vec<u8>,
}

impl<'a> Stream<'a> {
    fn new(markers: &'a [String]) -> Stream<'a> {
        Stream {
            heard: Heard::default(),
            markers,
            marker: None,
            tail: Vec::new(),
        }
    }

    async fn hear(&mut self, from: Option<impl AsyncRead + Unpin>) {
        let Some(mut from) = from else { return };
        let mut buffer = vec![0; 16 << 10];
        while let Ok(read @ 1..) = from.read(&mut buffer).await {
            self.heard.hear(&buffer[..read]);
            self.look(&buffer[..read]);
        }
    }

    fn look(&mut self, new: &[u8]) {
        self.tail.extend_from_slice(new);
        if self.marker.is_none() {
            let here =
                |marker: &&String| memchr::memmem::find(&self.tail, marker.as_bytes()).is_some();
            self.marker = self.markers.iter().find(here).map(String::as_str);
        }
        let longest = self.markers.iter().map(String::len).max().unwrap_or(0);
        let kept = self.tail.len().min(TAIL.max(longest));
        self.tail.drain(..self.tail.len() - kept);
    }
}

/// A command's processes. Those that are left are killed with it.
struct Group(#[cfg(unix)] Option<rustix::process::Pid>);

impl Group {
    #[cfg(unix)]
    fn of(child: &tokio::process::Child) -> Group {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Group(id.and_then(rustix::process::Pid::from_raw))
    }

    #[cfg(not(unix))]
    fn of(_: &tokio::process::Child) -> Group {
        Group()
    }

    fn kill(&self) {
        #[cfg(unix)]
        if let Some(leader) = self.0 {
            // There may be nobody left.
            let _ = rustix::process::kill_process_group(leader, rustix::process::Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
