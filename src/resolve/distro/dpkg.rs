//! Debian's package database, read natively: `/var/lib/dpkg/status`, `info/*.list`, `diversions`
//! (dpkg(1), deb-control(5), dpkg-divert(1)).
//!
//! No subprocess, no lock, nothing written. Both files are read on the first question that needs
//! them. A database in the middle of an upgrade, or one that somebody made up, is read as far as it
//! makes sense: bounded, and without a panic.

use super::owners::Owners;
use super::{
    HostPackage, HostPackages, Manager, Ownership, owner_of, read_bounded, read_into, sorted_names,
    vendor,
};
use crate::trace::Bytes;
use bstr::ByteSlice;
use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Larger than any real one by an order of magnitude.
const STATUS_LIMIT: u64 = 256 << 20;
const LIST_LIMIT: u64 = 64 << 20;
const DIVERSIONS_LIMIT: u64 = 16 << 20;
/// All of Debian is some 65,000 packages.
const PACKAGE_LIMIT: usize = 200_000;

/// The package database below a root directory.
#[derive(Debug)]
pub struct DpkgDatabase {
    root: PathBuf,
    vendor: String,
    status: OnceLock<Status>,
    lists: OnceLock<Lists>,
}

impl DpkgDatabase {
    /// The database of the system whose root directory is given; none when dpkg does not manage
    /// it: elsewhere its tools come with a database too, an empty one.
    pub fn open(root: &Path) -> Option<Self> {
        let directory = root.join("var/lib/dpkg");
        let lists = std::fs::read_dir(directory.join("info")).ok()?.count();
        let described = std::fs::metadata(directory.join("status")).is_ok_and(|it| it.len() > 0);
        (lists > 0 || described).then(|| Self {
            root: root.to_owned(),
            vendor: vendor(root),
            status: OnceLock::new(),
            lists: OnceLock::new(),
        })
    }

    fn status(&self) -> &Status {
        self.status.get_or_init(|| {
            let directory = self.root.join("var/lib/dpkg");
            let mut status = Status::default();
            if let Ok(text) = read_bounded(&directory.join("status"), STATUS_LIMIT) {
                status.add(&text);
            }
            // What an upgrade under way has not merged into `status` yet, in the order of its
            // steps; the later record of a package counts.
            for name in sorted_names(&directory.join("updates")) {
                if name.bytes().all(|b| b.is_ascii_digit())
                    && let Ok(text) =
                        read_bounded(&directory.join("updates").join(&name), LIST_LIMIT)
                {
                    status.add(&text);
                }
            }
            status
        })
    }

    fn lists(&self) -> &Lists {
        self.lists.get_or_init(|| {
            let directory = self.root.join("var/lib/dpkg");
            let diversions = read_bounded(&directory.join("diversions"), DIVERSIONS_LIMIT)
                .map(|text| Diversions::parse(&text))
                .unwrap_or_default();
            let mut lists = Lists::new(diversions);
            let info = directory.join("info");
            let mut list = Vec::new();
            for name in sorted_names(&info) {
                let Some(package) = name.strip_suffix(".list") else {
                    continue;
                };
                if lists.stems.len() == PACKAGE_LIMIT {
                    break;
                }
                if read_into(&mut list, &info.join(&name), LIST_LIMIT).is_ok() {
                    lists.add(package, &list);
                }
            }
            lists
        })
    }

    /// What `status` has about the package of a list (`libssl3:amd64`); a package whose record is
    /// missing is still known by its name.
    fn record(&self, listed: &str) -> HostPackage {
        let name = without_architecture(listed);
        self.status()
            .of(name)
            .cloned()
            .unwrap_or_else(|| HostPackage {
                name: name.to_owned(),
                source: name.to_owned(),
                ..HostPackage::default()
            })
    }
}

impl HostPackages for DpkgDatabase {
    fn manager(&self) -> Manager {
        Manager::Dpkg
    }

    fn vendor(&self) -> &str {
        &self.vendor
    }

    fn owner(&self, path: &[u8]) -> Option<Ownership> {
        let lists = self.lists();
        owner_of(&self.root, path, |path| {
            lists.owner(path).map(|name| self.record(name))
        })
    }

    fn package(&self, name: &str) -> Option<HostPackage> {
        self.status().of(name).cloned()
    }

    fn built_from(&self, source: &str) -> Vec<String> {
        let mut names: Vec<String> = self
            .status()
            .packages
            .values()
            .filter(|package| package.source == source)
            .map(|package| package.name.clone())
            .collect();
        names.sort_unstable();
        names
    }

