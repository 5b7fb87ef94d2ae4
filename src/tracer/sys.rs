//! The system calls that have no safe wrapper: ptrace, fork, seccomp, foreign memory.
//!
//! Everything `unsafe` of the tracer is here. Nothing here decides anything: each function is one
//! system call (or the fixed sequence a forked child may run) with typed arguments and results.

#![allow(
    unsafe_code,
    reason = "ptrace(2), fork(2) and seccomp(2) have no safe interface; this module is it"
)]

mod listener;

pub(super) use listener::{Listener, Notification};

use super::inherited;
use libc::{c_int, c_long, c_void, pid_t};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::stat::Mode;
use std::ffi::CStr;
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The result of a system call. `ESRCH` of a ptrace request says that the tracee was killed.
pub(super) type Result<T> = std::result::Result<T, Errno>;

fn check(returned: c_long) -> Result<c_long> {
    if returned == -1 {
        Err(Errno::last())
    } else {
        Ok(returned)
    }
}

/// One change of state of a tracee, as wait4(2) reports it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waited {
    /// The thread.
    pub(super) tid: pid_t,
    /// The raw status.
    pub(super) status: c_int,
}

/// Waits for the next change of any child or tracee of this thread; `EINTR` when it was rung for
/// (see [`ring`]).
///
/// `__WNOTHREAD` leaves alone what other threads of this process started.
pub(super) fn wait() -> Result<Waited> {
    let mut status = 0;
    // SAFETY: `status` is a valid place for an int.
    let tid = unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL | libc::__WNOTHREAD) };
    check(c_long::from(tid)).map(|_| Waited { tid, status })
}

extern "C" fn nothing(_: c_int) {}

/// What interrupts a system call of one of our own threads: ignored by default, so that one that
/// comes too late does no harm.
const BELL: c_int = libc::SIGURG;

/// Whether the bell's signal was ignored before it was hung: a command inherits that.
static IS_BELL_IGNORED: AtomicBool = AtomicBool::new(false);

/// Lets [`ring`] interrupt calls of the calling thread.
pub(super) fn hang_bell() {
    static HUNG: Once = Once::new();
    HUNG.call_once(|| {
        // SAFETY: sigaction is a plain structure, for which zeros are valid: no flags, so that calls
        // are not begun again, and an empty mask. The handler does nothing at all.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            let mut before: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = nothing as extern "C" fn(c_int) as usize;
            libc::sigaction(BELL, &raw const action, &raw mut before);
            IS_BELL_IGNORED.store(before.sa_sigaction == libc::SIG_IGN, Ordering::Relaxed);
        }
    });
    // It fails for no signal that there is.
    let _ = SigSet::from(Signal::SIGURG).thread_unblock();
}

/// The id of the calling thread.
pub(super) fn own_tid() -> pid_t {
    nix::unistd::gettid().as_raw()
}

/// Interrupts the call, if any, that a thread of this process waits in.
pub(super) fn ring(tid: pid_t) {
    // SAFETY: plain numbers. ESRCH: the thread is gone and waits for nothing.
    unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), tid, BELL) };
}

/// Waits for the end of one child; its raw status.
pub(super) fn reap(pid: pid_t) -> Result<c_int> {
    loop {
        let mut status = 0;
        // SAFETY: `status` is a valid place for an int.
        let got = unsafe { libc::waitpid(pid, &raw mut status, libc::__WALL) };
        if got > 0 {
            if libc::WIFEXITED(status) || libc::WIFSIGNALED(status) {
                return Ok(status);
            }
            continue;
        }
        match Errno::last() {
            Errno::EINTR => {}
            errno => return Err(errno),
        }
    }
}

fn ptrace(request: libc::c_uint, tid: pid_t, address: usize, data: usize) -> Result<c_long> {
    // SAFETY: callers pass either plain numbers or, for requests that read or write memory,
    // addresses of live values of the size the request names (see each caller).
    check(unsafe { libc::ptrace(request, tid, address as *mut c_void, data as *mut c_void) })
}

/// Begins to trace a thread without stopping it.
pub(super) fn seize(tid: pid_t, options: c_int) -> Result<()> {
    ptrace(libc::PTRACE_SEIZE, tid, 0, options as usize).map(drop)
}

/// Resumes a stopped tracee until something happens that must be reported.
pub(super) fn cont(tid: pid_t, signal: c_int) -> Result<()> {
    ptrace(libc::PTRACE_CONT, tid, 0, signal as usize).map(drop)
}

