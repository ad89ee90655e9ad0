//! The written-down format: its examples are tapes, and its schemas accept what is written.

use std::collections::BTreeMap;
use std::path::Path;

use jsonschema::Validator;
use rigtape::Offset;
use rigtape::cassette::{Cassette, How, Reader, Record};
use serde_json::Value;

use super::{TAPE, records, written};

#[test]
fn the_examples_of_the_documentation_are_tapes_in_the_one_spelling() {
    let tapes = examples("jsonl");
    assert_eq!(tapes.len(), 1);
    for tape in tapes {
        assert_eq!(written(&records(&tape)), tape);
    }
}

#[test]
fn the_counts_and_masks_of_the_example_are_true() {
    let tape = &examples("jsonl")[0];
    let cassette = Cassette::read(tape.as_bytes(), "example").unwrap();
    let interaction = cassette.interactions().next().unwrap().unwrap();
    let end = interaction.end.as_ref().unwrap();
    assert_eq!(end.chunks, Some(interaction.chunks.len() as u64));
    assert_eq!(end.bytes, Some(interaction.body().len() as u64));
    let masked = interaction.chunks[2].redacted[0];
    let bytes = &interaction.chunks[2].bytes[masked.offset..][..masked.length];
    assert_eq!(bytes, b"sk-1-REDACTED-xxxx");
}

#[test]
fn single_lines_of_the_documentation_are_in_the_one_spelling_and_fit_their_schema() {
    let schemas = schemas();
    let lines: Vec<String> = examples("json")
        .concat()
        .lines()
        .map(str::to_owned)
        .collect();
    assert!(lines.len() > 7);
    for line in lines {
        validate(&schemas, &line);
        if !line.starts_with("{\"rigtape\"") {
            assert_eq!(rewritten(&line), line);
        }
    }
}

#[test]
fn written_tapes_fit_the_schemas() {
    let schemas = schemas();
    for line in examples("jsonl").concat().lines().chain(TAPE.lines()) {
        validate(&schemas, line);
    }
}

#[test]
fn the_schemas_refuse_what_the_reader_refuses() {
    let schemas = schemas();
    for line in [
        r#"{"rigtape":2}"#,
        r#"{"request":1,"at":0,"method":"GET"}"#,
        r#"{"request":1,"at":0,"method":"GET","target":"/","body":{"ref":"x"}}"#,
        r#"{"request":1,"at":0,"method":"GET","target":"/","headers":[["a"]]}"#,
        r#"{"response":1,"at":0,"status":1000}"#,
        r#"{"response":1,"at":-1,"status":200}"#,
        r#"{"end":1,"at":0}"#,
        r#"{"end":1,"at":0,"how":1}"#,
        r#"[1,2]"#,
        r#"[1,2,""]"#,
        r#"[1,2,{"base64":"a"}]"#,
        r#"[1,2,"a",{"redacted":[[1,2]]}]"#,
    ] {
        let value: Value = serde_json::from_str(line).unwrap();
        assert!(!schemas[kind(&value)].is_valid(&value), "{line}");
        let sound = "{\"rigtape\":1}\n{\"request\":9,\"at\":0,\"method\":\"\",\"target\":\"\"}\n";
        let tape = if line.contains("rigtape") {
            line.to_owned()
        } else {
            format!("{sound}{line}\n")
        };
        assert!(
            Reader::new(tape.as_bytes(), "t").any(|record| record.is_err()),
            "{line}"
        );
    }
}

