//! Broken tapes: what is said about them, and what of them stays usable.

use rigtape::cassette::{Cassette, Error, Reader, Record};

use super::{TAPE, error, errors};

/// A tape whose sixth line is `line`, behind a request and a response head.
fn with(line: &str) -> String {
    format!(
        "{{\"rigtape\":1}}\n\n{{\"request\":1,\"at\":0,\"method\":\"GET\",\"target\":\"/\"}}\n\
         {{\"response\":1,\"at\":5,\"status\":200}}\n[1,7,\"a\"]\n{line}\n[1,8,\"b\"]\n"
    )
}

/// The one error about that line; everything around it has to be read.
fn fault(line: &str) -> String {
    let tape = with(line);
    let read: Vec<_> = Reader::new(tape.as_bytes(), "t.jsonl").collect();
    assert_eq!(
        read.iter().filter(|record| record.is_ok()).count(),
        5,
        "{read:#?}"
    );
    let error = error(tape);
    assert_eq!(error.line(), Some(6));
    assert!(error.is_line() && !error.is_foreign());
    error.to_string()
}

#[test]
fn a_file_that_is_no_tape_is_told_apart() {
    insta::assert_snapshot!(
        error(""),
        @r#"t.jsonl: the file is empty: a cassette begins with a header line {"rigtape":1}; record it anew"#
    );
    insta::assert_snapshot!(
        error("\n \n"),
        @r#"t.jsonl: the file is empty: a cassette begins with a header line {"rigtape":1}; record it anew"#
    );
    insta::assert_snapshot!(
        error("data: {\"id\":1}\n\ndata: [DONE]\n\n"),
        @r#"t.jsonl:1: not a cassette: expected a header line {"rigtape":1,…}, found `data: {"id":1}`; a bare stream or a foreign recording has to be imported first"#
    );
    insta::assert_snapshot!(
        error(b"\n\x1f\x8b\x08\0\xff\x1b[31mbinary"),
        @r#"t.jsonl:2: not a cassette: expected a header line {"rigtape":1,…}, found `\u{1f}�\u{8}\u{0}�\u{1b}[31mbinary`; a bare stream or a foreign recording has to be imported first"#
    );
    insta::assert_snapshot!(
        error(r#"{"request":1,"at":0,"method":"GET","target":"/"}"#),
        @r#"t.jsonl:1: not a cassette: expected a header line {"rigtape":1,…}, found `{"request":1,"at":0,"method":"GET","target":"/"}`; a bare stream or a foreign recording has to be imported first"#
    );
    for tape in ["", "data: x\n\n", "{}\n[]\n[]\n", "{\"rigtape\":7}\n[]\n"] {
        assert_eq!(errors(tape).len(), 1, "nothing behind it is read: {tape:?}");
        assert!(error(tape).is_foreign());
        assert!(
            Cassette::read(tape.as_bytes(), "t.jsonl")
                .unwrap_err()
                .is_foreign()
        );
    }
}

#[test]
fn another_version_is_named_before_anything_else_is_looked_at() {
    for (header, message) in [
        (
            r#"{"rigtape":2,"created":{"not":"a string"}}"#,
            "t.jsonl:1: cassette format version `2`, but this rigtape reads version 1 only; update rigtape or record the cassette anew",
        ),
        (
            r#"{"created":7,"rigtape":"1.1"}"#,
            "t.jsonl:1: cassette format version `\"1.1\"`, but this rigtape reads version 1 only; update rigtape or record the cassette anew",
        ),
    ] {
        assert_eq!(error(header).to_string(), message);
    }
}

#[test]
fn a_broken_header_is_named_with_its_place() {
    insta::assert_snapshot!(
        error(r#"{"rigtape":1,"title":"#), @"t.jsonl:1: not JSON at column 21: EOF while parsing a value"
    );
    insta::assert_snapshot!(
        error("{\"rigtape\":1,\"synthetic\":\"yes\"}\n"),
        @r#"t.jsonl:1: header line: `synthetic` has to be true or false, found `"yes"`"#
    );
    insta::assert_snapshot!(
        error("{\"rigtape\":1,\"title\":\"a\",\"title\":\"b\"}\n"), @"t.jsonl:1: header line: `title` stands twice"
    );
}

#[test]
fn a_missing_file_is_named() {
    let error = Cassette::open("no/such/tape.jsonl").unwrap_err();
    assert!(error.is_not_found());
    insta::assert_snapshot!(
        error, @"no/such/tape.jsonl: cannot open the cassette: No such file or directory (os error 2)"
    );
}

#[test]
fn broken_json_is_named_with_its_column() {
    insta::assert_snapshot!(fault(r#"{"end":1,"at":}"#), @"t.jsonl:6: not JSON at column 15: expected value");
    insta::assert_snapshot!(fault(r#"[1,7,"a""#), @"t.jsonl:6: not JSON at column 8: EOF while parsing a list");
    insta::assert_snapshot!(fault(r#"[1,7,"a"] x"#), @"t.jsonl:6: not JSON at column 11: trailing characters");
    insta::assert_snapshot!(fault("[1,7,\"a\tb\"]"), @r"t.jsonl:6: not JSON at column 7: control character (\u0000-\u001F) found while parsing a string");
    insta::assert_snapshot!(
        fault("nonsense"),
        @"t.jsonl:6: expected an object or a chunk [interaction, offset, bytes], found `nonsense`"
    );
    insta::assert_snapshot!(
        fault("42"), @"t.jsonl:6: expected an object or a chunk [interaction, offset, bytes], found `42`"
    );
}

#[test]
fn a_line_that_is_no_text_is_named_with_its_column() {
    let mut tape = with("[1,7,\"é\"]").into_bytes();
    let place = tape
        .windows(2)
        .position(|pair| pair == "é".as_bytes())
        .unwrap();
    tape[place] = b'x';
    insta::assert_snapshot!(
        error(&tape),
        @r#"t.jsonl:6: the line is not UTF-8 from column 8 on; bytes that are not text belong into {"base64":…}"#
    );
}

#[test]
fn missing_and_wrong_fields_are_named() {
    insta::assert_snapshot!(
        fault(r#"{"request":2,"at":0,"target":"/"}"#),
        @"t.jsonl:6: request line without `method`, which has to be a string"
    );
    insta::assert_snapshot!(
        fault(r#"{"request":2,"at":0,"method":"GET","target":null}"#),
        @"t.jsonl:6: request line without `target`, which has to be a string"
    );
    insta::assert_snapshot!(
        fault(r#"{"request":"two","at":0,"method":"GET","target":"/"}"#),
        @r#"t.jsonl:6: request line: `request` has to be a whole number, found `"two"`"#
    );
    insta::assert_snapshot!(
        fault(r#"{"end":1,"at":1.5,"how":"eof"}"#),
        @"t.jsonl:6: end line: `at` has to be whole microseconds, found `1.5`"
    );
    insta::assert_snapshot!(
        fault(r#"{"request":2,"at":0,"method":"GET","target":"/","headers":{"accept":"*/*"}}"#),
        @r#"t.jsonl:6: request line: `headers` has to be a list of [name, value], found `{"accept":"*/*"}`"#
    );
    insta::assert_snapshot!(
        fault(r#"{"request":2,"at":0,"method":"GET","target":"/","headers":[["accept",["*/*"]]]}"#),
        @r#"t.jsonl:6: request line: `headers` has to be a string or {"base64":"…"}, found `["*/*"]`"#
    );
    insta::assert_snapshot!(
        fault(r#"{"request":2,"at":0,"method":"GET","target":"/","dropped":"authorization"}"#),
        @r#"t.jsonl:6: request line: `dropped` has to be a list of strings, found `"authorization"`"#
    );
    insta::assert_snapshot!(
        fault(r#"{"response":1,"at":0,"status":70000}"#),
        @"t.jsonl:6: response line: `status` has to be a status code, 100 to 999, found `70000`"
    );
    insta::assert_snapshot!(
        fault(r#"{"end":1,"at":9,"at":10,"how":"eof"}"#), @"t.jsonl:6: end line: `at` stands twice"
    );
}

#[test]
fn broken_chunks_are_named() {
    insta::assert_snapshot!(
        fault("[1,7]"),
        @"t.jsonl:6: a chunk line has at least three elements, [interaction, offset, bytes], found 2"
    );
    insta::assert_snapshot!(
        fault(r#"[1,-7,"a"]"#), @"t.jsonl:6: chunk line: `offset` has to be whole microseconds, found `-7`"
    );
    insta::assert_snapshot!(
        fault(r#"[1,18446744073709551616,"a"]"#),
        @"t.jsonl:6: chunk line: `offset` has to be whole microseconds, found `18446744073709551616`"
    );
    insta::assert_snapshot!(
        fault(r#"[1,7,{"hex":"00"}]"#),
        @r#"t.jsonl:6: chunk line: `bytes` has to be a string or {"base64":"…"}, found `{"hex":"00"}`"#
    );
    insta::assert_snapshot!(
        fault(r#"[1,7,{"base64":"a"}]"#),
        @r#"t.jsonl:6: chunk line: `bytes` has to be a string or {"base64":"…"}, found `{"base64":"a"}`"#
    );
    insta::assert_snapshot!(
        fault(r#"[1,7,"\ud800"]"#),
        @r#"t.jsonl:6: chunk line: `bytes` has to be a string or {"base64":"…"}, found `"\ud800"`"#
    );
    insta::assert_snapshot!(
        fault(r#"[1,7,""]"#), @"t.jsonl:6: chunk of interaction 1 is empty: a chunk holds at least one byte"
    );
    insta::assert_snapshot!(
        fault(r#"[1,7,"abc",{"redacted":[[2,2,1]]}]"#),
        @"t.jsonl:6: chunk of interaction 1: 2 bytes from 2 on are said to be redacted, but it has 3 bytes"
    );
    insta::assert_snapshot!(
        fault(r#"[1,7,"abc",{"redacted":[2]}]"#),
        @"t.jsonl:6: chunk line: `redacted` has to be a list of [offset, length, placeholder number], found `[2]`"
    );
}

#[test]
fn reserved_and_unknown_forms_of_a_body_are_not_guessed() {
    let body = |form| {
        fault(&format!(
            r#"{{"request":2,"at":0,"method":"GET","target":"/","body":{form}}}"#
        ))
    };
    insta::assert_snapshot!(
        body(r#"{"omitted":{"bytes":9,"sha256":"…"}}"#),
        @"t.jsonl:6: request line: the body is stored as `omitted`, a form that this rigtape does not read yet; update rigtape"
    );
    insta::assert_snapshot!(
        body(r#"{"ref":"big.bin"}"#),
        @"t.jsonl:6: request line: the body is stored as `ref`, a form that this rigtape does not read yet; update rigtape"
    );
    insta::assert_snapshot!(
        body(r#"{"json":1,"base64":""}"#),
        @r#"t.jsonl:6: request line: `body` has to be {"json":…}, a string, {"base64":"…"} or absent, found `{"json":1,"base64":""}`"#
    );
    insta::assert_snapshot!(
        body("17"),
        @r#"t.jsonl:6: request line: `body` has to be {"json":…}, a string, {"base64":"…"} or absent, found `17`"#
    );
}

#[test]
fn faults_of_the_grammar_are_named() {
    insta::assert_snapshot!(
        fault(r#"{"rigtape":1}"#), @"t.jsonl:6: a second header: a cassette has one, in its first line"
    );
    insta::assert_snapshot!(
        fault(r#"{"request":1,"at":0,"method":"GET","target":"/"}"#), @"t.jsonl:6: a second request with number 1"
    );
    insta::assert_snapshot!(
        fault(r#"{"response":1,"at":7,"status":200}"#), @"t.jsonl:6: a second response to interaction 1"
    );
    insta::assert_snapshot!(
        fault(r#"{"response":1,"at":7,"status":42}"#),
        @"t.jsonl:6: response to interaction 1: the status has to be 100 to 999, found 42"
    );
    insta::assert_snapshot!(
        fault(r#"[1,6,"late"]"#),
        @"t.jsonl:6: chunk of interaction 1 at 6 µs, but the line before it is at 7 µs: offsets never fall"
    );
    insta::assert_snapshot!(
        fault(r#"[2,6,"whose"]"#), @"t.jsonl:6: chunk of interaction 2, which no request has opened"
    );
    let tape = with(r#"{"end":1,"at":7,"how":"eof"}"#);
    insta::assert_snapshot!(error(tape), @"t.jsonl:7: chunk of interaction 1 after its end");
    let tape = with(
        "{\"request\":2,\"at\":0,\"method\":\"GET\",\"target\":\"/\"}\n[2,1,\"a\"]\n[2,2,\"b\"]",
    );
    insta::assert_snapshot!(
        errors(tape).iter().map(|error| format!("{error}\n")).collect::<String>(),
        @"t.jsonl:7: chunk of interaction 2 before its response"
    );
}

#[test]
fn an_interaction_without_its_request_is_one_fault() {
    let lines: Vec<_> = TAPE.lines().collect();
    let headless = [&lines[..1], &lines[2..]].concat().join("\n");
    insta::assert_snapshot!(
        errors(headless).iter().map(|error| format!("{error}\n")).collect::<String>(),
        @"t.jsonl:4: response of interaction 1, which no request has opened"
    );
    let broken = TAPE.replacen("\"request\":1", "\"request\":x", 1);
    assert_eq!(
        errors(&broken).len(),
        1,
        "what a broken line leaves without a request is not a new fault"
    );
    let cassette = Cassette::read(broken.as_bytes(), "t.jsonl").unwrap();
    let read: Vec<_> = cassette.interactions().collect();
    assert!(
        matches!(&read[..], [Err(Error::Line { line: 2, .. }), Ok(second)] if second.number() == 2)
    );
}

#[test]
fn a_tape_cut_at_any_byte_reads_up_to_the_cut() {
    let whole: Vec<_> = Reader::new(TAPE.as_bytes(), "t")
        .map(Result::unwrap)
        .collect();
    for cut in 0..=TAPE.len() {
        let mut reader = Reader::new(&TAPE.as_bytes()[..cut], "t.jsonl");
        let read: Vec<_> = reader.by_ref().collect();
        if cut < TAPE.find('\n').unwrap() {
            assert!(
                matches!(read[..], [Err(_)]),
                "cut at {cut}: half a header is no tape"
            );
            continue;
        }
        // A line counts as soon as it is whole, with or without its line feed.
        let ends = TAPE
            .match_indices('\n')
            .filter(|(end, _)| *end <= cut)
            .count();
        assert_eq!(read.len(), ends, "cut at {cut}");
        assert!(read.iter().all(Result::is_ok), "cut at {cut}");
        let start = TAPE[..TAPE.floor_char_boundary(cut)]
            .rfind('\n')
            .map_or(0, |end| end + 1);
        let torn = ends < whole.len() && cut > start && TAPE.as_bytes()[cut] != b'\n';
        assert_eq!(
            reader.torn_tail().map(|torn| torn.offset as usize),
            torn.then_some(start),
            "cut at {cut}"
        );
    }
}

#[test]
fn a_line_beyond_the_ceiling_is_skipped_with_an_error_of_its_own() {
    let tape = with(&format!("[1,7,\"{}\"]", "x".repeat(200)));
    let read: Vec<_> = Reader::new(tape.as_bytes(), "t.jsonl")
        .max_line(100)
        .collect();
    assert_eq!(read.len(), 6);
    let error = read[4].as_ref().unwrap_err();
    assert!(matches!(error, Error::LineTooLong { limit: 100, .. }) && error.is_line());
    insta::assert_snapshot!(
        error, @"t.jsonl:6: the line is longer than the ceiling of 100 bytes; raise the ceiling to read it"
    );
    assert!(matches!(&read[5], Ok(Record::Chunk(chunk)) if chunk.bytes == "b"));
    let fits = tape.lines().map(str::len).max().unwrap();
    assert!(
        Reader::new(tape.as_bytes(), "t.jsonl")
            .max_line(fits)
            .all(|record| record.is_ok())
    );
}

#[test]
fn a_damaged_tape_is_never_taken_for_a_whole_one() {
    let tape = with("[1,7,");
    let cassette = Cassette::read(tape.as_bytes(), "t.jsonl").unwrap();
    assert_eq!(cassette.faults().len(), 1);
    assert!(
        cassette
            .interactions()
            .collect::<Result<Vec<_>, _>>()
            .is_err()
    );
    let usable: Vec<_> = cassette.interactions().filter_map(Result::ok).collect();
    assert_eq!(usable[0].body(), "ab");
}

#[test]
fn a_tape_that_changed_behind_our_back_is_named() {
    let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
    std::fs::write(&path, TAPE).unwrap();
    let cassette = Cassette::open(&path).unwrap();
    std::fs::write(&path, "{\"rigtape\":1}\n").unwrap();
    let error = cassette.interaction(1).unwrap_err().to_string();
    insta::assert_snapshot!(
        error.replace(path.to_str().unwrap(), "t.jsonl"),
        @"t.jsonl: the cassette changed while it was open: interaction 1 is gone; open it again"
    );
}
