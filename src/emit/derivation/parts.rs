//! The packages of a run, sorted by what a derivation needs them for.

use crate::emit::evidence::Evidence;
use crate::emit::inputs::ByAttribute;
use crate::emit::language::Language;
use crate::emit::nix::Item;
use crate::emit::variables;
use crate::emit::{Asker, Environment, Package, PackageUse, Phase, Role, RunKind};
use crate::graph::subject::SubjectForm;
use crate::resolve::ForcedRole;
use crate::trace::Bytes;
use std::collections::{BTreeMap, BTreeSet};

/// What a package is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Slot {
    /// Runs scripts, or is a module of what does.
    Interpreter,
    /// Is run while it works; goes on the `PATH` of a wrapper.
    Command,
    /// Is run while it is built.
    Native,
    /// Is run only while it is tested.
    Check,
    /// Is linked: by the program itself, or into what is built.
    Linked,
    /// Is opened at run time by the program itself.
    Opened,
    /// Is opened at run time by a library that came with the program.
    OpenedByLibrary,
    /// Is read.
    Data,
}

/// The packages, each for one thing; one with two uses is there twice.
pub(crate) struct Parts(Vec<(Slot, Package)>);

impl Parts {
    /// Sorts the packages of a run.
    ///
    /// What stdenv brings is at hand in a build only: what a program runs while it works must be
    /// named even if it is only `grep`.
    pub(crate) fn of(environment: &Environment) -> Self {
        let kind = environment.kind;
        let mut parts = Vec::new();
        for package in &environment.packages {
            let at_run_time = kind != RunKind::Build;
            let from_stdenv = package.implied.as_deref() == Some("stdenv");
            if package.implied.is_some() && !(at_run_time && from_stdenv) {
                continue;
            }
            for used in uses(package) {
                let is_command = matches!(used.role, Role::Command | Role::Interpreter);
                // `env` before the command, or in a script's first line, only started it.
                let only_started = used.by == Asker::Caller
                    && used.role == Role::Command
                    && environment.subject.form != SubjectForm::Installed;
                // `/bin/sh` is there wherever a program runs, not only where it is built.
                let is_everywhere = used.path == "/bin/sh".into();
                if from_stdenv && (!is_command || only_started || is_everywhere) {
                    continue;
                }
                // What a variable leads to is told there.
                if used.role == Role::Data && variables::place(package).is_some() {
                    continue;
                }
                let one = Package {
                    output: used.output.clone(),
                    role: used.role,
                    forced: used.forced,
                    because: vec![used.why.clone()],
                    uses: Vec::new(),
                    ..package.clone()
                };
                parts.push((slot(kind, &used), one));
            }
        }
        Self(parts)
    }

    /// Whether anything is for that.
    pub(crate) fn has(&self, slot: Slot) -> bool {
        self.0.iter().any(|(at, _)| *at == slot)
    }

    /// The attributes that are for that.
    pub(crate) fn attributes(&self, slot: Slot) -> BTreeSet<&str> {
        self.of_slot(slot)
            .map(|package| package.attr.as_str())
            .collect()
    }

    fn of_slot(&self, slot: Slot) -> impl Iterator<Item = &Package> {
        self.0
            .iter()
            .filter(move |(at, _)| *at == slot)
            .map(|(_, package)| package)
    }

