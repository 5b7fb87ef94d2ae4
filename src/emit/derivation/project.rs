//! Sources that were built: the phases that the run went through, as stdenv or the builder of a
//! language goes through them.

use super::flags::Flags;
use super::language::{cargo, go, npm, python};
use super::meta::Meta;
use super::products::{Installs, compiled_by_hand, installed_by_hand, installs};
use super::wrapping::Wrapping;
use super::{Derivation, Ingredients, Slot, flag, source, strictness};
use crate::emit::nix::{Comment, Entry, Expression, Item, Line, NixText};
use crate::emit::variables;
use crate::graph::Phase;
use crate::graph::manifest::Manifest;
use crate::graph::phase::{Step, Tool};
use crate::graph::subject::Product;
use crate::trace::Bytes;
use std::collections::BTreeMap;

/// What is known of a project.
pub(super) struct Project<'a> {
    pub(super) manifest: &'a Manifest,
    pub(super) steps: &'a [Step],
    pub(super) products: &'a [Product],
}

/// What builds a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Builder {
    Rust,
    Go,
    Npm,
    Python,
    Stdenv,
}

impl Project<'_> {
    pub(super) fn used(&self, tool: Tool) -> bool {
        self.steps.iter().any(|step| step.tool == tool)
    }

    pub(super) fn reached(&self, phase: Phase) -> bool {
        self.steps.iter().any(|step| step.phase == phase)
    }

    /// A builder of a language where the run's own commands are that language's; one below `make`
    /// is only a part of the build.
    fn builder(&self) -> Builder {
        let has = |file: &str| self.manifest.files.contains(file);
        if self.used(Tool::Cargo) && has("Cargo.toml") {
            Builder::Rust
        } else if self.used(Tool::Go) && has("go.mod") {
            Builder::Go
        } else if self.used(Tool::Npm) && has("package.json") {
            Builder::Npm
        } else if self.used(Tool::Python) && (has("pyproject.toml") || has("setup.py")) {
            Builder::Python
        } else {
            Builder::Stdenv
        }
    }

    /// The arguments of the steps of a tool in a phase.
    pub(super) fn arguments(&self, tool: Tool, phase: Phase) -> impl Iterator<Item = &Bytes> {
        self.steps
            .iter()
            .filter(move |step| step.tool == tool && step.phase == phase)
            .flat_map(|step| step.argv.iter().skip(1))
    }
}

/// The derivation of a project.
pub(super) fn derivation(ingredients: &Ingredients<'_>, project: &Project<'_>) -> Derivation {
    let builder = project.builder();
    let (function, brought): (&'static str, &[&str]) = match builder {
        Builder::Rust => (
            "rustPlatform.buildRustPackage",
            &["cargo", "rustc", "rustup"],
        ),
        Builder::Go => ("buildGoModule", &["go"]),
        Builder::Npm => ("buildNpmPackage", &["nodejs", "nodejs-slim"]),
        // pip asks every compiler of Rust for its version, to tell its server.
        Builder::Python => (
            "python3Packages.buildPythonApplication",
            &[
                "python3",
                "python3Packages.build",
                "python3Packages.pip",
                "python3Packages.pytest",
                "rustc",
                "cargo",
                "rustup",
            ],
        ),
        Builder::Stdenv => ("stdenv.mkDerivation", &[]),
    };
    let mut entries = vec![ingredients.identity.entry()];
    entries.push(match builder {
        Builder::Python => flag("pyproject", true),
        _ => strictness(),
    });
    entries.push(source::entry(ingredients).below(network(ingredients)));
    match builder {
        Builder::Rust => entries.extend(cargo(ingredients, project)),
        Builder::Go => entries.extend(go(ingredients, project)),
        Builder::Npm => entries.extend(npm(ingredients, project)),
        Builder::Python => entries.extend(python(ingredients, project)),
        Builder::Stdenv => {}
    }
    let wrapping = Wrapping::of_packages(
        ingredients,
        Vec::new(),
        ingredients.parts.items(Slot::Opened, ingredients.evidence),
    );
    entries.extend(inputs(ingredients, project, brought, !wrapping.is_empty()));
    entries.extend(environment(ingredients));
    entries.extend(declined_hooks(ingredients, project));
    if builder == Builder::Stdenv {
        entries.extend(phases(ingredients, project));
    } else if project.reached(Phase::Check) && builder == Builder::Npm {
        entries.push(flag("doCheck", true));
    }
    if !wrapping.is_empty() {
        entries.push(wrapped(wrapping));
    }
    entries.push(
        Meta {
            unfree: false,
            native: false,
            manifest: Some(project.manifest),
        }
        .entry(ingredients),
    );
    Derivation {
        bindings: Vec::new(),
        builder: ingredients.known(function),
        entries,
    }
}

