//! ReproZip's trace (`.reprozip-trace/trace.sqlite3` of version 1): a database with a row for each
//! process, each program that ran, each file that was opened.
//!
//! Rows are told in the order of their times. A failed call has no row; nor has the loading of a
//! library, which is told where the program that opens it names it among those that it needs.

use super::teller::{Beginning, Teller};
use super::{BadEntry, ImportError, Imported, Options, System, Unit};
use crate::sqlite::{Database, Row, SqliteError};
use crate::trace::{
    Access, Bytes, Contact, ContactAction, Endpoint, ExitStatus, GapKind, Micros, Operation,
    Outcome, ProcessId, Record, Sink,
};
use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;

/// What no trace of ReproZip tells.
const NOT_TOLD: &str = "ReproZip tells nothing of what failed, of the network, of paths relative to an open \
                        directory, nor when processes ended; a library counts as loaded where the program \
                        that opened it names it.";

/// What a row of `opened_files` says (`native/database.h` of ReproZip).
mod mode {
    pub(super) const READ: i64 = 0x01;
    pub(super) const WRITE: i64 = 0x02;
    /// The working directory of a process, at its beginning or from now on.
    pub(super) const WORKING: i64 = 0x04;
    pub(super) const STATUS: i64 = 0x08;
    /// The name itself and not what it leads to.
    pub(super) const LINK: i64 = 0x10;
    /// A socket in the file system.
    pub(super) const SOCKET: i64 = 0x20;
}

/// All rows of a run in their order: kind (a process comes before what it does), id, process,
/// time, then what is particular to a kind.
const ROWS: &str = "\
SELECT 0 AS kind, id, id AS process, timestamp AS time, parent, is_thread, exitcode, NULL, NULL, NULL
  FROM processes WHERE run_id = :run
UNION ALL
SELECT 1, id, process, timestamp, NULL, NULL, NULL, name, mode, is_directory
  FROM opened_files WHERE run_id = :run
UNION ALL
SELECT 2, id, process, timestamp, NULL, argv, envp, name, workingdir, NULL
  FROM executed_files WHERE run_id = :run
ORDER BY time, kind, id";

/// Reads one run of a trace: that of this number, or the only one.
///
/// # Errors
/// When the file is no trace of ReproZip or has several runs and none was chosen, the sink does not
/// take the records, or a row cannot be read and none is to be skipped.
pub fn read<S: Sink>(
    path: &Path,
    run: Option<i64>,
    options: Options<'_>,
    system: &mut dyn System,
    sink: S,
) -> Result<Imported, ImportError> {
    let other = |why: String| ImportError::Other {
        file: path.display().to_string(),
        kind: "trace of ReproZip",
        why,
    };
    let unreadable = |error: SqliteError| other(error.to_string());
    for table in ["processes", "opened_files", "executed_files"] {
        Database::open(path, table).map_err(unreadable)?;
    }
    let database = Database::open(path, "processes").map_err(unreadable)?;
    let runs = runs(&database).map_err(unreadable)?;
    let run = match (run, runs.as_slice()) {
        (Some(run), runs) if runs.contains(&run) => run,
        (None, [run]) => *run,
        (None, []) => return Err(other("it has no process".to_owned())),
        (chosen, runs) => {
            let names: Vec<String> = runs.iter().map(ToString::to_string).collect();
            let what = match chosen {
                Some(run) => format!("it has no run {run}, but"),
                None => "it has several runs:".to_owned(),
            };
            let why = format!("{what} {} (--run says which)", names.join(", "));
            return Err(other(why));
        }
    };
    let mut replay = Replay {
        out: Teller::new(sink, system),
        options,
        begun: None,
        processes: Vec::new(),
        numbers: HashMap::new(),
    };
    replay
        .begin(&database, run)
        .map_err(|failed| match failed {
            Failed::Import(error) => error,
            Failed::Sqlite(error) => unreadable(error),
        })?;
    let mut imported = Imported::default();
    let rows = ROWS.replace(":run", &run.to_string());
    database
        .each::<Failed>(&rows, |row| {
            imported.entries += 1;
            match replay.take(row) {
                Ok(()) => Ok(()),
                Err(Refused::Write(error)) => Err(Failed::Import(ImportError::Write(error))),
                Err(Refused::Row(what)) => {
                    let table = match row.integer(0) {
                        Some(0) => "processes",
                        Some(1) => "opened_files",
                        _ => "executed_files",
                    };
                    let id = row.integer(1).and_then(|id| u64::try_from(id).ok());
                    let text = row.bytes(7).unwrap_or_default();
                    let bad = BadEntry::new(Unit::Row(table), id.unwrap_or(0), what, text);
                    imported.refuse(bad, options).map_err(Failed::Import)
                }
            }
        })
        .map_err(|failed| match failed {
            Failed::Import(error) => error,
            Failed::Sqlite(error) => unreadable(error),
        })?;
    replay.finish().map_err(ImportError::Write)?;
    Ok(imported)
}

