//! Drills in process: verdicts, reproducers, limits.

mod clients;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rigtape::cassette::{Cassette, Interaction};
use rigtape::drill::{Drill, Error, Outcome, Report, Verdict};
use rigtape::policy::fault::{Class, Sweep};

use clients::{Defect, ask};

fn tape(name: &str) -> Cassette {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/cassettes/openai-chat");
    Cassette::open(format!("{folder}/{name}.jsonl")).unwrap()
}

fn first(tape: &Cassette) -> Interaction {
    tape.interactions().next().unwrap().unwrap()
}

fn small() -> Sweep {
    let mut sweep = Sweep::new();
    sweep.bytes = Some(8);
    sweep
}

fn drill(tape: &Cassette) -> Drill {
    rigtape::drill(tape)
        .sweep(small())
        .jobs(8)
        .time_limit(Duration::from_secs(20))
}

async fn drilled(name: &str, defect: Defect) -> Report {
    let tape = tape(name);
    drilled_by(drill(&tape), &tape, defect).await.unwrap()
}

async fn drilled_by(drill: Drill, tape: &Cassette, defect: Defect) -> Result<Report, Error> {
    let body = first(tape).request.body;
    let client = |url: String| {
        let body = body.as_bytes().to_vec();
        async move { ask(&url, &body, defect).await }
    };
    drill.run(client).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_right_passes_everything() {
    for name in ["plain", "parallel_tools", "utf8_split", "comments"] {
        let report = drilled(name, Defect::None).await;
        assert!(report.is_ok(), "{name}:\n{report}");
        let of = |verdict| {
            report
                .runs
                .iter()
                .filter(|run| run.verdict == verdict)
                .count()
        };
        assert!(of(Verdict::Passed) > 50, "{name}: {}", report.summary());
        assert!(of(Verdict::Reported) > 0, "{name}: {}", report.summary());
        assert_eq!(of(Verdict::NotStruck), 0);
        assert_eq!(report.left, 0);
    }
}

/// Whether a broken client is convicted by such a fault, and by others of these only.
async fn convicted(name: &str, defect: Defect, by: &str, also: &[&str]) {
    let report = drilled(name, defect).await;
    let lines: Vec<&str> = report.failures().map(|run| &*run.reproduce).collect();
    let path = tape(name).path().display().to_string();
    let line = format!("rigtape serve {path} --fault '{by}");
    assert!(
        lines.iter().any(|found| found.starts_with(&line)),
        "{defect:?}: no {line} in\n{report}"
    );
    for run in report.failures() {
        let is_known = by.starts_with(run.name) || also.contains(&run.name);
        assert!(is_known, "{defect:?}: {run}");
    }
    // Every other client that is right about it passes.
    assert!(report.runs.len() > lines.len() + 20, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_decodes_each_piece_is_convicted_by_one_border() {
    convicted(
        "utf8_split",
        Defect::Utf8PerChunk,
        "split:byte=",
        &["drip", "merge"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_takes_the_end_for_success_is_convicted_by_a_cut() {
    let others = [
        "truncate",
        "reset",
        "half-close",
        "stall",
        "no-finish",
        "drop",
        "swap",
    ];
    convicted("plain", Defect::EofIsSuccess, "cut:frame=3", &others).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_splits_each_piece_is_convicted_by_one_border() {
    let others = [
        "crlf",
        "drip",
        "bom",
        "unknown-line",
        "comment",
        "ping",
        "blank",
        "truncate",
        "cut",
        "bad-json",
        "drop",
        "unknown-event",
        "garbage",
        "merge",
    ];
    convicted("plain", Defect::SplitPerChunk, "split:byte=", &others).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_chokes_on_comments_is_convicted_by_one() {
    convicted(
        "plain",
        Defect::ChokesOnComments,
        "comment:frame=",
        &["ping"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_trusts_the_tool_index_is_convicted_without_it() {
    let defect = Defect::TrustsToolIndex;
    convicted(
        "parallel_tools",
        defect,
        "omit-tool-index'",
        &["reuse-tool-index"],
    )
    .await;
    convicted(
        "parallel_tools",
        defect,
        "reuse-tool-index'",
        &["omit-tool-index"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_ignores_errors_is_convicted_by_one() {
    convicted("plain", Defect::IgnoresError, "error:frame=", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_waits_for_ever_hangs() {
    let tape = tape("plain");
    let drill = drill(&tape)
        .faults(["stall:frame=2".parse().unwrap()])
        .time_limit(Duration::from_millis(600));
    let started = Instant::now();
    let report = drilled_by(drill, &tape, Defect::Waits).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(15));
    let run = &report.runs[0];
    assert_eq!(
        (run.outcome, run.verdict),
        (Outcome::Hung, Verdict::Convicted)
    );
    assert_eq!(report.matrix()[0].hung, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_a_crash_and_not_a_success() {
    let tape = tape("plain");
    let drill = drill(&tape).faults(["cut:frame=2".parse().unwrap()]);
    let report = drilled_by(drill, &tape, Defect::Panics).await.unwrap();
    let run = &report.runs[0];
    assert_eq!(
        (run.outcome, run.verdict),
        (Outcome::Crashed, Verdict::Passed)
    );
    assert!(run.detail.starts_with("it panicked: "), "{}", run.detail);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_composite_shrinks_to_what_is_needed() {
    let tape = tape("plain");
    let faults = ["crlf", "comment:frame=2", "split:at=data"];
    let drill = drill(&tape).faults(faults.map(|fault| fault.parse().unwrap()));
    let report = drilled_by(drill, &tape, Defect::ChokesOnComments).await;
    let report = report.unwrap();
    assert_eq!(report.runs[0].faults, ["comment:frame=2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_tries_again_meets_the_same_again() {
    let tape = tape("plain");
    let body = first(&tape).request.body;
    let tries = AtomicU64::new(0);
    let client = |url: String| {
        let (body, tries) = (body.as_bytes(), &tries);
        async move {
            for _ in 0..2 {
                tries.fetch_add(1, Ordering::Relaxed);
                if let Ok(said) = ask(&url, body, Defect::None).await {
                    return Ok(said);
                }
            }
            Err("given up")
        }
    };
    let drill = drill(&tape).faults(["status:code=429,retry-after=0s".parse().unwrap()]);
    let report = drill.run(client).await.unwrap();
    assert!(report.is_ok(), "{report}");
    assert_eq!(report.runs[0].outcome, Outcome::Failed);
    assert_eq!(tries.load(Ordering::Relaxed), 3);
    let line = &report.runs[0].reproduce;
    assert!(line.ends_with("--match reuse=repeat-last"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_answer_of_a_loop_is_struck_at_a_time() {
    let tape = tape("agent_loop");
    let bodies: Vec<Vec<u8>> = tape
        .interactions()
        .map(|of| of.unwrap().request.body.as_bytes().to_vec())
        .collect();
    assert_eq!(bodies.len(), 2);
    let client = |url: String| {
        let bodies = &bodies;
        async move {
            let mut said = Vec::new();
            for body in bodies {
                said.push(ask(&url, body, Defect::None).await?);
            }
            Ok::<_, String>(said)
        }
    };
    let report = drill(&tape).faults(["cut:frame=1".parse().unwrap()]);
    let report = report.run(client).await.unwrap();
    assert!(report.is_ok(), "{report}");
    let struck: Vec<u64> = report.runs.iter().map(|run| run.interaction).collect();
    assert_eq!(struck, [1, 2]);
    for (place, run) in report.runs.iter().enumerate() {
        let at = format!("--fault 'cut:frame=1' --fault-at {}", place + 1);
        assert!(run.reproduce.ends_with(&at), "{}", run.reproduce);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_apply_is_said_and_not_passed() {
    let tape = tape("plain");
    let only = |name: &str| {
        let mut sweep = small();
        sweep.faults = vec![name.to_owned(), "bom".to_owned()];
        sweep
    };
    for (name, reason) in [
        ("interleave-tools", "tool call"),
        // This client takes no gzip.
        ("gzip", "does not accept gzip"),
    ] {
        let drill = drill(&tape).sweep(only(name));
        let report = drilled_by(drill, &tape, Defect::None).await.unwrap();
        assert_eq!(report.runs.len(), 1);
        assert_eq!(report.unfit.len(), 1);
        assert!(
            report.unfit[0].to_string().contains(reason),
            "{}",
            report.unfit[0]
        );
        assert!(report.summary().contains("1 do not apply"));
    }
    let drill = drill(&tape).faults(["interleave-tools".parse().unwrap()]);
    let error = drilled_by(drill, &tape, Defect::None).await.unwrap_err();
    assert!(matches!(error, Error::Nothing(_)), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn there_has_to_be_something_to_compare_with() {
    let cut_off = tape("server_killed");
    let error = drilled_by(drill(&cut_off), &cut_off, Defect::None).await;
    let error = error.unwrap_err();
    assert!(matches!(error, Error::Baseline { .. }), "{error}");
    assert!(
        error.to_string().contains("broke off when it was recorded"),
        "{error}"
    );
    // The client takes it for a success, but nobody can.
    let error = drilled_by(drill(&cut_off), &cut_off, Defect::EofIsSuccess).await;
    let error = error.unwrap_err();
    assert!(matches!(error, Error::Nothing(_)), "{error}");
    assert!(
        error.to_string().contains("broke off when it was recorded"),
        "{error}"
    );

    let plain = tape("plain");
    let idle = drill(&plain).run(async |_| Ok::<_, String>(()));
    assert!(matches!(idle.await.unwrap_err(), Error::NoRequest));

    let lost = drill(&plain).run(async |url: String| {
        let _ = ask(&url, b"{}", Defect::None).await;
        Ok::<_, String>(())
    });
    assert!(matches!(lost.await.unwrap_err(), Error::Missed(_)));

    let runs = AtomicU64::new(0);
    let body = first(&plain).request.body;
    let fickle = drill(&plain).run(async |url: String| {
        ask(&url, body.as_bytes(), Defect::None).await?;
        Ok::<_, String>(runs.fetch_add(1, Ordering::Relaxed))
    });
    let error = fickle.await.unwrap_err();
    assert!(matches!(error, Error::Unsteady(_)), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_ends_in_time_and_says_what_is_left() {
    let tape = tape("plain");
    let told = Arc::new(AtomicU64::new(0));
    let heard = told.clone();
    let drill = drill(&tape)
        .jobs(1)
        .budget(Duration::from_millis(700))
        .progress(move |at| heard.store(at.total, Ordering::Relaxed));
    let body = first(&tape).request.body;
    let started = Instant::now();
    let report = drill.run(async |url: String| {
        tokio::time::sleep(Duration::from_millis(100)).await;
        ask(&url, body.as_bytes(), Defect::None).await
    });
    let report = report.await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(10));
    assert!(report.left > 0, "{}", report.summary());
    let all = (report.runs.len() + report.unfit.len()) as u64 + report.left;
    assert_eq!(all, told.load(Ordering::Relaxed));
}

#[test]
fn mutants_are_there_for_clients_that_take_bytes() {
    let tape = tape("parallel_tools");
    let (mut harmful, mut unfit) = (0, 0);
    for trial in drill(&tape).mutants().unwrap() {
        let Ok(trial) = trial else {
            unfit += 1;
            continue;
        };
        let played = trial.performance().unwrap();
        assert!(played.head.is_some());
        harmful += usize::from(trial.class == Class::Harmful);
    }
    assert!(harmful > 30);
    assert!(unfit > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_is_data() {
    let report = drilled("plain", Defect::EofIsSuccess).await;
    let json = serde_json::to_value(&report).unwrap();
    let runs = json["runs"].as_array().unwrap();
    assert_eq!(runs.len(), report.runs.len());
    let cut = runs
        .iter()
        .find(|run| run["faults"][0] == "cut:frame=3")
        .unwrap();
    assert_eq!(cut["verdict"], "convicted");
    assert_eq!(cut["class"], "harmful");
    assert_eq!(cut["outcome"], "other");
    let rows = report.matrix();
    let all: u64 = rows
        .iter()
        .map(|row| row.same + row.other + row.failed + row.crashed + row.hung + row.not_struck)
        .sum();
    assert_eq!(all, report.runs.len() as u64);
    let convicted: u64 = rows.iter().map(|row| row.convicted).sum();
    assert_eq!(convicted, report.convicted() as u64);
}
