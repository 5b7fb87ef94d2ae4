//! Tracers below us: strace and gdb on what they trace, while we observe both.

use crate::everywhere::{Case, Ending, may_listen, recording, run};
use crate::support::{WAYS, again_as_nobody, directory, tracee, watch};
use crate::trace::Trace;
use nixtrace::trace::{Errno, Executed, ExitStatus, GapKind, Operation, Outcome, Record};
use nixtrace::tracer::Options;
use std::path::Path;
use std::process::Command;

/// The ways in which calls come as notifications, so that ptrace is not needed for them.
fn notified_ways() -> impl Iterator<Item = Options> {
    WAYS.into_iter().filter(|way| !may_listen(*way))
}

fn observed(way: Options, command: &[&str], more: &[&str], place: &Path) -> (Ending, Trace) {
    let file = place.join("trace");
    let mut words = recording(way, &file);
    words.pop();
    let mut traced = Command::new(&words[0]);
    traced.args(&words[1..]).args(more).arg("--").args(command);
    let ending = run(traced, place);
    (ending, Trace::read(&file))
}

fn programs(trace: &Trace) -> Vec<String> {
    let name = |it: &&Executed| {
        let path = it.real.as_ref().or(it.path.as_ref())?;
        Some(path.as_path().file_name()?.to_str()?.to_owned())
    };
    trace.executed().iter().filter_map(name).collect()
}

fn statuses(trace: &Trace) -> Vec<ExitStatus> {
    let status = |record: &Record| match record {
        Record::Exited(exited) => Some(exited.status),
        _ => None,
    };
    trace.records.iter().filter_map(status).collect()
}

const SCRIPT: &str = "touch made; mkdir dir; mv made dir/moved; cat absent; \
     LD_LIBRARY_PATH=/nowhere cat dir/moved; exit 7";

#[test]
fn strace_below_us_traces_and_what_it_traces_is_seen_by_its_calls() {
    for way in notified_ways() {
        let place = directory();
        let command = ["strace", "-f", "-o", "log", "sh", "-c", SCRIPT];
        let (ending, trace) = observed(way, &command, &[], place.path());
        assert_eq!(ending.status.code(), Some(7), "{way:?}");
        let log = std::fs::read_to_string(place.path().join("log")).unwrap();
        assert!(log.contains("+++ exited with 7 +++"), "{log}");
        let programs = programs(&trace);
        for program in ["strace", "dash", "touch", "mkdir", "mv", "cat"] {
            assert!(programs.iter().any(|it| it == program), "{programs:?}");
        }
        let at = |name: &str| place.path().join(name);
        let success = Outcome::Success;
        assert!(trace.has(Operation::Write, at("made"), success));
        assert!(trace.has(Operation::MakeDirectory, at("dir"), success));
        assert!(trace.has(Operation::Rename, at("made"), success));
        assert!(trace.has(Operation::Read, at("dir/moved"), success));
        assert_eq!(
            trace.failed(Operation::Read, at("absent")),
            Some(libc::ENOENT)
        );
        let statuses = statuses(&trace);
        assert!(statuses.contains(&ExitStatus::Code(1)), "{statuses:?}");
        assert!(statuses.contains(&ExitStatus::Code(7)), "{statuses:?}");
        assert_eq!(trace.processes().0, statuses.len());
        let bound = trace.executed().iter().any(|it| {
            it.env
                .iter()
                .any(|(name, _)| name.as_bytes() == b"LD_LIBRARY_PATH")
        });
        assert!(bound, "variables are given to who was handed over, too");
        assert!(trace.gap_kinds().contains(&GapKind::NestedTracer));
    }
}

#[test]
fn gdb_below_us_runs_its_program() {
    for way in notified_ways() {
        let place = directory();
        std::fs::write(place.path().join("read"), "so it is").unwrap();
        let command = [
            "gdb", "--batch", "--nx", "-ex", "run", "--args", "cat", "read",
        ];
        let (ending, trace) = observed(way, &command, &[], place.path());
        let output = String::from_utf8_lossy(&ending.output);
        assert!(output.contains("so it is"), "{output}");
        assert!(trace.has(Operation::Read, place.path().join("read"), Outcome::Success));
        assert!(programs(&trace).contains(&"cat".to_owned()));
    }
}

#[test]
fn a_tracer_may_attach_to_who_runs_already() {
    for way in notified_ways() {
        let place = directory();
        let attached = "strace -qq -o log -p $$ & \
             while [ ! -s log ]; do [ -e nothing ]; done; \
             cat /etc/hostname >copy; kill $!; wait; exit 5";
        let script = format!("sh -c '{attached}'; exit $?");
        let (ending, trace) = observed(way, &["sh", "-c", &script], &[], place.path());
        assert_eq!(ending.status.code(), Some(5), "{way:?}");
        assert!(trace.has(Operation::Read, "/etc/hostname", Outcome::Success));
        assert!(trace.gap_kinds().contains(&GapKind::NestedTracer));
    }
}

