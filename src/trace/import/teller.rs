//! Tells the records of a foreign trace as the tracer would have told them: numbers processes, asks
//! this machine's files for what the trace leaves out, hides secrets, counts repeats.

use super::{Known, Repeats, System};
use crate::trace::steering::is_steering;
use crate::trace::{
    Access, Bytes, Executed, ExitStatus, Exited, Footer, Gap, GapKind, Header, Micros, ProcessId,
    Record, Sink, Started, secrets,
};
use bstr::ByteSlice;
use std::collections::BTreeMap;
use std::io;

/// Writes the records of one run to a sink, in the order in which it is told of things.
pub(super) struct Teller<'a, S> {
    out: Repeats<S>,
    system: &'a mut dyn System,
    processes: u32,
    end: Micros,
}

/// How a command was started, as far as a foreign trace tells.
#[derive(Default)]
pub(super) struct Beginning {
    pub(super) argv: Vec<Bytes>,
    /// Overrides what a person knows.
    pub(super) cwd: Option<Bytes>,
    /// `NAME=value`, each.
    pub(super) environment: Vec<Bytes>,
    /// Seconds since the epoch.
    pub(super) start: u64,
}

impl<'a, S: Sink> Teller<'a, S> {
    pub(super) fn new(sink: S, system: &'a mut dyn System) -> Self {
        Self {
            out: Repeats::new(sink),
            system,
            processes: 0,
            end: Micros(0),
        }
    }

    /// Tells who took the trace, and of what.
    pub(super) fn begins(
        &mut self,
        engine: &str,
        known: &Known,
        beginning: Beginning,
    ) -> io::Result<()> {
        let mut argv = beginning.argv;
        secrets::redact(&mut argv);
        let names = beginning.environment.iter();
        let names = names.filter_map(|it| it.split(|&byte| byte == b'=').next());
        let mut environment: Vec<Bytes> = names.map(Bytes::from).collect();
        environment.sort();
        let cwd = known.cwd.clone().or(beginning.cwd);
        self.out.record(Record::Header(Header {
            nixtrace: env!("CARGO_PKG_VERSION").to_owned(),
            architecture: std::env::consts::ARCH.to_owned(),
            engine: engine.to_owned(),
            exact: true,
            start: beginning.start,
            argv,
            cwd: cwd.unwrap_or_default(),
            home: known.home.clone(),
            environment,
            ..Header::empty()
        }))
    }

    /// A process came into being; its number.
    pub(super) fn started(
        &mut self,
        pid: i32,
        parent: Option<ProcessId>,
        at: Micros,
    ) -> io::Result<ProcessId> {
        let process = ProcessId(self.processes);
        self.processes = self.processes.saturating_add(1);
        self.record(
            at,
            Record::Started(Started {
                process,
                pid,
                parent,
                at,
            }),
        )?;
        Ok(process)
    }

    /// A process runs another program; `path` is absolute, `env` is `NAME=value`, each.
    pub(super) fn executed(
        &mut self,
        process: ProcessId,
        at: Micros,
        path: Bytes,
        mut argv: Option<Vec<Bytes>>,
        cwd: Option<Bytes>,
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
        let executed = Executed {
            process,
            at,
            real: real.filter(|real| *real != path),
            path: Some(path),
            root: None,
            argv,
            cwd,
            interpreters,
            loader,
            env,
        };
        self.record(at, Record::Executed(executed))
    }

    /// A process named a file. Where its links lead is asked of this machine, unless that is told or the
    /// call failed.
    pub(super) fn named(&mut self, access: Access) -> io::Result<()> {
        self.end = self.end.max(access.at);
        let system = &mut *self.system;
        self.out.access(access, |access| {
            let is_there = access.outcome.is_success();
            let follows = access.operation.follows();
            is_there.then(|| system.real(&access.path, follows))?
        })
    }

    /// A process used an open file, whose path has no links any more.
    pub(super) fn used(&mut self, access: Access) -> io::Result<()> {
        self.end = self.end.max(access.at);
        self.out.access(access, |_| None)
    }

    /// A process ended.
    pub(super) fn exited(
        &mut self,
        process: ProcessId,
        at: Micros,
        status: ExitStatus,
    ) -> io::Result<()> {
        self.record(
            at,
            Record::Exited(Exited {
                process,
                at,
                status,
            }),
        )
    }

    /// Something that the trace does not tell.
    pub(super) fn gap(
        &mut self,
        process: Option<ProcessId>,
        kind: GapKind,
        detail: impl Into<String>,
    ) -> io::Result<()> {
        let at = self.end;
        let detail = detail.into();
        let count = 1;
        self.out.record(Record::Gap(Gap {
            process,
            at,
            kind,
            detail,
            count,
        }))
    }

    /// Any other record.
    pub(super) fn record(&mut self, at: Micros, record: Record) -> io::Result<()> {
        self.end = self.end.max(at);
        self.out.record(record)
    }

    /// Whether a file is a program that this machine would start: one with a loader, and neither a
    /// script nor a library, which may have one, too.
    pub(super) fn is_program(&mut self, path: &Bytes) -> bool {
        let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        let (interpreters, loader) = self.system.runs_with(path);
        !name.contains_str(".so") && interpreters.is_empty() && loader.is_some()
    }

    /// See [`System::runs_with`].
    pub(super) fn runs_with(&mut self, path: &Bytes) -> (Vec<Bytes>, Option<Bytes>) {
        self.system.runs_with(path)
    }

    /// See [`System::libraries`].
    pub(super) fn libraries(
        &mut self,
        path: &Bytes,
        cwd: Option<&Bytes>,
        env: &[Bytes],
    ) -> Vec<Bytes> {
        self.system.libraries(path, cwd, env)
    }

    /// Where a path leads.
    pub(super) fn real(&mut self, path: &Bytes, follows: bool) -> Option<Bytes> {
        self.system.real(path, follows)
    }

    /// Tells what is left to tell of processes that were not seen to end.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.finish()
    }

    /// Ends a trace that is whole, whether or not it tells how the command ended.
    pub(super) fn finish(mut self, status: Option<ExitStatus>) -> io::Result<()> {
        self.flush()?;
        let footer = Footer {
            status,
            duration: self.end,
            processes: u64::from(self.processes),
            accesses: self.out.accesses,
            gaps: self.out.gaps,
        };
        self.out.record(Record::Footer(footer))
    }
}