/// Resumes a stopped tracee until its next system call begins or ends.
pub(super) fn cont_to_syscall(tid: pid_t, signal: c_int) -> Result<()> {
    ptrace(libc::PTRACE_SYSCALL, tid, 0, signal as usize).map(drop)
}

/// Makes a running tracee stop as soon as it is on its way back to its program.
pub(super) fn interrupt(tid: pid_t) -> Result<()> {
    ptrace(libc::PTRACE_INTERRUPT, tid, 0, 0).map(drop)
}

/// Leaves a tracee in its group-stop, ready to see SIGCONT.
pub(super) fn listen(tid: pid_t) -> Result<()> {
    ptrace(libc::PTRACE_LISTEN, tid, 0, 0).map(drop)
}

/// The message of the event that the tracee stopped for.
pub(super) fn event_message(tid: pid_t) -> Result<u64> {
    let mut message: libc::c_ulong = 0;
    ptrace(
        libc::PTRACE_GETEVENTMSG,
        tid,
        0,
        (&raw mut message) as usize,
    )?;
    Ok(message)
}

/// One word of a tracee's memory.
pub(super) fn peek(tid: pid_t, address: usize) -> Result<[u8; size_of::<c_long>()]> {
    Errno::clear();
    // SAFETY: the request reads the tracee's memory and gives the word as its result, which may
    // well be -1: errno tells.
    let word = unsafe { libc::ptrace(libc::PTRACE_PEEKDATA, tid, address, 0usize) };
    if word == -1 && Errno::last_raw() != 0 {
        return Err(Errno::last());
    }
    Ok(word.to_ne_bytes())
}

/// The kernel's `struct ptrace_syscall_info`, its union as the words it is made of.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct RawSyscallInfo {
    op: u8,
    pad: [u8; 3],
    arch: u32,
    instruction_pointer: u64,
    stack_pointer: u64,
    words: [u64; 8],
}

/// Where a stopped tracee is, as `PTRACE_GET_SYSCALL_INFO` tells.
#[derive(Clone, Copy, Debug)]
pub(super) struct SyscallInfo {
    /// The `AUDIT_ARCH_*` of the code that runs.
    pub(super) arch: u32,
    /// Its stack pointer.
    pub(super) stack_pointer: u64,
    /// In which part of a system call it is.
    pub(super) phase: Phase,
}

/// The part of a system call that a tracee stopped in.
#[derive(Clone, Copy, Debug)]
pub(super) enum Phase {
    /// In none.
    Outside,
    /// At its beginning.
    Entry(RawCall),
    /// At its end, with what it returned.
    Exit {
        /// The value, or the negative error number.
        value: i64,
        /// Whether it is an error number.
        failed: bool,
    },
    /// Where a seccomp filter gave `SECCOMP_RET_TRACE` with this data.
    Seccomp(RawCall, u16),
}

/// A system call as the registers name it.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawCall {
    /// Its number in the table of its architecture.
    pub(super) number: u64,
    /// Its arguments.
    pub(super) args: [u64; 6],
}

/// Asks where a stopped tracee is.
pub(super) fn syscall_info(tid: pid_t) -> Result<SyscallInfo> {
    let mut raw = RawSyscallInfo::default();
    ptrace(
        libc::PTRACE_GET_SYSCALL_INFO,
        tid,
        size_of::<RawSyscallInfo>(),
        (&raw mut raw) as usize,
    )?;
    let call = || {
        let [number, args @ .., _] = raw.words;
        RawCall { number, args }
    };
    let phase = match raw.op {
        libc::PTRACE_SYSCALL_INFO_ENTRY => Phase::Entry(call()),
        libc::PTRACE_SYSCALL_INFO_EXIT => Phase::Exit {
            value: raw.words[0].cast_signed(),
            failed: raw.words[1] & 0xff != 0,
        },
        libc::PTRACE_SYSCALL_INFO_SECCOMP => Phase::Seccomp(call(), raw.words[7] as u16),
        _ => Phase::Outside,
    };
    Ok(SyscallInfo {
        arch: raw.arch,
        stack_pointer: raw.stack_pointer,
        phase,
    })
}

/// Replaces the first argument of the call that a tracee is about to make.
#[cfg(target_arch = "x86_64")]
pub(super) fn set_first_argument(tid: pid_t, arch: u32, value: u64) -> Result<()> {
    let mut registers = registers(tid)?;
    // The 32-bit table takes its first argument from ebx.
    if arch == super::abi::HOST_ARCH {
        registers.rdi = value;
    } else {
        registers.rbx = value;
    }
    set_registers(tid, &registers)
}

