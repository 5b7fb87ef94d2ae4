//! When the outcome of a call can be known before the kernel runs it, and what it is.
//!
//! A second stop at a call's end doubles its cost. For calls that only look at names, open existing
//! files, enter a directory or execute a program, the tracer asks the kernel the same question just
//! before the tracee does; every answer here is the kernel's, never a guess from remembered state. (What
//! is remembered is what a file holds and what we may do with it, for as long as the kernel says that it
//! is the same; and for a moment that a loader is there, which thousands of programs have in common. If it
//! has gone meanwhile, a gap says that a program was refused.) Where the answer might differ (other rights, another root, a name that another traced
//! process is about to change, what depends on who asks), there is none, and the end of the call is
//! awaited.

use super::abi::Look;
use super::grants::Grants;
use super::image::{Chain, Image, MOST_INTERPRETERS};
use super::images::{Images, Version, is_settled, version};
use super::name::Name;
use super::registered::{self, Rules};
use super::sys;
use crate::trace::{Errno, Outcome};
use hashbrown::HashMap;
use libc::c_int;
use std::ffi::{CStr, CString};
use std::os::fd::RawFd;
use std::time::{Duration, Instant};

/// The major number of memory devices (`/dev/null` and its like).
const MEMORY_DEVICES: u32 = 1;

/// How long a loader is taken to be where it was seen.
const MOMENT: Duration = Duration::from_millis(100);

/// How many loaders are remembered before all are forgotten; there are hardly ever more than two.
const MOST_LOADERS: usize = 16;

/// Flags of an open that ask for no more than to read what exists.
const PLAIN_READ: c_int = libc::O_CLOEXEC
    | libc::O_DIRECTORY
    | libc::O_NOFOLLOW
    | libc::O_NOCTTY
    | libc::O_NONBLOCK
    | LARGE_FILE;

/// Flags of an open that ask for no more than to write what exists.
const PLAIN_WRITE: c_int =
    PLAIN_READ | libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC | libc::O_APPEND;

/// Flags that make no difference to `/dev/null`.
const NULL_FLAGS: c_int = libc::O_ACCMODE
    | libc::O_CLOEXEC
    | libc::O_NOFOLLOW
    | libc::O_NOCTTY
    | libc::O_NONBLOCK
    | libc::O_CREAT
    | libc::O_TRUNC
    | libc::O_APPEND
    | LARGE_FILE;

/// The kernel's `O_LARGEFILE`: the C library's is 0 on 64-bit machines.
const LARGE_FILE: c_int = 0o100_000;

/// The flags that stat-like calls take.
const STATUS_FLAGS: u32 = (libc::AT_SYMLINK_NOFOLLOW
    | libc::AT_NO_AUTOMOUNT
    | libc::AT_EMPTY_PATH
    | libc::AT_STATX_FORCE_SYNC
    | libc::AT_STATX_DONT_SYNC) as u32;

fn failure(errno: nix::errno::Errno) -> Outcome {
    Outcome::Failure(Errno(errno as i32))
}

fn outcome(result: sys::Result<()>) -> Outcome {
    match result {
        Ok(()) => Outcome::Success,
        Err(errno) => failure(errno),
    }
}

/// What the look-ups need to know about this machine.
#[derive(Debug)]
pub(super) struct Policy {
    /// The devices that `/proc` and `/sys` are on.
    personal: [Option<(u32, u32)>; 2],
    /// Who we are, and who sees as we do.
    user: u32,
    images: Images,
    grants: Grants,
    /// Loaders that could be executed, and when that was seen.
    loaders: HashMap<Vec<u8>, Instant>,
    /// Which files are run by interpreters that they do not name.
    rules: Rules,
}

/// What will become of executing a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Execution {
    /// The file runs, or what it says that runs it.
    Runs {
        /// Whether what runs in the end should get rights of its own.
        is_raised: bool,
    },
    /// It fails.
    Fails(Outcome),
}

/// What a name is the name of, as far as others are found through it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Link,
    Directory,
    /// A regular file that may be executed.
    Program,
    /// Something else, or nothing.
    Other,
    /// It cannot be said.
    Unknown,
}

/// What will become of opening a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Opening {
    /// Whether it succeeds.
    pub(super) outcome: Outcome,
    /// The regular file that is then open to be read.
    pub(super) file: Option<Version>,
}

