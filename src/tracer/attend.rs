//! Answers the calls that wait at the filter's listener, on threads of their own: as many as there
//! are cores, so that what the program does at once is looked at at once.
//!
//! Most calls are looked at and may go on at once. What needs ptrace, which only the tracing thread
//! may use, becomes an errand of that thread: it is rung for until it has come.

use super::abi::Table;
use super::decode::{Answer, Observer};
use super::herd::Herd;
use super::name::EarlyText;
use super::sys::{self, Listener, Notification};
use libc::pid_t;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

/// How long to wait before ringing again. Whoever is rung for just before it goes to sleep does not
/// hear it.
const AGAIN: Duration = Duration::from_millis(1);

/// How often a lock is tried before its holder is waited for: it is held for microseconds, and to
/// wake a thread takes longer.
const TRIES: u32 = 1000;

/// Locks what the tracing thread and the attendants use.
pub(super) fn lock<'a, T>(shared: &'a Mutex<T>, herd: &Herd) -> MutexGuard<'a, T> {
    // On one core the holder does not get on while we try.
    if !herd.is_together() {
        for _ in 0..TRIES {
            match shared.try_lock() {
                Ok(guard) => return guard,
                Err(TryLockError::Poisoned(error)) => return error.into_inner(),
                Err(TryLockError::WouldBlock) => std::hint::spin_loop(),
            }
        }
    }
    await_lock(shared)
}

fn await_lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic of the other thread goes on in the thread that joins it; nothing is shown before.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A tracee that is to stop, and a call that waits for an answer until then: its own, or that of
/// another who wants to trace it.
#[derive(Clone, Copy, Debug)]
struct Errand {
    tid: pid_t,
    call: Held,
    then: Then,
}

/// A call that waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    /// Who makes it.
    pub(super) caller: pid_t,
    /// What to answer with.
    pub(super) id: u64,
}

/// What becomes of the call that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// It is made.
    Made,
    /// It begins again.
    Again,
    /// It begins again once the tracee, which makes it, was let go.
    AgainAlone,
    /// It is made once the tracee was let go. Another one makes it.
    Later,
    /// It begins again once the tracee, which makes it and has lost its other tracer, is ours again.
    AgainAsOurs,
}

/// A tracee that is to be let go once it stops, and the call, if any, of the one who wants it that
/// waits for that; without one it is about to stop already.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) tid: pid_t,
    pub(super) waiting: Option<Held>,
}

/// What of the errands that were run is left to do.
#[derive(Debug, Default)]
pub(super) struct Remaining {
    /// Tracees that are to be let go.
    pub(super) wanted: Vec<Wanted>,
    /// Calls of those whom another tracer has left, and who are to be traced again.
    pub(super) left: Vec<Held>,
}

/// What the tracing thread is to do for the attendants.
#[derive(Debug)]
pub(super) struct Errands {
    tracer: pid_t,
    /// The attendants that are there.
    attendants: Mutex<Vec<pid_t>>,
    /// Told when one leaves.
    left: Condvar,
    waiting: Mutex<Vec<Errand>>,
    /// How many wait, to be seen without the lock.
    count: AtomicUsize,
    is_finished: AtomicBool,
}

impl Errands {
    /// Begins; the calling thread is the one that runs errands.
    pub(super) fn new() -> Self {
        sys::hang_bell();
        Self {
            tracer: sys::own_tid(),
            attendants: Mutex::default(),
            left: Condvar::new(),
            waiting: Mutex::default(),
            count: AtomicUsize::new(0),
            is_finished: AtomicBool::new(false),
        }
    }

    fn add(&self, errand: Errand) {
        let mut waiting = await_lock(&self.waiting);
        waiting.push(errand);
        self.count.store(waiting.len(), Ordering::SeqCst);
        drop(waiting);
        sys::ring(self.tracer);
    }

    /// Runs all errands that wait.
    pub(super) fn run(&self, listener: &Listener) -> Remaining {
        let mut remaining = Remaining::default();
        if !self.are_waiting() {
            return remaining;
        }
        let mut waiting = await_lock(&self.waiting);
        for Errand { tid, call, then } in waiting.drain(..) {
            let interrupt = || {
                // ESRCH: it was killed, and needs no answer either.
                let _ = sys::interrupt(tid);
            };
            match then {
                Then::AgainAsOurs => remaining.left.push(call),
                Then::Again => {
                    interrupt();
                    listener.again(call.id);
                }
                Then::AgainAlone => {
                    interrupt();
                    listener.again(call.id);
                    remaining.wanted.push(Wanted { tid, waiting: None });
                }
                Then::Later => remaining.wanted.push(Wanted {
                    tid,
                    waiting: Some(call),
                }),
                Then::Made => {
                    interrupt();
                    listener.proceed(call.id);
                }
            }
        }
        self.count.store(0, Ordering::SeqCst);
        remaining
    }

    /// Whether there is something to run.
    pub(super) fn are_waiting(&self) -> bool {
        self.count.load(Ordering::SeqCst) > 0
    }