/// As a leak checker does it at the end.
#[test]
fn a_tracer_may_attach_to_the_command_itself() {
    for way in notified_ways() {
        let place = directory();
        let script = "strace -qq -o log -p $$ & \
             while [ ! -s log ]; do [ -e nothing ]; done; kill $!; wait; cat absent; exit 4";
        let (ending, trace) = observed(way, &["sh", "-c", script], &[], place.path());
        assert_eq!(ending.status.code(), Some(4), "{way:?}");
        assert_eq!(trace.status(), ExitStatus::Code(4));
        let absent = place.path().join("absent");
        assert_eq!(trace.failed(Operation::Read, absent), Some(libc::ENOENT));
        let (began, ended) = trace.processes();
        assert_eq!(began, ended);
    }
}

#[test]
fn what_another_tracer_has_is_ended_with_all_that_is_left_behind() {
    // Another run of the tests on this machine has processes of the same kind.
    let seconds = format!("98765.{}", std::process::id());
    for way in notified_ways() {
        let place = directory();
        let script = format!(
            "strace -f -o log sh -c 'sleep {seconds} & touch ready; wait' & \
             while [ ! -e ready ]; do :; done; exit 3"
        );
        let more = ["--background", "end"];
        let (ending, trace) = observed(way, &["sh", "-c", &script], &more, place.path());
        assert_eq!(ending.status.code(), Some(3), "{way:?}");
        let (began, ended) = trace.processes();
        assert_eq!(began, ended);
        let sleeps = procfs::process::all_processes()
            .unwrap()
            .flatten()
            .filter_map(|process| process.cmdline().ok())
            .filter(|words| words.contains(&seconds));
        assert_eq!(sleeps.count(), 0);
    }
}

#[test]
fn two_that_want_to_trace_each_other_at_once_do() {
    Case::new("traces", &["each-other"])
        .where_tracers_are_let_in()
        .without_strace("there they cannot")
        .check(|trace, _| {
            assert_eq!(trace.processes(), (41, 41));
            for path in ["/traces/first", "/traces/second"] {
                let looked = trace.who(Operation::Stat, path);
                assert_eq!(looked.len(), 20, "{path}");
            }
            assert!(trace.gap_kinds().contains(&GapKind::NestedTracer));
        });
}

#[test]
fn who_asks_for_one_that_waits_for_him_in_the_kernel_is_refused_in_time_and_told_of() {
    let program = tracee("traces");
    for way in notified_ways() {
        let place = directory();
        let command = [program.to_str().unwrap(), "asleep"];
        let (ending, trace) = observed(way, &command, &[], place.path());
        assert_eq!(ending.status.code(), Some(0), "{ending:?}");
        assert_eq!(ending.output, b"EPERM\n");
        assert_eq!(trace.gap_kinds(), [GapKind::NestedTracer]);
    }
}

#[test]
fn who_is_left_by_his_tracer_is_ours_again_with_all_that_he_makes() {
    Case::new("traces", &["left"])
        .where_tracers_are_let_in()
        .without_strace("there nobody can be traced by another")
        .check(|trace, top| {
            // As long as another has it, a failure that changes nothing is not seen.
            let made: Vec<_> = trace
                .accesses()
                .filter(|it| it.operation == Operation::MakeDirectory)
                .map(|it| {
                    (
                        it.process.0,
                        it.path.as_path() == top.join("there"),
                        it.outcome,
                    )
                })
                .collect();
            let there = Outcome::Failure(Errno(libc::EEXIST));
            let expected = [(0, Outcome::Success), (1, there), (2, there)];
            assert_eq!(made, expected.map(|(who, outcome)| (who, true, outcome)));
            assert_eq!(trace.gap_kinds(), [GapKind::NestedTracer]);
        });
}

/// Which processes tried in vain to make what is there, in the order in which they did: a failure that
/// changes nothing is seen only of those that are ours.
fn tried_in_vain(trace: &Trace) -> Vec<u32> {
    trace
        .accesses()
        .filter(|it| it.operation == Operation::MakeDirectory)
        .filter(|it| it.outcome == Outcome::Failure(Errno(libc::EEXIST)))
        .map(|it| it.process.0)
        .collect()
}

#[track_caller]
fn is_ours_again(what: &str, who: u32) {
    Case::new("traces", &[what])
        .where_tracers_are_let_in()
        .without_strace("there nobody can be traced by another")
        .check(|trace, _| {
            assert_eq!(tried_in_vain(trace), [who]);
            assert_eq!(trace.gap_kinds(), [GapKind::NestedTracer]);
        });
}

#[test]
fn who_does_nothing_while_another_tracer_has_him_is_ours_again_after_that() {
    is_ours_again("left-unseen", 1);
}

