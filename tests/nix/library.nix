# What nixpkgs' lib, its `callPackage` and its plain builders do with what they are given, as far as
# files of nixtrace ask for it. A function takes the arguments that nixpkgs' takes and no others. The
# package sets of the tests differ in how a derivation is made of it.
let
  # As nixpkgs defines them in lib/attrsets.nix and lib/strings.nix.
  getOutput =
    output: package:
    if !(package ? outputSpecified) || !package.outputSpecified then
      package.${output} or package.out or package
    else
      package;
  getBin = getOutput "bin";
  makeSearchPathOutput =
    output: place: packages:
    builtins.concatStringsSep ":" (map (it: "${getOutput output it}/${place}") packages);

  quoted = text: "'${builtins.replaceStrings [ "'" ] [ "'\\''" ] text}'";
in
{
  lib = {
    inherit getBin getOutput;
    getDev = getOutput "dev";
    getLib = getOutput "lib";
    getExe =
      package: "${getBin package}/bin/${package.meta.mainProgram or package.pname or "no main program"}";
    makeBinPath = makeSearchPathOutput "bin" "bin";
    makeLibraryPath = makeSearchPathOutput "lib" "lib";
    makeSearchPath = makeSearchPathOutput "out";
    versionAtLeast = a: b: builtins.compareVersions a b >= 0;
    fakeHash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    licenses =
      builtins.listToAttrs (
        map
          (name: {
            inherit name;
            value.free = true;
          })
          [
            "agpl3Only"
            "agpl3Plus"
            "asl20"
            "boost"
            "bsd0"
            "bsd2"
            "bsd3"
            "cc0"
            "epl20"
            "gpl2Only"
            "gpl2Plus"
            "gpl3Only"
            "gpl3Plus"
            "isc"
            "lgpl21Only"
            "lgpl21Plus"
            "lgpl3Only"
            "lgpl3Plus"
            "mit"
            "mpl20"
            "unlicense"
            "zlib"
          ]
      )
      // {
        unfree.free = false;
      };
    sourceTypes.binaryNativeCode.isSource = false;
    platforms.linux = [
      "aarch64-linux"
      "x86_64-linux"
    ];
  };

  # As lib/customisation.nix has it: an argument that the set does not have is an error.
  callPackageWith =
    set: file: arguments:
    let
      function = if builtins.isFunction file then file else import file;
      given = builtins.intersectAttrs (builtins.functionArgs function) set;
    in
    function (given // arguments);

  # `derive` makes the derivation.
  mkShellWith =
    derive:
    {
      packages ? [ ],
      buildInputs ? [ ],
      inputsFrom ? [ ],
      env ? { },
    }:
    assert builtins.all builtins.isString (builtins.attrValues env);
    let
      from = name: builtins.concatMap (it: it.${name} or [ ]) inputsFrom;
    in
    derive (
      env
      // {
        name = "nix-shell";
        nativeBuildInputs = map (getOutput "dev") (packages ++ from "nativeBuildInputs");
        buildInputs = map (getOutput "dev") (buildInputs ++ from "buildInputs");
      }
    );

  # `script` makes a package with one program, from its name and what bash is to do.
  writeShellApplicationWith =
    script:
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
    let
      options = map (option: "set -o ${option}") bashOptions;
      variables = map (name: "export ${name}=${quoted runtimeEnv.${name}}") (
        builtins.attrNames runtimeEnv
      );
      path = ''export PATH="${makeSearchPathOutput "bin" "bin" runtimeInputs}"'';
    in
    script name (
      builtins.concatStringsSep "\n" (
        options
        ++ variables
        ++ [
          path
          text
        ]
      )
    )
    // {
      pname = name;
      meta.mainProgram = name;
    };
}
