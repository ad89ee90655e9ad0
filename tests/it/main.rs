//! The integration tests, one binary. Each module says what belongs in it.

/// The file format: reading, writing, damage, appending.
mod cassette;
