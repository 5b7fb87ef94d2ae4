//! Processes that see other files, pids or users than the tracer does are followed, and their files
//! named as they name them.

use crate::everywhere::Case;
use crate::support::{again_as_nobody, compiled};
use crate::trace::Trace;
use nixtrace::trace::{Errno, GapKind, Operation, Outcome};
use std::path::Path;

const MISSING: Outcome = Outcome::Failure(Errno::ENOENT);

fn check(way: &str, check: impl Fn(&Trace, &Path)) {
    Case::new("namespaces", &[way]).check(check);
}

#[test]
fn users_of_users_of_users_are_followed() {
    check("users", |trace, _| {
        for level in 0..3 {
            let mark = format!("/namespaces/user-{level}");
            assert!(trace.has(Operation::Stat, mark, MISSING));
        }
        assert!(trace.has(Operation::Read, "/etc/passwd", Outcome::Success));
    });
}

#[test]
fn processes_of_another_pid_namespace_have_the_pids_that_the_tracer_knows() {
    check("pids", |trace, _| {
        assert!(trace.has(Operation::Stat, "/namespaces/first", MISSING));
        assert!(trace.has(Operation::Stat, "/namespaces/second", MISSING));
        assert_eq!(trace.processes(), (4, 4));
        assert!(trace.started().iter().all(|it| it.pid > 2));
    });
}

fn files_of_another_mount_namespace_are_seen_there() {
    check("mounts", |trace, top| {
        let inside = top.join("mounted/inside");
        assert!(trace.has(Operation::Read, &inside, Outcome::Success));
        assert!(trace.has(Operation::Stat, &inside, Outcome::Success));
        assert!(trace.has(Operation::Stat, top.join("mounted/outside"), MISSING));
    });
}

#[test]
fn the_files_of_another_mount_namespace_are_seen_as_the_process_sees_them() {
    files_of_another_mount_namespace_are_seen_there();
}

#[test]
fn the_same_as_nobody_in_a_user_namespace() {
    if !again_as_nobody("namespaces::the_same_as_nobody_in_a_user_namespace") {
        files_of_another_mount_namespace_are_seen_there();
        users_of_users_of_users_are_followed();
        processes_of_another_pid_namespace_have_the_pids_that_the_tracer_knows();
    }
}

#[test]
fn a_mount_namespace_that_is_joined_and_left_is_seen_in_between() {
    check("joining", |trace, top| {
        let joined = top.join("mounted/joined");
        assert!(trace.has(Operation::Read, &joined, Outcome::Success));
        assert!(trace.has(Operation::Stat, &joined, MISSING));
    });
}

#[test]
fn below_a_changed_root_a_file_is_named_by_the_process_and_by_the_host() {
    check("chroot", |trace, top| {
        let host = top.join("jail/etc/inside");
        let inside = trace
            .accesses()
            .find(|it| it.path.as_bytes() == b"/etc/inside" && it.outcome.is_success())
            .expect("the file below the new root was opened");
        assert_eq!(inside.operation, Operation::Read);
        assert_eq!(inside.real.as_ref().unwrap().as_path(), host);
        assert!(trace.has(Operation::Stat, "/etc/passwd", MISSING));
        assert!(!trace.has(Operation::Stat, "/etc/passwd", Outcome::Success));
        assert!(trace.has(Operation::Stat, &host, Outcome::Success));
        assert!(trace.has(Operation::ChangeRoot, top.join("jail"), Outcome::Success));
    });
}

/// Who was killed before it told of its child has left it all that it had, and nobody says so.
#[test]
fn a_child_whose_maker_was_killed_sees_what_its_maker_saw() {
    let case = Case::new("namespaces", &["orphans"]);
    let case = case.without_strace("it gives up when a tracee is killed as it answers its stop");
    case.check(|trace, top| {
        let looks: Vec<_> = trace
            .accesses()
            .filter(|it| it.path.as_bytes() == b"/inside")
            .collect();
        assert!(!looks.is_empty());
        for look in looks {
            assert!(look.outcome.is_success(), "{look:?}");
            assert_eq!(look.root.as_ref().unwrap().as_path(), top.join("jail"));
            let real = look.real.as_ref().unwrap();
            assert_eq!(real.as_path(), top.join("jail/inside"));
        }
        let orphans = trace.started().into_iter().filter(|it| it.parent.is_none());
        // The command has no parent either.
        let told = trace
            .gaps()
            .into_iter()
            .filter(|gap| gap.kind == GapKind::LookUp);
        assert_eq!(orphans.count(), told.count() + 1);
    });
}

#[test]
fn below_a_pivoted_root_files_are_named_as_the_process_names_them() {
    check("pivot", |trace, top| {
        assert!(trace.has(Operation::Read, "/pivoted", Outcome::Success));
        assert!(trace.has(Operation::Stat, "/etc/passwd", MISSING));
        let change = trace
            .accesses()
            .find(|it| it.operation == Operation::ChangeRoot)
            .expect("the root changed");
        assert_eq!(change.path.as_path(), top.join("mounted/."));
        assert!(change.outcome.is_success());
    });
}

#[test]
fn a_library_that_is_preloaded_for_all_is_mapped() {
    let library = compiled("preloaded", "libpreloaded.so", &["-shared", "-fPIC"]);
    let library = library.to_str().unwrap();
    let program = crate::support::tracee("life");
    let args = ["preload", library, program.to_str().unwrap(), "exit", "0"];
    Case::new("namespaces", &args).check(|trace, _| {
        assert!(trace.has(Operation::Read, "/etc/ld.so.preload", Outcome::Success));
        assert!(trace.has(Operation::Read, library, Outcome::Success));
        assert!(trace.has(Operation::Map, library, Outcome::Success));
    });
}

#[test]
fn a_thread_may_have_a_working_directory_of_its_own() {
    check("unshared-directory", |trace, _| {
        assert!(trace.has(Operation::Stat, "/usr/none-below-usr", MISSING));
        assert!(trace.has(Operation::Stat, "/none-below-root", MISSING));
    });
}
