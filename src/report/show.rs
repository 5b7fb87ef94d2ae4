//! What a trace holds, as tables for a person and as JSON for programs.

use super::endpoint::{action, outcome, place};
use super::printable;
use super::table::{Column, cut_end, table, wrapped};
use super::words::{command_line, counted, duration, ending};
use crate::graph::chronicle::{Chronicle, LeftOut};
use crate::graph::classify::Origin;
use crate::graph::critical::Critical;
use crate::graph::inventory::{Class, Inventory, Row, Subject};
use crate::graph::program::ProgramId;
use crate::trace::{Bytes, Gap, Micros, ProcessId};
use serde::{Serialize, Serializer};
use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use unicode_width::UnicodeWidthStr;

/// Which rows to show.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only these classes; all if there are none.
    pub classes: Vec<Class>,
    /// Only what a program of this name used.
    pub by: Option<String>,
    /// Only what has this text in its name.
    pub matching: Option<String>,
    /// Only what is this one's.
    pub origin: Option<Origin>,
    /// Only what no process used but those that failed.
    pub only_failed: bool,
    /// All rows of a class, however many.
    pub all: bool,
}

/// How to lay text out.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// The widest line.
    pub width: usize,
    /// Whether headings stand out by the terminal's means.
    pub bold: bool,
}

/// So many rows of a class are shown before the rest is only counted.
const ROWS: usize = 15;

impl Selection {
    /// Whether rows are chosen one by one, so that what is left out is no answer to the question.
    fn is_narrow(&self) -> bool {
        !self.classes.is_empty()
            || self.by.is_some()
            || self.matching.is_some()
            || self.origin.is_some()
            || self.only_failed
    }

    fn takes(&self, chronicle: &Chronicle, row: &Row) -> bool {
        let has_class = self.classes.is_empty() || self.classes.contains(&row.class);
        let has_program = self.by.as_ref().is_none_or(|name| {
            row.by
                .iter()
                .any(|&id| is_called(chronicle, id, name.as_str()))
        });
        let has_text = self
            .matching
            .as_ref()
            .is_none_or(|text| name(chronicle, row).contains(text.as_str()));
        let has_origin = self.origin.is_none_or(
            |origin| matches!(row.subject, Subject::File { origin: own, .. } if own == origin),
        );
        has_class
            && has_program
            && has_text
            && has_origin
            && (!self.only_failed || chronicle.is_error_path(&row.tally))
    }
}

/// Whether a program is called so: by its path, its script's, or the last component of one.
fn is_called(chronicle: &Chronicle, id: ProgramId, name: &str) -> bool {
    let program = &chronicle.run.programs[id.0];
    let shown = chronicle.run.program_shown(id);
    shown == name
        || program.name() == name
        || program.shown().ends_with(format!("/{name}").as_bytes())
}

/// What the trace holds, as text that ends in a newline.
pub fn show(
    chronicle: &Chronicle,
    inventory: &Inventory,
    selection: &Selection,
    layout: Layout,
) -> String {
    let mut text = String::new();
    if !selection.is_narrow() {
        text.push_str(&headline(chronicle, layout));
        critical(&mut text, chronicle, selection, layout);
    }
    for class in Class::ALL {
        let rows: Vec<&Row> = inventory
            .rows
            .iter()
            .filter(|row| row.class == class && selection.takes(chronicle, row))
            .collect();
        if rows.is_empty() {
            continue;
        }
        // What was only looked at explains little, and there is much of it.
        let most = match class {
            _ if selection.all || !selection.classes.is_empty() => usize::MAX,
            Class::LookedAt => 0,
            _ => ROWS,
        };
        let shown = &rows[..rows.len().min(most)];
        let title = title(class);
        let rest = match shown.len() {
            some if some == rows.len() => String::new(),
            0 => format!("; shown with --class {}", class_word(class)),
            some => format!(", {some} shown; all with --class {}", class_word(class)),
        };
        section(
            &mut text,
            layout,
            &format!("{title} ({}{rest})", rows.len()),
        );
        let cells: Vec<Vec<String>> = shown.iter().map(|row| cells(chronicle, row)).collect();
        text.push_str(&table(&cells, columns(class), layout.width));
    }
    if !selection.is_narrow() {
        gaps(&mut text, chronicle, inventory, layout);
    } else if text.is_empty() {
        text.push_str("nothing of the kind\n");
    }
    text
}

