//! strace's text: one file for all processes (`-f`), or one for each (`-ff`).
//!
//! [`line`] reads a line, `args` its arguments, `call` what they mean; these look at one line each,
//! so blocks of a log are read side by side. `replay` follows processes and descriptors through the
//! lines in their order.

mod args;
mod call;
mod line;
mod replay;

use super::{BadLine, CwdSource, ImportError, Imported, Known, System};
use crate::trace::{Bytes, Sink};
use bstr::ByteSlice;
use bstr::io::BufReadExt;
use crossbeam_channel::{Receiver, Sender, bounded};
use line::{Event, Line, Time};
use nix::sys::signal::Signal;
use replay::{Refused, Replay, Told, is_making};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::PathBuf;
use std::str::FromStr;
use std::thread;

/// So much of a log is read at a time, in bytes.
const BLOCK: usize = 2 << 20;

/// A line that is longer is no line of strace's.
const LONGEST_LINE: usize = 64 << 20;

/// How to read a log.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// What a person knows of the run.
    pub known: &'a Known,
    /// Whether a line that cannot be read ends the import.
    pub strict: bool,
}

/// One line of a block, as far as it matters.
struct Entry {
    /// Its number in the block, from 0.
    line: u64,
    pid: u32,
    time: Option<Time>,
    told: Told,
}

