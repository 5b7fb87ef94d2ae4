//! System calls as data: what they are called, what their arguments mean, and their numbers in
//! each architecture's table.
//!
//! The control flow that reads a call is the same for all of them (see `decode`); a new call is a
//! line in [`CALLS`]. The tables have every call that Linux has, also those that are of no interest:
//! a number that is in none of them is a call that may do anything.

mod aarch64;
mod conditions;
mod habits;
mod i386;
mod unified;
mod x86_64;

pub(super) use conditions::{
    BPF_OBJ_GET, BPF_OBJ_PIN, FSCONFIG_SET_STRING, PTRACE_TRACEME, SOCKETCALL_BIND,
    SOCKETCALL_CONNECT, SOCKETCALL_LISTEN, SOCKETCALL_RECVFROM, SOCKETCALL_RECVMSG,
    SOCKETCALL_SENDMMSG, SOCKETCALL_SENDMSG, SOCKETCALL_SENDTO,
};

pub(super) use habits::{Habit, PAGE, of_loader as habits_of_loader};

use super::memory::Width;
use super::sys::RawCall;
use crate::trace::{ContactAction, Operation};
use conditions::{
    ASKS_FOR_A_TRACER, CODE_OF_A_FILE, NAMES_AN_OBJECT, NEW_OPEN_FILES_LIMIT, NO_STEP_OF_REALPATH,
    NO_STEP_OF_REALPATH_AT, OPEN_FILES_LIMIT, RECEIVES_AS_A_RESOLVER, SENDS_TO_ADDRESS_OR_RESOLVER,
    SETS_PATH, SETS_SECCOMP, SETS_STRING, SOCKET_CALLS_WITH_ADDRESS, STATUS_FLAGS_2,
    STATUS_FLAGS_3, UNUSUAL_CHILD, WANTS_THE_SENDER,
};

/// A condition on a call's arguments that the seccomp filter can test.
#[derive(Clone, Copy, Debug)]
pub(super) enum Atom {
    /// At least one of these bits of the argument's low half is set.
    Any(u8, u32),
    /// None of these bits of the argument's low half is set.
    None(u8, u32),
    /// The argument's low half is one of these.
    In(u8, &'static [u32]),
    /// The argument is not 0.
    NonZero(u8),
    /// The argument's low half is not this.
    Not(u8, u32),
    /// The second argument's low half is not the first's plus this.
    NotPast(u8, u8, u32),
}

impl Atom {
    fn holds(self, args: &[u64; 6]) -> bool {
        let low = |arg: u8| args[usize::from(arg)] as u32;
        match self {
            Self::Any(arg, bits) => low(arg) & bits != 0,
            Self::None(arg, bits) => low(arg) & bits == 0,
            Self::In(arg, values) => values.contains(&low(arg)),
            Self::NonZero(arg) => args[usize::from(arg)] != 0,
            Self::Not(arg, value) => low(arg) != value,
            Self::NotPast(from, to, distance) => low(to).wrapping_sub(low(from)) != distance,
        }
    }
}

/// When a call is worth a look: when all atoms of any of these hold.
pub(super) type Condition = &'static [&'static [Atom]];

const ALWAYS: Condition = &[&[]];

/// A path argument: where the directory's descriptor is, if the call has one, and the path.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    /// The argument with the directory; none when it is the working directory.
    pub(super) directory: Option<u8>,
    /// The argument with the path.
    pub(super) path: u8,
}

const fn path(path: u8) -> At {
    At {
        directory: None,
        path,
    }
}

const fn at(directory: u8) -> At {
    At {
        directory: Some(directory),
        path: directory + 1,
    }
}

/// Where the flags of an open are.
#[derive(Clone, Copy, Debug)]
pub(super) enum OpenFlags {
    /// In this argument.
    Argument(u8),
    /// There are none: creat.
    Create,
    /// In the first word of the `struct open_how` that this argument points at.
    How(u8),
}

