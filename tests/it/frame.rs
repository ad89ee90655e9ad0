use std::{num::NonZeroUsize, ops::Range, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
use futures::StreamExt;
use proptest::{collection::vec, prelude::*, sample::select};
use rigtape::frame::{Event, Field, Frame, FrameError, FrameKind, Framer, Framing, Last};

/// A frame without its borrows.
#[derive(Debug, Clone, PartialEq)]
struct Got {
    number: u64,
    span: Range<u64>,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Event(Owned),
    Comment(String),
    Json(String),
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Owned {
    name: String,
    data: Option<String>,
    id: Option<String>,
    last_event_id: String,
    retry: Option<u64>,
    unknown: Vec<Field>,
}

impl From<Frame<'_>> for Got {
    fn from(frame: Frame<'_>) -> Self {
        let kind = match frame.kind {
            FrameKind::Event(event) => Kind::Event(Owned {
                name: event.name.to_owned(),
                data: event.data.map(str::to_owned),
                id: event.id.map(str::to_owned),
                last_event_id: event.last_event_id.to_owned(),
                retry: event.retry,
                unknown: event.unknown.to_vec(),
            }),
            FrameKind::Comment(text) => Kind::Comment(text.to_owned()),
            FrameKind::Json(text) => Kind::Json(text.to_owned()),
            other => panic!("unknown kind {other:?}"),
        };
        Self {
            number: frame.number,
            span: frame.span,
            kind,
        }
    }
}

/// Everything a framer says about one body.
#[derive(Debug, Default, PartialEq)]
struct Reading {
    frames: Vec<Got>,
    torn: Vec<Got>,
    error: Option<FrameError>,
    last_event_id: String,
    reconnection_time: Option<u64>,
}

impl Reading {
    fn events(&self) -> impl Iterator<Item = &Owned> {
        self.frames.iter().filter_map(|frame| match &frame.kind {
            Kind::Event(event) => Some(event),
            _ => None,
        })
    }

    fn texts(&self) -> Vec<&str> {
        let text = |frame| match frame {
            &Got {
                kind: Kind::Json(ref text),
                ..
            } => text.as_str(),
            other => panic!("not JSON: {other:?}"),
        };
        self.frames.iter().map(text).collect()
    }
}

fn read<'c>(mut framer: Framer, chunks: impl IntoIterator<Item = &'c [u8]>) -> Reading {
    let mut reading = Reading::default();
    'body: for chunk in chunks {
        let mut input = chunk;
        loop {
            match framer.next(&mut input) {
                Ok(Some(frame)) => reading.frames.push(frame.into()),
                Ok(None) => break,
                Err(error) => {
                    reading.error = Some(error);
                    break 'body;
                }
            }
        }
        assert!(
            input.is_empty(),
            "a framer that asks for more has taken all"
        );
    }
    while let Some(last) = framer.finish() {
        match last {
            Last::Frame(frame) => reading.frames.push(frame.into()),
            Last::Torn(frame) => reading.torn.push(frame.into()),
            other => panic!("unknown ending {other:?}"),
        }
    }
    reading.last_event_id = framer.last_event_id().to_owned();
    reading.reconnection_time = framer.reconnection_time();
    reading
}

fn read_whole(framing: Framing, body: &[u8]) -> Reading {
    read(Framer::new(framing), [body])
}

/// `body` cut at every one of `cuts`, which need neither order nor sense.
fn cut(body: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (body.len() + 1)).collect();
    cuts.extend([0, body.len()]);
    cuts.sort_unstable();
    cuts.windows(2)
        .map(|pair| body[pair[0]..pair[1]].to_vec())
        .collect()
}

fn slices(chunks: &[Vec<u8>]) -> impl Iterator<Item = &[u8]> {
    chunks.iter().map(Vec::as_slice)
}

#[derive(serde::Deserialize)]
struct Cases {
    cases: Vec<Case>,
}

#[derive(serde::Deserialize)]
struct Case {
    name: String,
    input_b64: String,
    expected: Vec<Expected>,
    r#final: Final,
    lenient: Vec<String>,
}

#[derive(serde::Deserialize)]
struct Expected {
    event: String,
    data: String,
    id: String,
    retry: Option<u64>,
}

#[derive(serde::Deserialize)]
struct Final {
    last_event_id: String,
    reconnection_ms: Option<u64>,
}