#[test]
fn who_was_left_by_a_tracer_that_has_ended_is_ours_again() {
    is_ours_again("left-by-the-dead", 1);
}

#[test]
fn who_was_let_go_for_a_tracer_that_was_refused_is_ours_again() {
    is_ours_again("refused", 1);
}

/// Root may trace whom it likes.
#[test]
fn who_cannot_be_traced_again_goes_on_and_is_told_of() {
    if again_as_nobody("nested::who_cannot_be_traced_again_goes_on_and_is_told_of") {
        return;
    }
    for way in notified_ways() {
        let trace = watch(way, tracee("traces"), ["protects-itself"]);
        assert_eq!(trace.status(), ExitStatus::Code(0), "{way:?}");
        let gaps = trace.gaps();
        let mut details = gaps.iter().map(|gap| gap.detail.as_str());
        assert!(
            details.any(|it| it.contains("cannot be traced again (EPERM)")),
            "{gaps:?}"
        );
        let statuses = statuses(&trace);
        assert!(statuses.contains(&ExitStatus::Code(5)), "{statuses:?}");
    }
}

#[test]
fn a_child_that_the_other_tracer_did_not_want_is_ours() {
    is_ours_again("unwanted", 2);
}

#[test]
fn who_was_left_by_his_tracer_and_outlives_all_others_is_ours_again() {
    is_ours_again("alone", 1);
}

#[test]
fn where_one_goes_that_another_tracer_has_is_known() {
    Case::new("traces", &["goes"])
        .where_tracers_are_let_in()
        .without_strace("there nobody can be traced by another")
        .check(|trace, top| {
            for path in ["inside", "place/inside"] {
                assert_eq!(trace.who(Operation::Stat, top.join(path)).len(), 1);
            }
        });
}

#[test]
fn that_one_was_let_go_and_that_he_could_not_be_are_both_told() {
    let program = tracee("traces");
    for way in notified_ways() {
        let place = directory();
        let command = [program.to_str().unwrap(), "asleep-later"];
        let (ending, trace) = observed(way, &command, &[], place.path());
        assert_eq!(ending.output, b"EPERM\n", "{ending:?}");
        let gaps = trace.gaps();
        let details: Vec<_> = gaps
            .iter()
            .filter(|gap| gap.kind == GapKind::NestedTracer)
            .map(|gap| gap.detail.as_str())
            .collect();
        assert_eq!(details.len(), 2, "{details:?}");
        assert!(details[0].contains("was let go"), "{details:?}");
        assert!(details[1].contains("could not be let go"), "{details:?}");
    }
}

#[test]
fn programs_that_another_tracer_has_run_are_told_though_they_could_have_failed() {
    // Just written; with many arguments; and with as many, but open to be written, so that it fails.
    let script = "printf '#!/bin/sh\\nexec sh -c : $(seq 20000)\\n' >fresh; chmod 755 fresh; \
         ./fresh; cp fresh busy; exec 3>>busy; ./busy $(seq 20000); exit 3";
    for way in notified_ways() {
        let place = directory();
        let command = ["strace", "-f", "-o", "log", "sh", "-c", script];
        let (ending, trace) = observed(way, &command, &[], place.path());
        assert_eq!(ending.status.code(), Some(3), "{ending:?}");
        let named = |name: &str| {
            let is_it = |it: &&Executed| {
                let path = it.path.as_ref().map(|path| path.as_path());
                path.is_some_and(|path| path.ends_with(name))
            };
            trace.executed().iter().filter(|it| is_it(it)).count()
        };
        assert_eq!((named("fresh"), named("busy")), (1, 0), "{way:?}");
        let with_many = |it: &&Executed| {
            let argv = it.argv.as_ref();
            argv.is_some_and(|argv| argv.len() == 20003)
        };
        assert_eq!(
            trace.executed().iter().filter(|it| with_many(it)).count(),
            1
        );
        assert!(trace.gap_kinds().contains(&GapKind::Outcome));
    }
}

/// A process has one tracer: what wants to be another is told so, and nothing hangs.
#[test]
fn where_calls_are_seen_by_ptrace_a_tracer_below_us_ends_with_an_error_and_is_told_of() {
    for way in WAYS.into_iter().filter(|way| may_listen(*way)) {
        for tracer in [
            &["strace", "-f", "-o", "/dev/null", "true"][..],
            &["gdb", "--batch", "--nx", "-ex", "run", "true"],
        ] {
            let place = directory();
            let (_, trace) = observed(way, tracer, &[], place.path());
            let gaps = trace.gap_kinds();
            assert!(gaps.contains(&GapKind::NestedTracer), "{tracer:?}, {way:?}");
            let mut details = trace.gaps().into_iter().map(|gap| &gap.detail);
            assert!(details.any(|it| it.contains("With `--engine notify` it can")));
        }
    }
}
