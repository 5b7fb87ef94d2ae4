//! Signals are the program's own: none is lost, none is added, none interrupts what it would not.

use crate::everywhere::{Case, recording};
use crate::support::{WAYS, eventually, is_whole, tracee, watch};
use crate::trace::Trace;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use nixtrace::trace::{ExitStatus, GapKind, Operation};
use nixtrace::tracer::Options;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The program checks for itself.
fn check(way: &str) {
    signals(&[way]).check(|_, _| {});
}

fn signals(args: &[&str]) -> Case {
    Case::new("signals", args)
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
fn a_call_that_waits_for_nobody_is_interrupted_by_no_signal() {
    check("hurried");
}

#[test]
fn an_ignored_signal_interrupts_nothing() {
    signals(&["ignores"])
        .without_strace("there it does: ptrace(2), BUGS")
        .check(|_, _| {});
}

#[test]
fn each_child_gives_one_sigchld_with_its_status() {
    check("children");
}

#[test]
fn a_parent_is_told_once_of_each_stop_continuation_and_end() {
    check("tells-parent");
}

#[test]
fn who_ignores_its_children_has_none_to_wait_for() {
    check("ignores-children");
}

#[test]
fn of_several_pending_signals_the_same_comes_first() {
    check("in-order");
}

#[test]
fn a_signal_for_a_thread_comes_to_that_thread_as_often_as_it_was_sent() {
    check("to-threads");
}

#[test]
fn a_fault_is_told_with_its_address() {
    check("faulty");
}

/// How every kind of wait ends when a signal comes while the process is asleep in it.
fn waits(what: &str) -> Case {
    Case::new("waits", &[what])
}

#[test]
fn a_handled_signal_ends_the_waits_that_it_ends_untraced() {
    waits("handled").check(|_, _| {});
}

#[test]
fn a_signal_that_restarts_calls_ends_only_those_that_never_restart() {
    waits("restarting").check(|_, _| {});
}

#[test]
fn an_ignored_signal_ends_no_wait() {
    let case = waits("ignored").without_strace("there it ends four of them: ptrace(2), BUGS");
    case.check(|_, _| {});
    let case = waits("by-default").without_strace("the same");
    case.check(|_, _| {});
}

#[test]
fn a_blocked_signal_ends_no_wait() {
    waits("blocked").check(|_, _| {});
}

#[test]
fn a_stop_ends_the_waits_that_it_ends_untraced() {
    waits("stopped").check(|_, _| {});
}

#[test]
fn filters_of_the_program_answer_as_they_would_untraced_and_are_told_of() {
    let is_told = |trace: &Trace| assert!(trace.gap_kinds().contains(&GapKind::OwnSeccomp));
    for way in ["filters", "traps"] {
        signals(&[way]).check(|trace, _| is_told(trace));
    }
    signals(&["listens"])
        .where_it_may_listen()
        .check(|trace, _| is_told(trace));
}

/// seccomp(2), EBUSY: there can be one listener only.
#[test]
fn a_supervisor_that_finds_our_listener_is_told_of_with_the_way_out() {
    const CANNOT: i32 = 77;
    let trace = watch(Options::DEFAULT, tracee("signals"), ["listens"]);
    if trace.engine() == "notify" {
        assert_eq!(trace.status(), ExitStatus::Code(CANNOT));
        let details = trace.gaps().into_iter().map(|gap| gap.detail.clone());
        assert!(details.clone().any(|it| it.contains("--engine ptrace")));
    } else {
        trace.assert_success();
    }
}

/// A caller may have set much that exec keeps; the command has to find it as it would without us.
#[test]
fn the_signals_of_the_caller_are_inherited_as_they_are() {
    let program = tracee("signals").into_os_string();
    let place = crate::support::directory();
    let oddly = |words: &[std::ffi::OsString]| {
        let mut command = Command::new(&program);
        command.arg("runs-oddly").args(words);
        crate::everywhere::run(command, place.path())
    };
    for what in ["says-state", "ignores-children"] {
        let job = [program.clone(), what.into()];
        let untraced = oddly(&job);
        assert_eq!(untraced.status.code(), Some(0), "{untraced:?}");
        for way in WAYS {
            let mut words = recording(way, &place.path().join("trace"));
            words.extend(job.iter().cloned());
            assert_eq!(oddly(&words), untraced, "{what}, {way:?}");
            assert!(is_whole(&place.path().join("trace")));
        }
    }
}

/// Observes a shell script as a process group of its own, and waits until the script has made the
/// file that it is given as `$0`.
///
/// By `nixtrace record`, where only one thread waits for signals: here they would reach the test's.
fn in_a_group(way: Options, script: &str, place: &Path) -> Child {
    let ready = place.join("ready");
    let words = recording(way, &place.join("trace"));
    let child = Command::new(&words[0])
        .args(&words[1..])
        .args(["sh", "-c", script])
        .arg(&ready)
        .process_group(0)
        .spawn()
        .unwrap();
    eventually(|| ready.exists());
    child
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(child.id() as i32)
}

fn group(child: &Child) -> Pid {
    Pid::from_raw(-(child.id() as i32))
}

#[test]
fn ctrl_z_stops_the_command_and_then_us_and_fg_continues_both() {
    for way in WAYS {
        let place = crate::support::directory();
        let script = "touch \"$0\"; until [ -e \"$0.go\" ]; do sleep 0.02; done; exit 3";
        let mut child = in_a_group(way, script, place.path());
        kill(group(&child), Signal::SIGTSTP).unwrap();
        let status = waitpid(pid(&child), Some(WaitPidFlag::WUNTRACED)).unwrap();
        assert_eq!(status, WaitStatus::Stopped(pid(&child), Signal::SIGSTOP));
        std::fs::write(place.path().join("ready.go"), "").unwrap();
        kill(group(&child), Signal::SIGCONT).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(3));
        assert!(is_whole(&place.path().join("trace")));
    }
}

