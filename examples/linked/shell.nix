# Written by nixtrace for: ./versions
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
      pkgs.curl # libcurl.so.4, needed by ./versions
      pkgs.openssl # libcrypto.so.3, needed by ./versions
      pkgs.zlib # libz.so.1, needed by ./versions
    ];
  };
}
