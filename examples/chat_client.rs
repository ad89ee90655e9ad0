//! A client of Chat Completions on nothing but the standard library, small enough to be started
//! hundreds of times a minute:
//!
//! ```text
//! cargo build --example chat_client
//! rigtape drill TAPE.jsonl -- target/debug/examples/chat_client TAPE.jsonl
//! ```
//!
//! It sends the first request of the tape, prints the text of the answer, and fails unless the answer
//! is whole: the connection ended well, no error came in it, and there is a finish reason.

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::time::Duration;

/// Longer than any pause of a healthy answer, shorter than anybody's patience.
const TIMEOUT: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    match ask() {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn ask() -> Result<String, Box<dyn Error>> {
    let tape = std::env::args().nth(1).ok_or("expected a tape")?;
    let body = request(&std::fs::read_to_string(tape)?)?;
    let url = std::env::var("OPENAI_BASE_URL")?;
    let rest = url.strip_prefix("http://").ok_or("expected http://")?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    write!(
        stream,
        "POST /{path}/chat/completions HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut stream = BufReader::new(stream);
    let mut status = String::new();
    stream.read_line(&mut status)?;
    if !status.starts_with("HTTP/1.1 200 ") {
        return Err(status.trim().into());
    }
    while !line(&mut stream)?.is_empty() {}
    text(Chunked { stream, left: 0 })
}

/// The body of the first request on a tape.
fn request(tape: &str) -> Result<String, Box<dyn Error>> {
    let mut lines = tape.lines();
    let line = lines.find(|line| line.starts_with("{\"request\""));
    let record: serde_json::Value = serde_json::from_str(line.ok_or("no request is on the tape")?)?;
    Ok(record["body"].as_str().ok_or("no text")?.to_owned())
}

/// What an event stream says, read as its standard says.
fn text(stream: impl Read) -> Result<String, Box<dyn Error>> {
    let mut body = BufReader::new(stream);
    let (mut text, mut finish, mut data) = (String::new(), None, Vec::new());
    let mut is_first = true;
    while let Some(line) = any_line(&mut body)? {
        let line = String::from_utf8_lossy(&line).into_owned();
        let bom = if is_first { "\u{feff}" } else { "" };
        let line = line.strip_prefix(bom).unwrap_or(&line);
        is_first = false;
        if let Some(value) = line.strip_prefix("data:") {
            data.push(value.strip_prefix(' ').unwrap_or(value).to_owned());
        }
        if !line.is_empty() || data.is_empty() {
            continue;
        }
        let event = std::mem::take(&mut data).join("\n");
        if event == "[DONE]" {
            break;
        }
        let event: serde_json::Value = serde_json::from_str(&event)?;
        if !event["error"].is_null() {
            return Err(event["error"].to_string().into());
        }
        let choice = &event["choices"][0];
        text += choice["delta"]["content"].as_str().unwrap_or_default();
        if let Some(reason) = choice["finish_reason"].as_str() {
            finish = Some(reason.to_owned());
        }
    }
    match finish {
        Some(finish) => Ok(format!("{text}\n({finish})")),
        None => Err("the answer broke off: it has no finish reason".into()),
    }
}

/// A line that LF, CR LF or CR has ended; what comes behind the last one is none.
fn any_line(stream: &mut impl BufRead) -> std::io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    loop {
        let Some(&byte) = stream.fill_buf()?.first() else {
            return Ok(None);
        };
        stream.consume(1);
        match byte {
            b'\n' => return Ok(Some(line)),
            b'\r' => {
                if stream.fill_buf()?.first() == Some(&b'\n') {
                    stream.consume(1);
                }
                return Ok(Some(line));
            }
            byte => line.push(byte),
        }
    }
}

fn line(stream: &mut impl BufRead) -> std::io::Result<String> {
    let mut line = String::new();
    match stream.read_line(&mut line)? {
        0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(line.trim_end().to_owned()),
    }
}

/// The body of an answer that comes in chunks; it is whole only with its last one.
struct Chunked<S> {
    stream: S,
    left: usize,
}

impl<S: BufRead> Read for Chunked<S> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.left == 0 {
            let size = line(&mut self.stream)?;
            let wrong = |_| std::io::Error::from(std::io::ErrorKind::InvalidData);
            self.left = usize::from_str_radix(&size, 16).map_err(wrong)?;
            if self.left == 0 {
                return Ok(0);
            }
        }
        let wanted = buffer.len().min(self.left);
        let read = self.stream.read(&mut buffer[..wanted])?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read;
        if self.left == 0 {
            line(&mut self.stream)?;
        }
        Ok(read)
    }
}