/// Makes the call that a tracee is about to make fail with ENOSYS, without it being made.
#[cfg(target_arch = "x86_64")]
pub(super) fn refuse_call(tid: pid_t) -> Result<()> {
    let mut registers = registers(tid)?;
    registers.orig_rax = u64::MAX;
    registers.rax = (-i64::from(libc::ENOSYS)).cast_unsigned();
    set_registers(tid, &registers)
}

/// Makes the call that a tracee is about to make fail with ENOSYS: not written for this
/// architecture.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn refuse_call(_: pid_t) -> Result<()> {
    Err(Errno::ENOSYS)
}

/// What a tracee that stopped on its way back from a call brings from it: the value, or the
/// negative error number.
#[cfg(target_arch = "x86_64")]
pub(super) fn returned(tid: pid_t) -> Result<i64> {
    registers(tid).map(|registers| registers.rax.cast_signed())
}

/// What a tracee brings from a call: not written for this architecture, whose engine for it is not
/// offered (see `engine`).
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn returned(_: pid_t) -> Result<i64> {
    Err(Errno::ENOSYS)
}

/// The number of the call that a tracee, about to get a signal, leaves with EINTR.
#[cfg(target_arch = "x86_64")]
pub(super) fn interrupted_call(tid: pid_t) -> Option<u64> {
    let registers = registers(tid).ok()?;
    let is_call = registers.orig_rax.cast_signed() >= 0;
    // The code segment of 64-bit programs; the other table has other numbers.
    let is_wide = registers.cs == 0x33;
    (is_call && is_wide && registers.rax.cast_signed() == -i64::from(libc::EINTR))
        .then_some(registers.orig_rax)
}

/// The number of the call that a tracee, about to get a signal, leaves with EINTR: not written for
/// this architecture.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn interrupted_call(_: pid_t) -> Option<u64> {
    None
}

/// The call that a tracee, about to get a signal, leaves with `ERESTARTSYS`: it begins again or fails
/// with EINTR, as the handler was set up.
#[cfg(target_arch = "x86_64")]
pub(super) fn restarting_call(tid: pid_t) -> Option<RawCall> {
    const ERESTARTSYS: i64 = 512;
    let registers = registers(tid).ok()?;
    let is_call = registers.orig_rax.cast_signed() >= 0;
    // The code segment of 64-bit programs, as above.
    (is_call && registers.cs == 0x33 && registers.rax.cast_signed() == -ERESTARTSYS).then_some(
        RawCall {
            number: registers.orig_rax,
            args: [
                registers.rdi,
                registers.rsi,
                registers.rdx,
                registers.r10,
                registers.r8,
                registers.r9,
            ],
        },
    )
}

/// The call that a tracee leaves with `ERESTARTSYS`: not written for this architecture.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn restarting_call(_: pid_t) -> Option<RawCall> {
    None
}

/// Makes a call that was interrupted begin again, whatever the handler asks for (`ERESTARTNOINTR` of
/// linux/errno.h).
#[cfg(target_arch = "x86_64")]
pub(super) fn restart_always(tid: pid_t) -> Result<()> {
    const ERESTARTNOINTR: i64 = 513;
    let mut registers = registers(tid)?;
    registers.rax = (-ERESTARTNOINTR).cast_unsigned();
    set_registers(tid, &registers)
}

/// Makes a call that was interrupted begin again: not written for this architecture.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn restart_always(_: pid_t) -> Result<()> {
    Err(Errno::ENOSYS)
}

/// Makes a call that was interrupted begin again, unless a signal handler runs first
/// (`ERESTARTNOHAND` of linux/errno.h).
#[cfg(target_arch = "x86_64")]
pub(super) fn restart_call(tid: pid_t) -> Result<()> {
    const ERESTARTNOHAND: i64 = 514;
    let mut registers = registers(tid)?;
    registers.rax = (-ERESTARTNOHAND).cast_unsigned();
    set_registers(tid, &registers)
}

/// Makes a call that was interrupted begin again: not written for this architecture.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn restart_call(_: pid_t) -> Result<()> {
    Err(Errno::ENOSYS)
}

/// Replaces the first argument of the call that a tracee is about to make: not written for this
/// architecture.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn set_first_argument(_: pid_t, _: u32, _: u64) -> Result<()> {
    Err(Errno::ENOSYS)
}

