//! Every format for every kind of run: laid out as nixfmt does, by the conventions, and evaluated by
//! Nix against a stub package set without aliases.

use crate::conventions::{no_reviewer_objects, tokens};
use crate::nix::Nix;
use crate::runs::{self, TellMore, all};
use crate::support::{STUB, Tell, parse, run};
use nixtrace::emit::{Comments, Environment, File, Format, Options, Role, RunKind, render};
use nixtrace::graph::subject::{Linkage, SubjectForm};
use nixtrace::trace::Bytes;
use std::collections::BTreeMap;
use std::path::Path;

const FILES: [File; 9] = [
    File::Shell,
    File::Package,
    File::Default,
    File::Flake,
    File::Overlay,
    File::Module,
    File::Image,
    File::Arion,
    File::ArionPkgs,
];

fn options() -> Options {
    Options {
        home: Some(Bytes::from("/home/me")),
        beside: Format::ALL.into(),
        ..Options::default()
    }
}

/// All files for a run, each checked for what must be true of any.
fn write(environment: &Environment, options: &Options) -> BTreeMap<&'static str, String> {
    FILES
        .iter()
        .map(|&file| {
            let text = render(environment, file, options).unwrap();
            let bare = Options {
                comments: Comments::None,
                ..options.clone()
            };
            let bare = render(environment, file, &bare).unwrap();
            for text in [&text, &bare] {
                match nixfmt_rs::format(text) {
                    Ok(formatted) => assert_eq!(&formatted, text),
                    Err(error) => panic!("{error:?}\n{text}"),
                }
                no_reviewer_objects(text);
            }
            assert_eq!(tokens(&text), tokens(&bare));
            assert!(!text.contains("/home/me"), "{text}");
            (file.name().unwrap(), text)
        })
        .collect()
}

fn package(environment: &Environment) -> String {
    write(environment, &options())
        .remove("package.nix")
        .unwrap()
}

#[test]
fn every_file_of_every_run_is_what_nixfmt_prints_and_no_reviewer_objects_to() {
    for (_, environment) in all() {
        write(&environment, &options());
    }
}

#[test]
fn the_same_run_gives_the_same_bytes_whatever_the_order_of_its_packages() {
    for (name, environment) in all() {
        let mut turned = environment.clone();
        turned.packages.reverse();
        turned.network.reverse();
        assert_eq!(
            write(&environment, &options()),
            write(&turned, &options()),
            "{name}"
        );
    }
}

#[test]
fn every_file_of_every_run_is_evaluated_by_nix() {
    let Some(nix) = Nix::installed() else { return };
    for (name, environment) in all() {
        let files = write(&environment, &options());
        let directory = tempfile::tempdir().unwrap();
        for (file, text) in &files {
            parse(&nix, text).unwrap_or_else(|error| panic!("{name}: {error}\n{text}"));
            std::fs::write(directory.path().join(file), text).unwrap();
        }
        for file in ["Cargo.lock", "sync.sh", "acme"] {
            std::fs::write(directory.path().join(file), "").unwrap();
        }
        let nixpkgs = directory.path().join("nixpkgs");
        std::fs::create_dir(&nixpkgs).unwrap();
        let import = format!(
            "{{ system, config ? {{ }} }}: import {STUB} {{ inherit config; overlays = [ ]; }}"
        );
        std::fs::write(nixpkgs.join("default.nix"), import).unwrap();
        let expression = uses_of(directory.path());
        if let Err(error) = nix.instantiate(&["--eval", "--strict", "--json"], &expression) {
            panic!("{name}: {error}\n{}", files["package.nix"]);
        }
    }
}

