//! Keeps the tracing thread on the core of the tracees that stop.
//!
//! To wake a thread on another core, and be woken by it again, costs more than all else about a
//! stop. The tracees stay where the scheduler puts them, so that a parallel build stays parallel;
//! only the tracing thread moves. Where a tracee runs is asked for one stop in [`SAMPLE`]: to ask
//! costs as much as it may save.

use libc::pid_t;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use std::fs;

/// One stop in so many is a sample.
const SAMPLE: u32 = 64;

/// Where the tracing thread is.
#[derive(Debug, Default)]
pub(super) struct Core {
    stops: u32,
    current: Option<usize>,
}

impl Core {
    /// A tracee has stopped at a call.
    pub(super) fn follow(&mut self, tid: pid_t) {
        self.stops = self.stops.wrapping_add(1);
        if !self.stops.is_multiple_of(SAMPLE) {
            return;
        }
        let core = fs::read(format!("/proc/{tid}/stat"))
            .ok()
            .and_then(|stat| processor(&stat));
        if core == self.current {
            return;
        }
        if let Some(core) = core {
            let mut set = CpuSet::new();
            // A core that we may not use, or one beyond the set: we stay where we are.
            if set.set(core).is_ok() && sched_setaffinity(Pid::from_raw(0), &set).is_ok() {
                self.current = Some(core);
            }
        }
    }
}

/// The core that a task ran on last: field 39 of `/proc/TID/stat` (proc(5)).
///
/// The second field is the program's name in parentheses, which may hold anything.
fn processor(stat: &[u8]) -> Option<usize> {
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
    fn our_own_core_is_one_of_the_machine() {
        let stat = fs::read("/proc/thread-self/stat").unwrap();
        assert!(processor(&stat).is_some_and(|core| core < CpuSet::count()));
    }
}
