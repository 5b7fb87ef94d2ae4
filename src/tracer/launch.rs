//! Starts the command as if by exec: found as execvp(3) finds it, and in no way different from what
//! it would be without us, but for the filter.

use super::abi::Habit;
use super::engine::{Engine, EngineChoice};
use super::error::Error;
use super::filter::Action;
use super::image::{self, Image};
use super::sys::{self, Child, ChildNote, Listener};
use super::{Command, abi, filter};
use libc::{c_char, c_int, pid_t};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::signal::SigSet;
use nix::unistd::pipe2;
use std::collections::BTreeSet;
use std::ffi::{CStr, CString, OsStr, OsString};
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is asked of ptrace for every tracee.
///
/// EXITKILL: with a filter, a program whose tracer died would find every file call answered
/// ENOSYS; it must not outlive us.
pub(super) const OPTIONS: c_int = libc::PTRACE_O_TRACESYSGOOD
    | libc::PTRACE_O_TRACEFORK
    | libc::PTRACE_O_TRACEVFORK
    | libc::PTRACE_O_TRACECLONE
    | libc::PTRACE_O_TRACEEXEC
    | libc::PTRACE_O_TRACESECCOMP
    | libc::PTRACE_O_EXITKILL;

/// No loader is larger.
const LARGEST_LOADER: u64 = 16 * 1024 * 1024;

/// How many habits a filter has room for.
const MOST_HABITS: usize = 32;

/// Where execvp(3) looks when PATH is not set (`_CS_PATH`).
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// A command that is seized and about to become its program.
#[derive(Debug)]
pub(super) struct Launched {
    /// Its process id.
    pub(super) pid: pid_t,
    /// The paths that are tried.
    pub(super) candidates: Vec<CString>,
    cookie: u16,
    notes: OwnedFd,
    go: OwnedFd,
}

/// How the launch went, once the program runs or the child is gone.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// The candidate that was tried last.
    pub(super) tried: usize,
    /// The error of the exec, when there was one.
    pub(super) not_executed: Option<Errno>,
    /// The number of the filter's listener in the child, when there is one.
    listener: Option<RawFd>,
    /// The error of the filter with a listener, when it was refused.
    listener_refused: Option<Errno>,
    /// The error of the filter that stops calls, when it was refused.
    pub(super) filter_refused: Option<Errno>,
    /// Whether the filter had to be paid for with `no_new_privs`.
    pub(super) no_new_privileges: bool,
}

/// The paths that execvp(3) tries for a program, in order.
fn candidates(program: &OsStr, path: Option<&OsStr>) -> Vec<PathBuf> {
    if program.as_bytes().contains(&b'/') {
        return vec![PathBuf::from(program)];
    }
    let path = path.unwrap_or(OsStr::new(DEFAULT_PATH));
    std::env::split_paths(path)
        .map(|directory| directory.join(program))
        .collect()
}

/// The habits of the loaders that a command and a shell are run by.
pub(super) fn habits(command: &Command) -> Vec<Habit> {
    let programs = candidates(&command.program, std::env::var_os("PATH").as_deref());
    let program = programs.into_iter().find(|path| path.is_file());
    let loaders: BTreeSet<_> = program
        .into_iter()
        .chain([PathBuf::from("/bin/sh")])
        .filter_map(|program| loader(&program)?.canonicalize().ok())
        .collect();
    let found: BTreeSet<_> = loaders
        .iter()
        .filter_map(|loader| abi::habits_of_loader(&content(loader)?))
        .flatten()
        .collect();
    found.into_iter().take(MOST_HABITS).collect()
}

/// The loader of a program, or of the interpreter of a script.
fn loader(program: &Path) -> Option<PathBuf> {
    let path = |bytes| PathBuf::from(OsString::from_vec(bytes));
    let image = match Image::read(program) {
        Image::Script(interpreter) => Image::read(&path(interpreter)),
        image => image,
    };
    match image {
        Image::Elf {
            loader: Some(loader),
            is_native: true,
        } => Some(path(loader)),
        _ => None,
    }
}

