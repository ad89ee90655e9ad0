//! Speed of the decoder, the complete path and the tape, in MB/s and against their rivals.
//!
//! Contenders of one table take turns in every round, so what else the machine does hits them
//! alike: read the ratios, not the MB/s. `cargo bench --bench decode`; words behind `--` choose the
//! tables whose titles hold one of them.

mod support;

use support::contest::{Contest, is_wanted, ns_per_byte};
use support::input::Input;
use support::{bodies, tapes, wires};

fn main() {
    let mut inputs = vec![
        Input::generated(16 << 20).one_event_a_chunk(),
        Input::generated(16 << 20).in_chunks_of(16 << 10),
    ];
    match Input::corpus() {
        Some(corpus) => inputs.push(corpus.repeated_to(16 << 20).one_event_a_chunk()),
        None => eprintln!("no corpus here: generated streams only"),
    }
    for input in &inputs {
        println!("\n{input}\n");
        Contest::new("decoder alone", "eventsource-stream", &bodies::DECODERS).run(input);
        Contest::new("complete path", "the seed's path", &bodies::COMPLETE).run(input);
    }

    if is_wanted("wires") {
        wires::compare();
    }
    if is_wanted("one large event") {
        linearity();
    }

    let tape = tapes::Tape::of(&inputs[0]);
    println!("\n{tape}\n");
    Contest::new(
        "tape writing",
        "the lines alone, to a file",
        &tapes::WRITERS,
    )
    .run(&tape);
    Contest::new(
        "tape reading",
        "a serde_json::Value a line",
        &tapes::READERS,
    )
    .run(&tape);
}

/// One event of 4 MB against 64 of 64 KB, both in chunks of 64 bytes.
fn linearity() {
    println!("\none large event in chunks of 64 bytes (goal: 4 MB under 1.5 times 64 KB)\n");
    let small = Input::large_events(64, 64 << 10).in_chunks_of(64);
    let large = Input::large_events(1, 4 << 20).in_chunks_of(64);
    for contender in [&bodies::RIGTAPE_DECODER, &bodies::RIGTAPE_COMPLETE] {
        let (small, large) = ns_per_byte(contender, &small, &large);
        println!(
            "  {:<34} 64 KB {small:>7.3} ns/byte   4 MB {large:>7.3} ns/byte   ratio {:.2}",
            contender.name,
            large / small
        );
    }
}
