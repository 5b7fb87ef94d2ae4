//! Compiles tracees, observes them and picks their traces apart.

use nixtrace::trace::{Access, Executed, ExitStatus, Gap, GapKind, Operation, Outcome, Record};
use nixtrace::tracer::{Command, EngineChoice, Error, Observation, Options, observe};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex};
use tempfile::TempDir;

/// Every way to observe; each must tell the same.
pub(crate) const WAYS: [Options; 4] = [
    Options::DEFAULT,
    Options {
        exact: true,
        ..Options::DEFAULT
    },
    Options {
        engine: EngineChoice::Ptrace,
        ..Options::DEFAULT
    },
    Options {
        engine: EngineChoice::Syscall,
        ..Options::DEFAULT
    },
];

/// A directory that other users may search.
pub(crate) fn directory() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    directory
}

static TRACEES: LazyLock<(TempDir, Mutex<BTreeSet<String>>)> =
    LazyLock::new(|| (directory(), Mutex::default()));

/// The program of `tracees/NAME.c`.
pub(crate) fn tracee(name: &str) -> PathBuf {
    compiled(name, name, &[])
}

/// The same, built with other flags under another name.
pub(crate) fn compiled(name: &str, as_name: &str, flags: &[&str]) -> PathBuf {
    let (directory, built) = &*TRACEES;
    let program = directory.path().join(as_name);
    let mut built = built.lock().unwrap();
    if built.insert(as_name.to_owned()) {
        let source = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/tracer/tracees")
            .join(name)
            .with_extension("c");
        let status = std::process::Command::new("cc")
            .args(["-O1", "-Wall", "-pthread", "-o"])
            .arg(&program)
            .arg(&source)
            .args(flags)
            .status()
            .expect("the tests need a C compiler");
        assert!(status.success(), "{} does not compile", source.display());
    }
    program
}

/// A trace and how it ended.
pub(crate) struct Trace {
    pub(crate) records: Vec<Record>,
    pub(crate) observation: Observation,
}

/// Observes a program.
pub(crate) fn watch<A: Into<OsString>>(
    options: Options,
    program: impl Into<OsString>,
    args: impl IntoIterator<Item = A>,
) -> Trace {
    try_watch(options, program, args).unwrap()
}

/// Observes a program that may not start.
pub(crate) fn try_watch<A: Into<OsString>>(
    options: Options,
    program: impl Into<OsString>,
    args: impl IntoIterator<Item = A>,
) -> Result<Trace, Error> {
    let command = Command {
        program: program.into(),
        args: args.into_iter().map(Into::into).collect(),
    };
    let mut records = Vec::new();
    let observation = observe(&command, &options, &mut records)?;
    Ok(Trace {
        records,
        observation,
    })
}

/// An access without who and when.
pub(crate) type Fact = (Operation, String, Outcome);

impl Trace {
    /// How the command ended.
    pub(crate) fn status(&self) -> ExitStatus {
        self.observation.status
    }

    /// Whether the command says that all went as it should.
    pub(crate) fn assert_success(&self) {
        assert_eq!(self.status(), ExitStatus::Code(0));
    }

    /// Every access line.
    pub(crate) fn accesses(&self) -> impl Iterator<Item = &Access> {
        self.records.iter().filter_map(|record| match record {
            Record::Accessed(access) => Some(access),
            _ => None,
        })
    }

    /// How often each access below `top` happened.
    pub(crate) fn counts(&self, wanted: impl Fn(&str) -> bool) -> BTreeMap<Fact, u64> {
        let mut counts = BTreeMap::new();
        for record in &self.records {
            if let Record::Accessed(access) | Record::Repeated(access) = record {
                let path = access.path.to_string();
                if wanted(&path) {
                    *counts
                        .entry((access.operation, path, access.outcome))
                        .or_default() += access.count;
                }
            }
        }
        counts
    }

    /// Whether there was such an access.
    pub(crate) fn has(
        &self,
        operation: Operation,
        path: impl AsRef<Path>,
        outcome: Outcome,
    ) -> bool {
        self.accesses().any(|access| {
            access.operation == operation
                && access.path.as_path() == path.as_ref()
                && access.outcome == outcome
        })
    }

    /// Every program that ran.
    pub(crate) fn executed(&self) -> Vec<&Executed> {
        self.records
            .iter()
            .filter_map(|record| match record {
                Record::Executed(executed) => Some(executed),
                _ => None,
            })
            .collect()
    }

    /// The ids of all processes, in the order in which they began.
    pub(crate) fn started_pids(&self) -> Vec<i32> {
        let started = self.records.iter().filter_map(|record| match record {
            Record::Started(started) => Some(started.pid),
            _ => None,
        });
        started.collect()
    }

    /// How many processes began and ended.
    pub(crate) fn processes(&self) -> (usize, usize) {
        let count =
            |is: fn(&Record) -> bool| self.records.iter().filter(|record| is(record)).count();
        (
            count(|record| matches!(record, Record::Started(_))),
            count(|record| matches!(record, Record::Exited(_))),
        )
    }

    /// What could not be seen.
    pub(crate) fn gaps(&self) -> Vec<&Gap> {
        self.records
            .iter()
            .filter_map(|record| match record {
                Record::Gap(gap) => Some(gap),
                _ => None,
            })
            .collect()
    }

    /// The kinds of what could not be seen.
    pub(crate) fn gap_kinds(&self) -> Vec<GapKind> {
        self.gaps().iter().map(|gap| gap.kind).collect()
    }
}

/// Runs one test of this program again as the user nobody; whether that was done by this call.
///
/// The first call, as root, starts the second; the second returns false and does the work.
pub(crate) fn again_as_nobody(test: &str) -> bool {
    use std::os::unix::process::CommandExt;
    const NOBODY: u32 = 65534;
    if !nix::unistd::geteuid().is_root() {
        return false;
    }
    let place = directory();
    let copy = place.path().join("tests");
    fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    let work = place.path().join("work");
    fs::create_dir(&work).unwrap();
    std::os::unix::fs::chown(&work, Some(NOBODY), Some(NOBODY)).unwrap();
    let output = std::process::Command::new(&copy)
        .args(["--exact", test, "--nocapture"])
        .env("TMPDIR", &work)
        .current_dir(&work)
        .uid(NOBODY)
        .gid(NOBODY)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "as nobody: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    true
}
