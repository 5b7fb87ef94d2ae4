//! The bytes of an index, wherever they lie.
//!
//! The only file of the index with `unsafe` in it: mapping a file is unsafe in Rust because others
//! may change it meanwhile.
#![allow(unsafe_code)]

use memmap2::Mmap;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Deref;
use std::path::Path;

/// Up to this size a file is read, which costs a few milliseconds and leaves nothing to chance;
/// above it, it is mapped.
const READ_UP_TO: u64 = 16 << 20;

/// The bytes of an index.
#[derive(Debug)]
pub(super) enum Storage {
    /// Part of this program.
    Embedded(&'static [u8]),
    /// In memory of our own.
    Owned(Vec<u8>),
    /// Mapped from a file.
    Mapped(Mmap),
}

impl Storage {
    /// Takes up the file.
    ///
    /// # Errors
    /// When it cannot be read or is no regular file.
    pub(super) fn load(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "not a regular file",
            ));
        }
        if metadata.len() <= READ_UP_TO {
            let mut bytes = Vec::new();
            file.take(READ_UP_TO + 1).read_to_end(&mut bytes)?;
            return Ok(Self::Owned(bytes));
        }
        // SAFETY: the mapping is private and read-only, and lives as long as the slices taken from
        // it, which all borrow from `Storage`. What remains is another process that writes to the
        // same file while we read it. `index build` never does: it puts a new file in the old
        // one's place and leaves the mapped one as it is until the last mapping ends. All that
        // reads the bytes is safe code with checked bounds, so bytes that change in spite of that
        // give wrong answers or a panic; a file truncated in place ends the process with SIGBUS.
        let mapping = unsafe { Mmap::map(&file)? };
        Ok(Self::Mapped(mapping))
    }
}

impl Deref for Storage {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Embedded(bytes) => bytes,
            Self::Owned(bytes) => bytes,
            Self::Mapped(mapping) => mapping,
        }
    }
}
