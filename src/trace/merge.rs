//! The union of traces: one trace with the runs of all, each under its name.
//!
//! A merged trace is a *set* of runs in a fixed order, so merging is associative and commutative,
//! and a run that is there already is not taken twice. It is made in two passes, one to learn what
//! the runs are and one to write them, so it needs no memory for their records.

use super::{
    ExitStatus, FORMAT_VERSION, Footer, Gap, GapKind, Header, Micros, ProcessId, ReadError, Record,
    Runs, Scenario, Sink, WholeWriter,
};
use crate::atomic::Existing;
use std::io;
use std::path::{Path, PathBuf};

/// A trace to be merged.
#[derive(Clone, Debug)]
pub struct Input {
    /// The file.
    pub path: PathBuf,
    /// The name of its run, if it has only one that has no name of its own.
    pub name: Option<String>,
}

/// What became of a merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Merged {
    /// The runs in the trace that was written.
    pub runs: usize,
    /// The runs that were there twice and are written once.
    pub twice: usize,
}

/// Why traces were not merged.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// One cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// One changed between the two passes.
    #[error("{} changed while it was read", .0.display())]
    Changed(PathBuf),
    /// There are more processes in all than have numbers.
    #[error("the traces have more than {} processes", u32::MAX)]
    TooMany,
    /// The result cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Writes the union of traces. The output may be one of the inputs.
///
/// # Errors
/// See [`MergeError`]; nothing is written then.
pub fn merge(inputs: &[Input], output: &Path, existing: Existing) -> Result<Merged, MergeError> {
    let write_error = |source| MergeError::Write {
        path: output.to_owned(),
        source,
    };
    let mut writer = WholeWriter::create(output, existing).map_err(write_error)?;
    let mut surveys = Vec::new();
    for (number, input) in inputs.iter().enumerate() {
        surveys.extend(survey(number, input)?);
    }
    let found = surveys.len();
    surveys.sort_by(|a, b| a.key().cmp(&b.key()));
    surveys.dedup_by(|a, b| a.key() == b.key());
    let processes = surveys
        .iter()
        .try_fold(0u32, |sum, it| sum.checked_add(it.scenario.processes));
    processes.ok_or(MergeError::TooMany)?;

    let header = Record::Header(header_of(&surveys));
    writer.record(&header).map_err(write_error)?;
    let mut readers: Vec<Option<Position>> = inputs.iter().map(|_| None).collect();
    let mut first = 0;
    for survey in &surveys {
        let input = &inputs[survey.input];
        let place = &mut readers[survey.input];
        let passed = place.as_ref().is_none_or(|it| it.run > survey.run);
        if passed {
            *place = Some(Position::open(input)?);
        }
        if let Some(position) = place {
            position.copy(survey, |mut record| {
                record.renumber(|process| ProcessId(process.0 + first));
                writer.record(&record).map_err(write_error)
            })?;
        }
        first += survey.scenario.processes;
    }
    let footer = Record::Footer(footer_of(&surveys));
    writer.record(&footer).map_err(write_error)?;
    writer.finish().map_err(write_error)?;
    Ok(Merged {
        runs: surveys.len(),
        twice: found - surveys.len(),
    })
}

/// What is known of a run after the first pass.
struct Survey {
    input: usize,
    run: usize,
    scenario: Scenario,
    /// The header as it is written, to sort by.
    header: String,
    /// Of all its records.
    digest: Digest,
    records: u64,
    status: Option<ExitStatus>,
    end: Micros,
    accesses: u64,
    gaps: u64,
    cut_short: bool,
}

impl Survey {
    /// What makes two runs the same, and puts them in order.
    fn key(&self) -> (&str, &str, u128, u64) {
        let name = self.scenario.name.as_str();
        (name, &self.header, self.digest.0, self.records)
    }

    /// What is said at the end of a run that was cut short.
    fn gap(&self) -> Record {
        Record::Gap(Gap {
            process: (self.scenario.processes > 0).then_some(ProcessId(0)),
            at: self.end,
            kind: GapKind::Truncated,
            detail: CUT_SHORT.to_owned(),
            count: 1,
        })
    }

