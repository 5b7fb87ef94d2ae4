//! What the tracing thread tells the recorder, and how it gets there cheaply.
//!
//! Facts are plain values; their strings lie one after the other in the batch that carries them, so
//! that a stop costs no allocation. A batch is handed over when it is full; the recorder comes for
//! a batch that is not, ten times a second, so that nothing stays behind while the program is idle
//! and no stop pays for waking a thread.

use super::image::Chain;
use super::view::{Seen, View};
use crate::trace::{Contact, ExitStatus, GapKind, Micros, Named, Operation, Outcome, ProcessId};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A string in its batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    start: u32,
    length: u32,
}

/// Where the path without symbolic links comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Real {
    /// The kernel named it.
    Known(Span),
    /// It is to be looked up.
    LookUp,
    /// It cannot be looked up from here.
    Unknown,
}

/// One thing that happened.
#[derive(Debug)]
pub(super) enum Fact {
    /// See [`crate::trace::Started`].
    Started {
        process: ProcessId,
        pid: i32,
        parent: Option<ProcessId>,
        at: Micros,
    },
    /// See [`crate::trace::Executed`]; `argv` and `env` are strings that end in NUL.
    Executed {
        process: ProcessId,
        at: Micros,
        path: Option<Span>,
        real: Real,
        root: Option<Span>,
        /// Where the kernel found interpreters and loader, if the recorder cannot.
        chain: Option<Box<Chain>>,
        argv: Option<Span>,
        cwd: Option<Span>,
        env: Span,
    },
    /// See [`crate::trace::Access`].
    Accessed {
        process: ProcessId,
        at: Micros,
        operation: Operation,
        path: Span,
        target: Option<Span>,
        real: Real,
        root: Option<Span>,
        outcome: Outcome,
    },
    /// A socket address was used.
    Contacted(Box<Contact>),
    /// A DNS server has answered.
    Named(Box<Named>),
    /// A process ended.
    Exited {
        process: ProcessId,
        at: Micros,
        status: ExitStatus,
    },
    /// Something is about to go or to move: what facts before this one name is to be looked up now.
    LookUp {
        /// Whoever holds the other end waits until this is dropped.
        waits: Sender<()>,
        /// Whether it is a link, or a directory, so that names may lead elsewhere from now on.
        links_change: bool,
    },
    /// Something could not be seen.
    Gap {
        process: Option<ProcessId>,
        at: Micros,
        kind: GapKind,
        detail: String,
        count: u64,
    },
}

/// Facts in the order in which they happened.
#[derive(Debug, Default)]
pub(super) struct Batch {
    facts: Vec<Fact>,
    bytes: Vec<u8>,
}

/// How much a batch holds before it is handed over.
const FULL_FACTS: usize = 1024;
const FULL_BYTES: usize = 128 * 1024;

/// How many full batches may wait for the recorder before the program waits for it too.
const WAITING_BATCHES: usize = 64;

/// How long the program may wait for the recorder to look names up before they change, once there is
/// room for it to be asked.
const LONGEST_LOOK: Duration = Duration::from_secs(1);

/// How long a batch that is not full may stay with the tracing thread.
const PATIENCE: Duration = Duration::from_millis(100);

impl Batch {
    /// Keeps a string.
    pub(super) fn keep(&mut self, text: &[u8]) -> Span {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(text);
        self.span(start)
    }

    fn span(&self, start: usize) -> Span {
        Span {
            start: start as u32,
            length: (self.bytes.len() - start) as u32,
        }
    }

    /// Adds a fact.
    pub(super) fn push(&mut self, fact: Fact) {
        self.facts.push(fact);
    }

    /// Keeps a process's view of the file system, if a path of its means something else to us.
    pub(super) fn keep_root(&mut self, view: Option<&View>, seen: Option<&Seen>) -> Option<Span> {
        let view = view.filter(|_| seen.is_none_or(|seen| !seen.is_same))?;
        Some(self.keep(view.tag()))
    }

    /// A string of this batch.
    pub(super) fn text(&self, span: Span) -> &[u8] {
        let start = span.start as usize;
        &self.bytes[start..start + span.length as usize]
    }

    /// Takes the facts out, in order, leaving the strings.
    pub(super) fn take_facts(&mut self) -> Vec<Fact> {
        std::mem::take(&mut self.facts)
    }

    fn is_full(&self) -> bool {
        self.facts.len() >= FULL_FACTS || self.bytes.len() >= FULL_BYTES
    }

    fn clear(&mut self) {
        self.facts.clear();
        self.bytes.clear();
    }
}

type Open = Arc<Mutex<Batch>>;

fn lock(open: &Open) -> MutexGuard<'_, Batch> {
    // A batch is whole between two statements of any holder.
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The tracing thread's end.
pub(super) struct Outbox {
    open: Open,
    full: Sender<Batch>,
    used: Receiver<Batch>,
}

