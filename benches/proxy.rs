//! What the recording proxy costs a stream: the latency it adds to a chunk, against a direct
//! connection in the same run, and its memory over a long stream. `cargo bench --bench proxy`.
//!
//! Server, proxy and client share one process, so each chunk carries the instant at which it was
//! written, and the client reads the same clock.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rigtape::record::{Existing, Options, Proxy, ProxyConfig, Recorder, Routes, Upstream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const CHUNKS: usize = 1_000;
const CHUNK: usize = 320;
const PAUSE: Duration = Duration::from_millis(2);
const ROUNDS: usize = 3;
const LONG: usize = 100 << 20;
const LONG_CHUNK: usize = 16 << 10;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let began = Instant::now();
        let upstream = serve(began).await;
        let folder = tempfile::tempdir().expect("a folder for the tape");
        let recorder = Recorder::to_file(
            folder.path().join("t.jsonl"),
            Existing::Refuse,
            Options::default(),
        )
        .expect("a tape");
        let to = Upstream::parse(&format!("http://{upstream}")).expect("an upstream");
        let routes = Routes::new([to]).expect("one route");
        let proxy = Proxy::start(recorder, ProxyConfig::new(routes)).await.expect("a proxy");

        let (mut direct, mut proxied) = (Vec::new(), Vec::new());
        latencies(upstream, began).await;
        latencies(proxy.addr(), began).await;
        for _ in 0..ROUNDS {
            direct.extend(latencies(upstream, began).await);
            proxied.extend(latencies(proxy.addr(), began).await);
        }
        println!("latency of a chunk, microseconds, {} chunks each", direct.len());
        println!("{:10}{:>8}{:>8}", "", "p50", "p99");
        let direct = report("direct", direct);
        let proxied = report("proxied", proxied);
        println!(
            "{:10}{:>8}{:>8}   (goal: p50 under 100)",
            "added",
            proxied.0.saturating_sub(direct.0),
            proxied.1.saturating_sub(direct.1)
        );

        let (early, late, peak) = memory(proxy.addr()).await;
        println!(
            "memory over a stream of {} MB: {early} kB after 10 MB, {late} kB at its end, peak {peak} kB",
            LONG >> 20
        );
        let report = proxy.shutdown(Duration::from_secs(30)).await;
        println!("tape: {report}");
    });
}

fn report(name: &str, mut micros: Vec<u64>) -> (u64, u64) {
    micros.sort_unstable();
    let at = |of: usize| micros[micros.len() * of / 100];
    println!("{name:10}{:>8}{:>8}", at(50), at(99));
    (at(50), at(99))
}

/// Microseconds from the write of each chunk to its arrival at the client.
async fn latencies(server: SocketAddr, began: Instant) -> Vec<u64> {
    let mut socket = ask(server, "/v1/short").await;
    let (mut seen, mut micros) = (Vec::new(), Vec::new());
    let mut buffer = vec![0; 64 << 10];
    while micros.len() < CHUNKS {
        let read = socket.read(&mut buffer).await.expect("a stream");
        let now = began.elapsed().as_micros() as u64;
        assert!(read > 0, "the stream ended early");
        seen.extend_from_slice(&buffer[..read]);
        while let Some(at) = seen.windows(2).position(|pair| pair == b"@[") {
            let Some(end) = seen[at..].iter().position(|byte| *byte == b']') else {
                break;
            };
            let sent = std::str::from_utf8(&seen[at + 2..at + end]).expect("a number");
            micros.push(now - sent.parse::<u64>().expect("a number"));
            seen.drain(..=at + end);
        }
    }
    micros
}

/// Resident memory in kB above that before the stream: after 10 MB, at its end, at its peak.
async fn memory(server: SocketAddr) -> (i64, i64, i64) {
    let mut socket = ask(server, "/v1/long").await;
    let mut buffer = vec![0; 256 << 10];
    let before = resident();
    let (mut total, mut early, mut peak) = (0, 0, 0);
    while total < LONG {
        let read = socket.read(&mut buffer).await.expect("a stream");
        assert!(read > 0, "the stream ended early");
        total += read;
        let now = resident() - before;
        peak = peak.max(now);
        if early == 0 && total > 10 << 20 {
            early = now;
        }
    }
    (early, resident() - before, peak)
}

fn resident() -> i64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<i64>().ok());
    pages.unwrap_or(0) * 4
}

async fn ask(server: SocketAddr, path: &str) -> TcpStream {
    let mut socket = TcpStream::connect(server).await.expect("a connection");
    socket.set_nodelay(true).expect("a TCP socket");
    let head = format!("POST {path} HTTP/1.1\r\nhost: {server}\r\ncontent-length: 0\r\n\r\n");
    socket
        .write_all(head.as_bytes())
        .await
        .expect("a connection");
    socket
}

/// A server that streams: 1,000 stamped chunks with pauses, or 100 MB at some 10 MB a second.
async fn serve(began: Instant) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let addr = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(stream(socket, began));
        }
    });
    addr
}

async fn stream(mut socket: TcpStream, began: Instant) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    let mut head = [0; 4096];
    let read = socket.read(&mut head).await?;
    let long = head[..read].windows(8).any(|part| part == b"/v1/long");
    let ok =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    socket.write_all(ok.as_bytes()).await?;
    if long {
        let text = "x".repeat(LONG_CHUNK);
        let chunk = format!("{LONG_CHUNK:x}\r\n{text}\r\n");
        for _ in 0..LONG / LONG_CHUNK + 1 {
            socket.write_all(chunk.as_bytes()).await?;
            // Some 10 MB a second: far beyond any model, and within what one disk writer takes.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    } else {
        for _ in 0..CHUNKS {
            tokio::time::sleep(PAUSE).await;
            let stamp = format!("data: @[{}]", began.elapsed().as_micros());
            let chunk = format!("{CHUNK:x}\r\n{stamp:<width$}\n\n\r\n", width = CHUNK - 2);
            socket.write_all(chunk.as_bytes()).await?;
        }
    }
    socket.write_all(b"0\r\n\r\n").await
}
