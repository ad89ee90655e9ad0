//! Policies change when and in what pieces a body comes, and nothing else.

use std::time::Duration;

use proptest::prelude::*;
use rigtape::Offset;
use rigtape::policy::{ParsePolicyError, Policy, Rechunk, Speed, TimedChunk, Timing};

fn us(micros: u64) -> Offset {
    Offset::from_micros(micros)
}

fn chunk(at: u64, bytes: &str) -> TimedChunk {
    TimedChunk::new(us(at), bytes.to_owned())
}

fn play(policy: &Policy, tape: &[TimedChunk]) -> Vec<TimedChunk> {
    policy.apply(tape.iter().cloned()).collect()
}

fn as_recorded(rechunk: Rechunk) -> Policy {
    Policy::new().timing(Timing::Recorded).rechunk(rechunk)
}

fn texts(pieces: &[TimedChunk]) -> Vec<&str> {
    pieces
        .iter()
        .map(|piece| std::str::from_utf8(&piece.bytes).unwrap())
        .collect()
}

fn offsets(pieces: &[TimedChunk]) -> Vec<u64> {
    pieces.iter().map(|piece| piece.at.as_micros()).collect()
}

fn joined(pieces: &[TimedChunk]) -> Vec<u8> {
    pieces
        .iter()
        .flat_map(|piece| piece.bytes.to_vec())
        .collect()
}

#[test]
fn the_default_plays_recorded_chunks_at_once() {
    let tape = [chunk(40, "a"), chunk(90, "bc")];
    assert_eq!(play(&Policy::new(), &tape), [chunk(0, "a"), chunk(0, "bc")]);
}

#[test]
fn a_speed_factor_divides_every_absolute_offset() {
    let tape: Vec<_> = (1..=1_000).map(|i| chunk(i * 333_333, "x")).collect();
    let played = play(&Policy::new().timing("1.5x".parse().unwrap()), &tape);
    let expected: Vec<u64> = (1..=1_000).map(|i| i * 222_222).collect();
    assert_eq!(offsets(&played), expected);

    let slow = play(&Policy::new().timing("0.000001x".parse().unwrap()), &tape);
    assert_eq!(slow[0].at, us(333_333_000_000));
    let far = play(
        &Policy::new().timing("0.5x".parse().unwrap()),
        &[chunk(u64::MAX, "x")],
    );
    assert_eq!(far[0].at, us(u64::MAX));
}

#[test]
fn a_ceiling_cuts_long_gaps_and_leaves_short_ones() {
    let tape = [
        chunk(700, "a"),
        chunk(900, "b"),
        chunk(60_000_900, "c"),
        chunk(60_000_950, "d"),
    ];
    let policy = Policy::new().timing(Timing::MaxGap(Duration::from_micros(500)));
    assert_eq!(offsets(&play(&policy, &tape)), [500, 700, 1_200, 1_250]);
}

#[test]
fn a_fixed_gap_holds_between_the_pieces_that_are_seen() {
    let tape = [chunk(5, "data: 1\n\ndata: 2\n\ndata: 3\n\n")];
    let policy = Policy::new()
        .timing(Timing::Gap(Duration::from_millis(20)))
        .rechunk(Rechunk::Frame);
    assert_eq!(offsets(&play(&policy, &tape)), [20_000, 40_000, 60_000]);
}

#[test]
fn head_and_end_are_placed_by_the_same_rule() {
    let placed = |timing: &str| {
        let policy = Policy::new().timing(timing.parse().unwrap());
        let mut playing = policy.play(us(1_000), [Ok::<_, ()>(chunk(1_400, "a"))]);
        let (head, body) = (playing.head(), playing.next().unwrap().unwrap().at);
        assert_eq!(playing.next(), None);
        [head, body, playing.end(us(31_000))].map(Offset::as_micros)
    };
    assert_eq!(placed("instant"), [0, 0, 0]);
    assert_eq!(placed("recorded"), [1_000, 1_400, 31_000]);
    assert_eq!(placed("2x"), [500, 700, 15_500]);
    assert_eq!(placed("max-gap=600us"), [600, 1_000, 1_600]);
    assert_eq!(placed("gap=7us"), [7, 14, 21]);
}

#[test]
fn a_piece_comes_with_the_chunk_that_carried_its_last_byte() {
    let tape = [
        chunk(1, "abc"),
        chunk(2, "d"),
        chunk(3, "efgh"),
        chunk(4, "i"),
    ];
    let played = play(&as_recorded("size=2".parse().unwrap()), &tape);
    assert_eq!(texts(&played), ["ab", "cd", "ef", "gh", "i"]);
    assert_eq!(offsets(&played), [1, 2, 3, 3, 4]);

    let played = play(&as_recorded(Rechunk::Whole), &tape);
    assert_eq!(played, [chunk(4, "abcdefghi")]);

    let played = play(&as_recorded(Rechunk::Byte), &tape);
    assert_eq!(offsets(&played), [1, 1, 1, 2, 3, 3, 3, 3, 4]);
}

