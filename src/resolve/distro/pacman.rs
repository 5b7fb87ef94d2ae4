//! Arch's package database, read natively: a directory for each package below
//! `var/lib/pacman/local`, with its description in `desc` and its paths in `files` (libalpm,
//! `be_local.c`).
//!
//! Both files are lists of `%SECTION%` lines, each followed by values and an empty line.

use super::installed::{Files, Installed, WholeDatabase};
use super::{HostPackage, HostPackages, Manager, read_bounded, sorted_names};
use bstr::ByteSlice;
use std::path::Path;

const LOCAL: &str = "var/lib/pacman/local";

/// Larger than any real one by an order of magnitude.
const DESCRIPTION_LIMIT: u64 = 4 << 20;
const FILES_LIMIT: u64 = 64 << 20;

/// The database of the system whose root directory is given; none when pacman does not manage it.
pub fn open(root: &Path) -> Option<impl HostPackages + Send + Sync + use<>> {
    root.join(LOCAL)
        .is_dir()
        .then(|| WholeDatabase::new(Manager::Pacman, root, read))
}

fn read(root: &Path) -> Installed {
    let local = root.join(LOCAL);
    let mut installed = Installed::new();
    for name in sorted_names(&local) {
        // A package in the middle of its removal has lost its files; it is still known by its
        // description.
        let directory = local.join(&name);
        let Ok(description) = read_bounded(&directory.join("desc"), DESCRIPTION_LIMIT) else {
            continue;
        };
        let paths = read_bounded(&directory.join("files"), FILES_LIMIT).unwrap_or_default();
        installed.add(described(&description), listed(&paths));
    }
    installed
}

/// The values of a file of sections, each with the section that it is in.
fn values(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut section: &[u8] = b"";
    text.lines().filter_map(move |line| {
        if line.is_empty() {
            section = b"";
            return None;
        }
        if section.is_empty() {
            section = line;
            return None;
        }
        Some((section, line))
    })
}

fn described(text: &[u8]) -> HostPackage {
    let mut package = HostPackage::default();
    for (section, value) in values(text) {
        let field = match section {
            b"%NAME%" => &mut package.name,
            b"%VERSION%" => &mut package.version,
            b"%BASE%" => &mut package.source,
            b"%URL%" => &mut package.homepage,
            _ => continue,
        };
        *field = value.to_str_lossy().into_owned();
    }
    if package.source.is_empty() {
        package.source.clone_from(&package.name);
    }
    package
}

/// Paths relative to the root; those of directories end with a slash.
fn listed(text: &[u8]) -> Files {
    let mut files = Files::default();
    let mut last: Option<&[u8]> = None;
    for (section, path) in values(text) {
        if section != b"%FILES%" {
            continue;
        }
        let path = path.strip_suffix(b"/").unwrap_or(path);
        let (directory, name) = match path.rfind_byte(b'/') {
            Some(at) => (&path[..at], &path[at + 1..]),
            None => (&b""[..], path),
        };
        if last != Some(directory) {
            files.directory(directory);
            last = Some(directory);
        }
        files.name(name);
    }
    files
}
