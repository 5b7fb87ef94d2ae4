//! The listener of a seccomp filter: where the calls that it chose wait for an answer
//! (seccomp_unotify(2)).

use super::{Result, check};
use libc::{c_int, c_long, c_ulong, pid_t};
use nix::errno::Errno;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// `SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP` of `<linux/seccomp.h>`: whoever is woken runs on the core of
/// who wakes it.
const SYNC_WAKE_UP: c_ulong = 1;

/// `ERESTARTNOINTR` of linux/errno.h: the call begins again, whatever handlers run first.
const ERESTARTNOINTR: c_int = 513;

/// A call that waits for an answer.
#[derive(Clone, Copy, Debug)]
pub(in crate::tracer) struct Notification {
    /// What to answer with.
    pub(in crate::tracer) id: u64,
    /// The thread.
    pub(in crate::tracer) tid: pid_t,
    /// The `AUDIT_ARCH_*` of the call.
    pub(in crate::tracer) arch: u32,
    /// The call.
    pub(in crate::tracer) call: super::RawCall,
}

/// A listener.
///
/// The answers fail only if the thread was killed meanwhile, and then nobody waits for them: they
/// have no result.
#[derive(Debug)]
pub(in crate::tracer) struct Listener(OwnedFd);

impl Listener {
    /// Takes over a listener.
    pub(in crate::tracer) fn new(fd: OwnedFd) -> Self {
        let listener = Self(fd);
        listener.wake_here(true);
        listener
    }

    /// Whether whoever is woken is to run on the core of who wakes it; kernels before 6.6 cannot do
    /// that, and are only slower.
    pub(in crate::tracer) fn wake_here(&self, here: bool) {
        let flags = if here { SYNC_WAKE_UP } else { 0 };
        // SAFETY: the request takes its flags by value.
        unsafe {
            libc::ioctl(
                self.0.as_raw_fd(),
                libc::SECCOMP_IOCTL_NOTIF_SET_FLAGS,
                flags,
            )
        };
    }

    /// Waits for the next call. `EINTR` when this thread was rung for, `ENOENT` when the caller
    /// was killed before it could be told; `ENOTCONN` or `ENOENT` when nobody has the filter.
    pub(in crate::tracer) fn receive(&self) -> Result<Notification> {
        // SAFETY: the structure is one of integers, for which zeros are valid; the kernel demands
        // them.
        let mut got: libc::seccomp_notif = unsafe { std::mem::zeroed() };
        // SAFETY: the request writes one such structure.
        check(c_long::from(unsafe {
            libc::ioctl(
                self.0.as_raw_fd(),
                libc::SECCOMP_IOCTL_NOTIF_RECV,
                &raw mut got,
            )
        }))?;
        Ok(Notification {
            id: got.id,
            tid: got.pid.cast_signed(),
            arch: got.data.arch,
            call: super::RawCall {
                number: u64::from(got.data.nr.cast_unsigned()),
                args: got.data.args,
                instruction: got.data.instruction_pointer,
            },
        })
    }

    /// Whether a call still waits for its answer: its caller was not killed meanwhile.
    pub(in crate::tracer) fn has(&self, id: u64) -> bool {
        // SAFETY: the request reads one such number.
        check(c_long::from(unsafe {
            libc::ioctl(
                self.0.as_raw_fd(),
                libc::SECCOMP_IOCTL_NOTIF_ID_VALID,
                &raw const id,
            )
        }))
        .is_ok()
    }

    fn answer(&self, id: u64, value: i64, error: c_int, flags: u32) {
        let mut answer = libc::seccomp_notif_resp {
            id,
            val: value,
            error,
            flags,
        };
        loop {
            // SAFETY: the request reads one such structure.
            let sent = check(c_long::from(unsafe {
                libc::ioctl(
                    self.0.as_raw_fd(),
                    libc::SECCOMP_IOCTL_NOTIF_SEND,
                    &raw mut answer,
                )
            }));
            // Somebody rang while another answer was being sent.
            if sent != Err(Errno::EINTR) {
                return;
            }
        }
    }

    /// Lets the call be made.
    pub(in crate::tracer) fn proceed(&self, id: u64) {
        self.answer(id, 0, 0, libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32);
    }

    /// Lets the call begin again; for a tracee that is to stop first.
    pub(in crate::tracer) fn again(&self, id: u64) {
        self.answer(id, 0, -ERESTARTNOINTR, 0);
    }

    /// Lets the call fail without being made.
    pub(in crate::tracer) fn refuse(&self, id: u64, errno: Errno) {
        self.answer(id, 0, -(errno as c_int), 0);
    }

    /// Lets the call return this without being made.
    pub(in crate::tracer) fn reply(&self, id: u64, value: i64) {
        self.answer(id, value, 0, 0);
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