#[test]
fn a_tape_is_data() {
    let cassette = Cassette::read(TAPE.as_bytes(), "t.jsonl").unwrap();
    assert!(cassette.header().synthetic);
    assert_eq!(cassette.header().creator.as_deref(), Some("hand"));
    assert!(cassette.faults().is_empty() && cassette.torn_tail().is_none());
    assert_eq!(cassette.len(), 2);
    let entry = &cassette.entries()[0];
    assert_eq!(
        (entry.interaction, entry.line, entry.status),
        (1, 2, Some(200))
    );
    assert_eq!((entry.chunks, entry.bytes), (2, 33));

    let interactions: Vec<_> = cassette.interactions().map(Result::unwrap).collect();
    let [chat, models] = &interactions[..] else {
        panic!("two interactions")
    };
    assert_eq!(chat.number(), 1);
    assert_eq!(chat.request.method, "POST");
    assert_eq!(chat.request.path(), "/v1/chat/completions");
    let query: Vec<_> = chat.request.query().collect();
    assert_eq!(
        query,
        [("a".into(), "1".into()), ("b".into(), "ä c".into())]
    );
    assert_eq!(
        chat.request.header("Content-Type"),
        Some("application/json")
    );
    assert_eq!(chat.request.json::<Value>().unwrap()["model"], "m");
    assert_eq!(
        chat.request.body.as_bytes(),
        br#"{"model":"m",  "stream":true}"#
    );
    assert_eq!(
        (chat.status(), chat.content_type()),
        (Some(200), Some("text/event-stream"))
    );
    let head = chat.response.as_ref().unwrap();
    assert_eq!(
        (head.header("x-odd"), head.headers.get("x-odd").unwrap()),
        (None, &b"\xff"[..].into())
    );
    assert_eq!(chat.body(), "data: {\"id\":\"é\"}\n\ndata: [DONE]\n\n");
    assert_eq!(chat.chunks[1].at, Offset::from_micros(440));
    assert_eq!(chat.how(), Some(&How::Complete));

    assert_eq!(models.request.query().count(), 0);
    assert_eq!((models.status(), models.how()), (Some(404), None));
    assert_eq!(models.body(), &b"data: {\"\xc3\0\x1b\x7f"[..]);
    assert!(
        cassette.interaction(2).unwrap().is_some() && cassette.interaction(3).unwrap().is_none()
    );
}

/// The fenced blocks of the format's description that are written in `language`.
fn examples(language: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cassette-format.md");
    let text = std::fs::read_to_string(path).unwrap();
    let fence = format!("```{language}\n");
    let block = |rest: &str| rest.split("```").next().unwrap().to_owned();
    text.split(&fence[..]).skip(1).map(block).collect()
}

/// One line read and written, within a tape that gives it what it needs.
fn rewritten(line: &str) -> String {
    let value: Value = serde_json::from_str(line).unwrap();
    let (kind, number) = (
        kind(&value),
        value.get(0).or_else(|| value.get(kind(&value))).unwrap(),
    );
    let mut tape = String::from("{\"rigtape\":1}\n");
    if !matches!(kind, "request" | "comment") {
        tape += &format!("{{\"request\":{number},\"at\":0,\"method\":\"\",\"target\":\"\"}}\n");
    }
    if matches!(kind, "chunk") {
        tape += &format!("{{\"response\":{number},\"at\":0,\"status\":200}}\n");
    }
    let records: Vec<Record> = records(tape + line + "\n");
    written(&records).lines().last().unwrap().to_owned()
}

fn validate(schemas: &BTreeMap<String, Validator>, line: &str) {
    let value: Value = serde_json::from_str(line).unwrap();
    let errors: Vec<_> = schemas[kind(&value)]
        .iter_errors(&value)
        .map(|e| e.to_string())
        .collect();
    assert!(errors.is_empty(), "{line}: {errors:?}");
}

fn kind(line: &Value) -> &'static str {
    let keys = ["request", "response", "end", "comment"];
    match line {
        Value::Array(_) => "chunk",
        line if line.get("rigtape").is_some() => "header",
        line => keys
            .into_iter()
            .find(|key| line.get(key).is_some())
            .expect("a known kind"),
    }
}

fn schemas() -> BTreeMap<String, Validator> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema");
    let schema = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let name = name.strip_suffix(".schema.json").unwrap().to_owned();
        let schema: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        jsonschema::meta::validate(&schema).unwrap();
        (name, jsonschema::validator_for(&schema).unwrap())
    };
    std::fs::read_dir(folder).unwrap().map(schema).collect()
}
