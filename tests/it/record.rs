use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use rigtape::cassette::{Cassette, How, Interaction};
use rigtape::record::{Error, Existing, FailureKind, Options, Recorder, Report};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;

use crate::support::upstream::{Script, Upstream};

/// A recorder over a tape in a folder of its own.
struct Fixture {
    folder: TempDir,
    recorder: Recorder,
}

impl Fixture {
    fn new() -> Fixture {
        Fixture::with(Options::default())
    }

    fn with(options: Options) -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let recorder =
            Recorder::to_file(folder.path().join("t.jsonl"), Existing::Refuse, options).unwrap();
        Fixture { folder, recorder }
    }

    async fn post(&self, url: String) -> Result<reqwest::Response, Error> {
        self.recorder.send(post(url)).await
    }

    /// Finishes the tape; it must be whole.
    async fn finish(self) -> Vec<Interaction> {
        let report = self.recorder.close().await;
        assert!(report.is_complete(), "{report}");
        read(self.folder.path().join("t.jsonl"))
    }

    async fn finish_with_text(self) -> (Report, Vec<Interaction>, String) {
        let report = self.recorder.close().await;
        let path = self.folder.path().join("t.jsonl");
        (report, read(&path), std::fs::read_to_string(&path).unwrap())
    }
}

fn read(path: impl AsRef<Path>) -> Vec<Interaction> {
    Cassette::open(path)
        .unwrap()
        .interactions()
        .map(Result::unwrap)
        .collect()
}

fn post(url: String) -> reqwest::Request {
    let builder = reqwest::Client::new()
        .post(url)
        .body(r#"{"model":"m","stream":true}"#);
    builder
        .header("content-type", "application/json")
        .build()
        .unwrap()
}

/// The bytes that came before the body ended, and whether it ended well.
async fn drain(mut response: reqwest::Response) -> (Vec<u8>, Result<(), reqwest::Error>) {
    let mut bytes = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => return (bytes, Ok(())),
            Err(error) => return (bytes, Err(error)),
        }
    }
}

fn how(interaction: &Interaction) -> &How {
    &interaction.end.as_ref().expect("an end").how
}

