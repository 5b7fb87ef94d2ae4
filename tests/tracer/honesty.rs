//! What is not seen is told, and what few programs do is seen.

use crate::everywhere::{Case, run};
use crate::support::{Trace, WAYS, again_as_nobody, copy_program, directory, tracee, watch};
use nixtrace::trace::{
    ContactAction, Endpoint, Errno, ExitStatus, GapKind, Operation, Outcome, Record,
};
use nixtrace::tracer::{Allowances, EngineChoice, Options};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

/// A file's name that is not UTF-8.
const NOT_UTF8: &[u8] = b"na\xffme";

/// `nixtrace record ARGS… -- tracees/rare MODE`.
fn record(args: &[&str], mode: &str) -> Output {
    let place = directory();
    Command::new(env!("CARGO_BIN_EXE_nixtrace"))
        .args(["record", "-o"])
        .arg(place.path().join("trace.jsonl"))
        .args(args)
        .arg("--")
        .arg(tracee("rare"))
        .arg(mode)
        .output()
        .unwrap()
}

fn rare(options: Options, args: &[&str]) -> Trace {
    watch(options, tracee("rare"), args)
}

#[test]
fn an_unknown_call_is_told_once_and_counted() {
    for options in WAYS {
        let trace = rare(options, &["unknown"]);
        trace.assert_success();
        let gaps: Vec<_> = trace
            .gaps()
            .iter()
            .map(|gap| {
                assert_eq!(gap.kind, GapKind::UnknownSyscall);
                let number = gap.detail.split(' ').find(|word| word.starts_with("500"));
                (number.unwrap().to_owned(), gap.count)
            })
            .collect();
        let expected = [("5000", 1), ("5001", 1), ("5000", 2)];
        assert_eq!(
            gaps,
            expected.map(|(number, count)| (number.to_owned(), count)),
            "{options:?}"
        );
        assert_eq!(trace.told_gaps(), 2);
    }
}

#[test]
fn a_program_that_tries_all_numbers_does_not_fill_the_trace() {
    let trace = rare(Options::default(), &["all-unknown"]);
    trace.assert_success();
    assert_eq!(trace.told_gaps(), 17);
    let told: u64 = trace.gaps().iter().map(|gap| gap.count).sum();
    assert_eq!(told, 100);
}

#[cfg(target_arch = "x86_64")]
#[test]
fn x32_calls_are_told() {
    for options in WAYS {
        let trace = rare(options, &["x32"]);
        trace.assert_success();
        assert_eq!(trace.gap_kinds(), [GapKind::ForeignAbi], "{options:?}");
    }
}

#[test]
fn an_io_uring_is_refused_and_told() {
    for options in WAYS {
        let trace = rare(options, &["ring"]);
        trace.assert_success();
        let [gap] = trace.gaps()[..] else {
            panic!("one gap: {:?}", trace.gaps());
        };
        assert_eq!(gap.kind, GapKind::IoUring);
        assert!(gap.detail.contains("ENOSYS"), "{}", gap.detail);
    }
}

#[test]
fn an_io_uring_that_is_allowed_is_told() {
    for options in WAYS {
        let allowances = Allowances {
            io_uring: true,
            ..options.allowances
        };
        let trace = rare(
            Options {
                allowances,
                ..options
            },
            &["ring"],
        );
        trace.assert_success();
        assert_eq!(trace.gap_kinds(), [GapKind::IoUring]);
        assert!(!trace.gaps()[0].detail.contains("ENOSYS"));
    }
}

#[test]
fn a_child_that_may_stay_untraced_is_not_followed_and_told() {
    let options = Options {
        allowances: Allowances {
            untraced: true,
            ..Allowances::default()
        },
        engine: nixtrace::tracer::EngineChoice::Syscall,
        ..Options::default()
    };
    let trace = watch(options, tracee("life"), ["untraced"]);
    trace.assert_success();
    assert_eq!(trace.gap_kinds(), [GapKind::Untraced]);
    assert_eq!(trace.processes(), (1, 1));
}