/// Where a call that only looks at a name has its flags, and what it asks.
#[derive(Clone, Copy, Debug)]
pub(super) enum Look {
    /// stat-like, following the last symbolic link.
    Status,
    /// stat-like, not following it.
    LinkStatus,
    /// stat-like, with `AT_*` flags in this argument.
    StatusFlags(u8),
    /// access-like, with the mode in this argument and `AT_*` flags, if any, in the other.
    Access(u8, Option<u8>),
    /// readlink-like, with the buffer's size in this argument.
    Link(u8),
}

/// What a call wants with the cores that a task may use.
#[derive(Clone, Copy, Debug)]
pub(super) enum CoreUse {
    /// To know them.
    Ask,
    /// To choose them.
    Order,
}

/// What a call's arguments mean.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// A file is opened.
    Open(At, OpenFlags),
    /// A name is looked at and nothing is changed.
    Look(Operation, At, Look),
    /// Something else is done with a name.
    Name(Operation, At),
    /// Something is done with two names.
    Names(Operation, At, At),
    /// A descriptor of a name's place among the mounts is made, or of a copy of it; the flags.
    Tree(At, u8),
    /// A descriptor is made of what has no name in the call: a file handle, another process's
    /// descriptor.
    Unnamed,
    /// Something is mounted: what (a device, a directory, or a mere word), and where.
    Mount(u8, At),
    /// A mount is told where its file system comes from, if this key says so, by this name.
    MountSource(u8, At),
    /// What is mounted at a place is taken away or changed.
    Unmount(At),
    /// What is mounted at one place, or nowhere yet, goes to another.
    MoveMount(At, At),
    /// A BPF object gets a name or is found by it: the command and its `union bpf_attr`.
    Object(u8, u8),
    /// A symbolic link with the text of the first argument is made.
    Symlink(u8, At),
    /// A program is executed: path, argument array and, where there are any, flags.
    Execute(At, u8, Option<u8>),
    /// The directory behind the descriptor in this argument is read.
    List(u8),
    /// The file behind the descriptor in this argument is mapped.
    Map(u8),
    /// A file may be mapped, as the array of arguments that this one points at says.
    MapArguments(u8),
    /// The working directory becomes the one behind this descriptor.
    ChangeDirectory(u8),
    /// A socket address is used: descriptor, address, length.
    Address(ContactAction, u8, u8, u8),
    /// A message header may hold an address: descriptor, header.
    Message(u8, u8),
    /// Message headers may hold addresses: descriptor, array of headers, their number.
    Messages(u8, u8, u8),
    /// Something is received: descriptor, buffer, its length, where the sender's address goes.
    Receive(u8, u8, u8, u8),
    /// A message is received: descriptor, header.
    ReceiveMessage(u8, u8),
    /// A socket listens.
    Listen(u8),
    /// i386's socketcall: the call's number, and its arguments as an array.
    SocketCall(u8, u8),
    /// A child is made, with flags in this argument.
    Clone(u8),
    /// A child is made, with flags in the first word of the structure this argument points at.
    CloneArguments(u8),
    /// The process's identity or rights change.
    Credentials,
    /// The process's view of the file system changes (unshare, setns, landlock_restrict_self).
    Namespaces,
    /// The limit on open files may change: the new value.
    Limit(u8),
    /// An io_uring is set up.
    Ring,
    /// It is asked or said which cores a task may use.
    Cores(CoreUse),
    /// The process traces or wants to be traced.
    Trace,
    /// The process installs a filter of its own: where the flags are, if it can have any.
    Filter(Option<u8>),
}

impl Shape {
    /// Its path argument, or the first of two.
    pub(super) fn path(self) -> Option<At> {
        match self {
            Self::Open(at, _)
            | Self::Look(_, at, _)
            | Self::Name(_, at)
            | Self::Names(_, at, _)
            | Self::Symlink(_, at)
            | Self::Execute(at, ..) => Some(at),
            _ => None,
        }
    }
}

/// A system call that is decoded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    /// Its name, as in its manual page.
    pub(super) name: &'static str,
    /// What its arguments mean.
    pub(super) shape: Shape,
    /// When it is worth a look.
    pub(super) when: Condition,
}