impl Case {
    fn check(&self, reading: &Reading) {
        let name = &self.name;
        let strict = !self.lenient.iter().any(|key| key == "retry");
        let events: Vec<_> = reading
            .events()
            .filter(|event| event.data.is_some())
            .collect();
        assert_eq!(events.len(), self.expected.len(), "{name}: {events:?}");
        for (event, expected) in events.into_iter().zip(&self.expected) {
            let kind = if event.name.is_empty() {
                "message"
            } else {
                &event.name
            };
            assert_eq!(kind, expected.event, "{name}");
            assert_eq!(event.data.as_ref(), Some(&expected.data), "{name}");
            assert_eq!(event.last_event_id, expected.id, "{name}");
            assert!(
                !strict || event.retry == expected.retry,
                "{name}: {event:?}"
            );
        }
        assert_eq!(reading.last_event_id, self.r#final.last_event_id, "{name}");
        assert!(
            !strict || reading.reconnection_time == self.r#final.reconnection_ms,
            "{name}"
        );
    }
}

#[test]
fn every_case_of_the_standard_in_every_two_way_cut_and_byte_by_byte() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/sse_cases.json");
    let Ok(text) = std::fs::read(&path) else {
        eprintln!("SKIPPED: no ../shared/sse_cases.json beside the package");
        return;
    };
    let Cases { cases } = serde_json::from_slice(&text).expect("the cases are JSON");
    assert_eq!(cases.len(), 118);
    for case in cases {
        let input = STANDARD.decode(&case.input_b64).expect("base64");
        let whole = read_whole(Framing::Sse, &input);
        case.check(&whole);
        assert_eq!(
            read(Framer::new(Framing::Sse), input.chunks(1)),
            whole,
            "{}",
            case.name
        );
        for at in 0..=input.len() {
            let (a, b) = input.split_at(at);
            let reading = read(Framer::new(Framing::Sse), [a, b]);
            assert_eq!(reading, whole, "{} cut at {at}", case.name);
        }
    }
}

/// Pieces of event streams in senseless order, valid UTF-8 unless `bytes` adds others.
fn soup(bytes: &'static [&'static [u8]]) -> impl Strategy<Value = Vec<u8>> {
    const PIECES: &[&[u8]] = &[
        b"\r",
        b"\n",
        b"\r\n",
        b"\n\n",
        b"\r\n\r\n",
        b"\r",
        b"\n",
        b":",
        b":",
        b" ",
        b"data",
        b"data",
        b"data:",
        b"data: x",
        b"event",
        b"event: e",
        b"id",
        b"id: 7",
        b"retry",
        b"retry: 50",
        b"error: {}",
        b"\0",
        b"4",
        b"x",
        b": ping\n",
        "é".as_bytes(),
        "\u{2028}".as_bytes(),
        "👍".as_bytes(),
    ];
    let pieces: Vec<&[u8]> = PIECES.iter().chain(bytes).copied().collect();
    vec(select(pieces), 0..40).prop_map(|pieces| pieces.concat())
}

