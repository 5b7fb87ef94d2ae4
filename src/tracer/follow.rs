//! The event loop: waits for tracees to stop, and resumes each as ptrace(2) wants it.
//!
//! Every request may fail because the tracee was killed meanwhile (`ESRCH`). That is no error:
//! the tracee's end is reported next.

use super::decode::{Next, Observer, Returned};
use super::engine::{Engine, EngineChoice};
use super::error::Error;
use super::launch::{Launched, Outcome};
use super::signals::Target;
use super::stop::Stop;
use super::sys::{self, Phase};
use super::task::Pending;
use super::{Command, filter, ignored};
use crate::trace::{ExitStatus, GapKind, Micros};
use libc::{c_int, pid_t};
use nix::errno::Errno;
use std::collections::HashSet;

/// Follows a command and all that it starts.
pub(super) struct Follower {
    observer: Observer,
    target: Target,
    engine: Engine,
    root: pid_t,
    /// Tracees that stopped for the first time before the event of who made them was seen.
    early: HashSet<pid_t>,
    /// Whether the command runs its program already, and not yet our own code.
    launched: bool,
    status: Option<ExitStatus>,
}

/// How a command ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Finished {
    pub(super) status: ExitStatus,
    pub(super) processes: u32,
    pub(super) gaps: u64,
    pub(super) duration: Micros,
}

impl Follower {
    pub(super) fn new(observer: Observer, launched: &Launched, target: Target) -> Self {
        Self {
            observer,
            target,
            engine: launched.engine,
            root: launched.pid,
            early: HashSet::new(),
            launched: false,
            status: None,
        }
    }

