//! A path argument of a call: as asked, where it is relative to, and made absolute.

use super::abi::{At, Entry, Shape, Table};
use super::memory::{self, PATH_MAX, Pages, Text, Width};
use super::proc::{Directory, Link, TOO_DEEP};
use super::sys::Notification;
use super::task::Process;
use libc::pid_t;
use nix::errno::Errno;
use std::ffi::{CStr, CString};
use std::os::fd::RawFd;
use std::sync::Arc;

/// Where a look-up begins.
#[derive(Clone, Debug, Default)]
pub(super) enum Base {
    /// At the root, or nowhere: the path is empty.
    #[default]
    Root,
    /// At the working directory.
    Working(Arc<Directory>),
    /// At a directory that the tracee has open; its path in `/proc` is put before the name.
    Descriptor,
    /// At a place that has no name or does not exist: the kernel will say what it thinks of it.
    Nowhere,
}

/// A path argument that was read before anything about its process was asked: to read it takes
/// longest, and needs nobody else to wait.
#[derive(Debug, Default)]
pub(super) struct EarlyText {
    bytes: Vec<u8>,
    found: Option<(u64, Text)>,
    /// With a program's path, where its arguments begin.
    pages: Pages,
}

impl EarlyText {
    /// Reads the first path argument of a call, if it has one.
    pub(super) fn read(&mut self, tables: &[Table], notification: &Notification) {
        self.forget();
        let tid = notification.tid;
        let argument = |index: u8| notification.call.args[usize::from(index)];
        let shape = tables
            .iter()
            .find(|table| table.abi.arch == notification.arch)
            .and_then(|table| match table.entry(notification.call.number) {
                Entry::Decoded(description) => Some(description.shape),
                Entry::Uninteresting | Entry::Unknown => None,
            });
        let Some((shape, at)) = shape.and_then(|shape| Some((shape, shape.path()?))) else {
            return;
        };
        let address = argument(at.path);
        if address == 0 {
            return;
        }
        let bytes = &mut self.bytes;
        let text = match shape {
            Shape::Execute(_, argv, _) if argument(argv) != 0 => {
                self.pages.begin(tid);
                self.pages
                    .read_text_beside(argument(argv), address, PATH_MAX, bytes)
            }
            _ => memory::read_text(tid, address, PATH_MAX, bytes),
        };
        self.found = Some((address, text));
    }

    /// Appends the strings of a tracee's null-terminated array, each with its NUL; whether they could
    /// be read.
    pub(super) fn read_strings(
        &mut self,
        tid: pid_t,
        address: u64,
        width: Width,
        to: &mut Vec<u8>,
    ) -> bool {
        if self.pages.tid() != tid {
            self.pages.begin(tid);
        }
        let are_read = memory::read_strings(&mut self.pages, address, width, to);
        self.pages.begin(0);
        are_read
    }

    /// Forgets what was read.
    pub(super) fn forget(&mut self) {
        self.bytes.clear();
        self.found = None;
        self.pages.begin(0);
    }

    /// Appends the text at an address, if it is the one that was read.
    fn take(&self, address: u64, to: &mut Vec<u8>) -> Option<Text> {
        let (found, text) = self.found?;
        (found == address).then(|| {
            to.extend_from_slice(&self.bytes);
            text
        })
    }
}

/// Why there is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// The call passed no path at all; what it did was with the descriptor.
    Null,
    /// The path's memory cannot be read.
    Unreadable,
}

/// A path argument; made to be used again, so that reading a name allocates nothing.
#[derive(Debug, Default)]
pub(super) struct Name {
    /// What the look-up is given: the path as asked, behind the base's place in `/proc` if it has
    /// one; NUL at the end.
    lookup: Vec<u8>,
    /// Where in `lookup` the path as asked begins.
    asked_at: usize,
    /// The path made absolute.
    absolute: Vec<u8>,
    base: Base,
    /// Where it is found by us, when it leads to what every process has of its own in `/proc`.
    own: Option<CString>,
    /// Whether the path was longer than the kernel takes.
    too_long: bool,
}

