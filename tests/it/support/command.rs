//! The real binary, run as a user runs it.

use std::path::Path;
use std::process::{Command, Output};

/// What a run printed and how it ended.
pub struct Ran {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    pub raw: Vec<u8>,
}

/// `rigtape`, in `folder`, with nothing of the user's own environment that would change it.
pub fn rigtape(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rigtape"));
    command.current_dir(folder);
    for variable in [
        "OPENAI_BASE_URL",
        "OPENAI_API_BASE",
        "ANTHROPIC_BASE_URL",
        "CLICOLOR_FORCE",
    ] {
        command.env_remove(variable);
    }
    command
}

/// Runs it to its end.
pub fn run(folder: &Path, arguments: &[&str]) -> Ran {
    let Output {
        status,
        stdout,
        stderr,
    } = rigtape(folder).args(arguments).output().unwrap();
    Ran {
        status: status.code(),
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
        raw: stdout,
    }
}
