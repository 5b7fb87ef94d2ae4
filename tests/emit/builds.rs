//! package.nix of a build: phases, flags, the split of the inputs, the builders of languages.

use crate::runs;
use crate::written::{options, package, write};
use nixtrace::emit::Environment;

#[test]
fn a_build_goes_through_the_phases_that_it_went_through() {
    insta::assert_snapshot!(package(&runs::cmake()), @r##"
    # Written by nixtrace for: ./build.sh
    {
      lib,
      stdenv,
      cmake,
      jq,
      ninja,
      python3,
      zlib,
    }:

    stdenv.mkDerivation {
      pname = "acme";
      version = "2.0";

      __structuredAttrs = true;
      strictDeps = true;

      src = lib.fileset.toSource {
        root = ./.;
        fileset = lib.fileset.unions [
          ./CMakeLists.txt
          ./src
        ];
      };

      nativeBuildInputs = [
        cmake # run by ./build.sh
        ninja # run by cmake
        python3 # run by ninja
      ];

      buildInputs = [
        python3 # libpython3.12.so, linked into build/acme
        zlib # #include <zlib.h>
      ];

      nativeCheckInputs = [
        jq # run by ctest
      ];

      # TODO nixtrace: -DTOOLS=~/tools was given, which is for this machine
      cmakeFlags = [ "-DWITH_X=ON" ];

      doCheck = true;

      meta = {
        # TODO nixtrace: description, homepage and license are not known
        mainProgram = "acme";
        platforms = lib.platforms.linux;
      };
    }
    "##);
}

#[test]
fn a_tool_that_a_build_only_runs_does_not_take_its_phases_over() {
    let of_make = package(&runs::make_with(&["cmake", "meson", "ninja"]));
    let declined = "  dontUseCmakeConfigure = true;
  dontUseMesonConfigure = true;
  dontUseMesonCheck = true;
  dontUseMesonInstall = true;
  dontUseNinjaBuild = true;
  dontUseNinjaCheck = true;
  dontUseNinjaInstall = true;
";
    assert!(of_make.contains(declined), "{of_make}");
    let of_cmake = package(&runs::cmake());
    assert!(!of_cmake.contains("dontUse"), "{of_cmake}");
}

#[test]
fn a_compiler_that_was_called_by_hand_runs_where_it_ran() {
    let text = package(&runs::compiled_in_directories());
    let phase = "    runHook preBuild
    (cd src && $CC -c main.c ../inc/a.c)
    (mkdir -p out/bin && cd out/bin && $CC ../../src/main.o -o acme)
    $CC tool.c -o tool
    runHook postBuild
";
    assert!(text.contains(phase), "{text}");
    let todo = "  # TODO nixtrace: src lacks what was compiled from elsewhere: ~/common/x.h and 1 more\n  src =";
    assert!(text.contains(todo), "{text}");
}

#[test]
fn a_language_has_its_builder() {
    use nixtrace::graph::phase::Tool;
    let has = |environment: &Environment, words: &[&str]| {
        let text = package(environment);
        for word in words {
            assert!(text.contains(word), "no {word}: {text}");
        }
    };
    has(
        &runs::language(Tool::Cargo, &["Cargo.toml", "Cargo.lock"], &[]),
        &[
            "rustPlatform.buildRustPackage {",
            "cargoLock.lockFile = ./Cargo.lock;",
        ],
    );
    has(
        &runs::language(Tool::Cargo, &["Cargo.toml"], &[]),
        &["cargoHash = lib.fakeHash; # TODO nixtrace"],
    );
    has(
        &runs::language(Tool::Go, &["go.mod"], &[]),
        &["buildGoModule {", "vendorHash = null;"],
    );
    has(
        &runs::language(Tool::Go, &["go.mod"], &["x/y"]),
        &["vendorHash = lib.fakeHash; # TODO nixtrace"],
    );
    has(
        &runs::language(Tool::Npm, &["package.json"], &[]),
        &[
            "buildNpmPackage {",
            "npmDepsHash = lib.fakeHash;",
            "TODO nixtrace: it needs a package-lock.json: npm install --package-lock-only\n",
        ],
    );
    let locked = runs::language(Tool::Npm, &["package.json", "package-lock.json"], &[]);
    assert!(!package(&locked).contains("needs a package-lock.json"));
    // Who builds in a directory below has the lock above.
    let mut below = runs::language(Tool::Cargo, &["Cargo.toml", "Cargo.lock"], &[]);
    below.directory = "/home/me/project/crates/x".into();
    has(&below, &["cargoLock.lockFile = ../../Cargo.lock;"]);
    has(
        &runs::language(Tool::Python, &["pyproject.toml"], &["hatchling>=1"]),
        &[
            "python3Packages.buildPythonApplication {",
            "pyproject = true;",
            "build-system = [ python3Packages.hatchling ];",
        ],
    );
}

#[test]
fn a_shell_takes_its_inputs_from_the_package_beside_it() {
    let mut files = write(&runs::cmake(), &options());
    let shell = files.remove("shell.nix").unwrap();
    assert!(
        shell.contains("inputsFrom = [ (pkgs.callPackage ./package.nix { }) ];"),
        "{shell}"
    );
    assert!(!shell.contains("zlib"), "{shell}");
}

#[test]
fn tests_of_a_python_project_are_run_by_the_hook_for_pytest() {
    let text = package(&runs::tested_python());
    let hook = "nativeCheckInputs = [ python3Packages.pytestCheckHook ];";
    assert!(text.contains(hook), "{text}");
    assert!(!text.contains("python3Packages.pytest\n"), "{text}");
    assert!(!text.contains("dependencies ="), "{text}");
}
