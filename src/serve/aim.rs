use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The one interaction that a server's faults strike.
///
/// Spelled `N`, or `TAPE:N` where several tapes are served:
///
/// ```
/// use rigtape::serve::Aim;
///
/// let aim: Aim = "cassettes/weather.jsonl:2".parse()?;
/// assert_eq!(aim.interaction, 2);
/// assert!("cassettes/weather.jsonl".parse::<Aim>().is_err());
/// # Ok::<(), rigtape::serve::ParseAimError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Aim {
    /// Its tape, as it was given to the server; any tape when there is none.
    pub tape: Option<PathBuf>,
    /// Its number on the tape.
    pub interaction: u64,
}

impl Aim {
    /// Interaction `interaction`, of whatever tape has it.
    pub fn new(interaction: u64) -> Aim {
        Aim {
            tape: None,
            interaction,
        }
    }

    /// The same on one tape.
    #[must_use]
    pub fn on(mut self, tape: impl Into<PathBuf>) -> Aim {
        self.tape = Some(tape.into());
        self
    }

    pub(super) fn is(&self, tape: &Path, interaction: u64) -> bool {
        self.interaction == interaction && self.tape.as_deref().is_none_or(|own| own == tape)
    }
}

impl FromStr for Aim {
    type Err = ParseAimError;

    fn from_str(text: &str) -> Result<Aim, ParseAimError> {
        // A path may hold colons.
        let (tape, number) = match text.rsplit_once(':') {
            Some((tape, number)) => (Some(tape), number),
            None => (None, text),
        };
        let wrong = || ParseAimError {
            found: text.to_owned(),
        };
        let interaction = number.parse().ok().filter(|number| *number > 0);
        Ok(Aim {
            tape: tape.map(PathBuf::from),
            interaction: interaction.ok_or_else(wrong)?,
        })
    }
}

impl fmt::Display for Aim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(tape) = &self.tape {
            write!(f, "{}:", tape.display())?;
        }
        write!(f, "{}", self.interaction)
    }
}

/// A spelling of no interaction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}`: expected an interaction's number from 1, such as `2` or `weather.jsonl:2`")]
#[non_exhaustive]
pub struct ParseAimError {
    /// What was given.
    pub found: String,
}
