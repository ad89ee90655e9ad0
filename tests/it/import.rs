use std::path::{Path, PathBuf};

use rigtape::cassette::{Body, Cassette, Interaction, Writer};
use rigtape::dialect::Answer;
use rigtape::import::{Error, IMPORTERS, Imported, Note, Options, by_name};
use rigtape::matching::{self, Uses};

fn foreign(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("cassettes/foreign")
        .join(name)
}

fn import(format: &str, name: &str) -> Imported {
    let importer = by_name(format).unwrap();
    let imported = importer.open(&foreign(&format!("{format}/{name}")), &Options::default());
    imported.unwrap()
}

fn read(format: &str, text: impl AsRef<[u8]>) -> Result<Imported, Error> {
    let importer = by_name(format).unwrap();
    importer.read("some/where/x.yaml", text.as_ref(), &Options::default())
}

fn noted(imported: &Imported, note: Note) -> &[u64] {
    let found = imported.notes.iter().find(|(known, _)| *known == note);
    found.map_or(&[], |(_, numbers)| numbers)
}

fn body(interaction: &Interaction) -> String {
    String::from_utf8(interaction.body().to_vec()).unwrap()
}

#[test]
fn every_fixture_comes_over_ready_for_a_matcher() {
    let mut files = 0;
    for importer in IMPORTERS {
        let folder = foreign(importer.name());
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let imported = importer.open(&path, &Options::default()).unwrap();
            files += 1;
            assert!(imported.header.timing_unknown);
            let (key, said) = &imported.header.extra[0];
            let said: serde_json::Value = serde_json::from_str(said.get()).unwrap();
            assert_eq!(key, "imported");
            assert_eq!(said["format"], importer.name());
            assert_eq!(said["from"], path.file_name().unwrap().to_str().unwrap());
            for of in &imported.interactions {
                let request = &of.request;
                assert!(request.method.bytes().all(|byte| byte.is_ascii_uppercase()));
                assert!(request.target.starts_with('/'), "{}", request.target);
                assert!(request.target.bytes().all(|byte| byte.is_ascii_graphic()));
                assert!(!request.target.contains('#'));
                if let Some(url) = &request.url {
                    assert!(url.ends_with(&request.target), "{url}");
                }
                assert!(of.response.is_some() && of.end.is_some());
                assert!(
                    of.chunks.len() <= 1,
                    "one chunk where borders are not known"
                );
            }
            answers_itself(&imported);
            round_trip(imported);
        }
    }
    assert!(files >= 10);
}

/// Asked for what it holds, in its order, a tape answers with it.
fn answers_itself(imported: &Imported) {
    let tape = Cassette::read(&written(imported)[..], "x.jsonl").unwrap();
    let library = matching::Options::new().cassettes([tape]);
    let mut uses = Uses::new();
    for of in &imported.interactions {
        let chosen = library.choose(&mut uses, &of.request);
        let chosen = chosen.unwrap_or_else(|miss| panic!("{miss}"));
        assert_eq!(chosen.interaction.number(), of.number());
    }
    assert!(library.unused(&uses).is_empty());
}

fn written(imported: &Imported) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), "x.jsonl", &imported.header).unwrap();
    for record in imported.clone().records() {
        writer.write(&record).unwrap();
    }
    writer.into_inner()
}

/// What is written is read back as it was.
fn round_trip(imported: Imported) {
    let tape = Cassette::read(&written(&imported)[..], "x.jsonl").unwrap();
    assert!(tape.faults().is_empty(), "{:?}", tape.faults());
    assert_eq!(tape.len(), imported.interactions.len());
    for (read, written) in tape.interactions().zip(&imported.interactions) {
        let read = read.unwrap();
        assert_eq!(read.body(), written.body());
        assert_eq!(read.request.target, written.request.target);
        assert_eq!(
            read.request.body.as_bytes(),
            written.request.body.as_bytes()
        );
    }
}

#[test]
fn httpmock_documents_are_interactions_in_order() {
    let imported = import("httpmock", "agent_loop.yaml");
    let [call, answer] = &imported.interactions[..] else {
        panic!("two documents")
    };
    assert!(body(call).starts_with("data: {\"id\":\"chatcmpl-REDACTED_1\""));
    assert!(body(call).ends_with("}\n\ndata: [DONE]\n\n"));
    assert!(body(answer).contains("4 °C \\u2014 cold."));
    let Some(Answer::Transcript(said)) = Answer::of(call) else {
        panic!("a stream")
    };
    assert_eq!(
        said.tool_calls().next().unwrap().arguments,
        "{\"city\":\"Oslo\"}"
    );
    let Some(Answer::Transcript(said)) = Answer::of(answer) else {
        panic!("a stream")
    };
    assert_eq!(said.text(), "4 °C — cold.");
    assert_eq!(imported.streams(), 2);
    assert!(imported.placeholders > 5);
    assert_eq!(noted(&imported, Note::Placeholders), [1, 2]);
    let second: serde_json::Value = answer.request.json().unwrap();
    assert_eq!(second["messages"][2]["tool_call_id"], "call_REDACTED_1");
    assert!(
        call.request.url.is_none(),
        "a recording without a host has none here"
    );
}