const ILL_FORMED: &[&[u8]] = &[
    b"\xEF\xBB\xBF",
    b"\xEF",
    b"\xBB",
    b"\xFF",
    b"\xE4\xBD",
    b"\xF0\x9F",
    b"\xED\xA0\x80",
    b"\xC0\xAF",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn sse_agrees_with_eventsource_stream_where_that_is_sound(body in soup(&[]), cuts in vec(any::<usize>(), 0..6)) {
        prop_assume!(body.last() != Some(&b'\r'));
        let chunks = cut(&body, &cuts).into_iter().map(Ok::<_, std::convert::Infallible>);
        let stream = eventsource_stream::EventStream::new(futures::stream::iter(chunks));
        let theirs: Vec<_> = futures::executor::block_on(stream.collect::<Vec<_>>())
            .into_iter()
            .map(|event| event.expect("sound input"))
            .map(|event| (event.event, event.data, event.id, event.retry.map(|time| time.as_millis() as u64)))
            .collect();
        prop_assert_eq!(theirs, dispatched(&read_whole(Framing::Sse, &body)));
    }

    #[test]
    fn sse_agrees_with_sse_core(body in soup(ILL_FORMED)) {
        let mut decoder = sse_core::SseDecoder::with_limit(NonZeroUsize::MAX);
        let mut buf = bytes::Bytes::from(body.clone());
        let (mut theirs, mut time) = (Vec::new(), None);
        while let Some(event) = decoder.next(&mut buf) {
            match event.expect("no ceiling") {
                sse_core::SseEvent::Message(event) => {
                    theirs.push((event.event.into_owned(), event.data, event.last_event_id.as_deref().unwrap_or("").to_owned()));
                }
                sse_core::SseEvent::Retry(retry) => time = Some(u64::from(retry)),
            }
        }
        let reading = read_whole(Framing::Sse, &body);
        let ours: Vec<_> = dispatched(&reading).into_iter().map(|(name, data, id, _)| (name, data, id)).collect();
        prop_assert_eq!(theirs, ours);
        prop_assert_eq!(time, reading.reconnection_time);
        prop_assert_eq!(decoder.last_event_id().map_or("", |id| id), &reading.last_event_id);
    }

    #[test]
    fn a_cut_changes_nothing_in_any_framing(
        body in prop_oneof![soup(ILL_FORMED), json_soup()],
        cuts in vec(any::<usize>(), 0..6),
        limit in prop_oneof![Just(usize::MAX >> 1), 1..80usize],
    ) {
        for framing in [Framing::Sse, Framing::NdJson, Framing::JsonArray, Framing::Whole] {
            let framer = Framer::with_limit(framing, limit);
            let whole = read(framer.clone(), [&body[..]]);
            prop_assert_eq!(&read(framer.clone(), body.chunks(1)), &whole, "{:?} byte by byte", framing);
            prop_assert_eq!(&read(framer, slices(&cut(&body, &cuts))), &whole, "{:?} cut at {:?}", framing, cuts);
        }
    }

    #[test]
    fn spans_lie_in_the_body_and_events_do_not_overlap(body in soup(ILL_FORMED)) {
        let reading = read_whole(Framing::Sse, &body);
        let mut end = 0;
        for (n, frame) in reading.frames.iter().enumerate() {
            prop_assert_eq!(frame.number, n as u64 + 1);
            prop_assert!(frame.span.start < frame.span.end && frame.span.end <= body.len() as u64);
            if let Kind::Event(_) = frame.kind {
                prop_assert!(frame.span.start >= end);
                end = frame.span.end;
            }
        }
    }

    #[test]
    fn what_is_encoded_is_decoded(body in soup(ILL_FORMED)) {
        let first = read_whole(Framing::Sse, &body);
        // The front keeps a byte order mark in the first field's name from being one.
        let mut wire = b"\n".to_vec();
        let mut framer = Framer::new(Framing::Sse);
        let mut input = &body[..];
        while let Some(frame) = framer.next(&mut input).expect("no ceiling") {
            frame.encode(&mut wire);
        }
        while let Some(Last::Frame(frame)) = framer.finish() {
            frame.encode(&mut wire);
        }
        let second = read_whole(Framing::Sse, &wire);
        let kinds = |reading: &Reading| reading.frames.iter().map(|frame| frame.kind.clone()).collect::<Vec<_>>();
        prop_assert_eq!(kinds(&first), kinds(&second));
    }

    #[test]
    fn array_elements_are_found_however_they_are_set(values in vec(json_value(), 0..6), pretty: bool, cuts in vec(any::<usize>(), 0..6)) {
        let texts: Vec<_> = values
            .iter()
            .map(|value| if pretty { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) })
            .collect::<Result<_, _>>()
            .expect("JSON");
        let (open, comma, close) = if pretty { ("[ ", "\r\n,\n", "\n]\n") } else { ("[", ",", "]") };
        let body = format!("{open}{}{close}", texts.join(comma)).into_bytes();
        let reading = read(Framer::new(Framing::JsonArray), slices(&cut(&body, &cuts)));
        prop_assert_eq!(reading.texts(), texts.iter().map(String::as_str).collect::<Vec<_>>());
        prop_assert!(reading.torn.is_empty());
        for frame in &reading.frames {
            let span = &body[frame.span.start as usize..frame.span.end as usize];
            prop_assert_eq!(Kind::Json(String::from_utf8_lossy(span).into_owned()), frame.kind.clone());
        }
    }
}

/// The events the standard dispatches: type, data, last event id, retry.
fn dispatched(reading: &Reading) -> Vec<(String, String, String, Option<u64>)> {
    let name = |event: &Owned| {
        if event.name.is_empty() {
            "message".to_owned()
        } else {
            event.name.clone()
        }
    };
    reading
        .events()
        .filter_map(|event| {
            Some((
                name(event),
                event.data.clone()?,
                event.last_event_id.clone(),
                event.retry,
            ))
        })
        .collect()
}

fn json_soup() -> impl Strategy<Value = Vec<u8>> {
    const PIECES: &[&[u8]] = &[
        b"[",
        b"]",
        b"{",
        b"}",
        b",",
        b"\"",
        b"\"",
        b"\\",
        b"\\\"",
        b"\n",
        b"\r\n",
        b" ",
        b"1",
        b"null",
        b"{}",
        b"{\"a\":[1]}",
        b"\"]\"",
        b":",
        b"\xEF\xBB\xBF",
        b"\xEF",
        b"\xFF",
        "é".as_bytes(),
    ];
    vec(select(PIECES), 0..30).prop_map(|pieces| pieces.concat())
}

