//! Faults: what goes wrong with a recorded stream, on purpose.
//!
//! A [`Fault`] is one entry of the catalogue [`FAULTS`] with its place: where in the stream it
//! strikes. Faults are part of a [`Policy`](super::Policy), come after timing and rechunking, and
//! compose: each one is applied to what the one before left. Applying them is a pure function,
//! [`Policy::perform`](super::Policy::perform); the result, a [`Performance`], says what the client
//! meets, its last event included.
//!
//! ```
//! use rigtape::cassette::Cassette;
//! use rigtape::policy::Policy;
//! use rigtape::policy::fault::Ending;
//!
//! # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/cassettes/openai-chat/plain.jsonl");
//! let tape = Cassette::open(path)?;
//! let interaction = tape.interaction(1)?.unwrap();
//! let policy = Policy::new().fault("crlf".parse()?).fault("reset:frame=3".parse()?);
//! let played = policy.perform(&interaction)?;
//! assert_eq!(played.ending, Ending::Reset);
//! assert!(played.body().ends_with(b"\r\n\r\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What a client should do
//!
//! Each fault is of a [`Class`] on a given tape. After a *benign* one parts and finish are what they
//! were. After a *harmful* one the client can know that something is wrong, and must never report a
//! clean success. After an *undetectable* one the stream is well-formed but says something else, or
//! either conduct is right: such runs are reported, never judged. The class is computed from what
//! is left of the tape, by reading it: a cut behind the finish is not what a cut before it is. See
//! [`classify`], and [`mutants`] for a sweep over a whole tape.

mod args;
mod borders;
mod catalogue;
mod class;
mod frames;
mod http;
mod inject;
mod performance;
mod scene;
mod sweep;
mod tools;
mod transport;

use std::fmt;
use std::str::FromStr;

pub use args::ParseFaultError;
pub use catalogue::{FAULTS, FaultInfo};
pub use class::{Class, classify};
pub use performance::{Ending, Performance};
#[cfg(feature = "serve")]
#[cfg(feature = "drill")]
pub(crate) use sweep::spellings;
pub use sweep::{Mutant, Sweep, mutants};

use crate::cassette::Interaction;
use args::Args;
use scene::Scene;

/// One fault with its place.
///
/// Its spelling, `NAME[:key=value[,key=value]]`, is what [`FromStr`] reads and
/// [`Display`](fmt::Display) writes, on the command line as in reports:
///
/// ```
/// use rigtape::policy::fault::Fault;
///
/// let fault: Fault = "stall:frame=3,for=2s".parse()?;
/// assert_eq!(fault.name(), "stall");
/// assert_eq!(fault.to_string(), "stall:frame=3,for=2s");
/// assert!("stall:chunk=3".parse::<Fault>().is_err());
/// # Ok::<(), rigtape::policy::fault::ParseFaultError>(())
/// ```
///
/// A fault that strikes at one place takes it as `frame=N` (frames count from 1), some also as
/// `byte=N` or `time=T`. Left out, the place is drawn from `seed=N`, which is 0 unless given: the
/// same every time.
#[derive(Clone, PartialEq, Eq)]
pub struct Fault {
    info: &'static FaultInfo,
    args: Args,
}

impl Fault {
    /// Its name in the catalogue.
    pub fn name(&self) -> &'static str {
        self.info.name()
    }

    /// Its entry in the catalogue.
    pub fn info(&self) -> &'static FaultInfo {
        self.info
    }

    fn apply(&self, scene: &mut Scene<'_>) -> Result<(), NotApplicable> {
        (self.info.apply)(&self.args, scene).map_err(|reason| NotApplicable {
            fault: self.clone(),
            reason,
        })
    }
}

impl FromStr for Fault {
    type Err = ParseFaultError;

    fn from_str(text: &str) -> Result<Fault, ParseFaultError> {
        let (name, args) = match text.split_once(':') {
            Some((name, args)) => (name, Some(args)),
            None => (text, None),
        };
        let info = FaultInfo::by_name(name).ok_or_else(|| ParseFaultError::Name {
            found: name.to_owned(),
        })?;
        let args = Args::parse(info, args)?;
        Ok(Fault { info, args })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.info.name())?;
        self.args.write(f)
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fault({self})")
    }
}

/// A fault that means nothing on a tape: there is nothing for it to strike.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("fault `{fault}` does not apply: {reason}")]
#[non_exhaustive]
pub struct NotApplicable {
    /// The fault.
    pub fault: Fault,
    /// What the tape lacks.
    pub reason: String,
}

/// Applies `faults` in order to what is played of `interaction`.
pub(super) fn apply(
    interaction: &Interaction,
    performance: Performance,
    faults: &[Fault],
) -> Result<Performance, NotApplicable> {
    let mut scene = Scene::new(interaction, performance);
    for fault in faults {
        fault.apply(&mut scene)?;
    }
    Ok(scene.performance)
}
