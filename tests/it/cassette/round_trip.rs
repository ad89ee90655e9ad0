//! What is written is read back, and what was read is written back.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use rigtape::Offset;
use rigtape::cassette::{
    Body, Chunk, End, Framing, Header, Headers, How, Record, Redacted, Request, Response,
};
use serde_json::value::RawValue;

use super::{TAPE, records, written};

#[test]
fn a_canonical_tape_is_written_back_byte_for_byte() {
    assert_eq!(written(&records(TAPE)), TAPE.replace(r"\u007f", "\u{7f}"));
}

#[test]
fn unknown_keys_words_and_kinds_survive() {
    let tape = r#"{"rigtape":1,"timing":"estimated","x-tool":{"b":1,"a":1.0}}
{"request":1,"at":0,"method":"GET","target":"/","body":"[1,\n2]","x":[1e400,"\ud800"]}
{"response":1,"at":1,"status":200,"framing":"datagrams","y":-0}
[1,1,"a",7,{"k":null},{"redacted":[[0,1,2]],"why":"key"}]
{"websocket":1,  "frame":"…"}
{"end":1,"at":2,"how":"evaporated","z":{}}
"#;
    let expected = tape.replace(
        r#""a",7,{"k":null},{"redacted":[[0,1,2]],"why":"key"}]"#,
        r#""a",{"redacted":[[0,1,2]]},7,{"k":null},{"why":"key"}]"#,
    );
    assert_eq!(written(&records(tape)), expected);
    assert_eq!(written(&records(&expected)), expected);
}

#[test]
fn keys_in_any_order_crlf_blank_lines_and_a_byte_order_mark_are_read() {
    let tape = "\u{feff}{\"creator\":\"x\",\"rigtape\":1}\r\n\r\n{\"at\":5,\"method\":\"GET\",\"request\":1,\"target\":\"/\"}\r\n  \n";
    assert_eq!(
        written(&records(tape)),
        "{\"rigtape\":1,\"creator\":\"x\"}\n{\"request\":1,\"at\":5,\"method\":\"GET\",\"target\":\"/\"}\n"
    );
}

