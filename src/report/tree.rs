//! The processes of a run as a tree: what each ran, how long it lived, how it ended.

use super::table::cut_end;
use super::words::{command_line, duration, ending};
use crate::graph::chronicle::{Chronicle, Process};
use crate::graph::critical::Critical;
use crate::trace::{Bytes, ExitStatus, ProcessId};
use serde::{Serialize, Serializer};
use std::collections::HashMap;
use std::fmt::Write as _;
use unicode_width::UnicodeWidthStr;

/// One process a line, children below their parent; `width` columns wide at most.
pub fn tree(chronicle: &Chronicle, width: usize) -> String {
    let forest = Forest::of(&chronicle.processes);
    let critical = Critical::of(chronicle);
    let mut text = String::new();
    // What is left to print, the next one last. Processes nest as deep as the trace says, so this
    // does not recurse.
    let mut stack: Vec<(usize, String, Place)> = Vec::new();
    for &root in forest.roots.iter().rev() {
        stack.push((root, String::new(), Place::Root));
    }
    // The lines of a tree that is deeper than a terminal is wide begin in the same column.
    let deepest_indent = width.min(4000) / 3;
    while let Some((number, indent, place)) = stack.pop() {
        let process = &chronicle.processes[number];
        let (branch, below) = match place {
            Place::Root => ("", ""),
            Place::Inner => ("├─ ", "│  "),
            Place::Last => ("└─ ", "   "),
        };
        let mut end = match (process.duration(), process.status) {
            (Some(time), Some(ExitStatus::Code(0))) => duration(time),
            (Some(time), Some(status)) => format!("{}, {}", duration(time), ending(status)),
            _ => "its end was not seen".to_owned(),
        };
        if let Some(part) = part(&critical, process, number) {
            let _ = write!(end, ", {part}");
        }
        let end = format!("({end})");
        let start = format!("{indent}{branch}{}", process.pid);
        let room = width.saturating_sub(start.width() + end.width() + 2);
        let line = format!("{start} {} {end}", cut_end(&what(process), room));
        // Where there is room for nothing else, its end is told as far as it goes.
        let _ = writeln!(text, "{}", cut_end(&line, width));
        let below = if indent.width() < deepest_indent {
            format!("{indent}{below}")
        } else {
            indent
        };
        let children = forest.children.get(&process.id);
        for (place, &child) in children.into_iter().flatten().rev().enumerate() {
            let place = if place == 0 {
                Place::Last
            } else {
                Place::Inner
            };
            stack.push((child, below.clone(), place));
        }
    }
    if chronicle.left_out.processes > 0 {
        let _ = writeln!(
            text,
            "… and {} more processes",
            chronicle.left_out.processes
        );
    }
    text
}

#[derive(Clone, Copy)]
enum Place {
    Root,
    Inner,
    Last,
}

/// What a process has of the critical path, where that is worth a word: it is not all there is, and a
/// hundredth of it or more.
pub(crate) fn part(critical: &Critical, process: &Process, place: usize) -> Option<String> {
    let own = critical.of_process(place);
    let is_worth_it = own.0 > 0 && own.0.saturating_mul(100) >= critical.total().0;
    if !is_worth_it || own == critical.total() {
        return None;
    }
    Some(match process.duration() == Some(own) {
        true => "critical".to_owned(),
        false => format!("{} critical", duration(own)),
    })
}

/// What a process ran, one after the other.
pub(crate) fn what(process: &Process) -> String {
    let ran: Vec<String> = process
        .ran
        .iter()
        .map(|ran| {
            let mut words = match (ran.argv.is_empty(), &ran.path) {
                (false, _) => command_line(&ran.argv),
                (true, Some(path)) => command_line(std::slice::from_ref(path)),
                (true, None) => "a program without a name".to_owned(),
            };
            if ran.more_arguments > 0 {
                let _ = write!(words, " … {} more", ran.more_arguments);
            }
            words
        })
        .collect();
    match ran.as_slice() {
        [] => "goes on with its parent's program".to_owned(),
        // The last one is kept, so what is left out lies before it.
        [first @ .., last] if process.ran_more > 0 => {
            format!(
                "{} → … {} more → {last}",
                first.join(" → "),
                process.ran_more
            )
        }
        ran => ran.join(" → "),
    }
}

