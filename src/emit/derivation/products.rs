//! How the results of a build are made and get where they belong, where no build system does it.

use super::identity::file_name;
use super::project::Project;
use super::{Ingredients, install};
use crate::emit::nix::{Comment, Entry, Line};
use crate::graph::Phase;
use crate::graph::phase::Tool;
use bstr::ByteSlice;

/// How results get where they belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Installs {
    /// The build system has a target for it and learns the prefix from stdenv.
    Itself,
    /// A Makefile has a target for it and takes the prefix from this variable.
    Make(&'static str),
    /// Nothing does.
    ByHand,
}

pub(super) fn installs(project: &Project<'_>) -> Installs {
    let configured = [Tool::Configure, Tool::Cmake, Tool::Meson];
    if configured.into_iter().any(|tool| project.used(tool)) {
        return Installs::Itself;
    }
    let manifest = project.manifest;
    let variable = ["PREFIX", "prefix"]
        .into_iter()
        .find(|name| manifest.variables.contains(*name));
    if let Some(variable) = variable
        && project.used(Tool::Make)
        && manifest.targets.contains("install")
    {
        return Installs::Make(variable);
    }
    Installs::ByHand
}

pub(super) fn installed_by_hand(
    ingredients: &Ingredients<'_>,
    project: &Project<'_>,
) -> Option<Entry> {
    let inside = project
        .products
        .iter()
        .filter(|product| !product.path.starts_with(b"/"));
    let steps: Vec<Line> = inside
        .map(|product| {
            let directory = if product.library {
                "$out/lib"
            } else {
                "$out/bin"
            };
            install::program(&product.path, directory)
        })
        .collect();
    if steps.is_empty() {
        let todo =
            Comment::new("TODO nixtrace: nothing that the run made was seen to be installed")?;
        return Some(Entry::Comments(vec![(0, todo)]));
    }
    let installed = project.reached(Phase::Install);
    let remark = installed
        .then(|| {
            ingredients.evidence.remark(
                "it was installed by rules that take no prefix; these are the programs and libraries that it made",
            )
        })
        .flatten();
    Some(install::phase("installPhase", steps).below(remark))
}

/// The compiler's command lines as they were, with the compiler that stdenv has.
pub(super) fn compiled_by_hand(
    ingredients: &Ingredients<'_>,
    project: &Project<'_>,
) -> Option<Entry> {
    let subject = &ingredients.evidence.environment.subject;
    let root = subject.root.as_bytes();
    let lines: Vec<Line> = project
        .steps
        .iter()
        .filter(|step| step.tool == Tool::Compiler)
        .filter_map(|step| {
            let (name, arguments) = step.argv.split_first()?;
            let name = crate::graph::command::stem(file_name(name).as_bstr());
            let compiler = match name.as_bytes() {
                b"g++" | b"c++" | b"clang++" => "$CXX",
                b"ar" => "$AR",
                b"ranlib" => "$RANLIB",
                b"strip" => "$STRIP",
                b"ld" => "$LD",
                _ => "$CC",
            };
            // What its arguments name is told from where it ran.
            let inner = step
                .cwd
                .strip_prefix(root)
                .and_then(|rest| rest.strip_prefix(b"/"));
            let depth = inner.map_or(0, |inner| inner.split_str("/").count());
            let ups = "../".repeat(depth);
            let mut line = match inner {
                Some(inner) => {
                    // A directory comes with its files only.
                    let within = [inner, b"/"].concat();
                    let is_there = subject.files.iter().any(|it| it.starts_with(&within));
                    let line = match is_there {
                        true => Line::shell("(cd ").word(inner),
                        false => Line::shell("(mkdir -p ")
                            .word(inner)
                            .then(" && cd ")
                            .word(inner),
                    };
                    line.then(" && ").then(compiler)
                }
                None => Line::shell(compiler),
            };
            for argument in arguments {
                // An absolute path into the project is one of this machine.
                let bare = argument
                    .strip_prefix(root)
                    .and_then(|rest| rest.strip_prefix(b"/"));
                line = line.then(" ").word(&match bare {
                    Some(bare) => [ups.as_bytes(), bare].concat(),
                    None => argument.to_vec(),
                });
            }
            Some(if inner.is_some() {
                line.then(")")
            } else {
                line
            })
        })
        .collect();
    (!lines.is_empty()).then(|| install::phase("buildPhase", lines))
}