impl Call {
    /// The same call, as it is seen in this detail.
    fn seen_in(self, detail: Detail) -> Self {
        let when = match (self.shape, detail) {
            (Shape::Look(.., Look::Link(_)), Detail::Full) => ALWAYS,
            _ => self.when,
        };
        Self { when, ..self }
    }

    /// Whether a call with these arguments is worth a look, wherever it comes from.
    fn is_wanted(&self, args: &[u64; 6]) -> bool {
        self.when
            .iter()
            .any(|atoms| atoms.iter().all(|atom| atom.holds(args)))
    }
}

const fn call(name: &'static str, shape: Shape) -> Call {
    Call {
        name,
        shape,
        when: ALWAYS,
    }
}

const fn call_when(name: &'static str, shape: Shape, when: Condition) -> Call {
    Call { name, shape, when }
}

/// Every system call that is decoded, with the meaning of its arguments, the same in all tables.
#[rustfmt::skip]
pub(super) static CALLS: &[Call] = {
    use ContactAction::{Bind, Connect, Send};
    use Operation::{
        ChangeDirectory, ChangeRoot, Check, GetAttributes, Link, MakeDirectory, MakeNode, Map,
        ReadLink, ReadWrite, Remove, Rename, SetAttributes, Stat, Truncate, Write,
    };
    use Shape::{Address, Credentials, Look as Looks, Name, Names, Open, Tree, Unnamed};
    &[
        call("open", Open(path(0), OpenFlags::Argument(1))),
        call("openat", Open(at(0), OpenFlags::Argument(2))),
        call("openat2", Open(at(0), OpenFlags::How(2))),
        call("creat", Open(path(0), OpenFlags::Create)),
        call("open_tree", Tree(at(0), 2)),
        call("open_tree_attr", Tree(at(0), 2)),
        call("open_by_handle_at", Unnamed),
        call("pidfd_getfd", Unnamed),
        call_when("acct", Name(Write, path(0)), &[&[Atom::NonZero(0)]]),
        call("swapon", Name(ReadWrite, path(0))),
        call("swapoff", Name(ReadWrite, path(0))),
        call("uselib", Name(Map, path(0))),
        call_when("bpf", Shape::Object(0, 1), NAMES_AN_OBJECT),

        call("stat", Looks(Stat, path(0), Look::Status)),
        call("stat64", Looks(Stat, path(0), Look::Status)),
        call("oldstat", Looks(Stat, path(0), Look::Status)),
        call("lstat", Looks(Stat, path(0), Look::LinkStatus)),
        call("lstat64", Looks(Stat, path(0), Look::LinkStatus)),
        call("oldlstat", Looks(Stat, path(0), Look::LinkStatus)),
        call_when("newfstatat", Looks(Stat, at(0), Look::StatusFlags(3)), STATUS_FLAGS_3),
        call_when("fstatat64", Looks(Stat, at(0), Look::StatusFlags(3)), STATUS_FLAGS_3),
        call_when("statx", Looks(Stat, at(0), Look::StatusFlags(2)), STATUS_FLAGS_2),
        call("access", Looks(Check, path(0), Look::Access(1, None))),
        call("faccessat", Looks(Check, at(0), Look::Access(2, None))),
        call("faccessat2", Looks(Check, at(0), Look::Access(2, Some(3)))),
        call_when("readlink", Looks(ReadLink, path(0), Look::Link(2)), NO_STEP_OF_REALPATH),
        call_when("readlinkat", Looks(ReadLink, at(0), Look::Link(3)), NO_STEP_OF_REALPATH_AT),

        call("execve", Shape::Execute(path(0), 1, None)),
        call("execveat", Shape::Execute(at(0), 2, Some(4))),
        call("getdents", Shape::List(0)),
        call("getdents64", Shape::List(0)),
        call("readdir", Shape::List(0)),
        call_when("mmap", Shape::Map(4), CODE_OF_A_FILE),
        call_when("mmap2", Shape::Map(4), CODE_OF_A_FILE),
        call("old_mmap", Shape::MapArguments(0)),

        call("chdir", Name(ChangeDirectory, path(0))),
        call("fchdir", Shape::ChangeDirectory(0)),
        call("chroot", Name(ChangeRoot, path(0))),
        call("pivot_root", Names(ChangeRoot, path(0), path(1))),
        call("mkdir", Name(MakeDirectory, path(0))),
        call("mkdirat", Name(MakeDirectory, at(0))),
        call("mknod", Name(MakeNode, path(0))),
        call("mknodat", Name(MakeNode, at(0))),
        call("unlink", Name(Remove, path(0))),
        call("unlinkat", Name(Remove, at(0))),
        call("rmdir", Name(Remove, path(0))),
        call("rename", Names(Rename, path(0), path(1))),
        call("renameat", Names(Rename, at(0), at(2))),
        call("renameat2", Names(Rename, at(0), at(2))),
        call("link", Names(Link, path(0), path(1))),
        call("linkat", Names(Link, at(0), at(2))),
        call("symlink", Shape::Symlink(0, path(1))),
        call("symlinkat", Shape::Symlink(0, at(1))),
        call("truncate", Name(Truncate, path(0))),
        call("truncate64", Name(Truncate, path(0))),

        call("chmod", Name(SetAttributes, path(0))),
        call("fchmodat", Name(SetAttributes, at(0))),
        call("fchmodat2", Name(SetAttributes, at(0))),
        call("chown", Name(SetAttributes, path(0))),
        call("chown32", Name(SetAttributes, path(0))),
        call("lchown", Name(SetAttributes, path(0))),
        call("lchown32", Name(SetAttributes, path(0))),
        call("fchownat", Name(SetAttributes, at(0))),
        call("utime", Name(SetAttributes, path(0))),
        call("utimes", Name(SetAttributes, path(0))),
        call("futimesat", Name(SetAttributes, at(0))),
        call("utimensat", Name(SetAttributes, at(0))),
        call("utimensat_time64", Name(SetAttributes, at(0))),
        call("setxattr", Name(SetAttributes, path(0))),
        call("lsetxattr", Name(SetAttributes, path(0))),
        call("removexattr", Name(SetAttributes, path(0))),
        call("lremovexattr", Name(SetAttributes, path(0))),
        call("setxattrat", Name(SetAttributes, at(0))),
        call("removexattrat", Name(SetAttributes, at(0))),
        call("file_setattr", Name(SetAttributes, at(0))),
        call("getxattr", Name(GetAttributes, path(0))),
        call("lgetxattr", Name(GetAttributes, path(0))),
        call("listxattr", Name(GetAttributes, path(0))),
        call("llistxattr", Name(GetAttributes, path(0))),
        call("statfs", Name(GetAttributes, path(0))),
        call("statfs64", Name(GetAttributes, path(0))),
        call("name_to_handle_at", Name(GetAttributes, at(0))),
        call("getxattrat", Name(GetAttributes, at(0))),
        call("listxattrat", Name(GetAttributes, at(0))),
        call("file_getattr", Name(GetAttributes, at(0))),
        call_when("quotactl", Name(GetAttributes, path(1)), &[&[Atom::NonZero(1)]]),
        call("inotify_add_watch", Name(GetAttributes, path(1))),
        call("fanotify_mark", Name(GetAttributes, at(3))),
        // The mask has 64 bits and takes two arguments.
        call("compat_fanotify_mark", Name(GetAttributes, at(4))),

        call("connect", Address(Connect, 0, 1, 2)),
        call("bind", Address(Bind, 0, 1, 2)),
        call_when("sendto", Address(Send, 0, 4, 5), SENDS_TO_ADDRESS_OR_RESOLVER),
        call("sendmsg", Shape::Message(0, 1)),
        call("sendmmsg", Shape::Messages(0, 1, 2)),
        call_when("recvfrom", Shape::Receive(0, 1, 2, 4), WANTS_THE_SENDER),
        call_when("recvmsg", Shape::ReceiveMessage(0, 1), RECEIVES_AS_A_RESOLVER),
        call("listen", Shape::Listen(0)),
        call_when("socketcall", Shape::SocketCall(0, 1), SOCKET_CALLS_WITH_ADDRESS),

        call_when("clone", Shape::Clone(0), UNUSUAL_CHILD),
        call("clone3", Shape::CloneArguments(0)),
        call("unshare", Shape::Namespaces),
        call("setns", Shape::Namespaces),
        call("mount", Shape::Mount(0, path(1))),
        call("umount", Shape::Unmount(path(0))),
        call("umount2", Shape::Unmount(path(0))),
        call("move_mount", Shape::MoveMount(at(0), at(2))),
        call("mount_setattr", Shape::Unmount(at(0))),
        call("fspick", Name(GetAttributes, at(0))),
        call_when("fsconfig", Shape::MountSource(2, At { directory: Some(4), path: 3 }), &[
            SETS_PATH, SETS_STRING,
        ]),

        call("setuid", Credentials),
        call("setuid32", Credentials),
        call("setgid", Credentials),
        call("setgid32", Credentials),
        call("setreuid", Credentials),
        call("setreuid32", Credentials),
        call("setregid", Credentials),
        call("setregid32", Credentials),
        call("setresuid", Credentials),
        call("setresuid32", Credentials),
        call("setresgid", Credentials),
        call("setresgid32", Credentials),
        call("setfsuid", Credentials),
        call("setfsuid32", Credentials),
        call("setfsgid", Credentials),
        call("setfsgid32", Credentials),
        call("setgroups", Credentials),
        call("setgroups32", Credentials),
        call("capset", Credentials),
        call("landlock_restrict_self", Shape::Namespaces),
        call_when("setrlimit", Shape::Limit(1), OPEN_FILES_LIMIT),
        call_when("prlimit64", Shape::Limit(2), NEW_OPEN_FILES_LIMIT),

        call("sched_setaffinity", Shape::Cores(CoreUse::Order)),
        call("sched_getaffinity", Shape::Cores(CoreUse::Ask)),
        call("io_uring_setup", Shape::Ring),
        call_when("ptrace", Shape::Trace, ASKS_FOR_A_TRACER),
        call("seccomp", Shape::Filter(Some(1))),
        call_when("prctl", Shape::Filter(None), SETS_SECCOMP),
    ]
};

