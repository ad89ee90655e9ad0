//! The integration tests, one binary. Each module says what belongs in it.

// What tests share: the corpus, scripted servers, loaders.
mod support;

// The file format: round trips, damage, appending, its description, memory.
mod cassette;
// Real recorded sessions against what the providers' own SDKs assemble from them.
mod corpus;
// The framers: standard cases in every cut, differential properties, ceilings, allocations.
mod frame;
// Chat Completions: the laws, the slots of tool calls, what is read where the wire is odd.
mod chat;
