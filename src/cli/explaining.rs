//! What the verbs that explain runs have in common: from what they did to what provides what.

use super::Failure;
use super::reading::Named;
use super::resolving::{ResolverArgs, unusable_index};
use crate::disk::Disk;
use crate::graph::Chronicle;
use crate::graph::resources::Resources;
use crate::pipeline::{self, Explained, NamedRun};
use crate::resolve::Resolution;

/// What the runs need, and which package provides what of it.
///
/// # Errors
/// When an index cannot be used.
pub(super) fn explained(
    runs: &[Named<Chronicle>],
    resolver: &ResolverArgs,
) -> Result<Explained, Failure> {
    let resolver = resolver.open()?;
    let named: Vec<NamedRun<'_>> = runs
        .iter()
        .map(|run| NamedRun {
            name: &run.name,
            run: &run.of.run,
        })
        .collect();
    let explained = pipeline::explained(&named, &Disk::new(), |query| {
        Resolution::clone(&resolver.resolve(query))
    });
    match resolver.damage() {
        Some(damage) => Err(unusable_index(&damage)),
        None => Ok(explained),
    }
}

/// The graphs of the runs, with what provides what.
pub(super) fn graphs(runs: &[Named<Chronicle>], explained: &Explained) -> Vec<Resources> {
    let runs = runs.iter().zip(&explained.provisions);
    runs.map(|(run, provisions)| {
        let mut resources = Resources::of(&run.of);
        resources.provide(provisions);
        resources
    })
    .collect()
}
