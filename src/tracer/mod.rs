//! Runs a command and observes what it and all that it starts do with files, programs and sockets.
//!
//! [`observe`] is the whole interface. One thread owns ptrace: it follows the life of processes and
//! resumes them (`follow`, `engine`). Attendants answer the calls that wait for it (`attend`). Both copy
//! facts out of waiting tracees (`decode`). Another thread turns the facts into
//! [`Record`](crate::trace::Record)s (`recorder`), one keeps what takes turns on one core (`herd`), and
//! the calling thread passes signals on (`signals`).
//!
//! - `launch` starts the command, `filter` chooses the calls that stop it, `abi` says what the
//!   calls mean, `policy` when their outcome is known without a second stop.
//! - Only `sys` makes system calls that are unsafe to make.
//!
//! This module knows processes, system calls and paths. It knows nothing of packages.

mod abi;
mod attend;
mod background;
mod decode;
mod engine;
mod environment;
mod error;
mod facts;
mod filter;
mod follow;
#[cfg(fuzzing)]
pub mod fuzzing;
mod grants;
mod handed;
mod header;
mod herd;
mod ignored;
pub(crate) mod image;
mod images;
mod inherited;
mod launch;
mod mapped;
mod memory;
mod mounts;
mod name;
mod outside;
mod policy;
mod proc;
mod real;
mod recorder;
mod registered;
mod signals;
mod stop;
mod sys;
mod task;
mod view;

pub use background::Background;
pub use engine::EngineChoice;
pub use error::{Denial, Error};

use crate::trace::{ExitStatus, Footer, Micros, Sink};
use crossbeam_channel::bounded;
use std::ffi::OsString;
use std::io;
use std::sync::Arc;
use std::thread;

/// A command to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The program, found along `PATH` as execvp(3) does.
    pub program: OsString,
    /// Its arguments, without its own name.
    pub args: Vec<OsString>,
}

/// What a program may do although it hides something that way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowances {
    /// Set an io_uring up, whose operations are not system calls. Without this, io_uring_setup(2)
    /// fails with ENOSYS, as on a kernel that does not have it, and programs fall back.
    pub io_uring: bool,
    /// Make children that are not traced (`CLONE_UNTRACED`). Without this they are traced. Needs
    /// [`EngineChoice::Syscall`]: with a filter, the calls of a child without a tracer would fail.
    pub untraced: bool,
}

/// How to observe.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Read every outcome back from the kernel. Slower: each call stops twice.
    ///
    /// Without this, the outcome of calls that only look at names, or open existing files to read
    /// them, is what the same question gave just before the kernel ran the call; and the readlinks
    /// by which the C library's realpath(3) goes along a path are left out, as is what its loader asks
    /// for whatever the program.
    pub exact: bool,
    /// By which means.
    pub engine: EngineChoice,
    /// What the program may hide.
    pub allowances: Allowances,
    /// What is done about processes that the command leaves behind.
    pub background: Background,
}

impl Options {
    /// What is done unless something else is asked for.
    pub const DEFAULT: Self = Self {
        exact: false,
        engine: EngineChoice::Auto,
        allowances: Allowances {
            io_uring: false,
            untraced: false,
        },
        background: Background::Wait,
    };
}

