//! No content of dpkg's files makes a look-up panic or hang. The input is split at 0xff into the
//! status file, a list, the diversions and the path that is asked for.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nixtrace::resolve::distro::HostPackages;
use nixtrace::resolve::distro::dpkg::DpkgDatabase;

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(4, |byte| *byte == 0xff);
    let mut next = || parts.next().unwrap_or_default();
    let Ok(root) = tempfile::tempdir() else {
        return;
    };
    let directory = root.path().join("var/lib/dpkg");
    let written = std::fs::create_dir_all(directory.join("info"))
        .and_then(|()| std::fs::write(directory.join("status"), next()))
        .and_then(|()| std::fs::write(directory.join("info/a.list"), next()))
        .and_then(|()| std::fs::write(directory.join("diversions"), next()));
    if written.is_err() {
        return;
    }
    if let Some(database) = DpkgDatabase::open(root.path()) {
        std::hint::black_box(database.owner(next()));
        database.files("a", &mut |path| {
            std::hint::black_box(path);
            std::ops::ControlFlow::Continue(())
        });
    }
});
