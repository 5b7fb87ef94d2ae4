//! Where a path lies: in the program's own tree, in the system, in a version manager's tree, …
//!
//! Decided from names alone, by the prefixes that the file-system hierarchy standard, Nix and the
//! common version managers fix. Whether a file exists is not asked here.

use crate::trace::{Bytes, Header};
use bstr::{BStr, ByteSlice};

/// Whose a file is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, clap::ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
#[value(rename_all = "kebab-case")]
pub enum Origin {
    /// The program's own tree: its project, its directory, the user's home.
    Own,
    /// Installed for the whole system: a package has it.
    System,
    /// A runtime that a version manager put into the home directory (pyenv, nvm, rustup, …): the
    /// user's file, but what it is has a package.
    Managed,
    /// The Nix store.
    Store,
    /// Files for the moment: `/tmp` and its kin.
    Scratch,
    /// `/proc`, `/sys`, `/dev`, `/run`: the kernel's and the running system's.
    Virtual,
}

impl Origin {
    /// Whether what lies there is a package's.
    pub fn has_package(self) -> bool {
        matches!(self, Self::System | Self::Managed | Self::Store)
    }
}

/// What a trace's header and command say about whose files are whose.
#[derive(Clone, Debug, Default)]
pub struct Territory {
    own: Vec<Bytes>,
    home: Option<Bytes>,
}

/// Trees in which packages of the host's distribution live.
const SYSTEM: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/etc",
    "/var",
    "/boot",
    "/snap",
    "/gnu/store",
];

/// Trees that no package has: they come into being with the running system.
const VIRTUAL: &[&str] = &["/proc", "/sys", "/dev", "/run", "/var/run"];

/// Where NixOS puts links into the store: what is found through them is a package's.
const PROFILES: &[&str] = &[
    "/run/current-system",
    "/run/booted-system",
    "/run/wrappers",
    "/etc/profiles",
    "/nix/var/nix/profiles",
];

/// Trees of home directories inside trees of the system: image-based Fedora, FreeBSD's habit.
const HOMES: &[&str] = &["/var/home", "/usr/home"];

/// Trees for the moment.
const SCRATCH: &[&str] = &["/tmp", "/var/tmp", "/dev/shm", "/run/user"];

/// The tree of a version manager, in a home directory or wherever it was put, and inside it the
/// directory that holds the installed runtimes. What lies in the former but not in the latter is a
/// shim or its helper.
const MANAGERS: &[(&str, &str)] = &[
    (".pyenv", "versions"),
    (".rbenv", "versions"),
    (".nodenv", "versions"),
    (".plenv", "versions"),
    (".goenv", "versions"),
    (".jenv", "versions"),
    (".nvm", "versions"),
    (".fnm", "node-versions"),
    (".local/share/fnm", "node-versions"),
    (".asdf", "installs"),
    (".local/share/mise", "installs"),
    (".local/share/uv", "python"),
    (".volta", "tools/image"),
    (".sdkman", "candidates"),
    (".rustup", "toolchains"),
    (".ghcup", "ghc"),
    (".rvm", "rubies"),
    (".perlbrew", "perls"),
    ("perl5/perlbrew", "perls"),
    ("miniconda3", ""),
    ("anaconda3", ""),
    ("miniforge3", ""),
    (".linuxbrew", "Cellar"),
];

/// What a version manager's tree says about a path in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Managed {
    /// In an installed runtime.
    Runtime,
    /// The manager itself: shims, scripts, plugins.
    Machinery,
}

impl Territory {
    /// The territory of a run: what the header says of home and project, and where the command's
    /// own file lies.
    ///
    /// A home directory without a name (`/`) or with a slash at its end is what some containers and
    /// launchers set.
    pub fn new(header: &Header, executable: Option<&BStr>) -> Self {
        let home = header
            .home
            .as_ref()
            .map(tidy)
            .map(|home| Bytes::from(home.trim_end_with(|it| it == '/')))
            .filter(|home| home.starts_with(b"/"));
        let mut territory = Self {
            own: home.iter().cloned().collect(),
            home,
        };
        territory.add_own(header.cwd.as_ref());
        if let Some(executable) = executable
            && let Some(directory) = parent(executable)
        {
            // What lies beside `bin/` belongs to the program too.
            let directory = match parent(directory) {
                Some(above) if directory.ends_with(b"/bin") && above.len() > 1 => above,
                _ => directory,
            };
            territory.add_own(directory);
        }
        territory
    }