/// A block of lines, read.
#[derive(Default)]
struct Block {
    lines: u64,
    entries: Vec<Entry>,
    bad: Vec<(u64, &'static str, Vec<u8>)>,
    /// Who made whom, where calls end in this block: child, maker.
    children: Vec<(u32, u32)>,
}

/// Reads a log of one or more processes.
///
/// # Errors
/// When the log cannot be read, the sink does not take the records, or a line cannot be read and
/// none is to be skipped.
pub fn read<S: Sink>(
    name: &str,
    text: impl Read + Send,
    options: Options<'_>,
    system: &mut dyn System,
    sink: S,
) -> Result<Imported, ImportError> {
    let workers = thread::available_parallelism().map_or(1, |cores| cores.get().min(8));
    let mut replay = Replay::new(sink, options.known, system);
    let mut imported = Imported::default();
    thread::scope(|scope| {
        let (text_in, text_out) = bounded::<(u64, Vec<u8>)>(workers);
        let (block_in, block_out) = bounded::<(u64, Block)>(2 * workers);
        let reader = scope.spawn(move || blocks(text, &text_in));
        for _ in 0..workers {
            let (text_out, block_in) = (text_out.clone(), block_in.clone());
            scope.spawn(move || {
                for (number, text) in text_out {
                    if block_in.send((number, block(&text))).is_err() {
                        break;
                    }
                }
            });
        }
        // Only the workers hold these now, so that the end of one side is known to the other.
        drop((text_out, block_in));
        let played = play(block_out, &mut replay, options, &mut imported);
        let read = reader
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the thread that reads it has failed")));
        played?;
        read.map_err(|source| ImportError::Read {
            file: name.to_owned(),
            source,
        })
    })?;
    finish(replay, imported)
}

/// Plays blocks in their order, whatever order they come in.
fn play<S: Sink>(
    blocks: Receiver<(u64, Block)>,
    replay: &mut Replay<'_, S>,
    options: Options<'_>,
    imported: &mut Imported,
) -> Result<(), ImportError> {
    let mut waiting: BTreeMap<u64, Block> = BTreeMap::new();
    let mut next = 0;
    for (number, block) in blocks {
        waiting.insert(number, block);
        while let Some(block) = waiting.remove(&next) {
            next += 1;
            play_block(block, replay, options, imported)?;
        }
    }
    Ok(())
}

fn play_block<S: Sink>(
    block: Block,
    replay: &mut Replay<'_, S>,
    options: Options<'_>,
    imported: &mut Imported,
) -> Result<(), ImportError> {
    let first = imported.lines + 1;
    imported.lines += block.lines;
    replay.foresee(block.children);
    let mut bad = block
        .bad
        .into_iter()
        .map(|(line, what, text)| BadLine::new(first + line, what, &text))
        .peekable();
    for entry in block.entries {
        let line = first + entry.line;
        while let Some(bad) = bad.next_if(|bad| bad.line < line) {
            refuse(bad, options, imported)?;
        }
        match replay.take(entry.pid, entry.time, entry.told) {
            Ok(()) => {}
            Err(Refused::Line(what)) => refuse(BadLine::new(line, what, b""), options, imported)?,
            Err(Refused::Write(error)) => return Err(ImportError::Write(error)),
        }
    }
    bad.try_for_each(|bad| refuse(bad, options, imported))
}

fn refuse(bad: BadLine, options: Options<'_>, imported: &mut Imported) -> Result<(), ImportError> {
    if options.strict {
        return Err(ImportError::Line(bad));
    }
    imported.skip(bad);
    Ok(())
}

fn finish<S: Sink>(replay: Replay<'_, S>, mut imported: Imported) -> Result<Imported, ImportError> {
    if replay.lost() > 0 {
        imported.cwd = CwdSource::Unknown;
    }
    replay.finish().map_err(ImportError::Write)?;
    Ok(imported)
}

/// The directory in which the command was started, if the beginning of a log tells it: `-y` shows it
/// with relative paths, `-v` in the environment.
pub fn start_directory(head: &[u8]) -> Option<Bytes> {
    let shown = |mark: &[u8], end: u8| {
        let text = &head[head.find(mark)? + mark.len()..];
        let path = args::unescaped(&text[..text.find_byte(end)?]).ok()?;
        path.starts_with(b"/").then(|| Bytes::from(path))
    };
    shown(b"AT_FDCWD<", b'>').or_else(|| shown(b"\"PWD=", b'"'))
}

/// Sends the text in blocks of whole lines.
fn blocks(mut text: impl Read, out: &Sender<(u64, Vec<u8>)>) -> io::Result<()> {
    let mut held = Vec::with_capacity(BLOCK + 1);
    let mut number = 0;
    loop {
        let before = held.len();
        let read = text.by_ref().take(BLOCK as u64).read_to_end(&mut held)?;
        let end = match held[before..].rfind_byte(b'\n') {
            Some(end) => before + end + 1,
            None if read == 0 => held.len(),
            None if held.len() > LONGEST_LINE => {
                let what = format!("a line is longer than {LONGEST_LINE} bytes");
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
            None => continue,
        };
        // With room for what is read next, so that it need not be moved.
        let mut rest = Vec::with_capacity(BLOCK + (held.len() - end) + 1);
        rest.extend_from_slice(&held[end..]);
        held.truncate(end);
        let block = std::mem::replace(&mut held, rest);
        // Whoever reads the blocks has met an error of its own when it is gone.
        if !block.is_empty() && out.send((number, block)).is_err() {
            return Ok(());
        }
        number += 1;
        if read == 0 {
            return Ok(());
        }
    }
}

/// Reads a block of lines.
fn block(text: &[u8]) -> Block {
    let mut block = Block::default();
    let mut lines = text;
    while !lines.is_empty() {
        let (line, rest) = match lines.find_byte(b'\n') {
            Some(end) => (&lines[..end], &lines[end + 1..]),
            None => (lines, &lines[lines.len()..]),
        };
        lines = rest;
        let number = block.lines;
        block.lines += 1;
        match told(line) {
            Ok(None) => {}
            Ok(Some((pid, time, told))) => {
                if let Some(child) = child(&told) {
                    block.children.push((child, pid));
                }
                block.entries.push(Entry {
                    line: number,
                    pid,
                    time,
                    told,
                });
            }
            Err(what) => block
                .bad
                .push((number, what, line[..line.len().min(200)].to_vec())),
        }
    }
    block
}

/// Who (0 where the line does not say), when, and what.
type Said = (u32, Option<Time>, Told);

/// What a line tells, if it is something that matters.
fn told(text: &[u8]) -> Result<Option<Said>, &'static str> {
    let Line { pid, time, event } = line::line(text, call::matters)?;
    let told = match event {
        Event::Note | Event::Passed => return Ok(None),
        Event::Call { name, args, result } => match call::call(name, args, result)? {
            call::Call::Nothing => return Ok(None),
            call => Told::Call(Box::new(call)),
        },
        Event::Unfinished { name, .. } | Event::Resumed { name, .. } if !call::matters(name) => {
            return Ok(None);
        }
        Event::Unfinished { name, args } => Told::Begun(Box::new((name.to_vec(), args.to_vec()))),
        Event::Resumed { name, rest } => Told::Ended(Box::new((name.to_vec(), rest.to_vec()))),
        Event::Exited(code) => Told::Exited(code),
        Event::Killed(signal) => {
            let name = signal.to_str().map_err(|_| "a signal that is no name")?;
            Told::Killed(signal_number(name).ok_or("a signal that is not known")?)
        }
        Event::Superseded(by) => Told::Superseded(by),
    };
    Ok(Some((pid.unwrap_or(0), time, told)))
}

fn signal_number(name: &str) -> Option<i32> {
    if let Ok(signal) = Signal::from_str(name) {
        return Some(signal as i32);
    }
    // Real-time signals: `SIGRT_3`, `SIGRTMIN`.
    match name {
        "SIGRTMIN" => Some(32),
        _ => Some(32 + name.strip_prefix("SIGRT_")?.parse::<i32>().ok()?),
    }
}

/// The child that a call has made, when it ends.
fn child(told: &Told) -> Option<u32> {
    match told {
        Told::Call(call) => match **call {
            call::Call::Clone { child, .. } => Some(child),
            _ => None,
        },
        Told::Ended(ended) if is_making(&ended.0) => {
            let result = ended.1.rsplit_str(b"= ").next()?;
            result.to_str().ok()?.trim().parse().ok()
        }
        _ => None,
    }
}

/// Reads the files of `-ff`, one for each thread, by thread number.
///
/// A file is read where the call that made its thread ends, so that a child's records come before
/// what its maker did next.
///
/// # Errors
/// As [`read`].
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
    for root in roots {
        let mut stack = Vec::new();
        stack.extend(open(root, &mut left)?);
        while let Some(reading) = stack.last_mut() {
            let (line, file) = (reading.line + 1, reading.shown.clone());
            let Some(text) = reading.next()? else {
                stack.pop();
                continue;
            };
            let pid = reading.pid;
            imported.lines += 1;
            let bad = |what, text: &[u8]| BadLine {
                file: Some(file),
                ..BadLine::new(line, what, text)
            };
            let (time, told) = match told(&text) {
                Ok(None) => continue,
                Ok(Some((_, time, told))) => (time, told),
                Err(what) => {
                    refuse(bad(what, &text), options, &mut imported)?;
                    continue;
                }
            };
            let child = child(&told);
            match replay.take(pid, time, told) {
                Ok(()) => {}
                Err(Refused::Line(what)) => refuse(bad(what, &text), options, &mut imported)?,
                Err(Refused::Write(error)) => return Err(ImportError::Write(error)),
            }
            if let Some(child) = child {
                stack.extend(open(child, &mut left)?);
            }
        }
    }
    finish(replay, imported)
}

/// One of the files, while it is read.
struct Reading {
    pid: u32,
    shown: String,
    lines: BufReader<File>,
    line: u64,
}

impl Reading {
    fn next(&mut self) -> Result<Option<Vec<u8>>, ImportError> {
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
}

fn open(pid: u32, left: &mut HashMap<u32, PathBuf>) -> Result<Option<Reading>, ImportError> {
    let Some(path) = left.remove(&pid) else {
        return Ok(None);
    };
    let shown = path.display().to_string();
    let lines = File::open(&path).map(BufReader::new);
    let lines = lines.map_err(|source| ImportError::Read {
        file: shown.clone(),
        source,
    })?;
    Ok(Some(Reading {
        pid,
        shown,
        lines,
        line: 0,
    }))
}

/// All threads that another one of the files has made.
fn children_of(files: &BTreeMap<u32, PathBuf>) -> Result<HashSet<u32>, ImportError> {
    let mut children = HashSet::new();
    for path in files.values() {
        let read = File::open(path).and_then(|file| {
            BufReader::new(file).for_byte_line(|line| {
                if (line.contains_str("clone") || line.contains_str("fork"))
                    && let Ok(Some((_, _, told))) = told(line)
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

#[cfg(test)]
mod tests;
