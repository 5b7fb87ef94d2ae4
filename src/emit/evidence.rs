//! What a list says of a package: which of its outputs, and why it is there.

use super::foreign::Foreign;
use super::home::Home;
use super::inputs::ByAttribute;
use super::language::Language;
use super::nix::{Comment, Expression, Item, NixText};
use super::scope::Scope;
use super::{Comments, Environment, Package, Role};
use crate::resolve::{AttrPath, Origin, Output};
use crate::trace::Bytes;
use bstr::ByteSlice;
use std::collections::BTreeMap;

/// Says why something is listed.
pub(crate) struct Evidence<'a> {
    pub(crate) environment: &'a Environment,
    pub(crate) comments: Comments,
    pub(crate) home: &'a Home,
    pub(crate) scope: &'a Scope,
    /// The directory of the file that is written, absolute.
    pub(crate) directory: &'a Bytes,
}

impl Evidence<'_> {
    /// The items for the uses of one attribute: the attribute as it is, and where an output would not come with that, the
    /// output.
    ///
    /// `mkDerivation` takes the `dev` output of what it is given, or else `out`, and the hook of
    /// `multiple-outputs.sh` has made that propagate the outputs with the programs and libraries.
    /// So the plain attribute brings `bin`, `lib`, `dev` and `out`. What remains are outputs of
    /// other names, and the compiler, which must not come along with its library;
    /// `makeLibraryPath` picks that one's `lib` itself, as it does for every package.
    pub(crate) fn items(&self, uses: &[&Package]) -> Vec<Item> {
        self.listed(uses, false)
    }

    /// The same for a list that is given to `makeLibraryPath`.
    pub(crate) fn libraries(&self, uses: &[&Package]) -> Vec<Item> {
        self.listed(uses, true)
    }

    fn listed(&self, uses: &[&Package], are_loaded: bool) -> Vec<Item> {
        let mut by_output: BTreeMap<_, Vec<&Package>> = BTreeMap::new();
        for &package in uses {
            let explicit = match package.output.0.as_str() {
                "lib" => !are_loaded && package.attr.as_str() == "stdenv.cc.cc",
                "out" | "bin" | "dev" => false,
                _ => true,
            };
            by_output
                .entry((
                    &package.attr,
                    &package.origin,
                    explicit.then_some(&package.output),
                ))
                .or_default()
                .push(package);
        }
        by_output
            .into_iter()
            .map(|((attr, origin, output), uses)| {
                let value = match (origin, output) {
                    (Some(origin), output) => self.foreign(origin).package(attr, output),
                    (None, None) => self.scope.package(attr).into(),
                    (None, Some(output)) => self.output_of(attr, output),
                };
                let comment = self.comment(&uses);
                Item { value, comment }
            })
            .collect()
    }

    /// The most telling reason of each use, unless the header says it already.
    pub(crate) fn comment(&self, uses: &[&Package]) -> Option<Comment> {
        if self.comments == Comments::None {
            return None;
        }
        let mut reasons: Vec<&str> = Vec::new();
        for package in uses {
            if let Some(reason) = package.because.first()
                // That it was typed shows in the first line.
                && reason != "the command"
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

    /// A remark of our own, where reasons are wanted.
    pub(crate) fn remark(&self, text: &str) -> Option<Comment> {
        match self.comments {
            Comments::None => None,
            Comments::Evidence => Comment::new(&self.home.shown(text.as_bytes())),
        }
    }

    /// An interpreter with its modules.
    pub(crate) fn interpreter(
        &self,
        language: &Language,
        modules: &ByAttribute<'_>,
        reasons: &[&Package],
    ) -> Item {
        let modules = modules
            .iter()
            .map(|(module, uses)| {
                let origin = uses.iter().find_map(|package| package.origin.as_ref());
                let origin = origin.map(|origin| self.foreign(origin));
                (*module, (origin, self.comment(uses)))
            })
            .collect();
        Item {
            value: language.environment(&modules, self.scope),
            comment: self.comment(reasons),
        }
    }

    /// How a package is taken from where a person has pinned it to.
    fn foreign<'a>(&'a self, origin: &'a Origin) -> Foreign<'a> {
        Foreign {
            origin,
            scope: self.scope,
            directory: self.directory,
            home: self.home,
        }
    }

    /// One output of an attribute, in parentheses.
    fn output_of(&self, attr: &AttrPath, output: &Output) -> Expression {
        let package = self.scope.package(attr).into();
        let call = match output.0.as_str() {
            "lib" => Expression::call(self.scope.known("lib.getLib"), package),
            name => Expression::Apply(
                self.scope.known("lib.getOutput"),
                vec![NixText::string(name.as_bytes()).into(), package],
            ),
        };
        call.parenthesised()
    }
}
