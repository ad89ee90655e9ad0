use std::io::{self, Write};

use super::timeline;
use super::trace::{Asked, FrameMark, Head, Step, Title, Trace};
use crate::Offset;
use crate::cli::print::{self, BAD, BOLD, CALL, DIM, GOOD, one_line};
use crate::json::Json;
use crate::snapshot::View as _;

/// Lines shown of a request's body, unless all are asked for.
const BODY_LINES: usize = 24;

pub(super) fn write(title: &Title, of: &Trace, full: bool, out: &mut impl Write) -> io::Result<()> {
    let width = print::width().unwrap_or(120);
    let name = one_line(&title.cassette);
    write!(out, "{BOLD}{name}{BOLD:#} interaction {}", of.interaction)?;
    let mut remarks: Vec<&str> = title.title.as_deref().into_iter().collect();
    remarks.extend(title.synthetic.then_some("synthetic"));
    remarks.extend(title.timing_unknown.then_some("times unknown"));
    for remark in remarks {
        write!(out, "{DIM} · {}{DIM:#}", one_line(remark))?;
    }
    writeln!(out, "\n")?;
    if let Some(request) = &of.request {
        self::request(request, full, out)?;
    }
    match &of.response {
        Some(head) => self::head(head, out)?,
        None if of.request.is_some() => writeln!(out, "{BAD}no response arrived{BAD:#}\n")?,
        None => {}
    }
    if !of.chunks.is_empty() {
        heading("timeline", out)?;
        timeline::write(of, width, out)?;
        writeln!(out, "  {DIM}{}{DIM:#}\n", pace(of))?;
    }
    if !of.frames.is_empty() {
        heading("frames", out)?;
        frames(of, if full { usize::MAX } else { width }, out)?;
        writeln!(out)?;
    }
    if let Some(answer) = &of.answer {
        heading("result", out)?;
        let id = of
            .transcript
            .as_ref()
            .and_then(|said| said.response_id.as_deref());
        if let Some(id) = id {
            writeln!(out, "  response id {}", one_line(id))?;
        }
        for line in answer.view().lines() {
            writeln!(out, "  {line}")?;
        }
    }
    match &of.end {
        Some(end) => {
            let style = if end.how == "complete" { GOOD } else { BAD };
            let (how, at) = (one_line(&end.how), Offset::from_micros(end.at_us));
            write!(out, "  body        {style}{how}{style:#} at {at}")?;
            if let Some(detail) = &end.detail {
                write!(out, ": {}", one_line(detail))?;
            }
            writeln!(out, "\n")
        }
        None if of.request.is_some() => {
            writeln!(out, "  body        {BAD}no end: the recorder died{BAD:#}\n")
        }
        None => writeln!(out),
    }
}

