//! The ways to learn of a tracee's calls, and what each needs.
//!
//! An engine is how the calls worth a look reach us, and how their ends do. What the calls mean is
//! the same for all of them, and so are the facts. In each, ptrace tells of the life of processes
//! and of signals.

use super::sys::{self, Listener};
use libc::{c_int, pid_t};
use std::sync::Arc;

/// Which engine to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum EngineChoice {
    /// The cheapest that the kernel allows.
    #[default]
    Auto,
    /// A seccomp filter hands the calls worth a look to a listener; an error where the kernel
    /// refuses it (it needs Linux 5.19, and no other listener above).
    Notify,
    /// A seccomp filter makes the calls worth a look stop for ptrace; an error where the kernel
    /// refuses it.
    Ptrace,
    /// Every call stops twice: slow, and needs nothing but ptrace.
    Syscall,
}

impl EngineChoice {
    /// Whether the listener is to be tried.
    pub(super) fn may_notify(self) -> bool {
        // What a call returned is read from registers, whose layout is known here for this machine
        // only (see `sys::returned`).
        matches!(self, Self::Auto | Self::Notify) && cfg!(target_arch = "x86_64")
    }

    /// Whether the filter that stops calls is to be tried.
    pub(super) fn may_stop(self) -> bool {
        matches!(self, Self::Auto | Self::Ptrace)
    }

    /// Whether it is an engine with a filter, and no other will do.
    pub(super) fn insists_on_a_filter(self) -> bool {
        matches!(self, Self::Notify | Self::Ptrace)
    }
}

/// The engine that runs.
#[derive(Clone, Debug)]
pub(super) enum Engine {
    /// Calls that the filter chooses wait for an answer (see `attend`); where their end matters,
    /// the tracee is made to stop on its way back.
    Notify(Arc<Listener>),
    /// Calls that the filter chooses stop once; their end stops on request.
    Ptrace {
        /// What tells the filter's stops from those of filters of the program's own.
        cookie: u16,
    },
    /// All calls stop at their beginning and their end.
    Syscall,
}

impl Engine {
    /// Its name in the trace's header.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Notify(_) => "notify",
            Self::Ptrace { .. } => "ptrace",
            Self::Syscall => "syscall",
        }
    }

    /// Where calls wait for answers.
    pub(super) fn listener(&self) -> Option<Arc<Listener>> {
        match self {
            Self::Notify(listener) => Some(Arc::clone(listener)),
            Self::Ptrace { .. } | Self::Syscall => None,
        }
    }

    /// Resumes a stopped tracee, delivering a signal unless it is 0; `to_call` makes it stop where
    /// its next call begins or the present one ends.
    pub(super) fn resume(&self, tid: pid_t, to_call: bool, signal: c_int) -> sys::Result<()> {
        match self {
            Self::Notify(_) | Self::Ptrace { .. } if !to_call => sys::cont(tid, signal),
            _ => sys::cont_to_syscall(tid, signal),
        }
    }
}
