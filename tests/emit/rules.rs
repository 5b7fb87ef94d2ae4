//! The rules for Nix that a reviewer goes by (K1 to K15), each asked of every file of every run, and
//! of files for made-up runs. That nothing is overwritten (K13) is tested with the program, in
//! `main_job::formats`.

use crate::conventions::{
    hashes_are_known_or_fake, nixpkgs_without_the_readers_configuration, no_rec, no_with,
    outputs_by_function, tokens, tree,
};
use crate::evaluation::{evaluates, laid_out};
use crate::nix::Nix;
use crate::properties::made_up;
use crate::runs::{self, TellMore, all};
use crate::stub::stub;
use crate::support::{Tell, derivation, parse, run};
use crate::written::{FILES, alone, options, package, shell, write};
use nixtrace::emit::{Comments, Environment, File, Nixpkgs, Options, Role, RunKind, render};
use nixtrace::graph::subject::SubjectForm;
use nixtrace::trace::Bytes;
use rnix::SyntaxNode;
use serde_json::json;

/// Every file of the runs of the tests and of as many made-up ones, with reasons and without.
fn texts() -> Vec<String> {
    let told = all().into_iter().map(|(_, environment)| environment);
    let environments: Vec<Environment> = told.chain(made_up(40)).collect();
    let both = [Comments::Evidence, Comments::None];
    let mut texts = Vec::new();
    for environment in &environments {
        for (file, comments) in FILES.into_iter().flat_map(|it| both.map(|how| (it, how))) {
            let options = Options {
                comments,
                ..options()
            };
            texts.push(render(environment, file, &options).unwrap());
        }
    }
    texts
}

/// Asks it of every file.
#[track_caller]
fn each_tree(check: impl Fn(&str, &SyntaxNode)) {
    for text in texts() {
        check(&text, &tree(&text));
    }
}

#[test]
fn k1_every_file_is_what_nixfmt_prints() {
    for text in texts() {
        match nixfmt_rs::format(&text) {
            Ok(formatted) => assert_eq!(formatted, text),
            Err(error) => panic!("{error:?}\n{text}"),
        }
    }
}

#[test]
fn k2_every_file_parses_and_evaluates_with_the_names_of_the_catalogue_alone() {
    let Some(nix) = Nix::installed() else { return };
    let texts: Vec<String> = texts().iter().map(|text| format!("(\n{text})")).collect();
    parse(&nix, &format!("[\n{}\n]", texts.join("\n"))).unwrap();
    for (name, environment) in all() {
        evaluates(&nix, name, &environment);
    }
}

#[test]
fn k3_no_file_takes_names_from_a_set_by_with() {
    each_tree(no_with);
}

#[test]
fn k4_no_set_is_recursive() {
    each_tree(no_rec);
}

#[test]
fn k5_nixpkgs_comes_with_no_configuration_of_the_reader_and_needs_no_search_path_when_pinned() {
    each_tree(nixpkgs_without_the_readers_configuration);
    let Some(nix) = Nix::installed() else { return };
    let pinned = Options {
        nixpkgs: Nixpkgs::Path(Bytes::from(stub())),
        ..options()
    };
    for (name, environment) in all() {
        let files = write(&environment, &pinned);
        let directory = laid_out(&files);
        // `Nix` runs with an empty environment, so with an empty search path too.
        let call = format!(
            "map (file: import ({} + file) {{ }}) [ \"/shell.nix\" \"/default.nix\" \"/image.nix\" ]",
            directory.path().display()
        );
        if let Err(error) = nix.instantiate(&[], &call) {
            panic!("{name}: {error}");
        }
        assert!(
            files.values().all(|text| !text.contains("<nixpkgs>")),
            "{name}"
        );
    }
}

