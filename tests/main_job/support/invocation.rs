//! Commands that are run to their end, within a time limit.

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// When a command is taken to hang. No test depends on anything being fast: this only turns a
/// hang into a failure.
const LIMIT: Duration = Duration::from_secs(300);

/// The program under test.
pub(crate) fn nixtrace() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_nixtrace"))
}

/// A command that is about to be run.
#[derive(Clone)]
pub(crate) struct Invocation {
    argv: Vec<OsString>,
    clear_env: bool,
    env: Vec<(OsString, OsString)>,
    directory: Option<PathBuf>,
    stdin: Vec<u8>,
}

impl Invocation {
    pub(crate) fn new<S: AsRef<OsStr>>(argv: impl IntoIterator<Item = S>) -> Self {
        Self {
            argv: argv
                .into_iter()
                .map(|arg| arg.as_ref().to_owned())
                .collect(),
            clear_env: false,
            env: Vec::new(),
            directory: None,
            stdin: Vec::new(),
        }
    }

    pub(crate) fn argv(&self) -> &[OsString] {
        &self.argv
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.argv.push(arg.as_ref().to_owned());
        self
    }

    pub(crate) fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.argv
            .extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// The same command with others (`nixtrace record … --`) before it.
    pub(crate) fn under<S: AsRef<OsStr>>(mut self, wrapper: impl IntoIterator<Item = S>) -> Self {
        let wrapper = wrapper.into_iter().map(|arg| arg.as_ref().to_owned());
        self.argv.splice(0..0, wrapper);
        self
    }

    /// The same command under `nixtrace record`, with these options, which writes the trace there.
    pub(crate) fn recorded(self, trace: impl AsRef<OsStr>, options: &[&str]) -> Self {
        let words = [nixtrace().as_ref(), "record".as_ref()]
            .into_iter()
            .chain(options.iter().map(OsStr::new))
            .chain(["-o".as_ref(), trace.as_ref(), "--".as_ref()])
            .map(OsStr::to_owned)
            .collect::<Vec<_>>();
        self.under(words)
    }

    pub(crate) fn clear_env(mut self) -> Self {
        self.clear_env = true;
        self
    }

    pub(crate) fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env
            .push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    pub(crate) fn current_dir(mut self, directory: impl AsRef<Path>) -> Self {
        self.directory = Some(directory.as_ref().to_owned());
        self
    }

    pub(crate) fn stdin(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.stdin = bytes.as_ref().to_owned();
        self
    }

    /// Starts it in a process group of its own, as a shell with job control does.
    pub(crate) fn start(self) -> Running {
        let mut input = tempfile::tempfile().unwrap();
        input.write_all(&self.stdin).unwrap();
        input.seek(SeekFrom::Start(0)).unwrap();
        let stdout = tempfile::tempfile().unwrap();
        let stderr = tempfile::tempfile().unwrap();
        let mut command = Command::new(&self.argv[0]);
        if self.clear_env {
            command.env_clear();
        }
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        let child = command
            .args(&self.argv[1..])
            .envs(self.env)
            .stdin(input)
            .stdout(Stdio::from(stdout.try_clone().unwrap()))
            .stderr(Stdio::from(stderr.try_clone().unwrap()))
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {:?}: {error}", self.argv));
        Running {
            argv: self.argv,
            child,
            stdout,
            stderr,
        }
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Finished {
        self.start().wait()
    }

    /// Runs it to its end, for work that a test needs done before the test itself.
    pub(crate) fn succeeds(self) -> Finished {
        self.run().exits(0)
    }
}

/// A command that was started.
pub(crate) struct Running {
    argv: Vec<OsString>,
    child: Child,
    stdout: File,
    stderr: File,
}

impl Running {
    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().unwrap())
    }

    /// Sends a signal to the process that was started, and to no other.
    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    /// Sends a signal to the whole process group, as the terminal does for Ctrl-C.
    pub(crate) fn signal_group(&self, signal: Signal) {
        // A group that is gone already needs no signal.
        let _ = killpg(self.pid(), signal);
    }

    /// Waits for the condition; `false` when the command ended without it coming true.
    pub(crate) fn wait_until(&mut self, mut condition: impl FnMut() -> bool) -> bool {
        let mut fulfilled = false;
        let _ = until(|| {
            // In this order: what the command did before it ended counts.
            let ended = self.child.try_wait().unwrap().is_some();
            fulfilled = condition();
            fulfilled || ended
        });
        fulfilled
    }

    /// Waits until no process of the group is left.
    ///
    /// # Panics
    /// When one is still there after [`LIMIT`]; it is killed.
    pub(crate) fn wait_for_empty_group(pid: u32) {
        let group = Pid::from_raw(pid.try_into().unwrap());
        let empty = until(|| killpg(group, None).is_err());
        if !empty {
            // The group exists, so this cannot hit a stranger that took the number.
            let _ = killpg(group, Signal::SIGKILL);
        }
        assert!(empty, "processes of group {group} were left behind");
    }

    /// The process id, which is also the group's.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn wait(mut self) -> Finished {
        let ended = until(|| self.child.try_wait().unwrap().is_some());
        let argv = std::mem::take(&mut self.argv);
        assert!(ended, "it hangs: {argv:?}");
        let status = self.child.wait().unwrap();
        Finished {
            argv,
            // A process has ended by one or the other.
            status: status
                .code()
                .or_else(|| status.signal().map(|signal| 128 + signal))
                .unwrap(),
            stdout: content(&mut self.stdout),
            stderr: content(&mut self.stderr),
        }
    }
}

/// A test that fails leaves no process behind either.
impl Drop for Running {
    fn drop(&mut self) {
        // As long as the first process has not been waited for, its number is not used again.
        if let Ok(None) = self.child.try_wait() {
            let _ = killpg(self.pid(), Signal::SIGKILL);
            let _ = self.child.wait();
        }
    }
}

fn content(file: &mut File) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0)).unwrap();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Asks until the answer is yes; `false` after [`LIMIT`].
pub(crate) fn until(mut condition: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while !condition() {
        if start.elapsed() > LIMIT {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    true
}

/// A command that has ended.
#[derive(Clone)]
pub(crate) struct Finished {
    argv: Vec<OsString>,
    /// The exit status as a shell would report it.
    pub(crate) status: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

impl Finished {
    #[track_caller]
    pub(crate) fn exits(self, status: i32) -> Self {
        assert_eq!(self.status, status, "exit status of {self}");
        self
    }

    #[track_caller]
    pub(crate) fn prints(self, text: impl AsRef<[u8]>) -> Self {
        assert!(self.stdout == text.as_ref(), "stdout of {self}");
        self
    }

    /// That stderr holds this text.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.words().contains(text), "{text:?} in stderr of {self}");
        self
    }

    /// That stderr does not look like a crash.
    #[track_caller]
    pub(crate) fn does_not_panic(self) -> Self {
        assert!(!self.words().contains("panicked at"), "{self}");
        self
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    pub(crate) fn words(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

impl std::fmt::Display for Finished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{:?}", self.argv)?;
        writeln!(f, "status: {}", self.status)?;
        writeln!(f, "stdout: {:.4000}", self.text())?;
        writeln!(f, "stderr: {:.4000}", self.words())
    }
}
