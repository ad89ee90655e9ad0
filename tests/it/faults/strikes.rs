use rigtape::Offset;
use rigtape::policy::Timing;
use rigtape::policy::fault::{Class, Ending, classify};

use super::{
    DONE, ROLE, STOP, TEXT, USAGE, body, chat, chunks, gunzip, perform, plain, policy, refused,
};

#[test]
fn a_connection_breaks_at_a_frame_a_byte_or_a_time() {
    let tape = plain();
    let whole = [ROLE, TEXT, STOP, USAGE, DONE].concat();
    for (name, ending) in [
        ("cut", Ending::Close),
        ("truncate", Ending::Complete),
        ("reset", Ending::Reset),
        ("half-close", Ending::HalfClose),
        ("stall", Ending::Stall),
    ] {
        let played = perform(&tape, &format!("{name}:frame=2")).unwrap();
        assert_eq!(played.ending, ending);
        assert_eq!(played.body(), [ROLE, TEXT].concat());
        let played = perform(&tape, &format!("{name}:frame=0")).unwrap();
        assert_eq!((played.ending, played.chunks.len()), (ending, 0));
        for byte in [0, 5, ROLE.len(), whole.len()] {
            let played = perform(&tape, &format!("{name}:byte={byte}")).unwrap();
            assert_eq!(played.body(), whole.as_bytes()[..byte]);
        }
        let recorded = policy(&format!("{name}:time=250us")).timing(Timing::Recorded);
        let played = recorded.perform(&tape).unwrap();
        assert_eq!(played.body(), [ROLE, TEXT].concat());
        assert_eq!(played.end_at, Offset::from_micros(250));
    }
    assert_eq!(
        refused(&tape, "cut:frame=6"),
        "fault `cut:frame=6` does not apply: there is no frame 6; the body has 5, counted from 1"
    );
    assert!(refused(&tape, "cut:byte=9999").contains("the body has"));
    assert!(refused(&tape, "cut:time=1ms").contains("the answer is over at 0µs"));
}

#[test]
fn a_drawn_place_is_that_of_its_seed() {
    let tape = plain();
    let lengths: Vec<usize> = (0..40)
        .map(|seed| body(&tape, &format!("cut:seed={seed}")).len())
        .collect();
    assert!(
        lengths.iter().all(
            |length| *length < 300 && [ROLE, TEXT, STOP, USAGE, DONE].concat().len() != *length
        )
    );
    assert!(lengths.iter().any(|length| *length != lengths[0]));
    assert_eq!(body(&tape, "cut"), body(&tape, "cut:seed=0"));
    assert_eq!(
        body(&tape, "duplicate:seed=3"),
        body(&tape, "duplicate:seed=3")
    );
}

#[test]
fn a_stall_that_ends_only_moves_what_comes_after_it() {
    let policy = policy("stall:frame=2,for=2s").timing(Timing::Recorded);
    let played = policy.perform(&plain()).unwrap();
    let times: Vec<u64> = played
        .chunks
        .iter()
        .map(|chunk| chunk.at.as_micros())
        .collect();
    assert_eq!(times, [100, 200, 2_000_300, 2_000_400, 2_000_500]);
    assert_eq!(played.end_at.as_micros(), 2_000_550);
    assert_eq!(played.ending, Ending::Recorded);
}

#[test]
fn a_drip_is_small_and_slow() {
    let played = perform(&chat(&["abcde", "fg"]), "drip:size=2,gap=1ms").unwrap();
    let pieces: Vec<(u64, &[u8])> = played
        .chunks
        .iter()
        .map(|chunk| (chunk.at.as_micros(), &chunk.bytes[..]))
        .collect();
    assert_eq!(
        pieces,
        [
            (0, &b"ab"[..]),
            (1_000, b"cd"),
            (2_000, b"e"),
            (3_000, b"fg")
        ]
    );
}

