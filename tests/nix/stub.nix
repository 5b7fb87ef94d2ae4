# A stand-in for nixpkgs without aliases, made from nixtrace's catalogue: an attribute that the
# catalogue does not know, or knows to have another name today or to be removed, is an error here, as
# it is in nixpkgs with `config.allowAliases = false`. Nothing is ever built.
#
# `catalogue` is a tree of attribute sets; a set with the name `""` in it is a package, and has its
# outputs there. What is written out below are functions, and the hooks that nixtrace names itself.
catalogue:
{
  config,
  # A flake says which system is meant; a file on its own has to keep the reader's overlays out.
  system ? null,
  overlays ?
    assert system != null;
    [ ],
}:

assert removeAttrs config [ "allowUnfreePredicate" ] == { } && overlays == [ ];

let
  library = import ./library.nix;
  inherit (library) callPackageWith;

  derive =
    arguments:
    derivation (
      {
        system = "x86_64-linux";
        builder = "/bin/false";
      }
      // arguments
    );

  # What no store path can be called is not nixpkgs' either, but a name may have an apostrophe.
  storeName = builtins.replaceStrings [ "'" ] [ "_" ];

  package =
    path: outputs:
    derive {
      name = storeName (builtins.concatStringsSep "-" path);
      outputs = if outputs == [ ] then [ "out" ] else outputs;
    }
    // {
      pname = builtins.elemAt path (builtins.length path - 1);
      version = "9999";
      inherit path;
    };

  attribute =
    path: node:
    let
      below = builtins.mapAttrs (name: attribute (path ++ [ name ])) (removeAttrs node [ "" ]);
    in
    (if node ? "" then package path node."" else { }) // below;

  known = attribute [ ] catalogue;

  lib = library.lib // {
    # Stricter than nixpkgs', which gives `out` for an output that is not there.
    getOutput =
      output: package:
      assert builtins.elem output package.outputs;
      package.${output};
    # The tests have no sources, so none is looked at.
    cleanSource =
      path:
      assert builtins.isPath path;
      path;
    fileset = {
      toSource =
        { root, fileset }:
        assert builtins.isPath root;
        root;
      unions =
        files:
        assert builtins.all builtins.isPath files;
        files;
    };
  };

  # Gives an interpreter what makes an environment of it and of members of its own package set.
  interpreter =
    name: set: function:
    known.${name}
    // {
      ${function} =
        choose:
        let
          modules = choose known.${set};
        in
        assert builtins.all (module: builtins.head module.path == set) modules;
        derive {
          name = "${name}-env";
          inherit modules;
        };
    };

  withModules = builtins.mapAttrs (name: set: interpreter name set "withPackages") {
    lua = "luaPackages";
    octave = "octavePackages";
    perl = "perlPackages";
    python3 = "python3Packages";
    python311 = "python3Packages";
    ruby = "rubyPackages";
  };

  # Whether the configuration lets the package be built, as `check-meta.nix` asks it.
  allowed =
    package:
    (builtins.all (license: license.free) (
      let
        license = package.meta.license or [ ];
      in
      if builtins.isList license then license else [ license ]
    ))
    || (config ? allowUnfreePredicate && config.allowUnfreePredicate package);

  metaOf =
    {
      description ? "",
      homepage ? "",
      license ? null,
      sourceProvenance ? [ ],
      mainProgram ? "",
      platforms,
    }@meta:
    assert builtins.all builtins.isString [
      description
      homepage
      mainProgram
    ];
    assert builtins.all builtins.isString platforms;
    assert builtins.all (it: it ? free) (
      if license == null then
        [ ]
      else if builtins.isList license then
        license
      else
        [ license ]
    );
    assert builtins.all (it: it ? isSource) sourceProvenance;
    meta;

  # What every builder has in common; `takes` are the arguments that it knows besides.
  builder =
    takes:
    let
      common = [
        "__structuredAttrs"
        "buildInputs"
        "doCheck"
        "env"
        "meta"
        "nativeBuildInputs"
        "nativeCheckInputs"
        "pname"
        "src"
        "strictDeps"
        "version"
      ];
    in
    arguments:
    let
      unknown = removeAttrs arguments (common ++ takes);
      inputs =
        (arguments.nativeBuildInputs or [ ])
        ++ (arguments.buildInputs or [ ])
        ++ (arguments.nativeCheckInputs or [ ]);
      made =
        derive (
          {
            name = "${arguments.pname}-${arguments.version}";
          }
          // removeAttrs arguments [
            "meta"
            "env"
            "src"
            "cargoLock"
          ]
          // (arguments.env or { })
        )
        // {
          inherit (arguments) pname version;
          meta = metaOf arguments.meta;
          nativeBuildInputs = arguments.nativeBuildInputs or [ ];
          buildInputs = arguments.buildInputs or [ ];
        };
    in
    assert unknown == { } || throw "no builder takes ${toString (builtins.attrNames unknown)}";
    assert arguments.strictDeps or false || arguments.pyproject or false;
    assert builtins.all (input: input.type or "" == "derivation") inputs;
    assert builtins.all builtins.isString (builtins.attrValues (arguments.env or { }));
    assert arguments ? src;
    if allowed made then made else throw "${arguments.pname} has an unfree license";

  # What keeps the hooks of tools from taking phases over.
  declined = [
    "dontUseCmakeConfigure"
    "dontUseMesonCheck"
    "dontUseMesonConfigure"
    "dontUseMesonInstall"
    "dontUseNinjaBuild"
    "dontUseNinjaCheck"
    "dontUseNinjaInstall"
  ];

  mkDerivation = builder (declined ++ [
    "appendRunpaths"
    "autoPatchelfIgnoreMissingDeps"
    "buildPhase"
    "cmakeFlags"
    "configureFlags"
    "dontBuild"
    "dontConfigure"
    "dontFixup"
    "dontPatchELF"
    "dontStrip"
    "dontUnpack"
    "dontWrapGApps"
    "enableParallelBuilding"
    "installPhase"
    "makeFlags"
    "mesonFlags"
    "ninjaFlags"
    "postFixup"
    "postInstall"
    "preFixup"
    "runtimeDependencies"
    "sourceRoot"
    "unpackCmd"
  ]);

  fhs =
    {
      pname,
      version,
      meta,
      targetPkgs,
      runScript,
      executableName ? pname,
      profile ? "",
    }:
    derive {
      name = "${pname}-${version}";
      inherit runScript profile;
      targets = targetPkgs all;
    }
    // {
      inherit pname meta;
    };

  appImage =
    {
      pname,
      version,
      src,
      extraPkgs ? _: [ ],
      meta,
    }:
    assert builtins.isPath src;
    derive {
      name = "${pname}-${version}";
      extra = extraPkgs all;
    }
    // {
      inherit pname;
      meta = metaOf meta;
    };

  # What Docker reads of an image's configuration, by the OCI's image specification.
  imageConfig =
    {
      Cmd,
      Env ? [ ],
      ExposedPorts ? { },
      User ? "",
    }@config:
    assert builtins.all builtins.isString (Cmd ++ Env ++ [ User ]);
    assert builtins.all (port: builtins.match "[0-9]+/(tcp|udp)" port != null) (
      builtins.attrNames ExposedPorts
    );
    config;

  image =
    {
      name,
      contents ? [ ],
      extraCommands ? "",
      fakeRootCommands ? "",
      config,
    }:
    derive {
      inherit
        name
        contents
        extraCommands
        fakeRootCommands
        ;
      config = builtins.toJSON (imageConfig config);
    };

  # Hooks and packages with no file that a listing would have; nixpkgs' manual has them.
  hooks = builtins.listToAttrs (
    map
      (name: {
        inherit name;
        value = package [ name ] [ ];
      })
      [
        "makeBinaryWrapper"
        "wrapGAppsHook3"
        "wrapGAppsHook4"
        "wrapGAppsNoGuiHook"
      ]
  );

  joined =
    {
      name,
      paths,
      nativeBuildInputs,
      libraryPath,
      postBuild,
    }@arguments:
    derive arguments;

  all =
    known
    // hooks
    // withModules
    // {
      pkgs = all;
      # The same for programs of 32 bits.
      pkgsi686Linux = all;
      inherit lib;
      callPackage = callPackageWith all;
      mkShell = library.mkShellWith derive;
      mkShellNoCC = library.mkShellWith derive;
      writeShellApplication = library.writeShellApplicationWith (
        name: text: derive { inherit name text; }
      );
      symlinkJoin = joined;
      stdenv = known.stdenv // {
        inherit mkDerivation;
        cc = known.stdenv.cc // {
          cc = package [ "gcc" ] [ "out" "lib" ];
          bintools.dynamicLinker = "${known.glibc}/lib/ld-linux-x86-64.so.2";
        };
      };
      stdenvNoCC = {
        inherit mkDerivation;
      };
      haskellPackages = known.haskellPackages // {
        inherit (interpreter "ghc" "haskellPackages" "ghcWithPackages") ghcWithPackages;
      };
      rWrapper.override =
        { packages }:
        derive {
          name = "R-env";
          inherit packages;
        };
      rustPlatform.buildRustPackage = builder [
        "cargoHash"
        "cargoLock"
      ];
      buildGoModule = builder [
        "subPackages"
        "vendorHash"
      ];
      buildNpmPackage = builder (declined ++ [
        "dontNpmBuild"
        "npmDepsHash"
      ]);
      python3Packages = known.python3Packages // {
        buildPythonApplication = builder (declined ++ [
          "build-system"
          "dependencies"
          "pyproject"
        ]);
      };
      buildFHSEnv = fhs;
      requireFile =
        {
          name,
          message,
          hash,
        }:
        assert builtins.all builtins.isString [
          message
          hash
        ];
        derive { inherit name; };
      appimageTools.wrapType2 = appImage;
      dockerTools = {
        streamLayeredImage = image;
        binSh = package [ "bin-sh" ] [ ];
        caCertificates = package [ "ca-certificates" ] [ ];
        fakeNss = package [ "fake-nss" ] [ ];
        usrBinEnv = package [ "usr-bin-env" ] [ ];
      };
      qt6 = known.qt6 // {
        wrapQtAppsHook = package [ "wrap-qt6-apps-hook" ] [ ];
      };
    };
in

all
