//! What the benches share: inputs, contenders, the contest.

// Each bench uses a part of this.
#![allow(dead_code)]

pub mod bodies;
pub mod contest;
pub mod input;
pub mod seed;
pub mod tapes;
pub mod wires;
