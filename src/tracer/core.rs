//! Keeps a busy tracee and the tracing thread on one core.
//!
//! To wake a thread on another core, and be woken by it again, costs more than all else about a
//! stop: the other core has gone idle meanwhile, and on a virtual machine must be brought back from
//! the host. It does not help that the tracing thread goes where the tracee is. It is running there
//! when it resumes the tracee, so that the scheduler wakes the tracee on the core that is free, and
//! the two change places for ever. So the tracee is held: while one and the same tracee stops again
//! and again, it and the tracing thread may use one core only, which neither misses, as each waits
//! for the other.
//!
//! The tracee is not to notice. At most one is held at a time, so that what runs at once still has
//! all cores; it is let go when another is busy, when nothing happened for a while (it computes, or
//! waits), and before anybody can ask which cores it may use.

use libc::pid_t;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use std::fs;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// So many stops in a row make a tracee busy.
const BUSY: u32 = 16;

/// After so many stops a tracee is let go for a moment: another core may have become the better
/// one, and only the scheduler knows. Two tracers must not share a core for ever.
const TERM: u32 = 4096;

/// The tracee that is held, if any; shared with the thread that notices when nothing happens.
#[derive(Clone, Debug, Default)]
pub(super) struct Hold(Arc<Mutex<Option<Held>>>);

/// A tracee that may use one core only.
#[derive(Debug)]
struct Held {
    tid: pid_t,
    core: usize,
    /// The cores that it may use by rights.
    own: CpuSet,
}

impl Held {
    /// Restores the cores of a task, this one or one that was made by it, unless somebody else has
    /// changed them since.
    fn restore(&self, tid: pid_t) {
        let tid = Pid::from_raw(tid);
        // An error says that the task is gone.
        if sched_getaffinity(tid).ok() == only(self.core) {
            let _ = sched_setaffinity(tid, &self.own);
        }
    }
}

/// A set of one core.
fn only(core: usize) -> Option<CpuSet> {
    let mut set = CpuSet::new();
    // A core beyond what the set has room for cannot be asked for.
    set.set(core).ok().map(|()| set)
}

impl Hold {
    fn lock(&self) -> MutexGuard<'_, Option<Held>> {
        // What is held is whole between two statements of any holder.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the tracee go that is held.
    pub(super) fn release(&self) {
        if let Some(held) = self.lock().take() {
            held.restore(held.tid);
        }
    }

    /// A tracee is gone: there is nobody to let go.
    pub(super) fn forget(&self, tid: pid_t) {
        let mut held = self.lock();
        if held.as_ref().is_some_and(|held| held.tid == tid) {
            *held = None;
        }
    }

    /// A tracee made another, which has inherited what its maker may use. It is the one that will
    /// be busy, while its maker waits for it or does something else.
    pub(super) fn pass(&self, maker: pid_t, made: pid_t) {
        if let Some(held) = &mut *self.lock()
            && held.tid == maker
        {
            held.restore(maker);
            held.tid = made;
        }
    }

    /// A thread has taken over the id of its thread group's leader, by execve(2).
    pub(super) fn rename(&self, former: pid_t, tid: pid_t) {
        if former == tid {
            return;
        }
        self.forget(tid);
        if let Some(held) = &mut *self.lock()
            && held.tid == former
        {
            held.tid = tid;
        }
    }

    /// Holds a stopped tracee on the core where it ran; where the two are to meet.
    ///
    /// A tracee that may not be held, for it has rights that we do not have, stays free.
    fn take(&self, tid: pid_t) -> Option<usize> {
        let mut held = self.lock();
        if let Some(held) = &*held
            && held.tid == tid
        {
            return Some(held.core);
        }
        if let Some(other) = held.take() {
            other.restore(other.tid);
        }
        let core = fs::read(format!("/proc/{tid}/stat"))
            .ok()
            .and_then(|stat| processor(&stat))?;
        let set = only(core)?;
        let pid = Pid::from_raw(tid);
        let own = sched_getaffinity(pid).ok()?;
        if own != set && own.is_set(core) == Ok(true) && sched_setaffinity(pid, &set).is_ok() {
            *held = Some(Held { tid, core, own });
        }
        Some(core)
    }
}

/// The tracing thread's part: where it is itself, and which tracee is busy.
#[derive(Debug)]
pub(super) struct Core {
    /// What is held.
    pub(super) hold: Hold,
    current: Option<usize>,
    last: pid_t,
    stops: u32,
}

impl Core {
    /// Begins, holding nothing.
    pub(super) fn new(hold: Hold) -> Self {
        Self {
            hold,
            current: None,
            last: 0,
            stops: 0,
        }
    }

    /// A tracee has stopped at a call.
    pub(super) fn follow(&mut self, tid: pid_t) {
        if tid != self.last {
            self.last = tid;
            self.stops = 0;
        }
        self.stops += 1;
        if !self.stops.is_multiple_of(BUSY) {
            return;
        }
        if self.stops == TERM {
            self.stops = 0;
            self.hold.release();
            return;
        }
        let core = self.hold.take(tid);
        if core != self.current
            && let Some(set) = core.and_then(only)
            && sched_setaffinity(Pid::from_raw(0), &set).is_ok()
        {
            self.current = core;
        }
    }
}
/// The core that a task ran on last: field 39 of `/proc/TID/stat` (proc(5)).
///
/// The second field is the program's name in parentheses, which may hold anything.
pub(super) fn processor(stat: &[u8]) -> Option<usize> {
    let end = stat.iter().rposition(|&byte| byte == b')')?;
    let text = std::str::from_utf8(stat.get(end + 1..)?).ok()?;
    // The first field behind the name is the third.
    text.split_ascii_whitespace().nth(39 - 3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_core_is_found_behind_any_name() {
        let mut stat = b"7 (a) b) c 1 2) ".to_vec();
        for field in 3..=52 {
            stat.extend_from_slice(format!("{field} ").as_bytes());
        }
        assert_eq!(processor(&stat), Some(39));
        assert_eq!(processor(b"7 (short) R 1"), None);
        assert_eq!(processor(b""), None);
    }

    #[test]
    fn a_task_that_is_let_go_may_use_what_it_could_before() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let tid = child.id() as pid_t;
        let cores = || sched_getaffinity(Pid::from_raw(tid)).unwrap();
        let own = cores();
        let hold = Hold::default();
        let core = hold.take(tid).unwrap();
        assert_eq!(Some(cores()), only(core));
        hold.release();
        assert_eq!(cores(), own);
        hold.take(tid);
        hold.pass(tid, tid + 1);
        assert_eq!(cores(), own);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn our_own_core_is_one_of_the_machine() {
        let stat = fs::read("/proc/thread-self/stat").unwrap();
        assert!(processor(&stat).is_some_and(|core| core < CpuSet::count()));
    }
}
