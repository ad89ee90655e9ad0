use proptest::prelude::*;
use rigtape::import::{Error, Options, by_name};

/// A vcrpy cassette with one interaction, `scalar` being the YAML of its response body.
fn with_body(scalar: &str) -> String {
    format!(
        "interactions:\n- request:\n    method: GET\n    uri: https://a.example/\n  response:\n    \
         status: {{code: 200, message: OK}}\n    body:\n      string: {scalar}"
    )
}

fn read(text: &str) -> Result<Vec<u8>, Error> {
    let vcrpy = by_name("vcrpy").unwrap();
    let imported = vcrpy.read("x.yaml", text.as_bytes(), &Options::default())?;
    Ok(imported.interactions[0].body().to_vec())
}

/// Texts, and their spellings by libyaml and PyYAML; written by these, checked against their own
/// readers.
#[test]
fn yaml_text_is_exact() {
    let cases: &[(&str, &str)] = &[
        ("'a''b'\n", "a'b"),
        (
            "\"\\x1b[31m \\u00e9 \\U0001F600 \\uD83D\\uDE00 \\0 \\\"\"\n",
            "\x1b[31m é 😀 😀 \0 \"",
        ),
        ("\"a\\\n        \\ b\"\n", "a b"),
        (
            "'one\n\n        two\n\n\n        three  four'\n",
            "one\ntwo\n\nthree  four",
        ),
        (
            "|\n        a\n          b \n\n        c\n",
            "a\n  b \n\nc\n",
        ),
        ("|-\n        a\n\n", "a"),
        ("|+\n        a\n\n\n", "a\n\n\n"),
        ("|2-\n          a\n         b", "  a\n b"),
        (
            "|\n        no line feed at the end",
            "no line feed at the end",
        ),
        (
            ">\n        folded\n        text\n\n        more\n",
            "folded text\nmore\n",
        ),
        ("\"a\\r\\nb\\r\"\n", "a\r\nb\r"),
        ("|\r\n        a\r\n        b\r\n", "a\nb\n"),
        ("!!binary |\n        /wD+\n        AA==\n", "\u{fffd}"),
        ("200\n", "200"),
        ("'---\n\n        ...'\n", "---\n..."),
        // U+2028 is a line break to these writers: indentation follows it.
        ("'a\u{2028}        b'\n", "a\u{2028}b"),
        ("'a\n\n\u{2028}        b'\n", "a\n\u{2028}b"),
        ("|-\n        a\n\u{2028}        b\n", "a\n\u{2028}b"),
        (
            "|-\n        a\u{2029}        b\n        c\n",
            "a\u{2029}b\nc",
        ),
        (
            "|2+\n\n\u{2028}        a\n\u{2028}",
            "\n\u{2028}a\n\u{2028}",
        ),
        // To others it is a character.
        ("\"a\u{2028}b\"\n", "a\u{2028}b"),
        ("a\u{2028}b\n", "a\u{2028}b"),
    ];
    for (scalar, text) in cases {
        let read = read(&with_body(scalar)).unwrap_or_else(|e| panic!("{scalar:?}: {e}"));
        if scalar.starts_with("!!binary") {
            assert_eq!(read, b"\xff\x00\xfe\x00");
        } else {
            assert_eq!(String::from_utf8(read).unwrap(), *text, "{scalar:?}");
        }
    }
}

#[test]
fn aliases_take_no_memory() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..30 {
        let last = format!("*a{}", n - 1);
        bomb.push_str(&format!("a{n}: &a{n} [{}]\n", [&last[..]; 10].join(", ")));
    }
    let text = format!(
        "{bomb}interactions:\n- request: {{method: POST, uri: 'http://a/', parsed_body: *a29}}\n  \
         response: {{status: {{code: 200}}}}\n"
    );
    let error = read(&text).unwrap_err().to_string();
    assert!(error.contains("more than"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever the text, each way to write it down gives it back.
    #[test]
    fn every_spelling_is_read_back(pieces in prop::collection::vec(
        prop::sample::select(&[
            "a", "é", "😀", " ", "\n", "'", "\"", "\\", ": ", " #", "- ", "---", "...", "%3A", "{", "|", "&a",
            "\t", "\u{2028}", "data: {}\n\n",
        ][..]),
        1..12,
    )) {
        let text = pieces.concat();
        prop_assert_eq!(read(&with_body(&double_quoted(&text))).unwrap(), text.as_bytes());
        let edge = |line: &str| line.trim() != line;
        let lines: Vec<&str> = text.split(['\n', '\u{2028}']).collect();
        if !lines.iter().any(|line| edge(line)) {
            prop_assert_eq!(read(&with_body(&single_quoted(&text))).unwrap(), text.as_bytes());
        }
        if !lines[0].trim().is_empty() && !lines[lines.len() - 1].starts_with([' ', '\t'])  {
            prop_assert_eq!(read(&with_body(&literal(&text))).unwrap(), text.as_bytes());
        }
    }
}

fn double_quoted(text: &str) -> String {
    let escaped: String = text
        .chars()
        .map(|c| match c {
            '"' => "\\\"".to_owned(),
            '\\' => "\\\\".to_owned(),
            c if c.is_ascii_graphic() || c == ' ' => c.to_string(),
            c => format!("\\U{:08x}", u32::from(c)),
        })
        .collect();
    format!("\"{escaped}\"\n")
}

/// As libyaml folds: a line feed more before the first of a run.
fn single_quoted(text: &str) -> String {
    let mut out = String::from("'");
    let mut in_run = false;
    for c in text.chars() {
        let breaks = matches!(c, '\n' | '\u{2028}');
        if c == '\n' && !in_run {
            out.push('\n');
        } else if !breaks && in_run {
            out.push_str("        ");
        }
        in_run = breaks;
        out.push(c);
        if c == '\'' {
            out.push(c);
        }
    }
    out.push_str(if in_run { "        '\n" } else { "'\n" });
    out
}

fn literal(text: &str) -> String {
    let mut out = String::from(if text.ends_with(['\n', '\u{2028}']) {
        "|2+\n"
    } else {
        "|2-\n"
    });
    let mut begins = true;
    for c in text.chars() {
        let breaks = matches!(c, '\n' | '\u{2028}');
        if begins && !breaks {
            out.push_str("        ");
        }
        out.push(c);
        begins = breaks;
    }
    if !begins {
        out.push('\n');
    }
    out
}