fn content(loader: &Path) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    let file = image::open(loader)?.ok()?;
    file.take(LARGEST_LOADER).read_to_end(&mut content).ok()?;
    Some(content)
}

/// Forks the command and begins to trace it; it has not run a single instruction of the program.
pub(super) fn launch(
    command: &Command,
    choice: EngineChoice,
    tables: &[abi::Table],
    mask: SigSet,
) -> Result<Launched, Error> {
    let not_found = || Error::NotFound {
        program: command.program.clone(),
    };
    if command.program.is_empty() {
        return Err(not_found());
    }
    let text = |bytes: &[u8]| {
        CString::new(bytes).map_err(|_| Error::Nul {
            text: OsStr::from_bytes(bytes).to_owned(),
        })
    };
    let candidates = candidates(&command.program, std::env::var_os("PATH").as_deref())
        .into_iter()
        .map(|path| text(path.as_os_str().as_bytes()))
        .collect::<Result<Vec<_>, _>>()?;
    if candidates.is_empty() {
        return Err(not_found());
    }
    let args = std::iter::once(&command.program)
        .chain(&command.args)
        .map(|arg| text(arg.as_bytes()))
        .collect::<Result<Vec<_>, _>>()?;
    if let Some(error) = Error::if_nested() {
        return Err(error);
    }
    let candidate_texts: Vec<&CStr> = candidates.iter().map(CString::as_c_str).collect();
    let argv: Vec<*const c_char> = args
        .iter()
        .map(|arg| arg.as_ptr())
        .chain([std::ptr::null()])
        .collect();
    // `sh FILE ARGS…`: what execvp(3) does with a file that the kernel does not know how to run.
    let mut shell_argv: Vec<*const c_char> = [c"/bin/sh".as_ptr(), std::ptr::null()]
        .into_iter()
        .chain(argv.iter().copied().skip(1))
        .collect();
    check_descriptors()?;
    let cookie = random_cookie();
    let notifying = choice
        .may_notify()
        .then(|| filter::program(tables, Action::Notify));
    let stopping = choice
        .may_stop()
        .then(|| filter::program(tables, Action::Stop(cookie)));

    let start = |while_doing| {
        move |source| Error::Start {
            while_doing,
            source,
        }
    };
    let (go_read, go_write) =
        pipe2(OFlag::O_CLOEXEC).map_err(start("making a pipe to the command"))?;
    let (notes_read, notes_write) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)
        .map_err(start("making a pipe from the command"))?;
    let pid = sys::spawn(&mut Child {
        candidates: &candidate_texts,
        argv: &argv,
        shell_argv: &mut shell_argv,
        notifying: notifying.as_deref(),
        stopping: stopping.as_deref(),
        mask,
        go: go_read.as_fd(),
        gives_go: go_write.as_fd(),
        notes: notes_write.as_fd(),
    })
    .map_err(start("forking the command"))?;
    drop((go_read, notes_write));

    if let Err(errno) = sys::seize(pid, OPTIONS) {
        // Without the byte the child ends by itself; the signal only makes it sooner.
        drop(go_write);
        let _ = sys::kill(pid, libc::SIGKILL);
        let _ = sys::reap(pid);
        return Err(Error::denied(errno));
    }
    nix::unistd::write(&go_write, &[1]).map_err(start("starting the command"))?;
    Ok(Launched {
        pid,
        candidates,
        cookie,
        notes: notes_read,
        go: go_write,
    })
}

/// Whether enough descriptors are left to look things up while the command runs.
fn check_descriptors() -> Result<(), Error> {
    let Ok((limit, _)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return Ok(());
    };
    let open = fs::read_dir("/proc/self/fd").map(|open| open.count() as u64);
    match open {
        Ok(open) if open.saturating_add(sys::SPARE_DESCRIPTORS) <= limit => Ok(()),
        Err(error) if error.raw_os_error() != Some(libc::EMFILE) => Ok(()),
        _ => Err(Error::TooFewDescriptors { limit }),
    }
}

/// A number that no filter of the program's own uses but by chance: std seeds its hashers from the
/// kernel's random numbers.
fn random_cookie() -> u16 {
    RandomState::new().hash_one(()) as u16
}

