//! From a call's registers to facts: reads what the arguments point at, decides whether the end of
//! the call must be awaited, and reports what is known.

mod file;
mod network;
mod process;

#[cfg(fuzzing)]
pub(super) use network::endpoint;

use super::abi::{Call, Shape, Table};
use super::core::{Core, Hold};
use super::facts::{Fact, Outbox, Real};
use super::memory::Width;
use super::name::Name;
use super::policy::Policy;
use super::sys::{RawCall, SyscallInfo};
use super::task::{Effect, Pending, Tasks};
use crate::trace::{Errno, ExitStatus, GapKind, Micros, Operation, Outcome, ProcessId};
use libc::pid_t;
use std::collections::HashSet;
use std::fs;
use std::rc::Rc;
use std::time::Instant;

/// How a stopped tracee is to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// To whatever comes.
    Run,
    /// To the end of the call that it is in.
    End,
}

/// A call of a stopped tracee.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entered {
    tid: pid_t,
    args: [u64; 6],
    arch: u32,
    width: Width,
}

/// What a call returned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Returned {
    /// The value, or the negative error number.
    pub(super) value: i64,
    /// Whether it is an error number.
    pub(super) failed: bool,
}

impl Returned {
    fn outcome(self) -> Outcome {
        if self.failed {
            Outcome::Failure(Errno((-self.value) as i32))
        } else {
            Outcome::Success
        }
    }

    /// Whether the call did nothing yet and begins again, or ends with EINTR, once a signal was
    /// handled (ERESTARTSYS and its kind, linux/errno.h).
    fn is_restart(self) -> bool {
        self.failed && (-516..=-512).contains(&self.value)
    }
}

/// What decides which files a task may use, from its `/proc/TID/status`.
fn rights(path: &str) -> Option<Vec<String>> {
    const FIELDS: [&str; 5] = ["Uid:", "Gid:", "Groups:", "CapPrm:", "CapEff:"];
    let status = fs::read(path).ok()?;
    let status = String::from_utf8_lossy(&status);
    Some(
        status
            .lines()
            .filter(|line| FIELDS.iter().any(|field| line.starts_with(field)))
            .map(str::to_owned)
            .collect(),
    )
}

/// Turns calls into facts.
pub(super) struct Observer {
    /// What is followed.
    pub(super) tasks: Tasks,
    /// Where it and the tracer run.
    pub(super) core: Core,
    outbox: Outbox,
    tables: Rc<[Table]>,
    policy: Policy,
    exact: bool,
    /// Whether a tracee may serve a file system (it opened `/dev/fuse`). To look at a name there
    /// while that tracee is stopped would wait for it for ever.
    serves_files: bool,
    /// Whether programs that should get rights of their own do not: under `no_new_privs`, and
    /// always when the tracer is not root (execve(2)).
    pub(super) withholds_rights: bool,
    began: Instant,
    names: [Name; 2],
    /// The last components of names that calls in progress create, remove or move.
    in_flux: Vec<(pid_t, Vec<u8>)>,
    /// Gaps that were reported and need no second telling.
    reported: HashSet<(Option<ProcessId>, GapKind)>,
    gaps: u64,
}

impl Observer {
    /// Begins, with these tables; `exact` awaits the end of every call.
    pub(super) fn new(outbox: Outbox, tables: Rc<[Table]>, hold: Hold, exact: bool) -> Self {
        Self {
            tasks: Tasks::default(),
            core: Core::new(hold),
            outbox,
            tables,
            policy: Policy::new(),
            exact,
            serves_files: false,
            withholds_rights: !nix::unistd::geteuid().is_root(),
            began: Instant::now(),
            names: Default::default(),
            in_flux: Vec::new(),
            reported: HashSet::new(),
            gaps: 0,
        }
    }

    /// The time since the trace began.
    pub(super) fn now(&self) -> Micros {
        Micros(self.began.elapsed().as_micros() as u64)
    }

    /// Reports something that could not be seen; once for each process and kind.
    pub(super) fn gap(
        &mut self,
        process: Option<ProcessId>,
        kind: GapKind,
        detail: impl Into<String>,
    ) {
        if self.reported.insert((process, kind)) {
            let at = self.now();
            let detail = detail.into();
            self.gaps += 1;
            self.outbox.write(|batch| {
                batch.push(Fact::Gap {
                    process,
                    at,
                    kind,
                    detail,
                });
            });
        }
    }

    /// How many gaps there were.
    pub(super) fn gaps(&self) -> u64 {
        self.gaps
    }

    /// A call came by a table that is not decoded.
    pub(super) fn foreign(&mut self, tid: pid_t) {
        let process = self.tasks.process_of(tid).map(|process| process.id);
        self.gap(
            process,
            GapKind::ForeignAbi,
            "The program made x32 system calls, which are not decoded.",
        );
    }

    /// A thread is gone.
    pub(super) fn ends(&mut self, tid: pid_t, status: ExitStatus) {
        self.in_flux.retain(|(other, _)| *other != tid);
        self.core.hold.forget(tid);
        let at = self.now();
        if let Some(process) = self.tasks.end(tid) {
            self.outbox.write(|batch| {
                batch.push(Fact::Exited {
                    process,
                    at,
                    status,
                });
            });
        }
    }

