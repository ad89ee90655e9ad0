//! Recording: a tee on live streams, in process or as a reverse proxy.
//!
//! The client comes first. Each piece of a body goes to the client and is then queued for the tape;
//! one thread of its own decodes, masks and writes. A full or failing disk costs the tape an
//! interaction, which the [`Report`] tells at the end; it never slows, changes or breaks a stream.
//!
//! | to record … | use |
//! |---|---|
//! | one request, or requests made in process | [`Recorder::send`] |
//! | any client, over a socket | [`Proxy`] |
//! | something that has its own HTTP client | [`Recorder::begin`] and the [`Exchange`] it gives |
//!
//! ```no_run
//! use rigtape::record::{Existing, Options, Recorder};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let recorder = Recorder::to_file("weather.jsonl", Existing::Refuse, Options::default())?;
//! let request = reqwest::Client::new()
//!     .post("https://api.openai.com/v1/chat/completions")
//!     .bearer_auth(std::env::var("OPENAI_API_KEY")?)
//!     .body(r#"{"model":"gpt-4o","stream":true,"messages":[]}"#)
//!     .build()?;
//! let mut response = recorder.send(request).await?;
//! while let Some(chunk) = response.chunk().await? {
//!     print!("{}", String::from_utf8_lossy(&chunk));
//! }
//! let report = recorder.close().await;
//! assert!(report.is_complete(), "{report}");
//! # Ok(())
//! # }
//! ```

mod audit;
mod client;
mod decode;
mod ending;
mod error;
mod exchange;
mod forward;
pub mod mend;
mod options;
mod outgoing;
mod proxy;
mod recorder;
mod report;
mod route;
mod service;
mod sink;
mod tape;
mod tee;
mod upstream;
mod writer;

pub use crate::listen::Refusal;
pub use client::{Failure, FailureKind};
pub use error::Error;
pub use exchange::Exchange;
pub use options::{Buffer, Inflate, Options, Timeouts};
pub use proxy::{Proxy, ProxyConfig};
pub use recorder::{Recorder, Sent};
pub use report::{Lost, Progress, Report, TapeReport};
pub use route::{Route, Routes};
pub use tape::Existing;
pub use tee::{BodyError, Tee};
pub use upstream::{RouteError, Upstream};
#[cfg(feature = "serve")]
pub(crate) use {audit::reject, forward::forward, forward::outgoing, outgoing::Outgoing};
