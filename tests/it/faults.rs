use std::collections::BTreeMap;
use std::io::Read as _;

use rigtape::Offset;
use rigtape::cassette::{Cassette, Chunk, End, How, Interaction, Request, Response};
use rigtape::dialect::Answer;
use rigtape::policy::fault::{
    Class, Ending, FAULTS, Fault, NotApplicable, ParseFaultError, Performance, Sweep, classify,
    mutants,
};
use rigtape::policy::{Policy, Timing};
use rigtape::transcript::{self, Part, Transcript};

fn tapes() -> Vec<(String, Interaction)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("cassettes");
    let mut found = Vec::new();
    for dialect in rigtape::dialect::DIALECTS {
        for file in std::fs::read_dir(folder.join(dialect.name())).unwrap() {
            let path = file.unwrap().path();
            let tape = Cassette::open(&path).unwrap();
            let name = path.strip_prefix(&folder).unwrap().display().to_string();
            for interaction in tape.interactions() {
                found.push((name.clone(), interaction.unwrap()));
            }
        }
    }
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    found
}

fn faults(spelled: &str) -> Vec<Fault> {
    let faults = spelled.split_whitespace();
    faults.map(|fault| fault.parse().unwrap()).collect()
}

fn policy(spelled: &str) -> Policy {
    faults(spelled)
        .into_iter()
        .fold(Policy::new(), Policy::fault)
}

fn perform(interaction: &Interaction, spelled: &str) -> Result<Performance, NotApplicable> {
    policy(spelled).perform(interaction)
}

/// A stream of these chunks to a chat request, 100 µs apart.
fn chat(chunks: &[&str]) -> Interaction {
    let at = Offset::from_micros;
    let mut tape = Interaction::new(Request::new(1, "POST", "/v1/chat/completions"));
    let mut head = Response::new(1, at(50), 200);
    head.headers.push("content-type", "text/event-stream");
    head.headers.push("transfer-encoding", "chunked");
    tape.response = Some(head);
    for (place, chunk) in (1..).zip(chunks) {
        tape.chunks
            .push(Chunk::new(1, at(place * 100), (*chunk).to_owned()));
    }
    let end = chunks.len() as u64 * 100 + 50;
    tape.end = Some(End::new(1, at(end), How::Complete));
    tape
}

const ROLE: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"}}]}\n\n";
const TEXT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hé\"}}]}\n\n";
const STOP: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const USAGE: &str = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

fn plain() -> Interaction {
    chat(&[ROLE, TEXT, STOP, USAGE, DONE])
}

fn body(interaction: &Interaction, spelled: &str) -> String {
    let played = perform(interaction, spelled).unwrap();
    String::from_utf8(played.body().to_vec()).unwrap()
}

fn chunks(interaction: &Interaction, spelled: &str) -> Vec<Vec<u8>> {
    let played = perform(interaction, spelled).unwrap();
    played
        .chunks
        .iter()
        .map(|chunk| chunk.bytes.to_vec())
        .collect()
}

fn refused(interaction: &Interaction, spelled: &str) -> String {
    perform(interaction, spelled).unwrap_err().to_string()
}

#[test]
fn every_fault_is_read_back_as_it_is_written() {
    let mut names = Vec::new();
    for info in FAULTS {
        let fault: Fault = info.example().parse().unwrap();
        assert_eq!(fault.to_string(), info.example());
        assert_eq!(fault.name(), info.name());
        assert_eq!(
            info.name().parse::<Fault>().unwrap().to_string(),
            info.name()
        );
        assert!(
            !names.contains(&info.name()),
            "{} stands twice",
            info.name()
        );
        names.push(info.name());
    }
    let spelled = |text: &str| text.parse::<Fault>().unwrap().to_string();
    assert_eq!(spelled("stall:for=2000ms,frame=3"), "stall:frame=3,for=2s");
    assert_eq!(spelled("split:at=crlf"), "split:at=crlf");
    assert_eq!(
        spelled("content-type:as=text/html"),
        "content-type:as=text/html"
    );
    assert_eq!(spelled("cut:time=1500us"), "cut:time=1500us");
}

#[test]
fn what_is_no_fault_is_refused_with_what_is_allowed() {
    let refused = |text: &str| text.parse::<Fault>().unwrap_err();
    let unknown = refused("cutt:frame=1").to_string();
    assert!(unknown.starts_with("unknown fault `cutt`: expected one of `cut`, `truncate`"));
    assert!(unknown.ends_with("`garbage`"));
    for (text, words) in [
        (
            "cut:chunk=1",
            "fault `cut` takes no `chunk`: expected `frame`, `byte`, `time`, `seed`",
        ),
        ("bom:frame=1", "fault `bom` takes no `frame`: it takes none"),
        (
            "cut:frame=x",
            "fault `cut`: `frame=x`: expected a whole number from 0",
        ),
        (
            "cut:frame=",
            "fault `cut`: `frame=`: expected a whole number from 0",
        ),
        ("cut:frame=1,frame=2", "fault `cut`: `frame` is given twice"),
        (
            "cut:frame=1,byte=2",
            "fault `cut`: `frame` and `byte` both say where; give one of them",
        ),
        (
            "stall:for=2",
            "fault `stall`: `for=2`: expected whole microseconds with their unit, such as `20ms`",
        ),
        (
            "status:code=200",
            "fault `status`: `code=200`: expected a whole number from 400 to 599",
        ),
        (
            "split:at=byte",
            "fault `split`: `at=byte`: expected one of `utf8`, `crlf`, `data`",
        ),
        (
            "content-type:as=a b",
            "fault `content-type`: `as=a b`: expected a media type, such as `text/plain`",
        ),
    ] {
        assert_eq!(refused(text).to_string(), words);
    }
    assert!(matches!(refused("cut:"), ParseFaultError::Key { .. }));
}

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

