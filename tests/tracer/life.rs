//! Every process and thread is followed, however it is made, and ends as it would untraced.

use crate::everywhere::Case;
use crate::support::{Trace, WAYS, compiled, tracee, watch};
use nixtrace::trace::{
    Errno, ExitStatus, GapKind, Operation, Outcome, ProcessId, Record, Sink, Started,
};
use nixtrace::tracer::Options;

/// Runs `life WAY` everywhere, and checks its status and the marks it leaves.
fn check(way: &str, status: i32, marks: &[&str]) {
    life(&[way]).exits(status).check(|trace, _| {
        for mark in marks {
            assert!(is_marked(trace, mark), "{mark} is missing");
        }
    });
}

fn life(args: &[&str]) -> Case {
    Case::new("life", args)
}

fn is_marked(trace: &Trace, mark: &str) -> bool {
    let missing = Outcome::Failure(Errno::ENOENT);
    trace.has(Operation::Stat, format!("/life/{mark}"), missing)
}

fn watch_life(options: Options, args: &[&str]) -> Trace {
    watch(options, tracee("life"), args)
}

#[test]
fn a_forked_child_is_followed() {
    check("fork", 0, &["forked"]);
}

#[test]
fn a_vforked_child_is_followed_and_does_not_block_its_parent() {
    check("vfork", 0, &["vforked"]);
}

#[test]
fn a_child_of_clone3_is_followed() {
    check("clone3", 0, &["cloned"]);
}

#[test]
fn a_child_without_an_exit_signal_is_a_process_of_its_own() {
    check("clone-without-signal", 0, &["no-signal"]);
    let trace = watch_life(Options::default(), &["clone-without-signal"]);
    assert_eq!(trace.processes(), (2, 2));
}

#[test]
fn a_child_that_asks_not_to_be_traced_is_traced_and_told_of() {
    check("untraced", 0, &["untraced", "untraced-3"]);
    let trace = watch_life(Options::default(), &["untraced"]);
    assert_eq!(trace.gap_kinds(), [GapKind::Untraced]);
}

#[test]
fn threads_are_followed_as_parts_of_their_process() {
    check("threads", 0, &["thread-0", "thread-19"]);
    assert_eq!(
        watch_life(Options::default(), &["threads"]).processes(),
        (1, 1)
    );
}

#[test]
fn a_thousand_threads_at_once_are_followed() {
    check("thousand-threads", 0, &["all-joined"]);
}

#[test]
fn an_exec_by_a_second_thread_keeps_the_process_and_its_arguments() {
    check("thread-exec", 0, &["executed-by-thread"]);
    for options in WAYS {
        let trace = watch_life(options, &["thread-exec"]);
        assert_eq!(trace.processes(), (1, 1));
        let [_, second] = trace.executed()[..] else {
            panic!("two programs ran");
        };
        let argv = second.argv.as_ref().unwrap();
        assert_eq!(argv[1..].len(), 2);
        assert_eq!(argv[2].to_string(), "executed-by-thread");
        assert_eq!(
            second.path.as_ref().unwrap().as_path(),
            tracee("life").as_path()
        );
    }
}

#[test]
fn a_process_lives_on_when_its_leader_ends_first() {
    check("leader-ends", 6, &["outlived"]);
    check("leader-ends-exec", 0, &["outlived", "executed-by-thread"]);
}

#[test]
fn a_background_process_is_observed_to_its_end_and_does_not_change_the_status() {
    check("daemon", 7, &["daemon"]);
}

#[test]
fn ten_thousand_short_processes_are_all_seen() {
    let case = life(&["many", "10000"]).in_one_way();
    case.without_strace("it takes long").check(|trace, _| {
        assert_eq!(trace.processes(), (10_001, 10_001));
    });
    life(&["many", "500"]).check(|trace, _| assert_eq!(trace.processes(), (501, 501)));
}

#[test]
fn a_child_that_is_made_for_its_grandparent_is_followed() {
    life(&["clone-parent"]).check(|trace, _| {
        assert!(is_marked(trace, "sibling"));
        // It is told who made it, not to whom it was given.
        let parents: Vec<_> = trace.started().iter().map(|it| it.parent).collect();
        assert_eq!(parents, [None, Some(ProcessId(0)), Some(ProcessId(1))]);
    });
}

