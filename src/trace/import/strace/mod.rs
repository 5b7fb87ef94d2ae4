//! strace's text: one file for all processes (`-f`), or one for each (`-ff`).
//!
//! [`line`] reads a line, `args` its arguments, `call` what they mean (`table` which calls there are); these look at one line each,
//! so blocks of a log are read side by side. `replay` follows processes and descriptors through the
//! lines in their order.

mod address;
mod args;
mod call;
mod clock;
mod each;
mod line;
mod replay;
mod returned;
mod table;

use super::{BadEntry, ImportError, Imported, Options, System, Unit};
use crate::trace::{Bytes, Sink};
use bstr::ByteSlice;
use crossbeam_channel::{Receiver, Sender, bounded};
pub use each::read_each;
use line::{Event, Line, Time};
use nix::sys::signal::Signal;
use replay::{Refused, Replay, Told, is_making};
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::str::FromStr;
use std::thread;

/// So much of a log is read at a time, in bytes.
const BLOCK: usize = 2 << 20;

/// A line that is longer is no line of strace's.
const LONGEST_LINE: usize = 64 << 20;

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
    replay.finish().map_err(ImportError::Write)?;
    Ok(imported)
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
    let first = imported.entries + 1;
    imported.entries += block.lines;
    replay.foresee(block.children);
    let mut bad = block
        .bad
        .into_iter()
        .map(|(line, what, text)| bad_line(first + line, what, &text))
        .peekable();
    for entry in block.entries {
        let line = first + entry.line;
        while let Some(bad) = bad.next_if(|bad| bad.number < line) {
            imported.refuse(bad, options)?;
        }
        match replay.take(entry.pid, entry.time, entry.told) {
            Ok(()) => {}
            Err(Refused::Line(what)) => imported.refuse(bad_line(line, what, b""), options)?,
            Err(Refused::Write(error)) => return Err(ImportError::Write(error)),
        }
    }
    bad.try_for_each(|bad| imported.refuse(bad, options))
}

/// A line that cannot be read.
fn bad_line(number: u64, what: &'static str, text: &[u8]) -> BadEntry {
    BadEntry::new(Unit::Line, number, what, text)
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
    let Line { pid, time, event } = line::line(text, table::matters)?;
    let told = match event {
        Event::Note | Event::Passed => return Ok(None),
        Event::Call { name, args, result } => match call::call(name, args, result)? {
            call::Call::Nothing => return Ok(None),
            call => Told::Call(Box::new(call)),
        },
        Event::Unfinished { name, .. } | Event::Resumed { name, .. } if !table::matters(name) => {
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

#[cfg(test)]
mod tests;
