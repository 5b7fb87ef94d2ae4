//! Lets another tracer have what it asks for, takes back what it leaves, and waits for those that it
//! has.

use super::Follower;
use crate::tracer::attend::{self, Held, Remaining, Wanted};
use crate::tracer::decode::{Answer, Observer};
use crate::tracer::engine::Engine;
use crate::tracer::error::Error;
use crate::tracer::launch;
use crate::tracer::sys::{self, Listener};
use libc::pid_t;
use nix::errno::Errno;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

/// How often those are looked at that another tracer has, when nobody else is left.
const HANDED_GLANCE: Duration = Duration::from_millis(2);

/// How long one may take to end that has left its filter.
const LONGEST_END: Duration = Duration::from_secs(1);

/// How long a call may wait for the tracee to stop that it asks for. One that sleeps in the kernel
/// where no signal reaches it (vfork(2)) may wait for the very caller.
const LONGEST_ASK: Duration = Duration::from_secs(1);

/// That a tracee is to be another tracer's once it stops.
#[derive(Debug)]
pub(super) struct Wish {
    /// Since when.
    since: Instant,
    /// The calls that wait for it, none when the tracee itself has asked to be traced.
    waiting: Vec<Held>,
}

impl Follower {
    /// Does what is left of the attendants' errands.
    pub(super) fn run_errands(&mut self, shared: &Mutex<Observer>, listener: &Listener) {
        let Remaining { wanted, left } = self.errands.run(listener);
        for call in left {
            self.take_back(shared, listener, call);
        }
        for Wanted { tid, waiting } in wanted {
            // One that another tracer has left may be about to be ours again, and stops then.
            if let Some(call) = waiting
                && sys::interrupt(tid).is_err()
                && !attend::lock(shared, &self.herd).is_coming_back(tid)
            {
                listener.proceed(call.id);
                continue;
            }
            self.begin_again(tid, listener);
            let wish = self.wanted.entry(tid).or_insert_with(|| Wish {
                since: Instant::now(),
                waiting: Vec::new(),
            });
            wish.waiting.extend(waiting);
        }
    }

    /// Who waits for another tracee to stop does not stop itself; when it is wanted in turn, perhaps by
    /// that one, its call begins again, so that it stops before it.
    fn begin_again(&mut self, tid: pid_t, listener: &Listener) {
        self.wanted.retain(|_, wish| {
            let own = wish.waiting.extract_if(.., |call| call.caller == tid);
            let mut is_given_up = false;
            for call in own {
                listener.again(call.id);
                is_given_up = true;
            }
            !(is_given_up && wish.waiting.is_empty())
        });
    }

    /// Traces somebody again whom another tracer has left.
    fn take_back(&mut self, shared: &Mutex<Observer>, listener: &Listener, call: Held) {
        let tid = call.caller;
        let mut observer = attend::lock(shared, &self.herd);
        // It is ours already when a signal made its call begin again that had asked for this.
        let seized = if observer.is_coming_back(tid) {
            sys::seize(tid, launch::OPTIONS)
        } else {
            Ok(())
        };
        match seized.and_then(|()| sys::interrupt(tid)) {
            Ok(()) => {
                observer.taken_back(tid);
                listener.again(call.id);
            }
            Err(errno) => {
                match observer.not_taken_back(tid, errno) {
                    Answer::Refuse => listener.refuse(call.id, Errno::ENOSYS),
                    _ => listener.proceed(call.id),
                }
                // Whoever wants it may try in our stead.
                if let Some(wish) = self.wanted.remove(&tid) {
                    self.go_on(&wish);
                }
            }
        }
    }

    /// Whether a call waits for a tracee to stop.
    pub(super) fn has_held_calls(&self) -> bool {
        self.wanted.values().any(|wish| !wish.waiting.is_empty())
    }

    /// Lets calls be made, in vain, that have waited for too long for a tracee to stop.
    pub(super) fn give_up_wishes(&mut self, observer: &mut Observer) {
        let is_late = |_: &pid_t, wish: &mut Wish| {
            !wish.waiting.is_empty() && wish.since.elapsed() > LONGEST_ASK
        };
        let late: Vec<_> = self.wanted.extract_if(is_late).collect();
        for (tid, wish) in late {
            observer.not_handed_over(tid);
            self.go_on(&wish);
        }
    }

    /// Waits until nobody is left who could make a call: those that another tracer was let have end
    /// without us. Whether somebody may be ours again before, so that there is more to follow.
    pub(super) fn outlive_handed(
        &self,
        shared: &Mutex<Observer>,
        listener: &Listener,
    ) -> Result<bool, Error> {
        let mut abandoned = None;
        loop {
            let mut observer = attend::lock(shared, &self.herd);
            if !observer.has_handed_over {
                return Ok(false);
            }
            observer.end_handed();
            drop(observer);
            // A process leaves its filter a moment before it has ended.
            if attend::is_abandoned(listener) {
                let since = *abandoned.get_or_insert_with(Instant::now);
                if self.handed.is_empty() || since.elapsed() > LONGEST_END {
                    return Ok(false);
                }
            }
            if self.errands.are_waiting() {
                return Ok(true);
            }
            if self.errands.is_deserted() {
                return Err(Error::Lost {
                    source: Errno::EPIPE,
                });
            }
            thread::sleep(HANDED_GLANCE);
        }
    }

    /// Lets another tracer have a tracee that has stopped.
    pub(super) fn hand_over(&self, observer: &mut Observer, tid: pid_t, wish: &Wish) {
        let _ = sys::detach(tid);
        observer.handed_over(tid, wish.waiting.iter().map(|call| call.caller));
        self.go_on(wish);
    }

    /// Lets calls be made that waited for a tracee to be let go.
    pub(super) fn go_on(&self, wish: &Wish) {
        if let Engine::Notify(listener) = &self.engine {
            for call in &wish.waiting {
                listener.proceed(call.id);
            }
        }
    }
}