    /// Counts a tree as the program's own, unless packages live there.
    fn add_own(&mut self, tree: &BStr) {
        let known = SYSTEM.iter().chain(VIRTUAL).chain(SCRATCH);
        if tree.len() > 1
            && tree.starts_with(b"/")
            && !is_system(tree)
            && !VIRTUAL.iter().any(|top| is_below(tree, top))
            && !known.clone().any(|top| tree == top)
            && !is_below(tree, "/nix/store")
        {
            self.own.push(tree.into());
        }
    }

    /// Whose the file at this absolute path is.
    pub fn origin(&self, path: &BStr) -> Origin {
        if is_below(path, "/nix/store") || PROFILES.iter().any(|tree| is_below(path, tree)) {
            return Origin::Store;
        }
        if self.managed(path) == Some(Managed::Runtime) {
            return Origin::Managed;
        }
        if self.own.iter().any(|tree| is_below_bytes(path, tree)) {
            return Origin::Own;
        }
        if SCRATCH.iter().any(|tree| is_below(path, tree)) {
            return Origin::Scratch;
        }
        if VIRTUAL.iter().any(|tree| is_below(path, tree)) {
            return Origin::Virtual;
        }
        if is_system(path) {
            return Origin::System;
        }
        Origin::Own
    }

    /// Whose a program is that may be a link: where a link of the user's leads to something that has
    /// a package, it is that.
    pub fn true_origin(&self, path: &BStr, real: Option<&Bytes>) -> Origin {
        let origin = self.origin(path);
        let behind = real.map(|real| self.origin(real.as_ref()));
        behind
            .filter(|behind| behind.has_package() && !origin.has_package())
            .unwrap_or(origin)
    }

    /// What a version manager has to do with the path, if one does.
    pub fn managed(&self, path: &BStr) -> Option<Managed> {
        MANAGERS.iter().find_map(|(manager, runtimes)| {
            let inner = below_component(path, manager)?;
            let is_runtime =
                runtimes.is_empty() || below_bytes(inner, runtimes.as_bytes()).is_some();
            Some(if is_runtime {
                Managed::Runtime
            } else {
                Managed::Machinery
            })
        })
    }

    /// The path as a person of this project would write it: relative to the home directory (`~/…`)
    /// where it lies there.
    pub fn shown(&self, path: &BStr) -> Bytes {
        match self.home.as_ref().and_then(|home| below_bytes(path, home)) {
            Some(inner) => [b"~/", inner.as_bytes()].concat().into(),
            None => path.into(),
        }
    }
}

/// Whether the path is the tree or lies in it.
pub fn is_below(path: &BStr, tree: &str) -> bool {
    is_below_bytes(path, tree.as_bytes())
}

/// The same for a tree whose name is no text.
pub fn is_below_path(path: &BStr, tree: &BStr) -> bool {
    is_below_bytes(path, tree.as_bytes())
}

fn is_below_bytes(path: &BStr, tree: &[u8]) -> bool {
    path == tree || below_bytes(path, tree).is_some()
}

/// Whether packages of the host's distribution live there.
fn is_system(path: &BStr) -> bool {
    SYSTEM.iter().any(|tree| is_below(path, tree)) && !HOMES.iter().any(|tree| is_below(path, tree))
}

/// The rest of the path below the first directory in it that is named so.
fn below_component<'a>(path: &'a BStr, name: &str) -> Option<&'a BStr> {
    path.find_iter(name).find_map(|at| {
        let is_whole = at > 0 && path[at - 1] == b'/';
        let rest = path[at + name.len()..].strip_prefix(b"/")?;
        is_whole.then(|| rest.as_bstr())
    })
}

/// The rest of the path below the tree.
fn below_bytes<'a>(path: &'a BStr, tree: &[u8]) -> Option<&'a BStr> {
    path.strip_prefix(tree)?
        .strip_prefix(b"/")
        .map(ByteSlice::as_bstr)
}

/// The directory part of an absolute path; none for the root.
pub fn parent(path: &BStr) -> Option<&BStr> {
    let slash = path.rfind_byte(b'/')?;
    match slash {
        0 if path.len() > 1 => Some(b"/".as_bstr()),
        0 => None,
        _ => Some(path[..slash].as_bstr()),
    }
}

