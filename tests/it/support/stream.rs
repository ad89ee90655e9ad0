//! Hand-written streams, read in every way.

use rigtape::dialect::by_name;
use rigtape::transcript::{Delta, Part, ToolCall, Transcript, Violation};

/// The SSE body of these `data` lines.
pub fn sse(data: &[&str]) -> Vec<u8> {
    let mut body = String::new();
    for data in data {
        body.push_str("data: ");
        body.push_str(data);
        body.push_str("\n\n");
    }
    body.into_bytes()
}

/// Reads `body` in one piece, and holds it against every cut in two and against single bytes.
pub fn read(dialect: &str, body: &[u8]) -> Transcript {
    let dialect = by_name(dialect).unwrap();
    let whole = |pieces: &[&[u8]]| {
        let mut assembler = dialect.assembler();
        pieces.iter().for_each(|piece| assembler.feed(piece));
        assembler.finish()
    };
    let transcript = whole(&[body]);
    for cut in 0..body.len() {
        let (head, tail) = body.split_at(cut);
        assert_eq!(whole(&[head, tail]), transcript, "cut at byte {cut}");
    }
    let bytes: Vec<&[u8]> = body.chunks(1).collect();
    assert_eq!(whole(&bytes), transcript, "byte by byte");
    transcript
}

/// The steps of `body`, owned.
pub fn deltas(dialect: &str, body: &[u8]) -> (Vec<Delta<'static>>, Transcript) {
    let mut steps = Vec::new();
    let mut assembler = by_name(dialect).unwrap().assembler();
    assembler.feed_with(body, &mut |delta| steps.push(delta.into_owned()));
    let transcript = assembler.finish_with(&mut |delta| steps.push(delta.into_owned()));
    (steps, transcript)
}

/// A tool call in one line: `index id name arguments`.
pub fn calls(transcript: &Transcript) -> Vec<String> {
    let line = |call: &ToolCall| {
        let (id, name) = (call.id.as_deref(), call.name.as_deref());
        format!(
            "{} {} {} {}",
            call.index,
            id.unwrap_or("-"),
            name.unwrap_or("-"),
            call.arguments
        )
    };
    transcript.tool_calls().map(line).collect()
}

/// The parts of the first choice, a line each: `text: …`.
pub fn parts(transcript: &Transcript) -> Vec<String> {
    let parts = transcript.choices.first().map_or(&[][..], |c| &c.parts);
    let line = |part: &Part| match part {
        Part::Text { text } => format!("text: {text}"),
        Part::Reasoning { text, .. } => format!("reasoning: {text}"),
        Part::Refusal { text } => format!("refusal: {text}"),
        Part::ToolCall(call) => format!("call: {}", call.arguments),
        Part::Other { kind, raw } => format!("{kind}: {raw}"),
        _ => "?".to_owned(),
    };
    parts.iter().map(line).collect()
}

/// The violations in short: `frame kind`.
pub fn violations(transcript: &Transcript) -> Vec<String> {
    let line = |v: &Violation| format!("{} {}", v.frame.unwrap_or(0), v.kind);
    transcript.violations.iter().map(line).collect()
}
