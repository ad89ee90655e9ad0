//! Allocations per event of each decoder and complete path.
//!
//! Apart from the speed benches, because counting needs an allocator of its own, which would slow
//! down most whoever allocates most. `cargo bench --bench allocations`.

mod support;

use support::bodies;
use support::contest::Contender;
use support::input::Input;

/// Events by which the longer of two bodies exceeds the shorter.
const STEADY: usize = 10_000;

fn main() {
    let sessions = Input::generated(4 << 20).one_event_a_chunk();
    let short = Input::one_session(STEADY).one_event_a_chunk();
    let long = Input::one_session(2 * STEADY).one_event_a_chunk();

    println!("\n{sessions}\n");
    println!(
        "  {:<34} {:>12} {:>14} {:>16}",
        "allocations per event", "whole bodies", "steady state", "bytes per event"
    );
    for contender in bodies::DECODERS.iter().chain(&bodies::COMPLETE) {
        let whole = count(contender, &sessions);
        // What a body costs to begin and to end cancels out.
        let steady = count(contender, &long).count_total - count(contender, &short).count_total;
        println!(
            "  {:<34} {:>12.2} {:>14.2} {:>16.0}",
            contender.name,
            whole.count_total as f64 / sessions.events as f64,
            steady as f64 / STEADY as f64,
            whole.bytes_total as f64 / sessions.events as f64,
        );
    }
}

fn count(contender: &Contender<Input>, input: &Input) -> allocation_counter::AllocationInfo {
    allocation_counter::measure(|| {
        std::hint::black_box((contender.run)(input));
    })
}
