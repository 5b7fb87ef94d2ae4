//! What we were allowed to do with files, remembered for as long as they stay as they are.
//!
//! Who may do what with a file is decided by its owner, permissions and access control list, and to
//! change any of these changes the time of the file's last change. The mount by which the file is
//! reached has a say as well (`noexec`). When the options of one change, that is not seen: the tracer
//! looks nothing up any more once a tracee changes mounts.

use super::images::{Version, is_settled, version};
use super::sys::{self, Status};
use hashbrown::HashSet;
use libc::c_int;
use std::ffi::CStr;
use std::os::fd::RawFd;

/// How many are remembered before all are forgotten.
const MOST_GRANTS: usize = 16384;

/// A file, the mount by which it is reached, and the use.
type Grant = (Version, u64, c_int);

/// What was granted.
#[derive(Debug, Default)]
pub(super) struct Grants {
    known: HashSet<Grant>,
}

impl Grants {
    /// Asks whether the file with that name, which has this status, may be used so (`R_OK`, `X_OK`).
    pub(super) fn ask(
        &mut self,
        directory: RawFd,
        path: &CStr,
        status: &Status,
        mode: c_int,
    ) -> sys::Result<()> {
        let grant = (version(status), status.mount, mode);
        if self.known.contains(&grant) {
            return Ok(());
        }
        sys::access(directory, path, mode, libc::AT_EACCESS)?;
        // By the same name it may be another file by now.
        let is_same = || {
            sys::status(directory, path, 0)
                .is_ok_and(|now| version(&now) == version(status) && now.mount == status.mount)
        };
        if is_settled(status) && is_same() {
            if self.known.len() >= MOST_GRANTS {
                self.known.clear();
            }
            self.known.insert(grant);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::errno::Errno;

    #[test]
    fn a_file_that_stays_as_it_is_is_asked_about_once() {
        let mut status = sys::status(libc::AT_FDCWD, c"/bin/sh", 0).unwrap();
        let mut grants = Grants::default();
        let mut ask = |path, status: &Status, mode| grants.ask(libc::AT_FDCWD, path, status, mode);
        assert_eq!(ask(c"/bin/sh", &status, libc::R_OK), Ok(()));
        // There is nothing to ask about at this path; the status says that there is no need to.
        assert_eq!(ask(c"/nowhere", &status, libc::R_OK), Ok(()));
        // To execute it is something else.
        assert_eq!(ask(c"/nowhere", &status, libc::X_OK), Err(Errno::ENOENT));
        // By another mount it may be forbidden.
        status.mount ^= 1;
        assert_eq!(ask(c"/nowhere", &status, libc::R_OK), Err(Errno::ENOENT));
        status.mount ^= 1;
        assert_eq!(ask(c"/nowhere", &status, libc::R_OK), Ok(()));
        status.changed.1 ^= 1;
        assert_eq!(ask(c"/nowhere", &status, libc::R_OK), Err(Errno::ENOENT));
    }

    #[test]
    fn a_name_that_is_another_file_meanwhile_grants_nothing() {
        let mut status = sys::status(libc::AT_FDCWD, c"/bin/sh", 0).unwrap();
        status.inode ^= 1;
        let mut grants = Grants::default();
        let mut ask = |path| grants.ask(libc::AT_FDCWD, path, &status, libc::R_OK);
        assert_eq!(ask(c"/bin/sh"), Ok(()));
        assert_eq!(ask(c"/nowhere"), Err(Errno::ENOENT));
    }

    #[test]
    fn a_file_that_was_just_changed_is_asked_about_again() {
        let place = tempfile::NamedTempFile::new().unwrap();
        let path = std::ffi::CString::new(place.path().to_str().unwrap()).unwrap();
        let status = sys::status(libc::AT_FDCWD, &path, 0).unwrap();
        let mut grants = Grants::default();
        let mut ask = |path| grants.ask(libc::AT_FDCWD, path, &status, libc::R_OK);
        assert_eq!(ask(&path), Ok(()));
        assert_eq!(ask(c"/nowhere"), Err(Errno::ENOENT));
    }
}
