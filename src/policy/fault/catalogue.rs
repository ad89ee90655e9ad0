//! The catalogue: every fault there is.

use super::args::Args;
use super::class::{self, Class, Judge};
use super::scene::{Reason, Scene};
use super::{borders, frames, http, inject, tools, transport};

/// Every fault, in the order in which `rigtape faults` lists them.
pub static FAULTS: &[FaultInfo] = &[
    FaultInfo {
        name: "cut",
        class: Class::Harmful,
        does: "closes the connection early: no last chunk",
        expects: "an error, or a truncated answer; not judged behind the finish",
        keys: &["frame", "byte", "time", "seed"],
        example: "cut:frame=7",
        apply: transport::cut,
        judge: class::broken,
    },
    FaultInfo {
        name: "truncate",
        class: Class::Harmful,
        does: "ends the body early, in good order, as a gateway does that lost its upstream",
        expects: "a truncated answer; benign behind the finish",
        keys: &["frame", "byte", "time", "seed"],
        example: "truncate:byte=120",
        apply: transport::truncate,
        judge: class::shortened,
    },
    FaultInfo {
        name: "reset",
        class: Class::Harmful,
        does: "resets the connection (RST)",
        expects: "an error; not judged behind the finish",
        keys: &["frame", "byte", "time", "seed"],
        example: "reset:time=2s",
        apply: transport::reset,
        judge: class::broken,
    },
    FaultInfo {
        name: "half-close",
        class: Class::Harmful,
        does: "closes the server's side early (FIN) and goes on reading",
        expects: "an error, or a truncated answer; not judged behind the finish",
        keys: &["frame", "byte", "time", "seed"],
        example: "half-close:frame=3",
        apply: transport::half_close,
        judge: class::broken,
    },
    FaultInfo {
        name: "stall",
        class: Class::Harmful,
        does: "sends nothing more and keeps the connection open; with `for`, goes on afterwards",
        expects: "a time limit of the client; with `for`, the answer as it was",
        keys: &["frame", "byte", "time", "seed", "for"],
        example: "stall:frame=3,for=2s",
        apply: transport::stall,
        judge: class::broken,
    },
    FaultInfo {
        name: "drip",
        class: Class::Benign,
        does: "sends small pieces, a gap after each",
        expects: "the answer as it was",
        keys: &["size", "gap"],
        example: "drip:size=1,gap=1ms",
        apply: transport::drip,
        judge: class::benign,
    },
    FaultInfo {
        name: "split",
        class: Class::Benign,
        does: "puts chunk borders inside every code point (`utf8`), CR LF (`crlf`) or `data:` (`data`), or at one byte",
        expects: "the answer as it was",
        keys: &["at", "byte", "seed"],
        example: "split:at=utf8",
        apply: borders::split,
        judge: class::benign,
    },
    FaultInfo {
        name: "merge",
        class: Class::Benign,
        does: "puts so many frames into one chunk; all of them unless told otherwise",
        expects: "the answer as it was",
        keys: &["count"],
        example: "merge:count=3",
        apply: borders::merge,
        judge: class::benign,
    },
    FaultInfo {
        name: "comment",
        class: Class::Benign,
        does: "puts a comment before a frame",
        expects: "the answer as it was",
        keys: &["frame", "seed"],
        example: "comment:frame=2",
        apply: inject::comment,
        judge: class::benign,
    },
    FaultInfo {
        name: "ping",
        class: Class::Benign,
        does: "puts the wire's own keep-alive before a frame",
        expects: "the answer as it was",
        keys: &["frame", "seed"],
        example: "ping:frame=2",
        apply: inject::ping,
        judge: class::benign,
    },
    FaultInfo {
        name: "blank",
        class: Class::Benign,
        does: "puts a blank line before a frame",
        expects: "the answer as it was",
        keys: &["frame", "seed"],
        example: "blank:frame=1",
        apply: inject::blank,
        judge: class::benign,
    },
    FaultInfo {
        name: "bom",
        class: Class::Benign,
        does: "puts a byte order mark before the body",
        expects: "the answer as it was",
        keys: &[],
        example: "bom",
        apply: inject::bom,
        judge: class::benign,
    },
    FaultInfo {
        name: "crlf",
        class: Class::Benign,
        does: "ends every line with CR LF",
        expects: "the answer as it was",
        keys: &[],
        example: "crlf",
        apply: inject::crlf,
        judge: class::benign,
    },
    FaultInfo {
        name: "unknown-event",
        class: Class::Benign,
        does: "puts an event of an unknown type before a frame",
        expects: "the answer as it was",
        keys: &["frame", "seed"],
        example: "unknown-event:frame=2",
        apply: inject::unknown_event,
        judge: class::benign,
    },
    FaultInfo {
        name: "unknown-field",
        class: Class::Benign,
        does: "puts an unknown member into the JSON of a frame",
        expects: "the answer as it was",
        keys: &["frame", "seed"],
        example: "unknown-field:frame=2",
        apply: inject::unknown_field,
        judge: class::benign,
    },
    FaultInfo {
        name: "unknown-line",
        class: Class::Benign,
        does: "puts a field into an event that the event-stream standard does not know",
        expects: "the answer as it was",
        keys: &["frame", "seed"],
        example: "unknown-line:frame=2",
        apply: inject::unknown_line,
        judge: class::benign,
    },
    FaultInfo {
        name: "duplicate",
        class: Class::Undetectable,
        does: "sends a frame twice",
        expects: "nothing in particular; harmful where the wire shows it and the answer is another one",
        keys: &["frame", "seed"],
        example: "duplicate:frame=4",
        apply: frames::duplicate,
        judge: class::shuffled,
    },
    FaultInfo {
        name: "drop",
        class: Class::Undetectable,
        does: "leaves a frame out",
        expects: "nothing in particular; harmful where the wire shows it and the answer is another one",
        keys: &["frame", "seed"],
        example: "drop:frame=4",
        apply: frames::drop,
        judge: class::shuffled,
    },
    FaultInfo {
        name: "swap",
        class: Class::Undetectable,
        does: "sends a frame after the next one",
        expects: "nothing in particular; harmful where the wire shows it and the answer is another one",
        keys: &["frame", "seed"],
        example: "swap:frame=4",
        apply: frames::swap,
        judge: class::shuffled,
    },
    FaultInfo {
        name: "bad-json",
        class: Class::Harmful,
        does: "breaks the JSON of a frame",
        expects: "an error, or a noted violation",
        keys: &["frame", "seed"],
        example: "bad-json:frame=4",
        apply: frames::bad_json,
        judge: class::harmful,
    },
    FaultInfo {
        name: "error",
        class: Class::Harmful,
        does: "sends the provider's own error inside the 200 behind a frame, and ends",
        expects: "an error; not judged behind the finish",
        keys: &["frame", "seed"],
        example: "error:frame=3",
        apply: frames::error,
        judge: class::errored,
    },
    FaultInfo {
        name: "no-terminator",
        class: Class::Benign,
        does: "leaves out the closing marker and what follows it",
        expects: "the answer as it was, if its finish came",
        keys: &[],
        example: "no-terminator",
        apply: frames::no_terminator,
        judge: class::shortened,
    },
    FaultInfo {
        name: "no-usage",
        class: Class::Benign,
        does: "leaves out the token counts",
        expects: "the answer as it was, without counts; not judged where the wire demands them",
        keys: &[],
        example: "no-usage",
        apply: frames::no_usage,
        judge: class::uncounted,
    },
    FaultInfo {
        name: "no-finish",
        class: Class::Harmful,
        does: "leaves out the finish reason, or the message that is the finish",
        expects: "a truncated answer",
        keys: &[],
        example: "no-finish",
        apply: frames::no_finish,
        judge: class::shortened,
    },
    FaultInfo {
        name: "reuse-tool-index",
        class: Class::Benign,
        does: "gives every tool call the index of the first",
        expects: "the same calls where ids and names tell them apart; else not judged, or an error",
        keys: &[],
        example: "reuse-tool-index",
        apply: tools::reuse_index,
        judge: class::renumbered,
    },
    FaultInfo {
        name: "omit-tool-index",
        class: Class::Benign,
        does: "takes the index off every tool call",
        expects: "the same calls where ids and names tell them apart; else not judged, or an error",
        keys: &[],
        example: "omit-tool-index",
        apply: tools::omit_index,
        judge: class::renumbered,
    },
    FaultInfo {
        name: "interleave-tools",
        class: Class::Benign,
        does: "sends the fragments of two tool calls in turns",
        expects: "the same calls",
        keys: &[],
        example: "interleave-tools",
        apply: tools::interleave,
        judge: class::interleaved,
    },
    FaultInfo {
        name: "gzip",
        class: Class::Benign,
        does: "compresses the body, a piece at a time",
        expects: "the answer as it was, from a client that takes gzip",
        keys: &[],
        example: "gzip",
        apply: http::gzip,
        judge: class::benign,
    },
    FaultInfo {
        name: "content-type",
        class: Class::Undetectable,
        does: "states a wrong content type",
        expects: "the answer as it was, or an error",
        keys: &["as"],
        example: "content-type:as=text/plain",
        apply: http::content_type,
        judge: class::undetectable,
    },
    FaultInfo {
        name: "status",
        class: Class::Harmful,
        does: "answers with an error status in the provider's own shape",
        expects: "an error, or another try",
        keys: &["code", "retry-after"],
        example: "status:code=429,retry-after=2s",
        apply: http::status,
        judge: class::harmful,
    },
    FaultInfo {
        name: "garbage",
        class: Class::Benign,
        does: "appends bytes that belong to nothing",
        expects: "the answer as it was; not judged where the body is JSON",
        keys: &["bytes", "seed"],
        example: "garbage:bytes=16",
        apply: inject::garbage,
        judge: class::trailing,
    },
];

