//! Where an expression takes nixpkgs from, word for word.

use crate::nix::Nix;
use crate::stub::stub;
use crate::support::{Tell, run};
use crate::written::{alone, shell_with};
use nixtrace::emit::{File, Nixpkgs, Options, Role, RunKind, render};
use nixtrace::trace::Bytes;
use std::ffi::OsStr;

fn jq_from(nixpkgs: Nixpkgs) -> String {
    let environment =
        run(RunKind::Binary, &["jq", "."]).needs(Role::Command, "jq", "/usr/bin/jq was run");
    let options = Options { nixpkgs, ..alone() };
    let text = shell_with(&environment, &options);
    let (arguments, _) = text.split_once("\n\n").unwrap();
    arguments.to_owned()
}

#[test]
fn a_revision_with_its_hash_is_a_pin() {
    let nixpkgs = Nixpkgs::revision(
        "c8abb984d5fbc79271ee4a2ed2ecf8747c3c8ec1",
        Some("sha256-oUiBFVTVVTVsbXKyFLR0JCFHv0GQ3TJpEBUQXbJmJ2E=".to_owned()),
    );
    insta::assert_snapshot!(jq_from(nixpkgs), @r#"
    # Written by nixtrace for: jq .
    {
      pkgs ?
        import
          (fetchTarball {
            url = "https://github.com/NixOS/nixpkgs/archive/c8abb984d5fbc79271ee4a2ed2ecf8747c3c8ec1.tar.gz";
            sha256 = "sha256-oUiBFVTVVTVsbXKyFLR0JCFHv0GQ3TJpEBUQXbJmJ2E=";
          })
          {
            config = { };
            overlays = [ ];
          },
    }:
    "#);
}

#[test]
fn a_revision_without_hash_is_fetched_as_it_is() {
    let nixpkgs = Nixpkgs::revision("c8abb984d5fbc79271ee4a2ed2ecf8747c3c8ec1", None);
    insta::assert_snapshot!(jq_from(nixpkgs), @r#"
    # Written by nixtrace for: jq .
    {
      # Not pinned by a hash: `nix-prefetch-url --unpack` prints the one to give `sha256`.
      pkgs ?
        import
          (fetchTarball {
            url = "https://github.com/NixOS/nixpkgs/archive/c8abb984d5fbc79271ee4a2ed2ecf8747c3c8ec1.tar.gz";
          })
          {
            config = { };
            overlays = [ ];
          },
    }:
    "#);
}

#[test]
fn an_argument_has_no_default() {
    insta::assert_snapshot!(jq_from(Nixpkgs::Argument), @r#"
    # Written by nixtrace for: jq .
    { pkgs }:
    "#);
}

#[test]
fn a_path_is_a_path() {
    let line = |path: &str| {
        let text = jq_from(Nixpkgs::Path(Bytes::from(path)));
        let line = text.lines().find(|line| line.contains("import")).unwrap();
        line.trim().to_owned()
    };
    assert_eq!(line("/srv/nixpkgs//"), "pkgs ? import /srv/nixpkgs {");
    assert_eq!(line("/home/me/nixpkgs"), "pkgs ? import ~/nixpkgs {");
    assert_eq!(line("../nixpkgs"), "pkgs ? import ../nixpkgs {");
    assert_eq!(line("nixpkgs"), "pkgs ? import ./nixpkgs {");
    assert_eq!(
        line("/home/me/my nixpkgs"),
        "pkgs ? import (~/. + \"/my nixpkgs\") {"
    );
    assert_eq!(line("."), "pkgs ? import ./. {");
    assert_eq!(line(".."), "pkgs ? import ../. {");
    assert_eq!(line("/"), "pkgs ? import /. {");
    assert_eq!(
        line("/srv/my nixpkgs"),
        "pkgs ? import (/. + \"/srv/my nixpkgs\") {"
    );
    assert_eq!(line("a ${b}"), "pkgs ? import (./. + \"/a \\${b}\") {");
}

#[test]
fn what_a_person_says_about_nixpkgs_is_understood() {
    let said = |words: &str| Nixpkgs::from_words(OsStr::new(words));
    let revision = "c8abb984d5fbc79271ee4a2ed2ecf8747c3c8ec1";
    assert_eq!(said(revision), Nixpkgs::revision(revision, None));
    assert_eq!(said("nixos-25.11"), Nixpkgs::revision("nixos-25.11", None));
    assert_eq!(said("./nixpkgs"), Nixpkgs::Path(Bytes::from("./nixpkgs")));
    assert_eq!(said(".."), Nixpkgs::Path(Bytes::from("..")));
    assert_eq!(said("argument"), Nixpkgs::Argument);
    assert_eq!(said("<nixpkgs>"), Nixpkgs::SearchPath);
    assert_eq!(
        said("https://example.org/nixpkgs.tar.xz"),
        Nixpkgs::Tarball {
            url: "https://example.org/nixpkgs.tar.xz".to_owned(),
            sha256: None,
        }
    );
}

#[test]
fn a_file_is_complete_without_arguments() {
    let Some(nix) = Nix::installed() else { return };
    let environment = run(RunKind::Binary, &["jq"]).needs(Role::Command, "jq", "run");
    let shell = |nixpkgs| {
        let options = Options {
            nixpkgs,
            ..Options::default()
        };
        render(&environment, File::Shell, &options).unwrap()
    };
    let by_search_path = nix
        .instantiate(
            &["-I", &format!("nixpkgs={}", stub())],
            &shell(Nixpkgs::SearchPath),
        )
        .unwrap();
    let by_path = nix
        .instantiate(&[], &shell(Nixpkgs::Path(Bytes::from(stub()))))
        .unwrap();
    assert_eq!(by_search_path, by_path);
}

#[test]
fn a_path_that_nix_cannot_spell_is_an_error_that_names_it() {
    let options = Options {
        nixpkgs: Nixpkgs::Path(Bytes::from(&b"/srv/\xff"[..])),
        ..Options::default()
    };
    let error = render(&run(RunKind::Binary, &["jq"]), File::Shell, &options).unwrap_err();
    assert!(error.to_string().contains("nixpkgs"), "{error}");
}
