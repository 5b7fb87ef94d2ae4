//! What the graph asks of the files themselves.
//!
//! The analysis is pure but for these questions, which come in through [`Host`]: tests hand in a
//! map, the pipeline hands in the disk.

use crate::elf::Image;
use crate::trace::Bytes;
use bstr::BStr;
use std::sync::Arc;

/// Answers about files as they are now. A file that is gone or unreadable is `None`, never an
/// error: the trace still says that it was used.
pub trait Host {
    /// The ELF image at the path; none when the file is no ELF image.
    fn image(&self, path: &BStr) -> Option<Arc<Image>>;

    /// The first bytes of a text file, at most `limit`.
    fn text(&self, path: &BStr, limit: usize) -> Option<Vec<u8>>;

    /// The names in a directory, sorted; empty when it cannot be read.
    fn entries(&self, directory: &BStr) -> Vec<Bytes>;

    /// The path with all symbolic links resolved.
    fn real(&self, path: &BStr) -> Option<Bytes>;

    /// Whether the file's bytes hold the library's name (`libz.so`, without a version) as a word.
    ///
    /// This is asked for every object of a program and every library that nobody needs, so an
    /// answer must not read the file each time.
    fn mentions(&self, path: &BStr, library: &[u8]) -> bool;
}
