//! Contenders that read bodies.

use std::hint::black_box;

use bytes::Bytes;
use rigtape::dialect;
use rigtape::frame::{FrameKind, Framer, Framing};
use rigtape::transcript::Ending;

use super::contest::Contender;
use super::input::Input;
use super::seed;

pub const RIGTAPE_DECODER: Contender<Input> = Contender {
    name: "rigtape",
    run: |input| over(input, decode),
};
pub const RIGTAPE_COMPLETE: Contender<Input> = Contender {
    name: "rigtape, transcript",
    run: |input| over(input, |chunks| assemble(chunks, false)),
};

pub const DECODERS: [Contender<Input>; 3] = [
    Contender {
        name: "eventsource-stream",
        run: |input| over(input, seed::decode),
    },
    RIGTAPE_DECODER,
    Contender {
        name: "line ends alone (memchr), the limit",
        run: |input| over(input, line_ends),
    },
];

pub const COMPLETE: [Contender<Input>; 3] = [
    Contender {
        name: "the seed's path",
        run: |input| over(input, seed::complete),
    },
    RIGTAPE_COMPLETE,
    Contender {
        name: "rigtape, and each step owned",
        run: |input| over(input, |chunks| assemble(chunks, true)),
    },
];

fn over(input: &Input, read: impl Fn(&[Bytes]) -> usize) -> usize {
    input.bodies.iter().map(|chunks| read(chunks)).sum()
}

fn decode(chunks: &[Bytes]) -> usize {
    let mut framer = Framer::new(Framing::Sse);
    let mut sum = 0;
    for chunk in chunks {
        let mut rest = &chunk[..];
        while let Ok(Some(frame)) = framer.next(&mut rest) {
            if let FrameKind::Event(event) = &black_box(frame).kind {
                sum += event.data.map_or(0, str::len);
            }
        }
    }
    sum
}

fn assemble(chunks: &[Bytes], owned: bool) -> usize {
    let mut assembler = dialect::by_name("openai-chat")
        .expect("is built in")
        .assembler();
    for chunk in chunks {
        if owned {
            assembler.feed_with(chunk, &mut |delta| drop(black_box(delta.into_owned())));
        } else {
            assembler.feed(chunk);
        }
    }
    let transcript = black_box(assembler.finish());
    // A body that was not understood would be read fast, too.
    assert_ne!(transcript.ending, Ending::Errored, "{:?}", transcript.error);
    transcript.choices.len()
}

fn line_ends(chunks: &[Bytes]) -> usize {
    chunks
        .iter()
        .map(|chunk| memchr::memchr_iter(b'\n', chunk).count())
        .sum()
}
