//! package.nix of a script, and of a command that has a package.

use crate::runs::{self, TellMore};
use crate::written::{options, package, write};
use nixtrace::emit::{Asker, Environment, Role};
use nixtrace::graph::surroundings::Variable;

#[test]
fn a_script_is_wrapped_with_its_interpreter_and_commands() {
    insta::assert_snapshot!(package(&runs::script()), @r##"
    # Written by nixtrace for: env MODE=fast ./report.py '${x}'
    {
      lib,
      stdenvNoCC,
      jq,
      makeWrapper,
      python3,
      sqlite,
    }:

    let
      interpreter = python3.withPackages (ps: [
        ps.numpy # module numpy
      ]);
    in
    stdenvNoCC.mkDerivation {
      pname = "report";
      version = "0"; # TODO nixtrace: no version was seen

      __structuredAttrs = true;
      strictDeps = true;

      src = lib.fileset.toSource {
        root = ./.;
        fileset = lib.fileset.unions [
          ./report.py
          ./helper.py
        ];
      };

      nativeBuildInputs = [ makeWrapper ];

      dontConfigure = true;
      dontBuild = true;

      installPhase = ''
        runHook preInstall
        mkdir -p $out/bin $out/share
        cp -r . $out/share/report
        makeWrapper ${interpreter}/bin/python3 $out/bin/report \
          --add-flag $out/share/report/report.py \
          --prefix PATH : ${
            lib.makeBinPath [
              jq # run by ./report.py
            ]
          } \
          --prefix LD_LIBRARY_PATH : ${
            lib.makeLibraryPath [
              sqlite # libsqlite3.so.0, opened at run time
            ]
          } \
          --set-default MODE fast
        runHook postInstall
      '';

      meta = {
        # TODO nixtrace: description, homepage and license are not known
        mainProgram = "report";
        platforms = lib.platforms.linux;
      };
    }
    "##);
}

#[test]
fn what_the_caller_wants_for_himself_is_no_part_of_a_package() {
    let of_caller = |mut environment: Environment| {
        environment.surroundings.variables.push(Variable {
            name: "TZ".to_owned(),
            value: Some("Europe/Vienna".into()),
            because: "/usr/share/zoneinfo/Europe/Vienna was read".to_owned(),
            is_personal: true,
        });
        write(&environment, &options())
    };
    let written = of_caller(runs::script());
    assert!(written["package.nix"].contains("--set-default MODE fast"));
    for written in [written, of_caller(runs::shell_script())] {
        assert!(!written["package.nix"].contains("Vienna"));
        assert!(written["shell.nix"].contains("TZ = \"Europe/Vienna\";"));
    }
}

#[test]
fn a_shell_script_is_an_application() {
    insta::assert_snapshot!(package(&runs::shell_script()), @r##"
    # Written by nixtrace for: ./sync.sh
    {
      gnugrep,
      jq,
      writeShellApplication,
    }:

    writeShellApplication {
      name = "sync";

      runtimeInputs = [
        gnugrep # run by ./sync.sh
        jq # run by ./sync.sh
      ];

      bashOptions = [ ]; # it ran without options

      text = builtins.readFile ./sync.sh;
    }
    "##);
}

#[test]
fn a_command_keeps_its_arguments() {
    insta::assert_snapshot!(package(&runs::installed()), @r##"
    # Written by nixtrace for: jq . ~/'it'\''s ${x}' '\u{202e}'
    {
      jq,
      writeShellApplication,
    }:

    writeShellApplication {
      name = "run-jq";

      runtimeInputs = [ jq ];

      bashOptions = [ ]; # it ran without options

      text = ''
        exec jq . "$HOME"/'it'\'''s ''${x}' $'\xe2\x80\xae' "$@"
      '';
    }
    "##);
}

#[test]
fn a_library_that_is_linked_and_opened_is_on_the_library_path_once() {
    let script = runs::script().uses(
        Role::Library,
        "sqlite",
        Asker::OwnLibrary,
        &[],
        "libsqlite3.so.0, needed by ./own.so",
    );
    let text = package(&script);
    assert_eq!(text.matches("sqlite #").count(), 1, "{text}");
}

#[test]
fn an_interpreter_with_two_outputs_is_listed_with_both() {
    let script = runs::shell_script()
        .uses(
            Role::Interpreter,
            "perl",
            Asker::Main,
            &[],
            "run by ./sync.sh",
        )
        .uses(
            Role::Interpreter,
            "perl^devdoc",
            Asker::Main,
            &[],
            "perldoc",
        );
    let text = package(&script);
    for item in [
        "    perl # run",
        "    (lib.getOutput \"devdoc\" perl) # perldoc",
    ] {
        assert!(text.contains(item), "{text}");
    }
}
