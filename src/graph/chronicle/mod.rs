//! What every program of a run did, with counts, times and processes: what tables, chains and
//! pictures of a run are made from.
//!
//! [`Chronicler`] goes along with the [`Builder`], so that a program here is a program there. It
//! keeps one entry for each program and file and one for each process, up to the limits below;
//! what is beyond them is counted, so a trace of any size is read in bounded memory and what is
//! left out can be said.

mod names;
mod process;
mod tally;

pub use names::Names;
pub use process::{Process, Ran};
pub use tally::Tally;

use super::builder::{Builder, GAPS};
use super::classify::tidy;
use super::evidence::{Evidence, Seen};
use super::misses::is_failure;
use super::program::{ProgramId, Run};
use crate::trace::{
    Access, Bytes, Contact, ContactAction, Endpoint, Executed, Exited, Gap, Header, Micros, Named,
    Operation, Outcome, ProcessId, Record, Started,
};
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use tally::TallyId;

/// How much is kept of each kind of thing; further ones are only counted.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Processes.
    pub processes: usize,
    /// Pairs of a program and a file that it used.
    pub uses: usize,
    /// Pairs of a program and a path that it looked for in vain, addresses, their names and variables
    /// likewise.
    pub others: usize,
}

impl Default for Limits {
    /// Some 400 MB at most, with paths of a usual length.
    fn default() -> Self {
        Self {
            processes: 100_000,
            uses: 300_000,
            others: 100_000,
        }
    }
}

impl Limits {
    /// The limits of each of several chronicles that share the memory of one.
    pub fn shared_by(self, chronicles: usize) -> Self {
        let share = |limit: usize| (limit / chronicles.max(1)).max(1000);
        Self {
            processes: share(self.processes),
            uses: share(self.uses),
            others: share(self.others),
        }
    }
}

/// A process remembers no more than this of what it touched, to tell in the end whether it failed.
const PENDING: usize = 1 << 20;

/// What a whole run did.
#[derive(Clone, Debug)]
pub struct Chronicle {
    /// The run as the analysis sees it.
    pub run: Run,
    /// Its processes, in the order in which they began.
    pub processes: Vec<Process>,
    /// Which program ran which.
    pub executions: Vec<Execution>,
    /// Which program used which file.
    pub uses: Vec<FileUse>,
    /// Which program looked for what in vain.
    pub probes: Vec<Probe>,
    /// Which program used which address.
    pub contacts: Vec<Exchange>,
    /// The names of addresses.
    pub names: Names,
    /// The values that search variables had.
    pub variables: Vec<Variable>,
    /// The first of each kind of thing that could not be seen, with its count.
    pub gaps: Vec<(Gap, u64)>,
    /// When the last thing happened.
    pub end: Micros,
    /// What is beyond the [`Limits`].
    pub left_out: LeftOut,
}

/// A program ran another.
#[derive(Clone, Debug)]
pub struct Execution {
    /// Which ran it; none for the command.
    pub by: Option<ProgramId>,
    /// What ran.
    pub program: ProgramId,
    /// How often and when.
    pub tally: Tally,
}

/// A program used a file.
#[derive(Clone, Debug)]
pub struct FileUse {
    /// The program.
    pub program: ProgramId,
    /// The path as asked.
    pub path: Bytes,
    /// The same with links resolved, where that differs.
    pub real: Option<Bytes>,
    /// All that was seen.
    pub seen: Seen,
    /// Whether the program removed the file, or moved it away.
    pub removed: bool,
    /// How often and when.
    pub tally: Tally,
}

impl FileUse {
    /// The file behind the path as asked.
    pub fn file(&self) -> &Bytes {
        self.real.as_ref().unwrap_or(&self.path)
    }
}

/// A program looked for something in vain.
#[derive(Clone, Debug)]
pub struct Probe {
    /// The program.
    pub program: ProgramId,
    /// The path.
    pub path: Bytes,
    /// What it tried.
    pub operation: Operation,
    /// How that failed.
    pub outcome: Outcome,
    /// Whether a version manager's shim tried it, on behalf of the program.
    pub by_shim: bool,
    /// How often and when.
    pub tally: Tally,
}

