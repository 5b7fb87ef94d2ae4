//! This machine's disk, as the graph asks about it.
//!
//! Reads are bounded and never wait: a file of the user's tree can have been replaced by a named
//! pipe or grown to any size since the run.

use crate::elf::Image;
use crate::elf::files::{self, Images};
use crate::graph::Host;
use crate::trace::Bytes;
use bstr::{BStr, ByteSlice};
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

/// Answers from the disk; images are kept.
#[derive(Debug, Default)]
pub struct Disk {
    images: files::Disk,
}

/// A file is looked through no further than this for a text, in bytes.
const SEARCH_LIMIT: u64 = 512 << 20;

impl Disk {
    /// This machine's disk.
    pub fn new() -> Self {
        Self::default()
    }
}

fn as_path(path: &BStr) -> &Path {
    Path::new(std::ffi::OsStr::from_bytes(path))
}

fn open(path: &BStr) -> Option<File> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(as_path(path))
        .ok()?;
    file.metadata().ok()?.is_file().then_some(file)
}

impl Host for Disk {
    fn image(&self, path: &BStr) -> Option<Arc<Image>> {
        self.images.image(path)
    }

    fn text(&self, path: &BStr, limit: usize) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        open(path)?.take(limit as u64).read_to_end(&mut text).ok()?;
        Some(text)
    }

    fn entries(&self, directory: &BStr) -> Vec<Bytes> {
        let Ok(entries) = as_path(directory).read_dir() else {
            return Vec::new();
        };
        let mut names: Vec<Bytes> = entries
            .flatten()
            .map(|entry| entry.file_name().into())
            .collect();
        names.sort();
        names
    }

    fn real(&self, path: &BStr) -> Option<Bytes> {
        Some(as_path(path).canonicalize().ok()?.into())
    }

    fn mentions(&self, path: &BStr, text: &[u8]) -> bool {
        const PIECE: usize = 1 << 20;
        if text.is_empty() || text.len() > PIECE {
            return false;
        }
        let Some(file) = open(path) else {
            return false;
        };
        let mut file = file.take(SEARCH_LIMIT);
        let mut held = Vec::with_capacity(PIECE + text.len());
        loop {
            // The end of one piece stays before the next, so that a text across both is found.
            let keep = held.len().min(text.len() - 1);
            held.drain(..held.len() - keep);
            match file.by_ref().take(PIECE as u64).read_to_end(&mut held) {
                Ok(0) | Err(_) => return false,
                Ok(_) if held.find(text).is_some() => return true,
                Ok(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_across_the_pieces_of_a_large_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app");
        let mut bytes = vec![b'x'; (1 << 20) - 3];
        bytes.extend(b"libsqlite3.so");
        std::fs::write(&path, bytes).unwrap();
        let path = Bytes::from(path);
        let disk = Disk::new();
        assert!(disk.mentions(path.as_ref(), b"libsqlite3.so"));
        assert!(!disk.mentions(path.as_ref(), b"libsqlite4.so"));
        assert!(!disk.mentions("/nowhere".into(), b"x"));
    }
}
