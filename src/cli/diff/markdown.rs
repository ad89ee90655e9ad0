//! A review comment. Recorded text stands only in code spans and fences that it cannot leave, so it
//! can neither format the page nor call anybody's name.

use std::io::{self, Write};

use super::text::shortened;
use super::{Compared, context, timing};
use crate::cli::print;
use crate::diff::{Difference, Lone, Op, Pair, Word};
use crate::json::Json;

const LONGEST: usize = 120;

pub(super) fn write(compared: &Compared, out: &mut impl Write) -> io::Result<()> {
    let (a, b) = match (&compared.a, &compared.b) {
        (Some(a), Some(b)) => (code(a), code(b)),
        (Some(a), None) => return writeln!(out, "### {} is gone\n", code(a)),
        (None, Some(b)) => return writeln!(out, "### {} is new\n", code(b)),
        (None, None) => return Ok(()),
    };
    if compared.same {
        return writeln!(out, "### {a} → {b}: the same\n");
    }
    let count = compared.diff.count();
    let s = if count == 1 { "" } else { "s" };
    writeln!(out, "### {a} → {b}: {count} difference{s}\n")?;
    for pair in &compared.diff.interactions {
        self::pair(pair, out)?;
    }
    for lone in &compared.diff.only_a {
        writeln!(out, "Interaction {} is gone.\n", self::lone(lone))?;
    }
    for lone in &compared.diff.only_b {
        writeln!(out, "Interaction {} is new.\n", self::lone(lone))?;
    }
    match compared.diff.ids_aligned {
        0 => Ok(()),
        ids => writeln!(
            out,
            "<sub>Ids that differ in their letters only: {ids}.</sub>\n"
        ),
    }
}

fn lone(of: &Lone) -> String {
    format!(
        "{} {}",
        of.interaction,
        code(&format!("{} {}", of.method, of.target))
    )
}

fn pair(of: &Pair, out: &mut impl Write) -> io::Result<()> {
    if of.differences.is_empty() {
        return Ok(());
    }
    let numbers = if of.a == of.b {
        of.a.to_string()
    } else {
        format!("{} → {}", of.a, of.b)
    };
    let line = code(&format!("{} {}", of.method, of.target));
    writeln!(out, "**Interaction {numbers}** {line}\n")?;
    let (prose, values): (Vec<_>, Vec<_>) = of
        .differences
        .iter()
        .partition(|difference| difference.words.is_some());
    if !values.is_empty() {
        writeln!(out, "| what | where | before | after |\n|---|---|---|---|")?;
        for difference in values {
            writeln!(
                out,
                "| {} | {} | {} | {} |",
                difference.aspect.as_str(),
                place(difference),
                value(difference.a.as_ref()),
                value(difference.b.as_ref())
            )?;
        }
        writeln!(out)?;
    }
    for difference in prose {
        let words = difference.words.as_deref().unwrap_or_default();
        writeln!(
            out,
            "{}, {}:\n",
            difference.aspect.as_str(),
            place(difference)
        )?;
        fence(words, out)?;
    }
    writeln!(
        out,
        "<sub>Timing: {} → {}</sub>\n",
        timing(&of.timing_a),
        timing(&of.timing_b)
    )
}

fn place(of: &Difference) -> String {
    match of.path.as_deref().filter(|path| *path != "$") {
        Some(path) => format!("{} {}", code(&of.place), code(path)),
        None => code(&of.place),
    }
}

fn value(of: Option<&Json>) -> String {
    of.map_or_else(
        || "–".to_owned(),
        |json| code(&shortened(json.as_str(), LONGEST)),
    )
}

fn fence(words: &[Word], out: &mut impl Write) -> io::Result<()> {
    let side = |gone: Op| {
        let last = words.len().saturating_sub(1);
        let mut text = String::new();
        for (at, word) in words.iter().enumerate() {
            match word.op {
                Op::Same => text.push_str(&context(&word.text, at == 0, at == last)),
                op if op == gone => {}
                _ => text.push_str(&word.text),
            }
        }
        text
    };
    let (before, after) = (side(Op::Added), side(Op::Removed));
    let ticks = "`".repeat(longest_run(&before).max(longest_run(&after)).max(2) + 1);
    writeln!(out, "{ticks}diff")?;
    for (sign, text) in [('-', before), ('+', after)] {
        for line in text.split('\n') {
            writeln!(out, "{sign} {}", print::one_line(line))?;
        }
    }
    writeln!(out, "{ticks}\n")
}

/// A code span, also inside a table.
fn code(text: &str) -> String {
    let text = print::one_line(text).replace('|', "\\|");
    let ticks = "`".repeat(longest_run(&text) + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') || text.is_empty() {
        " "
    } else {
        ""
    };
    format!("{ticks}{pad}{text}{pad}{ticks}")
}

/// The longest run of back ticks.
fn longest_run(text: &str) -> usize {
    let runs = text.split(|c| c != '`').map(str::len);
    runs.max().unwrap_or(0)
}