/// The line above what is told of one of several runs.
pub fn run_title(name: &str, is_first: bool, layout: Layout) -> String {
    let mut text = if is_first { "" } else { "\n" }.to_owned();
    let title = format!("run {}", printable(name.as_bytes()));
    heading(&mut text, layout, &title);
    text
}

fn section(text: &mut String, layout: Layout, title: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    heading(text, layout, title);
}

fn heading(text: &mut String, layout: Layout, title: &str) {
    let title = cut_end(title, layout.width);
    let _ = if layout.bold {
        writeln!(text, "\x1b[1m{title}\x1b[0m")
    } else {
        writeln!(text, "{title}")
    };
}

fn headline(chronicle: &Chronicle, layout: Layout) -> String {
    let run = &chronicle.run;
    let header = &run.header;
    let end = match run.status {
        Some(status) => format!("{} after {}", ending(status), duration(chronicle.end)),
        None => "not seen".to_owned(),
    };
    let processes = chronicle.processes.len() as u64 + chronicle.left_out.processes;
    let os = ["ID", "VERSION_ID"].map(|key| header.os.get(key).map_or("", String::as_str));
    let recorded = [
        header.engine.as_str(),
        header.kernel.as_str(),
        header.architecture.as_str(),
        os.join(" ").trim(),
    ]
    .into_iter()
    .filter(|it| !it.is_empty())
    .collect::<Vec<_>>()
    .join(", ");
    let shown = |text: &str| printable(text.as_bytes());
    let rows: Vec<Vec<String>> = [
        ("command", command_line(&header.argv)),
        (
            "directory",
            shown(&run.territory.shown(header.cwd.as_ref()).to_string()),
        ),
        ("ended", end),
        (
            "ran",
            format!(
                "{}, {}",
                counted(processes, "process", "processes"),
                counted(run.programs.len() as u64, "program", "programs")
            ),
        ),
        ("recorded", shown(&recorded)),
    ]
    .into_iter()
    .chain(header.unrecorded().map(|it| ("except", it.to_owned())))
    .map(|(name, value)| vec![name.to_owned(), value])
    .collect();
    table(&rows, &[Column::Word, Column::Text], layout.width)
        .lines()
        .map(|line| format!("{}\n", line.trim_start()))
        .collect()
}

/// What the run's end was waiting for, by programs.
fn critical(text: &mut String, chronicle: &Chronicle, selection: &Selection, layout: Layout) {
    /// So many programs are shown.
    const SHOWN: usize = 5;
    let path = Critical::of(chronicle);
    let parts = path.by_program(chronicle);
    // One program that ran all the time is no news.
    if parts.len() < 2 {
        return;
    }
    let most = if selection.all { usize::MAX } else { SHOWN };
    let shown = &parts[..parts.len().min(most)];
    let rest = match shown.len() == parts.len() {
        true => String::new(),
        false => format!(", {} of {} programs", shown.len(), parts.len()),
    };
    let total = duration(path.total());
    section(text, layout, &format!("critical path ({total}{rest})"));
    let rows: Vec<Vec<String>> = shown
        .iter()
        .map(|part| {
            let percent = 100.0 * part.time.0 as f64 / path.total().0.max(1) as f64;
            let processes = counted(part.processes as u64, "process", "processes");
            vec![
                printable(chronicle.run.program_shown(part.program).as_bytes()),
                duration(part.time),
                format!("{percent:.0} %"),
                format!("in {processes}"),
            ]
        })
        .collect();
    let columns = [Column::Path, Column::Number, Column::Number, Column::Text];
    text.push_str(&table(&rows, &columns, layout.width));
}

fn gaps(text: &mut String, chronicle: &Chronicle, inventory: &Inventory, layout: Layout) {
    let pids = pids(chronicle);
    let mut rows: Vec<Vec<String>> = inventory
        .gaps
        .iter()
        .map(|(gap, count)| {
            let times = if *count > 1 {
                format!("{count}×")
            } else {
                String::new()
            };
            let who = match gap.process.and_then(|process| pids.get(&process)) {
                Some(pid) => format!(" (process {pid})"),
                None => String::new(),
            };
            vec![
                gap_word(gap),
                times,
                format!("{}{who}", printable(gap.detail.as_bytes())),
            ]
        })
        .collect();
    let left_out = chronicle.left_out;
    for (count, what) in [
        (left_out.processes, "processes are only counted"),
        (left_out.uses, "accesses are beyond what is kept in memory"),
        (
            left_out.others,
            "look-ups, contacts and gaps are beyond what is kept in memory",
        ),
    ] {
        if count > 0 {
            rows.push(vec![
                "limit".to_owned(),
                format!("{count}×"),
                what.to_owned(),
            ]);
        }
    }
    section(text, layout, &format!("not seen ({})", rows.len()));
    if rows.is_empty() {
        text.push_str("  nothing that the tracer knows of\n");
        return;
    }
    // A reason that does not fit a line goes on in the next one: it must not be cut.
    for row in rows {
        let first = format!("  {:16} {:>5}  ", row[0], row[1]);
        text.push_str(&wrapped(&first, &row[2], layout.width));
    }
}