/// Why the rows are not read to their end.
enum Failed {
    Import(ImportError),
    Sqlite(SqliteError),
}

impl From<SqliteError> for Failed {
    fn from(error: SqliteError) -> Self {
        Self::Sqlite(error)
    }
}

/// Why a row is not taken.
enum Refused {
    Row(&'static str),
    Write(io::Error),
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

fn runs(database: &Database) -> Result<Vec<i64>, SqliteError> {
    let mut runs = Vec::new();
    let query = "SELECT DISTINCT run_id FROM processes ORDER BY run_id";
    database.each(query, |row| {
        runs.extend(row.integer(0));
        Ok::<_, SqliteError>(())
    })?;
    Ok(runs)
}

/// A process (not a thread).
struct Process {
    id: ProcessId,
    cwd: Option<Bytes>,
    status: Option<ExitStatus>,
    last: Micros,
    /// The name that a link or a rename has read, until the row with its other name comes.
    moved: Option<Bytes>,
    /// What the kernel opened for the program that was executed last: ReproZip has rows of these, too.
    started_with: HashSet<Bytes>,
    /// The libraries that program needs.
    libraries: HashSet<Bytes>,
}

struct Replay<'a, S> {
    out: Teller<'a, S>,
    options: Options<'a>,
    /// When the run began, in nanoseconds.
    begun: Option<i64>,
    processes: Vec<Process>,
    /// The processes behind the ids of processes and threads.
    numbers: HashMap<i64, usize>,
}

impl<S: Sink> Replay<'_, S> {
    fn take(&mut self, row: &Row<'_>) -> Result<(), Refused> {
        let process = row.integer(2).ok_or(Refused::Row("no process"))?;
        let time = row.integer(3).ok_or(Refused::Row("no time"))?;
        let begun = *self.begun.get_or_insert(time);
        let at = Micros(u64::try_from(time.saturating_sub(begun)).unwrap_or(0) / 1000);
        let kind = row.integer(0);
        if kind == Some(0) {
            return self.process(row, process, at);
        }
        let number = *self
            .numbers
            .get(&process)
            .ok_or(Refused::Row("of a process that has no row"))?;
        self.processes[number].last = at;
        let name = row.bytes(7).ok_or(Refused::Row("no name"))?;
        match kind {
            Some(1) => {
                let mode = row.integer(8).ok_or(Refused::Row("no mode"))?;
                let is_directory = row.integer(9) == Some(1);
                self.opened(number, at, name, mode, is_directory)
            }
            _ => self.executed(number, at, name, row),
        }
    }

    fn process(&mut self, row: &Row<'_>, id: i64, at: Micros) -> Result<(), Refused> {
        let parent = match row.integer(4) {
            Some(parent) => Some(
                *self
                    .numbers
                    .get(&parent)
                    .ok_or(Refused::Row("of a parent that has no row before it"))?,
            ),
            None => None,
        };
        if let (Some(parent), Some(1)) = (parent, row.integer(5)) {
            self.numbers.insert(id, parent);
            return Ok(());
        }
        let status = row.integer(6).map(|code| {
            let low = i32::try_from(code & 0xff).unwrap_or(0);
            match code & 0x100 {
                0 => ExitStatus::Code(low),
                _ => ExitStatus::Signal(low),
            }
        });
        let parent_id = parent.map(|parent| self.processes[parent].id);
        // ReproZip has no process ids but its own.
        let pid = i32::try_from(id).unwrap_or(i32::MAX);
        let process = Process {
            id: self.out.started(pid, parent_id, at)?,
            cwd: parent.and_then(|parent| self.processes[parent].cwd.clone()),
            status,
            last: at,
            moved: None,
            started_with: HashSet::new(),
            libraries: parent.map_or_else(HashSet::new, |parent| {
                self.processes[parent].libraries.clone()
            }),
        };
        self.numbers.insert(id, self.processes.len());
        self.processes.push(process);
        Ok(())
    }

    fn begin(&mut self, database: &Database, run: i64) -> Result<(), Failed> {
        let mut beginning = Beginning::default();
        let query = format!(
            "SELECT argv, envp, workingdir FROM executed_files WHERE run_id = {run} \
             ORDER BY timestamp, id LIMIT 1"
        );
        database.each::<Failed>(&query, |row| {
            beginning.argv = row.bytes(0).map(strings).unwrap_or_default();
            beginning.environment = row.bytes(1).map(strings).unwrap_or_default();
            beginning.cwd = row.bytes(2).map(Bytes::from);
            Ok(())
        })?;
        let begins = self.out.begins("reprozip", self.options.known, beginning);
        begins.map_err(|error| Failed::Import(ImportError::Write(error)))
    }

