//! The same bytes give the same transcript however they are cut: every session of the corpus at
//! every single byte.

use rigtape::dialect::{Dialect, by_name};
use rigtape::transcript::{Assembler, Transcript};

use crate::support::corpus::sessions;

/// Bodies up to this size are read anew, whole, for every cut. In longer ones a cut is held against
/// the uncut stream at the end of a window of frames behind it, and a sample of cuts to the end.
const WHOLE: usize = 12 << 10;
const WINDOW: usize = 2 << 10;

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

    let mut prefix = dialect.assembler();
    for at in 0..body.len() {
        let rest = &body[at..];
        if body.len() <= WHOLE || at % 997 == 0 {
            assert_eq!(
                finish(prefix.clone(), rest),
                expected,
                "{name}, cut at byte {at}"
            );
        } else {
            let window = &rest[..rest.len().min(WINDOW)];
            let mut uncut = prefix.clone();
            uncut.feed(window);
            let mut cut = prefix.clone();
            cut.feed(&window[..1]);
            cut.feed(&window[1..]);
            assert_eq!(
                cut.finish(),
                uncut.finish(),
                "{name}, cut at byte {}",
                at + 1
            );
        }
        prefix.feed(&body[at..=at]);
    }
}

fn finish(mut assembler: Assembler, rest: &[u8]) -> Transcript {
    assembler.feed(rest);
    assembler.finish()
}
