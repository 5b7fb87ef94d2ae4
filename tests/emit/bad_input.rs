//! Traces of which little can be made: what comes out is still an expression, and says what it is.

use crate::runs::{self, TellMore};
use crate::support::{Tell, run};
use crate::written::{options, package, shell, write};
use nixtrace::emit::{Role, RunKind};
use nixtrace::graph::subject::SubjectForm;
use nixtrace::trace::Bytes;

#[test]
fn hostile_names_stay_in_their_strings() {
    let form = SubjectForm::Program(runs::dynamic());
    for name in [
        "''${x}",
        "a\"; b = \"",
        "-rf *",
        "it's",
        "\u{202e}x",
        "with",
        "7zz",
        "\n",
    ] {
        let environment = run(RunKind::Binary, &[name, "''", "${y}"])
            .of(name, form.clone(), &[name, "b ${c}"])
            .needs(Role::Command, "7zz", name);
        write(&environment, &options());
        let script = SubjectForm::Script {
            interpreter: name.into(),
            shell: false,
        };
        write(&environment.of(name, script, &[name]), &options());
    }
    let mut unspeakable = runs::viewer();
    unspeakable.subject.root = Bytes::from(&b"/home/me/project/\xff"[..]);
    assert!(package(&unspeakable).contains("TODO nixtrace: a name of the source is not UTF-8"));
}

#[test]
fn a_failed_run_without_a_program_is_still_an_expression() {
    let environment = run(RunKind::Binary, &["./missing"]).ended(127).missing(
        "libfoo.so.1",
        "library not found by ./missing",
        &["foo"],
    );
    let text = package(&environment);
    assert!(text.contains("exit status was 127"), "{text}");
    assert!(
        text.contains("TODO nixtrace: not found: libfoo.so.1"),
        "{text}"
    );
}

#[test]
fn hostile_names_stay_in_their_comment() {
    let environment = run(
        RunKind::Binary,
        &["./a\n}: builtins.abort \"x\"", "", "it's", "${x}"],
    )
    .needs(Role::Command, "git", "run by ./a\n]; # \u{202e}\u{7}")
    .unresolved(&b"/tmp/\xff\n*/ ${evil} ''"[..], "\r\n}", &["x"])
    .unresolved(" \n ", "", &[]);
    insta::assert_snapshot!(shell(&environment), @r#"
    # Written by nixtrace for: './a\n}: builtins.abort "x"' '' 'it'\''s' '${x}'
    {
      # The nixpkgs of your NIX_PATH; give nixtrace `--nixpkgs REVISION` to pin one.
      pkgs ? import <nixpkgs> {
        config = { };
        overlays = [ ];
      },
    }:

    pkgs.mkShellNoCC {
      packages = [
        pkgs.git # run by ./a\n]; # \u{202e}\x07
      ];

      # TODO nixtrace: no certain package for /tmp/\xff\n*/ ${evil} ''
      #   \r\n}
      #   perhaps pkgs.x

      # TODO nixtrace: no certain package for  \n
    }
    "#);
}
