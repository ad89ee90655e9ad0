//! The integration tests, one binary. Each module says what belongs in it.

// What tests share: the corpus, scripted servers, loaders.
mod support;

// Real recorded sessions against what the providers' own SDKs assemble from them.
mod corpus;
// The framers: standard cases in every cut, differential properties, ceilings, allocations.
mod frame;
// The file format: reading, writing, damage, appending.
mod cassette;
// Chat Completions: the laws, the slots of tool calls, what is read where the wire is odd.
mod chat;
// Secrets: masked in streams however they are cut, found on tapes, and what is none left alone.
mod redact;
// Credentials of a request, rules, audits and the mending of tapes that exist.
mod redact_tapes;
