//! What the page's script works on.

use super::PageRun;
use crate::emit::Environment;
use crate::graph::chronicle::Process;
use crate::graph::critical::Critical;
use crate::report::show;
use crate::report::tree::{Forest, part, what};
use crate::report::words::{duration, ending};
use crate::report::{printable, why};
use crate::trace::{ExitStatus, ProcessId};
use std::collections::HashMap;

/// A page shows no more processes of a run than this.
pub(super) const PROCESSES: usize = 20_000;

/// No more rows of what was used than this.
const ROWS: usize = 5_000;

/// So many chains of a package are told for each run.
const CHAINS: usize = 3;

/// The longest text of one process, in characters.
const TEXT: usize = 300;

/// All of it.
pub(super) fn data(runs: &[PageRun<'_>], environment: &Environment) -> serde_json::Value {
    let packages: Vec<serde_json::Value> = environment
        .packages
        .iter()
        .map(|package| {
            let chains = runs.iter().flat_map(|run| {
                chains(run, package.attr.as_str())
                    .into_iter()
                    .map(|links| match runs.len() {
                        1 => serde_json::json!({ "links": links }),
                        _ => serde_json::json!({ "run": printable(run.name.as_bytes()), "links": links }),
                    })
            });
            let because: Vec<String> = package
                .because
                .iter()
                .map(|reason| printable(reason.as_bytes()))
                .collect();
            serde_json::json!({
                "attr": package.attr,
                "implied": package.implied,
                "because": because,
                "chains": chains.collect::<Vec<_>>(),
            })
        })
        .collect();
    serde_json::json!({
        "packages": packages,
        "runs": runs.iter().map(run).collect::<Vec<_>>(),
    })
}

/// The chains to a package, each as its links in words.
fn chains(run: &PageRun<'_>, attr: &str) -> Vec<Vec<(String, String)>> {
    let Some(target) = run.resources.provider(attr) else {
        return Vec::new();
    };
    let chains = run.resources.chains(target, CHAINS);
    chains
        .iter()
        .map(|chain| why::words(run.chronicle, run.resources, chain))
        .collect()
}

fn run(run: &PageRun<'_>) -> serde_json::Value {
    let used: Vec<[String; 4]> = run
        .inventory
        .rows
        .iter()
        .take(ROWS)
        .map(|row| show::four_cells(run.chronicle, row))
        .collect();
    serde_json::json!({
        "end": run.chronicle.end,
        "processes": processes(run),
        "used": used,
    })
}

/// The processes in columns, children after their parent.
fn processes(run: &PageRun<'_>) -> serde_json::Value {
    let processes = &run.chronicle.processes;
    let order = in_tree_order(processes);
    let depths = depths(processes);
    let column = |value: &dyn Fn(usize) -> serde_json::Value| -> Vec<serde_json::Value> {
        order.iter().map(|&number| value(number)).collect()
    };
    let end = run.chronicle.end;
    let critical = Critical::of(run.chronicle);
    serde_json::json!({
        "pid": column(&|it| processes[it].pid.into()),
        "depth": column(&|it| depths[it].into()),
        "start": column(&|it| processes[it].started.0.into()),
        "stop": column(&|it| processes[it].ended.unwrap_or(end).0.into()),
        "time": column(&|it| match processes[it].duration() {
            Some(time) => duration(time).into(),
            None => "its end was not seen".into(),
        }),
        // Empty for those that delayed nothing.
        "critical": column(&|it| part(&critical, &processes[it], it).unwrap_or_default().into()),
        "end_word": column(&|it| match processes[it].status {
            Some(ExitStatus::Code(0)) | None => "".into(),
            Some(status) => ending(status).into(),
        }),
        "text": column(&|it| {
            let text = what(&processes[it]);
            text.chars().take(TEXT).collect::<String>().into()
        }),
    })
}

/// Each process followed by its children, in the order in which they began; no more than
/// [`PROCESSES`].
fn in_tree_order(processes: &[Process]) -> Vec<usize> {
    let forest = Forest::of(processes);
    let mut stack: Vec<usize> = forest.roots.iter().rev().copied().collect();
    let mut order = Vec::with_capacity(processes.len().min(PROCESSES));
    while let Some(number) = stack.pop() {
        if order.len() == PROCESSES {
            break;
        }
        order.push(number);
        let children = forest.children.get(&processes[number].id);
        stack.extend(children.into_iter().flatten().rev());
    }
    order
}

fn depths(processes: &[Process]) -> Vec<usize> {
    let mut places: HashMap<ProcessId, usize> = HashMap::new();
    let mut depths: Vec<usize> = Vec::with_capacity(processes.len());
    for (number, process) in processes.iter().enumerate() {
        let parent = process.parent.and_then(|parent| places.get(&parent));
        depths.push(parent.map_or(0, |&parent| depths[parent] + 1));
        places.insert(process.id, number);
    }
    depths
}

/// The word that JSON has for a value of a plain enumeration.
pub(super) fn word(value: &impl serde::Serialize) -> String {
    let word = serde_json::to_value(value).ok();
    let word = word.as_ref().and_then(|word| word.as_str());
    word.unwrap_or_default().to_owned()
}