impl From<Outcome> for Opening {
    fn from(outcome: Outcome) -> Self {
        Self {
            outcome,
            file: None,
        }
    }
}

/// What a look-up of a name found.
enum Found {
    File(sys::Status),
    Nothing(Outcome),
    /// It cannot be said: the answer may be another for the tracee.
    Unsure,
}

impl Policy {
    /// Asks where `/proc` and `/sys` are.
    pub(super) fn new() -> Self {
        let device = |path| {
            sys::status(libc::AT_FDCWD, path, 0)
                .ok()
                .map(|status| status.device)
        };
        Self {
            personal: [device(c"/proc"), device(c"/sys")],
            user: nix::unistd::geteuid().as_raw(),
            images: Images::default(),
            grants: Grants::default(),
            loaders: HashMap::new(),
            rules: Rules::find(),
        }
    }

    /// Somebody is about to register interpreters.
    pub(super) fn rules_change(&mut self) {
        self.rules.may_change();
    }

    /// Programs are about to go, or directories to move.
    pub(super) fn names_go(&mut self) {
        self.loaders.clear();
    }

    /// Looks a name up, following a symbolic link at its end when `follow` says so.
    fn find(&self, name: &Name, follow: bool) -> Found {
        let Some((directory, path)) = name.place() else {
            return Found::Unsure;
        };
        let status = match sys::status(directory, path, libc::AT_SYMLINK_NOFOLLOW) {
            Ok(status) => status,
            Err(errno) => return Found::Nothing(failure(errno)),
        };
        if status.kind() != libc::S_IFLNK {
            return Found::File(status);
        }
        if !follow {
            return Found::File(status);
        }
        // A link may lead to `/proc/self`, where each process sees its own.
        match sys::status(directory, path, 0) {
            Ok(status) if !self.personal.contains(&Some(status.device)) => Found::File(status),
            _ => Found::Unsure,
        }
    }

    /// What a name is the name of.
    pub(super) fn kind(&self, name: &Name) -> Kind {
        match self.find(name, false) {
            Found::File(status) => match status.kind() {
                libc::S_IFLNK => Kind::Link,
                libc::S_IFDIR => Kind::Directory,
                libc::S_IFREG if status.mode & 0o111 != 0 => Kind::Program,
                _ => Kind::Other,
            },
            Found::Nothing(_) => Kind::Other,
            Found::Unsure => Kind::Unknown,
        }
    }

    /// Whether to open a name waits for nobody, or fails at once.
    pub(super) fn opens_at_once(&self, name: &Name) -> bool {
        match self.find(name, true) {
            Found::File(status) => matches!(status.kind(), libc::S_IFREG | libc::S_IFDIR),
            Found::Nothing(_) => true,
            Found::Unsure => false,
        }
    }

    /// What will become of opening an existing file, if it is sure.
    pub(super) fn open(&mut self, name: &Name, flags: c_int) -> Option<Opening> {
        if flags & libc::O_PATH != 0 {
            return self.open_place(name, flags).map(Opening::from);
        }
        if name.asked() == b"/dev/null" && flags & !NULL_FLAGS == 0 {
            return self.open_null(name, flags).map(Opening::from);
        }
        if flags & !PLAIN_READ != 0 {
            return self.open_to_write(name, flags).map(Opening::from);
        }
        let status = match self.find(name, flags & libc::O_NOFOLLOW == 0) {
            Found::File(status) => status,
            Found::Nothing(outcome) => return Some(outcome.into()),
            Found::Unsure => return None,
        };
        let file = match status.kind() {
            libc::S_IFDIR => None,
            libc::S_IFREG if flags & libc::O_DIRECTORY != 0 => {
                return Some(failure(nix::errno::Errno::ENOTDIR).into());
            }
            libc::S_IFREG => Some(version(&status)),
            // A FIFO, device or socket: opening one may wait, or fail for reasons of its own.
            _ => return None,
        };
        let (directory, path) = name.place()?;
        let granted = self.grants.ask(directory, path, &status, libc::R_OK);
        Some(Opening {
            file: file.filter(|_| granted.is_ok()),
            outcome: outcome(granted),
        })
    }

