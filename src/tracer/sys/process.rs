//! Processes by descriptor: how one ends that is nobody's tracee of ours (pidfd_open(2)).

use super::{Result, check};
use libc::{c_int, pid_t};
use nix::errno::Errno;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

/// A process, whatever becomes of its number.
#[derive(Debug)]
pub(in crate::tracer) struct Process(OwnedFd);

/// `struct pidfd_info` of `<linux/pidfd.h>`, as it was first made.
#[repr(C)]
#[derive(Default)]
struct Info {
    mask: u64,
    cgroup: u64,
    ids: [u32; 11],
    exit_code: i32,
}

/// `PIDFD_GET_INFO`: `_IOWR(0xff, 11, struct pidfd_info)`.
const GET_INFO: libc::Ioctl = (0xc000_ff0b | ((size_of::<Info>() as u32) << 16)) as libc::Ioctl;

/// `PIDFD_INFO_EXIT`: the status of one that was waited for (Linux 6.15).
const INFO_EXIT: u64 = 1 << 3;

impl Process {
    /// The process with that number; `EMFILE` when too few descriptors would be left.
    pub(in crate::tracer) fn open(pid: pid_t) -> Result<Self> {
        // SAFETY: plain numbers.
        let fd = check(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
        // SAFETY: the descriptor was just made and nobody else has it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd as RawFd) };
        super::kept(fd).map(Self).ok_or(Errno::EMFILE)
    }

    /// Sends it a signal.
    pub(in crate::tracer) fn kill(&self, signal: c_int) -> Result<()> {
        // SAFETY: no information goes with the signal.
        check(unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                self.0.as_raw_fd(),
                signal,
                ptr::null::<libc::siginfo_t>(),
                0,
            )
        })
        .map(drop)
    }

    /// The raw status that it ended with, once somebody has waited for it.
    pub(in crate::tracer) fn status(&self) -> Option<c_int> {
        let mut info = Info {
            mask: INFO_EXIT,
            ..Info::default()
        };
        // SAFETY: the request reads and writes one such structure, whose size it names.
        let got = unsafe { libc::ioctl(self.0.as_raw_fd(), GET_INFO, &raw mut info) };
        (got == 0 && info.mask & INFO_EXIT != 0).then_some(info.exit_code)
    }
}

impl AsFd for Process {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
