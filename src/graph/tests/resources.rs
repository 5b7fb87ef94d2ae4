//! Scenes of explaining: the graph of resources and the chains in it.

use super::chronicles::Story;
use super::*;
use crate::graph::chronicle::Chronicle;
use crate::graph::resources::{Provision, Relation, Resource, Resources};
use proptest::prelude::*;

fn provision(provider: &str, path: &str) -> Provision {
    Provision {
        provider: provider.to_owned(),
        path: path.into(),
        why: format!("{path} is used"),
    }
}

/// The chains to what goes by a name, each as the words of its links.
fn chains(chronicle: &Chronicle, resources: &Resources, name: &str) -> Vec<String> {
    let targets = resources.named(chronicle, name);
    let chains = targets.into_iter().flat_map(|it| resources.chains(it, 10));
    let word = |resource: &Resource| match resource {
        Resource::Process(number) => chronicle.processes[*number].ran[0].argv[0].to_string(),
        Resource::Executable(id) => format!("*{}", chronicle.run.programs[id.0].executable),
        Resource::Library(path) | Resource::File(path) => path.to_string(),
        Resource::Missing(path) => format!("!{path}"),
        Resource::Endpoint(endpoint, asked) => format!("{endpoint:?} {asked:?}"),
        Resource::Variable(name, value) => format!("{name}={value}"),
        Resource::Provider(name) => name.clone(),
    };
    chains
        .map(|chain| {
            let words = chain
                .links
                .iter()
                .map(|(id, _)| word(resources.resource(*id)));
            words.collect::<Vec<_>>().join(" > ")
        })
        .collect()
}

#[test]
fn a_package_is_explained_by_the_shortest_chain_from_the_command() {
    let mut story = Story::new();
    story
        .runs(0, None, "/usr/bin/make")
        .runs(1, Some(0), "/usr/bin/gcc")
        .runs(2, Some(1), "/usr/bin/ld")
        .does(2, Operation::Read, "/usr/lib/libz.so")
        .ends(2, 0)
        .ends(1, 0)
        .runs(3, Some(0), "/home/ada/project/app")
        .does(3, Operation::Map, "/usr/lib/libz.so")
        .ends(3, 0)
        .ends(0, 0);
    let chronicle = story.told();
    let mut resources = Resources::of(&chronicle);
    resources.provide(&[provision("zlib", "/usr/lib/libz.so")]);
    assert_eq!(
        chains(&chronicle, &resources, "zlib"),
        [
            "/usr/bin/make > /home/ada/project/app > /usr/lib/libz.so > zlib",
            "/usr/bin/make > /usr/bin/gcc > /usr/bin/ld > /usr/lib/libz.so > zlib",
        ]
    );
    assert_eq!(
        chains(&chronicle, &resources, "libz.so").len(),
        2,
        "the file goes by its own name too"
    );
    let mut of_a_set = Resources::of(&chronicle);
    of_a_set.provide(&[provision("python3Packages.app", "/usr/lib/libz.so")]);
    let chain = &chains(&chronicle, &of_a_set, "app")[0];
    assert!(
        chain.ends_with(" > python3Packages.app"),
        "what provides it goes before a file of that name: {chain}"
    );
    assert_eq!(
        chains(&chronicle, &resources, "ld"),
        ["/usr/bin/make > /usr/bin/gcc > /usr/bin/ld > */usr/bin/ld"]
    );
}

#[test]
fn a_real_use_comes_before_a_look_and_before_one_that_only_failed_processes_made() {
    let mut story = Story::new();
    story
        .runs(0, None, "/usr/bin/make")
        .does(0, Operation::Stat, "/usr/share/x")
        .runs(1, Some(0), "/usr/bin/failing")
        .does(1, Operation::Read, "/usr/share/x")
        .ends(1, 1)
        .runs(2, Some(0), "/usr/bin/working")
        .does(2, Operation::Read, "/usr/share/x")
        .ends(2, 0)
        .ends(0, 0);
    let chronicle = story.told();
    let resources = Resources::of(&chronicle);
    assert_eq!(
        chains(&chronicle, &resources, "/usr/share/x"),
        [
            "/usr/bin/make > /usr/bin/working > /usr/share/x",
            "/usr/bin/make > /usr/bin/failing > /usr/share/x",
            "/usr/bin/make > /usr/share/x",
        ]
    );
}

