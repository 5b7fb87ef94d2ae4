//! From a call's registers to facts: reads what the arguments point at, decides whether the end of
//! the call must be awaited, and reports what is known.

mod file;
mod handed;
mod mount;
mod network;
mod process;
mod unknown;

#[cfg(fuzzing)]
pub(super) use network::endpoint;

use super::abi::{CoreUse, Entry, Shape, Table};
use super::environment::Environments;
use super::facts::{Fact, Outbox, Real};
use super::handed::Handed;
use super::herd::Herd;
use super::mapped::{Mapped, Opened};
use super::memory::{self, Width};
use super::name::{EarlyText, Name};
use super::outside::Served;
use super::policy::Policy;
use super::sys::{self, Listener, Notification, RawCall};
use super::task::{Effect, End, Pending, Tasks, Used};
use super::{Allowances, Options};
use crate::trace::{
    ContactAction, Errno, ExitStatus, GapKind, Micros, Operation, Outcome, ProcessId,
};
use handed::Asking;
use hashbrown::HashSet;
use libc::pid_t;
use network::listener;
use std::fs;
use std::sync::Arc;
use std::time::Instant;
use unknown::Unknown;

/// What becomes of a call that waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is made.
    Proceed,
    /// It is made, and the tracee stops on its way back from it.
    Trap,
    /// The tracee stops, and then begins it again, to stop at its beginning and its end.
    Again,
    /// It is not made and fails with ENOSYS.
    Refuse,
    /// It is not made and returns this.
    Reply(i64),
    /// It is made once this tracee, perhaps the caller itself, is ours no more.
    HandOver(pid_t),
    /// It begins again once the caller, whom another tracer has left, is ours again.
    TakeBack,
}

/// What there is still to do about a call that has been looked at.
#[derive(Debug)]
pub(super) enum Begun {
    /// Nothing.
    Done,
    /// To report this at its end.
    Awaited(Pending),
    /// Not to make it.
    Refused,
    /// Not to make it: what it asks for was told already, and it returns this. Only where calls wait for
    /// answers.
    Told(i64),
    /// To let another tracer have this tracee first.
    HandsOver(pid_t),
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
    /// Reads what a call left in the register for its result (errno(3): the last 4095 numbers are
    /// errors).
    pub(super) fn from_register(value: i64) -> Self {
        Self {
            value,
            failed: (-4095..0).contains(&value),
        }
    }

    fn outcome(self) -> Outcome {
        if self.failed {
            Outcome::Failure(Errno((-self.value) as i32))
        } else {
            Outcome::Success
        }
    }

    /// Whether the call failed for what its arguments are, before it looked anything up.
    fn is_of_arguments(self) -> bool {
        const ERRORS: [i32; 6] = [
            libc::EFAULT,
            libc::EINVAL,
            libc::EBADF,
            libc::EPERM,
            libc::ENOSYS,
            libc::ENAMETOOLONG,
        ];
        self.failed && ERRORS.iter().any(|&error| self.value == -i64::from(error))
    }

    /// Whether the call did nothing yet and begins again, or ends with EINTR, once a signal was
    /// handled (ERESTARTSYS and its kind, linux/errno.h).
    pub(super) fn is_restart(self) -> bool {
        self.failed && (-516..=-512).contains(&self.value)
    }
}