#[test]
fn every_call_that_names_a_file_is_seen() {
    for options in WAYS {
        let trace = rare(options, &["names"]);
        trace.assert_success();
        for (operation, names) in [
            (Operation::OpenPath, "open_tree open_tree_attr"),
            (
                Operation::GetAttributes,
                "fspick fsconfig-string fsconfig-path getxattrat listxattrat file_getattr \
                 quotactl fanotify_mark",
            ),
            (
                Operation::SetAttributes,
                "mount umount move_mount setxattrat removexattrat file_setattr",
            ),
            (Operation::Write, "acct"),
            (Operation::ReadWrite, "swapon swapoff"),
            (Operation::Read, "bpf"),
        ] {
            for name in names.split(' ') {
                let path = format!("/rare/{name}");
                assert!(
                    trace.accesses().any(|access| access.operation == operation
                        && access.path.to_string() == path
                        && !access.outcome.is_success()),
                    "{name} {options:?}"
                );
            }
        }
        let target = |path: &str| {
            let access = trace
                .accesses()
                .find(|access| access.path.to_string() == path);
            access.unwrap().target.as_ref().map(ToString::to_string)
        };
        assert_eq!(target("/rare/mount").as_deref(), Some("/rare/device"));
        assert_eq!(target("/rare/move_mount").as_deref(), Some("/rare/moved"));
        assert!(!trace.accesses().any(|it| it.path.ends_with(b"no-name")));
        assert_eq!(trace.gap_kinds(), []);
    }
}

#[test]
fn every_message_that_one_call_sends_is_told_and_none_that_it_does_not() {
    Case::new("rare", &["messages"]).check(|trace, top| {
        let sent: Vec<_> = trace
            .records
            .iter()
            .filter_map(|record| match record {
                Record::Contacted(contact) if contact.action == ContactAction::Send => {
                    match &contact.endpoint {
                        Endpoint::Unix { path } => {
                            let name = path.as_path().strip_prefix(top).unwrap();
                            Some((name.to_str().unwrap().to_owned(), contact.outcome))
                        }
                        other => panic!("{other:?}"),
                    }
                }
                _ => None,
            })
            .collect();
        let ok = Outcome::Success;
        let expected = [
            ("a", ok),
            ("b", ok),
            ("absent", Outcome::Failure(Errno::ENOENT)),
            ("d", ok),
        ];
        assert_eq!(
            sent,
            expected.map(|(name, outcome)| (name.to_owned(), outcome))
        );
    });
}

#[test]
fn work_that_is_handed_to_who_is_no_part_of_the_run_is_told_of() {
    for options in WAYS {
        let place = directory();
        let socket = place.path().join("docker.sock");
        let link = place.path().join("link");
        std::os::unix::fs::symlink(place.path(), &link).unwrap();
        let by_link = link.join("docker.sock");
        let by_name = [&socket, &by_link].map(|name| name.to_str().unwrap());
        let connect = || rare(options, &["connects", by_name[0], by_name[1]]);
        let outside = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let trace = connect();
        trace.assert_success();
        assert_eq!(trace.gap_kinds(), [GapKind::OutsideHelper], "{options:?}");
        assert!(trace.gaps()[0].detail.contains("the Docker daemon"));
        drop(outside);
        fs::remove_file(&socket).unwrap();
        let trace = connect();
        trace.assert_success();
        assert_eq!(trace.gap_kinds(), [], "its own is seen");
    }
}

#[test]
fn a_descriptor_that_is_taken_from_another_process_is_named() {
    for options in WAYS {
        let place = directory();
        let file = place.path().canonicalize().unwrap().join("file");
        fs::write(&file, "x").unwrap();
        let trace = rare(options, &["taken", file.to_str().unwrap()]);
        trace.assert_success();
        let users: Vec<_> = trace
            .accesses()
            .filter(|access| {
                access.path.as_path() == file && access.operation == Operation::ReadWrite
            })
            .map(|access| access.process.0)
            .collect();
        assert_eq!(users, [0, 1], "{options:?}");
    }
}