    /// Follows the command and what it started to their ends; `started` is called once the program
    /// runs, with the name of the engine.
    pub(super) fn run(
        mut self,
        command: &Command,
        choice: EngineChoice,
        launch: &Launched,
        started: impl FnOnce(&'static str),
    ) -> Result<Finished, Error> {
        let mut started = Some(started);
        loop {
            let waited = match sys::wait() {
                Ok(waited) => waited,
                Err(Errno::ECHILD) => break,
                Err(source) => return Err(Error::Lost { source }),
            };
            let stop = Stop::from_status(waited.status);
            if !self.launched {
                match stop {
                    Stop::Executed => {
                        let outcome = launch.outcome();
                        self.begin(choice, launch, &outcome)?;
                        if let Some(started) = started.take() {
                            started(self.engine.name());
                        }
                        self.first_program(command, launch, &outcome);
                        self.resume(waited.tid, Next::Run, 0);
                        continue;
                    }
                    Stop::Ended(_) => return Err(launch.failure(command, &launch.outcome())),
                    Stop::Seccomp => {
                        self.resume(waited.tid, Next::Run, 0);
                        continue;
                    }
                    _ => {}
                }
            }
            self.handle(waited.tid, stop);
        }
        if self.target.ended_background() {
            self.observer.background_ended();
        }
        Ok(Finished {
            status: self.status.ok_or(Error::Lost {
                source: Errno::ECHILD,
            })?,
            processes: self.observer.tasks.count(),
            gaps: self.observer.gaps(),
            duration: self.observer.now(),
        })
    }

    /// The child has become the program: settles which engine runs.
    fn begin(
        &mut self,
        choice: EngineChoice,
        launch: &Launched,
        outcome: &Outcome,
    ) -> Result<(), Error> {
        if let Some(source) = outcome.filter_refused {
            if choice == EngineChoice::Seccomp {
                let _ = sys::kill(launch.pid, libc::SIGKILL);
                let _ = sys::reap(launch.pid);
                return Err(Error::FilterRefused { source });
            }
            self.engine = Engine::Syscall;
        }
        self.launched = true;
        Ok(())
    }

    /// Reports the start of the command itself.
    fn first_program(&mut self, command: &Command, launch: &Launched, outcome: &Outcome) {
        self.observer.process_starts(launch.pid, None);
        if let Some(errno) = outcome.filter_refused {
            self.observer.gap(
                None,
                GapKind::Fallback,
                format!("The seccomp filter was refused ({errno:?}); every system call was stopped instead."),
            );
        }
        self.observer.withholds_rights |= outcome.no_new_privileges;
        let mut argv = Vec::new();
        for arg in std::iter::once(&command.program).chain(&command.args) {
            argv.extend_from_slice(std::os::unix::ffi::OsStrExt::as_bytes(arg.as_os_str()));
            argv.push(0);
        }
        let path = launch
            .candidates
            .get(outcome.tried)
            .map(|path| path.to_bytes().to_vec());
        self.observer.executed(
            launch.pid,
            launch.pid,
            Some(Pending::Execute {
                path,
                argv: Some(argv),
            }),
        );
    }

    fn resume(&self, tid: pid_t, next: Next, signal: c_int) {
        // ESRCH: the tracee was killed, and its end is reported next.
        let _ = self.engine.resume(tid, next, signal);
    }

    /// How a tracee goes on that stopped for something other than a call.
    fn next(&mut self, tid: pid_t) -> Next {
        match self.observer.tasks.task(tid) {
            Some(task) if task.pending.is_some() => Next::End,
            _ => Next::Run,
        }
    }

    fn handle(&mut self, tid: pid_t, stop: Stop) {
        match stop {
            Stop::Ended(status) => {
                self.early.remove(&tid);
                self.observer.ends(tid, status);
                if tid == self.root {
                    self.status = Some(status);
                    self.target.ended();
                }
            }
            Stop::Seccomp => {
                self.observer.core.follow(tid);
                let next = self.look(tid);
                self.resume(tid, next, 0);
            }
            Stop::Syscall => {
                let next = self.syscall(tid);
                self.resume(tid, next, 0);
            }
            Stop::Forked => {
                if let Ok(child) = sys::event_message(tid) {
                    self.forked(tid, child as pid_t);
                }
                let next = self.next(tid);
                self.resume(tid, next, 0);
            }
            Stop::Executed => {
                let former = sys::event_message(tid).map_or(tid, |former| former as pid_t);
                self.observer.executed(tid, former, None);
                self.resume(tid, Next::Run, 0);
            }
            Stop::Trapped => {
                if self.observer.tasks.task(tid).is_none() && self.launched {
                    self.early.insert(tid);
                    return;
                }
                self.target.stopped(false);
                let next = self.next(tid);
                self.resume(tid, next, 0);
            }
            // ptrace(2): a resumed tracee would run although its group is stopped.
            Stop::Group => {
                let _ = sys::listen(tid);
                self.target.stopped(true);
            }
            Stop::Signal(signal) => {
                let next = self.next(tid);
                let deliver =
                    if ignored::is_only_our_doing(tid, signal) && sys::restart_call(tid).is_ok() {
                        0
                    } else {
                        signal
                    };
                self.resume(tid, next, deliver);
            }
            Stop::Other => {
                let next = self.next(tid);
                self.resume(tid, next, 0);
            }
        }
    }

    /// A filter stopped a call.
    fn look(&mut self, tid: pid_t) -> Next {
        let Ok(info) = sys::syscall_info(tid) else {
            return Next::Run;
        };
        let Phase::Seccomp(call, data) = info.phase else {
            return Next::Run;
        };
        match self.engine {
            Engine::Seccomp { cookie } if data == cookie => {
                self.observer.call_begins(tid, &info, &call)
            }
            Engine::Seccomp { cookie } if data == filter::foreign_cookie(cookie) => {
                self.observer.foreign(tid);
                Next::Run
            }
            // A filter of the program's own wants to ask its tracer, which it does not have: without
            // us the kernel would answer this (seccomp(2), SECCOMP_RET_TRACE).
            _ => {
                let _ = sys::refuse_call(tid);
                Next::Run
            }
        }
    }

    /// A call begins or ends, in plain syscall-stops.
    fn syscall(&mut self, tid: pid_t) -> Next {
        let Ok(info) = sys::syscall_info(tid) else {
            return Next::Run;
        };
        match info.phase {
            Phase::Exit { value, failed } => {
                self.observer.call_ends(tid, Returned { value, failed });
                Next::Run
            }
            Phase::Entry(call) if self.engine == Engine::Syscall => {
                self.observer.call_begins(tid, &info, &call)
            }
            // With a filter, its stop comes next and brings the call.
            _ => self.next(tid),
        }
    }

    fn forked(&mut self, parent: pid_t, child: pid_t) {
        let Some(tgid) = self.observer.tasks.tgid_of(parent) else {
            return;
        };
        if super::proc::is_thread_of(child, tgid) {
            self.observer.tasks.start_thread(child, tgid);
        } else {
            self.observer.process_starts(child, Some(parent));
        }
        self.observer.core.hold.pass(parent, child);
        if self.early.remove(&child) {
            self.resume(child, Next::Run, 0);
        }
    }
}
