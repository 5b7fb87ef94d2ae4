//! Every format for every kind of run, and which are written when nobody says.

use crate::runs;
use crate::written::{options, write};
use nixtrace::emit::{Environment, Format};

#[test]
fn a_flake_has_nixpkgs_as_its_only_input() {
    let mut files = write(&runs::cmake(), &options());
    insta::assert_snapshot!(files.remove("flake.nix").unwrap(), @r##"
    # Written by nixtrace for: ./build.sh
    {
      # The nixpkgs of your registry, until a lock says more; `--nixpkgs REVISION` pins one.
      inputs.nixpkgs.url = "flake:nixpkgs";

      outputs =
        { nixpkgs, ... }:
        let
          systems = [ "x86_64-linux" ];
          forEachSystem = f: nixpkgs.lib.genAttrs systems (system: f nixpkgs.legacyPackages.${system});
        in
        {
          overlays.default = import ./overlay.nix;

          packages = forEachSystem (pkgs: {
            default = pkgs.callPackage ./package.nix { };
          });

          devShells = forEachSystem (pkgs: {
            default = import ./shell.nix { inherit pkgs; };
          });

          nixosModules.default = import ./module.nix;

          formatter = forEachSystem (pkgs: pkgs.nixfmt);
        };
    }
    "##);
}

#[test]
fn the_kind_of_run_decides_what_is_written() {
    let formats = |environment: &Environment| {
        let formats = Format::for_run(environment);
        formats.into_iter().collect::<Vec<_>>()
    };
    assert_eq!(formats(&runs::viewer()), [Format::Shell, Format::Package]);
    assert_eq!(formats(&runs::cmake()), [Format::Shell, Format::Package]);
    assert_eq!(formats(&runs::script()), [Format::Shell]);
    // nixpkgs has jq already.
    assert_eq!(formats(&runs::installed()), [Format::Shell]);
}