fn gunzip(bytes: &[u8]) -> String {
    let mut out = Vec::new();
    let mut decoder = flate2::read::GzDecoder::new(bytes);
    let mut buffer = [0; 1024];
    while let Ok(read @ 1..) = decoder.read(&mut buffer) {
        out.extend_from_slice(&buffer[..read]);
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[test]
fn the_place_makes_the_class() {
    let tape = plain();
    let class = |spelled: &str| classify(&policy(spelled), &tape).unwrap();
    assert_eq!(class("truncate:frame=2"), Class::Harmful);
    assert_eq!(class("truncate:frame=3"), Class::Benign);
    assert_eq!(class("cut:frame=2"), Class::Harmful);
    assert_eq!(class("cut:frame=3"), Class::Undetectable);
    assert_eq!(class("stall:frame=1"), Class::Harmful);
    assert_eq!(class("stall:frame=1,for=1s"), Class::Benign);
    assert_eq!(class("no-terminator"), Class::Benign);
    assert_eq!(class("no-terminator no-finish"), Class::Harmful);
    assert_eq!(class("duplicate:frame=2"), Class::Undetectable);
    assert_eq!(class("drop:frame=2"), Class::Undetectable);
    assert_eq!(class("drop:frame=3"), Class::Harmful);
    assert_eq!(class("swap:frame=2"), Class::Undetectable);
    assert_eq!(class("comment crlf"), Class::Benign);
    assert_eq!(class("comment status:code=500"), Class::Harmful);
}

/// What a client reads of a mutant whose coding its HTTP library undid.
fn read(interaction: &Interaction, faults: &[Fault]) -> (Performance, Option<Transcript>) {
    let policy = faults.iter().cloned().fold(Policy::new(), Policy::fault);
    let played = policy.perform(interaction).unwrap();
    let mut heard = played.clone().into_interaction(interaction.request.clone());
    if played
        .head
        .as_ref()
        .is_some_and(|head| head.header("content-encoding").is_some())
    {
        let plain = gunzip(&played.body());
        heard.chunks = vec![Chunk::new(1, Offset::ZERO, plain)];
    }
    let said = match Answer::of(&heard) {
        Some(Answer::Transcript(said)) => Some(said),
        _ => None,
    };
    (played, said)
}

fn shown(said: &Transcript) -> Vec<String> {
    let part = |part: &Part| match part {
        Part::ToolCall(call) => format!("{:?} {:?} {}", call.id, call.name, call.arguments),
        part => format!("{part:?}"),
    };
    let choice = |choice: &transcript::Choice| {
        let parts: Vec<String> = choice.parts.iter().map(part).collect();
        format!("{} {parts:?} {:?}", choice.index, choice.finish_reason)
    };
    said.choices.iter().map(choice).collect()
}

#[test]
fn our_assembler_stands_the_whole_catalogue_on_every_tape() {
    let mut met: BTreeMap<&str, [u64; 3]> = BTreeMap::new();
    for (name, interaction) in tapes() {
        let whole = match Answer::of(&interaction) {
            Some(Answer::Transcript(said)) => Some(said),
            _ => None,
        };
        for mutant in mutants(&interaction, 7, &Sweep::new()) {
            let mutant = match mutant {
                Ok(mutant) => mutant,
                Err(reason) => {
                    assert!(!reason.reason.is_empty(), "{name}: {reason}");
                    continue;
                }
            };
            let place = format!("{name} {} {:?}", interaction.number(), mutant.faults);
            let (played, said) = read(&interaction, &mutant.faults);
            match (mutant.class, &whole, &said) {
                (Class::Benign, Some(whole), Some(said)) => {
                    assert_eq!(shown(said), shown(whole), "{place}");
                    assert_eq!(said.ending, whole.ending, "{place}");
                }
                (Class::Benign, None, None) => {}
                (Class::Benign, _, _) => panic!("{place}: {said:?}"),
                (Class::Harmful, _, said) => {
                    let is_clean = said.as_ref().is_some_and(Transcript::is_clean);
                    let is_broken = !matches!(played.ending, Ending::Recorded | Ending::Complete);
                    assert!(!is_clean || is_broken, "{place}: {said:?}");
                }
                (Class::Undetectable, _, _) => {}
            }
            for fault in &mutant.faults {
                met.entry(fault.name()).or_default()[mutant.class as usize] += 1;
            }
        }
    }
    for info in FAULTS {
        assert!(
            met.contains_key(info.name()),
            "{} was never met",
            info.name()
        );
    }
    // Nothing that breaks a finish is ever taken for harmless.
    for name in [
        "no-finish",
        "cut",
        "reset",
        "half-close",
        "bad-json",
        "error",
        "status",
    ] {
        assert_eq!(met[name][Class::Benign as usize], 0, "{name}");
    }
}

#[test]
fn a_sweep_is_the_same_for_the_same_seed() {
    let (_, tape) = tapes().swap_remove(0);
    let list = |seed: u64, sweep: &Sweep| -> Vec<String> {
        mutants(&tape, seed, sweep)
            .map(|mutant| format!("{mutant:?}"))
            .collect()
    };
    let sweep = Sweep::new();
    assert_eq!(list(1, &sweep), list(1, &sweep));
    assert_ne!(list(1, &sweep), list(2, &sweep));
    let every = list(1, &Sweep::new().exhaustive());
    let length = tape.body().len();
    let cuts = every.iter().filter(|line| line.contains("(cut:byte="));
    assert_eq!(cuts.count(), length);
}

#[test]
fn the_described_catalogue_is_the_one_that_runs() {
    let text = include_str!("../../docs/faults.md");
    let table = text.split("## The catalogue").nth(1).unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let rows: Vec<&str> = rows.collect();
    let expected: Vec<String> = FAULTS
        .iter()
        .map(|info| {
            let keys: Vec<String> = info.keys().iter().map(|key| format!("`{key}`")).collect();
            format!(
                "| `{}` | {} | {} | {} | {} | `{}` |",
                info.name(),
                info.class(),
                info.does(),
                info.expects(),
                keys.join(" "),
                info.example()
            )
        })
        .collect();
    assert_eq!(rows, expected);
}

#[cfg(feature = "replay")]
mod in_process {
    use std::io::ErrorKind;
    use std::time::Duration;

    use futures::StreamExt as _;
    use rigtape::policy::Policy;
    use rigtape::replay::{Player, ReplayError};

    use super::{DONE, ROLE, STOP, TEXT, USAGE, plain, policy};

    async fn heard(spelled: &str) -> (Vec<u8>, Option<ReplayError>) {
        let tape = plain();
        let mut stream = Player::new(policy(spelled)).stream(&tape);
        let mut body = Vec::new();
        while let Some(piece) = stream.next().await {
            match piece {
                Ok(piece) => body.extend_from_slice(&piece),
                Err(error) => return (body, Some(error)),
            }
        }
        (body, None)
    }

    #[tokio::test]
    async fn a_broken_connection_is_the_error_that_a_client_meets() {
        for (spelled, kind) in [
            ("cut:frame=2", ErrorKind::UnexpectedEof),
            ("half-close:frame=2", ErrorKind::UnexpectedEof),
            ("reset:frame=2", ErrorKind::ConnectionReset),
        ] {
            let (body, error) = heard(spelled).await;
            assert_eq!(body, [ROLE, TEXT].concat().as_bytes());
            let error = error.unwrap();
            assert_eq!(error.kind(), kind);
            assert!(
                error.to_string().contains(&format!("fault {spelled}")),
                "{error}"
            );
        }
        let (body, error) = heard("truncate:frame=2").await;
        assert_eq!(body, [ROLE, TEXT].concat().as_bytes());
        assert!(error.is_none());
        let (body, error) = heard("crlf").await;
        assert_eq!(
            body.len(),
            [ROLE, TEXT, STOP, USAGE, DONE].concat().len() + 10
        );
        assert!(error.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_stall_never_ends_and_a_pause_does() {
        let waited = tokio::time::timeout(Duration::from_secs(3600), heard("stall:frame=2"));
        assert!(waited.await.is_err());
        let before = tokio::time::Instant::now();
        let (_, error) = heard("stall:frame=2,for=5s").await;
        assert!(error.is_none());
        assert_eq!(before.elapsed().as_secs(), 5);
    }

    #[tokio::test]
    async fn a_head_is_the_fault_s_own() {
        let tape = plain();
        let player = Player::new(policy("status:code=503,retry-after=7s"));
        let response = player.response(&tape).await.unwrap();
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["retry-after"], "7");
        let response = Player::new(policy("gzip")).response(&tape).await.unwrap();
        assert_eq!(response.headers()["content-encoding"], "gzip");
    }

    #[tokio::test]
    async fn a_fault_that_does_not_apply_says_so() {
        let tape = plain();
        let player = Player::new(policy("ping"));
        let error = player.http_response(&tape).await.err().unwrap();
        assert!(matches!(error, ReplayError::NotApplicable { .. }));
        let error = error.to_string();
        assert_eq!(
            error,
            "interaction 1: fault `ping` does not apply: the wire has no ping"
        );
        let (_, error) = heard("ping").await;
        assert!(matches!(error, Some(ReplayError::NotApplicable { .. })));
        assert!(
            Player::new(Policy::new())
                .http_response(&tape)
                .await
                .is_ok()
        );
    }
}