/// Variables that were set for the build. What leads to data is the shell's business: a build gets
/// at none of it.
fn environment(ingredients: &Ingredients<'_>) -> Option<Entry> {
    let entries = variables::entries(variables::texts_of_package(ingredients.evidence));
    (!entries.is_empty()).then(|| {
        let set = Expression::Set {
            entries,
            spaced: false,
        };
        Entry::binding("env", set)
    })
}

/// What a build shows of its result's run time is nothing, so this is only for what a person has said
/// to be needed then.
fn wrapped(wrapping: Wrapping) -> Entry {
    let mut lines = vec![Line::shell("for program in $out/bin/*; do")];
    let first = Line::shell("  wrapProgram $program");
    lines.extend(wrapping.lines(first, "    ", " \\"));
    lines.push(Line::shell("done"));
    Entry::binding("postFixup", Expression::Lines(lines))
}

/// A tool's hook takes over phases as soon as the tool is an input (nixpkgs manual, "Hooks
/// reference"). Where the run only used the tool for something else, that has to be declined.
fn declined_hooks(ingredients: &Ingredients<'_>, project: &Project<'_>) -> Option<Entry> {
    /// Each with the tools that make its phases those of the build.
    const HOOKS: &[(&str, &[Tool], &[&str])] = &[
        ("cmake", &[Tool::Cmake], &["dontUseCmakeConfigure"]),
        (
            "meson",
            &[Tool::Meson],
            &[
                "dontUseMesonConfigure",
                "dontUseMesonCheck",
                "dontUseMesonInstall",
            ],
        ),
        (
            "ninja",
            &[Tool::Ninja, Tool::Cmake, Tool::Meson],
            &[
                "dontUseNinjaBuild",
                "dontUseNinjaCheck",
                "dontUseNinjaInstall",
            ],
        ),
    ];
    // These have a `configurePhase` of their own, which no hook replaces.
    if matches!(project.builder(), Builder::Rust | Builder::Go) {
        return None;
    }
    let inputs = ingredients.parts.attributes(Slot::Native);
    let flags: Vec<Entry> = HOOKS
        .iter()
        .filter(|(attr, tools, _)| {
            inputs.contains(attr) && !tools.iter().any(|&tool| project.used(tool))
        })
        .flat_map(|(_, _, flags)| flags.iter().map(|name| flag(name, true)))
        .collect();
    (!flags.is_empty()).then_some(Entry::Together(flags))
}