#[test]
fn every_spelling_of_a_string_is_read() {
    let tape = |bytes: &str| {
        format!(
            "{{\"rigtape\":1}}\n{{\"request\":1,\"at\":0,\"method\":\"\",\"target\":\"\"}}\n\
             {{\"response\":1,\"at\":0,\"status\":200}}\n{bytes}\n"
        )
    };
    for (line, expected) in [
        (
            r#"[1,2,"\b\f\/\u0041\u00e9\ud83d\ude00é😀"]"#,
            "\u{8}\u{c}/Aé😀é😀",
        ),
        (r#" [ 1 , 2 , "spaced" ] "#, "spaced"),
        (r#"[1,2,{"base64":"c3BhY2Vk"}]"#, "spaced"),
        (
            r#"[1,2,"12345678\"2345678\\234567\n9"]"#,
            "12345678\"2345678\\234567\n9",
        ),
    ] {
        let records = records(tape(line));
        let Some(Record::Chunk(chunk)) = records.last() else {
            panic!("{line}")
        };
        assert_eq!(chunk.bytes, expected, "{line}");
    }
}

#[test]
fn a_body_is_embedded_only_when_that_keeps_its_bytes() {
    for (body, on_tape) in [
        (
            r#"{"b":1,  "a":1.0}"#,
            r#""body":{"json":{"b":1,  "a":1.0}}"#,
        ),
        ("{\"a\":\n1}", r#""body":"{\"a\":\n1}""#),
        (" {}", r#""body":" {}""#),
        ("{} ", r#""body":"{} ""#),
        ("{}{}", r#""body":"{}{}""#),
        ("null", r#""body":{"json":null}"#),
        ("plain", r#""body":"plain""#),
    ] {
        let mut request = Request::new(1, "POST", "/");
        request.body = Body::from_bytes(body);
        let tape = written(&[Header::default().into(), request.into()]);
        assert!(tape.contains(on_tape), "{tape}");
        let Record::Request(request) = &records(&tape)[1] else {
            panic!("{tape}")
        };
        assert_eq!(request.body.as_bytes(), body.as_bytes());
    }
    assert!(matches!(Body::from_bytes(""), Body::Absent));
}

#[test]
fn raw_json_with_line_breaks_does_not_break_the_line() {
    let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
    let mut header = Header::default();
    header.rules = Some(raw("{\n\"a\":\r\n1}"));
    let mut request = Request::new(1, "POST", "/");
    request.body = Body::Json(raw("[\n1]"));
    let tape = written(&[header.into(), request.into(), Record::comment("a\nb")]);
    assert_eq!(tape.lines().count(), 3, "{tape}");
    let Record::Request(request) = &records(&tape)[1] else {
        panic!("{tape}")
    };
    assert_eq!(request.body.as_bytes(), b"[\n1]");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_record_is_read_back_as_it_was_written(tape in tapes()) {
        let first = written(&tape);
        prop_assert_eq!(first.matches('\n').count(), tape.len());
        let read = records(&first);
        prop_assert_eq!(written(&read), first);
        for (read, written) in read.iter().zip(&tape) {
            match (read, written) {
                (Record::Chunk(read), Record::Chunk(written)) => {
                    prop_assert_eq!(&read.bytes, &written.bytes);
                    prop_assert_eq!(&read.redacted, &written.redacted);
                    prop_assert_eq!(read.at, written.at);
                }
                (Record::Request(read), Record::Request(written)) => {
                    prop_assert_eq!(&read.headers, &written.headers);
                    prop_assert_eq!(read.body.as_bytes(), written.body.as_bytes());
                    prop_assert_eq!(&read.target, &written.target);
                    prop_assert_eq!(&read.dropped, &written.dropped);
                }
                (Record::Response(read), Record::Response(written)) => {
                    prop_assert_eq!(&read.headers, &written.headers);
                    prop_assert_eq!(read.framing, written.framing);
                    prop_assert_eq!(&read.decoded, &written.decoded);
                }
                (Record::End(read), Record::End(written)) => {
                    prop_assert_eq!(&read.how, &written.how);
                    prop_assert_eq!(&read.detail, &written.detail);
                }
                (read, written) => {
                    prop_assert_eq!(std::mem::discriminant(read), std::mem::discriminant(written));
                }
            }
        }
    }
}

/// A header and whole interactions, one after the other.
fn tapes() -> impl Strategy<Value = Vec<Record>> {
    (headers_lines(), vec(interactions(), 0..4)).prop_map(|(header, interactions)| {
        let mut tape = vec![Record::Header(header)];
        for (index, records) in interactions.into_iter().enumerate() {
            let number = index as u64 + 1;
            tape.extend(records.into_iter().map(|mut record| {
                match &mut record {
                    Record::Request(request) => request.interaction = number,
                    Record::Response(response) => response.interaction = number,
                    Record::Chunk(chunk) => chunk.interaction = number,
                    Record::End(end) => end.interaction = number,
                    _ => {}
                }
                record
            }));
        }
        tape
    })
}

fn headers_lines() -> impl Strategy<Value = Header> {
    (
        any::<Option<String>>(),
        any::<bool>(),
        any::<bool>(),
        extra(),
    )
        .prop_map(|(title, synthetic, timing_unknown, extra)| {
            let mut header = Header::new();
            header.title = title;
            header.synthetic = synthetic;
            header.timing_unknown = timing_unknown;
            header.extra = extra;
            header
        })
}

fn interactions() -> impl Strategy<Value = Vec<Record>> {
    let parts = (
        requests(),
        responses(),
        vec(chunks(), 0..6),
        proptest::option::of(ends()),
    );
    parts.prop_map(|(request, response, mut chunks, end)| {
        chunks.sort_by_key(|chunk| chunk.at);
        let last = chunks
            .last()
            .map_or(response.at, |chunk| chunk.at.max(response.at));
        let mut records = vec![request.into(), Record::comment("\u{1}\"remark\"")];
        records.push(response.clone().into());
        records.extend(chunks.into_iter().map(|mut chunk| {
            chunk.at = chunk.at.max(response.at);
            chunk.into()
        }));
        records.extend(end.map(|mut end| {
            end.at = last;
            end.into()
        }));
        records
    })
}

fn requests() -> impl Strategy<Value = Request> {
    let parts = (
        any::<u64>(),
        any::<String>(),
        any::<String>(),
        headers(),
        vec(any::<String>(), 0..3),
    );
    let more = (bytes(0), any::<Option<String>>(), extra());
    (parts, more).prop_map(
        |((at, method, target, headers, dropped), (body, url, extra))| {
            let mut request = Request::new(0, method, target);
            request.at = Offset::from_micros(at);
            request.headers = headers;
            request.dropped = dropped;
            request.body = Body::from_bytes(body);
            request.url = url;
            request.extra = extra;
            request
        },
    )
}

fn responses() -> impl Strategy<Value = Response> {
    let framing = prop_oneof![
        Just(None),
        Just(Some(Framing::Chunked)),
        Just(Some(Framing::Length)),
        Just(Some(Framing::Close))
    ];
    (
        any::<u64>(),
        100..=999u16,
        framing,
        headers(),
        vec(any::<String>(), 0..3),
        extra(),
    )
        .prop_map(|(at, status, framing, headers, decoded, extra)| {
            let mut response = Response::new(0, Offset::from_micros(at), status);
            response.framing = framing;
            response.headers = headers;
            response.decoded = decoded;
            response.extra = extra;
            response
        })
}

fn chunks() -> impl Strategy<Value = Chunk> {
    (
        any::<u64>(),
        bytes(1),
        vec((any::<prop::sample::Index>(), any::<u64>()), 0..3),
    )
        .prop_map(|(at, bytes, masks)| {
            let mut chunk = Chunk::new(0, Offset::from_micros(at), bytes);
            chunk
                .redacted
                .extend(masks.into_iter().map(|(index, placeholder)| Redacted {
                    offset: index.index(chunk.bytes.len()),
                    length: 1,
                    placeholder,
                }));
            chunk
                .extra
                .extend(extra_value(placeholder_note(chunk.redacted.len())));
            chunk
        })
}

fn ends() -> impl Strategy<Value = End> {
    let how = prop_oneof![
        Just(How::Complete),
        Just(How::Reset),
        any::<String>().prop_map(|w| How::from(&w[..]))
    ];
    (
        how,
        any::<Option<u64>>(),
        any::<Option<String>>(),
        headers(),
        extra(),
    )
        .prop_map(|(how, bytes, detail, trailers, extra)| {
            let mut end = End::new(0, Offset::ZERO, how);
            end.bytes = bytes;
            end.detail = detail;
            end.trailers = trailers;
            end.extra = extra;
            end
        })
}

fn headers() -> impl Strategy<Value = Headers> {
    vec((any::<String>(), bytes(0)), 0..4).prop_map(Headers::from_iter)
}

/// Text, text that JSON escapes, and bytes that are no text.
fn bytes(least: usize) -> impl Strategy<Value = Bytes> {
    prop_oneof![
        vec(any::<u8>(), least..40).prop_map(Bytes::from),
        vec(
            prop::sample::select(&b"\"\\\n\r\t\x00\x1f\x7f aZ{}"[..]),
            least..40
        )
        .prop_map(Bytes::from),
        proptest::string::string_regex("[a-zä😀\u{1}]{1,40}")
            .unwrap()
            .prop_map(Bytes::from),
    ]
}

fn extra() -> impl Strategy<Value = Vec<(String, Box<RawValue>)>> {
    let value = prop::sample::select(&["1", "null", r#"{"a": [1e999]}"#, r#""\ud800""#][..]);
    vec(("x-[a-z\"\\\\é]{0,5}", value), 0..3).prop_map(|fields| {
        fields
            .into_iter()
            .map(|(key, value)| (key, RawValue::from_string(value.into()).unwrap()))
            .collect()
    })
}

fn placeholder_note(masks: usize) -> Option<&'static str> {
    [None, Some(r#"{"why":"key"}"#), Some("17")][masks % 3]
}

fn extra_value(text: Option<&str>) -> Option<Box<RawValue>> {
    text.map(|text| RawValue::from_string(text.to_owned()).unwrap())
}
