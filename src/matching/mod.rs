//! The choice of an interaction for a request.
//!
//! A [`Library`] of open tapes [chooses](Library::choose) the recorded interaction that answers a
//! request, and keeps in [`Uses`] what one scope has played. A request matches by its method, its
//! path (names of providers in front and the API's version do not count), its query and its body:
//! JSON by value, multipart bodies part by part, others byte for byte. A placeholder on the tape
//! matches any value in its place. [`Rules`] say what else does not count, and in which order
//! interactions are played. What matches nothing is a [`Miss`], which says what is nearest and what
//! differs.
//!
//! `docs/matching.md` is the user's side of it.

mod asked;
mod cache;
mod choose;
mod compare;
mod form;
mod learn;
mod library;
mod miss;
mod multipart;
mod normalise;
mod open;
mod placeholder;
mod project;
mod rules;
mod sketch;
mod suggest;
mod summary;
mod tape;
mod uses;
mod value;
mod wording;

pub use asked::Asked;
pub use choose::Chosen;
pub use learn::{Learned, Lesson, learn};
pub use library::{Library, Matcher, Options, Unused};
pub use miss::{Difference, Miss, Nearest, Standing};
pub use open::Fault;
pub use project::Project;
pub use rules::{Normaliser, Order, Reuse, RuleError, Rules};
pub use tape::Tape;
pub use uses::Uses;
