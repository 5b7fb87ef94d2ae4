//! Runs one small program untraced, under strace, and in every way of observing: nothing that can
//! be seen of it may differ, and each trace is then asked for what it promises.

use crate::support::{PATIENCE, WAYS, directory, tracee};
use crate::trace::Trace;
use clap::ValueEnum;
use nixtrace::trace::{ExitStatus, GapKind};
use nixtrace::tracer::{EngineChoice, Options};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{self, File};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// With this code a tracee says that this machine cannot do what it tests (automake's convention).
const CANNOT: i32 = 77;

/// How often, where a tracee was killed at an instant that strace does not expect (EIO of
/// `PTRACE_LISTEN`).
const STRACE_IS_ASKED_AGAIN: u32 = 3;

/// What can be seen of a program that ended.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Ending {
    /// What waitpid(2) gives.
    pub(crate) status: std::process::ExitStatus,
    /// All that it wrote, standard error included.
    pub(crate) output: Vec<u8>,
}

impl Ending {
    /// The status as a trace tells it.
    fn in_a_trace(&self) -> ExitStatus {
        match self.status.signal() {
            Some(signal) => ExitStatus::Signal(signal),
            None => ExitStatus::Code(self.status.code().unwrap()),
        }
    }

    /// The status as a shell gives it.
    fn shell_code(&self) -> i32 {
        i32::from(self.in_a_trace().shell_code())
    }
}

impl fmt::Debug for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let output = String::from_utf8_lossy(&self.output);
        write!(f, "{}, having written {output:?}", self.status)
    }
}

/// A program and what is to be compared of it.
pub(crate) struct Case {
    program: PathBuf,
    args: Vec<OsString>,
    code: i32,
    ways: Vec<Options>,
    under_strace: bool,
}

/// Whether a program may have a seccomp listener of its own, observed in this way.
pub(crate) fn may_listen(way: Options) -> bool {
    matches!(way.engine, EngineChoice::Ptrace | EngineChoice::Syscall)
}

impl Case {
    /// A program of `tracees/`; it is to exit with 0.
    pub(crate) fn new(name: &str, args: &[&str]) -> Self {
        Self::of(tracee(name), args)
    }

    /// Any program.
    pub(crate) fn of<A: AsRef<OsStr>>(program: impl Into<PathBuf>, args: &[A]) -> Self {
        Self {
            program: program.into(),
            args: args.iter().map(|arg| arg.as_ref().to_owned()).collect(),
            code: 0,
            ways: WAYS.to_vec(),
            under_strace: true,
        }
    }

    /// With the code that it is to exit with.
    pub(crate) fn exits(self, code: i32) -> Self {
        Self { code, ..self }
    }

    /// Only in the first way, for what takes long and does not depend on it.
    pub(crate) fn in_one_way(self) -> Self {
        Self {
            ways: vec![WAYS[0]],
            ..self
        }
    }

    /// Only where every outcome is read back from the kernel.
    pub(crate) fn in_exact_ways(self) -> Self {
        let mut ways = self.ways;
        ways.retain(|way| way.exact);
        Self { ways, ..self }
    }

    /// Only where nixtrace has no listener of its own: the kernel allows one.
    pub(crate) fn where_it_may_listen(self) -> Self {
        let mut ways = self.ways;
        ways.retain(|way| may_listen(*way));
        Self { ways, ..self }
    }

    /// Only where calls come without ptrace, so that another tracer can have its place.
    pub(crate) fn where_tracers_are_let_in(self) -> Self {
        let mut ways = self.ways;
        ways.retain(|way| !may_listen(*way));
        Self { ways, ..self }
    }

    /// Not under strace, which disturbs this program.
    pub(crate) fn without_strace(self, _because: &str) -> Self {
        Self {
            under_strace: false,
            ..self
        }
    }

    fn command(&self, by: &[&OsStr]) -> Command {
        let mut words = by.to_vec();
        words.push(self.program.as_os_str());
        words.extend(self.args.iter().map(OsString::as_os_str));
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        command
    }

