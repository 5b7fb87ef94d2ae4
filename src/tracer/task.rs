//! The tracees: threads and the processes they belong to.

use super::mapped::Opened;
use super::proc::{Directory, Runs};
use super::sys::Notification;
use super::view::View;
use crate::trace::{Contact, ContactAction, Operation, ProcessId};
use hashbrown::HashMap;
use libc::pid_t;
use std::os::fd::RawFd;
use std::sync::Arc;

/// A thread.
#[derive(Debug)]
pub(super) struct Task {
    /// The process (thread group) it belongs to.
    pub(super) tgid: pid_t,
    /// The call that it is in, when its end is awaited.
    pub(super) pending: Option<Pending>,
    /// How the end of that call will be seen.
    pub(super) end: End,
    /// Whether its group was stopped and it did not make a call since that was looked at.
    pub(super) was_stopped: bool,
    /// Whether another tracer was let have it (see `handed`).
    pub(super) is_handed_over: bool,
    /// The call that waits until it is ours again, since that tracer has left it.
    pub(super) coming_back: Option<Notification>,
    /// The file that it opened in its last call that was seen.
    pub(super) opened: Option<Opened>,
}

/// How the end of the call that a thread is in will be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It will not.
    Unseen,
    /// By a syscall-exit-stop; a thread that is not in the call yet stops at its beginning, too.
    Exit,
    /// By a PTRACE_EVENT stop on the way back to the program, which was asked for while the call
    /// waited for our answer.
    Trap,
}

/// A call whose outcome is read when it ends.
#[derive(Debug)]
pub(super) enum Pending {
    /// A file was named.
    Access {
        operation: Operation,
        path: Vec<u8>,
        target: Option<Vec<u8>>,
        effect: Effect,
    },
    /// A descriptor is made of what the call does not name.
    Unnamed,
    /// What is named could not be read, which is no loss when the kernel cannot read it either.
    Unread { may_wait: bool },
    /// A program is executed; success is told by an event.
    Execute {
        path: Option<Vec<u8>>,
        argv: Option<Vec<u8>>,
        /// What is expected, if that is only success, so that the end of the call is not awaited.
        sure: Option<Sure>,
        /// The variables that it is given, where it will not be there to be asked for them.
        env: Option<Vec<u8>>,
    },
    /// A socket address is used.
    Contact(Box<Used>),
    /// Several messages are sent by one call, which returns how many were: each of these with its
    /// place among them.
    Messages(Vec<(u32, Contact)>),
    /// What comes may be a DNS server's answer.
    Answer(Receipt),
    /// A program is executed by who was handed over, and may not be: what runs afterwards tells.
    Doubtful {
        execution: Box<Pending>,
        /// What ran before.
        ran: Option<Runs>,
    },
    /// Nothing to record, but an effect.
    Silent(Effect),
    /// Nothing at all at its end, but something to be done before it is made, which needs the tracee
    /// to be stopped.
    AtEntry,
}

/// Where in a tracee's memory what it receives comes to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Receipt {
    /// The descriptor by which it comes.
    pub(super) fd: RawFd,
    /// The buffer.
    pub(super) buffer: u64,
    /// How much it holds.
    pub(super) room: u64,
    /// Where the sender's address comes to be; 0 when the program does not want it, and the socket is
    /// connected to a DNS server.
    pub(super) sender: u64,
}

/// A socket address that a call uses.
#[derive(Debug)]
pub(super) struct Used {
    /// The socket's descriptor.
    pub(super) socket: RawFd,
    /// The use.
    pub(super) contact: Contact,
}

/// What is known beforehand of a program that is executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sure {
    /// Whether it should get rights of its own.
    pub(super) is_raised: bool,
}

impl Pending {
    /// Whether the call will succeed, and will be told by other means.
    pub(super) fn is_sure(&self) -> bool {
        matches!(self, Self::Execute { sure: Some(_), .. })
    }