#[test]
fn httpmock_targets_and_bodies_are_the_wires() {
    let imported = import("httpmock", "routes.yaml");
    let [gemini, base64, encoded, multipart, limited] = &imported.interactions[..] else {
        panic!("five recordings")
    };
    assert_eq!(
        gemini.request.target,
        "/v1beta/models/gemini-2.0-flash%3AstreamGenerateContent?alt=sse&filter=a%20b%26c%3Dd%2F%C3%A9%2B"
    );
    let query: Vec<_> = gemini.request.query().collect();
    assert_eq!(query[1].1, "a b&c=d/é+");
    assert_eq!(noted(&imported, Note::QueryReserialised), [1]);
    assert!(body(gemini).ends_with("}\r\n\r\n"));
    assert_eq!(base64.request.body.as_bytes(), b"{\"input\":\"hi\"}");
    assert_eq!(&base64.body()[..], b"\xff\xfb\x90\x00\x01\x02");
    assert_eq!(encoded.request.body.as_bytes(), b"{\"input\":\"ho\"}");
    assert_eq!(&encoded.body()[..], b"\xff\xfb\x90\x00\x01\x03");
    assert!(matches!(multipart.request.body, Body::Absent));
    assert_eq!(noted(&imported, Note::RequestBodyUnknown), [4]);
    let (key, value) = &multipart.request.extra[0];
    assert_eq!((key.as_str(), value.get()), ("unknown", "[\"body\"]"));
    assert_eq!(limited.status(), Some(429));
    assert_eq!(limited.response.as_ref().unwrap().at.as_micros(), 250_000);
    let [rule] = &imported.skipped[..] else {
        panic!("one rule is no recording")
    };
    assert!(rule.line.is_some());
    assert!(rule.reason.contains("path_prefix"), "{rule}");
}

#[test]
fn vcrpy_text_headers_and_urls() {
    let imported = import("vcrpy", "text.yaml");
    let [hi, models] = &imported.interactions[..] else {
        panic!("two interactions")
    };
    assert_eq!(
        hi.request.url.as_deref(),
        Some("https://api.anthropic.com/v1/messages")
    );
    assert_eq!(hi.request.target, "/v1/messages");
    let sent: serde_json::Value = hi.request.json().unwrap();
    assert_eq!(sent["messages"][0]["content"], "Say hi");
    assert!(body(hi).starts_with("event: message_start\ndata: {\"type\""));
    assert!(body(hi).ends_with("data: {\"type\":\"message_stop\"}\n\n"));
    let head = hi.response.as_ref().unwrap();
    let cookies: Vec<_> = head.headers.get_all("set-cookie").collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
    assert_eq!(head.dropped, ["transfer-encoding"]);
    let Some(Answer::Transcript(said)) = Answer::of(hi) else {
        panic!("a stream")
    };
    assert_eq!((said.text(), said.is_clean()), ("Hi!".into(), true));
    assert_eq!(models.request.target, "/v1/models?limit=2&after_id=a%2Fb");
    assert!(matches!(models.request.body, Body::Absent));
    assert!(imported.notes.is_empty());
}

#[test]
fn vcrpy_codings_are_undone_or_said_to_be_wrong() {
    let imported = import("vcrpy", "gzip.yaml");
    let [packed, wrong] = &imported.interactions[..] else {
        panic!("two interactions")
    };
    assert_eq!(packed.request.body.as_bytes(), b"{\"stream\":true}");
    assert!(body(packed).starts_with("data: {\"id\":\"1\""));
    let head = packed.response.as_ref().unwrap();
    assert_eq!(head.decoded, ["gzip"]);
    assert!(head.headers.get("content-encoding").is_none());
    assert_eq!(noted(&imported, Note::CodingMismatch), [2]);
    assert!(body(wrong).contains("said to be gzip, and is not"));
    let head = wrong.response.as_ref().unwrap();
    assert!(head.decoded.is_empty());
    assert!(head.extra[0].1.get().contains("gzip"));
}

