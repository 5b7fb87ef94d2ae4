# Written by nixtrace for: ./report.sh
{
  # The nixpkgs of your NIX_PATH; give nixtrace `--nixpkgs REVISION` to pin one.
  pkgs ? import <nixpkgs> {
    config = { };
    overlays = [ ];
  },
}:

pkgs.mkShellNoCC {
  packages = [
    pkgs.jq # run by ./report.sh
    pkgs.sqlite # run by ./report.sh
  ];
}
