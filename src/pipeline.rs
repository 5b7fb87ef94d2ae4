//! The whole way, in a few lines: a run becomes needs, needs become packages, and packages become
//! the environment that every format is written from.

use crate::emit::{Environment, GapNote, NetworkUse};
use crate::graph::resources::Provision;
use crate::graph::{self, Host, Run};
use crate::resolve::{self, Query, Resolution};

/// What a run needs from nixpkgs.
///
/// `resolve` is asked once for each thing that the run used.
pub fn environment(
    run: &Run,
    host: &dyn Host,
    resolve: impl FnMut(&Query) -> Resolution,
) -> Environment {
    explained(run, host, resolve).environment
}

/// What a run needs, and which file shows it.
pub struct Explained {
    /// What it needs.
    pub environment: Environment,
    /// For each need whose package is told: the package, and the file that shows the need.
    pub provisions: Vec<Provision>,
}

impl Explained {
    /// The attributes that are to be listed, each once.
    pub fn listed(&self) -> Vec<String> {
        let packages = self.environment.packages.iter();
        packages
            .filter(|package| package.implied.is_none())
            .map(|package| package.attr.to_string())
            .collect()
    }

    /// What implies an attribute, if something does.
    pub fn implied_by(&self, attr: &str) -> Option<&str> {
        let mut packages = self.environment.packages.iter();
        let package = packages.find(|package| package.attr.as_str() == attr)?;
        package.implied.as_deref()
    }
}

/// The same as [`environment`] with the evidence for each package.
pub fn explained(
    run: &Run,
    host: &dyn Host,
    resolve: impl FnMut(&Query) -> Resolution,
) -> Explained {
    let usage = graph::analyse(run, host);
    let choice = resolve::minimal::choose(&usage, resolve);
    let provisions = usage
        .needs
        .iter()
        .zip(&choice.of_needs)
        .filter_map(|(need, attr)| {
            let attr = attr.as_ref()?;
            let is_told = choice.packages.iter().any(|it| it.attr == *attr);
            is_told.then(|| Provision {
                provider: attr.to_string(),
                path: need.path.clone(),
                why: need.why.clone(),
            })
        })
        .collect();
    let environment = Environment {
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
    };
    Explained {
        environment,
        provisions,
    }
}
