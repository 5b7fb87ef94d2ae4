//! Plays the calls of a log again: follows processes and threads, and tells the records that the tracer
//! would have told. What single calls do is in [`calls`].

mod calls;

use super::super::teller::{Beginning, Teller};
use super::super::{Known, System};
use super::args::{call_end, has_flag};
use super::call::{Call, call};
use super::clock::Clock;
use super::line::{Time, result};
use crate::trace::{Bytes, Endpoint, ExitStatus, GapKind, Micros, ProcessId, Sink};
use std::collections::HashMap;
use std::io;

/// What a line of the log tells, taken out of the text.
#[derive(Clone, Debug)]
pub(super) enum Told {
    Call(Box<Call>),
    /// The beginning of a call: its name and first arguments.
    Begun(Box<(Vec<u8>, Vec<u8>)>),
    /// The rest of a call.
    Ended(Box<(Vec<u8>, Vec<u8>)>),
    Exited(i32),
    Killed(i32),
    Superseded(u32),
}

/// Why a line was not taken.
pub(super) enum Refused {
    /// What is wrong with it.
    Line(&'static str),
    /// The result cannot be written.
    Write(io::Error),
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

/// A thread that is traced.
struct Thread {
    process: usize,
    /// The call that it is in: name and first arguments.
    begun: Option<(Vec<u8>, Vec<u8>)>,
}

/// A process (thread group).
struct Process {
    id: ProcessId,
    threads: usize,
    cwd: Option<Bytes>,
    files: HashMap<i32, File>,
}

/// An open descriptor.
#[derive(Clone, Default)]
struct File {
    path: Option<Bytes>,
    protocol: Option<&'static str>,
    bound: Option<Endpoint>,
    /// The DNS server that it was connected to.
    resolver: Option<Endpoint>,
    closes_on_exec: bool,
}

pub(super) struct Replay<'a, S> {
    out: Teller<'a, S>,
    known: &'a Known,
    threads: HashMap<u32, Thread>,
    processes: Vec<Process>,
    clock: Clock,
    /// What later lines tell of who made whom.
    parents: HashMap<u32, u32>,
    begun: bool,
    status: Option<ExitStatus>,
    /// Paths whose directory nothing tells.
    lost: u64,
    cut_arguments: bool,
}

impl<'a, S: Sink> Replay<'a, S> {
    pub(super) fn new(sink: S, known: &'a Known, system: &'a mut dyn System) -> Self {
        Self {
            out: Teller::new(sink, system),
            known,
            threads: HashMap::new(),
            processes: Vec::new(),
            clock: Clock::default(),
            parents: HashMap::new(),
            begun: false,
            status: None,
            lost: 0,
            cut_arguments: false,
        }
    }

    /// Takes note of who made whom, before the lines that say so come.
    pub(super) fn foresee(&mut self, children: Vec<(u32, u32)>) {
        self.parents.extend(children);
    }

    /// Takes the next line. `pid` is 0 in a log without process numbers.
    pub(super) fn take(&mut self, pid: u32, time: Option<Time>, told: Told) -> Result<(), Refused> {
        let at = self.clock.at(time);
        if !self.begun {
            self.begin(&told)?;
        }
        let process = self.process_of(pid, at)?;
        match told {
            Told::Call(call) => self.call(pid, process, at, *call),
            Told::Begun(begun) => {
                if let Some(thread) = self.threads.get_mut(&pid) {
                    thread.begun = Some(*begun);
                }
                Ok(())
            }
            Told::Ended(ended) => self.ended(pid, process, at, *ended),
            Told::Exited(code) => self.exited(pid, at, ExitStatus::Code(code)),
            Told::Killed(signal) => self.exited(pid, at, ExitStatus::Signal(signal)),
            Told::Superseded(by) => {
                // The thread that executed goes on under the number of the process.
                if let Some(thread) = self.threads.remove(&by) {
                    self.processes[process].threads = 1;
                    self.threads.insert(pid, thread);
                }
                Ok(())
            }
        }
    }

    /// Ends the trace; it has a footer if the command was seen to end.
    pub(super) fn finish(mut self) -> io::Result<()> {
        if self.lost > 0 {
            let detail = format!(
                "{} paths are left out: they are relative to a directory that the log does not \
                 tell (strace -y does, and so does --cwd for the first)",
                self.lost
            );
            self.out.gap(None, GapKind::Unreadable, detail)?;
        }
        if self.cut_arguments {
            let detail = "strace has shortened arguments of programs (a larger -s keeps them whole); \
                          what they name is not known";
            self.out.gap(None, GapKind::Unreadable, detail)?;
        }
        match self.status {
            Some(status) => self.out.finish(Some(status)),
            None => self.out.flush(),
        }
    }