/// The lists of inputs, split by when they were used.
fn inputs(
    ingredients: &Ingredients<'_>,
    project: &Project<'_>,
    brought: &[&str],
    is_wrapped: bool,
) -> Vec<Entry> {
    let evidence = ingredients.evidence;
    let parts = &ingredients.parts;
    let mut brought = brought.to_vec();
    let mut native = Vec::new();
    if project.used(Tool::Autoreconf) {
        // The hook brings the tools that it runs.
        brought.extend(["autoconf", "automake", "libtool", "gettext", "m4", "perl"]);
        native.push(Item::from(ingredients.known("autoreconfHook")));
    }
    if is_wrapped {
        native.push(Item::from(ingredients.known("makeWrapper")));
    }
    // Its modules are the builder's dependencies.
    let interpreters = match project.builder() {
        Builder::Python => BTreeMap::new(),
        _ => parts.interpreters(&brought, evidence),
    };
    let mut but = brought.clone();
    but.extend(interpreters.keys().map(String::as_str));
    native.extend(parts.items_but(Slot::Native, &but, evidence));
    let runs: Vec<String> = interpreters.keys().cloned().collect();
    native.extend(interpreters.into_values().flatten());
    let mut entries = Vec::new();
    entries.extend(ingredients.list("nativeBuildInputs", native));
    entries.extend(ingredients.list("buildInputs", parts.items(Slot::Linked, evidence)));
    // What the build runs anyway is there for the tests.
    let mut checked = brought;
    checked.extend(parts.attributes(Slot::Native));
    checked.extend(runs.iter().map(String::as_str));
    let mut tests = parts.items_but(Slot::Check, &checked, evidence);
    if project.builder() == Builder::Python && project.reached(Phase::Check) {
        // The hook runs pytest.
        let hook = ingredients.known("python3Packages.pytestCheckHook");
        tests.insert(0, Item::from(hook));
    }
    entries.extend(ingredients.list("nativeCheckInputs", tests));
    entries
}

/// What stdenv's phases need to be told.
fn phases(ingredients: &Ingredients<'_>, project: &Project<'_>) -> Vec<Entry> {
    let mut entries = Vec::new();
    let flags = [
        (
            "configureFlags",
            Flags::configure(project.arguments(Tool::Configure, Phase::Configure)),
        ),
        (
            "cmakeFlags",
            Flags::definitions(
                project.arguments(Tool::Cmake, Phase::Configure),
                &[
                    "CMAKE_INSTALL_PREFIX",
                    "CMAKE_EXPORT_COMPILE_COMMANDS",
                    "CMAKE_BUILD_TYPE",
                ],
            ),
        ),
        (
            "mesonFlags",
            Flags::definitions(
                project.arguments(Tool::Meson, Phase::Configure),
                &["prefix", "buildtype"],
            ),
        ),
    ];
    for (name, flags) in flags {
        entries.extend(flags.entry(ingredients, name));
    }
    let installs = installs(project);
    let mut make = Flags::assignments(
        [Phase::Build, Phase::Check, Phase::Install]
            .into_iter()
            .flat_map(|phase| project.arguments(Tool::Make, phase)),
    );
    let is_configured = project.used(Tool::Configure) || project.used(Tool::Cmake);
    if let Installs::Make(variable) = installs
        && !is_configured
    {
        let prefix = match variable {
            "prefix" => "\"prefix=${placeholder \"out\"}\"",
            _ => "\"PREFIX=${placeholder \"out\"}\"",
        };
        make.made.push(NixText::constant(prefix));
    }
    entries.extend(make.entry(ingredients, "makeFlags"));
    let jobs = |word: &Bytes| word.starts_with(b"-j");
    if project.used(Tool::Make) && project.steps.iter().any(|step| step.argv.iter().any(jobs)) {
        entries.push(flag("enableParallelBuilding", true));
    }
    if project.used(Tool::Compiler) && !project.used(Tool::Make) && !is_configured {
        entries.extend(compiled_by_hand(ingredients, project));
    }
    if project.reached(Phase::Check) {
        entries.push(flag("doCheck", true));
    }
    if installs == Installs::ByHand {
        entries.extend(installed_by_hand(ingredients, project));
    }
    entries
}

/// A build that talks to the network does not work in Nix's sandbox.
fn network(ingredients: &Ingredients<'_>) -> Option<Comment> {
    let used = &ingredients.evidence.environment.network;
    let fetched = used.iter().any(|contact| {
        contact.succeeded
            && matches!(&contact.endpoint, crate::trace::Endpoint::Inet { address, port, .. }
                if !address.is_loopback() && !address.is_unspecified() && *port != 53)
    });
    fetched
        .then(|| {
            Comment::new(
                "TODO nixtrace: the build used the network, which Nix allows only where a hash is known before",
            )
        })
        .flatten()
}