/// The path without `.` components and doubled slashes, which mean nothing; `..` stays, since what
/// is above a symbolic link is not told by its name.
pub fn tidy(path: &Bytes) -> Bytes {
    if !path.contains_str("/.") && !path.contains_str("//") {
        return path.clone();
    }
    let parts = path
        .split_str("/")
        .filter(|part| !part.is_empty() && *part != b".");
    let tidied = bstr::join("/", parts);
    if path.starts_with(b"/") {
        [b"/".as_slice(), &tidied].concat().into()
    } else {
        tidied.into()
    }
}

/// The path without the steps up that it takes from the working directory. Where these lead is
/// known, since the kernel tells a working directory without symbolic links (getcwd(2)).
pub fn from_directory(path: Bytes, cwd: &Bytes) -> Bytes {
    let inner = path
        .strip_prefix(cwd.as_bytes())
        .and_then(|rest| rest.strip_prefix(b"/"));
    let is_up = |inner: &&[u8]| inner.split_str("/").next() == Some(b"..");
    let Some(mut inner) = inner.filter(is_up) else {
        return path;
    };
    let mut directory = cwd.as_bytes();
    while is_up(&inner) {
        inner = inner[2..].strip_prefix(b"/").unwrap_or_default();
        directory = &directory[..directory.rfind_byte(b'/').unwrap_or(0)];
    }
    if inner.is_empty() && !directory.is_empty() {
        return directory.into();
    }
    [directory, b"/", inner].concat().into()
}

/// The last component of a path.
pub fn file_name(path: &BStr) -> &BStr {
    match path.rfind_byte(b'/') {
        Some(slash) => path[slash + 1..].as_bstr(),
        None => path,
    }
}

/// Whether the path's last component is that of a shared library: `libz.so`, `libz.so.1.2`,
/// `plugin.so`.
pub fn is_library_name(name: &BStr) -> bool {
    match name.find(b".so") {
        None | Some(0) => false,
        Some(at) => {
            let rest = &name[at + 3..];
            rest.is_empty() || (rest[0] == b'.' && rest.len() > 1 && rest[1].is_ascii_digit())
        }
    }
}

