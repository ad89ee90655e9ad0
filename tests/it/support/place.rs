//! The real `rigtape` binary, run in a folder of its own.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rigtape::cassette::{Cassette, Interaction};
use rigtape::provider::PROVIDERS;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// The binary under test.
pub const RIGTAPE: &str = env!("CARGO_BIN_EXE_rigtape");

const PATIENCE: Duration = Duration::from_secs(60);

/// A folder in which commands run.
pub struct Place {
    pub folder: TempDir,
}

/// What a command came to.
#[derive(Debug)]
pub struct Ran {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Asserts the exit status, and shows what was said when it is another.
    #[track_caller]
    pub fn expect(self, status: i32) -> Ran {
        assert_eq!(self.status, Some(status), "{self:#?}");
        self
    }

    /// Asserts that stderr holds `text`.
    #[track_caller]
    pub fn says(self, text: &str) -> Ran {
        assert!(self.stderr.contains(text), "{text:?} is not in {self:#?}");
        self
    }
}

impl Place {
    pub fn new() -> Place {
        Place {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&std::fs::read(self.path(name)).unwrap()).into_owned()
    }

    /// The interactions of a tape, which must be sound.
    pub fn tape(&self, name: &str) -> Vec<Interaction> {
        let tape = Cassette::open(self.path(name)).unwrap();
        tape.interactions().map(Result::unwrap).collect()
    }

    /// A command that runs here, with nothing in its environment that points a client anywhere.
    pub fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(self.folder.path());
        let bases = PROVIDERS.iter().flat_map(|p| p.variables).map(|v| v.name);
        let proxies = [
            "HTTP_PROXY",
            "http_proxy",
            "HTTPS_PROXY",
            "https_proxy",
            "ALL_PROXY",
            "all_proxy",
            "NO_PROXY",
            "no_proxy",
        ];
        for name in bases.chain(proxies) {
            command.env_remove(name);
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    pub async fn rigtape(&self, args: &[&str]) -> Ran {
        run(self.command(RIGTAPE, args)).await
    }

    /// Starts a recording proxy and waits until it listens.
    pub async fn proxy(&self, args: &[&str]) -> Running {
        Running::start(self.command(RIGTAPE, args)).await
    }
}

pub async fn run(mut command: Command) -> Ran {
    ended(command.spawn().unwrap()).await
}

async fn ended(child: Child) -> Ran {
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output());
    let output = output.await.expect("the command ends").unwrap();
    Ran {
        status: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A proxy that listens.
pub struct Running {
    child: Child,
    pub url: String,
}

impl Running {
    pub async fn start(mut command: Command) -> Running {
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        let first = tokio::time::timeout(PATIENCE, lines.next_line());
        let first = first.await.expect("it listens").unwrap();
        let url = first
            .as_deref()
            .and_then(|l| l.strip_prefix("listening on "));
        let url = match url {
            Some(url) => url.to_owned(),
            None => panic!("{first:?}: {:?}", ended(child).await),
        };
        Running { child, url }
    }

    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Sends a signal by its name for `kill` and waits for the end.
    #[cfg(unix)]
    pub async fn signal(self, signal: rustix::process::Signal) -> Ran {
        let id = self.child.id().unwrap().try_into().unwrap();
        let id = rustix::process::Pid::from_raw(id).unwrap();
        rustix::process::kill_process(id, signal).unwrap();
        ended(self.child).await
    }

    #[cfg(unix)]
    pub async fn interrupt(self) -> Ran {
        self.signal(rustix::process::Signal::INT).await
    }
}

/// A client that goes straight to where it is sent.
pub fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}
