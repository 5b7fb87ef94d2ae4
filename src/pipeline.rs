//! The whole way, in a few lines: a run becomes needs, needs become packages, and packages become
//! the environment that every format is written from.

use crate::emit::{Environment, GapNote, NetworkUse};
use crate::graph::{self, Host, Run};
use crate::resolve::{self, Query, Resolution};
use crate::trace::Bytes;

/// Notes the versions that this machine has of the packages.
///
/// `version` is asked for the file that shows each use, until it knows one.
pub fn note_versions(environment: &mut Environment, version: impl Fn(&Bytes) -> Option<String>) {
    for package in &mut environment.packages {
        let listed = package.implied.is_none();
        let paths = package
            .uses
            .iter()
            .map(|used| &used.path)
            .filter(|_| listed);
        package.version = paths.into_iter().find_map(&version);
    }
}

/// What a run needs from nixpkgs.
///
/// `resolve` is asked once for each thing that the run used.
pub fn environment(
    run: &Run,
    host: &dyn Host,
    resolve: impl FnMut(&Query) -> Resolution,
) -> Environment {
    let usage = graph::analyse(run, host);
    let choice = resolve::minimal::choose(&usage, resolve);
    Environment {
        subject: usage.subject,
        surroundings: usage.surroundings,
        directory: run.header.cwd.clone(),
        architecture: run.header.architecture.clone(),
        exit: run.status.map(|status| status.shell_code()),
        packages: choice.packages,
        unresolved: choice.unresolved,
        missing: choice.missing,
        network: usage
            .network
            .into_iter()
            .map(|(action, endpoint, by, succeeded)| NetworkUse {
                action,
                endpoint,
                by,
                succeeded,
            })
            .collect(),
        gaps: run
            .gaps
            .iter()
            .map(|((kind, detail), &count)| GapNote {
                kind: *kind,
                detail: detail.clone(),
                count,
            })
            .collect(),
        ..Environment::new(usage.kind, run.header.argv.clone())
    }
}
