use std::path::PathBuf;
use std::time::Duration;

use rigtape::cassette::{Cassette, How, Interaction};
use rigtape::record::{
    Error, Existing, Options, Proxy, ProxyConfig, Recorder, Report, Routes, Upstream as Target,
};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::upstream::{Script, Upstream};

const GRACE: Duration = Duration::from_secs(10);

/// A proxy in front of one upstream, recording to a folder of its own.
struct Fixture {
    folder: TempDir,
    proxy: Proxy,
}

impl Fixture {
    async fn new(upstream: &Upstream) -> Fixture {
        Fixture::with(&upstream.url(""), Options::default(), |_| ()).await
    }

    async fn with(url: &str, options: Options, change: impl FnOnce(&mut ProxyConfig)) -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let recorder = Recorder::to_directory(folder.path(), Existing::Refuse, options).unwrap();
        let mut config = ProxyConfig::new(Routes::new([Target::parse(url).unwrap()]).unwrap());
        change(&mut config);
        let proxy = Proxy::start(recorder, config).await.unwrap();
        Fixture { folder, proxy }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.proxy.url())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn post(&self, path: &str) -> reqwest::Response {
        client()
            .post(self.url(path))
            .body("{}")
            .send()
            .await
            .unwrap()
    }

    /// Sends bytes as they are and reads the answer to the connection's end.
    async fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.proxy.addr()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    async fn finish(self) -> (Report, Vec<Interaction>) {
        let report = self.proxy.shutdown(GRACE).await;
        assert!(report.is_complete(), "{report}");
        let path = self.folder.path().join("default.jsonl");
        let tape = if path.exists() {
            read(path)
        } else {
            Vec::new()
        };
        (report, tape)
    }
}

fn client() -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy();
    builder
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

fn read(path: impl AsRef<std::path::Path>) -> Vec<Interaction> {
    Cassette::open(path)
        .unwrap()
        .interactions()
        .map(Result::unwrap)
        .collect()
}

fn how(interaction: &Interaction) -> &How {
    &interaction.end.as_ref().expect("an end").how
}

#[tokio::test]
async fn a_stream_passes_as_it_is() {
    let script = Script::chunked()
        .chunk("data: 1\n\n")
        .at(40)
        .chunk("data: 2\n\n")
        .last_chunk();
    let upstream = Upstream::start(script).await;
    let fixture = Fixture::new(&upstream).await;
    let request = client()
        .post(fixture.url("/v1/chat/completions?x=%41&y=%27"))
        .header("authorization", "Bearer verysecretvalue")
        .header("x-custom", "kept")
        .header("connection", "x-hop")
        .header("x-hop", "1")
        .body("{}");
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.text().await.unwrap(), "data: 1\n\ndata: 2\n\n");

    let seen = &upstream.requests()[0];
    assert!(
        seen.starts_with("POST /v1/chat/completions?x=%41&y="),
        "{seen}"
    );
    assert!(
        seen.contains("authorization: Bearer verysecretvalue\r\n"),
        "{seen}"
    );
    assert!(seen.contains("x-custom: kept\r\n"), "{seen}");
    assert!(!seen.contains("x-hop"), "{seen}");
    assert!(
        seen.contains(&format!("host: {}\r\n", upstream.addr)),
        "{seen}"
    );
    let path = fixture.path("default.jsonl");
    fixture.proxy.shutdown(GRACE).await;
    assert!(
        !std::fs::read_to_string(&path)
            .unwrap()
            .contains("verysecret")
    );
    let tape = read(&path);
    assert_eq!(how(&tape[0]), &How::Complete);
    assert_eq!(tape[0].request.target, "/v1/chat/completions?x=%41&y=%27");
    assert_eq!(tape[0].chunks.len(), 2);
}

