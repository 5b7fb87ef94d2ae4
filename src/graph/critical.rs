//! The critical path of a run: for each moment, the process that the run's end was waiting for.
//!
//! It is followed backwards from the command's end. A process was busy itself since its last child
//! ended, and before that it waited for that child, and so on inside of it; what ran beside that and
//! ended earlier delayed nothing. So each moment belongs to one process, and a process that is made
//! shorter makes the run shorter by no more than its part.

use super::chronicle::{Chronicle, Process};
use super::program::ProgramId;
use crate::trace::{Micros, ProcessId};
use std::collections::{BTreeMap, HashMap};

/// How much of the critical path each process of a chronicle has.
#[derive(Clone, Debug, Default)]
pub struct Critical {
    /// By the places of the processes.
    own: Vec<Micros>,
    total: Micros,
}

/// What a program has of the critical path, by all of its processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The program.
    pub program: ProgramId,
    /// For how long the run waited for it.
    pub time: Micros,
    /// In how many of its processes.
    pub processes: usize,
}

impl Critical {
    /// The critical path of a run. That of a trace without times has no parts.
    pub fn of(chronicle: &Chronicle) -> Self {
        let processes = &chronicle.processes;
        let own = own_times(processes, chronicle.end);
        let total = Micros(own.iter().map(|time| time.0).sum());
        Self { own, total }
    }

    /// How long the run waited for a process, by its place.
    pub fn of_process(&self, place: usize) -> Micros {
        self.own.get(place).copied().unwrap_or(Micros(0))
    }

    /// The sum of all parts: how long the command ran.
    pub fn total(&self) -> Micros {
        self.total
    }

    /// The parts of the programs, the longest first. What a process does before it runs a program is
    /// its parent's.
    pub fn by_program(&self, chronicle: &Chronicle) -> Vec<Part> {
        let mut running: HashMap<ProcessId, ProgramId> = HashMap::new();
        let mut parts: BTreeMap<ProgramId, Part> = BTreeMap::new();
        for (process, time) in chronicle.processes.iter().zip(&self.own) {
            let own = process.ran.last().and_then(|ran| ran.program);
            let inherited = || running.get(&process.parent?).copied();
            let Some(program) = own.or_else(inherited) else {
                continue;
            };
            running.insert(process.id, program);
            if time.0 > 0 {
                let part = parts.entry(program).or_insert(Part {
                    program,
                    time: Micros(0),
                    processes: 0,
                });
                part.time.0 += time.0;
                part.processes += 1;
            }
        }
        let mut parts: Vec<Part> = parts.into_values().collect();
        parts.sort_by_key(|part| (std::cmp::Reverse(part.time), part.program));
        parts
    }

    /// Each program's part, from 0 to 1, by its number.
    pub fn shares(&self, chronicle: &Chronicle) -> Vec<f64> {
        let mut shares = vec![0.0; chronicle.run.programs.len()];
        for part in self.by_program(chronicle) {
            shares[part.program.0] = part.time.0 as f64 / self.total.0.max(1) as f64;
        }
        shares
    }
}

/// A process while the path goes back through it.
struct Step {
    process: usize,
    /// The path has come to this moment of its life.
    until: u64,
    /// The next of its children, the last to end being the first.
    child: usize,
}

fn own_times(processes: &[Process], end: Micros) -> Vec<Micros> {
    let mut own = vec![Micros(0); processes.len()];
    if processes.is_empty() {
        return own;
    }
    // One whose end was not seen lived to the end.
    let ends: Vec<u64> = processes
        .iter()
        .map(|process| process.ended.unwrap_or(end).0.max(process.started.0))
        .collect();
    let places: HashMap<ProcessId, usize> = processes
        .iter()
        .zip(0..)
        .map(|(it, place)| (it.id, place))
        .collect();
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); processes.len()];
    for (place, process) in processes.iter().enumerate() {
        // A parent comes before its child; what a trace says otherwise could go in a circle.
        let parent = process.parent.and_then(|parent| places.get(&parent));
        if let Some(&parent) = parent.filter(|&&parent| parent < place) {
            children[parent].push(place);
        }
    }
    for list in &mut children {
        list.sort_by_key(|&place| (std::cmp::Reverse(ends[place]), place));
    }
    // The command is the first. Processes nest as deep as the trace says, so this does not recurse.
    let mut path = vec![Step {
        process: 0,
        until: ends[0],
        child: 0,
    }];
    while let Some(step) = path.last_mut() {
        let process = step.process;
        let waited_for = children[process][step.child..]
            .iter()
            .position(|&child| ends[child] <= step.until);
        let Some(skipped) = waited_for else {
            own[process].0 += step.until.saturating_sub(processes[process].started.0);
            path.pop();
            continue;
        };
        let child = children[process][step.child + skipped];
        step.child += skipped + 1;
        own[process].0 += step.until - ends[child];
        step.until = processes[child].started.0.min(step.until);
        path.push(Step {
            process: child,
            until: ends[child],
            child: 0,
        });
    }
    own
}
