//! Signals that a tracee ignores, and that reach it all the same because it is traced.
//!
//! For a traced task the kernel queues also signals that are ignored, so that its tracer may see
//! them; they then interrupt calls that they would never have touched (ptrace(2), BUGS).

use super::sys::Interrupted;
use libc::{c_int, pid_t};
use std::fs;

/// Calls that end with EINTR rather than begin again by themselves, and that have done nothing when
/// they do. A timeout begins again with them.
const NOT_RESTARTED: [libc::c_long; 13] = [
    libc::SYS_read,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_semtimedop,
    libc::SYS_semop,
    libc::SYS_msgrcv,
    libc::SYS_msgsnd,
    libc::SYS_io_getevents,
    libc::SYS_rt_sigtimedwait,
];

/// Whether a signal that is about to be delivered interrupted this call only because the tracee is
/// traced.
pub(super) fn is_only_our_doing(tid: pid_t, signal: c_int, interrupted: Interrupted) -> bool {
    matches!(interrupted, Interrupted::Fails(call) if is_not_restarted(call.number))
        && is_ignored(tid, signal)
}

fn is_not_restarted(number: u64) -> bool {
    #[cfg(target_arch = "x86_64")]
    if number == libc::SYS_epoll_wait as u64 {
        return true;
    }
    NOT_RESTARTED.iter().any(|&call| call as u64 == number)
}

fn is_ignored(tid: pid_t, signal: c_int) -> bool {
    fs::read(format!("/proc/{tid}/status"))
        .is_ok_and(|status| disposition(&String::from_utf8_lossy(&status), signal))
}

/// Whether a process with this `/proc/PID/status` ignores a signal.
pub(super) fn disposition(status: &str, signal: c_int) -> bool {
    let has = |field: &str| {
        status
            .lines()
            .find_map(|line| line.strip_prefix(field))
            .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
            .is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
    };
    // signal(7): these are ignored by default.
    let by_default = [libc::SIGCHLD, libc::SIGURG, libc::SIGWINCH, libc::SIGCONT];
    has("SigIgn:") || (by_default.contains(&signal) && !has("SigCgt:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_ignored_by_choice_or_by_default() {
        let status = "Name:\tSigIgn: ffffffffffffffff\nSigIgn:\t0000000000000001\n\
                      SigCgt:\t0000000008000000\n";
        assert!(disposition(status, libc::SIGHUP));
        assert!(disposition(status, libc::SIGCHLD));
        assert!(!disposition(status, libc::SIGINT));
        // Bit 27 is SIGWINCH, which is caught.
        assert!(!disposition(status, libc::SIGWINCH));
    }
}
