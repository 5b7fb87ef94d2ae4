//! The ways to learn of a tracee's calls, and what each needs.
//!
//! An engine says how a stopped tracee is resumed, so that the calls worth a look stop it. What the
//! calls mean is the same for all engines.

use super::decode::Next;
use super::sys;
use libc::{c_int, pid_t};

/// Which engine to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum EngineChoice {
    /// The cheapest that the kernel allows.
    #[default]
    Auto,
    /// A seccomp filter that stops the calls worth a look; an error where the kernel refuses it.
    Seccomp,
    /// Every call stops twice: slow, and needs nothing but ptrace.
    Syscall,
}

/// The engine that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Engine {
    /// Calls that the filter chooses stop once; their end stops on request.
    Seccomp {
        /// What tells the filter's stops from those of filters of the program's own.
        cookie: u16,
    },
    /// All calls stop at their beginning and their end.
    Syscall,
}

impl Engine {
    /// Its name in the trace's header.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Seccomp { .. } => "ptrace-seccomp",
            Self::Syscall => "ptrace-syscall",
        }
    }

    /// Resumes a stopped tracee, delivering a signal unless it is 0.
    pub(super) fn resume(self, tid: pid_t, next: Next, signal: c_int) -> sys::Result<()> {
        if next == Next::Refuse {
            sys::refuse_call(tid)?;
        }
        match (self, next) {
            (Self::Seccomp { .. }, Next::Run | Next::Refuse) => sys::cont(tid, signal),
            _ => sys::cont_to_syscall(tid, signal),
        }
    }
}
