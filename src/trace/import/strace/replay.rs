//! Plays the calls of a log again: follows processes, directories and descriptors, and tells the
//! records that the tracer would have told.

use super::super::{Known, Repeats, System};
use super::args::{Descriptor, has_flag};
use super::call::{Call, Dir, Name, Target, call};
use super::line::{Time, result};
use crate::trace::steering::is_steering;
use crate::trace::{
    Access, Bytes, Contact, ContactAction, Endpoint, Executed, ExitStatus, Exited, Footer, Gap,
    GapKind, Header, Micros, Operation, Outcome, ProcessId, Record, Sink, Started, dns, secrets,
};
use bstr::ByteSlice;
use std::collections::{BTreeMap, HashMap};
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
    out: Repeats<S>,
    system: &'a mut dyn System,
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
            out: Repeats::new(sink),
            system,
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

    /// How many paths were left out because nothing tells their directory.
    pub(super) fn lost(&self) -> u64 {
        self.lost
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
            self.gap(None, GapKind::Unreadable, detail)?;
        }
        if self.cut_arguments {
            let detail = "strace has shortened arguments of programs (-s 4096 keeps them whole); \
                          what they name is not known";
            self.gap(None, GapKind::Unreadable, detail.to_owned())?;
        }
        self.out.finish()?;
        if let Some(status) = self.status {
            let footer = Footer {
                status,
                duration: self.clock.now,
                processes: self.processes.len() as u64,
                accesses: self.out.accesses,
                gaps: self.out.gaps,
            };
            self.out.record(Record::Footer(footer))?;
        }
        Ok(())
    }

    fn begin(&mut self, first: &Told) -> io::Result<()> {
        self.begun = true;
        let mut header = Header {
            nixtrace: env!("CARGO_PKG_VERSION").to_owned(),
            architecture: std::env::consts::ARCH.to_owned(),
            engine: "strace".to_owned(),
            exact: true,
            start: self.clock.epoch.map_or(0, |epoch| epoch / 1_000_000),
            cwd: self.known.cwd.clone().unwrap_or_default(),
            home: self.known.home.clone(),
            ..Header::empty()
        };
        if let Told::Call(call) = first
            && let Call::Execute { argv, env, .. } = &**call
        {
            header.argv = argv.clone().unwrap_or_default();
            secrets::redact(&mut header.argv);
            let names = env
                .iter()
                .filter_map(|it| it.split(|&byte| byte == b'=').next());
            header.environment = names.map(Bytes::from).collect();
            header.environment.sort();
        }
        self.out.record(Record::Header(header))
    }

    fn gap(&mut self, process: Option<ProcessId>, kind: GapKind, detail: String) -> io::Result<()> {
        let at = self.clock.now;
        self.out.record(Record::Gap(Gap {
            process,
            at,
            kind,
            detail,
            count: 1,
        }))
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
            let detail = "The log does not tell who made this process.".to_owned();
            self.gap(Some(id), GapKind::LostProcess, detail)?;
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
        let process = self.processes.len();
        let id = ProcessId(u32::try_from(process).unwrap_or(u32::MAX));
        let (cwd, files) = match parent {
            Some(parent) => {
                let parent = &self.processes[parent];
                (parent.cwd.clone(), parent.files.clone())
            }
            None => (self.known.cwd.clone(), HashMap::new()),
        };
        let parent = parent.map(|parent| self.processes[parent].id);
        self.processes.push(Process {
            id,
            threads: 1,
            cwd,
            files,
        });
        self.threads.insert(pid, thread(process));
        self.out.record(Record::Started(Started {
            process: id,
            pid: i32::try_from(pid).unwrap_or(i32::MAX),
            parent,
            at,
        }))?;
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
        let end = super::args::call_end(&whole).map_err(Refused::Line)?;
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
        self.out.record(Record::Exited(Exited {
            process: id,
            at,
            status,
        }))?;
        Ok(())
    }

    fn call(&mut self, pid: u32, process: usize, at: Micros, call: Call) -> Result<(), Refused> {
        match call {
            Call::Access {
                operation,
                name,
                target,
                outcome,
                opened,
            } => {
                let Some(path) = self.absolute(process, &name) else {
                    return Ok(());
                };
                let target = match target {
                    Some(Target::Name(name)) => match self.absolute(process, &name) {
                        Some(target) => Some(target),
                        None => return Ok(()),
                    },
                    Some(Target::Text(text)) => Some(text),
                    None => None,
                };
                self.accessed(process, at, operation, path, target, outcome, opened)?;
            }
            Call::Descriptor {
                operation,
                fd,
                outcome,
            } => {
                let Some(path) = self.path_of(process, &fd) else {
                    return Ok(());
                };
                if operation == Operation::ChangeDirectory && outcome.is_success() {
                    self.processes[process].cwd = Some(path.clone());
                }
                let access = self.access(process, at, operation, path, None, outcome);
                self.out.access(access, |_| None)?;
            }
            Call::Execute {
                name,
                argv,
                is_cut,
                env,
                outcome,
            } => {
                let Some(path) = self.absolute(process, &name) else {
                    return Ok(());
                };
                if outcome.is_success() {
                    self.cut_arguments |= is_cut;
                    self.executed(process, at, path, argv, &env)?;
                } else {
                    let operation = Operation::Execute;
                    self.accessed(process, at, operation, path, None, outcome, None)?;
                }
            }
            Call::Clone { child, is_thread } => {
                self.parents.remove(&child);
                if !self.threads.contains_key(&child) {
                    self.add(child, Some(pid), is_thread, at)?;
                }
            }
            Call::Duplicate {
                from,
                to,
                closes_on_exec,
            } => {
                let files = &mut self.processes[process].files;
                let file = files.get(&from).cloned().unwrap_or_default();
                files.insert(
                    to,
                    File {
                        closes_on_exec,
                        ..file
                    },
                );
            }
            Call::Close { first, last } => {
                let files = &mut self.processes[process].files;
                if first == last {
                    files.remove(&first);
                } else {
                    files.retain(|fd, _| *fd < first || *fd > last);
                }
            }
            Call::CloseOnExec { fd, closes } => {
                let file = self.processes[process].files.entry(fd).or_default();
                file.closes_on_exec = closes;
            }
            Call::WorkingDirectory(path) => self.processes[process].cwd = Some(path),
            Call::Socket { fd, protocol } => {
                let file = File {
                    protocol,
                    ..File::default()
                };
                self.processes[process].files.insert(fd, file);
            }
            Call::Contact {
                action,
                fd,
                endpoint,
                asked,
                outcome,
            } => {
                let endpoint = endpoint.or_else(|| {
                    let files = &self.processes[process].files;
                    let file = files.get(&fd.number?)?;
                    match action {
                        ContactAction::Listen => file.bound.clone(),
                        _ => file.resolver.clone(),
                    }
                });
                if let Some(mut endpoint) = endpoint {
                    self.complete(process, &fd, &mut endpoint);
                    let is_resolver = matches!(
                        endpoint,
                        Endpoint::Inet {
                            port: dns::PORT,
                            ..
                        }
                    );
                    if let Some(fd) = fd.number {
                        let file = self.processes[process].files.entry(fd).or_default();
                        match action {
                            ContactAction::Bind => file.bound = Some(endpoint.clone()),
                            ContactAction::Connect => {
                                file.resolver = is_resolver.then(|| endpoint.clone());
                            }
                            ContactAction::Listen | ContactAction::Send => {}
                        }
                    }
                    self.out.record(Record::Contacted(Contact {
                        process: self.processes[process].id,
                        at,
                        action,
                        endpoint,
                        asked: asked.filter(|_| is_resolver),
                        outcome,
                    }))?;
                }
            }
            Call::Ring => {
                let id = self.processes[process].id;
                let detail = "The program set up an io_uring; files that it opens through it are \
                              not seen.";
                self.gap(Some(id), GapKind::IoUring, detail.to_owned())?;
            }
            Call::Nothing => {}
        }
        Ok(())
    }

    /// Adds to an address what the socket and the process know of it.
    fn complete(&self, process: usize, fd: &Descriptor, endpoint: &mut Endpoint) {
        let process = &self.processes[process];
        match endpoint {
            Endpoint::Inet { protocol, .. } if protocol.is_none() => {
                let shown = fd.shown.as_deref().unwrap_or_default();
                let file = fd.number.and_then(|fd| process.files.get(&fd));
                *protocol = match shown {
                    _ if shown.starts_with(b"TCP") => Some("tcp".to_owned()),
                    _ if shown.starts_with(b"UDP") => Some("udp".to_owned()),
                    _ => file.and_then(|it| it.protocol).map(str::to_owned),
                };
            }
            Endpoint::Unix { path } if !path.starts_with(b"/") => {
                if let Some(cwd) = &process.cwd {
                    *path = join(cwd, path);
                }
            }
            _ => {}
        }
    }

    fn access(
        &self,
        process: usize,
        at: Micros,
        operation: Operation,
        path: Bytes,
        target: Option<Bytes>,
        outcome: Outcome,
    ) -> Access {
        Access {
            process: self.processes[process].id,
            at,
            operation,
            path,
            root: None,
            real: None,
            target,
            outcome,
            count: 1,
        }
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "the parts of one access, taken apart by its only callers"
    )]
    fn accessed(
        &mut self,
        process: usize,
        at: Micros,
        operation: Operation,
        path: Bytes,
        target: Option<Bytes>,
        outcome: Outcome,
        opened: Option<(Descriptor, bool)>,
    ) -> io::Result<()> {
        let mut access = self.access(process, at, operation, path.clone(), target, outcome);
        if let Some((fd, closes_on_exec)) = opened {
            let shown = fd.path().map(Bytes::from);
            access.real.clone_from(&shown);
            if let Some(fd) = fd.number {
                let real = shown.or_else(|| self.system.real(&path, true));
                let file = File {
                    path: Some(real.unwrap_or_else(|| path.clone())),
                    closes_on_exec,
                    ..File::default()
                };
                self.processes[process].files.insert(fd, file);
            }
        }
        if operation == Operation::ChangeDirectory && outcome.is_success() {
            let real = self.system.real(&path, true);
            self.processes[process].cwd = Some(real.unwrap_or(path));
        }
        let system = &mut *self.system;
        self.out.access(access, |access| {
            let is_there = access.outcome.is_success();
            is_there.then(|| system.real(&access.path, follows(operation)))?
        })
    }

    fn executed(
        &mut self,
        process: usize,
        at: Micros,
        path: Bytes,
        mut argv: Option<Vec<Bytes>>,
        env: &[Bytes],
    ) -> io::Result<()> {
        let real = self.system.real(&path, true);
        let (interpreters, loader) = self.system.runs_with(real.as_ref().unwrap_or(&path));
        if let Some(argv) = &mut argv {
            secrets::redact(argv);
        }
        let env: BTreeMap<String, Bytes> = env
            .iter()
            .filter(|variable| is_steering(variable.as_bytes()))
            .filter_map(|variable| {
                let (name, value) = variable.split_once_str("=")?;
                Some((name.to_str().ok()?.to_owned(), value.into()))
            })
            .collect();
        let process = &mut self.processes[process];
        process.files.retain(|_, file| !file.closes_on_exec);
        let executed = Executed {
            process: process.id,
            at,
            real: real.filter(|real| *real != path),
            path: Some(path),
            root: None,
            argv,
            cwd: process.cwd.clone(),
            interpreters,
            loader,
            env,
        };
        self.out.record(Record::Executed(executed))
    }

    /// The path that a name stands for, with the directory before it; none when nothing tells that.
    fn absolute(&mut self, process: usize, name: &Name) -> Option<Bytes> {
        if let Dir::Working(Some(cwd)) = &name.dir {
            self.processes[process]
                .cwd
                .get_or_insert_with(|| cwd.clone());
        }
        if name.path.starts_with(b"/") {
            return Some(name.path.clone());
        }
        let directory = match &name.dir {
            Dir::Working(Some(cwd)) => Some(cwd.clone()),
            Dir::Working(None) => self.processes[process].cwd.clone(),
            Dir::Open(fd) => self.path_of(process, fd),
        };
        match directory {
            Some(directory) => Some(join(&directory, &name.path)),
            None => {
                self.lost += 1;
                None
            }
        }
    }

    /// What a descriptor is open on, if that is a file.
    fn path_of(&self, process: usize, fd: &Descriptor) -> Option<Bytes> {
        let shown = fd.path().map(Bytes::from);
        shown.or_else(|| self.processes[process].files.get(&fd.number?)?.path.clone())
    }
}

