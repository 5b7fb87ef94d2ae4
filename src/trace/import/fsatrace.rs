//! The output of fsatrace: a line for each file that a preloaded library saw opened, moved, removed,
//! looked at or touched.
//!
//! There is nothing in it but kinds and paths. Each program begins with a line of its own executable,
//! which looks like any other file that was read: an executable that is read is taken to run, and
//! what follows to be its doing.

use super::teller::{Beginning, Teller};
use super::{BadEntry, ImportError, Imported, Options, System, Unit};
use crate::trace::{Access, Bytes, GapKind, Micros, Operation, Outcome, ProcessId, Sink};
use bstr::ByteSlice;
use bstr::io::BufReadExt;
use std::io::{self, BufRead};

/// What no output of fsatrace tells.
const NOT_TOLD: &str = "fsatrace tells only of files that programs opened through the C library: not \
                        which libraries were loaded, what was looked for in vain, when, by which \
                        process, nor with which arguments and variables.";

/// A line: what was done, with which file, and for a move where it went.
#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    Access(Operation, &'a [u8], Option<&'a [u8]>),
    /// The same with a file whose name fsatrace could not learn.
    Unnamed,
}

/// Reads the output of fsatrace. The command's arguments are those that a person knows, if any.
///
/// # Errors
/// When it cannot be read, the sink does not take the records, or a line cannot be read and none is
/// to be skipped.
pub fn read<S: Sink>(
    name: &str,
    mut text: impl BufRead,
    options: Options<'_>,
    system: &mut dyn System,
    sink: S,
) -> Result<Imported, ImportError> {
    let mut imported = Imported::default();
    let mut replay = Replay {
        out: Teller::new(sink, system),
        command: None,
        process: None,
        started: Vec::new(),
        taken: 0,
        unnamed: 0,
    };
    let mut failed = None;
    let read = text.for_byte_line(|text| {
        imported.entries += 1;
        let told = match line(text) {
            Ok(line) => replay.take(&line, options).map_err(ImportError::Write),
            Err(what) => {
                let bad = BadEntry::new(Unit::Line, imported.entries, what, text);
                imported.refuse(bad, options)
            }
        };
        failed = told.err();
        Ok(failed.is_none())
    });
    read.map_err(|source| ImportError::Read {
        file: name.to_owned(),
        source,
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    if replay.command.is_none() && imported.entries > 0 {
        return Err(ImportError::Other {
            file: name.to_owned(),
            kind: "output of fsatrace that says which program ran",
            why: "no line tells of a file that was read (its options need an `r`)".to_owned(),
        });
    }
    replay.finish(options).map_err(ImportError::Write)?;
    Ok(imported)
}

fn line(text: &[u8]) -> Result<Line<'_>, &'static str> {
    let (kind, rest) = match text {
        [kind, b'|', rest @ ..] => (*kind, rest),
        _ => return Err("no letter and `|` at its beginning"),
    };
    let operation = match kind.to_ascii_lowercase() {
        b'r' => Operation::Read,
        b'w' => Operation::Write,
        b'm' => Operation::Rename,
        b'd' => Operation::Remove,
        b'q' => Operation::Stat,
        b't' => Operation::SetAttributes,
        _ => return Err("a letter that is none of r, w, m, d, q, t"),
    };
    // fsatrace writes so that it does not know a name.
    if kind.is_ascii_uppercase() {
        return Ok(Line::Unnamed);
    }
    let absolute = |path: &[u8]| path.starts_with(b"/");
    if operation != Operation::Rename {
        return match absolute(rest) {
            true => Ok(Line::Access(operation, rest, None)),
            false => Err("a path that is not absolute"),
        };
    }
    // Where it went comes first. Names may have a `|`: then it is not known where the second begins.
    let mut places = rest.find_iter(b"|/");
    match (places.next(), places.next()) {
        (Some(at), None) if absolute(rest) => {
            Ok(Line::Access(operation, &rest[at + 1..], Some(&rest[..at])))
        }
        (Some(_), Some(_)) => Err("a move whose two names cannot be told apart"),
        _ => Err("a move without two absolute paths"),
    }
}

struct Replay<'a, S> {
    out: Teller<'a, S>,
    command: Option<ProcessId>,
    /// Who is taken to do what the next line tells.
    process: Option<ProcessId>,
    /// The executables of the last lines, as long as nothing else came: the last is not told yet, for
    /// what comes next may say that it runs a script.
    started: Vec<Bytes>,
    /// How many programs are taken to have run.
    taken: u64,
    unnamed: u64,
}

impl<S: Sink> Replay<'_, S> {
    fn take(&mut self, line: &Line<'_>, options: Options<'_>) -> io::Result<()> {
        let Line::Access(operation, path, target) = *line else {
            self.unnamed += 1;
            return Ok(());
        };
        let path = Bytes::from(path);
        if operation == Operation::Read && (self.command.is_none() || self.out.is_program(&path)) {
            self.run(None, options)?;
            if self.command.is_none() {
                self.begin(&path, options)?;
            }
            self.started.push(path);
            return Ok(());
        }
        if !self.started.is_empty() {
            let script = Some(&path).filter(|_| operation == Operation::Read);
            let script = script.filter(|path| self.is_script_of_last(path)).cloned();
            self.run(script.as_ref(), options)?;
            self.started.clear();
        }
        // Nothing can be done before a program runs.
        let Some(process) = self.process else {
            return Ok(());
        };
        self.out.used(Access {
            process,
            at: Micros(0),
            operation,
            path,
            real: None,
            root: None,
            target: target.map(Bytes::from),
            outcome: Outcome::Success,
            count: 1,
        })
    }

    /// The first line is the command's own executable.
    fn begin(&mut self, path: &Bytes, options: Options<'_>) -> io::Result<()> {
        let argv = match options.known.argv.as_slice() {
            [] => vec![path.clone()],
            argv => argv.to_vec(),
        };
        let beginning = Beginning {
            argv,
            ..Beginning::default()
        };
        self.out.begins("fsatrace", options.known, beginning)?;
        self.command = Some(self.out.started(1, None, Micros(0))?);
        Ok(())
    }

    /// Whether a file is a script whose `#!` line names the last executable, or the one before it, as
    /// env(1) is that starts the one that is meant.
    fn is_script_of_last(&mut self, path: &Bytes) -> bool {
        let (interpreters, _) = self.out.runs_with(path);
        let named = interpreters.first().and_then(|it| self.out.real(it, true));
        named.is_some_and(|named| self.started.iter().rev().take(2).any(|it| *it == named))
    }

    /// Tells that the last executable ran, if there is one, and which script.
    fn run(&mut self, script: Option<&Bytes>, options: Options<'_>) -> io::Result<()> {
        let Some(path) = self.started.last().cloned() else {
            return Ok(());
        };
        let is_command = self.process.is_none();
        let process = match self.command {
            Some(command) if is_command => command,
            command => {
                self.taken += 1;
                // Processes have no ids in such a trace; they are told apart by their order.
                let number = i32::try_from(self.taken).unwrap_or(i32::MAX);
                let pid = number.saturating_add(1);
                self.out.started(pid, command, Micros(0))?
            }
        };
        self.process = Some(process);
        let path = match options.known.argv.first() {
            Some(name) if is_command => self.as_called(path, name),
            _ => path,
        };
        let argv = match (is_command, script) {
            (true, _) if !options.known.argv.is_empty() => Some(options.known.argv.clone()),
            (_, Some(script)) => Some(vec![path.clone(), script.clone()]),
            _ => None,
        };
        let cwd = options.known.cwd.clone();
        self.out.executed(process, Micros(0), path, argv, cwd, &[])
    }

    /// The name by which the command called its executable, of which there is only the one that links
    /// lead to: `sh` is `dash`.
    fn as_called(&mut self, path: Bytes, name: &Bytes) -> Bytes {
        let directory = path.rsplitn(2, |&byte| byte == b'/').nth(1);
        let last = name.rsplit(|&byte| byte == b'/').next();
        let called = directory
            .zip(last)
            .map(|(directory, last)| Bytes::from([directory, b"/", last].concat()));
        match called {
            Some(called) if self.out.real(&called, true).as_ref() == Some(&path) => called,
            _ => path,
        }
    }

    fn finish(mut self, options: Options<'_>) -> io::Result<()> {
        if self.command.is_none() {
            return Ok(());
        }
        self.run(None, options)?;
        self.out.gap(None, GapKind::NotTold, NOT_TOLD)?;
        if self.taken > 0 {
            let detail = format!(
                "{} executables that were read are taken to have run, by order of the command, with the \
                 script that was read next, and what follows each to be its doing: fsatrace does not \
                 tell.",
                self.taken
            );
            self.out.gap(None, GapKind::LostProcess, detail)?;
        }
        if self.unnamed > 0 {
            let detail = format!("fsatrace could not name {} files.", self.unnamed);
            self.out.gap(None, GapKind::Unreadable, detail)?;
        }
        self.out.finish(None)
    }
}