#[test]
fn a_pid_that_is_used_again_is_another_process() {
    life(&["pid-reuse"]).check(|trace, _| {
        let started = trace.started();
        assert_eq!(started.len(), 4);
        assert!(started[1..].iter().all(|it| it.pid == started[1].pid));
        for (index, process) in started[1..].iter().enumerate() {
            let mark = format!("/life/used-{index}");
            assert_eq!(trace.who(Operation::Stat, mark), [process.process]);
            let status = ExitStatus::Code(20 + index as i32);
            assert!(trace.records.iter().any(|record| matches!(record,
                Record::Exited(it) if it.process == process.process && it.status == status)));
        }
    });
}

#[test]
fn of_many_threads_that_execute_at_once_one_does() {
    life(&["threads-exec"]).check(|trace, _| {
        assert_eq!(trace.processes(), (1, 1));
        assert_eq!(trace.executed().len(), 2);
        assert!(is_marked(trace, "executed-by-thread"));
    });
}

#[test]
fn children_of_threads_belong_to_the_process() {
    life(&["thread-forks"]).check(|trace, _| {
        assert_eq!(trace.processes(), (9, 9));
        let made_by_the_first = |it: &&&Started| it.parent == Some(ProcessId(0));
        assert_eq!(trace.started().iter().filter(made_by_the_first).count(), 8);
        assert!(is_marked(trace, "forked-by-thread-7"));
    });
}

#[test]
fn a_spawned_program_is_followed() {
    life(&["spawn"]).check(|trace, _| {
        assert_eq!(trace.executed().len(), 2);
        assert!(is_marked(trace, "spawned"));
    });
}

#[test]
fn a_process_that_is_not_dumpable_is_observed_all_the_same() {
    // What its own user may not see of it, only root may (`honesty`).
    let is_seen = nix::unistd::geteuid().is_root();
    let marks: &[&str] = if is_seen { &["undumpable"] } else { &[] };
    check("undumpable", 0, marks);
}

#[test]
fn a_process_that_is_killed_while_it_makes_children_leaves_none_behind() {
    let case = life(&["killed-while-forking"]);
    let case = case.without_strace("it gives up when a tracee is killed as it answers its stop");
    case.check(|trace, _| {
        assert!(is_marked(trace, "outlived-them"));
    });
}

#[test]
fn a_hundred_and_fifty_generations_are_followed() {
    check("deep", 0, &["deepest"]);
}

#[test]
fn a_busy_process_may_use_the_cores_that_it_may_use_untraced() {
    check("cores", 0, &["cores-kept"]);
}

#[test]
fn a_busy_process_that_asks_for_its_cores_is_told_what_it_would_be_untraced() {
    check("asks-for-cores", 0, &[]);
}

#[test]
fn a_program_that_another_thread_executes_finds_nothing_written_that_the_caller_had_asked_for() {
    // Its data is where the data was of what ran before.
    let program = compiled("life", "life-in-place", &["-no-pie"]);
    Case::of(program, &["executes-while-asking", "300"]).check(|_, _| {});
}

#[test]
fn a_working_directory_that_another_process_changes_is_known() {
    for options in WAYS {
        let trace = watch_life(options, &["shared-directory"]);
        trace.assert_success();
        assert!(trace.has(
            Operation::Stat,
            "/usr/share-is-below-usr",
            Outcome::Failure(Errno::ENOENT)
        ));
    }
}

#[test]
fn an_exit_code_is_passed_on() {
    for code in ["0", "1", "126", "255"] {
        let trace = watch_life(Options::default(), &["exit", code]);
        assert_eq!(trace.status(), ExitStatus::Code(code.parse().unwrap()));
    }
}

#[test]
fn a_death_by_signal_is_passed_on() {
    for signal in [libc::SIGKILL, libc::SIGTERM, libc::SIGSEGV, libc::SIGTRAP] {
        for options in WAYS {
            let trace = watch_life(options, &["kill", &signal.to_string()]);
            assert_eq!(trace.status(), ExitStatus::Signal(signal));
        }
    }
}

/// A disk that is full after nine records.
struct Full {
    given: u32,
}

impl Sink for Full {
    fn record(&mut self, _: &Record) -> std::io::Result<()> {
        self.given += 1;
        match self.given {
            10 => Err(std::io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }
}

#[test]
fn a_failing_sink_does_not_disturb_the_program() {
    let command = nixtrace::tracer::Command {
        program: tracee("life").into(),
        args: vec!["many".into(), "500".into()],
    };
    let mut sink = Full { given: 0 };
    let observation = nixtrace::tracer::observe(&command, &Options::default(), &mut sink).unwrap();
    assert_eq!(observation.status, ExitStatus::Code(0));
    assert_eq!(
        observation.sink_error.unwrap().kind(),
        std::io::ErrorKind::StorageFull
    );
    assert_eq!(sink.given, 10);
}