#[test]
fn a_file_that_is_opened_by_its_handle_is_named() {
    for options in WAYS {
        let place = directory();
        let file = place.path().canonicalize().unwrap().join("file");
        fs::write(&file, "x").unwrap();
        let trace = rare(options, &["handle", file.to_str().unwrap()]);
        if trace.status() == ExitStatus::Code(77) {
            return;
        }
        trace.assert_success();
        assert!(trace.accesses().any(|access| {
            access.path.as_path() == file && access.operation == Operation::Read
        }));
    }
}

#[test]
fn what_was_not_seen_is_listed_and_strictly_a_failure() {
    let output = record(&[], "ring");
    assert_eq!(output.status.code(), Some(0));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.contains("not seen\n  io-uring  The program asked"),
        "{told}"
    );

    for quiet in [&["--strict"][..], &["--strict", "--quiet"]] {
        let output = record(quiet, "unknown");
        assert_eq!(output.status.code(), Some(124));
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains("number 5000 (x86_64)"), "{told}");
        assert!(told.contains("(3 times)"), "{told}");
        assert!(
            told.contains("error: not everything could be seen"),
            "{told}"
        );
    }
}

#[test]
fn a_run_that_was_seen_whole_is_strictly_no_failure() {
    let output = record(&["--strict"], "names");
    assert_eq!(output.status.code(), Some(0));
    let output = record(&["--strict"], "no-such-mode");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn strict_mode_is_had_where_there_is_no_filter_of_ours_and_told_of_everywhere() {
    for options in WAYS {
        let trace = rare(options, &["strict"]);
        let code = match options.engine {
            EngineChoice::Syscall => 0,
            _ => libc::EINVAL,
        };
        assert_eq!(trace.status(), ExitStatus::Code(code), "{options:?}");
        assert_eq!(trace.gap_kinds(), [GapKind::OwnSeccomp]);
    }
}

#[test]
fn untraced_children_and_a_filter_are_refused_together() {
    let output = record(&["--allow-untraced", "--engine", "ptrace"], "names");
    assert_eq!(output.status.code(), Some(2));
}

/// Runs nixtrace under a tracer; what it says, failing rather than hanging.
fn refused_under(tracer: &[&str]) -> String {
    let place = directory();
    let mut command = Command::new(tracer[0]);
    command
        .args(&tracer[1..])
        .arg(env!("CARGO_BIN_EXE_nixtrace"))
        .args(["record", "-o"])
        .arg(place.path().join("inner.jsonl"))
        .args(["--", "/bin/true"]);
    let ending = run(command, place.path());
    let told = String::from_utf8(ending.output).unwrap();
    assert_eq!(ending.status.code(), Some(125), "{told}");
    assert!(!place.path().join("inner.jsonl").exists());
    told
}

#[test]
fn inside_another_nixtrace_it_says_why_it_cannot_trace() {
    let nixtrace = env!("CARGO_BIN_EXE_nixtrace");
    let told = refused_under(&[nixtrace, "record", "-o", "outer.jsonl", "--"]);
    assert!(told.contains("runs inside another nixtrace"), "{told}");
}

#[test]
fn inside_another_tracer_it_names_that() {
    if Command::new("strace").arg("-V").output().is_err() {
        return;
    }
    let told = refused_under(&["strace", "-f", "-o", "/dev/null"]);
    assert!(told.contains("is itself traced by strace"), "{told}");
}

#[test]
fn where_a_filter_forbids_ptrace_it_says_so() {
    let forbid = tracee("rare");
    let told = refused_under(&[forbid.to_str().unwrap(), "forbid"]);
    assert!(
        told.contains("the seccomp filter that nixtrace runs under"),
        "{told}"
    );
    assert!(told.contains("hint: "), "{told}");
}

/// `nixtrace record OPTIONS… -- tracees/rare names` where `rare MODE` forbids something.
fn where_forbidden(mode: &str, options: &[&str], place: &Path) -> Output {
    let rare = tracee("rare");
    Command::new(&rare)
        .arg(mode)
        .args([env!("CARGO_BIN_EXE_nixtrace"), "record", "--output"])
        .arg(place.join("trace"))
        .args(options)
        .arg("--")
        .arg(&rare)
        .arg("names")
        .output()
        .unwrap()
}

#[test]
fn where_filters_are_forbidden_every_call_is_stopped_and_that_is_told() {
    let place = directory();
    let output = where_forbidden("forbid-filters", &[], place.path());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let trace = Trace::read(&place.path().join("trace"));
    assert_eq!(trace.engine(), "syscall");
    assert_eq!(trace.gap_kinds(), [GapKind::Fallback]);
    assert!(trace.failed(Operation::Write, "/rare/acct").is_some());
}

#[test]
fn where_listeners_are_forbidden_calls_are_stopped_by_the_filter() {
    let place = directory();
    let output = where_forbidden("forbid-listeners", &[], place.path());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let trace = Trace::read(&place.path().join("trace"));
    assert_eq!(trace.engine(), "ptrace");
    assert!(trace.failed(Operation::Write, "/rare/acct").is_some());
}

#[test]
fn an_engine_that_was_asked_for_and_cannot_be_had_is_an_error_with_the_way_out() {
    for (mode, engine) in [
        ("forbid-filters", "notify"),
        ("forbid-filters", "ptrace"),
        ("forbid-listeners", "notify"),
    ] {
        let place = directory();
        let output = where_forbidden(mode, &["--engine", engine], place.path());
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(125), "{told}");
        assert!(told.contains("cannot install the seccomp filter"), "{told}");
        assert!(
            told.contains("hint: let nixtrace choose the engine"),
            "{told}"
        );
        assert!(!place.path().join("trace").exists());
    }
}