#[cfg(target_arch = "x86_64")]
fn registers(tid: pid_t) -> Result<libc::user_regs_struct> {
    let mut registers = std::mem::MaybeUninit::<libc::user_regs_struct>::uninit();
    ptrace(
        libc::PTRACE_GETREGS,
        tid,
        0,
        registers.as_mut_ptr() as usize,
    )?;
    // SAFETY: the request succeeded, so the kernel has written the whole structure.
    Ok(unsafe { registers.assume_init() })
}

#[cfg(target_arch = "x86_64")]
fn set_registers(tid: pid_t, registers: &libc::user_regs_struct) -> Result<()> {
    let registers = ptr::from_ref(registers) as usize;
    ptrace(libc::PTRACE_SETREGS, tid, 0, registers).map(drop)
}

/// A range of a tracee's memory.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct Remote {
    /// Its first byte.
    pub(super) address: usize,
    /// How many bytes.
    pub(super) length: usize,
}

/// Copies ranges of a tracee's memory one after the other into `buffer`; how many bytes it was
/// until the first that cannot be read.
pub(super) fn read_memory(tid: pid_t, buffer: &mut [u8], ranges: &[Remote]) -> Result<usize> {
    let mut local = [IoSliceMut::new(buffer)];
    // SAFETY: IoSliceMut has the layout of iovec and borrows `buffer` for the call; Remote has the
    // layout of iovec and its addresses are the tracee's, which the kernel checks.
    let read = unsafe {
        libc::process_vm_readv(
            tid,
            local.as_mut_ptr().cast::<libc::iovec>(),
            1,
            ranges.as_ptr().cast::<libc::iovec>(),
            ranges.len() as libc::c_ulong,
            0,
        )
    };
    check(read as c_long).map(|read| read as usize)
}

/// What statx(2) told about a name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Status {
    /// Type and permissions, as in `st_mode`.
    pub(super) mode: u32,
    /// Major and minor number of the device the file is on.
    pub(super) device: (u32, u32),
    /// The inode's number on that device.
    pub(super) inode: u64,
    /// Major and minor number of the device the file is.
    pub(super) special: (u32, u32),
    /// Whose it is.
    pub(super) owner: u32,
    /// Whether it has attributes that forbid what its permissions allow (append-only, fs-verity).
    pub(super) is_restricted: bool,
}

impl Status {
    /// The file's type (`S_IFMT` of its mode).
    pub(super) fn kind(self) -> u32 {
        self.mode & libc::S_IFMT
    }
}

/// Attributes of a file that forbid more than its permissions do.
const RESTRICTING: u64 =
    (libc::STATX_ATTR_APPEND | libc::STATX_ATTR_IMMUTABLE | libc::STATX_ATTR_VERITY) as u64;

/// Asks about a name; with `AT_*` flags of statx(2).
pub(super) fn status(directory: RawFd, path: &CStr, flags: c_int) -> Result<Status> {
    let mut got = std::mem::MaybeUninit::<libc::statx>::uninit();
    // SAFETY: the path ends in NUL and `got` has room for the structure.
    let returned = unsafe {
        libc::statx(
            directory,
            path.as_ptr(),
            flags | libc::AT_NO_AUTOMOUNT | libc::AT_STATX_DONT_SYNC,
            libc::STATX_TYPE | libc::STATX_MODE | libc::STATX_INO | libc::STATX_UID,
            got.as_mut_ptr(),
        )
    };
    check(c_long::from(returned))?;
    // SAFETY: the call succeeded, so the kernel has written the whole structure.
    let got = unsafe { got.assume_init() };
    Ok(Status {
        mode: u32::from(got.stx_mode),
        device: (got.stx_dev_major, got.stx_dev_minor),
        inode: got.stx_ino,
        special: (got.stx_rdev_major, got.stx_rdev_minor),
        owner: got.stx_uid,
        is_restricted: got.stx_attributes & RESTRICTING != 0,
    })
}

/// Asks whether a name may be used so; flags as of faccessat2(2).
pub(super) fn access(directory: RawFd, path: &CStr, mode: c_int, flags: c_int) -> Result<()> {
    // SAFETY: the path ends in NUL. The C library's wrapper is not used because it emulates flags.
    check(unsafe { libc::syscall(libc::SYS_faccessat2, directory, path.as_ptr(), mode, flags) })
        .map(drop)
}

