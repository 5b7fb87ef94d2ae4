//! With which arguments a call is worth a look, and the numbers that this takes.

use super::{Atom, Condition};
use crate::trace::dns;

/// A descriptor argument that is negative: `AT_FDCWD`, or no descriptor at all.
pub(super) const NEGATIVE: u32 = 1 << 31;
pub(super) const EMPTY_PATH: u32 = libc::AT_EMPTY_PATH as u32;

/// fstat and its like come as a stat with `AT_EMPTY_PATH` on a descriptor: no name is involved.
pub(super) const STATUS_FLAGS_3: Condition =
    &[&[Atom::None(3, EMPTY_PATH)], &[Atom::Any(0, NEGATIVE)]];
pub(super) const STATUS_FLAGS_2: Condition =
    &[&[Atom::None(2, EMPTY_PATH)], &[Atom::Any(0, NEGATIVE)]];

/// A readlink that is no step of the GNU C library's realpath(3), which asks so of every directory on
/// a path. A compiler does that for each header that it reads: two thirds of all it asks for.
///
/// The library (since 2.33), and the copy of it in gnulib, keeps the name and what a link holds in two
/// of the three buffers of a structure (`struct realpath_bufs`), and leaves a byte of the latter free.
pub(super) const NO_STEP_OF_REALPATH: Condition = &[
    &[Atom::Not(2, LINK_SIZE)],
    &[Atom::NotPast(0, 1, NAME_TO_LINK)],
];
/// The same of readlinkat.
pub(super) const NO_STEP_OF_REALPATH_AT: Condition = &[
    &[Atom::Not(3, LINK_SIZE)],
    &[Atom::NotPast(1, 2, NAME_TO_LINK)],
];
/// The bytes of a `struct scratch_buffer` that realpath has readlink fill.
const LINK_SIZE: u32 = 1023;
/// Two times the size of a `struct scratch_buffer`: its address, its length and 1024 bytes, aligned.
const NAME_TO_LINK: u32 = 2 * (16 + 1024);

/// mmap of a file as code: `prot` in argument 2, `flags` in 3.
pub(super) const CODE_OF_A_FILE: Condition = &[&[
    Atom::Any(2, libc::PROT_EXEC as u32),
    Atom::None(3, libc::MAP_ANONYMOUS as u32),
]];

pub(super) const NEW_NAMESPACE: u32 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWUTS) as u32;

/// Children that ask not to be traced, get a view of their own, or share a working directory.
pub(super) const UNUSUAL_CHILD: Condition = &[
    &[Atom::Any(0, libc::CLONE_UNTRACED as u32 | NEW_NAMESPACE)],
    &[
        Atom::Any(0, libc::CLONE_FS as u32),
        Atom::None(0, libc::CLONE_THREAD as u32),
    ],
];

/// `RLIMIT_NOFILE` of `<asm-generic/resource.h>`. Each C library has a type of its own for it.
const OPEN_FILES: u32 = 7;
pub(super) const OPEN_FILES_LIMIT: Condition = &[&[Atom::In(0, &[OPEN_FILES])]];
pub(super) const NEW_OPEN_FILES_LIMIT: Condition =
    &[&[Atom::In(1, &[OPEN_FILES]), Atom::NonZero(2)]];

/// ptrace requests that give somebody a tracer.
pub(super) const ASKS_FOR_A_TRACER: Condition =
    &[&[Atom::In(0, &[PTRACE_TRACEME, PTRACE_ATTACH, PTRACE_SEIZE])]];
/// These, of `<linux/ptrace.h>`. Each C library has a type of its own for them.
pub(in crate::tracer) const PTRACE_TRACEME: u32 = 0;
const PTRACE_ATTACH: u32 = 16;
const PTRACE_SEIZE: u32 = 0x4206;

/// prctl operations that install a filter.
pub(super) const SETS_SECCOMP: Condition = &[&[Atom::In(0, &[libc::PR_SET_SECCOMP as u32])]];

