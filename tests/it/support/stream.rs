//! Hand-written streams, read in every way.

use rigtape::dialect::{Answer, AnswerReader, by_name};
use rigtape::transcript::{Delta, Ending, Part, ToolCall, Transcript, Violation};

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

/// Reads `body` whole, without trying cuts.
pub fn read_once(dialect: &str, body: &[u8]) -> Transcript {
    let mut assembler = by_name(dialect).unwrap().assembler();
    assembler.feed(body);
    assembler.finish()
}

/// No prefix that ends before `finish` says that the turn is complete.
pub fn never_complete_before(dialect: &str, body: &[u8], finish: &str) {
    let text = std::str::from_utf8(body).unwrap();
    for end in 0..text.find(finish).unwrap() + finish.len() {
        let ending = read_once(dialect, &body[..end]).ending;
        assert_ne!(ending, Ending::Complete, "cut at byte {end}");
    }
}

/// Every prefix, every suffix and every spoiled byte gives a transcript, the same in every cut.
pub fn survives_damage(dialect: &str, body: &[u8]) {
    for at in 0..body.len() {
        read_once(dialect, &body[..at]);
        read_once(dialect, &body[at..]);
    }
    let mut spoiled = body.to_vec();
    for at in 0..body.len() {
        for byte in [0, b'"', b'}', b'9', b'\\', b'\n', 0xFF] {
            spoiled[at] = byte;
            let transcript = read_once(dialect, &spoiled);
            let mut pieces = by_name(dialect).unwrap().assembler();
            pieces.feed(&spoiled[..at]);
            pieces.feed(&spoiled[at..]);
            assert_eq!(pieces.finish(), transcript, "byte {at} as {byte}");
        }
        spoiled[at] = body[at];
    }
}

/// Reads a whole message that was not streamed.
pub fn whole(dialect: &str, body: &str) -> Answer {
    let mut reader = AnswerReader::bare().with_dialect(by_name(dialect).unwrap());
    reader.feed(body.as_bytes());
    reader.finish()
}
