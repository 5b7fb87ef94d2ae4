//! What the verbs that read a trace have in common: from a file to what its run did.

use super::Failure;
use crate::graph::chronicle::Limits;
use crate::graph::{Builder, Chronicle, Chronicler, Run};
use crate::trace::{Gap, GapKind, Header, Micros, ReadError, Reader, Record};
use std::path::Path;

/// Reads a trace to what its run did, with counts and times.
///
/// # Errors
/// When it cannot be read. A trace that was cut short reads to its last whole line, with a gap that
/// says so.
pub(super) fn chronicle(path: &Path) -> Result<Chronicle, Failure> {
    let begin = |header: &Header| Chronicler::new(header.clone(), Limits::default());
    Ok(read(path, begin, Chronicler::add)?.finish())
}

/// Reads a trace to what the analysis needs of its run.
///
/// # Errors
/// As [`chronicle`].
pub(super) fn run(path: &Path) -> Result<Run, Failure> {
    let begin = |header: &Header| Builder::new(header.clone());
    Ok(read(path, begin, Builder::add)?.finish())
}

fn read<T>(
    path: &Path,
    begin: impl FnOnce(&Header) -> T,
    add: impl Fn(&mut T, &Record),
) -> Result<T, Failure> {
    let mut reader = Reader::open(path).map_err(|error| unreadable(&error))?;
    let mut folded = begin(reader.header());
    for record in reader.by_ref() {
        add(&mut folded, &record.map_err(|error| unreadable(&error))?);
    }
    if reader.truncated() {
        let gap = Gap {
            process: None,
            at: Micros(0),
            kind: GapKind::Truncated,
            detail: "the trace was cut short; what came after its last line is not known"
                .to_owned(),
        };
        add(&mut folded, &Record::Gap(gap));
    }
    Ok(folded)
}

fn unreadable(error: &ReadError) -> Failure {
    let failure = Failure::of(error);
    match error {
        ReadError::NoHeader { .. } => {
            failure.hint("`nixtrace record -o FILE -- COMMAND` makes one")
        }
        _ => failure,
    }
}