fn detail(interaction: &Interaction) -> &str {
    interaction
        .end
        .as_ref()
        .and_then(|end| end.detail.as_deref())
        .unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tape_holds_the_bytes_the_borders_and_the_times_of_the_wire() {
    let pieces: [(u64, &[u8]); 5] = [
        (20, b"data: {\"a\":1"),
        (45, b"}\n"),
        (50, b"\ndata: \xF0\x9F"),
        (95, b"\x8E\x89\r\n\r\n"),
        (130, b"data: [DONE]\n\n"),
    ];
    let mut script = Script::chunked();
    for (at, bytes) in pieces {
        script = script.at(at).chunk(bytes);
    }
    let upstream = Upstream::start(script.at(150).last_chunk()).await;
    let fixture = Fixture::new();
    let response = fixture
        .post(upstream.url("/v1/chat/completions?a=b"))
        .await
        .unwrap();
    assert_eq!(
        response.url().as_str(),
        upstream.url("/v1/chat/completions?a=b")
    );
    let (body, ended) = drain(response).await;
    ended.unwrap();
    let tape = fixture.finish().await;

    let [interaction] = tape.as_slice() else {
        panic!("{tape:?}")
    };
    assert_eq!(interaction.request.method, "POST");
    assert_eq!(interaction.request.target, "/v1/chat/completions?a=b");
    assert_eq!(
        interaction.request.url.as_deref(),
        Some(&*upstream.url("/v1/chat/completions?a=b"))
    );
    assert_eq!(
        interaction.request.body.as_bytes(),
        br#"{"model":"m","stream":true}"#
    );
    let head = interaction.response.as_ref().unwrap();
    assert_eq!(
        (head.status, head.version.as_deref()),
        (200, Some("HTTP/1.1"))
    );
    assert_eq!(head.framing.unwrap().as_str(), "chunked");
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    assert_eq!(interaction.body(), body);
    assert_eq!(how(interaction), &How::Complete);
    let borders: Vec<_> = interaction
        .chunks
        .iter()
        .map(|chunk| &chunk.bytes[..])
        .collect();
    assert_eq!(borders, pieces.map(|(_, bytes)| bytes));
    // Connecting came before the script's clock, and scheduling after it: both only add.
    for (chunk, (at, _)) in interaction.chunks.iter().zip(pieces) {
        let late = chunk.at.as_micros() as i64 - at as i64 * 1000;
        assert!((0..60_000).contains(&late), "{late} µs late at {at} ms");
    }
    let end = interaction.end.as_ref().unwrap();
    assert_eq!((end.chunks, end.bytes), (Some(5), Some(body.len() as u64)));
}

#[tokio::test]
async fn every_ending_is_on_the_tape() {
    let mut options = Options::default();
    options.timeouts.idle = Some(Duration::from_millis(150));
    let length = "HTTP/1.1 200 OK\ncontent-length: 9";
    let cases: [(&str, Script, How, bool); 8] = [
        (
            "chunked",
            Script::chunked().chunk("abc").last_chunk(),
            How::Complete,
            true,
        ),
        (
            "length",
            Script::head(length).write("123456789"),
            How::Complete,
            true,
        ),
        (
            "close",
            Script::head("HTTP/1.1 200 OK").write("abc"),
            How::Complete,
            true,
        ),
        (
            "cut chunked",
            Script::chunked().chunk("abc"),
            How::Eof,
            false,
        ),
        (
            "cut length",
            Script::head(length).write("1234"),
            How::Eof,
            false,
        ),
        (
            "reset",
            Script::chunked().chunk("abc").at(30).reset(),
            How::Reset,
            false,
        ),
        (
            "idle",
            Script::chunked().chunk("abc").stall(),
            How::Timeout,
            false,
        ),
        (
            "garbage",
            Script::chunked().chunk("abc").write("zz\r\n"),
            How::Error,
            false,
        ),
    ];
    for (name, script, expected, well) in cases {
        let upstream = Upstream::start(script).await;
        let fixture = Fixture::with(options.clone());
        let (body, ended) = drain(fixture.post(upstream.url("/")).await.unwrap()).await;
        assert_eq!(ended.is_ok(), well, "{name}: {ended:?}");
        let tape = fixture.finish().await;
        assert_eq!(how(&tape[0]), &expected, "{name}: {}", detail(&tape[0]));
        assert_eq!(tape[0].body(), body, "{name}");
        assert!(!body.is_empty(), "{name}");
        assert_eq!(detail(&tape[0]).is_empty(), well, "{name}");
    }
}

#[tokio::test]
async fn an_interaction_that_takes_too_long_ends_with_timeout() {
    let mut script = Script::chunked();
    for at in 0..200 {
        script = script.at(at * 20).chunk(".");
    }
    let upstream = Upstream::start(script).await;
    let mut options = Options::default();
    options.timeouts.total = Some(Duration::from_millis(200));
    let fixture = Fixture::with(options);
    let (body, ended) = drain(fixture.post(upstream.url("/")).await.unwrap()).await;
    ended.unwrap_err();
    let tape = fixture.finish().await;
    assert_eq!(how(&tape[0]), &How::Timeout);
    assert_eq!(detail(&tape[0]), "the interaction took longer than 200ms");
    assert_eq!(tape[0].body(), body);
}

#[tokio::test]
async fn trailers_are_on_the_end() {
    let script = Script::chunked()
        .chunk("abc")
        .write("0\r\nx-request-id: 7\r\n\r\n");
    let upstream = Upstream::start(script).await;
    let fixture = Fixture::new();
    drain(fixture.post(upstream.url("/")).await.unwrap())
        .await
        .1
        .unwrap();
    let tape = fixture.finish().await;
    let end = tape[0].end.as_ref().unwrap();
    assert_eq!(end.how, How::Complete);
    assert_eq!(end.trailers.get_str("x-request-id"), Some("7"));
}

/// A server that answers whatever comes with something that is no TLS.
async fn no_tls() -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    addr
}

