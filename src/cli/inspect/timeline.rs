//! The timeline drawn in a terminal: a row for the bytes, and one for each kind of thing said.

use std::io::{self, Write};

use super::trace::{Step, Trace};
use crate::Offset;
use crate::cli::print::{BAD, BOLD, CALL, DIM, GOOD};

const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Room for the names of rows.
const NAMES: usize = 13;

/// What is said, by row.
const ROWS: [(&str, anstyle::Style); 5] = [
    ("reasoning", DIM),
    ("text", BOLD),
    ("tool calls", CALL),
    ("refusal", BAD),
    ("other", GOOD),
];

pub(super) fn write(of: &Trace, width: usize, out: &mut impl Write) -> io::Result<()> {
    let duration = of.duration();
    let columns = width.saturating_sub(NAMES + 2).clamp(10, 120);
    if of.chunks.is_empty() {
        return Ok(());
    }
    let column = |at: u64| {
        let at = u128::from(at.min(duration)) * columns as u128;
        // At most `columns`, and the last moment belongs to the last column.
        ((at / u128::from(duration.max(1))) as usize).min(columns - 1)
    };
    let mut bytes = vec![0u64; columns];
    for (at, size) in &of.chunks {
        bytes[column(*at)] += *size as u64;
    }
    let mut rows = vec![vec![0u64; columns]; ROWS.len()];
    for frame in &of.frames {
        for step in &frame.steps {
            let (row, piece) = match step {
                Step::Reasoning(piece) => (0, piece),
                Step::Text(piece) => (1, piece),
                Step::ToolCall(piece) => (2, piece),
                Step::Refusal(piece) => (3, piece),
                Step::Other(piece) => (4, piece),
                _ => continue,
            };
            rows[row][column(frame.at_us)] += piece.text.len().max(1) as u64;
        }
    }
    let head = of.response.as_ref().map_or(0, |head| column(head.at_us));
    draw("bytes", anstyle::Style::new(), &bytes, head, out)?;
    for ((name, style), row) in ROWS.iter().zip(&rows) {
        if row.iter().any(|amount| *amount > 0) {
            draw(name, *style, row, 0, out)?;
        }
    }
    let (middle, end) = (
        Offset::from_micros(duration / 2),
        Offset::from_micros(duration),
    );
    let (middle, end) = (middle.to_string(), end.to_string());
    let half = (columns / 2).saturating_sub(1);
    let rest = columns.saturating_sub(half + 1 + middle.chars().count());
    writeln!(
        out,
        "  {:NAMES$}{DIM}0{:half$}{middle}{end:>rest$}{DIM:#}",
        "", ""
    )
}

/// Until `head` nothing could come: dots.
fn draw(
    name: &str,
    style: anstyle::Style,
    amounts: &[u64],
    head: usize,
    out: &mut impl Write,
) -> io::Result<()> {
    let most = amounts.iter().copied().max().unwrap_or(0).max(1);
    write!(out, "  {DIM}{name:NAMES$}{DIM:#}{style}")?;
    for (column, amount) in amounts.iter().enumerate() {
        let block = match amount {
            0 if column < head => '·',
            0 => ' ',
            // From 0 to 7, since no amount is more than the most.
            amount => BLOCKS[((amount * 8).div_ceil(most).saturating_sub(1)).min(7) as usize],
        };
        write!(out, "{block}")?;
    }
    writeln!(out, "{style:#}")
}
