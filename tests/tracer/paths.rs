//! Paths are named truly, whatever way a program takes to a file.

use crate::support::{WAYS, compiled, directory, tracee, watch, write_program};
use nixtrace::trace::{Errno, GapKind, Operation, Outcome};
use std::fs;
use std::os::unix::fs::symlink;

#[test]
fn hostile_arguments_are_read_or_left() {
    for options in WAYS {
        let place = directory();
        let top = place.path();
        let trace = watch(options, tracee("hostile"), [top]);
        trace.assert_success();
        let missing = Outcome::Failure(Errno::ENOENT);
        // A string that ends with its mapping, and one that crosses into the next page.
        assert!(trace.has(Operation::Stat, "/hostile/ends-with-its-page", missing));
        assert!(trace.has(Operation::Stat, "/hostile/crosses-a-page", missing));
        // Not UTF-8, and with a newline.
        let raw = trace
            .accesses()
            .find(|access| access.path.as_bytes() == b"/hostile/\xff\n\x01");
        assert!(raw.is_some());
        // A path that is longer than the kernel takes is a failure all the same.
        assert!(trace.accesses().any(|access| {
            access.path.len() >= 4096 - 1
                && access.outcome == Outcome::Failure(Errno(libc::ENAMETOOLONG))
        }));
        assert!(!trace.gap_kinds().contains(&GapKind::LostProcess));
    }
}

#[test]
fn a_script_is_named_with_its_interpreters_and_their_loader() {
    let place = directory();
    let inner = place.path().join("inner");
    let outer = place.path().join("outer");
    write_program(&inner, "#!/bin/sh -e\nexit 3\n");
    write_program(&outer, format!("#!{} x\n", inner.display()));
    for options in WAYS {
        let trace = watch(options, &outer, ["a"]);
        assert_eq!(trace.status().shell_code(), 3);
        let executed = trace.executed()[0];
        assert_eq!(executed.path.as_ref().unwrap().as_path(), outer);
        let interpreters: Vec<_> = executed.interpreters.iter().map(|i| i.as_path()).collect();
        assert_eq!(interpreters, [inner.as_path(), "/bin/sh".as_ref()]);
        assert!(executed.loader.is_some());
        assert_eq!(executed.argv.as_ref().unwrap().len(), 2);
    }
}

#[test]
fn the_command_itself_is_named_absolutely() {
    let here = std::env::current_dir().unwrap();
    let up: std::path::PathBuf = here.components().skip(1).map(|_| "..").collect();
    for options in WAYS {
        let asked = up.join("bin/true");
        let trace = watch(options, &asked, [""; 0]);
        let executed = trace.executed()[0];
        assert_eq!(
            executed.path.as_ref().unwrap().as_path().as_os_str(),
            here.join(&asked).as_os_str()
        );
        let real = fs::canonicalize("/bin/true").unwrap();
        assert_eq!(executed.real.as_ref().unwrap().as_path(), real);
    }
}

#[test]
fn symbolic_links_are_resolved_beside_the_path_as_asked() {
    let place = directory();
    let top = place.path().canonicalize().unwrap();
    fs::create_dir(top.join("real")).unwrap();
    fs::write(top.join("real/file"), "x").unwrap();
    symlink("real", top.join("alias")).unwrap();
    for options in WAYS {
        let trace = watch(options, "/bin/cat", [top.join("alias/file")]);
        trace.assert_success();
        let access = trace
            .accesses()
            .find(|access| {
                access.operation == Operation::Read
                    && access.path.as_path() == top.join("alias/file")
            })
            .unwrap();
        assert_eq!(
            access.real.as_ref().unwrap().as_path(),
            top.join("real/file")
        );
    }
}

#[test]
fn what_a_link_led_to_is_named_though_the_link_is_removed() {
    for options in WAYS {
        let place = directory();
        let link = place.path().canonicalize().unwrap().join("link");
        symlink("/usr/bin/env", &link).unwrap();
        let script = format!("{0} true; rm {0}", link.display());
        let trace = watch(options, "/bin/sh", ["-c".to_owned(), script]);
        trace.assert_success();
        let executed = trace
            .executed()
            .into_iter()
            .find(|executed| {
                executed
                    .path
                    .as_ref()
                    .is_some_and(|it| it.as_path() == link)
            })
            .unwrap();
        let real = fs::canonicalize("/usr/bin/env").unwrap();
        assert_eq!(executed.real.as_ref().unwrap().as_path(), real);
    }
}

#[test]
fn failing_execs_along_path_are_only_failures() {
    for options in WAYS {
        let place = directory();
        let trace = watch(
            options,
            "/usr/bin/env",
            [
                format!("PATH={}:/usr/bin", place.path().display()),
                "true".to_owned(),
            ],
        );
        trace.assert_success();
        assert!(trace.has(
            Operation::Execute,
            place.path().join("true"),
            Outcome::Failure(Errno::ENOENT)
        ));
        let programs: Vec<_> = trace
            .executed()
            .iter()
            .map(|executed| executed.path.as_ref().unwrap().to_string())
            .collect();
        assert_eq!(programs, ["/usr/bin/env", "/usr/bin/true"]);
    }
}

#[test]
fn a_mapped_library_is_named_by_its_file() {
    for options in WAYS {
        let trace = watch(options, "/bin/true", [""; 0]);
        trace.assert_success();
        assert!(trace.accesses().any(|access| {
            access.operation == Operation::Map && access.path.ends_with(b"/libc.so.6")
        }));
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn the_32_bit_table_is_used_for_32_bit_calls() {
    let missing = Outcome::Failure(Errno::ENOENT);
    let narrow = compiled("hostile", "hostile-32", &["-m32"]);
    for options in WAYS {
        let place = directory();
        let trace = watch(options, &narrow, [place.path()]);
        trace.assert_success();
        assert!(trace.has(Operation::Stat, "/hostile/crosses-a-page", missing));
        let trace = watch(options, tracee("int80"), [""; 0]);
        trace.assert_success();
        assert!(trace.has(Operation::Read, "/int80/missing", missing));
    }
}

#[test]
fn what_a_process_has_of_its_own_in_proc_is_its_own() {
    for options in WAYS {
        let script = "test -e /proc/self/exe; test -e /proc/thread-self/comm; \
                      test -e /proc/self/none; test -e /dev/fd/0; read x </proc/self/comm";
        let trace = watch(options, "/bin/sh", ["-c", script]);
        trace.assert_success();
        let real = |path: &str| {
            let access = trace
                .accesses()
                .find(|access| access.path.to_string() == path)
                .unwrap();
            access.real.as_ref().map(ToString::to_string)
        };
        let shell = fs::canonicalize("/bin/sh").unwrap();
        assert_eq!(real("/proc/self/exe"), shell.to_str().map(str::to_owned));
        let pid = trace.started()[0].pid;
        assert_eq!(real("/proc/self/comm"), Some(format!("/proc/{pid}/comm")));
        assert_eq!(
            real("/proc/thread-self/comm"),
            Some(format!("/proc/{pid}/task/{pid}/comm"))
        );
        // It leads to the looking process's own in a way that is not followed.
        assert_eq!(real("/dev/fd/0"), None);
        assert!(trace.has(
            Operation::Stat,
            "/proc/self/none",
            Outcome::Failure(Errno::ENOENT)
        ));
    }
}