/// A program used a socket address.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The program, if it is known.
    pub program: Option<ProgramId>,
    /// What it did.
    pub action: ContactAction,
    /// With which address.
    pub endpoint: Endpoint,
    /// The name that was asked for there, in a query of the DNS.
    pub asked: Option<Bytes>,
    /// How that ended.
    pub outcome: Outcome,
    /// How often and when.
    pub tally: Tally,
}

/// A search variable had a value.
#[derive(Clone, Debug)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Bytes,
    /// In how many programs that were started, and when.
    pub tally: Tally,
}

/// How many things are not told one by one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct LeftOut {
    /// Processes.
    pub processes: u64,
    /// Accesses of files.
    pub uses: u64,
    /// Look-ups in vain, contacts, names of addresses, variables and gaps.
    pub others: u64,
}

/// Entries by key, each with a number; no more than a limit.
struct Table<K, V> {
    numbers: HashMap<K, usize>,
    entries: Vec<V>,
    limit: usize,
}

impl<K: Hash + Eq, V> Table<K, V> {
    fn new(limit: usize) -> Self {
        Self {
            numbers: HashMap::new(),
            entries: Vec::new(),
            limit,
        }
    }

    /// The number of a key's entry; none when it is new and there are too many.
    fn number(&mut self, key: K, new: impl FnOnce(&K) -> V) -> Option<usize> {
        if let Some(&number) = self.numbers.get(&key) {
            return Some(number);
        }
        let number = self.entries.len();
        (number < self.limit).then(|| {
            self.entries.push(new(&key));
            self.numbers.insert(key, number);
            number
        })
    }
}

/// What makes two contacts the same: program, action, address, name asked for, outcome.
type ContactKey = (
    Option<ProgramId>,
    ContactAction,
    Endpoint,
    Option<Bytes>,
    Outcome,
);

/// Folds records into a [`Chronicle`].
pub struct Chronicler {
    builder: Builder,
    processes: Table<ProcessId, Process>,
    executions: Table<(Option<ProgramId>, ProgramId), Execution>,
    uses: Table<(ProgramId, Bytes), FileUse>,
    probes: Table<(ProgramId, Bytes, Operation, Outcome, bool), Probe>,
    contacts: Table<ContactKey, Exchange>,
    names: Names,
    variables: Table<(String, Bytes), Variable>,
    gaps: BTreeMap<(crate::trace::GapKind, String), (Gap, u64)>,
    /// What each living process has a part in.
    touched: HashMap<ProcessId, Vec<TallyId>>,
    pending: usize,
    end: Micros,
    left_out: LeftOut,
}

impl Chronicler {
    /// Begins with the trace's header.
    pub fn new(header: Header, limits: Limits) -> Self {
        Self {
            builder: Builder::new(header),
            processes: Table::new(limits.processes),
            executions: Table::new(limits.others),
            uses: Table::new(limits.uses),
            probes: Table::new(limits.others),
            contacts: Table::new(limits.others),
            names: Names::default(),
            variables: Table::new(limits.others),
            gaps: BTreeMap::new(),
            touched: HashMap::new(),
            pending: 0,
            end: Micros(0),
            left_out: LeftOut::default(),
        }
    }

    /// Takes the next record of the trace.
    pub fn add(&mut self, record: &Record) {
        match record {
            Record::Executed(executed) => {
                let by = self.builder.program_of(executed.process);
                self.builder.add(record);
                self.executed(&executed.from_here(), by);
                return;
            }
            Record::Started(started) => self.started(started),
            // The time of a repeated one is that of the first, so how late the others were is not
            // known. What nixtrace has no name for cannot be told from other files.
            Record::Accessed(access) | Record::Repeated(access) => {
                if let Some(access) = access.from_here() {
                    self.accessed(&access);
                }
            }
            Record::Contacted(contact) => self.contacted(contact),
            Record::Named(named) => self.named(named),
            Record::Exited(exited) => self.exited(exited),
            Record::Gap(gap) => {
                let key = (gap.kind, gap.detail.clone());
                if self.gaps.len() < GAPS || self.gaps.contains_key(&key) {
                    self.gaps.entry(key).or_insert_with(|| (gap.clone(), 0)).1 += gap.count;
                } else {
                    self.left_out.others += gap.count;
                }
            }
            Record::Footer(footer) => self.end = self.end.max(footer.duration),
            Record::Header(_) => {}
        }
        self.builder.add(record);
    }

