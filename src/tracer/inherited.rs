//! What this process was started with, noted before Rust's runtime changes it.
//!
//! The runtime opens `/dev/null` in place of standard streams that are closed, and ignores SIGPIPE.
//! A command that we start is to find neither, so both are looked at by a function that the dynamic
//! loader calls before `main` (gABI, "Initialization and Termination Functions").
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

/// A bit for each of the descriptors 0 to 2 that was closed.
static CLOSED: AtomicU8 = AtomicU8::new(0);

/// Whether SIGPIPE was ignored.
static PIPE_IGNORED: AtomicBool = AtomicBool::new(false);

extern "C" fn note() {
    for fd in 0..=2 {
        // SAFETY: asks for the flags of a number that need not be a descriptor; touches no memory.
        if unsafe { libc::fcntl(fd, libc::F_GETFD) } == -1 {
            CLOSED.fetch_or(1 << fd, Ordering::Relaxed);
        }
    }
    // SAFETY: sigaction is a plain structure of integers and pointers, for which zeros are valid.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: with no new action the call only writes to `action`, which lives long enough.
    let asked = unsafe { libc::sigaction(libc::SIGPIPE, std::ptr::null(), &raw mut action) };
    PIPE_IGNORED.store(
        asked == 0 && action.sa_sigaction == libc::SIG_IGN,
        Ordering::Relaxed,
    );
}

// SAFETY: the loader calls each pointer of this section once, before `main`, with arguments that a
// function of no parameters ignores under the C calling convention; `note` relies on nothing that
// the runtime has yet to set up.
#[used]
#[unsafe(link_section = ".init_array")]
static NOTE: extern "C" fn() = note;

/// The standard descriptors that were closed when this process was started.
pub(super) fn closed_descriptors() -> impl Iterator<Item = c_int> {
    let closed = CLOSED.load(Ordering::Relaxed);
    (0..=2).filter(move |fd| closed & (1 << fd) != 0)
}

/// Whether this process was started with SIGPIPE ignored, as nohup(1)-like callers do.
pub(super) fn ignores_sigpipe() -> bool {
    PIPE_IGNORED.load(Ordering::Relaxed)
}
