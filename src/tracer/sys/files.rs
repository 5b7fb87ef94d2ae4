//! Look-ups of names, and what an open file or socket is.

use super::{Result, check};
use libc::{c_int, c_long, pid_t};
use nix::sys::resource::{Resource, getrlimit};
use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::LazyLock;

/// What statx(2) told about a name.
#[derive(Clone, Copy, Debug)]
pub(in crate::tracer) struct Status {
    /// Type and permissions, as in `st_mode`.
    pub(in crate::tracer) mode: u32,
    /// Major and minor number of the device the file is on.
    pub(in crate::tracer) device: (u32, u32),
    /// The mount by which it is reached; 0 where the kernel does not say.
    pub(in crate::tracer) mount: u64,
    /// The inode's number on that device.
    pub(in crate::tracer) inode: u64,
    /// Major and minor number of the device the file is.
    pub(in crate::tracer) special: (u32, u32),
    /// Whose it is.
    pub(in crate::tracer) owner: u32,
    /// Its size in bytes.
    pub(in crate::tracer) size: u64,
    /// When its content or attributes last changed: seconds and nanoseconds since the Epoch.
    pub(in crate::tracer) changed: (i64, u32),
    /// Whether it has attributes that forbid what its permissions allow (append-only, fs-verity).
    pub(in crate::tracer) is_restricted: bool,
}

/// Which file it is: the device that it is on, and its inode's number there.
pub(in crate::tracer) type FileId = ((u32, u32), u64);

impl Status {
    /// Which file it is.
    pub(in crate::tracer) fn id(self) -> FileId {
        (self.device, self.inode)
    }

    /// The file's type (`S_IFMT` of its mode).
    pub(in crate::tracer) fn kind(self) -> u32 {
        self.mode & libc::S_IFMT
    }
}

/// Attributes of a file that forbid more than its permissions do.
const RESTRICTING: u64 =
    (libc::STATX_ATTR_APPEND | libc::STATX_ATTR_IMMUTABLE | libc::STATX_ATTR_VERITY) as u64;

/// Asks about a name; with `AT_*` flags of statx(2).
pub(in crate::tracer) fn status(directory: RawFd, path: &CStr, flags: c_int) -> Result<Status> {
    let mut got = std::mem::MaybeUninit::<libc::statx>::uninit();
    // SAFETY: the path ends in NUL and `got` has room for the structure.
    let returned = unsafe {
        libc::statx(
            directory,
            path.as_ptr(),
            flags | libc::AT_NO_AUTOMOUNT | libc::AT_STATX_DONT_SYNC,
            libc::STATX_TYPE
                | libc::STATX_MODE
                | libc::STATX_INO
                | libc::STATX_UID
                | libc::STATX_SIZE
                | libc::STATX_CTIME
                | libc::STATX_MNT_ID,
            got.as_mut_ptr(),
        )
    };
    check(c_long::from(returned))?;
    // SAFETY: the call succeeded, so the kernel has written the whole structure.
    let got = unsafe { got.assume_init() };
    Ok(Status {
        mode: u32::from(got.stx_mode),
        device: (got.stx_dev_major, got.stx_dev_minor),
        mount: got.stx_mnt_id,
        inode: got.stx_ino,
        special: (got.stx_rdev_major, got.stx_rdev_minor),
        owner: got.stx_uid,
        size: got.stx_size,
        changed: (got.stx_ctime.tv_sec, got.stx_ctime.tv_nsec),
        is_restricted: got.stx_attributes & RESTRICTING != 0,
    })
}

/// Asks whether a name may be used so; flags as of faccessat2(2).
pub(in crate::tracer) fn access(
    directory: RawFd,
    path: &CStr,
    mode: c_int,
    flags: c_int,
) -> Result<()> {
    // SAFETY: the path ends in NUL. The C library's wrapper is not used because it emulates flags.
    check(unsafe { libc::syscall(libc::SYS_faccessat2, directory, path.as_ptr(), mode, flags) })
        .map(drop)
}

