//! The whole way, in a few lines: runs become needs, needs become packages, and packages become
//! the environment that every format is written from.

use crate::emit::{Environment, GapNote, NetworkUse, RunNote, Shipment};
use crate::graph::resources::{Provision, Resource};
use crate::graph::subject::{SubjectForm, desktop_entries};
use crate::graph::{self, Host, Run, joined};
use crate::resolve::{self, AttrPath, InstalledPackage, Manager, Query, Resolution};
use crate::trace::{Bytes, GapKind};
use std::collections::{BTreeMap, HashSet};

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

/// Notes which package of the machine's own a program came in that is somebody else's, and takes its
/// name and version from there.
///
/// `package` is asked for the package that owns a file. Only packages of managers whose files nixpkgs
/// unpacks count.
pub fn note_shipment(
    environment: &mut Environment,
    host: &dyn Host,
    package: impl FnOnce(&Bytes) -> Option<InstalledPackage>,
) {
    let subject = &mut environment.subject;
    let (SubjectForm::Program(_), Some(file)) = (&subject.form, &subject.file) else {
        return;
    };
    let path: Bytes = [subject.root.as_bytes(), b"/", file].concat().into();
    let Some(package) = package(&path) else {
        return;
    };
    if !matches!(package.manager, Manager::Dpkg | Manager::Rpm) {
        return;
    }
    subject.name = package.name.as_str().into();
    subject.version = package.release.or(subject.version.take());
    let share = |place: &str| [b"/usr/share/", place.as_bytes()].concat();
    let shown = [
        "applications",
        "icons",
        "pixmaps",
        "man",
        "mime",
        "metainfo",
    ]
    .map(share);
    environment.shipment = Some(Shipment {
        manager: package.manager,
        name: package.name,
        version: package.version,
        share: shown
            .iter()
            .any(|place| package.files.iter().any(|file| file.starts_with(place))),
        desktop_entries: desktop_entries(&Bytes::default(), &package.files, host),
    });
}

/// A run, with the name that tells it from others.
#[derive(Clone, Copy)]
pub struct NamedRun<'a> {
    /// The name; not shown where there is only one run.
    pub name: &'a str,
    /// The run.
    pub run: &'a Run,
}

