//! No package database of rpm, pacman or apk makes a look-up panic, hang or take memory without end.
//! The first byte chooses the format.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nixtrace::resolve::distro;
use std::ops::ControlFlow;

const FILES: [&str; 6] = [
    "lib/apk/db/installed",
    "var/lib/pacman/local/a-1/desc",
    "var/lib/pacman/local/a-1/files",
    "var/lib/rpm/rpmdb.sqlite",
    "var/lib/rpm/Packages.db",
    "var/lib/rpm/Packages",
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
    if let Some(packages) = distro::open(root.path()) {
        std::hint::black_box(packages.owner(b"/usr/bin/a"));
        std::hint::black_box(packages.built_from("a"));
        packages.files("a", &mut |path| {
            std::hint::black_box(path);
            ControlFlow::Continue(())
        });
    }
});
