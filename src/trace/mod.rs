//! What a traced command did: the typed events, and the file they are kept in.
//!
//! [`Record`] is the seam between whatever watches a command (the tracer, an importer) and
//! everything that judges what was seen. Its values are owned and plain: the tracee may be gone by
//! the time one is read. A field that could not be read is a value too (`None`), so that one bad
//! pointer never costs the event.
//!
//! This module knows the *form* of a trace. It does not know ptrace, packages or Nix.

pub mod bytes;
pub mod dns;
pub mod file;
pub mod import;
pub mod merge;
mod root;
pub mod scenario;
pub mod secrets;
pub(crate) mod steering;
mod whole;

pub use bytes::Bytes;
pub use file::{ReadError, Reader, Sink, Writer};
pub use scenario::{Runs, Scenario};
pub use whole::WholeWriter;

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::sync::LazyLock;

/// The newest trace format this version writes, and the newest it reads.
pub const FORMAT_VERSION: u32 = 1;

/// One process (thread group) of a trace, numbered from 0 in the order in which they were first
/// seen. Unlike a pid it is never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProcessId(pub u32);

/// Microseconds since the trace began.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Micros(pub u64);

/// One line of a trace file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Record {
    /// The first line.
    Header(Header),
    /// A process came into being.
    Started(Started),
    /// A process now runs another program.
    Executed(Executed),
    /// A process named a file.
    Accessed(Access),
    /// The access of an earlier `accessed` line with the same process, operation, path and outcome
    /// happened `count` more times; written when the process ends or runs another program.
    Repeated(Access),
    /// A process used a socket address.
    Contacted(Contact),
    /// A process was answered by a DNS server.
    Named(Named),
    /// A process ended.
    Exited(Exited),
    /// Something could not be seen.
    Gap(Gap),
    /// The last line; absent when the recording was cut short.
    Footer(Footer),
}

/// What was run, where and by which means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// See [`FORMAT_VERSION`]; a reader refuses a larger one.
    pub format: u32,
    /// The version of nixtrace that wrote the trace.
    pub nixtrace: String,
    /// `uname -sr`.
    pub kernel: String,
    /// `uname -m`.
    pub architecture: String,
    /// `ID`, `ID_LIKE` and `VERSION_ID` of os-release(5), where there is one.
    pub os: BTreeMap<String, String>,
    /// Seconds since the epoch when the command was started.
    pub start: u64,
    /// The command as it was given, with [`secrets`] hidden.
    pub argv: Vec<Bytes>,
    /// The directory it was started in.
    pub cwd: Bytes,
    /// The home directory of the user who ran it, if known.
    pub home: Option<Bytes>,
    /// The names of its environment variables, sorted. Values are not kept (see [`Executed::env`]).
    pub environment: Vec<Bytes>,
    /// The files that the command was given open (standard streams and others), by descriptor: it
    /// can use them without naming them. What is no file (a pipe, a socket) is left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inherited: Vec<Inherited>,
    /// The engine that watched: `notify`, `ptrace`, `syscall`, or the name of an importer.
    pub engine: String,
    /// Whether every outcome was read back from the kernel. When false, the outcome of calls that
    /// only look at or open existing files was determined just before the kernel ran them, and some
    /// calls are [unrecorded](Self::unrecorded).
    pub exact: bool,
    /// The runs of a merged trace, in the order of their records; empty for a trace of one run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scenarios: Vec<Scenario>,
}

/// A file that a command was given open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inherited {
    /// Its descriptor.
    pub fd: i32,
    /// Its path.
    pub path: Bytes,
}

impl Header {
    /// A header that says nothing, to be filled.
    fn empty() -> Self {
        Self {
            format: FORMAT_VERSION,
            nixtrace: String::new(),
            kernel: String::new(),
            architecture: String::new(),
            os: BTreeMap::new(),
            start: 0,
            argv: Vec::new(),
            cwd: Bytes::default(),
            home: None,
            environment: Vec::new(),
            inherited: Vec::new(),
            engine: String::new(),
            exact: false,
            scenarios: Vec::new(),
        }
    }