    fn executed(
        &mut self,
        number: usize,
        at: Micros,
        name: &[u8],
        row: &Row<'_>,
    ) -> Result<(), Refused> {
        let cwd = row.bytes(8).map(Bytes::from);
        let path = absolute(name, cwd.as_ref())?;
        let argv = row.bytes(5).map(strings);
        let env = row.bytes(6).map(strings).unwrap_or_default();
        let real = self.out.real(&path, true);
        let (interpreters, loader) = self.out.runs_with(real.as_ref().unwrap_or(&path));
        let program = interpreters.last().cloned();
        let mut started_with: HashSet<Bytes> = HashSet::new();
        for file in interpreters.into_iter().chain(loader) {
            started_with.extend(self.out.real(&file, true));
            started_with.insert(file);
        }
        if program.is_none() {
            started_with.extend(real.clone());
        }
        let program = program.or(real).unwrap_or_else(|| path.clone());
        let libraries = self.out.libraries(&program, cwd.as_ref(), &env);
        let process = &mut self.processes[number];
        process.cwd.clone_from(&cwd);
        process.started_with = started_with;
        process.libraries = libraries.into_iter().collect();
        let id = process.id;
        Ok(self.out.executed(id, at, path, argv, cwd, &env)?)
    }

    fn opened(
        &mut self,
        number: usize,
        at: Micros,
        name: &[u8],
        mode: i64,
        is_directory: bool,
    ) -> Result<(), Refused> {
        let process = &mut self.processes[number];
        let id = process.id;
        if mode & mode::SOCKET != 0 {
            // One without a name is of a pair, or abstract.
            if name.is_empty() {
                return Ok(());
            }
            let path = absolute(name, process.cwd.as_ref())?;
            let contact = Contact {
                process: id,
                at,
                action: ContactAction::Connect,
                endpoint: Endpoint::Unix { path },
                asked: None,
                outcome: Outcome::Success,
            };
            return Ok(self.out.record(at, Record::Contacted(contact))?);
        }
        let path = absolute(name, None)?;
        if mode & mode::WORKING != 0 {
            let before = process.cwd.replace(path.clone());
            return match before {
                Some(before) if before != path => {
                    self.named(id, at, Operation::ChangeDirectory, path, None)
                }
                _ => Ok(()),
            };
        }
        let (reads, writes) = (mode & mode::READ != 0, mode & mode::WRITE != 0);
        if mode & mode::LINK != 0 && reads {
            process.moved = Some(path);
            return Ok(());
        }
        if mode & mode::LINK != 0 && writes {
            // A rename looks the same. That the old name is gone is not told, then.
            let (operation, path, target) = match process.moved.take() {
                Some(from) => (Operation::Link, from, Some(path)),
                None => (Operation::Symlink, path, None),
            };
            return self.named(id, at, operation, path, target);
        }
        let operation = match (reads, writes) {
            _ if mode & mode::STATUS != 0 => Operation::Stat,
            (false, true) if is_directory => Operation::MakeDirectory,
            (true, false) => Operation::Read,
            (false, true) => Operation::Write,
            (true, true) => Operation::ReadWrite,
            (false, false) => return Err(Refused::Row("a mode that is not known")),
        };
        if operation == Operation::Read {
            if process.started_with.contains(&path) {
                return Ok(());
            }
            process.started_with.clear();
        }
        let real = self.out.real(&path, true);
        let is_loaded = operation == Operation::Read
            && real.as_ref().is_some_and(|real| {
                let libraries = &self.processes[number].libraries;
                libraries.contains(real)
            });
        self.named(id, at, operation, path, None)?;
        if let (Some(real), true) = (real, is_loaded) {
            self.named(id, at, Operation::Map, real, None)?;
        }
        Ok(())
    }

    fn named(
        &mut self,
        process: ProcessId,
        at: Micros,
        operation: Operation,
        path: Bytes,
        target: Option<Bytes>,
    ) -> Result<(), Refused> {
        Ok(self.out.named(Access {
            process,
            at,
            operation,
            path,
            real: None,
            root: None,
            target,
            outcome: Outcome::Success,
            count: 1,
        })?)
    }

    fn finish(mut self) -> io::Result<()> {
        self.out.gap(None, GapKind::NotTold, NOT_TOLD)?;
        // Children end before their parents.
        for process in self.processes.iter().rev() {
            if let Some(status) = process.status {
                self.out.exited(process.id, process.last, status)?;
            }
        }
        let status = self.processes.first().and_then(|command| command.status);
        match status {
            Some(status) => self.out.finish(Some(status)),
            // A command without an end was cut short with its trace.
            None => self.out.flush(),
        }
    }
}

/// Strings that end in NUL, each.
fn strings(bytes: &[u8]) -> Vec<Bytes> {
    let words = bytes
        .strip_suffix(b"\0")
        .map(|bytes| bytes.split(|&byte| byte == 0));
    words.into_iter().flatten().map(Bytes::from).collect()
}

/// A path, made absolute where its directory is known.
fn absolute(name: &[u8], directory: Option<&Bytes>) -> Result<Bytes, Refused> {
    match directory {
        _ if name.starts_with(b"/") => Ok(Bytes::from(name)),
        Some(directory) if !name.is_empty() && directory.starts_with(b"/") => {
            Ok([directory.as_bytes(), b"/", name].concat().into())
        }
        _ => Err(Refused::Row("a path that is not absolute")),
    }
}
