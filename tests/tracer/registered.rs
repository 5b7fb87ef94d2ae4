//! Files that a registered interpreter runs (binfmt_misc) are told with it, whatever they are.
//!
//! The rules are those of a user namespace of the test's own.

use crate::everywhere::{recording, run};
use crate::support::{WAYS, directory, write_program};
use crate::trace::Trace;
use nixtrace::trace::Executed;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Where a native program may have anything (`EI_PAD` of elf(5)).
const PADDING: usize = 10;

/// The rules: files that begin so, native programs with a byte in their padding, scripts that begin so,
/// and whatever has a name that ends so.
const RULES: [&str; 4] = [
    ":bytes:M::NXTR::/bin/echo:",
    r":padded:M::\x7fELF\x02\x01\x01\x00\x00\x00n:\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00\xff:/bin/echo:",
    ":script:M::#!/bin/false registered::/bin/echo:",
    ":ending:E::nxtr::/bin/echo:",
];

/// Makes a namespace in which these rules hold, and runs the words that follow there.
const IN_A_NAMESPACE: &str = r#"
rules=/proc/sys/fs/binfmt_misc
mount -t binfmt_misc none $rules 2>/dev/null || exit 77
while [ "$1" != -- ]; do printf '%s' "$1" >$rules/register || exit 1; shift; done
shift
exec "$@"
"#;

/// What runs in the namespace: one file by each rule, one by a rule that is made meanwhile, and two that
/// no rule matches.
const JOB: &str = "./bytes 1; ./padded 2; ./script 3; ./ending.nxtr 4; \
    printf %s :late:E::late::/bin/echo: >/proc/sys/fs/binfmt_misc/register; ./made.late 5; \
    ./plain; ./plain-script";

fn prepare(top: &Path) {
    let program = fs::read("/bin/true").unwrap();
    let mut padded = program.clone();
    padded[PADDING] = b'n';
    for (name, content) in [
        ("bytes", b"NXTR".as_slice()),
        ("padded", &padded),
        ("script", b"#!/bin/false registered\n"),
        ("ending.nxtr", &program),
        ("made.late", &program),
        ("plain", &program),
        ("plain-script", b"#!/bin/sh\n"),
    ] {
        write_program(&top.join(name), content);
    }
}

/// What begins a command line of a namespace's.
const UNSHARE: [&str; 3] = ["--user", "--map-root-user", "--mount"];

/// Whether a test may have a user namespace of its own, which some containers and systems refuse. On a
/// build server (`CI` is set) that is a failure.
fn may_have_a_namespace() -> bool {
    let output = Command::new("unshare").args(UNSHARE).arg("true").output();
    let may = output.as_ref().is_ok_and(|output| output.status.success());
    assert!(
        may || std::env::var_os("CI").is_none(),
        "this test needs a user namespace (unshare --user): {output:?}"
    );
    may
}

fn in_a_namespace(words: &[OsString], top: &Path) -> crate::everywhere::Ending {
    let mut command = Command::new("unshare");
    command
        .args(UNSHARE)
        .args(["sh", "-c", IN_A_NAMESPACE, "sh"])
        .args(RULES)
        .arg("--")
        .args(words)
        .args(["sh", "-c", JOB]);
    run(command, top)
}

fn interpreters(executed: &Executed) -> Vec<&Path> {
    executed
        .interpreters
        .iter()
        .map(|it| it.as_path())
        .collect()
}

#[test]
fn what_a_registered_interpreter_runs_is_told_with_it_whatever_the_file_says() {
    if !may_have_a_namespace() {
        eprintln!("skipped: a user namespace of its own is refused (unshare --user)");
        return;
    }
    let place = directory();
    let top = place.path().canonicalize().unwrap();
    prepare(&top);
    let untraced = in_a_namespace(&[], &top);
    if untraced.status.code() == Some(77) {
        eprintln!("skipped: this kernel has no rules of a user namespace's own (Linux 6.7)");
        return;
    }
    let said = "./bytes 1\n./padded 2\n./script 3\n./ending.nxtr 4\n./made.late 5\n";
    assert_eq!(String::from_utf8_lossy(&untraced.output), said);
    let echo = fs::canonicalize("/bin/echo").unwrap();
    for way in WAYS {
        let file = top.join("trace");
        assert_eq!(in_a_namespace(&recording(way, &file), &top), untraced);
        let trace = Trace::read(&file);
        let of = |name: &str| {
            let path = top.join(".").join(name);
            *trace
                .executed()
                .iter()
                .find(|it| it.path.as_ref().is_some_and(|it| it.as_path() == path))
                .unwrap_or_else(|| panic!("{name} was not executed"))
        };
        for name in ["bytes", "padded", "script", "ending.nxtr", "made.late"] {
            assert_eq!(interpreters(of(name)), [&*echo], "{name} in {way:?}");
            assert!(of(name).loader.is_some(), "{name} in {way:?}");
        }
        assert!(of("plain").interpreters.is_empty() && of("plain").loader.is_some());
        assert_eq!(interpreters(of("plain-script")), [Path::new("/bin/sh")]);
    }
}
