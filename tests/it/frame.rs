mod json;
mod properties;

use std::{ops::Range, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
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
