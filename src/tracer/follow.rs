//! The event loop: waits for tracees to stop, and resumes each as ptrace(2) wants it.
//!
//! Every request may fail because the tracee was killed meanwhile (`ESRCH`). That is no error:
//! the tracee's end is reported next.

mod handing;
mod makers;

use super::attend::Errands;
use super::decode::{Observer, Returned};
use super::engine::{Engine, EngineChoice};
use super::error::Error;
use super::handed::Handed;
use super::herd::Herd;
use super::launch::{Launched, Outcome};
use super::signals::Target;
use super::stop::Stop;
use super::sys::{self, Interrupted, Listener, Phase, RawCall};
use super::task::{End, Pending};
use super::{Command, attend, ignored};
use crate::trace::{ExitStatus, GapKind, Micros};
use handing::Wish;
use hashbrown::{HashMap, HashSet};
use libc::{c_int, pid_t};
use nix::errno::Errno;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How many ends of unknown tracees are kept.
const MOST_GONE: usize = 1024;

/// How often is looked whether something has lasted too long, where there may be such a thing.
const GLANCE: Duration = Duration::from_millis(1);

/// Follows a command and all that it starts.
pub(super) struct Follower {
    observer: Arc<Mutex<Observer>>,
    herd: Herd,
    handed: Handed,
    target: Target,
    engine: Engine,
    errands: Arc<Errands>,
    root: pid_t,
    /// Tracees that stopped for the first time before the event of who made them was seen, and when.
    early: HashMap<pid_t, Instant>,
    /// How those ended of whom nothing else was known. They may have been killed before the event of
    /// who made them was seen.
    gone: HashMap<pid_t, ExitStatus>,
    /// Tracees that are followed although that event was not seen. It may still come.
    adopted: HashSet<pid_t>,
    /// Whether a tracee was killed, and may have taken the event of a child with it.
    has_lost_makers: bool,
    /// Tracees that another tracer is to have, once they stop.
    wanted: HashMap<pid_t, Wish>,
    /// The tracees to resume once nobody has to wait for us: one that runs may soon have something to
    /// tell, and then should not find the observer locked.
    resumed: Vec<Resumed>,
    status: Option<ExitStatus>,
}

/// A tracee to be resumed.
#[derive(Clone, Copy, Debug)]
struct Resumed {
    tid: pid_t,
    /// Whether it is to stop where its next call begins or the present one ends.
    to_call: bool,
    /// The signal that it gets, or 0.
    signal: c_int,
}

/// How a command ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Finished {
    pub(super) status: ExitStatus,
    pub(super) processes: u32,
    pub(super) gaps: u64,
    pub(super) duration: Micros,
}

