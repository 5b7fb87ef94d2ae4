//! What a call did: the records that it becomes, and what it changed about directories and descriptors.

use super::super::args::Descriptor;
use super::super::call::{Call, Dir, Name, Target};
use super::{File, Refused, Replay};
use crate::trace::{
    Access, Bytes, Contact, ContactAction, Endpoint, GapKind, Micros, Named, Operation, Outcome,
    Record, Sink, dns,
};
use std::io;

impl<S: Sink> Replay<'_, S> {
    pub(super) fn call(
        &mut self,
        pid: u32,
        process: usize,
        at: Micros,
        call: Call,
    ) -> Result<(), Refused> {
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
                self.out.used(access)?;
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
                    let contact = Contact {
                        process: self.processes[process].id,
                        at,
                        action,
                        endpoint,
                        asked: asked.filter(|_| is_resolver),
                        outcome,
                    };
                    self.out.record(at, Record::Contacted(contact))?;
                }
            }
            Call::Answer(dns::Answer { name, addresses }) => {
                let named = Named {
                    process: self.processes[process].id,
                    at,
                    name,
                    addresses,
                };
                self.out.record(at, Record::Named(named))?;
            }
            Call::Ring => {
                let id = self.processes[process].id;
                let detail = "The program set up an io_uring; files that it opens through it are \
                              not seen.";
                self.out.gap(Some(id), GapKind::IoUring, detail)?;
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
                let real = shown.or_else(|| self.out.real(&path, true));
                let file = File {
                    path: Some(real.unwrap_or_else(|| path.clone())),
                    closes_on_exec,
                    ..File::default()
                };
                self.processes[process].files.insert(fd, file);
            }
        }
        if operation == Operation::ChangeDirectory && outcome.is_success() {
            let real = self.out.real(&path, true);
            self.processes[process].cwd = Some(real.unwrap_or(path));
        }
        self.out.named(access)
    }

    fn executed(
        &mut self,
        process: usize,
        at: Micros,
        path: Bytes,
        argv: Option<Vec<Bytes>>,
        env: &[Bytes],
    ) -> io::Result<()> {
        let process = &mut self.processes[process];
        process.files.retain(|_, file| !file.closes_on_exec);
        let (id, cwd) = (process.id, process.cwd.clone());
        self.out.executed(id, at, path, argv, cwd, env)
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

fn join(directory: &Bytes, path: &Bytes) -> Bytes {
    let directory = directory.strip_suffix(b"/").unwrap_or(directory.as_bytes());
    [directory, b"/", path.as_bytes()].concat().into()
}
