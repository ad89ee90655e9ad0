//! JUnit's XML: a suite for each answer, a case for each run.

use std::fmt::Write as _;

use crate::drill::{Report, Run, Verdict};

pub(super) fn write(report: &Report) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let unfit = report.unfit.len();
    // Writing to a string does not fail.
    let _ = writeln!(
        xml,
        "<testsuites tests=\"{}\" failures=\"{}\" skipped=\"{unfit}\" time=\"{:.3}\">",
        report.runs.len() + unfit,
        report.convicted(),
        report.took.as_secs_f64()
    );
    let mut suites: Vec<(&str, u64)> = Vec::new();
    for run in &report.runs {
        let suite = (&*run.tape, run.interaction);
        if !suites.contains(&suite) {
            suites.push(suite);
        }
    }
    for (tape, interaction) in suites {
        let name = format!("{tape}:{interaction}");
        let _ = writeln!(xml, "  <testsuite name=\"{}\">", escaped(&name));
        let own = |run: &&Run| run.tape == tape && run.interaction == interaction;
        for run in report.runs.iter().filter(own) {
            case(&mut xml, &name, run);
        }
        for unfit in &report.unfit {
            if unfit.tape == tape && unfit.interaction == interaction {
                let (name, fault) = (escaped(&name), escaped(&unfit.fault));
                let _ = writeln!(
                    xml,
                    "    <testcase classname=\"{name}\" name=\"{fault}\"><skipped message=\"{}\"/></testcase>",
                    escaped(&unfit.reason)
                );
            }
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn case(xml: &mut String, suite: &str, run: &Run) {
    let faults = escaped(&run.faults.join(" "));
    let _ = write!(
        xml,
        "    <testcase classname=\"{}\" name=\"{faults}\" time=\"{:.3}\">",
        escaped(suite),
        run.took.as_secs_f64()
    );
    match run.verdict {
        Verdict::Convicted => {
            let _ = write!(
                xml,
                "<failure message=\"{}\" type=\"{}\">{}</failure>",
                escaped(&run.detail),
                run.class,
                escaped(&run.reproduce)
            );
        }
        Verdict::NotStruck => {
            xml.push_str("<skipped message=\"the client never asked for the answer\"/>");
        }
        Verdict::Passed | Verdict::Reported => {}
    }
    xml.push_str("</testcase>\n");
}

/// Text for an attribute or an element. What XML 1.0 cannot hold at all is replaced.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\r' | '\t' => {
                let _ = write!(out, "&#{};", c as u32);
            }
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
