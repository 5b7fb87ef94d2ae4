//! `ld.so.cache`, as ldconfig writes it, against what ldconfig reads from it.

use crate::support::{Workshop, have_file};
use nixtrace::elf::ldcache::LdCache;
use std::path::Path;
use std::process::Command;

/// It is not in everyone's PATH.
const LDCONFIG: &str = "/sbin/ldconfig";

/// Checks that a cache has the lines that `ldconfig -p` prints, without their order.
fn agree(cache: &Path) -> LdCache {
    let ours = LdCache::parse(std::fs::read(cache).unwrap()).unwrap();
    let output = Command::new(LDCONFIG)
        .arg("-C")
        .arg(cache)
        .arg("-p")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut theirs: Vec<(String, String, bool)> = text
        .lines()
        .filter_map(|line| {
            let (name, rest) = line.trim().split_once(" (")?;
            let (kind, path) = rest.split_once(") => ")?;
            Some((name.into(), path.into(), kind.contains("hwcap:")))
        })
        .collect();
    let mut lines: Vec<(String, String, bool)> = ours
        .iter()
        .map(|library| {
            let (name, path) = (library.name.to_string(), library.path.to_string());
            (name, path, library.hwcap.is_some())
        })
        .collect();
    theirs.sort();
    lines.sort();
    assert!(!lines.is_empty());
    assert_eq!(lines, theirs, "ours is left");
    ours
}

#[test]
fn the_cache_of_this_machine_is_read_as_ldconfig_reads_it() {
    if have_file(LDCONFIG) && Path::new("/etc/ld.so.cache").exists() {
        agree(Path::new("/etc/ld.so.cache"));
    }
}

/// A directory with a library, and one of its kind for some processors, in a cache of `format`.
fn cache(workshop: &Workshop, format: &str) -> LdCache {
    workshop.library("lib", "foo", &[], &[]);
    workshop.library("lib/glibc-hwcaps/x86-64-v2", "foo", &[], &[]);
    workshop.library("lib/glibc-hwcaps/x86-64-v3", "foo", &[], &[]);
    let configuration = workshop.at("ld.so.conf");
    std::fs::write(&configuration, workshop.at("lib").to_str().unwrap()).unwrap();
    let file = workshop.at("cache");
    let status = Command::new(LDCONFIG)
        .args(["-X", "-c", format, "-f"])
        .arg(configuration)
        .arg("-C")
        .arg(&file)
        .status()
        .unwrap();
    assert!(status.success());
    agree(&file)
}

#[test]
fn every_format_that_ldconfig_writes_is_read() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    if !have_file(LDCONFIG) {
        return;
    }
    for format in ["new", "compat", "old"] {
        let cache = cache(&workshop, format);
        // The old format has no flags for hardware, so it has no such libraries.
        let has_hwcaps = cache.iter().any(|library| library.hwcap.is_some());
        assert_eq!(has_hwcaps, format != "old", "{format}");
    }
}

#[test]
fn a_library_for_the_processor_is_taken_from_the_cache() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    if !have_file(LDCONFIG) {
        return;
    }
    let cache = cache(&workshop, "new");
    let flags = cache
        .iter()
        .find(|library| library.name == "libfoo.so")
        .unwrap()
        .flags;
    let find = |hwcaps: &[&str]| {
        let hwcaps: Vec<_> = hwcaps.iter().map(|hwcap| (*hwcap).into()).collect();
        let path = cache.find("libfoo.so".into(), flags, &hwcaps).unwrap();
        let lib = workshop.at("lib");
        let path = Path::new(path.to_string().as_str()).to_owned();
        path.strip_prefix(lib).unwrap().to_str().unwrap().to_owned()
    };
    assert_eq!(
        find(&["x86-64-v3", "x86-64-v2"]),
        "glibc-hwcaps/x86-64-v3/libfoo.so"
    );
    assert_eq!(
        find(&["x86-64-v2", "x86-64-v3"]),
        "glibc-hwcaps/x86-64-v2/libfoo.so"
    );
    assert_eq!(find(&["power10"]), "libfoo.so");
    assert_eq!(cache.find("libfoo.so".into(), flags + 1, &[]), None);
    assert_eq!(cache.find("libfo".into(), flags, &[]), None);
}
