//! Tapes as live responses, on tokio's clock.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use eventsource_stream::Eventsource;
use futures::executor::block_on;
use futures::{FutureExt, Stream, StreamExt};
use proptest::prelude::*;
use rigtape::Offset;
use rigtape::cassette::{Chunk, End, Headers, How, Interaction, Reader, Request, Response};
use rigtape::live::TranscriptStream;
use rigtape::policy::{Policy, Rechunk, Timing};
use rigtape::replay::{Player, ReplayError, Source};
use tokio::time::Instant;

fn us(micros: u64) -> Offset {
    Offset::from_micros(micros)
}

/// A complete tape: head at 400 µs, these chunks, the end at the last one's time.
fn tape(chunks: &[(u64, &str)]) -> Interaction {
    let mut tape = Interaction::new(Request::new(1, "POST", "/v1/chat/completions"));
    tape.response = Some(Response::new(1, us(400), 200));
    tape.chunks = chunks
        .iter()
        .map(|(at, bytes)| Chunk::new(1, us(*at), bytes.to_string()))
        .collect();
    let last = chunks.last().map_or(400, |(at, _)| *at);
    tape.end = Some(End::new(1, us(last), How::Complete));
    tape
}

fn ended(how: How) -> Interaction {
    let mut tape = tape(&[(500, "data: 1\n\n"), (900, "da")]);
    tape.end = Some(End::new(1, us(1_000), how));
    tape
}

fn recorded() -> Player {
    Player::new(Policy::new().timing(Timing::Recorded))
}

/// Each item and how long after the start it came.
async fn clocked<S: Stream + Unpin>(mut stream: S) -> Vec<(Duration, S::Item)> {
    let start = Instant::now();
    let mut items = Vec::new();
    while let Some(item) = stream.next().await {
        items.push((start.elapsed(), item));
    }
    items
}

/// tokio's timer counts whole milliseconds and is never early.
fn next_milli(at: Offset) -> Duration {
    Duration::from_millis(at.as_micros().div_ceil(1_000))
}

/// Forty seconds: 2,000 chunks, 20 ms and a bit apart.
fn long_tape() -> Interaction {
    let chunks: Vec<(u64, &str)> = (1..=2_000).map(|i| (i * 20_017, "data: x\n\n")).collect();
    tape(&chunks)
}

#[tokio::test(start_paused = true)]
async fn forty_seconds_pass_in_no_time_with_every_piece_on_its_millisecond() {
    let tape = long_tape();
    let began = std::time::Instant::now();
    let played = clocked(recorded().stream(&tape)).await;
    assert!(began.elapsed() < Duration::from_secs(20));
    assert_eq!(played.len(), 2_000);
    for ((at, bytes), chunk) in played.iter().zip(&tape.chunks) {
        assert_eq!(*at, next_milli(chunk.at));
        assert_eq!(*bytes.as_ref().unwrap(), chunk.bytes);
    }
}

#[tokio::test(start_paused = true)]
async fn gaps_of_whole_milliseconds_are_exact() {
    let tape = tape(&[(5_000, "a"), (7_000, "b"), (40_007_000, "c")]);
    let times: Vec<_> = clocked(recorded().stream(&tape))
        .await
        .into_iter()
        .map(|(at, _)| at)
        .collect();
    assert_eq!(times, [5, 7, 40_007].map(Duration::from_millis));
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_does_not_shift_what_comes_later() {
    let tape = tape(&[(1_000_000, "a"), (2_000_000, "b"), (9_000_000, "c")]);
    let mut stream = recorded().stream(&tape);
    let start = Instant::now();
    stream.next().await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    stream.next().await.unwrap().unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(6));
    stream.next().await.unwrap().unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(9));
}

