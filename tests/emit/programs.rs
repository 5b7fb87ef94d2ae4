//! package.nix of a program that somebody else built: from evidence to what an experienced packager
//! writes.

use crate::runs::{self, TellMore};
use crate::written::{options, package, write};
use nixtrace::emit::{Asker, Environment, Role};
use nixtrace::graph::subject::{Linkage, ProgramFacts, SubjectForm};
use nixtrace::graph::surroundings::{Toolkit, ToolkitUse};
use nixtrace::resolve::Manager;

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
        version = "0"; # TODO nixtrace: no version was seen

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
      version = "0"; # TODO nixtrace: no version was seen

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

/// The program of the tests with other facts.
fn with_facts(change: impl FnOnce(&mut ProgramFacts)) -> Environment {
    let mut environment = runs::statically(Linkage::Dynamic);
    let SubjectForm::Program(facts) = &mut environment.subject.form else {
        unreachable!();
    };
    change(facts);
    environment
}

#[track_caller]
fn has(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "no {word}: {text}");
    }
}

#[track_caller]
fn lacks(text: &str, words: &[&str]) {
    for word in words {
        assert!(!text.contains(word), "{word}: {text}");
    }
}

#[test]
fn a_program_with_a_loader_is_patched_and_gets_its_libraries() {
    let environment = runs::statically(Linkage::Dynamic)
        .uses(Role::Library, "zlib", Asker::Main, &[], "libz.so.1")
        .uses(Role::Library, "stdenv.cc.cc^lib", Asker::Main, &[], "");
    let text = package(&environment);
    has(
        &text,
        &[
            "nativeBuildInputs = [ autoPatchelfHook ];",
            "(lib.getLib stdenv.cc.cc)",
            "zlib # libz.so.1",
        ],
    );
    lacks(
        &text,
        &[
            "runtimeDependencies",
            "appendRunpaths",
            "makeWrapper",
            "IgnoreMissing",
        ],
    );
}

#[test]
fn a_program_of_32_bits_is_built_with_packages_of_32_bits() {
    let files = write(&runs::of_32_bits(), &options());
    has(&files["package.nix"], &["platforms = [ \"i686-linux\" ];"]);
    for (file, call) in [
        (
            "default.nix",
            "\npkgs.pkgsi686Linux.callPackage ./package.nix { }",
        ),
        (
            "flake.nix",
            "default = pkgs.pkgsi686Linux.callPackage ./package.nix",
        ),
        (
            "overlay.nix",
            "= final.pkgsi686Linux.callPackage ./package.nix",
        ),
        (
            "module.nix",
            "default = pkgs.pkgsi686Linux.callPackage ./package.nix",
        ),
        (
            "image.nix",
            "package = pkgs.pkgsi686Linux.callPackage ./package.nix",
        ),
        (
            "arion-compose.nix",
            "package = pkgs.pkgsi686Linux.callPackage",
        ),
    ] {
        has(&files[file], &[call]);
    }
    has(
        &files["shell.nix"],
        &[
            "TODO nixtrace: nix-ld starts no program of 32 bits, as this one is; build package.nix\n",
        ],
    );
    lacks(&files["shell.nix"], &["NIX_LD"]);
}

#[test]
fn what_the_program_opens_and_what_its_libraries_open_are_two_lists() {
    let opening = |by| {
        let environment = runs::statically(Linkage::Dynamic);
        package(&environment.uses(Role::Dlopen, "libGL", by, &[], "libGL.so.1, opened"))
    };
    let by_program = opening(Asker::Main);
    has(&by_program, &["runtimeDependencies = [\n    libGL"]);
    lacks(&by_program, &["appendRunpaths"]);
    let by_library = opening(Asker::OwnLibrary);
    has(
        &by_library,
        &["appendRunpaths = [\n    (lib.makeLibraryPath [\n      libGL"],
    );
    lacks(&by_library, &["runtimeDependencies"]);
}

#[test]
fn libraries_of_its_own_in_odd_directories_need_a_run_path_only_if_they_are_opened_by_name() {
    // auto-patchelf looks for what is needed in the whole output, so no search path is added.
    let named = package(&runs::viewer());
    lacks(&named, &["addAutoPatchelfSearchPath", "placeholder"]);
    let opened = package(&runs::desktop());
    has(
        &opened,
        &[
            "    \"${placeholder \"out\"}/opt/acme/lib/plug-ins\" # libraries of its own that it opens",
        ],
    );
}

