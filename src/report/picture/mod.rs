//! The graph of a run as a picture: programs, who runs whom, and which packages they need.
//!
//! A picture is a model first; [`dot`], [`mermaid`] and [`svg`] write it. What matters least is left
//! out of a large one, and counted.

mod dot;
mod layout;
mod mermaid;
mod svg;

pub use dot::dot;
pub use mermaid::mermaid;
pub use svg::svg;
pub(crate) use svg::{STYLE as SVG_STYLE, inner as svg_inner};

use super::printable;
use crate::emit::Environment;
use crate::graph::chronicle::Chronicle;
use crate::graph::critical::Critical;
use crate::graph::program::ProgramId;
use crate::graph::resources::Provision;
use crate::graph::weigh::{Uses, importance};
use crate::graph::{Evidence, chronicle};
use crate::trace::Bytes;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Programs, packages and what leads from one to the other.
#[derive(Clone, Debug, Default)]
pub struct Picture {
    /// In the order in which they are drawn.
    pub nodes: Vec<Node>,
    /// Edges between their numbers.
    pub edges: Vec<Edge>,
    /// How many programs are left out.
    pub left_out: usize,
}

/// A program or a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Its name, safe to print.
    pub label: String,
    /// What a person may want to know besides, safe to print.
    pub detail: String,
    /// How many steps it is away from the command.
    pub column: usize,
}

impl Node {
    /// The label as it is drawn: what failed is marked, so that it shows without colour.
    fn shown(&self) -> String {
        match self.kind {
            NodeKind::Failed => format!("✗ {}", self.label),
            _ => self.label.clone(),
        }
    }
}

/// What a node stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NodeKind {
    /// The command itself.
    Command,
    /// A program that ran.
    Program,
    /// A program that only failed.
    Failed,
    /// A package that is to be listed.
    Package,
    /// A package that something else brings.
    Implied,
}

/// From one node to another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// The number of the first.
    pub from: usize,
    /// The number of the second.
    pub to: usize,
    /// Whether a program needs a package, and not runs a program.
    pub needs: bool,
}

/// A picture has no more programs than this.
const PROGRAMS: usize = 120;

impl Picture {
    /// Draws a run. `provisions` tell which files show which packages.
    pub fn of(chronicle: &Chronicle, environment: &Environment, provisions: &[Provision]) -> Self {
        let shown = Shown::of(chronicle, provisions);
        let mut picture = Self {
            left_out: chronicle.run.programs.len() - shown.programs.len(),
            ..Self::default()
        };
        let mut programs: HashMap<ProgramId, usize> = HashMap::new();
        for (&id, &column) in &shown.programs {
            programs.insert(id, picture.nodes.len());
            picture.nodes.push(program(chronicle, id, column));
        }
        let last = shown.programs.values().max().copied().unwrap_or(0);
        let mut packages: HashMap<&str, usize> = HashMap::new();
        for package in &environment.packages {
            let attr = package.attr.as_str();
            if !shown.needs.iter().any(|(_, needed)| *needed == attr) {
                continue;
            }
            packages.insert(attr, picture.nodes.len());
            let implied = package.implied.as_deref();
            let why = package.because.first().map_or("", String::as_str);
            picture.nodes.push(Node {
                kind: match implied {
                    Some(_) => NodeKind::Implied,
                    None => NodeKind::Package,
                },
                label: attr.to_owned(),
                detail: match implied {
                    Some("stdenv") => "part of stdenv".to_owned(),
                    Some(by) => format!("brought by {by}"),
                    None => printable(why.as_bytes()),
                },
                column: last + 1,
            });
        }
        let mut edges = BTreeSet::new();
        for execution in &chronicle.executions {
            let by = execution
                .by
                .map(|by| programs.get(&shown.nearest(chronicle, by)));
            let program = programs.get(&execution.program);
            if let (Some(Some(&from)), Some(&to)) = (by, program)
                && from != to
            {
                edges.insert(Edge {
                    from,
                    to,
                    needs: false,
                });
            }
        }
        for (id, attr) in &shown.needs {
            if let (Some(&from), Some(&to)) = (programs.get(id), packages.get(attr)) {
                edges.insert(Edge {
                    from,
                    to,
                    needs: true,
                });
            }
        }
        picture.edges = edges.into_iter().collect();
        picture
    }
}

fn program(chronicle: &Chronicle, id: ProgramId, column: usize) -> Node {
    let runs = chronicle
        .executions
        .iter()
        .filter(|execution| execution.program == id);
    let count: u64 = runs.clone().map(|execution| execution.tally.count).sum();
    let failed = runs
        .clone()
        .all(|execution| chronicle.is_error_path(&execution.tally));
    let program = &chronicle.run.programs[id.0];
    let path = printable(chronicle.run.shown(program.shown()).as_bytes());
    Node {
        kind: match (program.by, failed) {
            (None, _) => NodeKind::Command,
            (Some(_), true) => NodeKind::Failed,
            (Some(_), false) => NodeKind::Program,
        },
        label: printable(chronicle.run.program_shown(id).as_bytes()),
        detail: match failed {
            true => format!("{path}, ran {count}×, failed"),
            false => format!("{path}, ran {count}×"),
        },
        column,
    }
}

