//! What is generated from the command line's own description: completions and manual pages.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::CommandFactory as _;

use super::{Cli, Outcome};

/// Print completions for a shell.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rigtape completions bash > ~/.local/share/bash-completion/completions/rigtape
  rigtape completions zsh > ~/.zfunc/_rigtape         with ~/.zfunc in fpath
  rigtape completions fish > ~/.config/fish/completions/rigtape.fish")]
pub(super) struct Completions {
    /// The shell
    shell: clap_complete::Shell,
}

/// Print the manual page, or write the page of each command into a folder.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rigtape man | man -l -
  rigtape man -o ~/.local/share/man/man1              then: man rigtape-record")]
pub(super) struct Man {
    /// Folder for rigtape.1 and a page for each command
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
}

pub(super) fn completions(args: &Completions) -> anyhow::Result<Outcome> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "rigtape", &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(Outcome::Fine)
}

pub(super) fn man(args: &Man) -> anyhow::Result<Outcome> {
    let Some(folder) = &args.output else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command()).render(&mut page)?;
        std::io::stdout().write_all(&page)?;
        return Ok(Outcome::Fine);
    };
    let cannot = || format!("cannot write manual pages into {}", folder.display());
    std::fs::create_dir_all(folder).with_context(cannot)?;
    clap_mangen::generate_to(Cli::command(), folder).with_context(cannot)?;
    Ok(Outcome::Fine)
}
