//! Processes that outlive the command are waited for, or made to end in order.

use crate::support::{Trace, WAYS, directory, eventually, watch};
use nixtrace::trace::{ExitStatus, GapKind, Reader, Record};
use nixtrace::tracer::{Background, Options};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A command that ends with 7 and leaves a process behind, which notes how it is asked to end.
fn leaving(work: &Path, on_term: &str) -> String {
    format!(
        "(trap '{on_term}' TERM; : >{0}/up; while :; do sleep 0.05; done) & \
         while ! test -e {0}/up; do sleep 0.02; done; exit 7",
        work.display()
    )
}

fn ends(trace: &Trace) -> Vec<ExitStatus> {
    let exits = trace.records.iter().filter_map(|record| match record {
        Record::Exited(exited) => Some(exited.status),
        _ => None,
    });
    exits.collect()
}

#[test]
fn what_is_left_behind_may_be_asked_to_end() {
    for options in WAYS {
        let place = directory();
        let options = Options {
            background: Background::End,
            ..options
        };
        let script = leaving(place.path(), "exit 3");
        let trace = watch(options, "/bin/sh", ["-c".to_owned(), script]);
        assert_eq!(trace.status(), ExitStatus::Code(7));
        assert!(ends(&trace).contains(&ExitStatus::Code(3)), "{options:?}");
        assert_eq!(trace.gap_kinds(), [GapKind::Truncated]);
        assert!(matches!(trace.records.last(), Some(Record::Footer(_))));
    }
}

#[test]
fn what_does_not_want_to_end_is_killed() {
    let place = directory();
    let options = Options {
        background: Background::End,
        ..Options::default()
    };
    let script = leaving(place.path(), ":");
    let trace = watch(options, "/bin/sh", ["-c".to_owned(), script]);
    assert_eq!(trace.status(), ExitStatus::Code(7));
    assert!(ends(&trace).contains(&ExitStatus::Signal(libc::SIGKILL)));
}

#[test]
fn a_command_that_leaves_nothing_behind_has_no_gap() {
    let options = Options {
        background: Background::End,
        ..Options::default()
    };
    let trace = watch(options, "/bin/sh", ["-c", "sleep 0.01 & wait"]);
    trace.assert_success();
    assert_eq!(trace.gap_kinds(), []);
}

/// The children of a process, those included that have ended and nobody has waited for.
fn children(pid: u32) -> Vec<String> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    threads
        .flatten()
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok())
        .flat_map(|text| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn a_signal_after_the_command_has_ended_ends_what_it_left_behind() {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        let place = directory();
        let file = place.path().join("trace.jsonl");
        let mut nixtrace: Child = Command::new(env!("CARGO_BIN_EXE_nixtrace"))
            .args(["record", "--output"])
            .arg(&file)
            .args(["--", "/bin/sh", "-c"])
            .arg(leaving(place.path(), "exit 3"))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // The command begins, and ends.
        eventually(|| place.path().join("up").exists());
        eventually(|| children(nixtrace.id()).is_empty());
        let pid = nix::unistd::Pid::from_raw(nixtrace.id().cast_signed());
        let signal = nix::sys::signal::Signal::try_from(signal).unwrap();
        nix::sys::signal::kill(pid, signal).unwrap();
        // The command's status is ours, and the trace is whole.
        assert_eq!(nixtrace.wait().unwrap().code(), Some(7));
        let mut reader = Reader::open(&file).unwrap();
        let records: Vec<Record> = reader.by_ref().map(Result::unwrap).collect();
        assert!(!reader.truncated());
        let is_told =
            |record: &Record| matches!(record, Record::Gap(gap) if gap.kind == GapKind::Truncated);
        assert!(records.iter().any(is_told), "{signal}");
    }
}