/// Whether a directory is one in which the loader looks by itself, or a multiarch one of Debian's:
/// a *public* place for libraries, unlike a package's plugin directory.
pub fn is_public_library_directory(directory: &BStr) -> bool {
    let inner = [
        "/usr/local/lib64",
        "/usr/local/lib",
        "/usr/lib64",
        "/usr/lib32",
        "/usr/lib",
        "/lib64",
        "/lib32",
        "/lib",
    ]
    .iter()
    .find_map(|tree| {
        if directory == tree {
            Some(b"".as_bstr())
        } else {
            below_bytes(directory, tree.as_bytes())
        }
    });
    match inner {
        Some(inner) => {
            let mut parts = inner.split_str("/");
            let first = parts.next().unwrap_or_default();
            let multiarch = first.is_empty() || first.contains_str("-linux-");
            let rest = parts.next();
            multiarch && rest.is_none_or(|part| part.starts_with(b"glibc-hwcaps"))
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_up_from_the_working_directory_are_taken_and_others_are_left() {
        let from = |path: &str| from_directory(path.into(), &"/home/ada/w".into()).to_string();
        assert_eq!(from("/home/ada/w/../bin/app"), "/home/ada/bin/app");
        assert_eq!(from("/home/ada/w/../../../../app"), "/app");
        assert_eq!(from("/home/ada/w/.."), "/home/ada");
        assert_eq!(from("/home/ada/w/../../.."), "/");
        assert_eq!(from("/home/ada/w/..app"), "/home/ada/w/..app");
        assert_eq!(from("/home/ada/w/link/../app"), "/home/ada/w/link/../app");
        assert_eq!(from("/home/ada/wide/../app"), "/home/ada/wide/../app");
    }

    fn territory(home: &str, cwd: &str, executable: &str) -> Territory {
        let header = Header {
            home: Some(home.into()),
            cwd: cwd.into(),
            ..Header::for_tests()
        };
        Territory::new(&header, Some(executable.into()))
    }

    fn check(territory: &Territory, path: &str, expected: Origin) {
        assert_eq!(territory.origin(path.into()), expected, "{path}");
    }

    #[test]
    fn home_and_project_are_the_programs_own() {
        let here = territory("/home/ada", "/srv/work", "/usr/bin/make");
        check(&here, "/home/ada/x/app", Origin::Own);
        check(&here, "/srv/work/Makefile", Origin::Own);
        check(&here, "/usr/bin/gcc", Origin::System);
        check(&here, "/etc/passwd", Origin::System);
        check(&here, "/tmp/cc1234.s", Origin::Scratch);
        check(&here, "/proc/self/maps", Origin::Virtual);
        check(&here, "/nix/store/abc-zlib/lib/libz.so", Origin::Store);
    }

    #[test]
    fn a_program_outside_every_prefix_owns_the_tree_it_lies_in() {
        let here = territory("/home/ada", "/", "/opt/acme/bin/acme");
        check(&here, "/opt/acme/lib/libacme.so", Origin::Own);
        let here = territory("/home/ada", "/", "/tmp/try/app");
        check(&here, "/tmp/try/libown.so", Origin::Own);
        check(&here, "/tmp/other", Origin::Scratch);
    }

    #[test]
    fn working_in_a_system_directory_does_not_make_it_the_programs_own() {
        let here = territory("/home/ada", "/usr/share/doc", "/usr/bin/ls");
        check(&here, "/usr/share/doc/x", Origin::System);
        let here = territory("/", "/", "/usr/bin/ls");
        check(&here, "/usr/share/doc/x", Origin::System);
    }

    #[test]
    fn a_version_managers_runtime_is_not_the_programs_own() {
        let here = territory("/root", "/root/project", "/root/.pyenv/shims/python3");
        check(
            &here,
            "/root/.pyenv/versions/3.11.7/bin/python3.11",
            Origin::Managed,
        );
        assert_eq!(
            here.managed("/root/.pyenv/shims/python3".into()),
            Some(Managed::Machinery)
        );
        assert_eq!(here.managed("/root/project/x".into()), None);
    }

    #[test]
    fn a_version_manager_is_known_wherever_its_tree_lies() {
        let python = "/root/.pyenv/versions/3.11.7/bin/python3.11";
        for home in ["/root/", "/nonexistent", "/", ""] {
            let here = territory(home, "/srv/work", "/usr/bin/env");
            check(&here, python, Origin::Managed);
            check(&here, "/root/.pyenvs/versions/x", Origin::Own);
        }
        let here = territory("/root//", "/srv/work", "/usr/bin/env");
        assert_eq!(here.shown("/root/x".into()), "~/x".into());
    }

    #[test]
    fn links_of_nixos_lead_into_the_store() {
        let here = territory("/home/ada", "/srv/work", "/usr/bin/env");
        for path in [
            "/run/current-system/sw/bin/git",
            "/run/wrappers/bin/sudo",
            "/etc/profiles/per-user/ada/bin/jq",
        ] {
            check(&here, path, Origin::Store);
        }
        check(&here, "/run/systemd/x", Origin::Virtual);
    }

    #[test]
    fn homes_below_var_are_no_system_trees() {
        let here = territory("/home/ada", "/var/home/ada/work", "/usr/bin/make");
        check(&here, "/var/home/ada/work/x.c", Origin::Own);
        check(&here, "/var/lib/x", Origin::System);
    }

    #[test]
    fn components_that_mean_nothing_are_left_out() {
        assert_eq!(
            tidy(&"/home/ada/./x//y/../z/.hidden".into()),
            "/home/ada/x/y/../z/.hidden".into()
        );
        assert_eq!(tidy(&"/".into()), "/".into());
    }

    #[test]
    fn names_of_shared_libraries() {
        for name in [
            "libz.so",
            "libz.so.1",
            "libz.so.1.2.13",
            "_ssl.cpython-311-x86_64-linux-gnu.so",
        ] {
            assert!(is_library_name(name.into()), "{name}");
        }
        for name in ["ld.so.cache", "ld.so.conf", ".so", "libz.a", "so"] {
            assert!(!is_library_name(name.into()), "{name}");
        }
    }

    #[test]
    fn plugin_directories_are_not_public() {
        for directory in [
            "/lib/x86_64-linux-gnu",
            "/usr/lib",
            "/usr/lib64",
            "/usr/lib/x86_64-linux-gnu/glibc-hwcaps",
        ] {
            assert!(is_public_library_directory(directory.into()), "{directory}");
        }
        for directory in [
            "/usr/lib/x86_64-linux-gnu/gio/modules",
            "/usr/lib/git-core",
            "/opt/x/lib",
        ] {
            assert!(
                !is_public_library_directory(directory.into()),
                "{directory}"
            );
        }
    }
}
