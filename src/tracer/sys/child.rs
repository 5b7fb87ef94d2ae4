//! The forked child that becomes the command: what it does before, and tells about it.

use super::{BELL, IS_BELL_IGNORED, Result, check};
use crate::tracer::inherited;
use libc::{c_long, pid_t};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::SigSet;
use nix::sys::stat::Mode;
use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::sync::atomic::Ordering;

/// A message from the child to its tracer, sent before the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::tracer) enum ChildNote {
    /// The filter needed `no_new_privs`.
    NoNewPrivileges,
    /// The filter that notifies was installed; its listener has this number in the child.
    Listener(RawFd),
    /// The filter that notifies was refused with this error.
    ListenerRefused(Errno),
    /// The filter that stops calls was refused with this error.
    FilterRefused(Errno),
    /// It now tries the candidate of this index.
    Trying(usize),
    /// None of the candidates could be executed; the error that counts.
    NotExecuted(Errno),
}

const NOTE_LENGTH: usize = 5;

impl ChildNote {
    fn to_bytes(self) -> [u8; NOTE_LENGTH] {
        let (kind, value) = match self {
            Self::NoNewPrivileges => (b'p', 0),
            Self::Listener(fd) => (b'l', fd.cast_unsigned()),
            Self::ListenerRefused(errno) => (b'r', errno as u32),
            Self::FilterRefused(errno) => (b'f', errno as u32),
            Self::Trying(index) => (b't', index as u32),
            Self::NotExecuted(errno) => (b'e', errno as u32),
        };
        let [a, b, c, d] = value.to_ne_bytes();
        [kind, a, b, c, d]
    }

    fn from_bytes([kind, a, b, c, d]: [u8; NOTE_LENGTH]) -> Option<Self> {
        let value = u32::from_ne_bytes([a, b, c, d]);
        let errno = Errno::from_raw(value.cast_signed());
        match kind {
            b'p' => Some(Self::NoNewPrivileges),
            b'l' => Some(Self::Listener(value.cast_signed())),
            b'r' => Some(Self::ListenerRefused(errno)),
            b'f' => Some(Self::FilterRefused(errno)),
            b't' => Some(Self::Trying(value as usize)),
            b'e' => Some(Self::NotExecuted(errno)),
            _ => None,
        }
    }
}

/// Reads the notes that the child has sent so far.
pub(in crate::tracer) fn read_notes(pipe: BorrowedFd<'_>) -> Vec<ChildNote> {
    let mut notes = Vec::new();
    let mut bytes = [0; NOTE_LENGTH];
    // Writes to a pipe of at most PIPE_BUF bytes are never split (pipe(7)).
    while nix::unistd::read(pipe, &mut bytes) == Ok(NOTE_LENGTH) {
        notes.extend(ChildNote::from_bytes(bytes));
    }
    notes
}

/// What a forked child needs to become the program; all of it allocated before the fork.
pub(in crate::tracer) struct Child<'a> {
    /// The paths to try in turn.
    pub(in crate::tracer) candidates: &'a [&'a CStr],
    /// The arguments and a null pointer.
    pub(in crate::tracer) argv: &'a [*const libc::c_char],
    /// The arguments for a shell that runs a file without `#!`; the second is a place for its path.
    pub(in crate::tracer) shell_argv: &'a mut [*const libc::c_char],
    /// The seccomp filter that notifies, if one is to be installed.
    pub(in crate::tracer) notifying: Option<&'a [libc::sock_filter]>,
    /// The seccomp filter that stops calls, if one is to be installed where the other is refused.
    pub(in crate::tracer) stopping: Option<&'a [libc::sock_filter]>,
    /// The signal mask the program starts with.
    pub(in crate::tracer) mask: SigSet,
    /// Where the byte that starts it comes from, and the one that says that its stop was seen.
    pub(in crate::tracer) go: BorrowedFd<'a>,
    /// The other end, of which the child has a copy.
    pub(in crate::tracer) gives_go: BorrowedFd<'a>,
    /// Where notes go.
    pub(in crate::tracer) notes: BorrowedFd<'a>,
}

/// Forks a child that waits for a byte on `go`, installs a filter, stops by SIGSTOP once it has sent
/// its notes about that until there is another byte, and becomes the program.
pub(in crate::tracer) fn spawn(child: &mut Child<'_>) -> Result<pid_t> {
    // SAFETY: the child calls only async-signal-safe functions and allocates nothing: other
    // threads may have held any lock at the moment of the fork.
    let pid = unsafe { libc::fork() };
    match pid {
        -1 => Err(Errno::last()),
        0 => become_program(child),
        pid => Ok(pid),
    }
}

