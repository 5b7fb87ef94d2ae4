//! package.nix of a program that somebody else built: from evidence to what an experienced packager
//! writes.

use crate::runs;
use crate::written::package;
use nixtrace::graph::subject::{Linkage, SubjectForm};

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