    fn table(&self, arch: u32) -> Option<&Table> {
        self.tables.iter().find(|table| table.abi.arch == arch)
    }

    /// The description of a call, when it is worth a look.
    fn wanted(&self, arch: u32, call: &RawCall) -> Option<(&'static Call, Width)> {
        let table = self.table(arch)?;
        let description = table.call(call.number)?;
        description
            .is_wanted(&call.args)
            .then_some((description, table.abi.width))
    }

    /// A tracee begins a call.
    pub(super) fn call_begins(&mut self, tid: pid_t, info: &SyscallInfo, raw: &RawCall) -> Next {
        let Some((call, width)) = self.wanted(info.arch, raw) else {
            return Next::Run;
        };
        let call_of = Entered {
            tid,
            args: raw.args,
            arch: info.arch,
            width,
        };
        let pending = self.decode(&call_of, call.shape);
        let Some(pending) = pending else {
            return Next::Run;
        };
        match self.tasks.task(tid) {
            Some(task) => {
                task.pending = Some(pending);
                Next::End
            }
            None => Next::Run,
        }
    }

    /// Reports what is known about a call; what is to be reported at its end is returned.
    fn decode(&mut self, call: &Entered, shape: Shape) -> Option<Pending> {
        match shape {
            Shape::Open(at, flags) => self.open(call, at, flags),
            Shape::Look(operation, at, look) => self.look(call, operation, at, look),
            Shape::Name(operation, at) => self.name(call, operation, at),
            Shape::Names(operation, from, to) => self.two_names(call, operation, from, to),
            Shape::Symlink(text, at) => self.symlink(call, text, at),
            Shape::List(fd) => self.descriptor(call, Operation::List, fd),
            Shape::Map(fd) => self.descriptor(call, Operation::Map, fd),
            Shape::ChangeDirectory(fd) => self.descriptor(call, Operation::ChangeDirectory, fd),
            Shape::Execute(at, argv, flags) => self.execute(call, at, argv, flags),
            Shape::Clone(_)
            | Shape::CloneArguments(_)
            | Shape::Credentials
            | Shape::Namespaces
            | Shape::Mounts
            | Shape::Limit(_)
            | Shape::Cores
            | Shape::Ring
            | Shape::Trace
            | Shape::Filter => self.life(call, shape),
            Shape::Address(..) | Shape::Message(..) | Shape::Listen(_) | Shape::SocketCall(..) => {
                self.network(call, shape)
            }
        }
    }

    /// A tracee ends the call whose end was awaited.
    pub(super) fn call_ends(&mut self, tid: pid_t, returned: Returned) {
        let Some(pending) = self.tasks.task(tid).and_then(|task| task.pending.take()) else {
            return;
        };
        self.in_flux.retain(|(other, _)| *other != tid);
        if returned.is_restart() {
            return;
        }
        let outcome = returned.outcome();
        let Some(process) = self.tasks.process_of(tid).map(|process| process.id) else {
            return;
        };
        let at = self.now();
        match pending {
            Pending::Access {
                operation,
                path,
                target,
                effect,
            } => {
                self.access_ends(
                    tid,
                    process,
                    operation,
                    &path,
                    target.as_deref(),
                    effect,
                    returned,
                );
            }
            Pending::Execute { path, .. } => {
                // Success is PTRACE_EVENT_EXEC's.
                if let (Some(path), Outcome::Failure(_)) = (path, outcome) {
                    self.outbox.write(|batch| {
                        let path = batch.keep(&path);
                        batch.push(Fact::Accessed {
                            process,
                            at,
                            operation: Operation::Execute,
                            path,
                            target: None,
                            real: Real::Unknown,
                            outcome,
                        });
                    });
                }
            }
            Pending::Contact(mut contact) => {
                contact.outcome = outcome;
                self.outbox
                    .write(|batch| batch.push(Fact::Contacted(contact)));
            }
            Pending::Silent(effect) => {
                if outcome.is_success() {
                    self.apply(tid, effect);
                }
            }
        }
    }

    /// Notes what a call that succeeded has changed.
    fn apply(&mut self, tid: pid_t, effect: Effect) {
        match effect {
            Effect::None | Effect::Descriptor => {}
            Effect::Names => self.tasks.forget_directories(),
            Effect::WorkingDirectory => {
                if let Some(process) = self.tasks.process_of(tid) {
                    process.cwd = None;
                }
            }
            Effect::Root => self.root_changed(tid),
            Effect::Rights => {
                let ours = rights("/proc/thread-self/status");
                let is_as_we_are = ours.is_some() && ours == rights(&format!("/proc/{tid}/status"));
                if let Some(process) = self.tasks.process_of(tid)
                    && !is_as_we_are
                {
                    process.sees_as_we_do = false;
                }
            }
            Effect::View => {
                if let Some(process) = self.tasks.process_of(tid) {
                    process.sees_as_we_do = false;
                    process.cwd = None;
                }
            }
        }
    }
}
