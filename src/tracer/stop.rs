//! What a wait status says: which kind of stop, or which end.
//!
//! Only the bits are read here (ptrace(2), "Stopped states"); what to do about a stop is the
//! follower's.

use crate::trace::ExitStatus;
use libc::c_int;

/// Why a tracee was reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// It is gone.
    Ended(ExitStatus),
    /// A seccomp filter asked for a look.
    Seccomp,
    /// A system call begins or ends.
    Syscall,
    /// It made a child or a thread.
    Forked,
    /// It runs another program.
    Executed,
    /// Its first stop, or the end of a group-stop.
    Trapped,
    /// Its thread group was stopped by this signal and waits for SIGCONT.
    Group,
    /// This signal is about to be delivered to it.
    Signal(c_int),
    /// An event that was not asked for.
    Other,
}

impl Stop {
    /// Reads a status of wait4(2).
    pub(super) fn from_status(status: c_int) -> Self {
        if libc::WIFEXITED(status) {
            return Self::Ended(ExitStatus::Code(libc::WEXITSTATUS(status)));
        }
        if libc::WIFSIGNALED(status) {
            return Self::Ended(ExitStatus::Signal(libc::WTERMSIG(status)));
        }
        let signal = libc::WSTOPSIG(status);
        match status >> 16 {
            0 if signal == libc::SIGTRAP | 0x80 => Self::Syscall,
            0 => Self::Signal(signal),
            libc::PTRACE_EVENT_SECCOMP => Self::Seccomp,
            libc::PTRACE_EVENT_FORK | libc::PTRACE_EVENT_VFORK | libc::PTRACE_EVENT_CLONE => {
                Self::Forked
            }
            libc::PTRACE_EVENT_EXEC => Self::Executed,
            libc::PTRACE_EVENT_STOP => match signal {
                libc::SIGSTOP | libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU => Self::Group,
                _ => Self::Trapped,
            },
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stopped(signal: c_int, event: c_int) -> Stop {
        Stop::from_status(event << 16 | signal << 8 | 0x7f)
    }

    #[test]
    fn an_exit_code_and_a_deadly_signal_are_told_apart() {
        assert_eq!(Stop::from_status(3 << 8), Stop::Ended(ExitStatus::Code(3)));
        assert_eq!(
            Stop::from_status(libc::SIGKILL),
            Stop::Ended(ExitStatus::Signal(libc::SIGKILL))
        );
    }

    #[test]
    fn a_sigtrap_of_the_program_is_a_signal_and_no_event() {
        assert_eq!(stopped(libc::SIGTRAP, 0), Stop::Signal(libc::SIGTRAP));
        assert_eq!(stopped(libc::SIGTRAP | 0x80, 0), Stop::Syscall);
    }

    #[test]
    fn a_stop_signal_is_first_delivered_and_then_a_group_stop() {
        assert_eq!(stopped(libc::SIGTSTP, 0), Stop::Signal(libc::SIGTSTP));
        assert_eq!(stopped(libc::SIGTSTP, libc::PTRACE_EVENT_STOP), Stop::Group);
        assert_eq!(
            stopped(libc::SIGTRAP, libc::PTRACE_EVENT_STOP),
            Stop::Trapped
        );
    }
}