#[test]
fn where_the_kernel_cannot_say_which_call_is_made_nothing_is_begun() {
    for engine in ["auto", "ptrace", "syscall"] {
        let place = directory();
        let output = where_forbidden("forbid-info", &["--engine", engine], place.path());
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(125), "{told}");
        assert!(told.contains("no PTRACE_GET_SYSCALL_INFO here"), "{told}");
        assert!(told.contains("hint: Linux has it since 5.3"), "{told}");
    }
}

#[test]
fn where_memory_cannot_be_read_by_one_way_it_is_by_another() {
    for engine in ["notify", "ptrace", "syscall"] {
        let place = directory();
        let output = where_forbidden("forbid-memory", &["--engine", engine], place.path());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let trace = Trace::read(&place.path().join("trace"));
        assert_eq!(trace.gap_kinds(), []);
        assert!(trace.failed(Operation::Write, "/rare/acct").is_some());
        assert!(
            trace.executed()[0]
                .env
                .iter()
                .any(|(name, _)| name.as_bytes() == b"PATH")
        );
    }
}

/// What its own user may not see of a process its tracer may not either, unless it is root.
#[test]
fn names_that_may_not_be_read_are_told_of() {
    if again_as_nobody("honesty::names_that_may_not_be_read_are_told_of") {
        return;
    }
    for options in WAYS {
        let trace = watch(options, tracee("life"), ["undumpable"]);
        trace.assert_success();
        assert_eq!(trace.gap_kinds(), [GapKind::Unreadable], "{options:?}");
    }
}

#[test]
fn a_program_that_may_be_executed_but_not_read_is_told_of() {
    if again_as_nobody("honesty::a_program_that_may_be_executed_but_not_read_is_told_of") {
        return;
    }
    let place = directory();
    let program = place.path().join(OsStr::from_bytes(NOT_UTF8));
    copy_program(Path::new("/bin/true"), &program);
    fs::set_permissions(&program, fs::Permissions::from_mode(0o111)).unwrap();
    for options in WAYS {
        let trace = watch(options, &program, [""; 0]);
        trace.assert_success();
        assert_eq!(trace.executed()[0].loader, None);
        let told = trace
            .gaps()
            .into_iter()
            .find(|gap| gap.kind == GapKind::LookUp);
        let detail = &told.expect("a gap").detail;
        assert!(detail.contains("What the kernel opened to run"), "{detail}");
        assert!(detail.contains(r"/na\xffme is not known"), "{detail}");
        assert_eq!(trace.told_gaps(), trace.gaps().len() as u64);
    }
}

