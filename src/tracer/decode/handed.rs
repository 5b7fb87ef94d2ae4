//! Calls of processes that another tracer was let have: how one ends is inferred from what it left.

use super::{Answer, Begun, Entered, Observer, Returned};
use crate::trace::{GapKind, Operation};
use crate::tracer::abi::{Entry, PTRACE_TRACEME, Shape};
use crate::tracer::proc::{self, Runs};
use crate::tracer::sys::{self, Notification};
use crate::tracer::task::{Effect, End, Pending};
use libc::pid_t;
use nix::errno::Errno;
use std::ffi::CString;

impl Observer {
    /// A process asks to trace another one, or to be traced.
    pub(super) fn another_tracer(&mut self, call: &Entered) -> Begun {
        let asks = call.args[0] as u32;
        let wanted = if asks == PTRACE_TRACEME {
            // The parent is to trace it. That may be us: of the command, and of what it makes with
            // CLONE_PARENT.
            let parent = proc::family(call.tid).map(|(_, parent)| parent);
            Some(call.tid).filter(|_| parent.is_some_and(|parent| parent != sys::own_pid()))
        } else {
            proc::numbers_as_we_do(call.tid).then_some(call.args[1] as pid_t)
        };
        let wanted = wanted.filter(|_| !self.stops_at_entry());
        let task = wanted.and_then(|tid| Some((tid, self.tasks.task(tid)?)));
        match task {
            Some((tracee, task)) if task.is_handed_over && task.coming_back.is_none() => {
                let asker = call.tid;
                self.asking.push(Asking { asker, tracee });
                Begun::Done
            }
            Some((tid, _)) => Begun::HandsOver(tid),
            // Nobody of ours: the kernel will say what it thinks of it.
            None if wanted.is_some() => Begun::Done,
            None => {
                let process = self.tasks.process_of(call.tid).map(|process| process.id);
                self.gap(
                    process,
                    GapKind::NestedTracer,
                    if self.stops_at_entry() {
                        "The program tried to trace a process and was refused: a process has one \
                         tracer only. With `--engine notify` it can have it."
                    } else {
                        "The program tried to trace a process; a process has one tracer only."
                    },
                );
                Begun::Done
            }
        }
    }

    /// A tracee is ours no more; the calls of these others have asked for that.
    pub(crate) fn handed_over(&mut self, tid: pid_t, askers: impl Iterator<Item = pid_t>) {
        let tracee = tid;
        self.asking
            .extend(askers.map(|asker| Asking { asker, tracee }));
        let Some(task) = self.tasks.task(tid) else {
            return;
        };
        task.is_handed_over = true;
        task.end = End::Unseen;
        task.pending = None;
        let tgid = task.tgid;
        self.in_flux.retain(|(other, _)| *other != tid);
        self.herd.released(tid);
        self.keeps_handed(tgid);
    }

    fn keeps_handed(&mut self, tgid: pid_t) {
        self.has_handed_over = true;
        self.watches_end(tgid);
        let process = self.tasks.process_of(tgid).map(|process| process.id);
        self.gap(
            process,
            GapKind::NestedTracer,
            "The process was let go for another tracer. As long as that has it, its calls are seen, \
             but how those ended that make or change names is inferred from what was there before \
             and afterwards, and what it does with descriptors alone is not seen.",
        );
    }

    /// The end of a process is to be seen without ptrace.
    fn watches_end(&mut self, tgid: pid_t) {
        let Err(errno) = self.handed.add(tgid) else {
            return;
        };
        let process = self.tasks.process_of(tgid).map(|process| process.id);
        self.gap(
            process,
            GapKind::LostProcess,
            format!(
                "The process was let go for another tracer, and how it ends may not be seen \
                 ({errno:?})."
            ),
        );
    }

    /// Whether another tracer has left a tracee, did not get it, or did not want what it has made, as is
    /// seen by the call that it makes.
    ///
    /// Who was let go a moment ago is not traced yet: first the calls must be over that asked for it.
    pub(super) fn is_left(&mut self, notification: &Notification) -> bool {
        let tid = notification.tid;
        // Its own last call is over.
        self.asking.retain(|asking| asking.asker != tid);
        if !self.tasks.task(tid).is_some_and(|it| it.is_handed_over)
            || self.asks_for_a_tracer(notification)
        {
            return false;
        }
        match proc::tracer(tid) {
            Some(0) => {}
            Some(tracer) => {
                // Who has asked has it by now, and may leave it without any other call.
                let tasks = &self.tasks;
                self.asking
                    .retain(|it| it.tracee != tid || tasks.tgid_of(it.asker) != Some(tracer));
                return false;
            }
            None => return false,
        }
        let tasks = &self.tasks;
        let is_asked_for = self.asking.iter().any(|asking| {
            asking.tracee == tid
                && tasks
                    .tgid_of(asking.asker)
                    .is_some_and(|tgid| sys::is_thread_of(asking.asker, tgid))
        });
        if is_asked_for {
            return false;
        }
        self.asking.retain(|asking| asking.tracee != tid);
        if let Some(task) = self.tasks.task(tid) {
            task.coming_back = Some(*notification);
        }
        true
    }