/// Whether a call uses a socket, and so may wait for what is at its other end.
fn is_of_a_socket(shape: Shape) -> bool {
    matches!(
        shape,
        Shape::Address(..)
            | Shape::Message(..)
            | Shape::Messages(..)
            | Shape::Receive(..)
            | Shape::ReceiveMessage(..)
            | Shape::SocketCall(..)
    )
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

/// What a gap is known by: its process, its kind, and its words where those may be others.
type Reported = (Option<ProcessId>, GapKind, Option<String>);

/// Turns calls into facts.
pub(super) struct Observer {
    /// What is followed.
    pub(super) tasks: Tasks,
    /// Those who share a core.
    pub(super) herd: Herd,
    /// The process that is the command.
    pub(super) root: Option<pid_t>,
    /// Those whom another tracer was let have.
    pub(super) handed: Handed,
    /// Whether there were any.
    pub(super) has_handed_over: bool,
    /// Calls that ask to trace somebody who was let go for that, as long as they may be under way.
    asking: Vec<Asking>,
    outbox: Outbox,
    tables: Arc<[Table]>,
    policy: Policy,
    allowances: Allowances,
    exact: bool,
    /// Whether a look-up of ours may wait for a tracee, so that none is made.
    looks_are_dear: bool,
    /// Whether a tracee may serve a file system (it opened `/dev/fuse`). To look at a name there
    /// while that tracee is stopped would wait for it for ever.
    serves_files: bool,
    /// Whether programs that should get rights of their own do not: under `no_new_privs`, and
    /// always when the tracer is not root (execve(2)).
    pub(super) withholds_rights: bool,
    /// Where calls wait for answers. Without it, a tracee that begins a call is stopped, so that its
    /// registers can be changed.
    listener: Option<Arc<Listener>>,
    /// The answer that the call that is looked at waits for.
    waiting: Option<u64>,
    began: Instant,
    names: [Name; 2],
    early: EarlyText,
    /// Whether what the call that is looked at names could not be read.
    is_unread: bool,
    /// What the caller opened just before the call that is looked at.
    opened: Option<Opened>,
    mapped: Mapped,
    environments: Environments,
    /// The last components of names that calls in progress create, remove or move.
    in_flux: Vec<(pid_t, Vec<u8>)>,
    /// Gaps that were reported and need no second telling.
    reported: HashSet<Reported>,
    unknown: Unknown,
    served: Served,
    gaps: u64,
}

impl Observer {
    /// Begins, with these tables.
    pub(super) fn new(
        outbox: Outbox,
        tables: Arc<[Table]>,
        herd: Herd,
        handed: Handed,
        options: &Options,
    ) -> Self {
        Self {
            tasks: Tasks::default(),
            herd,
            root: None,
            handed,
            has_handed_over: false,
            asking: Vec::new(),
            outbox,
            tables,
            policy: Policy::new(),
            allowances: options.allowances,
            exact: options.exact,
            looks_are_dear: false,
            serves_files: false,
            withholds_rights: !nix::unistd::geteuid().is_root(),
            listener: None,
            waiting: None,
            began: Instant::now(),
            names: Default::default(),
            early: EarlyText::default(),
            is_unread: false,
            opened: None,
            mapped: Mapped::default(),
            environments: Environments::default(),
            in_flux: Vec::new(),
            reported: HashSet::new(),
            unknown: Unknown::default(),
            served: Served::default(),
            gaps: 0,
        }
    }

    /// From now on calls come as notifications, if there is a listener.
    pub(super) fn is_notified(&mut self, listener: Option<Arc<Listener>>) {
        self.listener = listener;
    }

    /// Whether a tracee that begins a call is stopped.
    fn stops_at_entry(&self) -> bool {
        self.listener.is_none()
    }

    /// Writes into the memory of the tracee whose call is looked at; whether all was written.
    ///
    /// One that waits for an answer may be gone, and its number and memory be those of a program that
    /// another thread of it has executed: nothing may be written there. The call that executes it is
    /// pending until the program runs, and after that the caller waits no more.
    fn write(&self, tid: pid_t, address: u64, bytes: &[u8]) -> bool {
        let is_there = match (&self.listener, self.waiting) {
            (Some(listener), Some(id)) => !self.tasks.is_executing(tid) && listener.has(id),
            _ => true,
        };
        is_there && sys::write_memory(tid, address as usize, bytes) == Ok(bytes.len())
    }

    /// The tables of calls.
    pub(super) fn tables(&self) -> Arc<[Table]> {
        Arc::clone(&self.tables)
    }

    /// The time since the trace began.
    pub(super) fn now(&self) -> Micros {
        Micros(self.began.elapsed().as_micros() as u64)
    }

    /// Reports something that could not be seen; once for each process and kind, but whom a process
    /// asked, and what became of it and another tracer, each time that it is something else.
    pub(super) fn gap(
        &mut self,
        process: Option<ProcessId>,
        kind: GapKind,
        detail: impl Into<String>,
    ) {
        let detail = detail.into();
        let differs = matches!(kind, GapKind::NestedTracer | GapKind::OutsideHelper);
        let told_by = differs.then(|| detail.clone());
        if self.reported.insert((process, kind, told_by)) {
            self.gaps += 1;
            self.write_gap(process, kind, detail, 1);
        }
    }

    fn write_gap(&mut self, process: Option<ProcessId>, kind: GapKind, detail: String, count: u64) {
        let at = self.now();
        self.outbox.write(|batch| {
            batch.push(Fact::Gap {
                process,
                at,
                kind,
                detail,
                count,
            });
        });
    }

    /// How many gaps there were.
    pub(super) fn gaps(&self) -> u64 {
        self.gaps
    }

    /// A call came by a table that is not decoded.
    fn foreign(&mut self, tid: pid_t) {
        let process = self.tasks.process_of(tid).map(|process| process.id);
        self.gap(
            process,
            GapKind::ForeignAbi,
            "The program made x32 system calls, which are not decoded.",
        );
    }

    /// A thread is gone.
    pub(super) fn ends(&mut self, tid: pid_t, status: ExitStatus) {
        // Who was killed while it executed a program did not see that fail.
        if matches!(status, ExitStatus::Code(_)) {
            self.missed(tid);
        }
        self.in_flux.retain(|(other, _)| *other != tid);
        self.asking.retain(|it| it.asker != tid && it.tracee != tid);
        self.herd.left(tid);
        let at = self.now();
        if let Some(process) = self.tasks.end(tid) {
            self.tell_unknown(process);
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

    /// A stopped tracee begins a call; its end is awaited where [`Task::end`] says so. Whether it is
    /// to be made.
    ///
    /// [`Task::end`]: super::task::Task::end
    pub(super) fn call_begins(&mut self, tid: pid_t, arch: u32, raw: &RawCall) -> bool {
        match self.begin(tid, arch, raw) {
            Begun::Done => true,
            Begun::Awaited(pending) => {
                if let Some(task) = self.tasks.task(tid) {
                    task.end = if pending.is_sure() {
                        End::Unseen
                    } else {
                        End::Exit
                    };
                    task.pending = Some(pending);
                }
                true
            }
            // Only where calls come as notifications.
            Begun::HandsOver(_) | Begun::Told(_) => true,
            Begun::Refused => false,
        }
    }

    /// A tracee begins a call and waits for our answer.
    ///
    /// `early` is the path that it names, if that was read already.
    pub(super) fn notified(
        &mut self,
        notification: &Notification,
        early: &mut EarlyText,
    ) -> Answer {
        self.herd.moves();
        std::mem::swap(&mut self.early, early);
        let answer = self.answer(notification);
        std::mem::swap(&mut self.early, early);
        self.early.forget();
        answer
    }

    fn answer(&mut self, notification: &Notification) -> Answer {
        let tid = notification.tid;
        if self.has_handed_over {
            self.look_after_handed(tid);
            if self.is_left(notification) {
                return Answer::TakeBack;
            }
        }
        self.look_at(notification)
    }

    fn look_at(&mut self, notification: &Notification) -> Answer {
        let tid = notification.tid;
        self.waiting = Some(notification.id);
        let pending = match self.begin(tid, notification.arch, &notification.call) {
            Begun::Done => return Answer::Proceed,
            Begun::HandsOver(tid) => return Answer::HandOver(tid),
            Begun::Awaited(pending) => pending,
            Begun::Refused => return Answer::Refuse,
            Begun::Told(value) => return Answer::Reply(value),
        };
        let Some(task) = self.tasks.task(tid) else {
            return Answer::Proceed;
        };
        if task.is_handed_over {
            self.leave_to_infer(tid, pending);
            return Answer::Proceed;
        }
        if task.end == End::Exit || pending.is_sure() {
            task.pending = Some(pending);
            return Answer::Proceed;
        }
        if pending.may_wait() {
            // It is decoded anew when it begins again.
            task.end = End::Exit;
            return Answer::Again;
        }
        task.pending = Some(pending);
        task.end = End::Trap;
        Answer::Trap
    }

    /// A tracee that is stopped at the beginning of a call may have its registers changed.
    pub(super) fn at_entry(&mut self, tid: pid_t, arch: u32, raw: &RawCall) {
        let Some(table) = self.table(arch) else {
            return;
        };
        if let Entry::Decoded(call) = table.entry(raw.number)
            && let Shape::Clone(flags) = call.shape
        {
            let call = Entered {
                tid,
                args: raw.args,
                arch,
                width: table.abi.width,
            };
            self.clear_untraced(&call, flags);
        }
    }

    /// Whether a call of this machine's own table ends without waiting for anything, so that no signal
    /// can interrupt it.
    pub(super) fn never_waits(&mut self, tid: pid_t, raw: &RawCall) -> bool {
        let Some(table) = self.tables.first() else {
            return false;
        };
        let (arch, width) = (table.abi.arch, table.abi.width);
        let Entry::Decoded(call) = table.entry(raw.number) else {
            return false;
        };
        let call_of = Entered {
            tid,
            args: raw.args,
            arch,
            width,
        };
        match call.shape {
            Shape::Open(at, _) => {
                !self.serves_files
                    && self.read_name(&call_of, 0, at).is_ok()
                    && self.policy.opens_at_once(&self.names[0])
            }
            Shape::Look(..)
            | Shape::Name(..)
            | Shape::Names(..)
            | Shape::Symlink(..)
            | Shape::List(_)
            | Shape::Map(_)
            | Shape::ChangeDirectory(_)
            | Shape::Execute(..)
            | Shape::Address(ContactAction::Bind, ..)
            | Shape::Listen(_)
            | Shape::Clone(_)
            | Shape::CloneArguments(_)
            | Shape::Credentials
            | Shape::Namespaces
            | Shape::Limit(_)
            | Shape::Ring
            | Shape::Cores(_)
            | Shape::Filter(_) => true,
            _ => false,
        }
    }

    /// Reports what is known about a call.
    fn begin(&mut self, tid: pid_t, arch: u32, raw: &RawCall) -> Begun {
        self.missed(tid);
        self.opened = self.tasks.task(tid).and_then(|task| task.opened.take());
        let Some(table) = self.table(arch) else {
            return Begun::Done;
        };
        let width = table.abi.width;
        let call = match table.entry(raw.number) {
            Entry::Decoded(call) if table.is_wanted(&call, raw) => call,
            Entry::Decoded(_) | Entry::Uninteresting => return Begun::Done,
            Entry::Unknown => {
                let table = table.abi;
                self.unknown(tid, table, raw.number);
                return Begun::Done;
            }
        };
        let call_of = Entered {
            tid,
            args: raw.args,
            arch,
            width,
        };
        match call.shape {
            Shape::Ring => return self.ring(&call_of),
            Shape::Trace => return self.another_tracer(&call_of),
            Shape::Cores(CoreUse::Ask) => return self.asks_for_cores(&call_of),
            _ => {}
        }
        self.is_unread = false;
        match self.decode(&call_of, call.shape) {
            Some(pending) => Begun::Awaited(pending),
            None if self.is_unread => Begun::Awaited(Pending::Unread {
                may_wait: is_of_a_socket(call.shape),
            }),
            None => Begun::Done,
        }
    }

    /// Reads memory of the tracee whose call is looked at; how many bytes.
    fn read(&mut self, tid: pid_t, address: u64, buffer: &mut [u8]) -> Option<usize> {
        let read = memory::read(tid, address, buffer);
        self.is_unread |= read.is_err();
        read.ok()
    }

    /// Whether a tracee has left a call behind that was not to fail.
    fn missed(&mut self, tid: pid_t) {
        let Some(task) = self.tasks.task(tid) else {
            return;
        };
        if let Some(Pending::Execute { path, .. }) =
            task.pending.take_if(|pending| pending.is_sure())
        {
            self.execution_failed(tid, path.as_deref());
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
            Shape::Tree(at, flags) => self.tree(call, at, flags),
            Shape::Unnamed => Some(Pending::Unnamed),
            Shape::Mount(source, at) => self.mount(call, source, at),
            Shape::MountSource(key, at) => self.mount_source(call, key, at),
            Shape::Unmount(at) => self.unmount(call, at),
            Shape::MoveMount(from, to) => self.move_mount(call, from, to),
            Shape::Object(command, attributes) => self.object(call, command, attributes),
            Shape::MapArguments(arguments) => self.map_arguments(call, arguments),
            Shape::List(fd) => self.descriptor(call, Operation::List, fd),
            Shape::Map(fd) => self.map(call, fd),
            Shape::ChangeDirectory(fd) => self.descriptor(call, Operation::ChangeDirectory, fd),
            Shape::Execute(at, argv, flags) => self.execute(call, at, argv, flags),
            Shape::Clone(_)
            | Shape::CloneArguments(_)
            | Shape::Credentials
            | Shape::Namespaces
            | Shape::Limit(_)
            | Shape::Cores(_)
            | Shape::Ring
            | Shape::Trace
            | Shape::Filter(_) => self.life(call, shape),
            Shape::Address(..)
            | Shape::Message(..)
            | Shape::Messages(..)
            | Shape::Receive(..)
            | Shape::ReceiveMessage(..)
            | Shape::Listen(_)
            | Shape::SocketCall(..) => self.network(call, shape),
        }
    }

    /// A tracee ends the call whose end was awaited.
    pub(super) fn call_ends(&mut self, tid: pid_t, returned: Returned) {
        let Some(task) = self.tasks.task(tid) else {
            return;
        };
        task.end = End::Unseen;
        let Some(pending) = task.pending.take() else {
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
                    let view = self.tasks.process_of(tid).and_then(|it| it.view.clone());
                    self.outbox.write(|batch| {
                        let path = batch.keep(&path);
                        let root = batch.keep_root(view.as_deref(), None);
                        batch.push(Fact::Accessed {
                            process,
                            at,
                            operation: Operation::Execute,
                            path,
                            target: None,
                            real: Real::Unknown,
                            root,
                            outcome,
                        });
                    });
                }
            }
            Pending::Unnamed => self.unnamed_ends(tid, returned),
            Pending::Unread { .. } => {
                if !returned.is_of_arguments() {
                    self.gap(
                        Some(process),
                        GapKind::Unreadable,
                        "The program named files or addresses that could not be read from its \
                         memory, as is that of a process which is protected from its user (prctl(2), \
                         PR_SET_DUMPABLE). Run nixtrace as root to see them.",
                    );
                }
            }
            Pending::Contact(used) => {
                let Used {
                    socket,
                    mut contact,
                } = *used;
                contact.outcome = outcome;
                // A connect that does not wait is under way (connect(2), EINPROGRESS).
                let is_made =
                    outcome.is_success() || outcome == Outcome::Failure(Errno(libc::EINPROGRESS));
                let tgid = self.tasks.tgid_of(tid);
                let listener = || listener(tgid?, socket);
                if is_made && let Some(who) = self.served.asks(&contact, listener) {
                    self.gap(
                        Some(process),
                        GapKind::OutsideHelper,
                        format!(
                            "The program asked {who}, which is no part of the run, to work for it; \
                             what that did is not seen."
                        ),
                    );
                }
                self.outbox
                    .write(|batch| batch.push(Fact::Contacted(Box::new(contact))));
            }
            Pending::Messages(contacts) => {
                // Of the first that was not sent the kernel says why only if none was before it.
                let sent = returned.value.max(1);
                self.outbox.write(|batch| {
                    for (_, mut contact) in contacts
                        .into_iter()
                        .take_while(|(index, _)| i64::from(*index) < sent)
                    {
                        contact.outcome = outcome;
                        batch.push(Fact::Contacted(Box::new(contact)));
                    }
                });
            }
            Pending::Answer(receipt) => self.answered(tid, process, receipt, returned),
            Pending::AtEntry | Pending::Doubtful { .. } => {}
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
            Effect::Root | Effect::View => self.view_changed(tid),
            Effect::Rights => {
                let ours = rights("/proc/thread-self/status");
                let is_as_we_are = ours.is_some() && ours == rights(&format!("/proc/{tid}/status"));
                if let Some(process) = self.tasks.process_of(tid)
                    && !is_as_we_are
                {
                    process.sees_as_we_do = false;
                }
            }
        }
    }
}
