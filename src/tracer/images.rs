//! What the files are that are executed, remembered for as long as they stay as they are.
//!
//! A build executes a few programs thousands of times. One look says whether a file is still the one
//! that was read: its inode, its size and the time of its last change, which programs cannot set.

use super::image::Image;
use super::sys::{self, FileId, Status};
use hashbrown::HashMap;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::{Duration, SystemTime};

/// How many files are remembered before all are forgotten.
const MOST_FILES: usize = 4096;

/// A file that was changed a shorter time ago may change again with the same time: the clock that
/// stamps files ticks every few milliseconds.
const SETTLED: Duration = Duration::from_secs(1);

/// What is known of one file.
#[derive(Clone, Debug, Default)]
struct Known {
    image: Image,
    has_capabilities: bool,
}

/// A file's content and attributes, as long as nobody changes them: which file it is, its size, and
/// the seconds and nanoseconds of its last change.
pub(super) type Version = (FileId, u64, (i64, u32));

/// The version of the file that has this status.
pub(super) fn version(status: &Status) -> Version {
    (status.id(), status.size, status.changed)
}

/// Whether a change of the file from now on will show in its version.
pub(super) fn is_settled(status: &Status) -> bool {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .is_ok_and(|now| is_long_before(status.changed, now))
}

/// Whether a time of a file's is so long before another, both since the Epoch, that the file's clock has
/// certainly gone on.
fn is_long_before((seconds, nanoseconds): (i64, u32), now: Duration) -> bool {
    u64::try_from(seconds).is_ok_and(|seconds| now > Duration::new(seconds, nanoseconds) + SETTLED)
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
            return Image::Unread;
        };
        match sys::status(libc::AT_FDCWD, &path, 0) {
            Ok(status) => self.at(libc::AT_FDCWD, &path, &status),
            Err(_) => Image::Unread,
        }
    }

    /// What the file is that has this status.
    pub(super) fn at(&mut self, directory: RawFd, path: &CStr, status: &Status) -> Image {
        self.known(directory, path, status).image
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

    fn known(&mut self, directory: RawFd, path: &CStr, status: &Status) -> Known {
        if let Some(known) = self.known.get(&version(status)) {
            return known.clone();
        }
        let was_settled = is_settled(status);
        let Some(file) = open(directory, path, status) else {
            return Known {
                image: Image::Unread,
                has_capabilities: false,
            };
        };
        let known = Known {
            image: Image::parse(&file),
            has_capabilities: sys::has_capabilities(file.as_fd()),
        };
        // By another name it may be another file by now.
        let opened = sys::status(file.as_raw_fd(), c"", libc::AT_EMPTY_PATH);
        if was_settled && opened.is_ok_and(|opened| version(&opened) == version(status)) {
            if self.known.len() >= MOST_FILES {
                self.known.clear();
            }
            self.known.insert(version(status), known.clone());
        }
        known
    }
}

fn open(directory: RawFd, path: &CStr, status: &Status) -> Option<File> {
    // A path of the traced program may lead to a FIFO, whose opening would wait.
    let is_regular = status.kind() == libc::S_IFREG;
    let file = is_regular.then(|| sys::open_file(directory, path))?;
    file.map(File::from).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn a_change_is_long_ago_after_a_second() {
        let now = Duration::new(1000, 500);
        for (changed, is_long_ago) in [
            ((999, 499), true),
            ((999, 500), false),
            ((1000, 0), false),
            // The clock was set back, or is not to be trusted.
            ((5000, 0), false),
            ((-1, 0), false),
        ] {
            assert_eq!(is_long_before(changed, now), is_long_ago, "{changed:?}");
        }
    }

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
        // A program of the system was not changed a moment ago.
        let path = c"/bin/sh";
        let mut status = sys::status(libc::AT_FDCWD, path, 0).unwrap();
        let mut images = Images::default();
        let image = images.at(libc::AT_FDCWD, path, &status);
        assert!(matches!(
            image,
            Image::Elf {
                loader: Some(_),
                ..
            }
        ));
        // There is nothing to read at this path; the status says that it need not be.
        assert_eq!(images.at(libc::AT_FDCWD, c"/nowhere", &status), image);
        status.size += 1;
        assert_eq!(
            images.at(libc::AT_FDCWD, c"/nowhere", &status),
            Image::Unread
        );
    }
}
