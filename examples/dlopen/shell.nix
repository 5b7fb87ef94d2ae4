# Written by nixtrace for: ./notes
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
      pkgs.sqlite # libsqlite3.so.0, opened at run time by ./notes
    ];
  };
}
