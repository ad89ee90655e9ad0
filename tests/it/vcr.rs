use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use futures::StreamExt as _;
use rigtape::cassette::{Cassette, How};
use rigtape::policy::Timing;
use rigtape::vcr::{Error, Mode, Outcome, Vcr, VcrBuilder};
use tokio::time::Instant;

use crate::support::upstream::{Script, Upstream};

/// An upstream that says what it was asked for.
async fn upstream() -> Upstream {
    Upstream::choose(|request| {
        let path = request.split(' ').nth(1).unwrap_or_default();
        Script::chunked()
            .chunk(format!("data: {path}\n\n"))
            .chunk("data: [DONE]\n\n")
            .last_chunk()
    })
    .await
}

fn vcr(tape: &Path, mode: Mode, upstream: &Upstream) -> VcrBuilder {
    Vcr::builder(tape).mode(mode).upstream(upstream.url(""))
}

async fn ask(vcr: &Vcr, path: &str) -> (u16, String) {
    let url = vcr.url() + path;
    let sent = client().post(url).body(r#"{"stream":true}"#).send().await;
    let answer = sent.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// Records what is asked for under `paths`.
async fn record(tape: &Path, paths: &[&str]) {
    let upstream = upstream().await;
    let vcr = vcr(tape, Mode::Record, &upstream).await.unwrap();
    for path in paths {
        assert_eq!(ask(&vcr, path).await.0, 200);
    }
    vcr.finish().unwrap();
}

fn targets(tape: &Path) -> Vec<String> {
    let tape = Cassette::open(tape).unwrap();
    assert!(tape.faults().is_empty(), "{:?}", tape.faults());
    let entries = tape.entries().iter();
    entries.map(|entry| entry.target.clone()).collect()
}

fn panic_of(run: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(run)).unwrap_err();
    match panic.downcast::<String>() {
        Ok(words) => *words,
        Err(panic) => (*panic.downcast::<&str>().unwrap()).to_owned(),
    }
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn tape(&self) -> PathBuf {
        self.0.path().join("t.jsonl")
    }

    /// All files but the tape.
    fn others(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.0.path()).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| name != "t.jsonl").collect();
        names.sort();
        names
    }
}

#[tokio::test]
async fn what_was_recorded_is_played_without_the_upstream() {
    let folder = Folder::new();
    record(&folder.tape(), &["/v1/a", "/v1/b"]).await;
    let vcr = Vcr::builder(folder.tape())
        .mode(Mode::Replay)
        .await
        .unwrap();
    assert_eq!(
        ask(&vcr, "/v1/b").await.1,
        "data: /v1/b\n\ndata: [DONE]\n\n"
    );
    assert_eq!(ask(&vcr, "/v1/a").await.0, 200);
    let report = vcr.finish().unwrap();
    assert_eq!(report.outcome(), &Outcome::Untouched);
    assert!(folder.others().is_empty(), "{:?}", folder.others());
}

#[tokio::test]
async fn a_missing_tape_says_how_to_record_it() {
    let folder = Folder::new();
    let error = Vcr::builder(folder.tape())
        .mode(Mode::Replay)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::NoTape { ci: false, .. }), "{error}");
    let words = error.to_string();
    assert!(
        words.contains("t.jsonl: there is no tape of this test yet\n"),
        "{words}"
    );
    let test = "a_missing_tape_says_how_to_record_it";
    assert!(words.contains("RIGTAPE_MODE=record cargo test "), "{words}");
    assert!(words.ends_with(&format!("{test} -- --exact")), "{words}");
}