fn gap_word(gap: &Gap) -> String {
    let word = serde_json::to_value(gap.kind).ok();
    word.as_ref()
        .and_then(|word| word.as_str())
        .unwrap_or("gap")
        .to_owned()
}

/// The pids of the processes that are known.
fn pids(chronicle: &Chronicle) -> HashMap<ProcessId, i32> {
    let processes = chronicle.processes.iter();
    processes.map(|it| (it.id, it.pid)).collect()
}

/// The class as `--class` takes it.
fn class_word(class: Class) -> String {
    use clap::ValueEnum;
    class
        .to_possible_value()
        .map_or_else(String::new, |value| value.get_name().to_owned())
}

fn title(class: Class) -> &'static str {
    match class {
        Class::Command => "commands",
        Class::Library => "libraries",
        Class::Dlopen => "opened at run time",
        Class::Module => "modules",
        Class::Data => "data",
        Class::Configuration => "configuration",
        Class::Written => "written",
        Class::Temporary => "temporary",
        Class::System => "of the kernel",
        Class::Network => "network",
        Class::LookedAt => "only looked at",
        Class::Probe => "looked for in vain",
    }
}

fn columns(class: Class) -> &'static [Column] {
    match class {
        Class::Network => &[
            Column::Path,
            Column::Word,
            Column::Word,
            Column::Number,
            Column::Text,
        ],
        Class::Probe => &[Column::Path, Column::Word, Column::Number, Column::Text],
        _ => &[Column::Path, Column::Number, Column::Text],
    }
}

fn cells(chronicle: &Chronicle, row: &Row) -> Vec<String> {
    let times = format!("{}×", row.tally.count);
    let mut users = users(chronicle, row);
    if chronicle.is_error_path(&row.tally) {
        users.push_str(", failed");
    }
    let name = name(chronicle, row);
    match &row.subject {
        Subject::File { .. } => vec![name, times, users],
        Subject::Lookup {
            outcome: failure, ..
        } => vec![name, outcome(*failure), times, users],
        Subject::Endpoint {
            action: what,
            outcome: how,
            ..
        } => vec![name, action(*what).to_owned(), outcome(*how), times, users],
    }
}

/// A row of a small table, its first two columns as wide as those of all rows.
pub(crate) fn three_columns(row: &[String; 3], rows: &[[String; 3]]) -> String {
    let widest = |column: usize| rows.iter().map(|row| row[column].width()).max();
    let cell = |column: usize| {
        let padding = widest(column).unwrap_or(0) - row[column].width();
        format!("{}{}", row[column], " ".repeat(padding))
    };
    format!("  {}  {}  {}\n", cell(0), cell(1), row[2])
}

/// A row in four cells: name, class, how often, by whom.
pub(crate) fn four_cells(chronicle: &Chronicle, row: &Row) -> [String; 4] {
    let mut class = class_word(row.class);
    if let Subject::Lookup { outcome: how, .. } | Subject::Endpoint { outcome: how, .. } =
        &row.subject
    {
        let how = outcome(*how);
        if !how.is_empty() {
            class = format!("{class} {how}");
        }
    }
    let mut users = users(chronicle, row);
    if chronicle.is_error_path(&row.tally) {
        users.push_str(", failed");
    }
    [
        name(chronicle, row),
        class,
        format!("{}×", row.tally.count),
        users,
    ]
}

/// What a person calls the thing.
fn name(chronicle: &Chronicle, row: &Row) -> String {
    match &row.subject {
        Subject::File { path, .. } | Subject::Lookup { path, .. } => {
            printable(chronicle.run.shown(path).as_bytes())
        }
        Subject::Endpoint {
            endpoint,
            asked,
            names,
            ..
        } => place(endpoint, asked.as_ref(), names),
    }
}