/// Whether calls that tell little and come often are seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    /// The steps of realpath(3) are left out, and the habits of loaders.
    Usual,
    /// Nothing is left out.
    Full,
}

/// A table of system calls.
#[derive(Debug)]
pub(super) struct Abi {
    /// What it is called.
    pub(super) name: &'static str,
    /// Its `AUDIT_ARCH_*` (`<linux/audit.h>`).
    pub(super) arch: u32,
    /// How wide its pointers are.
    pub(super) width: Width,
    /// The names and numbers that it does not share with all others.
    own: &'static [(&'static str, u32)],
}

impl Abi {
    /// Every name and number.
    fn numbers(&self) -> impl Iterator<Item = (&'static str, u32)> {
        self.own.iter().chain(unified::CALLS).copied()
    }
}

/// What a number of a table stands for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Entry {
    /// A call that is decoded.
    Decoded(Call),
    /// A call that names no file, or none that matters.
    Uninteresting,
    /// Nothing that is known.
    Unknown,
}

/// A table with its calls looked up.
#[derive(Debug)]
pub(super) struct Table {
    /// The table.
    pub(super) abi: &'static Abi,
    /// By number; all that follow are unknown.
    entries: Vec<Entry>,
    /// Calls that are not looked at.
    habits: Vec<Habit>,
}

