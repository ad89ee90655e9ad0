use std::io::{self, Write};

use super::{Compared, context, timing};
use crate::cli::print::{self, BAD, BOLD, DIM, GOOD};
use crate::diff::{Difference, Lone, Op, Pair, Word};
use crate::json::Json;

/// The longest value shown, in characters.
const LONGEST: usize = 200;

pub(super) fn write(compared: &Compared, out: &mut impl Write) -> io::Result<()> {
    let (a, b) = match (&compared.a, &compared.b) {
        (Some(a), Some(b)) => (print::one_line(a), print::one_line(b)),
        (Some(a), None) => return writeln!(out, "{BAD}- {}{BAD:#}", print::one_line(a)),
        (None, Some(b)) => return writeln!(out, "{GOOD}+ {}{GOOD:#}", print::one_line(b)),
        (None, None) => return Ok(()),
    };
    if compared.same {
        let aligned = aligned(compared.diff.ids_aligned);
        return writeln!(out, "{DIM}same{DIM:#} {a} {b}{DIM}{aligned}{DIM:#}");
    }
    writeln!(out, "{BOLD}{a} → {b}{BOLD:#}")?;
    for pair in &compared.diff.interactions {
        self::pair(pair, out)?;
    }
    for lone in &compared.diff.only_a {
        writeln!(out, "{BAD}- {}{BAD:#}", self::lone(lone))?;
    }
    for lone in &compared.diff.only_b {
        writeln!(out, "{GOOD}+ {}{GOOD:#}", self::lone(lone))?;
    }
    let (count, aligned) = (compared.diff.count(), aligned(compared.diff.ids_aligned));
    let s = if count == 1 { "" } else { "s" };
    writeln!(out, "{count} difference{s}{DIM}{aligned}{DIM:#}")
}

fn aligned(ids: usize) -> String {
    match ids {
        0 => String::new(),
        1 => " (1 id differs in its letters only)".to_owned(),
        ids => format!(" ({ids} ids differ in their letters only)"),
    }
}

fn lone(of: &Lone) -> String {
    let line = format!("{} {}", of.method, of.target);
    print::one_line(&format!("interaction {} {line}", of.interaction))
}

fn pair(of: &Pair, out: &mut impl Write) -> io::Result<()> {
    let numbers = if of.a == of.b {
        of.a.to_string()
    } else {
        format!("{} → {}", of.a, of.b)
    };
    let line = print::one_line(&format!("{} {}", of.method, of.target));
    let same = if of.differences.is_empty() {
        ", same"
    } else {
        ""
    };
    writeln!(out, "interaction {numbers}  {DIM}{line}{same}{DIM:#}")?;
    let mut last = None;
    for difference in &of.differences {
        let place = (difference.aspect, &difference.place);
        let path = difference.path.as_deref().filter(|path| *path != "$");
        let alone = path.is_none() && difference.words.is_none();
        if last != Some(place) || alone {
            let aspect = difference.aspect.as_str();
            let name = print::one_line(&difference.place);
            write!(out, "  {BOLD}{aspect}{BOLD:#}  {name}")?;
            write!(out, "{}", if alone { "  " } else { "\n" })?;
        }
        last = Some(place);
        if !alone {
            write!(out, "    ")?;
        }
        if let Some(path) = path {
            write!(out, "{}  ", print::one_line(path))?;
        }
        self::difference(difference, out)?;
    }
    if !of.differences.is_empty() {
        writeln!(out, "  {DIM}timing  {}{DIM:#}", timing(&of.timing_a))?;
        writeln!(out, "  {DIM}      → {}{DIM:#}", timing(&of.timing_b))?;
    }
    Ok(())
}

fn difference(of: &Difference, out: &mut impl Write) -> io::Result<()> {
    if let Some(words) = &of.words {
        self::words(words, out)?;
        return writeln!(out);
    }
    let show = |value: &Json| print::one_line(&shortened(value.as_str(), LONGEST));
    match (&of.a, &of.b) {
        (Some(a), Some(b)) => writeln!(out, "{BAD}{}{BAD:#} → {GOOD}{}{GOOD:#}", show(a), show(b)),
        (Some(a), None) => writeln!(out, "{BAD}- {}{BAD:#}", show(a)),
        (None, Some(b)) => writeln!(out, "{GOOD}+ {}{GOOD:#}", show(b)),
        (None, None) => writeln!(out),
    }
}

/// In the manner of `git diff --word-diff`, which can be read without colour.
fn words(words: &[Word], out: &mut impl Write) -> io::Result<()> {
    let last = words.len().saturating_sub(1);
    for (at, word) in words.iter().enumerate() {
        match word.op {
            Op::Same => {
                let text = context(&word.text, at == 0, at == last);
                write!(out, "{}", print::one_line(&text))?;
            }
            Op::Removed => write!(out, "{BAD}[-{}-]{BAD:#}", print::one_line(&word.text))?,
            Op::Added => write!(out, "{GOOD}{{+{}+}}{GOOD:#}", print::one_line(&word.text))?,
        }
    }
    Ok(())
}

/// The beginning of a long text, and how long it is.
pub(super) fn shortened(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
    }
}