    /// The run as far as it was seen.
    pub fn finish(mut self) -> Chronicle {
        // Of a process that was not seen to end nobody knows that it failed.
        let living: Vec<ProcessId> = self.touched.keys().copied().collect();
        for process in living {
            self.settle(process, false);
        }
        Chronicle {
            run: self.builder.finish(),
            processes: self.processes.entries,
            executions: self.executions.entries,
            uses: self.uses.entries,
            probes: self.probes.entries,
            contacts: self.contacts.entries,
            names: self.names,
            variables: self.variables.entries,
            gaps: self.gaps.into_values().collect(),
            end: self.end,
            left_out: self.left_out,
        }
    }

    fn started(&mut self, started: &Started) {
        self.end = self.end.max(started.at);
        let new = |_: &_| Process::new(started);
        if self.processes.number(started.process, new).is_none() {
            self.left_out.processes += 1;
        }
    }

    fn executed(&mut self, executed: &Executed, by: Option<ProgramId>) {
        let Executed { process, at, .. } = *executed;
        self.end = self.end.max(at);
        let program = self.builder.program_of(process);
        if let Some(&number) = self.processes.numbers.get(&process) {
            self.processes.entries[number].executed(executed, program);
        }
        if let Some(program) = program {
            let number = self
                .executions
                .number((by, program), |&(by, program)| Execution {
                    by,
                    program,
                    tally: Tally::new(at),
                });
            self.count(number.map(TallyId::Execution), process, at, 1);
        }
        for (name, value) in &executed.env {
            let key = (name.clone(), value.clone());
            let number = self.variables.number(key, |(name, value)| Variable {
                name: name.clone(),
                value: value.clone(),
                tally: Tally::new(at),
            });
            self.count(number.map(TallyId::Variable), process, at, 1);
        }
    }

    fn accessed(&mut self, access: &Access) {
        self.end = self.end.max(access.at);
        let Some(program) = self.builder.program_of(access.process) else {
            return;
        };
        let evidence = Evidence::of(access);
        let path = tidy(&access.path);
        if evidence == Evidence::Probed {
            let by_shim = self.builder.runs_shim(access.process);
            let key = (program, path, access.operation, access.outcome, by_shim);
            let number = self.probes.number(key, |(_, path, ..)| Probe {
                program,
                path: path.clone(),
                operation: access.operation,
                outcome: access.outcome,
                by_shim,
                tally: Tally::new(access.at),
            });
            let tally = number.map(TallyId::Probe);
            return self.count(tally, access.process, access.at, access.count);
        }
        let moves = matches!(access.operation, Operation::Rename | Operation::Remove);
        self.used(access, program, path, access.real.as_ref(), evidence, moves);
        if let Some(target) = &access.target
            && matches!(access.operation, Operation::Rename | Operation::Link)
        {
            self.used(access, program, tidy(target), None, evidence, false);
        }
    }

    fn used(
        &mut self,
        access: &Access,
        program: ProgramId,
        path: Bytes,
        real: Option<&Bytes>,
        evidence: Evidence,
        removed: bool,
    ) {
        let number = self.uses.number((program, path), |(_, path)| FileUse {
            program,
            path: path.clone(),
            real: None,
            seen: Seen::default(),
            removed: false,
            tally: Tally::new(access.at),
        });
        if let Some(number) = number {
            let entry = &mut self.uses.entries[number];
            entry.seen.add(evidence);
            // What is made again after it was removed stays.
            if evidence == Evidence::Written {
                entry.removed = removed;
            }
            if entry.real.is_none() {
                entry.real = real.cloned();
            }
        } else {
            self.left_out.uses += access.count;
        }
        let tally = number.map(TallyId::Use);
        if tally.is_some() {
            self.count(tally, access.process, access.at, access.count);
        }
    }