    fn files(&self, package: &str, visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) {
        let Some(listed) = self.lists().of(package) else {
            return;
        };
        let list = self
            .root
            .join("var/lib/dpkg/info")
            .join(format!("{listed}.list"));
        if let Ok(text) = read_bounded(&list, LIST_LIMIT) {
            let _ = paths(&text).try_for_each(visit);
        }
    }
}

/// The paths of a list. A package's own file names may hold anything but a newline.
fn paths(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = list;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (line, after) = match rest.find_byte(b'\n') {
            Some(end) => (&rest[..end], &rest[end + 1..]),
            None => (rest, &rest[rest.len()..]),
        };
        rest = after;
        Some(line)
    })
    .filter(|line| line.starts_with(b"/"))
}

/// What the lists say: who owns which path.
#[derive(Debug)]
struct Lists {
    owners: Owners,
    /// The stems of the lists, `adduser` or `libssl3:amd64`.
    stems: Vec<Box<str>>,
    /// Which of them is a package's; of several architectures, whose content is alike, the first.
    numbers: HashMap<Box<str>, usize>,
    diversions: Diversions,
    /// The hashes of the places that are diverted: most paths are asked about and few are.
    diverted: HashSet<u64>,
}

impl Lists {
    fn new(diversions: Diversions) -> Self {
        let owners = Owners::new();
        Self {
            diverted: diversions
                .from
                .keys()
                .map(|path| owners.hash(path.as_bytes()))
                .collect(),
            owners,
            stems: Vec::new(),
            numbers: HashMap::new(),
            diversions,
        }
    }

    fn add(&mut self, stem: &str, list: &[u8]) {
        let number = self.stems.len();
        self.stems.push(stem.into());
        self.numbers
            .entry(without_architecture(stem).into())
            .or_insert(number);
        for path in paths(list) {
            let mut hash = self.owners.hash(path);
            if self.diverted.contains(&hash)
                && let Some(moved) = self.diversions.moved(path, stem)
            {
                hash = self.owners.hash(moved.as_bytes());
            }
            let stems = &self.stems;
            // Two lists can be of one package in two architectures. PACKAGE_LIMIT is far below
            // u32::MAX.
            self.owners.insert(hash, number as u32, |a, b| {
                without_architecture(&stems[a as usize]) == without_architecture(&stems[b as usize])
            });
        }
    }

    fn of(&self, package: &str) -> Option<&str> {
        let number = *self.numbers.get(package)?;
        self.stems.get(number).map(|stem| &**stem)
    }

    fn owner(&self, path: &[u8]) -> Option<&str> {
        let number = self.owners.of(path)?;
        self.stems.get(number).map(|stem| &**stem)
    }
}

/// `libssl3` of `libssl3:amd64`.
fn without_architecture(listed: &str) -> &str {
    listed.split_once(':').map_or(listed, |(name, _)| name)
}

/// Files that dpkg puts elsewhere than their package says, because another package (or the
/// administrator) has its own in that place.
#[derive(Debug, Default)]
struct Diversions {
    /// The place -> where everyone else's file goes, and the package whose own stays.
    from: HashMap<Bytes, (Bytes, Bytes)>,
}

impl Diversions {
    /// Three lines each: the place, where to, the package (`:` for the administrator).
    fn parse(text: &[u8]) -> Self {
        let lines: Vec<&[u8]> = text.lines().collect();
        let from = lines
            .chunks_exact(3)
            .map(|entry| (entry[0].into(), (entry[1].into(), entry[2].into())))
            .collect();
        Self { from }
    }

    /// Where a package's file really lies, when it is diverted.
    fn moved(&self, path: &[u8], package: &str) -> Option<&Bytes> {
        let (to, owner) = self.from.get(path)?;
        (owner.as_bytes() != without_architecture(package).as_bytes()).then_some(to)
    }
}

/// The installed packages, by name.
#[derive(Debug, Default)]
struct Status {
    packages: HashMap<String, HostPackage>,
}

impl Status {
    fn of(&self, name: &str) -> Option<&HostPackage> {
        self.packages.get(name)
    }

    /// Reads control records (deb-control(5)); those of packages that are not installed are
    /// passed over.
    fn add(&mut self, text: &[u8]) {
        let mut record = Record::default();
        for line in text.lines() {
            if line.is_empty() {
                self.close(std::mem::take(&mut record));
            } else if let Some((field, value)) = line.split_once_str(":")
                && !line[0].is_ascii_whitespace()
            {
                record.set(field, value.trim());
            }
        }
        self.close(record);
    }

