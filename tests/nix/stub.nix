# A stand-in for nixpkgs that knows a few attributes and no aliases: an attribute that is not listed
# here is an error, as it is in nixpkgs with `config.allowAliases = false`. Nothing is ever built.
{
  config,
  overlays,
}:

assert builtins.removeAttrs config [ "allowUnfreePredicate" ] == { } && overlays == [ ];

let
  package =
    name: outputs:
    derivation {
      inherit name outputs;
      system = "x86_64-linux";
      builder = "/bin/false";
    };

  packages =
    outputs: names:
    builtins.listToAttrs (
      map (name: {
        inherit name;
        value = package name outputs;
      }) names
    );

  # An interpreter whose `withPackages` demands that all it is given are packages of its own set.
  interpreter =
    name: set:
    package name [ "out" ]
    // {
      withPackages =
        choose:
        derivation {
          name = "${name}-env";
          system = "x86_64-linux";
          builder = "/bin/false";
          modules = map (
            module:
            assert module.set == name;
            module
          ) (choose set);
        };
    };

  modules =
    name: names: builtins.mapAttrs (_: module: module // { set = name; }) (packages [ "out" ] names);

  # As nixpkgs defines them in lib/attrsets.nix and lib/strings.nix.
  getOutput =
    output: pkg:
    if !(pkg ? outputSpecified) || !pkg.outputSpecified then pkg.${output} or pkg.out or pkg else pkg;

  mkShell =
    {
      packages ? [ ],
      buildInputs ? [ ],
      inputsFrom ? [ ],
      env ? { },
    }:
    assert builtins.all builtins.isString (builtins.attrValues env);
    derivation (
      env
      // {
        name = "nix-shell";
        system = "x86_64-linux";
        builder = "/bin/false";
        nativeBuildInputs = map (getOutput "dev") packages;
        buildInputs = map (getOutput "dev") (
          buildInputs ++ builtins.concatMap (it: it.buildInputs) inputsFrom
        );
      }
    );

  # Whether the configuration lets the package be built, as `check-meta.nix` asks it.
  allowed =
    pkg:
    let
      license = pkg.meta.license or { free = true; };
    in
    license.free || (config ? allowUnfreePredicate && config.allowUnfreePredicate pkg);

  # A derivation of what a package says, less what nixpkgs takes out of it too.
  mkDerivation =
    arguments:
    let
      strict = arguments.strictDeps or false || arguments.pyproject or false;
      made =
        derivation (
          {
            name = "${arguments.pname}-${arguments.version}";
            system = "x86_64-linux";
            builder = "/bin/false";
          }
          // builtins.removeAttrs arguments [
            "meta"
            "env"
            "src"
            "cargoLock"
          ]
          // (arguments.env or { })
        )
        // {
          inherit (arguments) pname version meta;
          # A source is not looked at: the tests have none.
          nativeBuildInputs = arguments.nativeBuildInputs or [ ];
          buildInputs = arguments.buildInputs or [ ];
        };
    in
    assert strict && arguments ? src;
    assert builtins.isString arguments.meta.mainProgram or "";
    if allowed made then made else throw "${arguments.pname} has an unfree license";

  callPackage =
    file: arguments:
    let
      function = import file;
    in
    function (builtins.intersectAttrs (builtins.functionArgs function) all // arguments);

  # As nixpkgs gives it, without `outPath` so that nothing is built.
  writeShellApplication =
    {
      name,
      text,
      runtimeInputs ? [ ],
      runtimeEnv ? { },
      bashOptions ? [
        "errexit"
        "nounset"
        "pipefail"
      ],
    }:
    derivation {
      inherit
        name
        text
        runtimeInputs
        bashOptions
        ;
      variables = builtins.attrValues runtimeEnv;
      system = "x86_64-linux";
      builder = "/bin/false";
    }
    // {
      pname = name;
      meta.mainProgram = name;
    };

  streamLayeredImage =
    {
      name,
      contents ? [ ],
      extraCommands ? "",
      config,
    }:
    derivation {
      inherit name contents extraCommands;
      config = builtins.toJSON config;
      system = "x86_64-linux";
      builder = "/bin/false";
    };

  tools = packages [ "out" ];
  symlinkJoin =
    {
      name,
      paths,
      nativeBuildInputs,
      libraryPath,
      postBuild,
    }@arguments:
    derivation (
      arguments
      // {
        system = "x86_64-linux";
        builder = "/bin/false";
      }
    );

  all = {
    pkgs = all;
    inherit callPackage writeShellApplication;
    stdenvNoCC = {
      inherit mkDerivation;
    };
    rustPlatform.buildRustPackage = mkDerivation;
    buildGoModule = mkDerivation;
    buildNpmPackage = mkDerivation;
    python3Packages =
      tools [
        "hatchling"
        "numpy"
        "requests"
        "setuptools"
      ]
      // {
        buildPythonApplication = mkDerivation;
      };
    buildFHSEnv =
      {
        pname,
        version,
        meta,
        targetPkgs,
        runScript,
        executableName ? pname,
        profile ? "",
      }:
      derivation {
        name = "${pname}-${version}";
        inherit runScript profile;
        targets = targetPkgs all;
        system = "x86_64-linux";
        builder = "/bin/false";
      }
      // {
        inherit pname meta;
      };
    appimageTools.wrapType2 =
      {
        pname,
        version,
        src,
        extraPkgs ? _: [ ],
        meta,
      }:
      derivation {
        name = "${pname}-${version}";
        extra = extraPkgs all;
        system = "x86_64-linux";
        builder = "/bin/false";
      }
      // {
        inherit pname meta;
      };
    dockerTools = {
      inherit streamLayeredImage;
    }
    // tools [
      "binSh"
      "caCertificates"
      "fakeNss"
      "usrBinEnv"
    ];
    qt5 = tools [
      "qtwayland"
      "wrapQtAppsHook"
    ];
    qt6 = tools [
      "qtwayland"
      "wrapQtAppsHook"
    ];
  }
  // tools [
    "autoPatchelfHook"
    "autoreconfHook"
    "bash"
    "cacert"
    "cmake"
    "glibcLocales"
    "gnugrep"
    "gtk3"
    "libGL"
    "makeWrapper"
    "meson"
    "ncurses"
    "ninja"
    "nixfmt"
    "wrapGAppsHook3"
    "wrapGAppsHook4"
    "wrapGAppsNoGuiHook"
  ]
  // rest;

  rest =
    packages
      [ "out" ]
      [
        "7zz"
        "bind"
        "coreutils"
        "expat"
        "git"
        "gnumake"
        "jq"
        "libxcrypt"
        "makeBinaryWrapper"
        "pkg-config"
        "tzdata"
      ]
    //
      packages
        [ "bin" "dev" "out" ]
        [
          "curl"
          "openssl"
          "sqlite"
        ]
    // packages [ "out" "dev" ] [ "zlib" ]
    // {
      bind = package "bind" [
        "out"
        "lib"
        "dev"
        "dnsutils"
      ];

      lib = {
        inherit getOutput;
        getLib = getOutput "lib";
        getExe = package: "${getOutput "bin" package}/bin/${package.meta.mainProgram or package.pname}";
        makeBinPath =
          packages: builtins.concatStringsSep ":" (map (it: "${getOutput "bin" it}/bin") packages);
        makeSearchPath =
          place: packages: builtins.concatStringsSep ":" (map (it: "${it}/${place}") packages);
        cleanSource = path: path;
        fakeHash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        fileset = {
          toSource = { root, fileset }: root;
          unions =
            files:
            assert builtins.all builtins.isPath files;
            files;
        };
        licenses.unfree.free = false;
        sourceTypes.binaryNativeCode.isSource = false;
        platforms.linux = [ "x86_64-linux" ];
        makeLibraryPath =
          libraries:
          builtins.concatStringsSep ":" (map (library: "${getOutput "lib" library}/lib") libraries);
      };

      stdenv.mkDerivation = mkDerivation;
      stdenv.cc = {
        cc = package "gcc" [
          "out"
          "lib"
        ];
        bintools.dynamicLinker = "${package "glibc" [ "out" ]}/lib/ld-linux-x86-64.so.2";
      };

      python3 = interpreter "python3" (
        modules "python3" [
          "numpy"
          "requests"
        ]
      );
      python311 = interpreter "python311" (modules "python311" [ "numpy" ]);
      perl = interpreter "perl" (modules "perl" [ "JSONXS" ]);
      ruby = interpreter "ruby" (modules "ruby" [ "nokogiri" ]);

      inherit mkShell symlinkJoin;
      mkShellNoCC = mkShell;
    };
in

all
