//! The bounded buffer between the streams and the one writer.
//!
//! Pushing never waits for the disk: a line is taken or refused. What is refused is lost for the
//! tape and only for the tape.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::options::Options;
use super::report::TapeReport;
use super::tape::Tape;
use super::writer::Writer;
use crate::cassette::Record;

/// Weight of a line apart from its bytes, so that a flood of tiny chunks is bounded too.
const LINE_OVERHEAD: usize = 128;

/// A tape of this sink, in the order of opening.
pub(super) type TapeId = usize;

pub(super) enum Message {
    Open(Tape),
    Line(TapeId, Record),
    /// Nothing of this interaction is, or no more of it will be, on the tape.
    Lost(TapeId, u64, &'static str),
}

/// The line was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refused;

/// What is told about an interaction for which the buffer had no room.
pub(super) const BUFFER_FULL: &str =
    "the disk was slower than the stream and the buffer to it was full";

pub(super) struct Sink {
    shared: Arc<Shared>,
    done: Mutex<Receiver<Vec<TapeReport>>>,
    close_timeout: Duration,
}

struct Shared {
    queue: Mutex<Queue>,
    filled: Condvar,
}

struct Queue {
    messages: VecDeque<(Message, usize)>,
    bytes: usize,
    max_bytes: usize,
    max_lines: usize,
    tapes: usize,
    waiting: bool,
    closed: bool,
}

impl Sink {
    pub(super) fn start(options: &Options) -> std::io::Result<Sink> {
        let queue = Queue {
            messages: VecDeque::new(),
            bytes: 0,
            max_bytes: options.buffer.bytes,
            max_lines: options.buffer.lines,
            tapes: 0,
            waiting: false,
            closed: false,
        };
        let shared = Arc::new(Shared {
            queue: Mutex::new(queue),
            filled: Condvar::new(),
        });
        let (report, done) = sync_channel(1);
        let feed = shared.clone();
        let mut writer = Writer::new(options);
        std::thread::Builder::new()
            .name("rigtape-writer".into())
            .spawn(move || {
                let mut spent = 0;
                while let Some((message, cost)) = feed.next(spent) {
                    writer.handle(message);
                    spent = cost;
                }
                // Nobody may be left to hear it.
                let _ = report.send(writer.finish());
            })?;
        Ok(Sink {
            shared,
            done: Mutex::new(done),
            close_timeout: options.close_timeout,
        })
    }

    pub(super) fn open(&self, tape: Tape) -> TapeId {
        let mut queue = self.shared.lock();
        let id = queue.tapes;
        queue.tapes += 1;
        self.shared.push(queue, Message::Open(tape), 0);
        id
    }

    /// Queues one line of `size` body bytes, when there is room for it.
    pub(super) fn push(&self, tape: TapeId, record: Record, size: usize) -> Result<(), Refused> {
        let cost = size + LINE_OVERHEAD;
        let queue = self.shared.lock();
        // One line larger than the whole buffer is taken when nothing else waits.
        let full = queue.messages.len() >= queue.max_lines
            || (queue.bytes > 0 && queue.bytes + cost > queue.max_bytes);
        if full || queue.closed {
            return Err(Refused);
        }
        self.shared.push(queue, Message::Line(tape, record), cost);
        Ok(())
    }

    /// Queues an interaction's last word, for which there is always room: there is one at most for
    /// each request.
    pub(super) fn push_last(&self, message: Message) {
        let queue = self.shared.lock();
        if !queue.closed {
            self.shared.push(queue, message, LINE_OVERHEAD);
        }
    }

    /// Lets the writer finish and waits for it, `close_timeout` long at most. `None` when it has
    /// been closed before.
    pub(super) fn close(&self) -> Option<Closed> {
        {
            let mut queue = self.shared.lock();
            if std::mem::replace(&mut queue.closed, true) {
                return None;
            }
            self.shared.filled.notify_one();
        }
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        match done.recv_timeout(self.close_timeout) {
            Ok(tapes) => Some(Closed::Finished(tapes)),
            Err(RecvTimeoutError::Timeout) => Some(Closed::TooSlow {
                lines: self.shared.lock().messages.len(),
            }),
            Err(RecvTimeoutError::Disconnected) => None,
        }
    }
}

pub(super) enum Closed {
    Finished(Vec<TapeReport>),
    TooSlow { lines: usize },
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // A panic while the lock is held cannot leave a half-made queue: nothing in between panics.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, mut queue: MutexGuard<'_, Queue>, message: Message, cost: usize) {
        queue.bytes += cost;
        queue.messages.push_back((message, cost));
        let wake = std::mem::take(&mut queue.waiting);
        drop(queue);
        if wake {
            self.filled.notify_one();
        }
    }

    /// The next message, after the `spent` bytes of the one before are free again; `None` when the
    /// sink is closed and empty.
    fn next(&self, spent: usize) -> Option<(Message, usize)> {
        let mut queue = self.lock();
        queue.bytes -= spent;
        loop {
            if let Some(message) = queue.messages.pop_front() {
                return Some(message);
            }
            if queue.closed {
                return None;
            }
            queue.waiting = true;
            queue = self
                .filled
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}
