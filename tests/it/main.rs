//! The integration tests, one binary. Each module says what belongs in it.

/// Frames out of bytes: the standard's cases, oracles, any cut, the ceiling, allocations.
mod frame;
