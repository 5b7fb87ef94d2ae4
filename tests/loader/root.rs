//! Another system's root directory, with the real loader in a chroot beside it.

use crate::support::{Workshop, as_listed, copy_program, have, is_root, listed, real};
use nixtrace::elf::{Disk, closure};
use nixtrace::trace::Bytes;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

#[test]
fn paths_and_links_are_followed_within_the_root() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    if !is_root() || !have(&["chroot"]) {
        return;
    }
    // An absolute link, which leads elsewhere outside of the root; and a library that is only there.
    workshop.library("root/opt/real", "foo", &[], &[]);
    symlink("/opt/real", workshop.at("root/opt/lib")).unwrap();
    let flags = ["-Lroot/opt/real", "-lfoo", "-Wl,-rpath,/opt/lib"];
    let app = workshop.program("root/bin/app", &["foo"], &flags);
    // What the program needs of this machine goes to the same places there.
    for path in real(&app, &crate::support::Start::default()).paths {
        let copy = workshop.at("root").join(path.trim_start_matches('/'));
        std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
        copy_program(Path::new(&path), &copy);
    }
    let output = Command::new("chroot")
        .arg(workshop.at("root"))
        .args(["/lib64/ld-linux-x86-64.so.2", "--list", "/bin/app"])
        .output()
        .unwrap();

    let disk = Disk::with_root(&workshop.at("root")).unwrap();
    let path = Bytes::from("/bin/app");
    let (file, image) = disk.read_image(path.as_ref()).unwrap();
    let conditions = nixtrace::elf::search::Conditions::new("/");
    let closure = closure(&disk, &conditions, path.as_ref(), file, image);
    assert_eq!(as_listed(&closure), listed(&output.stdout), "ours is left");
    assert_eq!(closure.missing().count(), 0);
    let real = nixtrace::elf::FileSystem::real_path(&disk, "/opt/lib/libfoo.so".into());
    assert_eq!(real.unwrap(), "/opt/real/libfoo.so");
}
