//! Every file of every run, evaluated by Nix as Nix, NixOS, flakes and Arion would use it: against a
//! package set that has the attributes of the catalogue and no others.

use crate::nix::Nix;
use crate::runs;
use crate::stub::stub;
use crate::written::{options, write};
use nixtrace::emit::{Environment, Nixpkgs, Options};
use nixtrace::trace::Bytes;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// A directory with the files, and what they need beside them.
pub(crate) fn laid_out(files: &BTreeMap<&'static str, String>) -> tempfile::TempDir {
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

/// That all files for the run are what they are for, and agree with each other.
#[track_caller]
pub(crate) fn evaluates(nix: &Nix, name: &str, environment: &Environment) {
    let files = write(environment, &options());
    let directory = laid_out(&files);
    let made = uses(nix, directory.path())
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
fn a_flake_works_with_nix_itself_before_it_has_a_lock_and_with_the_one_that_nix_writes() {
    let Some(nix) = Nix::installed() else { return };
    let pinned = Options {
        nixpkgs: Nixpkgs::Path(Bytes::from(stub())),
        ..options()
    };
    let directory = laid_out(&write(&runs::service(), &pinned));
    let evaluate = |what: &str, lock: &str| {
        let flake = format!("path:{}#{what}", directory.path().display());
        let output = nix
            .command("nix")
            .args([
                "--extra-experimental-features",
                "nix-command flakes",
                "--offline",
            ])
            .args([
                "--option",
                "flake-registry",
                "/dev/null",
                "eval",
                "--json",
                lock,
            ])
            .arg(flake)
            .output()
            .unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{what}: {complaint}");
        String::from_utf8(output.stdout).unwrap()
    };
    let lock = directory.path().join("flake.lock");
    let outputs = [
        "packages.x86_64-linux.default.drvPath",
        "devShells.x86_64-linux.default.drvPath",
        "formatter.x86_64-linux.drvPath",
    ];
    let without = outputs.map(|what| evaluate(what, "--no-write-lock-file"));
    assert!(!lock.exists());
    evaluate(outputs[0], "--no-registries");
    assert!(lock.exists());
    let with = outputs.map(|what| evaluate(what, "--no-update-lock-file"));
    assert_eq!(with, without);
}