fn json_value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        "[\\[\\]{}\",\\\\a é\n]{0,6}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(serde_json::Value::Array),
            vec(("[\"\\\\\\]}a]{0,3}", inner), 0..4)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

#[test]
fn comments_and_unknown_fields_are_kept() {
    let reading = read_whole(
        Framing::Sse,
        b": ping\n\ndata: a\n:in\nerror: {\"e\":1}\nnote\n\n",
    );
    let unknown = [("error", "{\"e\":1}"), ("note", "")]
        .map(|(name, value)| Field {
            name: name.to_owned(),
            value: value.to_owned(),
        })
        .to_vec();
    let event = Owned {
        data: Some("a".to_owned()),
        unknown,
        ..Owned::default()
    };
    assert_eq!(
        reading.frames,
        [
            Got {
                number: 1,
                span: 0..7,
                kind: Kind::Comment(" ping".to_owned())
            },
            Got {
                number: 2,
                span: 16..20,
                kind: Kind::Comment("in".to_owned())
            },
            Got {
                number: 3,
                span: 8..41,
                kind: Kind::Event(event)
            },
        ]
    );
}

#[test]
fn a_block_without_data_is_a_frame_unless_it_is_blank() {
    let reading = read_whole(
        Framing::Sse,
        b"\n\nevent: ping\n\n\r\nid: 4\n\nfoo\n\nretry: x\n\n\n",
    );
    let events: Vec<_> = reading.events().collect();
    assert_eq!(events.len(), 4);
    assert!(events.iter().all(|event| event.data.is_none()));
    assert_eq!(
        (events[0].name.as_str(), events[1].id.as_deref()),
        ("ping", Some("4"))
    );
    assert_eq!(
        events[3],
        &Owned {
            last_event_id: "4".to_owned(),
            ..Owned::default()
        }
    );
}

#[test]
fn a_span_takes_the_whole_line_end_of_a_crlf_stream() {
    let spans = |body: &[u8]| {
        read_whole(Framing::Sse, body)
            .frames
            .into_iter()
            .map(|frame| frame.span)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        spans(b": c\r\ndata: a\r\n\r\ndata: b\r\n\r\n"),
        [0..5, 5..16, 16..27]
    );
    assert_eq!(spans(b"data: a\n\ndata: b\n\n"), [0..9, 9..18]);
    assert_eq!(spans(b"data: a\r\rdata: b\r\r"), [0..9, 9..18]);
}

#[test]
fn an_event_of_a_cr_stream_is_not_kept_waiting() {
    let mut framer = Framer::new(Framing::Sse);
    let mut input = &b"event: x\rdata: a\r\r"[..];
    assert!(framer.next(&mut input).expect("fits").is_some());
}

#[test]
fn the_torn_block_can_be_looked_at_but_changes_nothing() {
    let reading = read_whole(
        Framing::Sse,
        b"data: a\n\nid: 9\nretry: 1\ndata: b\ndata: [DO",
    );
    assert_eq!(reading.frames.len(), 1);
    assert_eq!(
        (reading.last_event_id.as_str(), reading.reconnection_time),
        ("", Some(1))
    );
    let [torn] = &reading.torn[..] else {
        panic!("one torn block: {:?}", reading.torn)
    };
    assert_eq!((torn.number, torn.span.clone()), (2, 9..41));
    let Kind::Event(event) = &torn.kind else {
        panic!("an event")
    };
    assert_eq!(
        (event.data.as_deref(), event.id.as_deref()),
        (Some("b\n[DO"), Some("9"))
    );
    let torn_retry = read_whole(Framing::Sse, b"retry: 1");
    assert_eq!(
        (
            torn_retry.frames.len(),
            torn_retry.torn.len(),
            torn_retry.reconnection_time
        ),
        (0, 1, None)
    );
}

#[test]
fn ndjson_lines_blank_lines_and_the_last_one() {
    let reading = read_whole(
        Framing::NdJson,
        b"\xEF\xBB\xBF{\"a\":1}\r\n\n \r\nnot json\n{\"b\":\xFF}\n{\"c\":3}",
    );
    assert_eq!(
        reading.texts(),
        ["{\"a\":1}", "not json", "{\"b\":\u{FFFD}}", "{\"c\":3}"]
    );
    assert_eq!(reading.frames[0].span, 0..12);
    let torn = read_whole(Framing::NdJson, b"{}\n{\"c\":");
    assert_eq!(
        (torn.texts(), torn.torn[0].span.clone()),
        (vec!["{}"], 3..8)
    );
}

