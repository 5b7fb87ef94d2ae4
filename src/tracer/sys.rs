//! The system calls that have no safe wrapper: ptrace, fork, seccomp, foreign memory.
//!
//! Everything `unsafe` of the tracer is here. Nothing here decides anything: each function is one
//! system call (or the fixed sequence a forked child may run) with typed arguments and results.

#![allow(
    unsafe_code,
    reason = "ptrace(2), fork(2) and seccomp(2) have no safe interface; this module is it"
)]

mod child;
mod cores;
mod files;
mod listener;
mod process;

pub(super) use child::{Child, ChildNote, read_notes, spawn};
pub(super) use cores::Cores;
pub(super) use files::{
    FileId, SPARE_DESCRIPTORS, Status, access, borrow_descriptor, has_capabilities, kept,
    open_directory, open_file, open_in_root, read_link, socket_listener, socket_name, socket_peer,
    socket_protocol, status,
};
pub(super) use listener::{Listener, Notification};
pub(super) use process::Process;

use libc::{c_int, c_long, c_void, pid_t};
use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::time::TimeSpec;
use nix::unistd::Pid;
use std::io::{IoSlice, IoSliceMut};
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

/// The next change, if there is one already.
pub(super) fn try_wait() -> Result<Option<Waited>> {
    let mut status = 0;
    let flags = libc::__WALL | libc::__WNOTHREAD | libc::WNOHANG;
    // SAFETY: `status` is a valid place for an int.
    let tid = unsafe { libc::waitpid(-1, &raw mut status, flags) };
    check(c_long::from(tid)).map(|tid| {
        (tid != 0).then_some(Waited {
            tid: tid as pid_t,
            status,
        })
    })
}

extern "C" fn nothing(_: c_int) {}

/// What interrupts a system call of one of our own threads: ignored by default, so that one that
/// comes too late does no harm.
pub(super) const BELL: Signal = Signal::SIGURG;

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
            libc::sigaction(BELL as c_int, &raw const action, &raw mut before);
            IS_BELL_IGNORED.store(before.sa_sigaction == libc::SIG_IGN, Ordering::Relaxed);
        }
    });
    // It fails for no signal that there is.
    let _ = SigSet::from(BELL).thread_unblock();
}

/// The id of the calling thread.
pub(super) fn own_tid() -> pid_t {
    nix::unistd::gettid().as_raw()
}

/// The id of this process.
pub(super) fn own_pid() -> pid_t {
    nix::unistd::getpid().as_raw()
}

/// Interrupts the call, if any, that a thread of this process waits in.
pub(super) fn ring(tid: pid_t) {
    // SAFETY: plain numbers. ESRCH: the thread is gone and waits for nothing.
    unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), tid, BELL as c_int) };
}

/// Whether a thread belongs to a process.
///
/// To send it nothing tells that (tgkill(2)), and for less than a look into `/proc`, which the kernel
/// makes anew for each process that is looked at.
pub(super) fn is_thread_of(tid: pid_t, tgid: pid_t) -> bool {
    // SAFETY: plain numbers; signal 0 is none.
    let sent = check(unsafe { libc::syscall(libc::SYS_tgkill, tgid, tid, 0) });
    // Who may not be sent a signal is there, too.
    matches!(sent, Ok(_) | Err(Errno::EPERM))
}