    fn by_attribute(&self, slot: Slot) -> ByAttribute<'_> {
        let mut found = ByAttribute::new();
        for package in self.of_slot(slot) {
            found
                .entry(package.attr.as_str())
                .or_default()
                .push(package);
        }
        found
    }

    /// What is for that, as a list; `makeLibraryPath` takes libraries' outputs by itself.
    pub(crate) fn items(&self, slot: Slot, evidence: &Evidence<'_>) -> Vec<Item> {
        self.items_but(slot, &[], evidence)
    }

    /// What is for any of these, each once; interpreters with their modules.
    pub(crate) fn items_of(&self, slots: &[Slot], evidence: &Evidence<'_>) -> Vec<Item> {
        let mut found: Vec<Item> = Vec::new();
        for &slot in slots {
            let items = match slot {
                Slot::Interpreter => {
                    let interpreters = self.interpreters(&[], evidence);
                    interpreters.into_values().flatten().collect()
                }
                _ => self.items(slot, evidence),
            };
            for item in items {
                if !found.iter().any(|it| it.is_same_as(&item)) {
                    found.push(item);
                }
            }
        }
        found
    }

    /// What is for that without these attributes.
    pub(crate) fn items_but(
        &self,
        slot: Slot,
        attributes: &[&str],
        evidence: &Evidence<'_>,
    ) -> Vec<Item> {
        self.by_attribute(slot)
            .into_iter()
            .filter(|(attr, _)| !attributes.contains(attr))
            .flat_map(|(_, uses)| match slot {
                Slot::Opened | Slot::OpenedByLibrary => evidence.libraries(&uses),
                _ => evidence.items(&uses),
            })
            .collect()
    }

    /// The interpreters without these, each with its modules, by attribute.
    pub(crate) fn interpreters(
        &self,
        but: &[&str],
        evidence: &Evidence<'_>,
    ) -> BTreeMap<String, Vec<Item>> {
        let all = self.by_attribute(Slot::Interpreter);
        let programs: Vec<&str> = all
            .iter()
            .filter(|(_, uses)| uses.iter().any(|it| it.role != Role::Module))
            .map(|(attr, _)| *attr)
            .chain(self.attributes(Slot::Native))
            .collect();
        let mut modules: BTreeMap<String, (Language, ByAttribute<'_>)> = BTreeMap::new();
        let mut found = BTreeMap::new();
        for (attr, uses) in &all {
            let member = uses
                .iter()
                .find(|package| package.role == Role::Module)
                .and_then(|package| package.attr.set_member());
            let language = member.and_then(|(set, _)| Language::of_set(set));
            if let (Some((_, member)), Some(language)) = (member, language) {
                let language = language.with_interpreter_among(programs.iter().copied());
                let entry = modules
                    .entry(language.interpreter().to_owned())
                    .or_insert_with(|| (language, ByAttribute::new()));
                entry.1.entry(member).or_default().extend(uses.iter());
            } else if !but.contains(attr) {
                found.insert((*attr).to_owned(), evidence.items(uses));
            }
        }
        for (interpreter, (language, modules)) in modules {
            if but.contains(&interpreter.as_str()) {
                continue;
            }
            let reasons = all.get(interpreter.as_str()).cloned().unwrap_or_default();
            let item = evidence.interpreter(&language, &modules, &reasons);
            found.insert(interpreter, vec![item]);
        }
        found
    }

    /// The modules of Python's package set without these, one by one.
    pub(crate) fn modules(&self, but: &[&str], evidence: &Evidence<'_>) -> Vec<Item> {
        self.by_attribute(Slot::Interpreter)
            .values()
            .filter(|uses| {
                uses.iter().all(|package| {
                    let member = package.attr.set_member();
                    package.role == Role::Module
                        && member.is_some_and(|(_, member)| !but.contains(&member))
                })
            })
            .flat_map(|uses| evidence.items(uses))
            .collect()
    }
}

/// The uses of a package; an environment that was made by hand may tell only the strongest role.
fn uses(package: &Package) -> Vec<PackageUse> {
    if package.uses.is_empty() {
        return vec![PackageUse {
            role: package.role,
            output: package.output.clone(),
            forced: package.forced,
            by: Asker::Main,
            phases: Vec::new(),
            why: package.because.first().cloned().unwrap_or_default(),
            path: Bytes::default(),
        }];
    }
    package.uses.clone()
}

fn slot(kind: RunKind, used: &PackageUse) -> Slot {
    match (used.forced, used.role) {
        // A module is of no use without its interpreter.
        (None, _) | (_, Role::Module) => {}
        (Some(ForcedRole::Native), _) => return Slot::Native,
        (Some(ForcedRole::Build), _) => return Slot::Linked,
        (Some(ForcedRole::Test), _) => return Slot::Check,
        (Some(ForcedRole::Data), _) => return Slot::Data,
        (Some(ForcedRole::Runtime), Role::Library | Role::Dlopen) => return Slot::Opened,
        (Some(ForcedRole::Runtime), Role::Header | Role::PkgConfig) => return Slot::Opened,
        (Some(ForcedRole::Runtime), Role::Data) => return Slot::Data,
        (Some(ForcedRole::Runtime), Role::Interpreter) if kind != RunKind::Build => {
            return Slot::Interpreter;
        }
        (Some(ForcedRole::Runtime), Role::Interpreter | Role::Command) => return Slot::Command,
    }
    let checks_only = !used.phases.is_empty() && used.phases.iter().all(|it| *it == Phase::Check);
    match (kind, used.role) {
        (_, Role::Module) => Slot::Interpreter,
        (RunKind::Build, Role::Interpreter | Role::Command | Role::Data) if checks_only => {
            Slot::Check
        }
        (RunKind::Build, Role::Interpreter | Role::Command | Role::Data) => Slot::Native,
        (_, Role::Interpreter) => Slot::Interpreter,
        (_, Role::Command) => Slot::Command,
        (_, Role::Data) => Slot::Data,
        (RunKind::Build, _) => Slot::Linked,
        (_, Role::Dlopen) if used.by == Asker::OwnLibrary => Slot::OpenedByLibrary,
        (_, Role::Dlopen) => Slot::Opened,
        (_, Role::Library | Role::Header | Role::PkgConfig) => Slot::Linked,
    }
}