impl Table {
    fn new(abi: &'static Abi, detail: Detail) -> Self {
        let mut entries = Vec::new();
        for (name, number) in abi.numbers() {
            let number = number as usize;
            if entries.len() <= number {
                entries.resize(number + 1, Entry::Unknown);
            }
            entries[number] = CALLS
                .iter()
                .find(|call| call.name == name)
                .map_or(Entry::Uninteresting, |call| {
                    Entry::Decoded(call.seen_in(detail))
                });
        }
        Self {
            abi,
            entries,
            habits: Vec::new(),
        }
    }

    /// What a number stands for.
    ///
    /// -1 is no call but a tracer's or a filter's way to skip one, which is of no interest.
    pub(super) fn entry(&self, number: u64) -> Entry {
        if number as u32 == u32::MAX {
            return Entry::Uninteresting;
        }
        usize::try_from(number)
            .ok()
            .and_then(|number| self.entries.get(number))
            .copied()
            .unwrap_or(Entry::Unknown)
    }

    /// Whether a call of this table is worth a look.
    pub(super) fn is_wanted(&self, call: &Call, raw: &RawCall) -> bool {
        call.is_wanted(&raw.args) && !self.habits.iter().any(|habit| habit.is(raw))
    }

    /// The habits that are not looked at, of the call with this number.
    pub(super) fn habits(&self, number: u32) -> impl Iterator<Item = Habit> {
        self.habits
            .iter()
            .copied()
            .filter(move |habit| habit.number == number)
    }