impl Default for Options {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// How a command ended, and how the observation went.
#[derive(Debug)]
pub struct Observation {
    /// How the command itself ended. What it left running in the background was observed to its
    /// end, too, and does not change this.
    pub status: ExitStatus,
    /// The first error of the sink; it was given nothing after that.
    pub sink_error: Option<io::Error>,
    /// How long it ran.
    pub duration: Micros,
    /// How many processes there were.
    pub processes: u64,
    /// How many accesses there were, repeats included.
    pub accesses: u64,
    /// How many gaps there were.
    pub gaps: u64,
}

/// Runs the command to its end, handing each record in order (header first, footer last) to `sink`
/// on a thread of its own.
///
/// The command's standard streams, terminal, environment, limits and signal dispositions are those
/// of the calling process, but SIGPIPE, which Rust programs ignore, has its default again.
/// Background processes are waited for, or ended ([`Background`]): with a filter they cannot be left
/// alone. While the command runs, SIGINT and SIGQUIT do nothing to the calling thread (the terminal
/// sends them to the command as well), SIGTERM and SIGHUP are passed on, and SIGTSTP stops the caller
/// once the command has stopped. After the command has ended, each of the first four ends what it
/// left behind. A caller with other threads blocks these signals in them.
///
/// # Errors
/// When the command cannot be started or traced; the sink was given nothing then, and no process is
/// left. A sink that fails is no error: see [`Observation::sink_error`].
pub fn observe(
    command: &Command,
    options: &Options,
    sink: impl Sink + Send,
) -> Result<Observation, Error> {
    let mut header = header::collect(command, options);
    let signals = signals::Signals::take()?;
    let mask = signals.previous_mask();
    let (outbox, inbox) = facts::exchange();
    let herd = herd::Herd::default();
    let handed = handed::Handed::default();
    let (started, start) = bounded(1);
    let (finished, end) = bounded(1);
    thread::scope(|scope| {
        let recorder = spawn(scope, "recorder", move || {
            let mut recorder = recorder::Recorder::new(sink);
            // Without a start there is nothing to record.
            if let Ok(engine) = start.recv() {
                header.engine = engine;
                recorder.begin(header);
                recorder.record(inbox);
            }
            recorder.end(|accesses, gaps| {
                let finished: follow::Finished = end.recv().ok()?;
                Some(Footer {
                    status: Some(finished.status),
                    duration: finished.duration,
                    processes: u64::from(finished.processes),
                    accesses,
                    gaps: finished.gaps + gaps,
                })
            })
        })?;
        let shepherd = spawn(scope, "shepherd", {
            let herd = herd.clone();
            move || herd.watch()
        })?;
        // Whatever happens from here on, the shepherd goes: the scope waits for it.
        let watched = herd::Watched::new(&herd);
        let (watch, mut target) = signals.watch(handed.clone());
        let tracer = spawn(scope, "tracer", move || {
            let detail = match options.exact {
                true => abi::Detail::Full,
                false => abi::Detail::Usual,
            };
            let tables: Arc<[abi::Table]> = abi::tables(detail, &launch::habits(command)).into();
            let launched = launch::launch(command, options.engine, &tables, mask)?;
            target.set(launched.pid, options.background);
            let observer = decode::Observer::new(outbox, tables, herd, handed, options);
            let result = follow::follow(
                observer,
                target,
                command,
                options.engine,
                &launched,
                |engine| {
                    let _ = started.send(engine.to_owned());
                },
            );
            if let Ok(result) = &result {
                let _ = finished.send(*result);
            }
            result
        })?;
        watch.pass_on();
        let finished = join(tracer);
        drop(watched);
        join(shepherd);
        let recorded = join(recorder);
        let finished = finished?;
        Ok(Observation {
            status: finished.status,
            sink_error: recorded.sink_error,
            duration: finished.duration,
            processes: u64::from(finished.processes),
            accesses: recorded.accesses,
            gaps: finished.gaps + recorded.gaps,
        })
    })
}

fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    name: &str,
    run: impl FnOnce() -> T + Send + 'scope,
) -> Result<thread::ScopedJoinHandle<'scope, T>, Error> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn_scoped(scope, run)
        .map_err(|error| Error::Start {
            while_doing: "starting a thread",
            source: error
                .raw_os_error()
                .map_or(nix::errno::Errno::EAGAIN, nix::errno::Errno::from_raw),
        })
}

/// Waits for a thread; a panic in it goes on here.
fn join<T>(handle: thread::ScopedJoinHandle<'_, T>) -> T {
    handle
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
