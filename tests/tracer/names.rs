//! Names are reported as the kernel understood them, whatever call brings them.

use crate::everywhere::Case;
use crate::trace::Trace;
use nixtrace::trace::{Errno, Operation, Outcome, Record};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

fn check(way: &str, check: impl Fn(&Trace, &Path)) {
    Case::new("names", &[way]).check(check);
}

/// The file that a successful access led to.
fn real(trace: &Trace, operation: Operation, path: &Path) -> Option<std::path::PathBuf> {
    let access = trace.accesses().find(|it| {
        it.operation == operation && it.path.as_path() == path && it.outcome.is_success()
    })?;
    let real = access.real.as_ref().unwrap_or(&access.path);
    Some(real.as_path().to_owned())
}

#[test]
fn an_open_that_may_not_leave_or_follow_is_named_by_what_was_opened() {
    check("openat2", |trace, top| {
        let tree = top.join("tree");
        let opened = |name: &str| real(trace, Operation::Read, &tree.join(name));
        assert_eq!(opened("link").unwrap(), tree.join("sub/file"));
        // Below RESOLVE_IN_ROOT these lead to another file than they would without it.
        assert_eq!(opened("absolute").unwrap(), tree.join("file"));
        assert_eq!(opened("out").unwrap(), tree.join("file"));
        assert_eq!(opened("sub/../link").unwrap(), tree.join("sub/file"));
        for (name, errno) in [
            ("link", libc::ELOOP),
            ("out", libc::EXDEV),
            ("absolute", libc::EXDEV),
            ("strange", libc::EINVAL),
            ("small", libc::EINVAL),
        ] {
            let failed = trace.failed(Operation::Read, tree.join(name));
            assert_eq!(failed, Some(errno), "{name}");
        }
        let outside = trace.failed(Operation::Read, "/proc/version");
        assert_eq!(outside, Some(libc::EXDEV));
        assert_eq!(real(trace, Operation::Read, &top.join("file")), None);
    });
}

#[test]
fn the_steps_of_realpath_are_told_only_when_all_is_to_be_exact() {
    check("walked", |trace, top| {
        let outcome = |name: &str| {
            trace
                .accesses()
                .find(|it| {
                    it.operation == Operation::ReadLink && it.path.as_path() == top.join(name)
                })
                .map(|it| it.outcome)
        };
        let when_exact = |outcome| trace.header().exact.then_some(outcome);
        assert_eq!(outcome("walked"), when_exact(Outcome::Success));
        let missing = Outcome::Failure(Errno(libc::ENOENT));
        assert_eq!(outcome("absent"), when_exact(missing));
        assert_eq!(outcome("asked"), Some(Outcome::Success));
    });
}

#[test]
fn names_that_are_exchanged_are_told_with_both() {
    check("renameat2", |trace, top| {
        let renames: Vec<_> = trace
            .accesses()
            .filter(|it| it.operation == Operation::Rename)
            .map(|it| {
                let target = it.target.as_ref().unwrap();
                let name = |path: &Path| path.strip_prefix(top).unwrap().display().to_string();
                let errno = match it.outcome {
                    Outcome::Success => 0,
                    Outcome::Failure(errno) => errno.0,
                };
                (name(it.path.as_path()), name(target.as_path()), errno)
            })
            .collect();
        let told = |from: &str, to: &str, errno| (from.to_owned(), to.to_owned(), errno);
        assert_eq!(
            renames,
            [
                told("from/a", "to/b", libc::EEXIST),
                told("from/a", "to/b", 0),
                told("from/a", "to/moved", 0),
                told("from/a", "to/b", libc::ENOENT),
            ]
        );
    });
}

#[test]
fn attributes_are_asked_for_by_name_and_not_by_descriptor() {
    check("status", |trace, top| {
        let tree = top.join("tree");
        let ok = Outcome::Success;
        assert!(trace.has(Operation::Stat, tree.join("file"), ok));
        assert!(trace.has(Operation::Stat, tree.join("link"), ok));
        assert!(trace.has(Operation::Check, tree.join("file"), ok));
        let failed = |operation, name: &str| trace.failed(operation, tree.join(name));
        assert_eq!(failed(Operation::Stat, "none"), Some(libc::ENOENT));
        assert_eq!(failed(Operation::Check, "absent"), Some(libc::ENOENT));
        assert_eq!(failed(Operation::Check, "file/below"), Some(libc::ENOTDIR));
        // The empty path of an open file names nothing; without the flag it is a name that does not
        // exist.
        assert!(!trace.has(Operation::Stat, &tree, ok));
        assert!(!trace.has(Operation::Check, &tree, ok));
        assert_eq!(trace.failed(Operation::Stat, &tree), Some(libc::ENOENT));
    });
}

