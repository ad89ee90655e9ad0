//! Record-and-replay testing for streaming LLM APIs.
//!
//! A *cassette* is the tape of a stream: every byte as it arrived, every chunk border, every time,
//! and how the stream ended. It is read back by one assembler, the same that reads live streams, so
//! a snapshot test sees what a client of the wire would have seen.
//!
//! ```
//! use rigtape::cassette::Cassette;
//! use rigtape::dialect::Answer;
//!
//! # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/cassettes/openai-chat/agent_loop.jsonl");
//! let tape = Cassette::open(path)?;
//! for interaction in tape.interactions() {
//!     let Some(Answer::Transcript(said)) = Answer::of(&interaction?) else { continue };
//!     for call in said.tool_calls() {
//!         println!("{}({})", call.name.as_deref().unwrap_or("?"), call.arguments);
//!     }
//!     println!("{} — {}", said.text(), said.ending);
//! }
//! # Ok::<(), rigtape::cassette::Error>(())
//! ```
//!
//! # Where to look
//!
//! | to … | use | feature |
//! |---|---|---|
//! | read tapes as data, or write them | [`cassette`] | |
//! | find the frames of a body in any cut (SSE, NDJSON, JSON arrays) | [`frame`] | |
//! | know what a body said | [`dialect`], [`transcript`] | |
//! | read a live stream of bytes as typed deltas | `live` | `live` |
//! | send a streaming request, with its `gen_ai.*` span | `client` | `client` |
//! | record: in process, or as a reverse proxy | `record` | `record` |
//! | hand a tape to code that expects a live response | `replay`, [`policy`] | `replay` |
//! | make things go wrong with a tape | [`policy::fault`] | |
//! | write a tape without a recording | [`synthetic`] | |
//! | choose the recorded interaction that answers a request | [`matching`] | |
//! | mount a tape on a `wiremock::MockServer` | `wiremock` | `wiremock` |
//! | give a test a tape of its own, recorded once and played for ever | `vcr` | `vcr` |
//! | snapshot a transcript or a tape with insta | [`snapshot`], `assert_transcript!`, `assert_tape!` | `insta` |
//! | keep secrets off tapes | [`redact`] | |
//! | make tapes of other recorders' files | `import` | `import` |
//! | know what changed between two recordings | [`diff`] | |
//! | put a client through everything that can go wrong with a tape | `drill` | `drill` |
//! | hold tapes against the laws, and against clients' decoders | [`verify`] | (`verify`) |
//!
//! The command `rigtape` is feature `cli`, on by default; a library user takes
//! `default-features = false` and the features the test needs.
//!
//! # Floors
//!
//! Modules stand on floors, and use only what lies below: `cli` → `drill`, `vcr` → `serve` →
//! `record`, `replay`, `live`, `client` → [`diff`], `import`, [`matching`], [`policy`], [`redact`],
//! [`snapshot`], [`synthetic`], [`verify`] → [`dialect`] → [`transcript`] → [`cassette`], [`frame`],
//! [`json`]. What lies below `live` is sans-IO or plain file reading: no runtime, no clock.
//! `docs/architecture.md` walks through it.

#![deny(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod cassette;
pub mod dialect;
pub mod diff;
#[cfg(feature = "drill")]
pub mod drill;
pub mod frame;
#[cfg(feature = "import")]
pub mod import;
pub mod json;
pub mod matching;
mod offset;
pub mod policy;
pub mod provider;
pub mod redact;
pub mod snapshot;
pub mod synthetic;
pub mod transcript;
pub mod verify;

#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "record")]
mod listen;
#[cfg(feature = "live")]
pub mod live;
#[cfg(feature = "record")]
pub mod record;
#[cfg(feature = "replay")]
pub mod replay;
#[cfg(feature = "serve")]
pub mod serve;
#[cfg(feature = "vcr")]
pub mod vcr;
#[cfg(feature = "wiremock")]
pub mod wiremock;

#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;

#[cfg(feature = "drill")]
pub use drill::drill;
pub use offset::Offset;

#[cfg(feature = "insta")]
#[doc(hidden)]
pub use insta as __insta;
