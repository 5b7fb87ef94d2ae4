//! Two tracers, and every engine of ours, tell the same of the same program.
//!
//! What strace says and a trace does not is *missing*; the reverse is *invented*. Both lists have to
//! be empty, but for what a rule in [`RULES`] explains by name.

use crate::everywhere::{may_listen, recording, run};
use crate::happening::{Happening, happenings};
use crate::strace;
use crate::support::{WAYS, directory, tracee};
use crate::trace::Trace;
use nixtrace::trace::GapKind;
use nixtrace::tracer::Options;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;

/// Which tracer has something that the other has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Only {
    Strace,
    Ours,
}

/// A difference, and what may explain it.
struct Difference<'a> {
    happening: &'a Happening,
    only: Only,
    /// All that the other tracer tells.
    others: &'a BTreeSet<Happening>,
    /// What our trace says that it could not see.
    gaps: &'a [GapKind],
    /// Whether our trace is to have every call.
    is_exact: bool,
}

/// Why two correct tracers differ.
struct Rule {
    name: &'static str,
    explains: fn(&Difference) -> bool,
}

/// The classes of differences, all of them.
const RULES: &[Rule] = &[
    Rule {
        // A compiler does that for each header; `--exact` tells of them (README.md).
        name: "the steps of realpath(3) are left out unless all is to be exact",
        explains: |it| it.happening.operation == strace::STEP_OF_REALPATH,
    },
    Rule {
        // Whatever the program: `--exact` tells of them (README.md).
        name: "the loader's look for its preload file and its cache is left out unless all is to be exact",
        explains: |it| {
            let is_by_habit = match it.happening.path.as_slice() {
                b"/etc/ld.so.preload" => it.happening.operation == "check",
                b"/etc/ld.so.cache" => ["read", "opened-file"].contains(&&*it.happening.operation),
                _ => false,
            };
            it.only == Only::Strace && !it.is_exact && is_by_habit
        },
    },
    Rule {
        // A pipe, a namespace: then the name is all that a trace has, and strace shows the kernel's
        // own name for it (`mnt:[4026531841]`).
        name: "a name in /proc may lead to what has no path",
        explains: |it| {
            it.only == Only::Ours
                && it.happening.operation == "opened-file"
                && it.happening.path.starts_with(b"/proc/")
        },
    },
    Rule {
        // Links are resolved after the call, for they cost nothing then (docs/trace-format.md): what
        // was removed meanwhile is only told by its name.
        name: "what is removed at once is told by the name that was asked for",
        explains: |it| {
            it.happening.operation == "opened-file"
                && !Path::new(OsStr::from_bytes(&it.happening.path)).exists()
        },
    },
    Rule {
        // The kernel names a working directory as the host does; a trace names it as the process does,
        // for that is the name that the process could give it.
        name: "below a changed root, names are those of the process",
        explains: |it| {
            let is_same = |other: &&Happening| {
                let (inside, outside) = match it.only {
                    Only::Strace => (*other, it.happening),
                    Only::Ours => (it.happening, *other),
                };
                let root = outside.path.strip_suffix(&inside.path[..]);
                root.is_some_and(|root| root.ends_with(b"/jail"))
                    && (&inside.process, &inside.operation, &inside.outcome)
                        == (&outside.process, &outside.operation, &outside.outcome)
            };
            it.others.iter().any(|other| is_same(&other))
        },
    },
    Rule {
        // strace looks before the filters of the program do. Our filter is one of them, and an answer
        // goes before a question to the tracer (seccomp(2)): the gap says so.
        name: "what the program's own filter answers is not seen",
        explains: |it| {
            it.only == Only::Strace
                && it.gaps.contains(&GapKind::OwnSeccomp)
                && it.happening.operation == "read-link"
        },
    },
];

/// Runs in an empty directory of the same name each time, so that the same paths come out.
struct Place {
    place: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { place: directory() }
    }

    fn fresh(&self, prepare: impl Fn(&Path)) -> std::path::PathBuf {
        let path = self.place.path().canonicalize().unwrap().join("work");
        if path.exists() {
            std::fs::remove_dir_all(&path).unwrap();
        }
        std::fs::create_dir(&path).unwrap();
        prepare(&path);
        path
    }
}

/// What a trace of ours tells.
struct Ours {
    is_exact: bool,
    happenings: BTreeSet<Happening>,
    gaps: Vec<GapKind>,
}

impl Ours {
    /// What strace tells, with the readlinks that are to be in our trace called so.
    fn expected(&self, strace: &BTreeSet<Happening>) -> BTreeSet<Happening> {
        let expected = |happening: &Happening| {
            let read_link = Happening {
                operation: "read-link".to_owned(),
                ..happening.clone()
            };
            let is_step = happening.operation == strace::STEP_OF_REALPATH;
            // A program's own call may have a buffer of that size as well.
            match is_step && (self.is_exact || self.happenings.contains(&read_link)) {
                true => read_link,
                false => happening.clone(),
            }
        };
        strace.iter().map(expected).collect()
    }
}