#[tokio::test]
async fn no_response_head_is_failed_and_says_why() {
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/", listener.local_addr().unwrap())
    };
    let mut options = Options::default();
    options.timeouts.idle = Some(Duration::from_millis(150));
    let closes = Upstream::start(Script::silent()).await;
    let garbage = Upstream::start(Script::silent().write("SSH-2.0-OpenSSH_9.6\r\n")).await;
    let stalls = Upstream::start(Script::silent().stall()).await;
    let cases = [
        (nobody, FailureKind::Refused),
        (closes.url("/"), FailureKind::Closed),
        (garbage.url("/"), FailureKind::Protocol),
        (stalls.url("/"), FailureKind::Timeout),
        (format!("https://{}/", no_tls().await), FailureKind::Tls),
        (
            "http://no-such-host.invalid/?key=AIzaSecret".into(),
            FailureKind::Dns,
        ),
    ];
    for (url, kind) in cases {
        let fixture = Fixture::with(options.clone());
        let error = fixture.post(url.clone()).await.unwrap_err();
        let Error::Upstream(failure) = error else {
            panic!("{error}")
        };
        assert_eq!(failure.kind, kind, "{url}: {failure}");
        assert!(!failure.to_string().contains("AIzaSecret"));
        let tape = fixture.finish().await;
        assert_eq!(how(&tape[0]), &How::Failed);
        assert_eq!(detail(&tape[0]), failure.to_string());
        assert!(tape[0].response.is_none() && tape[0].chunks.is_empty());
    }
    stalls.left().await;
}

#[tokio::test]
async fn a_client_that_leaves_stops_the_upstream() {
    let upstream = Upstream::start(Script::chunked().chunk("abc").stall()).await;
    let fixture = Fixture::new();
    let mut response = fixture.post(upstream.url("/")).await.unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "abc");
    drop(response);
    upstream.left().await;
    let tape = fixture.finish().await;
    assert_eq!(
        (how(&tape[0]), &tape[0].body()[..]),
        (&How::Cancelled, &b"abc"[..])
    );
}

#[tokio::test]
async fn a_client_that_leaves_can_be_drained_to_the_tape() {
    let script = Script::chunked()
        .chunk("abc")
        .at(80)
        .chunk("def")
        .last_chunk();
    let upstream = Upstream::start(script).await;
    let mut options = Options::default();
    options.drain = true;
    let fixture = Fixture::with(options);
    let mut response = fixture.post(upstream.url("/")).await.unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "abc");
    drop(response);
    fixture.recorder.settled().await;
    let tape = fixture.finish().await;
    assert_eq!(
        (how(&tape[0]), &tape[0].body()[..]),
        (&How::Complete, &b"abcdef"[..])
    );
    assert!(
        detail(&tape[0]).starts_with("the client left after "),
        "{}",
        detail(&tape[0])
    );
}

async fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = async_compression::tokio::write::GzipEncoder::new(Vec::new());
    encoder.write_all(bytes).await.unwrap();
    encoder.shutdown().await.unwrap();
    encoder.into_inner()
}

const GZIPPED: &str = "HTTP/1.1 200 OK\ncontent-type: text/event-stream\ncontent-encoding: gzip\ntransfer-encoding: chunked";

#[tokio::test]
async fn a_compressed_body_is_stored_decoded_and_passed_on_as_it_came() {
    let plain = b"data: {\"text\":\"hello\"}\n\n".repeat(40);
    let coded = gzip(&plain).await;
    let (first, second) = coded.split_at(coded.len() / 2);
    let script = Script::head(GZIPPED)
        .chunk(first)
        .at(40)
        .chunk(second)
        .last_chunk();
    let upstream = Upstream::start(script).await;
    let fixture = Fixture::new();
    let response = fixture.post(upstream.url("/")).await.unwrap();
    assert_eq!(response.headers()["content-encoding"], "gzip");
    let (body, ended) = drain(response).await;
    ended.unwrap();
    assert_eq!(body, coded);
    assert!(upstream.requests()[0].contains("accept-encoding: identity\r\n"));
    let tape = fixture.finish().await;
    assert_eq!(tape[0].response.as_ref().unwrap().decoded, ["gzip"]);
    assert_eq!(tape[0].body(), plain);
    assert_eq!(how(&tape[0]), &How::Complete);
}