#[tokio::test]
async fn answers_that_are_no_streams_are_recorded_like_any_other() {
    let upstream = Upstream::choose(|request| {
        if request.starts_with("GET /v1/models ") {
            Script::answer("401 Unauthorized", "application/json", r#"{"error":{"code":"bad"}}"#)
        } else if request.starts_with("GET /v1/moved ") {
            Script::head(
                "HTTP/1.1 307 Temporary Redirect\nlocation: http://127.0.0.1:1/x\ncontent-length: 0",
            )
        } else if request.starts_with("HEAD") {
            Script::head("HTTP/1.1 200 OK\ncontent-length: 1000")
        } else {
            Script::answer("200 OK", "text/html", b"<html>\xFF</html>")
        }
    })
    .await;
    let fixture = Fixture::new(&upstream).await;
    let get = async |path| client().get(fixture.url(path)).send().await.unwrap();
    assert_eq!(get("/v1/models").await.status(), 401);
    let moved = get("/v1/moved").await;
    assert_eq!(
        (moved.status().as_u16(), &moved.headers()["location"]),
        (307, &"http://127.0.0.1:1/x".parse().unwrap())
    );
    assert_eq!(
        &get("/v1/page").await.bytes().await.unwrap()[..],
        b"<html>\xFF</html>"
    );
    assert_eq!(
        client()
            .head(fixture.url("/v1/x"))
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    let (_, tape) = fixture.finish().await;
    let statuses: Vec<_> = tape
        .iter()
        .map(|i| i.response.as_ref().unwrap().status)
        .collect();
    assert_eq!(statuses, [401, 307, 200, 200]);
    assert!(
        tape.iter()
            .all(|interaction| how(interaction) == &How::Complete)
    );
    assert_eq!(&tape[2].body()[..], b"<html>\xFF</html>");
}

#[tokio::test]
async fn an_upstream_that_is_down_is_a_502_in_words() {
    let fixture = Fixture::with("http://127.0.0.1:1", Options::default(), |_| ()).await;
    let response = fixture.post("/v1/responses").await;
    assert_eq!(response.status(), 502);
    let body: serde_json::Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    let message = body["error"]["message"].as_str().unwrap();
    assert!(
        message.starts_with("rigtape: no answer from 127.0.0.1: connection refused"),
        "{message}"
    );
    let (_, tape) = fixture.finish().await;
    assert_eq!(how(&tape[0]), &How::Failed);
}

#[tokio::test]
async fn what_came_before_a_broken_end_reaches_the_client() {
    for _ in 0..20 {
        let script = Script::chunked().write("3\r\nabc\r\n3\r\ndef\r\n").reset();
        let upstream = Upstream::start(script).await;
        let fixture = Fixture::new(&upstream).await;
        let mut response = fixture.post("/v1/chat/completions").await;
        let mut body = Vec::new();
        let ended = loop {
            match response.chunk().await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        ended.unwrap_err();
        let (_, tape) = fixture.finish().await;
        assert_eq!(tape[0].body(), body);
        assert_eq!(how(&tape[0]), &How::Reset);
    }
}

#[tokio::test]
async fn a_client_that_leaves_is_on_the_tape() {
    // In the middle of the body, and before there is even a head.
    for script in [
        Script::chunked().chunk("data: 1\n\n").stall(),
        Script::silent().stall(),
    ] {
        let with_head = !format!("{script:?}").starts_with("Script([Stall");
        let upstream = Upstream::start(script).await;
        let fixture = Fixture::new(&upstream).await;
        let mut stream = TcpStream::connect(fixture.proxy.addr()).await.unwrap();
        let request = format!(
            "GET /v1/x HTTP/1.1\r\nhost: {}\r\n\r\n",
            fixture.proxy.addr()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut got = String::new();
        while with_head && !got.contains("data: 1") {
            let mut buffer = [0; 1024];
            let read = stream.read(&mut buffer).await.unwrap();
            got.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
        while upstream.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        drop(stream);
        upstream.left().await;
        let (_, tape) = fixture.finish().await;
        assert_eq!(how(&tape[0]), &How::Cancelled);
        assert_eq!(tape[0].response.is_some(), with_head);
    }
}

#[tokio::test]
async fn a_client_that_leaves_before_the_head_can_be_drained() {
    let script = Script::silent()
        .at(150)
        .write("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
    let upstream = Upstream::start(script).await;
    let mut options = Options::default();
    options.drain = true;
    let fixture = Fixture::with(&upstream.url(""), options, |_| ()).await;
    let mut stream = TcpStream::connect(fixture.proxy.addr()).await.unwrap();
    let request = format!(
        "GET /v1/x HTTP/1.1\r\nhost: {}\r\n\r\n",
        fixture.proxy.addr()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    while upstream.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    drop(stream);
    let (_, tape) = fixture.finish().await;
    assert_eq!(
        (how(&tape[0]), &tape[0].body()[..]),
        (&How::Complete, &b"hello"[..])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_requests_interleave_on_one_tape() {
    let upstream = Upstream::choose(|request| {
        let id = request
            .split_whitespace()
            .nth(1)
            .unwrap()
            .trim_start_matches("/v1/")
            .to_owned();
        let mut script = Script::chunked();
        for at in 0..10 {
            script = script.at(at * 10).chunk(format!("{id}.{at};"));
        }
        script.last_chunk()
    })
    .await;
    let fixture = Fixture::new(&upstream).await;
    let requests = (0..8).map(|id| {
        let url = fixture.url(&format!("/v1/{id}"));
        tokio::spawn(async move {
            client()
                .get(url)
                .send()
                .await
                .unwrap()
                .text()
                .await
                .unwrap()
        })
    });
    for (id, request) in requests.collect::<Vec<_>>().into_iter().enumerate() {
        let expected: String = (0..10).map(|at| format!("{id}.{at};")).collect();
        assert_eq!(request.await.unwrap(), expected);
    }
    let path = fixture.path("default.jsonl");
    let report = fixture.proxy.shutdown(GRACE).await;
    assert!(report.is_complete(), "{report}");
    let tape = read(&path);
    assert_eq!(tape.len(), 8);
    for interaction in &tape {
        let id = interaction.request.target.trim_start_matches("/v1/");
        let expected: String = (0..10).map(|at| format!("{id}.{at};")).collect();
        assert_eq!(interaction.body(), expected.as_bytes());
        assert_eq!(how(interaction), &How::Complete);
    }
    let text = std::fs::read_to_string(path).unwrap();
    let chunks = text
        .lines()
        .filter_map(|line| line.strip_prefix('[')?.split(',').next());
    let switches = chunks
        .collect::<Vec<_>>()
        .windows(2)
        .filter(|w| w[0] != w[1])
        .count();
    assert!(switches > 8, "the streams did not interleave");
}

#[tokio::test]
async fn only_our_own_name_is_answered_to() {
    let upstream = Upstream::start(Script::answer("200 OK", "text/plain", "hi")).await;
    let fixture = Fixture::new(&upstream).await;
    let port = fixture.proxy.addr().port();
    let ask = async |host: &str| {
        let request = format!("GET /v1/x HTTP/1.1\r\n{host}connection: close\r\n\r\n");
        fixture
            .raw(&request)
            .await
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    for host in ["localhost", "LOCALHOST", "127.0.0.1", "[::1]"] {
        assert_eq!(
            ask(&format!("host: {host}:{port}\r\n")).await,
            "HTTP/1.1 200 OK",
            "{host}"
        );
    }
    for host in [
        "host: evil.example\r\n".to_owned(),
        format!("host: evil.example:{port}\r\n"),
        format!("host: localhost:{}\r\n", port ^ 1),
        format!("host: localhost.evil.example:{port}\r\n"),
        "host: \r\n".to_owned(),
        format!("host: localhost:{port}\r\nhost: evil.example\r\n"),
        String::new(),
    ] {
        assert_eq!(
            ask(&host).await,
            "HTTP/1.1 421 Misdirected Request",
            "{host}"
        );
    }
    let (report, tape) = fixture.finish().await;
    assert_eq!((tape.len(), report.refused_total), (4, 7));
}

#[tokio::test]
async fn it_is_no_open_relay() {
    let upstream = Upstream::start(Script::answer("200 OK", "text/plain", "hi")).await;
    let fixture = Fixture::new(&upstream).await;
    let host = format!("host: {}\r\n", fixture.proxy.addr());
    let cases = [
        (
            "CONNECT example.com:443 HTTP/1.1",
            "",
            "403",
            "opens no tunnels",
        ),
        (
            "GET http://example.com/ HTTP/1.1",
            "",
            "400",
            "set the client's base URL",
        ),
        ("GET /v1/../admin HTTP/1.1", "", "400", "dot segments"),
        ("GET /v1/%2E%2e/admin HTTP/1.1", "", "400", "dot segments"),
        (
            "GET /v1/x HTTP/1.1",
            "connection: upgrade\r\nupgrade: WebSocket\r\n",
            "501",
            "WebSockets",
        ),
        ("GET /@../x/v1 HTTP/1.1", "", "400", "no scope name"),
        ("GET /@a%2Fb/v1 HTTP/1.1", "", "400", "no scope name"),
        ("GET /@a HTTP/1.1", "", "400", "no path after the scope"),
    ];
    for (line, extra, status, words) in cases {
        let answer = fixture
            .raw(&format!("{line}\r\n{host}{extra}connection: close\r\n\r\n"))
            .await;
        assert_eq!(answer.split(' ').nth(1), Some(status), "{line}: {answer}");
        assert!(answer.contains(words), "{line}: {answer}");
        assert!(answer.contains("x-should-retry: false"), "{line}: {answer}");
    }
    assert!(upstream.requests().is_empty());
    let answer = fixture
        .raw(&format!(
            "GET //evil.example/v1/x HTTP/1.1\r\n{host}connection: close\r\n\r\n"
        ))
        .await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(upstream.requests()[0].starts_with("GET //evil.example/v1/x HTTP/1.1"));
    let (report, tape) = fixture.finish().await;
    assert_eq!(report.refused_total, 8);
    assert_eq!(
        tape[0].request.url.as_deref(),
        Some(&*upstream.url("//evil.example/v1/x"))
    );
}

#[tokio::test]
async fn bodies_beyond_the_limit_are_refused() {
    let upstream = Upstream::start(Script::answer("200 OK", "text/plain", "hi")).await;
    let fixture = Fixture::with(&upstream.url(""), Options::default(), |c| {
        c.max_request_body = 100
    })
    .await;
    let ask = async |body: reqwest::Body| {
        client()
            .post(fixture.url("/v1/x"))
            .body(body)
            .send()
            .await
            .unwrap()
            .status()
    };
    assert_eq!(ask("x".repeat(100).into()).await, 200);
    assert_eq!(ask("x".repeat(101).into()).await, 413);
    let pieces = (0..20).map(|_| Ok::<_, std::io::Error>("0123456789"));
    assert_eq!(
        ask(reqwest::Body::wrap_stream(futures::stream::iter(pieces))).await,
        413
    );
    let (_, tape) = fixture.finish().await;
    assert_eq!(tape.len(), 1);
}

#[tokio::test]
async fn a_scope_is_a_tape_of_its_own() {
    let upstream = Upstream::start(Script::answer("200 OK", "text/plain", "hi")).await;
    let fixture = Fixture::new(&upstream).await;
    for path in ["/@first.test/v1/a", "/@second/v1/b", "/@first.test/v1/c"] {
        assert_eq!(fixture.post(path).await.status(), 200);
    }
    let Fixture { folder, proxy } = fixture;
    let report = proxy.shutdown(GRACE).await;
    assert_eq!((report.tapes.len(), report.interactions()), (2, 3));
    let targets = |name| {
        let targets = read(folder.path().join(name))
            .into_iter()
            .map(|i| i.request.target);
        targets.collect::<Vec<_>>()
    };
    assert_eq!(targets("first.test.jsonl"), ["/v1/a", "/v1/c"]);
    assert_eq!(targets("second.jsonl"), ["/v1/b"]);
}

#[tokio::test]
async fn a_shutdown_finishes_what_ends_in_time_and_cuts_the_rest() {
    let upstream = Upstream::choose(|request| {
        let script = Script::chunked().chunk("a");
        if request.contains("/v1/ends") {
            script.at(100).chunk("b").last_chunk()
        } else {
            script.stall()
        }
    })
    .await;
    let fixture = Fixture::new(&upstream).await;
    let mut running = Vec::new();
    for path in ["/v1/ends", "/v1/stalls"] {
        let mut response = fixture.post(path).await;
        assert_eq!(response.chunk().await.unwrap().unwrap(), "a");
        running.push(tokio::spawn(response.text()));
    }
    let report = fixture.proxy.shutdown(Duration::from_millis(600)).await;
    assert!(report.is_complete(), "{report}");
    let tape = read(fixture.folder.path().join("default.jsonl"));
    assert_eq!(
        [how(&tape[0]), how(&tape[1])],
        [&How::Complete, &How::Cancelled]
    );
    upstream.left().await;
    let ended = futures::future::join_all(running).await;
    assert_eq!(ended[0].as_ref().unwrap().as_ref().unwrap(), "b");
    assert!(ended[1].as_ref().unwrap().is_err());
}

#[tokio::test]
async fn an_interim_response_is_passed_over() {
    let script = Script::silent().write(
        "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi",
    );
    let upstream = Upstream::start(script).await;
    let fixture = Fixture::new(&upstream).await;
    assert_eq!(fixture.post("/v1/x").await.text().await.unwrap(), "hi");
    let (_, tape) = fixture.finish().await;
    assert_eq!(tape[0].response.as_ref().unwrap().status, 200);
}

#[tokio::test]
async fn other_machines_are_let_in_only_when_told() {
    let recorder = Recorder::to_writer(std::io::sink(), Options::default()).unwrap();
    let mut config = ProxyConfig::new(Routes::new([]).unwrap());
    config.listen = "0.0.0.0:0".parse().unwrap();
    let error = Proxy::start(recorder, config).await.unwrap_err();
    assert!(matches!(error, Error::NotLoopback(_)), "{error}");
}
