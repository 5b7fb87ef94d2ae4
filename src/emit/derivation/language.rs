//! What the builders of languages have to be told.

use super::project::Project;
use super::{Ingredients, flag, source};
use crate::emit::nix::{Comment, Entry, Expression, NixText};
use crate::graph::Phase;
use crate::graph::manifest::distribution;
use crate::graph::phase::Tool;
use std::collections::BTreeSet;

/// The hash of what a build fetches: not known, and said so.
fn fetched(ingredients: &Ingredients<'_>, name: &'static str) -> Entry {
    Entry::binding(name, ingredients.known("lib.fakeHash").into()).noted(Comment::new(
        "TODO nixtrace: a build prints the one to write here",
    ))
}

pub(super) fn cargo(ingredients: &Ingredients<'_>, project: &Project<'_>) -> Vec<Entry> {
    if project.manifest.files.contains("Cargo.lock") {
        let lock = source::file(ingredients, "Cargo.lock");
        vec![Entry::binding("cargoLock.lockFile", lock.into())]
    } else {
        vec![fetched(ingredients, "cargoHash")]
    }
}

pub(super) fn go(ingredients: &Ingredients<'_>, project: &Project<'_>) -> Vec<Entry> {
    let manifest = project.manifest;
    let hash = if manifest.requires.is_empty() || manifest.files.contains("vendor") {
        let why = if manifest.files.contains("vendor") {
            "it brings its modules in vendor/"
        } else {
            "go.mod requires no modules"
        };
        Entry::binding("vendorHash", NixText::constant("null").into())
            .noted(ingredients.evidence.remark(why))
    } else {
        fetched(ingredients, "vendorHash")
    };
    vec![hash]
}

pub(super) fn npm(ingredients: &Ingredients<'_>, project: &Project<'_>) -> Vec<Entry> {
    let mut hash = fetched(ingredients, "npmDepsHash");
    if !project.manifest.files.contains("package-lock.json") {
        hash = hash.below(Comment::new(
            "TODO nixtrace: it needs a package-lock.json: npm install --package-lock-only",
        ));
    }
    let mut entries = vec![hash];
    let has_build = project
        .steps
        .iter()
        .any(|step| step.tool == Tool::Npm && step.phase == Phase::Build);
    if !has_build {
        entries.push(
            flag("dontNpmBuild", true).below(ingredients.evidence.remark("no script built it")),
        );
    }
    entries
}

pub(super) fn python(ingredients: &Ingredients<'_>, project: &Project<'_>) -> Vec<Entry> {
    let mut requires: BTreeSet<String> = project
        .manifest
        .requires
        .iter()
        .filter_map(|requirement| distribution(requirement))
        .collect();
    if requires.is_empty() {
        // PEP 518: what a project without the table is built with.
        requires.insert("setuptools".to_owned());
    }
    let system = requires
        .iter()
        .map(|name| ingredients.evidence.scope.parts(["python3Packages", name]));
    let mut entries = vec![Entry::binding("build-system", Expression::list(system))];
    // What builds it runs in the same Python, and is no dependency of it.
    let tools = [
        "build",
        "installer",
        "pip",
        "pyproject-hooks",
        "pytest",
        "setuptools",
        "wheel",
    ];
    let asked: Vec<&str> = requires.iter().map(String::as_str).chain(tools).collect();
    let modules = ingredients.parts.modules(&asked, ingredients.evidence);
    entries.extend(ingredients.list("dependencies", modules));
    entries
}