#[test]
fn one_frame_a_piece_on_every_framing() {
    let cuts = |body: &str| {
        let tape: Vec<_> = body
            .bytes()
            .zip(1..)
            .map(|(b, at)| chunk(at, &char::from(b).to_string()))
            .collect();
        let by_byte = play(&as_recorded(Rechunk::Frame), &tape);
        let at_once = play(&as_recorded(Rechunk::Frame), &[chunk(1, body)]);
        assert_eq!(texts(&by_byte), texts(&at_once), "{body:?}");
        texts(&at_once)
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        cuts("\n: hi\n\ndata: 1\n\nevent: x\ndata: 2\n\ndata: to"),
        [
            "\n: hi\n",
            "\ndata: 1\n\n",
            "event: x\ndata: 2\n\n",
            "data: to"
        ]
    );
    assert_eq!(
        cuts("data: 1\r\n\r\ndata: 2\r\n\r\n"),
        ["data: 1\r\n\r\n", "data: 2\r\n\r\n"]
    );
    assert_eq!(
        cuts("{\"a\":1}\n{\"b\":2}\n{\"c"),
        ["{\"a\":1}\n", "{\"b\":2}\n", "{\"c"]
    );
    assert_eq!(
        cuts(" [{\"a\":[1]},\n{\"b\":2}]\n"),
        [" [{\"a\":[1]}", ",\n{\"b\":2}", "]\n"]
    );
    assert_eq!(cuts("  \n"), ["  \n"]);
    assert!(cuts("").is_empty());
}

#[test]
fn a_frame_over_the_framers_ceiling_falls_back_to_recorded_chunks() {
    let block = "x".repeat(6 << 20);
    let mut tape = vec![chunk(1, "data: 1\n\ndata: ")];
    tape.extend((2..6).map(|at| chunk(at, &block)));
    let played = play(&as_recorded(Rechunk::Frame), &tape);
    assert_eq!(joined(&played), joined(&tape));
    assert_eq!(played[0], chunk(1, "data: 1\n\n"));
    assert_eq!(played.last(), tape.last());
}

#[test]
fn the_cuts_of_a_seed_never_change() {
    let tape = [chunk(1, &"x".repeat(1_000))];
    let sizes = |seed| -> Vec<usize> {
        let played = play(&as_recorded(Rechunk::Seed(seed)), &tape);
        played.iter().map(|piece| piece.bytes.len()).collect()
    };
    insta::assert_compact_debug_snapshot!(sizes(0), @"[175, 12, 1, 236, 1, 6, 3, 124, 3, 166, 9, 118, 27, 31, 57, 27, 4]");
    insta::assert_compact_debug_snapshot!(sizes(7), @"[15, 1, 130, 27, 10, 3, 14, 6, 3, 9, 1, 172, 206, 112, 102, 24, 165]");
}

#[test]
fn an_unreadable_tape_is_played_up_to_its_fault() {
    let tape = [
        Ok(chunk(1, "ab")),
        Ok(chunk(2, "c")),
        Err("line 4"),
        Ok(chunk(3, "d")),
    ];
    let policy = as_recorded("size=2".parse().unwrap());
    let played: Vec<_> = policy.play(Offset::ZERO, tape).collect();
    assert_eq!(
        played,
        [Ok(chunk(1, "ab")), Ok(chunk(2, "c")), Err("line 4")]
    );
}

#[test]
fn falling_offsets_are_played_as_if_they_stood_still() {
    let tape = [chunk(10, "a"), chunk(4, "b"), chunk(12, "c")];
    assert_eq!(
        offsets(&play(&as_recorded(Rechunk::Recorded), &tape)),
        [10, 10, 12]
    );
    let gaps = Policy::new().timing(Timing::MaxGap(Duration::from_micros(5)));
    assert_eq!(offsets(&play(&gaps, &tape)), [5, 5, 7]);
}

/// 100 MB, but never more than a few chunks of it at a time.
#[test]
fn a_long_tape_passes_in_bounded_memory() {
    let long =
        || (0..100_u64).map(|i| TimedChunk::new(us(i), b"data: 89abcdef\n\n".repeat(1 << 16)));
    for rechunk in ["recorded", "seed=1", "size=1000", "byte", "frame"] {
        // A piece a byte is slow; the memory of a tenth shows the same.
        let chunks = if rechunk == "byte" { 10 } else { 100 };
        let policy = as_recorded(rechunk.parse().unwrap());
        let mut bytes = 0;
        let used = allocation_counter::measure(|| {
            bytes = policy
                .apply(long().take(chunks))
                .map(|piece| piece.bytes.len())
                .sum();
        });
        assert_eq!(bytes, chunks << 20, "{rechunk}");
        assert!(
            used.bytes_max < 8 << 20,
            "{rechunk}: {} bytes at once",
            used.bytes_max
        );
    }
}