    /// Which calls for files are not in the trace, in words; none if all are.
    pub fn unrecorded(&self) -> Option<&'static str> {
        let is_ours = ["notify", "ptrace", "syscall"].contains(&self.engine.as_str());
        (is_ours && !self.exact).then_some(
            "links that only realpath(3) looked at, names that it missed, and the loader's own look for \
             ld.so.preload and ld.so.cache (--exact has them)",
        )
    }

    /// A header with nothing particular in it.
    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        Self {
            nixtrace: "0.0.0".to_owned(),
            kernel: "Linux 6.18".to_owned(),
            architecture: "x86_64".to_owned(),
            argv: vec!["./app".into()],
            cwd: "/home/ada/project".into(),
            home: Some("/home/ada".into()),
            inherited: vec![Inherited {
                fd: 0,
                path: "/home/ada/input".into(),
            }],
            engine: "notify".to_owned(),
            ..Self::empty()
        }
    }
}

/// A process came into being.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Started {
    /// Its number in this trace.
    pub process: ProcessId,
    /// Its process id, as the tracer's pid namespace counts.
    pub pid: i32,
    /// The process that made it; none for the command itself.
    pub parent: Option<ProcessId>,
    /// When.
    pub at: Micros,
}

/// A process now runs another program. A call that failed is an [`Access`] with
/// [`Operation::Execute`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Executed {
    /// The process.
    pub process: ProcessId,
    /// When.
    pub at: Micros,
    /// The file that was asked for, made absolute; none when it could not be read, or when what
    /// ran has no path (a memfd).
    pub path: Option<Bytes>,
    /// The same with symbolic links resolved, where that differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub real: Option<Bytes>,
    /// The process's view of the file system; see [`Access::root`]. The interpreters and the loader
    /// are named as nixtrace sees them then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<Bytes>,
    /// The arguments, the program's own name first, with [`secrets`] hidden.
    pub argv: Option<Vec<Bytes>>,
    /// The directory it ran in.
    pub cwd: Option<Bytes>,
    /// The `#!` interpreters that the kernel started for it, outermost script's first, as their
    /// `#!` lines name them (at most five deep); or the one that is registered for its kind of file
    /// (binfmt_misc), as it was seen to run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub interpreters: Vec<Bytes>,
    /// The dynamic loader (`PT_INTERP`) of the program that runs in the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loader: Option<Bytes>,
    /// Variables that steer where files are searched (`PATH`, `LD_LIBRARY_PATH`, `PYTHONPATH`, …):
    /// the only values that are kept.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, Bytes>,
}

/// A process named a file, or used one through a descriptor.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Access {
    /// The process.
    pub process: ProcessId,
    /// When it first did.
    pub at: Micros,
    /// What it did.
    #[serde(rename = "op")]
    pub operation: Operation,
    /// The path as asked, made absolute by joining it to the directory it was relative to; `.`,
    /// `..` and symbolic links are left in it.
    pub path: Bytes,
    /// The same with symbolic links, `.` and `..` resolved, where that differs and the file exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub real: Option<Bytes>,
    /// The process's view of the file system, where that is not nixtrace's and `path` does not lead to
    /// the same file for nixtrace: its root directory, behind its mount namespace
    /// (`mnt:[4026532201]`) if it has another one. `path` is as the process names it then, and `real`
    /// as nixtrace sees the same file; without `real` nixtrace cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<Bytes>,
    /// The other path of a rename or link (the new name), the text of a symbolic link, or what is
    /// mounted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Bytes>,
    /// How it ended.
    pub outcome: Outcome,
    /// How many times; 1 unless this is a [`Record::Repeated`].
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub count: u64,
}

