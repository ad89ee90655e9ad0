//! When a tape's pieces are played.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::ParsePolicyError;
use crate::Offset;

/// When the head, the pieces and the end of a tape are played, in microseconds from the request.
///
/// Every rule maps absolute offsets to absolute offsets, so rounding never adds up: piece number
/// one million is as exact as the first. The head and the end count as the pieces do.
///
/// The command line's spelling is what [`FromStr`] reads and [`Display`](fmt::Display) writes:
///
/// ```
/// use std::time::Duration;
/// use rigtape::policy::Timing;
///
/// assert_eq!("max-gap=500ms".parse(), Ok(Timing::MaxGap(Duration::from_millis(500))));
/// assert_eq!("0.5x".parse::<Timing>().unwrap().to_string(), "0.5x");
/// assert!("fast".parse::<Timing>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Timing {
    /// `instant`: everything at offset zero.
    #[default]
    Instant,
    /// `recorded`: everything when it arrived while recording.
    Recorded,
    /// `2x`, `0.5x`: everything at its recorded offset divided by the factor, to the nearest
    /// microsecond.
    Speed(Speed),
    /// `max-gap=500ms`: as recorded, but no wait is longer than this; later offsets move forward
    /// by what was cut out.
    MaxGap(Duration),
    /// `gap=20ms`: the head this long after the request, and each piece, and the end, this long
    /// after the one before.
    Gap(Duration),
}

impl Timing {
    /// The spellings that [`FromStr`] reads, one example each.
    pub const WORDS: [&'static str; 5] = ["instant", "recorded", "2x", "max-gap=500ms", "gap=20ms"];
}

impl FromStr for Timing {
    type Err = ParsePolicyError;

    fn from_str(text: &str) -> Result<Timing, ParsePolicyError> {
        if let Some(value) = text.strip_prefix("max-gap=") {
            return parse_gap("max-gap", value).map(Timing::MaxGap);
        }
        if let Some(value) = text.strip_prefix("gap=") {
            return parse_gap("gap", value).map(Timing::Gap);
        }
        match text {
            "instant" => Ok(Timing::Instant),
            "recorded" => Ok(Timing::Recorded),
            _ if text.ends_with('x') && text.starts_with(|c: char| "0123456789.-+".contains(c)) => {
                text.parse().map(Timing::Speed)
            }
            _ => Err(ParsePolicyError::Timing {
                found: text.to_owned(),
            }),
        }
    }
}

impl fmt::Display for Timing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Timing::Instant => f.write_str("instant"),
            Timing::Recorded => f.write_str("recorded"),
            Timing::Speed(speed) => speed.fmt(f),
            Timing::MaxGap(gap) => write!(f, "max-gap={}", Written(gap)),
            Timing::Gap(gap) => write!(f, "gap={}", Written(gap)),
        }
    }
}

/// How many times faster than recorded a tape is played, in millionths: from one millionth
/// to a million.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Speed {
    millionths: u64,
}

impl Speed {
    const ONE: u64 = 1_000_000;

    /// The offset at which something recorded at `at` is played.
    fn scale(self, at: Offset) -> Offset {
        let scaled = (u128::from(at.as_micros()) * u128::from(Speed::ONE)
            + u128::from(self.millionths / 2))
            / u128::from(self.millionths);
        Offset::from_micros(u64::try_from(scaled).unwrap_or(u64::MAX))
    }
}

impl TryFrom<f64> for Speed {
    type Error = ParsePolicyError;

    /// The factor, rounded to millionths.
    ///
    /// # Errors
    ///
    /// [`ParsePolicyError::Speed`] when it is not between one millionth and a million.
    fn try_from(factor: f64) -> Result<Speed, ParsePolicyError> {
        let millionths = (factor * Speed::ONE as f64).round();
        // Up to here every whole number of millionths is a float of its own; a NaN is outside too.
        if !(1.0..=1e12).contains(&millionths) {
            return Err(ParsePolicyError::Speed {
                found: format!("{factor}x"),
            });
        }
        Ok(Speed {
            millionths: millionths as u64,
        })
    }
}

impl FromStr for Speed {
    type Err = ParsePolicyError;

    fn from_str(text: &str) -> Result<Speed, ParsePolicyError> {
        text.strip_suffix('x')
            .and_then(|factor| factor.parse::<f64>().ok())
            .and_then(|factor| Speed::try_from(factor).ok())
            .ok_or_else(|| ParsePolicyError::Speed {
                found: text.to_owned(),
            })
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x", self.millionths as f64 / Speed::ONE as f64)
    }
}

/// Turns recorded offsets into played ones, in the order of the tape.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    timing: Timing,
    recorded: Offset,
    played: Offset,
}

impl Clock {
    pub(super) fn new(timing: Timing) -> Clock {
        Clock {
            timing,
            recorded: Offset::ZERO,
            played: Offset::ZERO,
        }
    }

    /// When the next thing on the tape, recorded at `at`, is played. Never earlier than the one
    /// before, even where the tape's own offsets fall.
    pub(super) fn place(&mut self, at: Offset) -> Offset {
        let gap = at.since(self.recorded);
        self.recorded = self.recorded.max(at);
        self.played = match self.timing {
            Timing::Instant => Offset::ZERO,
            Timing::Recorded => self.recorded,
            Timing::Speed(speed) => speed.scale(self.recorded),
            Timing::MaxGap(ceiling) => later(self.played, gap.min(ceiling)),
            Timing::Gap(fixed) => later(self.played, fixed),
        };
        self.played
    }
}

fn later(at: Offset, by: Duration) -> Offset {
    let by = Offset::from(by).as_micros();
    Offset::from_micros(at.as_micros().saturating_add(by))
}

fn parse_gap(word: &'static str, value: &str) -> Result<Duration, ParsePolicyError> {
    let wrong = || ParsePolicyError::Gap {
        word,
        found: value.to_owned(),
    };
    parse_duration(value).ok_or_else(wrong)
}

/// Whole microseconds with their unit, `20ms`.
pub(super) fn parse_duration(value: &str) -> Option<Duration> {
    let duration: jiff::SignedDuration = value.parse().ok()?;
    let duration = Duration::try_from(duration).ok()?;
    (duration.subsec_nanos() % 1_000 == 0).then_some(duration)
}

/// A duration in the largest unit in which it is whole, at least one microsecond fine.
pub(super) struct Written(pub Duration);

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_micros() {
            us if us % 1_000_000 == 0 => write!(f, "{}s", us / 1_000_000),
            us if us % 1_000 == 0 => write!(f, "{}ms", us / 1_000),
            us => write!(f, "{us}us"),
        }
    }
}
