//! Which attribute goes where in a shell or a derivation.
//!
//! What is implied by `stdenv` or by another package has been told before; here it is only left
//! out.

use super::home::Home;
use super::language::Language;
use super::nix::{Comment, Expression, Item, NixText};
use super::{Comments, Environment, Package, Role, RunKind};
use crate::resolve::{AttrPath, Output};
use bstr::ByteSlice;
use std::collections::{BTreeMap, BTreeSet};

/// The lists of a shell, each sorted by attribute.
#[derive(Debug)]
pub(crate) struct Inputs {
    /// Programs, interpreters with their modules, and data.
    pub(crate) packages: Vec<Item>,
    /// What a compiler finds headers and libraries in.
    pub(crate) build_inputs: Vec<Item>,
    /// What the loader of a program that was not built by Nix searches.
    pub(crate) loaded: Vec<Item>,
}

/// A list that an attribute can be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Packages,
    BuildInputs,
    Loaded,
}

impl Inputs {
    /// Sorts the packages that are to be listed into lists.
    pub(crate) fn of(environment: &Environment, comments: Comments, home: &Home) -> Self {
        let evidence = Evidence {
            environment,
            comments,
            home,
        };
        let mut uses: BTreeMap<Place, BTreeMap<&AttrPath, Vec<&Package>>> = BTreeMap::new();
        let mut modules: Vec<(Language, &str, &Package)> = Vec::new();
        let listed: Vec<&Package> = environment
            .packages
            .iter()
            .filter(|package| package.implied.is_none())
            .collect();
        let interpreters: BTreeSet<&str> = listed
            .iter()
            .filter(|package| matches!(package.role, Role::Interpreter | Role::Command))
            .map(|package| package.attr.as_str())
            .collect();
        for &package in &listed {
            let language = package.attr.set_member().and_then(|(set, member)| {
                let language =
                    Language::of_set(set)?.with_interpreter_among(interpreters.iter().copied());
                Some((language, member))
            });
            match language {
                Some((language, member)) if package.role == Role::Module => {
                    modules.push((language, member, package));
                }
                _ => uses
                    .entry(place(environment.kind, package.role))
                    .or_default()
                    .entry(&package.attr)
                    .or_default()
                    .push(package),
            }
        }

        let mut packages: BTreeMap<String, Vec<Item>> = BTreeMap::new();
        for (language, members) in by_language(&modules) {
            // The environment is the interpreter, with its modules.
            let interpreter = uses
                .get_mut(&Place::Packages)
                .and_then(|plain| {
                    let attr = plain
                        .keys()
                        .find(|attr| attr.as_str() == language.interpreter())?;
                    let attr = *attr;
                    plain.remove(attr)
                })
                .unwrap_or_default();
            let members = members
                .into_iter()
                .map(|(member, uses)| (member, evidence.comment(&uses)))
                .collect();
            packages.insert(
                language.interpreter().to_owned(),
                vec![Item {
                    value: language.environment(&members),
                    comment: evidence.comment(&interpreter),
                }],
            );
        }

        // `buildInputs` puts a package's programs on PATH as `packages` does, so a package that is
        // linked is not listed a second time for its commands.
        let linked: Vec<&AttrPath> = uses
            .get(&Place::BuildInputs)
            .map(|linked| linked.keys().copied().collect())
            .unwrap_or_default();
        for attr in linked {
            let run = uses
                .get_mut(&Place::Packages)
                .and_then(|plain| plain.remove(attr));
            if let (Some(run), Some(linked)) = (run, uses.get_mut(&Place::BuildInputs)) {
                linked.entry(attr).or_default().extend(run);
            }
        }

        let mut items = |place: Place| -> BTreeMap<String, Vec<Item>> {
            uses.remove(&place)
                .unwrap_or_default()
                .into_iter()
                .map(|(attr, uses)| (attr.to_string(), evidence.items(place, attr, &uses)))
                .collect()
        };
        packages.extend(items(Place::Packages));
        Self {
            packages: packages.into_values().flatten().collect(),
            build_inputs: items(Place::BuildInputs).into_values().flatten().collect(),
            loaded: items(Place::Loaded).into_values().flatten().collect(),
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

fn place(kind: RunKind, role: Role) -> Place {
    match (role, kind) {
        (Role::Interpreter | Role::Command | Role::Module | Role::Data, _) => Place::Packages,
        (Role::Library | Role::Dlopen, RunKind::Binary) => Place::Loaded,
        (Role::Library | Role::Dlopen | Role::Header | Role::PkgConfig, _) => Place::BuildInputs,
    }
}

type Members<'a> = BTreeMap<&'a str, Vec<&'a Package>>;

/// The modules of each interpreter.
fn by_language<'a>(
    modules: &'a [(Language, &'a str, &'a Package)],
) -> Vec<(&'a Language, Members<'a>)> {
    let mut languages: BTreeMap<&str, (&Language, Members<'a>)> = BTreeMap::new();
    for (language, member, package) in modules {
        languages
            .entry(language.interpreter())
            .or_insert_with(|| (language, BTreeMap::new()))
            .1
            .entry(member)
            .or_default()
            .push(package);
    }
    languages.into_values().collect()
}

/// Says why something is listed.
struct Evidence<'a> {
    environment: &'a Environment,
    comments: Comments,
    home: &'a Home,
}

impl Evidence<'_> {
    /// The items for an attribute: as it is, and where an output would not come with that, the
    /// output.
    ///
    /// `mkDerivation` takes the `dev` output of what it is given, or else `out`, and the hook of
    /// `multiple-outputs.sh` has made that propagate the outputs with the programs and libraries.
    /// So the plain attribute brings `bin`, `lib`, `dev` and `out`. What remains are outputs of
    /// other names, and the compiler, which must not come along with its library;
    /// `makeLibraryPath` picks that one's `lib` itself, as it does for every package.
    fn items(&self, place: Place, attr: &AttrPath, uses: &[&Package]) -> Vec<Item> {
        let mut by_output: BTreeMap<Option<&Output>, Vec<&Package>> = BTreeMap::new();
        for &package in uses {
            let explicit = match package.output.0.as_str() {
                "lib" => place != Place::Loaded && attr.as_str() == "stdenv.cc.cc",
                "out" | "bin" | "dev" => false,
                _ => true,
            };
            by_output
                .entry(explicit.then_some(&package.output))
                .or_default()
                .push(package);
        }
        by_output
            .into_iter()
            .map(|(output, uses)| Item {
                value: match output {
                    None => NixText::select("pkgs", attr).into(),
                    Some(output) => output_of(attr, output),
                },
                comment: self.comment(&uses),
            })
            .collect()
    }

    /// The most telling reason of each use, unless the header says it already.
    fn comment(&self, uses: &[&Package]) -> Option<Comment> {
        if self.comments == Comments::None {
            return None;
        }
        let mut reasons: Vec<&str> = Vec::new();
        for package in uses {
            if let Some(reason) = package.because.first()
                && !self.is_the_command(package)
                && !reasons.contains(&reason.as_str())
            {
                reasons.push(reason);
            }
        }
        Comment::new(&self.home.shown(reasons.join("; ").as_bytes()))
    }

    /// `pkgs.jq` in the shell of `jq .` needs no reason.
    fn is_the_command(&self, package: &Package) -> bool {
        let name = self
            .environment
            .command
            .first()
            .and_then(|command| command.rsplit_str("/").next());
        matches!(package.role, Role::Command | Role::Interpreter)
            && name == Some(package.attr.as_str().as_bytes())
    }
}

/// One output of an attribute, in parentheses.
fn output_of(attr: &AttrPath, output: &Output) -> Expression {
    let package = NixText::select("pkgs", attr).into();
    let call = match output.0.as_str() {
        "lib" => Expression::Apply(NixText::constant("pkgs.lib.getLib"), vec![package]),
        name => Expression::Apply(
            NixText::constant("pkgs.lib.getOutput"),
            vec![NixText::string(name.as_bytes()).into(), package],
        ),
    };
    Expression::Parenthesised(Box::new(call))
}