#[test]
fn a_library_that_nothing_loaded_is_ignored_by_its_name_and_never_by_a_pattern() {
    let text = package(&with_facts(|facts| {
        facts.unloaded = vec!["libcuda.so.1".into()]
    }));
    has(
        &text,
        &["autoPatchelfIgnoreMissingDeps = [ \"libcuda.so.1\" ];"],
    );
    lacks(
        &package(&with_facts(|_| ())),
        &["autoPatchelfIgnoreMissingDeps"],
    );
}

#[test]
fn commands_and_interpreters_that_it_runs_are_on_the_path_of_its_wrapper() {
    let environment = runs::statically(Linkage::Dynamic)
        .uses(Role::Command, "git", Asker::Main, &[], "run by ./acme")
        .uses(
            Role::Interpreter,
            "python3",
            Asker::Main,
            &[],
            "run by ./acme",
        )
        .uses(
            Role::Module,
            "python3Packages.numpy",
            Asker::Main,
            &[],
            "module numpy",
        );
    let text = package(&environment);
    has(
        &text,
        &[
            "wrapProgram $out/bin/acme \\",
            "--inherit-argv0",
            "--prefix PATH : ${",
            "git # run by ./acme",
            "(python3.withPackages (ps: [",
        ],
    );
}

#[test]
fn a_toolkit_that_was_used_has_its_hook_and_one_wrapper() {
    let with = |toolkits: &[Toolkit]| {
        let mut environment = runs::statically(Linkage::Dynamic).uses(
            Role::Command,
            "git",
            Asker::Main,
            &[],
            "run by ./acme",
        );
        environment.surroundings.toolkits = toolkits
            .iter()
            .map(|&toolkit| ToolkitUse {
                toolkit,
                path: "/usr/share/x".into(),
            })
            .collect();
        package(&environment)
    };
    for (toolkit, hook, array) in [
        (Toolkit::Glib, "wrapGAppsNoGuiHook #", "gappsWrapperArgs+=("),
        (Toolkit::Gtk3, "wrapGAppsHook3 #", "gappsWrapperArgs+=("),
        (Toolkit::Gtk4, "wrapGAppsHook4 #", "gappsWrapperArgs+=("),
        (Toolkit::Qt5, "qt5.wrapQtAppsHook #", "qtWrapperArgs+=("),
        (Toolkit::Qt6, "qt6.wrapQtAppsHook #", "qtWrapperArgs+=("),
    ] {
        let text = with(&[toolkit]);
        has(&text, &[hook, array, "--prefix PATH : ${"]);
        lacks(
            &text,
            &["wrapProgram", "makeWrapper", "dontWrapGApps", "qtwayland"],
        );
    }
    let both = with(&[Toolkit::Gtk3, Toolkit::Qt6, Toolkit::Qt6Wayland]);
    has(
        &both,
        &[
            "dontWrapGApps = true;",
            "qtWrapperArgs+=(\"''${gappsWrapperArgs[@]}\"",
            "qt6.qtwayland",
        ],
    );
}

#[test]
fn a_desktop_entry_that_came_along_is_kept_and_starts_the_package() {
    let text = package(&runs::desktop());
    has(
        &text,
        &[
            "install -Dm644 Acme.desktop -t $out/share/applications\n",
            "substituteInPlace $out/share/applications/Acme.desktop \\\n",
            "--replace-fail Exec=/opt/acme/Acme Exec=Acme \\\n",
            "--replace-fail Icon=/opt/acme/acme.png Icon=$out/opt/acme/acme.png\n",
            "# TODO nixtrace: a desktop entry starts /usr/bin/other",
        ],
    );
}

