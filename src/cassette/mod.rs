//! Cassettes: the file format, version 1, its in-memory model, its reader and its writer.
//!
//! A cassette is a JSON Lines file. Its first line is a [`Header`]; after it come, in the order in
//! which they happened, the [`Request`], the [`Response`] head, the [`Chunk`]s and the [`End`] of
//! each interaction. Interactions may interleave. The format is described in
//! `docs/cassette-format.md`, with a JSON Schema for each kind of line.
//!
//! | to … | use |
//! |---|---|
//! | read a tape as data, one interaction at a time | [`Cassette`] |
//! | read a tape line by line, in memory bounded by its longest line | [`Reader`] |
//! | write a tape, or go on with one | [`Writer`] |
//!
//! ```
//! use rigtape::cassette::{Cassette, How};
//!
//! let tape = concat!(
//!     r#"{"rigtape":1,"synthetic":true}"#, "\n",
//!     r#"{"request":1,"at":0,"method":"POST","target":"/v1/chat/completions?tag=a%20b","body":{"json":{"stream":true}}}"#, "\n",
//!     r#"{"response":1,"at":4000,"status":200,"headers":[["content-type","text/event-stream"]]}"#, "\n",
//!     r#"[1,4100,"data: {\"id\":"]"#, "\n",
//!     r#"[1,4900,"\"a\"}\n\n"]"#, "\n",
//!     r#"{"end":1,"at":5000,"how":"complete","chunks":2,"bytes":18}"#, "\n",
//! );
//! let cassette = Cassette::read(tape.as_bytes(), "example.jsonl")?;
//! for interaction in cassette.interactions() {
//!     let interaction = interaction?;
//!     assert_eq!(interaction.request.path(), "/v1/chat/completions");
//!     assert_eq!(interaction.request.query().next().unwrap().1, "a b");
//!     assert_eq!(interaction.status(), Some(200));
//!     assert_eq!(interaction.chunks.len(), 2);
//!     assert_eq!(&interaction.body()[..], b"data: {\"id\":\"a\"}\n\n");
//!     assert_eq!(interaction.how(), Some(&How::Complete));
//! }
//! # Ok::<(), rigtape::cassette::Error>(())
//! ```

mod decode;
mod encode;
mod error;
mod grammar;
mod headers;
mod index;
mod interaction;
mod lines;
mod model;
mod open;
mod payload;
mod read;
mod write;

pub use error::{Error, Fault};
pub use headers::Headers;
pub use index::Entry;
pub use interaction::{Interaction, Query};
pub use model::{
    Body, Chunk, End, Extra, Framing, Header, How, Record, Redacted, Request, Response,
};
pub use open::{Cassette, Interactions};
pub use read::{Reader, TornTail};
pub use write::Writer;

/// The format version that this crate reads and writes.
pub const VERSION: u64 = 1;

/// The longest line that a [`Reader`] takes unless told otherwise, in bytes: 64 MiB.
pub const MAX_LINE: usize = 64 << 20;