    /// Runs it everywhere; `check` is given each trace, and the directory of its run.
    #[track_caller]
    pub(crate) fn check(&self, check: impl Fn(&Trace, &Path)) {
        let untraced = run(self.command(&[]), directory().path());
        if untraced.status.code() == Some(CANNOT) {
            eprintln!(
                "skipped: {:?} says that this machine cannot do it",
                self.args
            );
            return;
        }
        assert_eq!(
            untraced.status.code(),
            Some(self.code),
            "{self}, untraced: {untraced:?}"
        );
        if self.under_strace {
            let traced = self.ending_under_strace();
            assert_eq!(traced, untraced, "{self}, under strace");
        }
        for way in &self.ways {
            self.check_one(*way, &untraced, &check);
        }
    }

    fn ending_under_strace(&self) -> Ending {
        let strace = ["strace", "-f", "-o", "/dev/null", "--"].map(OsStr::new);
        ask_strace(|| run(self.command(&strace), directory().path()))
    }

    #[track_caller]
    fn check_one(&self, way: Options, untraced: &Ending, check: &impl Fn(&Trace, &Path)) {
        let keep = directory();
        let file = keep.path().join("trace.jsonl");
        let recording = recording(way, &file);
        let words: Vec<_> = recording.iter().map(OsString::as_os_str).collect();
        let place = directory();
        let top = place.path().canonicalize().unwrap();
        let observed = run(self.command(&words), &top);
        let seen = format!("{self} in {way:?}");
        assert!(
            observed.status.code() == Some(untraced.shell_code())
                && observed.output == untraced.output,
            "{seen}: {observed:?};\nuntraced: {untraced:?}"
        );
        let trace = Trace::read(&file);
        assert_eq!(trace.status(), untraced.in_a_trace(), "{seen}");
        let (started, exited) = trace.processes();
        assert_eq!(started, exited, "{seen}: a process began and did not end");
        assert!(
            !trace.gap_kinds().contains(&GapKind::LostProcess),
            "{seen}: {:?}",
            trace.gaps()
        );
        // A check that fails does not know in which way.
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            check(&trace, &top);
        }));
        if let Err(panic) = outcome {
            eprintln!("that was {seen}");
            std::panic::resume_unwind(panic);
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.program.display(), self.args)
    }
}

/// The words before a command that is to be recorded in a file.
pub(crate) fn recording(way: Options, file: &Path) -> Vec<OsString> {
    let engine = way.engine.to_possible_value().unwrap();
    let mut words: Vec<OsString> = vec![
        env!("CARGO_BIN_EXE_nixtrace").into(),
        "record".into(),
        "--quiet".into(),
        "--force".into(),
        "--output".into(),
        file.into(),
        "--engine".into(),
        engine.get_name().into(),
    ];
    if way.exact {
        words.push("--exact".into());
    }
    words.push("--".into());
    words
}

/// Runs something under strace, and again where strace itself gave up, which tells nothing of the program.
pub(crate) fn ask_strace(mut ask: impl FnMut() -> Ending) -> Ending {
    let gave_up = |ending: &Ending| {
        let mut lines = ending.output.split(|&byte| byte == b'\n');
        lines.any(|line| line.starts_with(b"strace: ptrace("))
    };
    let mut ending = ask();
    for _ in 0..STRACE_IS_ASKED_AGAIN {
        if !gave_up(&ending) {
            break;
        }
        ending = ask();
    }
    ending
}

/// Runs a command in a directory to its end.
///
/// It writes to a file: what it leaves in the background must not keep us waiting as the end of a
/// pipe would.
pub(crate) fn run(mut command: Command, directory: &Path) -> Ending {
    let written = tempfile::NamedTempFile::new().unwrap();
    let output = |file: &File| Stdio::from(file.try_clone().unwrap());
    let mut child = command
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(output(written.as_file()))
        .stderr(output(written.as_file()))
        .process_group(0)
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if began.elapsed() > PATIENCE {
            let group = nix::unistd::Pid::from_raw(child.id() as i32);
            let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
            let _ = child.wait();
            panic!(
                "{command:?} hangs; so far it wrote {:?}",
                fs::read_to_string(written.path())
            );
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    Ending {
        status,
        output: fs::read(written.path()).unwrap(),
    }
}
