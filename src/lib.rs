//! Record-and-replay testing for streaming LLM APIs.

pub mod cassette;
pub mod dialect;
pub mod frame;
pub mod json;
mod offset;
pub mod policy;
pub mod redact;
pub mod snapshot;
pub mod transcript;

#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "live")]
pub mod live;
#[cfg(feature = "record")]
pub mod record;
#[cfg(feature = "replay")]
pub mod replay;

#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;

pub use offset::Offset;

#[cfg(feature = "insta")]
#[doc(hidden)]
pub use insta as __insta;