#[test]
fn borders_move_and_bytes_do_not() {
    let tape = chat(&["data: h\u{e9}\r\n\r\n", "data: x\r\n\r\n"]);
    let split = |how: &str| chunks(&tape, how);
    assert_eq!(
        split("split:at=utf8"),
        [&b"data: h\xC3"[..], b"\xA9\r\n\r\n", b"data: x\r\n\r\n"]
    );
    assert_eq!(split("split:at=crlf").concat(), split("merge").concat());
    assert_eq!(
        split("split:at=crlf")[..3],
        [
            b"data: h\xC3\xA9\r".to_vec(),
            b"\n\r".to_vec(),
            b"\n".to_vec()
        ]
    );
    assert_eq!(split("split:at=data")[0], b"da");
    assert_eq!(
        split("split:byte=3")[..2],
        [b"dat".to_vec(), "a: h\u{e9}\r\n\r\n".into()]
    );
    assert_eq!(split("merge").len(), 1);
    assert_eq!(chunks(&plain(), "merge:count=2").len(), 3);
    assert!(refused(&chat(&["data: x\n\n"]), "merge").contains("that large already"));
    assert!(refused(&chat(&["data: x\n\n"]), "split:at=utf8").contains("one byte"));
    assert!(refused(&chat(&["data: x\n\n"]), "split:at=crlf").contains("give the fault `crlf`"));
    assert_eq!(
        chunks(&chat(&["data: x\n\n"]), "crlf split:at=crlf").len(),
        3
    );
}

#[test]
fn what_is_put_in_stands_before_its_frame() {
    let tape = chat(&[ROLE, TEXT]);
    assert_eq!(
        body(&tape, "comment:frame=2"),
        format!("{ROLE}: rigtape\n\n{TEXT}")
    );
    assert_eq!(body(&tape, "blank:frame=1"), format!("\n{ROLE}{TEXT}"));
    assert_eq!(body(&tape, "bom"), format!("\u{feff}{ROLE}{TEXT}"));
    assert_eq!(
        body(&tape, "crlf"),
        format!("{ROLE}{TEXT}").replace('\n', "\r\n")
    );
    assert_eq!(
        body(&tape, "unknown-line:frame=2"),
        format!("{ROLE}rigtape: unknown\n{TEXT}")
    );
    assert_eq!(
        body(&tape, "unknown-field:frame=1"),
        format!("{ROLE}{TEXT}").replacen("{", "{\"rigtape_unknown\":{\"list\":[1,null]},", 1)
    );
    let garbage = perform(&tape, "garbage:bytes=4").unwrap().body();
    assert_eq!(garbage.len(), ROLE.len() + TEXT.len() + 4);
    assert!(refused(&tape, "ping").contains("the wire has no ping"));
    assert!(refused(&tape, "unknown-event").contains("by type"));
    assert!(refused(&tape, "comment:frame=9").contains("there is no frame 9"));
}

#[test]
fn frames_come_twice_not_at_all_or_late() {
    let tape = plain();
    assert_eq!(
        body(&tape, "duplicate:frame=2"),
        [ROLE, TEXT, TEXT, STOP, USAGE, DONE].concat()
    );
    assert_eq!(
        body(&tape, "drop:frame=2"),
        [ROLE, STOP, USAGE, DONE].concat()
    );
    assert_eq!(
        body(&tape, "swap:frame=2"),
        [ROLE, STOP, TEXT, USAGE, DONE].concat()
    );
    assert_eq!(
        body(&tape, "bad-json:frame=2"),
        [ROLE, &TEXT.replacen('{', "{!", 1), STOP, USAGE, DONE].concat()
    );
    assert_eq!(
        body(&tape, "no-terminator"),
        [ROLE, TEXT, STOP, USAGE].concat()
    );
    assert_eq!(body(&tape, "no-usage"), [ROLE, TEXT, STOP, DONE].concat());
    assert_eq!(
        body(&tape, "no-finish"),
        [ROLE, TEXT, &STOP.replace("\"stop\"", "null"), USAGE, DONE].concat()
    );
    let played = perform(&tape, "error:frame=2").unwrap();
    assert!(
        played
            .body()
            .starts_with([ROLE, TEXT, "data: {\"error\":{"].concat().as_bytes())
    );
    assert_eq!((played.chunks.len(), played.ending), (3, Ending::Complete));
    assert!(refused(&chat(&[ROLE]), "swap").contains("with another one behind it"));
    assert!(refused(&chat(&[ROLE]), "no-usage").contains("no usage came"));
    assert!(refused(&chat(&[ROLE]), "no-finish").contains("no finish came"));
    assert!(refused(&chat(&[ROLE]), "no-terminator").contains("no closing marker came"));
    assert!(refused(&tape, "bad-json:frame=5").contains("frame 5 is not a JSON object"));
}

