//! What the files are that are executed, remembered for as long as they stay as they are.
//!
//! A build executes a few programs thousands of times. One look says whether a file is still the one
//! that was read: its inode, its size and the time of its last change, which nobody can set back.

use super::image::Image;
use super::sys::{self, FileId, Status};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::os::fd::{AsFd, RawFd};
use std::time::{Duration, SystemTime};

/// How many files are remembered before all are forgotten.
const MOST_FILES: usize = 4096;

/// A file that was changed a shorter time ago may change again with the same time: the clock that
/// stamps files ticks every few milliseconds.
const SETTLED: Duration = Duration::from_secs(1);

/// What is known of one file.
#[derive(Clone, Debug)]
struct Known {
    image: Image,
    has_capabilities: bool,
}

/// A file's content and attributes, as long as nobody changes them: which file it is, its size, and
/// the seconds and nanoseconds of its last change.
type Version = (FileId, u64, (i64, u32));

fn version(status: &Status) -> Version {
    (status.id(), status.size, status.changed)
}

/// Whether a change of the file from now on will show in its version.
fn is_settled(status: &Status) -> bool {
    let (seconds, nanoseconds) = status.changed;
    let Ok(seconds) = u64::try_from(seconds) else {
        return false;
    };
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .is_ok_and(|now| now > Duration::new(seconds, nanoseconds) + SETTLED)
}

/// Files that were executed.
#[derive(Debug, Default)]
pub(super) struct Images {
    known: HashMap<Version, Known>,
}

impl Images {
    /// What the file with that path is.
    pub(super) fn read(&mut self, path: &[u8]) -> Image {
        let Ok(path) = CString::new(path) else {
            return Image::Other;
        };
        match sys::status(libc::AT_FDCWD, &path, 0) {
            Ok(status) => self.at(libc::AT_FDCWD, &path, &status).clone(),
            Err(_) => Image::Other,
        }
    }

    /// What the file is that has this status.
    pub(super) fn at(&mut self, directory: RawFd, path: &CStr, status: &Status) -> &Image {
        &self.known(directory, path, status).image
    }

    /// Whether the file that has this status has capabilities of its own.
    pub(super) fn has_capabilities(
        &mut self,
        directory: RawFd,
        path: &CStr,
        status: &Status,
    ) -> bool {
        self.known(directory, path, status).has_capabilities
    }

    fn known(&mut self, directory: RawFd, path: &CStr, status: &Status) -> &mut Known {
        if self.known.len() >= MOST_FILES {
            self.known.clear();
        }
        match self.known.entry(version(status)) {
            Entry::Occupied(entry) if is_settled(status) => entry.into_mut(),
            entry => entry.insert_entry(look(directory, path, status)).into_mut(),
        }
    }
}

fn look(directory: RawFd, path: &CStr, status: &Status) -> Known {
    // A path of the traced program may lead to a FIFO, whose opening would wait.
    let is_regular = status.kind() == libc::S_IFREG;
    let file = is_regular.then(|| sys::open_file(directory, path).map(File::from));
    match file {
        Some(Ok(file)) => Known {
            image: Image::parse(&file),
            has_capabilities: sys::has_capabilities(file.as_fd()),
        },
        Some(Err(_)) | None => Known {
            image: Image::Other,
            has_capabilities: false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn a_file_that_was_just_written_is_read_again() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("x");
        let mut images = Images::default();
        for interpreter in ["/bin/sh", "/bin/ed"] {
            std::fs::write(&path, format!("#!{interpreter}\n")).unwrap();
            assert_eq!(
                images.read(path.as_os_str().as_bytes()),
                Image::Script(interpreter.into())
            );
        }
    }

    #[test]
    fn a_file_that_stays_as_it_is_is_read_once() {
        let own = std::env::current_exe().unwrap();
        let path = CString::new(own.as_os_str().as_bytes()).unwrap();
        let mut status = sys::status(libc::AT_FDCWD, &path, 0).unwrap();
        status.changed = (1, 0);
        let mut images = Images::default();
        let image = images.at(libc::AT_FDCWD, &path, &status).clone();
        assert!(matches!(
            image,
            Image::Elf {
                loader: Some(_),
                ..
            }
        ));
        // There is nothing to read at this path; the status says that it need not be.
        assert_eq!(*images.at(libc::AT_FDCWD, c"/nowhere", &status), image);
        status.size += 1;
        assert_eq!(
            *images.at(libc::AT_FDCWD, c"/nowhere", &status),
            Image::Other
        );
    }
}