    /// Whether the call may wait for something that happens elsewhere. A tracee that is about to
    /// stop would not wait there but fail or begin again.
    pub(super) fn may_wait(&self) -> bool {
        match self {
            Self::Contact(used) => {
                matches!(
                    used.contact.action,
                    ContactAction::Connect | ContactAction::Send
                )
            }
            Self::Unread { may_wait } => *may_wait,
            Self::Messages(_) | Self::Answer(_) | Self::AtEntry => true,
            Self::Access { .. }
            | Self::Unnamed
            | Self::Execute { .. }
            | Self::Doubtful { .. }
            | Self::Silent(_) => false,
        }
    }
}

impl Effect {
    /// Whether something is to be read anew.
    pub(super) fn is_any(self) -> bool {
        !matches!(self, Self::None | Self::Descriptor)
    }
}

/// What a call changes about its process when it succeeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing that matters here.
    None,
    /// It returns a descriptor of the file.
    Descriptor,
    /// The working directory.
    WorkingDirectory,
    /// The root directory.
    Root,
    /// A name came, went or moved.
    Names,
    /// The process sees the file system otherwise than the tracer does.
    View,
    /// The process's identity or rights.
    Rights,
}

/// A process.
#[derive(Debug)]
pub(super) struct Process {
    /// Its number in the trace.
    pub(super) id: ProcessId,
    /// How many of its threads are followed.
    pub(super) threads: u32,
    /// Its working directory, once known and as long as it cannot have changed.
    pub(super) cwd: Option<Arc<Directory>>,
    /// Whether others may change its working directory behind our back.
    pub(super) cwd_is_shared: bool,
    /// Whether it sees files exactly as the tracer does: same root, mounts, rights.
    pub(super) sees_as_we_do: bool,
    /// Whether descriptors may run out, so that an open fails where it should succeed.
    pub(super) few_descriptors: bool,
    /// How it sees the file system when its root directory or its mounts are not the tracer's.
    pub(super) view: Option<Arc<View>>,
    /// Descriptors that were connected to a DNS server, or sent a query to one; what they are now is to
    /// be looked up.
    pub(super) resolvers: Vec<RawFd>,
}

impl Process {
    /// Its working directory, as seen by one of its threads, which is stopped.
    pub(super) fn working(&mut self, tid: pid_t) -> Option<Arc<Directory>> {
        if self.cwd.is_none() || self.cwd_is_shared {
            self.cwd = Directory::working(tid).ok().map(Arc::new);
        }
        self.cwd.clone()
    }
}

/// All that is followed.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    tasks: HashMap<pid_t, Task>,
    processes: HashMap<pid_t, Process>,
    next: u32,
}

impl Tasks {
    /// Begins to follow a thread of a new process.
    pub(super) fn start_process(&mut self, pid: pid_t, parent: Option<pid_t>) -> ProcessId {
        let id = ProcessId(self.next);
        self.next += 1;
        let process = match parent.and_then(|parent| self.processes.get(&parent)) {
            Some(parent) => Process {
                id,
                threads: 1,
                cwd: parent.cwd.clone(),
                cwd_is_shared: parent.cwd_is_shared,
                sees_as_we_do: parent.sees_as_we_do,
                few_descriptors: parent.few_descriptors,
                view: parent.view.clone(),
                resolvers: parent.resolvers.clone(),
            },
            None => Process {
                id,
                threads: 1,
                cwd: None,
                cwd_is_shared: false,
                sees_as_we_do: true,
                few_descriptors: false,
                view: None,
                resolvers: Vec::new(),
            },
        };
        self.processes.insert(pid, process);
        self.insert(pid, pid);
        id
    }

    /// Begins to follow another thread of a process.
    pub(super) fn start_thread(&mut self, tid: pid_t, tgid: pid_t) {
        if let Some(process) = self.processes.get_mut(&tgid) {
            process.threads += 1;
        }
        self.insert(tid, tgid);
    }