    fn begin(&mut self, first: &Told) -> io::Result<()> {
        self.begun = true;
        let mut beginning = Beginning {
            start: self.clock.start(),
            ..Beginning::default()
        };
        if let Told::Call(call) = first
            && let Call::Execute { argv, env, .. } = &**call
        {
            beginning.argv = argv.clone().unwrap_or_default();
            beginning.environment.clone_from(env);
        }
        self.out.begins("strace", self.known, beginning)
    }

    /// The process of a thread. One that is new was made by a call that has not ended yet.
    fn process_of(&mut self, pid: u32, at: Micros) -> io::Result<usize> {
        if let Some(thread) = self.threads.get(&pid) {
            return Ok(thread.process);
        }
        let in_making = |thread: &&Thread| {
            thread
                .begun
                .as_ref()
                .is_some_and(|(name, _)| is_making(name))
        };
        let told = self
            .parents
            .remove(&pid)
            .filter(|it| self.threads.contains_key(it));
        let mut makers = self.threads.iter().filter(|(_, thread)| in_making(thread));
        let maker = told.or_else(|| {
            let first = makers.next().map(|(&pid, _)| pid);
            first.filter(|_| makers.next().is_none())
        });
        let is_thread = maker
            .and_then(|maker| self.threads[&maker].begun.as_ref())
            .is_some_and(|(_, args)| has_flag(args, "CLONE_THREAD"));
        let is_first = self.processes.is_empty();
        let process = self.add(pid, maker, is_thread, at)?;
        if maker.is_none() && !is_first {
            let id = self.processes[process].id;
            let detail = "The log does not tell who made this process.";
            self.out.gap(Some(id), GapKind::LostProcess, detail)?;
        }
        Ok(process)
    }

    /// Adds a thread, and its process if it is the first of one.
    fn add(
        &mut self,
        pid: u32,
        maker: Option<u32>,
        is_thread: bool,
        at: Micros,
    ) -> io::Result<usize> {
        let parent = maker.and_then(|maker| Some(self.threads.get(&maker)?.process));
        let thread = |process| Thread {
            process,
            begun: None,
        };
        if let (Some(parent), true) = (parent, is_thread) {
            self.threads.insert(pid, thread(parent));
            self.processes[parent].threads += 1;
            return Ok(parent);
        }
        let (cwd, files) = match parent {
            Some(parent) => {
                let parent = &self.processes[parent];
                (parent.cwd.clone(), parent.files.clone())
            }
            None => (self.known.cwd.clone(), HashMap::new()),
        };
        let parent = parent.map(|parent| self.processes[parent].id);
        let id = self
            .out
            .started(i32::try_from(pid).unwrap_or(i32::MAX), parent, at)?;
        let process = self.processes.len();
        self.processes.push(Process {
            id,
            threads: 1,
            cwd,
            files,
        });
        self.threads.insert(pid, thread(process));
        Ok(process)
    }

    fn ended(
        &mut self,
        pid: u32,
        process: usize,
        at: Micros,
        (name, rest): (Vec<u8>, Vec<u8>),
    ) -> Result<(), Refused> {
        let begun = self.threads.get_mut(&pid).and_then(|it| it.begun.take());
        let Some((begun, args)) = begun else {
            return Err(Refused::Line("the end of a call that did not begin"));
        };
        if begun != name {
            return Err(Refused::Line(
                "the end of another call than the one that began",
            ));
        }
        let whole = [args.as_slice(), &rest].concat();
        let end = call_end(&whole).map_err(Refused::Line)?;
        let result = result(&whole[end + 1..]).map_err(Refused::Line)?;
        let call = call(&name, &whole[..end], result).map_err(Refused::Line)?;
        self.call(pid, process, at, call)
    }

    fn exited(&mut self, pid: u32, at: Micros, status: ExitStatus) -> Result<(), Refused> {
        let Some(thread) = self.threads.remove(&pid) else {
            return Ok(());
        };
        let process = &mut self.processes[thread.process];
        process.threads = process.threads.saturating_sub(1);
        if process.threads > 0 {
            return Ok(());
        }
        process.files = HashMap::new();
        let id = process.id;
        if thread.process == 0 {
            self.status = Some(status);
        }
        Ok(self.out.exited(id, at, status)?)
    }
}

/// Whether a call makes threads or processes.
pub(super) fn is_making(name: &[u8]) -> bool {
    matches!(name, b"clone" | b"clone2" | b"clone3" | b"fork" | b"vfork")
}
