//! `import`: the same Nix from another program's trace as from our own.

use super::support::{Finished, Home, Invocation, needs, nixtrace};
use std::path::{Path, PathBuf};

/// The command's own trace.
fn record(home: &Home, command: &Invocation) -> PathBuf {
    let trace = home.outside("native.jsonl");
    let record = ["record", "-q", "--force", "-o"].map(Path::new);
    command
        .clone()
        .under(
            [nixtrace()]
                .into_iter()
                .chain(record)
                .chain([trace.as_path(), Path::new("--")]),
        )
        .run();
    trace
}

/// The same command under strace with these options, imported.
fn import(home: &Home, command: &Invocation, options: &[&str]) -> PathBuf {
    let log = home.outside("strace.log");
    command
        .clone()
        .under(
            ["strace", "-o"]
                .map(Path::new)
                .into_iter()
                .chain([log.as_path()])
                .chain(options.iter().map(Path::new)),
        )
        .run();
    let trace = home.outside("imported.jsonl");
    importing(
        home,
        &log,
        &["--strict", "--force", "-o", &trace.to_string_lossy()],
    )
    .exits(0);
    trace
}

fn importing(home: &Home, log: &Path, options: &[&str]) -> Finished {
    home.command([nixtrace()])
        .args(["import", "strace"])
        .arg(log)
        .args(options)
        .run()
}

fn shell(home: &Home, trace: &Path) -> String {
    home.command([nixtrace()])
        .args(["emit", "-q", "-o", "-"])
        .arg(trace)
        .run()
        .exits(0)
        .text()
}

#[track_caller]
fn check(home: &Home, command: &Invocation, again: impl Fn()) {
    again();
    let native = shell(home, &record(home, command));
    assert!(native.contains("pkgs."), "{native}");
    for options in [
        &["-f", "-s", "4096", "-v", "-y"][..],
        &["-f", "-s", "4096", "-ttt", "-yy", "-T"],
        &["-f", "-s", "4096", "-r", "-xx"],
        &["-ff", "-s", "4096", "-tt"],
    ] {
        again();
        let imported = shell(home, &import(home, command, options));
        assert_eq!(imported, native, "strace {options:?}");
        for entry in std::fs::read_dir(home.outside("")).unwrap() {
            let path = entry.unwrap().path();
            if path.to_string_lossy().contains("strace.log") {
                std::fs::remove_file(path).unwrap();
            }
        }
    }
}

#[test]
fn a_script_gives_the_same_nix_as_from_our_own_trace() {
    needs!("strace", "python3", "jq", "git");
    let home = Home::new();
    home.write_program(
        "project/run.sh",
        "#!/bin/sh\ngit --version | jq -R .\npython3 -c 'import json, sqlite3'\n",
    );
    check(&home, &home.command(["./run.sh"]), || ());
}

#[test]
fn a_build_gives_the_same_nix_as_from_our_own_trace() {
    needs!("strace", "cc", "make");
    let home = Home::new();
    home.write(
        "project/a.c",
        "#include <zlib.h>\nint main(void) { return !zlibVersion(); }\n",
    );
    home.write("project/Makefile", "a: a.c\n\tcc a.c -lz -o a\n\t./a\n");
    let program = home.project().join("a");
    check(&home, &home.command(["make"]), || {
        // That it is not there yet is fine.
        let _ = std::fs::remove_file(&program);
    });
}

#[test]
fn broken_lines_are_told_with_their_numbers() {
    let home = Home::new();
    let log = home.write(
        "project/log",
        "execve(\"/bin/true\", [\"true\"], 0x1 /* 1 var */) = 0\nhalf a li\nexit_group(0) = ?\n+++ exited with 0 +++\n",
    );
    let output = home.outside("out.jsonl");
    let to = output.to_string_lossy();
    importing(&home, &log, &["--strict", "-o", &to])
        .exits(125)
        .says("line 2: no `(` after a name: half a li")
        .says("without --strict");
    assert!(!output.exists());
    importing(&home, &log, &["-o", &to])
        .exits(0)
        .says("skipped line 2: no `(` after a name: half a li")
        .says("4 lines");
    assert!(output.exists());
    let empty = home.write("project/empty", "");
    importing(&home, &empty, &["--force", "-o", &to])
        .exits(125)
        .says("the trace is empty");
    importing(&home, Path::new("/no/such"), &["--force", "-o", &to])
        .exits(125)
        .says("cannot read /no/such");
}