fn heading(name: &str, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{BOLD}{name}{BOLD:#}")
}

fn request(of: &Asked, full: bool, out: &mut impl Write) -> io::Result<()> {
    let line = one_line(&format!("{} {}", of.method, of.target));
    write!(out, "{BOLD}{line}{BOLD:#}")?;
    if let Some(url) = &of.url {
        write!(out, " {DIM}→ {}{DIM:#}", one_line(url))?;
    }
    if let Some(started) = &of.started {
        write!(out, " {DIM}{}{DIM:#}", one_line(started))?;
    }
    writeln!(out)?;
    fields(&of.headers, &of.dropped, out)?;
    // A body that is JSON is read more easily with line breaks.
    let body = match Json::parse(&of.body) {
        Ok(json) => broken(&json),
        Err(_) => of.body.clone(),
    };
    let body = print::text(&body);
    let lines = body.lines().count();
    let shown = if full { lines } else { BODY_LINES };
    for line in body.lines().take(shown) {
        let line = if full {
            line.to_owned()
        } else {
            print::beginning(line, 300)
        };
        writeln!(out, "  {line}")?;
    }
    if lines > shown {
        writeln!(out, "  {DIM}… {} more lines (--full){DIM:#}", lines - shown)?;
    }
    writeln!(out)
}

/// JSON with line breaks, its members in their own order.
fn broken(json: &Json) -> String {
    let (mut out, mut depth) = (String::new(), 0usize);
    let (mut in_string, mut escaped) = (false, false);
    let mut chars = json.as_str().chars().peekable();
    while let Some(c) = chars.next() {
        let closes = |next: Option<&char>| matches!(next, Some('}' | ']'));
        if in_string {
            in_string = escaped || c != '"';
            escaped = c == '\\' && !escaped;
            out.push(c);
            continue;
        }
        match c {
            '"' => in_string = true,
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        let line = |out: &mut String| {
            out.push('\n');
            // Nobody reads further to the right than this.
            out.push_str(&"  ".repeat(depth.min(40)));
        };
        if matches!(c, '}' | ']') && !out.ends_with(['{', '[']) {
            line(&mut out);
        }
        out.push(c);
        match c {
            '{' | '[' if !closes(chars.peek()) => line(&mut out),
            ',' => line(&mut out),
            ':' => out.push(' '),
            _ => {}
        }
    }
    out
}

fn head(of: &Head, out: &mut impl Write) -> io::Result<()> {
    let style = if of.status < 400 { GOOD } else { BAD };
    let at = Offset::from_micros(of.at_us);
    write!(out, "{style}{}{style:#} after {at}", of.status)?;
    let facts = [of.version.as_deref(), of.framing];
    for fact in facts.into_iter().flatten() {
        write!(out, "{DIM} · {}{DIM:#}", one_line(fact))?;
    }
    writeln!(out)?;
    fields(&of.headers, &of.dropped, out)?;
    writeln!(out)
}

fn fields(
    headers: &[(String, String)],
    dropped: &[String],
    out: &mut impl Write,
) -> io::Result<()> {
    for (name, value) in headers {
        writeln!(out, "  {DIM}{}:{DIM:#} {}", one_line(name), one_line(value))?;
    }
    if !dropped.is_empty() {
        let names = one_line(&dropped.join(", "));
        writeln!(out, "  {DIM}left out: {names}{DIM:#}")?;
    }
    Ok(())
}

/// How the chunks came.
fn pace(of: &Trace) -> String {
    let times: Vec<u64> = of.chunks.iter().map(|(at, _)| *at).collect();
    let mut gaps: Vec<(u64, usize)> = times
        .windows(2)
        .enumerate()
        .map(|(number, pair)| (pair[1].saturating_sub(pair[0]), number + 2))
        .collect();
    let mut facts = vec![
        format!("{} chunks, {}", times.len(), print::size(of.bytes())),
        format!("first {}", Offset::from_micros(times[0])),
    ];
    gaps.sort_unstable();
    if let Some((longest, chunk)) = gaps.last() {
        let (median, _) = gaps[gaps.len() / 2];
        facts.push(format!(
            "gaps {} in the middle",
            Offset::from_micros(median)
        ));
        let longest = Offset::from_micros(*longest);
        facts.push(format!("{longest} at most, before chunk {chunk}"));
    }
    let tokens = of
        .transcript
        .as_ref()
        .and_then(|said| said.usage.output_tokens);
    let first = times[0];
    let spoke = of.duration().saturating_sub(first);
    if let Some(tokens) = tokens.filter(|tokens| *tokens > 1 && spoke > 0) {
        let rate = (tokens - 1) as f64 * 1e6 / spoke as f64;
        facts.push(format!("{rate:.1} tokens a second"));
    }
    facts.join(", ")
}

fn frames(of: &Trace, width: usize, out: &mut impl Write) -> io::Result<()> {
    for frame in &of.frames {
        let (at, gap) = (
            Offset::from_micros(frame.at_us),
            Offset::from_micros(frame.gap_us),
        );
        let (at, gap) = (at.to_string(), format!("+{gap}"));
        let number = frame.number;
        let kind = one_line(&frame.kind);
        write!(out, "{number:>5} {at:>9} {DIM}{gap:>10}{DIM:#} {kind:9} ")?;
        if frame.torn {
            write!(out, "{BAD}torn{BAD:#} ")?;
        }
        said(frame, width.saturating_sub(38), out)?;
        writeln!(out)?;
        for step in &frame.steps {
            violation(step, out)?;
        }
    }
    if !of.at_end.is_empty() {
        let end = of
            .at_end
            .iter()
            .filter(|step| !matches!(step, Step::Terminator));
        let pieces: Vec<String> = end.clone().filter_map(words).collect();
        if !pieces.is_empty() {
            let line = print::beginning(&pieces.join(" "), width.saturating_sub(38));
            writeln!(out, "{DIM}  end{DIM:#} {:30} {CALL}{line}{CALL:#}", "")?;
        }
        for step in end {
            violation(step, out)?;
        }
    }
    Ok(())
}

/// What the frame brought; its text where it brought nothing.
fn said(frame: &FrameMark, width: usize, out: &mut impl Write) -> io::Result<()> {
    let pieces: Vec<String> = frame.steps.iter().filter_map(words).collect();
    if pieces.is_empty() {
        let text = print::beginning(&one_line(&frame.text), width);
        return write!(out, "{DIM}{text}{DIM:#}");
    }
    let pieces = print::beginning(&pieces.join(" "), width);
    let left = width.saturating_sub(pieces.chars().count() + 2);
    write!(out, "{CALL}{pieces}{CALL:#}")?;
    if left > 12 {
        let text = print::beginning(&one_line(&frame.text), left);
        write!(out, "  {DIM}{text}{DIM:#}")?;
    }
    Ok(())
}

/// A step in a few words.
fn words(step: &Step) -> Option<String> {
    let quoted = |text: &str| format!("\"{}\"", one_line(text).replace('"', "\\\""));
    Some(match step {
        Step::Text(piece) => quoted(&piece.text),
        Step::Reasoning(piece) => format!("reasoning {}", quoted(&piece.text)),
        Step::Refusal(piece) => format!("refusal {}", quoted(&piece.text)),
        Step::Replace(piece) => format!("in all {}", quoted(&piece.text)),
        Step::ToolCall(piece) => match (&piece.name, piece.text.as_str()) {
            (Some(name), "") => format!("→ {}", one_line(name)),
            (Some(name), text) => format!("→ {} {}", one_line(name), quoted(text)),
            (None, text) => format!("→ {}", quoted(text)),
        },
        Step::Other(piece) => {
            format!("[{}]", one_line(piece.name.as_deref().unwrap_or_default()))
        }
        Step::Finish { reason, .. } => format!("finish {}", one_line(reason)),
        Step::Usage { .. } => "usage".to_owned(),
        Step::Error { text } => format!("error {}", one_line(text)),
        Step::Terminator => "terminator".to_owned(),
        Step::Violation { .. } => return None,
    })
}

fn violation(step: &Step, out: &mut impl Write) -> io::Result<()> {
    match step {
        Step::Violation { text } => {
            writeln!(out, "{:27}{BAD}! {}{BAD:#}", "", one_line(text))
        }
        _ => Ok(()),
    }
}