#[test]
fn a_program_that_dpkg_installed_comes_from_the_deb() {
    insta::assert_snapshot!(package(&runs::shipped(Manager::Dpkg)), @r##"
    # Written by nixtrace for: ./acme
    {
      lib,
      stdenv,
      autoPatchelfHook,
      dpkg,
      requireFile,
      zlib,
    }:

    stdenv.mkDerivation {
      pname = "acme";
      version = "1.2";

      __structuredAttrs = true;
      strictDeps = true;

      # TODO nixtrace: others need a fetchurl of the file that acme-viewer 1:1.2-3 comes as
      src = requireFile {
        name = "acme-viewer_1.2-3_amd64.deb";
        message = "Add the file that acme-viewer was installed from: nix-store --add-fixed sha256 acme-viewer_1.2-3_amd64.deb";
        hash = lib.fakeHash; # TODO nixtrace: `nix hash file` prints it
      };

      unpackCmd = "dpkg-deb -x $curSrc .";
      sourceRoot = ".";

      nativeBuildInputs = [
        dpkg
        autoPatchelfHook
      ];

      buildInputs = [
        zlib # libz.so.1
      ];

      dontConfigure = true;
      dontBuild = true;

      installPhase = ''
        runHook preInstall
        mkdir -p $out/bin
        cp -r opt $out
        cp -r usr/share $out
        ln -s $out/opt/acme/viewer/acme $out/bin/acme
        substituteInPlace $out/share/applications/acme.desktop \
          --replace-fail Exec=/opt/acme/viewer/acme Exec=acme
        runHook postInstall
      '';

      meta = {
        # TODO nixtrace: description and homepage are not known
        license = lib.licenses.unfree; # not known, and unfree until it is
        sourceProvenance = [ lib.sourceTypes.binaryNativeCode ];
        mainProgram = "acme";
        platforms = [ "x86_64-linux" ];
      };
    }
    "##);
}

#[test]
fn a_program_that_rpm_installed_comes_from_the_rpm() {
    has(
        &package(&runs::shipped(Manager::Rpm)),
        &[
            "rpmextract\n",
            "unpackCmd = \"rpmextract $curSrc\";",
            "acme-viewer-1.2-3.x86_64.rpm",
        ],
    );
}

#[test]
fn t13_a_static_program_is_never_patched_or_stripped() {
    for linkage in [Linkage::Static, Linkage::StaticPie] {
        let text = package(&runs::statically(linkage));
        lacks(&text, &["autoPatchelfHook", "buildFHSEnv"]);
        has(
            &text,
            &[
                "dontPatchELF = true;",
                "dontStrip = true;",
                "# a static program",
            ],
        );
    }
    // A wrapper runs it as it is.
    let wrapped = runs::statically(Linkage::StaticPie).uses(
        Role::Command,
        "git",
        Asker::Main,
        &[],
        "run by ./acme",
    );
    has(&package(&wrapped), &["wrapProgram", "dontPatchELF = true;"]);
}

#[test]
fn t29_a_program_without_section_headers_is_not_patched() {
    let text = package(&with_facts(|facts| facts.sections = false));
    has(
        &text,
        &["buildFHSEnv", "no section headers", "dontFixup = true;"],
    );
    lacks(&text, &["autoPatchelfHook"]);
}

#[test]
fn t41_bytes_behind_the_elf_image_are_told_with_their_number() {
    let text = package(&with_facts(|facts| facts.appended = 4096));
    has(&text, &["# 4096 bytes follow the ELF image"]);
    // A static one stays as it is without a file system of its own.
    let mut bun = runs::statically(Linkage::Static);
    let SubjectForm::Program(facts) = &mut bun.subject.form else {
        unreachable!();
    };
    facts.appended = 4096;
    let text = package(&bun);
    has(
        &text,
        &["# 4096 bytes follow the ELF image", "dontStrip = true;"],
    );
    lacks(&text, &["buildFHSEnv"]);
}

#[test]
fn t42_a_payload_is_neither_moved_by_patchelf_nor_removed_by_strip() {
    let text = package(&runs::with_payload("acme"));
    // Nothing of the phase in which both are done.
    has(
        &text,
        &["dontFixup = true;", "buildFHSEnv {", "nix-ld runs it too"],
    );
    lacks(&text, &["autoPatchelfHook", "patchelf --"]);
}

#[test]
fn t43_a_program_that_reads_its_own_file_is_left_as_it_is() {
    let text = package(&with_facts(|facts| facts.reads_itself = true));
    has(
        &text,
        &["reads its own file", "dontFixup = true;", "buildFHSEnv"],
    );
}

#[test]
fn t44_a_wrapped_program_is_told_the_name_that_it_was_called_by() {
    let environment = runs::statically(Linkage::Dynamic).uses(
        Role::Command,
        "git",
        Asker::Main,
        &[],
        "run by ./acme",
    );
    has(
        &package(&environment),
        &["wrapProgram $out/bin/acme \\\n      --inherit-argv0"],
    );
    // What is not wrapped keeps its name anyway.
    lacks(&package(&with_facts(|_| ())), &["wrapProgram"]);
}