#[test]
fn a_handle_is_asked_for_by_name() {
    check("handle", |trace, top| {
        assert!(trace.has(Operation::GetAttributes, top.join("file"), Outcome::Success));
    });
}

/// How often each file was opened, by what it was in the end.
fn opened(trace: &Trace, top: &Path) -> BTreeMap<&'static str, u64> {
    let mut opened = BTreeMap::from([("written-a", 0), ("written-b", 0)]);
    for record in &trace.records {
        if let Record::Accessed(access) | Record::Repeated(access) = record
            && access.operation == Operation::Read
        {
            let real = access.real.as_ref().unwrap_or(&access.path);
            for (name, count) in &mut opened {
                if real.as_path() == top.join(name) {
                    assert!(access.outcome.is_success());
                    *count += access.count;
                }
            }
        }
    }
    opened
}

#[test]
fn a_path_that_another_thread_rewrites_is_one_or_the_other() {
    Case::new("names", &["rewritten"])
        .check(|trace, top| assert_eq!(opened(trace, top).values().sum::<u64>(), 3000));
}

#[test]
fn a_directory_deeper_than_any_path_is_worked_in() {
    check("deep", |trace, _| {
        let named = |operation, end: &str| {
            trace
                .accesses()
                .find(|it| it.operation == operation && it.path.ends_with(end.as_bytes()))
                .map(|it| it.outcome.is_success())
        };
        assert_eq!(named(Operation::Read, "deep-file"), Some(true));
        assert_eq!(named(Operation::Stat, "deep-none"), Some(false));
        assert_eq!(named(Operation::Remove, "deep-file"), Some(true));
    });
}

#[test]
fn nothing_is_found_in_a_directory_that_is_gone() {
    check("gone", |trace, top| {
        let gone = top.join("gone");
        let failed = |operation, name: &str| trace.failed(operation, gone.join(name));
        assert_eq!(failed(Operation::Stat, "in-nowhere"), Some(libc::ENOENT));
        assert_eq!(failed(Operation::Write, "made-nowhere"), Some(libc::ENOENT));
    });
}

#[test]
fn a_file_that_is_opened_by_its_handle_is_named() {
    check("handle", |trace, top| {
        assert!(trace.has(Operation::Read, top.join("file"), Outcome::Success));
    });
}

#[test]
fn a_path_that_another_thread_rewrites_is_what_the_kernel_used() {
    let case = Case::new("names", &["rewritten"]).in_exact_ways();
    case.check(|trace, top| {
        let report = fs::read_to_string(top.join("report")).unwrap();
        let told: Vec<u64> = report
            .split_whitespace()
            .map(|it| it.parse().unwrap())
            .collect();
        assert_eq!(opened(trace, top).into_values().collect::<Vec<_>>(), told);
    });
}

#[test]
fn each_file_that_a_link_led_to_is_told() {
    let case = Case::new("names", &["relinked"]);
    case.check(|trace, top| {
        let led_to = |name: &str| {
            trace.accesses().any(|it| {
                it.operation == Operation::Read
                    && it.path.as_path() == top.join("link")
                    && it
                        .real
                        .as_ref()
                        .is_some_and(|it| it.as_path() == top.join(name))
            })
        };
        assert!(led_to("first"));
        assert!(led_to("second"));
    });
}

#[test]
fn a_file_that_a_link_takes_the_place_of_is_told_apart_from_what_that_leads_to() {
    let script = "echo a >x; echo b >y; read line <x; rm x; ln -s y x; read line <x";
    Case::of("/bin/sh", &["-c", script]).check(|trace, top| {
        let reads: Vec<_> = trace
            .accesses()
            .filter(|it| it.operation == Operation::Read && it.path.as_path() == top.join("x"))
            .map(|it| it.real.as_ref().map(|it| it.as_path().to_owned()))
            .collect();
        assert_eq!(reads, [None, Some(top.join("y"))]);
    });
}
