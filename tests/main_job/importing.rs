//! `import`: the same Nix from another program's trace as from our own.

use super::support::{Finished, Home, Invocation, needs, nixtrace};
use serde_json::Value;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
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
        &["-ff", "-s", "4096"],
        &["-ff", "-s", "4096", "-r", "-y"],
        &["-f", "-s", "4096", "-t", "-Y", "-x"],
    ] {
        again();
        let imported = shell(home, &import(home, command, options));
        assert_eq!(imported, native, "strace {options:?}");
        remove_logs(home);
    }
}

fn remove_logs(home: &Home) {
    for entry in std::fs::read_dir(home.outside("")).unwrap() {
        let path = entry.unwrap().path();
        if path.to_string_lossy().contains("strace.log") {
            std::fs::remove_file(path).unwrap();
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

/// The files of a trace's own directory that were used, as `show --json` tells them.
fn own_files(home: &Home, trace: &Path) -> Vec<String> {
    let shown = home
        .command([nixtrace(), "show".as_ref(), trace])
        .args(["--json", "--origin", "own"])
        .run()
        .exits(0)
        .text();
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let rows = shown["used"].as_array().unwrap().iter();
    let mut files: Vec<String> = rows
        .map(|row| format!("{} {} {}", row["class"], row["evidence"], row["path"]))
        .collect();
    files.sort();
    files
}

#[test]
fn names_of_any_bytes_are_the_same_however_strace_quotes_them() {
    needs!("strace");
    let home = Home::new();
    let mut script = String::new();
    for name in [
        &b"a \"quoted\" name"[..],
        b"<in> (brackets, and commas) = 3",
        b"back\\slash \\0 \\x41",
        b"new\nline\ttab\x01\x7f1",
        b"\xff\xfe7 not UTF-8",
        "größe ✓ 漢字".as_bytes(),
        b"... <unfinished ...>",
    ] {
        let path = home.project().join(OsStr::from_bytes(name));
        std::fs::write(path, "").unwrap();
        // In octal for printf, whose `%b` has its way with what is no letter.
        let octal: String = name.iter().map(|byte| format!("\\0{byte:03o}")).collect();
        script.push_str(&format!(
            "cat \"$(printf %b '{octal}x')\" \"$(printf %b '{octal}')\"; "
        ));
    }
    let script = home.write("project/run.sh", script);
    let command = home.command(["sh".as_ref(), script.as_os_str()]);
    let native = own_files(&home, &record(&home, &command));
    assert_eq!(
        native
            .iter()
            .filter(|it| it.starts_with("\"data\""))
            .count(),
        8,
        "{native:#?}"
    );
    for options in [
        &["-f", "-s", "4096"][..],
        &["-f", "-s", "4096", "-y"],
        &["-f", "-s", "4096", "-x", "-yy"],
        &["-ff", "-s", "4096", "-xx"],
    ] {
        let imported = own_files(&home, &import(&home, &command, options));
        assert_eq!(imported, native, "strace {options:?}");
        remove_logs(&home);
    }
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
