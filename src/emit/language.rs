//! Interpreters whose modules come as one environment: `python3.withPackages`.
//!
//! Knows how nixpkgs names a language's package set and what makes an environment of it. Which
//! modules are needed is decided before.

use super::foreign::Foreign;
use super::nix::{Comment, Entry, Expression, Item, NixText};
use super::scope::Scope;
use crate::resolve::AttrPath;
use std::collections::{BTreeMap, BTreeSet};

/// How a language's environment is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Recipe {
    /// `(pkgs.<interpreter>.withPackages (<parameter>: [ … ]))`
    WithPackages { parameter: &'static str },
    /// `(pkgs.haskellPackages.ghcWithPackages (ps: [ … ]))`
    GhcWithPackages,
    /// `(pkgs.rWrapper.override { packages = [ … ]; })`
    RWrapper,
}

/// An interpreter and how it takes modules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Language {
    /// Interpreters of one family can stand in for each other: `python`.
    family: &'static str,
    /// The attribute of the interpreter: `python3`.
    interpreter: String,
    /// The attribute set that the modules are in: `python3Packages`.
    set: String,
    recipe: Recipe,
}

const PS: Recipe = Recipe::WithPackages { parameter: "ps" };

impl Language {
    /// The language whose package set is called `set`; none when it is no such set, or one whose
    /// members are listed one by one.
    pub(crate) fn of_set(set: &str) -> Option<Self> {
        let (family, interpreter, recipe) = match set {
            "haskellPackages" => ("haskell", "ghc".to_owned(), Recipe::GhcWithPackages),
            "rPackages" => ("R", "R".to_owned(), Recipe::RWrapper),
            "octavePackages" => ("octave", "octave".to_owned(), PS),
            "luajitPackages" => ("lua", "luajit".to_owned(), PS),
            _ => {
                if let Some(version) = between(set, "python", "Packages") {
                    ("python", format!("python{version}"), PS)
                } else if let Some(version) = between(set, "pypy", "Packages") {
                    ("python", format!("pypy{version}"), PS)
                } else if let Some(version) = between(set, "perl", "Packages") {
                    let recipe = Recipe::WithPackages { parameter: "p" };
                    ("perl", format!("perl{version}"), recipe)
                } else if let Some(version) = between(set, "lua", "Packages") {
                    // The set of `lua5_1` is `lua51Packages`.
                    let interpreter = match version.split_at_checked(1) {
                        Some((major, minor)) if !minor.is_empty() => format!("lua{major}_{minor}"),
                        _ => format!("lua{version}"),
                    };
                    ("lua", interpreter, PS)
                } else if set == "rubyPackages" {
                    ("ruby", "ruby".to_owned(), PS)
                } else if let Some(version) = set.strip_prefix("rubyPackages_") {
                    ("ruby", format!("ruby_{version}"), PS)
                } else {
                    return None;
                }
            }
        };
        Some(Self {
            family,
            interpreter,
            set: set.to_owned(),
            recipe,
        })
    }

    /// The interpreter's attribute.
    pub(crate) fn interpreter(&self) -> &str {
        &self.interpreter
    }

    /// The language with the interpreter that is really there: of those listed, its own, or the
    /// only one of its family (`python3Packages` is today's name for the modules of whichever
    /// Python ran).
    pub(crate) fn with_interpreter_among<'a>(
        mut self,
        listed: impl Iterator<Item = &'a str>,
    ) -> Self {
        let same_family: Vec<&str> = listed.filter(|attr| self.is_interpreter(attr)).collect();
        if let [only] = same_family.as_slice()
            && matches!(self.recipe, Recipe::WithPackages { .. })
        {
            self.interpreter = (*only).to_owned();
        }
        self
    }

    fn is_interpreter(&self, attr: &str) -> bool {
        let version = match self.family {
            "python" => attr
                .strip_prefix("python")
                .or_else(|| attr.strip_prefix("pypy")),
            "lua" => attr
                .strip_prefix("luajit")
                .or_else(|| attr.strip_prefix("lua")),
            family => attr.strip_prefix(family),
        };
        attr == self.interpreter
            || version.is_some_and(|version| {
                version
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || byte == b'_')
            })
    }

    /// The interpreter with the modules, each with where it comes from, if that is not the
    /// interpreter's own set, and with its comment.
    pub(crate) fn environment(
        &self,
        modules: &BTreeMap<&str, (Option<Foreign<'_>>, Option<Comment>)>,
        scope: &Scope,
    ) -> Expression {
        let members = |set: Option<NixText>, select: &dyn Fn(&str) -> NixText| {
            let items = modules
                .iter()
                .map(|(module, (foreign, comment))| Item {
                    value: match foreign {
                        None => select(module).into(),
                        Some(foreign) => foreign.member(&self.set, module, set.clone()),
                    },
                    comment: comment.clone(),
                })
                .collect();
            Expression::List(items)
        };
        let with = |function: NixText, parameter: &'static str| {
            let choice = Expression::Lambda(
                NixText::constant(parameter),
                Box::new(members(Some(NixText::constant(parameter)), &|module| {
                    NixText::select_parts(parameter, module.split('.'))
                })),
            );
            Expression::call(function, choice.parenthesised())
        };
        let made = match self.recipe {
            Recipe::WithPackages { parameter } => with(
                scope.parts([self.interpreter.as_str(), "withPackages"]),
                parameter,
            ),
            Recipe::GhcWithPackages => {
                with(scope.parts([self.set.as_str(), "ghcWithPackages"]), "ps")
            }
            Recipe::RWrapper => Expression::Apply(
                scope.known("rWrapper.override"),
                vec![Expression::Set {
                    entries: vec![Entry::binding(
                        "packages",
                        members(None, &|module| {
                            scope.parts([self.set.as_str()].into_iter().chain(module.split('.')))
                        }),
                    )],
                    spaced: false,
                }],
            ),
        };
        made.parenthesised()
    }
}

