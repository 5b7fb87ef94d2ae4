//! An emitted Nix file, read by Nix.

use super::{Home, missing_tools, skip};
use std::collections::BTreeSet;
use std::path::Path;

/// The attributes that a `shell.nix` takes from nixpkgs: `jq`; `python3` and `python3.numpy` for
/// `python3.withPackages (ps: [ ps.numpy ])`. None when this machine has no Nix to read it with.
///
/// # Panics
/// When Nix cannot parse the file.
pub(crate) fn attributes(home: &Home, file: &Path) -> Option<BTreeSet<String>> {
    Some(selections(&parsed(home, file)?))
}

/// The file as Nix has read it, without comments. None when this machine has no Nix.
///
/// # Panics
/// When Nix cannot parse the file.
pub(crate) fn parsed(home: &Home, file: &Path) -> Option<String> {
    let missing = missing_tools(&["nix-instantiate"]);
    if !missing.is_empty() {
        skip(&missing.join(", "));
        return None;
    }
    // A store of its own: the test needs neither a daemon nor root's rights.
    let nix = home.outside("nix");
    let parsed = home
        .command(["nix-instantiate", "--parse"])
        .arg(file)
        .env("NIX_STORE_DIR", nix.join("store"))
        .env("NIX_STATE_DIR", nix.join("var"))
        .env("NIX_LOG_DIR", nix.join("log"))
        .env("NIX_CONF_DIR", nix.join("etc"))
        .run()
        .exits(0);
    Some(parsed.text())
}

/// Nix prints the parsed expression without comments and with every variable that is selected from
/// in parentheses: `(pkgs).python3.withPackages (ps: [ ((ps).numpy) ])`. So a set other than `pkgs`
/// is that of the interpreter named last.
fn selections(expression: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut interpreter = "";
    for (at, _) in expression.match_indices(").") {
        let Some(set) = expression[..at].rsplit('(').next() else {
            continue;
        };
        let path = &expression[at + 2..];
        let end = path
            .find(|c: char| !(c.is_alphanumeric() || "._-'+\"".contains(c)))
            .unwrap_or(path.len());
        let path = &path[..end];
        if set != "pkgs" {
            found.insert(format!("{interpreter}.{path}"));
        } else if let Some(name) = path.strip_suffix(".withPackages") {
            interpreter = name;
            found.insert(name.to_owned());
        } else if !is_machinery(path) {
            found.insert(path.replace('"', ""));
        }
    }
    found
}

/// Whether the attribute is what a shell is made with, and no package that it provides.
fn is_machinery(attr: &str) -> bool {
    ["mkShell", "mkShellNoCC"].contains(&attr)
        || attr.starts_with("lib.")
        || attr.starts_with("stdenv.cc.bintools.")
}

#[test]
fn the_attributes_of_a_shell_are_read_from_its_parsed_form() {
    let parsed = r#"({ pkgs }: ((pkgs).mkShell { buildInputs = [ ((pkgs)."7zz") ]; packages =
        [ ((pkgs).jq) (((pkgs).lib.getLib (pkgs).stdenv.cc.cc))
        (((pkgs).perl.withPackages (p: [ ((p).JSONXS) ])))
        (((pkgs).python3.withPackages (ps: [ ((ps).numpy) ]))) ]; }))"#;
    let expected = [
        "7zz",
        "jq",
        "perl",
        "perl.JSONXS",
        "python3",
        "python3.numpy",
        "stdenv.cc.cc",
    ];
    assert_eq!(selections(parsed), expected.map(str::to_owned).into());
}
