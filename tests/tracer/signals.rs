//! Signals are the program's own: none is lost, none is added, none interrupts what it would not.

use crate::support::{WAYS, tracee, watch};
use nixtrace::trace::{ExitStatus, GapKind};

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