    fn asks_for_a_tracer(&self, notification: &Notification) -> bool {
        let table = self.table(notification.arch);
        table.is_some_and(|table| {
            matches!(
                table.entry(notification.call.number),
                Entry::Decoded(call) if matches!(call.shape, Shape::Trace)
            )
        })
    }

    /// Whether a tracee that another tracer has left is about to be ours again.
    pub(crate) fn is_coming_back(&mut self, tid: pid_t) -> bool {
        let task = self.tasks.task(tid);
        task.is_some_and(|task| task.coming_back.is_some())
    }

    /// A tracee is ours again.
    pub(crate) fn taken_back(&mut self, tid: pid_t) {
        let Some(task) = self.tasks.task(tid) else {
            return;
        };
        task.is_handed_over = false;
        task.coming_back = None;
        // Its end will be told as those of all tracees are, and so will the process's by its leader's.
        self.handed.remove(tid);
        self.herd.joined(tid);
    }

    /// A tracee that another tracer has left cannot be ours again; what becomes of its call is
    /// returned.
    pub(crate) fn not_taken_back(&mut self, tid: pid_t, errno: Errno) -> Answer {
        let task = self.tasks.task(tid);
        let Some(notification) = task.and_then(|task| task.coming_back.take()) else {
            return Answer::Proceed;
        };
        // It was killed.
        if errno == Errno::ESRCH {
            return Answer::Proceed;
        }
        let process = self.tasks.process_of(tid).map(|process| process.id);
        self.gap(
            process,
            GapKind::NestedTracer,
            format!(
                "Another tracer has left the process, which cannot be traced again ({errno:?}): its \
                 calls are seen as before."
            ),
        );
        self.look_at(&notification)
    }

    /// A tracee that another tracer asks for did not stop, so that it could not be let go.
    pub(crate) fn not_handed_over(&mut self, tid: pid_t) {
        let process = self.tasks.process_of(tid).map(|process| process.id);
        self.gap(
            process,
            GapKind::NestedTracer,
            "Another program tried to trace the process, which could not be let go: it was busy in \
             the kernel. The other program was refused (EPERM).",
        );
    }

    /// Learns what became of those that were handed over, before one of them, or somebody unknown,
    /// makes a call.
    pub(super) fn look_after_handed(&mut self, tid: pid_t) {
        self.end_handed();
        // The end of a thread is not seen, and its number may be another's by now.
        if let Some(task) = self.tasks.task(tid)
            && task.is_handed_over
            && task.tgid != tid
            && !sys::is_thread_of(tid, task.tgid)
        {
            self.infer(tid);
            self.tasks.end(tid);
        }
        match self.tasks.task(tid) {
            Some(task) if task.is_handed_over => {
                // Who executes a program has the number of the process from then on.
                if task.tgid == tid && self.tasks.process_of(tid).is_some_and(|it| it.threads > 1) {
                    for other in self.tasks.threads_of(tid) {
                        let task = self.tasks.task(other);
                        if task.is_some_and(|task| task.is_handed_over)
                            && !sys::is_thread_of(other, tid)
                        {
                            self.infer(other);
                            self.tasks.end(other);
                        }
                    }
                }
                self.infer(tid);
            }
            Some(_) => {}
            None => self.find_handed(tid),
        }
    }

    /// Reports the ends of those that were handed over.
    pub(crate) fn end_handed(&mut self) {
        for (pid, status) in self.handed.ended() {
            for tid in self.tasks.threads_of(pid) {
                self.infer(tid);
            }
            match status {
                Some(status) => self.ends(pid, status),
                None => {
                    self.unseen(pid);
                    self.herd.left(pid);
                    self.tasks.end(pid);
                }
            }
        }
    }

    /// Takes in a child of somebody who was handed over.
    fn find_handed(&mut self, tid: pid_t) {
        let Some((tgid, parent)) = proc::family(tid) else {
            return;
        };
        let tracer = proc::tracer(tid);
        // A tracee of ours is told of by who made it.
        if tracer == Some(sys::own_pid()) {
            return;
        }
        let mut found = Vec::new();
        if self.tasks.task(tgid).is_none() {
            let parent = self.tasks.task(parent).is_some().then_some(parent);
            self.process_starts(tgid, parent);
            found.push(tgid);
        }
        if tid != tgid {
            self.tasks.start_thread(tid, tgid);
            found.push(tid);
        }
        for tid in found {
            if let Some(task) = self.tasks.task(tid) {
                task.is_handed_over = true;
            }
        }
        if tracer == Some(0) {
            // Nobody wants it, so that it is ours before this call is made.
            self.watches_end(tgid);
        } else {
            self.keeps_handed(tgid);
        }
    }