#[test]
fn elements_of_an_array_keep_their_commas() {
    let mut tape = chat(&[
        "[{\"candidates\":[]}\n,\r\n{\"candidates\":[1]}",
        ",{\"candidates\":[2]}]",
    ]);
    tape.request.target = "/v1beta/models/m:streamGenerateContent".to_owned();
    for spelled in [
        "drop:frame=1",
        "drop:frame=2",
        "drop:frame=3",
        "duplicate:frame=1",
        "duplicate:frame=3",
        "swap:frame=2",
        "error:frame=0",
        "error:frame=3",
        "blank:frame=2",
        "unknown-field:frame=2",
    ] {
        let body = body(&tape, spelled);
        let parsed: Result<Vec<serde_json::Value>, _> = serde_json::from_str(&body);
        assert!(parsed.is_ok(), "{spelled}: {body}");
    }
    assert!(refused(&tape, "comment").contains("the body is JSON, no event stream"));
}

fn call(index: u64, head: &str, arguments: &str) -> String {
    format!(
        "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"tool_calls\":[{{\"index\":{index},{head}\"function\":{{{arguments}}}}}]}}}}]}}\n\n"
    )
}

fn two_calls() -> Vec<String> {
    vec![
        call(0, "\"id\":\"a\",", "\"name\":\"f\",\"arguments\":\"\""),
        call(0, "", "\"arguments\":\"{}\""),
        call(1, "\"id\":\"b\",", "\"name\":\"g\",\"arguments\":\"\""),
        call(1, "", "\"arguments\":\"[]\""),
    ]
}

#[test]
fn tool_calls_lose_their_index_or_come_in_turns() {
    let calls = two_calls();
    let [a, b, c, d] = [0, 1, 2, 3].map(|place| calls[place].as_str());
    let tape = chat(&[ROLE, a, b, c, d, STOP, DONE]);
    assert_eq!(
        body(&tape, "interleave-tools"),
        [ROLE, a, c, b, d, STOP, DONE].concat()
    );
    let ones = |text: &str| {
        text.replace(
            "\"tool_calls\":[{\"index\":1",
            "\"tool_calls\":[{\"index\":0",
        )
    };
    assert_eq!(
        body(&tape, "reuse-tool-index"),
        [ROLE, a, b, &ones(c), &ones(d), STOP, DONE].concat()
    );
    let none = |text: &str| {
        text.replace("\"index\":0,\"id\"", "\"id\"")
            .replace("\"index\":1,\"id\"", "\"id\"")
            .replace("[{\"index\":0,\"function\"", "[{\"function\"")
            .replace("[{\"index\":1,\"function\"", "[{\"function\"")
    };
    assert_eq!(
        body(&tape, "omit-tool-index"),
        [ROLE, &none(a), &none(b), &none(c), &none(d), STOP, DONE].concat()
    );
    for spelled in ["interleave-tools", "reuse-tool-index", "omit-tool-index"] {
        assert_eq!(
            classify(&policy(spelled), &tape).unwrap(),
            Class::Benign,
            "{spelled}"
        );
    }
    let one = chat(&[ROLE, a, b, STOP, DONE]);
    assert!(refused(&one, "reuse-tool-index").contains("fewer than two tool calls"));
    assert!(refused(&one, "interleave-tools").contains("one after the other"));
    assert!(refused(&plain(), "omit-tool-index").contains("no tool call"));
}

#[test]
fn heads_change_and_bodies_are_compressed() {
    let tape = plain();
    let played = perform(&tape, "status:code=429,retry-after=1500ms").unwrap();
    let head = played.head.as_ref().unwrap();
    assert_eq!((head.status, head.header("retry-after")), (429, Some("2")));
    assert!(played.body().starts_with(b"{\"error\":{\"message\":"));
    let played = perform(&tape, "content-type:as=text/html").unwrap();
    assert_eq!(played.head.unwrap().content_type(), Some("text/html"));
    let played = perform(&tape, "gzip").unwrap();
    assert_eq!(
        played.head.as_ref().unwrap().header("content-encoding"),
        Some("gzip")
    );
    assert_eq!(played.chunks.len(), 6);
    assert_eq!(
        gunzip(&played.body()),
        [ROLE, TEXT, STOP, USAGE, DONE].concat()
    );
    // Each piece can be read as soon as it came.
    assert_eq!(gunzip(&played.chunks[0].bytes), ROLE);
    assert!(refused(&tape, "gzip gzip").contains("compressed already"));
    assert!(refused(&tape, "gzip cut:frame=1").contains("no stream of frames"));
    assert!(
        perform(&tape, "crlf")
            .unwrap()
            .head
            .unwrap()
            .header("transfer-encoding")
            .is_none()
    );
}
