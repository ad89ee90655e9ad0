//! What the mock server costs beside a bare hyper server that reads the same request and writes
//! the same 63 chunks of 320 bytes, wiremock and axum, in one run. `cargo bench --bench serve`.
//!
//! Servers and clients share one process and its cores, so the figures are ratios; the contenders
//! take turns, and the median round counts.

mod load;
mod servers;
mod tape;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rigtape::serve::MockServer;
use tokio::runtime::Runtime;

use servers::{Served, runtime};

const ROUNDS: usize = 5;
const SPELL: Duration = Duration::from_millis(600);

fn main() {
    let clients = runtime(2);
    requests(&clients);
    memory(&clients);
    lateness(&clients);
    many(&clients);
    starts(&clients);
}

fn requests(clients: &Runtime) {
    let servers = [
        Served::hyper(Duration::ZERO),
        Served::rigtape(Duration::ZERO),
        Served::axum(),
        Served::wiremock(),
    ];
    println!("requests a second, and against bare hyper; goal 0.90");
    for connections in [32, 256] {
        let mut rates = vec![Vec::new(); servers.len()];
        for round in 0..=ROUNDS {
            for (server, rates) in servers.iter().zip(&mut rates) {
                let done = clients.block_on(load::spell(server.addr, connections, SPELL));
                // The first round warms up.
                if round > 0 {
                    rates.push(done as f64 / SPELL.as_secs_f64());
                }
            }
        }
        let ratios: Vec<f64> = (0..servers.len())
            .map(|i| median((0..ROUNDS).map(|r| rates[i][r] / rates[0][r]).collect()))
            .collect();
        for (i, server) in servers.iter().enumerate() {
            let rate = median(rates[i].clone());
            println!(
                "  {:3} connections  {:10}{rate:>8.0}{:>7.2}",
                connections, server.name, ratios[i]
            );
        }
    }
    println!("first byte of a request alone, microseconds, p50");
    for server in &servers {
        let micros = clients.block_on(load::first_bytes(server.addr, 2_000));
        println!("  {:10}{:>8}", server.name, percentile(micros, 50));
    }
}

fn memory(clients: &Runtime) {
    const FEW: usize = 3_000;
    println!("memory of the process after so many requests, kB more");
    for server in [Served::rigtape(Duration::ZERO), Served::wiremock()] {
        clients.block_on(load::count(server.addr, 32, FEW));
        let few = resident();
        clients.block_on(load::count(server.addr, 32, 9 * FEW));
        let many = resident();
        println!(
            "  {:10} from {FEW} to {} requests: {:+}",
            server.name,
            10 * FEW,
            many - few
        );
    }
}

fn lateness(clients: &Runtime) {
    const GAP: Duration = Duration::from_millis(20);
    let servers = [Served::hyper(GAP), Served::rigtape(GAP)];
    println!("lateness of a chunk, 1,000 streams at 20 ms a chunk, milliseconds; goal 1.5");
    let mut each = [Vec::new(), Vec::new()];
    for round in 0..=3 {
        for (server, late) in servers.iter().zip(&mut each) {
            let micros = clients.block_on(load::paced(server.addr, 1_000, GAP)).late;
            if round > 0 {
                late.push((
                    percentile(micros.clone(), 50) as f64 / 1e3,
                    percentile(micros, 99) as f64 / 1e3,
                ));
            }
        }
    }
    let p99 = |i: usize| median(each[i].iter().map(|late| late.1).collect());
    for (i, server) in servers.iter().enumerate() {
        let p50 = median(each[i].iter().map(|late| late.0).collect());
        println!(
            "  {:10} p50 {p50:>6.1}  p99 {:>6.1}  {:.2}",
            server.name,
            p99(i),
            p99(i) / p99(0)
        );
    }
}

fn many(clients: &Runtime) {
    const GAP: Duration = Duration::from_millis(100);
    const STREAMS: usize = 5_000;
    println!("{STREAMS} streams at once, at 100 ms a chunk");
    for server in [Served::hyper(GAP), Served::rigtape(GAP)] {
        let run = clients.block_on(load::paced(server.addr, STREAMS, GAP));
        println!(
            "  {:10} errors {}  memory of a stream, both sides: {:.1} kB",
            server.name,
            run.errors,
            run.resident as f64 / STREAMS as f64
        );
    }
}

fn starts(clients: &Runtime) {
    println!("start to first answer, milliseconds, with the folder in the page cache");
    for (tapes, goal) in [(100, 10), (10_000, 1_000)] {
        let folder = tempfile::tempdir().expect("a folder");
        for number in 0..tapes {
            let path = folder.path().join(format!("{number:05}.jsonl"));
            std::fs::write(path, tape::text(number, 20)).expect("a tape");
        }
        let mut millis = Vec::new();
        for _ in 0..3 {
            let begun = Instant::now();
            let server = MockServer::start_blocking(folder.path()).expect("a server");
            clients.block_on(load::once(server.addr(), tapes / 2));
            millis.push(begun.elapsed().as_secs_f64() * 1e3);
            let report = server.finish();
            assert!(report.is_ok(), "{report}");
        }
        println!("  {tapes:>6} tapes {:>8.1}   goal {goal}", median(millis));
    }
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

fn percentile(mut of: Vec<u64>, percent: usize) -> u64 {
    of.sort_unstable();
    of[(of.len() - 1) * percent / 100]
}

/// Resident memory in kB.
fn resident() -> i64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<i64>().ok());
    pages.unwrap_or(0) * 4
}

/// The head and body of a request to `addr`.
fn request(addr: SocketAddr, number: usize) -> Vec<u8> {
    let body = tape::asks(number);
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {addr}\r\ncontent-type: application/json\r\n\
         authorization: Bearer a-key-of-a-bench\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