#[test]
fn every_coding_is_undone() {
    use std::io::Write as _;
    let body = "data: {\"n\":1}\n\n".repeat(50);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(body.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    zlib.write_all(body.as_bytes()).unwrap();
    let mut br = Vec::new();
    brotli::CompressorWriter::new(&mut br, 4096, 5, 22)
        .write_all(body.as_bytes())
        .unwrap();
    let mut both = Vec::new();
    brotli::CompressorWriter::new(&mut both, 4096, 5, 22)
        .write_all(&gzip)
        .unwrap();
    let zstd = zstd::encode_all(body.as_bytes(), 1).unwrap();
    let bodies = [
        ("gzip", gzip.clone()),
        ("deflate", zlib.finish().unwrap()),
        ("br", br),
        ("zstd", zstd),
        ("gzip, br", both),
    ];
    for (coding, bytes) in bodies {
        let mut dump =
            format!("HTTP/1.1 200 OK\r\ncontent-encoding: {coding}\r\n\r\n").into_bytes();
        dump.extend(&bytes);
        let imported = read("sse", &dump).unwrap();
        let of = &imported.interactions[0];
        assert_eq!(of.body(), body.as_bytes(), "{coding}");
        assert_eq!(of.response.as_ref().unwrap().decoded.join(", "), coding);
        dump.truncate(dump.len() - 5);
        let torn = read("sse", &dump).unwrap();
        assert_eq!(noted(&torn, Note::CodingMismatch), [1], "{coding}");
        assert_eq!(torn.interactions[0].body(), &bytes[..bytes.len() - 5]);
    }
}

#[test]
fn parsed_bodies_are_written_anew_and_say_so() {
    let imported = import("vcrpy", "parsed_body.yaml");
    let of = &imported.interactions[0];
    assert_eq!(
        std::str::from_utf8(of.request.body.as_bytes()).unwrap(),
        "{\"max_tokens\":1024,\"messages\":[{\"content\":\"café\",\"role\":\"user\"}],\"model\":\"gpt-4o\",\
         \"seed\":\"1e3\",\"stop\":null,\"stream\":false,\"temperature\":1.0e-05,\"zip\":\"08\"}"
    );
    assert!(body(of).contains("\"content\":\"one\\ntwo\""));
    assert_eq!(noted(&imported, Note::RequestReserialised), [1]);
    assert_eq!(noted(&imported, Note::ResponseReserialised), [1]);
    assert_eq!(
        of.content_type(),
        Some("application/json"),
        "through an alias"
    );
}

#[test]
fn vcrpy_json_and_older_stubs() {
    let imported = import("vcrpy", "session.json");
    let [binary, older] = &imported.interactions[..] else {
        panic!("two interactions")
    };
    assert_eq!(&binary.body()[..], b"\xff\x00\xfe");
    assert_eq!(older.status(), Some(404));
    assert_eq!(body(older), "not \u{2028} there\u{7f} 😀");
    assert_eq!(
        older.response.as_ref().unwrap().version.as_deref(),
        Some("HTTP/1.1")
    );
}

#[test]
fn har_entries() {
    let imported = import("har", "chrome.har");
    let [stream, image] = &imported.interactions[..] else {
        panic!("two of four entries")
    };
    assert_eq!(stream.request.target, "/v1/responses?x=%2F");
    assert_eq!(
        stream.request.started.as_deref(),
        Some("2026-01-02T03:04:05.678Z")
    );
    assert!(stream.request.headers.get(":authority").is_none());
    let head = stream.response.as_ref().unwrap();
    assert_eq!(head.decoded, ["br"]);
    assert_eq!(head.version.as_deref(), Some("HTTP/2"));
    assert_eq!(head.at.as_micros(), 201_500);
    assert_eq!(stream.end.as_ref().unwrap().at.as_micros(), 900_500);
    assert!(body(stream).contains("café"));
    assert_eq!(image.request.at.as_micros(), 500_000);
    assert_eq!(&image.body()[..], b"\x89PNG");
    assert!(noted(&imported, Note::SizeMismatch).is_empty());
    let reasons: Vec<String> = imported.skipped.iter().map(ToString::to_string).collect();
    assert!(
        reasons[0].contains("entry 3") && reasons[0].contains("wss"),
        "{reasons:?}"
    );
    assert!(reasons[1].contains("ERR_ABORTED"), "{reasons:?}");
}

#[test]
fn bare_streams_and_dumps() {
    let bare = import("sse", "bare.sse");
    let of = &bare.interactions[0];
    let file = std::fs::read(foreign("sse/bare.sse")).unwrap();
    assert_eq!(of.body(), file);
    assert_eq!(
        (of.request.method.as_str(), of.request.target.as_str()),
        ("POST", "/")
    );
    assert_eq!(
        of.request.extra[0].1.get(),
        "[\"method\",\"target\",\"headers\",\"body\"]"
    );
    assert_eq!(noted(&bare, Note::RequestUnknown), [1]);
    assert_eq!(noted(&bare, Note::StatusUnknown), [1]);
    let dump = import("sse", "curl_i.txt");
    let of = &dump.interactions[0];
    assert_eq!(
        of.response.as_ref().unwrap().header("x-request-id"),
        Some("r1")
    );
    assert!(noted(&dump, Note::StatusUnknown).is_empty());
    assert!(body(of).starts_with("data: {"));
    // Bytes that are no UTF-8, and a byte order mark, are the stream's own.
    let odd = b"\xef\xbb\xbfdata: \xff\xfe\n\n";
    assert_eq!(read("sse", odd).unwrap().interactions[0].body(), &odd[..]);
    let mut options = Options::default();
    options.target = Some("/v1/chat/completions".to_owned());
    let named = by_name("sse")
        .unwrap()
        .read("x.sse", &file, &options)
        .unwrap();
    assert_eq!(named.interactions[0].request.target, "/v1/chat/completions");
}

#[test]
fn payloads_get_frames_and_the_header_says_so() {
    for (name, text) in [("chat.chunks.txt", "Hi"), ("messages.chunks.txt", "Hi")] {
        let imported = import("chunks", name);
        let of = &imported.interactions[0];
        let Some(Answer::Transcript(said)) = Answer::of(of) else {
            panic!("{name} is a stream")
        };
        assert_eq!(
            (said.text().as_ref(), said.ending.as_str()),
            (text, "complete"),
            "{name}"
        );
        assert_eq!(noted(&imported, Note::FramingSupplied), [1]);
    }
    let wire = body(&import("chunks", "messages.chunks.txt").interactions[0]);
    assert!(wire.starts_with("event: message_start\ndata: {\"type\":\"message_start\""));
}

#[test]
fn broken_files_are_named_with_their_line() {
    let broken = "interactions:\n- request: 'never closed\n";
    let error = read("vcrpy", broken).unwrap_err().to_string();
    assert!(error.starts_with("some/where/x.yaml:"), "{error}");
    let cases: &[(&str, &[u8], &str)] = &[
        ("vcrpy", b"when:\n  path: /x\nthen: {}\n", "import httpmock"),
        ("httpmock", b"interactions: []\n", "import vcrpy"),
        ("vcrpy", b"http_interactions: []\n", "Ruby"),
        ("vcrpy", b"interactions: []\n", "it holds no recording"),
        ("vcrpy", b"just text\n", "a list `interactions`"),
        ("vcrpy", b"a: \xff\n", "byte 3: not UTF-8"),
        ("vcrpy", b"a: &x [*x]\n", "alias"),
        ("har", b"{\"log\":{\n\"entries\":[}}", "x.yaml:2:"),
        ("har", b"{\"log\":{\"entries\":[]}}", "no recording"),
        ("sse", b"<html>", "expected a stream"),
        ("sse", b"HTTP/1.1 OK\r\n", "status line"),
        ("chunks", b"{}\n{\n", "x.yaml:2:"),
        ("chunks", b"data: {}\n", "import sse"),
        ("chunks", b"{\"rigtape\":1}\n", "cassette"),
        ("vcrpy", b"{\"interactions\":\n[{]}", "x.yaml:2: no JSON"),
        (
            "httpmock",
            b"when: {path: /, method: GET}\nthen: {body_base64: '*'}\n",
            "base64",
        ),
    ];
    for (format, bytes, says) in cases {
        let error = read(format, bytes).unwrap_err().to_string();
        assert!(error.contains(says), "{format}: {error}");
    }
}

#[test]
fn what_no_tape_can_hold_is_left_out_with_its_reason() {
    let cases = [
        ("method: 'G T', uri: 'http://a/'", "code: 200", "method"),
        ("method: GET, uri: 'ftp://a/'", "code: 200", "ftp"),
        ("method: GET, uri: 'data:text/html,x'", "code: 200", "data"),
        ("method: GET, uri: 'http://a/'", "code: 99", "status 99"),
        (
            "method: GET, uri: 'http://a/'",
            "message: OK",
            "status code",
        ),
        ("uri: 'http://a/'", "code: 200", "method"),
    ];
    for (request, status, says) in cases {
        let text = format!(
            "interactions:\n- request: {{method: GET, uri: 'http://a/ok'}}\n  response: {{status: {{code: 200}}}}\n\
             - request: {{{request}}}\n  response: {{status: {{{status}}}}}\n"
        );
        let imported = read("vcrpy", text).unwrap();
        assert_eq!(imported.interactions.len(), 1);
        let skipped = imported.skipped[0].to_string();
        assert!(
            skipped.contains(says) && skipped.starts_with("line 4"),
            "{skipped}"
        );
    }
}

#[test]
fn long_bodies_are_cut_where_a_line_would_be_too_long() {
    let body = format!("data: {}\n\n", "\\".repeat(20 << 20));
    let imported = read("sse", &body).unwrap();
    assert_eq!(imported.interactions[0].chunks.len(), 3);
    assert_eq!(imported.interactions[0].body(), body.as_bytes());
    round_trip(imported);
}
