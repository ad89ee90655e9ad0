use std::fmt;
use std::str::FromStr;

/// What a recording door does with a request: `replay`, `auto`, `append`, `record` or `live`.
///
/// ```
/// use rigtape::serve::Mode;
///
/// assert_eq!("append".parse(), Ok(Mode::Append));
/// assert_eq!("rerecord".parse::<Mode>().unwrap_err().to_string(),
///     "unknown mode `rerecord`: expected one of `replay`, `auto`, `append`, `record`, `live`");
/// // On a machine of CI, `auto` only replays, and so does nothing said at all.
/// assert_eq!(Mode::resolve(Some("auto"), Mode::Auto, true), Ok(Mode::Replay));
/// assert_eq!(Mode::resolve(None, Mode::Auto, true), Ok(Mode::Replay));
/// assert_eq!(Mode::resolve(Some("record"), Mode::Auto, true), Ok(Mode::Record));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Mode {
    /// Answers from tapes, never from the network.
    #[default]
    Replay,
    /// Replays a tape that exists and records one that does not. A miss on a tape that exists
    /// stays a miss.
    Auto,
    /// Replays what is on the tape and records the rest into it.
    Append,
    /// Records anew; the new tape takes the old one's place when the run has succeeded.
    Record,
    /// Passes everything on and records nothing.
    Live,
}

impl Mode {
    /// All modes, in the order in which they are listed.
    pub const ALL: [Mode; 5] = [
        Mode::Replay,
        Mode::Auto,
        Mode::Append,
        Mode::Record,
        Mode::Live,
    ];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Mode::Replay => "replay",
            Mode::Auto => "auto",
            Mode::Append => "append",
            Mode::Record => "record",
            Mode::Live => "live",
        }
    }

    /// The mode of the environment: `RIGTAPE_MODE`, else `replay`. With `CI` set, `auto` is
    /// `replay` too.
    ///
    /// # Errors
    ///
    /// When `RIGTAPE_MODE` holds another word.
    pub fn from_env() -> Result<Mode, ParseModeError> {
        Mode::from_env_or(Mode::Replay)
    }

    /// As [`from_env`](Mode::from_env), with another mode where `RIGTAPE_MODE` is not set.
    ///
    /// # Errors
    ///
    /// When `RIGTAPE_MODE` holds another word.
    pub fn from_env_or(default: Mode) -> Result<Mode, ParseModeError> {
        let said = std::env::var_os("RIGTAPE_MODE").filter(|word| !word.is_empty());
        let said = said.as_ref().map(|word| word.to_string_lossy());
        Mode::resolve(said.as_deref(), default, is_ci())
    }

    /// The mode that was `said`, else `default`; on a machine of CI, where nobody looks at a new
    /// tape, `auto` and a default only replay.
    ///
    /// # Errors
    ///
    /// When what was said is no mode.
    pub fn resolve(said: Option<&str>, default: Mode, ci: bool) -> Result<Mode, ParseModeError> {
        Ok(match said.map(str::parse).transpose()? {
            None | Some(Mode::Auto) if ci => Mode::Replay,
            Some(said) => said,
            None => default,
        })
    }

    /// A mode that was asked for by name, on a command line or in code: with `CI` set, `auto` only
    /// replays.
    #[must_use]
    pub fn said(mode: Mode) -> Mode {
        match mode {
            Mode::Auto if is_ci() => Mode::Replay,
            mode => mode,
        }
    }
}

pub(crate) fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|ci| !(ci.is_empty() || ci == "false" || ci == "0"))
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Mode {
    type Err = ParseModeError;

    fn from_str(word: &str) -> Result<Mode, ParseModeError> {
        let known = Mode::ALL.into_iter().find(|mode| mode.as_str() == word);
        known.ok_or_else(|| ParseModeError {
            found: word.to_owned(),
        })
    }
}

/// A word that is no [`Mode`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown mode `{found}`: expected one of `replay`, `auto`, `append`, `record`, `live`")]
pub struct ParseModeError {
    /// What was given.
    pub found: String,
}
