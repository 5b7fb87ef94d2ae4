# The stand-in as a flake, with as much as nixpkgs' own has of what flakes of nixtrace ask for.
{
  outputs =
    { self }:
    let
      genAttrs =
        names: f:
        builtins.listToAttrs (
          map (name: {
            inherit name;
            value = f name;
          }) names
        );
    in
    {
      lib = { inherit genAttrs; };
      legacyPackages = genAttrs [ "x86_64-linux" ] (
        system:
        import ./. {
          inherit system;
          config = { };
        }
      );
    };
}
