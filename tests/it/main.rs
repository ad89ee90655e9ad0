//! The integration tests, one binary. Each module says what belongs in it.
