# Written by nixtrace for: make
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
    pkgs.zlib # libz.so.1, linked into ./checksum
  ];
}
