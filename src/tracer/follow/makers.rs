//! New tracees: told of by who made them, or found when their makers cannot tell any more.

use super::Follower;
use crate::tracer::decode::Observer;
use crate::tracer::{proc, sys};
use libc::pid_t;
use std::time::{Duration, Instant};

/// A child that has waited for so long, while there was nothing else to do, has no maker that is about
/// to tell of it.
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// So many threads of a program may only wait for each other, for signals, or for the time to pass.
const FEW_THREADS: u32 = 4;

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
            if observer.tasks.threads(tgid) > FEW_THREADS {
                observer.herd.may_spread();
            }
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
        observer.orphan_starts(child);
        observer.herd.joined(child);
        self.resume(observer, child, 0);
    }

    /// Whether children wait for the events of makers that may have been killed: made with
    /// CLONE_PARENT, or below a tracee that takes in orphans, they have a parent that lives.
    pub(super) fn has_doubtful_children(&self) -> bool {
        self.has_lost_makers && !self.early.is_empty()
    }

    /// Begins to follow children that have waited for their makers' events for long: they have none.
    pub(super) fn adopt_patient(&mut self, observer: &mut Observer) {
        let is_orphan = |since: &Instant| since.elapsed() > LONGEST_WAIT;
        let orphans: Vec<_> = self
            .early
            .iter()
            .filter(|(_, since)| is_orphan(since))
            .map(|(&child, _)| child)
            .collect();
        for child in orphans {
            self.adopt(observer, child);
        }
    }
}
