//! The same bytes give the same transcript however they are cut: every session of the corpus at
//! every single byte.

use rigtape::dialect::{Dialect, by_name};
use rigtape::transcript::{Assembler, Transcript};

use crate::support::corpus::sessions;

/// Bodies up to this size are read anew, whole, for every cut. Longer ones are cut at every byte of
/// a window that is read by itself, and as a whole at a sample of bytes.
const WHOLE: usize = 8 << 10;
const WINDOW: usize = 1 << 10;

#[test]
fn every_session_reads_the_same_when_cut_at_any_byte() {
    let Some(sessions) = sessions() else {
        return;
    };
    let next = std::sync::atomic::AtomicUsize::new(0);
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    let Some(session) = sessions.get(at) else {
                        return;
                    };
                    if let Some(dialect) = by_name(&session.dialect) {
                        cut(&session.name, dialect, &session.body);
                    }
                }
            });
        }
    });
}

fn cut(name: &str, dialect: &Dialect, body: &[u8]) {
    let expected = finish(dialect.assembler(), body);
    let mut bytes = dialect.assembler();
    body.iter()
        .for_each(|byte| bytes.feed(std::slice::from_ref(byte)));
    assert_eq!(bytes.finish(), expected, "{name}, byte by byte");

    let read = |head: &[u8], tail: &[u8]| {
        let mut assembler = dialect.assembler();
        assembler.feed(head);
        assembler.feed(tail);
        assembler.finish()
    };
    let step = if body.len() <= WHOLE { 1 } else { 1999 };
    for at in (0..body.len()).step_by(step) {
        let (head, tail) = body.split_at(at);
        assert_eq!(read(head, tail), expected, "{name}, cut at byte {at}");
    }
    if body.len() > WHOLE {
        for start in (0..body.len()).step_by(WINDOW / 2) {
            let window = &body[start..body.len().min(start + WINDOW)];
            let uncut = read(window, b"");
            for at in 0..window.len().min(WINDOW / 2) {
                let (head, tail) = window.split_at(at);
                assert_eq!(
                    read(head, tail),
                    uncut,
                    "{name}, cut at byte {}",
                    start + at
                );
            }
        }
    }
}

fn finish(mut assembler: Assembler, rest: &[u8]) -> Transcript {
    assembler.feed(rest);
    assembler.finish()
}