/// What one way of observing tells of a command.
fn by_us(way: Options, words: &[String], directory: &Path) -> Ours {
    let keep = tempfile::tempdir().unwrap();
    let file = keep.path().join("trace.jsonl");
    let recording: Vec<OsString> = recording(way, &file);
    let mut command = Command::new(&recording[0]);
    command.args(&recording[1..]).args(words);
    run(command, directory);
    let trace = Trace::read(&file);
    Ours {
        is_exact: way.exact,
        happenings: happenings(&trace),
        gaps: trace.gap_kinds(),
    }
}

/// Compares, and fails with what no rule explains.
#[track_caller]
fn compare(of: &str, strace: &BTreeSet<Happening>, ours: &Ours) {
    let strace = &ours.expected(strace);
    let mut used = BTreeSet::new();
    let mut unexplained = |only, some: &BTreeSet<Happening>, others: &BTreeSet<Happening>| {
        some.difference(others)
            .filter(|happening| {
                let difference = Difference {
                    happening,
                    only,
                    others,
                    gaps: &ours.gaps,
                    is_exact: ours.is_exact,
                };
                let rule = RULES.iter().find(|rule| (rule.explains)(&difference));
                used.extend(rule.map(|rule| rule.name));
                rule.is_none()
            })
            .cloned()
            .collect::<Vec<_>>()
    };
    let missing = unexplained(Only::Strace, strace, &ours.happenings);
    let invented = unexplained(Only::Ours, &ours.happenings, strace);
    println!("{of}: {} happenings; explained by {used:?}", strace.len());
    let first = |some: &[Happening]| {
        let shown: Vec<_> = some
            .iter()
            .take(40)
            .map(|it| format!("\n  {it:?}"))
            .collect();
        format!("{}{}", some.len(), shown.concat())
    };
    assert!(
        missing.is_empty() && invented.is_empty(),
        "{of}: missing: {}\ninvented: {}",
        first(&missing),
        first(&invented)
    );
}

/// Observes a command with strace and in every way, and compares.
#[track_caller]
fn check(words: &[String], prepare: impl Fn(&Path)) {
    check_in(words, &WAYS, prepare);
}

/// The same in some ways only.
#[track_caller]
fn check_in(words: &[String], ways: &[Options], prepare: impl Fn(&Path)) {
    let place = Place::new();
    let strace = strace::observe(&[], words, || place.fresh(&prepare));
    assert!(strace.len() > 3, "strace saw {strace:?}");
    for &way in ways {
        let ours = by_us(way, words, &place.fresh(&prepare));
        compare(&format!("{words:?} in {way:?}"), &strace, &ours);
    }
}

/// A program of `tracees/`, each of these ways.
fn check_tracee(name: &str, ways: &[&[&str]]) {
    let program = tracee(name).to_str().unwrap().to_owned();
    for way in ways {
        let mut words = vec![program.clone()];
        words.extend(way.iter().map(|&word| word.to_owned()));
        check(&words, |_| {});
    }
}

#[test]
fn of_processes_and_threads() {
    check_tracee(
        "life",
        &[
            &["fork"],
            &["vfork"],
            &["clone3"],
            &["clone-without-signal"],
            &["clone-parent"],
            &["threads"],
            &["thread-exec"],
            &["leader-ends-exec"],
            &["spawn"],
            &["daemon"],
            &["many", "50"],
            &["deep"],
            &["kill", "15"],
            &["shared-directory"],
        ],
    );
}

#[test]
fn of_names() {
    let ways = ["openat2", "renameat2", "status", "gone", "walked"];
    check_tracee("names", &ways.each_ref().map(std::slice::from_ref));
}

#[test]
fn of_descriptors() {
    let ways = [
        "memory",
        "behind",
        "path-only",
        "fetched",
        "closed-in-a-range",
        "before-exec",
        "shared",
        "unshared",
    ];
    check_tracee("descriptors", &ways.each_ref().map(std::slice::from_ref));
    check_tracee("descriptors", &[&["received", "/usr"]]);
}

#[test]
fn of_namespaces() {
    let ways = [
        "users",
        "pids",
        "mounts",
        "joining",
        "chroot",
        "pivot",
        "unshared-directory",
    ];
    check_tracee("namespaces", &ways.each_ref().map(std::slice::from_ref));
}

#[test]
fn of_filters_and_supervisors() {
    check_tracee("signals", &[&["filters"], &["traps"]]);
    let program = tracee("signals").to_str().unwrap().to_owned();
    let ways: Vec<_> = WAYS.into_iter().filter(|&way| may_listen(way)).collect();
    check_in(&[program, "listens".to_owned()], &ways, |_| {});
}