/// The recorder's end.
pub(super) struct Inbox {
    open: Open,
    full: Receiver<Batch>,
    used: Sender<Batch>,
}

/// Makes both ends.
pub(super) fn exchange() -> (Outbox, Inbox) {
    let open = Open::default();
    let (full, waiting) = bounded(WAITING_BATCHES);
    let (give_back, used) = bounded(WAITING_BATCHES);
    (
        Outbox {
            open: Arc::clone(&open),
            full,
            used,
        },
        Inbox {
            open,
            full: waiting,
            used: give_back,
        },
    )
}

impl Outbox {
    /// Lets `write` add facts, and hands the batch over when it is full.
    ///
    /// Facts for a recorder that is gone are dropped: the program is not to notice.
    pub(super) fn write(&mut self, write: impl FnOnce(&mut Batch)) {
        let mut batch = lock(&self.open);
        write(&mut batch);
        if batch.is_full() {
            self.hand_over(&mut batch);
        }
    }

    fn hand_over(&self, batch: &mut Batch) {
        let empty = self.used.try_recv().unwrap_or_default();
        let _ = self.full.send(std::mem::replace(batch, empty));
    }

    /// Has all names looked up that facts so far left to be looked up, and waits for that; whether it
    /// was done in time.
    pub(super) fn look_up_now(&mut self, links_change: bool) -> bool {
        let (waits, looked) = bounded(0);
        let mut batch = lock(&self.open);
        batch.push(Fact::LookUp {
            waits,
            links_change,
        });
        self.hand_over(&mut batch);
        drop(batch);
        // Nothing is ever sent: the other end is dropped.
        looked.recv_timeout(LONGEST_LOOK) != Err(RecvTimeoutError::Timeout)
    }
}

impl Inbox {
    /// The next batch, full or not; none when the tracing thread is done and all was read.
    pub(super) fn next(&mut self) -> Option<Batch> {
        loop {
            match self.full.recv_timeout(PATIENCE) {
                Ok(batch) => return Some(batch),
                Err(RecvTimeoutError::Disconnected) => {
                    return self.take_open(&mut lock(&self.open));
                }
                // A tracing thread that holds the lock may be waiting for room in the channel: to
                // wait for it here would be a deadlock.
                Err(RecvTimeoutError::Timeout) => {
                    if let Ok(mut open) = self.open.try_lock() {
                        // What became full in between is older.
                        if let Ok(batch) = self.full.try_recv() {
                            return Some(batch);
                        }
                        if let Some(batch) = self.take_open(&mut open) {
                            return Some(batch);
                        }
                    }
                }
            }
        }
    }

    fn take_open(&self, open: &mut Batch) -> Option<Batch> {
        (!open.facts.is_empty()).then(|| std::mem::take(open))
    }

    /// Gives a batch back to be filled again.
    pub(super) fn give_back(&self, mut batch: Batch) {
        batch.clear();
        let _ = self.used.try_send(batch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit(process: u32) -> Fact {
        Fact::Exited {
            process: ProcessId(process),
            at: Micros(0),
            status: ExitStatus::Code(0),
        }
    }

    #[test]
    fn facts_arrive_in_order_and_none_is_lost() {
        let (mut outbox, mut inbox) = exchange();
        let count = 10 * FULL_FACTS as u32 + 7;
        let writer = std::thread::spawn(move || {
            for process in 0..count {
                outbox.write(|batch| batch.push(exit(process)));
            }
        });
        let mut seen = Vec::new();
        while let Some(mut batch) = inbox.next() {
            for fact in batch.take_facts() {
                if let Fact::Exited { process, .. } = fact {
                    seen.push(process.0);
                }
            }
            inbox.give_back(batch);
        }
        writer.join().unwrap();
        assert_eq!(seen, (0..count).collect::<Vec<_>>());
    }

    #[test]
    fn a_look_up_is_waited_for_and_not_for_ever() {
        let (mut outbox, mut inbox) = exchange();
        std::thread::scope(|scope| {
            scope.spawn(|| drop(inbox.next().unwrap().take_facts()));
            assert!(outbox.look_up_now(false));
        });
        assert!(!outbox.look_up_now(false), "nobody looks");
        drop(inbox);
        assert!(outbox.look_up_now(false), "there is nobody to wait for");
    }

    #[test]
    fn a_batch_that_is_not_full_is_fetched() {
        let (mut outbox, mut inbox) = exchange();
        outbox.write(|batch| batch.push(exit(0)));
        assert_eq!(inbox.next().unwrap().take_facts().len(), 1);
        drop(outbox);
        assert!(inbox.next().is_none());
    }
}
