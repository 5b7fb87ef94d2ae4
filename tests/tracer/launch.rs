//! A command starts as it would without us, or the reason why not is told.

use crate::support::{WAYS, again_as_nobody, directory, tracee, try_watch, watch};
use nixtrace::tracer::{Error, Options};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const NOTHING: [&str; 0] = [];

#[test]
fn a_missing_program_is_not_found() {
    for program in ["nixtrace-no-such-program", "/nothing/here", "./nothing", ""] {
        for options in WAYS {
            let error = try_watch(options, program, NOTHING).err().unwrap();
            assert!(
                matches!(error, Error::NotFound { .. }),
                "{program}: {error}"
            );
        }
    }
}

#[test]
fn a_file_without_permission_is_not_executable() {
    let place = directory();
    let file = place.path().join("plain");
    fs::write(&file, "#!/bin/sh\n").unwrap();
    for options in WAYS {
        let error = try_watch(options, &file, NOTHING).err().unwrap();
        assert!(matches!(error, Error::NotExecutable { .. }), "{error}");
        let error = try_watch(options, place.path(), NOTHING).err().unwrap();
        assert!(matches!(error, Error::NotExecutable { .. }), "{error}");
    }
}

#[test]
fn a_missing_interpreter_is_named() {
    let place = directory();
    let script = place.path().join("script");
    fs::write(&script, "#!/nothing/sh -e\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    for options in WAYS {
        match try_watch(options, &script, NOTHING).err().unwrap() {
            Error::NoInterpreter {
                path,
                interpreter: Some(interpreter),
            } => {
                assert_eq!(path, script);
                assert_eq!(interpreter, Path::new("/nothing/sh"));
            }
            error => panic!("{error}"),
        }
    }
}

#[test]
fn a_text_without_an_interpreter_line_is_run_by_the_shell_as_execvp_does() {
    let place = directory();
    let script = place.path().join("text");
    fs::write(&script, "exit 4\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    for options in WAYS {
        let trace = watch(options, &script, NOTHING);
        assert_eq!(trace.status().shell_code(), 4);
    }
}

fn the_start_is_as_untraced() {
    let untraced = std::process::Command::new(tracee("start"))
        .arg("x")
        .output()
        .unwrap();
    let place = directory();
    let untraced = String::from_utf8(untraced.stdout).unwrap();
    assert!(untraced.contains("SigBlk"), "{untraced}");
    for options in WAYS {
        let report = place.path().join("report");
        let trace = watch(
            options,
            tracee("start"),
            ["x".into(), report.clone().into_os_string()],
        );
        trace.assert_success();
        let traced = fs::read_to_string(&report).unwrap();
        let is_root = nix::unistd::geteuid().is_root();
        let wanted = |text: &str| {
            text.lines()
                .filter(|line| is_root || !line.starts_with("NoNewPrivs"))
                .filter(|line| !line.starts_with("fd"))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(wanted(&traced), wanted(&untraced));
        // Whatever this test program has open without close-on-exec is inherited; nothing of the
        // tracer's is.
        assert!(!traced.contains("pipe:") || untraced.contains("pipe:"));
    }
}

#[test]
fn the_program_starts_as_it_would_untraced() {
    the_start_is_as_untraced();
}

#[test]
fn the_program_starts_as_it_would_untraced_as_nobody() {
    if !again_as_nobody("launch::the_program_starts_as_it_would_untraced_as_nobody") {
        // The tracees cannot be compiled where nobody may not write; `support` uses TMPDIR.
        the_start_is_as_untraced();
    }
}

#[test]
fn the_header_comes_first_and_the_footer_last() {
    use nixtrace::trace::Record;
    let trace = watch(Options::default(), "true", NOTHING);
    assert!(matches!(trace.records.first(), Some(Record::Header(_))));
    assert!(matches!(trace.records.last(), Some(Record::Footer(_))));
}
