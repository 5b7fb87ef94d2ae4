//! Processes with another root directory or other mounts: what they did is told as they named it and
//! as we see it.

use crate::support::{
    Trace, WAYS, compiled, copy_program, directory, tracee, watch, write_program,
};
use nixtrace::trace::{Access, ExitStatus, Operation};
use nixtrace::tracer::Options;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// Runs `views MODE ARGS…`; none where the test may not do what it takes.
fn views(options: Options, mode: &str, args: &[&Path]) -> Option<Trace> {
    let words = std::iter::once(Path::new(mode)).chain(args.iter().copied());
    let trace = watch(options, tracee("views"), words);
    if trace.status() == ExitStatus::Code(77) {
        return None;
    }
    trace.assert_success();
    Some(trace)
}

fn found(trace: &Trace, operation: Operation, path: impl AsRef<Path>) -> &Access {
    trace
        .accesses()
        .find(|it| it.operation == operation && it.path.as_path() == path.as_ref())
        .unwrap_or_else(|| panic!("{operation:?} {}", path.as_ref().display()))
}

fn real(access: &Access) -> Option<PathBuf> {
    Some(access.real.as_ref()?.as_path().to_owned())
}

/// A directory to be a root, with its own path.
fn jail() -> (tempfile::TempDir, PathBuf) {
    let place = directory();
    let top = place.path().canonicalize().unwrap();
    fs::create_dir(top.join("sub")).unwrap();
    fs::write(top.join("inside"), "x").unwrap();
    fs::write(top.join("sub/deep"), "x").unwrap();
    // It leads out of the jail for us and to `inside` for who is in it.
    symlink("/inside", top.join("link")).unwrap();
    (place, top)
}

#[test]
fn below_another_root_paths_are_told_as_named_and_as_we_see_them() {
    for options in WAYS {
        let (_place, top) = jail();
        let Some(trace) = views(options, "chroot", &[&top]) else {
            return;
        };
        for (operation, path, seen) in [
            (Operation::Stat, "/inside", Some("inside")),
            (Operation::Read, "/inside", Some("inside")),
            (Operation::Stat, "/link", Some("inside")),
            (Operation::Stat, "/bin/sh", None),
            (Operation::Stat, "/sub/deep", Some("sub/deep")),
            (Operation::Read, "/sub/deep", Some("sub/deep")),
        ] {
            let access = found(&trace, operation, path);
            assert_eq!(real(access), seen.map(|seen| top.join(seen)), "{path}");
            assert_eq!(access.root.as_ref().unwrap().as_path(), top, "{path}");
        }
        let change = found(&trace, Operation::ChangeRoot, &top);
        assert_eq!(change.root, None);
    }
}

#[test]
fn what_runs_below_another_root_is_told_with_its_interpreter() {
    for options in WAYS {
        let (_place, top) = jail();
        let program = top.join("program");
        copy_program(&compiled("views", "views-static", &["-static"]), &program);
        write_program(&top.join("script"), "#!/program\n");
        let Some(trace) = views(options, "execute", &[&top]) else {
            return;
        };
        let executed = *trace.executed().last().unwrap();
        assert_eq!(
            executed.path.as_ref().unwrap().as_path(),
            Path::new("/script")
        );
        assert_eq!(
            executed.real.as_ref().unwrap().as_path(),
            top.join("script")
        );
        assert_eq!(executed.root.as_ref().unwrap().as_path(), top);
        let interpreters: Vec<_> = executed
            .interpreters
            .iter()
            .map(|it| it.as_path())
            .collect();
        assert_eq!(interpreters, [program.as_path()]);
    }
}

fn check_mounts(mode: &str) {
    for options in WAYS {
        let place = directory();
        let top = place.path().canonicalize().unwrap();
        let (from, to) = (top.join("from"), top.join("to"));
        fs::create_dir(&from).unwrap();
        fs::create_dir(&to).unwrap();
        fs::write(from.join("file"), "x").unwrap();
        let Some(trace) = views(options, mode, &[&from, &to]) else {
            return;
        };
        for operation in [Operation::Read, Operation::Stat] {
            let access = found(&trace, operation, to.join("file"));
            assert_eq!(real(access), Some(from.join("file")), "{options:?}");
            let root = access.root.as_ref().unwrap();
            assert!(root.to_string().starts_with("mnt:["), "{root}");
        }
        // What is the same for us as well.
        let shell = found(&trace, Operation::Stat, "/bin/sh");
        let expected = fs::canonicalize("/bin/sh").unwrap();
        assert_eq!(real(shell).unwrap(), expected);
        assert_eq!(shell.root, None);
        // What only the process has.
        for operation in [Operation::Write, Operation::Stat] {
            let access = found(&trace, operation, to.join("private"));
            assert_eq!(access.real, None);
            assert!(access.root.is_some());
            assert_eq!(access.from_here(), None);
        }
        let mount = found(&trace, Operation::SetAttributes, &to);
        assert_eq!(mount.target.as_ref().unwrap().as_path(), from);
    }
}

#[test]
fn what_other_mounts_show_is_told_as_we_see_it() {
    check_mounts("mounts");
}

#[test]
fn a_child_that_is_made_with_other_mounts_is_told_apart() {
    check_mounts("child");
}

#[test]
fn back_in_our_namespace_paths_are_ours_again() {
    for options in WAYS {
        let place = directory();
        let file = place.path().canonicalize().unwrap().join("file");
        fs::write(&file, "x").unwrap();
        let Some(trace) = views(options, "setns", &[&file]) else {
            return;
        };
        // Also in between, where it was the same file.
        assert_eq!(found(&trace, Operation::Read, "/etc/passwd").root, None);
        assert_eq!(found(&trace, Operation::Read, &file).root, None);
    }
}
