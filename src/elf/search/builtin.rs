//! What a glibc loader was built with: its own directories and its cache.
//!
//! They differ between distributions, between architectures, and between every two glibcs in a
//! Nix store, and no document lists them. But the loader has them as strings, so it is asked
//! itself, without running it (it may be a foreign machine's).

use super::super::{FileSystem, Target};
use bstr::{BStr, BString, ByteSlice};

/// What one loader was built with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltIn {
    /// Its default directories, in order, each with a slash at its end (`SYSTEM_DIRS`).
    pub directories: Vec<BString>,
    /// Its cache (`LD_SO_CACHE`).
    pub cache: BString,
    /// What `$LIB` stands for in paths that it reads.
    pub lib: BString,
}

/// No path is longer.
const PATH_MAX: usize = 4096;

impl BuiltIn {
    /// Reads them from the loader at `path`. Where there is no such file or it has no such
    /// strings, they are guessed as Debian or, where the root has no multiarch directories, other
    /// distributions build it.
    pub fn of(files: &dyn FileSystem, path: &BStr, target: Target) -> Self {
        files
            .read(path)
            .ok()
            .and_then(|content| Self::found_in(&content))
            .unwrap_or_else(|| Self::usual(files, target))
    }

    /// The strings of a loader: its directories lie one behind the other, each between slashes.
    fn found_in(content: &[u8]) -> Option<Self> {
        let mut directories: Vec<BString> = Vec::new();
        let mut cache = None;
        for text in content.split(|byte| *byte == 0) {
            let is_path = text.len() > 1
                && text.len() < PATH_MAX
                && text.starts_with(b"/")
                && text.iter().all(u8::is_ascii_graphic);
            if directories.last().is_none_or(|last| !last.is_empty()) {
                if is_path && text.ends_with(b"/") && text.contains_str("/lib") {
                    directories.push(text.into());
                } else if !directories.is_empty() {
                    // The list is complete; an empty string marks its end.
                    directories.push(BString::default());
                }
            }
            if is_path && cache.is_none() && text.ends_with(b"/etc/ld.so.cache") {
                cache = Some(BString::from(text));
            }
        }
        directories.retain(|directory| !directory.is_empty());
        let cache = cache?;
        let prefix = cache.strip_suffix(b"/etc/ld.so.cache").unwrap_or_default();
        let lib = lib_name(directories.first()?, prefix);
        Some(Self {
            directories,
            cache,
            lib,
        })
    }

    fn usual(files: &dyn FileSystem, target: Target) -> Self {
        let multiarch = target.multiarch().filter(|triplet| {
            let directory = format!("/usr/lib/{triplet}");
            files.real_path(directory.as_str().into()).is_some()
        });
        let own = match (multiarch, target.class) {
            (Some(triplet), _) => format!("lib/{triplet}"),
            (None, super::super::Class::Elf64) => "lib64".to_owned(),
            (None, super::super::Class::Elf32) => "lib".to_owned(),
        };
        let mut names = vec![own.as_str(), "lib"];
        names.dedup();
        let directories = names
            .iter()
            .flat_map(|directory| [format!("/{directory}/"), format!("/usr/{directory}/")])
            .map(BString::from)
            .collect();
        Self {
            directories,
            cache: "/etc/ld.so.cache".into(),
            lib: own.into(),
        }
    }
}

/// `$LIB` is the library directory without the prefix it was installed below.
fn lib_name(directory: &[u8], prefix: &[u8]) -> BString {
    let name = directory.strip_prefix(prefix).unwrap_or(directory);
    name.trim_with(|c| c == '/').into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loader_of_the_store_has_its_own_directory_and_cache() {
        let content = b"\x7fELF\x02\0\x07\x0b/dev/full\0/nix/store/x-glibc-2.38/lib/\0\0\x01\0/lib/\0/nix/store/x-glibc-2.38/etc/ld.so.cache\0";
        let built_in = BuiltIn::found_in(content).unwrap();
        assert_eq!(built_in.directories, ["/nix/store/x-glibc-2.38/lib/"]);
        assert_eq!(built_in.cache, "/nix/store/x-glibc-2.38/etc/ld.so.cache");
        assert_eq!(built_in.lib, "lib");
    }

    #[test]
    fn debian_has_four_directories() {
        let content = b"\x01\0/lib/x86_64-linux-gnu/\0/usr/lib/x86_64-linux-gnu/\0/lib/\0/usr/lib/\0\0\0/etc/ld.so.cache\0";
        let built_in = BuiltIn::found_in(content).unwrap();
        assert_eq!(
            built_in.directories,
            [
                "/lib/x86_64-linux-gnu/",
                "/usr/lib/x86_64-linux-gnu/",
                "/lib/",
                "/usr/lib/"
            ]
        );
        assert_eq!(built_in.lib, "lib/x86_64-linux-gnu");
    }

    #[test]
    fn a_file_without_such_strings_is_no_loader() {
        assert_eq!(BuiltIn::found_in(b"\x7fELF\0/lib/\0/usr\0"), None);
    }
}
