# A small nixpkgs that is made from this machine's own Debian packages, with a stdenv of its own.
# What is not listed here is an error, as it is in nixpkgs without aliases.
#
# `host.nix` beside the tests' store says which Debian packages each attribute is made from, in which
# versions, so that a store that was filled before is used again.
{
  config,
  overlays,
}:

assert overlays == [ ];

let
  host = import (builtins.getEnv "NIXTRACE_HOST");
  system = "x86_64-linux";
  library = import ../../nix/library.nix;

  # Copies files of the host. Runs while they are visible, with the host's own tools.
  fromHost =
    name: packages:
    derivation {
      inherit name system packages;
      pname = name;
      builder = "/bin/bash";
      args = [ ./copy.sh ];
      loader = if name == "glibc" then "" else glibc;
      PATH = "/usr/bin:/bin:/usr/sbin:/sbin";
    }
    // {
      type = "derivation";
      pname = name;
    };

  glibc = fromHost "glibc" host.glibc;
  copied = builtins.mapAttrs fromHost (removeAttrs host [ "glibc" ]);
  attrs = copied // {
    inherit glibc;
  };

  tools = [
    attrs.bash
    attrs.coreutils
    attrs.gnused
    attrs.gnugrep
    attrs.gawk
    attrs.gnumake
    attrs.findutils
    attrs.diffutils
    attrs.gnutar
    attrs.gzip
    attrs.patchelf
  ];

  setup = derivation {
    name = "stdenv";
    inherit system;
    builder = "${attrs.bash}/bin/bash";
    args = [
      "-c"
      ''
        PATH=${attrs.coreutils}/bin
        mkdir -p $out
        { echo "baseTools='${builtins.concatStringsSep " " tools}'"; cat ${./setup.sh}; } > $out/setup
      ''
    ];
  };

  compiler = derivation {
    name = "cc-wrapper";
    inherit system;
    builder = "${attrs.bash}/bin/bash";
    args = [ ./cc.sh ];
    inherit (attrs)
      bash
      gcc
      binutils
      coreutils
      glibc
      ;
  };

  mkDerivationWith =
    cc: arguments:
    let
      made = derivation (
        {
          name = "${arguments.pname or "shell"}-${arguments.version or "0"}";
          inherit system;
          builder = "${attrs.bash}/bin/bash";
          args = [
            "-c"
            "source ${setup}/setup; genericBuild"
          ];
          stdenv = setup;
          compilers = if cc then [ compiler ] else [ ];
        }
        // removeAttrs arguments [
          "meta"
          "env"
          "cargoLock"
        ]
        // (arguments.env or { })
      );
    in
    made
    // {
      inherit (arguments) pname;
      meta = arguments.meta or { };
      nativeBuildInputs = arguments.nativeBuildInputs or [ ];
      buildInputs = arguments.buildInputs or [ ];
    };

  mkShellWith =
    cc:
    library.mkShellWith (
      arguments:
      derivation (
        {
          inherit system;
          builder = "${attrs.bash}/bin/bash";
          args = [
            "-c"
            "echo this is a shell; exit 1"
          ];
          stdenv = setup;
          compilers = if cc then [ compiler ] else [ ];
        }
        // arguments
      )
    );

  script =
    name: text:
    derivation {
      inherit name system text;
      passAsFile = [ "text" ];
      builder = "${attrs.bash}/bin/bash";
      args = [
        "-c"
        ''
          PATH=${attrs.coreutils}/bin
          mkdir -p $out/bin
          { echo "#!${attrs.bash}/bin/bash"; cat $textPath; } > $out/bin/$name
          chmod +x $out/bin/$name
        ''
      ];
    };

  withModules =
    interpreter: program: variable: place:
    attrs.${interpreter}
    // {
      withPackages =
        choose:
        script program ''
          export ${variable}=${
            builtins.concatStringsSep ":" (
              map (module: "${module}/${place}") (choose modules.${interpreter} ++ [ attrs.${interpreter} ])
            )
          }
          exec ${attrs.${interpreter}}/bin/${program} "$@"
        '';
    };

  modules = {
    python3.numpy = attrs.numpy;
    perl.JSONXS = attrs.JSONXS;
  };

  lib = library.lib // {
    fileset = {
      unions = files: files;
      toSource =
        { root, fileset }:
        let
          files = map toString (if builtins.isList fileset then fileset else [ fileset ]);
          startsWith = prefix: text: builtins.substring 0 (builtins.stringLength prefix) text == prefix;
        in
        builtins.path {
          path = root;
          name = "source";
          filter =
            path: _:
            builtins.any (file: file == path || startsWith "${file}/" path || startsWith "${path}/" file) files;
        };
    };
  };

  pkgs = attrs // {
    inherit lib;
    callPackage = library.callPackageWith (pkgs // { inherit pkgs; });
    python3 = withModules "python3" "python3" "PYTHONPATH" "lib/python3/dist-packages";
    perl = withModules "perl" "perl" "PERL5LIB" "lib/perl5";
    stdenv = {
      mkDerivation = mkDerivationWith true;
      cc = {
        cc = attrs.gcc-lib;
        bintools.dynamicLinker = "${glibc}/lib/ld-linux-x86-64.so.2";
      };
    };
    stdenvNoCC.mkDerivation = mkDerivationWith false;
    mkShell = mkShellWith true;
    mkShellNoCC = mkShellWith false;
    # Their functions are in `setup`; to be listed is what they are asked for.
    autoPatchelfHook = script "auto-patchelf-hook" "";
    makeWrapper = script "make-wrapper-hook" "";
    writeShellApplication = library.writeShellApplicationWith script;
  };
in

pkgs
