//! The outcome in the trace is the one that the program itself was given.

use crate::support::{WAYS, again_as_nobody, directory, tracee, watch};
use crate::trace::Fact;
use nixtrace::trace::{Errno, Outcome};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

/// Makes what `tracees/outcomes.c` works on.
fn prepare(top: &Path) {
    let mode = |name: &str, mode| {
        fs::set_permissions(top.join(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    for directory in ["directory", "locked"] {
        fs::create_dir(top.join(directory)).unwrap();
    }
    for file in [
        "file",
        "directory/file",
        "locked/file",
        "secret",
        "unwritable",
        "only-writable",
        "tool",
    ] {
        fs::write(top.join(file), "x").unwrap();
    }
    mode("locked", 0);
    mode("secret", 0);
    mode("unwritable", 0o444);
    mode("only-writable", 0o200);
    mode("tool", 0o755);
    symlink("file", top.join("link")).unwrap();
    symlink("directory", top.join("link-to-directory")).unwrap();
    symlink("nothing", top.join("dangling")).unwrap();
    symlink("loop", top.join("loop")).unwrap();
    symlink("/dev/null", top.join("device-link")).unwrap();
    symlink("/proc/self/fd/77", top.join("self-link")).unwrap();
    nix::unistd::mkfifo(&top.join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
}

fn reported(report: &Path) -> BTreeMap<Fact, u64> {
    let mut counts = BTreeMap::new();
    for line in fs::read_to_string(report).unwrap().lines() {
        let [operation, path, errno] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let operation = serde_json::from_value(operation.into()).unwrap();
        let outcome = match errno.parse().unwrap() {
            0 => Outcome::Success,
            errno => Outcome::Failure(Errno(errno)),
        };
        *counts
            .entry((operation, path.to_owned(), outcome))
            .or_default() += 1;
    }
    counts
}

fn every_outcome_is_as_reported() {
    let program = tracee("outcomes");
    for options in WAYS {
        let place = directory();
        let top = place.path().join("top");
        fs::create_dir(&top).unwrap();
        prepare(&top);
        let report = place.path().join("report");
        let trace = watch(options, &program, [&top, &report]);
        trace.assert_success();
        let reported = reported(&report);
        let below = format!("{}/", top.display());
        let special = |path: &str| {
            path.starts_with(&below) || reported.keys().any(|(_, named, _)| named == path)
        };
        let mut counts = trace.counts(special);
        // A stream reads its directory as often as it likes; the first chdir is the program's own.
        for ((operation, path, _), count) in &mut counts {
            if *operation == nixtrace::trace::Operation::List {
                *count = 1;
            }
            if *operation == nixtrace::trace::Operation::ChangeDirectory
                && path.as_bytes() == top.as_os_str().as_bytes()
            {
                *count -= 1;
            }
        }
        // The C library and the loader look at files, too, but the program's own are below `top`.
        let own = |path: &str| path.starts_with(&below) || !path.starts_with("/etc/ld.so");
        counts.retain(|(_, path, _), _| own(path));
        for (fact, count) in &reported {
            assert_eq!(
                counts.get(fact),
                Some(count),
                "{options:?}: {fact:?}; the trace has {:?}",
                counts
                    .iter()
                    .filter(|((operation, path, _), _)| (*operation, path) == (fact.0, &fact.1))
                    .collect::<Vec<_>>()
            );
        }
        for fact in counts.keys() {
            assert!(
                reported.contains_key(fact),
                "{options:?}: {fact:?} did not happen"
            );
        }
        let _ = fs::set_permissions(top.join("locked"), fs::Permissions::from_mode(0o700));
    }
}

#[test]
fn every_outcome_is_the_one_the_program_saw() {
    every_outcome_is_as_reported();
}

#[test]
fn every_outcome_is_the_one_the_program_saw_as_nobody() {
    if !again_as_nobody("outcomes::every_outcome_is_the_one_the_program_saw_as_nobody") {
        every_outcome_is_as_reported();
    }
}
