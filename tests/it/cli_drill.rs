//! `rigtape drill` as a user runs it. The clients are shell scripts around `rigtape` itself: it sends a
//! tape's request, and reads what came.

use std::time::{Duration, Instant};

use crate::support::place::{Place, RIGTAPE, Ran, run};

/// A place with the tape `plain` of the corpus, and its request beside it.
fn place() -> Place {
    with("plain")
}

fn with(name: &str) -> Place {
    let place = Place::new();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/cassettes/openai-chat");
    let tape = std::fs::read(format!("{folder}/{name}.jsonl")).unwrap();
    place.write("tape.jsonl", tape);
    for (number, of) in place.tape("tape.jsonl").iter().enumerate() {
        let name = format!("body-{}.json", number + 1);
        place.write(&name, of.request.body.as_bytes());
    }
    // `ask N` leaves what came on a tape of its own and says where; `said TAPE` prints it, and fails
    // unless it is whole.
    place.write(
        "lib.sh",
        format!(
            r#"
            ask() {{
                own=$(mktemp -d)/own.jsonl
                '{RIGTAPE}' record "$OPENAI_BASE_URL/chat/completions" --json "@body-$1.json" -o "$own" >/dev/null 2>&1
                echo "$own"
            }}
            said() {{ '{RIGTAPE}' replay --strict "$1"; }}
            "#
        ),
    );
    place.write("right.sh", ". ./lib.sh; said \"$(ask 1)\"");
    place
}

async fn drill(place: &Place, arguments: &[&str], script: &str) -> Ran {
    place.write("client.sh", script);
    let mut all = vec!["drill", "tape.jsonl"];
    all.extend_from_slice(arguments);
    all.extend_from_slice(&["--", "sh", "client.sh"]);
    place.rigtape(&all).await
}

const RIGHT: &str = ". ./lib.sh; said \"$(ask 1)\"";
/// Takes whatever came for the answer.
const CREDULOUS: &str = ". ./lib.sh; ask 1 >/dev/null; echo hello";

#[tokio::test]
async fn a_client_that_is_right_passes_and_the_matrix_says_so() {
    let place = place();
    let names = ["bom", "comment", "no-finish", "reset", "status", "ping"];
    let only: Vec<&str> = names.iter().flat_map(|name| ["--only", name]).collect();
    let ran = drill(&place, &only, RIGHT).await.expect(0);
    for words in ["bom", "reset", "NOT STRUCK", " 0 convicted"] {
        assert!(ran.stdout.contains(words), "{ran:#?}");
    }
    // What does not apply is no row, but a line.
    assert!(ran.stdout.contains("`ping` does not apply"), "{ran:#?}");
}

#[tokio::test]
async fn a_conviction_comes_with_a_line_that_does_it_again() {
    let place = place();
    let ran = drill(&place, &["--only", "cut"], CREDULOUS).await.expect(1);
    let line = "rigtape serve tape.jsonl --fault 'cut:frame=2' -- sh client.sh";
    let found = ran.stdout.lines().find(|found| found.trim() == line);
    assert!(found.is_some(), "{ran:#?}");
    let again = line.replacen("rigtape", &format!("'{RIGTAPE}'"), 1);
    let again = run(place.command("sh", &["-c", &again])).await.expect(0);
    assert_eq!(again.stdout, "hello\n");
}

#[tokio::test]
async fn a_marker_counts_as_a_failure() {
    let place = place();
    let script = format!(
        "{CREDULOUS}; {} || echo 'it broke off' >&2",
        "said \"$own\""
    );
    let script = script.replace("ask 1 >/dev/null; echo hello;", "own=$(ask 1); echo hello;");
    let script = script.replace("said \"$own\"", "said \"$own\" >/dev/null 2>&1");
    let flags = ["--fault", "cut:frame=2"];
    drill(&place, &flags, &script).await.expect(1);
    let flags = ["--fault", "cut:frame=2", "--error-marker", "broke off"];
    let ran = drill(&place, &flags, &script).await.expect(0);
    assert!(ran.stdout.contains("1 passed"), "{ran:#?}");
}

