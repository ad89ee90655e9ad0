use std::time::Duration;

use crate::redact::Redactor;

/// How a [`Recorder`](super::Recorder) records: waits, buffers and ceilings.
///
/// ```
/// use std::time::Duration;
/// use rigtape::record::Options;
///
/// let mut options = Options::default();
/// options.title = Some("weather tool call".into());
/// options.timeouts.total = Some(Duration::from_secs(120));
/// options.drain = true;
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// Title in the header of a new tape.
    pub title: Option<String>,
    /// Matching rules in the header of a new tape, as they are written there.
    pub rules: Option<Box<serde_json::value::RawValue>>,
    /// How long to wait for the upstream.
    pub timeouts: Timeouts,
    /// When the client leaves, read the rest of the body onto the tape (`true`) or stop the
    /// upstream at once (`false`, the default).
    pub drain: bool,
    /// The buffer between the streams and the disk.
    pub buffer: Buffer,
    /// What is masked before it reaches the disk. Each tape numbers its placeholders anew.
    pub redactor: Redactor,
    /// Ceilings on a compressed body that is stored decoded.
    pub inflate: Inflate,
    /// How long [`Recorder::close`](super::Recorder::close) waits for a slow disk; 10 s.
    pub close_timeout: Duration,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            title: None,
            rules: None,
            timeouts: Timeouts::default(),
            drain: false,
            buffer: Buffer::default(),
            redactor: Redactor::default(),
            inflate: Inflate::default(),
            close_timeout: Duration::from_secs(10),
        }
    }
}

/// How long to wait for the upstream before an interaction ends with `timeout`, or with `failed`
/// when not even a response head has come.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Timeouts {
    /// Name lookup, TCP and TLS together; 30 s.
    pub connect: Duration,
    /// Silence: from the request to the response head, then between two chunks; 10 min, the
    /// default of the providers' own SDKs, because a reasoning model may think that long.
    pub idle: Option<Duration>,
    /// The whole interaction; none.
    pub total: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts {
            connect: Duration::from_secs(30),
            idle: Some(Duration::from_secs(600)),
            total: None,
        }
    }
}

/// Size of the buffer to the writer. When it is full, interactions end with `lost` and their
/// streams go on.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Buffer {
    /// Bytes of bodies and heads that wait; 64 MiB.
    pub bytes: usize,
    /// Lines that wait; 65,536.
    pub lines: usize,
}

impl Default for Buffer {
    fn default() -> Buffer {
        Buffer {
            bytes: 64 << 20,
            lines: 1 << 16,
        }
    }
}

/// Ceilings on decoding a compressed body. The client always gets the body as it came.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Inflate {
    /// Decoded bytes of one body; 512 MiB.
    pub total: u64,
    /// Decoded bytes for one byte of the wire, looked at beyond the first MiB; 250.
    pub ratio: u64,
}

impl Default for Inflate {
    fn default() -> Inflate {
        Inflate {
            total: 512 << 20,
            ratio: 250,
        }
    }
}
