//! The package databases of other systems, each a root directory below `tests/data/hosts`.

use nixtrace::resolve::distro::{self, HostPackages, Manager, Via};
use proptest::prelude::*;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

fn root(system: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/hosts")
        .join(system)
}

fn packages(system: &str) -> Box<dyn HostPackages + Send + Sync> {
    distro::open(&root(system)).expect("the system has a package database")
}

/// The owner of a path as `name version (source, home page)`.
fn owner(packages: &dyn HostPackages, path: &str) -> Option<String> {
    let package = packages.owner(path.as_bytes())?.package;
    Some(format!(
        "{} {} ({}, {})",
        package.name, package.version, package.source, package.homepage
    ))
}

fn files(packages: &dyn HostPackages, package: &str) -> Vec<String> {
    let mut files = Vec::new();
    packages.files(package, &mut |path| {
        files.push(String::from_utf8_lossy(path).into_owned());
        ControlFlow::Continue(())
    });
    files
}

#[test]
fn alpine_s_database_says_who_owns_a_file() {
    let packages = packages("alpine");
    assert_eq!(packages.manager(), Manager::Apk);
    assert_eq!(packages.vendor(), "Alpine");
    assert_eq!(
        owner(&*packages, "/lib/libssl.so.3").as_deref(),
        Some("libssl3 3.1.4-r5 (openssl, https://www.openssl.org/)")
    );
    assert_eq!(
        owner(
            &*packages,
            "/usr/lib/python3.11/site-packages/yaml/__init__.py"
        )
        .as_deref(),
        Some("py3-yaml 6.0.1-r1 (py3-yaml, https://pyyaml.org)"),
        "the last record ends with the file"
    );
    assert_eq!(owner(&*packages, "/usr/lib/libssl.so.1.1"), None);
    assert_eq!(packages.built_from("openssl"), ["libcrypto3", "libssl3"]);
    assert_eq!(
        files(&*packages, "libssl3"),
        ["/lib/libssl.so.3", "/usr/lib/libssl.so.3"]
    );
}

#[test]
fn arch_s_database_says_who_owns_a_file_or_directory() {
    let packages = packages("arch");
    assert_eq!(packages.manager(), Manager::Pacman);
    assert_eq!(
        owner(&*packages, "/usr/lib/libstdc++.so.6").as_deref(),
        Some("gcc-libs 13.2.1-5 (gcc, https://gcc.gnu.org)")
    );
    assert!(owner(&*packages, "/usr/include/openssl").is_some_and(|it| it.starts_with("openssl ")));
    assert_eq!(owner(&*packages, "/usr/lib"), None, "packages share it");
    assert_eq!(owner(&*packages, "/etc/x.conf"), None, "another section");
    assert!(files(&*packages, "python-numpy").contains(&"/usr/bin/f2py".to_owned()));
}

#[test]
fn all_three_forms_of_rpm_s_database_say_the_same() {
    for system in ["fedora", "suse", "centos"] {
        let packages = packages(system);
        assert_eq!(packages.manager(), Manager::Rpm);
        for (path, expected) in [
            (
                "/usr/lib64/libssl.so.3",
                Some("openssl-libs 1:3.0.9-1.fc38 (openssl, https://www.openssl.org/)"),
            ),
            (
                "/usr/libexec/git-core/git-rev-parse",
                Some("git-core 2.40.1-1.fc38 (git, https://git-scm.com/)"),
            ),
            (
                "/usr/share/doc/zlib",
                Some("zlib 1.2.13-1.fc38 (zlib, https://www.zlib.net/)"),
            ),
            (
                "/lib64/libz.so.1",
                Some("zlib 1.2.13-1.fc38 (zlib, https://www.zlib.net/)"),
            ),
            ("/usr/lib64/libz.so", None),
        ] {
            assert_eq!(
                owner(&*packages, path).as_deref(),
                expected,
                "{system}: {path}"
            );
        }
        assert_eq!(
            packages.built_from("openssl"),
            ["openssl-devel", "openssl-libs"],
            "{system}"
        );
        assert_eq!(files(&*packages, "git-core").len(), 43, "{system}");
        assert_eq!(
            files(&*packages, "bash"),
            [
                "/usr/bin/bash",
                "/usr/bin/sh",
                "/usr/share/locale/de/LC_MESSAGES/bash.mo"
            ],
            "{system}"
        );
    }
}