#[test]
fn array_gives_garbage_on_and_keeps_the_torn_element() {
    let texts = |body: &str| {
        let reading = read_whole(Framing::JsonArray, body.as_bytes());
        let torn = reading.torn.len();
        (reading.texts().join("|"), torn)
    };
    assert_eq!(
        texts("[{\"a\":\"]}\\\"\"},\n,oops {}]"),
        ("{\"a\":\"]}\\\"\"}|oops|{}".to_owned(), 0)
    );
    assert_eq!(texts("[{\"a\":1},{\"b\""), ("{\"a\":1}".to_owned(), 1));
    assert_eq!(texts("{\"error\":{}}\n"), ("{\"error\":{}}".to_owned(), 0));
    assert_eq!(texts(",]{}"), ("]|{}".to_owned(), 0));
    assert_eq!(texts("[1] [2]"), ("1|[2]".to_owned(), 0));
    assert_eq!(texts("[\n]"), (String::new(), 0));
    let deep = "[".repeat(1 << 20);
    assert_eq!(texts(&deep), (String::new(), 1));
}

#[test]
fn whole_gives_the_body_once() {
    let mut framer = Framer::new(Framing::Whole);
    let reading = read(framer.clone(), [&b"{\"a\""[..], b":\xFF}"]);
    assert_eq!(reading.texts(), ["{\"a\":\u{FFFD}}"]);
    assert_eq!(framer.finish(), None, "nothing came");
}

#[test]
fn the_ceiling_is_an_error_that_stays() {
    for (framing, body, at) in [
        (Framing::Sse, "data: 12345678\n\ndata: 123456789\n\n", 30),
        (Framing::Sse, "data: 12345678\n\ndata: 1234\ndata\n\n", 30),
        (Framing::NdJson, "{}\n12345678901234\n123456789012345\n", 32),
        (Framing::JsonArray, "[12345678901234,123456789012345]", 30),
    ] {
        let mut framer = Framer::with_limit(framing, 14);
        let mut input = body.as_bytes();
        let mut frames = 0;
        let error = loop {
            match framer.next(&mut input) {
                Ok(Some(_)) => frames += 1,
                Ok(None) => panic!("{body:?} fits"),
                Err(error) => break error,
            }
        };
        assert_eq!(
            error,
            FrameError::TooLong {
                frame: frames + 1,
                at,
                limit: 14
            },
            "{body:?}"
        );
        assert_eq!(framer.next(&mut &b"\n\ndata: x\n\n"[..]), Err(error));
        assert_eq!(framer.finish(), None);
    }
    let message = FrameError::TooLong {
        frame: 3,
        at: 90,
        limit: 14,
    }
    .to_string();
    assert_eq!(
        message,
        "frame 3 is longer than the ceiling of 14 bytes (passed at byte 90 of the body)"
    );
}

#[test]
fn one_data_line_in_one_chunk_is_not_copied() {
    let body = b"event: e\ndata: {\"a\":1}\n\n";
    let mut framer = Framer::new(Framing::Sse);
    let frame = framer
        .next(&mut &body[..])
        .expect("fits")
        .expect("complete");
    let FrameKind::Event(Event {
        data: Some(data), ..
    }) = frame.kind
    else {
        panic!("{frame:?}")
    };
    assert!(body.as_ptr_range().contains(&data.as_ptr()));
}

#[test]
fn a_warm_framer_allocates_nothing() {
    let sse = "event: delta\nid: 12\n: c\r\ndata: {\"text\":\"é\"}\ndata: more\n\ndata: {\"text\":\"plain\"}\r\n\r\n".repeat(50);
    let json = "[{\"a\":[1,\"two\"]} ,\n{\"b\":\"é\"}]\n".repeat(50);
    for (framing, body) in [
        (Framing::Sse, sse),
        (Framing::NdJson, json.clone()),
        (Framing::JsonArray, json),
    ] {
        let mut framer = Framer::new(framing);
        let pass = |framer: &mut Framer| {
            for size in [1, 7, 64, 4096] {
                for mut input in body.as_bytes().chunks(size) {
                    while framer.next(&mut input).expect("fits").is_some() {}
                }
            }
        };
        pass(&mut framer);
        let cost = allocation_counter::measure(|| pass(&mut framer));
        assert_eq!(cost.count_total, 0, "{framing:?}");
    }
}

#[test]
fn a_framer_can_move_to_a_task_and_be_copied() {
    fn check<T: Clone + std::fmt::Debug + Send + Sync + 'static>() {}
    check::<Framer>();
}