    fn contacted(&mut self, contact: &Contact) {
        self.end = self.end.max(contact.at);
        let program = self.builder.program_of(contact.process);
        let key = (
            program,
            contact.action,
            contact.endpoint.clone(),
            contact.asked.clone(),
            contact.outcome,
        );
        let number = self.contacts.number(key, |_| Exchange {
            program,
            action: contact.action,
            endpoint: contact.endpoint.clone(),
            asked: contact.asked.clone(),
            outcome: contact.outcome,
            tally: Tally::new(contact.at),
        });
        let tally = number.map(TallyId::Contact);
        self.count(tally, contact.process, contact.at, 1);
    }

    fn named(&mut self, named: &Named) {
        self.end = self.end.max(named.at);
        let limit = self.contacts.limit;
        for &address in &named.addresses {
            if !self.names.add(address, &named.name, limit) {
                self.left_out.others += 1;
            }
        }
    }

    /// Counts that a process did something; what has no tally for want of room is only counted.
    fn count(&mut self, id: Option<TallyId>, process: ProcessId, at: Micros, count: u64) {
        let Some(id) = id else {
            self.left_out.others += count;
            return;
        };
        let tally = self.tally(id);
        let is_new = !tally.processes.contains(&process);
        tally.add(process, at, count);
        // Beyond the processes that a tally names it cannot tell a new one from an old one.
        if tally.only_failed && (is_new || tally.more) {
            self.touch(process, id);
        }
    }

    fn exited(&mut self, exited: &Exited) {
        self.end = self.end.max(exited.at);
        if let Some(&number) = self.processes.numbers.get(&exited.process) {
            self.processes.entries[number].exited(exited);
        }
        self.settle(exited.process, is_failure(exited.status));
    }

    /// Remembers that a process has a part in something, until it ends.
    fn touch(&mut self, process: ProcessId, id: TallyId) {
        if self.pending >= PENDING {
            self.tally(id).only_failed = false;
            return;
        }
        self.touched.entry(process).or_default().push(id);
        self.pending += 1;
    }

    /// A process ended: what it touched was not only for those that failed, unless it did.
    fn settle(&mut self, process: ProcessId, failed: bool) {
        let touched = self.touched.remove(&process).unwrap_or_default();
        self.pending -= touched.len();
        if !failed {
            for tally in touched {
                self.tally(tally).only_failed = false;
            }
        }
    }

    fn tally(&mut self, id: TallyId) -> &mut Tally {
        match id {
            TallyId::Execution(number) => &mut self.executions.entries[number].tally,
            TallyId::Use(number) => &mut self.uses.entries[number].tally,
            TallyId::Probe(number) => &mut self.probes.entries[number].tally,
            TallyId::Contact(number) => &mut self.contacts.entries[number].tally,
            TallyId::Variable(number) => &mut self.variables.entries[number].tally,
        }
    }
}

impl Chronicle {
    /// Whether only processes that failed did something, on a path of errors. Where the command
    /// itself failed, what it did itself is no such path but all there was.
    pub fn is_error_path(&self, tally: &Tally) -> bool {
        let command = self.processes.first().map(|process| process.id);
        tally.only_failed && !command.is_some_and(|command| tally.processes.contains(&command))
    }

    /// The names that DNS servers answered with the address of an endpoint; none where one was asked for
    /// a name, which is a server's.
    pub fn names_at(&self, endpoint: &Endpoint, asked: Option<&Bytes>) -> Vec<Bytes> {
        match asked {
            None => self.names.of(endpoint).cloned().collect(),
            Some(_) => Vec::new(),
        }
    }

    /// For each program, how many programs lie between it and the command: 0 for the command.
    pub fn depths(&self) -> Vec<usize> {
        let mut depths: Vec<usize> = Vec::with_capacity(self.run.programs.len());
        for program in &self.run.programs {
            // Who runs a program first came before it.
            let above = program.by.and_then(|by| depths.get(by.0));
            depths.push(above.map_or(0, |above| above + 1));
        }
        depths
    }
}
