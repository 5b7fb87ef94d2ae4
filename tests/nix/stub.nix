# A stand-in for nixpkgs that knows a few attributes and no aliases: an attribute that is not listed
# here is an error, as it is in nixpkgs with `config.allowAliases = false`. Nothing is ever built.
{
  config,
  overlays,
}:

assert config == { } && overlays == [ ];

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
          modules = map (module: assert module.set == name; module) (choose set);
        };
    };

  modules =
    name: names:
    builtins.mapAttrs (_: module: module // { set = name; }) (packages [ "out" ] names);

  # As nixpkgs defines them in lib/attrsets.nix and lib/strings.nix.
  getOutput =
    output: pkg:
    if !(pkg ? outputSpecified) || !pkg.outputSpecified then pkg.${output} or pkg.out or pkg else pkg;

  mkShell =
    {
      packages ? [ ],
      buildInputs ? [ ],
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
        buildInputs = map (getOutput "dev") buildInputs;
      }
    );
in

packages [ "out" ] [
  "7zz"
  "bind"
  "coreutils"
  "expat"
  "git"
  "gnumake"
  "jq"
  "libxcrypt"
  "pkg-config"
  "tzdata"
]
// packages [ "bin" "dev" "out" ] [
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
    makeLibraryPath =
      libraries:
      builtins.concatStringsSep ":" (map (library: "${getOutput "lib" library}/lib") libraries);
  };

  stdenv.cc = {
    cc = package "gcc" [
      "out"
      "lib"
    ];
    bintools.dynamicLinker = "${package "glibc" [ "out" ]}/lib/ld-linux-x86-64.so.2";
  };

  python3 = interpreter "python3" (modules "python3" [
    "numpy"
    "requests"
  ]);
  python311 = interpreter "python311" (modules "python311" [ "numpy" ]);
  perl = interpreter "perl" (modules "perl" [ "JSONXS" ]);
  ruby = interpreter "ruby" (modules "ruby" [ "nokogiri" ]);

  inherit mkShell;
  mkShellNoCC = mkShell;
}