#[test]
fn on_ci_a_missing_tape_is_not_recorded() {
    let folder = Folder::new();
    for mode in ["auto", ""] {
        let ran = child(
            "records_or_plays",
            &folder.tape(),
            &[("CI", "true"), ("RIGTAPE_MODE", mode)],
        );
        assert!(!ran.status.success());
        let said = String::from_utf8_lossy(&ran.stdout) + String::from_utf8_lossy(&ran.stderr);
        assert!(
            said.contains("with CI set, only tapes that exist are played"),
            "{said}"
        );
    }
    assert!(!folder.tape().exists());
    let explicit = [("CI", "true"), ("RIGTAPE_MODE", "record")];
    let ran = child("records_or_plays", &folder.tape(), &explicit);
    assert!(ran.status.success(), "{ran:?}");
    assert_eq!(targets(&folder.tape()), ["/v1/one"]);
}

#[tokio::test]
async fn a_changed_request_fails_the_test_with_the_words_the_client_got() {
    let folder = Folder::new();
    record(&folder.tape(), &["/v1/chat/completions"]).await;
    let vcr = Vcr::builder(folder.tape())
        .mode(Mode::Replay)
        .await
        .unwrap();
    let url = vcr.base_url("openai") + "/chat/completions";
    let answer = client()
        .post(url)
        .body(r#"{"stream":false}"#)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 404);
    assert_eq!(answer.headers()["x-should-retry"], "false");
    let told: serde_json::Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    let told = told["error"]["message"].as_str().unwrap();
    let told = told.strip_prefix("rigtape: ").unwrap();

    let said = panic_of(|| drop(vcr));

    assert!(said.contains(told), "{said}\n---\n{told}");
    assert!(
        said.contains("/stream\n    recorded: true\n    asked:    false"),
        "{said}"
    );
    assert!(
        said.contains("to record the tape anew: RIGTAPE_MODE=record cargo test "),
        "{said}"
    );
}

#[tokio::test]
async fn an_interaction_left_over_fails_the_test() {
    let folder = Folder::new();
    record(&folder.tape(), &["/v1/a", "/v1/b"]).await;
    let play = || Vcr::builder(folder.tape()).mode(Mode::Replay);
    let vcr = play().await.unwrap();
    ask(&vcr, "/v1/a").await;
    let said = panic_of(|| drop(vcr));
    assert!(
        said.contains("interaction 2 was not asked for: POST /v1/b"),
        "{said}"
    );

    let vcr = play().await.unwrap();
    ask(&vcr, "/v1/a").await;
    let report = vcr.finish();
    assert_eq!(report.serve().unused.len(), 1);
    assert!(panic_of(|| drop(report.unwrap())).contains("was not asked for"));

    let vcr = play().allow_unused(true).await.unwrap();
    ask(&vcr, "/v1/a").await;
}

#[tokio::test]
async fn a_panic_while_recording_leaves_the_old_tape() {
    let folder = Folder::new();
    record(&folder.tape(), &["/v1/old"]).await;
    let before = std::fs::read(folder.tape()).unwrap();
    let upstream = upstream().await;
    let vcr = vcr(&folder.tape(), Mode::Record, &upstream).await.unwrap();
    ask(&vcr, "/v1/new").await;

    let said = panic_of(move || {
        let _vcr = vcr;
        panic!("the test's own words");
    });

    assert_eq!(said, "the test's own words");
    assert_eq!(std::fs::read(folder.tape()).unwrap(), before);
    assert_eq!(folder.others(), ["t.rejected.jsonl"]);
    assert_eq!(
        targets(&folder.0.path().join("t.rejected.jsonl")),
        ["/v1/new"]
    );
}

#[tokio::test]
async fn a_test_that_ends_early_does_not_shorten_its_tape() {
    let folder = Folder::new();
    record(&folder.tape(), &["/v1/a", "/v1/b"]).await;
    let upstream = upstream().await;
    let again = || vcr(&folder.tape(), Mode::Record, &upstream);
    let vcr = again().await.unwrap();
    ask(&vcr, "/v1/a").await;
    let said = panic_of(|| drop(vcr));
    assert!(
        said.contains("1 of 2 interactions were recorded when the test ended"),
        "{said}"
    );
    assert!(said.contains("t.rejected.jsonl"), "{said}");
    assert_eq!(targets(&folder.tape()), ["/v1/a", "/v1/b"]);

    let vcr = again().await.unwrap();
    ask(&vcr, "/v1/a").await;
    vcr.finish().unwrap();
    assert_eq!(targets(&folder.tape()), ["/v1/a"]);
}

#[tokio::test]
async fn a_stream_that_broke_off_does_not_replace_a_whole_one() {
    let folder = Folder::new();
    record(&folder.tape(), &["/v1/a"]).await;
    let broken = Upstream::start(Script::chunked().chunk("data: 1\n\n")).await;
    let vcr = vcr(&folder.tape(), Mode::Record, &broken).await.unwrap();
    let asked = client().post(vcr.url() + "/v1/a").send().await.unwrap();
    assert!(asked.text().await.is_err());
    let report = vcr.finish();
    let Outcome::Rejected { kept, reason, .. } = report.outcome() else {
        panic!("{report}");
    };
    assert!(
        reason.contains("interaction 1 of the new tape broke off (eof)"),
        "{reason}"
    );
    assert!(kept.as_ref().unwrap().exists());
    assert_eq!(targets(&folder.tape()), ["/v1/a"]);

    // Where nothing whole stands, it is what there is.
    std::fs::remove_file(folder.tape()).unwrap();
    let vcr = self::vcr(&folder.tape(), Mode::Record, &broken)
        .await
        .unwrap();
    let asked = client().post(vcr.url() + "/v1/a").send().await.unwrap();
    assert!(asked.text().await.is_err());
    vcr.finish().unwrap();
}

#[tokio::test]
async fn while_recording_in_process_the_caller_has_each_chunk_at_once() {
    let folder = Folder::new();
    let upstream = Upstream::start(Script::chunked().chunk("data: 1\n\n").stall()).await;
    let vcr = Vcr::builder(folder.tape()).mode(Mode::Record).in_process();
    let vcr = vcr.await.unwrap();
    let request = client().get(upstream.url("/v1/a")).build().unwrap();
    let mut response = vcr.send(request).await.unwrap();
    // The body never ends, so this chunk did not wait for its end.
    assert_eq!(response.chunk().await.unwrap().unwrap(), "data: 1\n\n");
    drop(response);
    upstream.left().await;
    vcr.finish().unwrap();

    // That the client left is its own doing: the tape is whole.
    let tape = Cassette::open(folder.tape()).unwrap();
    let recorded = tape.interactions().next().unwrap().unwrap();
    assert_eq!(recorded.how(), Some(&How::Cancelled));
}

#[tokio::test(start_paused = true)]
async fn on_a_paused_clock_a_middleware_plays_at_the_exact_offsets() {
    let tape = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/cassettes/openai-chat/plain.jsonl"
    );
    let recorded = Cassette::open(tape)
        .unwrap()
        .interactions()
        .next()
        .unwrap()
        .unwrap();
    let vcr = Vcr::builder(tape)
        .mode(Mode::Replay)
        .timing(Timing::Recorded)
        .in_process();
    let vcr = vcr.await.unwrap();
    let client = reqwest_middleware::ClientBuilder::new(client())
        .with(vcr.middleware())
        .build();
    let start = Instant::now();
    let body = recorded.request.body.as_bytes().to_vec();
    let sent = client
        .post("http://model.test/v1/chat/completions")
        .body(body);
    let mut chunks = sent.send().await.unwrap().bytes_stream();
    for chunk in &recorded.chunks {
        let played = chunks.next().await.unwrap().unwrap();
        assert_eq!(played, chunk.bytes);
        let due = Duration::from(chunk.at);
        let late = start.elapsed().checked_sub(due).expect("never early");
        assert!(late < Duration::from_millis(1), "{late:?} at {due:?}");
    }
    assert!(chunks.next().await.is_none());
    assert_eq!(
        vcr.received()[0].taken,
        recorded
            .chunks
            .iter()
            .map(|c| c.bytes.len() as u64)
            .sum::<u64>()
    );
}

