use std::path::Path;
use std::time::Duration;

use rigtape::cassette::{Cassette, How};
use tokio::sync::mpsc;

use crate::support::place::{Place, RIGTAPE, Running, client};
use crate::support::upstream::{Script, Upstream};

const CHUNKS: usize = 60;

/// A stream of numbered chunks, 4 ms apart, and its end.
fn paced() -> Script {
    let chunk = |script: Script, at: usize| script.at(4 * at as u64).chunk(numbered(at));
    (0..CHUNKS).fold(Script::chunked(), chunk).last_chunk()
}

fn numbered(at: usize) -> String {
    format!("data: {{\"number\":{at},\"choices\":[]}}\n\n")
}

fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// Reads a stream, telling of every piece, until it ends or breaks off; what came.
async fn listen(url: String, heard: Option<mpsc::UnboundedSender<()>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let Ok(mut response) = client().post(url).body("{}").send().await else {
        return bytes;
    };
    while let Ok(Some(chunk)) = response.chunk().await {
        bytes.extend_from_slice(&chunk);
        if let Some(heard) = &heard {
            let _ = heard.send(());
        }
    }
    bytes
}

fn count(bytes: &[u8]) -> usize {
    memchr::memmem::find_iter(bytes, b"\n\n").count()
}

const STREAMS: usize = 10;

/// Records ten streams and kills the recorder at a random instant; what each client had got.
async fn killed(upstream: &str, seed: &mut u64) -> (Place, Vec<Vec<u8>>) {
    let place = Place::new();
    let proxy = place
        .proxy(&["record", "--upstream", upstream, "-o", "tapes/"])
        .await;
    let (heard, mut hears) = mpsc::unbounded_channel();
    let clients = (0..STREAMS).map(|number| {
        let url = format!("{}/@s{number}/v1/chat/completions", proxy.url);
        tokio::spawn(listen(url, Some(heard.clone())))
    });
    let clients: Vec<_> = clients.collect();
    drop(heard);
    for _ in 0..random(seed) % (STREAMS * CHUNKS) as u64 {
        if hears.recv().await.is_none() {
            break;
        }
    }
    proxy.kill().await;
    let mut got = Vec::new();
    for client in clients {
        got.push(client.await.unwrap());
    }
    (place, got)
}

/// Chunks that a client may have got a moment before the tape did.
const FEW: usize = 8;

fn check(path: &Path, got: &[u8]) {
    if !path.exists() {
        assert!(count(got) <= FEW, "{} chunks, no tape", count(got));
        return;
    }
    let tape = match Cassette::open(path) {
        Ok(tape) => tape,
        // Killed before the header.
        Err(error) => {
            assert!(error.is_foreign() && got.is_empty(), "{error}");
            return;
        }
    };
    assert!(tape.faults().is_empty(), "{:?}", tape.faults());
    let bodies = tape
        .interactions()
        .map(|interaction| interaction.unwrap().body());
    let body = bodies.last().unwrap_or_default();
    let common = got.len().min(body.len());
    assert_eq!(body[..common], got[..common]);
    assert!(
        count(&body) + FEW >= count(got),
        "{} of {} chunks are on the tape",
        count(&body),
        count(got)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_recordings_that_are_killed_leave_tapes_that_read() {
    let upstream = Upstream::start(paced()).await;
    let mut seed = 0x9E37_79B9_7F4A_7C15;
    let mut complete = 0;
    for _ in 0..5 {
        let url = upstream.url("");
        let batch = (0..4).map(|_| {
            let (url, mut seed) = (url.clone(), random(&mut seed) | 1);
            tokio::spawn(async move { killed(&url, &mut seed).await })
        });
        for killed in batch.collect::<Vec<_>>() {
            let (place, got) = killed.await.unwrap();
            for (number, got) in got.iter().enumerate() {
                check(&place.path(&format!("tapes/s{number}.jsonl")), got);
                complete += usize::from(count(got) == CHUNKS);
            }
        }
    }
    assert!(complete < 100, "{complete} of 200 were not cut off at all");
}

#[tokio::test]
async fn a_request_to_end_finishes_the_tape() {
    use rustix::process::Signal;
    let script = Script::chunked().chunk(numbered(0)).stall();
    let upstream = Upstream::start(script).await;
    for signal in [Signal::INT, Signal::TERM] {
        let place = Place::new();
        let url = upstream.url("");
        let proxy = place
            .proxy(&["record", "--upstream", &url, "-o", "t.jsonl"])
            .await;
        let (heard, mut hears) = mpsc::unbounded_channel();
        let url = format!("{}/v1/chat/completions", proxy.url);
        let client = tokio::spawn(listen(url, Some(heard)));
        hears.recv().await.unwrap();
        // It gives the stream five seconds, then cuts it.
        let ran = proxy.signal(signal).await.expect(0);
        ran.says("recorded 1 interaction (1 chunks");
        client.await.unwrap();
        let tape = place.tape("t.jsonl");
        assert_eq!(tape[0].body(), numbered(0));
        assert_eq!(tape[0].how(), Some(&How::Cancelled));
    }
}

#[tokio::test]
async fn a_request_to_end_reaches_the_command() {
    use rustix::process::Signal;
    let place = Place::new();
    let script = "trap 'exit 9' TERM; echo listening on x; while :; do sleep 0.05; done";
    let args = ["record", "-o", "t.jsonl", "--", "sh", "-c", script];
    let proxy = Running::start(place.command(RIGTAPE, &args)).await;
    proxy.signal(Signal::TERM).await.expect(9);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_costs_the_tape_and_no_client_a_byte() {
    const STREAMS: usize = 10;
    let place = Place::new();
    let long = |script: Script, at: usize| {
        let filler = "x".repeat(500);
        script
            .at(2 * at as u64)
            .chunk(format!("data: {at}{filler}\n\n"))
    };
    let upstream = Upstream::start((0..100).fold(Script::chunked(), long).last_chunk()).await;
    // A signal that is ignored lets the write fail instead, as on a full disk.
    let script = format!(
        "ulimit -f 400; trap '' XFSZ; exec {RIGTAPE} record --upstream {} -o t.jsonl",
        upstream.url("")
    );
    let proxy = Running::start(place.command("sh", &["-c", &script])).await;
    let url = format!("{}/v1/chat/completions", proxy.url);
    let clients: Vec<_> = (0..STREAMS)
        .map(|_| tokio::spawn(listen(url.clone(), None)))
        .collect();
    let direct = listen(upstream.url("/v1/chat/completions"), None).await;
    for client in clients {
        let got = tokio::time::timeout(Duration::from_secs(30), client);
        assert!(got.await.unwrap().unwrap() == direct, "a client lost bytes");
    }
    let ran = proxy.interrupt().await.expect(1);
    let errors: Vec<&str> = ran.stderr.lines().filter(|l| l.contains("error")).collect();
    assert_eq!(errors.len(), 1, "{ran:?}");
    assert!(
        errors[0].contains("t.jsonl") && errors[0].contains("10 interactions"),
        "{errors:?}"
    );
    let tape = place.tape("t.jsonl");
    assert!(
        tape.iter()
            .any(|interaction| !interaction.chunks.is_empty())
    );
}
