//! This machine's disk, as the graph and the importers ask about it.
//!
//! Reads are bounded and never wait: a file of the user's tree can have been replaced by a named
//! pipe or grown to any size since the run.

use crate::elf::Image;
use crate::elf::closure::closure;
use crate::elf::files::{self, FileSystem, Images, Opened};
use crate::elf::search::Conditions;
use crate::graph::Host;
use crate::trace::Bytes;
use crate::trace::import::System;
use crate::tracer::image::Image as Head;
use bstr::{BStr, ByteSlice};
use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Answers from the disk; images are kept, and which libraries a file names.
#[derive(Debug, Default)]
pub struct Disk {
    images: files::Disk,
    names: Mutex<HashMap<Bytes, Arc<HashSet<Vec<u8>>>>>,
}

/// A file is looked through no further than this for a text, in bytes.
const SEARCH_LIMIT: u64 = 512 << 20;

/// So much of a file is looked through at a time, in bytes.
const PIECE: usize = 1 << 20;

/// The longest name of a file, in bytes (`NAME_MAX`).
const NAME_MAX: usize = 255;

/// The names that are kept of one file. A hostile one can hold any number.
const NAMES: usize = 10_000;

impl Disk {
    /// This machine's disk.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Bytes, Arc<HashSet<Vec<u8>>>>> {
        // Entries are whole or not there, whatever became of the thread that added them.
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
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

    fn mentions(&self, path: &BStr, library: &[u8]) -> bool {
        let path = Bytes::from(path);
        let known = self.lock().get(&path).cloned();
        let names = known.unwrap_or_else(|| {
            let names = Arc::new(open(path.as_ref()).map_or_else(HashSet::new, library_names));
            self.lock().insert(path, Arc::clone(&names));
            names
        });
        names.contains(library)
    }
}

/// How many `#!` interpreters the kernel starts for one execve (`fs/exec.c`).
const MOST_INTERPRETERS: usize = 5;

/// So many answers are remembered for an importer, which asks the same thing again and again.
const REMEMBERED: usize = 200_000;

/// Of so many programs the libraries are remembered.
const PROGRAMS: usize = 1000;

/// This machine's files, as an importer of foreign traces asks about them.
#[derive(Debug, Default)]
pub struct Links {
    real: HashMap<(Bytes, bool), Option<Bytes>>,
    images: files::Disk,
    libraries: HashMap<(Bytes, Conditions), Vec<Bytes>>,
}

impl System for Links {
    fn real(&mut self, path: &Bytes, follows: bool) -> Option<Bytes> {
        if let Some(known) = self.real.get(&(path.clone(), follows)) {
            return known.clone();
        }
        let real = if follows {
            path.as_path().canonicalize().ok()
        } else {
            let file = path.as_path();
            let parent = file.parent().and_then(|parent| parent.canonicalize().ok());
            let is_there = file.symlink_metadata().is_ok();
            parent
                .zip(file.file_name())
                .filter(|_| is_there)
                .map(|(parent, name)| parent.join(name))
        };
        let real = real.map(Bytes::from);
        if self.real.len() >= REMEMBERED {
            self.real.clear();
        }
        self.real.insert((path.clone(), follows), real.clone());
        real
    }

    fn runs_with(&mut self, path: &Bytes) -> (Vec<Bytes>, Option<Bytes>) {
        let mut interpreters: Vec<Bytes> = Vec::new();
        let mut head = Head::read(path.as_path());
        while let Head::Script(interpreter) = head {
            head = Head::read(as_path(interpreter.as_bstr()));
            interpreters.push(interpreter.into());
            if interpreters.len() == MOST_INTERPRETERS {
                break;
            }
        }
        let loader = match head {
            Head::Elf { loader, .. } => loader.map(Bytes::from),
            _ => None,
        };
        (interpreters, loader)
    }

    fn libraries(&mut self, path: &Bytes, cwd: Option<&Bytes>, env: &[Bytes]) -> Vec<Bytes> {
        let variable = |name: &[u8]| {
            let value = |variable: &Bytes| Some(variable.strip_prefix(name)?.into());
            env.iter().find_map(value)
        };
        let cwd = cwd.filter(|cwd| cwd.starts_with(b"/"));
        let mut conditions = Conditions::new(cwd.cloned().unwrap_or_else(|| "/".into()));
        conditions.library_path = variable(b"LD_LIBRARY_PATH=");
        conditions.preload = variable(b"LD_PRELOAD=");
        let key = (path.clone(), conditions.clone());
        if let Some(known) = self.libraries.get(&key) {
            return known.clone();
        }
        let Opened::Image(file, image) = self.images.open(path.as_ref()) else {
            return Vec::new();
        };
        let closure = closure(&self.images, &conditions, path.as_ref(), file, image);
        // The program itself is the first.
        let objects = closure.objects.into_iter().skip(1);
        let found: Vec<Bytes> = objects
            .filter_map(|object| self.real(&object.path, true))
            .collect();
        if self.libraries.len() >= PROGRAMS {
            self.libraries.clear();
        }
        self.libraries.insert(key, found.clone());
        found
    }
}

/// The names of shared libraries, up to and with their `.so`, that a file holds as words.
fn library_names(file: File) -> HashSet<Vec<u8>> {
    const ENDING: &[u8] = b".so";
    let mut file = file.take(SEARCH_LIMIT);
    let mut names = HashSet::new();
    let mut held = Vec::with_capacity(PIECE + NAME_MAX);
    loop {
        // The end of one piece stays before the next, so that a name across both is found.
        let keep = held.len().min(NAME_MAX);
        held.drain(..held.len() - keep);
        match file.by_ref().take(PIECE as u64).read_to_end(&mut held) {
            Ok(0) | Err(_) => return names,
            Ok(_) => {}
        }
        for at in held.find_iter(ENDING) {
            let before = &held[at.saturating_sub(NAME_MAX)..at];
            let stem = before
                .rsplit(|&byte| !is_of_a_name(byte))
                .next()
                .unwrap_or_default();
            if names.len() < NAMES && !stem.is_empty() {
                names.insert([stem, ENDING].concat());
            }
        }
    }
}

/// Whether names of libraries have the byte.
fn is_of_a_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-+.".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_across_the_pieces_of_a_large_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app");
        let mut bytes = vec![b' '; PIECE - 3];
        bytes.extend(b"libsqlite3.so.0 ");
        std::fs::write(&path, bytes).unwrap();
        let path = Bytes::from(path);
        let disk = Disk::new();
        assert!(disk.mentions(path.as_ref(), b"libsqlite3.so"));
        assert!(!disk.mentions(path.as_ref(), b"libsqlite4.so"));
        assert!(!disk.mentions("/nowhere".into(), b"x"));
    }

    #[test]
    fn a_file_is_read_once_however_many_libraries_are_asked_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app");
        std::fs::write(&path, b"\0/opt/x/libfoo-2.0.so.1\0\"libbar.so\"").unwrap();
        let name = Bytes::from(path.clone());
        let disk = Disk::new();
        assert!(disk.mentions(name.as_ref(), b"libfoo-2.0.so"));
        std::fs::remove_file(&path).unwrap();
        assert!(disk.mentions(name.as_ref(), b"libbar.so"));
        assert!(!disk.mentions(name.as_ref(), b"libba.so"));
    }
}
