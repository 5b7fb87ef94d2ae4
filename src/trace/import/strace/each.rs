//! The files of `strace -ff`, one for each thread, as one log.
//!
//! A file is begun where the call that made its thread ends. With times that can be compared (`-t`,
//! `-tt`, `-ttt`) the lines of all threads that live come in the order of their times; without them
//! a child is read to its end before what its maker did next.

use super::line::Time;
use super::replay::{Refused, Replay, Told};
use super::{BadEntry, ImportError, Imported, LONGEST_LINE, Options, System, Unit, child};
use crate::trace::Sink;
use bstr::ByteSlice;
use bstr::io::BufReadExt;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::PathBuf;

/// Reads the files of `-ff`, by thread number.
///
/// # Errors
/// As [`read`](super::read).
pub fn read_each<S: Sink>(
    files: BTreeMap<u32, PathBuf>,
    options: Options<'_>,
    system: &mut dyn System,
    sink: S,
) -> Result<Imported, ImportError> {
    let mut replay = Replay::new(sink, options.known, system);
    let mut imported = Imported::default();
    let made = children_of(&files)?;
    let roots: Vec<u32> = files
        .keys()
        .copied()
        .filter(|pid| !made.contains(pid))
        .collect();
    let mut left: HashMap<u32, PathBuf> = files.into_iter().collect();
    let mut live: Vec<Reading> = Vec::new();
    // The last is read first where there are no times.
    for root in roots.into_iter().rev() {
        live.extend(open(root, (0, 0), &mut left, options, &mut imported)?);
    }
    while let Some(at) = next(&live) {
        let Reading { pid, clock, .. } = live[at];
        let Some(line) = live[at].advance(options, &mut imported)? else {
            live.remove(at);
            continue;
        };
        let child = child(&line.told);
        match replay.take(pid, line.time, line.told) {
            Ok(()) => {}
            Err(Refused::Line(what)) => {
                let bad = live[at].bad(line.number, what, &line.text);
                imported.refuse(bad, options)?;
            }
            Err(Refused::Write(error)) => return Err(ImportError::Write(error)),
        }
        if let Some(child) = child {
            live.extend(open(child, clock, &mut left, options, &mut imported)?);
        }
    }
    replay.finish().map_err(ImportError::Write)?;
    Ok(imported)
}

/// Which file has the next line: that with the earliest, or the last that was begun where not all of
/// them say.
fn next(live: &[Reading]) -> Option<usize> {
    let last = live.len().checked_sub(1)?;
    let times: Option<Vec<u64>> = live.iter().map(Reading::time).collect();
    // Of those that say the same, the child is first, which its maker may wait for.
    let earliest =
        times.and_then(|times| (0..times.len()).min_by_key(|&at| (times[at], Reverse(at))));
    Some(earliest.unwrap_or(last))
}

/// A line that matters.
struct Held {
    number: u64,
    time: Option<Time>,
    told: Told,
    text: Vec<u8>,
}

/// One of the files, while it is read.
struct Reading {
    pid: u32,
    shown: String,
    lines: BufReader<File>,
    line: u64,
    /// The next line that matters.
    held: Option<Held>,
    /// Where only the time of day is told: the midnights that have passed, in microseconds, and the
    /// last time.
    clock: (u64, u64),
}

impl Reading {
    /// When the next line was written, if that can be compared with others. A file that is at its end
    /// is first, so that it is done with.
    fn time(&self) -> Option<u64> {
        match self.held.as_ref() {
            None => Some(0),
            Some(held) => match held.time? {
                Time::Epoch(micros) => Some(micros),
                Time::OfDay(micros) => Some(self.clock.0 + micros),
                Time::Since(_) => None,
            },
        }
    }

    /// Takes the line that is held, and holds the next one.
    fn advance(
        &mut self,
        options: Options<'_>,
        imported: &mut Imported,
    ) -> Result<Option<Held>, ImportError> {
        const DAY: u64 = 24 * 3600 * 1_000_000;
        let held = self.held.take();
        while let Some(text) = self.read()? {
            imported.entries += 1;
            match super::told(&text) {
                Ok(None) => {}
                Ok(Some((_, time, told))) => {
                    if let Some(Time::OfDay(micros)) = time {
                        if micros + DAY / 2 < self.clock.1 {
                            self.clock.0 += DAY;
                        }
                        self.clock.1 = micros;
                    }
                    let number = self.line;
                    self.held = Some(Held {
                        number,
                        time,
                        told,
                        text,
                    });
                    break;
                }
                Err(what) => {
                    let bad = self.bad(self.line, what, &text);
                    imported.refuse(bad, options)?;
                }
            }
        }
        Ok(held)
    }

    fn read(&mut self) -> Result<Option<Vec<u8>>, ImportError> {
        let mut text = Vec::new();
        let read = io::BufRead::read_until(
            &mut self.lines.by_ref().take(LONGEST_LINE as u64),
            b'\n',
            &mut text,
        );
        self.line += 1;
        match read {
            Ok(0) => Ok(None),
            Ok(_) => Ok(Some(text)),
            Err(source) => Err(ImportError::Read {
                file: self.shown.clone(),
                source,
            }),
        }
    }

    fn bad(&self, number: u64, what: &'static str, text: &[u8]) -> BadEntry {
        BadEntry {
            file: Some(self.shown.clone()),
            ..BadEntry::new(Unit::Line, number, what, text)
        }
    }
}

/// Begins a file, if it is there; `clock` is its maker's.
fn open(
    pid: u32,
    clock: (u64, u64),
    left: &mut HashMap<u32, PathBuf>,
    options: Options<'_>,
    imported: &mut Imported,
) -> Result<Option<Reading>, ImportError> {
    let Some(path) = left.remove(&pid) else {
        return Ok(None);
    };
    let shown = path.display().to_string();
    let lines = File::open(&path).map(BufReader::new);
    let lines = lines.map_err(|source| ImportError::Read {
        file: shown.clone(),
        source,
    })?;
    let mut reading = Reading {
        pid,
        shown,
        lines,
        line: 0,
        held: None,
        clock,
    };
    reading.advance(options, imported)?;
    Ok(Some(reading))
}

/// All threads that another one of the files has made.
fn children_of(files: &BTreeMap<u32, PathBuf>) -> Result<HashSet<u32>, ImportError> {
    let mut children = HashSet::new();
    for path in files.values() {
        let read = File::open(path).and_then(|file| {
            BufReader::new(file).for_byte_line(|line| {
                if (line.contains_str("clone") || line.contains_str("fork"))
                    && let Ok(Some((_, _, told))) = super::told(line)
                {
                    children.extend(child(&told));
                }
                Ok(true)
            })
        });
        read.map_err(|source| ImportError::Read {
            file: path.display().to_string(),
            source,
        })?;
    }
    Ok(children)
}