/// What a picture has room for.
struct Shown<'a> {
    /// Programs with their columns.
    programs: BTreeMap<ProgramId, usize>,
    /// Which of them shows the need of which package.
    needs: BTreeSet<(ProgramId, &'a str)>,
}

impl<'a> Shown<'a> {
    fn of(chronicle: &Chronicle, provisions: &'a [Provision]) -> Self {
        let needs = needs(chronicle, provisions);
        let depths = chronicle.depths();
        let shares = Critical::of(chronicle).shares(chronicle);
        let mut counts = vec![0u64; depths.len()];
        for execution in &chronicle.executions {
            counts[execution.program.0] += execution.tally.count;
        }
        let mut breadths = vec![0; depths.len()];
        for (by, _) in &needs {
            breadths[by.0] += 1;
        }
        let mut weights: Vec<(f64, ProgramId)> = (0..chronicle.run.programs.len())
            .map(|number| {
                let id = ProgramId(number);
                let weight = importance(Uses {
                    evidence: Some(Evidence::Executed),
                    count: counts[number],
                    breadth: breadths[number],
                    depth: depths[number],
                    only_failed: false,
                    share: shares[number],
                });
                (weight, id)
            })
            .collect();
        weights.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let programs: BTreeMap<ProgramId, usize> = weights
            .into_iter()
            .take(PROGRAMS)
            .map(|(_, id)| (id, depths[id.0]))
            .collect();
        let mut shown = Self {
            programs,
            needs: BTreeSet::new(),
        };
        // What a program needs that is left out, the one that ran it answers for.
        shown.needs = needs
            .into_iter()
            .map(|(id, attr)| (shown.nearest(chronicle, id), attr))
            .collect();
        shown
    }

    /// The program itself if it is shown, else the nearest above it.
    fn nearest(&self, chronicle: &Chronicle, mut id: ProgramId) -> ProgramId {
        while !self.programs.contains_key(&id)
            && let Some(by) = chronicle.run.programs[id.0].by
            && by < id
        {
            id = by;
        }
        id
    }
}

/// Which program shows the need of which package: it is the package's, or used a file of it.
fn needs<'a>(chronicle: &Chronicle, provisions: &'a [Provision]) -> BTreeSet<(ProgramId, &'a str)> {
    let mut by_path: HashMap<&Bytes, Vec<&str>> = HashMap::new();
    for provision in provisions {
        let attrs = by_path.entry(&provision.path).or_default();
        attrs.push(provision.provider.as_str());
    }
    let mut needs = BTreeSet::new();
    let mut told: BTreeSet<&str> = BTreeSet::new();
    let mut add = |id: ProgramId, path: &Bytes| {
        for &attr in by_path.get(path).into_iter().flatten() {
            needs.insert((id, attr));
            told.insert(attr);
        }
    };
    for (number, program) in chronicle.run.programs.iter().enumerate() {
        let paths = [
            Some(&program.executable),
            program.real.as_ref(),
            program.script.as_ref(),
        ];
        for path in paths.into_iter().flatten() {
            add(ProgramId(number), path);
        }
    }
    let is_real_use = |usage: &&chronicle::FileUse| {
        usage
            .seen
            .strongest()
            .is_some_and(|strongest| strongest <= Evidence::Read)
    };
    for usage in chronicle.uses.iter().filter(is_real_use) {
        add(usage.program, &usage.path);
        if usage.file() != &usage.path {
            add(usage.program, usage.file());
        }
    }
    // A need that no file of its own shows is the command's.
    for provision in provisions {
        if !told.contains(provision.provider.as_str()) && !chronicle.run.programs.is_empty() {
            needs.insert((ProgramId(0), provision.provider.as_str()));
        }
    }
    needs
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A picture whose names are anything that can come out of [`printable`].
    pub(crate) fn hostile() -> impl Strategy<Value = Picture> {
        let name = prop::collection::vec(any::<u8>(), 0..40).prop_map(|name| printable(&name));
        let node = (name.clone(), name, 0usize..4).prop_map(|(label, detail, column)| Node {
            kind: NodeKind::Program,
            label,
            detail,
            column,
        });
        prop::collection::vec(node, 1..6).prop_flat_map(|nodes| {
            let number = nodes.len();
            let edge = (0..number, 0..number, any::<bool>());
            prop::collection::vec(edge, 0..8).prop_map(move |edges| Picture {
                nodes: nodes.clone(),
                edges: edges
                    .into_iter()
                    .map(|(from, to, needs)| Edge { from, to, needs })
                    .collect(),
                left_out: 3,
            })
        })
    }
}
