//! Paths without symbolic links, `.` and `..`, as the file system has them now.
//!
//! Directories are remembered until the trace sees that one may have changed.

use hashbrown::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::ops::Range;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// How many links the kernel follows in one look-up (`MAXSYMLINKS`, path_resolution(7)).
const MOST_LINKS: u32 = 40;

/// How many names one look-up passes through before it is given up. Links multiply what a short path
/// asks for: 40 of them, each with a target of some 2000 names, would keep us busy for long.
const MOST_COMPONENTS: u32 = 16 * 1024;

/// How many names are remembered before all are forgotten.
const MOST_NAMES: usize = 16 * 1024;

/// Longer names are not remembered, in bytes.
const LONGEST_NAME: usize = 512;

/// Resolves paths.
#[derive(Debug, Default)]
pub(super) struct Resolver {
    /// Names of directories, each with a final slash: the real path of those that have been asked
    /// for (empty for the root), none for links that others led through, which only
    /// [`forget`](Self::forget) wants to know.
    names: HashMap<Vec<u8>, Option<Vec<u8>>>,
}

/// What is still to be walked of a path or of a link's target.
struct Text {
    bytes: Vec<u8>,
    /// Where the next component begins.
    at: usize,
    /// Whether this is the path itself.
    asked: bool,
}

impl Text {
    fn new(bytes: Vec<u8>, at: usize, asked: bool) -> Self {
        let mut text = Self { bytes, at, asked };
        text.skip_slashes();
        text
    }

    fn skip_slashes(&mut self) {
        while self.bytes.get(self.at) == Some(&b'/') {
            self.at += 1;
        }
    }

    fn is_done(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// Where the next component is.
    fn advance(&mut self) -> Range<usize> {
        let start = self.at;
        let rest = &self.bytes[start..];
        let length = rest.iter().position(|&byte| byte == b'/');
        let end = start + length.unwrap_or(rest.len());
        self.at = end;
        self.skip_slashes();
        start..end
    }
}

impl Resolver {
    /// The path of what `path` names, or none when that does not exist; the last component is
    /// itself followed when `follow` says so.
    pub(super) fn resolve(&mut self, path: &[u8], follow: bool) -> Option<Vec<u8>> {
        if !path.starts_with(b"/") {
            return None;
        }
        if self.names.len() >= MOST_NAMES {
            self.names.clear();
        }
        let mut real = self.walk(path, follow)?;
        if real.is_empty() {
            real.push(b'/');
        }
        Some(real)
    }

    /// Walks a path component by component, the targets of links before what follows the links.
    fn walk(&mut self, path: &[u8], follow: bool) -> Option<Vec<u8>> {
        let (start, mut real) = self.nearest_known(path);
        let mut texts = vec![Text::new(path.to_vec(), start, true)];
        let mut links = MOST_LINKS;
        let mut components = MOST_COMPONENTS;
        // A name can only be remembered with all that it depends on.
        let mut remembers = true;
        let mut must_be_directory = false;
        while let Some(mut text) = texts.pop() {
            if text.is_done() {
                continue;
            }
            if text.asked && text.at > 1 {
                remembers = remembers && self.remember(&text.bytes[..text.at], Some(&real));
            }
            let component = text.advance();
            let before = real.len();
            let is_named = match &text.bytes[component.clone()] {
                b"." => false,
                b".." => {
                    real.truncate(real.iter().rposition(|&byte| byte == b'/').unwrap_or(0));
                    false
                }
                name => {
                    real.push(b'/');
                    real.extend_from_slice(name);
                    true
                }
            };
            if !text.is_done() {
                texts.push(text);
            } else if texts.is_empty() {
                must_be_directory |= component.end < text.bytes.len();
            }
            if !is_named {
                continue;
            }
            components = components.checked_sub(1)?;
            let is_last = texts.is_empty();
            let here = Path::new(OsStr::from_bytes(&real));
            let kind = here.symlink_metadata().ok()?.file_type();
            if kind.is_symlink() {
                if is_last && !follow && !must_be_directory {
                    return Some(real);
                }
                // It would lead to ourselves.
                if matches!(real.as_slice(), b"/proc/self" | b"/proc/thread-self") {
                    return None;
                }
                links = links.checked_sub(1)?;
                let target = fs::read_link(here).ok()?.into_os_string().into_vec();
                remembers = remembers && self.remember(&with_slash(&real), None);
                real.truncate(if target.starts_with(b"/") { 0 } else { before });
                texts.push(Text::new(target, 0, false));
            } else if !is_last || must_be_directory {
                if !kind.is_dir() {
                    return None;
                }
                remembers = remembers && self.remember(&with_slash(&real), Some(&real));
            }
        }
        Some(real)
    }

