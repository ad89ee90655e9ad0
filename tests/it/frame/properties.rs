//! What holds for any bytes: the oracles agree, a cut changes nothing, encoding is undone by decoding.

use std::num::NonZeroUsize;

use futures::StreamExt;
use proptest::{collection::vec, prelude::*, sample::select};
use rigtape::frame::{Framer, Framing, Last};

use super::{Kind, Owned, Reading, read, read_whole};

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
    fn sse_agrees_with_eventsource_stream_where_that_is_sound(mut body in soup(&[]), cuts in vec(any::<usize>(), 0..6)) {
        if body.last() == Some(&b'\r') {
            body.push(b'x');
        }
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