#[tokio::test(start_paused = true)]
async fn the_head_comes_at_its_time_and_the_body_counts_from_the_request() {
    let mut tape = tape(&[(2_500_000, "a")]);
    tape.response.as_mut().unwrap().at = us(2_000_000);
    tape.end.as_mut().unwrap().at = us(3_000_000);
    let start = Instant::now();
    let mut response = recorded().response(&tape).await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(2));
    assert_eq!(response.chunk().await.unwrap().unwrap(), "a");
    assert_eq!(start.elapsed(), Duration::from_millis(2_500));
    assert_eq!(response.chunk().await.unwrap(), None);
    assert_eq!(start.elapsed(), Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn a_stall_before_a_bad_end_is_played_too() {
    let mut tape = ended(How::Timeout);
    tape.end.as_mut().unwrap().at = us(60_000_000);
    let played = clocked(recorded().stream(&tape)).await;
    let (at, last) = played.last().unwrap();
    assert_eq!(*at, Duration::from_secs(60));
    assert_eq!(last.as_ref().unwrap_err().kind(), io::ErrorKind::TimedOut);
}

#[tokio::test(start_paused = true)]
async fn an_offset_beyond_every_clock_waits_and_does_not_panic() {
    let tape = tape(&[(u64::MAX, "a")]);
    let mut stream = recorded().stream(&tape);
    assert!(stream.next().now_or_never().is_none());
}

#[test]
fn at_once_needs_no_runtime() {
    let response = block_on(Player::default().response(&long_tape())).unwrap();
    let body: Bytes = block_on(response.bytes()).unwrap();
    assert_eq!(body.len(), 2_000 * 9);
}

#[test]
fn each_ending_is_what_a_live_client_would_have_met() {
    use io::ErrorKind::*;
    let endings = [
        (How::Eof, UnexpectedEof),
        (How::Reset, ConnectionReset),
        (How::Timeout, TimedOut),
        (How::Cancelled, ConnectionAborted),
        (How::Error, Other),
        (How::Failed, Other),
        (How::Lost, UnexpectedEof),
        (How::Other("melted".to_owned()), Other),
    ];
    for (how, kind) in endings {
        let mut items: Vec<_> = block_on(Player::default().stream(&ended(how.clone())).collect());
        let error = items.pop().unwrap().unwrap_err();
        assert_eq!(items.len(), 2, "{how:?}");
        assert_eq!(error.kind(), kind, "{how:?}");
        assert!(
            error.to_string().contains(&format!("`{}`", how.as_str())),
            "{error}"
        );
        assert_eq!(io::Error::from(error).kind(), kind);

        let quiet = Player::default().end_quietly(true).stream(&ended(how));
        assert!(
            block_on(quiet.collect::<Vec<_>>())
                .iter()
                .all(Result::is_ok)
        );
    }
}

#[test]
fn a_tape_without_end_breaks_off() {
    let mut tape = ended(How::Complete);
    tape.end = None;
    let last = block_on(Player::default().stream(&tape).collect::<Vec<_>>())
        .pop()
        .unwrap();
    insta::assert_snapshot!(last.unwrap_err(), @"interaction 1 broke off after 11 bytes: the tape has no end, so the recorder died");
    let mut tape = ended(How::Reset);
    tape.end.as_mut().unwrap().detail = Some("os error 104".to_owned());
    let last = block_on(Player::default().stream(&tape).collect::<Vec<_>>())
        .pop()
        .unwrap();
    insta::assert_snapshot!(last.unwrap_err(), @"interaction 1 broke off after 11 bytes at 1.0ms: the connection was reset (`reset`): os error 104");
}

#[test]
fn reqwest_knows_a_played_timeout_for_one() {
    let response = block_on(Player::default().response(&ended(How::Timeout))).unwrap();
    let error = block_on(response.bytes()).unwrap_err();
    assert!(error.is_timeout(), "{error:?}");

    let response = block_on(Player::default().response(&ended(How::Reset))).unwrap();
    let error = block_on(response.bytes()).unwrap_err();
    let mut causes = std::iter::successors(error.source(), |&error| error.source());
    let cause = causes
        .find_map(|error| error.downcast_ref::<io::Error>())
        .unwrap();
    assert_eq!(cause.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_failed_fails_again_when_it_did() {
    let mut tape = Interaction::new(Request::new(3, "POST", "/v1/chat/completions"));
    let mut end = End::new(3, us(5_000_000), How::Failed);
    end.detail = Some("dns error".to_owned());
    tape.end = Some(end);
    let start = Instant::now();
    let error = recorded().response(&tape).await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::from_secs(5));
    insta::assert_snapshot!(error, @"interaction 3 has no response to play: the request failed (`failed`): dns error");

    tape.end = None;
    let error = recorded().http_response(&tape).await.unwrap_err();
    assert!(matches!(
        error,
        ReplayError::NoResponse {
            interaction: 3,
            how: None,
            ..
        }
    ));
}

#[test]
fn the_head_is_the_tapes_without_what_described_its_transfer() {
    let mut tape = tape(&[(500, "{}")]);
    tape.request.url = Some("https://api.example.com/v1/chat/completions?a=1".to_owned());
    let head = tape.response.as_mut().unwrap();
    head.status = 429;
    head.version = Some("HTTP/2".to_owned());
    head.headers = Headers::from_iter([
        ("content-type", &b"application/json"[..]),
        ("content-length", b"999"),
        ("transfer-encoding", b"chunked"),
        ("content-encoding", b"gzip"),
        ("x-twice", b"1"),
        ("x-twice", b"2"),
        ("x-latin", b"caf\xe9"),
        ("retry-after", b"20"),
        ("retry-after-ms", b"20000"),
    ]);
    let response = block_on(Player::default().response(&tape)).unwrap();
    assert_eq!(response.status(), 429);
    assert_eq!(response.version(), reqwest::Version::HTTP_2);
    assert_eq!(
        response.url().as_str(),
        tape.request.url.as_deref().unwrap()
    );
    assert_eq!(response.content_length(), None);
    let headers: Vec<(&str, &[u8])> = response
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    assert_eq!(
        headers,
        [
            ("content-type", &b"application/json"[..]),
            ("x-twice", b"1"),
            ("x-twice", b"2"),
            ("x-latin", b"caf\xe9"),
            ("retry-after", b"0"),
            ("retry-after-ms", b"0"),
        ]
    );

    let kept = block_on(Player::default().keep_retry_after(true).response(&tape)).unwrap();
    assert_eq!(kept.headers()["retry-after"], "20");
}

#[tokio::test(start_paused = true)]
async fn a_paced_tape_keeps_its_retry_after() {
    let mut tape = tape(&[]);
    tape.response
        .as_mut()
        .unwrap()
        .headers
        .push("retry-after", "20");
    let response = recorded().http_response(&tape).await.unwrap();
    assert_eq!(response.headers()["retry-after"], "20");
}

#[test]
fn a_head_that_http_forbids_is_an_error() {
    let mut tape = tape(&[]);
    tape.response.as_mut().unwrap().status = 42;
    let error = block_on(Player::default().response(&tape)).unwrap_err();
    insta::assert_snapshot!(error, @"interaction 1: status 42 is outside 100 to 999");

    let head = tape.response.as_mut().unwrap();
    head.status = 200;
    head.headers.push("x-bad", "one\ntwo");
    let error = block_on(Player::default().response(&tape)).unwrap_err();
    insta::assert_snapshot!(error, @"interaction 1: header `x-bad` holds bytes that HTTP forbids");
}

#[test]
fn a_client_on_eventsource_stream_sees_the_same_events_in_every_cut() {
    let body = "id: 7\ndata: {\"text\":\"é😀\"}\n\nevent: ping\ndata:\n\n: note\ndata: a\ndata: b\n\ndata: [DONE]\n\n";
    let chunks: Vec<(u64, &str)> = body
        .split_inclusive(' ')
        .map(|piece| (500, piece))
        .collect();
    let tape = tape(&chunks);
    let events = |stream: reqwest::Response| {
        let events = stream.bytes_stream().eventsource().map(|event| {
            let event = event.unwrap();
            (event.event, event.data, event.id)
        });
        block_on(events.collect::<Vec<_>>())
    };
    let expected = events(reqwest::Response::from(http::Response::new(
        body.to_owned(),
    )));
    assert_eq!(expected.len(), 4);
    for rechunk in Rechunk::WORDS {
        let player = Player::new(Policy::new().rechunk(rechunk.parse().unwrap()));
        let response = block_on(player.response(&tape)).unwrap();
        assert_eq!(events(response), expected, "{rechunk}");
    }
}

#[test]
fn the_live_reader_gives_one_transcript_however_a_tape_is_cut() {
    let chat = rigtape::dialect::by_name("openai-chat").unwrap();
    let body = concat!(
        "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"é\"}}]}\n\n",
        ": note\n\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"😀\"},\"finish_reason\":\"stop\"}]}\n\n",
        "data: [DONE]\n\n",
    );
    let whole = tape(&[(500, body)]);
    let read = |tape: &Interaction, rechunk: &str| {
        let player = Player::new(Policy::new().rechunk(rechunk.parse().unwrap()));
        let response = block_on(player.response(tape)).unwrap();
        block_on(TranscriptStream::new(response.bytes_stream(), chat.assembler()).finish())
    };
    let (expected, _) = read(&whole, "recorded");
    assert_eq!(expected.text(), "é😀");
    for rechunk in Rechunk::WORDS {
        let (transcript, cut) = read(&whole, rechunk);
        assert_eq!(transcript, expected, "{rechunk}");
        assert!(cut.is_none());
    }

    let mut reset = tape(&[(500, &body[..100])]);
    reset.end = Some(End::new(1, us(600), How::Reset));
    let (transcript, cut) = read(&reset, "byte");
    assert_eq!(transcript.text(), "é");
    assert!(cut.is_some(), "a tape that was reset is no clean success");
}

const TWO: &str = concat!(
    "{\"rigtape\":1}\n",
    "{\"request\":1,\"at\":0,\"method\":\"POST\",\"target\":\"/a\",\"url\":\"http://up.example/a\"}\n",
    "{\"request\":2,\"at\":5,\"method\":\"POST\",\"target\":\"/b\"}\n",
    "{\"response\":2,\"at\":100,\"status\":201,\"headers\":[]}\n",
    "[2,200,\"two\"]\n",
    "{\"response\":1,\"at\":300,\"status\":200,\"headers\":[]}\n",
    "[1,400,\"on\"]\n",
    "{\"comment\":\"hello\"}\n",
    "[2,500,\" too\"]\n",
    "[1,600,\"e\"]\n",
    "{\"end\":2,\"at\":700,\"how\":\"reset\"}\n",
    "{\"end\":1,\"at\":800,\"how\":\"complete\"}\n",
);

fn reader(tape: &str) -> Reader<io::Cursor<Vec<u8>>> {
    Reader::new(io::Cursor::new(tape.as_bytes().to_vec()), "two.jsonl")
}

#[test]
fn an_interaction_is_played_while_its_cassette_is_read() {
    let one = Source::read(1, reader(TWO)).unwrap();
    let one = block_on(Player::default().response(one)).unwrap();
    assert_eq!(one.url().as_str(), "http://up.example/a");
    assert_eq!(block_on(one.text()).unwrap(), "one");

    let two = block_on(Player::default().response(Source::read(2, reader(TWO)).unwrap())).unwrap();
    assert_eq!(two.status(), 201);
    let items: Vec<_> = block_on(two.bytes_stream().collect());
    assert!(matches!(&items[..], [Ok(two), Ok(too), Err(_)] if two == "two" && too == " too"));

    let none = block_on(Player::default().response(Source::read(3, reader(TWO)).unwrap()));
    assert!(matches!(
        none,
        Err(ReplayError::NoResponse { interaction: 3, .. })
    ));
}

#[test]
fn a_broken_line_is_an_error_after_the_bytes_before_it() {
    let broken = TWO.replace("{\"comment\":\"hello\"}", "{\"comm");
    let source = Source::read(1, reader(&broken)).unwrap();
    let mut items: Vec<_> = block_on(Player::default().stream(source).collect());
    let error = items.pop().unwrap().unwrap_err();
    assert!(
        error.to_string().contains("two.jsonl") && error.to_string().contains('8'),
        "{error}"
    );
    assert_eq!(items.len(), 1);
    assert!(matches!(error, ReplayError::Unreadable(_)));

    let broken = TWO.replace("{\"response\":1", "{\"response\"");
    assert!(matches!(
        Source::read(1, reader(&broken)),
        Err(ReplayError::Unreadable(_))
    ));
}

#[test]
fn a_long_cassette_plays_in_bounded_memory() {
    let mut long = concat!(
        "{\"rigtape\":1}\n",
        "{\"request\":1,\"at\":0,\"method\":\"POST\",\"target\":\"/a\"}\n",
        "{\"response\":1,\"at\":1,\"status\":200,\"headers\":[]}\n",
    )
    .to_owned();
    let line = format!("[1,2,\"data: {}\\n\\n\"]\n", "x".repeat(1_000));
    let lines = 40_000;
    long.push_str(&line.repeat(lines));
    long.push_str("{\"end\":1,\"at\":3,\"how\":\"complete\"}\n");
    let reader = reader(&long);
    let player = Player::new(Policy::new().rechunk(Rechunk::Seed(1)));
    let mut bytes = 0;
    let used = allocation_counter::measure(|| {
        let stream = player.stream(Source::read(1, reader).unwrap());
        bytes = block_on(
            stream
                .map(|piece| piece.unwrap().len())
                .fold(0, async |a, b| a + b),
        );
    });
    assert_eq!(bytes, lines * 1_008);
    assert!(used.bytes_max < 1 << 20, "{} bytes at once", used.bytes_max);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_stream_is_the_policy_on_a_clock(
        gaps in prop::collection::vec((0..900_000_u64, "[a-z\n:]{1,20}"), 0..20),
        timing in prop::sample::select(&Timing::WORDS[..]),
        rechunk in prop::sample::select(&Rechunk::WORDS[..]),
    ) {
        let mut at = 400;
        let chunks: Vec<(u64, &str)> = gaps
            .iter()
            .map(|(gap, text)| {
                at += gap;
                (at, text.as_str())
            })
            .collect();
        let tape = tape(&chunks);
        let policy = Policy::new().timing(timing.parse().unwrap()).rechunk(rechunk.parse().unwrap());
        let expected: Vec<_> = policy
            .play(us(400), tape.chunks.iter().map(|chunk| Ok::<_, ()>(chunk.into())))
            .map(|piece| piece.map(|piece| (next_milli(piece.at), piece.bytes)).unwrap())
            .collect();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let played = runtime.block_on(clocked(Player::new(policy).stream(&tape)));
        let played: Vec<_> = played.into_iter().map(|(at, bytes)| (at, bytes.unwrap())).collect();
        prop_assert_eq!(played, expected);
    }
}
