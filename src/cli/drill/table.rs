//! The report for people.

use std::collections::HashSet;
use std::io::{self, Write};

use super::super::print::{BAD, BOLD, DIM, GOOD, one_line};
use crate::drill::{Outcome, Report, Row};

pub(super) fn write(out: &mut impl Write, report: &Report) -> io::Result<()> {
    for run in report.failures() {
        writeln!(out, "{BAD}{}{BAD:#}", one_line(&run.to_string()))?;
        writeln!(out, "  {}", one_line(&run.reproduce))?;
    }
    let rows = report.matrix();
    if !rows.is_empty() {
        if !report.is_ok() {
            writeln!(out)?;
        }
        matrix(out, &rows)?;
        writeln!(out)?;
    }
    for skipped in &report.skipped {
        writeln!(out, "{}", one_line(&skipped.to_string()))?;
    }
    unfit(out, report)?;
    let style = if report.is_ok() { GOOD } else { BAD };
    let took = report.took.as_secs_f64();
    writeln!(out, "{style}{}{style:#}, {took:.1} s", report.summary())
}

/// What means nothing on an answer, each fault once: at another place it mostly means as little.
fn unfit(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let mut said = HashSet::new();
    for unfit in &report.unfit {
        let name = unfit.fault.split(':').next().unwrap_or_default();
        let line = format!(
            "{}: interaction {}: `{name}` does not apply: {}",
            unfit.tape, unfit.interaction, unfit.reason
        );
        if said.insert(line.clone()) {
            writeln!(out, "{DIM}{}{DIM:#}", one_line(&line))?;
        }
    }
    Ok(())
}

fn matrix(out: &mut impl Write, rows: &[Row]) -> io::Result<()> {
    let names = rows.iter().map(|row| row.fault.len());
    let width = names.max().unwrap_or(0);
    write!(out, "{BOLD}{:width$}  {:12}", "FAULT", "CLASS")?;
    for outcome in Outcome::ALL {
        write!(out, " {:>8}", outcome.as_str().to_uppercase())?;
    }
    writeln!(out, " {:>10}  CONVICTED{BOLD:#}", "NOT STRUCK")?;
    for row in rows {
        write!(out, "{:width$}  {:12}", row.fault, row.class)?;
        for count in [row.same, row.other, row.failed, row.crashed, row.hung] {
            write!(out, " {:>8}", Dotted(count))?;
        }
        write!(out, " {:>10}", Dotted(row.not_struck))?;
        match row.convicted {
            0 => writeln!(out, "  {DIM}·{DIM:#}")?,
            count => writeln!(out, "  {BAD}{count}{BAD:#}")?,
        }
    }
    Ok(())
}

/// A nought is a dot: what is there stands out.
struct Dotted(u64);

impl std::fmt::Display for Dotted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            0 => f.pad("·"),
            count => f.pad(&count.to_string()),
        }
    }
}
