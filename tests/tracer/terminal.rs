//! At a terminal, the command is a job as it would be without us: the keys, the foreground, the size.
//!
//! The person, the terminal and the shell are those of `tracees/terminal.c`; only the job is observed.

use crate::everywhere::{Ending, recording, run};
use crate::support::{WAYS, directory, eventually, is_whole, tracee};
use crate::trace::Trace;
use nixtrace::trace::ExitStatus;
use std::ffi::OsString;
use std::process::Command;

/// What the person and the shell see of the job when the person does something.
fn at_the_keyboard(what: &str, words: &[OsString]) -> Ending {
    let program = tracee("terminal");
    let mut command = Command::new(&program);
    command.args(["person", what]).args(words).arg(&program);
    command.args(["job", what]);
    run(command, directory().path())
}

fn check(what: &str, status: ExitStatus) {
    let untraced = at_the_keyboard(what, &[]);
    assert_eq!(untraced.status.code(), Some(0), "{what}: {untraced:?}");
    for way in WAYS {
        let place = directory();
        let file = place.path().join("trace");
        let observed = at_the_keyboard(what, &recording(way, &file));
        assert_eq!(observed, untraced, "{what} in {way:?}");
        // When the shell is gone, too, nobody has waited for the job.
        eventually(|| is_whole(&file));
        assert_eq!(Trace::read(&file).status(), status, "{what} in {way:?}");
    }
}

#[test]
fn ctrl_c_ends_the_job_and_the_shell_is_told() {
    check("interrupts", ExitStatus::Signal(libc::SIGINT));
}

#[test]
fn ctrl_backslash_ends_the_job_and_the_shell_is_told() {
    check("quits", ExitStatus::Signal(libc::SIGQUIT));
}

#[test]
fn ctrl_z_stops_the_job_and_fg_brings_it_back() {
    check("stops", ExitStatus::Code(6));
}

#[test]
fn what_is_typed_is_read_by_the_job() {
    check("types", ExitStatus::Code(6));
}

#[test]
fn a_new_size_is_told_to_the_job_once() {
    check("resizes", ExitStatus::Code(6));
}

#[test]
fn the_end_of_the_terminal_ends_the_job() {
    check("hangs-up", ExitStatus::Signal(libc::SIGHUP));
}