    /// The outcome of opening a file as a mere place (`O_PATH`), if it is sure.
    fn open_place(&self, name: &Name, flags: c_int) -> Option<Outcome> {
        match self.find(name, flags & libc::O_NOFOLLOW == 0) {
            Found::Nothing(outcome) => Some(outcome),
            Found::File(status) => match status.kind() {
                libc::S_IFLNK => None,
                libc::S_IFDIR => Some(Outcome::Success),
                _ if flags & libc::O_DIRECTORY != 0 => Some(failure(nix::errno::Errno::ENOTDIR)),
                _ => Some(Outcome::Success),
            },
            Found::Unsure => None,
        }
    }

    /// The outcome of opening a file to write it that exists already, if it is sure.
    fn open_to_write(&self, name: &Name, flags: c_int) -> Option<Outcome> {
        if flags & !PLAIN_WRITE != 0 || flags & libc::O_DIRECTORY != 0 {
            return None;
        }
        let Found::File(status) = self.find(name, flags & libc::O_NOFOLLOW == 0) else {
            return None;
        };
        // One that may be executed may be running (ETXTBSY); one of another's may be protected where
        // everyone may write (proc_sys_fs(5), protected_regular).
        let is_sure = status.kind() == libc::S_IFREG
            && status.mode & 0o111 == 0
            && status.owner == self.user
            && !status.is_restricted;
        if !is_sure {
            return None;
        }
        let mode = match flags & libc::O_ACCMODE {
            libc::O_RDONLY if flags & libc::O_TRUNC == 0 => libc::R_OK,
            libc::O_WRONLY => libc::W_OK,
            _ => libc::R_OK | libc::W_OK,
        };
        let (directory, path) = name.place()?;
        Some(outcome(sys::access(
            directory,
            path,
            mode,
            libc::AT_EACCESS,
        )))
    }

    /// The outcome of making a directory the working one, if it is sure.
    pub(super) fn enter(&mut self, name: &Name) -> Option<Outcome> {
        let status = match self.find(name, true) {
            Found::File(status) => status,
            Found::Nothing(outcome) => return Some(outcome),
            Found::Unsure => return None,
        };
        if status.kind() != libc::S_IFDIR {
            return Some(failure(nix::errno::Errno::ENOTDIR));
        }
        let (directory, path) = name.place()?;
        let granted = self.grants.ask(directory, path, &status, libc::X_OK);
        Some(outcome(granted))
    }

    /// What will become of executing a file, if it is sure.
    ///
    /// Success is when the file and what the kernel opens to run it are there, may be executed and
    /// are what they should be, and the file was not written a moment ago: it may still be open for that
    /// (ETXTBSY). That the kernel still refuses, for want of memory, is left to be noticed.
    pub(super) fn execute(&mut self, name: &Name) -> Option<Execution> {
        let status = match self.find(name, true) {
            Found::File(status) => status,
            Found::Nothing(outcome) => return Some(Execution::Fails(outcome)),
            Found::Unsure => return None,
        };
        let (directory, path) = name.place()?;
        if status.kind() != libc::S_IFREG {
            return None;
        }
        if let Err(errno) = self.grants.ask(directory, path, &status, libc::X_OK) {
            return Some(Execution::Fails(failure(errno)));
        }
        if !is_settled(&status) {
            return None;
        }
        let is_raised = self.runs(directory, path, &status, MOST_INTERPRETERS)?;
        Some(Execution::Runs { is_raised })
    }

    /// Whether a program of which the status is given should get rights of its own.
    pub(super) fn raises(&mut self, directory: RawFd, path: &CStr, status: &sys::Status) -> bool {
        status.mode & (libc::S_ISUID | libc::S_ISGID) != 0
            || self.images.has_capabilities(directory, path, status)
    }

    /// What the kernel opens beside a file to run it; `find` says where a name in it is found.
    pub(super) fn chain(
        &mut self,
        path: &[u8],
        find: impl Fn(Vec<u8>) -> Option<Vec<u8>>,
    ) -> Chain {
        Chain::of(&mut self.images, path, find)
    }

    /// The same for a file that is not what runs, if an interpreter is registered for it.
    pub(super) fn registered_chain(&mut self, path: &[u8], runs: Vec<u8>) -> Option<Chain> {
        let rules = &self.rules;
        let may_match = |kind| rules.may_match(path, kind);
        Chain::by_registration(&mut self.images, path, runs, may_match)
    }

