//! New tracees: told of by who made them, or found when their makers cannot tell any more.

use super::Follower;
use crate::tracer::attend;
use crate::tracer::decode::Observer;
use crate::tracer::{proc, sys};
use libc::pid_t;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

/// A child that has waited for so long, while there was nothing else to do, has no maker that is about
/// to tell of it.
const LONGEST_WAIT: Duration = Duration::from_millis(100);

impl Follower {
    pub(super) fn forked(&mut self, observer: &mut Observer, parent: pid_t, child: pid_t) {
        // Its number may have been somebody else's before.
        let lives = || proc::is_traced(child);
        if self.adopted.remove(&child) && (observer.tasks.task(child).is_some() || !lives()) {
            return;
        }
        let Some(tgid) = observer.tasks.tgid_of(parent) else {
            return;
        };
        let end = self.gone.remove(&child).filter(|_| !lives());
        if sys::is_thread_of(child, tgid) {
            observer.tasks.start_thread(child, tgid);
        } else {
            observer.process_starts(child, Some(parent));
        }
        observer.herd.joined(child);
        if self.early.remove(&child).is_some() {
            self.resume(observer, child, 0);
        }
        if let Some(status) = end {
            observer.ends(child, status);
        }
    }

    /// Begins to follow children whose makers cannot tell of them any more: a maker that is killed
    /// takes the event with it (ptrace(2), "Death under ptrace"). Such a child has lost the parent that
    /// it had, and its new one is hardly a tracee.
    pub(super) fn adopt_orphans(&mut self, observer: &mut Observer) {
        let children: Vec<_> = self.early.keys().copied().collect();
        for child in children {
            // Gone: its end is reported next. A thread dies with the maker that it belongs to.
            if let Some((tgid, parent)) = proc::family(child)
                && tgid == child
                && observer.tasks.task(parent).is_none()
            {
                self.adopt(observer, child);
            }
        }
    }

    pub(super) fn adopt(&mut self, observer: &mut Observer, child: pid_t) {
        self.early.remove(&child);
        self.adopted.insert(child);
        observer.process_starts(child, None);
        observer.herd.joined(child);
        self.resume(observer, child, 0);
    }

    /// The next change of a tracee, while children wait for the events of makers that may have been
    /// killed: made with CLONE_PARENT, or below a tracee that takes in orphans, they have a parent that
    /// lives. Who waits for long has none.
    pub(super) fn wait_for_makers(
        &mut self,
        shared: &Mutex<Observer>,
    ) -> sys::Result<Option<sys::Waited>> {
        let waited = sys::try_wait()?;
        if waited.is_some() {
            return Ok(waited);
        }
        let is_orphan = |since: &Instant| since.elapsed() > LONGEST_WAIT;
        let orphans: Vec<_> = self
            .early
            .iter()
            .filter(|(_, since)| is_orphan(since))
            .map(|(&child, _)| child)
            .collect();
        let mut observer = attend::lock(shared, &self.herd);
        for child in orphans {
            self.adopt(&mut observer, child);
        }
        drop(observer);
        self.resume_all();
        thread::sleep(Duration::from_millis(1));
        Ok(None)
    }
}
