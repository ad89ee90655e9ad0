use std::fmt;
use std::time::Duration;

/// A point in time inside one interaction, in whole microseconds since the request was handed to
/// the HTTP client.
///
/// Offsets are absolute within their interaction, so sums never drift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Offset(u64);

impl Offset {
    /// The instant at which the request was sent.
    pub const ZERO: Offset = Offset(0);

    /// An offset of `micros` microseconds.
    pub const fn from_micros(micros: u64) -> Offset {
        Offset(micros)
    }

    /// The offset in microseconds.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Time from `earlier` to this offset; zero when `earlier` is the later one.
    pub const fn since(self, earlier: Offset) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl From<Duration> for Offset {
    /// Whole microseconds of `duration`; a duration beyond 584,000 years is clamped.
    fn from(duration: Duration) -> Offset {
        Offset(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
    }
}

impl From<Offset> for Duration {
    fn from(offset: Offset) -> Duration {
        Duration::from_micros(offset.0)
    }
}

/// Shown for people: `312µs`, `41.2ms`, `1.235s`.
impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            us @ 0..1_000 => write!(f, "{us}µs"),
            us @ 1_000..1_000_000 => write!(f, "{:.1}ms", us as f64 / 1e3),
            us => write!(f, "{:.3}s", us as f64 / 1e6),
        }
    }
}
