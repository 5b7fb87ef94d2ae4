//! Compiles tracees and observes them.

pub(crate) use crate::trace::Trace;
use nixtrace::tracer::{Command, EngineChoice, Error, Options, observe};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Every way to observe; each must tell the same. A new engine is one more line here.
pub(crate) const WAYS: [Options; 4] = [
    way(EngineChoice::Auto, false),
    way(EngineChoice::Auto, true),
    way(EngineChoice::Ptrace, false),
    way(EngineChoice::Syscall, false),
];

/// What takes longer hangs: the slowest takes some seconds, on a machine that has nothing else to do.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

const fn way(engine: EngineChoice, exact: bool) -> Options {
    Options {
        exact,
        engine,
        ..Options::DEFAULT
    }
}

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
    observe(&command, &options, &mut records)?;
    Ok(Trace { records })
}

/// Copies a program that is to be executed, by any user.
///
/// Not by this process: a child that another test starts meanwhile would have the copy open to write,
/// and what is open to write cannot be executed.
pub(crate) fn copy_program(from: &Path, to: &Path) {
    let copied = std::process::Command::new("cp").arg(from).arg(to).status();
    assert!(copied.unwrap().success());
    fs::set_permissions(to, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Writes such a program.
pub(crate) fn write_program(path: &Path, content: impl AsRef<[u8]>) {
    let written = tempfile::NamedTempFile::new().unwrap();
    fs::write(written.path(), content).unwrap();
    copy_program(written.path(), path);
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
    copy_program(&std::env::current_exe().unwrap(), &copy);
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

/// Whether a trace has its last line.
pub(crate) fn is_whole(trace: &Path) -> bool {
    fs::read_to_string(trace).is_ok_and(|text| {
        text.lines()
            .last()
            .is_some_and(|line| line.contains("\"footer\""))
    })
}

/// Waits for something that happens soon; a hang fails the test.
#[track_caller]
pub(crate) fn eventually(mut happened: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !happened() {
        assert!(begin.elapsed() < PATIENCE, "it never happened");
        std::thread::sleep(Duration::from_millis(5));
    }
}
