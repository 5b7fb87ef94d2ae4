//! Every file of every run, evaluated by Nix as Nix, NixOS, flakes and Arion would use it: against a
//! package set that has the attributes of the catalogue and no others.

use crate::nix::Nix;
use crate::runs::{self, all};
use crate::stub::stub;
use crate::support::{Tell, derivation, parse, run};
use crate::written::{alone, options, write};
use nixtrace::emit::{File, Role, RunKind, render};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// A directory with the files, and what they need beside them.
fn laid_out(files: &BTreeMap<&'static str, String>) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (file, text) in files {
        std::fs::write(directory.path().join(file), text).unwrap();
    }
    for file in ["Cargo.lock", "sync.sh", "acme"] {
        std::fs::write(directory.path().join(file), "").unwrap();
    }
    directory
}

/// What `tests/nix/uses.nix` makes of the files.
fn uses(nix: &Nix, directory: &Path) -> Result<Value, String> {
    let directory = directory.display();
    let expression = format!("import {}/uses.nix {{ directory = {directory}; }}", stub());
    let json = nix.instantiate(&["--eval", "--strict", "--json"], &expression)?;
    Ok(serde_json::from_str(&json).unwrap())
}

#[test]
fn every_file_of_every_run_is_evaluated_by_nix() {
    let Some(nix) = Nix::installed() else { return };
    for (name, environment) in all() {
        let files = write(&environment, &options());
        for text in files.values() {
            parse(&nix, text).unwrap_or_else(|error| panic!("{name}: {error}\n{text}"));
        }
        let directory = laid_out(&files);
        let made = uses(&nix, directory.path())
            .unwrap_or_else(|error| panic!("{name}: {error}\n{}", files["package.nix"]));
        // A service that is not enabled changes nothing, and a flake or Arion knows no more outputs.
        for rest in [
            &made["disabled"],
            &made["flake"]["others"],
            &made["arion"]["others"],
        ] {
            assert_eq!(*rest, json!({}), "{name}");
        }
        assert_eq!(made["flake"]["module"], made["module"], "{name}");
        // All that call it build the same package.
        assert_eq!(made["flake"]["package"], made["default"], "{name}");
        let overlay = made["overlay"].as_object().unwrap();
        assert_eq!(
            overlay.values().collect::<Vec<_>>(),
            [&made["default"]],
            "{name}"
        );
    }
}

#[test]
fn an_unfree_package_is_built_because_it_is_named_and_no_other_is() {
    let Some(nix) = Nix::installed() else { return };
    let directory = laid_out(&write(&runs::viewer(), &options()));
    let directory = directory.path().display();
    let call = format!("import {directory}/default.nix {{ }}");
    let search = format!("nixpkgs={}", stub());
    nix.instantiate(&["-I", &search], &call).unwrap();
    let refused = format!(
        "(import {} {{ config = {{ }}; overlays = [ ]; }}).callPackage {directory}/package.nix {{ }}",
        stub()
    );
    let error = nix.instantiate(&[], &refused).unwrap_err();
    assert!(error.contains("unfree"), "{error}");
}

#[test]
fn an_attribute_that_the_catalogue_does_not_know_is_an_error_of_evaluation() {
    let Some(nix) = Nix::installed() else { return };
    let of = |attr: &str, output: &str| {
        let attr = format!("{attr}^{output}");
        let environment = run(RunKind::Script, &["./x.sh"]).needs(Role::Command, &attr, "run");
        derivation(&nix, &render(&environment, File::Shell, &alone()).unwrap())
    };
    of("jq", "bin").unwrap();
    // Never there; removed; an alias of `pkg-config`; not an output.
    for (attr, output) in [
        ("no-such-package", "out"),
        ("SDL2_classic", "out"),
        ("pkgconfig", "out"),
        ("jq", "no-such-output"),
    ] {
        assert!(of(attr, output).is_err(), "{attr}");
    }
    // A module is one of the set of its interpreter.
    let environment = run(RunKind::Script, &["./x.py"])
        .needs(Role::Interpreter, "python3", "run")
        .needs(
            Role::Module,
            "python3Packages.jq-of-another-set",
            "imported",
        );
    let text = render(&environment, File::Shell, &alone()).unwrap();
    assert!(derivation(&nix, &text).is_err());
}
