//! The derivation that package.nix describes: what the run was of, as nixpkgs would build it.
//!
//! Each form of [`Subject`](crate::graph::Subject) has its recipe: `prebuilt` for a program that
//! exists, `project` for sources that were built, `script` for a script, `command` for a command
//! that has a package and is only given its arguments here.

mod command;
mod desktop;
mod flags;
mod identity;
mod install;
mod language;
mod meta;
mod parts;
mod prebuilt;
mod products;
mod project;
mod script;
mod shipment;
mod source;
mod wrapping;

pub(crate) use identity::Identity;
pub(crate) use meta::system;
pub(crate) use parts::{Parts, Slot};

use super::evidence::Evidence;
use super::nix::{Entry, Expression, Item, NixText};
use crate::graph::subject::SubjectForm;

/// What a recipe is made from.
pub(crate) struct Ingredients<'a> {
    /// The result of the run, and how to speak of it.
    pub(crate) evidence: &'a Evidence<'a>,
    /// What it is called.
    pub(crate) identity: Identity,
    /// Its packages, by what they are for.
    pub(crate) parts: Parts,
}

/// A derivation.
pub(crate) struct Derivation {
    /// What is named before it.
    pub(crate) bindings: Vec<Entry>,
    /// The function that makes it: `stdenv.mkDerivation`.
    pub(crate) builder: NixText,
    /// What that is given.
    pub(crate) entries: Vec<Entry>,
}

impl Derivation {
    /// The derivation for what the run was of.
    pub(crate) fn of(ingredients: &Ingredients<'_>) -> Self {
        match &ingredients.evidence.environment.subject.form {
            SubjectForm::Installed => command::derivation(ingredients),
            SubjectForm::Program(facts) => prebuilt::derivation(ingredients, facts),
            SubjectForm::Script { interpreter, shell } => {
                script::derivation(ingredients, interpreter, *shell)
            }
            SubjectForm::Project {
                manifest,
                steps,
                products,
            } => project::derivation(
                ingredients,
                &project::Project {
                    manifest,
                    steps,
                    products,
                },
            ),
        }
    }

    /// The expression.
    pub(crate) fn expression(self) -> Expression {
        let arguments = Expression::Set {
            entries: self.entries,
            spaced: true,
        };
        let call = Expression::call(self.builder, arguments);
        if self.bindings.is_empty() {
            call
        } else {
            Expression::Let(self.bindings, Box::new(call))
        }
    }
}

impl Ingredients<'_> {
    fn known(&self, path: &'static str) -> NixText {
        self.evidence.scope.known(path)
    }

    /// `name = [ … ];`, unless there is nothing to list.
    fn list(&self, name: &'static str, items: Vec<Item>) -> Option<Entry> {
        (!items.is_empty()).then(|| Entry::binding(name, Expression::List(items)))
    }
}

/// For what is only installed.
fn nothing_to_build() -> Entry {
    Entry::Together(vec![flag("dontConfigure", true), flag("dontBuild", true)])
}

/// What nixpkgs asks of every new package.
fn strictness() -> Entry {
    Entry::Together(vec![
        flag("__structuredAttrs", true),
        flag("strictDeps", true),
    ])
}

/// `true` or `false`
fn flag(name: &'static str, value: bool) -> Entry {
    let value = if value { "true" } else { "false" };
    Entry::binding(name, NixText::constant(value).into())
}
