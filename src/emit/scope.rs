//! How an expression names packages: as attributes of `pkgs`, or as arguments of its own.

use super::nix::NixText;
use crate::resolve::AttrPath;
use std::cell::RefCell;
use std::collections::BTreeSet;

/// The names in scope where an expression stands.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    /// The arguments asked for so far; none where everything is an attribute of `pkgs`.
    arguments: Option<RefCell<BTreeSet<String>>>,
}

impl Scope {
    /// All is an attribute of `pkgs`.
    pub(crate) fn pkgs() -> Self {
        Self::default()
    }

    /// Each top-level attribute is an argument, as `callPackage` gives them.
    pub(crate) fn arguments() -> Self {
        Self {
            arguments: Some(RefCell::default()),
        }
    }

    /// The package at the path.
    pub(crate) fn package(&self, path: &AttrPath) -> NixText {
        self.parts(path.parts())
    }

    /// What nixpkgs has under this dotted name.
    pub(crate) fn known(&self, path: &'static str) -> NixText {
        self.parts(path.split('.'))
    }

    /// Whether packages are arguments of the expression.
    pub(crate) fn has_arguments(&self) -> bool {
        self.arguments.is_some()
    }

    /// The attribute at these parts.
    pub(crate) fn parts<'a>(&self, parts: impl IntoIterator<Item = &'a str>) -> NixText {
        let mut parts = parts.into_iter().peekable();
        let Some(arguments) = &self.arguments else {
            return NixText::select_parts("pkgs", parts);
        };
        let first = parts.peek().copied().unwrap_or_default();
        if NixText::variable(first).is_some() {
            parts.next();
            arguments.borrow_mut().insert(first.to_owned());
            NixText::select_parts(first, parts)
        } else {
            // `7zz` is no identifier; `callPackage` has the whole set too.
            arguments.borrow_mut().insert("pkgs".to_owned());
            NixText::select_parts("pkgs", parts)
        }
    }

    /// The arguments that were asked for: `lib` first, as nixpkgs has it, then sorted.
    pub(crate) fn formals(&self) -> NixText {
        let arguments = self.arguments.as_ref().map(|it| it.borrow().clone());
        let arguments = arguments.unwrap_or_default();
        let first = ["lib", "stdenv", "stdenvNoCC"]
            .into_iter()
            .filter(|name| arguments.contains(*name));
        let rest = arguments
            .iter()
            .map(String::as_str)
            .filter(|name| !["lib", "stdenv", "stdenvNoCC"].contains(name));
        NixText::formals(first.chain(rest))
    }
}
