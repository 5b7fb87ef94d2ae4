//! Traces that other programs have taken, read into records as the tracer makes them.
//!
//! An importer is a function from a trace, [`Options`] and a [`System`] to records in a sink. It knows
//! the form of its trace and nothing of packages. What a foreign trace does
//! not have and this machine's files tell (where links lead, which interpreter a script names) comes
//! in through [`System`]. What cannot be read is reported with its line, and skipped or refused; it
//! is never guessed.

pub mod fsatrace;
mod repeats;
pub mod reprozip;
pub mod strace;
mod teller;
pub mod tracexec;

use repeats::Repeats;

use super::Bytes;
use std::fmt;

/// Answers about this machine's files, for what a foreign trace leaves out.
pub trait System {
    /// The path with links, `.` and `..` resolved; none when there is no such file. `follows` says
    /// whether a link at the end of the path is followed too.
    fn real(&mut self, path: &Bytes, follows: bool) -> Option<Bytes>;

    /// What the kernel opens to run a file: the interpreters of `#!` lines, the outermost script's
    /// first, and the loader of the program that runs in the end.
    fn runs_with(&mut self, path: &Bytes) -> (Vec<Bytes>, Option<Bytes>);

    /// The libraries, links resolved, that the loader puts into the memory of a program before it
    /// begins, started in this directory with these variables (`NAME=value`).
    fn libraries(&mut self, path: &Bytes, cwd: Option<&Bytes>, env: &[Bytes]) -> Vec<Bytes>;
}

/// What a person knows of the run and a foreign trace may not say.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The directory in which the command was started.
    pub cwd: Option<Bytes>,
    /// The home directory of who ran it.
    pub home: Option<Bytes>,
    /// The command and its arguments.
    pub argv: Vec<Bytes>,
}

/// How to read a trace.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// What a person knows of the run.
    pub known: &'a Known,
    /// Whether an entry that cannot be read ends the import.
    pub strict: bool,
}

/// What a foreign trace consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Lines of text.
    Line,
    /// Rows of the table of this name.
    Row(&'static str),
    /// Events of a JSON document.
    Event,
}

/// An entry of a foreign trace that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadEntry {
    /// The file that it is in, if there are several.
    pub file: Option<String>,
    /// What it is.
    pub unit: Unit,
    /// Its number: of a line or an event from 1, of a row its own.
    pub number: u64,
    /// What is wrong with it.
    pub what: String,
    /// How it begins.
    pub text: Bytes,
}

impl fmt::Display for BadEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}: ")?;
        }
        match self.unit {
            Unit::Line => write!(f, "line {}", self.number)?,
            Unit::Row(table) => write!(f, "row {} of {table}", self.number)?,
            Unit::Event => write!(f, "event {}", self.number)?,
        }
        write!(f, ": {}", self.what)?;
        if !self.text.is_empty() {
            write!(f, ": {}", self.text)?;
        }
        Ok(())
    }
}

impl BadEntry {
    /// So much of an entry is shown, in bytes.
    const SHOWN: usize = 60;

    fn new(unit: Unit, number: u64, what: impl Into<String>, text: &[u8]) -> Self {
        Self {
            file: None,
            unit,
            number,
            what: what.into(),
            text: text[..text.len().min(Self::SHOWN)].into(),
        }
    }
}

/// What came of an import.
#[derive(Clone, Debug, Default)]
pub struct Imported {
    /// How many lines, rows or events were read.
    pub entries: u64,
    /// How many of them were skipped because they could not be read.
    pub skipped: u64,
    /// The first of those.
    pub bad: Vec<BadEntry>,
}

impl Imported {
    /// So many bad entries are told one by one.
    const TOLD: usize = 10;

    /// Takes note of an entry that cannot be read.
    ///
    /// # Errors
    /// When none is to be skipped.
    fn refuse(&mut self, bad: BadEntry, options: Options<'_>) -> Result<(), ImportError> {
        if options.strict {
            return Err(ImportError::Entry(bad));
        }
        self.skipped += 1;
        if self.bad.len() < Self::TOLD {
            self.bad.push(bad);
        }
        Ok(())
    }
}

/// Why a trace was not imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It cannot be read.
    #[error("cannot read {file}")]
    Read {
        /// The file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// The result cannot be written.
    #[error("cannot write the trace")]
    Write(#[source] std::io::Error),
    /// An entry cannot be read, and none is to be skipped.
    #[error("{0}")]
    Entry(BadEntry),
    /// The file is not of the kind that it was said to be, or cannot be read as such.
    #[error("{file} is no {kind}: {why}")]
    Other {
        /// The file.
        file: String,
        /// What it was to be.
        kind: &'static str,
        /// What is missing in it, or wrong with it.
        why: String,
    },
}

#[cfg(test)]
mod tests;