impl Name {
    /// Reads a path argument of a stopped tracee.
    pub(super) fn read(
        &mut self,
        tid: pid_t,
        process: &mut Process,
        at: At,
        args: &[u64; 6],
        early: &EarlyText,
    ) -> Result<(), Missing> {
        self.lookup.clear();
        self.absolute.clear();
        self.asked_at = 0;
        self.base = Base::Root;
        self.own = None;
        let address = args[usize::from(at.path)];
        if address == 0 {
            return Err(Missing::Null);
        }
        let directory = match at.directory {
            Some(arg) => args[usize::from(arg)] as i32,
            None => libc::AT_FDCWD,
        };
        let text = early
            .take(address, &mut self.lookup)
            .unwrap_or_else(|| memory::read_text(tid, address, PATH_MAX, &mut self.lookup));
        self.too_long = match text {
            Text::Whole(_) => false,
            Text::Unended(_) => true,
            Text::Unreadable => return Err(Missing::Unreadable),
        };
        if self.lookup.starts_with(b"/") {
            self.absolute.extend_from_slice(&self.lookup);
        } else if directory == libc::AT_FDCWD {
            self.join_working(tid, process);
        } else {
            self.join_descriptor(tid, process, directory);
        }
        self.lookup.push(0);
        Ok(())
    }

    fn join_working(&mut self, tid: pid_t, process: &mut Process) {
        match process.working(tid) {
            Some(directory) => {
                let path = match &process.view {
                    Some(view) => view.inside(&directory.path),
                    None => &directory.path,
                };
                self.absolute.extend_from_slice(path);
                self.append_asked(0);
                self.base = Base::Working(directory);
            }
            None => {
                self.absolute.extend_from_slice(&self.lookup);
                self.base = Base::Nowhere;
            }
        }
    }

    fn join_descriptor(&mut self, tid: pid_t, process: &Process, fd: RawFd) {
        let asked_length = self.lookup.len();
        if let Err(errno) = Link::Fd(fd).read(tid, &mut self.absolute) {
            if errno == Errno::ENAMETOOLONG {
                self.absolute = TOO_DEEP.as_bytes().to_vec();
                self.append_asked(0);
                self.base = Base::Nowhere;
                return;
            }
            // Not open (EBADF), or no place to look from (ENOTDIR).
            self.absolute.clear();
            self.absolute.extend_from_slice(&self.lookup);
            self.base = Base::Nowhere;
            return;
        }
        if let Some(view) = &process.view {
            self.absolute = view.inside(&self.absolute).to_vec();
        }
        self.append_asked(0);
        if asked_length == 0 {
            self.base = Base::Nowhere;
            return;
        }
        Link::Fd(fd).with(tid, |link| {
            let link = link.to_bytes();
            self.asked_at = link.len() + 1;
            self.lookup.splice(0..0, link.iter().copied().chain([b'/']));
        });
        self.base = Base::Descriptor;
    }

    /// Appends the path as asked to the directory that `absolute` holds.
    fn append_asked(&mut self, from: usize) {
        let asked = &self.lookup[from..];
        if !asked.is_empty() {
            if self.absolute.last() != Some(&b'/') {
                self.absolute.push(b'/');
            }
            self.absolute.extend_from_slice(asked);
        }
    }

    /// The path as asked.
    pub(super) fn asked(&self) -> &[u8] {
        let end = self.lookup.len().saturating_sub(1);
        &self.lookup[self.asked_at.min(end)..end]
    }

    /// The path made absolute.
    pub(super) fn absolute(&self) -> &[u8] {
        &self.absolute
    }

    /// Notes whose name it is, a process's that sees files as we do.
    pub(super) fn is_of(&mut self, tid: pid_t, tgid: pid_t) {
        self.own = own_place(&self.absolute, tid, tgid);
    }

    /// Whether it is below `/proc/self`.
    pub(super) fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// The last component of the path.
    pub(super) fn last(&self) -> &[u8] {
        let end = self
            .absolute
            .iter()
            .rposition(|&byte| byte != b'/')
            .map_or(0, |at| at + 1);
        let path = &self.absolute[..end];
        match path.iter().rposition(|&byte| byte == b'/') {
            Some(slash) => &path[slash + 1..],
            None => path,
        }
    }