#[test]
fn of_hostile_arguments() {
    check_tracee("hostile", &[&[]]);
}

/// Observes a longer command by strace and in one way, and compares.
///
/// strace stops only at what it is asked for, as we do; it would take minutes otherwise.
#[track_caller]
fn check_workload(words: &[&str], prepare: impl Fn(&Path)) {
    let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
    let place = Place::new();
    let strace = strace::observe(&["--seccomp-bpf"], &words, || place.fresh(&prepare));
    assert!(strace.len() > 100, "strace saw {strace:?}");
    let ours = by_us(WAYS[0], &words, &place.fresh(&prepare));
    compare(&format!("{words:?}"), &strace, &ours);
}

#[test]
fn of_a_shell_script() {
    check_workload(&["/bin/sh", "script"], |top| {
        std::fs::write(
            top.join("script"),
            "#!/bin/sh\n\
             mkdir -p one/two; cd one; echo text > two/file; ln -s two link\n\
             cat link/file | grep text | sed s/t/x/ > ../result\n\
             for i in 1 2 3; do (cd two && ls -l . && test -e none); done > listing\n\
             cat <<END | wc -l\nhere\nEND\n\
             find . -name file -exec cp {} copy ';'\n\
             mv copy moved; chmod 600 moved; touch -r two moved; rm -r two link; rmdir none\n\
             kill -TERM $$\n",
        )
        .unwrap();
    });
}

#[test]
fn of_python() {
    let program = "import json, sqlite3, subprocess, tempfile, threading, socket, os\n\
                   t = threading.Thread(target=lambda: os.stat('/differential/thread') \
                   if os.path.exists('/differential') else None)\n\
                   t.start(); t.join()\n\
                   subprocess.run(['true']); subprocess.run(['sh', '-c', 'exit 3'])\n\
                   s = socket.socket(socket.AF_UNIX)\n\
                   s.connect_ex('/differential/socket')\n\
                   open('made', 'w').write('x'); os.rename('made', 'moved'); os.listdir('.')\n";
    check_workload(&["/usr/bin/python3", "-B", "-c", program], |_| {});
}

#[test]
fn of_make() {
    check_workload(&["/usr/bin/make", "--no-print-directory"], |top| {
        std::fs::write(
            top.join("Makefile"),
            "program: main.o other.o\n\tcc -o $@ $^ -lz\n\
             %.o: %.c header.h\n\tcc -O1 -c -o $@ $<\n",
        )
        .unwrap();
        std::fs::write(top.join("header.h"), "int other(void);\n").unwrap();
        std::fs::write(
            top.join("main.c"),
            "#include <stdio.h>\n#include \"header.h\"\nint main(void) { return other(); }\n",
        )
        .unwrap();
        std::fs::write(
            top.join("other.c"),
            "#include <zlib.h>\n#include \"header.h\"\nint other(void) { return zlibVersion() == 0; }\n",
        )
        .unwrap();
    });
}

/// Unpacks what a test works on, or says that it is not there.
fn must(command: &str, args: &[&OsStr], directory: &Path) {
    let status = Command::new(command)
        .args(args)
        .current_dir(directory)
        .status()
        .unwrap_or_else(|error| panic!("{command}: {error}; scripts/test installs it"));
    assert!(status.success(), "{command} {args:?}");
}

/// A script of a few hundred processes; scripts/test installs what makes it.
#[test]
fn of_a_configure_script() {
    check_workload(&["/bin/sh", "configure", "--quiet"], |top| {
        let fixture =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/main_job/fixtures/probing/.");
        must("cp", &["-R".as_ref(), fixture.as_ref(), ".".as_ref()], top);
        must("autoconf", &[], top);
        std::fs::write(top.join("install-sh"), "#!/bin/sh\nexit 1\n").unwrap();
    });
}

/// The same on a real one of thousands of processes and hundreds of thousands of accesses, which
/// takes minutes: `NIXTRACE_LONG_TESTS=1 scripts/test --test tracer gnu_hello`.
#[test]
fn of_the_configure_script_of_gnu_hello() {
    if std::env::var_os("NIXTRACE_LONG_TESTS").is_none() {
        eprintln!("skipped: it takes minutes (NIXTRACE_LONG_TESTS is not set)");
        return;
    }
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/fixtures");
    let archive = std::fs::read_dir(fixtures)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("hello_") && name.ends_with(".orig.tar.gz")
        })
        .expect("scripts/test fetches the source of GNU hello");
    check_workload(&["/bin/sh", "configure", "--quiet"], |top| {
        let one = "--strip-components=1".as_ref();
        must("tar", &[one, "-xzf".as_ref(), archive.as_os_str()], top);
    });
}