#[test]
fn debian_s_database_says_who_owns_a_file() {
    let packages = packages("debian");
    assert_eq!(packages.manager(), Manager::Dpkg);
    assert_eq!(
        owner(&*packages, "/usr/lib/x86_64-linux-gnu/libssl.so.3").as_deref(),
        Some("libssl3 3.0.15-1~deb12u1 (openssl, https://www.openssl.org/)")
    );
}

#[test]
fn a_directory_without_a_package_database_is_no_system() {
    assert!(distro::open(&root("")).is_none());
    assert!(distro::open(Path::new("/no/such/directory")).is_none());
}

#[test]
fn a_second_package_manager_that_manages_nothing_is_passed_over() {
    let system = copy_of("fedora");
    let dpkg = system.path().join("var/lib/dpkg");
    fs::create_dir_all(dpkg.join("info")).expect("can be made");
    fs::write(dpkg.join("status"), "").expect("can be written");
    let packages = distro::open(system.path()).expect("rpm's database is there");
    assert_eq!(packages.manager(), Manager::Rpm);
}

#[test]
fn a_link_that_no_package_has_leads_to_the_owner_of_its_target() {
    let system = copy_of("arch");
    fs::create_dir_all(system.path().join("usr/lib/ossl-modules"))
        .and_then(|()| fs::write(system.path().join("usr/lib/ossl-modules/legacy.so"), ""))
        .and_then(|()| {
            std::os::unix::fs::symlink("/usr/lib/ossl-modules", system.path().join("modules"))
        })
        .expect("can be made");
    let packages = distro::open(system.path()).expect("pacman's database is there");
    let ownership = packages
        .owner(b"/modules/legacy.so")
        .expect("it has an owner");
    assert_eq!(ownership.package.name, "openssl");
    assert_eq!(
        ownership.via,
        Via::Link("/usr/lib/ossl-modules/legacy.so".into())
    );
}

/// A system of its own to change, with the database of another.
fn copy_of(system: &str) -> tempfile::TempDir {
    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).expect("can be made");
        for entry in fs::read_dir(from).expect("can be listed") {
            let entry = entry.expect("can be listed");
            let to = to.join(entry.file_name());
            if entry.path().is_dir() {
                copy(&entry.path(), &to);
            } else {
                fs::copy(entry.path(), to).expect("can be copied");
            }
        }
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    copy(&root(system), directory.path());
    directory
}

const FILES: [(&str, &str); 5] = [
    ("alpine", "lib/apk/db/installed"),
    ("arch", "var/lib/pacman/local/openssl-3.2.1-1/files"),
    ("fedora", "usr/lib/sysimage/rpm/rpmdb.sqlite"),
    ("suse", "usr/lib/sysimage/rpm/Packages.db"),
    ("centos", "var/lib/rpm/Packages"),
];

/// Asks everything that can be asked of a system whose database is of these bytes.
fn ask_all(system: &str, file: &str, bytes: &[u8]) {
    let directory = copy_of(system);
    fs::write(directory.path().join(file), bytes).expect("can be written");
    let Some(packages) = distro::open(directory.path()) else {
        return;
    };
    packages.owner(b"/usr/lib/libssl.so.3");
    packages.package("openssl");
    packages.built_from("openssl");
    for package in ["openssl", "git-core", "libssl3"] {
        packages.files(package, &mut |path| {
            assert!(path.starts_with(b"/"));
            ControlFlow::Continue(())
        });
    }
}

#[test]
fn a_database_cut_anywhere_is_read_as_far_as_it_goes() {
    for (system, file) in FILES {
        let whole = fs::read(root(system).join(file)).expect("the fixture is there");
        for part in 0..24 {
            ask_all(system, file, &whole[..part * whole.len() / 24]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn a_database_with_changed_bytes_never_panics_and_takes_no_memory_without_end(
        which in 0..FILES.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u32>()), 1..12),
    ) {
        let (system, file) = FILES[which];
        let mut bytes = fs::read(root(system).join(file)).expect("the fixture is there");
        for (at, value) in changes {
            let at = at.index(bytes.len() - 3);
            bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        ask_all(system, file, &bytes);
    }
}
