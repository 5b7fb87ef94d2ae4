//! The links in `/proc/TID`: what the kernel knows about a tracee's directory, root and
//! descriptors.

use super::memory::PATH_MAX;
use super::sys;
use libc::pid_t;
use nix::errno::Errno;
use std::ffi::CStr;
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// A link of `/proc/TID`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Link {
    /// The working directory.
    Cwd,
    /// The root directory.
    Root,
    /// The program that runs.
    Exe,
    /// A descriptor.
    Fd(RawFd),
}

impl Link {
    /// Calls `with` on the link's path.
    pub(super) fn with<T>(self, tid: pid_t, with: impl FnOnce(&CStr) -> T) -> T {
        // "/proc/-2147483648/fd/-2147483648" and a NUL fit.
        let mut buffer = [0; 40];
        let mut rest = &mut buffer[..];
        let written = match self {
            Self::Cwd => write!(rest, "/proc/{tid}/cwd\0"),
            Self::Root => write!(rest, "/proc/{tid}/root\0"),
            Self::Exe => write!(rest, "/proc/{tid}/exe\0"),
            Self::Fd(fd) => write!(rest, "/proc/{tid}/fd/{fd}\0"),
        };
        debug_assert!(written.is_ok());
        with(CStr::from_bytes_until_nul(&buffer).unwrap_or(c""))
    }

    /// Appends where the link leads; what is no path (a pipe, a socket) is `Err(ENOTDIR)`.
    pub(super) fn read(self, tid: pid_t, to: &mut Vec<u8>) -> sys::Result<()> {
        self.with(tid, |path| {
            let start = to.len();
            to.resize(start + PATH_MAX, 0);
            let length = sys::read_link(libc::AT_FDCWD, path, &mut to[start..]);
            to.truncate(start + *length.as_ref().unwrap_or(&0));
            length?;
            let target = &to[start..];
            // The kernel marks a name whose inode is gone; a file may be named like that, too. The
            // link itself still works, so that its target has links exactly when it is not gone.
            if target.ends_with(b" (deleted)") && !Self::is_linked(path, target) {
                to.truncate(to.len() - b" (deleted)".len());
            }
            // A memfd's link looks like a path.
            if to[start..].starts_with(b"/") && !to[start..].starts_with(b"/memfd:") {
                Ok(())
            } else {
                to.truncate(start);
                Err(Errno::ENOTDIR)
            }
        })
    }

    fn is_linked(link: &CStr, target: &[u8]) -> bool {
        let Ok(target) = std::ffi::CString::new(target) else {
            return false;
        };
        let here = sys::status(libc::AT_FDCWD, &target, libc::AT_SYMLINK_NOFOLLOW);
        let there = sys::status(libc::AT_FDCWD, link, 0);
        matches!((here, there), (Ok(here), Ok(there)) if here.id() == there.id())
    }
}

/// What tells one execution of a program from another: the file, and where its arguments are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Runs {
    file: sys::FileId,
    arguments: Option<u64>,
}

impl Runs {
    /// What a thread runs.
    pub(super) fn of(tid: pid_t) -> Option<Self> {
        let status = Link::Exe.with(tid, |exe| sys::status(libc::AT_FDCWD, exe, 0).ok())?;
        let stat = procfs::process::Process::new(tid).ok()?.stat().ok()?;
        Some(Self {
            file: status.id(),
            arguments: stat.arg_start,
        })
    }
}

/// What stands for a directory's path that is longer than the kernel names.
pub(super) const TOO_DEEP: &str = "…";

/// A directory that names are looked up from.
#[derive(Debug)]
pub(super) struct Directory {
    /// Its path.
    pub(super) path: Vec<u8>,
    /// None when too many are open, or it may not be opened by us.
    descriptor: Option<OwnedFd>,
}

impl Directory {
    /// A tracee's working directory.
    pub(super) fn working(tid: pid_t) -> sys::Result<Self> {
        let mut path = Vec::new();
        match Link::Cwd.read(tid, &mut path) {
            Err(Errno::ENAMETOOLONG) => path.extend_from_slice(TOO_DEEP.as_bytes()),
            read => read?,
        }
        path.shrink_to_fit();
        let opened = Link::Cwd.with(tid, sys::open_directory).ok();
        let descriptor = opened.and_then(sys::kept);
        Ok(Self { path, descriptor })
    }

    /// Its descriptor, if we have one.
    pub(super) fn fd(&self) -> Option<RawFd> {
        self.descriptor.as_ref().map(AsRawFd::as_raw_fd)
    }
}

/// The flags that a descriptor of a tracee was opened with (proc_pid_fdinfo(5)).
pub(super) fn open_flags(tid: pid_t, fd: RawFd) -> Option<i32> {
    let text = std::fs::read_to_string(format!("/proc/{tid}/fdinfo/{fd}")).ok()?;
    let flags = text.lines().find_map(|line| line.strip_prefix("flags:"))?;
    i32::from_str_radix(flags.trim(), 8).ok()
}

/// Two numbers in `/proc/TID/status`.
fn status_numbers(tid: pid_t, names: [&str; 2]) -> Option<[pid_t; 2]> {
    let status = std::fs::read(format!("/proc/{tid}/status")).ok()?;
    let status = String::from_utf8_lossy(&status);
    let number = |name| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().parse().ok()
    };
    let [first, second] = names;
    Some([number(first)?, number(second)?])
}

/// The process that a thread belongs to, and that one's parent.
pub(super) fn family(tid: pid_t) -> Option<(pid_t, pid_t)> {
    let [tgid, parent] = status_numbers(tid, ["Tgid:", "PPid:"])?;
    Some((tgid, parent))
}

/// The process that traces a thread; 0 for none.
pub(super) fn tracer(tid: pid_t) -> Option<pid_t> {
    let [_, tracer] = status_numbers(tid, ["Tgid:", "TracerPid:"])?;
    let [tgid, _] = status_numbers(tracer, ["Tgid:", "Pid:"]).unwrap_or([tracer, 0]);
    Some(tgid)
}

/// Whether a thread gives processes the numbers that we give them: it is in our pid namespace, so that
/// it has one number only (`NSpid` of proc_pid_status(5)).
pub(super) fn numbers_as_we_do(tid: pid_t) -> bool {
    std::fs::read_to_string(format!("/proc/{tid}/status")).is_ok_and(|status| {
        let line = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
        line.is_some_and(|numbers| numbers.split_ascii_whitespace().count() == 1)
    })
}

/// Whether a thread is there and has a tracer. One whose end was reported to its tracer is there
/// until its parent has seen that, too, and has none.
pub(super) fn is_traced(tid: pid_t) -> bool {
    status_numbers(tid, ["Tgid:", "TracerPid:"]).is_some_and(|[_, tracer]| tracer != 0)
}
