//! System calls that no table has: they may do anything to any file, and are told as gaps.

use super::Observer;
use crate::trace::{GapKind, ProcessId};
use crate::tracer::abi::{Abi, X32_BIT};
use libc::pid_t;
use std::collections::BTreeMap;

/// How many different numbers of one process are told apart. A program that tries them all is to
/// cost neither memory nor a trace full of them.
const MOST_NUMBERS: usize = 16;

/// A system call by its table and number; none for all further ones of a process.
type Key = Option<(&'static str, u64)>;

/// The unknown calls of the processes that live, with how often each was made again after it was
/// told.
#[derive(Debug, Default)]
pub(super) struct Unknown {
    calls: BTreeMap<(ProcessId, Key), u64>,
}

fn detail(key: Key) -> String {
    match key {
        Some((table, number)) => format!(
            "The program made the system call number {number} ({table}), which this version of \
             nixtrace does not know."
        ),
        None => "The program made further system calls that this version of nixtrace does not \
                 know."
            .to_owned(),
    }
}

impl Observer {
    /// A tracee begins a call that the table does not have.
    pub(super) fn unknown(&mut self, tid: pid_t, table: &'static Abi, number: u64) {
        if table.name == "x86_64" && number & X32_BIT != 0 {
            return self.foreign(tid);
        }
        let Some(process) = self.tasks.process_of(tid).map(|process| process.id) else {
            return;
        };
        let mut key = Some((table.name, number));
        let calls = &mut self.unknown.calls;
        if !calls.contains_key(&(process, key)) {
            let of_process = (process, None)..(ProcessId(process.0 + 1), None);
            if calls.range(of_process).count() >= MOST_NUMBERS {
                key = None;
            }
        }
        match calls.get_mut(&(process, key)) {
            Some(again) => *again += 1,
            None => {
                calls.insert((process, key), 0);
                self.gaps += 1;
                self.write_gap(Some(process), GapKind::UnknownSyscall, detail(key), 1);
            }
        }
    }

    /// A process has ended: tells how often it made its unknown calls again.
    pub(super) fn tell_unknown(&mut self, process: ProcessId) {
        if self.unknown.calls.is_empty() {
            return;
        }
        let mut of_others = self.unknown.calls.split_off(&(process, None));
        let mut later = of_others.split_off(&(ProcessId(process.0 + 1), None));
        self.unknown.calls.append(&mut later);
        for ((_, key), again) in of_others {
            if again > 0 {
                self.write_gap(Some(process), GapKind::UnknownSyscall, detail(key), again);
            }
        }
    }
}