fn one() -> u64 {
    1
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes fields by reference"
)]
fn is_one(count: &u64) -> bool {
    *count == 1
}

/// What was done with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// execve or execveat that failed; success is [`Executed`].
    Execute,
    /// mmap with `PROT_EXEC` of a file.
    Map,
    /// open for reading only.
    Read,
    /// open for writing only, or created.
    Write,
    /// open for reading and writing.
    ReadWrite,
    /// open with `O_PATH`: a name, not its content.
    OpenPath,
    /// getdents: the entries of a directory were read.
    List,
    /// stat, lstat, fstatat, statx.
    Stat,
    /// access, faccessat.
    Check,
    /// readlink.
    ReadLink,
    /// chdir, fchdir.
    ChangeDirectory,
    /// chroot, pivot_root.
    ChangeRoot,
    /// mkdir.
    MakeDirectory,
    /// mknod.
    MakeNode,
    /// unlink, rmdir.
    Remove,
    /// rename; `target` is the new name.
    Rename,
    /// link; `target` is the new name.
    Link,
    /// symlink; `path` is the new link, `target` its text.
    Symlink,
    /// truncate by name.
    Truncate,
    /// chmod, chown, utimes, setxattr: metadata written.
    SetAttributes,
    /// getxattr, listxattr, statfs and other questions about a name.
    GetAttributes,
}

impl Operation {
    /// Whether it acts on what a symbolic link at the end of its path leads to, not on the link.
    pub fn follows(self) -> bool {
        !matches!(
            self,
            Self::ReadLink
                | Self::MakeNode
                | Self::MakeDirectory
                | Self::Remove
                | Self::Rename
                | Self::Link
                | Self::Symlink
        )
    }
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The call succeeded.
    Success,
    /// The call failed with this error.
    Failure(Errno),
}

impl Outcome {
    /// Whether the call succeeded.
    pub fn is_success(self) -> bool {
        self == Self::Success
    }
}

/// An error number of Linux; shown by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Errno(pub i32);

impl Errno {
    /// No such file or directory.
    pub const ENOENT: Self = Self(libc::ENOENT);
    /// Permission denied.
    pub const EACCES: Self = Self(libc::EACCES);
}

impl Errno {
    /// The error that [`Display`](fmt::Display) writes so.
    pub fn from_name(name: &str) -> Option<Self> {
        static NAMES: LazyLock<HashMap<String, Errno>> = LazyLock::new(|| {
            // Linux's numbers end at 4095 (`MAX_ERRNO`).
            (1..=4095)
                .map(|raw| (Errno(raw).to_string(), Errno(raw)))
                .collect()
        });
        NAMES.get(name).copied()
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match nix::errno::Errno::from_raw(self.0) {
            nix::errno::Errno::UnknownErrno => write!(f, "E{}", self.0),
            known => write!(f, "{known:?}"),
        }
    }
}

/// `"ok"`, or the error's name (`"ENOENT"`; `"E530"` for a number without one).
impl Serialize for Outcome {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Success => serializer.serialize_str("ok"),
            Self::Failure(errno) => serializer.collect_str(errno),
        }
    }
}

impl<'de> Deserialize<'de> for Outcome {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        if text == "ok" {
            return Ok(Self::Success);
        }
        Errno::from_name(&text)
            .map(Self::Failure)
            .ok_or_else(|| serde::de::Error::custom(format!("unknown outcome {text:?}")))
    }
}

/// A process used a socket address.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Contact {
    /// The process.
    pub process: ProcessId,
    /// When it first did.
    pub at: Micros,
    /// What it did.
    pub action: ContactAction,
    /// With which address.
    #[serde(flatten)]
    pub endpoint: Endpoint,
    /// The name that a DNS query sent there asks for. What was answered is told by [`Named`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Bytes>,
    /// How it ended (`EINPROGRESS` is what a non-blocking connect gives).
    pub outcome: Outcome,
}