    fn insert(&mut self, tid: pid_t, tgid: pid_t) {
        self.tasks.insert(
            tid,
            Task {
                tgid,
                pending: None,
                end: End::Unseen,
                was_stopped: false,
                is_handed_over: false,
                coming_back: None,
                opened: None,
            },
        );
    }

    /// A thread.
    pub(super) fn task(&mut self, tid: pid_t) -> Option<&mut Task> {
        self.tasks.get_mut(&tid)
    }

    /// The process of a thread.
    pub(super) fn process_of(&mut self, tid: pid_t) -> Option<&mut Process> {
        let tgid = self.tasks.get(&tid)?.tgid;
        self.processes.get_mut(&tgid)
    }

    /// The process id of a thread.
    pub(super) fn tgid_of(&self, tid: pid_t) -> Option<pid_t> {
        self.tasks.get(&tid).map(|task| task.tgid)
    }

    /// A thread is gone; its process's number when that went with it.
    ///
    /// The kernel reports the end of a thread group's leader after that of all other threads, so
    /// the leader's end is the process's.
    pub(super) fn end(&mut self, tid: pid_t) -> Option<ProcessId> {
        let task = self.tasks.remove(&tid)?;
        if task.tgid == tid {
            // Of threads that were handed over no end was seen.
            if self.has_threads(tid) {
                self.tasks.retain(|_, task| task.tgid != tid);
            }
            return self.processes.remove(&tid).map(|process| process.id);
        }
        if let Some(process) = self.processes.get_mut(&task.tgid) {
            process.threads = process.threads.saturating_sub(1);
        }
        None
    }

    /// The threads of a process that are followed.
    pub(super) fn threads_of(&self, tgid: pid_t) -> Vec<pid_t> {
        let of_process = |(&tid, task): (&pid_t, &Task)| (task.tgid == tgid).then_some(tid);
        self.tasks.iter().filter_map(of_process).collect()
    }

    /// How many threads of a process are followed.
    pub(super) fn threads(&self, tgid: pid_t) -> u32 {
        self.processes
            .get(&tgid)
            .map_or(0, |process| process.threads)
    }

    /// Whether a thread of the same process may be about to execute a program.
    pub(super) fn is_executing(&self, tid: pid_t) -> bool {
        let is_executing = |task: &Task| {
            matches!(
                task.pending,
                Some(Pending::Execute { .. } | Pending::Doubtful { .. })
            )
        };
        self.tgid_of(tid).is_some_and(|tgid| {
            let of_process = |task: &&Task| task.tgid == tgid;
            self.has_threads(tgid) && self.tasks.values().filter(of_process).any(is_executing)
        })
    }

    fn has_threads(&self, tgid: pid_t) -> bool {
        self.processes
            .get(&tgid)
            .is_some_and(|process| process.threads > 1)
    }

    /// A thread of the process executed a program: it is the only one now and has the leader's id.
    /// What the call was is returned.
    pub(super) fn execute(&mut self, tgid: pid_t, former: pid_t) -> Option<Pending> {
        let pending = self
            .tasks
            .get_mut(&former)
            .and_then(|task| task.pending.take());
        let threads = self
            .processes
            .get(&tgid)
            .map_or(0, |process| process.threads);
        if threads > 1 || former != tgid {
            self.tasks
                .retain(|&tid, task| task.tgid != tgid || tid == tgid);
        }
        self.insert(tgid, tgid);
        if let Some(process) = self.processes.get_mut(&tgid) {
            process.threads = 1;
        }
        pending
    }

    /// How many processes there were.
    pub(super) fn count(&self) -> u32 {
        self.next
    }

    /// Forgets every working directory: a directory may have another name now.
    pub(super) fn forget_directories(&mut self) {
        for process in self.processes.values_mut() {
            process.cwd = None;
        }
    }
}