#[tokio::test]
async fn a_decompression_bomb_costs_the_tape_an_interaction_and_the_client_nothing() {
    let bomb = gzip(&vec![0; 16 << 20]).await;
    let torn = &gzip(b"hello").await[..12];
    let cases: [(&[u8], How, &str); 3] = [
        (&bomb, How::Lost, "decodes to more than 250 times its size"),
        (
            b"this is no gzip at all, however it is read",
            How::Error,
            "is not valid gzip",
        ),
        (torn, How::Error, "the gzip body ended in the middle"),
    ];
    for (coded, expected, words) in cases {
        let upstream = Upstream::start(Script::head(GZIPPED).chunk(coded).last_chunk()).await;
        let fixture = Fixture::new();
        let (body, ended) = drain(fixture.post(upstream.url("/")).await.unwrap()).await;
        ended.unwrap();
        assert!(body == coded);
        let (report, tape, text) = fixture.finish_with_text().await;
        assert_eq!(how(&tape[0]), &expected);
        assert!(detail(&tape[0]).contains(words), "{}", detail(&tape[0]));
        assert_eq!(report.failures().len(), 1);
        assert!(text.len() < 8 << 20, "{}", text.len());
    }
}

#[tokio::test]
async fn credentials_never_reach_the_disk() {
    let key = "my-Very/own+credential=1234567890";
    let encoded = "my-Very%2Fown%2Bcredential%3D1234567890";
    let body = format!("data: you sent {key} and {encoded}\n\n");
    let (first, second) = body.split_at(25);
    let script = Script::head(
        "HTTP/1.1 200 OK\ntransfer-encoding: chunked\nset-cookie: id=secretcookie1\nx-request-id: r1",
    );
    let upstream = Upstream::start(script.chunk(first).at(30).chunk(second).last_chunk()).await;
    let fixture = Fixture::new();
    let url = upstream.url("/v1/models?key=AIza-in-the-query&a=b");
    let mut request = post(url.replace("http://", "http://user:hunter2pass@"));
    request
        .headers_mut()
        .insert("authorization", format!("Bearer {key}").parse().unwrap());
    let (got, ended) = drain(fixture.recorder.send(request).await.unwrap()).await;
    ended.unwrap();
    assert_eq!(got, body.as_bytes());
    assert!(upstream.requests()[0].contains(&format!("authorization: Bearer {key}")));
    let (report, tape, text) = fixture.finish_with_text().await;
    for secret in [
        key,
        encoded,
        "AIza-in-the-query",
        "hunter2pass",
        "secretcookie1",
    ] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert_eq!(tape[0].body().len(), body.len());
    assert!(
        tape[0]
            .request
            .dropped
            .iter()
            .any(|name| name == "authorization")
    );
    assert_eq!(
        tape[0].response.as_ref().unwrap().header("x-request-id"),
        Some("r1")
    );
    assert!(report.is_complete());
    let findings = report.tapes[0].audit(1, &format!("assembled: {key}"));
    assert_eq!(findings.len(), 1);
}

#[tokio::test]
async fn an_existing_tape_is_refused_appended_to_or_replaced() {
    let upstream = Upstream::start(Script::answer("200 OK", "application/json", "{}")).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.jsonl");
    let record = async |existing| {
        let recorder = Recorder::to_file(&path, existing, Options::default())?;
        drain(recorder.send(post(upstream.url("/"))).await?)
            .await
            .1
            .unwrap();
        assert!(recorder.close().await.is_complete());
        Ok::<_, Error>(
            read(&path)
                .iter()
                .map(Interaction::number)
                .collect::<Vec<_>>(),
        )
    };
    assert_eq!(record(Existing::Append).await.unwrap(), [1]);
    let error = record(Existing::Refuse).await.unwrap_err().to_string();
    assert!(
        error.contains("t.jsonl") && error.contains("exists"),
        "{error}"
    );
    assert_eq!(record(Existing::Append).await.unwrap(), [1, 2]);
    assert_eq!(record(Existing::Replace).await.unwrap(), [1]);
}

#[tokio::test]
async fn a_recorder_that_is_only_dropped_leaves_a_whole_tape() {
    let upstream = Upstream::start(Script::answer("200 OK", "text/plain", "hello")).await;
    let Fixture { folder, recorder } = Fixture::new();
    drain(recorder.send(post(upstream.url("/"))).await.unwrap())
        .await
        .1
        .unwrap();
    drop(recorder);
    let tape = read(folder.path().join("t.jsonl"));
    assert_eq!(
        (how(&tape[0]), &tape[0].body()[..]),
        (&How::Complete, &b"hello"[..])
    );
}