    /// All calls that are decoded, by number.
    pub(super) fn calls(&self) -> impl Iterator<Item = (u32, &Call)> {
        (0..)
            .zip(&self.entries)
            .filter_map(|(number, entry)| match entry {
                Entry::Decoded(call) => Some((number, call)),
                _ => None,
            })
    }

    /// The first and the last of each row of numbers that are unknown.
    pub(super) fn unknown(&self) -> Vec<(u32, u32)> {
        let mut rows: Vec<(u32, u32)> = Vec::new();
        let end = self.entries.len() as u32;
        for (number, entry) in (0..end).zip(&self.entries) {
            if !matches!(entry, Entry::Unknown) {
                continue;
            }
            match rows.last_mut() {
                Some((_, last)) if *last + 1 == number => *last = number,
                _ => rows.push((number, number)),
            }
        }
        rows.push((end, u32::MAX - 1));
        rows
    }
}

/// The tables that programs on this machine may use, its own first, in which these habits of loaders
/// are not looked at unless nothing is left out.
pub(super) fn tables(detail: Detail, habits: &[Habit]) -> Vec<Table> {
    let host: &[&Abi] = if cfg!(target_arch = "x86_64") {
        &[&x86_64::ABI, &i386::ABI]
    } else {
        &[&aarch64::ABI]
    };
    let mut tables: Vec<_> = host.iter().map(|abi| Table::new(abi, detail)).collect();
    if detail == Detail::Usual {
        tables[0].habits = habits.to_vec();
    }
    tables
}

/// The `AUDIT_ARCH_*` of this machine's own table.
#[cfg(target_arch = "x86_64")]
pub(super) const HOST_ARCH: u32 = x86_64::ABI.arch;