    /// Sends the attendants away, and waits until they have left.
    pub(super) fn finish(&self, herd: &Herd) {
        self.is_finished.store(true, Ordering::SeqCst);
        herd.call();
        let mut attendants = await_lock(&self.attendants);
        while !attendants.is_empty() {
            for &attendant in &*attendants {
                sys::ring(attendant);
            }
            attendants = self
                .left
                .wait_timeout(attendants, AGAIN)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Whether calls are answered no more, though nobody has asked for that.
    pub(super) fn is_deserted(&self) -> bool {
        self.is_finished.load(Ordering::SeqCst)
    }
}

/// One attendant's presence, for as long as it lives.
struct Presence<'a>(&'a Errands);

impl<'a> Presence<'a> {
    fn new(errands: &'a Errands) -> Self {
        sys::hang_bell();
        await_lock(&errands.attendants).push(sys::own_tid());
        Self(errands)
    }
}

impl Drop for Presence<'_> {
    fn drop(&mut self) {
        let own = sys::own_tid();
        await_lock(&self.0.attendants).retain(|&attendant| attendant != own);
        self.0.left.notify_all();
        if std::thread::panicking() {
            // Calls would wait for ever: the tracing thread is to end it all.
            self.0.is_finished.store(true, Ordering::SeqCst);
            sys::ring(self.0.tracer);
        }
    }
}

/// When to ring again for errands that wait.
///
/// Who adds one rings for it, so that to ring at once is to ring twice. To ring only when there are no
/// calls would be never, as long as somebody makes them.
#[derive(Debug, Default)]
struct Reminder {
    /// Since when errands wait that nobody was reminded of.
    since: Option<Instant>,
}

impl Reminder {
    /// Whether to ring again, when errands wait at this time.
    fn is_due(&mut self, now: Instant) -> bool {
        let since = *self.since.get_or_insert(now);
        now.saturating_duration_since(since) >= AGAIN
    }
}

/// Answers calls until nobody is left who could make any.
///
/// One attendant is enough for those who take turns, and a single one is quicker: two would be woken
/// in turn. The others, which are `spare`, rest meanwhile.
pub(super) fn attend(
    listener: &Listener,
    tables: &[Table],
    observer: &Mutex<Observer>,
    errands: &Errands,
    herd: &Herd,
    spare: bool,
) {
    let _presence = Presence::new(errands);
    herd.go_with();
    if spare {
        herd.is_spare();
    }
    let mut early = EarlyText::default();
    let mut reminder = Reminder::default();
    while !errands.is_deserted() {
        if spare {
            herd.rest_while_together(|| errands.is_deserted());
        }
        if !errands.are_waiting() {
            reminder = Reminder::default();
        } else if reminder.is_due(Instant::now()) || !has_call(listener, AGAIN) {
            sys::ring(errands.tracer);
            reminder = Reminder::default();
            continue;
        }
        match listener.receive() {
            Ok(notification) => {
                early.read(tables, &notification);
                let answer = lock(observer, herd).notified(&notification, &mut early);
                give(answer, listener, errands, &notification);
            }
            // Rung for, or the caller was killed meanwhile.
            Err(Errno::EINTR) => {}
            Err(Errno::ENOENT) if !is_abandoned(listener) => {}
            Err(_) => break,
        }
    }
}

fn give(answer: Answer, listener: &Listener, errands: &Errands, notification: &Notification) {
    let caller = notification.tid;
    let errand = |tid, then| Errand {
        tid,
        call: Held {
            caller,
            id: notification.id,
        },
        then,
    };
    match answer {
        Answer::Proceed => listener.proceed(notification.id),
        Answer::Trap => errands.add(errand(caller, Then::Made)),
        Answer::Again => errands.add(errand(caller, Then::Again)),
        Answer::HandOver(tid) if tid == caller => errands.add(errand(tid, Then::AgainAlone)),
        Answer::HandOver(tid) => errands.add(errand(tid, Then::Later)),
        Answer::TakeBack => errands.add(errand(caller, Then::AgainAsOurs)),
        Answer::Refuse => listener.refuse(notification.id, Errno::ENOSYS),
        Answer::Reply(value) => listener.reply(notification.id, value),
    }
}

/// Whether a call comes within some time.
fn has_call(listener: &Listener, within: Duration) -> bool {
    events(listener, within).contains(PollFlags::POLLIN)
}

/// Whether nobody has the filter any more.
pub(super) fn is_abandoned(listener: &Listener) -> bool {
    events(listener, Duration::ZERO).contains(PollFlags::POLLHUP)
}

fn events(listener: &Listener, within: Duration) -> PollFlags {
    let mut polled = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
    let timeout = PollTimeout::try_from(within).unwrap_or(PollTimeout::ZERO);
    // An error says that it was interrupted, and then there is nothing yet.
    match poll(&mut polled, timeout) {
        Ok(_) => polled[0].revents().unwrap_or(PollFlags::empty()),
        Err(_) => PollFlags::empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errands_are_rung_for_again_however_often_somebody_looks_meanwhile() {
        let mut reminder = Reminder::default();
        let start = Instant::now();
        let looks = [0, 4, 9, 10, 11].map(|tenths| reminder.is_due(start + AGAIN * tenths / 10));
        assert_eq!(looks, [false, false, false, true, true]);
    }
}
