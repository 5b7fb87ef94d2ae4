//! The package databases of other distributions: which package a file of the host belongs to.
//!
//! One file per database format; what is common to them (the trait, symbolic links below a root,
//! bounded reading) is here, and [`translate`] goes from a distribution's package to nixpkgs.

pub mod apk;
pub mod dpkg;
mod installed;
mod naming;
mod owners;
pub(super) mod package;
pub mod pacman;
mod poll;
pub mod rpm;
pub mod translate;

use crate::trace::Bytes;
use bstr::ByteSlice;
use serde::Serialize;
use std::collections::VecDeque;
use std::fs;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// An installed package, as its distribution describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostPackage {
    /// The binary package: `libssl3`.
    pub name: String,
    /// The package that it was built from: `openssl`.
    pub source: String,
    /// Its version, in the distribution's form; empty when not known.
    pub version: String,
    /// The home page of the project; empty when not known.
    pub homepage: String,
}

/// The package managers whose databases are read, and whose packages can be asked for by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Manager {
    /// Debian's, Ubuntu's and their kin.
    Dpkg,
    /// Fedora's, openSUSE's and their kin.
    Rpm,
    /// Arch's.
    Pacman,
    /// Alpine's.
    Apk,
}

/// The package database of the system whose root directory is given; none when no known package
/// manager does. A system with the tools of a second one has that one's database too, but empty.
pub fn open(root: &Path) -> Option<Box<dyn HostPackages + Send + Sync>> {
    fn boxed<T: HostPackages + Send + Sync + 'static>(
        database: T,
    ) -> Box<dyn HostPackages + Send + Sync> {
        Box::new(database)
    }
    let mut found = [
        dpkg::DpkgDatabase::open(root).map(boxed),
        rpm::open(root).map(boxed),
        pacman::open(root).map(boxed),
        apk::open(root).map(boxed),
    ];
    found.iter_mut().find_map(Option::take)
}

/// Why a package is a file's owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Via {
    /// The package has the file.
    Itself,
    /// The path is a symbolic link that no package has (an alternative, say); the package has
    /// what it leads to.
    Link(Bytes),
}

/// The owner of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ownership {
    /// The package.
    pub package: HostPackage,
    /// How it was found.
    pub via: Via,
}

/// What is asked of a host's package database.
pub trait HostPackages {
    /// Whose database it is.
    fn manager(&self) -> Manager;
    /// The distribution's name, for a person: `Debian`.
    fn vendor(&self) -> &str;
    /// The package that a file or directory belongs to; none for files that were generated or
    /// installed by hand, and for directories that packages share.
    fn owner(&self, path: &[u8]) -> Option<Ownership>;
    /// An installed package by its name.
    fn package(&self, name: &str) -> Option<HostPackage>;
    /// The installed packages that were built from a source package, sorted.
    fn built_from(&self, source: &str) -> Vec<String>;
    /// Hands over the paths of an installed package one by one, directories included, until it is
    /// told to stop.
    fn files(&self, package: &str, visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>);
}

/// The owner of a path under exactly this spelling, under the one with or without `/usr` (after the
/// merge of `/bin` into `/usr/bin` databases still hold whichever their packages were built with),
/// or of what it links to below the root.
fn owner_of(
    root: &Path,
    path: &[u8],
    owner: impl Fn(&[u8]) -> Option<HostPackage>,
) -> Option<Ownership> {
    let as_spelled = |path: &[u8]| owner(path).or_else(|| owner(&other_spelling(path)?));
    if let Some(package) = as_spelled(path) {
        return Some(Ownership {
            package,
            via: Via::Itself,
        });
    }
    let target = follow(root, path)?;
    Some(Ownership {
        package: as_spelled(&target)?,
        via: Via::Link(target.into()),
    })
}

/// `/usr/bin/bash` for `/bin/bash` and the other way round.
fn other_spelling(path: &[u8]) -> Option<Vec<u8>> {
    let merged = |below: &[u8]| {
        let first = below.split_str("/").next().unwrap_or_default();
        matches!(
            first,
            b"bin" | b"sbin" | b"lib" | b"lib32" | b"lib64" | b"libx32" | b"libo32"
        )
    };
    if let Some(below) = path.strip_prefix(b"/usr/") {
        return merged(below).then(|| [b"/", below].concat());
    }
    let below = path.strip_prefix(b"/")?;
    merged(below).then(|| [b"/usr/", below].concat())
}

/// The names in a directory, sorted, so that the same database gives the same answers.
fn sorted_names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort_unstable();
    names
}

/// The first word of the system's name in os-release(5).
fn vendor(root: &Path) -> String {
    let text = read_bounded(&root.join("etc/os-release"), 1 << 16)
        .or_else(|_| read_bounded(&root.join("usr/lib/os-release"), 1 << 16))
        .unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix(b"NAME="))
        .and_then(|name| name.trim_with(|c| c == '"' || c == '\'').fields().next())
        .map_or_else(
            || "the host".to_owned(),
            |name| name.to_str_lossy().into_owned(),
        )
}

/// Reads a regular file into a buffer, in place of what was there.
///
/// # Errors
/// Those of reading; also when it is larger than the limit, or no regular file.
fn read_into(buffer: &mut Vec<u8>, path: &Path, limit: u64) -> io::Result<()> {
    buffer.clear();
    // Without O_NONBLOCK, opening a FIFO would wait for a writer (fifo(7)).
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a regular file",
        ));
    }
    if metadata.len() > limit {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "larger than any real one",
        ));
    }
    // One byte more than its size, so that the read that fills the buffer also meets the end.
    buffer.reserve(usize::try_from(metadata.len()).unwrap_or(0) + 1);
    file.take(limit).read_to_end(buffer)?;
    Ok(())
}

/// A regular file's content.
///
/// # Errors
/// As [`read_into`].
fn read_bounded(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    read_into(&mut bytes, path, limit)?;
    Ok(bytes)
}

/// How many links the kernel follows in one path (path_resolution(7)).
const LINK_LIMIT: usize = 40;

/// Where a path leads when its symbolic links are followed, seen from a root directory; none when
/// there is no link in it, or it does not exist.
fn follow(root: &Path, path: &[u8]) -> Option<Vec<u8>> {
    let split = |text: &[u8]| -> Vec<Vec<u8>> { text.split_str("/").map(<[u8]>::to_vec).collect() };
    let mut waiting: VecDeque<Vec<u8>> = split(path).into();
    let mut done: Vec<u8> = Vec::new();
    let mut links = 0;
    while let Some(part) = waiting.pop_front() {
        match &part[..] {
            b"" | b"." => continue,
            b".." => {
                done.truncate(done.rfind_byte(b'/').unwrap_or(0));
                continue;
            }
            _ => {}
        }
        let length = done.len();
        done.push(b'/');
        done.extend_from_slice(&part);
        let here = root.join(Bytes::from(&done[1..]).as_path());
        if !fs::symlink_metadata(&here).ok()?.is_symlink() {
            continue;
        }
        links += 1;
        if links > LINK_LIMIT {
            return None;
        }
        let target = Bytes::from(fs::read_link(&here).ok()?);
        done.truncate(if target.starts_with(b"/") { 0 } else { length });
        for part in split(target.as_bytes()).into_iter().rev() {
            waiting.push_front(part);
        }
    }
    (links > 0 && !done.is_empty()).then_some(done)
}
