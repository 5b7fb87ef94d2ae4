//! `nixtrace elf` as a person or a script meets it.

use crate::support::{Start, Workshop};
use std::process::{Command, Output};

/// Runs the verb in the workshop.
fn elf(workshop: &Workshop, arguments: &[&str]) -> Output {
    Start::cwd(workshop.path())
        .command(env!("CARGO_BIN_EXE_nixtrace"))
        .arg("elf")
        .args(arguments)
        .output()
        .unwrap()
}

/// Both streams and the status, with the workshop's name and this machine's loader taken out.
fn shown(workshop: &Workshop, output: &Output) -> String {
    let text = format!(
        "{}{}exit {}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
        output.status.code().unwrap()
    );
    text.replace(workshop.path().to_str().unwrap(), "@")
        .replace("/lib64/ld-linux-x86-64.so.2", "LOADER")
        .replace("/lib/x86_64-linux-gnu", "LIB")
}

#[test]
fn the_tree_says_where_each_library_is_and_why_and_what_is_missing() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    workshop.library("a", "deep", &[], &["-nostdlib"]);
    workshop.library("a", "mid", &["deep"], &["-nostdlib", "-La", "-ldeep"]);
    workshop.library("gone", "gone", &[], &["-nostdlib"]);
    let flags = [
        "-La",
        "-Lgone",
        "-lmid",
        "-lgone",
        "-ldeep",
        "-Wl,--enable-new-dtags,-rpath,$ORIGIN/a",
    ];
    workshop.program("app", &["mid"], &flags);
    insta::assert_snapshot!(shown(&workshop, &elf(&workshop, &["app"])), @r#"
    app  (program, x86_64, interpreter LOADER)
    ├── libmid.so => @/a/libmid.so  (RUNPATH of app)
    │   └── libdeep.so => @/a/libdeep.so  (RUNPATH of app, by luck)
    ├── libgone.so => NOT FOUND
    ├── libdeep.so => @/a/libdeep.so  (see above)
    └── libc.so.6 => LIB/libc.so.6  (ld.so.cache)
        └── ld-linux-x86-64.so.2 => LOADER  (interpreter)
    note: @/a/libmid.so would not find libdeep.so by itself: another object had loaded it before
    exit 0
    "#);
}

#[test]
fn the_json_line_has_objects_and_needs_in_load_order() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    workshop.library("a", "foo", &[], &["-nostdlib"]);
    let flags = ["-La", "-lfoo", "-Wl,--enable-new-dtags,-rpath,$ORIGIN/a"];
    workshop.program("app", &["foo"], &flags);
    let output = elf(&workshop, &["--json", "app"]);
    let line: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let shown = serde_json::to_string_pretty(&line)
        .unwrap()
        .replace(workshop.path().to_str().unwrap(), "@")
        .replace("/lib64/ld-linux-x86-64.so.2", "LOADER")
        .replace("/lib/x86_64-linux-gnu", "LIB");
    insta::assert_snapshot!(shown, @r#"
    {
      "file": "app",
      "form": "program",
      "machine": "x86_64",
      "libc": "glibc",
      "interpreter": {
        "path": "LOADER",
        "is_usable": true
      },
      "appended_bytes": 0,
      "section_headers": true,
      "objects": [
        {
          "path": "app",
          "soname": null,
          "rule": "main",
          "rule_of": null,
          "reason": "main",
          "loaded_by": null
        },
        {
          "path": "@/a/libfoo.so",
          "soname": "libfoo.so",
          "rule": "runpath",
          "rule_of": "app",
          "reason": "needed",
          "loaded_by": "app"
        },
        {
          "path": "LIB/libc.so.6",
          "soname": "libc.so.6",
          "rule": "cache",
          "rule_of": null,
          "reason": "needed",
          "loaded_by": "app"
        },
        {
          "path": "LOADER",
          "soname": "ld-linux-x86-64.so.2",
          "rule": "interpreter",
          "rule_of": null,
          "reason": "interpreter",
          "loaded_by": null
        }
      ],
      "needs": [
        {
          "from": "app",
          "name": "libfoo.so",
          "reason": "needed",
          "outcome": "loaded",
          "path": "@/a/libfoo.so",
          "by_own_rules": true
        },
        {
          "from": "app",
          "name": "libc.so.6",
          "reason": "needed",
          "outcome": "loaded",
          "path": "LIB/libc.so.6",
          "by_own_rules": true
        },
        {
          "from": "LIB/libc.so.6",
          "name": "ld-linux-x86-64.so.2",
          "reason": "needed",
          "outcome": "already-loaded",
          "path": "LOADER",
          "by_own_rules": true
        }
      ],
      "dlopen_notes": []
    }
    "#);
}

