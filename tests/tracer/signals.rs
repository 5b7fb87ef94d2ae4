//! Signals are the program's own: none is lost, none is added, none interrupts what it would not.

use crate::support::{WAYS, tracee, watch};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use nixtrace::trace::{ExitStatus, GapKind, Operation};
use nixtrace::tracer::Options;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// The program checks for itself; first without a tracer, then in every way of observing.
fn check(way: &str) {
    let status = std::process::Command::new(tracee("signals"))
        .arg(way)
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(0), "{way}, untraced");
    for options in WAYS {
        let trace = watch(options, tracee("signals"), [way]);
        assert_eq!(trace.status(), ExitStatus::Code(0), "{way}, {options:?}");
    }
}

#[test]
fn a_process_stops_and_continues_as_its_parent_asks() {
    check("stops");
}

#[test]
fn signals_keep_their_order_number_and_origin() {
    check("exact");
}

#[test]
fn calls_restart_or_end_with_eintr_as_the_handler_asks() {
    check("restarts");
}

#[test]
fn an_ignored_signal_interrupts_nothing() {
    check("ignores");
}

#[test]
fn each_child_gives_one_sigchld_with_its_status() {
    check("children");
}

#[test]
fn filters_of_the_program_answer_as_they_would_untraced_and_are_told_of() {
    check("filters");
    let trace = watch(WAYS[0], tracee("signals"), ["filters"]);
    assert_eq!(trace.gap_kinds(), [GapKind::OwnSeccomp]);
}

/// Observes a shell script as a process group of its own, and waits until the script has made the
/// file that it is given as `$0`.
///
/// By `nixtrace record`, where only one thread waits for signals: here they would reach the test's.
fn in_a_group(script: &str, place: &Path) -> Child {
    let ready = place.join("ready");
    let child = Command::new(env!("CARGO_BIN_EXE_nixtrace"))
        .args(["record", "--quiet", "--output"])
        .arg(place.join("trace"))
        .args(["--", "sh", "-c", script])
        .arg(&ready)
        .process_group(0)
        .spawn()
        .unwrap();
    eventually(|| ready.exists());
    child
}

/// Whether the trace has its last line.
fn is_whole(place: &Path) -> bool {
    let trace = std::fs::read_to_string(place.join("trace")).unwrap();
    trace
        .lines()
        .last()
        .is_some_and(|line| line.contains("\"footer\""))
}

/// Waits for something that happens soon; a hang fails the test.
fn eventually(mut happened: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !happened() {
        assert!(
            begin.elapsed() < Duration::from_secs(30),
            "it never happened"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(child.id() as i32)
}

fn group(child: &Child) -> Pid {
    Pid::from_raw(-(child.id() as i32))
}

#[test]
fn ctrl_z_stops_the_command_and_then_us_and_fg_continues_both() {
    let place = crate::support::directory();
    let mut child = in_a_group("touch \"$0\"; sleep 0.3; exit 3", place.path());
    kill(group(&child), Signal::SIGTSTP).unwrap();
    let status = waitpid(pid(&child), Some(WaitPidFlag::WUNTRACED)).unwrap();
    assert_eq!(status, WaitStatus::Stopped(pid(&child), Signal::SIGSTOP));
    kill(group(&child), Signal::SIGCONT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3));
    assert!(is_whole(place.path()));
}

#[test]
fn ctrl_c_ends_the_command_and_the_trace_is_whole() {
    let place = crate::support::directory();
    let mut child = in_a_group("touch \"$0\"; sleep 30", place.path());
    kill(group(&child), Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(128 + libc::SIGINT));
    assert!(is_whole(place.path()));
}

#[test]
fn sigterm_is_passed_on_to_the_command() {
    let place = crate::support::directory();
    let script = "trap 'exit 40' TERM; touch \"$0\"; while :; do sleep 0.05; done";
    let mut child = in_a_group(script, place.path());
    kill(pid(&child), Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(40));
    assert!(is_whole(place.path()));
}

#[test]
fn nothing_is_left_when_we_are_killed() {
    let place = crate::support::directory();
    let script = "sleep 60 & setsid sleep 60 & echo $$ $! > \"$0.tmp\"; mv \"$0.tmp\" \"$0\"; wait";
    let mut child = in_a_group(script, place.path());
    let pids = std::fs::read_to_string(place.path().join("ready")).unwrap();
    kill(pid(&child), Signal::SIGKILL).unwrap();
    child.wait().unwrap();
    for pid in pids.split_whitespace() {
        // A zombie that its new parent has not reaped yet is as good as gone.
        eventually(|| {
            std::fs::read_to_string(format!("/proc/{pid}/stat"))
                .map_or(true, |stat| stat.contains(") Z "))
        });
    }
}

#[test]
fn a_window_of_time_loses_no_record() {
    // The recorder fetches what lies idle: what happened long before the end is there in order.
    let trace = watch(Options::default(), "sh", ["-c", "cd /; sleep 0.3; cd /usr"]);
    let changes: Vec<_> = trace
        .accesses()
        .filter(|access| access.operation == Operation::ChangeDirectory)
        .map(|access| access.path.to_string())
        .collect();
    assert_eq!(changes, ["/", "/usr"]);
}
