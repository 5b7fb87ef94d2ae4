//! What the verbs that read traces have in common: from files to what their runs did.

use super::{Exit, Failure};
use crate::graph::chronicle::Limits;
use crate::graph::{Builder, Chronicle, Chronicler, Run};
use crate::pipeline::NamedRun;
use crate::trace::merge::CUT_SHORT;
use crate::trace::{Gap, GapKind, Header, Micros, ReadError, Record, Runs};
use serde::Serialize;
use std::collections::HashMap;
use std::io::{self, Write};
use std::path::PathBuf;

/// What was read of a run, with the run's name.
pub(super) struct Named<T> {
    /// The name; no other run of the same reading has it.
    pub(super) name: String,
    /// What was read.
    pub(super) of: T,
}

impl Named<Run> {
    /// The run as the pipeline takes it.
    pub(super) fn borrowed(&self) -> NamedRun<'_> {
        NamedRun {
            name: &self.name,
            run: &self.of,
        }
    }
}

/// Reads traces to what their runs did, with counts and times, sorted by name.
///
/// # Errors
/// When one cannot be read. A trace that was cut short reads to its last whole line, with a gap
/// that says so.
pub(super) fn chronicles(paths: &[PathBuf]) -> Result<Vec<Named<Chronicle>>, Failure> {
    let begin = |header: &Header, runs: usize| {
        let limits = Limits::default().shared_by(runs * paths.len());
        Chronicler::new(header.clone(), limits)
    };
    read(paths, begin, Chronicler::add, Chronicler::finish)
}

/// Reads traces to what the analysis needs of their runs, sorted by name.
///
/// # Errors
/// As [`chronicles`].
pub(super) fn runs(paths: &[PathBuf]) -> Result<Vec<Named<Run>>, Failure> {
    let begin = |header: &Header, _| Builder::new(header.clone());
    read(paths, begin, Builder::add, Builder::finish)
}

/// The run of a name, or all of them without one.
///
/// # Errors
/// When no run has the name.
pub(super) fn select<T>(runs: Vec<Named<T>>, name: Option<&str>) -> Result<Vec<Named<T>>, Failure> {
    let Some(name) = name else { return Ok(runs) };
    let names: Vec<String> = runs.iter().map(|run| run.name.clone()).collect();
    let chosen: Vec<Named<T>> = runs.into_iter().filter(|run| run.name == name).collect();
    if chosen.is_empty() {
        return Err(
            Failure::new(format!("no run of the trace is called `{name}`"))
                .hint(format!("it has {}", names.join(", ")))
                .exit_with(Exit::Usage),
        );
    }
    Ok(chosen)
}

/// An object on a line of its own, with the name of its run where there are several.
pub(super) fn json_line(mut value: serde_json::Value, name: &str, is_several: bool) -> String {
    if let (true, Some(value)) = (is_several, value.as_object_mut()) {
        value.insert("run".to_owned(), name.into());
    }
    format!("{value}\n")
}

/// The same of an object that may be too large to be held, written as it is made.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write_json_line(
    out: &mut dyn Write,
    object: &impl Serialize,
    name: &str,
    is_several: bool,
) -> io::Result<()> {
    #[derive(Serialize)]
    struct Line<'a, T> {
        #[serde(skip_serializing_if = "Option::is_none")]
        run: Option<&'a str>,
        #[serde(flatten)]
        object: &'a T,
    }
    let run = is_several.then_some(name);
    serde_json::to_writer(&mut *out, &Line { run, object })?;
    out.write_all(b"\n")
}

fn read<F, T>(
    paths: &[PathBuf],
    begin: impl Fn(&Header, usize) -> F,
    add: impl Fn(&mut F, &Record),
    finish: impl Fn(F) -> T,
) -> Result<Vec<Named<T>>, Failure> {
    let mut read: Vec<(String, String, T)> = Vec::new();
    for path in paths {
        let mut runs = Runs::open(path).map_err(|error| unreadable(&error))?;
        let scenarios = runs.scenarios();
        let mut folded: Vec<F> = scenarios
            .iter()
            .map(|it| begin(&it.header, scenarios.len()))
            .collect();
        for item in runs.by_ref() {
            let (run, record) = item.map_err(|error| unreadable(&error))?;
            add(&mut folded[run], &record);
        }
        if let Some(run) = runs.cut_short() {
            let gap = Record::Gap(Gap {
                process: None,
                at: Micros(0),
                kind: GapKind::Truncated,
                detail: CUT_SHORT.to_owned(),
                count: 1,
            });
            for folded in &mut folded[run..] {
                add(folded, &gap);
            }
        }
        for (scenario, folded) in runs.scenarios().iter().zip(folded) {
            // The order of the files on the command line must not show in what is written.
            let header = serde_json::to_string(&scenario.header).unwrap_or_default();
            read.push((scenario.name.clone(), header, finish(folded)));
        }
    }
    read.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    let mut taken: HashMap<String, usize> = HashMap::new();
    Ok(read
        .into_iter()
        .map(|(name, _, of)| {
            let times = taken.entry(name.clone()).or_default();
            *times += 1;
            let name = match times {
                1 => name,
                times => format!("{name} #{times}"),
            };
            Named { name, of }
        })
        .collect())
}

fn unreadable(error: &ReadError) -> Failure {
    let failure = Failure::of(error);
    match error {
        ReadError::NoHeader { .. } => failure
            .hint("`nixtrace record -o FILE -- COMMAND` makes a trace, `nixtrace import` turns others into one"),
        _ => failure,
    }
}
