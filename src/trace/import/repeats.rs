//! Accesses that happen again are counted and told when the process ends or runs another program, as
//! the tracer's recorder does.

use crate::trace::{
    Access, Bytes, Contact, Micros, Named, Operation, Outcome, ProcessId, Record, Sink,
};
use std::collections::{HashMap, HashSet};
use std::io;

/// So many accesses are remembered, of all processes, before all are told and forgotten.
const REMEMBERED: usize = 256 * 1024;

type Key = (Operation, Bytes, Option<Bytes>, Outcome);

#[derive(Default)]
struct Seen {
    accesses: HashMap<Key, (usize, Micros, u64)>,
    contacts: HashSet<Contact>,
    named: HashSet<Named>,
}

/// Writes records to a sink, each different access once.
pub(super) struct Repeats<S> {
    sink: S,
    seen: HashMap<ProcessId, Seen>,
    remembered: usize,
    /// Accesses so far, repeats included.
    pub(super) accesses: u64,
    /// Gaps so far.
    pub(super) gaps: u64,
}

impl<S: Sink> Repeats<S> {
    /// Writes to this sink.
    pub(super) fn new(sink: S) -> Self {
        Self {
            sink,
            seen: HashMap::new(),
            remembered: 0,
            accesses: 0,
            gaps: 0,
        }
    }

    /// Takes the next record; `real` is asked for the access's real path if it is to be written.
    ///
    /// # Errors
    /// When the sink does not take it.
    pub(super) fn access(
        &mut self,
        mut access: Access,
        real: impl FnOnce(&Access) -> Option<Bytes>,
    ) -> io::Result<()> {
        self.accesses += access.count;
        let seen = self.seen.entry(access.process).or_default();
        let order = seen.accesses.len();
        let key = (
            access.operation,
            access.path.clone(),
            access.target.clone(),
            access.outcome,
        );
        let mut is_new = false;
        let (_, _, more) = seen.accesses.entry(key).or_insert_with(|| {
            is_new = true;
            (order, access.at, 0)
        });
        if !is_new {
            *more += access.count;
            return Ok(());
        }
        self.remembered += 1;
        if access.real.is_none() {
            access.real = real(&access);
        }
        access.real = access.real.filter(|real| *real != access.path);
        self.sink.record(&Record::Accessed(access))?;
        if self.remembered >= REMEMBERED {
            let processes: Vec<ProcessId> = self.seen.keys().copied().collect();
            for process in processes {
                self.flush(process)?;
            }
        }
        Ok(())
    }

    /// Takes a record that is no access.
    ///
    /// # Errors
    /// When the sink does not take it.
    pub(super) fn record(&mut self, record: Record) -> io::Result<()> {
        match &record {
            Record::Executed(executed) => self.flush(executed.process)?,
            Record::Exited(exited) => {
                self.flush(exited.process)?;
                self.seen.remove(&exited.process);
            }
            Record::Contacted(contact) => {
                let mut key = contact.clone();
                key.at = Micros(0);
                let seen = self.seen.entry(contact.process).or_default();
                if !seen.contacts.insert(key) {
                    return Ok(());
                }
                self.remembered += 1;
            }
            Record::Named(named) => {
                let mut key = named.clone();
                key.at = Micros(0);
                let seen = self.seen.entry(named.process).or_default();
                if !seen.named.insert(key) {
                    return Ok(());
                }
                self.remembered += 1;
            }
            Record::Gap(_) => self.gaps += 1,
            _ => {}
        }
        self.sink.record(&record)
    }

    /// Tells how often the accesses of a process happened again, and forgets them.
    fn flush(&mut self, process: ProcessId) -> io::Result<()> {
        let Some(seen) = self.seen.get_mut(&process) else {
            return Ok(());
        };
        let seen = std::mem::take(seen);
        self.remembered -= seen.accesses.len() + seen.contacts.len() + seen.named.len();
        let mut repeated: Vec<_> = seen
            .accesses
            .into_iter()
            .filter(|(_, (_, _, more))| *more > 0)
            .collect();
        repeated.sort_unstable_by_key(|(_, (order, ..))| *order);
        for ((operation, path, target, outcome), (_, at, count)) in repeated {
            self.sink.record(&Record::Repeated(Access {
                process,
                at,
                operation,
                path,
                root: None,
                real: None,
                target,
                outcome,
                count,
            }))?;
        }
        Ok(())
    }

    /// Tells all that is left, of processes that were not seen to end.
    ///
    /// # Errors
    /// When the sink does not take it.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        let mut processes: Vec<ProcessId> = self.seen.keys().copied().collect();
        processes.sort_unstable();
        processes.into_iter().try_for_each(|it| self.flush(it))
    }
}