#[test]
fn ctrl_c_ends_the_command_and_the_trace_is_whole() {
    for way in WAYS {
        let place = crate::support::directory();
        let mut child = in_a_group(way, "touch \"$0\"; sleep 30", place.path());
        kill(group(&child), Signal::SIGINT).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(128 + libc::SIGINT));
        assert!(is_whole(&place.path().join("trace")));
    }
}

#[test]
fn sigterm_is_passed_on_to_the_command() {
    for way in WAYS {
        let place = crate::support::directory();
        let script = "trap 'exit 40' TERM; touch \"$0\"; while :; do sleep 0.05; done";
        let mut child = in_a_group(way, script, place.path());
        kill(pid(&child), Signal::SIGTERM).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(40));
        assert!(is_whole(&place.path().join("trace")));
    }
}

#[test]
fn nothing_is_left_when_we_are_killed() {
    for way in WAYS {
        let place = crate::support::directory();
        let script =
            "sleep 60 & setsid sleep 60 & echo $$ $! > \"$0.tmp\"; mv \"$0.tmp\" \"$0\"; wait";
        let mut child = in_a_group(way, script, place.path());
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
}

/// Whether a process has this among its variables.
fn has_variable(process: &procfs::process::Process, name: &str) -> bool {
    let is_zombie = process.stat().is_ok_and(|stat| stat.state == 'Z');
    let variables = process.environ().unwrap_or_default();
    !is_zombie && variables.contains_key(std::ffi::OsStr::new(name))
}

#[test]
fn nothing_is_left_whenever_we_are_killed() {
    for (index, way) in WAYS.into_iter().enumerate() {
        for round in 0..12 {
            let place = crate::support::directory();
            let name = format!("NIXTRACE_KILLED_{}_{index}_{round}", std::process::id());
            let words = recording(way, &place.path().join("trace"));
            let mut child = Command::new(&words[0])
                .args(&words[1..])
                .args(["sh", "-c", "while :; do (true); true & true; done"])
                .env(&name, "")
                // In the moment before it is killed as well, a call may fail.
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            // Before it runs, while it begins, and later.
            std::thread::sleep(std::time::Duration::from_millis(round * round));
            child.kill().unwrap();
            child.wait().unwrap();
            eventually(|| {
                let all = procfs::process::all_processes().unwrap().flatten();
                !all.into_iter().any(|process| has_variable(&process, &name))
            });
        }
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