#[test]
fn files_that_cannot_be_read_are_said_and_the_others_shown() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let write = |name: &str, content: &[u8]| std::fs::write(workshop.at(name), content).unwrap();
    write("script", b"#!/usr/bin/env -S python3 -u\n");
    write("text", b"hello");
    write("empty", b"");
    write("cut", b"\x7fELF\x02\x01\x01");
    write("evil\x1b[31m", b"");
    let static_program = workshop.program("static", &[], &["-static"]);
    let mut foreign = std::fs::read(&static_program).unwrap();
    foreign[18..20].copy_from_slice(&[183, 0]);
    write("foreign", &foreign);
    workshop.compile("object.o", "int x;", &["-c"]);
    let arguments = [
        "script",
        "text",
        "empty",
        "cut",
        "foreign",
        "object.o",
        "nothing",
        ".",
        "evil\x1b[31m",
        "static",
    ];
    insta::assert_snapshot!(shown(&workshop, &elf(&workshop, &arguments)), @r#"
    static  (static program, x86_64)
    note: static: the kernel starts it without a loader or libraries
    nixtrace: error: `script` is a script and not an ELF file; its interpreter is `/usr/bin/env -S python3 -u`
    hint: try `nixtrace elf /usr/bin/env`
    nixtrace: error: `text` is not an ELF file: it does not begin with the ELF magic number
    nixtrace: error: `empty` is not an ELF file: it is empty
    nixtrace: error: `cut` is a damaged ELF file: its ELF header is not within the file
    hint: if it was copied or downloaded, compare its size with the original's
    nixtrace: error: `foreign` is for another machine (aarch64), whose libraries are not here
    hint: give the root directory of a system for that machine with --root DIR
    nixtrace: error: `object.o` is an ELF file that no loader loads: an object file, a kernel module or a core dump
    hint: give a program or a shared library
    nixtrace: error: cannot read `nothing`: No such file or directory (os error 2)
    nixtrace: error: `.` is not an ELF file: it is not a regular file
    nixtrace: error: `evil\u{1b}[31m` is not an ELF file: it is empty
    exit 125
    "#);
}

#[test]
fn a_missing_interpreter_bytes_behind_the_end_and_luck_are_remarked() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    workshop.library("a", "foo", &[], &["-nostdlib"]);
    workshop.library("a", "mid", &["foo"], &["-nostdlib", "-La", "-lfoo"]);
    let flags = [
        "-La",
        "-lfoo",
        "-lmid",
        "-Wl,--enable-new-dtags,-rpath,@/a,--dynamic-linker,/gone/ld.so",
    ];
    let app = workshop.program("app", &["mid"], &flags);
    let mut bytes = std::fs::read(&app).unwrap();
    bytes.extend_from_slice(b"payload");
    std::fs::write(&app, bytes).unwrap();
    insta::assert_snapshot!(shown(&workshop, &elf(&workshop, &["app"])), @r#"
    app  (program, x86_64, interpreter /gone/ld.so => NOT FOUND)
    ├── libfoo.so => @/a/libfoo.so  (RUNPATH of app)
    ├── libmid.so => @/a/libmid.so  (RUNPATH of app)
    │   └── libfoo.so => @/a/libfoo.so  (see above, by luck)
    └── libc.so.6 => LIB/libc.so.6  (ld.so.cache)
        └── ld-linux-x86-64.so.2 => LIB/ld-linux-x86-64.so.2  (ld.so.cache)
    note: the interpreter /gone/ld.so does not exist: the program cannot be started here ("No such file or directory")
    note: @/a/libmid.so would not find libfoo.so by itself: another object had loaded it before
    note: 7 bytes follow the end of the ELF file, perhaps data that the program finds there: neither strip nor patch it
    exit 0
    "#);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let app = workshop.program("app", &[], &[]);
    let script = format!(
        "for i in $(seq 300); do set -- \"$@\" {}; done; {} elf \"$@\" | head -n 1 >/dev/null; echo ${{PIPESTATUS[0]}}",
        app.display(),
        env!("CARGO_BIN_EXE_nixtrace")
    );
    let output = Command::new("bash")
        .arg("-c")
        .arg(script)
        // Of a locale that is not there the shell itself would complain.
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "0\n");
}
