//! Several runs as one: what any of them needs, and which of them does.

use super::{Asker, Need, RunKind, Subject, Surroundings, Thing, Usage};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Several runs as one.
pub struct Joined {
    /// What they need together.
    pub usage: Usage,
    /// For each run the numbers of its needs.
    pub of_runs: Vec<Range<usize>>,
    /// The run that says what all of it was of: the first of those whose kind asks for most; none
    /// when there is no run.
    pub leading: Option<usize>,
}

/// What several runs, each with its name, need together.
///
/// What is a package is the leading run's subject: what the program of a run asked for that was of
/// something else, another program asked for.
///
/// A reason that does not hold for all runs says for which it does. The order of the runs changes
/// the order of the needs and nothing else.
pub fn join(runs: Vec<(String, Usage)>) -> Joined {
    let mut leading: Option<usize> = None;
    for (place, (_, usage)) in runs.iter().enumerate() {
        if leading.is_none_or(|it| rank(usage.kind) > rank(runs[it].1.kind)) {
            leading = Some(place);
        }
    }
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
    let first = leading.map(|it| &runs[it].1);
    let mut joined = Usage {
        kind: first.map_or(RunKind::Binary, |it| it.kind),
        subject: first.map_or_else(Subject::default, |it| it.subject.clone()),
        surroundings: Surroundings::default(),
        needs: Vec::new(),
        missing: Vec::new(),
        network: BTreeSet::new(),
    };
    let mut of_runs = Vec::new();
    for (_, usage) in runs {
        let first = joined.needs.len();
        let is_of_subject = usage.subject.root == joined.subject.root;
        joined.subject.absorb(usage.subject);
        joined.surroundings.absorb(usage.surroundings);
        joined.needs.extend(usage.needs.into_iter().map(|need| {
            let key = (need.thing, need.why);
            let why = reasons.get(&key).cloned().unwrap_or_else(|| key.1.clone());
            Need {
                thing: key.0,
                why,
                brought_by: need.brought_by.map(|by| by + first),
                asker: match need.asker {
                    Asker::Main | Asker::OwnLibrary if !is_of_subject => Asker::Other,
                    asker => asker,
                },
                ..need
            }
        }));
        joined.missing.extend(usage.missing);
        joined.network.extend(usage.network);
        of_runs.push(first..joined.needs.len());
    }
    joined.missing.sort();
    joined.missing.dedup();
    Joined {
        usage: joined,
        of_runs,
        leading,
    }
}

/// How much a kind asks for: a shell in which things are built can run them too.
fn rank(kind: RunKind) -> u8 {
    match kind {
        RunKind::Binary => 0,
        RunKind::Script => 1,
        RunKind::Build => 2,
    }
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
                    asker: Asker::Main,
                    phases: Default::default(),
                })
                .collect(),
            missing: Vec::new(),
            network: BTreeSet::new(),
            subject: Subject::default(),
            surroundings: Surroundings::default(),
        }
    }

    #[test]
    fn the_run_that_asks_for_most_says_what_is_packaged_and_others_ask_beside_it() {
        let of = |root: &str, kind| Usage {
            subject: Subject {
                root: root.into(),
                ..Subject::default()
            },
            ..usage(kind, &[("git", None)])
        };
        let joined = join(vec![
            ("a".to_owned(), of("/opt/tool", RunKind::Script)),
            ("b".to_owned(), of("/home/me/project", RunKind::Build)),
            ("c".to_owned(), of("/home/me/project", RunKind::Binary)),
        ]);
        assert_eq!(joined.leading, Some(1));
        assert_eq!(joined.usage.subject.root, "/home/me/project".into());
        let askers: Vec<Asker> = joined.usage.needs.iter().map(|it| it.asker).collect();
        assert_eq!(askers, [Asker::Other, Asker::Main, Asker::Main]);
    }

    #[test]
    fn a_reason_of_some_runs_says_of_which() {
        let Joined {
            usage: joined,
            of_runs,
            leading,
        } = join(vec![
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
        assert_eq!(leading, Some(1));
        assert_eq!(of_runs, [0..2, 2..4, 4..6]);
        assert_eq!(joined.needs[3].brought_by, Some(2));
    }
}