/// Attributes as they stand in a list of packages, each on one line: modules as one environment with their
/// interpreter.
pub fn packages<'a>(attrs: impl IntoIterator<Item = &'a AttrPath>) -> Vec<String> {
    let scope = Scope::pkgs();
    let mut packages = BTreeSet::new();
    let mut modules: BTreeMap<&str, BTreeMap<&str, _>> = BTreeMap::new();
    for attr in attrs {
        match attr.as_str().split_once('.') {
            Some((set, module)) if Language::of_set(set).is_some() => {
                modules.entry(set).or_default().insert(module, (None, None));
            }
            _ => {
                packages.insert(scope.package(attr).as_str().to_owned());
            }
        }
    }
    let environments = modules.iter().filter_map(|(set, modules)| {
        let environment = Language::of_set(set)?.environment(modules, &scope);
        // No text is in it, so a blank is as good as the end of a line.
        let source = environment.source(0);
        let words: Vec<&str> = source.as_str().split_whitespace().collect();
        Some(words.join(" "))
    });
    packages.into_iter().chain(environments).collect()
}

/// What is between the two, if the text begins and ends so and only digits stand between.
fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    text.strip_prefix(start)?
        .strip_suffix(end)
        .filter(|version| version.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_stand_in_a_list_as_one_environment() {
        let attrs = [
            "git",
            "python3Packages.pyyaml",
            "rPackages.dplyr",
            "python3Packages.numpy",
        ]
        .map(|attr| AttrPath::new(attr).unwrap());
        assert_eq!(
            packages(&attrs),
            [
                "pkgs.git",
                "(pkgs.python3.withPackages (ps: [ ps.numpy ps.pyyaml ]))",
                "(pkgs.rWrapper.override { packages = [ pkgs.rPackages.dplyr ]; })",
            ]
        );
    }

    #[track_caller]
    fn check(set: &str, expected: Option<&str>) {
        let language = Language::of_set(set);
        assert_eq!(language.as_ref().map(Language::interpreter), expected);
    }

    #[test]
    fn a_package_set_belongs_to_the_interpreter_that_nixpkgs_gives_it() {
        check("python3Packages", Some("python3"));
        check("python312Packages", Some("python312"));
        check("pypy3Packages", Some("pypy3"));
        check("perlPackages", Some("perl"));
        check("perl538Packages", Some("perl538"));
        check("rubyPackages", Some("ruby"));
        check("rubyPackages_3_3", Some("ruby_3_3"));
        check("luaPackages", Some("lua"));
        check("lua51Packages", Some("lua5_1"));
        check("luajitPackages", Some("luajit"));
        check("octavePackages", Some("octave"));
        check("rPackages", Some("R"));
        check("haskellPackages", Some("ghc"));
    }

    #[test]
    fn the_members_of_other_sets_are_listed_one_by_one() {
        check("ocamlPackages", None);
        check("nodePackages", None);
        check("pythonicPackages", None);
        check("gnome", None);
    }

    #[test]
    fn the_interpreter_that_ran_stands_in_for_the_default_one() {
        let interpreter = |set: &str, listed: &[&str]| {
            let language = Language::of_set(set).unwrap();
            let language = language.with_interpreter_among(listed.iter().copied());
            language.interpreter().to_owned()
        };
        assert_eq!(interpreter("python3Packages", &["python311"]), "python311");
        assert_eq!(interpreter("python3Packages", &["git", "perl"]), "python3");
        assert_eq!(interpreter("python3Packages", &["python-qt"]), "python3");
        assert_eq!(interpreter("luaPackages", &["luajit"]), "luajit");
        // With two, neither is more likely than the other.
        assert_eq!(
            interpreter("python3Packages", &["python311", "python312"]),
            "python3"
        );
    }
}
