//! Lets another tracer have what it asks for, and waits for those that it has.

use super::Follower;
use crate::tracer::attend;
use crate::tracer::decode::Observer;
use crate::tracer::engine::Engine;
use crate::tracer::error::Error;
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

impl Follower {
    /// Waits until nobody is left who could make a call: those that another tracer was let have end
    /// without us.
    pub(super) fn outlive_handed(
        &self,
        shared: &Mutex<Observer>,
        listener: &Listener,
    ) -> Result<(), Error> {
        let mut abandoned = None;
        loop {
            let mut observer = attend::lock(shared, &self.herd);
            if !observer.has_handed_over {
                return Ok(());
            }
            observer.end_handed();
            drop(observer);
            // A process leaves its filter a moment before it has ended.
            if attend::is_abandoned(listener) {
                let since = *abandoned.get_or_insert_with(Instant::now);
                if self.handed.is_empty() || since.elapsed() > LONGEST_END {
                    return Ok(());
                }
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
    pub(super) fn hand_over(&self, observer: &mut Observer, tid: pid_t, waiting: &[u64]) {
        let _ = sys::detach(tid);
        observer.handed_over(tid);
        self.go_on(waiting);
    }

    /// Lets calls be made that waited for a tracee to be let go.
    pub(super) fn go_on(&self, waiting: &[u64]) {
        if let Engine::Notify(listener) = &self.engine {
            for &id in waiting {
                listener.proceed(id);
            }
        }
    }
}
