//! shell.nix: what `nix-shell` needs to run the command as it ran here.

use super::{Format, Writer};
use crate::emit::evidence::Evidence;
use crate::emit::inputs::{Inputs, compiler_ran};
use crate::emit::nix::{Comment, Entry, Expression, Item, NixText};
use crate::emit::page::{Page, text};
use crate::emit::scope::Scope;
use crate::emit::{Comments, Environment, Error, Options, RunKind, remarks, template, variables};
use minijinja::context;

pub(super) struct Shell;

impl Writer for Shell {
    fn write(&self, environment: &Environment, options: &Options) -> Result<String, Error> {
        let page = Page::new(environment, options);
        template::fill(
            "shell.nix.jinja",
            context! {
                header => page.header(),
                nixpkgs => options.nixpkgs.for_template(options.comments, &page.home, None)?,
                assertions => page.assertions(&Scope::pkgs()),
                shell => text(shell(&page).source(0)),
            },
        )
    }
}

/// `pkgs.mkShell { … }`
fn shell(page: &Page<'_>) -> Expression {
    let (environment, comments) = (page.environment, page.options.comments);
    let scope = Scope::pkgs();
    let evidence = page.evidence(&scope);
    let mut inputs = Inputs::of(environment, &evidence);
    let mut entries = Vec::new();
    // What a package.nix beside it lists need not be listed twice.
    let is_of_package =
        environment.kind == RunKind::Build && page.options.beside.contains(&Format::Package);
    if is_of_package {
        inputs = Inputs::default();
        let package = NixText::constant("(pkgs.callPackage ./package.nix { })");
        entries.push(Entry::binding("inputsFrom", Expression::list([package])));
    }
    let mut list = |name: &'static str, items: Vec<Item>| {
        if !items.is_empty() {
            entries.push(Entry::binding(name, Expression::List(items)));
        }
    };
    list("packages", inputs.packages);
    list("buildInputs", inputs.build_inputs);
    let mut to_do = Vec::new();
    if environment.subject.is_i386() {
        inputs.loaded.clear();
        to_do.extend(Comment::new(
            "TODO nixtrace: nix-ld starts no program of 32 bits, as this one is; build package.nix",
        ));
    }
    entries.extend(variables_of(inputs.loaded, &evidence));
    to_do.extend(variables::unset(&evidence));
    let unset = to_do.into_iter().map(|line| vec![(0, line)]);
    let open = remarks::to_do(environment, &page.home);
    let open: Vec<_> = open.into_iter().chain(unset).collect();
    if entries.is_empty() && open.is_empty() && comments == Comments::Evidence {
        entries.push(Entry::Comments(remarks::nothing(environment)));
    }
    // The package has them, where there is one.
    if !is_of_package {
        entries.extend(open.into_iter().map(Entry::Comments));
    }

    let function = if compiler_ran(environment) {
        "pkgs.mkShell"
    } else {
        "pkgs.mkShellNoCC"
    };
    let arguments = Expression::Set {
        entries,
        spaced: true,
    };
    Expression::call(NixText::constant(function), arguments)
}

/// `env = { … };`, if any variable is to be set.
fn variables_of(loaded: Vec<Item>, evidence: &Evidence<'_>) -> Option<Entry> {
    let is_foreign = !loaded.is_empty();
    let mut entries = variables::entries(variables::variables(evidence));
    if is_foreign {
        entries.extend(for_nix_ld(loaded));
    }
    if entries.is_empty() {
        return None;
    }
    let variables = Expression::Set {
        entries,
        spaced: false,
    };
    let remark = is_foreign.then(|| {
        evidence.remark(
            "For programs that Nix did not build; NixOS needs programs.nix-ld.enable = true.",
        )
    });
    Some(Entry::binding("env", variables).below(remark.flatten()))
}

/// What nix-ld needs to start a program that was built for another distribution. Unlike
/// `LD_LIBRARY_PATH` it changes no program that Nix has built.
fn for_nix_ld(libraries: Vec<Item>) -> [Entry; 2] {
    [
        Entry::binding(
            "NIX_LD",
            NixText::constant("pkgs.stdenv.cc.bintools.dynamicLinker").into(),
        ),
        Entry::binding(
            "NIX_LD_LIBRARY_PATH",
            Expression::call(
                NixText::constant("pkgs.lib.makeLibraryPath"),
                Expression::List(libraries),
            ),
        ),
    ]
}