/// What runs need from nixpkgs.
///
/// `resolve` is asked once for each thing that a run used.
pub fn environment(
    runs: &[NamedRun<'_>],
    host: &dyn Host,
    resolve: impl FnMut(&Query) -> Resolution,
) -> Environment {
    explained(runs, host, resolve).environment
}

/// What runs need, and which files show it.
pub struct Explained {
    /// What they need.
    pub environment: Environment,
    /// For each run, and each need of it whose package is told: the package, and the file that shows
    /// the need.
    pub provisions: Vec<Vec<Provision>>,
    /// What was answered for each need.
    answers: Vec<Answered>,
}

/// A need, with what was answered.
struct Answered {
    /// The attribute that has it, if that is certain.
    attr: Option<AttrPath>,
    /// The file that shows it.
    path: Bytes,
    resolution: Resolution,
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

    /// What was asked about a package or file, and answered; each question once.
    pub fn answers_about(&self, resource: &Resource) -> Vec<&Resolution> {
        let is_about = |answered: &&Answered| match resource {
            Resource::Provider(name) => answered
                .attr
                .as_ref()
                .is_some_and(|attr| attr.as_str() == name),
            Resource::Library(path) | Resource::File(path) => answered.path == *path,
            _ => false,
        };
        let mut asked = HashSet::new();
        self.answers
            .iter()
            .filter(is_about)
            .map(|answered| &answered.resolution)
            .filter(|it| asked.insert((it.query.kind, &it.query.name)))
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
    runs: &[NamedRun<'_>],
    host: &dyn Host,
    resolve: impl FnMut(&Query) -> Resolution,
) -> Explained {
    let usages = runs
        .iter()
        .map(|it| (it.name.to_owned(), graph::analyse(it.run, host)))
        .collect();
    let joined::Joined {
        usage,
        of_runs,
        leading,
    } = joined::join(usages);
    let choice = resolve::minimal::choose(&usage, resolve);
    let provision = |number: usize| {
        let need = &usage.needs[number];
        let attr = choice.of_needs[number].as_ref()?;
        let is_told = choice.packages.iter().any(|it| it.attr == *attr);
        is_told.then(|| Provision {
            provider: attr.to_string(),
            path: need.path.clone(),
            why: need.why.clone(),
        })
    };
    let provisions = of_runs
        .into_iter()
        .map(|numbers| numbers.filter_map(provision).collect())
        .collect();
    let answers = usage.needs.iter().zip(choice.of_needs).zip(choice.answers);
    let answers = answers
        .map(|((need, attr), resolution)| Answered {
            attr,
            path: need.path.clone(),
            resolution,
        })
        .collect();
    let leading = leading.map(|number| &runs[number].run.header);
    let environment = Environment {
        subject: usage.subject,
        surroundings: usage.surroundings,
        directory: leading.map(|it| it.cwd.clone()).unwrap_or_default(),
        architecture: leading
            .map(|it| it.architecture.clone())
            .unwrap_or_default(),
        exit: exit(runs),
        runs: notes(runs),
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
        gaps: gaps(runs),
        ..Environment::new(
            usage.kind,
            leading.map(|it| it.argv.clone()).unwrap_or_default(),
        )
    };
    Explained {
        environment,
        provisions,
        answers,
    }
}

/// How the runs ended: as the first that failed, or as one whose end was not seen.
fn exit(runs: &[NamedRun<'_>]) -> Option<u8> {
    let exits = || runs.iter().map(|it| Some(it.run.status?.shell_code()));
    let failed = exits().find(|exit| exit.is_some_and(|exit| exit != 0));
    failed.or_else(|| exits().min()).flatten()
}

/// The runs by name, if there are several.
fn notes(runs: &[NamedRun<'_>]) -> Vec<RunNote> {
    if runs.len() < 2 {
        return Vec::new();
    }
    runs.iter()
        .map(|it| RunNote {
            name: it.name.to_owned(),
            command: it.run.header.argv.clone(),
            exit: it.run.status.map(|status| status.shell_code()),
        })
        .collect()
}

fn gaps(runs: &[NamedRun<'_>]) -> Vec<GapNote> {
    let mut gaps: BTreeMap<(GapKind, &str), u64> = BTreeMap::new();
    for ((kind, detail), count) in runs.iter().flat_map(|it| &it.run.gaps) {
        *gaps.entry((*kind, detail)).or_default() += count;
    }
    gaps.into_iter()
        .map(|((kind, detail), count)| GapNote {
            kind,
            detail: detail.to_owned(),
            count,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elf::Image;
    use crate::emit::RunKind;
    use crate::graph::subject::ProgramFacts;
    use bstr::BStr;
    use std::sync::Arc;

    /// A machine with one desktop entry.
    struct Machine;

    impl Host for Machine {
        fn image(&self, _: &BStr) -> Option<Arc<Image>> {
            None
        }
        fn text(&self, path: &BStr, _: usize) -> Option<Vec<u8>> {
            let is_entry = path == "/usr/share/applications/acme.desktop";
            is_entry.then(|| b"Exec=/opt/acme/viewer %U\n".to_vec())
        }
        fn entries(&self, _: &BStr) -> Vec<Bytes> {
            Vec::new()
        }
        fn real(&self, _: &BStr) -> Option<Bytes> {
            None
        }
        fn mentions(&self, _: &BStr, _: &[u8]) -> bool {
            false
        }
    }

    fn viewer() -> Environment {
        let mut environment = Environment::new(RunKind::Binary, vec!["viewer".into()]);
        environment.subject.form = SubjectForm::Program(ProgramFacts::default());
        environment.subject.name = "viewer".into();
        environment.subject.root = "/opt/acme".into();
        environment.subject.file = Some("viewer".into());
        environment
    }

    fn package(manager: Manager) -> InstalledPackage {
        InstalledPackage {
            manager,
            name: "acme-viewer".to_owned(),
            version: "1:1.2-3".to_owned(),
            release: Some("1.2".to_owned()),
            files: vec!["/usr/share/applications/acme.desktop".into()],
        }
    }

    #[test]
    fn a_program_that_a_package_manager_installed_is_called_as_its_package() {
        let mut environment = viewer();
        note_shipment(&mut environment, &Machine, |path| {
            assert_eq!(*path, "/opt/acme/viewer".into());
            Some(package(Manager::Dpkg))
        });
        let shipment = environment.shipment.unwrap();
        assert_eq!(shipment.version, "1:1.2-3");
        assert!(shipment.share);
        let entry = &shipment.desktop_entries[0];
        assert_eq!(entry.path, "usr/share/applications/acme.desktop".into());
        assert_eq!(entry.commands, ["/opt/acme/viewer".into()]);
        assert_eq!(environment.subject.name, "acme-viewer".into());
        assert_eq!(environment.subject.version.as_deref(), Some("1.2"));
    }

    #[test]
    fn what_nobody_owns_or_nixpkgs_cannot_unpack_stays_as_it_is() {
        for owner in [None, Some(package(Manager::Apk))] {
            let mut environment = viewer();
            note_shipment(&mut environment, &Machine, |_| owner);
            assert_eq!(environment.shipment, None);
            assert_eq!(environment.subject.name, "viewer".into());
        }
        // A script has no file that somebody built.
        let mut environment = viewer();
        environment.subject.form = SubjectForm::default();
        note_shipment(&mut environment, &Machine, |_| unreachable!());
        assert_eq!(environment.shipment, None);
    }
}