fn become_program(child: &mut Child<'_>) -> ! {
    // The pipe ends when its other end is closed everywhere: then the tracer is gone.
    // SAFETY: nothing in this process uses the descriptor any more.
    unsafe { libc::close(child.gives_go.as_raw_fd()) };
    let mut byte = [0];
    if nix::unistd::read(child.go, &mut byte) == Ok(1) {
        // Rust's runtime ignores SIGPIPE and fills closed standard descriptors; both would outlive
        // the exec.
        if !inherited::ignores_sigpipe() {
            // SAFETY: a plain system call with a constant disposition.
            unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        }
        // An exec makes a default of our handler.
        if IS_BELL_IGNORED.load(Ordering::Relaxed) {
            // SAFETY: as above.
            unsafe { libc::signal(BELL as libc::c_int, libc::SIG_IGN) };
        }
        for fd in inherited::closed_descriptors() {
            // SAFETY: nothing in this process uses the descriptor any more.
            unsafe { libc::close(fd) };
        }
        install_filters(child);
        // Anybody's SIGCONT takes a SIGSTOP away that the tracer was not told of yet (signal(7)).
        while !is_seen(child.go) {
            // SAFETY: a plain system call. The tracer, which sees the signal first, drops it.
            unsafe { libc::raise(libc::SIGSTOP) };
        }
        // Nothing can be done about a mask that cannot be set.
        let _ = child.mask.thread_set_mask();
        let errno = try_candidates(child);
        send_note(child.notes, ChildNote::NotExecuted(errno));
    }
    // SAFETY: `_exit` runs none of the parent's exit handlers.
    unsafe { libc::_exit(127) }
}

/// Whether the tracer has seen this process stop. Where there is no tracer any more, the process ends.
fn is_seen(go: BorrowedFd<'_>) -> bool {
    let mut polled = [PollFd::new(go, PollFlags::POLLIN)];
    let is_told = poll(&mut polled, PollTimeout::ZERO).is_ok_and(|ready| ready > 0);
    if is_told && nix::unistd::read(go, &mut [0]) != Ok(1) {
        // SAFETY: `_exit` runs none of the parent's exit handlers.
        unsafe { libc::_exit(127) };
    }
    is_told
}

/// Tries each candidate as execvp(3) does; the error that it would give.
fn try_candidates(child: &mut Child<'_>) -> Errno {
    let mut denied = None;
    let mut last = Errno::ENOENT;
    for (index, path) in child.candidates.iter().enumerate() {
        send_note(child.notes, ChildNote::Trying(index));
        // SAFETY: the path ends in NUL and `argv` in a null pointer.
        unsafe { libc::execv(path.as_ptr(), child.argv.as_ptr()) };
        last = Errno::last();
        // A shell can make nothing of an ELF file, which is for another machine then.
        if last == Errno::ENOEXEC && !is_elf(path) {
            child.shell_argv[1] = path.as_ptr();
            // SAFETY: as above.
            unsafe { libc::execv(c"/bin/sh".as_ptr(), child.shell_argv.as_ptr()) };
            return Errno::last();
        }
        match last {
            Errno::EACCES => denied = Some(last),
            Errno::ENOENT | Errno::ENOTDIR | Errno::ESTALE | Errno::ENODEV | Errno::ETIMEDOUT => {}
            errno => return errno,
        }
    }
    denied.unwrap_or(last)
}

/// Whether a file begins as ELF files do.
fn is_elf(path: &CStr) -> bool {
    let mut magic = [0; 4];
    nix::fcntl::open(path, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())
        .and_then(|file| nix::unistd::read(&file, &mut magic))
        .is_ok_and(|length| magic[..length] == *b"\x7fELF")
}

fn send_note(pipe: BorrowedFd<'_>, note: ChildNote) {
    // A full or broken pipe means that the tracer is gone, and this process with it.
    let _ = nix::unistd::write(pipe, &note.to_bytes());
}

/// Installs the filter that notifies or, where there can be none, the one that stops calls.
fn install_filters(child: &Child<'_>) {
    if let Some(filter) = child.notifying {
        // A listener whose calls can be interrupted while they wait for its answer would make calls
        // fail with EINTR that never do; so this needs Linux 5.19.
        let flags =
            libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
        match install_filter(child.notes, filter, flags) {
            Ok(listener) => return send_note(child.notes, ChildNote::Listener(listener)),
            Err(errno) => send_note(child.notes, ChildNote::ListenerRefused(errno)),
        }
    }
    if let Some(filter) = child.stopping
        && let Err(errno) = install_filter(child.notes, filter, 0)
    {
        send_note(child.notes, ChildNote::FilterRefused(errno));
    }
}

/// Installs a filter on this thread, with `no_new_privs` only where the kernel asks for it; the
/// listener, if the flags ask for one.
fn install_filter(
    notes: BorrowedFd<'_>,
    filter: &[libc::sock_filter],
    flags: libc::c_ulong,
) -> Result<RawFd> {
    match set_filter(filter, flags) {
        Err(Errno::EACCES) => {
            // SAFETY: plain numbers.
            check(c_long::from(unsafe {
                libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            }))?;
            send_note(notes, ChildNote::NoNewPrivileges);
            set_filter(filter, flags)
        }
        done => done,
    }
}

fn set_filter(filter: &[libc::sock_filter], flags: libc::c_ulong) -> Result<RawFd> {
    let program = libc::sock_fprog {
        len: filter.len() as libc::c_ushort,
        filter: filter.as_ptr().cast_mut(),
    };
    // Without SPEC_ALLOW, kernels before 5.16 switch a mitigation on that slows the program down.
    // SAFETY: the program points at as many instructions as it says; the kernel only reads them.
    check(unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW | flags,
            &raw const program,
        )
    })
    .map(|listener| listener as RawFd)
}