/// Follows a launched command and what it started to their ends; `started` is called once the program
/// runs, with the name of the engine.
pub(super) fn follow(
    observer: Observer,
    target: Target,
    command: &Command,
    choice: EngineChoice,
    launched: &Launched,
    started: impl FnOnce(&'static str),
) -> Result<Finished, Error> {
    let mut observer = observer;
    let (herd, tables) = (observer.herd.clone(), observer.tables());
    let handed = observer.handed.clone();
    // Asked before we are held on one core ourselves.
    let cores = thread::available_parallelism().map_or(1, usize::from);
    herd.go_with();
    let mut outcome = Outcome::default();
    let engine = await_filters(choice, launched, &mut outcome)?;
    herd.begin(launched.pid, engine.listener());
    let _ = engine.resume(launched.pid, false, 0);
    observer.is_notified(engine.listener());
    let mut follower = Follower {
        observer: Arc::new(Mutex::new(observer)),
        herd: herd.clone(),
        handed,
        target,
        errands: Arc::new(Errands::new()),
        engine,
        root: launched.pid,
        early: HashMap::new(),
        gone: HashMap::new(),
        adopted: HashSet::new(),
        has_lost_makers: false,
        wanted: HashMap::new(),
        resumed: Vec::new(),
        status: None,
    };
    match follower.engine.clone() {
        Engine::Notify(listener) => thread::scope(|scope| {
            let attendants = (0..cores).try_for_each(|number| {
                let listener = Arc::clone(&listener);
                let tables = Arc::clone(&tables);
                let observer = Arc::clone(&follower.observer);
                let errands = Arc::clone(&follower.errands);
                let herd = herd.clone();
                super::spawn(scope, "attendant", move || {
                    let spare = number > 0;
                    attend::attend(&listener, &tables, &observer, &errands, &herd, spare);
                })
                .map(drop)
            });
            // Those that did start are sent away below, whatever happens.
            let finished = attendants.and_then(|()| {
                follower.run(command, launched, &mut outcome, Some(&listener), started)
            });
            if finished.is_err() {
                follower.abandon();
            }
            follower.errands.finish(&herd);
            finished
        }),
        _ => follower.run(command, launched, &mut outcome, None, started),
    }
}

/// Waits for the stop by which the child says that its filters are in place; which engine runs.
fn await_filters(
    choice: EngineChoice,
    launched: &Launched,
    outcome: &mut Outcome,
) -> Result<Engine, Error> {
    let pid = launched.pid;
    loop {
        let waited = match sys::wait() {
            Ok(waited) => waited,
            Err(Errno::EINTR) => continue,
            Err(source) => return Err(Error::Lost { source }),
        };
        match Stop::from_status(waited.status) {
            Stop::Ended(_) => {
                return Err(Error::Lost {
                    source: Errno::ESRCH,
                });
            }
            // Somebody else's is no sign of anything.
            Stop::Signal(libc::SIGSTOP) if sys::is_raised(pid) => break,
            Stop::Signal(signal) => drop(sys::cont(pid, signal)),
            Stop::Group => drop(sys::listen(pid)),
            _ => drop(sys::cont(pid, 0)),
        }
    }
    launched.read_notes(outcome);
    let engine = sys::syscall_info(pid)
        .map_err(|source| match source {
            // It was killed meanwhile.
            Errno::ESRCH => Error::Lost { source },
            _ => Error::TooOld { source },
        })
        .and_then(|_| launched.engine(choice, outcome))
        .and_then(|engine| {
            let told = launched.seen_to_stop();
            told.map(|()| engine)
                .map_err(|source| Error::Lost { source })
        });
    if engine.is_err() {
        let _ = sys::kill(pid, libc::SIGKILL);
        let _ = sys::reap(pid);
    }
    engine
}

impl Follower {
    fn run(
        &mut self,
        command: &Command,
        launched: &Launched,
        outcome: &mut Outcome,
        listener: Option<&Listener>,
        started: impl FnOnce(&'static str),
    ) -> Result<Finished, Error> {
        let shared = Arc::clone(&self.observer);
        let mut started = Some(started);
        loop {
            if let Some(listener) = listener {
                if self.errands.is_deserted() {
                    return Err(Error::Lost {
                        source: Errno::EPIPE,
                    });
                }
                self.run_errands(&shared, listener);
            }
            let next = if self.has_doubtful_children() || self.has_held_calls() {
                self.wait_briefly(&shared)
            } else {
                sys::wait().map(Some)
            };
            let waited = match next {
                Ok(Some(waited)) => waited,
                Ok(None) | Err(Errno::EINTR) => continue,
                Err(Errno::ECHILD) => match listener {
                    Some(listener) if self.outlive_handed(&shared, listener)? => continue,
                    _ => break,
                },
                Err(source) => return Err(Error::Lost { source }),
            };
            let stop = Stop::from_status(waited.status);
            let mut observer = attend::lock(&shared, &self.herd);
            if let Some(start) = started.take() {
                match stop {
                    Stop::Executed => {
                        launched.read_notes(outcome);
                        start(self.engine.name());
                        self.first_program(&mut observer, command, launched, outcome);
                        self.resume(&mut observer, waited.tid, 0);
                        drop(observer);
                        self.resume_all();
                    }
                    Stop::Ended(_) => {
                        launched.read_notes(outcome);
                        return Err(launched.failure(command, outcome));
                    }
                    stop => {
                        // Our own code still runs, in a process that nobody knows of yet.
                        started = Some(start);
                        let is_group_stop = stop == Stop::Group;
                        let _ = match stop {
                            Stop::Group => sys::listen(waited.tid),
                            Stop::Signal(signal) => self.engine.resume(waited.tid, false, signal),
                            _ => self.engine.resume(waited.tid, false, 0),
                        };
                        self.target.stopped(is_group_stop);
                    }
                }
                continue;
            }
            observer.herd.moves();
            self.handle(&mut observer, waited.tid, stop);
            drop(observer);
            self.resume_all();
        }
        let mut observer = attend::lock(&shared, &self.herd);
        if self.target.ended_background() {
            observer.background_ended();
        }
        Ok(Finished {
            status: self.status.ok_or(Error::Lost {
                source: Errno::ECHILD,
            })?,
            processes: observer.tasks.count(),
            gaps: observer.gaps(),
            duration: observer.now(),
        })
    }

    /// The next change of a tracee, if there is one soon; what has lasted too long is ended otherwise.
    fn wait_briefly(&mut self, shared: &Mutex<Observer>) -> sys::Result<Option<sys::Waited>> {
        let waited = sys::try_wait()?;
        if waited.is_some() {
            return Ok(waited);
        }
        let mut observer = attend::lock(shared, &self.herd);
        if self.has_doubtful_children() {
            self.adopt_patient(&mut observer);
        }
        self.give_up_wishes(&mut observer);
        drop(observer);
        self.resume_all();
        thread::sleep(GLANCE);
        Ok(None)
    }

    /// Ends what cannot be followed any more.
    fn abandon(&self) {
        let _ = sys::kill(self.root, libc::SIGKILL);
        // Nobody would answer their calls any more; our tracees end with us.
        self.handed.kill(libc::SIGKILL);
    }

    /// Reports the start of the command itself.
    fn first_program(
        &mut self,
        observer: &mut Observer,
        command: &Command,
        launch: &Launched,
        outcome: &Outcome,
    ) {
        observer.process_starts(launch.pid, None);
        observer.root = Some(launch.pid);
        if let (Engine::Syscall, Some(errno)) = (&self.engine, outcome.filter_refused) {
            observer.gap(
                None,
                GapKind::Fallback,
                format!("The seccomp filter was refused ({errno:?}); every system call was stopped instead."),
            );
        }
        observer.withholds_rights |= outcome.no_new_privileges;
        let mut argv = Vec::new();
        for arg in std::iter::once(&command.program).chain(&command.args) {
            argv.extend_from_slice(std::os::unix::ffi::OsStrExt::as_bytes(arg.as_os_str()));
            argv.push(0);
        }
        let path = launch
            .candidates
            .get(outcome.tried)
            .map(|path| path.to_bytes().to_vec());
        observer.executed(
            launch.pid,
            launch.pid,
            Some(Pending::Execute {
                path,
                argv: Some(argv),
                sure: None,
                env: None,
            }),
        );
    }

    /// Has a tracee resumed, to the end of its call if that is awaited.
    fn resume(&mut self, observer: &mut Observer, tid: pid_t, signal: c_int) {
        let to_call = observer
            .tasks
            .task(tid)
            .is_some_and(|task| task.end == End::Exit);
        self.resumed.push(Resumed {
            tid,
            to_call,
            signal,
        });
    }

    fn resume_all(&mut self) {
        for resumed in self.resumed.drain(..) {
            // ESRCH: the tracee was killed, and its end is reported next.
            let _ = self
                .engine
                .resume(resumed.tid, resumed.to_call, resumed.signal);
        }
    }

    fn handle(&mut self, observer: &mut Observer, tid: pid_t, stop: Stop) {
        if matches!(stop, Stop::Trapped | Stop::Group) {
            collect(observer, tid);
            if let Some(wish) = self.wanted.remove(&tid) {
                return self.hand_over(observer, tid, &wish);
            }
        }
        match stop {
            Stop::Ended(status) => {
                self.early.remove(&tid);
                if let Some(wish) = self.wanted.remove(&tid) {
                    self.go_on(&wish);
                }
                if observer.tasks.task(tid).is_none() {
                    // Also the threads that an exec did away with.
                    if self.gone.len() == MOST_GONE {
                        self.gone.clear();
                    }
                    self.gone.insert(tid, status);
                }
                self.has_lost_makers |= may_have_lost_a_child(observer, tid, status);
                self.adopt_orphans(observer);
                observer.ends(tid, status);
                if tid == self.root {
                    self.status = Some(status);
                    self.target.ended();
                }
            }
            Stop::Seccomp => {
                self.look(observer, tid);
                self.resume(observer, tid, 0);
            }
            Stop::Syscall => {
                self.syscall(observer, tid);
                self.resume(observer, tid, 0);
            }
            Stop::Forked => {
                if let Ok(child) = sys::event_message(tid) {
                    self.forked(observer, tid, child as pid_t);
                }
                self.resume(observer, tid, 0);
            }
            Stop::Executed => {
                // With one thread only there is no doubt who called.
                let is_alone = observer
                    .tasks
                    .process_of(tid)
                    .is_some_and(|process| process.threads == 1);
                let former = if is_alone {
                    tid
                } else {
                    sys::event_message(tid).map_or(tid, |former| former as pid_t)
                };
                // Who wants that thread will be told that it is gone.
                if former != tid
                    && let Some(wish) = self.wanted.remove(&former)
                {
                    self.go_on(&wish);
                }
                observer.executed(tid, former, None);
                // The stop that was asked for went with the thread that had this number.
                if let Some(wish) = self.wanted.remove(&tid) {
                    return self.hand_over(observer, tid, &wish);
                }
                self.resume(observer, tid, 0);
            }
            Stop::Trapped => {
                if observer.tasks.task(tid).is_none() {
                    self.early.insert(tid, Instant::now());
                    self.adopt_orphans(observer);
                    return;
                }
                self.target.stopped(false);
                self.resume(observer, tid, 0);
            }
            // ptrace(2): a resumed tracee would run although its group is stopped.
            Stop::Group => {
                if let Some(task) = observer.tasks.task(tid) {
                    task.was_stopped = true;
                }
                let _ = sys::listen(tid);
                self.target.stopped(true);
            }
            Stop::Signal(signal) => {
                let interrupted = sys::interrupted(tid);
                if let (Engine::Notify(_), Some(Interrupted::MayRestart(call))) =
                    (&self.engine, interrupted)
                {
                    restart_unanswered(observer, tid, &call);
                }
                let is_only_our_doing = !was_stopped(observer, tid, signal)
                    && interrupted.is_some_and(|it| ignored::is_only_our_doing(tid, signal, it))
                    && sys::restart_call(tid).is_ok();
                let deliver = if is_only_our_doing { 0 } else { signal };
                self.resume(observer, tid, deliver);
            }
            Stop::Other => self.resume(observer, tid, 0),
        }
    }

    /// A filter stopped a call.
    fn look(&mut self, observer: &mut Observer, tid: pid_t) {
        let Ok(info) = sys::syscall_info(tid) else {
            return;
        };
        let Phase::Seccomp(call, data) = info.phase else {
            return;
        };
        match self.engine {
            Engine::Ptrace { cookie } if data == cookie => {
                if !observer.call_begins(tid, info.arch, &call) {
                    let _ = sys::refuse_call(tid);
                }
            }
            // A filter of the program's own wants to ask its tracer, which it does not have: without
            // us the kernel would answer this (seccomp(2), SECCOMP_RET_TRACE).
            _ => drop(sys::refuse_call(tid)),
        }
    }

    /// A call begins or ends, in plain syscall-stops.
    fn syscall(&mut self, observer: &mut Observer, tid: pid_t) {
        let Ok(info) = sys::syscall_info(tid) else {
            return;
        };
        match info.phase {
            Phase::Exit { value, failed } => {
                observer.call_ends(tid, Returned { value, failed });
            }
            Phase::Entry(call) => match self.engine {
                Engine::Syscall => {
                    if !observer.call_begins(tid, info.arch, &call) {
                        let _ = sys::refuse_call(tid);
                    }
                }
                Engine::Notify(_) => observer.at_entry(tid, info.arch, &call),
                // The filter's stop comes next and brings the call.
                Engine::Ptrace { .. } => {}
            },
            _ => {}
        }
    }
}

/// Whether a thread that ended did so by force, perhaps before it could tell of a child.
fn may_have_lost_a_child(observer: &mut Observer, tid: pid_t, status: ExitStatus) -> bool {
    status == ExitStatus::Signal(libc::SIGKILL)
        || observer
            .tasks
            .process_of(tid)
            .is_some_and(|process| process.threads > 1)
}

/// Lets a call begin again that a signal interrupted while it waited to be told to us: it would not
/// have waited untraced, and must not fail with EINTR. Once we were told it waits for our answer only
/// (`SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV`).
fn restart_unanswered(observer: &mut Observer, tid: pid_t, call: &RawCall) {
    if observer.never_waits(tid, call) {
        let _ = sys::restart_always(tid);
    }
}

/// Whether a tracee that is about to get a signal comes from a stop of its group, which is what ended
/// the call that it was in.
fn was_stopped(observer: &mut Observer, tid: pid_t, signal: c_int) -> bool {
    let Some(task) = observer.tasks.task(tid) else {
        return false;
    };
    let was_stopped = task.was_stopped;
    // What follows the signal that ended the stop comes from a call made after it.
    task.was_stopped &= signal != libc::SIGCONT;
    was_stopped
}

/// Reads what a call returned whose tracee was made to stop on its way back.
fn collect(observer: &mut Observer, tid: pid_t) {
    let Some(task) = observer.tasks.task(tid) else {
        return;
    };
    if task.end != End::Trap {
        return;
    }
    task.end = End::Unseen;
    let Ok(value) = sys::returned(tid) else {
        return;
    };
    let returned = Returned::from_register(value);
    observer.call_ends(tid, returned);
    if returned.is_restart()
        && let Some(task) = observer.tasks.task(tid)
    {
        // It would have waited, but for us. It begins again, and this time it may.
        task.end = End::Exit;
    }
}