#[tokio::test]
async fn what_still_runs_when_the_recorder_closes_is_lost() {
    let upstream = Upstream::start(Script::chunked().chunk("abc").stall()).await;
    let fixture = Fixture::new();
    let mut response = fixture.post(upstream.url("/")).await.unwrap();
    response.chunk().await.unwrap().unwrap();
    let (report, tape, _) = fixture.finish_with_text().await;
    assert_eq!(how(&tape[0]), &How::Lost);
    assert_eq!(report.failures().len(), 1);
}

/// A disk that takes `room` bytes, then blocks or fails.
#[derive(Clone)]
struct Disk {
    state: Arc<(Mutex<DiskState>, Condvar)>,
}

struct DiskState {
    written: Vec<u8>,
    room: usize,
    fails: bool,
}

impl Disk {
    fn new(room: usize, fails: bool) -> Disk {
        let state = DiskState {
            written: Vec::new(),
            room,
            fails,
        };
        Disk {
            state: Arc::new((Mutex::new(state), Condvar::new())),
        }
    }

    fn widen(&self) {
        self.state.0.lock().unwrap().room = usize::MAX;
        self.state.1.notify_all();
    }

    fn tape(&self) -> Vec<Interaction> {
        let written = self.state.0.lock().unwrap().written.clone();
        let tape = Cassette::read(&written[..], "disk").unwrap();
        tape.interactions().map(Result::unwrap).collect()
    }
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (state, widened) = &*self.state;
        let mut state = state.lock().unwrap();
        while state.written.len() + bytes.len() > state.room {
            if state.fails {
                return Err(io::ErrorKind::StorageFull.into());
            }
            state = widened.wait(state).unwrap();
        }
        state.written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Ten parallel streams; every client must get every byte.
async fn ten_streams(disk: &Disk) -> Recorder {
    let mut script = Script::chunked();
    for at in 0..20 {
        script = script.at(at * 5).chunk("x".repeat(1000));
    }
    let upstream = Upstream::start(script.last_chunk()).await;
    let mut options = Options::default();
    options.buffer.bytes = 20_000;
    options.close_timeout = Duration::from_secs(5);
    let recorder = Recorder::to_writer(disk.clone(), options).unwrap();
    let streams = (0..10).map(|_| {
        let (recorder, url) = (recorder.clone(), upstream.url("/"));
        tokio::spawn(async move { drain(recorder.send(post(url)).await.unwrap()).await })
    });
    for stream in streams.collect::<Vec<_>>() {
        let (body, ended) = stream.await.unwrap();
        ended.unwrap();
        assert_eq!(body.len(), 20_000);
    }
    recorder
}

#[tokio::test]
async fn a_slow_disk_costs_the_tape_and_not_the_clients() {
    let disk = Disk::new(30_000, false);
    let recorder = ten_streams(&disk).await;
    disk.widen();
    let report = recorder.close().await;
    assert!(!report.is_complete());
    let [failure] = &report.failures()[..] else {
        panic!("{report}")
    };
    assert!(
        failure.contains("of 10 interactions are not whole"),
        "{failure}"
    );
    let tape = disk.tape();
    let lost = tape
        .iter()
        .filter(|interaction| how(interaction) == &How::Lost)
        .count();
    assert!(lost > 0);
    assert_eq!(report.tapes[0].ended as usize, tape.len() - lost);
    assert_eq!(
        report.tapes[0].lost.len(),
        10 - report.tapes[0].ended as usize
    );
    // What is there is a beginning of the stream, without a hole.
    for interaction in &tape {
        let sum: usize = interaction
            .chunks
            .iter()
            .map(|chunk| chunk.bytes.len())
            .sum();
        assert_eq!(interaction.end.as_ref().unwrap().bytes, Some(sum as u64));
    }
}

#[tokio::test]
async fn a_full_disk_costs_the_tape_and_not_the_clients() {
    let disk = Disk::new(30_000, true);
    let recorder = ten_streams(&disk).await;
    let report = recorder.close().await;
    let [failure] = &report.failures()[..] else {
        panic!("{report}")
    };
    assert!(failure.contains("no storage space"), "{failure}");
    assert!(report.tapes[0].lost.len() == 10, "{report:?}");
    disk.tape();
}

#[tokio::test]
async fn a_disk_that_hangs_does_not_hang_the_end() {
    let disk = Disk::new(3_000, false);
    let recorder = ten_streams(&disk).await;
    let report = recorder.close().await;
    assert!(
        report.unfinished.as_ref().unwrap().contains("within 5s"),
        "{report}"
    );
    disk.widen();
}
