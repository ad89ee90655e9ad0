//! The client: raw sockets, so that the servers are what is measured.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Barrier;

use super::tape::{CHUNK, CHUNKS};
use super::{request, resident};

/// What paced streams came to.
pub struct Paced {
    /// Microseconds by which each chunk was late, against the stream's first one.
    pub late: Vec<u64>,
    pub errors: usize,
    /// Memory of all streams in kB, when half of it has been sent.
    pub resident: i64,
}

/// Requests that so many connections had answered in `time`.
pub async fn spell(addr: SocketAddr, connections: usize, time: Duration) -> usize {
    let until = Instant::now() + time;
    run(addr, connections, move |_| Instant::now() < until).await
}

/// Has so many requests answered.
pub async fn count(addr: SocketAddr, connections: usize, requests: usize) {
    let left = AtomicUsize::new(0);
    run(addr, connections, move |_| {
        left.fetch_add(1, Relaxed) < requests
    })
    .await;
}

async fn run(
    addr: SocketAddr,
    connections: usize,
    goes_on: impl Fn(usize) -> bool + Send + Sync + 'static,
) -> usize {
    let goes_on = Arc::new(goes_on);
    let tasks: Vec<_> = (0..connections)
        .map(|_| {
            let goes_on = goes_on.clone();
            tokio::spawn(async move {
                let mut socket = connect(addr).await;
                let request = request(addr, 1);
                let mut buffer = vec![0; 64 << 10];
                let mut done = 0;
                while goes_on(done) {
                    socket.write_all(&request).await.expect("a connection");
                    answer(&mut socket, &mut buffer).await;
                    done += 1;
                }
                done
            })
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        done += task.await.expect("a client");
    }
    done
}

/// Microseconds from a request to the first byte of its answer, one after the other.
pub async fn first_bytes(addr: SocketAddr, requests: usize) -> Vec<u64> {
    let mut socket = connect(addr).await;
    let request = request(addr, 1);
    let mut buffer = vec![0; 64 << 10];
    let mut micros = Vec::new();
    for _ in 0..requests {
        let begun = Instant::now();
        socket.write_all(&request).await.expect("a connection");
        let read = socket.read(&mut buffer).await.expect("an answer");
        micros.push(begun.elapsed().as_micros() as u64);
        rest(&mut socket, &mut buffer, read).await;
    }
    micros
}

/// One request for the tape of this number.
pub async fn once(addr: SocketAddr, number: usize) {
    let mut socket = connect(addr).await;
    socket
        .write_all(&request(addr, number))
        .await
        .expect("a connection");
    let mut buffer = vec![0; 64 << 10];
    answer(&mut socket, &mut buffer).await;
    assert!(
        buffer.starts_with(b"HTTP/1.1 200"),
        "{}",
        String::from_utf8_lossy(&buffer[..500])
    );
}

/// So many streams at once, their requests spread over 200 ms.
pub async fn paced(addr: SocketAddr, streams: usize, gap: Duration) -> Paced {
    let before = resident();
    let barrier = Arc::new(Barrier::new(streams + 1));
    let tasks: Vec<_> = (0..streams)
        .map(|i| {
            let barrier = barrier.clone();
            tokio::spawn(async move {
                let socket = TcpStream::connect(addr).await;
                barrier.wait().await;
                let offset = Duration::from_micros(200_000 * i as u64 / streams as u64);
                tokio::time::sleep(offset).await;
                stream(socket?, addr, gap).await
            })
        })
        .collect();
    barrier.wait().await;
    tokio::time::sleep(gap * (CHUNKS as u32 / 2)).await;
    let resident = resident() - before;
    let (mut late, mut errors) = (Vec::new(), 0);
    for task in tasks {
        match task.await.expect("a client") {
            Ok(micros) => late.extend(micros),
            Err(_) => errors += 1,
        }
    }
    Paced {
        late,
        errors,
        resident,
    }
}

/// Microseconds by which each chunk of one stream was late, counted from its request.
async fn stream(
    mut socket: TcpStream,
    addr: SocketAddr,
    gap: Duration,
) -> std::io::Result<Vec<u64>> {
    /// A chunk with its HTTP framing: `140\r\n…\r\n`.
    const FRAMED: usize = CHUNK + 7;
    let mut buffer = vec![0; 4096];
    socket.set_nodelay(true)?;
    let begun = Instant::now();
    socket.write_all(&request(addr, 1)).await?;
    let (mut head, mut body, mut late) = (Vec::new(), 0, Vec::new());
    let mut in_head = true;
    while late.len() < CHUNKS {
        let read = socket.read(&mut buffer).await?;
        let now = begun.elapsed();
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if in_head {
            head.extend_from_slice(&buffer[..read]);
            if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
                in_head = false;
                body = head.len() - end - 4;
            }
        } else {
            body += read;
        }
        while late.len() < CHUNKS && body >= FRAMED * (late.len() + 1) {
            let due = gap * (late.len() as u32 + 1);
            late.push(now.saturating_sub(due).as_micros() as u64);
        }
    }
    Ok(late)
}

async fn connect(addr: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(addr).await.expect("a connection");
    socket.set_nodelay(true).expect("a TCP socket");
    socket
}

async fn answer(socket: &mut TcpStream, buffer: &mut Vec<u8>) {
    let read = socket.read(buffer).await.expect("an answer");
    rest(socket, buffer, read).await;
}

/// Reads an answer to its end, of which `read` bytes are there.
async fn rest(socket: &mut TcpStream, buffer: &mut Vec<u8>, mut read: usize) {
    let mut length = None;
    loop {
        if length.is_none() {
            length = told_length(&buffer[..read]);
        }
        match length {
            Some(Some(length)) if read >= length => return,
            Some(None) if buffer[..read].ends_with(b"\r\n0\r\n\r\n") => return,
            _ => {}
        }
        if read == buffer.len() {
            buffer.resize(2 * read, 0);
        }
        let more = socket.read(&mut buffer[read..]).await.expect("an answer");
        assert!(more > 0, "the answer broke off");
        read += more;
    }
}

/// Bytes of the whole answer, where its head is there and says so.
fn told_length(answer: &[u8]) -> Option<Option<usize>> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).expect("a head");
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    Some(length.map(|length| end + 4 + length.parse::<usize>().expect("a number")))
}