    fn add(&mut self, record: &Record) -> Result<(), MergeError> {
        // A footer is not copied: the exits of the processes tell what it does.
        if let Record::Footer(_) = record {
            return Ok(());
        }
        self.records += 1;
        if let Some(process) = record.process() {
            let next = process.0.checked_add(1).ok_or(MergeError::TooMany)?;
            self.scenario.processes = self.scenario.processes.max(next);
        }
        let at = match record {
            Record::Accessed(it) | Record::Repeated(it) => {
                self.accesses += it.count;
                it.at
            }
            Record::Gap(it) => {
                self.gaps += 1;
                it.at
            }
            Record::Exited(it) => {
                if it.process == ProcessId(0) {
                    self.status = Some(it.status);
                }
                it.at
            }
            Record::Started(it) => it.at,
            Record::Executed(it) => it.at,
            Record::Contacted(it) => it.at,
            Record::Named(it) => it.at,
            Record::Header(_) | Record::Footer(_) => Micros(0),
        };
        self.end = self.end.max(at);
        // Writing to a digest does not fail.
        let _ = serde_json::to_writer(&mut self.digest, record);
        Ok(())
    }
}

/// FNV-1a of 128 bits: the same on every machine, and with one collision in 10^19 pairs of runs that
/// also agree in name, header and number of records.
struct Digest(u128);