/// What became of executing a copy of a program in a script: the errors, and the kinds of gaps.
fn executing(options: Options, script: &str) -> (Vec<Option<i32>>, Vec<GapKind>) {
    let place = directory();
    let program = place.path().join("program");
    copy_program(Path::new("/bin/true"), &program);
    let script = format!(
        "cd {}; exec 2>/dev/null; {script}; exit 0",
        place.path().display()
    );
    let trace = watch(options, "/bin/sh", ["-c", &script]);
    trace.assert_success();
    let failed = trace
        .accesses()
        .filter(|it| it.operation == Operation::Execute && it.path.ends_with(b"/./program"))
        .map(|it| match it.outcome {
            Outcome::Failure(errno) => Some(errno.0),
            Outcome::Success => None,
        })
        .collect();
    (failed, trace.gap_kinds())
}

#[test]
fn an_exec_that_fails_though_all_is_there_is_told_with_its_error() {
    for (script, errno) in [
        ("./program $(printf %0200000d 0)", libc::E2BIG),
        // With so many arguments no exec is foreseen, however old the file is.
        (
            "exec 3>>program; ./program $(printf %040000d 0)",
            libc::ETXTBSY,
        ),
    ] {
        for options in WAYS {
            let told = executing(options, script);
            assert_eq!(told, (vec![Some(errno)], vec![]), "{script} {options:?}");
        }
    }
}

#[test]
fn an_exec_that_fails_for_what_could_not_be_foreseen_is_a_gap() {
    // What was written long ago is not looked at for who has it open.
    let script = "sleep 1.1; exec 3>>program; ./program";
    for options in WAYS {
        // Where every call stops twice, its end is seen in any case.
        let is_seen = options.exact || options.engine == EngineChoice::Syscall;
        let expected = match is_seen {
            true => (vec![Some(libc::ETXTBSY)], vec![]),
            false => (vec![], vec![GapKind::Outcome]),
        };
        assert_eq!(executing(options, script), expected, "{options:?}");
    }
}

#[test]
fn below_a_directory_without_a_name_the_rest_of_a_path_is_told_and_marked() {
    let missing = Outcome::Failure(Errno::ENOENT);
    for options in WAYS {
        let place = directory();
        let trace = rare(options, &["deep", place.path().to_str().unwrap()]);
        trace.assert_success();
        for (operation, path, outcome) in [
            (Operation::Stat, "…/missing", missing),
            (Operation::Write, "…/file", Outcome::Success),
            (Operation::Stat, "…/file", Outcome::Success),
            (Operation::Stat, "…/other", missing),
        ] {
            assert!(trace.has(operation, path, outcome), "{path} {options:?}");
        }
    }
}

#[test]
fn the_gap_of_an_exec_that_fails_shows_each_byte_of_the_name() {
    // An old program, and a variable that is longer than one may be (execve(2), E2BIG).
    let script = "X=$(printf %0200000d 0) \"$1\" 2>/dev/null; exit 0";
    for options in WAYS {
        if options.exact || options.engine == EngineChoice::Syscall {
            // The end of every exec is seen.
            continue;
        }
        let place = directory();
        let program = place.path().join(OsStr::from_bytes(NOT_UTF8));
        std::os::unix::fs::symlink("/bin/true", &program).unwrap();
        let words = ["-c", script, "sh"].map(OsStr::new);
        let words = words.into_iter().chain([program.as_os_str()]);
        let trace = watch(options, "/bin/sh", words);
        trace.assert_success();
        assert_eq!(trace.gap_kinds(), [GapKind::Outcome], "{options:?}");
        let detail = &trace.gaps()[0].detail;
        assert!(detail.contains(r"/na\xffme, for a reason"), "{detail}");
    }
}
