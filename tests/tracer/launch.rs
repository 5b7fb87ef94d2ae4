//! A command starts as it would without us, or the reason why not is told.

use crate::everywhere::{Ending, recording, run};
use crate::support::{
    WAYS, again_as_nobody, copy_program, directory, eventually, is_whole, tracee, try_watch, watch,
    write_program,
};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use nixtrace::tracer::{Error, Options};
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

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
    write_program(&script, "#!/nothing/sh -e\n");
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
    write_program(&script, "exit 4\n");
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

/// Runs `sh -c 'exit 3'` under nixtrace, with a limit set by `sh`, and as another user if that can be.
fn limited(limit: &str, user: u32, place: &Path) -> Ending {
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("{limit}; exec \"$@\""), "sh"])
        .arg(place.join("nixtrace"))
        .args([
            "record",
            "--quiet",
            "--force",
            "--output",
            "work/trace",
            "--",
        ])
        .args(["sh", "-c", "exit 3"]);
    if nix::unistd::geteuid().is_root() {
        command.uid(user);
    }
    run(command, place)
}

/// A place for [`limited`]; `work` is the other user's.
fn place_for(user: u32) -> tempfile::TempDir {
    let place = directory();
    copy_program(
        Path::new(env!("CARGO_BIN_EXE_nixtrace")),
        &place.path().join("nixtrace"),
    );
    let work = place.path().join("work");
    fs::create_dir(&work).unwrap();
    if nix::unistd::geteuid().is_root() {
        std::os::unix::fs::chown(&work, Some(user), None).unwrap();
    }
    place
}

/// Whether it went well, or was refused as it should be.
fn went_well(ending: &Ending, what: &str, place: &Path) -> bool {
    let told = String::from_utf8_lossy(&ending.output);
    match ending.status.code() {
        Some(3) => true,
        Some(125) => {
            assert!(told.starts_with("nixtrace: error: "), "{what}: {told}");
            assert!(!place.join("work/trace").exists(), "{what}: {told}");
            false
        }
        other => panic!("{what}: {other:?}: {told}"),
    }
}

/// The limit counts all that a user runs. Root can take one who runs nothing else; for others it is the
/// user who runs all other tests as well.
#[test]
fn where_no_more_threads_may_be_made_it_says_so_and_leaves_nobody() {
    let is_alone = nix::unistd::geteuid().is_root();
    let user = 60_000 + std::process::id() % 5_000;
    let place = place_for(user);
    let went: Vec<bool> = (1..16)
        .map(|most| {
            let what = format!("prlimit --pid $$ --nproc={most}:{most}");
            let went = went_well(&limited(&what, user, place.path()), &what, place.path());
            if is_alone {
                eventually(|| {
                    let all = procfs::process::all_processes().unwrap().flatten();
                    let mut of_user = all.filter(|it| it.uid().is_ok_and(|uid| uid == user));
                    of_user.next().is_none()
                });
            }
            let _ = fs::remove_file(place.path().join("work/trace"));
            went
        })
        .collect();
    assert!(!went[0], "one thread is too few");
    assert!(
        !is_alone || went.is_sorted(),
        "more are never worse: {went:?}"
    );
}

#[test]
fn where_few_files_may_be_open_it_says_so_or_sees_all() {
    let user = nix::unistd::geteuid().as_raw();
    let place = place_for(user);
    let went: Vec<bool> = (5..90)
        .step_by(5)
        .map(|most| {
            let what = format!("ulimit -n {most}");
            let went = went_well(&limited(&what, user, place.path()), &what, place.path());
            let _ = fs::remove_file(place.path().join("work/trace"));
            went
        })
        .collect();
    assert!(
        !went[0] && went[went.len() - 1] && went.is_sorted(),
        "{went:?}"
    );
    let told = limited("ulimit -n 30", user, place.path()).output;
    let told = String::from_utf8(told).unwrap();
    assert!(told.contains("no more than 30 files may be open"), "{told}");
    assert!(told.contains("hint: let more be open"), "{told}");
}

/// As a limiter of cores does it (cpulimit), or somebody who pauses all that runs.
#[test]
fn who_is_stopped_and_continued_while_he_starts_a_command_starts_it() {
    for way in WAYS {
        let place = directory();
        let trace = place.path().join("trace");
        let words = recording(way, &trace);
        for round in 0..20 {
            let mut child = Command::new(&words[0])
                .args(&words[1..])
                .args(["sh", "-c", "exit 3"])
                .process_group(0)
                .spawn()
                .unwrap();
            let group = Pid::from_raw(child.id().cast_signed());
            let mut pause = Duration::from_micros(50 * round);
            let mut status = None;
            eventually(|| {
                // Nobody has waited for it yet, so that the group is there.
                killpg(group, Signal::SIGSTOP).unwrap();
                killpg(group, Signal::SIGCONT).unwrap();
                // However slow it is, it gets on.
                std::thread::sleep(pause);
                pause += pause / 16;
                status = child.try_wait().unwrap();
                status.is_some()
            });
            assert_eq!(status.unwrap().code(), Some(3), "{way:?}");
            assert!(is_whole(&trace));
        }
    }
}

#[test]
fn the_header_comes_first_and_the_footer_last() {
    use nixtrace::trace::Record;
    let trace = watch(Options::default(), "true", NOTHING);
    assert!(matches!(trace.records.first(), Some(Record::Header(_))));
    assert!(matches!(trace.records.last(), Some(Record::Footer(_))));
}