impl Launched {
    /// Tells the child that it was seen to stop, so that it goes on when it is resumed.
    pub(super) fn seen_to_stop(&self) -> Result<(), Errno> {
        nix::unistd::write(&self.go, &[1]).map(drop)
    }

    /// Reads what the child has told since this was last asked.
    pub(super) fn read_notes(&self, outcome: &mut Outcome) {
        for note in sys::read_notes(self.notes.as_fd()) {
            match note {
                ChildNote::NoNewPrivileges => outcome.no_new_privileges = true,
                ChildNote::Listener(fd) => outcome.listener = Some(fd),
                ChildNote::ListenerRefused(errno) => outcome.listener_refused = Some(errno),
                ChildNote::FilterRefused(errno) => outcome.filter_refused = Some(errno),
                ChildNote::Trying(index) => outcome.tried = index,
                ChildNote::NotExecuted(errno) => outcome.not_executed = Some(errno),
            }
        }
    }

    /// The engine that the filters make possible, once the child has told of them.
    pub(super) fn engine(&self, choice: EngineChoice, outcome: &Outcome) -> Result<Engine, Error> {
        if let Some(fd) = outcome.listener {
            return sys::borrow_descriptor(self.pid, fd)
                .map(|listener| Engine::Notify(Arc::new(Listener::new(listener))))
                .map_err(|source| Error::Start {
                    while_doing: "taking over the filter's listener",
                    source,
                });
        }
        let refused = outcome.filter_refused.or(outcome.listener_refused);
        match refused {
            Some(source) if choice.insists_on_a_filter() => Err(Error::FilterRefused { source }),
            _ if choice.may_stop() && outcome.filter_refused.is_none() => Ok(Engine::Ptrace {
                cookie: self.cookie,
            }),
            _ => Ok(Engine::Syscall),
        }
    }

    /// The error to report when the program could not be executed.
    pub(super) fn failure(&self, command: &Command, outcome: &Outcome) -> Error {
        let errno = outcome.not_executed.unwrap_or(Errno::UnknownErrno);
        let tried = self
            .candidates
            .iter()
            .map(|path| Path::new(OsStr::from_bytes(path.to_bytes())));
        if matches!(errno, Errno::ENOENT | Errno::ENOTDIR) {
            // A file that exists and is "not found" lacks its interpreter.
            let existing = tried.clone().find(|path| path.exists());
            return match existing {
                Some(path) => Error::NoInterpreter {
                    path: path.to_owned(),
                    interpreter: Image::read(path)
                        .wanted()
                        .map(|wanted| PathBuf::from(OsString::from_vec(wanted))),
                },
                None => Error::NotFound {
                    program: command.program.clone(),
                },
            };
        }
        let path = tried
            .clone()
            .rfind(|path| path.exists())
            .or_else(|| tried.clone().next())
            .map_or_else(|| PathBuf::from(&command.program), Path::to_owned);
        Error::NotExecutable {
            path,
            source: errno,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_slash_is_not_searched() {
        assert_eq!(
            candidates(OsStr::new("./a"), Some(OsStr::new("/bin"))),
            [PathBuf::from("./a")]
        );
    }

    #[test]
    fn an_empty_element_of_path_is_the_working_directory() {
        assert_eq!(
            candidates(OsStr::new("a"), Some(OsStr::new("/x::/y"))),
            ["/x/a", "a", "/y/a"].map(PathBuf::from)
        );
    }

    #[test]
    fn a_loader_that_is_no_file_has_no_content_and_is_not_waited_for() {
        let place = tempfile::tempdir().unwrap();
        let fifo = place.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(content(&fifo), None);
        assert_eq!(content(place.path()), None);
        assert_eq!(content(&place.path().join("nothing")), None);
    }

    #[test]
    fn without_path_the_default_directories_are_searched() {
        assert_eq!(
            candidates(OsStr::new("a"), None),
            ["/bin/a", "/usr/bin/a"].map(PathBuf::from)
        );
    }
}