/// What Nix, NixOS, flakes and Arion would ask of the files.
fn uses_of(directory: &Path) -> String {
    let directory = directory.display();
    format!(
        r#"
        let
          pkgs = import {STUB} {{
            config.allowUnfreePredicate = _: true;
            overlays = [ ];
          }};
          nixpkgs = {{
            outPath = "{directory}/nixpkgs";
            lib = {{ inherit genAttrs; }};
            legacyPackages.x86_64-linux = import {STUB} {{ config = {{ }}; overlays = [ ]; }};
          }};
          genAttrs = names: f: builtins.listToAttrs (map (name: {{ inherit name; value = f name; }}) names);
          flake = (import {directory}/flake.nix).outputs {{ inherit nixpkgs; self = flake; }};
          lib = {{
            mkEnableOption = _: {{ default = false; }};
            mkOption = option: assert builtins.isString option.description; option;
            mkIf = condition: content: if condition then content else {{ }};
            mkDefault = value: value;
            literalExpression = text: text;
            types = {{ str = 1; bool = 1; package = 1; listOf = _: 1; }};
            getExe = package: "${{package}}/bin/x";
          }};
          utils.escapeSystemdExecArgs = words: assert builtins.all builtins.isString words; toString words;
          module = import {directory}/module.nix {{ inherit config lib pkgs utils; }};
          defaults = builtins.mapAttrs (_: service: builtins.mapAttrs (_: option: option.default) service // {{ enable = true; openFirewall = true; }}) module.options.services;
          config.services = defaults;
          compose = import {directory}/arion-compose.nix {{ inherit pkgs; }};
          overlay = import {directory}/overlay.nix pkgs pkgs;
        in
        {{
          default = (import {directory}/default.nix {{ inherit pkgs; }}).drvPath;
          shell = (import {directory}/shell.nix {{ inherit pkgs; }}).drvPath;
          image = (import {directory}/image.nix {{ inherit pkgs; }}).drvPath;
          flake = [
            flake.packages.x86_64-linux.default.drvPath
            flake.devShells.x86_64-linux.default.drvPath
            flake.formatter.x86_64-linux.drvPath
            (builtins.attrNames (flake.overlays.default pkgs pkgs))
            (builtins.isFunction flake.nixosModules.default)
          ];
          overlay = builtins.attrValues (builtins.mapAttrs (_: package: package.drvPath) overlay);
          inherit (module) config;
          inherit (compose) project services;
        }}
        "#
    )
}

#[test]
fn an_unfree_package_is_built_because_it_is_named_and_no_other_is() {
    let Some(nix) = Nix::installed() else { return };
    let files = write(&runs::viewer(), &options());
    let directory = tempfile::tempdir().unwrap();
    for (file, text) in &files {
        std::fs::write(directory.path().join(file), text).unwrap();
    }
    let call = format!("import {}/default.nix {{ }}", directory.path().display());
    let search = format!("nixpkgs={STUB}");
    nix.instantiate(&["-I", &search], &call).unwrap();
    let other = format!("import {}/package.nix", directory.path().display());
    let other = format!(
        "(import {STUB} {{ config = {{ }}; overlays = [ ]; }}).callPackage ({other}) {{ }}"
    );
    let refused = other.replace("callPackage (import ", "callPackage (");
    let error = nix.instantiate(&[], &refused).unwrap_err();
    assert!(error.contains("unfree"), "{error}");
}

#[test]
fn a_closed_program_gets_what_its_evidence_asks_for() {
    insta::assert_snapshot!(package(&runs::viewer()), @r##"
    # Written by nixtrace for: ./acme-1.2.3/Acme --once
    {
      lib,
      stdenv,
      autoPatchelfHook,
      cacert,
      git,
      gtk3,
      libGL,
      sqlite,
      wrapGAppsHook3,
      zlib,
    }:

    stdenv.mkDerivation {
      pname = "acme";
      version = "1.2.3";

      __structuredAttrs = true;
      strictDeps = true;

      src = ./acme-1.2.3;

      nativeBuildInputs = [
        autoPatchelfHook
        wrapGAppsHook3 # /usr/share/glib-2.0/schemas/gschemas.compiled was used
      ];

      buildInputs = [
        gtk3 # libgtk-3.so.0, needed by ./acme-1.2.3/Acme
        (lib.getLib stdenv.cc.cc)
        zlib # libz.so.1, needed by ./acme-1.2.3/lib/libacme.so
      ];

      # opened at run time, so not in DT_NEEDED
      runtimeDependencies = [
        sqlite # libsqlite3.so.0, opened at run time by ./acme-1.2.3/Acme
      ];

      # opened at run time by a library that came with it
      appendRunpaths = [
        (lib.makeLibraryPath [
          libGL # libGL.so.1, opened at run time by ./acme-1.2.3/lib/libacme.so
        ])
      ];

      # needed only by files that the run never loaded
      autoPatchelfIgnoreMissingDeps = [ "libcuda.so.1" ];

      dontConfigure = true;
      dontBuild = true;

      installPhase = ''
        runHook preInstall
        mkdir -p $out/bin $out/opt
        cp -r . $out/opt/acme
        ln -s $out/opt/acme/Acme $out/bin/Acme
        runHook postInstall
      '';

      preFixup = ''
        gappsWrapperArgs+=(
          --prefix PATH : ${
            lib.makeBinPath [
              git # run by ./acme-1.2.3/Acme
            ]
          }
          --set-default SSL_CERT_FILE ${cacert}/etc/ssl/certs/ca-bundle.crt
        )
      '';

      meta = {
        # TODO nixtrace: description and homepage are not known
        license = lib.licenses.unfree; # not known, and unfree until it is
        sourceProvenance = [ lib.sourceTypes.binaryNativeCode ];
        mainProgram = "Acme";
        platforms = [ "x86_64-linux" ];
      };
    }
    "##);
}

#[test]
fn a_program_that_patching_would_break_runs_as_it_is() {
    insta::assert_snapshot!(package(&runs::with_payload("acme")), @r##"
    # Written by nixtrace for: ./acme
    {
      lib,
      stdenv,
      buildFHSEnv,
      zlib,
    }:

    let
      # Not patched, so it runs in a file system as it expects; nix-ld runs it too.
      unpatched = stdenv.mkDerivation {
        pname = "acme";
        version = "0-unstable"; # no version was seen

        __structuredAttrs = true;
        strictDeps = true;

        src = lib.fileset.toSource {
          root = ./.;
          fileset = ./acme;
        };

        dontConfigure = true;
        dontBuild = true;

        installPhase = ''
          runHook preInstall
          install -Dm755 acme -t $out/bin
          runHook postInstall
        '';

        # 12345 bytes follow the ELF image, which patching would move and stripping would remove
        dontFixup = true;

        meta = {
          # TODO nixtrace: description and homepage are not known
          license = lib.licenses.unfree; # not known, and unfree until it is
          sourceProvenance = [ lib.sourceTypes.binaryNativeCode ];
          mainProgram = "acme";
          platforms = [ "x86_64-linux" ];
        };
      };
    in
    buildFHSEnv {
      inherit (unpatched) pname version meta;

      targetPkgs = _: [
        unpatched
        zlib # libz.so.1
      ];

      runScript = "acme";
    }
    "##);
}

#[test]
fn an_app_image_is_unpacked() {
    insta::assert_snapshot!(package(&runs::with_payload("Acme.AppImage")), @r##"
    # Written by nixtrace for: ./Acme.AppImage
    {
      lib,
      appimageTools,
      zlib,
    }:

    appimageTools.wrapType2 {
      pname = "acme.appimage";
      version = "0-unstable"; # no version was seen

      src = ./Acme.AppImage;

      extraPkgs = _: [
        zlib # libz.so.1
      ];

      meta = {
        # TODO nixtrace: description and homepage are not known
        license = lib.licenses.unfree; # not known, and unfree until it is
        sourceProvenance = [ lib.sourceTypes.binaryNativeCode ];
        mainProgram = "acme.appimage";
        platforms = [ "x86_64-linux" ];
      };
    }
    "##);
}

#[test]
fn a_static_program_is_never_patched() {
    for linkage in [Linkage::Static, Linkage::StaticPie] {
        let text = package(&runs::statically(linkage));
        assert!(!text.contains("autoPatchelfHook"), "{text}");
        assert!(text.contains("dontPatchELF = true;"), "{text}");
        assert!(text.contains("dontStrip = true;"), "{text}");
    }
}

#[test]
fn a_program_that_reads_its_own_file_or_has_no_sections_is_not_patched() {
    let mut environment = runs::statically(Linkage::Dynamic);
    let SubjectForm::Program(facts) = &mut environment.subject.form else {
        unreachable!();
    };
    facts.sections = false;
    let without_sections = package(&environment);
    assert!(
        without_sections.contains("buildFHSEnv"),
        "{without_sections}"
    );
    assert!(
        without_sections.contains("section headers"),
        "{without_sections}"
    );
    let mut environment = runs::statically(Linkage::Dynamic);
    let SubjectForm::Program(facts) = &mut environment.subject.form else {
        unreachable!();
    };
    facts.reads_itself = true;
    assert!(package(&environment).contains("reads its own file"));
}

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
        &["buildNpmPackage {", "npmDepsHash = lib.fakeHash;"],
    );
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
      version = "0-unstable"; # no version was seen

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
fn a_service_gets_a_unit_with_no_more_than_it_used() {
    let mut files = write(&runs::service(), &options());
    insta::assert_snapshot!(files.remove("module.nix").unwrap(), @r##"
    # Written by nixtrace for: ./acmed --port 80
    {
      config,
      lib,
      pkgs,
      utils,
      ...
    }:

    let
      cfg = config.services.acmed;
    in
    {
      options.services.acmed = {
        enable = lib.mkEnableOption "acmed";

        package = lib.mkOption {
          type = lib.types.package;
          default = pkgs.callPackage ./package.nix { };
          defaultText = lib.literalExpression "pkgs.callPackage ./package.nix { }";
          description = "The package to run.";
        };

        arguments = lib.mkOption {
          type = lib.types.listOf lib.types.str;
          default = [
            "--port"
            "80"
          ];
          description = "Arguments of the program; those of the run that was watched are the default.";
        };

        openFirewall = lib.mkOption {
          type = lib.types.bool;
          default = false;
          description = "Whether to let others reach the ports that the program listens on.";
        };
      };

      config = lib.mkIf cfg.enable {
        systemd.services.acmed = {
          description = "acmed";
          wantedBy = [ "multi-user.target" ];
          after = [
            "network.target"
            "postgresql.service"
            "redis.service"
          ];
          wants = [
            "postgresql.service"
            "redis.service"
          ];
          serviceConfig = {
            ExecStart = utils.escapeSystemdExecArgs ([ (lib.getExe cfg.package) ] ++ cfg.arguments);
            DynamicUser = true;
            # it wrote to ~/project
            WorkingDirectory = "%S/acmed";
            CacheDirectory = "acmed";
            StateDirectory = [
              "acme data"
              "acmed"
            ];
            AmbientCapabilities = [ "CAP_NET_BIND_SERVICE" ];
            CapabilityBoundingSet = [ "CAP_NET_BIND_SERVICE" ];
            PrivateTmp = true;
            ProtectHome = true;
            ProtectSystem = "strict";
            NoNewPrivileges = true;
            RestrictAddressFamilies = [
              "AF_INET"
              "AF_INET6"
              "AF_UNIX"
            ];
          };
        };

        # PostgreSQL: connected to /run/postgresql/.s.PGSQL.5432
        services.postgresql.enable = true;

        # Redis: connected to port 6379 of 127.0.0.1
        services.redis.servers."".enable = true;

        networking.firewall = lib.mkIf cfg.openFirewall {
          allowedTCPPorts = [ 80 ];
        };
      };
    }
    "##);
}

#[test]
fn an_image_has_what_was_used_besides_the_program() {
    let mut files = write(&runs::service(), &options());
    insta::assert_snapshot!(files.remove("image.nix").unwrap(), @r##"
    # Written by nixtrace for: ./acmed --port 80
    {
      # The nixpkgs of your NIX_PATH; give nixtrace `--nixpkgs REVISION` to pin one.
      pkgs ? import <nixpkgs> {
        config.allowUnfreePredicate = pkg: pkg.pname or "" == "acmed";
        overlays = [ ];
      },
    }:

    let
      package = pkgs.callPackage ./package.nix { };
    in
    pkgs.dockerTools.streamLayeredImage {
      name = "acmed";

      contents = [ pkgs.dockerTools.fakeNss ];

      # it writes files for the moment
      extraCommands = "mkdir -m 1777 tmp";

      config = {
        Cmd = [
          (pkgs.lib.getExe package)
          "--port"
          "80"
        ];
        ExposedPorts = {
          "80/tcp" = { };
        };
        User = "65534:65534"; # nobody
      };
    }
    "##);
    insta::assert_snapshot!(files.remove("arion-compose.nix").unwrap(), @r##"
    # Written by nixtrace for: ./acmed --port 80
    { pkgs, ... }:

    let
      package = pkgs.callPackage ./package.nix { };
    in
    {
      project.name = "acmed";

      services.acmed = {
        image.command = [
          (pkgs.lib.getExe package)
          "--port"
          "80"
        ];

        image.contents = [ pkgs.dockerTools.fakeNss ];

        service.ports = [ "80:80/tcp" ];

        service.depends_on = [
          "postgresql"
          "redis"
        ];
      };

      services.postgresql.service.image = "docker.io/library/postgres";

      services.redis.service.image = "docker.io/library/redis";
    }
    "##);
}

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
        "soname not found by ./missing",
        &["foo"],
    );
    let text = package(&environment);
    assert!(text.contains("exit status was 127"), "{text}");
    assert!(
        text.contains("TODO nixtrace: not found: libfoo.so.1"),
        "{text}"
    );
}
