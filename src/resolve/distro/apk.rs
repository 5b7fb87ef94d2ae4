//! Alpine's package database, read natively: `lib/apk/db/installed` (apk-tools, "Installed database
//! v2"; newer systems keep it in `usr/lib/apk/db`).
//!
//! Records of lines `X:value` with an empty line after each: `P` the package, `V` its version, `o`
//! the package it was built from, `U` the home page, `F` a directory, `R` a file in it.

use super::installed::{Files, Installed, WholeDatabase};
use super::{HostPackage, HostPackages, Manager, read_bounded};
use bstr::ByteSlice;
use std::path::{Path, PathBuf};

/// Larger than any real one by an order of magnitude.
const LIMIT: u64 = 256 << 20;

/// The database of the system whose root directory is given; none when apk does not manage it.
pub fn open(root: &Path) -> Option<impl HostPackages + Send + Sync + use<>> {
    file(root).map(|_| WholeDatabase::new(Manager::Apk, root, read))
}

fn file(root: &Path) -> Option<PathBuf> {
    ["lib/apk/db/installed", "usr/lib/apk/db/installed"]
        .iter()
        .map(|path| root.join(path))
        .find(|path| path.is_file())
}

fn read(root: &Path) -> Installed {
    let mut installed = Installed::new();
    let text = file(root).and_then(|file| read_bounded(&file, LIMIT).ok());
    let mut package = HostPackage::default();
    let mut files = Files::default();
    for line in text.unwrap_or_default().lines() {
        let Some((field, value)) = line.split_once_str(":") else {
            if line.is_empty() {
                close(&mut installed, &mut package, &mut files);
            }
            continue;
        };
        let text = || value.to_str_lossy().into_owned();
        match field {
            b"P" => package.name = text(),
            b"V" => package.version = text(),
            b"o" => package.source = text(),
            b"U" => package.homepage = text(),
            b"F" => files.directory(value),
            b"R" => files.name(value),
            _ => {}
        }
    }
    // The last record need not end with an empty line.
    close(&mut installed, &mut package, &mut files);
    installed
}

fn close(installed: &mut Installed, package: &mut HostPackage, files: &mut Files) {
    let mut package = std::mem::take(package);
    if package.source.is_empty() {
        package.source.clone_from(&package.name);
    }
    installed.add(package, std::mem::take(files));
}
