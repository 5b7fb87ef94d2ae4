//! Which attribute goes where in a shell or a derivation.
//!
//! What is implied by `stdenv` or by another package has been told before; here it is only left
//! out.

use super::evidence::Evidence;
use super::language::Language;
use super::nix::Item;
use super::variables::place as place_of;
use super::wrapper::with_libraries;
use super::{Environment, Package, Role, RunKind};
use crate::resolve::ForcedRole;
use std::collections::{BTreeMap, BTreeSet};

/// The lists of a shell, each sorted by attribute.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    /// Programs, interpreters with their modules, and data.
    pub(crate) packages: Vec<Item>,
    /// What a compiler finds headers and libraries in.
    pub(crate) build_inputs: Vec<Item>,
    /// What the loader of a program that was not built by Nix searches.
    pub(crate) loaded: Vec<Item>,
}

/// A list that an attribute can be in; interpreters join the packages in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Interpreters,
    Packages,
    BuildInputs,
    Loaded,
}

impl Inputs {
    /// Sorts the packages that are to be listed into lists.
    pub(crate) fn of(environment: &Environment, evidence: &Evidence<'_>) -> Self {
        let mut uses = Uses::of(environment);
        uses.join_commands_to_linked();
        let mut packages = interpreters(&mut uses, evidence);
        let mut loaded = items(&uses.loaded, Place::Loaded, evidence);
        let wrap =
            environment.kind == RunKind::Script && !packages.is_empty() && !loaded.is_empty();
        let wrapper = wrap.then(|| {
            let interpreters = std::mem::take(&mut packages);
            with_libraries(
                interpreters.into_values().flatten().collect(),
                std::mem::take(&mut loaded),
            )
        });
        for (attr, uses) in &uses.packages {
            packages.insert((*attr).to_owned(), evidence.items(uses));
        }
        let packages = packages.into_values().flatten();
        Self {
            packages: wrapper.into_iter().chain(packages).collect(),
            build_inputs: items(&uses.build_inputs, Place::BuildInputs, evidence),
            loaded,
        }
    }
}

/// Whether a compiler or linker ran: the shell has to bring one.
pub(crate) fn compiler_ran(environment: &Environment) -> bool {
    environment.kind == RunKind::Build
        || environment.packages.iter().any(|package| {
            let attr = package.attr.as_str();
            package.role == Role::Command
                && package.implied.as_deref() == Some("stdenv")
                && ["stdenv.cc", "gcc", "binutils"]
                    .iter()
                    .any(|compiler| attr.starts_with(compiler))
        })
}

pub(super) type ByAttribute<'a> = BTreeMap<&'a str, Vec<&'a Package>>;

/// What each list is made from.
#[derive(Default)]
struct Uses<'a> {
    interpreters: ByAttribute<'a>,
    packages: ByAttribute<'a>,
    build_inputs: ByAttribute<'a>,
    loaded: ByAttribute<'a>,
    /// The modules of each interpreter, by the interpreter's attribute.
    modules: BTreeMap<String, (Language, ByAttribute<'a>)>,
}

impl<'a> Uses<'a> {
    fn of(environment: &'a Environment) -> Self {
        let listed = || {
            let packages = environment.packages.iter();
            // What a variable leads to is told there.
            packages.filter(|package| package.implied.is_none() && place_of(package).is_none())
        };
        let programs: BTreeSet<&str> = listed()
            .filter(|package| matches!(package.role, Role::Interpreter | Role::Command))
            .map(|package| package.attr.as_str())
            .collect();
        let mut languages: BTreeMap<&str, Option<Language>> = BTreeMap::new();
        let mut uses = Self::default();
        for package in listed() {
            if package.role == Role::Module
                && let Some((set, member)) = package.attr.set_member()
                && let Some(language) = languages.entry(set).or_insert_with(|| {
                    Some(Language::of_set(set)?.with_interpreter_among(programs.iter().copied()))
                })
            {
                let modules = uses
                    .modules
                    .entry(language.interpreter().to_owned())
                    .or_insert_with(|| (language.clone(), BTreeMap::new()));
                modules.1.entry(member).or_default().push(package);
            } else {
                uses.list(place(environment.kind, package))
                    .entry(package.attr.as_str())
                    .or_default()
                    .push(package);
            }
        }
        uses
    }

    fn list(&mut self, place: Place) -> &mut ByAttribute<'a> {
        match place {
            Place::Interpreters => &mut self.interpreters,
            Place::Packages => &mut self.packages,
            Place::BuildInputs => &mut self.build_inputs,
            Place::Loaded => &mut self.loaded,
        }
    }

    /// A shell without `strictDeps` has the programs of `buildInputs` on PATH too, so a package
    /// that is linked is not listed a second time for its commands.
    fn join_commands_to_linked(&mut self) {
        for (attr, linked) in &mut self.build_inputs {
            linked.extend(self.packages.remove(attr).into_iter().flatten());
        }
    }
}

fn place(kind: RunKind, package: &Package) -> Place {
    let is_loaded = matches!(
        package.role,
        Role::Library | Role::Dlopen | Role::Header | Role::PkgConfig
    );
    match package.forced {
        None => {}
        Some(ForcedRole::Build) => return Place::BuildInputs,
        // In a build's shell nothing is left for another loader to find.
        Some(ForcedRole::Runtime) if is_loaded && kind == RunKind::Build => {
            return Place::BuildInputs;
        }
        Some(ForcedRole::Runtime) if is_loaded => return Place::Loaded,
        Some(ForcedRole::Runtime) if package.role == Role::Interpreter => {
            return Place::Interpreters;
        }
        Some(_) => return Place::Packages,
    }
    match (package.role, kind) {
        (Role::Interpreter, _) => Place::Interpreters,
        (Role::Command | Role::Module | Role::Data, _) => Place::Packages,
        (Role::Library | Role::Dlopen, RunKind::Binary | RunKind::Script) => Place::Loaded,
        (Role::Library | Role::Dlopen | Role::Header | Role::PkgConfig, _) => Place::BuildInputs,
    }
}

fn items(uses: &ByAttribute<'_>, place: Place, evidence: &Evidence<'_>) -> Vec<Item> {
    uses.values()
        .flat_map(|uses| match place {
            Place::Loaded => evidence.libraries(uses),
            _ => evidence.items(uses),
        })
        .collect()
}

/// Takes the interpreters out of the packages, each as one item with its modules.
fn interpreters(uses: &mut Uses<'_>, evidence: &Evidence<'_>) -> BTreeMap<String, Vec<Item>> {
    let mut interpreters = BTreeMap::new();
    for (interpreter, (language, modules)) in std::mem::take(&mut uses.modules) {
        let reasons = [&mut uses.interpreters, &mut uses.packages]
            .into_iter()
            .filter_map(|list| list.remove(interpreter.as_str()))
            .flatten()
            .collect::<Vec<_>>();
        let item = evidence.interpreter(&language, &modules, &reasons);
        interpreters.insert(interpreter, vec![item]);
    }
    for (attr, mut plain) in std::mem::take(&mut uses.interpreters) {
        plain.extend(uses.packages.remove(attr).into_iter().flatten());
        interpreters.insert(attr.to_owned(), evidence.items(&plain));
    }
    interpreters
}
