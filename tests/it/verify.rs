use rigtape::Offset;
use rigtape::cassette::{Chunk, End, How, Interaction, Request, Response};
use rigtape::dialect::Answer;
use rigtape::verify::{self, Breach, Options};

const EVENT: &[u8] =
    b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}]}\n\n";

fn tape(chunks: &[&[u8]]) -> Interaction {
    let mut of = Interaction::new(Request::new(1, "POST", "/v1/chat/completions"));
    let mut head = Response::new(1, Offset::ZERO, 200);
    head.headers.push("content-type", "text/event-stream");
    of.response = Some(head);
    let chunk = |bytes: &&[u8]| Chunk::new(1, Offset::ZERO, bytes.to_vec());
    of.chunks = chunks.iter().map(chunk).collect();
    of.end = Some(End::new(1, Offset::ZERO, How::Complete));
    of
}

#[test]
fn a_small_body_is_cut_at_every_byte_and_a_large_one_at_a_seeded_sample() {
    let small = verify::interaction(&tape(&[EVENT]), &Options::default());
    assert!(small.every_byte && small.breaches.is_empty());
    assert_eq!(
        small.cuts,
        EVENT.len() as u64 + 2,
        "each byte, byte by byte, recorded"
    );
    assert!(matches!(small.answer, Some(Answer::Transcript(_))));

    let body = EVENT.repeat(200);
    let large = verify::interaction(&tape(&[&body]), &Options::default());
    assert!(!large.every_byte && large.breaches.is_empty());
    assert!((10..1_000).contains(&large.cuts), "{} cuts", large.cuts);
}

#[test]
fn exhaustive_means_every_byte() {
    let body = EVENT.repeat(60);
    let sampled = verify::interaction(&tape(&[&body]), &Options::default());
    assert!(!sampled.every_byte);
    let all = verify::interaction(&tape(&[&body]), &Options::default().exhaustive(true));
    assert_eq!((all.every_byte, all.cuts), (true, body.len() as u64 + 2));
}

#[test]
fn an_end_that_counts_otherwise_is_a_breach() {
    let mut of = tape(&[EVENT]);
    let end = of.end.as_mut().unwrap();
    end.chunks = Some(3);
    end.bytes = Some(EVENT.len() as u64);
    let breaches = verify::interaction(&of, &Options::default()).breaches;
    let (what, said, held) = ("chunks", 3, 1);
    assert_eq!(breaches, [Breach::Count { what, said, held }]);
    assert_eq!(
        breaches[0].to_string(),
        "its end says 3 chunks, the tape holds 1: lines were lost or edited"
    );
}

#[test]
fn a_request_without_answer_and_a_body_of_no_model_hold_too() {
    let mut unanswered = tape(&[]);
    unanswered.response = None;
    let checked = verify::interaction(&unanswered, &Options::default());
    assert!(checked.answer.is_none() && checked.breaches.is_empty());

    let mut page = tape(&[b"<html>", b"</html>"]);
    page.response.as_mut().unwrap().headers = [("content-type", "text/html")].into_iter().collect();
    let checked = verify::interaction(&page, &Options::default());
    assert!(matches!(checked.answer, Some(Answer::Opaque(_))) && checked.breaches.is_empty());
    assert!(checked.cuts > 0 && !checked.every_byte);
}

#[cfg(feature = "verify")]
mod clients {
    use super::*;

    /// What a client's decoder does with the body in these chunks.
    fn troubles(chunks: &[&[u8]]) -> Vec<String> {
        let breaks = verify::clients(&tape(chunks));
        breaks.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_ordinary_stream_is_read_alike_in_every_piece() {
        let crlf = b"event: x\r\nid: 7\r\ndata: a\r\n\r\n: note\r\n\r\ndata: b\r\n\r\n";
        assert_eq!(troubles(&[EVENT, b"data: [DONE]\n\n"]), [""; 0]);
        assert_eq!(troubles(&[EVENT, crlf]), [""; 0]);
    }

    #[test]
    fn a_byte_order_mark_makes_it_panic_and_that_is_told() {
        let told = troubles(&[b"\xEF\xBB\xBF", EVENT]);
        assert_eq!(told, ["eventsource-stream panics after 0 events"]);
    }

    #[test]
    fn a_byte_that_is_no_utf8_silences_it_and_that_is_told() {
        let told = troubles(&[EVENT, b"data: \xFF\n\n", EVENT]);
        assert_eq!(
            told,
            ["eventsource-stream fails after 1 events: bytes that are not UTF-8"]
        );
    }

    #[test]
    fn it_is_not_run_where_its_time_is_quadratic() {
        let mut body = b"data: \"".to_vec();
        body.resize(4 << 20, b'x');
        body.extend_from_slice(b"\"\n\n");
        let pieces: Vec<&[u8]> = body.chunks(64).collect();
        let mut chunks: Vec<&[u8]> = vec![EVENT];
        chunks.extend(pieces);
        let told = troubles(&chunks);
        assert!(told[0].contains("quadratic time"), "{told:?}");
        assert_eq!(told.len(), 1);
    }

    #[test]
    fn what_is_no_event_stream_is_nothing_to_it() {
        assert_eq!(troubles(&[b"{\"choices\":[]}"]), [""; 0]);
    }
}