#[tokio::test]
async fn in_process_a_miss_is_the_same_answer() {
    let folder = Folder::new();
    record(&folder.tape(), &["/v1/a"]).await;
    let vcr = Vcr::builder(folder.tape()).mode(Mode::Replay).in_process();
    let vcr = vcr.await.unwrap();
    let request = client().get("http://model.test/v1/models").build().unwrap();
    let answer = vcr.send(request).await.unwrap();
    assert_eq!(answer.status(), 404);
    let told = answer.text().await.unwrap();
    assert!(
        told.contains("nothing was recorded under this method and path"),
        "{told}"
    );
    assert!(panic_of(|| drop(vcr)).contains("GET /v1/models"));
}

#[tokio::test]
async fn a_client_that_retries_is_recorded_and_played_with_its_retries() {
    let folder = Folder::new();
    let provider = rigtape::serve::MockServer::builder()
        .tapes(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/cassettes/openai-chat/error_429_then_200.jsonl"
        ))
        .rules("ignore=/**".parse().unwrap())
        .keep_retry_after(true)
        .start_blocking()
        .unwrap();
    for mode in [Mode::Record, Mode::Replay] {
        let vcr = Vcr::builder(folder.tape())
            .mode(mode)
            .upstream(provider.url());
        let vcr = vcr.await.unwrap();
        let (mut statuses, mut waits) = (Vec::new(), Vec::new());
        while statuses.last() != Some(&200) {
            let asked = client().post(vcr.base_url("openai") + "/chat/completions");
            let answer = asked.body("{}").send().await.unwrap();
            statuses.push(answer.status().as_u16());
            waits.extend(answer.headers().get("retry-after").cloned());
            answer.bytes().await.unwrap();
        }
        assert_eq!(statuses, [429, 200]);
        // A test that plays does not wait in earnest.
        assert_eq!(waits, [if mode == Mode::Record { "1" } else { "0" }]);
        vcr.finish().unwrap();
    }
}

