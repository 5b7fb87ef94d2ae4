//! One process of a run: when it lived, what it ran, how it ended.

use super::super::program::ProgramId;
use crate::trace::{Bytes, Executed, ExitStatus, Exited, Micros, ProcessId, Started};

/// One process of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number in the trace.
    pub id: ProcessId,
    /// Its process id.
    pub pid: i32,
    /// The process that made it; none for the command.
    pub parent: Option<ProcessId>,
    /// When it began.
    pub started: Micros,
    /// When it ended, if that was seen.
    pub ended: Option<Micros>,
    /// How it ended, if that was seen.
    pub status: Option<ExitStatus>,
    /// What it ran, one after the other; nothing when it went on with its parent's program.
    pub ran: Vec<Ran>,
    /// How often it ran something that is not kept in `ran`.
    pub ran_more: u64,
}

/// A program that a process ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// From when on.
    pub at: Micros,
    /// The program; that on whose behalf it ran, for a launcher or shim.
    pub program: Option<ProgramId>,
    /// The file as asked; none when it could not be read.
    pub path: Option<Bytes>,
    /// The first of its arguments, its name first.
    pub argv: Vec<Bytes>,
    /// How many arguments are left out after them.
    pub more_arguments: usize,
}

/// A process keeps so many of the programs that it ran one after the other.
const RAN: usize = 4;

/// The arguments that are kept of one program, in bytes; a linker can have a megabyte of them.
const ARGUMENT_BYTES: usize = 512;

/// So much is kept of one that does not fit, in bytes.
const CUT_ARGUMENT_BYTES: usize = 100;

impl Process {
    pub(super) fn new(started: &Started) -> Self {
        Self {
            id: started.process,
            pid: started.pid,
            parent: started.parent,
            started: started.at,
            ended: None,
            status: None,
            ran: Vec::new(),
            ran_more: 0,
        }
    }

    pub(super) fn executed(&mut self, executed: &Executed, program: Option<ProgramId>) {
        // The last one is what the process is in the end, so it takes the place of the one before.
        if self.ran.len() == RAN {
            self.ran.pop();
            self.ran_more += 1;
        }
        let argv = executed.argv.as_deref().unwrap_or_default();
        let mut bytes = 0;
        let kept = argv
            .iter()
            .take_while(|word| {
                bytes += word.len() + 1;
                bytes <= ARGUMENT_BYTES
            })
            .count();
        let mut words = argv[..kept].to_vec();
        // Of the first that is too long (a script after `-c`) the beginning says what it is.
        if let Some(long) = argv.get(kept) {
            let length = long.len().min(CUT_ARGUMENT_BYTES);
            let cut = if length < long.len() { "…" } else { "" };
            words.push([&long[..length], cut.as_bytes()].concat().into());
        }
        self.ran.push(Ran {
            at: executed.at,
            program,
            path: executed.path.clone(),
            more_arguments: argv.len() - words.len(),
            argv: words,
        });
    }

    pub(super) fn exited(&mut self, exited: &Exited) {
        self.ended = Some(exited.at);
        self.status = Some(exited.status);
    }

    /// How long it lived, if its end was seen.
    pub fn duration(&self) -> Option<Micros> {
        let ended = self.ended?;
        Some(Micros(ended.0.saturating_sub(self.started.0)))
    }
}
