//! How often something happened, when, and in which processes.

use crate::trace::{Micros, ProcessId};

/// The processes that a tally names; of further ones it knows only that there are some.
const NAMED: usize = 8;

/// How often something happened, when, and in which processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// How often.
    pub count: u64,
    /// When first.
    pub first: Micros,
    /// When last, as far as the trace tells: of repeats it has only their number.
    pub last: Micros,
    /// The first processes that did, in their order.
    pub processes: Vec<ProcessId>,
    /// Whether there were more processes than those.
    pub more: bool,
    /// Whether all processes that did have failed.
    pub only_failed: bool,
}

/// Names a tally of a [`Chronicler`](super::Chronicler).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TallyId {
    Execution(usize),
    Use(usize),
    Probe(usize),
    Contact(usize),
    Variable(usize),
}

impl Tally {
    pub(super) fn new(at: Micros) -> Self {
        Self {
            count: 0,
            first: at,
            last: at,
            processes: Vec::new(),
            more: false,
            only_failed: true,
        }
    }

    pub(super) fn add(&mut self, process: ProcessId, at: Micros, count: u64) {
        self.count = self.count.saturating_add(count);
        self.first = self.first.min(at);
        self.last = self.last.max(at);
        if !self.processes.contains(&process) {
            if self.processes.len() < NAMED {
                self.processes.push(process);
            } else {
                self.more = true;
            }
        }
    }

    /// Takes in another tally of the same thing.
    pub fn join(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.more |= other.more;
        self.only_failed &= other.only_failed;
        for process in &other.processes {
            if !self.processes.contains(process) {
                self.processes.push(*process);
            }
        }
        self.processes.sort_unstable();
        if self.processes.len() > NAMED {
            self.processes.truncate(NAMED);
            self.more = true;
        }
    }
}
