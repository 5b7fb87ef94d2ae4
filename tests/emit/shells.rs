//! A shell.nix for each kind of run, word for word. Each is also what nixfmt prints, and evaluates
//! to a derivation.

use crate::conventions::follow_conventions;
use crate::nix::Nix;
use crate::support::{Tell, parse, run};
use crate::written::{alone, shell, shell_with};
use nixtrace::emit::{Comments, Environment, File, Options, Role, RunKind, render};
use nixtrace::graph::manifest::Manifest;
use nixtrace::graph::subject::SubjectForm;
use nixtrace::resolve::origin::Tarball;
use nixtrace::resolve::{ForcedRole, Origin};

#[test]
fn a_program_of_nixpkgs_needs_itself() {
    let environment = run(RunKind::Binary, &["jq", ".", "/home/me/my file.json"]).needs(
        Role::Command,
        "jq",
        "/usr/bin/jq was run",
    );
    insta::assert_snapshot!(shell(&environment), @r#"
    # Written by nixtrace for: jq . ~/'my file.json'
    {
      # The nixpkgs of your NIX_PATH; give nixtrace `--nixpkgs REVISION` to pin one.
      pkgs ? import <nixpkgs> {
        config = { };
        overlays = [ ];
      },
    }:

    pkgs.mkShellNoCC {
      packages = [ pkgs.jq ];
    }
    "#);
}

#[test]
fn a_module_joins_its_interpreter() {
    let environment = run(RunKind::Script, &["python3", "-c", "import numpy"])
        .needs(Role::Interpreter, "python3", "/usr/bin/python3 was run")
        .needs(Role::Module, "python3Packages.numpy", "numpy was imported");
    insta::assert_snapshot!(shell(&environment), @r#"
    # Written by nixtrace for: python3 -c 'import numpy'
    {
      # The nixpkgs of your NIX_PATH; give nixtrace `--nixpkgs REVISION` to pin one.
      pkgs ? import <nixpkgs> {
        config = { };
        overlays = [ ];
      },
    }:

    pkgs.mkShellNoCC {
      packages = [
        (pkgs.python3.withPackages (ps: [
          ps.numpy # numpy was imported
        ]))
      ];
    }
    "#);
}

#[test]
fn modules_of_several_languages_join_the_interpreters_that_ran() {
    let environment = run(RunKind::Script, &["./report"])
        .needs(Role::Interpreter, "python311", "run by ./report")
        .needs(Role::Command, "git", "run by ./report")
        .needs(
            Role::Module,
            "perlPackages.JSONXS",
            "JSON/XS.pm was read by /usr/bin/perl",
        )
        .needs(Role::Module, "python3Packages.numpy", "numpy was imported")
        .needs(
            Role::Module,
            "rubyPackages.nokogiri",
            "nokogiri was required",
        );
    insta::assert_snapshot!(shell(&environment), @r#"
    # Written by nixtrace for: ./report
    {
      # The nixpkgs of your NIX_PATH; give nixtrace `--nixpkgs REVISION` to pin one.
      pkgs ? import <nixpkgs> {
        config = { };
        overlays = [ ];
      },
    }:

    pkgs.mkShellNoCC {
      packages = [
        pkgs.git # run by ./report
        (pkgs.perl.withPackages (p: [
          p.JSONXS # JSON/XS.pm was read by /usr/bin/perl
        ]))
        (pkgs.python311.withPackages (ps: [
          ps.numpy # numpy was imported
        ])) # run by ./report
        (pkgs.ruby.withPackages (ps: [
          ps.nokogiri # nokogiri was required
        ]))
      ];
    }
    "#);
}

#[test]
fn a_perl_module_without_its_interpreter_brings_it() {
    let environment = run(RunKind::Script, &["perl", "-MJSON::XS", "-e1"]).needs(
        Role::Module,
        "perlPackages.JSONXS",
        "JSON/XS.pm was read",
    );
    insta::assert_snapshot!(shell(&environment), @r#"
    # Written by nixtrace for: perl -MJSON::XS -e1
    {
      # The nixpkgs of your NIX_PATH; give nixtrace `--nixpkgs REVISION` to pin one.
      pkgs ? import <nixpkgs> {
        config = { };
        overlays = [ ];
      },
    }:

    pkgs.mkShellNoCC {
      packages = [
        (pkgs.perl.withPackages (p: [
          p.JSONXS # JSON/XS.pm was read
        ]))
      ];
    }
    "#);
}

#[test]
fn libraries_of_a_program_that_nix_did_not_build_are_for_nix_ld() {
    let environment = run(RunKind::Binary, &["/home/me/app/app", "--once"])
        .needs(
            Role::Library,
            "curl",
            "libcurl.so.4, needed by /home/me/app/app",
        )
        .needs(Role::Library, "expat", "libexpat.so.1")
        .implied_by("curl")
        .needs(
            Role::Library,
            "openssl",
            "libssl.so.3, needed by /home/me/app/app",
        )
        .needs(
            Role::Library,
            "stdenv.cc.cc^lib",
            "libstdc++.so.6, needed by /home/me/app/app",
        )
        .needs(
            Role::Library,
            "zlib",
            "libz.so.1, needed by /home/me/app/app",
        );
    insta::assert_snapshot!(shell(&environment), @r#"
    # Written by nixtrace for: ~/app/app --once
    {
      # The nixpkgs of your NIX_PATH; give nixtrace `--nixpkgs REVISION` to pin one.
      pkgs ? import <nixpkgs> {
        config = { };
        overlays = [ ];
      },
    }:

    pkgs.mkShellNoCC {
      # For programs that Nix did not build; NixOS needs programs.nix-ld.enable = true.
      env = {
        NIX_LD = pkgs.stdenv.cc.bintools.dynamicLinker;
        NIX_LD_LIBRARY_PATH = pkgs.lib.makeLibraryPath [
          pkgs.curl # libcurl.so.4, needed by ~/app/app
          pkgs.openssl # libssl.so.3, needed by ~/app/app
          pkgs.stdenv.cc.cc # libstdc++.so.6, needed by ~/app/app
          pkgs.zlib # libz.so.1, needed by ~/app/app
        ];
      };
    }
    "#);
}

#[test]
fn a_library_that_was_only_opened_at_run_time_is_there_too() {
    let environment = run(RunKind::Binary, &["./app"]).needs(
        Role::Dlopen,
        "sqlite",
        "libsqlite3.so.0, opened by ./app with dlopen",
    );
    insta::assert_snapshot!(shell(&environment), @r#"
    # Written by nixtrace for: ./app
    {
      # The nixpkgs of your NIX_PATH; give nixtrace `--nixpkgs REVISION` to pin one.
      pkgs ? import <nixpkgs> {
        config = { };
        overlays = [ ];
      },
    }:

    pkgs.mkShellNoCC {
      # For programs that Nix did not build; NixOS needs programs.nix-ld.enable = true.
      env = {
        NIX_LD = pkgs.stdenv.cc.bintools.dynamicLinker;
        NIX_LD_LIBRARY_PATH = pkgs.lib.makeLibraryPath [
          pkgs.sqlite # libsqlite3.so.0, opened by ./app with dlopen
        ];
      };
    }
    "#);
}

#[test]
fn an_interpreter_finds_what_its_script_opens() {
    let environment = run(RunKind::Script, &["./scan.py"])
        .needs(Role::Interpreter, "python3", "run by ./scan.py")
        .needs(Role::Module, "python3Packages.numpy", "numpy was imported")
        .needs(
            Role::Dlopen,
            "sqlite",
            "libsqlite3.so.0, opened by /usr/bin/python3",
        );
    insta::assert_snapshot!(shell(&environment), @r#"
    # Written by nixtrace for: ./scan.py
    {
      # The nixpkgs of your NIX_PATH; give nixtrace `--nixpkgs REVISION` to pin one.
      pkgs ? import <nixpkgs> {
        config = { };
        overlays = [ ];
      },
    }:

    pkgs.mkShellNoCC {
      packages = [
        (pkgs.symlinkJoin {
          name = "interpreter-with-libraries";
          paths = [
            (pkgs.python3.withPackages (ps: [
              ps.numpy # numpy was imported
            ])) # run by ./scan.py
          ];
          nativeBuildInputs = [ pkgs.makeBinaryWrapper ];
          libraryPath = pkgs.lib.makeLibraryPath [
            pkgs.sqlite # libsqlite3.so.0, opened by /usr/bin/python3
          ];
          postBuild = ''
            for program in $out/bin/*; do
              wrapProgram $program --prefix LD_LIBRARY_PATH : $libraryPath
            done
          '';
        })
      ];
    }
    "#);
}

#[test]
fn a_shell_script_that_starts_a_foreign_program_leaves_its_libraries_to_nix_ld() {
    let environment = run(RunKind::Script, &["./start.sh"])
        .needs(Role::Interpreter, "bash", "run by ./start.sh")
        .implied_by("stdenv")
        .needs(Role::Library, "zlib", "libz.so.1, needed by ./app");
    insta::assert_snapshot!(shell(&environment), @r#"
    # Written by nixtrace for: ./start.sh
    {
      # The nixpkgs of your NIX_PATH; give nixtrace `--nixpkgs REVISION` to pin one.
      pkgs ? import <nixpkgs> {
        config = { };
        overlays = [ ];
      },
    }:

    pkgs.mkShellNoCC {
      # For programs that Nix did not build; NixOS needs programs.nix-ld.enable = true.
      env = {
        NIX_LD = pkgs.stdenv.cc.bintools.dynamicLinker;
        NIX_LD_LIBRARY_PATH = pkgs.lib.makeLibraryPath [
          pkgs.zlib # libz.so.1, needed by ./app
        ];
      };
    }
    "#);
}

#[test]
fn a_build_gets_a_compiler_and_finds_its_libraries() {
    let environment = run(RunKind::Build, &["make", "-j2"])
        .needs(Role::Command, "coreutils", "/usr/bin/install was run")
        .implied_by("stdenv")
        .needs(Role::Command, "gnumake", "/usr/bin/make was run")
        .implied_by("stdenv")
        .needs(
            Role::Command,
            "openssl^bin",
            "/usr/bin/openssl was run by make",
        )
        .needs(Role::Command, "pkg-config", "run by make")
        .needs(Role::Library, "openssl", "libssl.so.3, linked into ./app")
        .needs(Role::Header, "openssl^dev", "openssl/ssl.h was read by cc1")
        .needs(Role::Library, "zlib", "libz.so.1, linked into ./app")
        .needs(
            Role::PkgConfig,
            "zlib^dev",
            "zlib.pc was read by pkg-config",
        );
    insta::assert_snapshot!(shell(&environment), @r#"
    # Written by nixtrace for: make -j2
    {
      # The nixpkgs of your NIX_PATH; give nixtrace `--nixpkgs REVISION` to pin one.
      pkgs ? import <nixpkgs> {
        config = { };
        overlays = [ ];
      },
    }:

    pkgs.mkShell {
      packages = [
        pkgs.pkg-config # run by make
      ];

      buildInputs = [
        pkgs.openssl # libssl.so.3, linked into ./app; openssl/ssl.h was read by cc1; /usr/bin/openssl…
        pkgs.zlib # libz.so.1, linked into ./app; zlib.pc was read by pkg-config
      ];
    }
    "#);
}

#[test]
fn what_stayed_open_is_left_to_a_person() {
    let environment = run(RunKind::Binary, &["./app"])
        .ended(1)
        .needs(Role::Library, "zlib", "libz.so.1, needed by ./app")
        .unresolved(
            "/opt/vendor/libacme.so.2",
            "mapped by ./app; no index knows the soname",
            &["acme", "acme_2", "a", "b", "c", "d", "e"],
        )
        .unresolved("/home/me/lib/libown.so", "mapped by /home/me/app", &[])
        .missing(
            "libcrypt.so.2",
            "./app would not start without it",
            &["libxcrypt"],
        )
        .gap("io_uring was refused", 3)
        .gap("a child could not be followed", 1);
    insta::assert_snapshot!(shell(&environment), @r#"
    # Written by nixtrace for: ./app
    # Its exit status was 1: it may need more than was seen here.
    # Not seen: io_uring was refused (3 times)
    # Not seen: a child could not be followed
    {
      # The nixpkgs of your NIX_PATH; give nixtrace `--nixpkgs REVISION` to pin one.
      pkgs ? import <nixpkgs> {
        config = { };
        overlays = [ ];
      },
    }:

    pkgs.mkShellNoCC {
      # For programs that Nix did not build; NixOS needs programs.nix-ld.enable = true.
      env = {
        NIX_LD = pkgs.stdenv.cc.bintools.dynamicLinker;
        NIX_LD_LIBRARY_PATH = pkgs.lib.makeLibraryPath [
          pkgs.zlib # libz.so.1, needed by ./app
        ];
      };

      # TODO nixtrace: no certain package for /opt/vendor/libacme.so.2
      #   mapped by ./app; no index knows the soname
      #   perhaps pkgs.acme, pkgs.acme_2, pkgs.a, pkgs.b, pkgs.c, 2 more

      # TODO nixtrace: no certain package for ~/lib/libown.so
      #   mapped by ~/app

      # TODO nixtrace: not found: libcrypt.so.2
      #   ./app would not start without it
      #   perhaps pkgs.libxcrypt
    }
    "#);
}

#[test]
fn many_gaps_are_summed_up() {
    let environment = (0..9).fold(run(RunKind::Binary, &["./app"]), |environment, number| {
        environment.gap(&format!("gap {number}"), 1)
    });
    let text = shell(&environment);
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("Not seen"))
        .collect();
    assert_eq!(lines.len(), 6);
    assert_eq!(lines[5], "# Not seen: 4 more things, see `-f json`");
}

#[test]
fn outputs_and_names_that_need_care_get_it() {
    let environment = run(RunKind::Script, &["./backup.sh"])
        .needs(Role::Command, "7zz", "run by ./backup.sh")
        .needs(Role::Command, "bind^dnsutils", "dig, run by ./backup.sh")
        .needs(Role::Data, "tzdata", "share/zoneinfo was read");
    insta::assert_snapshot!(shell(&environment), @r##"
    # Written by nixtrace for: ./backup.sh
    {
      # The nixpkgs of your NIX_PATH; give nixtrace `--nixpkgs REVISION` to pin one.
      pkgs ? import <nixpkgs> {
        config = { };
        overlays = [ ];
      },
    }:

    pkgs.mkShellNoCC {
      packages = [
        pkgs."7zz" # run by ./backup.sh
        (pkgs.lib.getOutput "dnsutils" pkgs.bind) # dig, run by ./backup.sh
      ];

      env = {
        TZDIR = "${pkgs.tzdata}/share/zoneinfo"; # share/zoneinfo was read
      };
    }
    "##);
}

#[test]
fn a_static_program_needs_nothing() {
    let environment = run(RunKind::Binary, &["./hello"]);
    insta::assert_snapshot!(shell(&environment), @r#"
    # Written by nixtrace for: ./hello
    {
      # The nixpkgs of your NIX_PATH; give nixtrace `--nixpkgs REVISION` to pin one.
      pkgs ? import <nixpkgs> {
        config = { };
        overlays = [ ];
      },
    }:

    pkgs.mkShellNoCC {
      # The program used nothing that a package would have to provide.
    }
    "#);
}

#[test]
fn a_script_of_standard_tools_says_that_they_come_with_stdenv() {
    let environment = run(RunKind::Script, &["bash", "-c", "grep x | sort"])
        .needs(Role::Interpreter, "bash", "")
        .implied_by("stdenv")
        .needs(Role::Command, "gnugrep", "")
        .implied_by("stdenv")
        .needs(Role::Command, "coreutils", "")
        .implied_by("stdenv");
    insta::assert_snapshot!(shell(&environment), @r#"
    # Written by nixtrace for: bash -c 'grep x | sort'
    {
      # The nixpkgs of your NIX_PATH; give nixtrace `--nixpkgs REVISION` to pin one.
      pkgs ? import <nixpkgs> {
        config = { };
        overlays = [ ];
      },
    }:

    pkgs.mkShellNoCC {
      # All that was used is part of stdenv: bash, coreutils, gnugrep.
    }
    "#);
}

#[test]
fn without_comments_only_what_is_to_be_done_remains() {
    let environment = run(RunKind::Script, &["./report.py"])
        .ended(3)
        .needs(Role::Interpreter, "python3", "run by ./report.py")
        .needs(Role::Module, "python3Packages.numpy", "numpy was imported")
        .unresolved("/opt/libacme.so", "loaded by ./report.py", &["acme"])
        .gap("io_uring was refused", 3);
    let options = Options {
        comments: Comments::None,
        ..alone()
    };
    insta::assert_snapshot!(shell_with(&environment, &options), @r#"
    {
      pkgs ? import <nixpkgs> {
        config = { };
        overlays = [ ];
      },
    }:

    pkgs.mkShellNoCC {
      packages = [ (pkgs.python3.withPackages (ps: [ ps.numpy ])) ];

      # TODO nixtrace: no certain package for /opt/libacme.so
      #   loaded by ./report.py
      #   perhaps pkgs.acme
    }
    "#);
}

#[test]
fn versions_that_were_seen_are_asserted_when_asked_for() {
    let mut environment = run(RunKind::Script, &["./report.py"])
        .needs(Role::Command, "jq", "run by ./report.py")
        .needs(Role::Interpreter, "python3", "run by ./report.py")
        .needs(Role::Module, "python3Packages.numpy", "numpy was imported");
    environment.packages[0].version = Some("1.6".to_owned());
    environment.packages[2].version = Some("1.24.2".to_owned());
    let options = Options {
        assert_versions: true,
        ..alone()
    };
    let text = render(&environment, File::Shell, &options).unwrap();
    assert_eq!(nixfmt_rs::format(&text).unwrap(), text);
    let expected = "}:\n\n\
        assert pkgs.lib.versionAtLeast pkgs.jq.version \"1.6\";\n\
        assert pkgs.lib.versionAtLeast pkgs.python3Packages.numpy.version \"1.24.2\";\n\n\
        pkgs.mkShellNoCC {";
    assert!(text.contains(expected), "{text}");
    let package = render(&environment, File::Package, &options).unwrap();
    assert_eq!(nixfmt_rs::format(&package).unwrap(), package);
    let expected = "assert lib.versionAtLeast jq.version \"1.6\";";
    assert!(package.contains(expected), "{package}");
    let unasked = render(&environment, File::Shell, &Options::default()).unwrap();
    assert!(!unasked.contains("assert"), "{unasked}");
}

#[test]
fn the_example_in_the_documentation_is_what_comes_out() {
    let environment = run(RunKind::Script, &["./report.py"])
        .needs(Role::Interpreter, "python3", "run by ./report.py")
        .needs(Role::Command, "git", "run by ./report.py")
        .needs(Role::Module, "python3Packages.numpy", "numpy was imported")
        .unresolved(
            "/opt/acme/libacme.so.2",
            "loaded by ./report.py at run time",
            &["acme", "acme-sdk"],
        );
    let example = format!("```nix\n{}```\n", shell(&environment));
    assert!(include_str!("../../docs/output.md").contains(&example));
}

#[test]
fn the_same_environment_gives_the_same_bytes() {
    let environment = run(RunKind::Build, &["make"])
        .needs(Role::Library, "zlib", "linked")
        .needs(Role::Module, "python3Packages.numpy", "imported");
    for format in [File::Shell, File::Json] {
        let first = render(&environment, format, &alone()).unwrap();
        assert_eq!(render(&environment, format, &alone()).unwrap(), first);
    }
}

/// Where pins say that packages come from, in the words of a test.
fn from(environment: Environment, origin: Origin) -> Environment {
    let mut environment = environment;
    environment.packages.last_mut().unwrap().origin = Some(origin);
    environment
}

#[test]
fn what_nixpkgs_does_not_have_is_taken_from_where_its_pin_says() {
    let file = |path: &str| Origin::File(path.into());
    let tarball = |url: &str, file: Option<&str>| Tarball {
        url: url.to_owned(),
        sha256: "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".to_owned(),
        file: file.map(str::to_owned),
    };
    let old =
        "https://github.com/NixOS/nixpkgs/archive/8f7492cce28977fbf8bd12c72af08b1f6c7c3e49.tar.gz";
    let mut environment = run(RunKind::Build, &["make"]);
    for (attr, origin) in [
        ("acme", file("/home/me/project/nix/acme.nix")),
        ("beside", file("/home/me/beside")),
        ("elsewhere", file("/srv/our pkgs")),
        (
            "tool",
            Origin::Tarball(tarball("https://example.org/tool.tar.gz", None)),
        ),
        (
            "part",
            Origin::Tarball(tarball(
                "https://example.org/all.tar.gz",
                Some("nix/part.nix"),
            )),
        ),
        ("openssl_1_1^static", Origin::Nixpkgs(tarball(old, None))),
        (
            "default",
            Origin::Flake("github:acme/fancy/0123456789abcdef0123456789abcdef01234567".to_owned()),
        ),
    ] {
        let needed = environment.needs(Role::Library, attr, "it is linked");
        environment = from(needed, origin);
    }
    let environment = environment.needs(Role::Interpreter, "python3", "python3 was run");
    let environment = from(
        environment.needs(Role::Module, "python3Packages.acme", "acme was imported"),
        file("/home/me/project/nix/python-acme.nix"),
    );
    let bare = Options {
        comments: Comments::None,
        ..alone()
    };
    let text = render(&environment, File::Shell, &bare).unwrap();
    assert_eq!(nixfmt_rs::format(&text).unwrap(), text);
    follow_conventions(&text);
    if let Some(nix) = Nix::installed() {
        parse(&nix, &text).unwrap();
    }
    insta::assert_snapshot!(text, @r#"
    {
      pkgs ? import <nixpkgs> {
        config = { };
        overlays = [ ];
      },
    }:

    pkgs.mkShell {
      packages = [ (pkgs.python3.withPackages (ps: [ (ps.callPackage ./nix/python-acme.nix { }) ])) ];

      buildInputs = [
        (pkgs.callPackage ./nix/acme.nix { })
        (pkgs.callPackage ~/beside { })
        (builtins.getFlake "github:acme/fancy/0123456789abcdef0123456789abcdef01234567")
        .packages.${pkgs.stdenv.hostPlatform.system}.default
        (pkgs.callPackage (/. + "/srv/our pkgs") { })
        (import
          (fetchTarball {
            url = "https://github.com/NixOS/nixpkgs/archive/8f7492cce28977fbf8bd12c72af08b1f6c7c3e49.tar.gz";
            sha256 = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
          })
          {
            inherit (pkgs.stdenv.hostPlatform) system;
            config = { };
            overlays = [ ];
          }
        ).openssl_1_1.static
        (pkgs.callPackage (
          fetchTarball {
            url = "https://example.org/all.tar.gz";
            sha256 = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
          }
          + "/nix/part.nix"
        ) { })
        (pkgs.callPackage (fetchTarball {
          url = "https://example.org/tool.tar.gz";
          sha256 = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        }) { })
      ];
    }
    "#);
}

/// A project that was built.
fn built() -> Environment {
    let mut environment = run(RunKind::Build, &["make"]);
    environment.subject.name = "app".into();
    environment.subject.form = SubjectForm::Project {
        manifest: Manifest::default(),
        steps: Vec::new(),
        products: Vec::new(),
    };
    environment
}

#[test]
fn a_package_of_another_source_is_an_argument_of_none() {
    let environment = built().needs(Role::Command, "acme", "acme was run");
    let revision = "0123456789abcdef0123456789abcdef01234567";
    let flake = Origin::Flake(format!("github:acme/fancy/{revision}"));
    let file = Origin::File("/home/me/project/acme.nix".into());
    for (origin, calls, value) in [
        (file, true, "(callPackage ./acme.nix { })"),
        (flake, false, ".packages.${stdenv.hostPlatform.system}.acme"),
    ] {
        let environment = from(environment.clone(), origin);
        let text = render(&environment, File::Package, &alone()).unwrap();
        assert_eq!(nixfmt_rs::format(&text).unwrap(), text);
        let (arguments, body) = text.split_once("}:").unwrap();
        assert_eq!(arguments.contains("  callPackage,"), calls, "{text}");
        assert!(!arguments.contains("  acme,"), "{text}");
        assert!(body.contains(value), "{text}");
    }
}

#[test]
fn a_forced_role_decides_the_list() {
    let forced = |attr: &str, role: Role, forced: ForcedRole| {
        let mut environment = built().needs(role, attr, "it was used");
        environment.packages[0].forced = Some(forced);
        environment
    };
    for (environment, in_package, in_shell) in [
        (
            forced("curl", Role::Library, ForcedRole::Native),
            "nativeBuildInputs = [\n    curl",
            "packages = [\n    pkgs.curl",
        ),
        (
            forced("git", Role::Command, ForcedRole::Build),
            "buildInputs = [\n    git",
            "buildInputs = [\n    pkgs.git",
        ),
        (
            forced("git", Role::Command, ForcedRole::Test),
            "nativeCheckInputs = [\n    git",
            "packages = [\n    pkgs.git",
        ),
        (
            forced("git", Role::Command, ForcedRole::Runtime),
            "--prefix PATH : ${",
            "packages = [\n    pkgs.git",
        ),
        (
            forced("curl", Role::Library, ForcedRole::Runtime),
            "--prefix LD_LIBRARY_PATH : ${",
            "buildInputs = [\n    pkgs.curl",
        ),
        (
            forced("tzdata", Role::Library, ForcedRole::Data),
            "--prefix XDG_DATA_DIRS : ${",
            "packages = [\n    pkgs.tzdata",
        ),
    ] {
        let package = render(&environment, File::Package, &alone()).unwrap();
        assert_eq!(nixfmt_rs::format(&package).unwrap(), package);
        assert!(package.contains(in_package), "{package}");
        let shell = shell(&environment);
        assert!(shell.contains(in_shell), "{shell}");
    }
}