/// The bit that x32 programs set in the numbers of the x86-64 table (`__X32_SYSCALL_BIT`).
pub(super) const X32_BIT: u64 = 0x4000_0000;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const ALL: [&Abi; 3] = [&x86_64::ABI, &i386::ABI, &aarch64::ABI];

    #[test]
    fn no_table_gives_a_number_or_a_name_twice() {
        for abi in ALL {
            let (mut numbers, mut names) = (BTreeSet::new(), BTreeSet::new());
            for (name, number) in abi.numbers() {
                assert!(numbers.insert(number), "{}: {number} comes twice", abi.name);
                assert!(names.insert(name), "{}: {name} comes twice", abi.name);
            }
        }
    }

    #[test]
    fn the_tables_end_with_the_same_call() {
        for abi in ALL {
            assert_eq!(abi.numbers().last(), Some(("file_setattr", 469)));
            let own = abi.own.iter().map(|&(_, number)| number).max();
            assert!(own < Some(unified::CALLS[0].1), "{}", abi.name);
        }
    }

    #[test]
    fn every_description_is_used_by_a_table() {
        for call in CALLS {
            assert!(
                ALL.iter()
                    .any(|abi| abi.numbers().any(|(name, _)| name == call.name)),
                "{} has no number",
                call.name
            );
        }
    }

    /// The machine that this was compiled for, as the C library knows it.
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn the_numbers_are_those_of_the_c_library() {
        for (name, number) in [
            ("openat2", libc::SYS_openat2),
            ("execveat", libc::SYS_execveat),
            ("quotactl", libc::SYS_quotactl),
            ("uselib", libc::SYS_uselib),
            ("fanotify_mark", libc::SYS_fanotify_mark),
            ("bpf", libc::SYS_bpf),
            ("fchmodat2", libc::SYS_fchmodat2),
            ("mseal", libc::SYS_mseal),
        ] {
            let known = x86_64::ABI.numbers().find(|&(known, _)| known == name);
            assert_eq!(
                known.map(|(_, known)| i64::from(known)),
                Some(number),
                "{name}"
            );
        }
    }

    #[test]
    fn what_is_in_no_table_is_unknown() {
        let table = Table::new(&x86_64::ABI, Detail::Usual);
        assert_eq!(table.unknown(), [(337, 423), (470, u32::MAX - 1)]);
        for (first, last) in table.unknown() {
            assert!(matches!(table.entry(u64::from(first)), Entry::Unknown));
            assert!(matches!(table.entry(u64::from(last)), Entry::Unknown));
        }
        assert!(matches!(table.entry(0), Entry::Uninteresting));
        assert!(matches!(table.entry(u64::MAX), Entry::Uninteresting));
        assert!(matches!(table.entry(2), Entry::Decoded(call) if call.name == "open"));
    }

    #[test]
    fn an_fstat_is_not_worth_a_look_and_a_stat_is() {
        let call = CALLS.iter().find(|call| call.name == "newfstatat").unwrap();
        let flags = u64::from(conditions::EMPTY_PATH);
        assert!(!call.is_wanted(&[3, 0, 0, flags, 0, 0]));
        assert!(call.is_wanted(&[3, 0, 0, 0, 0, 0]));
        let cwd = u64::from(libc::AT_FDCWD.cast_unsigned());
        assert!(call.is_wanted(&[cwd, 0, 0, flags, 0, 0]));
    }

    #[test]
    fn a_receive_is_worth_a_look_only_as_the_c_libraries_receive_answers_of_dns_servers() {
        let wanted = |name, args: &[u64; 6]| {
            let call = CALLS.iter().find(|call| call.name == name).unwrap();
            call.is_wanted(args)
        };
        // recv(3) of a stream, and who wants to know the sender.
        assert!(!wanted("recvfrom", &[3, 0x1000, 2048, 0, 0, 0]));
        assert!(wanted("recvfrom", &[3, 0x1000, 2048, 0, 0x2000, 0x3000]));
        let flags = [libc::MSG_DONTWAIT, libc::MSG_CMSG_CLOEXEC, libc::MSG_PEEK];
        for flags in flags.map(|it| it as u64) {
            assert!(!wanted("recvmsg", &[3, 0x1000, flags, 0, 0, 0]));
        }
        assert!(wanted("recvmsg", &[3, 0x1000, 0, 0, 0, 0]));
        let table = Table::new(&x86_64::ABI, Detail::Usual);
        let is_seen = |name| table.calls().any(|(_, call)| call.name == name);
        assert!(!is_seen("read") && !is_seen("recvmmsg"));
    }

    #[test]
    fn a_step_of_realpath_is_worth_a_look_in_full_detail_only() {
        let of = |detail| {
            let table = Table::new(&x86_64::ABI, detail);
            let named = |name| {
                table
                    .calls()
                    .map(|(_, call)| *call)
                    .find(|it| it.name == name)
            };
            (named("readlink").unwrap(), named("readlinkat").unwrap())
        };
        let (usual, usual_at) = of(Detail::Usual);
        let (full, full_at) = of(Detail::Full);
        let name = 0x7fff_ffff_f000;
        for (buffer, size, is_step) in [
            (name + 2080, 1023, true),
            (name + 2080, 1024, false),
            (name + 1024, 1023, false),
        ] {
            assert_eq!(usual.is_wanted(&[name, buffer, size, 0, 0, 0]), !is_step);
            assert_eq!(usual_at.is_wanted(&[3, name, buffer, size, 0, 0]), !is_step);
            assert!(full.is_wanted(&[name, buffer, size, 0, 0, 0]));
            assert!(full_at.is_wanted(&[3, name, buffer, size, 0, 0]));
        }
    }
}
