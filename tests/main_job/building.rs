//! Builds: what they need is more than what a program needs, and far less than what they look for.

use super::support::{Home, Traced, needs, skip};
use std::path::{Path, PathBuf};

#[test]
fn make_of_a_project_needs_its_library_and_pkg_config() {
    needs!("cc", "make", "pkg-config", "/usr/include/zlib.h");
    let home = Home::new();
    home.take_example("make-project");
    let clean = || {
        home.command(["make", "clean"]).succeeds();
    };
    Traced::after(&home, &home.command(["make"]), clean)
        .exits(0)
        .has_kind("build")
        .lists(&["command pkg-config", "library zlib"])
        .implies("stdenv", &["gnumake", "gcc", "binutils", "glibc"])
        .shell_is_that_of_example("make-project");
}

#[test]
fn a_program_that_a_build_made_and_ran_is_its_own() {
    needs!("cc", "make");
    let home = Home::new();
    home.write(
        "project/Makefile",
        "table: generate\n\t./generate > table\n\ngenerate: generate.c\n",
    );
    home.write(
        "project/generate.c",
        "#include <stdio.h>\nint main(void) { return puts(\"1, 2, 3\") < 0; }\n",
    );
    let clean = || {
        home.command(["rm", "-f", "table", "generate"]).succeeds();
    };
    Traced::after(&home, &home.command(["make"]), clean)
        .exits(0)
        .has_kind("build")
        .lists(&[]);
}

#[test]
fn configure_makes_no_dependency_of_what_it_looks_for() {
    needs!("cc", "autoconf", "jq", "sqlite3");
    let home = Home::new();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/main_job/fixtures/probing");
    let unpack = || {
        empty(&home);
        home.command(["cp", "-R"])
            .arg(fixture.join("."))
            .arg(home.project())
            .succeeds();
        home.command(["autoconf"]).succeeds();
        // It asks for the file that AC_PROG_INSTALL may choose, and for nothing in it.
        home.write_program("project/install-sh", "#!/bin/sh\nexit 1\n");
    };
    // pkg-config is run too, only to be told that the module is not there.
    Traced::after(&home, &home.command(["./configure"]), unpack)
        .exits(0)
        .has_kind("build")
        .lists(&[]);
}

#[test]
fn configure_of_gnu_hello_needs_nothing_that_stdenv_lacks() {
    needs!("cc", "tar", "gzip");
    let Some(archive) = gnu_hello() else {
        skip("the source of GNU hello");
        return;
    };
    let home = Home::new();
    let unpack = || {
        empty(&home);
        home.command(["tar", "--strip-components=1", "-xzf"])
            .arg(&archive)
            .succeeds();
    };
    Traced::after(&home, &home.command(["./configure"]), unpack)
        .exits(0)
        .has_kind("build")
        .lists(&[]);
}

/// Removes all that a run left, so that the next one starts afresh.
fn empty(home: &Home) {
    home.command(["find", ".", "-mindepth", "1", "-delete"])
        .succeeds();
}

/// The source archive of GNU hello, which scripts/test fetches.
fn gnu_hello() -> Option<PathBuf> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/fixtures");
    std::fs::read_dir(fixtures)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("hello_") && name.ends_with(".orig.tar.gz")
        })
}
