//! What this machine has of something: in which version, in which package.

use super::store::StorePath;
use super::{Manager, Resolver};
use crate::trace::Bytes;

/// A package of the host's package manager, with its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstalledPackage {
    /// Whose package it is.
    pub manager: Manager,
    /// Its name.
    pub name: String,
    /// Its version, in the distribution's form.
    pub version: String,
    /// The same as its own project counts, if that can be told.
    pub release: Option<String>,
    /// The first thousands of its files and directories.
    pub files: Vec<Bytes>,
}

/// No more files of a package are told.
const FILES: usize = 5000;

impl Resolver {
    /// The package of the host's package manager that has the file.
    pub fn installed_package(&self, path: &Bytes) -> Option<InstalledPackage> {
        let host = self.host()?;
        let (manager, package) = host.owner(path)?;
        Some(InstalledPackage {
            manager,
            release: upstream(&package.version),
            files: host.files(&package.name, FILES),
            name: package.name,
            version: package.version,
        })
    }

    /// The version of the package that has the file, as its own project counts: told by the store
    /// path that it lies in, or by the host's package database.
    pub fn installed_version(&self, path: &Bytes) -> Option<String> {
        if let Some((store_path, _)) = StorePath::of(path.as_bytes()) {
            let version = store_path.parts().version;
            return (!version.is_empty()).then(|| version.to_owned());
        }
        upstream(&self.host()?.version(path)?)
    }
}

/// The version of the project in one of Debian's (deb-version(7)): without the epoch, Debian's own
/// revision, and what it says of a source that was repacked or a release that was taken back.
fn upstream(version: &str) -> Option<String> {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    let version = version.rsplit_once('-').map_or(version, |(rest, _)| rest);
    let version = version
        .rsplit_once("+really")
        .map_or(version, |(_, rest)| rest);
    let end = ["dfsg", "ds", "repack", "git"]
        .iter()
        .filter_map(|mark| version.find(mark))
        .chain(version.find(['+', '~']))
        .min()
        .unwrap_or(version.len());
    let version = version[..end].trim_end_matches(['.', '+', '~', '-']);
    let is_version = version.starts_with(|first: char| first.is_ascii_digit())
        && version
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._".contains(&byte));
    is_version.then(|| version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_distribution_adds_to_a_version_is_no_part_of_it() {
        let check = |version: &str, expected: &str| {
            assert_eq!(upstream(version).as_deref(), Some(expected), "{version}");
        };
        check("1.6-2.1+deb12u1", "1.6");
        check("1:1.2.13.dfsg-1", "1.2.13");
        check("3.0.15-1~deb12u1", "3.0.15");
        check("1.34+dfsg-1.2", "1.34");
        check("2.0+really1.9-3", "1.9");
        check("9.1", "9.1");
        check("2025b-0+deb12u2", "2025b");
        assert_eq!(upstream(""), None);
        assert_eq!(upstream("unknown"), None);
    }
}
