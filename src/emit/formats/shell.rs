//! shell.nix: what `nix-shell` needs to run the command as it ran here.

use super::Writer;
use crate::emit::home::Home;
use crate::emit::inputs::{Inputs, compiler_ran};
use crate::emit::nix::{Comment, Entry, Expression, Item, NixText};
use crate::emit::{Comments, Environment, Error, Options, remarks, template};
use minijinja::{Value, context};

pub(super) struct Shell;

impl Writer for Shell {
    fn write(&self, environment: &Environment, options: &Options) -> Result<String, Error> {
        let home = Home::new(options.home.as_ref());
        let header: Vec<Value> = match options.comments {
            Comments::None => Vec::new(),
            Comments::Evidence => remarks::header(environment, &home),
        }
        .iter()
        .map(|comment| Value::from_object(NixText::comment(comment)))
        .collect();
        let shell = shell(environment, options, &home).source(0);
        template::fill(
            "shell.nix.jinja",
            context! {
                header,
                nixpkgs => options.nixpkgs.for_template()?,
                shell => Value::from_object(shell),
            },
        )
    }
}

/// `pkgs.mkShell { … }`
fn shell(environment: &Environment, options: &Options, home: &Home) -> Expression {
    let inputs = Inputs::of(environment, options.comments, home);
    let mut entries = Vec::new();
    let mut list = |name: &'static str, items: Vec<Item>| {
        if !items.is_empty() {
            entries.push(binding(name, Expression::List(items)));
        }
    };
    list("packages", inputs.packages);
    list("buildInputs", inputs.build_inputs);
    if !inputs.loaded.is_empty() {
        entries.push(for_nix_ld(inputs.loaded, options.comments));
    }
    let open = remarks::to_do(environment, home);
    if entries.is_empty() && open.is_empty() && options.comments == Comments::Evidence {
        entries.push(Entry::Comments(remarks::nothing(environment)));
    }
    entries.extend(open.into_iter().map(Entry::Comments));

    let function = if compiler_ran(environment) {
        "pkgs.mkShell"
    } else {
        "pkgs.mkShellNoCC"
    };
    let arguments = Expression::Set {
        entries,
        spaced: true,
    };
    Expression::Apply(NixText::constant(function), vec![arguments])
}

/// What nix-ld needs to start a program that was built for another distribution. Unlike
/// `LD_LIBRARY_PATH` it changes no program that Nix has built.
fn for_nix_ld(libraries: Vec<Item>, comments: Comments) -> Entry {
    let path = Expression::Apply(
        NixText::constant("pkgs.lib.makeLibraryPath"),
        vec![Expression::List(libraries)],
    );
    let variables = Expression::Set {
        entries: vec![
            binding(
                "NIX_LD",
                NixText::constant("pkgs.stdenv.cc.bintools.dynamicLinker").into(),
            ),
            binding("NIX_LD_LIBRARY_PATH", path),
        ],
        spaced: false,
    };
    let comment = match comments {
        Comments::Evidence => Comment::new(
            "For programs that Nix did not build; NixOS needs programs.nix-ld.enable = true.",
        ),
        Comments::None => None,
    };
    Entry::Binding {
        comments: comment.into_iter().collect(),
        name: NixText::constant("env"),
        value: variables,
    }
}

fn binding(name: &'static str, value: Expression) -> Entry {
    Entry::Binding {
        comments: Vec::new(),
        name: NixText::constant(name),
        value,
    }
}