    /// Where the longest beginning of a path ends whose real path is known, and that path.
    fn nearest_known(&self, path: &[u8]) -> (usize, Vec<u8>) {
        let end = path
            .iter()
            .rposition(|&byte| byte != b'/')
            .map_or(0, |at| at + 1);
        let mut rest = &path[..end.min(LONGEST_NAME)];
        while let Some(slash) = rest.iter().rposition(|&byte| byte == b'/') {
            if let Some(Some(real)) = self.names.get(&path[..=slash]) {
                return (slash + 1, real.clone());
            }
            rest = &path[..slash];
        }
        (0, Vec::new())
    }

    /// Notes a name, given with its final slash; whether it was short enough for that.
    fn remember(&mut self, name: &[u8], real: Option<&[u8]>) -> bool {
        if name.len().max(real.map_or(0, <[u8]>::len)) > LONGEST_NAME {
            return false;
        }
        match self.names.get_mut(name) {
            Some(known) => {
                if known.is_none() {
                    *known = real.map(<[u8]>::to_vec);
                }
            }
            None => {
                self.names.insert(name.to_vec(), real.map(<[u8]>::to_vec));
            }
        }
        true
    }

    /// A name came, went or moved. When it was a directory, or led to one, all that is known about
    /// what is below it is void.
    pub(super) fn forget(&mut self, path: &[u8]) {
        if self.names.contains_key(&with_slash(path)) {
            self.names.clear();
        }
    }
}

fn with_slash(path: &[u8]) -> Vec<u8> {
    [path, b"/"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::{OpenOptionsExt, symlink};
    use std::path::PathBuf;

    /// Where a path leads. Not every C library's realpath(3) takes as many links as the kernel.
    fn by_the_kernel(path: &Path) -> Option<Vec<u8>> {
        let place = fs::File::options()
            .read(true)
            .custom_flags(libc::O_PATH)
            .open(path)
            .ok()?;
        let real = fs::read_link(format!("/proc/self/fd/{}", place.as_raw_fd())).unwrap();
        Some(real.into_os_string().into_vec())
    }

    fn check(resolver: &mut Resolver, path: &Path) {
        let real = resolver.resolve(path.as_os_str().as_bytes(), true);
        assert_eq!(real, by_the_kernel(path), "{}", path.display());
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
    fn what_leads_to_the_one_who_looks_leads_nowhere() {
        let mut resolver = Resolver::default();
        for path in [
            &b"/proc/self/exe"[..],
            b"/proc/thread-self/comm",
            b"/dev/fd/0",
        ] {
            assert_eq!(resolver.resolve(path, true), None);
        }
        assert_eq!(
            resolver.resolve(b"/proc/self", false),
            Some(b"/proc/self".to_vec())
        );
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

    #[test]
    fn what_a_link_leads_through_may_move_as_well() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        fs::create_dir(root.join("one")).unwrap();
        fs::create_dir(root.join("two")).unwrap();
        fs::write(root.join("one/x"), "").unwrap();
        fs::write(root.join("two/x"), "").unwrap();
        symlink("inner", root.join("outer")).unwrap();
        let inner = root.join("inner");
        symlink("one", &inner).unwrap();
        let mut resolver = Resolver::default();
        check(&mut resolver, &root.join("outer/x"));
        fs::remove_file(&inner).unwrap();
        symlink("two", &inner).unwrap();
        resolver.forget(inner.as_os_str().as_bytes());
        check(&mut resolver, &root.join("outer/x"));
    }

    /// Runs with a stack that has no room for a frame per component.
    fn on_a_small_stack(run: impl FnOnce() + Send + 'static) {
        std::thread::Builder::new()
            .stack_size(128 * 1024)
            .spawn(run)
            .unwrap()
            .join()
            .unwrap();
    }

    #[test]
    fn a_path_of_very_many_components_needs_no_stack() {
        on_a_small_stack(|| {
            check(&mut Resolver::default(), Path::new(&"/.".repeat(2000)));
            check(&mut Resolver::default(), Path::new(&"/usr/..".repeat(500)));
        });
    }

    #[test]
    fn links_of_very_many_components_need_no_stack() {
        on_a_small_stack(|| {
            let root = tempfile::tempdir().unwrap();
            let root = root.path().canonicalize().unwrap();
            fs::create_dir(root.join("L0")).unwrap();
            for link in 1..=39 {
                let target = format!("L{}{}", link - 1, "/.".repeat(2000));
                symlink(target, root.join(format!("L{link}"))).unwrap();
            }
            let mut resolver = Resolver::default();
            check(&mut resolver, &root.join("L39"));
            check(&mut resolver, &root.join("L39/"));
            check(&mut resolver, &root.join("L39/x"));
        });
    }

    #[test]
    fn forty_links_are_followed_and_no_more() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        fs::write(root.join("L0"), "").unwrap();
        for link in 1..=41 {
            symlink(format!("L{}", link - 1), root.join(format!("L{link}"))).unwrap();
        }
        check(&mut Resolver::default(), &root.join("L40"));
        check(&mut Resolver::default(), &root.join("L41"));
    }

    #[test]
    fn a_look_up_that_links_multiply_without_end_is_given_up() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        fs::create_dir(root.join("d")).unwrap();
        for link in 0..30 {
            let next = if link == 29 {
                "d".to_owned()
            } else {
                format!("L{}", link + 1)
            };
            let target = format!("{}{next}", "d/../".repeat(800));
            symlink(target, root.join(format!("L{link}"))).unwrap();
        }
        let path = root.join("L0");
        assert_eq!(
            Resolver::default().resolve(path.as_os_str().as_bytes(), true),
            None
        );
    }

    #[test]
    fn a_long_history_is_forgotten() {
        let mut resolver = Resolver::default();
        for number in 0..MOST_NAMES + 10 {
            let path = format!("/.{}/", "/".repeat(number % 500));
            resolver
                .names
                .insert(format!("{path}{number}/").into_bytes(), None);
        }
        check(&mut resolver, Path::new("/usr/bin/env"));
        assert!(resolver.names.len() < MOST_NAMES);
    }

    /// A name, `.` or `..`; names are few, so that paths often lead somewhere.
    fn component() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec!["a", "b", "c", "d", ".", "..", ""])
    }

    fn path_below() -> impl Strategy<Value = String> {
        prop::collection::vec(component(), 1..6).prop_map(|components| components.join("/"))
    }

    #[derive(Clone, Debug)]
    enum Entry {
        Directory,
        File,
        Link { is_absolute: bool, target: String },
    }

    fn entry() -> impl Strategy<Value = Entry> {
        prop_oneof![
            Just(Entry::Directory),
            Just(Entry::File),
            (any::<bool>(), path_below()).prop_map(|(is_absolute, target)| Entry::Link {
                is_absolute,
                target
            }),
        ]
    }

    /// Makes what can be made: some entries lie below what is no directory.
    fn make(root: &Path, entries: &[(String, Entry)]) {
        for (path, entry) in entries {
            let path: PathBuf = root.join(path);
            let _ = match entry {
                Entry::Directory => fs::create_dir(path),
                Entry::File => fs::File::create_new(path).map(drop),
                Entry::Link {
                    is_absolute: true,
                    target,
                } => symlink(format!("{}/{target}", root.display()), path),
                Entry::Link { target, .. } => symlink(target, path),
            };
        }
    }

    proptest! {
        #[test]
        fn any_path_in_any_tree_resolves_as_realpath_says(
            entries in prop::collection::vec(("[a-d](/[a-d]){0,2}", entry()), 0..12),
            paths in prop::collection::vec(path_below(), 1..8),
        ) {
            let place = tempfile::tempdir().unwrap();
            // One level of its own, so that `..` does not often leave it.
            let root = place.path().canonicalize().unwrap().join("r");
            fs::create_dir(&root).unwrap();
            make(&root, &entries);
            let mut warm = Resolver::default();
            for path in paths {
                let path = PathBuf::from(format!("{}/{path}", root.display()));
                check(&mut Resolver::default(), &path);
                // What is remembered costs no links, and so may lead further than the kernel goes.
                if path.canonicalize().is_ok() {
                    check(&mut warm, &path);
                } else {
                    warm.resolve(path.as_os_str().as_bytes(), true);
                }
            }
        }
    }
}
