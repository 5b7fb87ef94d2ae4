//! What the tests ask of a trace.

use nixtrace::trace::{
    Access, Executed, ExitStatus, Footer, Gap, GapKind, Header, Operation, Outcome, ProcessId,
    Reader, Record, Started,
};
use std::collections::BTreeMap;
use std::path::Path;

/// The records of one run.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) records: Vec<Record>,
}

/// An access without who and when.
pub(crate) type Fact = (Operation, String, Outcome);

impl Trace {
    /// Reads a trace file, which must be whole.
    pub(crate) fn read(path: &Path) -> Self {
        let mut reader = Reader::open(path).unwrap();
        let header = Record::Header(reader.header().clone());
        let rest: Result<Vec<_>, _> = reader.by_ref().collect();
        let mut records = vec![header];
        records.extend(rest.unwrap());
        assert!(!reader.truncated(), "{} has no footer", path.display());
        Self { records }
    }

    fn footer(&self) -> &Footer {
        match self.records.last() {
            Some(Record::Footer(footer)) => footer,
            last => panic!("a trace ends with a footer, not with {last:?}"),
        }
    }

    /// How the command ended.
    pub(crate) fn status(&self) -> ExitStatus {
        self.footer().status.unwrap()
    }

    /// How many accesses there were, as the footer counts.
    pub(crate) fn total_accesses(&self) -> u64 {
        self.footer().accesses
    }

    /// The first line.
    pub(crate) fn header(&self) -> &Header {
        match self.records.first() {
            Some(Record::Header(header)) => header,
            other => panic!("a trace begins with {other:?}"),
        }
    }

    /// The engine that the first line names.
    pub(crate) fn engine(&self) -> &str {
        &self.header().engine
    }

    /// How many gaps the last line counts.
    pub(crate) fn told_gaps(&self) -> u64 {
        self.footer().gaps
    }

    /// Whether the command says that all went as it should.
    pub(crate) fn assert_success(&self) {
        assert_eq!(self.status(), ExitStatus::Code(0));
    }

    /// Every access line.
    pub(crate) fn accesses(&self) -> impl Iterator<Item = &Access> {
        self.records.iter().filter_map(|record| match record {
            Record::Accessed(access) => Some(access),
            _ => None,
        })
    }

    /// How often each access below `top` happened.
    pub(crate) fn counts(&self, wanted: impl Fn(&str) -> bool) -> BTreeMap<Fact, u64> {
        let mut counts = BTreeMap::new();
        for record in &self.records {
            if let Record::Accessed(access) | Record::Repeated(access) = record {
                let path = access.path.to_string();
                if wanted(&path) {
                    *counts
                        .entry((access.operation, path, access.outcome))
                        .or_default() += access.count;
                }
            }
        }
        counts
    }

    /// Whether there was such an access.
    pub(crate) fn has(
        &self,
        operation: Operation,
        path: impl AsRef<Path>,
        outcome: Outcome,
    ) -> bool {
        self.accesses().any(|access| {
            access.operation == operation
                && access.path.as_path() == path.as_ref()
                && access.outcome == outcome
        })
    }

    /// Every program that ran.
    pub(crate) fn executed(&self) -> Vec<&Executed> {
        self.records
            .iter()
            .filter_map(|record| match record {
                Record::Executed(executed) => Some(executed),
                _ => None,
            })
            .collect()
    }

    /// How many processes began and ended.
    pub(crate) fn processes(&self) -> (usize, usize) {
        let count =
            |is: fn(&Record) -> bool| self.records.iter().filter(|record| is(record)).count();
        (
            count(|record| matches!(record, Record::Started(_))),
            count(|record| matches!(record, Record::Exited(_))),
        )
    }

    /// What could not be seen.
    pub(crate) fn gaps(&self) -> Vec<&Gap> {
        self.records
            .iter()
            .filter_map(|record| match record {
                Record::Gap(gap) => Some(gap),
                _ => None,
            })
            .collect()
    }

    /// The kinds of what could not be seen.
    pub(crate) fn gap_kinds(&self) -> Vec<GapKind> {
        self.gaps().iter().map(|gap| gap.kind).collect()
    }

    /// Every process that came into being.
    pub(crate) fn started(&self) -> Vec<&Started> {
        self.records
            .iter()
            .filter_map(|record| match record {
                Record::Started(started) => Some(started),
                _ => None,
            })
            .collect()
    }

    /// The processes that made such an access.
    pub(crate) fn who(&self, operation: Operation, path: impl AsRef<Path>) -> Vec<ProcessId> {
        self.accesses()
            .filter(|it| it.operation == operation && it.path.as_path() == path.as_ref())
            .map(|it| it.process)
            .collect()
    }

    /// The error of such an access, if one failed.
    pub(crate) fn failed(&self, operation: Operation, path: impl AsRef<Path>) -> Option<i32> {
        self.accesses().find_map(|it| match it.outcome {
            Outcome::Failure(errno)
                if it.operation == operation && it.path.as_path() == path.as_ref() =>
            {
                Some(errno.0)
            }
            _ => None,
        })
    }
}