/// Reads a symbolic link; how many bytes of `buffer` its text took.
pub(in crate::tracer) fn read_link(
    directory: RawFd,
    path: &CStr,
    buffer: &mut [u8],
) -> Result<usize> {
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
pub(in crate::tracer) fn open_file(directory: RawFd, path: &CStr) -> Result<OwnedFd> {
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
pub(in crate::tracer) fn open_directory(path: &CStr) -> Result<OwnedFd> {
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
pub(in crate::tracer) fn open_in_root(
    root: BorrowedFd<'_>,
    path: &CStr,
    follow: bool,
) -> Result<OwnedFd> {
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

/// How many descriptors are left for what is looked at and closed again.
pub(in crate::tracer) const SPARE_DESCRIPTORS: u64 = 32;

/// A descriptor that is to be kept, unless too few would be left: they are given out lowest first.
pub(in crate::tracer) fn kept(fd: OwnedFd) -> Option<OwnedFd> {
    static LIMIT: LazyLock<u64> = LazyLock::new(|| {
        getrlimit(Resource::RLIMIT_NOFILE).map_or(u64::MAX, |(current, _)| current)
    });
    let number = u64::try_from(fd.as_raw_fd()).unwrap_or(u64::MAX);
    (number < LIMIT.saturating_sub(SPARE_DESCRIPTORS)).then_some(fd)
}

/// Whether an open file has capabilities of its own (capabilities(7), "File capabilities").
pub(in crate::tracer) fn has_capabilities(file: BorrowedFd<'_>) -> bool {
    // SAFETY: the name ends in NUL; a size of 0 asks for the length only.
    let length = unsafe {
        libc::fgetxattr(
            file.as_raw_fd(),
            c"security.capability".as_ptr(),
            ptr::null_mut(),
            0,
        )
    };
    length > 0
}

/// A copy of a descriptor of another process.
pub(in crate::tracer) fn borrow_descriptor(pid: pid_t, fd: RawFd) -> Result<OwnedFd> {
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
pub(in crate::tracer) fn socket_protocol(socket: BorrowedFd<'_>) -> Result<c_int> {
    let mut protocol = 0;
    // SAFETY: the option is an int.
    unsafe { socket_option(socket, libc::SO_PROTOCOL, &mut protocol) }.map(|()| protocol)
}

/// The process that asked to listen at the other end of a connected Unix socket (`SO_PEERCRED`), which may
/// have ended since; 0 when it has no number here.
pub(in crate::tracer) fn socket_listener(socket: BorrowedFd<'_>) -> Result<pid_t> {
    let mut peer = libc::ucred {
        pid: 0,
        uid: 0,
        gid: 0,
    };
    // SAFETY: the option is a `struct ucred`.
    unsafe { socket_option(socket, libc::SO_PEERCRED, &mut peer) }.map(|()| peer.pid)
}

/// Reads an option of a socket.
///
/// # Safety
/// Any bytes that the kernel may write for the option must be a `T`.
unsafe fn socket_option<T>(socket: BorrowedFd<'_>, option: c_int, value: &mut T) -> Result<()> {
    let mut length = size_of::<T>() as libc::socklen_t;
    // SAFETY: there is room for as many bytes as said, and the caller vouches for what they are.
    check(c_long::from(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            option,
            ptr::from_mut(value).cast(),
            &raw mut length,
        )
    }))
    .map(drop)
}

/// A call that tells an address of a socket: getsockname(2) or getpeername(2).
type Tells = unsafe extern "C" fn(c_int, *mut libc::sockaddr, *mut libc::socklen_t) -> c_int;

/// The address a socket is connected to, as the bytes of its `sockaddr`.
pub(in crate::tracer) fn socket_peer<'a>(
    socket: BorrowedFd<'_>,
    buffer: &'a mut [u8],
) -> Result<&'a [u8]> {
    socket_address(libc::getpeername, socket, buffer)
}

/// The address a socket is bound to, as the bytes of its `sockaddr`.
pub(in crate::tracer) fn socket_name<'a>(
    socket: BorrowedFd<'_>,
    buffer: &'a mut [u8],
) -> Result<&'a [u8]> {
    socket_address(libc::getsockname, socket, buffer)
}

fn socket_address<'a>(
    tells: Tells,
    socket: BorrowedFd<'_>,
    buffer: &'a mut [u8],
) -> Result<&'a [u8]> {
    let mut length = buffer.len() as libc::socklen_t;
    // SAFETY: the buffer is as long as said; the kernel writes no more and alignment is not asked
    // for by the system call, which copies bytes.
    check(c_long::from(unsafe {
        tells(
            socket.as_raw_fd(),
            buffer.as_mut_ptr().cast(),
            &raw mut length,
        )
    }))?;
    let length = (length as usize).min(buffer.len());
    Ok(&buffer[..length])
}
