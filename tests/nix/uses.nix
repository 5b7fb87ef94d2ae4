# What Nix, NixOS, flakes and Arion would ask of the files that are written into a directory, with
# the stand-in for nixpkgs.
{ directory }:

let
  import' = name: import (directory + "/${name}");
  config.allowUnfreePredicate = _: true;
  pkgs = import ./. {
    inherit config;
    overlays = [ ];
  };
  nixos = import ./nixos.nix { inherit pkgs; };

  # A flake's own inputs are all that it is given, and nixpkgs is the only one.
  nixpkgs = (import ./flake.nix).outputs { self = nixpkgs; } // {
    outPath = ./.;
  };
  flake = import' "flake.nix";
  outputs =
    assert builtins.attrNames flake.inputs == [ "nixpkgs" ];
    flake.outputs {
      inherit nixpkgs;
      self = outputs;
    };

  overlaid =
    let
      final =
        pkgs
        // (import' "overlay.nix" final pkgs)
        // {
          callPackage = (import ./library.nix).callPackageWith final;
        };
    in
    builtins.mapAttrs (name: _: final.${name}.drvPath) (import' "overlay.nix" pkgs pkgs);

  # Arion's options, as far as they are used.
  compose = import' "arion-compose.nix" { inherit pkgs; };
  strings =
    list:
    assert builtins.all builtins.isString list;
    list;
  arion = {
    image.command = strings;
    image.contents = packages: map (it: it.drvPath) packages;
    service.image =
      image:
      assert builtins.isString image;
      image;
    service.environment = variables: strings (builtins.attrValues variables);
    service.ports = strings;
    service.tmpfs = strings;
    service.volumes = strings;
    service.depends_on =
      names:
      assert builtins.all (name: compose.services ? ${name}) names;
      names;
  };
  checked =
    options:
    builtins.mapAttrs (
      name: value:
      let
        option = options.${name} or (throw "Arion has no option ${name}");
      in
      if builtins.isFunction option then option value else checked option value
    );

  module = import' "module.nix";
  on = {
    enable = true;
    openFirewall = true;
  };
in
{
  default = (import' "default.nix" { inherit pkgs; }).drvPath;
  shell = (import' "shell.nix" { inherit pkgs; }).drvPath;
  image = (import' "image.nix" { inherit pkgs; }).drvPath;
  flake = {
    package = outputs.packages.x86_64-linux.default.drvPath;
    shell = outputs.devShells.x86_64-linux.default.drvPath;
    formatter = outputs.formatter.x86_64-linux.drvPath;
    overlay = builtins.attrNames (outputs.overlays.default pkgs pkgs);
    module = nixos.evaluate outputs.nixosModules.default on;
    others = removeAttrs outputs [
      "devShells"
      "formatter"
      "nixosModules"
      "overlays"
      "packages"
    ];
  };
  overlay = overlaid;
  module = nixos.evaluate module on;
  disabled = nixos.evaluate module { };
  arion = {
    project =
      assert builtins.isString compose.project.name;
      compose.project.name;
    services = builtins.mapAttrs (_: checked arion) compose.services;
    others = removeAttrs compose [
      "project"
      "services"
    ];
  };
}