#[tokio::test]
async fn rules_stay_when_a_tape_is_recorded_anew() {
    let folder = Folder::new();
    record(&folder.tape(), &["/v1/a"]).await;
    let text = std::fs::read_to_string(folder.tape()).unwrap();
    let ruled = text.replacen(
        "{\"rigtape\":1,",
        "{\"rigtape\":1,\"match\":{\"ignore\":[\"/stream\"]},",
        1,
    );
    std::fs::write(folder.tape(), ruled).unwrap();
    record(&folder.tape(), &["/v1/a"]).await;
    let header = Cassette::open(folder.tape()).unwrap().header().clone();
    assert_eq!(header.rules.unwrap().get(), r#"{"ignore":["/stream"]}"#);

    let vcr = Vcr::builder(folder.tape())
        .mode(Mode::Replay)
        .await
        .unwrap();
    let asked = client().post(vcr.url() + "/v1/a").body(r#"{"stream":1}"#);
    assert_eq!(asked.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn append_adds_only_what_the_tape_lacks_and_only_when_the_test_passes() {
    let folder = Folder::new();
    record(&folder.tape(), &["/v1/a"]).await;
    let upstream = upstream().await;
    let failed = vcr(&folder.tape(), Mode::Append, &upstream).await.unwrap();
    ask(&failed, "/v1/b").await;
    panic_of(move || {
        let _failed = failed;
        panic!("no");
    });
    assert_eq!(targets(&folder.tape()), ["/v1/a"]);

    let passed = vcr(&folder.tape(), Mode::Append, &upstream).await.unwrap();
    ask(&passed, "/v1/a").await;
    ask(&passed, "/v1/b").await;
    passed.finish().unwrap();
    assert_eq!(targets(&folder.tape()), ["/v1/a", "/v1/b"]);
    assert_eq!(upstream.requests().len(), 2);
}

#[test]
fn processes_that_share_a_tape_lose_nothing_of_one_another() {
    const TESTS: [(&str, &str); 2] = [
        ("records_or_plays", "/v1/one"),
        ("records_or_plays_too", "/v1/two"),
    ];
    for mode in ["record", "append"] {
        let folder = Folder::new();
        if mode == "append" {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(record(&folder.tape(), &["/v1/zero"]));
        }
        let tape = folder.tape();
        std::thread::scope(|scope| {
            for (test, _) in TESTS {
                let tape = &tape;
                scope.spawn(move || {
                    let ran = child(test, tape, &[("RIGTAPE_MODE", mode)]);
                    assert!(ran.status.success(), "{ran:?}");
                });
            }
        });
        let mut recorded = targets(&tape);
        recorded.sort();
        let zero = (mode == "append").then_some("/v1/zero");
        let expected = ["/v1/one", "/v1/two"].into_iter().chain(zero);
        assert_eq!(recorded, expected.collect::<Vec<_>>(), "{mode}");
        for (test, _) in TESTS {
            let ran = child(test, &tape, &[("RIGTAPE_MODE", "replay")]);
            assert!(ran.status.success(), "{ran:?}");
        }
        // One that records again has a new tape.
        let ran = child("records_or_plays", &tape, &[("RIGTAPE_MODE", "record")]);
        assert!(ran.status.success(), "{ran:?}");
        assert_eq!(targets(&tape), ["/v1/one"]);
        assert!(folder.others().is_empty(), "{:?}", folder.others());
    }
}

#[test]
#[ignore = "a process of its own: other tests run it"]
fn records_or_plays() {
    shares_a_tape("/v1/one");
}

#[test]
#[ignore = "a process of its own: other tests run it"]
fn records_or_plays_too() {
    shares_a_tape("/v1/two");
}

fn shares_a_tape(path: &str) {
    let Some(tape) = std::env::var_os("RIGTAPE_TEST_TAPE") else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let upstream = upstream().await;
        let vcr = Vcr::builder(&tape)
            .upstream(upstream.url(""))
            .allow_unused(true);
        let vcr = match vcr.await {
            Ok(vcr) => vcr,
            Err(error) => panic!("{error}"),
        };
        assert_eq!(ask(&vcr, path).await.0, 200);
        vcr.finish().unwrap();
    });
}

/// Runs one ignored test of this binary as a process of its own.
fn child(test: &str, tape: &Path, variables: &[(&str, &str)]) -> Output {
    let module = module_path!().split_once("::").unwrap().1;
    Command::new(std::env::current_exe().unwrap())
        .args([
            &format!("{module}::{test}"),
            "--exact",
            "--ignored",
            "--nocapture",
        ])
        .env_remove("CI")
        .env_remove("RIGTAPE_MODE")
        .env("RIGTAPE_TEST_TAPE", tape)
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

/// Many providers speak one wire: without its name in front, a request of one would be recorded at
/// another, and with it the key.
#[test]
fn a_provider_without_a_variable_is_named_in_its_base_url() {
    let vcr = Vcr::builder("openai-chat/error_400")
        .mode(Mode::Replay)
        .start_blocking()
        .unwrap();
    assert_eq!(vcr.base_url("groq"), format!("{}/groq/v1", vcr.url()));
    assert_eq!(vcr.base_url("openai"), format!("{}/v1", vcr.url()));

    let one_for_all = Vcr::builder("openai-chat/error_400")
        .upstream("http://127.0.0.1:9")
        .mode(Mode::Replay)
        .start_blocking()
        .unwrap();
    assert_eq!(
        one_for_all.base_url("groq"),
        format!("{}/v1", one_for_all.url())
    );
}