/// Whether a call makes threads or processes.
pub(super) fn is_making(name: &[u8]) -> bool {
    matches!(name, b"clone" | b"clone2" | b"clone3" | b"fork" | b"vfork")
}

fn join(directory: &Bytes, path: &Bytes) -> Bytes {
    let directory = directory.strip_suffix(b"/").unwrap_or(directory.as_bytes());
    [directory, b"/", path.as_bytes()].concat().into()
}

/// Whether a call acts on what a symbolic link at the end of its path leads to.
fn follows(operation: Operation) -> bool {
    !matches!(
        operation,
        Operation::ReadLink
            | Operation::MakeNode
            | Operation::MakeDirectory
            | Operation::Remove
            | Operation::Rename
            | Operation::Link
            | Operation::Symlink
    )
}

/// Turns the times of lines into times since the first. A log without times has 0 everywhere.
#[derive(Default)]
struct Clock {
    first: Option<u64>,
    last: u64,
    now: Micros,
    epoch: Option<u64>,
}

impl Clock {
    fn at(&mut self, time: Option<Time>) -> Micros {
        const DAY: u64 = 24 * 3600 * 1_000_000;
        let absolute = match time {
            None => return self.now,
            Some(Time::Epoch(micros)) => {
                self.epoch.get_or_insert(micros);
                micros
            }
            Some(Time::OfDay(micros)) => {
                // Past midnight the clock begins again.
                let mut absolute = self.last / DAY * DAY + micros;
                if absolute + DAY / 2 < self.last {
                    absolute += DAY;
                }
                absolute
            }
            Some(Time::Since(micros)) => self.last + micros,
        };
        let first = *self.first.get_or_insert(absolute);
        self.last = absolute;
        self.now = self.now.max(Micros(absolute.saturating_sub(first)));
        self.now
    }
}
