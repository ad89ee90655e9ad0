//! The integration tests, one binary. Each module says what belongs in it.

// What tests share: the corpus, scripted servers, loaders.
mod support;

// Which module may use which.
mod floors;
// The framers: standard cases in every cut, differential properties, ceilings, allocations.
mod frame;
// The file format: round trips, damage, appending, its description, memory.
mod cassette;
// Chat Completions: the laws, the slots of tool calls, what is read where the wire is odd.
mod chat;
// Gemini and its Interactions: parts, signatures, arrays, what is read where the wires are odd.
mod gemini;
// Cohere: blocks, calls, plans, citations.
mod cohere;
// Ollama: lines, whole messages.
mod ollama;
// Laws that walk the table of dialects and every tape.
mod dialects;
// The errors that each dialect's own servers send, read back as errors.
mod dialect_errors;
// Responses: statements in pieces, whole, twice or missing.
mod responses;
// Messages: blocks, usage in pieces, gateways.
mod anthropic;
// The other wires' ordinary deltas: read in one pass and by name, they say the same.
mod two_ways;
// Real recorded sessions against what the providers' own SDKs assemble from them.
mod corpus;
// Every session of the corpus, cut at every byte.
mod cuts;
// The streaming request: what it sends, its errors, its span.
#[cfg(feature = "client")]
mod client;
// Timing and chunk borders as laws, without a clock.
mod policy;
// Faults: their spelling, their bytes, their classes, and the whole catalogue on every tape.
mod faults;
// Tapes written without a recording, read back as what was said.
mod synthetic;
// Secrets: masked in streams however they are cut, found on tapes, and what is none left alone.
mod redact;
// Credentials of a request, rules, audits and the mending of tapes that exist.
mod redact_tapes;
// Tapes as byte streams and HTTP responses, on a paused clock: times, endings, heads.
#[cfg(feature = "replay")]
mod replay;
// The recorder in process: bytes, times, every ending, codings, secrets, failing disks.
#[cfg(feature = "record")]
mod record;
// The recording proxy over sockets: fidelity, refusals, scopes, shutdown.
#[cfg(feature = "record")]
mod record_proxy;
// Where requests go: providers by path and header, names, variables, scopes.
#[cfg(feature = "record")]
mod record_route;
// The mock server over sockets: what it plays and how it ends, reports, refusals, control, modes.
#[cfg(feature = "serve")]
mod serve;
// `rigtape record` as a user runs it: around a command, in a folder, one request, bad input.
#[cfg(all(feature = "cli", unix))]
mod cli_record;
// Recordings that are cut off: killed, interrupted, out of disk.
#[cfg(all(feature = "cli", unix))]
mod cli_endings;
// Secrets end to end: not on disk, quarantined, masked afterwards; the project's rules.
#[cfg(all(feature = "cli", unix))]
mod cli_redact;
// The command: replay, list and demo, and what they say to bad input.
#[cfg(feature = "cli")]
mod cli_replay;
// Other recorders' files: what comes over byte by byte, and what the tape says of the rest.
#[cfg(feature = "import")]
mod import;
// YAML bodies, however they are written, are exact.
#[cfg(feature = "import")]
mod import_yaml;
// `rigtape import` and `rigtape export`: folders, bad files, links, secrets.
#[cfg(feature = "cli")]
mod cli_import;
// The choice of an interaction: what is compared, rules, order and reuse, misses, learned rules.
mod matching;
// `rigtape rules`: learned from two recordings, shown for tapes, mistakes named.
#[cfg(all(feature = "cli", unix))]
mod cli_rules;
// What changed in meaning between two tapes: parts, paths, ids, pairing.
mod diff;
// `rigtape diff`: its three forms, folders, hostile text, bad input.
#[cfg(feature = "cli")]
mod cli_diff;
// The laws held on one interaction: cuts, counts, what clients' decoders see.
mod verify;
// `rigtape verify`: broken tapes, secrets, truncated ones, bad input.
#[cfg(feature = "cli")]
mod cli_verify;
// Drills in process: broken clients convicted, right ones not, limits, what cannot be drilled.
#[cfg(feature = "drill")]
mod drill;
// `rigtape drill` around shell scripts: lines that do it again, killed groups, budgets, JUnit.
#[cfg(all(feature = "cli", unix))]
mod cli_drill;
// `rigtape inspect` in its three forms, hostile tapes, the table of `list`, completions, manual.
#[cfg(feature = "cli")]
mod cli_inspect;
// The stable view of transcripts, and the macro on insta.
mod snapshot;
// A tape mounted on a wiremock server, whole bodies once each.
#[cfg(feature = "wiremock")]
mod wiremock;
// `Vcr`: recording and playing, misses, what becomes of a recording, processes that share a tape.
#[cfg(feature = "vcr")]
mod vcr;