/// A process was told the addresses of a name by a DNS server that it had asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Named {
    /// The process.
    pub process: ProcessId,
    /// When it first was.
    pub at: Micros,
    /// The name, as it was asked for.
    pub name: Bytes,
    /// Its addresses, as far as that answer has them: those of each family come in one of their own.
    pub addresses: Vec<IpAddr>,
}

/// What was done with a socket address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ContactAction {
    /// connect.
    Connect,
    /// bind.
    Bind,
    /// listen, on the address that was bound before.
    Listen,
    /// sendto, sendmsg with an address.
    Send,
}

/// A socket address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "family", rename_all = "kebab-case")]
pub enum Endpoint {
    /// IPv4 or IPv6.
    Inet {
        /// `tcp`, `udp` or the protocol's number; none when the socket's type is not known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        protocol: Option<String>,
        /// The address.
        address: IpAddr,
        /// The port.
        port: u16,
    },
    /// A socket in the file system, its path made absolute.
    Unix {
        /// The path.
        path: Bytes,
    },
    /// A socket in Linux's abstract name space, or an unnamed one (empty).
    Abstract {
        /// The name without its leading NUL, lossy: NULs inside it are shown as `@`.
        name: Bytes,
    },
    /// Another address family, by its number in `<sys/socket.h>`.
    Other {
        /// The number.
        number: u16,
    },
}

/// A process ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exited {
    /// The process.
    pub process: ProcessId,
    /// When.
    pub at: Micros,
    /// How.
    #[serde(flatten)]
    pub status: ExitStatus,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExitStatus {
    /// It exited with this code, 0 to 255.
    Code(i32),
    /// A signal with this number killed it.
    Signal(i32),
}

impl ExitStatus {
    /// The status a shell would report: the code, or 128 and the signal's number.
    pub fn shell_code(self) -> u8 {
        let code = match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128 + signal,
        };
        (code & 0xff) as u8
    }
}

/// Something that could not be seen, and why.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Gap {
    /// The process, where one is to blame.
    pub process: Option<ProcessId>,
    /// When.
    pub at: Micros,
    /// What kind of thing.
    pub kind: GapKind,
    /// One sentence for a person.
    pub detail: String,
    /// How many times; 1 when it is first seen, and what came after that in a second line.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub count: u64,
}

/// The kinds of [`Gap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GapKind {
    /// io_uring was set up (or refused): operations through its rings are not system calls.
    IoUring,
    /// A child asked not to be traced.
    Untraced,
    /// A process that was already running was lost or could not be followed.
    LostProcess,
    /// A system call that the tables do not know.
    UnknownSyscall,
    /// Memory of the tracee could not be read where a call pointed.
    Unreadable,
    /// A look-up of the tracer's own failed or came too late: what it would have told is missing.
    LookUp,
    /// A call was expected to succeed and did not; with what error was not seen.
    Outcome,
    /// The program installed a seccomp filter or supervisor of its own that may hide calls.
    OwnSeccomp,
    /// The program tried to trace another process.
    NestedTracer,
    /// A set-user-id or capability-raising program could not be given its rights.
    Privilege,
    /// A system call of an ABI that is not decoded.
    ForeignAbi,
    /// The recording itself was cut short (full disk, interrupted).
    Truncated,
    /// The trace's engine had to fall back to a slower or less exact one.
    Fallback,
    /// Work was handed to a process outside the run, over a socket (systemd, dockerd, …).
    OutsideHelper,
    /// A trace of another program that was imported does not carry it.
    NotTold,
}

/// The last line of a complete trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Footer {
    /// How the command ended; none where nobody was told, as by some traces that are imported.
    #[serde(flatten)]
    pub status: Option<ExitStatus>,
    /// How long it ran.
    pub duration: Micros,
    /// How many processes there were.
    pub processes: u64,
    /// How many accesses there were, repeats included.
    pub accesses: u64,
    /// How many gaps there were.
    pub gaps: u64,
}
