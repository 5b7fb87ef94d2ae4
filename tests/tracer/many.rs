//! A run of any size is recorded in bounded memory, and still told truly.

use crate::everywhere::{recording, run};
use crate::support::{WAYS, directory, tracee, watch};
use crate::trace::Trace;
use nixtrace::trace::{Operation, Record};
use std::process::Command;

/// More than the recorder remembers.
const MANY: usize = 270_000;

#[test]
fn what_was_forgotten_is_written_again_and_counted_right() {
    let trace = watch(WAYS[0], tracee("many"), ["/many", &MANY.to_string(), "2"]);
    trace.assert_success();
    let of = |path: &str| trace.counts(|it| it == path).into_values().sum::<u64>();
    for file in [0, 1, MANY / 2, MANY - 1] {
        assert_eq!(of(&format!("/many/{file}")), 2, "{file}");
    }
    let lines = |path: &str| {
        let is_it = |access: &&nixtrace::trace::Access| access.path.as_bytes() == path.as_bytes();
        trace.accesses().filter(is_it).count()
    };
    assert_eq!(lines("/many/0"), 2);
    let told: u64 = trace
        .records
        .iter()
        .filter_map(|record| match record {
            Record::Accessed(access) | Record::Repeated(access) => Some(access.count),
            _ => None,
        })
        .sum();
    assert_eq!(told, trace.total_accesses());
}

#[test]
fn rounds_through_a_large_tree_are_one_line_for_each_file() {
    for options in WAYS {
        let trace = watch(options, tracee("many"), ["/many", "1000", "10"]);
        trace.assert_success();
        let lines = trace.accesses().filter(|it| it.path.starts_with(b"/many/"));
        assert_eq!(lines.count(), 1000);
        let counts = trace.counts(|path| path.starts_with("/many/"));
        assert_eq!(counts.len(), 1000);
        assert!(counts.values().all(|&count| count == 10));
    }
}

/// Processes that wait, each in a directory of its own, until all are there.
const SCRIPT: &str = "ulimit -n 64; mkfifo go; i=0; \
    while [ $i -lt 100 ]; do \
        mkdir $i; (cd $i; test -e missing; : <../go) & i=$((i + 1)); \
    done; exec 4>go; wait; exit 0";

#[test]
fn more_directories_than_may_be_open_are_told_apart() {
    for way in WAYS {
        let place = directory();
        let top = place.path().canonicalize().unwrap();
        let file = top.join("trace");
        let mut command = Command::new("sh");
        command
            .args(["-c", "ulimit -n 64; exec \"$@\"", "sh"])
            .args(recording(way, &file))
            .args(["sh", "-c", SCRIPT]);
        let ending = run(command, &top);
        assert_eq!(ending.status.code(), Some(0), "{ending:?}");
        let trace = Trace::read(&file);
        assert_eq!(trace.gap_kinds(), []);
        assert_eq!(trace.processes(), (202, 202));
        for number in 0..100 {
            let missing = top.join(number.to_string()).join("missing");
            let errno = trace.failed(Operation::Stat, &missing);
            assert_eq!(errno, Some(libc::ENOENT), "{number} in {way:?}");
        }
    }
}
