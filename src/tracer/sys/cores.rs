//! Which cores a task may use, in the kernel's own words (sched_getaffinity(2)).

use super::{Result, check};
use libc::pid_t;

/// How much room the kernel is given: it has a bit for each core.
const ROOM: usize = 128;

/// Cores, as the system call writes them: as much as the kernel needs for all that there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::tracer) struct Cores {
    bytes: [u8; ROOM],
    length: usize,
}

impl Cores {
    /// Those that a task may use.
    pub(in crate::tracer) fn of(tid: pid_t) -> Result<Self> {
        let mut bytes = [0; ROOM];
        // SAFETY: there is room for as many bytes as said. The C library's wrapper is not used because
        // it does not tell how many were written.
        let length = check(unsafe {
            libc::syscall(libc::SYS_sched_getaffinity, tid, ROOM, bytes.as_mut_ptr())
        })?;
        let length = usize::try_from(length).unwrap_or(0).min(ROOM);
        Ok(Self { bytes, length })
    }

    /// As many bytes as the kernel would write where there is room.
    pub(in crate::tracer) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// Whether they are only this one.
    pub(in crate::tracer) fn are_only(&self, core: usize) -> bool {
        // The words that the bits are in begin with their lowest bytes on the machines that we know.
        let is_right = |(index, &byte): (usize, &u8)| {
            let expected = if index == core / 8 {
                1 << (core % 8)
            } else {
                0
            };
            byte == expected
        };
        core / 8 < self.length && self.bytes().iter().enumerate().all(is_right)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sched::{CpuSet, sched_getaffinity};
    use nix::unistd::Pid;

    #[test]
    fn they_are_what_the_c_library_says() {
        let known = sched_getaffinity(Pid::from_raw(0)).unwrap();
        let cores = Cores::of(0).unwrap();
        let count: u32 = cores.bytes().iter().map(|byte| byte.count_ones()).sum();
        let is_known = |core: &usize| known.is_set(*core) == Ok(true);
        assert_eq!(
            count as usize,
            (0..CpuSet::count()).filter(is_known).count()
        );
        let first = (0..CpuSet::count()).find(is_known).unwrap();
        assert_eq!(cores.are_only(first), count == 1);
        let mut only_first = cores;
        only_first.bytes = [0; ROOM];
        only_first.bytes[first / 8] = 1 << (first % 8);
        assert!(only_first.are_only(first));
        assert!(!only_first.are_only(first + 1));
        assert!(!only_first.are_only(8 * ROOM));
    }
}