/// fsconfig(2): a path, or a path that may be empty, is given to the file system.
pub(super) const SETS_PATH: &[Atom] = &[Atom::In(1, &[3, 4])];
/// fsconfig(2): a string is given to the file system.
pub(super) const SETS_STRING: &[Atom] = &[Atom::In(1, &[FSCONFIG_SET_STRING])];
/// `FSCONFIG_SET_STRING` of `<linux/mount.h>`.
pub(in crate::tracer) const FSCONFIG_SET_STRING: u32 = 1;

/// bpf(2): commands with a path.
pub(super) const NAMES_AN_OBJECT: Condition = &[&[Atom::In(0, &[BPF_OBJ_PIN, BPF_OBJ_GET])]];
/// `BPF_OBJ_PIN` of `<linux/bpf.h>`.
pub(in crate::tracer) const BPF_OBJ_PIN: u32 = 6;
/// `BPF_OBJ_GET` of `<linux/bpf.h>`.
pub(in crate::tracer) const BPF_OBJ_GET: u32 = 7;

/// sendto(2) with an address, or as the C library's send(3) asks a resolver that the socket is connected
/// to: a query is shorter than 512 bytes, and no signal is wanted where the other side is gone. That
/// much is all that a filter can tell of what is sent.
pub(super) const SENDS_TO_ADDRESS_OR_RESOLVER: Condition = &[
    &[Atom::NonZero(4)],
    &[
        Atom::None(2, !(dns::LONGEST_QUERY as u32 - 1)),
        Atom::In(3, &[libc::MSG_NOSIGNAL as u32]),
    ],
];

/// recvfrom(2) by who wants to know the sender, as resolvers do. recv(3), by which streams are read, is
/// the same call without that.
pub(super) const WANTS_THE_SENDER: Condition = &[&[Atom::NonZero(4)]];

/// recvmsg(2) without flags, as musl receives answers. Those who receive descriptors with their
/// messages (D-Bus, Wayland), or do not wait for them, have flags.
pub(super) const RECEIVES_AS_A_RESOLVER: Condition = &[&[Atom::In(2, &[0])]];

/// socketcall(2): bind, connect, listen, sendto, recvfrom, sendmsg, recvmsg, sendmmsg. What else there is
/// about them is not among the arguments. Streams are not read by recvfrom: recv has its own number.
pub(super) const SOCKET_CALLS_WITH_ADDRESS: Condition = &[&[Atom::In(
    0,
    &[
        SOCKETCALL_BIND,
        SOCKETCALL_CONNECT,
        SOCKETCALL_LISTEN,
        SOCKETCALL_SENDTO,
        SOCKETCALL_RECVFROM,
        SOCKETCALL_SENDMSG,
        SOCKETCALL_RECVMSG,
        SOCKETCALL_SENDMMSG,
    ],
)]];
/// `SYS_BIND` of `<linux/net.h>`.
pub(in crate::tracer) const SOCKETCALL_BIND: u32 = 2;
/// `SYS_CONNECT` of `<linux/net.h>`.
pub(in crate::tracer) const SOCKETCALL_CONNECT: u32 = 3;
/// `SYS_LISTEN` of `<linux/net.h>`.
pub(in crate::tracer) const SOCKETCALL_LISTEN: u32 = 4;
/// `SYS_SENDTO` of `<linux/net.h>`.
pub(in crate::tracer) const SOCKETCALL_SENDTO: u32 = 11;
/// `SYS_RECVFROM` of `<linux/net.h>`.
pub(in crate::tracer) const SOCKETCALL_RECVFROM: u32 = 12;
/// `SYS_SENDMSG` of `<linux/net.h>`.
pub(in crate::tracer) const SOCKETCALL_SENDMSG: u32 = 16;
/// `SYS_RECVMSG` of `<linux/net.h>`.
pub(in crate::tracer) const SOCKETCALL_RECVMSG: u32 = 17;
/// `SYS_SENDMMSG` of `<linux/net.h>`.
pub(in crate::tracer) const SOCKETCALL_SENDMMSG: u32 = 20;