    /// What a look-up in the tracer's own name is to be given, when that finds what the tracee's
    /// will: a directory and a path.
    ///
    /// Some names mean something else to every process. `/proc/self` and what leads there
    /// (`/dev/stdin`, `/dev/fd`), `/dev/tty`, and the attributes in `/sys`, which their drivers
    /// guard: for these there is none, but for what is below `/proc/self`, which is below `/proc/TGID`
    /// for us.
    pub(super) fn place(&self) -> Option<(RawFd, &CStr)> {
        if let Some(own) = &self.own {
            return Some((libc::AT_FDCWD, own));
        }
        if self.too_long || self.asked().is_empty() || is_personal(&self.absolute) {
            return None;
        }
        let directory = match &self.base {
            Base::Root | Base::Descriptor => libc::AT_FDCWD,
            Base::Working(directory) => directory.fd()?,
            Base::Nowhere => return None,
        };
        let path = CStr::from_bytes_with_nul(&self.lookup).ok()?;
        Some((directory, path))
    }
}

/// The device files that are the same to everyone.
const COMMON_DEVICES: [&[u8]; 5] = [
    b"/dev/null",
    b"/dev/zero",
    b"/dev/full",
    b"/dev/random",
    b"/dev/urandom",
];

/// The files in `/proc` that tell everyone the same and that everyone may read.
const COMMON_FACTS: [&[u8]; 6] = [
    b"/proc/cpuinfo",
    b"/proc/filesystems",
    b"/proc/meminfo",
    b"/proc/stat",
    b"/proc/uptime",
    b"/proc/version",
];

/// Where we find what a thread finds below `/proc/self` or `/proc/thread-self`.
pub(super) fn own_place(path: &[u8], tid: pid_t, tgid: pid_t) -> Option<CString> {
    let rest = path.strip_prefix(b"/proc/")?;
    let (who, rest) = match rest.strip_prefix(b"self/") {
        Some(rest) => (format!("/proc/{tgid}/"), rest),
        None => (
            format!("/proc/{tgid}/task/{tid}/"),
            rest.strip_prefix(b"thread-self/")?,
        ),
    };
    // Up again is where `/proc/self` itself would be seen.
    let climbs = rest.split(|&byte| byte == b'/').any(|name| name == b"..");
    if climbs || rest.is_empty() {
        return None;
    }
    CString::new([who.as_bytes(), rest].concat()).ok()
}

/// Whether what an absolute path leads to may depend on who looks.
pub(super) fn is_personal(path: &[u8]) -> bool {
    let start = path.iter().take_while(|&&byte| byte == b'/').count();
    let rest = &path[start..];
    let below = |top: &[u8]| {
        rest.strip_prefix(top)
            .is_some_and(|below| below.is_empty() || below[0] == b'/')
    };
    if below(b"dev") {
        return !COMMON_DEVICES.contains(&path);
    }
    if below(b"proc") || below(b"sys") {
        return !COMMON_FACTS.contains(&path);
    }
    // `..` may lead up and down again into one of these.
    let climbs = path.windows(3).any(|window| window == b"/..");
    climbs
        && [&b"/proc"[..], b"/dev", b"/sys"]
            .iter()
            .any(|top| path.windows(top.len()).any(|window| window == *top))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_to_the_looking_process_is_personal() {
        for path in [
            &b"/proc/self/maps"[..],
            b"//proc/1",
            b"/proc",
            b"/dev/stdin",
            b"/dev/fd/3",
            b"/dev/tty",
            b"/sys/kernel/x",
            b"/home/../proc/self/exe",
        ] {
            assert!(is_personal(path), "{}", path.escape_ascii());
        }
        for path in [
            &b"/dev/null"[..],
            b"/etc/passwd",
            b"/process",
            b"/home/dev/x",
            b"/home/../etc",
            b"/proc/filesystems",
            b"",
        ] {
            assert!(!is_personal(path), "{}", path.escape_ascii());
        }
    }

    #[test]
    fn what_a_process_has_of_its_own_is_found_by_its_number() {
        for (path, place) in [
            ("/proc/self/maps", Some("/proc/7/maps")),
            ("/proc/self/fd/3", Some("/proc/7/fd/3")),
            ("/proc/thread-self/comm", Some("/proc/7/task/8/comm")),
            ("/proc/self", None),
            ("/proc/self/", None),
            ("/proc/self/../self/exe", None),
            ("/proc/selfish/x", None),
            ("/proc/7/maps", None),
        ] {
            let found = own_place(path.as_bytes(), 8, 7);
            assert_eq!(
                found.as_ref().map(|found| found.to_str().unwrap()),
                place,
                "{path}"
            );
        }
    }
}
