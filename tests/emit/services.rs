//! module.nix, image.nix and arion-compose.nix: no more than the run used.

use crate::runs;
use crate::written::{options, write};

#[test]
fn a_service_gets_a_unit_with_no_more_than_it_used() {
    let mut files = write(&runs::service(), &options());
    insta::assert_snapshot!(files.remove("module.nix").unwrap(), @r##"
    # Written by nixtrace for: ./acmed --port 80
    {
      config,
      lib,
      pkgs,
      utils,
      ...
    }:

    let
      cfg = config.services.acmed;
    in
    {
      options.services.acmed = {
        enable = lib.mkEnableOption "acmed";

        package = lib.mkOption {
          type = lib.types.package;
          default = pkgs.callPackage ./package.nix { };
          defaultText = lib.literalExpression "pkgs.callPackage ./package.nix { }";
          description = "The package to run.";
        };

        arguments = lib.mkOption {
          type = lib.types.listOf lib.types.str;
          default = [
            "--port"
            "80"
          ];
          description = "Arguments of the program; those of the run that was watched are the default.";
        };

        openFirewall = lib.mkOption {
          type = lib.types.bool;
          default = false;
          description = "Whether to let others reach the ports that the program listens on.";
        };
      };

      config = lib.mkIf cfg.enable {
        systemd.services.acmed = {
          description = "acmed";
          wantedBy = [ "multi-user.target" ];
          after = [
            "network.target"
            "postgresql.service"
            "redis.service"
          ];
          wants = [
            "postgresql.service"
            "redis.service"
          ];
          # TODO nixtrace: it reads /etc/acmed/a.conf and 1 more; provide it by environment.etc
          serviceConfig = {
            ExecStart = utils.escapeSystemdExecArgs ([ (lib.getExe cfg.package) ] ++ cfg.arguments);
            DynamicUser = true;
            # it wrote to ~/project, /var/lib/acme data
            WorkingDirectory = "%S/acmed";
            CacheDirectory = "acmed";
            StateDirectory = "acmed";
            AmbientCapabilities = [ "CAP_NET_BIND_SERVICE" ];
            CapabilityBoundingSet = [ "CAP_NET_BIND_SERVICE" ];
            PrivateTmp = true;
            ProtectHome = true;
            ProtectSystem = "strict";
            NoNewPrivileges = true;
            RestrictAddressFamilies = [
              "AF_INET"
              "AF_INET6"
              "AF_UNIX"
            ];
          };
        };

        # PostgreSQL: connected to /run/postgresql/.s.PGSQL.5432
        services.postgresql.enable = lib.mkDefault true;

        # Redis: connected to port 6379 of 127.0.0.1
        services.redis.servers."".enable = lib.mkDefault true;

        networking.firewall = lib.mkIf cfg.openFirewall {
          allowedTCPPorts = [ 80 ];
        };
      };
    }
    "##);
}

#[test]
fn an_image_has_what_was_used_besides_the_program() {
    let mut files = write(&runs::service(), &options());
    insta::assert_snapshot!(files.remove("image.nix").unwrap(), @r##"
    # Written by nixtrace for: ./acmed --port 80
    {
      # The nixpkgs of your NIX_PATH; give nixtrace `--nixpkgs REVISION` to pin one.
      pkgs ? import <nixpkgs> {
        config.allowUnfreePredicate = pkg: pkg.pname or "" == "acmed";
        overlays = [ ];
      },
    }:

    let
      package = pkgs.callPackage ./package.nix { };
    in
    pkgs.dockerTools.streamLayeredImage {
      name = "acmed";

      contents = [ pkgs.dockerTools.fakeNss ];

      # it writes files for the moment
      extraCommands = "mkdir -m 1777 tmp";

      # it keeps files there
      fakeRootCommands = ''
        install -d -o 65534 -g 65534 var/cache/acmed
      '';

      # TODO nixtrace: it reads /etc/acmed/a.conf and 1 more; provide it by contents
      config = {
        Cmd = [
          (pkgs.lib.getExe package)
          "--port"
          "80"
        ];
        ExposedPorts = {
          "80/tcp" = { };
        };
        User = "65534:65534"; # nobody
      };
    }
    "##);
    insta::assert_snapshot!(files.remove("arion-compose.nix").unwrap(), @r##"
    # Written by nixtrace for: ./acmed --port 80
    { pkgs, ... }:

    let
      package = pkgs.callPackage ./package.nix { };
    in
    {
      project.name = "acmed";

      services.acmed = {
        # TODO nixtrace: it reads /etc/acmed/a.conf and 1 more; provide it by image.contents
        image.command = [
          (pkgs.lib.getExe package)
          "--port"
          "80"
        ];

        image.contents = [ pkgs.dockerTools.fakeNss ];

        # it keeps files there
        service.volumes = [ "/var/cache/acmed" ];

        # it writes files for the moment
        service.tmpfs = [ "/tmp" ];

        service.ports = [ "80:80/tcp" ];

        service.depends_on = [
          "postgresql"
          "redis"
        ];
      };

      services.postgresql.service.image = "docker.io/library/postgres";

      services.redis.service.image = "docker.io/library/redis";
    }
    "##);
}
