//! Traces that other programs have taken, read into records as the tracer makes them.
//!
//! An importer knows the form of a foreign trace and nothing of packages. What a foreign trace does
//! not have and this machine's files tell (where links lead, which interpreter a script names) comes
//! in through [`System`]. What cannot be read is reported with its line, and skipped or refused; it
//! is never guessed.

mod repeats;
pub mod strace;

pub use repeats::Repeats;

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
}

/// What a person knows of the run and a foreign trace may not say.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The directory in which the command was started.
    pub cwd: Option<Bytes>,
    /// The home directory of who ran it.
    pub home: Option<Bytes>,
}

/// A line that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// The file that it is in, if there are several.
    pub file: Option<String>,
    /// Its number, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub what: &'static str,
    /// How it begins.
    pub text: Bytes,
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}: ")?;
        }
        write!(f, "line {}: {}: {}", self.line, self.what, self.text)
    }
}

impl BadLine {
    /// So much of a line is shown, in bytes.
    const SHOWN: usize = 60;

    pub(crate) fn new(line: u64, what: &'static str, text: &[u8]) -> Self {
        Self {
            file: None,
            line,
            what,
            text: text[..text.len().min(Self::SHOWN)].into(),
        }
    }
}

/// What came of an import.
#[derive(Clone, Debug, Default)]
pub struct Imported {
    /// Lines that were read.
    pub lines: u64,
    /// How many were skipped because they could not be read.
    pub skipped: u64,
    /// The first of those.
    pub bad: Vec<BadLine>,
    /// Where the directory of the start was taken from.
    pub cwd: CwdSource,
}

/// What tells in which directory the command was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CwdSource {
    /// The trace itself, or a person.
    #[default]
    Known,
    /// Nothing does: paths that are relative to it are left out.
    Unknown,
}

impl Imported {
    /// So many bad lines are told one by one.
    const TOLD: usize = 10;

    pub(crate) fn skip(&mut self, bad: BadLine) {
        self.skipped += 1;
        if self.bad.len() < Self::TOLD {
            self.bad.push(bad);
        }
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
    /// A line cannot be read, and none is to be skipped.
    #[error("{0}")]
    Line(BadLine),
    /// The file is not of the kind that it was said to be.
    #[error("{file} is no {kind}: {why}")]
    Other {
        /// The file.
        file: String,
        /// What it was to be.
        kind: &'static str,
        /// What is missing in it.
        why: String,
    },
}