#[test]
fn a_body_without_any_frame_is_not_held_for_ever() {
    let long = (0..100_u64).map(|i| TimedChunk::new(us(i), vec![b'\n'; 1 << 20]));
    let used = allocation_counter::measure(|| {
        let mut played = as_recorded(Rechunk::Frame).apply(long);
        assert!(played.all(|piece| piece.bytes.len() == 1 << 20));
    });
    assert!(
        used.bytes_max < 32 << 20,
        "{} bytes at once",
        used.bytes_max
    );
}

#[test]
fn spellings_are_read_as_they_are_written() {
    for word in Timing::WORDS {
        assert_eq!(word.parse::<Timing>().unwrap().to_string(), word);
    }
    for word in Rechunk::WORDS {
        assert_eq!(word.parse::<Rechunk>().unwrap().to_string(), word);
    }
    let timing = |text: &str| text.parse::<Timing>().unwrap();
    assert_eq!(timing("max-gap=1.5s").to_string(), "max-gap=1500ms");
    assert_eq!(timing("gap=0s"), Timing::Gap(Duration::ZERO));
    assert_eq!(timing("gap=1m"), Timing::Gap(Duration::from_secs(60)));
    assert_eq!(timing("2.0x").to_string(), "2x");
    assert_eq!(
        timing("0.25x"),
        Timing::Speed(Speed::try_from(0.25).unwrap())
    );
}

#[test]
fn a_wrong_spelling_is_told_what_is_right() {
    let timing = |text: &str| text.parse::<Timing>().unwrap_err().to_string();
    let rechunk = |text: &str| text.parse::<Rechunk>().unwrap_err().to_string();
    insta::assert_snapshot!(timing("fast"), @"unknown timing `fast`: expected one of `instant`, `recorded`, `2x`, `max-gap=500ms`, `gap=20ms`");
    insta::assert_snapshot!(timing("max"), @"unknown timing `max`: expected one of `instant`, `recorded`, `2x`, `max-gap=500ms`, `gap=20ms`");
    insta::assert_snapshot!(timing("0x"), @"speed `0x`: expected a factor from 0.000001x to 1000000x, such as `2x`");
    insta::assert_snapshot!(timing("-2x"), @"speed `-2x`: expected a factor from 0.000001x to 1000000x, such as `2x`");
    insta::assert_snapshot!(timing("gap=20"), @"`gap=20`: expected whole microseconds with their unit, such as `gap=20ms`");
    insta::assert_snapshot!(timing("max-gap=-1s"), @"`max-gap=-1s`: expected whole microseconds with their unit, such as `max-gap=20ms`");
    insta::assert_snapshot!(timing("gap=5ns"), @"`gap=5ns`: expected whole microseconds with their unit, such as `gap=20ms`");
    insta::assert_snapshot!(rechunk("frames"), @"unknown rechunk `frames`: expected one of `recorded`, `frame`, `byte`, `seed=7`, `size=100`, `whole`");
    insta::assert_snapshot!(rechunk("seed=x"), @"`seed=x`: expected a whole number from 0 to 18446744073709551615");
    insta::assert_snapshot!(rechunk("size=0"), @"`size=0`: expected a whole number of bytes, at least 1");
    assert!(matches!(
        Speed::try_from(f64::NAN),
        Err(ParsePolicyError::Speed { .. })
    ));
    assert!(matches!(
        Speed::try_from(f64::INFINITY),
        Err(ParsePolicyError::Speed { .. })
    ));
}

fn tapes() -> impl Strategy<Value = Vec<TimedChunk>> {
    let piece = prop_oneof![
        "[a-z]{1,40}",
        Just("data: {\"a\":1}\n\n".to_owned()),
        Just(": note\r\n".to_owned()),
        Just("\r".to_owned()),
        Just("[{}".to_owned()),
        Just("é😀".to_owned()),
        "(data: |\n|\r\n|\\{|\\}|,|\\]|\"){1,12}",
    ];
    prop::collection::vec((0..2_000_000_u64, piece), 0..30).prop_map(|chunks| {
        let mut at = 0;
        let timed = |(gap, text): (u64, String)| {
            at += gap;
            chunk(at, &text)
        };
        chunks.into_iter().map(timed).collect()
    })
}