/// Who is whose child.
pub(crate) struct Forest {
    /// Processes without a parent that is known.
    pub(crate) roots: Vec<usize>,
    /// The children of each, in the order in which they began.
    pub(crate) children: HashMap<ProcessId, Vec<usize>>,
}

impl Forest {
    pub(crate) fn of(processes: &[Process]) -> Self {
        let places: HashMap<ProcessId, usize> = processes
            .iter()
            .enumerate()
            .map(|(number, process)| (process.id, number))
            .collect();
        let mut forest = Self {
            roots: Vec::new(),
            children: HashMap::new(),
        };
        for (number, process) in processes.iter().enumerate() {
            // A parent begins before its child; a trace that says otherwise could go in a circle.
            let parent = process
                .parent
                .filter(|parent| places.get(parent).is_some_and(|&at| at < number));
            match parent {
                Some(parent) => forest.children.entry(parent).or_default().push(number),
                None => forest.roots.push(number),
            }
        }
        forest
    }
}

/// The same as JSON: the processes in the order in which they began, made while they are written.
pub fn json(chronicle: &Chronicle) -> impl Serialize + '_ {
    let processes = chronicle.processes.iter();
    Told {
        version: 1,
        command: &chronicle.run.header.argv,
        processes: Processes {
            list: &chronicle.processes,
            pids: processes.map(|it| (it.id, it.pid)).collect(),
            critical: Critical::of(chronicle),
        },
        left_out: chronicle.left_out.processes,
    }
}

/// What [`json`] writes.
#[derive(Serialize)]
struct Told<'a> {
    version: u32,
    command: &'a [Bytes],
    processes: Processes<'a>,
    left_out: u64,
}

struct Processes<'a> {
    list: &'a [Process],
    pids: HashMap<ProcessId, i32>,
    critical: Critical,
}

impl Serialize for Processes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let processes = self.list.iter().enumerate();
        serializer.collect_seq(processes.map(|(place, process)| self.json(place, process)))
    }
}

impl Processes<'_> {
    fn json(&self, place: usize, process: &Process) -> serde_json::Value {
        let ran: Vec<serde_json::Value> = process
            .ran
            .iter()
            .map(|ran| {
                serde_json::json!({
                    "at": ran.at,
                    "path": ran.path,
                    "argv": ran.argv,
                    "more_arguments": ran.more_arguments,
                })
            })
            .collect();
        serde_json::json!({
            "process": process.id,
            "pid": process.pid,
            "parent": process.parent,
            "parent_pid": process.parent.and_then(|parent| self.pids.get(&parent)),
            "started": process.started,
            "duration": process.duration(),
            "critical": self.critical.of_process(place),
            "exit": process.status.map(|status| status.shell_code()),
            "ran": ran,
            "more_ran": process.ran_more,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::chronicle::Ran;
    use crate::trace::Micros;

    #[test]
    fn programs_one_after_the_other_are_told_with_the_number_of_those_left_out() {
        let ran = |word: &str| Ran {
            at: Micros(0),
            program: None,
            path: None,
            argv: vec![word.into()],
            more_arguments: 0,
        };
        let mut process = Process {
            id: ProcessId(0),
            pid: 7,
            parent: None,
            started: Micros(0),
            ended: None,
            status: None,
            ran: vec![ran("env"), ran("nice"), ran("app")],
            ran_more: 0,
        };
        assert_eq!(what(&process), "env → nice → app");
        process.ran_more = 2;
        assert_eq!(what(&process), "env → nice → … 2 more → app");
    }
}
