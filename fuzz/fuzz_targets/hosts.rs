//! No package database of rpm, pacman or apk, and no description of a package of R, makes a look-up
//! panic, hang or take memory without end.
//! The first byte chooses the format.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nixtrace::resolve::{Descriptions, Kind, Query, Source, distro};
use std::ops::ControlFlow;

const FILES: [&str; 7] = [
    "lib/apk/db/installed",
    "var/lib/pacman/local/a-1/desc",
    "var/lib/pacman/local/a-1/files",
    "var/lib/rpm/rpmdb.sqlite",
    "var/lib/rpm/Packages.db",
    "var/lib/rpm/Packages",
    "usr/lib/R/site-library/a/DESCRIPTION",
];

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, bytes)) = bytes.split_first() else {
        return;
    };
    let Ok(root) = tempfile::tempdir() else {
        return;
    };
    let file = root.path().join(FILES[usize::from(*choice) % FILES.len()]);
    let written = file
        .parent()
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| std::fs::write(&file, bytes));
    if written.is_err() {
        return;
    }
    let query = Query::new(Kind::R, "a").at("/usr/lib/R/site-library/a/R/a.rdb");
    std::hint::black_box(Descriptions::below(root.path()).candidates(&query));
    if let Some(packages) = distro::open(root.path()) {
        std::hint::black_box(packages.owner(b"/usr/bin/a"));
        std::hint::black_box(packages.built_from("a"));
        packages.files("a", &mut |path| {
            std::hint::black_box(path);
            ControlFlow::Continue(())
        });
    }
});