#[test]
fn k6_a_pin_is_what_was_given_or_none() {
    let has_pin = |text: &str| {
        text.contains("fetchTarball")
            || text.contains("sha256-")
            || text
                .split(|character: char| !character.is_ascii_hexdigit())
                .any(|word| word.len() >= 40)
    };
    for (name, environment) in all() {
        for text in write(&environment, &options()).values() {
            assert!(!has_pin(text), "{name}: {text}");
        }
    }
    // What is not pinned says how to pin.
    assert!(shell(&runs::installed()).contains("`--nixpkgs REVISION`"));
    let (revision, hash) = (
        "c8abb984d5fbc79271ee4a2ed2ecf8747c3c8ec1",
        "sha256-oUiBFVTVVTVsbXKyFLR0JCFHv0GQ3TJpEBUQXbJmJ2E=",
    );
    let pinned = Options {
        nixpkgs: Nixpkgs::revision(revision, Some(hash.to_owned())),
        ..options()
    };
    let files = write(&runs::installed(), &pinned);
    for file in ["shell.nix", "default.nix", "image.nix", "arion-pkgs.nix"] {
        assert!(
            files[file].contains(revision) && files[file].contains(hash),
            "{file}"
        );
    }
    assert!(files["flake.nix"].contains(revision));
}

#[test]
fn k7_a_hash_is_known_or_visibly_fake() {
    each_tree(hashes_are_known_or_fake);
}

#[test]
fn k8_words_and_variables_come_back_from_nix_as_they_were() {
    let Some(nix) = Nix::installed() else { return };
    let words: Vec<String> = [
        "${x}", "''", "''${x}''", "$${x}", "\"", "\\", "a\nb", "\r", "\t", "it's", "$(id)", "`id`",
        "*", "\u{202e}", "é", "\u{1}", "-n", "~", "%s", "#", "/*", "}", "]", ";",
    ]
    .map(str::to_owned)
    .into();
    let line: Vec<&str> = ["./acme"]
        .into_iter()
        .chain(words.iter().map(String::as_str))
        .collect();
    let form = SubjectForm::Program(runs::dynamic());
    let mut environment = run(RunKind::Binary, &line).of("acme", form, &["acme"]);
    environment.surroundings.variables = words
        .iter()
        .enumerate()
        .map(|(number, word)| nixtrace::graph::surroundings::Variable {
            name: format!("V{number:02}"),
            value: Some(word.as_str().into()),
            because: word.clone(),
            is_personal: false,
        })
        .collect();
    let directory = laid_out(&write(&environment, &options()));
    let expression = format!(
        "let module = import {}/module.nix {{ config = {{ }}; lib = {{ mkOption = it: it; mkEnableOption = it: it;
            types = {{ package = 0; str = 0; bool = 0; listOf = _: 0; }}; literalExpression = it: it;
            mkIf = _: it: it; mkDefault = it: it; }}; pkgs = {{ }}; utils = {{ }}; }};
         in [ module.options.services.acme.arguments.default
              (builtins.attrValues module.config.systemd.services.acme.environment) ]",
        directory.path().display()
    );
    let read = nix
        .instantiate(&["--eval", "--strict", "--json"], &expression)
        .unwrap();
    let read: serde_json::Value = serde_json::from_str(&read).unwrap();
    assert_eq!(read, json!([words, words]));
}

#[test]
fn k9_names_that_are_no_identifiers_are_quoted() {
    let Some(nix) = Nix::installed() else { return };
    for attr in ["7zz", "with", "or", "a'b", "rec", "in", "c++"] {
        let environment = run(RunKind::Script, &["./x"]).needs(Role::Command, attr, "run by ./x");
        let files = write(&environment, &options());
        for text in files.values() {
            parse(&nix, text).unwrap();
        }
    }
    // The one of them that the package set has.
    let environment = run(RunKind::Script, &["./x"]).needs(Role::Command, "7zz", "run by ./x");
    derivation(&nix, &shell(&environment)).unwrap();
    assert!(package(&environment).contains("pkgs.\"7zz\""));
}

#[test]
fn k10_the_same_run_gives_the_same_bytes_and_none_tell_of_the_machine() {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let host = host.trim();
    // A name that is a word may well be in a text.
    let is_telling = host.contains(|it: char| it.is_ascii_digit() || it == '-') && host.len() > 4;
    for (name, environment) in all() {
        let mut turned = environment.clone();
        turned.packages.reverse();
        turned.network.reverse();
        let files = write(&environment, &options());
        assert_eq!(files, write(&turned, &options()), "{name}");
        for text in files.values() {
            assert!(!text.contains("/home/me"), "{name}: {text}");
            assert!(!(is_telling && text.contains(host)), "{name}: {text}");
            assert!(!has_date(text), "{name}: {text}");
        }
    }
}

