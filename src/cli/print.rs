//! Output for people: colour, and recorded text that cannot steer a terminal.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const BAD: Style = AnsiColor::Red.on_default();
pub(super) const CALL: Style = AnsiColor::Cyan.on_default();

/// A message on stderr: what went wrong, and what to do.
pub(super) fn error(message: &str) {
    line("error", BAD.bold(), message);
}

/// A message on stderr about something that is not an error.
pub(super) fn warning(message: &str) {
    line("warning", AnsiColor::Yellow.on_default().bold(), message);
}

/// A message on stderr about what was done.
pub(super) fn note(message: &str) {
    let _ = writeln!(anstream::stderr(), "{}", text(message));
}

fn line(title: &str, style: Style, message: &str) {
    // There is nowhere left to report to when stderr itself is gone.
    let _ = writeln!(
        anstream::stderr(),
        "{style}{title}{style:#}: {}",
        text(message)
    );
}

/// Recorded text with its control characters spelled out; line feeds and tabs stay.
pub(super) fn text(of: &str) -> String {
    let mut out = String::with_capacity(of.len());
    for c in of.chars() {
        if c.is_control() && c != '\n' && c != '\t' {
            out.push_str(&c.escape_default().to_string());
        } else {
            out.push(c);
        }
    }
    out
}

/// The same on one line.
pub(super) fn one_line(of: &str) -> String {
    text(of).replace('\n', "\\n").replace('\t', "\\t")
}

/// Standard output that knows whether colour is wanted.
pub(super) fn stdout() -> anstream::AutoStream<io::StdoutLock<'static>> {
    anstream::AutoStream::auto(io::stdout().lock())
}

/// A size for people: `812 B`, `20.1 kB`.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

/// Columns of the terminal; `None` when standard output is none and `COLUMNS` says nothing.
pub(super) fn width() -> Option<usize> {
    if let Some((terminal_size::Width(columns), _)) = terminal_size::terminal_size_of(io::stdout())
    {
        return Some(usize::from(columns).max(20));
    }
    std::env::var("COLUMNS").ok()?.parse().ok()
}

/// The first characters of a text that is longer than `longest`, with a mark.
pub(super) fn beginning(of: &str, longest: usize) -> String {
    match of.char_indices().nth(longest) {
        None => of.to_owned(),
        Some(_) => {
            let kept = of.chars().take(longest.saturating_sub(1));
            kept.chain(['…']).collect()
        }
    }
}

/// The last characters of a text that is longer than `longest`, with a mark.
pub(super) fn ending(of: &str, longest: usize) -> String {
    let length = of.chars().count();
    if length <= longest {
        return of.to_owned();
    }
    let kept = of.chars().skip(length + 1 - longest.max(1));
    ['…'].into_iter().chain(kept).collect()
}