    /// Somebody who was handed over makes a call whose end would have been awaited.
    pub(super) fn leave_to_infer(&mut self, tid: pid_t, pending: Pending) {
        let Some(task) = self.tasks.task(tid) else {
            return;
        };
        let tgid = task.tgid;
        match pending {
            Pending::Execute { sure: Some(_), .. } => {
                task.pending = Some(pending);
                self.handed_executed(tgid, tid);
            }
            Pending::Silent(_) => task.pending = Some(pending),
            Pending::Access {
                operation,
                ref path,
                ref target,
                effect,
            } => {
                // Only where it is now otherwise than it will be does a look afterwards tell.
                let change = change(operation, path, target.as_deref());
                let tells = self.may_look_at_names(tid)
                    && change.is_some_and(|(name, how)| is_there(name) == (how == Change::Goes));
                let Some(task) = self.tasks.task(tid) else {
                    return;
                };
                if tells {
                    task.pending = Some(pending);
                    return;
                }
                // What it may have changed is read anew all the same.
                task.pending = effect.is_any().then_some(Pending::Silent(effect));
                self.unseen(tid);
            }
            Pending::AtEntry => {}
            Pending::Execute { .. } => {
                let ran = Runs::of(tid);
                let execution = Box::new(pending);
                task.pending = Some(Pending::Doubtful { execution, ran });
                // If it succeeds, those threads are gone that are ours again.
                self.watches_end(tgid);
            }
            Pending::Contact(_)
            | Pending::Messages(_)
            | Pending::Answer(_)
            | Pending::Unnamed
            | Pending::Doubtful { .. }
            | Pending::Unread { .. } => {
                self.unseen(tid);
            }
        }
    }

    fn handed_executed(&mut self, tgid: pid_t, former: pid_t) {
        self.executed(tgid, former, None);
        if let Some(task) = self.tasks.task(tgid) {
            task.is_handed_over = true;
        }
        self.watches_end(tgid);
    }

    /// Says whether a thread that was handed over has executed a program, now that the process makes a
    /// call, or has ended.
    fn infer_execution(&mut self, tid: pid_t, execution: Pending, ran: Option<Runs>) {
        let Some(task) = self.tasks.task(tid) else {
            return;
        };
        let tgid = task.tgid;
        if ran.is_some() && Runs::of(tgid).is_some_and(|runs| Some(runs) != ran) {
            task.pending = Some(execution);
            self.handed_executed(tgid, tid);
        } else {
            self.unseen(tid);
        }
    }

    /// Says how the last call ended of somebody who was handed over, as far as what is there tells.
    fn infer(&mut self, tid: pid_t) {
        self.in_flux.retain(|(other, _)| *other != tid);
        let Some(task) = self.tasks.task(tid) else {
            return;
        };
        match task.pending.take() {
            Some(Pending::Access {
                operation,
                path,
                target,
                effect,
            }) => {
                let Some(process) = self.tasks.process_of(tid) else {
                    return;
                };
                let id = process.id;
                let change = change(operation, &path, target.as_deref());
                let has_happened = self.may_look_at_names(tid)
                    && change.is_some_and(|(name, how)| is_there(name) == (how == Change::Comes));
                if !has_happened {
                    self.apply(tid, effect);
                    return self.unseen(tid);
                }
                let success = Returned {
                    value: 0,
                    failed: false,
                };
                // There is no descriptor to ask.
                let effect = match effect {
                    Effect::Descriptor => Effect::None,
                    effect => effect,
                };
                let target = target.as_deref();
                self.access_ends(tid, id, operation, &path, target, effect, success);
            }
            Some(Pending::Silent(effect)) => self.apply(tid, effect),
            Some(Pending::Doubtful { execution, ran }) => {
                self.infer_execution(tid, *execution, ran);
            }
            _ => {}
        }
    }

    /// Whether names are the process's as they are ours, and to look at them waits for nobody.
    fn may_look_at_names(&mut self, tid: pid_t) -> bool {
        !self.serves_files
            && !self.looks_are_dear
            && self
                .tasks
                .process_of(tid)
                .is_some_and(|process| process.view.is_none())
    }

    fn unseen(&mut self, tid: pid_t) {
        let process = self.tasks.process_of(tid).map(|process| process.id);
        self.gap(
            process,
            GapKind::Outcome,
            "The process was let go for another tracer; calls of which it is not known how they \
             ended are left out.",
        );
    }
}

/// A call by which somebody asks to trace a tracee that was let go for that.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asking {
    pub(super) asker: pid_t,
    pub(super) tracee: pid_t,
}

/// What a name must have been before a call, and is after it, if the call succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Comes,
    Goes,
}

/// The name by which it shows whether a call succeeded, and how.
fn change<'a>(
    operation: Operation,
    path: &'a [u8],
    target: Option<&'a [u8]>,
) -> Option<(&'a [u8], Change)> {
    match operation {
        Operation::Remove | Operation::Rename => Some((path, Change::Goes)),
        Operation::Link => target.map(|target| (target, Change::Comes)),
        Operation::Write
        | Operation::ReadWrite
        | Operation::MakeDirectory
        | Operation::MakeNode
        | Operation::Symlink => Some((path, Change::Comes)),
        _ => None,
    }
}

fn is_there(path: &[u8]) -> bool {
    CString::new(path)
        .is_ok_and(|path| sys::status(libc::AT_FDCWD, &path, libc::AT_SYMLINK_NOFOLLOW).is_ok())
}
