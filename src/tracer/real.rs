//! Paths without symbolic links, `.` and `..`, as the file system has them now.
//!
//! Directories are remembered until the trace sees that one may have changed.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// How many links the kernel follows in one look-up (path_resolution(7)).
const MOST_LINKS: u32 = 40;

/// How many directories are remembered before all are forgotten.
const MOST_DIRECTORIES: usize = 16 * 1024;

/// Resolves paths.
#[derive(Debug, Default)]
pub(super) struct Resolver {
    directories: HashMap<Vec<u8>, Option<Vec<u8>>>,
}

impl Resolver {
    /// The path of what `path` names, or none when that does not exist; the last component is
    /// itself followed when `follow` says so.
    pub(super) fn resolve(&mut self, path: &[u8], follow: bool) -> Option<Vec<u8>> {
        let mut links = MOST_LINKS;
        self.resolve_within(path, follow, &mut links)
    }

    fn resolve_within(&mut self, path: &[u8], follow: bool, links: &mut u32) -> Option<Vec<u8>> {
        if !path.starts_with(b"/") {
            return None;
        }
        let must_be_directory = path.ends_with(b"/");
        let end = path
            .iter()
            .rposition(|&byte| byte != b'/')
            .map_or(0, |at| at + 1);
        let path = &path[..end];
        if path.is_empty() {
            return Some(b"/".to_vec());
        }
        let slash = path.iter().rposition(|&byte| byte == b'/')?;
        let parent = self.directory(&path[..=slash], links)?;
        match &path[slash + 1..] {
            b"." => Some(parent),
            b".." => {
                let slash = parent.iter().rposition(|&byte| byte == b'/')?;
                Some(parent[..slash.max(1)].to_vec())
            }
            last => {
                let mut whole = parent;
                if whole.last() != Some(&b'/') {
                    whole.push(b'/');
                }
                let directory_length = whole.len();
                whole.extend_from_slice(last);
                let here = Path::new(OsStr::from_bytes(&whole));
                let metadata = here.symlink_metadata().ok()?;
                if !metadata.is_symlink() || !(follow || must_be_directory) {
                    return Some(whole);
                }
                *links = links.checked_sub(1)?;
                let target = fs::read_link(here).ok()?.into_os_string().into_vec();
                if target.starts_with(b"/") {
                    return self.resolve_within(&target, true, links);
                }
                whole.truncate(directory_length);
                whole.extend_from_slice(&target);
                self.resolve_within(&whole, true, links)
            }
        }
    }

    /// A directory, given with its final slash.
    fn directory(&mut self, path: &[u8], links: &mut u32) -> Option<Vec<u8>> {
        if path.iter().all(|&byte| byte == b'/') {
            return Some(b"/".to_vec());
        }
        if let Some(known) = self.directories.get(path) {
            return known.clone();
        }
        let real = self.resolve_within(path, true, links);
        // What does not exist yet may soon.
        if real.is_some() {
            if self.directories.len() >= MOST_DIRECTORIES {
                self.directories.clear();
            }
            self.directories.insert(path.to_vec(), real.clone());
        }
        real
    }

    /// A name came, went or moved. When it was a directory, or led to one, all that is known about
    /// what is below it is void.
    pub(super) fn forget(&mut self, path: &[u8]) {
        let mut with_slash = path.to_vec();
        with_slash.push(b'/');
        if self.directories.contains_key(&with_slash) {
            self.directories.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn check(resolver: &mut Resolver, path: &Path) {
        let real = resolver.resolve(path.as_os_str().as_bytes(), true);
        let expected = path
            .canonicalize()
            .ok()
            .map(|path| path.into_os_string().into_vec());
        assert_eq!(real, expected, "{}", path.display());
    }

    #[test]
    fn paths_resolve_as_the_kernel_resolves_them() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::write(root.join("a/b/file"), "").unwrap();
        symlink("a/b", root.join("relative")).unwrap();
        symlink(root.join("a"), root.join("absolute")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        symlink("nothing", root.join("dangling")).unwrap();
        symlink("b/file", root.join("a/link")).unwrap();
        let mut resolver = Resolver::default();
        for path in [
            "",
            "a",
            "a/b/file",
            "relative/file",
            "relative/../b/file",
            "absolute/b/./file",
            "absolute/link",
            "loop",
            "dangling",
            "a//b///file",
            "missing/x",
            "a/..",
        ] {
            check(&mut resolver, &root.join(path));
        }
        check(&mut resolver, Path::new("/"));
        check(&mut resolver, Path::new("/.."));
    }

    #[test]
    fn a_directory_that_moved_is_looked_up_again() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        fs::create_dir(root.join("one")).unwrap();
        fs::create_dir(root.join("two")).unwrap();
        fs::write(root.join("one/x"), "").unwrap();
        fs::write(root.join("two/x"), "").unwrap();
        let link = root.join("link");
        symlink("one", &link).unwrap();
        let mut resolver = Resolver::default();
        check(&mut resolver, &link.join("x"));
        fs::remove_file(&link).unwrap();
        resolver.forget(link.as_os_str().as_bytes());
        symlink("two", &link).unwrap();
        check(&mut resolver, &link.join("x"));
    }
}
