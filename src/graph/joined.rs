//! Several runs as one: what any of them needs, and which of them does.

use super::{Need, RunKind, Thing, Usage};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// What several runs, each with its name, need together; and for each run the numbers of its needs.
///
/// A reason that does not hold for all runs says for which it does. The order of the runs changes
/// the order of the needs and nothing else.
pub fn join(runs: Vec<(String, Usage)>) -> (Usage, Vec<Range<usize>>) {
    let number = runs.len();
    let mut who: BTreeMap<(Thing, String), BTreeSet<&str>> = BTreeMap::new();
    for (name, usage) in &runs {
        for need in &usage.needs {
            let key = (need.thing.clone(), need.why.clone());
            who.entry(key).or_default().insert(name);
        }
    }
    let reasons: BTreeMap<(Thing, String), String> = who
        .into_iter()
        .map(|((thing, why), names)| {
            let told = if names.len() == number {
                why.clone()
            } else {
                let names: Vec<&str> = names.into_iter().collect();
                format!("{why} (in {})", names.join(", "))
            };
            ((thing, why), told)
        })
        .collect();
    let mut joined = Usage {
        kind: RunKind::Binary,
        needs: Vec::new(),
        missing: Vec::new(),
        network: BTreeSet::new(),
    };
    let mut ranges = Vec::new();
    for (_, usage) in runs {
        let first = joined.needs.len();
        joined.kind = stronger(joined.kind, usage.kind);
        joined.needs.extend(usage.needs.into_iter().map(|need| {
            let key = (need.thing, need.why);
            let why = reasons.get(&key).cloned().unwrap_or_else(|| key.1.clone());
            Need {
                thing: key.0,
                why,
                brought_by: need.brought_by.map(|by| by + first),
                ..need
            }
        }));
        joined.missing.extend(usage.missing);
        joined.network.extend(usage.network);
        ranges.push(first..joined.needs.len());
    }
    joined.missing.sort();
    joined.missing.dedup();
    (joined, ranges)
}

/// The kind that asks for more: a shell in which things are built can run them too.
fn stronger(a: RunKind, b: RunKind) -> RunKind {
    let rank = |kind| match kind {
        RunKind::Binary => 0,
        RunKind::Script => 1,
        RunKind::Build => 2,
    };
    if rank(b) > rank(a) { b } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Role;

    fn usage(kind: RunKind, commands: &[(&str, Option<usize>)]) -> Usage {
        Usage {
            kind,
            needs: commands
                .iter()
                .map(|&(name, brought_by)| Need {
                    thing: Thing::Command(name.into()),
                    role: Role::Command,
                    path: format!("/usr/bin/{name}").into(),
                    why: format!("{name} is run"),
                    brought_by,
                })
                .collect(),
            missing: Vec::new(),
            network: BTreeSet::new(),
        }
    }

    #[test]
    fn a_reason_of_some_runs_says_of_which() {
        let (joined, ranges) = join(vec![
            (
                "smoke".to_owned(),
                usage(RunKind::Binary, &[("git", None), ("ssh", Some(0))]),
            ),
            (
                "full".to_owned(),
                usage(RunKind::Build, &[("git", None), ("jq", Some(0))]),
            ),
            (
                "more".to_owned(),
                usage(RunKind::Script, &[("git", None), ("jq", None)]),
            ),
        ]);
        assert_eq!(joined.kind, RunKind::Build);
        let whys: Vec<&str> = joined.needs.iter().map(|it| it.why.as_str()).collect();
        assert_eq!(
            whys,
            [
                "git is run",
                "ssh is run (in smoke)",
                "git is run",
                "jq is run (in full, more)",
                "git is run",
                "jq is run (in full, more)",
            ]
        );
        assert_eq!(ranges, [0..2, 2..4, 4..6]);
        assert_eq!(joined.needs[3].brought_by, Some(2));
    }
}