#[tokio::test]
async fn a_client_that_hangs_is_killed_with_all_that_it_started() {
    let place = place();
    let script = format!(
        "{RIGHT} && exit 0\ntrap '' TERM INT HUP\n(trap '' TERM; exec sleep 1000) & echo $! >>left.txt\n\
         while :; do yes endless; done"
    );
    let flags = ["--fault", "cut:frame=2", "--timeout", "4"];
    let started = Instant::now();
    let ran = drill(&place, &flags, &script).await.expect(1);
    assert!(started.elapsed() < Duration::from_secs(40));
    assert!(ran.stdout.contains("no end within 4s"), "{ran:#?}");
    let left = place.read("left.txt");
    let id: i32 = left.trim().parse().unwrap();
    let id = rustix::process::Pid::from_raw(id).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    // A process that was killed may wait for somebody to collect it.
    while rustix::process::test_kill_process(id).is_ok() && !is_dead(id) {
        assert!(Instant::now() < deadline, "{id:?} was left behind");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn is_dead(id: rustix::process::Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", id.as_raw_nonzero()));
    stat.is_ok_and(|stat| stat.contains(") Z "))
}

#[tokio::test]
async fn what_a_client_leaves_running_does_not_hold_the_drill() {
    let place = place();
    let script = format!("sleep 1000 & {RIGHT}");
    let started = Instant::now();
    drill(&place, &["--fault", "bom"], &script).await.expect(0);
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[tokio::test]
async fn a_signal_is_a_crash_and_no_success() {
    let place = place();
    let script = format!("{RIGHT} || kill -SEGV $$");
    let ran = drill(
        &place,
        &["--fault", "cut:frame=2", "--format", "json"],
        &script,
    )
    .await;
    let json: serde_json::Value = serde_json::from_str(&ran.expect(0).stdout).unwrap();
    let run = &json["report"]["runs"][0];
    assert_eq!(run["outcome"], "crashed");
    assert_eq!(run["verdict"], "passed");
    assert!(
        run["detail"].as_str().unwrap().contains("signal 11"),
        "{run}"
    );
}

#[tokio::test]
async fn clients_that_cannot_be_drilled_are_said() {
    let place = place();
    let ran = place.rigtape(&["drill", "tape.jsonl", "--", "./no-such-client"]);
    ran.await.expect(127).says("no-such-client");
    let fails = drill(&place, &[], "echo no >&2; exit 3").await;
    fails.expect(2).says("exit status 3").says("no request");
    let idle = drill(&place, &[], "exit 0").await;
    idle.expect(2).says("no request").says("OPENAI_BASE_URL");
    let fickle = format!("{RIGHT}; date +%N");
    let ran = drill(&place, &["--only", "bom", "--only", "crlf"], &fickle).await;
    ran.expect(2).says("something else each time");
    let ran = drill(&place, &["--only", "no-such-fault"], RIGHT).await;
    ran.expect(2).says("no-such-fault");
    let ran = drill(&place, &["--fault", "interleave-tools"], RIGHT).await;
    ran.expect(2).says("does not apply");
    let ran = place.rigtape(&["drill", "no.jsonl", "--", "true"]).await;
    ran.expect(2).says("no.jsonl");
}

#[tokio::test]
async fn a_truncated_tape_is_no_measure() {
    let place = with("server_killed");
    let ran = drill(&place, &[], RIGHT).await.expect(2);
    ran.says("broke off when it was recorded");
    let ran = drill(&place, &[], CREDULOUS).await.expect(2);
    ran.says("broke off when it was recorded");
}

#[tokio::test]
async fn answers_of_a_loop_are_struck_one_at_a_time() {
    let place = with("agent_loop");
    let script = ". ./lib.sh; ask 1 >/dev/null; said \"$(ask 2)\"";
    let ran = drill(&place, &["--fault", "cut:frame=1"], script)
        .await
        .expect(1);
    let line = "rigtape serve tape.jsonl --fault 'cut:frame=1' --fault-at 1 -- sh client.sh";
    assert!(ran.stdout.contains(line), "{ran:#?}");
    assert!(!ran.stdout.contains("--fault-at 2"), "{ran:#?}");
    let again = line.replacen("rigtape", &format!("'{RIGTAPE}'"), 1);
    run(place.command("sh", &["-c", &again])).await.expect(0);
}

#[tokio::test]
async fn a_budget_is_kept_and_junit_written() {
    let place = place();
    let flags = [
        "--exhaustive",
        "--budget",
        "4",
        "--junit",
        "drill.xml",
        "-j",
        "2",
    ];
    let started = Instant::now();
    let ran = drill(&place, &flags, CREDULOUS).await.expect(1);
    assert!(started.elapsed() < Duration::from_secs(60));
    assert!(ran.stdout.contains("left for want of time"), "{ran:#?}");
    let xml = place.read("drill.xml");
    assert!(xml.starts_with("<?xml version=\"1.0\""), "{xml}");
    assert!(xml.contains("<testsuite name=\"tape.jsonl:1\">"), "{xml}");
    assert!(
        xml.contains("--fault &#39;cut") || xml.contains("--fault 'cut"),
        "{xml}"
    );
    let opened = xml.matches("<testcase ").count();
    assert_eq!(opened, xml.matches("</testcase>").count(), "{xml}");
    let failures = xml.matches("<failure ").count();
    assert!(failures > 0 && opened >= failures, "{xml}");
}
