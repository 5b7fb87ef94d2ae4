//! Files that are reached by descriptors are named, however a process came by them.

use crate::everywhere::Case;
use crate::trace::Trace;
use nixtrace::trace::{Errno, Operation, Outcome, ProcessId};
use std::fs;
use std::path::Path;

const MISSING: Outcome = Outcome::Failure(Errno::ENOENT);

fn check(way: &str, check: impl Fn(&Trace, &Path)) {
    Case::new("descriptors", &[way]).check(check);
}

/// The only program that ran after the tracee.
fn second(trace: &Trace) -> &nixtrace::trace::Executed {
    match trace.executed()[..] {
        [_, second] => second,
        ref executed => panic!("two programs ran, not {executed:?}"),
    }
}

#[test]
fn a_program_in_memory_has_no_path() {
    check("memory", |trace, _| {
        assert_eq!(second(trace).path, None);
        assert!(second(trace).loader.is_some());
        assert_eq!(
            second(trace).argv.as_ref().unwrap()[0].to_string(),
            "in-memory"
        );
    });
}

#[test]
fn a_program_behind_a_descriptor_is_named() {
    check("behind", |trace, _| {
        let second = second(trace);
        let real = second.real.as_ref().or(second.path.as_ref()).unwrap();
        assert_eq!(real.as_path(), fs::canonicalize("/bin/true").unwrap());
    });
}

#[test]
fn a_received_descriptor_leads_to_the_right_file() {
    Case::new("descriptors", &["received", "/usr"]).check(|trace, _| {
        assert!(trace.has(Operation::Stat, "/usr/below-received", MISSING));
    });
}

#[test]
fn a_received_program_is_named_when_it_is_opened_anew_mapped_and_executed() {
    check("received-program", |trace, _| {
        let program = fs::canonicalize("/bin/true").unwrap();
        let by_the_receiver = |operation| {
            trace.accesses().any(|it| {
                let real = it.real.as_ref().unwrap_or(&it.path);
                it.process == ProcessId(0) && it.operation == operation && real.as_path() == program
            })
        };
        assert!(by_the_receiver(Operation::Read));
        assert!(by_the_receiver(Operation::Map));
        let second = second(trace);
        let real = second.real.as_ref().or(second.path.as_ref()).unwrap();
        assert_eq!(real.as_path(), program);
    });
}

#[test]
fn a_fetched_descriptor_leads_to_the_right_file() {
    check("fetched", |trace, _| {
        assert!(trace.has(Operation::Stat, "/usr/none-below-fetched", MISSING));
    });
}

#[test]
fn a_name_without_content_is_read_by_its_place_in_proc() {
    check("path-only", |trace, _| {
        let program = fs::canonicalize("/bin/true").unwrap();
        let opened = trace
            .accesses()
            .find(|it| it.operation == Operation::Read && it.path.starts_with(b"/proc/self/fd/"))
            .expect("the file was opened by its place in /proc");
        assert_eq!(opened.real.as_ref().unwrap().as_path(), program);
        assert!(trace.has(Operation::OpenPath, "/bin/true", Outcome::Success));
        assert!(trace.has(Operation::Stat, "/usr/none-below-path-only", MISSING));
    });
}

#[test]
fn a_descriptor_that_was_closed_in_a_range_leads_nowhere_until_it_is_another() {
    check("closed-in-a-range", |trace, _| {
        assert!(trace.has(Operation::Stat, "/usr/none-before", MISSING));
        assert!(trace.has(Operation::Stat, "/etc/none-after", MISSING));
        assert_eq!(
            trace.failed(Operation::Stat, "none-closed"),
            Some(libc::EBADF)
        );
    });
}

#[test]
fn a_descriptor_may_survive_an_exec_or_not() {
    check("before-exec", |trace, _| {
        assert!(trace.has(Operation::Stat, "/usr/none-kept", MISSING));
        for name in ["none-closed", "none-closed-by-range"] {
            assert_eq!(
                trace.failed(Operation::Stat, name),
                Some(libc::EBADF),
                "{name}"
            );
        }
    });
}

#[test]
fn descriptors_that_are_shared_with_a_child_are_its_own_as_well() {
    check("shared", |trace, _| {
        assert!(trace.has(Operation::Stat, "/usr/none-below-shared", MISSING));
    });
}

#[test]
fn a_thread_may_have_descriptors_of_its_own() {
    check("unshared", |trace, _| {
        assert!(trace.has(Operation::Stat, "/usr/none-of-the-thread", MISSING));
        assert!(trace.has(Operation::Stat, "/etc/none-of-the-process", MISSING));
    });
}

#[test]
fn a_program_in_memory_has_no_path_by_its_place_in_proc_either() {
    check("memory-by-name", |trace, _| {
        let second = second(trace);
        assert_eq!(second.argv.as_ref().unwrap()[0].to_string(), "in-memory");
        let real = second.real.as_ref().map(|it| it.to_string());
        assert!(!real.is_some_and(|it| it.contains("memfd")), "{second:?}");
        assert_eq!(second.path, None);
    });
}
