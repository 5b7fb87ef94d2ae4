//! Scenes of plenty: what is kept of a run that uses more than there is room for.

use super::*;
use crate::graph::builder::{Builder, Limits};
use crate::trace::{Contact, ContactAction, Endpoint, Gap, GapKind};

/// A run of `make` that reads these files, with room for some of them.
fn run(limits: Limits, paths: impl IntoIterator<Item = String>) -> Run {
    let mut builder = Builder::with_limits(Header::for_tests(), limits);
    let process = ProcessId(0);
    let at = Micros(0);
    builder.add(&Record::Started(Started {
        process,
        pid: 1,
        parent: None,
        at,
    }));
    builder.add(&Record::Executed(Executed {
        process,
        at,
        path: Some("/usr/bin/make".into()),
        real: None,
        root: None,
        argv: Some(vec!["make".into()]),
        cwd: Some("/home/ada/project".into()),
        interpreters: Vec::new(),
        loader: None,
        env: BTreeMap::new(),
    }));
    for path in paths {
        builder.add(&Record::Accessed(Access {
            process,
            at,
            operation: Operation::Read,
            path: path.as_str().into(),
            real: None,
            root: None,
            target: None,
            outcome: Outcome::Success,
            count: 1,
        }));
    }
    builder.finish()
}

const SMALL: Limits = Limits {
    uses: 100,
    written: 10,
};

fn sources() -> impl Iterator<Item = String> {
    (0..1000).map(|number| format!("/home/ada/project/{number}.c"))
}

#[test]
fn a_tree_of_any_number_of_sources_leaves_room_for_what_packages_bring() {
    let system = (0..20).map(|number| format!("/usr/share/app/{number}"));
    let run = run(SMALL, sources().chain(system));
    let uses = &run.programs[0].uses;
    assert_eq!(uses.len(), 70);
    for number in 0..20 {
        let path = Bytes::from(format!("/usr/share/app/{number}").as_str());
        assert!(uses.contains_key(&path));
    }
}

#[test]
fn what_is_not_kept_is_said_and_what_is_kept_is_seen_again() {
    let system = (0..1000).map(|number| format!("/usr/share/app/{number}"));
    let run = run(SMALL, system.chain(["/usr/share/app/3".to_owned()]));
    assert_eq!(run.programs[0].uses.len(), 100);
    let told: Vec<_> = run.gaps.iter().collect();
    assert!(
        matches!(told[..], [((GapKind::Truncated, detail), 900)] if detail.contains("(100)")),
        "{told:?}"
    );
    let few = super::limits::run(SMALL, ["/usr/share/app/1".to_owned()]);
    assert!(few.gaps.is_empty());
}

#[test]
fn an_address_and_a_gap_are_kept_once_however_often_they_are_told() {
    let mut builder = Builder::new(Header::for_tests());
    for process in 0..1000 {
        builder.add(&Record::Contacted(Contact {
            process: ProcessId(process),
            at: Micros(u64::from(process)),
            action: ContactAction::Connect,
            endpoint: Endpoint::Unix {
                path: "/run/x".into(),
            },
            asked: None,
            outcome: Outcome::Success,
        }));
        builder.add(&Record::Gap(Gap {
            process: Some(ProcessId(process)),
            at: Micros(0),
            kind: GapKind::IoUring,
            detail: "It did.".to_owned(),
            count: 2,
        }));
    }
    let run = builder.finish();
    assert_eq!(run.contacts.len(), 1);
    assert_eq!(run.gaps.into_values().collect::<Vec<_>>(), [2000]);
}
