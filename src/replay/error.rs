//! `ReplayError`.

use std::io;

use crate::Offset;
use crate::cassette::{self, End, How};
use crate::policy::fault::NotApplicable;

/// Why a tape does not play, or that it ended as no complete body ends.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The recorded body did not end well, so the played one does not either. What a live client
    /// would have met stands in the source: an [`io::Error`] of the fitting kind, which is what
    /// `reqwest::Error::is_timeout` and its like look for.
    #[error(
        "interaction {interaction} broke off after {bytes} bytes{}: {}",
        .at.map(|at| format!(" at {at}")).unwrap_or_default(),
        ending(.how.as_ref(), .detail.as_deref())
    )]
    CutOff {
        /// The interaction's number.
        interaction: u64,
        /// The tape's word for it; `None` when the recorder died.
        how: Option<How>,
        /// When, as recorded; `None` when the recorder died.
        at: Option<Offset>,
        /// Bytes of the body played before.
        bytes: u64,
        /// What went wrong, in the tape's words.
        detail: Option<String>,
        /// What a live client would have met.
        source: io::Error,
    },
    /// There is no response head on the tape.
    #[error(
        "interaction {interaction} has no response to play: {}",
        ending(.how.as_ref(), .detail.as_deref())
    )]
    NoResponse {
        /// The interaction's number.
        interaction: u64,
        /// The tape's word for how it ended; `None` when the recorder died.
        how: Option<How>,
        /// What went wrong, in the tape's words.
        detail: Option<String>,
        /// What a live client would have met.
        source: io::Error,
    },
    /// The recorded status is none.
    #[error("interaction {interaction}: status {status} is outside 100 to 999")]
    Status {
        /// The interaction's number.
        interaction: u64,
        /// The status on the tape.
        status: u16,
    },
    /// A recorded header cannot be sent.
    #[error("interaction {interaction}: header `{name}` holds bytes that HTTP forbids")]
    Header {
        /// The interaction's number.
        interaction: u64,
        /// The header's name on the tape.
        name: String,
    },
    /// A fault of the policy means nothing on this tape.
    #[error("interaction {interaction}: {source}")]
    NotApplicable {
        /// The interaction's number.
        interaction: u64,
        /// Which, and what the tape lacks.
        source: NotApplicable,
    },
    /// The cassette cannot be read on.
    #[error(transparent)]
    Unreadable(#[from] cassette::Error),
}

impl ReplayError {
    pub(super) fn cut_off(interaction: u64, end: Option<End>, bytes: u64) -> Self {
        let (how, at, detail) = match end {
            Some(end) => (Some(end.how), Some(end.at), end.detail),
            None => (None, None, None),
        };
        ReplayError::CutOff {
            interaction,
            source: kind(how.as_ref()).into(),
            how,
            at,
            bytes,
            detail,
        }
    }

    pub(super) fn no_response(interaction: u64, end: Option<End>) -> Self {
        let (how, detail) = end.map(|end| (end.how, end.detail)).unzip();
        ReplayError::NoResponse {
            interaction,
            source: kind(how.as_ref()).into(),
            how,
            detail: detail.flatten(),
        }
    }

    pub(super) fn not_applicable(interaction: u64, source: NotApplicable) -> Self {
        ReplayError::NotApplicable {
            interaction,
            source,
        }
    }

    /// The kind of error that a live client would have met.
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            ReplayError::CutOff { source, .. } | ReplayError::NoResponse { source, .. } => {
                source.kind()
            }
            ReplayError::Status { .. }
            | ReplayError::Header { .. }
            | ReplayError::NotApplicable { .. }
            | ReplayError::Unreadable(_) => io::ErrorKind::InvalidData,
        }
    }
}

impl From<ReplayError> for io::Error {
    fn from(error: ReplayError) -> io::Error {
        io::Error::new(error.kind(), error)
    }
}

fn kind(how: Option<&How>) -> io::ErrorKind {
    match how {
        Some(How::Eof | How::Lost) | None => io::ErrorKind::UnexpectedEof,
        Some(How::Reset) => io::ErrorKind::ConnectionReset,
        Some(How::Timeout) => io::ErrorKind::TimedOut,
        Some(How::Cancelled) => io::ErrorKind::ConnectionAborted,
        // `failed`, `error` and words from the future: something went wrong, not what.
        Some(_) => io::ErrorKind::Other,
    }
}

fn ending(how: Option<&How>, detail: Option<&str>) -> String {
    let words = match how {
        Some(How::Complete) => "the tape says `complete`",
        Some(How::Eof) => "the connection was closed early (`eof`)",
        Some(How::Reset) => "the connection was reset (`reset`)",
        Some(How::Timeout) => "nothing came in time (`timeout`)",
        Some(How::Cancelled) => "the recorded client left (`cancelled`)",
        Some(How::Failed) => "the request failed (`failed`)",
        Some(How::Error) => "the body broke with an error (`error`)",
        Some(How::Lost) => "the recorder gave up, the rest is not on the tape (`lost`)",
        Some(How::Other(word)) => &format!("`{word}`, which this version does not know"),
        None => "the tape has no end, so the recorder died",
    };
    match detail {
        Some(detail) => format!("{words}: {detail}"),
        None => words.to_owned(),
    }
}
