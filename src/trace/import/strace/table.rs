//! The calls that matter, and how their arguments name files.

use crate::trace::{ContactAction, Operation};
use std::sync::LazyLock;

/// How a call's arguments name files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A path relative to the working directory, as this argument.
    Path(Operation, usize),
    /// A descriptor and a path, from this argument on.
    At(Operation, usize),
    /// A path and its target.
    Paths(Operation),
    /// A descriptor and a path, twice.
    Ats(Operation),
    /// A link's text, perhaps a descriptor, and its path.
    NewLink {
        has_descriptor: bool,
    },
    /// An open: where the path begins (with a descriptor before it or not) and the flags.
    Open {
        is_at: bool,
        flags: usize,
    },
    /// An open file.
    Descriptor(Operation),
    Mapping,
    Run {
        is_at: bool,
    },
    Fork,
    Clone,
    Duplicate,
    Control,
    Close,
    CloseRange,
    WorkingDirectory,
    Socket,
    /// An address, as this argument.
    Address(ContactAction, usize),
    Message,
    Messages,
    Receive,
    ReceiveMessage,
    Listen,
    Ring,
}

/// The calls that matter, sorted by name.
const CALLS: &[(&str, Shape)] = {
    use Operation::*;
    use Shape::*;
    &[
        ("access", Path(Check, 0)),
        ("bind", Address(ContactAction::Bind, 1)),
        ("chdir", Path(ChangeDirectory, 0)),
        ("chmod", Path(SetAttributes, 0)),
        ("chown", Path(SetAttributes, 0)),
        ("chroot", Path(ChangeRoot, 0)),
        ("clone", Clone),
        ("clone2", Clone),
        ("clone3", Clone),
        ("close", Close),
        ("close_range", CloseRange),
        ("connect", Address(ContactAction::Connect, 1)),
        (
            "creat",
            Open {
                is_at: false,
                flags: usize::MAX,
            },
        ),
        ("dup", Duplicate),
        ("dup2", Duplicate),
        ("dup3", Duplicate),
        ("execve", Run { is_at: false }),
        ("execveat", Run { is_at: true }),
        ("faccessat", At(Check, 0)),
        ("faccessat2", At(Check, 0)),
        ("fchdir", Descriptor(ChangeDirectory)),
        ("fchmodat", At(SetAttributes, 0)),
        ("fchownat", At(SetAttributes, 0)),
        ("fcntl", Control),
        ("fcntl64", Control),
        ("fork", Fork),
        ("fstatat64", At(Stat, 0)),
        ("futimesat", At(SetAttributes, 0)),
        ("getcwd", WorkingDirectory),
        ("getdents", Descriptor(List)),
        ("getdents64", Descriptor(List)),
        ("getxattr", Path(GetAttributes, 0)),
        ("io_uring_setup", Ring),
        ("lchown", Path(SetAttributes, 0)),
        ("lgetxattr", Path(GetAttributes, 0)),
        ("link", Paths(Link)),
        ("linkat", Ats(Link)),
        ("listen", Listen),
        ("listxattr", Path(GetAttributes, 0)),
        ("llistxattr", Path(GetAttributes, 0)),
        ("lremovexattr", Path(SetAttributes, 0)),
        ("lsetxattr", Path(SetAttributes, 0)),
        ("lstat", Path(Stat, 0)),
        ("lstat64", Path(Stat, 0)),
        ("mkdir", Path(MakeDirectory, 0)),
        ("mkdirat", At(MakeDirectory, 0)),
        ("mknod", Path(MakeNode, 0)),
        ("mknodat", At(MakeNode, 0)),
        ("mmap", Mapping),
        ("mmap2", Mapping),
        ("newfstatat", At(Stat, 0)),
        ("old_mmap", Mapping),
        (
            "open",
            Open {
                is_at: false,
                flags: 1,
            },
        ),
        (
            "openat",
            Open {
                is_at: true,
                flags: 2,
            },
        ),
        (
            "openat2",
            Open {
                is_at: true,
                flags: 2,
            },
        ),
        ("pivot_root", Paths(ChangeRoot)),
        ("readlink", Path(ReadLink, 0)),
        ("readlinkat", At(ReadLink, 0)),
        ("recvfrom", Receive),
        ("recvmsg", ReceiveMessage),
        ("removexattr", Path(SetAttributes, 0)),
        ("rename", Paths(Rename)),
        ("renameat", Ats(Rename)),
        ("renameat2", Ats(Rename)),
        ("rmdir", Path(Remove, 0)),
        ("sendmmsg", Messages),
        ("sendmsg", Message),
        ("sendto", Address(ContactAction::Send, 4)),
        ("setxattr", Path(SetAttributes, 0)),
        ("socket", Socket),
        ("stat", Path(Stat, 0)),
        ("stat64", Path(Stat, 0)),
        ("statfs", Path(GetAttributes, 0)),
        ("statfs64", Path(GetAttributes, 0)),
        ("statx", At(Stat, 0)),
        (
            "symlink",
            NewLink {
                has_descriptor: false,
            },
        ),
        (
            "symlinkat",
            NewLink {
                has_descriptor: true,
            },
        ),
        ("truncate", Path(Truncate, 0)),
        ("truncate64", Path(Truncate, 0)),
        ("unlink", Path(Remove, 0)),
        ("unlinkat", At(Remove, 0)),
        ("utime", Path(SetAttributes, 0)),
        ("utimensat", At(SetAttributes, 0)),
        ("utimes", Path(SetAttributes, 0)),
        ("vfork", Fork),
    ]
};

/// A call's name, and its shape.
type Named = (&'static [u8], Shape);

/// The longest name of a call that matters, and one.
const LENGTHS: usize = 16;

/// The calls by the lengths of their names: each line of a log asks, and there are few of a length.
static BY_LENGTH: LazyLock<[Vec<Named>; LENGTHS]> = LazyLock::new(|| {
    std::array::from_fn(|length| {
        let calls = CALLS.iter().filter(|(name, _)| name.len() == length);
        calls
            .map(|(name, shape)| (name.as_bytes(), *shape))
            .collect()
    })
});

/// The shape of a call, if it matters.
pub(super) fn shape(name: &[u8]) -> Option<Shape> {
    let calls = BY_LENGTH.get(name.len())?;
    let found = calls.iter().find(|(known, _)| *known == name);
    found.map(|(_, shape)| *shape)
}

/// Whether a call of this name matters.
pub(super) fn matters(name: &[u8]) -> bool {
    shape(name).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_is_there_once_and_found() {
        assert!(CALLS.is_sorted_by(|a, b| a.0 < b.0));
        assert!(CALLS.iter().all(|(name, _)| matters(name.as_bytes())));
        assert!(!matters(b"read") && !matters(b"a_name_that_is_longer_than_all"));
    }
}