    /// Whether a regular file that may be executed, and runs, should get rights of its own; none when
    /// it does not run.
    fn runs(
        &mut self,
        directory: RawFd,
        path: &CStr,
        status: &sys::Status,
        interpreters: usize,
    ) -> Option<bool> {
        match self.images.at(directory, path, status) {
            Image::Elf { loader, is_native } => {
                let is_ours = is_native
                    && !self
                        .rules
                        .may_match(path.to_bytes(), registered::Kind::Program);
                let runs = is_ours && loader.as_ref().is_none_or(|loader| self.may_load(loader));
                runs.then(|| self.raises(directory, path, status))
            }
            Image::Script(interpreter)
                if interpreters > 0
                    && !self
                        .rules
                        .may_match(path.to_bytes(), registered::Kind::Script) =>
            {
                let (path, status) = self.may_be_executed(&interpreter)?;
                self.runs(libc::AT_FDCWD, &path, &status, interpreters - 1)
            }
            Image::Script(_) | Image::Other | Image::Unread => None,
        }
    }

    /// Whether a loader may be executed.
    fn may_load(&mut self, loader: &[u8]) -> bool {
        if self
            .loaders
            .get(loader)
            .is_some_and(|seen| seen.elapsed() < MOMENT)
        {
            return true;
        }
        let now = Instant::now();
        let may = self.may_be_executed(loader).is_some();
        if may {
            if self.loaders.len() >= MOST_LOADERS {
                self.loaders.clear();
            }
            self.loaders.insert(loader.to_vec(), now);
        }
        may
    }

    /// Shells open `/dev/null` all the time, and with the flags that make a file.
    fn open_null(&self, name: &Name, flags: c_int) -> Option<Outcome> {
        let Found::File(status) = self.find(name, false) else {
            return None;
        };
        if status.kind() != libc::S_IFCHR || status.special.0 != MEMORY_DEVICES {
            return None;
        }
        let mode = match flags & libc::O_ACCMODE {
            libc::O_RDONLY => libc::R_OK,
            libc::O_WRONLY => libc::W_OK,
            _ => libc::R_OK | libc::W_OK,
        };
        let (directory, path) = name.place()?;
        sys::access(directory, path, mode, libc::AT_EACCESS)
            .is_ok()
            .then_some(Outcome::Success)
    }

    /// The outcome of looking at a name, if it is sure.
    pub(super) fn look(&self, name: &Name, look: Look, args: &[u64; 6]) -> Option<Outcome> {
        let arg = |index: u8| args[usize::from(index)];
        match look {
            Look::Status => self.status(name, true),
            Look::LinkStatus => self.status(name, false),
            Look::StatusFlags(flags) => {
                let flags = arg(flags) as u32;
                if flags & !STATUS_FLAGS != 0 {
                    return None;
                }
                self.status(name, flags & libc::AT_SYMLINK_NOFOLLOW as u32 == 0)
            }
            Look::Access(mode, flags) => {
                let flags = flags.map_or(0, |flags| arg(flags) as c_int);
                let (directory, path) = name.place()?;
                Some(outcome(sys::access(
                    directory,
                    path,
                    arg(mode) as c_int,
                    flags,
                )))
            }
            Look::Link(size) => {
                if arg(size) as c_int <= 0 {
                    return None;
                }
                let (directory, path) = name.place()?;
                let mut text = [0; 16];
                Some(outcome(
                    sys::read_link(directory, path, &mut text).map(drop),
                ))
            }
        }
    }

    fn status(&self, name: &Name, follow: bool) -> Option<Outcome> {
        match self.find(name, follow) {
            Found::File(_) => Some(Outcome::Success),
            Found::Nothing(outcome) => Some(outcome),
            Found::Unsure => None,
        }
    }

    /// The path of a regular file that may be executed, if it is one wherever it is looked at from.
    fn may_be_executed(&mut self, path: &[u8]) -> Option<(CString, sys::Status)> {
        let path = path.starts_with(b"/").then(|| CString::new(path).ok())??;
        let status = sys::status(libc::AT_FDCWD, &path, 0).ok()?;
        let may = status.kind() == libc::S_IFREG
            && self
                .grants
                .ask(libc::AT_FDCWD, &path, &status, libc::X_OK)
                .is_ok();
        may.then_some((path, status))
    }
}