fn timings() -> impl Strategy<Value = Timing> {
    prop_oneof![
        Just(Timing::Instant),
        Just(Timing::Recorded),
        (0.01..50.0_f64).prop_map(|factor| Timing::Speed(Speed::try_from(factor).unwrap())),
        (0..1_000_000_u64).prop_map(|gap| Timing::MaxGap(Duration::from_micros(gap))),
        (0..1_000_000_u64).prop_map(|gap| Timing::Gap(Duration::from_micros(gap))),
    ]
}

fn rechunks() -> impl Strategy<Value = Rechunk> {
    prop_oneof![
        Just(Rechunk::Recorded),
        Just(Rechunk::Frame),
        Just(Rechunk::Byte),
        any::<u64>().prop_map(Rechunk::Seed),
        (1..300_usize).prop_map(|size| Rechunk::Size(size.try_into().unwrap())),
        Just(Rechunk::Whole),
    ]
}

proptest! {
    #[test]
    fn no_policy_changes_a_byte_or_runs_backwards(
        tape in tapes(), timing in timings(), rechunk in rechunks(),
    ) {
        let played = play(&Policy::new().timing(timing).rechunk(rechunk), &tape);
        prop_assert_eq!(joined(&played), joined(&tape));
        prop_assert!(played.is_sorted_by_key(|piece| piece.at));
        prop_assert!(played.iter().all(|piece| !piece.bytes.is_empty()));
    }

    #[test]
    fn recorded_and_recorded_is_the_tape_itself(tape in tapes()) {
        prop_assert_eq!(play(&as_recorded(Rechunk::Recorded), &tape), tape);
    }

    #[test]
    fn the_same_policy_gives_the_same_pieces(
        tape in tapes(), timing in timings(), rechunk in rechunks(),
    ) {
        let policy = Policy::new().timing(timing).rechunk(rechunk);
        prop_assert_eq!(play(&policy, &tape), play(&policy, &tape));
    }

    #[test]
    fn no_byte_is_early(tape in tapes(), rechunk in rechunks()) {
        let arrivals = |chunks: &[TimedChunk]| -> Vec<Offset> {
            chunks.iter().flat_map(|c| vec![c.at; c.bytes.len()]).collect()
        };
        let (played, recorded) = (play(&as_recorded(rechunk), &tape), arrivals(&tape));
        for (played, recorded) in arrivals(&played).iter().zip(&recorded) {
            prop_assert!(played >= recorded);
        }
        // And the last byte of each piece is on time.
        let mut last = 0;
        for piece in &played {
            last += piece.bytes.len();
            prop_assert_eq!(piece.at, recorded[last - 1]);
        }
    }

    #[test]
    fn cuts_do_not_depend_on_the_recorded_chunks(tape in tapes(), rechunk in rechunks()) {
        prop_assume!(rechunk != Rechunk::Recorded);
        let whole = [TimedChunk::new(Offset::ZERO, joined(&tape))];
        let sizes = |tape: &[TimedChunk]| -> Vec<usize> {
            let pieces = play(&Policy::new().rechunk(rechunk), tape);
            pieces.iter().map(|piece| piece.bytes.len()).collect()
        };
        prop_assert_eq!(sizes(&tape), sizes(&whole));
    }

    #[test]
    fn no_gap_is_over_its_ceiling_and_none_grows(
        tape in tapes(), rechunk in rechunks(), ceiling in 0..1_000_000_u64,
    ) {
        let capped = Timing::MaxGap(Duration::from_micros(ceiling));
        let recorded = offsets(&play(&as_recorded(rechunk), &tape));
        let played = offsets(&play(&Policy::new().timing(capped).rechunk(rechunk), &tape));
        let gaps = |offsets: Vec<u64>| -> Vec<u64> {
            let before = std::iter::once(0).chain(offsets.clone());
            offsets.into_iter().zip(before).map(|(at, before)| at - before).collect()
        };
        let expected: Vec<u64> = gaps(recorded).into_iter().map(|gap| gap.min(ceiling)).collect();
        prop_assert_eq!(gaps(played), expected);
    }

    #[test]
    fn a_speed_is_exact_to_half_a_microsecond(tape in tapes(), factor in 1..5_000_u32) {
        let speed = Speed::try_from(f64::from(factor) / 100.0).unwrap();
        let played = play(&Policy::new().timing(Timing::Speed(speed)), &tape);
        for (piece, recorded) in played.iter().zip(&tape) {
            let (played, recorded) = (i128::from(piece.at.as_micros()), i128::from(recorded.at.as_micros()));
            prop_assert!((played * i128::from(factor) - recorded * 100).abs() * 2 <= i128::from(factor));
        }
    }

    #[test]
    fn every_policy_is_read_as_it_is_written(timing in timings(), rechunk in rechunks()) {
        prop_assert_eq!(timing.to_string().parse(), Ok(timing));
        prop_assert_eq!(rechunk.to_string().parse(), Ok(rechunk));
    }
}