impl io::Write for Digest {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
        for &byte in bytes {
            self.0 = (self.0 ^ u128::from(byte)).wrapping_mul(PRIME);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Default for Digest {
    fn default() -> Self {
        Self(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }
}

/// The first pass over one trace.
fn survey(number: usize, input: &Input) -> Result<Vec<Survey>, MergeError> {
    let mut runs = Runs::open(&input.path)?;
    let is_single = runs.scenarios().len() == 1;
    let mut surveys: Vec<Survey> = runs
        .scenarios()
        .iter()
        .enumerate()
        .map(|(run, scenario)| {
            let mut scenario = scenario.clone();
            if let (true, Some(name)) = (is_single, &input.name) {
                scenario.name.clone_from(name);
            }
            // A run of a merged trace says how many numbers it has; another one shows it.
            if scenario.processes == u32::MAX {
                scenario.processes = 0;
            }
            Survey {
                input: number,
                run,
                header: serde_json::to_string(&scenario.header).unwrap_or_default(),
                scenario,
                digest: Digest::default(),
                records: 0,
                status: None,
                end: Micros(0),
                accesses: 0,
                gaps: 0,
                cut_short: false,
            }
        })
        .collect();
    for item in runs.by_ref() {
        let (run, record) = item?;
        surveys[run].add(&record)?;
    }
    if let Some(run) = runs.cut_short() {
        for survey in &mut surveys[run..] {
            survey.cut_short = true;
            survey.add(&survey.gap())?;
        }
    }
    Ok(surveys)
}

/// The second pass over one trace, as far as it has come.
struct Position {
    path: PathBuf,
    runs: Runs,
    /// The run that is read next.
    run: usize,
    /// The first record of that run, which ended the one before.
    held: Option<(usize, Record)>,
}

impl Position {
    fn open(input: &Input) -> Result<Self, MergeError> {
        Ok(Self {
            path: input.path.clone(),
            runs: Runs::open(&input.path)?,
            run: 0,
            held: None,
        })
    }

    fn next(&mut self) -> Result<Option<(usize, Record)>, MergeError> {
        match self.held.take() {
            Some(held) => Ok(Some(held)),
            None => Ok(self.runs.next().transpose()?),
        }
    }

    /// Hands on all records of a run but its footer, which are at or after this position.
    fn copy(
        &mut self,
        survey: &Survey,
        mut write: impl FnMut(Record) -> Result<(), MergeError>,
    ) -> Result<(), MergeError> {
        while let Some((run, record)) = self.next()? {
            if run > survey.run {
                self.held = Some((run, record));
                break;
            }
            if run < survey.run || matches!(record, Record::Footer(_)) {
                continue;
            }
            let is_numbered = record
                .process()
                .is_none_or(|process| process.0 < survey.scenario.processes);
            if !is_numbered {
                return Err(MergeError::Changed(self.path.clone()));
            }
            write(record)?;
        }
        self.run = survey.run + 1;
        if survey.cut_short {
            write(survey.gap())?;
        }
        Ok(())
    }
}

/// What is said of a trace that was cut short.
pub const CUT_SHORT: &str = "the trace was cut short; what came after its last line is not known";

/// The header of a merged trace: that of its first run, with all of them named.
fn header_of(surveys: &[Survey]) -> Header {
    let first = surveys.first().map(|survey| survey.scenario.header.clone());
    Header {
        format: FORMAT_VERSION,
        scenarios: surveys.iter().map(|it| it.scenario.clone()).collect(),
        ..first.unwrap_or_else(Header::empty)
    }
}

/// The footer of all runs together; its status is that of the first that failed.
fn footer_of(surveys: &[Survey]) -> Footer {
    let statuses = || surveys.iter().filter_map(|it| it.status);
    let failed = statuses().find(|status| status.shell_code() != 0);
    Footer {
        status: failed.or_else(|| statuses().next()),
        duration: Micros(surveys.iter().map(|it| it.end.0).sum()),
        processes: surveys
            .iter()
            .map(|it| u64::from(it.scenario.processes))
            .sum(),
        accesses: surveys.iter().map(|it| it.accesses).sum(),
        gaps: surveys.iter().map(|it| it.gaps).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Access, Exited, Operation, Outcome, Started};
    use proptest::prelude::*;

    /// A small run: its processes read files, and it may be cut short.
    #[derive(Clone, Debug)]
    struct Small {
        name: u8,
        reads: Vec<(u32, u8)>,
        is_whole: bool,
    }

    fn small() -> impl Strategy<Value = Small> {
        let reads = prop::collection::vec((0u32..3, 0u8..4), 0..6);
        (0u8..3, reads, any::<bool>()).prop_map(|(name, reads, is_whole)| Small {
            name,
            reads,
            is_whole,
        })
    }

    fn write(small: &Small, path: &Path) {
        let mut trace = WholeWriter::create(path, Existing::Replace).unwrap();
        let mut add = |record| trace.record(&record).unwrap();
        add(Record::Header(Header::for_tests()));
        let at = Micros(0);
        for process in 0..3 {
            add(Record::Started(Started {
                process: ProcessId(process),
                pid: 7,
                parent: (process > 0).then_some(ProcessId(0)),
                at,
            }));
        }
        for (process, file) in &small.reads {
            add(Record::Accessed(Access {
                process: ProcessId(*process),
                at,
                operation: Operation::Read,
                path: format!("/{file}").as_str().into(),
                real: None,
                root: None,
                target: None,
                outcome: Outcome::Success,
                count: 1,
            }));
        }
        if small.is_whole {
            let status = ExitStatus::Code(i32::from(small.name));
            let process = ProcessId(0);
            add(Record::Exited(Exited {
                process,
                at,
                status,
            }));
            add(Record::Footer(Footer {
                status: Some(status),
                duration: at,
                processes: 3,
                accesses: small.reads.len() as u64,
                gaps: 0,
            }));
        }
        trace.finish().unwrap();
    }

    fn merged(inputs: &[Input], output: &Path) -> Vec<u8> {
        merge(inputs, output, Existing::Replace).unwrap();
        std::fs::read(output).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// However traces are put together - in any order, in steps, some of them twice - the bytes are
        /// the same.
        #[test]
        fn merging_is_the_union_of_sets(
            runs in prop::collection::vec(small(), 1..5),
            order in prop::collection::vec((any::<prop::sample::Index>(), 0usize..3), 0..8),
        ) {
            let directory = tempfile::tempdir().unwrap();
            let inputs: Vec<Input> = runs
                .iter()
                .enumerate()
                .map(|(number, run)| {
                    let path = directory.path().join(format!("{number}.jsonl"));
                    write(run, &path);
                    // Two runs may have one name.
                    Input { path, name: Some(run.name.to_string()) }
                })
                .collect();
            let at_once = merged(&inputs, &directory.path().join("at-once.jsonl"));
            // Each step adds one or more to what was merged so far, as one of several files.
            let steps: Vec<std::path::PathBuf> =
                (0..3).map(|step| directory.path().join(format!("step-{step}.jsonl"))).collect();
            let mut groups: [Vec<Input>; 3] = Default::default();
            for (index, group) in &order {
                groups[*group].push(index.get(&inputs).clone());
            }
            // All are there at least once.
            groups[0].extend(inputs.iter().rev().cloned());
            let mut all = Vec::new();
            for (group, step) in groups.iter().zip(&steps) {
                if !group.is_empty() {
                    merged(group, step);
                    all.insert(0, Input { path: step.clone(), name: None });
                }
            }
            let in_steps = merged(&all, &directory.path().join("in-steps.jsonl"));
            prop_assert!(at_once == in_steps);
        }
    }
}
