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

/// The same command under ReproZip, imported.
fn import_reprozip(home: &Home, command: &Invocation) -> PathBuf {
    let directory = home.outside("reprozip");
    let trace = ["reprozip", "trace", "--overwrite", "-d"].map(Path::new);
    command
        .clone()
        .under(trace.into_iter().chain([directory.as_path()]))
        .run();
    let imported = home.outside("imported.jsonl");
    home.command([nixtrace()])
        .args(["import", "reprozip", "--strict", "--force", "-o"])
        .arg(&imported)
        .arg(&directory)
        .run()
        .exits(0)
        .says("rows, trace in");
    imported
}

/// What is written without the notes on what was not seen, of which a foreign trace has more.
fn without_notes(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.starts_with("# Not seen"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn reprozip_gives_the_same_nix_for_a_script() {
    needs!("reprozip", "python3", "jq", "git");
    let home = Home::new();
    home.write_program(
        "project/run.sh",
        "#!/bin/sh\ngit --version | jq -R .\npython3 -c 'import json, sqlite3'\n",
    );
    let command = home.command(["./run.sh"]);
    let native = shell(&home, &record(&home, &command));
    let imported = shell(&home, &import_reprozip(&home, &command));
    assert!(native.contains("pkgs.jq"), "{native}");
    assert!(imported.contains("# Not seen: ReproZip tells nothing of what failed"));
    assert_eq!(without_notes(&imported), without_notes(&native));
}

#[test]
fn reprozip_gives_the_same_nix_for_a_program_of_ones_own() {
    needs!("reprozip", "cc");
    let home = Home::new();
    let source = home.write(
        "outside/a.c",
        "#include <zlib.h>\nint main(void) { return !zlibVersion(); }\n",
    );
    let program = home.project().join("app");
    let built = std::process::Command::new("cc")
        .arg(source)
        .args(["-lz", "-o"])
        .arg(&program)
        .status();
    assert!(built.unwrap().success());
    let command = home.command(["./app"]);
    let native = shell(&home, &record(&home, &command));
    let imported = shell(&home, &import_reprozip(&home, &command));
    assert!(native.contains("pkgs.zlib"), "{native}");
    assert_eq!(without_notes(&imported), without_notes(&native));
}

/// A run of `run.sh` in `/srv/demo`, which called cat, mv, jq and rm, as these programs have traced it.
#[test]
fn genuine_traces_of_fsatrace_and_tracexec_show_the_programs_that_ran() {
    needs!("jq");
    let home = Home::new();
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/import");
    let trace = home.outside("imported.jsonl");
    for (kind, sample, command) in [
        ("fsatrace", "fsatrace", &["--", "./run.sh"][..]),
        ("tracexec", "tracexec.json", &[]),
        ("tracexec", "tracexec.jsonl", &[]),
    ] {
        home.command([nixtrace()])
            .args([
                "import",
                kind,
                "--strict",
                "--force",
                "--cwd",
                "/srv/demo",
                "-o",
            ])
            .arg(&trace)
            .arg(samples.join(sample))
            .args(command)
            .run()
            .exits(0);
        let emitted = shell(&home, &trace);
        assert!(
            emitted.contains("# Written by nixtrace for: ./run.sh"),
            "{emitted}"
        );
        assert!(emitted.contains("pkgs.jq"), "{sample}: {emitted}");
        assert!(emitted.contains(&format!("# Not seen: {kind} tells only")));
        let shown = home
            .command([nixtrace()])
            .args(["show", "--class", "command"])
            .arg(&trace)
            .run()
            .exits(0)
            .text();
        for program in ["cat", "mv", "jq", "rm"] {
            assert!(shown.contains(&format!("/usr/bin/{program} ")), "{shown}");
        }
    }
}

#[test]
fn what_a_kind_of_trace_does_not_have_is_no_option_for_it() {
    let home = Home::new();
    let log = home.write("project/log", "r|/bin/sh\n");
    for (words, said) in [
        (
            &["strace", "log", "-o", "x", "--", "true"][..],
            "such a trace tells its command itself",
        ),
        (
            &["fsatrace", "log", "log", "-o", "x"],
            "only strace has several files",
        ),
        (
            &["fsatrace", "log", "--run", "1", "-o", "x"],
            "--run is for traces of ReproZip",
        ),
    ] {
        home.command([nixtrace()])
            .args(["import"])
            .args(words)
            .run()
            .exits(2)
            .says(said);
    }
    importing(&home, &log, &["--force", "--quiet", "-o", "x"]).exits(0);
    home.command([nixtrace()])
        .args(["import", "reprozip", "log", "-o", "y"])
        .run()
        .exits(125)
        .says("log is no trace of ReproZip: file is not a database");
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