/// Reads a symbolic link; how many bytes of `buffer` its text took.
pub(super) fn read_link(directory: RawFd, path: &CStr, buffer: &mut [u8]) -> Result<usize> {
    // SAFETY: the path ends in NUL and the buffer is as long as said.
    let length = unsafe {
        libc::readlinkat(
            directory,
            path.as_ptr(),
            buffer.as_mut_ptr().cast(),
            buffer.len(),
        )
    };
    check(length as c_long).map(|length| length as usize)
}

/// Opens a file to read it, without waiting for what may be at the other end of it.
pub(super) fn open_file(directory: RawFd, path: &CStr) -> Result<OwnedFd> {
    // SAFETY: the path ends in NUL.
    let fd = check(c_long::from(unsafe {
        libc::openat(
            directory,
            path.as_ptr(),
            libc::O_RDONLY | libc::O_CLOEXEC | libc::O_NONBLOCK | libc::O_NOCTTY,
        )
    }))?;
    // SAFETY: the descriptor was just made and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// Opens a directory only as a place to look up names from.
pub(super) fn open_directory(path: &CStr) -> Result<OwnedFd> {
    // SAFETY: the path ends in NUL.
    let fd = check(c_long::from(unsafe {
        libc::openat(
            libc::AT_FDCWD,
            path.as_ptr(),
            libc::O_PATH | libc::O_DIRECTORY | libc::O_CLOEXEC,
        )
    }))?;
    // SAFETY: the descriptor was just made and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// Opens a name as a process with this root directory would, absolute links and `..` included, only
/// as a place.
pub(super) fn open_in_root(root: BorrowedFd<'_>, path: &CStr, follow: bool) -> Result<OwnedFd> {
    // SAFETY: the structure is plain numbers, for which 0 is the absence of a wish.
    let mut how: libc::open_how = unsafe { std::mem::zeroed() };
    let nofollow = if follow { 0 } else { libc::O_NOFOLLOW };
    how.flags = (libc::O_PATH | libc::O_CLOEXEC | nofollow) as u64;
    how.resolve = libc::RESOLVE_IN_ROOT;
    // SAFETY: the path ends in NUL and the structure is as large as said.
    let fd = check(unsafe {
        libc::syscall(
            libc::SYS_openat2,
            root.as_raw_fd(),
            path.as_ptr(),
            &raw const how,
            size_of::<libc::open_how>(),
        )
    })?;
    // SAFETY: the descriptor was just made and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// Whether a file has capabilities of its own (capabilities(7), "File capabilities").
pub(super) fn has_capabilities(path: &CStr) -> bool {
    // SAFETY: both strings end in NUL; a size of 0 asks for the length only.
    let length = unsafe {
        libc::getxattr(
            path.as_ptr(),
            c"security.capability".as_ptr(),
            ptr::null_mut(),
            0,
        )
    };
    length > 0
}

/// A copy of a descriptor of another process.
pub(super) fn borrow_descriptor(pid: pid_t, fd: RawFd) -> Result<OwnedFd> {
    // SAFETY: plain numbers.
    let pidfd = check(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
    // SAFETY: the descriptor was just made and nobody else has it.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd as RawFd) };
    // SAFETY: plain numbers.
    let copy = check(unsafe { libc::syscall(libc::SYS_pidfd_getfd, pidfd.as_raw_fd(), fd, 0) })?;
    // SAFETY: as above; pidfd_getfd(2) sets close-on-exec.
    Ok(unsafe { OwnedFd::from_raw_fd(copy as RawFd) })
}

/// The protocol number of a socket (`SO_PROTOCOL`).
pub(super) fn socket_protocol(socket: BorrowedFd<'_>) -> Result<c_int> {
    let mut protocol: c_int = 0;
    let mut length = size_of::<c_int>() as libc::socklen_t;
    // SAFETY: the option is an int and the length says so.
    check(c_long::from(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PROTOCOL,
            (&raw mut protocol).cast(),
            &raw mut length,
        )
    }))?;
    Ok(protocol)
}

/// The address a socket is bound to, as the bytes of its `sockaddr`.
pub(super) fn socket_name<'a>(socket: BorrowedFd<'_>, buffer: &'a mut [u8]) -> Result<&'a [u8]> {
    let mut length = buffer.len() as libc::socklen_t;
    // SAFETY: the buffer is as long as said; the kernel writes no more and alignment is not asked
    // for by the system call, which copies bytes.
    check(c_long::from(unsafe {
        libc::getsockname(
            socket.as_raw_fd(),
            buffer.as_mut_ptr().cast(),
            &raw mut length,
        )
    }))?;
    let length = (length as usize).min(buffer.len());
    Ok(&buffer[..length])
}

/// Sends a signal to a process.
pub(super) fn kill(pid: pid_t, signal: c_int) -> Result<()> {
    // SAFETY: plain numbers.
    check(c_long::from(unsafe { libc::kill(pid, signal) })).map(drop)
}

/// Waits until one of two descriptors can be read, or for so long; whether each can.
pub(super) fn readable(
    first: BorrowedFd<'_>,
    second: BorrowedFd<'_>,
    patience: Option<Duration>,
) -> Result<(bool, bool)> {
    // Rounded up: to wake before the time is to wake in vain.
    let timeout = patience.map_or(-1, |time| {
        c_int::try_from(time.as_millis() + 1).unwrap_or(c_int::MAX)
    });
    let mut polled = [first, second].map(|fd| libc::pollfd {
        fd: fd.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    });
    // SAFETY: the array has as many elements as said.
    match check(c_long::from(unsafe {
        libc::poll(polled.as_mut_ptr(), 2, timeout)
    })) {
        Ok(_) | Err(Errno::EINTR) => Ok((polled[0].revents != 0, polled[1].revents != 0)),
        Err(errno) => Err(errno),
    }
}

/// A message from the child to its tracer, sent before the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChildNote {
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
pub(super) fn read_notes(pipe: BorrowedFd<'_>) -> Vec<ChildNote> {
    let mut notes = Vec::new();
    let mut bytes = [0; NOTE_LENGTH];
    // Writes to a pipe of at most PIPE_BUF bytes are never split (pipe(7)).
    while nix::unistd::read(pipe, &mut bytes) == Ok(NOTE_LENGTH) {
        notes.extend(ChildNote::from_bytes(bytes));
    }
    notes
}

/// What a forked child needs to become the program; all of it allocated before the fork.
pub(super) struct Child<'a> {
    /// The paths to try in turn.
    pub(super) candidates: &'a [&'a CStr],
    /// The arguments and a null pointer.
    pub(super) argv: &'a [*const libc::c_char],
    /// The arguments for a shell that runs a file without `#!`; the second is a place for its path.
    pub(super) shell_argv: &'a mut [*const libc::c_char],
    /// The seccomp filter that notifies, if one is to be installed.
    pub(super) notifying: Option<&'a [libc::sock_filter]>,
    /// The seccomp filter that stops calls, if one is to be installed where the other is refused.
    pub(super) stopping: Option<&'a [libc::sock_filter]>,
    /// The signal mask the program starts with.
    pub(super) mask: SigSet,
    /// Where the byte that starts it comes from.
    pub(super) go: BorrowedFd<'a>,
    /// Where notes go.
    pub(super) notes: BorrowedFd<'a>,
}

