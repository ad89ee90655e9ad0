//! A mock server: tapes played to any client, in any language, over HTTP/1.1.
//!
//! ```no_run
//! use rigtape::serve::MockServer;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let server = MockServer::start("cassettes/weather.jsonl").await?;
//! let base_url = server.base_url("openai"); // for the client under test
//! // …
//! let report = server.finish();
//! assert!(report.is_ok(), "{report}");
//! # Ok(())
//! # }
//! ```
//!
//! | to … | use |
//! |---|---|
//! | serve one tape, a folder, a glob, interactions made in code | [`MockServer::start`], [`Tapes`] |
//! | set pace, pieces, limits, strictness | [`MockServer::builder`] |
//! | see what clients sent and what they took | [`MockServer::received`] |
//! | know what missed and what stayed unused | [`MockServer::finish`], or its panic when dropped |
//! | record what is not on a tape yet | [`Mode`] |
//!
//! # Scopes
//!
//! Each interaction is played once. Tests that share a server name a *scope*, by a path prefix
//! (`/@NAME/v1/…`) or the header `x-rigtape-scope`, and each scope has its own copy of what is
//! used up.
//!
//! # Faults
//!
//! The faults of the server's [`Policy`](crate::policy::Policy) are performed below HTTP: an early
//! close lacks the last chunk, a half-close is a FIN with the connection still read, a reset is an RST
//! behind the last byte, a stall lasts until the client or the server ends it. They strike every answer,
//! or the one that [`MockServerBuilder::faults_at`] names. A fault that means nothing on the interaction
//! that is played is answered with status 500 and stands in the report: it never passes for healthy.
//!
//! # Control
//!
//! A test in another process talks to the server under `/__rigtape/`, with the header
//! `x-rigtape-control: 1`. A scope in the path or the header limits what is meant to it.
//!
//! | request | does |
//! |---|---|
//! | `GET health` | version, number of requests |
//! | `GET journal` | the last requests, masked, as a JSON array |
//! | `GET report` | what missed, what is unused, what was refused; `ok` |
//! | `POST reset` | forgets uses, misses and journal |
//! | `POST allow` with `{"unused":true,"misses":true}` | makes them no failures; either may be left out |
//!
//! A request with the header `x-rigtape-allow-miss` may miss without failing the run.

mod aim;
mod answer;
mod builder;
mod control;
mod error;
#[cfg(feature = "vcr")]
mod inside;
mod journal;
mod lately;
mod mode;
mod playing;
mod recording;
mod report;
mod server;
mod service;
mod state;
mod swap;
mod tapes;

pub use aim::{Aim, ParseAimError};
pub use builder::MockServerBuilder;
pub use error::Error;
#[cfg(feature = "vcr")]
pub(crate) use inside::Inside;
#[cfg(feature = "vcr")]
pub use inside::SendError;
pub use journal::{Delivery, Outcome, Received};
#[cfg(feature = "vcr")]
pub(crate) use mode::is_ci;
pub use mode::{Mode, ParseModeError};
pub use report::{Missed, Report, Unused};
pub use server::MockServer;
pub use tapes::Tapes;
