//! How a process sees the file system when that is not as the tracer sees it: from another root
//! directory (chroot), or with other mounts (a mount namespace).
//!
//! Its paths mean something else to us. What they lead to is found through the process's own root,
//! and then looked for among our mounts; a path of ours is only given when the very same file is
//! there.

use super::mounts::Mount;
use super::name::is_personal;
use super::proc::Link;
use super::sys;
use libc::pid_t;
use std::ffi::CString;
use std::fs;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

/// A view that is not ours.
#[derive(Debug)]
pub(super) struct View {
    tag: Vec<u8>,
    /// The root directory as the kernel names it to us; empty when that is `/`.
    root: Vec<u8>,
    /// The root directory, none when too many are open, or we may not open it.
    directory: Option<OwnedFd>,
    has_our_mounts: bool,
}

/// A file of a process that we see, too.
#[derive(Debug)]
pub(super) struct Seen {
    /// Our path of it.
    pub(super) path: Vec<u8>,
    /// Whether the path by which the process reached it leads us there as well.
    pub(super) is_same: bool,
}

fn mount_namespace(of: &str) -> Option<Vec<u8>> {
    let link = fs::read_link(format!("/proc/{of}/ns/mnt")).ok()?;
    Some(link.as_os_str().as_bytes().to_vec())
}

fn root_directory(tid: pid_t) -> Option<OwnedFd> {
    Link::Root.with(tid, sys::open_directory).ok()
}

impl View {
    /// That of a process; none when it is ours.
    pub(super) fn of(tid: pid_t) -> Option<Self> {
        let mut root = Vec::new();
        if Link::Root.read(tid, &mut root).is_err() || root == b"/" {
            root.clear();
        }
        let ours = mount_namespace("thread-self");
        let theirs = mount_namespace(&tid.to_string());
        // Where it cannot be said there is no way to see more either.
        let has_our_mounts = theirs.is_none() || theirs == ours;
        if has_our_mounts && root.is_empty() {
            return None;
        }
        let namespace = theirs.filter(|_| !has_our_mounts).unwrap_or_default();
        Some(Self {
            tag: [namespace, root.clone()].concat(),
            directory: root_directory(tid).and_then(sys::kept),
            root,
            has_our_mounts,
        })
    }

    /// What it is called in the trace: the root directory, behind the mount namespace
    /// (`mnt:[4026532201]`) if that is not ours.
    pub(super) fn tag(&self) -> &[u8] {
        &self.tag
    }

    /// A path as the kernel names it to us, as the process names it.
    pub(super) fn inside<'a>(&self, path: &'a [u8]) -> &'a [u8] {
        match path.strip_prefix(self.root.as_slice()) {
            Some([]) => b"/",
            Some(inside) if inside[0] == b'/' => inside,
            _ => path,
        }
    }

    /// What a path of the process leads to, if we see it; the last component is itself followed when
    /// `follow` says so.
    pub(super) fn resolve(&self, tid: pid_t, path: &[u8], follow: bool) -> Option<Seen> {
        if is_personal(path) {
            return None;
        }
        let asked = CString::new(path).ok()?;
        let opened = match self.directory {
            Some(_) => None,
            None => root_directory(tid),
        };
        let root = self.directory.as_ref().or(opened.as_ref())?;
        let file = sys::open_in_root(root.as_fd(), &asked, follow).ok()?;
        let ours = std::process::id().cast_signed();
        self.find(tid, ours, Link::Fd(file.as_raw_fd()), path, follow)
    }

    /// What a link of `/proc/TID` leads to, that was reached by a path.
    pub(super) fn linked(&self, tid: pid_t, link: Link, path: &[u8]) -> Option<Seen> {
        self.find(tid, tid, link, path, true)
    }

    /// What a link of `/proc/OWNER` leads to, a file that a thread of the process reached by a path.
    fn find(
        &self,
        tid: pid_t,
        owner: pid_t,
        link: Link,
        asked: &[u8],
        follow: bool,
    ) -> Option<Seen> {
        let mut path = Vec::new();
        link.read(owner, &mut path).ok()?;
        let file = link
            .with(owner, |link| sys::status(libc::AT_FDCWD, link, 0))
            .ok()?;
        let leads_to_it = |path: &[u8], follow| {
            let flags = if follow { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
            let found = CString::new(path)
                .ok()
                .and_then(|path| sys::status(libc::AT_FDCWD, &path, flags).ok());
            found.is_some_and(|found| (found.device, found.inode) == (file.device, file.inode))
        };
        let is_it = |path: &[u8]| leads_to_it(path, false);
        let path = if is_it(&path) {
            path
        } else {
            self.elsewhere(tid, &path, is_it)?
        };
        Some(Seen {
            is_same: asked.starts_with(b"/") && leads_to_it(asked, follow),
            path,
        })
    }

    /// Where something is among our mounts that is at this path among the process's.
    fn elsewhere(&self, tid: pid_t, path: &[u8], is_it: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
        if self.has_our_mounts {
            return None;
        }
        let theirs = Mount::all(&format!("/proc/{tid}/mountinfo"));
        let ours = Mount::all("/proc/thread-self/mountinfo");
        let inside = self.inside(path);
        // Of those mounted in one place the last hides the others.
        let mount = theirs
            .iter()
            .filter(|mount| mount.below(inside).is_some())
            .max_by_key(|mount| mount.point.len())?;
        let in_file_system = mount.in_file_system(inside)?;
        ours.iter()
            .filter(|ours| ours.device == mount.device)
            .filter_map(|ours| ours.path(&in_file_system))
            .find(|path| is_it(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_below_a_changed_root_is_named_as_the_process_names_it() {
        let view = |root: &str| View {
            tag: Vec::new(),
            root: root.into(),
            directory: None,
            has_our_mounts: true,
        };
        assert_eq!(view("/jail").inside(b"/jail/etc"), b"/etc");
        assert_eq!(view("/jail").inside(b"/jail"), b"/");
        assert_eq!(view("/jail").inside(b"/jailer"), b"/jailer");
        assert_eq!(view("").inside(b"/jail"), b"/jail");
    }

    #[test]
    fn our_own_view_is_none() {
        assert!(View::of(std::process::id().cast_signed()).is_none());
    }
}
