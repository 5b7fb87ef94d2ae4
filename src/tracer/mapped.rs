//! Which file a program maps, without asking for the path of its descriptor each time.
//!
//! The loader opens a library, and the next thing that it asks for by name or maps as code is that
//! library. Where the kernel says a descriptor leads is known only from `/proc/TID/fd`, and the first
//! look into a process's `/proc` takes longer than all else about a call. So it is looked up once,
//! and taken for known when the same comes again: the same name was opened, is still the same file,
//! unchanged, and what is mapped is the same piece of it, in the loader's own way.

use super::images::{Version, is_settled, version};
use super::sys;
use hashbrown::HashMap;
use std::ffi::CString;
use std::sync::Arc;

/// How many mappings are remembered before all are forgotten.
const MOST_MAPPINGS: usize = 4096;

/// A file that a thread opened to read it, in its last call that was seen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Opened {
    /// The absolute path that was asked for.
    pub(super) path: Vec<u8>,
    /// The file.
    pub(super) version: Version,
}

/// Which piece of a file is mapped, and how: the arguments of mmap(2) but for the address and the
/// descriptor, which differ from run to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Piece([u64; 4]);

impl Piece {
    /// That of a call with these arguments, if it is made as the C library's loader makes it.
    pub(super) fn of_loader(args: &[u64; 6]) -> Option<Self> {
        let [_, length, protection, flags, _, offset] = *args;
        // A flag that has long meant nothing to the kernel (mmap(2)), and that others do not use.
        let is_loaders = flags & u64::from(libc::MAP_DENYWRITE.cast_unsigned()) != 0;
        is_loaders.then_some(Self([length, protection, flags, offset]))
    }
}

/// A file that a thread opens, and then a piece of a file that it maps.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Mapping {
    pub(super) opened: Opened,
    pub(super) piece: Piece,
}

/// Mappings of which it was looked up what is mapped.
#[derive(Debug, Default)]
pub(super) struct Mapped {
    known: HashMap<Mapping, Arc<[u8]>>,
}

impl Mapped {
    /// The path of what is mapped, if it is known.
    pub(super) fn path(&self, mapping: &Mapping) -> Option<Arc<[u8]>> {
        self.known.get(mapping).cloned()
    }

    /// Remembers what the kernel calls the file that was mapped, if it is the one that was opened.
    pub(super) fn is_at(&mut self, mapping: Mapping, path: &[u8]) {
        let Ok(place) = CString::new(path) else {
            return;
        };
        let is_so = sys::status(libc::AT_FDCWD, &place, 0)
            .is_ok_and(|status| version(&status) == mapping.opened.version && is_settled(&status));
        if is_so {
            if self.known.len() >= MOST_MAPPINGS {
                self.known.clear();
            }
            self.known.insert(mapping, path.into());
        }
    }

    /// Names may lead elsewhere from now on.
    pub(super) fn forget(&mut self) {
        self.known.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tracer::sys::Status;

    /// As the loader maps the code of a library.
    const ARGS: [u64; 6] = [
        0,
        0x1000,
        (libc::PROT_READ | libc::PROT_EXEC) as u64,
        (libc::MAP_PRIVATE | libc::MAP_FIXED | libc::MAP_DENYWRITE) as u64,
        3,
        0x2000,
    ];

    fn mapping(path: &str, status: &Status, args: [u64; 6]) -> Mapping {
        Mapping {
            opened: Opened {
                path: path.into(),
                version: version(status),
            },
            piece: Piece::of_loader(&args).unwrap(),
        }
    }

    #[test]
    fn only_a_mapping_in_the_loaders_own_way_is_the_loaders() {
        assert!(Piece::of_loader(&ARGS).is_some());
        let mut others = ARGS;
        others[3] = (libc::MAP_PRIVATE | libc::MAP_FIXED) as u64;
        assert!(Piece::of_loader(&others).is_none());
    }

    #[test]
    fn what_is_mapped_is_known_when_all_is_as_it_was() {
        let status = sys::status(libc::AT_FDCWD, c"/bin/sh", 0).unwrap();
        let mut mapped = Mapped::default();
        mapped.is_at(mapping("/bin/sh", &status, ARGS), b"/bin/sh");
        let path = |mapping| mapped.path(&mapping).map(|path| path.to_vec());
        let mut elsewhere = ARGS;
        elsewhere[0] = 0x7000;
        elsewhere[4] = 7;
        let known = path(mapping("/bin/sh", &status, elsewhere));
        assert_eq!(known.as_deref(), Some(&b"/bin/sh"[..]));
        let mut other_piece = ARGS;
        other_piece[5] = 0x3000;
        assert_eq!(path(mapping("/bin/sh", &status, other_piece)), None);
        assert_eq!(path(mapping("/usr/bin/sh", &status, ARGS)), None);
        let mut changed = status;
        changed.changed.0 += 1;
        assert_eq!(path(mapping("/bin/sh", &changed, ARGS)), None);
        mapped.forget();
        assert_eq!(mapped.path(&mapping("/bin/sh", &status, ARGS)), None);
    }

    #[test]
    fn what_was_not_opened_just_before_is_not_remembered() {
        let status = sys::status(libc::AT_FDCWD, c"/bin/sh", 0).unwrap();
        let mut mapped = Mapped::default();
        mapped.is_at(mapping("/bin/sh", &status, ARGS), b"/etc/passwd");
        assert_eq!(mapped.path(&mapping("/bin/sh", &status, ARGS)), None);
    }
}
