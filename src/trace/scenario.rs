//! Several runs in one trace: the header names them, and their records follow each other, the
//! processes of all numbered through.
//!
//! [`Runs`] reads any trace run by run, each with processes numbered from 0 as if it were alone; a
//! trace of one run has one, named after its file.

use super::{Header, ProcessId, ReadError, Reader, Record};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// One run of a merged trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// Its name, for a person.
    pub name: String,
    /// How many process numbers it has; those of the next run begin after them.
    pub processes: u32,
    /// The header that its trace had.
    pub header: Header,
}

/// Reads the runs of a trace.
pub struct Runs {
    reader: Reader,
    scenarios: Vec<Scenario>,
    /// The number of each run's first process.
    first: Vec<u32>,
    at: usize,
    is_merged: bool,
}

impl Runs {
    /// Opens a trace.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        Ok(Self::of(Reader::open(path)?, &name_of(path)))
    }

    /// The runs that a reader gives; `name` is that of a run without one.
    pub fn of(reader: Reader, name: &str) -> Self {
        let header = reader.header();
        let is_merged = !header.scenarios.is_empty();
        let scenarios = if is_merged {
            header.scenarios.clone()
        } else {
            vec![Scenario {
                name: name.to_owned(),
                processes: u32::MAX,
                header: header.clone(),
            }]
        };
        let mut next = 0u32;
        let first = scenarios.iter().map(|scenario| {
            let first = next;
            next = next.saturating_add(scenario.processes);
            first
        });
        Self {
            first: first.collect(),
            scenarios,
            reader,
            at: 0,
            is_merged,
        }
    }

    /// The runs, in the order of their records.
    pub fn scenarios(&self) -> &[Scenario] {
        &self.scenarios
    }

    /// The first run that is not whole because the recording was cut short. Known once all records
    /// were read.
    pub fn cut_short(&self) -> Option<usize> {
        self.reader.truncated().then_some(self.at)
    }

    /// The run of a process.
    fn run_of(&self, process: ProcessId) -> usize {
        let after = self.first.partition_point(|&first| first <= process.0);
        after.saturating_sub(1)
    }
}

impl Iterator for Runs {
    /// The number of the run, and its next record.
    type Item = Result<(usize, Record), ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let mut record = match self.reader.next()? {
                Ok(record) => record,
                Err(error) => return Some(Err(error)),
            };
            // The footer of a merged trace is that of all runs together.
            if self.is_merged && matches!(record, Record::Footer(_)) {
                continue;
            }
            // What is said of no process is said of the run that was last at it.
            if let Some(process) = record.process() {
                self.at = self.run_of(process);
            }
            let first = self.first[self.at];
            record.renumber(|process| ProcessId(process.0.saturating_sub(first)));
            return Some(Ok((self.at, record)));
        }
    }
}

impl Record {
    /// The process that the record is about, if it is about one.
    pub fn process(&self) -> Option<ProcessId> {
        match self {
            Self::Header(_) | Self::Footer(_) => None,
            Self::Started(it) => Some(it.process),
            Self::Executed(it) => Some(it.process),
            Self::Accessed(it) | Self::Repeated(it) => Some(it.process),
            Self::Contacted(it) => Some(it.process),
            Self::Named(it) => Some(it.process),
            Self::Exited(it) => Some(it.process),
            Self::Gap(it) => it.process,
        }
    }

    /// Gives every process that the record names another number.
    pub(crate) fn renumber(&mut self, number: impl Fn(ProcessId) -> ProcessId) {
        match self {
            Self::Header(_) | Self::Footer(_) => {}
            Self::Started(it) => {
                it.process = number(it.process);
                it.parent = it.parent.map(number);
            }
            Self::Executed(it) => it.process = number(it.process),
            Self::Accessed(it) | Self::Repeated(it) => it.process = number(it.process),
            Self::Contacted(it) => it.process = number(it.process),
            Self::Named(it) => it.process = number(it.process),
            Self::Exited(it) => it.process = number(it.process),
            Self::Gap(it) => it.process = it.process.map(number),
        }
    }
}

/// The name of a run that is told only by its file: `app` for `traces/app.jsonl.zst`.
pub fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    let name = name.to_string_lossy();
    let name = name.strip_suffix(".zst").unwrap_or(&name);
    let name = name.strip_suffix(".jsonl").unwrap_or(name);
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_named_after_its_file() {
        for (path, name) in [
            ("traces/app.jsonl.zst", "app"),
            ("app.jsonl", "app"),
            ("app", "app"),
        ] {
            assert_eq!(name_of(Path::new(path)), name);
        }
    }
}