    fn close(&mut self, record: Record<'_>) {
        let (Some(name), true) = (record.name, record.installed) else {
            return;
        };
        if self.packages.len() == PACKAGE_LIMIT {
            return;
        }
        let name = name.to_str_lossy().into_owned();
        // `Source: openssl (3.0.15-1)` where the versions differ.
        let source = record.source.and_then(|source| source.fields().next());
        let text = |value: Option<&[u8]>| value.unwrap_or_default().to_str_lossy().into_owned();
        let package = HostPackage {
            source: source
                .map_or_else(|| name.clone(), |source| source.to_str_lossy().into_owned()),
            version: text(record.version),
            homepage: text(record.homepage),
            name: name.clone(),
        };
        self.packages.insert(name, package);
    }
}

/// The fields of one control record that matter here.
#[derive(Default)]
struct Record<'a> {
    name: Option<&'a [u8]>,
    installed: bool,
    source: Option<&'a [u8]>,
    version: Option<&'a [u8]>,
    homepage: Option<&'a [u8]>,
}

impl<'a> Record<'a> {
    fn set(&mut self, field: &[u8], value: &'a [u8]) {
        match field {
            b"Package" => self.name = Some(value).filter(|name| !name.is_empty()),
            b"Source" => self.source = Some(value),
            b"Version" => self.version = Some(value),
            b"Homepage" => self.homepage = Some(value),
            // want, error and state; of a removed package only its configuration is left. A
            // package half-way through an upgrade has its files.
            b"Status" => {
                self.installed = !matches!(
                    value.fields().last(),
                    Some(b"not-installed" | b"config-files") | None
                );
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolve::distro::Via;
    use proptest::prelude::*;
    use std::os::unix::fs::symlink;

    /// A root directory with the given files below it.
    fn root_with(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("var/lib/dpkg/info")).unwrap();
        for (path, content) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        root
    }

    fn owner(database: &DpkgDatabase, path: &str) -> Option<String> {
        database
            .owner(path.as_bytes())
            .map(|ownership| ownership.package.name)
    }

    const STATUS: &[u8] = b"Package: libssl3\nStatus: install ok installed\nArchitecture: amd64\n\
        Multi-Arch: same\nSource: openssl (3.0.15-1)\nVersion: 3.0.15-1~deb12u1\nDepends: libc6 (>= 2.34)\n\
        Homepage: https://www.openssl.org/\nDescription: Secure Sockets Layer toolkit\n Depends: not a field\n\n\
        Package: libc6\nStatus: install ok installed\nSource: glibc\nVersion: 2.36-9\nPre-Depends: libgcc-s1\n\n\
        Package: libgcc-s1\nStatus: install ok unpacked\nSource: gcc-12\nDepends: libc6, gcc-12-base (= 12)\n\n\
        Package: mawk\nStatus: install ok installed\nProvides: awk (= 1)\n\n\
        Package: base-files\nStatus: install ok installed\nPre-Depends: awk:any | perl\n\n\
        Package: gone\nStatus: deinstall ok config-files\n\n\
        Package: bash\nStatus: install ok installed";

    #[test]
    fn a_file_belongs_to_the_package_whose_list_has_it() {
        let root = root_with(&[
            ("var/lib/dpkg/status", STATUS),
            (
                "var/lib/dpkg/info/libssl3:amd64.list",
                b"/.\n/usr\n/usr/lib\n/usr/lib/libssl.so.3\n",
            ),
            (
                "var/lib/dpkg/info/libssl3:i386.list",
                b"/.\n/usr\n/usr/lib\n/usr/share/doc/libssl3\n",
            ),
            ("var/lib/dpkg/info/bash.list", b"/.\n/usr\n/bin/bash\n"),
        ]);
        let database = DpkgDatabase::open(root.path()).unwrap();
        let ownership = database.owner(b"/usr/lib/libssl.so.3").unwrap();
        assert_eq!(ownership.via, Via::Itself);
        let package = ownership.package;
        assert_eq!((&*package.name, &*package.source), ("libssl3", "openssl"));
        assert_eq!(package.version, "3.0.15-1~deb12u1");
        assert_eq!(package.homepage, "https://www.openssl.org/");
        assert_eq!(owner(&database, "/usr/lib/libssl.so"), None);
        assert_eq!(
            owner(&database, "/usr/lib"),
            Some("libssl3".into()),
            "both lists are of one package"
        );
        assert_eq!(owner(&database, "/usr"), None, "packages share it");
    }

    #[test]
    fn both_spellings_of_a_merged_usr_find_the_owner() {
        let root = root_with(&[
            ("var/lib/dpkg/info/bash.list", b"/bin/bash\n"),
            ("var/lib/dpkg/info/git.list", b"/usr/bin/git\n"),
        ]);
        let database = DpkgDatabase::open(root.path()).unwrap();
        assert_eq!(owner(&database, "/usr/bin/bash"), Some("bash".into()));
        assert_eq!(owner(&database, "/bin/bash"), Some("bash".into()));
        assert_eq!(owner(&database, "/bin/git"), Some("git".into()));
        assert_eq!(owner(&database, "/usr/share/bash"), None);
    }

    #[test]
    fn an_alternative_leads_to_the_package_of_its_target() {
        let root = root_with(&[
            ("var/lib/dpkg/info/mawk.list", b"/usr/bin/mawk\n"),
            ("usr/bin/mawk", b""),
        ]);
        std::fs::create_dir_all(root.path().join("etc/alternatives")).unwrap();
        symlink("/usr/bin/mawk", root.path().join("etc/alternatives/awk")).unwrap();
        symlink("/etc/alternatives/awk", root.path().join("usr/bin/awk")).unwrap();
        let database = DpkgDatabase::open(root.path()).unwrap();
        let ownership = database.owner(b"/usr/bin/awk").unwrap();
        assert_eq!(ownership.package.name, "mawk");
        assert_eq!(ownership.via, Via::Link("/usr/bin/mawk".into()));
    }

    #[test]
    fn links_stay_below_the_root_and_loops_end() {
        let root = root_with(&[("var/lib/dpkg/info/x.list", b"/data/x\n"), ("data/x", b"")]);
        symlink("../../../../../data", root.path().join("up")).unwrap();
        symlink("loop", root.path().join("loop")).unwrap();
        let database = DpkgDatabase::open(root.path()).unwrap();
        assert_eq!(owner(&database, "/up/x"), Some("x".into()));
        assert_eq!(owner(&database, "/loop/x"), None);
    }

    #[test]
    fn a_diverted_file_belongs_to_its_package_under_its_new_name() {
        let root = root_with(&[
            ("var/lib/dpkg/info/dash.list", b"/bin/sh\n"),
            ("var/lib/dpkg/info/posh:amd64.list", b"/bin/sh\n"),
            ("var/lib/dpkg/info/perl.list", b"/usr/bin/prove\n"),
            (
                "var/lib/dpkg/diversions",
                b"/bin/sh\n/bin/sh.distrib\ndash\n/usr/bin/prove\n/usr/bin/prove.real\n:\n/odd",
            ),
        ]);
        let database = DpkgDatabase::open(root.path()).unwrap();
        assert_eq!(owner(&database, "/bin/sh"), Some("dash".into()));
        assert_eq!(owner(&database, "/usr/bin/sh.distrib"), Some("posh".into()));
        assert_eq!(
            owner(&database, "/usr/bin/prove"),
            None,
            "the administrator's"
        );
        assert_eq!(owner(&database, "/usr/bin/prove.real"), Some("perl".into()));
    }

    #[test]
    fn a_removed_package_is_none() {
        let root = root_with(&[("var/lib/dpkg/status", STATUS)]);
        let database = DpkgDatabase::open(root.path()).unwrap();
        assert!(database.package("libc6").is_some());
        assert_eq!(
            database.package("gone"),
            None,
            "only its configuration is left"
        );
    }

    #[test]
    fn an_upgrade_under_way_counts() {
        let root = root_with(&[
            ("var/lib/dpkg/status", STATUS),
            (
                "var/lib/dpkg/updates/0000",
                b"Package: libssl3\nStatus: install ok unpacked\nVersion: 3.0.16\n",
            ),
            (
                "var/lib/dpkg/updates/tmp.i",
                b"Package: libssl3\nStatus: install ok installed\nVersion: 9\n",
            ),
        ]);
        let database = DpkgDatabase::open(root.path()).unwrap();
        assert_eq!(database.package("libssl3").unwrap().version, "3.0.16");
    }

    #[test]
    fn a_system_without_dpkg_has_no_database() {
        assert!(DpkgDatabase::open(tempfile::tempdir().unwrap().path()).is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_bytes_are_read_without_a_panic(
            status in prop::collection::vec(any::<u8>(), 0..400),
            list in prop::collection::vec(any::<u8>(), 0..200),
            diversions in "[/a:\n]{0,40}",
            path in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let root = root_with(&[
                ("var/lib/dpkg/status", &status),
                ("var/lib/dpkg/info/a.list", &list),
                ("var/lib/dpkg/diversions", diversions.as_bytes()),
            ]);
            let database = DpkgDatabase::open(root.path()).unwrap();
            database.owner(&path);
            database.files("a", &mut |_| ControlFlow::Continue(()));
        }
    }
}