/// Asks that the calling thread, which needs a core for microseconds only, soon gets it where others
/// compute: with a short time slice a thread that wakes up goes before one with a long one
/// (sched_setattr(2); Linux 6.12). Before, and where it is refused, it waits longer.
pub(super) fn take_short_turns() {
    let size = size_of::<libc::sched_attr>();
    // SAFETY: the structure is plain numbers, for which zeros are valid.
    let mut attributes: libc::sched_attr = unsafe { std::mem::zeroed() };
    // SAFETY: there is room for as many bytes as said; 0 is the calling thread.
    let got = unsafe {
        libc::syscall(
            libc::SYS_sched_getattr,
            0,
            &raw mut attributes,
            size as libc::c_uint,
            0,
        )
    };
    if got != 0 || attributes.sched_policy != libc::SCHED_OTHER.cast_unsigned() {
        return;
    }
    // For this policy it is the slice, in nanoseconds; the kernel takes no shorter one.
    attributes.sched_runtime = 100_000;
    // SAFETY: the kernel reads the structure, which says how large it is.
    unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
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

/// `PTRACE_GET_SYSCALL_INFO` of `<linux/ptrace.h>`, and what its `op` can be. Not every C library's
/// headers have them.
const GET_SYSCALL_INFO: Request = 0x420e;
const SYSCALL_INFO_ENTRY: u8 = 1;
const SYSCALL_INFO_EXIT: u8 = 2;
const SYSCALL_INFO_SECCOMP: u8 = 3;

/// A ptrace request, as the C library's headers have it.
#[cfg(not(target_env = "musl"))]
type Request = libc::c_uint;
#[cfg(target_env = "musl")]
type Request = c_int;

fn ptrace(request: Request, tid: pid_t, address: usize, data: usize) -> Result<c_long> {
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

/// Lets go of a stopped tracee, which runs on.
pub(super) fn detach(tid: pid_t) -> Result<()> {
    ptrace(libc::PTRACE_DETACH, tid, 0, 0).map(drop)
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

/// Whether a tracee that is about to get a signal has sent it to itself, as raise(3) does.
pub(super) fn is_raised(tid: pid_t) -> bool {
    nix::sys::ptrace::getsiginfo(Pid::from_raw(tid)).is_ok_and(|info| {
        // SAFETY: a signal of this origin tells its sender (sigaction(2)).
        info.si_code == libc::SI_TKILL && unsafe { info.si_pid() } == tid
    })
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
    /// The address of the instruction after the one that makes it.
    pub(super) instruction: u64,
}

/// Asks where a stopped tracee is.
pub(super) fn syscall_info(tid: pid_t) -> Result<SyscallInfo> {
    let mut raw = RawSyscallInfo::default();
    ptrace(
        GET_SYSCALL_INFO,
        tid,
        size_of::<RawSyscallInfo>(),
        (&raw mut raw) as usize,
    )?;
    let call = || {
        let [number, args @ .., _] = raw.words;
        RawCall {
            number,
            args,
            instruction: raw.instruction_pointer,
        }
    };
    let phase = match raw.op {
        SYSCALL_INFO_ENTRY => Phase::Entry(call()),
        SYSCALL_INFO_EXIT => Phase::Exit {
            value: raw.words[0].cast_signed(),
            failed: raw.words[1] & 0xff != 0,
        },
        SYSCALL_INFO_SECCOMP => Phase::Seccomp(call(), raw.words[7] as u16),
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

/// A call that a tracee, about to get a signal, comes from without having made it.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    not(target_arch = "x86_64"),
    expect(dead_code, reason = "none is known there")
)]
pub(super) enum Interrupted {
    /// It fails with EINTR.
    Fails(RawCall),
    /// It begins again or fails with EINTR, as the handler was set up (`ERESTARTSYS`).
    MayRestart(RawCall),
}

/// The call that a signal has interrupted, if there is one of this machine's own table.
#[cfg(target_arch = "x86_64")]
pub(super) fn interrupted(tid: pid_t) -> Option<Interrupted> {
    const FAILS: i64 = -(libc::EINTR as i64);
    const MAY_RESTART: i64 = -512;
    let registers = registers(tid).ok()?;
    let kind = match registers.rax.cast_signed() {
        FAILS => Interrupted::Fails,
        MAY_RESTART => Interrupted::MayRestart,
        _ => return None,
    };
    let is_call = registers.orig_rax.cast_signed() >= 0;
    // The code segment of 64-bit programs; the other table has other numbers.
    let is_wide = registers.cs == 0x33;
    (is_call && is_wide).then(|| {
        kind(RawCall {
            number: registers.orig_rax,
            args: [
                registers.rdi,
                registers.rsi,
                registers.rdx,
                registers.r10,
                registers.r8,
                registers.r9,
            ],
            instruction: registers.rip,
        })
    })
}

/// The call that a signal has interrupted: not written for this architecture.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn interrupted(_: pid_t) -> Option<Interrupted> {
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
    let registers = std::ptr::from_ref(registers) as usize;
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

/// Copies ranges of a tracee's memory, one after the other, into buffers, one after the other; how many
/// bytes it was until the first range that cannot be read.
pub(super) fn read_memory(
    tid: pid_t,
    buffers: &mut [IoSliceMut<'_>],
    ranges: &[Remote],
) -> Result<usize> {
    // SAFETY: IoSliceMut has the layout of iovec and borrows its buffer for the call; Remote has the
    // layout of iovec and its addresses are the tracee's, which the kernel checks.
    let read = unsafe {
        libc::process_vm_readv(
            tid,
            buffers.as_mut_ptr().cast::<libc::iovec>(),
            buffers.len() as libc::c_ulong,
            ranges.as_ptr().cast::<libc::iovec>(),
            ranges.len() as libc::c_ulong,
            0,
        )
    };
    check(read as c_long).map(|read| read as usize)
}

/// Sends a signal to a process.
pub(super) fn kill(pid: pid_t, signal: c_int) -> Result<()> {
    // SAFETY: plain numbers.
    check(c_long::from(unsafe { libc::kill(pid, signal) })).map(drop)
}

/// Waits for one of these signals, which the calling thread blocks, or for so long: its number, or
/// none when the time is over. `EINTR` when another signal was handled.
pub(super) fn await_signal(signals: &SigSet, patience: Option<Duration>) -> Result<Option<c_int>> {
    let time = patience.map(TimeSpec::from);
    let time = time
        .as_ref()
        .map_or(ptr::null(), |time| ptr::from_ref(time.as_ref()));
    // SAFETY: the set and the time, if there is one, are valid for the call; nothing is wanted to
    // know of the signal.
    let signal = unsafe { libc::sigtimedwait(signals.as_ref(), ptr::null_mut(), time) };
    match check(c_long::from(signal)) {
        Ok(signal) => Ok(Some(signal as c_int)),
        Err(Errno::EAGAIN) => Ok(None),
        Err(errno) => Err(errno),
    }
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
