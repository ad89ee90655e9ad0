//! A server that follows a script: chosen bytes at chosen instants, and a chosen way to end.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// What the server does on one connection once it has read a request.
#[derive(Debug, Clone, Default)]
pub struct Script(Vec<Step>);

#[derive(Debug, Clone)]
enum Step {
    /// Milliseconds after the request was read.
    At(u64),
    Write(Vec<u8>),
    Reset,
    Stall,
}

impl Script {
    /// Says nothing at all, then closes.
    pub fn silent() -> Script {
        Script::default()
    }

    /// A head without a body yet: status line and headers, one a line.
    pub fn head(lines: &str) -> Script {
        let head = lines
            .trim()
            .lines()
            .map(|line| format!("{}\r\n", line.trim()));
        Script::default().write(format!("{}\r\n", head.collect::<String>()))
    }

    /// A 200 event stream with chunked framing.
    pub fn chunked() -> Script {
        Script::head("HTTP/1.1 200 OK\ncontent-type: text/event-stream\ntransfer-encoding: chunked")
    }

    /// A whole answer with a length.
    pub fn answer(status: &str, content_type: &str, body: impl AsRef<[u8]>) -> Script {
        let body = body.as_ref();
        Script::head(&format!(
            "HTTP/1.1 {status}\ncontent-type: {content_type}\ncontent-length: {}",
            body.len()
        ))
        .write(body)
    }

    /// Waits until so many milliseconds after the request.
    pub fn at(self, millis: u64) -> Script {
        self.step(Step::At(millis))
    }

    pub fn write(self, bytes: impl AsRef<[u8]>) -> Script {
        self.step(Step::Write(bytes.as_ref().to_vec()))
    }

    /// One HTTP/1.1 chunk.
    pub fn chunk(self, bytes: impl AsRef<[u8]>) -> Script {
        let bytes = bytes.as_ref();
        let mut framed = format!("{:x}\r\n", bytes.len()).into_bytes();
        framed.extend_from_slice(bytes);
        framed.extend_from_slice(b"\r\n");
        self.write(framed)
    }

    /// The end of a chunked body.
    pub fn last_chunk(self) -> Script {
        self.write("0\r\n\r\n")
    }

    /// Resets the connection (RST).
    pub fn reset(self) -> Script {
        self.step(Step::Reset)
    }

    /// Says nothing more, until the other side closes.
    pub fn stall(self) -> Script {
        self.step(Step::Stall)
    }

    fn step(mut self, step: Step) -> Script {
        self.0.push(step);
        self
    }
}

/// A scripted server on a free port of the loopback address.
pub struct Upstream {
    pub addr: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    left: watch::Receiver<usize>,
}

impl Upstream {
    /// Plays one script on every connection.
    pub async fn start(script: Script) -> Upstream {
        Upstream::choose(move |_| script.clone()).await
    }

    /// Plays the script that `choose` makes of the request (head and body as text).
    pub async fn choose(choose: impl Fn(&str) -> Script + Send + Sync + 'static) -> Upstream {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (gone, left) = watch::channel(0);
        let (seen, choose) = (requests.clone(), Arc::new(choose));
        tokio::spawn(async move {
            let gone = Arc::new(gone);
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, choose, gone) = (seen.clone(), choose.clone(), gone.clone());
                tokio::spawn(async move {
                    let _ = play(stream, &seen, &*choose, &gone).await;
                });
            }
        });
        Upstream {
            addr,
            requests,
            left,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// Requests so far, heads and bodies.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// Waits until a connection that stalled was closed by the other side.
    pub async fn left(&self) {
        let mut left = self.left.clone();
        let gone = left.wait_for(|count| *count > 0);
        tokio::time::timeout(Duration::from_secs(20), gone)
            .await
            .expect("the connection is closed")
            .unwrap();
    }
}

async fn play(
    mut stream: TcpStream,
    seen: &Mutex<Vec<String>>,
    choose: &(dyn Fn(&str) -> Script + Send + Sync),
    gone: &watch::Sender<usize>,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let request = read_request(&mut stream).await?;
    let start = Instant::now();
    let script = choose(&request);
    seen.lock().unwrap().push(request);
    for step in script.0 {
        match step {
            Step::At(millis) => sleep_until(start + Duration::from_millis(millis)).await,
            Step::Write(bytes) => stream.write_all(&bytes).await?,
            Step::Reset => {
                stream.set_zero_linger()?;
                return Ok(());
            }
            Step::Stall => {
                let mut rest = [0; 256];
                while matches!(stream.read(&mut rest).await, Ok(1..)) {}
                gone.send_modify(|count| *count += 1);
                return Ok(());
            }
        }
    }
    stream.shutdown().await
}

async fn read_request(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut request = Vec::new();
    loop {
        let mut buffer = [0; 16 << 10];
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        request.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&request);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                let is_length = name.eq_ignore_ascii_case("content-length");
                is_length.then(|| value.trim().parse::<usize>().unwrap())
            });
            if body.len() >= length.unwrap_or(0) {
                return Ok(text.into_owned());
            }
        }
    }
}