#[test]
fn a_need_without_a_file_of_its_own_is_the_commands() {
    let mut story = Story::new();
    story.runs(0, None, "/usr/bin/python3").does(
        0,
        Operation::Read,
        "/usr/lib/python3/numpy/core.py",
    );
    let chronicle = story.told();
    let mut resources = Resources::of(&chronicle);
    resources.provide(&[
        provision("python3Packages.numpy", "/usr/lib/python3/numpy"),
        provision("tzdata", "/usr/share/zoneinfo"),
    ]);
    assert_eq!(
        chains(&chronicle, &resources, "python3Packages.numpy"),
        ["/usr/bin/python3 > /usr/lib/python3/numpy/core.py > python3Packages.numpy"],
        "a directory is shown by what lies in it"
    );
    assert_eq!(
        chains(&chronicle, &resources, "tzdata"),
        ["/usr/bin/python3 > tzdata"]
    );
}

#[test]
fn what_was_found_in_the_end_was_not_missing() {
    let mut story = Story::new();
    let enoent = Outcome::Failure(Errno::ENOENT);
    story
        .runs(0, None, "/usr/bin/sh")
        .tries(0, Operation::Stat, "/usr/local/bin/git", enoent)
        .tries(0, Operation::Stat, "/usr/local/bin/hg", enoent)
        .does(0, Operation::Read, "/usr/bin/git");
    let chronicle = story.told();
    let resources = Resources::of(&chronicle);
    assert_eq!(
        chains(&chronicle, &resources, "git"),
        ["/usr/bin/sh > /usr/bin/git"]
    );
    assert_eq!(
        chains(&chronicle, &resources, "hg"),
        ["/usr/bin/sh > !/usr/local/bin/hg"]
    );
    assert_eq!(resources.similar("GI", 5), ["git"]);
}

proptest! {
    /// Whatever a trace says of parents, the graph has no circle, and everything that is provided
    /// has a chain that begins with the command.
    #[test]
    fn every_package_has_a_chain_and_no_chain_goes_in_a_circle(
        steps in prop::collection::vec((0u32..12, prop::option::of(0u32..12), 0usize..6), 1..60),
    ) {
        let mut story = Story::new();
        story.runs(99, None, "/usr/bin/make");
        for (process, parent, file) in &steps {
            story.runs(*process, *parent, "/usr/bin/tool");
            story.does(*process, Operation::Read, &format!("/usr/share/{file}"));
        }
        let chronicle = story.told();
        let mut resources = Resources::of(&chronicle);
        let provisions: Vec<Provision> = (0..8)
            .map(|file| provision(&format!("p{}", file % 3), &format!("/usr/share/{file}")))
            .collect();
        resources.provide(&provisions);
        prop_assert!(resources.is_acyclic());
        for provider in ["p0", "p1", "p2"] {
            let target = resources.named(&chronicle, provider)[0];
            let chains = resources.chains(target, usize::MAX);
            prop_assert!(!chains.is_empty());
            for chain in chains {
                let (first, edge) = &chain.links[0];
                prop_assert!(matches!(resources.resource(*first), Resource::Process(_)));
                prop_assert!(edge.is_none());
                let (last, edge) = chain.links.last().unwrap();
                prop_assert_eq!(*last, target);
                let relation = &edge.as_ref().unwrap().relation;
                prop_assert!(matches!(relation, Relation::ProvidedBy(_) | Relation::Needs(_)));
            }
        }
    }
}