/// The programs that used a thing, by their names.
fn users(chronicle: &Chronicle, row: &Row) -> String {
    const NAMED: usize = 3;
    if row.by.is_empty() {
        return match row.class {
            Class::Command => "the command".to_owned(),
            _ => String::new(),
        };
    }
    let names: BTreeSet<String> = row
        .by
        .iter()
        .map(|&id| printable(chronicle.run.program_shown(id).as_bytes()))
        .collect();
    let mut shown: Vec<String> = names.iter().take(NAMED).cloned().collect();
    if names.len() > NAMED {
        shown.push(format!("{} more", names.len() - NAMED));
    }
    let by = if row.class == Class::Command {
        "by "
    } else {
        ""
    };
    format!("{by}{}", shown.join(", "))
}

/// The same as JSON: one object, as `docs/reading.md` describes it. Its rows are made while they are
/// written: there can be very many.
pub fn json<'a>(
    chronicle: &'a Chronicle,
    inventory: &'a Inventory,
    selection: &'a Selection,
) -> impl Serialize + 'a {
    let used = Used {
        chronicle,
        inventory,
        selection,
        pids: pids(chronicle),
    };
    let told = inventory.gaps.iter().map(|(gap, count)| {
        serde_json::json!({
            "kind": gap.kind,
            "detail": gap.detail,
            "count": count,
            "pid": gap.process.and_then(|process| used.pids.get(&process)),
        })
    });
    let gaps = told.collect();
    let parts = Critical::of(chronicle).by_program(chronicle);
    let critical_path = parts.iter().map(|part| {
        serde_json::json!({
            "program": chronicle.run.program_shown(part.program),
            "time": part.time,
            "processes": part.processes,
        })
    });
    let run = &chronicle.run;
    Shown {
        version: 1,
        command: &run.header.argv,
        cwd: &run.header.cwd,
        exit: run.status.map(|status| status.shell_code()),
        duration: chronicle.end,
        processes: chronicle.processes.len() as u64 + chronicle.left_out.processes,
        critical_path: critical_path.collect(),
        used,
        gaps,
        unrecorded: run.header.unrecorded(),
        left_out: chronicle.left_out,
    }
}

/// What [`json`] writes.
#[derive(Serialize)]
struct Shown<'a> {
    version: u32,
    command: &'a [Bytes],
    cwd: &'a Bytes,
    exit: Option<u8>,
    duration: Micros,
    processes: u64,
    critical_path: Vec<serde_json::Value>,
    used: Used<'a>,
    gaps: Vec<serde_json::Value>,
    unrecorded: Option<&'static str>,
    left_out: LeftOut,
}

/// The rows that are selected.
struct Used<'a> {
    chronicle: &'a Chronicle,
    inventory: &'a Inventory,
    selection: &'a Selection,
    pids: HashMap<ProcessId, i32>,
}

impl Serialize for Used<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rows = self.inventory.rows.iter();
        serializer.collect_seq(
            rows.filter(|row| self.selection.takes(self.chronicle, row))
                .map(|row| row_json(self.chronicle, row, &self.pids)),
        )
    }
}

fn row_json(chronicle: &Chronicle, row: &Row, pids: &HashMap<ProcessId, i32>) -> serde_json::Value {
    let processes = row.tally.processes.iter();
    let pids: Vec<i32> = processes.filter_map(|id| pids.get(id).copied()).collect();
    let by: BTreeSet<String> = row
        .by
        .iter()
        .map(|&id| chronicle.run.program_shown(id))
        .collect();
    let mut value = serde_json::json!({
        "class": row.class,
        "by": by,
        "count": row.tally.count,
        "first": row.tally.first,
        "last": row.tally.last,
        "pids": pids,
        "more_pids": row.tally.more,
        "importance": (row.importance * 1000.0).round() / 1000.0,
        "only_failed": chronicle.is_error_path(&row.tally),
    });
    let more = match &row.subject {
        Subject::File {
            path,
            asked,
            origin,
        } => serde_json::json!({
            "path": path,
            "asked": asked,
            "origin": origin,
            "evidence": row.evidence,
        }),
        Subject::Lookup {
            path,
            operation,
            outcome,
        } => serde_json::json!({ "path": path, "op": operation, "outcome": outcome }),
        Subject::Endpoint {
            endpoint,
            asked,
            names,
            action,
            outcome,
        } => serde_json::json!({
            "action": action,
            "endpoint": endpoint,
            "asked": asked,
            "names": names,
            "shown": place(endpoint, asked.as_ref(), names),
            "outcome": outcome,
        }),
    };
    if let (Some(value), serde_json::Value::Object(more)) = (value.as_object_mut(), more) {
        value.extend(more);
    }
    value
}
