//! Answers the calls that wait at the filter's listener, on a thread of its own.
//!
//! Most calls are looked at and may go on at once. What needs ptrace, which only the tracing thread
//! may use, becomes an errand of that thread: it is rung for until it has come.

use super::decode::{Answer, Observer};
use super::sys::{self, Listener, Notification};
use libc::pid_t;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long to wait before ringing again. Whoever is rung for just before it goes to sleep does not
/// hear it.
const AGAIN: Duration = Duration::from_millis(1);

/// Locks what both threads use.
pub(super) fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic of the other thread goes on in the thread that joins it; nothing is shown before.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A tracee that is to stop, and the call of its that waits for an answer.
#[derive(Clone, Copy, Debug)]
struct Errand {
    tid: pid_t,
    id: u64,
    is_made: bool,
}

/// What the tracing thread is to do for the attendant.
#[derive(Debug)]
pub(super) struct Errands {
    tracer: pid_t,
    attendant: AtomicI32,
    waiting: Mutex<Vec<Errand>>,
    /// How many wait, to be seen without the lock.
    count: AtomicUsize,
    is_finished: AtomicBool,
    has_left: AtomicBool,
}

impl Errands {
    /// Begins; the calling thread is the one that runs errands.
    pub(super) fn new() -> Self {
        sys::hang_bell();
        Self {
            tracer: sys::own_tid(),
            attendant: AtomicI32::new(0),
            waiting: Mutex::default(),
            count: AtomicUsize::new(0),
            is_finished: AtomicBool::new(false),
            has_left: AtomicBool::new(false),
        }
    }

    fn add(&self, errand: Errand) {
        let mut waiting = lock(&self.waiting);
        waiting.push(errand);
        self.count.store(waiting.len(), Ordering::SeqCst);
        drop(waiting);
        sys::ring(self.tracer);
    }

    /// Runs all errands that wait.
    pub(super) fn run(&self, listener: &Listener) {
        if self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        let mut waiting = lock(&self.waiting);
        for errand in waiting.drain(..) {
            // ESRCH: it was killed, and needs no answer either.
            let _ = sys::interrupt(errand.tid);
            if errand.is_made {
                listener.proceed(errand.id);
            } else {
                listener.again(errand.id);
            }
        }
        self.count.store(0, Ordering::SeqCst);
    }

    /// Sends the attendant away, and waits until it has left.
    pub(super) fn finish(&self) {
        self.is_finished.store(true, Ordering::SeqCst);
        while !self.has_left.load(Ordering::SeqCst) {
            match self.attendant.load(Ordering::SeqCst) {
                0 => {}
                attendant => sys::ring(attendant),
            }
            std::thread::sleep(AGAIN);
        }
    }
}

/// Answers calls until nobody is left who could make any.
pub(super) fn attend(listener: &Listener, observer: &Mutex<Observer>, errands: &Errands) {
    errands.attendant.store(sys::own_tid(), Ordering::SeqCst);
    while !errands.is_finished.load(Ordering::SeqCst) {
        if errands.count.load(Ordering::SeqCst) > 0 {
            sys::ring(errands.tracer);
            if !has_call(listener, AGAIN) {
                continue;
            }
        }
        match listener.receive() {
            Ok(notification) => answer(listener, observer, errands, &notification),
            // Rung for, or the caller was killed meanwhile.
            Err(Errno::EINTR) => {}
            Err(Errno::ENOENT) if !is_abandoned(listener) => {}
            Err(_) => break,
        }
    }
    errands.has_left.store(true, Ordering::SeqCst);
}

fn answer(
    listener: &Listener,
    observer: &Mutex<Observer>,
    errands: &Errands,
    notification: &Notification,
) {
    let answer = lock(observer).notified(notification);
    let errand = |is_made| Errand {
        tid: notification.tid,
        id: notification.id,
        is_made,
    };
    match answer {
        Answer::Proceed => listener.proceed(notification.id),
        Answer::Trap => errands.add(errand(true)),
        Answer::Again => errands.add(errand(false)),
        Answer::Refuse => listener.refuse(notification.id, Errno::ENOSYS),
    }
}

/// Whether a call comes within some time.
fn has_call(listener: &Listener, within: Duration) -> bool {
    events(listener, within).contains(PollFlags::POLLIN)
}

/// Whether nobody has the filter any more.
fn is_abandoned(listener: &Listener) -> bool {
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