/// Forks a child that waits for a byte on `go`, installs a filter, stops by SIGSTOP once it has sent
/// its notes about that, and becomes the program.
pub(super) fn spawn(child: &mut Child<'_>) -> Result<pid_t> {
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
            unsafe { libc::signal(BELL, libc::SIG_IGN) };
        }
        for fd in inherited::closed_descriptors() {
            // SAFETY: nothing in this process uses the descriptor any more.
            unsafe { libc::close(fd) };
        }
        install_filters(child);
        // SAFETY: a plain system call. The tracer, which sees the signal first, drops it.
        unsafe { libc::raise(libc::SIGSTOP) };
        // Nothing can be done about a mask that cannot be set.
        let _ = child.mask.thread_set_mask();
        let errno = try_candidates(child);
        send_note(child.notes, ChildNote::NotExecuted(errno));
    }
    // SAFETY: `_exit` runs none of the parent's exit handlers.
    unsafe { libc::_exit(127) }
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

/// Writes bytes of a tracee's memory.
pub(super) fn write_memory(tid: pid_t, address: usize, bytes: &[u8]) -> Result<usize> {
    let local = [IoSlice::new(bytes)];
    let remote = Remote {
        address,
        length: bytes.len(),
    };
    // SAFETY: IoSlice has the layout of iovec; the kernel checks the tracee's address.
    let written = unsafe {
        libc::process_vm_writev(
            tid,
            local.as_ptr().cast::<libc::iovec>(),
            1,
            (&raw const remote).cast::<libc::iovec>(),
            1,
            0,
        )
    };
    check(written as c_long).map(|written| written as usize)
}