/// One fault of the catalogue.
pub struct FaultInfo {
    name: &'static str,
    class: Class,
    does: &'static str,
    expects: &'static str,
    keys: &'static [&'static str],
    example: &'static str,
    pub(super) apply: fn(&Args, &mut Scene<'_>) -> Result<(), Reason>,
    pub(super) judge: Judge,
}

impl FaultInfo {
    /// The entry of that name.
    pub fn by_name(name: &str) -> Option<&'static FaultInfo> {
        FAULTS.iter().find(|info| info.name == name)
    }

    /// Its name, in kebab case.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its class where it is usually put; [`classify`](super::classify) tells it for one tape.
    pub fn class(&self) -> Class {
        self.class
    }

    /// What it does, in words that go on after its name.
    pub fn does(&self) -> &'static str {
        self.does
    }

    /// What is right for a client to give.
    pub fn expects(&self) -> &'static str {
        self.expects
    }

    /// The keys that it takes; all may be left out.
    pub fn keys(&self) -> &'static [&'static str] {
        self.keys
    }

    /// A spelling with a place.
    pub fn example(&self) -> &'static str {
        self.example
    }
}

impl std::fmt::Debug for FaultInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("FaultInfo").field(&self.name).finish()
    }
}

impl PartialEq for FaultInfo {
    fn eq(&self, other: &FaultInfo) -> bool {
        self.name == other.name
    }
}

impl Eq for FaultInfo {}
