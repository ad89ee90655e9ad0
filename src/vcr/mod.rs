//! A VCR for Rust tests: record once, replay for ever, in one line.
//!
//! ```no_run
//! # async fn weather() -> Result<(), Box<dyn std::error::Error>> {
//! let vcr = rigtape::vcr!().await?;
//! let base_url = vcr.base_url("openai"); // for the client under test
//! let api_key = vcr.api_key("openai"); // a real one only while recording
//! // …
//! vcr.finish().unwrap();
//! # Ok(())
//! # }
//! ```
//!
//! The tape is named after the test. It is recorded once, from the provider:
//!
//! ```text
//! RIGTAPE_MODE=record cargo test weather -- --exact
//! ```
//!
//! and from then on `cargo test` plays it, without a network and without a key. The variable takes
//! the words of [`Mode`]; the default is `replay`, with which nothing ever reaches the network.
//!
//! | to … | use |
//! |---|---|
//! | point a client at a base URL | [`Vcr::base_url`] |
//! | send with reqwest, without a socket | [`Vcr::middleware`], [`Vcr::send`] |
//! | give async-openai a `tower::Service` | [`Vcr::service`] |
//! | give rig an HTTP client | [`rig_http_client!`](crate::rig_http_client) |
//! | name tapes, upstreams, rules and pace | [`VcrBuilder`] |
//!
//! # What becomes of a recording
//!
//! It is made beside the tape and takes its place in one step when the test has passed, with the
//! matching rules that stood on the old tape. Otherwise it stays as `NAME.rejected.jsonl` and the
//! old tape stands: when the test panics, when a secret is found, when it does not read back, or
//! when it broke off and the old tape is whole.
//!
//! A test has passed when [`Vcr::finish`] is called, or when the `Vcr` is dropped without a panic.
//! A test that returns `Err` early drops it without a panic too: then a recording with fewer
//! interactions than the old tape is rejected. Such a test should end with
//! [`finish`](Vcr::finish).
//!
//! # Several tests, one tape
//!
//! Tests of one run that record to one tape, in one process or in several, add what they recorded
//! to it, each under a lock and in whole interactions. A test that records again replaces the tape.
//! When such a tape is played, what belongs to the other tests stays unused: say
//! [`allow_unused`](VcrBuilder::allow_unused).

mod builder;
mod error;
mod handle;
mod name;
mod project;
mod report;
mod rig;
mod running;

pub use builder::VcrBuilder;
pub use error::Error;
pub use handle::{Handle, Service};
pub use name::test_name;
pub use report::{Outcome, Report};
pub use running::Vcr;

pub use crate::serve::{Mode, SendError};

#[doc(hidden)]
pub mod __private {
    pub use super::name::{name_of, vcr};

    pub mod rig {
        pub use crate::vcr::rig::{Failed, form, send};
        pub use bytes::Bytes;
    }
}

/// A [`VcrBuilder`] for the test that stands around it; `.await` or
/// [`start_blocking`](VcrBuilder::start_blocking) starts it.
///
/// The tape is `cassettes/CRATE/MODULE/TEST.jsonl` in the package of the test. A second `Vcr` of
/// one test takes a name of its own, which is put behind: `rigtape::vcr!("planner")` is
/// `TEST-planner.jsonl`.
///
/// The test's name is the one of its thread, as the test harness sets it, so that helper functions
/// may say `vcr!()` for their tests; on any other thread it is the function around the macro.
///
/// ```no_run
/// # fn example() -> Result<(), rigtape::vcr::Error> {
/// let vcr = rigtape::vcr!()
///     .ignore("/metadata/run_id")
///     .upstream("openai=https://gateway.example/llm/v1")
///     .start_blocking()?;
/// # Ok(())
/// # }
/// ```
#[macro_export]
macro_rules! vcr {
    () => {{
        fn here() {}
        $crate::vcr::__private::vcr(
            ::core::env!("CARGO_MANIFEST_DIR"),
            ::core::module_path!(),
            $crate::vcr::__private::name_of(&here),
        )
    }};
    ($part:expr $(,)?) => {
        $crate::vcr!().part($part)
    };
}