/// Whether a day is written somewhere: `2024-06-12`.
fn has_date(text: &str) -> bool {
    text.split(|character: char| !(character.is_ascii_digit() || character == '-'))
        .any(|word| {
            let lengths: Vec<usize> = word.split('-').map(str::len).collect();
            lengths == [4, 2, 2]
        })
}

#[test]
fn k11_reasons_are_comments_and_leaving_them_out_changes_nothing_else() {
    for (name, environment) in all() {
        let bare = Options {
            comments: Comments::None,
            ..options()
        };
        let (explained, bare) = (write(&environment, &options()), write(&environment, &bare));
        for (file, text) in &explained {
            assert_eq!(tokens(text), tokens(&bare[file]), "{name}: {file}");
            for line in bare[file]
                .lines()
                .filter(|line| line.trim_start().starts_with('#'))
            {
                let is_todo = line.contains("# TODO nixtrace:") || line.contains("#   ");
                assert!(is_todo, "{name}: {file}: {line}");
            }
        }
    }
    assert!(shell(&runs::script()).contains("# run by ./report.py"));
}

#[test]
fn k12_what_stayed_open_is_a_todo_in_the_file_that_lists_the_packages() {
    for (name, environment) in all() {
        let environment = environment
            .unresolved("/opt/vendor/libacme.so.2", "mapped by ./acme", &["acme"])
            .missing("libcrypt.so.2", "library not found by ./acme", &[]);
        for comments in [Comments::Evidence, Comments::None] {
            let options = Options {
                comments,
                ..alone()
            };
            for file in [File::Shell, File::Package] {
                let text = render(&environment, file, &options).unwrap();
                for open in ["libacme.so.2", "libcrypt.so.2"] {
                    let todo = text.lines().any(|line| {
                        line.trim_start().starts_with("# TODO nixtrace:") && line.contains(open)
                    });
                    assert!(todo, "{name}: {text}");
                }
            }
        }
    }
}

#[test]
fn k14_an_old_name_is_an_error_of_evaluation() {
    let Some(nix) = Nix::installed() else { return };
    let of = |attr: &str| {
        let environment = run(RunKind::Script, &["./x.sh"]).needs(Role::Command, attr, "run");
        derivation(&nix, &render(&environment, File::Shell, &alone()).unwrap())
    };
    of("pkg-config").unwrap();
    of("jq").unwrap();
    // An alias; removed; never there.
    for attr in ["pkgconfig", "SDL2_classic", "no-such-package"] {
        assert!(of(attr).is_err(), "{attr}");
    }
    // A module is one of its interpreter's own set.
    let environment = run(RunKind::Script, &["./x.py"])
        .needs(Role::Interpreter, "python3", "run")
        .needs(Role::Module, "python3Packages.no-such-module", "imported");
    let text = render(&environment, File::Shell, &alone()).unwrap();
    assert!(derivation(&nix, &text).is_err());
}

#[test]
fn k15_outputs_are_asked_for_by_function_and_only_where_the_plain_package_is_not_enough() {
    each_tree(outputs_by_function);
    let environment = run(RunKind::Build, &["make"])
        .needs(Role::Library, "stdenv.cc.cc^lib", "libstdc++.so.6, linked")
        .needs(Role::Header, "zlib^dev", "zlib.h, included")
        .needs(Role::Command, "openssl^bin", "run by make")
        .needs(Role::Command, "bind^dnsutils", "run by make");
    let text = shell(&environment);
    assert!(
        text.contains("(pkgs.lib.getLib pkgs.stdenv.cc.cc)"),
        "{text}"
    );
    assert!(
        text.contains("(pkgs.lib.getOutput \"dnsutils\" pkgs.bind)"),
        "{text}"
    );
    // mkShell takes `dev`, and what that propagates.
    for plain in ["pkgs.zlib #", "pkgs.openssl #"] {
        assert!(text.contains(plain), "{text}");
    }
    let Some(nix) = Nix::installed() else { return };
    let absent = run(RunKind::Build, &["make"]).needs(Role::Command, "jq^no-such-output", "run");
    let absent = render(&absent, File::Shell, &alone()).unwrap();
    assert!(derivation(&nix, &absent).is_err());
}
